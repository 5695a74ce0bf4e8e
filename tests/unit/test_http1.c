/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1: the parser fed whole and byte by byte, URLs, the two clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/base/rng.h"

struct message {
	enum http1_kind kind;
	bool head_request;
	const char *text;
	size_t rest;		/* bytes behind the message */
	const char *error;	/* NULL: it parses */
	int status;
	bool keep_alive;
	const char *body;
	bool eof;		/* only complete once the peer has closed */
};

static const struct message messages[] = {
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	  "\r\nhello", .status = 200, .keep_alive = true, .body = "hello" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\ncontent-length:5\t \r\n"
	  "\r\nhelloHTTP/1.1 200", .rest = 12, .status = 200,
	  .keep_alive = true, .body = "hello" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200\nContent-Length: 2\n\nhi",
	  .status = 200, .keep_alive = true, .body = "hi" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 204 No Content\r\n\r\nHTTP",
	  .rest = 4, .status = 204, .keep_alive = true, .body = "" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 304 Not Modified\r\n"
	  "Content-Length: 99\r\n\r\n", .status = 304, .keep_alive = true,
	  .body = "" },
	{ HTTP1_RESPONSE, .head_request = true, .text = "HTTP/1.1 200 OK\r\n"
	  "Content-Length: 99\r\n\r\n", .status = 200, .keep_alive = true,
	  .body = "" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"
	  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	  "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n!",
	  .status = 201, .keep_alive = true, .body = "!" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 101 Switching Protocols\r\n"
	  "Upgrade: lease\r\n\r\nraw", .rest = 3, .status = 101,
	  .keep_alive = true, .body = "" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n\r\nto the end",
	  .status = 200, .body = "to the end", .eof = true },
	{ HTTP1_RESPONSE, .text = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n"
	  "\r\nhi", .status = 200, .body = "hi" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n"
	  "Connection: foo, Keep-Alive\r\n\r\nhi", .status = 200,
	  .keep_alive = true, .body = "hi" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	  "Connection: CLOSE\r\n\r\nhi", .status = 200, .body = "hi" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	  "Content-Length: 2\r\n\r\nhi", .status = 200, .keep_alive = true,
	  .body = "hi" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n"
	  "5\r\nhello\r\nA;ext=\"x\"\r\n, wonderful\r\n0\r\n"
	  "X-Sum: 1\r\nY: 2\r\n\r\nHTTP", .rest = 0,
	  .error = "a chunk longer than its size" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n"
	  "5\r\nhello\r\nb ;ext=\"x\"\r\n, wonderful\r\n000\r\n"
	  "X-Sum: 1\r\nY: 2\r\n\r\nHTTP", .rest = 4, .status = 200,
	  .keep_alive = true, .body = "hello, wonderful" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n"
	  "1\r\nx\r\n0\r\n\r\n", .status = 200, .body = "x" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: gzip\r\n\r\nzz", .status = 200, .body = "zz",
	  .eof = true },
	{ HTTP1_REQUEST, .text = "\r\nGET /a?b HTTP/1.1\r\nHost: h\r\n\r\nG",
	  .rest = 1, .keep_alive = true, .body = "" },
	{ HTTP1_REQUEST, .text = "POST / HTTP/1.1\r\nHost: h\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	  .keep_alive = true, .body = "abc" },

	{ HTTP1_RESPONSE, .text = "HTTP/2 200 OK\r\n",
	  .error = "malformed status line" },
	{ HTTP1_RESPONSE, .text = "HTTP/2.0 200 OK\r\n",
	  .error = "not an HTTP/1 message" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 2x0 OK\r\n",
	  .error = "malformed status" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 099 OK\r\n",
	  .error = "malformed status" },
	{ HTTP1_RESPONSE, .text = "\r\nHTTP/1.1 200 OK\r\n",
	  .error = "malformed status line" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n",
	  .error = "folded header line" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nA : b\r\n",
	  .error = "malformed header name" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n: b\r\n",
	  .error = "malformed header name" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nno colon\r\n",
	  .error = "malformed header name" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nA: b\rc\r\n",
	  .error = "a control character in the head" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	  "Content-Length: 3\r\n", .error = "two Content-Lengths that differ" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
	  .error = "malformed Content-Length" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\nContent-Length:\r\n",
	  .error = "malformed Content-Length" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Content-Length: 9223372036854775808\r\n",
	  .error = "malformed Content-Length" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
	  .error = "a coding after chunked" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
	  .error = "malformed chunk size" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n\r\n",
	  .error = "malformed chunk size" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n3\nabc",
	  .error = "malformed chunk size" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 200 OK\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n1111111111111111\r\n",
	  .error = "chunk too large" },
	{ HTTP1_REQUEST, .text = "GET /a b HTTP/1.1\r\n",
	  .error = "malformed request target" },
	{ HTTP1_REQUEST, .text = "GET HTTP/1.1\r\n",
	  .error = "malformed request line" },
	{ HTTP1_REQUEST, .text = "G(T / HTTP/1.1\r\n",
	  .error = "malformed method" },
	{ HTTP1_REQUEST, .text = "POST / HTTP/1.1\r\nContent-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  .error = "Content-Length beside Transfer-Encoding" },
	{ HTTP1_REQUEST, .text = "POST / HTTP/1.1\r\n"
	  "Transfer-Encoding: gzip\r\n\r\n",
	  .error = "Transfer-Encoding without chunked at the end" },
	{ HTTP1_REQUEST, .text = "POST / HTTP/1.0\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  .error = "Transfer-Encoding without chunked at the end" },
};

/* In steps of at most step bytes; returns how many were used. */
static size_t feed_in(struct http1_parser *p, const char *text, size_t len,
		      size_t step)
{
	size_t at = 0, n;

	while (at < len && p->state != HTTP1_DONE && p->state != HTTP1_ERROR) {
		n = len - at < step ? len - at : step;
		at += http1_feed(p, text + at, n);
	}
	return at;
}

static void check_message(const struct message *m, size_t step)
{
	size_t len = strlen(m->text), used;
	struct http1_parser p;
	struct buf body;

	http1_init(&p, m->kind);
	buf_init(&body, 4096);
	p.body = &body;
	p.head_request = m->head_request;
	used = feed_in(&p, m->text, len, step);
	if (m->error) {
		if (p.state != HTTP1_ERROR || strcmp(p.error, m->error))
			fail_msg("'%s': %s", m->text,
				 p.error ? p.error : "no error");
	} else {
		if (m->eof) {
			assert_int_equal(p.state, HTTP1_BODY);
			assert_true(p.to_close);
			http1_eof(&p);
		}
		if (p.state != HTTP1_DONE)
			fail_msg("'%s' in %zu: state %d, %s", m->text, step,
				 p.state, p.error ? p.error : "-");
		assert_int_equal(used, len - m->rest);
		assert_int_equal(p.status, m->status);
		assert_int_equal(p.keep_alive, m->keep_alive);
		assert_string_equal(body.data ? body.data : "", m->body);
		assert_int_equal(p.body_seen, strlen(m->body));
	}
	buf_done(&body);
	http1_done(&p);
}

static void test_messages_in_any_pieces(void **state)
{
	(void)state;
	static const size_t steps[] = { 1 << 20, 1, 2, 3, 7, 16 };

	for (size_t s = 0; s < sizeof(steps) / sizeof(*steps); s++)
		for (size_t i = 0; i < sizeof(messages) / sizeof(*messages);
		     i++)
			check_message(&messages[i], steps[s]);
}

struct result {
	size_t used;
	enum http1_state state;
	const char *error;
	uint64_t body_seen;
	uint32_t n_headers;
};

static struct result parse_in(enum http1_kind kind, const char *text,
			      size_t len, size_t step)
{
	struct http1_parser p;
	struct result r;

	http1_init(&p, kind);
	r.used = feed_in(&p, text, len, step);
	r.state = p.state;
	r.error = p.error;
	r.body_seen = p.body_seen;
	r.n_headers = p.n_headers;
	http1_done(&p);
	return r;
}

/* However broken it is, the pieces in which it comes change nothing. */
static void test_broken_messages_in_any_pieces(void **state)
{
	(void)state;
	static const char bytes[] = "\r\n\0 :;,0f\xff";
	struct result whole, pieces;
	struct rng rng;
	char text[256];
	size_t len;

	rng_init(&rng, 20250912, 1);
	for (int i = 0; i < 20000; i++) {
		const struct message *m = &messages[rng_below(
			&rng, sizeof(messages) / sizeof(*messages))];

		len = strlen(m->text);
		assert_true(len < sizeof(text));
		memcpy(text, m->text, len);
		for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
			text[rng_below(&rng, len)] =
				bytes[rng_below(&rng, sizeof(bytes) - 1)];
		whole = parse_in(m->kind, text, len, len);
		pieces = parse_in(m->kind, text, len, 1 + rng_below(&rng, 9));
		assert_int_equal(pieces.state, whole.state);
		assert_ptr_equal(pieces.error, whole.error);
		assert_int_equal(pieces.body_seen, whole.body_seen);
		assert_int_equal(pieces.n_headers, whole.n_headers);
		if (whole.state != HTTP1_ERROR)
			assert_int_equal(pieces.used, whole.used);
	}
}

static void check_header(const struct http1_parser *p, const char *name,
			 const char *want)
{
	size_t len = 0;
	const char *value = http1_header(p, name, &len);

	assert_non_null(value);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(value, want, len);
}

static void test_headers_and_request_line(void **state)
{
	(void)state;
	static const char text[] = "PUT /x?y=1 HTTP/1.1\r\nHost: a\r\n"
		"X-Empty:\r\nX-Long: \t two words \t\r\nhost: b\r\n\r\n";
	struct http1_parser p;
	size_t len;

	for (size_t step = 1; step < sizeof(text); step += 5) {
		http1_init(&p, HTTP1_REQUEST);
		feed_in(&p, text, sizeof(text) - 1, step);
		assert_int_equal(p.state, HTTP1_DONE);
		assert_int_equal(p.n_headers, 4);
		assert_memory_equal(p.head.data + p.method.off, "PUT", 3);
		assert_int_equal(p.method.len, 3);
		assert_memory_equal(p.head.data + p.target.off, "/x?y=1", 6);
		assert_int_equal(p.target.len, 6);
		check_header(&p, "HOST", "a");
		check_header(&p, "x-empty", "");
		check_header(&p, "X-Long", "two words");
		assert_null(http1_header(&p, "X-Lon", &len));
		http1_done(&p);
	}
}

static void test_pipelined_on_one_parser(void **state)
{
	(void)state;
	static const char one[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
				  "X-N: 1\r\n\r\nabc";
	struct http1_parser p;
	struct buf in;
	size_t at = 0;
	int n = 0;

	buf_init(&in, 0);
	for (int i = 0; i < 50; i++)
		buf_adds(&in, one);
	http1_init(&p, HTTP1_RESPONSE);
	while (at < in.len) {
		at += http1_feed(&p, in.data + at, in.len - at);
		assert_int_equal(p.state, HTTP1_DONE);
		assert_int_equal(p.body_seen, 3);
		check_header(&p, "X-N", "1");
		/* DONE takes nothing more */
		assert_int_equal(http1_feed(&p, "x", 1), 0);
		http1_next(&p);
		n++;
	}
	assert_int_equal(n, 50);
	http1_done(&p);
	buf_done(&in);
}

static const char *error_of_many(const char *start, const char *line, int n)
{
	static const char *error;
	struct http1_parser p;
	struct buf in;

	buf_init(&in, 0);
	buf_adds(&in, start);
	while (n-- > 0)
		buf_adds(&in, line);
	http1_init(&p, HTTP1_RESPONSE);
	feed_in(&p, in.data, in.len, 1000);
	assert_true(p.head.len <= HTTP1_HEAD_MAX);
	error = p.state == HTTP1_ERROR ? p.error : "none";
	http1_done(&p);
	buf_done(&in);
	return error;
}

static void test_limits(void **state)
{
	(void)state;
	static const char ok[] = "HTTP/1.1 200 OK\r\n";
	static const char chunked[] = "HTTP/1.1 200 OK\r\n"
		"Transfer-Encoding: chunked\r\n\r\n";
	char trailers[128];

	snprintf(trailers, sizeof(trailers), "%s0\r\n", chunked);
	assert_string_equal(error_of_many(ok, "A: b\r\n", 64), "none");
	assert_string_equal(error_of_many(ok, "A: b\r\n", 65),
			    "too many headers");
	assert_string_equal(error_of_many(ok, "aaaaaaaaaaaaaaaa", 1100),
			    "head over 16 KiB");
	assert_string_equal(error_of_many(trailers, "A: b\r\n", 4000),
			    "trailers over 16 KiB");
	snprintf(trailers, sizeof(trailers), "%s1;", chunked);
	assert_string_equal(error_of_many(trailers, "aaaaaaaaaaaaaaaa", 300),
			    "chunk extension over 4 KiB");
}

static void check_eof(const char *text, const char *want)
{
	struct http1_parser p;

	http1_init(&p, HTTP1_RESPONSE);
	http1_feed(&p, text, strlen(text));
	http1_eof(&p);
	assert_int_equal(p.state, HTTP1_ERROR);
	assert_string_equal(p.error, want);
	/* an error stays */
	assert_int_equal(http1_feed(&p, "HTTP/1.1", 8), 0);
	http1_done(&p);
}

static void test_closed_too_early(void **state)
{
	(void)state;
	check_eof("", "closed before the first byte");
	check_eof("HTTP/1.1 200", "closed within the head");
	check_eof("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
		  "closed within the body");
	check_eof("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "0\r\n", "closed within the body");
}

static void test_a_body_too_large_is_cut(void **state)
{
	(void)state;
	struct http1_parser p;
	struct buf body;

	buf_init(&body, 4);
	http1_init(&p, HTTP1_RESPONSE);
	p.body = &body;
	feed_in(&p, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefgh", 46,
		3);
	assert_int_equal(p.state, HTTP1_DONE);
	assert_int_equal(p.body_seen, 8);
	assert_true(body.overflow);
	assert_string_equal(body.data, "abcd");
	http1_done(&p);
	buf_done(&body);
}

static void test_urls(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host, *path;
		int port;
		bool tls;
	} rows[] = {
		{ "http://127.0.0.1:8080/a/b?c=d", "127.0.0.1", "/a/b?c=d",
		  8080, false },
		{ "http://shop", "shop", "/", 80, false },
		{ "https://shop/x#frag", "shop", "/x", 443, true },
		{ "http://shop?x=1", "shop", "/?x=1", 80, false },
		{ "http://[::1]:9/", "::1", "/", 9, false },
		{ "http://[::1]", "::1", "/", 80, false },
		{ "unix:/run/a.sock:/proxies/db", "/run/a.sock",
		  "/proxies/db", 0, false },
		{ "unix:/run/a.sock", "/run/a.sock", "/", 0, false },
	};
	static const char *const bad[] = {
		"", "ftp://x/", "http://", "http:///x", "http://a:0/",
		"http://a:65536/", "http://a:/", "http://a:8x/",
		"http://u:p@a/", "http://a/b c", "http://a/\r\nX: y",
		"http://[::1/", "http://[::1]x/", "unix:rel.sock",
	};
	struct http1_url url;
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (http1_url_parse(rows[i].text, &url, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(url.host, rows[i].host);
		assert_string_equal(url.path, rows[i].path);
		assert_int_equal(url.port, rows[i].port);
		assert_int_equal(url.tls, rows[i].tls);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (http1_url_parse(bad[i], &url, &err) != -EINVAL)
			fail_msg("taken: '%s'", bad[i]);
}

/* A server of one connection: reads a request, sends pieces, closes. */
struct server {
	struct addr addr;
	int listen_fd;
	const char *const *pieces;	/* NULL-terminated; "" waits for EOF */
	pthread_t thread;
	struct buf got;
	int connects;
};

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 10000) == 1;
}

static void server_read(struct server *s, int fd, bool to_eof)
{
	char data[4096];
	ssize_t n = 1;

	while (n > 0 && readable(fd)) {
		n = recv(fd, data, sizeof(data), 0);
		if (n > 0)
			buf_add(&s->got, data, (size_t)n);
		if (!to_eof && s->got.data && strstr(s->got.data, "\r\n\r\n"))
			return;
	}
}

static void *server_run(void *arg)
{
	struct server *s = arg;
	int fd;

	if (!readable(s->listen_fd))
		return NULL;
	fd = accept(s->listen_fd, NULL, NULL);
	if (fd < 0)
		return NULL;
	s->connects++;
	server_read(s, fd, false);
	for (const char *const *p = s->pieces; *p; p++) {
		if (!**p)
			server_read(s, fd, true);
		else if (send(fd, *p, strlen(*p), MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void server_start(struct server *s, const char *const *pieces)
{
	struct err err = { 0 };

	*s = (struct server){ .pieces = pieces };
	buf_init(&s->got, 0);
	assert_int_equal(addr_parse("127.0.0.1:0", &s->addr, &err), 0);
	assert_int_equal(addr_listen(&s->addr, 8, &s->listen_fd, &err), 0);
	assert_int_equal(addr_local(s->listen_fd, &s->addr), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listen_fd);
	buf_done(&s->got);
}

struct outcome {
	int calls, error, status;
	char why[256], body[256];
	nsec_t took;
	struct http1_call *call;	/* cancelled in done, if set */
};

static void on_done(void *arg, const struct http1_reply *reply)
{
	struct outcome *o = arg;

	o->calls++;
	o->error = reply->error;
	o->status = reply->status;
	o->took = reply->took;
	snprintf(o->why, sizeof(o->why), "%s", reply->why ? reply->why : "");
	snprintf(o->body, sizeof(o->body), "%s", reply->body);
	http1_call_cancel(o->call);
}

static struct http1_args args_to(const struct addr *to, struct outcome *o)
{
	return (struct http1_args){
		.to = *to, .method = "GET", .path = "/x", .host = "h:1",
		.timeout_real = 10 * NSEC_SEC, .done = on_done, .arg = o,
	};
}

static void run_call(const struct http1_args *args, struct outcome *o)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;
	struct loop *loop = NULL;
	struct err err = { 0 };

	assert_int_equal(loop_new(LOOP_EPOLL, &loop, &err), 0);
	if (http1_call_start(loop, args, &o->call, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(o->calls, 0);
	while (!o->calls && clock_mono() < deadline)
		loop_turn(loop, 100 * NSEC_MS);
	/* nothing of it is left on the loop: a short timeout passes */
	deadline = clock_mono() + args->timeout_real + 20 * NSEC_MS;
	while (args->timeout_real <= NSEC_SEC && clock_mono() < deadline)
		loop_turn(loop, 20 * NSEC_MS);
	assert_int_equal(o->calls, 1);
	loop_free(loop);
}

static void test_call_on_a_loop(void **state)
{
	(void)state;
	static const char *const pieces[] = {
		"HTTP/1.1 201 Cre", "ated\r\nTransfer-Encoding: chunked\r\n",
		"\r\n3\r\nabc\r\n", "0\r\n\r\n", NULL
	};
	struct server s;
	struct outcome o = { 0 };
	struct http1_args args;

	server_start(&s, pieces);
	args = args_to(&s.addr, &o);
	args.method = "POST";
	args.headers = "X-A: 1\r\n";
	args.body = "{}";
	args.body_len = 2;
	run_call(&args, &o);
	assert_int_equal(o.error, 0);
	assert_int_equal(o.status, 201);
	assert_string_equal(o.body, "abc");
	assert_true(o.took > 0 && o.took < 10 * NSEC_SEC);
	pthread_join(s.thread, NULL);
	assert_string_equal(s.got.data, "POST /x HTTP/1.1\r\nHost: h:1\r\n"
			    "X-A: 1\r\nConnection: close\r\n"
			    "Content-Length: 2\r\n\r\n{}");
	close(s.listen_fd);
	buf_done(&s.got);
}

static void test_call_says_what_failed(void **state)
{
	(void)state;
	static const char *const broken[] = { "HTTP/1.1 2x0\r\n", NULL };
	static const char *const none[] = { NULL };
	static const char *const silent[] = { "", NULL };
	struct outcome o = { 0 };
	struct http1_args args;
	struct server s;

	server_start(&s, broken);
	args = args_to(&s.addr, &o);
	args.timeout_real = 500 * NSEC_MS;
	run_call(&args, &o);
	server_stop(&s);
	assert_int_equal(o.error, -EBADMSG);
	assert_non_null(strstr(o.why, "malformed status"));

	o = (struct outcome){ 0 };
	server_start(&s, none);
	args = args_to(&s.addr, &o);
	run_call(&args, &o);
	server_stop(&s);
	assert_int_equal(o.error, -EBADMSG);
	assert_non_null(strstr(o.why, "closed before the first byte"));

	o = (struct outcome){ 0 };
	server_start(&s, silent);
	args = args_to(&s.addr, &o);
	args.timeout_real = 50 * NSEC_MS;
	run_call(&args, &o);
	server_stop(&s);
	assert_int_equal(o.error, -ETIMEDOUT);
	assert_non_null(strstr(o.why, "no answer from 127.0.0.1:"));
	assert_non_null(strstr(o.why, "within 50ms"));
	assert_int_equal(o.status, 0);

	/* nobody listens there any more */
	o = (struct outcome){ 0 };
	args = args_to(&s.addr, &o);
	run_call(&args, &o);
	assert_int_equal(o.error, -ECONNREFUSED);
	assert_non_null(strstr(o.why, "no connection to 127.0.0.1:"));
}

static void test_call_refuses_what_it_must(void **state)
{
	(void)state;
	struct allow *allow = allow_new();
	struct outcome o = { 0 };
	struct http1_args args, bad;
	struct loop *loop = NULL;
	struct err err = { 0 };
	struct addr to;
	int fd = -1;

	assert_int_equal(addr_parse("127.0.0.1:0", &to, &err), 0);
	assert_int_equal(addr_listen(&to, 1, &fd, &err), 0);
	assert_int_equal(addr_local(fd, &to), 0);
	assert_int_equal(loop_new(LOOP_EPOLL, &loop, &err), 0);
	args = args_to(&to, &o);
	bad = args;
	bad.path = "/x HTTP/1.1\r\nX: y";
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EINVAL);
	bad = args;
	bad.host = "";
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EINVAL);
	bad = args;
	bad.headers = "X: y";
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EINVAL);
	bad = args;
	bad.allow = allow;
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EPERM);
	assert_int_equal(o.calls, 0);
	/* not one of them came as far as connect() */
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(allow_add(allow, ALLOW_HOST, "127.0.0.1", &err), 0);
	assert_int_equal(http1_call_start(loop, &bad, &o.call, &err), 0);
	http1_call_cancel(o.call);
	loop_turn(loop, 0);
	assert_int_equal(o.calls, 0);
	close(fd);
	loop_free(loop);
	allow_free(allow);
}

static int wait_for_answer(const char *const *pieces, const char *request,
			   nsec_t timeout, char *body, size_t cap,
			   struct err *err)
{
	struct server s;
	int rc;

	server_start(&s, pieces);
	rc = http1_call_wait(&s.addr, request, strlen(request), timeout, body,
			     cap, err);
	server_stop(&s);
	return rc;
}

static void test_blocking_call(void **state)
{
	(void)state;
	static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char *const chunked[] = {
		"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n",
		"4\r\nabcd\r\n0\r\n\r\n", "", NULL
	};
	static const char *const to_close[] = {
		"HTTP/1.1 200 OK\r\n\r\n", "abcdefgh", NULL
	};
	static const char *const head[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", NULL
	};
	static const char *const silent[] = { "", NULL };
	struct err err = { 0 };
	char body[6], one[1];

	assert_int_equal(wait_for_answer(chunked, get, 10 * NSEC_SEC, body,
					 sizeof(body), &err), 404);
	assert_string_equal(body, "abcd");
	assert_int_equal(wait_for_answer(to_close, get, 10 * NSEC_SEC, body,
					 sizeof(body), &err), 200);
	assert_string_equal(body, "abcde");
	assert_int_equal(wait_for_answer(to_close, get, 10 * NSEC_SEC, one, 1,
					 &err), 200);
	assert_int_equal(one[0], '\0');
	assert_int_equal(wait_for_answer(to_close, get, 10 * NSEC_SEC, NULL, 0,
					 &err), 200);
	assert_int_equal(wait_for_answer(head, "HEAD / HTTP/1.1\r\n\r\n",
					 10 * NSEC_SEC, body, sizeof(body),
					 &err), 200);
	assert_int_equal(wait_for_answer(silent, get, 30 * NSEC_MS, body,
					 sizeof(body), &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "no answer from 127.0.0.1:"));
}

static _Noreturn void on_oom(size_t size)
{
	(void)size;
	static const char text[] = "http1_call_wait allocated\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

/* In a process of its own, so that its allocations are not counted. */
static pid_t fork_server(int listen_fd, const char *answer)
{
	char data[256];
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	if (!readable(listen_fd))
		_exit(1);
	fd = accept(listen_fd, NULL, NULL);
	if (fd < 0 || !readable(fd) || recv(fd, data, sizeof(data), 0) <= 0)
		_exit(1);
	_exit(send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0);
}

static void test_blocking_call_allocates_nothing(void **state)
{
	(void)state;
	static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	struct err err = { 0 };
	struct addr to;
	char body[4];
	int fd = -1, status = -1;
	pid_t pid;

	assert_int_equal(addr_parse("127.0.0.1:0", &to, &err), 0);
	assert_int_equal(addr_listen(&to, 1, &fd, &err), 0);
	assert_int_equal(addr_local(fd, &to), 0);
	pid = fork_server(fd, "HTTP/1.1 200 OK\r\nA: b\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n"
			  "8\r\nabcdefgh\r\n0\r\n\r\n");
	assert_true(pid > 0);
	mem_set_oom(on_oom);
	mem_fail_at(1);
	status = http1_call_wait(&to, get, strlen(get), 10 * NSEC_SEC, body,
				 sizeof(body), &err);
	mem_fail_at(0);
	mem_set_oom(NULL);
	assert_int_equal(status, 200);
	assert_string_equal(body, "abc");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_in_any_pieces),
		cmocka_unit_test(test_broken_messages_in_any_pieces),
		cmocka_unit_test(test_headers_and_request_line),
		cmocka_unit_test(test_pipelined_on_one_parser),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_closed_too_early),
		cmocka_unit_test(test_a_body_too_large_is_cut),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_call_on_a_loop),
		cmocka_unit_test(test_call_says_what_failed),
		cmocka_unit_test(test_call_refuses_what_it_must),
		cmocka_unit_test(test_blocking_call),
		cmocka_unit_test(test_blocking_call_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
