/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single HTTP/1.1 calls, a connection each: on a loop, or blocking.  No
 * redirects, no TLS.  The blocking one allocates nothing, for it is how the
 * guardian reverts.
 */
#include "chaos/base/http1.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"

enum {
	CALL_BODY_MAX = 16 << 20,
	CALL_READ = 16384,
	CALL_READS_MAX = 16,	/* per callback: others want the loop too */
};

/* Owned by the loop's thread. */
struct http1_call {
	struct loop *loop;
	struct loop_io io;
	struct loop_timer timer;
	struct http1_parser parser;
	struct buf request, body;
	size_t sent;		/* bytes of request; all: only reading */
	bool connecting;
	bool in_done;		/* done() runs; a cancel then does nothing */
	nsec_t started;		/* mono ns */
	nsec_t timeout;		/* real ns */
	http1_done_fn *done;
	void *arg;
	char to[ADDR_TEXT];
	char why[256];
};

static void call_free(struct http1_call *call)
{
	http1_done(&call->parser);
	buf_done(&call->request);
	buf_done(&call->body);
	mem_free(call);
}

/* rst: the peer may still be working for us, and shall know. */
static void call_close(struct http1_call *call, bool rst)
{
	loop_timer_stop(call->loop, &call->timer);
	loop_io_set(call->loop, &call->io, 0, NULL);
	if (rst)
		addr_close_rst(call->io.fd);
	else
		close(call->io.fd);
	call->io.fd = -1;
}

static void call_finish(struct http1_call *call, int error, const char *why)
{
	struct http1_reply reply = {
		.error = error,
		.why = why,
		.status = error ? 0 : call->parser.status,
		.body = call->body.data ? call->body.data : "",
		.body_len = call->body.len,
		.took = loop_mono_fresh(call->loop) - call->started,
	};

	call_close(call, error != 0);
	call->in_done = true;
	call->done(call->arg, &reply);
	call_free(call);
}

static void call_fail(struct http1_call *call, int error, const char *what)
{
	snprintf(call->why, sizeof(call->why), "%s %s: %s", what, call->to,
		 strerror(-error));
	call_finish(call, error, call->why);
}

static void on_timeout(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct http1_call *call = arg;
	char span[UNITS_TEXT];

	(void)loop;
	(void)timer;
	snprintf(call->why, sizeof(call->why), "%s %s within %s",
		 call->connecting ? "no connection to" : "no answer from",
		 call->to, units_fmt_duration(span, call->timeout));
	call_finish(call, -ETIMEDOUT, call->why);
}

static void call_send(struct http1_call *call)
{
	ssize_t n;

	while (call->sent < call->request.len) {
		n = send(call->io.fd, call->request.data + call->sent,
			 call->request.len - call->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* It may have answered before it closed: read. */
			call->sent = call->request.len;
			break;
		}
		call->sent += (size_t)n;
	}
	loop_io_set(call->loop, &call->io, LOOP_IN, NULL);
}

/* False: the call has ended. */
static bool call_parsed(struct http1_call *call)
{
	struct http1_parser *p = &call->parser;

	if (call->body.overflow) {
		call_finish(call, -EMSGSIZE, "the body is over 16 MiB");
		return false;
	}
	if (p->state == HTTP1_ERROR) {
		snprintf(call->why, sizeof(call->why), "answer of %s: %s",
			 call->to, p->error);
		call_finish(call, -EBADMSG, call->why);
		return false;
	}
	if (p->state == HTTP1_DONE) {
		call_finish(call, 0, NULL);
		return false;
	}
	return true;
}

static void call_receive(struct http1_call *call)
{
	char data[CALL_READ];
	ssize_t n;

	for (int i = 0; i < CALL_READS_MAX; i++) {
		n = recv(call->io.fd, data, sizeof(data), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			call_fail(call, -errno, "no answer from");
			return;
		}
		if (n)
			http1_feed(&call->parser, data, (size_t)n);
		else
			http1_eof(&call->parser);
		if (!call_parsed(call))
			return;
	}
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg)
{
	struct http1_call *call = arg;
	int rc;

	(void)loop;
	(void)io;
	if (call->connecting) {
		rc = addr_connected(call->io.fd);
		if (rc) {
			call_fail(call, rc, "no connection to");
			return;
		}
		call->connecting = false;
		loop_io_set(call->loop, &call->io, LOOP_IN | LOOP_OUT, NULL);
	}
	if (call->sent < call->request.len)
		call_send(call);
	if (events & (LOOP_IN | LOOP_HUP))
		call_receive(call);
}

/* Nothing that could end a line early, and no space. */
static bool is_word(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 127)
			return false;
	return true;
}

static int args_check(const struct http1_args *args, struct err *err)
{
	const char *headers = args->headers ? args->headers : "";
	size_t len = strlen(headers);

	if (!is_word(args->method) || !is_word(args->path) ||
	    !is_word(args->host))
		return err_set(err, -EINVAL, "malformed method, path or host "
			       "in '%s %s' to '%s'", args->method, args->path,
			       args->host);
	if (len && (len < 2 || strcmp(headers + len - 2, "\r\n") ||
		    strstr(headers, "\r\n\r\n")))
		return err_set(err, -EINVAL, "headers are lines that end with "
			       "CR LF");
	if (args->allow)
		return allow_connect(args->allow, &args->to, err);
	return 0;
}

/* Methods whose missing body is said to be empty. */
static bool takes_body(const char *method)
{
	return !strcmp(method, "POST") || !strcmp(method, "PUT") ||
	       !strcmp(method, "PATCH");
}

static void request_render(const struct http1_args *args, struct buf *out)
{
	const char *headers = args->headers ? args->headers : "";

	buf_addf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", args->method,
		 args->path, args->host, headers);
	if (!strcasestr(headers, "Connection:"))
		buf_adds(out, "Connection: close\r\n");
	if (args->body || takes_body(args->method))
		buf_addf(out, "Content-Length: %zu\r\n",
			 args->body ? args->body_len : 0);
	buf_adds(out, "\r\n");
	if (args->body)
		buf_add(out, args->body, args->body_len);
}

static struct http1_call *call_new(struct loop *loop,
				   const struct http1_args *args, int fd)
{
	struct http1_call *call = mem_zalloc(sizeof(*call));

	call->loop = loop;
	call->done = args->done;
	call->arg = args->arg;
	call->timeout = args->timeout_real;
	addr_fmt(&args->to, call->to);
	buf_init(&call->request, 0);
	request_render(args, &call->request);
	buf_init(&call->body, CALL_BODY_MAX);
	http1_init(&call->parser, HTTP1_RESPONSE);
	call->parser.body = &call->body;
	call->parser.head_request = !strcmp(args->method, "HEAD");
	loop_io_init(&call->io, fd, "http call", on_io, call);
	loop_timer_init(&call->timer, "http call timeout", on_timeout, call);
	return call;
}

int http1_call_start(struct loop *loop, const struct http1_args *args,
		     struct http1_call **ret, struct err *err)
{
	nsec_t started = loop_mono_fresh(loop);
	struct http1_call *call;
	int fd = -1, rc, connecting;

	rc = args_check(args, err);
	if (rc)
		return rc;
	connecting = addr_connect(&args->to, &fd, err);
	if (connecting && connecting != -EINPROGRESS)
		return connecting;
	call = call_new(loop, args, fd);
	call->started = started;
	call->connecting = connecting != 0;
	rc = call->request.overflow
		     ? err_set(err, -EMSGSIZE, "the request is too large")
		     : loop_io_set(loop, &call->io, LOOP_OUT, err);
	if (rc) {
		close(fd);
		call_free(call);
		return rc;
	}
	loop_timer_at_mono(loop, &call->timer, started + call->timeout);
	if (ret)
		*ret = call;
	return 0;
}

void http1_call_cancel(struct http1_call *call)
{
	if (!call || call->in_done)
		return;
	call_close(call, true);
	call_free(call);
}

/* 0, or -ETIMEDOUT at the deadline (mono ns). */
static int wait_for(int fd, short events, nsec_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	nsec_t left;
	int rc;

	for (;;) {
		left = deadline - clock_mono();
		if (left <= 0)
			return -ETIMEDOUT;
		if (left > NSEC_MIN)
			left = NSEC_MIN;	/* in ms it is to fit an int */
		rc = poll(&pfd, 1, (int)((left + NSEC_MS - 1) / NSEC_MS));
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return -errno;
	}
}

static int wait_connected(const struct addr *to, nsec_t deadline, int *fd)
{
	int rc = addr_connect(to, fd, NULL);

	if (rc != -EINPROGRESS)
		return rc;
	rc = wait_for(*fd, POLLOUT, deadline);
	return rc ? rc : addr_connected(*fd);
}

static int wait_sent(int fd, const char *data, size_t len, nsec_t deadline)
{
	ssize_t n;
	int rc;

	while (len) {
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			rc = wait_for(fd, POLLOUT, deadline);
			if (rc)
				return rc;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)	/* an answer may lie there: read it */
			return errno == EPIPE || errno == ECONNRESET ? 0
								     : -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int wait_answer(int fd, struct http1_parser *p, nsec_t deadline)
{
	char data[4096];
	ssize_t n;
	int rc;

	while (p->state == HTTP1_HEAD || p->state == HTTP1_BODY) {
		rc = wait_for(fd, POLLIN, deadline);
		if (rc)
			return rc;
		n = recv(fd, data, sizeof(data), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -errno;
		if (n)
			http1_feed(p, data, (size_t)n);
		else
			http1_eof(p);
	}
	return p->state == HTTP1_DONE ? p->status : -EBADMSG;
}

int http1_call_wait(const struct addr *to, const char *request, size_t len,
		    nsec_t timeout_real, char *body, size_t cap,
		    struct err *err)
{
	nsec_t deadline = clock_mono() + timeout_real;
	char head[HTTP1_HEAD_MAX + 1], text[ADDR_TEXT];
	struct buf cut = { .data = body, .cap = cap, .max = cap - 1 };
	struct http1_parser p;
	AUTO_CLOSE int fd = -1;
	int rc;

	/* The buffers are as large as their maximum, so none ever grows. */
	http1_init(&p, HTTP1_RESPONSE);
	p.head = (struct buf){ .data = head, .cap = sizeof(head),
			       .max = HTTP1_HEAD_MAX };
	p.head_request = len > 5 && !memcmp(request, "HEAD ", 5);
	if (cap)
		body[0] = '\0';
	if (cap > 1)
		p.body = &cut;
	rc = wait_connected(to, deadline, &fd);
	if (rc)
		return err_set(err, rc, "no connection to %s: %s",
			       addr_fmt(to, text), strerror(-rc));
	rc = wait_sent(fd, request, len, deadline);
	if (!rc)
		rc = wait_answer(fd, &p, deadline);
	if (rc < 0)
		return err_set(err, rc, "no answer from %s: %s",
			       addr_fmt(to, text),
			       p.error ? p.error : strerror(-rc));
	return rc;
}
