/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd on our loop: its epoll descriptor is one of ours, its timeout
 * one of our timers.  With its own thread it drives itself.
 */
#include "chaos/base/httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"

enum {
	IDLE_TIMEOUT_S = 60,	/* of a connection without a request */
	RUNS_MAX = 16,		/* per turn of the loop */
};

/* Owned by the loop's thread, or (loop NULL) by the server's own. */
struct httpd {
	struct MHD_Daemon *daemon;
	struct loop *loop;
	struct loop_io io;
	struct loop_timer timer;
	size_t max_body;
	httpd_fn *fn;
	void *arg;
	bool again;	/* a connection was let go of: run once more */
};

/* One request; freed when it is over, however it ends. */
struct exchange {
	struct httpd *h;
	struct buf body;
	void (*upgraded)(void *arg, int fd);
	void *upgraded_arg;
};

const char *httpd_header(const struct httpd_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->impl, MHD_HEADER_KIND, name);
}

const char *httpd_query(const struct httpd_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->impl, MHD_GET_ARGUMENT_KIND,
					   name);
}

static void on_log(void *arg, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

static void on_log(void *arg, const char *fmt, va_list ap)
{
	char text[256];

	(void)arg;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("httpd: %s", text);
}

/*
 * A duplicate goes to the callee and microhttpd closes its own at once.  That
 * does not end the connection: 0.9.75 calls no shutdown(2) for one that was
 * upgraded, and it has taken the descriptor off its epoll before this.
 */
static void on_upgrade(void *cls, struct MHD_Connection *connection,
		       void *con_cls, const char *extra_in, size_t extra_size,
		       MHD_socket sock, struct MHD_UpgradeResponseHandle *urh)
{
	struct exchange *x = cls;
	int fd = -1;

	(void)connection;
	(void)con_cls;
	(void)extra_in;
	if (extra_size)
		log_warn("httpd: the peer sent before its upgrade was "
			 "answered: closed");
	else
		fd = fcntl(sock, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
	x->h->again = true;
	if (fd >= 0)
		x->upgraded(x->upgraded_arg, fd);
}

static struct MHD_Response *render(struct exchange *x,
				   const struct httpd_response *resp)
{
	struct MHD_Response *r;

	if (resp->status == 101 && resp->upgraded) {
		x->upgraded = resp->upgraded;
		x->upgraded_arg = resp->upgraded_arg;
		r = MHD_create_response_for_upgrade(on_upgrade, x);
		if (r)
			MHD_add_response_header(r, MHD_HTTP_HEADER_UPGRADE,
						resp->upgrade);
		return r;
	}
	r = MHD_create_response_from_buffer(resp->body.len, resp->body.data,
					    MHD_RESPMEM_MUST_COPY);
	if (r && resp->content_type)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
					resp->content_type);
	if (r && resp->header)
		MHD_add_response_header(r, resp->header, resp->header_value);
	return r;
}

static enum MHD_Result send_response(struct exchange *x,
				     struct MHD_Connection *connection,
				     const struct httpd_response *resp)
{
	struct MHD_Response *r = render(x, resp);
	enum MHD_Result ok;

	if (!r)
		return MHD_NO;
	ok = MHD_queue_response(connection, (unsigned)resp->status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result answer(struct exchange *x,
			      struct MHD_Connection *connection,
			      const char *method, const char *path)
{
	struct httpd_request req = {
		.method = method, .path = path,
		.body = x->body.data ? x->body.data : "",
		.body_len = x->body.len, .impl = connection,
	};
	struct httpd_response resp = {
		.status = 200, .content_type = "application/json",
	};
	enum MHD_Result ok;

	buf_init(&resp.body, 0);
	if (x->body.overflow) {
		resp.status = 413;
		buf_addf(&resp.body, "{\"error\":\"the body is over %zu "
			 "bytes\"}\n", x->h->max_body);
	} else {
		x->h->fn(x->h->arg, &req, &resp);
	}
	ok = send_response(x, connection, &resp);
	buf_done(&resp.body);
	return ok;
}

/* Called once with the head, with each part of the body, and at the end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *size, void **con_cls)
{
	struct httpd *h = cls;
	struct exchange *x = *con_cls;

	(void)version;
	if (!x) {
		x = mem_zalloc(sizeof(*x));
		x->h = h;
		buf_init(&x->body, h->max_body ? h->max_body : 1);
		*con_cls = x;
		return MHD_YES;
	}
	if (*size) {
		/* after an overflow the rest is read and dropped */
		if (!x->body.overflow)
			buf_add(&x->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return answer(x, connection, method, url);
}

static void on_completed(void *cls, struct MHD_Connection *connection,
			 void **con_cls, enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *con_cls;

	(void)cls;
	(void)connection;
	(void)why;
	*con_cls = NULL;
	if (!x)
		return;
	buf_done(&x->body);
	mem_free(x);
}

/*
 * Its epoll is edge-triggered within, so what it says about its timeout has to
 * be followed.  0.9.75 does not count there what an upgrade left to clean up.
 */
static void drive(struct httpd *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	for (int i = 0; i < RUNS_MAX; i++) {
		h->again = false;
		MHD_run(h->daemon);
		if (!h->again)
			break;
	}
	if (h->again)
		ms = 0;
	else if (MHD_get_timeout(h->daemon, &ms) != MHD_YES) {
		loop_timer_stop(h->loop, &h->timer);
		return;
	}
	loop_timer_at_mono(h->loop, &h->timer,
			   loop_mono_fresh(h->loop) + (nsec_t)ms * NSEC_MS);
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg)
{
	(void)loop;
	(void)io;
	(void)events;
	drive(arg);
}

static void on_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	drive(arg);
}

static int start(struct httpd *h, int listen_fd, struct err *err)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;

	if (!h->loop)
		flags |= MHD_USE_INTERNAL_POLLING_THREAD;
	errno = 0;
	h->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, on_request, h,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
		MHD_OPTION_END);
	if (!h->daemon)
		return errno ? err_errno(err, "cannot start the http server")
			     : err_set(err, -EIO,
				       "cannot start the http server");
	return 0;
}

static int attach(struct httpd *h, struct err *err)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return err_set(err, -ENOTSUP, "this libmicrohttpd has no "
			       "epoll");
	loop_io_init(&h->io, info->epoll_fd, "httpd", on_io, h);
	return loop_io_set(h->loop, &h->io, LOOP_IN, err);
}

int httpd_new(struct loop *loop, int listen_fd, size_t max_body, httpd_fn *fn,
	      void *arg, struct httpd **ret, struct err *err)
{
	struct httpd *h = mem_zalloc(sizeof(*h));
	int rc;

	h->loop = loop;
	h->max_body = max_body;
	h->fn = fn;
	h->arg = arg;
	h->io.fd = -1;
	loop_timer_init(&h->timer, "httpd", on_timer, h);
	rc = start(h, listen_fd, err);
	if (!rc && loop)
		rc = attach(h, err);
	if (rc) {
		httpd_free(h);
		return rc;
	}
	*ret = h;
	return 0;
}

void httpd_free(struct httpd *h)
{
	if (!h)
		return;
	if (h->loop) {
		loop_timer_stop(h->loop, &h->timer);
		if (h->io.fd >= 0)
			loop_io_set(h->loop, &h->io, 0, NULL);
	}
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	mem_free(h);
}
