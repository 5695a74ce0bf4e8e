/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1: the parser, fed whole and byte by byte. */
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
	  .error = "not an HTTP/1 message" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 20\r\n",
	  .error = "malformed status line" },
	{ HTTP1_RESPONSE, .text = "\x15\x03\x03",
	  .error = "not an HTTP/1 message" },
	{ HTTP1_RESPONSE, .text = "HTTP/2.0 200 OK\r\n",
	  .error = "not an HTTP/1 message" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 2x0 OK\r\n",
	  .error = "malformed status" },
	{ HTTP1_RESPONSE, .text = "HTTP/1.1 099 OK\r\n",
	  .error = "malformed status" },
	{ HTTP1_RESPONSE, .text = "\r\nHTTP/1.1 200 OK\r\n",
	  .error = "not an HTTP/1 message" },
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

/* Found by fuzz_http1: their slices lay behind what had been copied. */
static void no_headers_of_a_head_that_is_too_large(void **state)
{
	static const char line[] = "HTTP/1.1 200 OK\r\n", field[] = "A: b\r\n";
	static char text[HTTP1_HEAD_MAX + 64];
	struct http1_parser p;
	size_t len = sizeof(line) - 1;

	(void)state;
	memcpy(text, line, len);
	for (int i = 0; i < 20; i++, len += sizeof(field) - 1)
		memcpy(text + len, field, sizeof(field) - 1);
	memset(text + len, 'x', sizeof(text) - len);
	http1_init(&p, HTTP1_RESPONSE);
	(void)http1_feed(&p, text, sizeof(text));
	assert_int_equal(p.state, HTTP1_ERROR);
	assert_string_equal(p.error, "head over 16 KiB");
	assert_null(http1_header(&p, "A", &len));
	http1_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_headers_of_a_head_that_is_too_large),
		cmocka_unit_test(test_messages_in_any_pieces),
		cmocka_unit_test(test_broken_messages_in_any_pieces),
		cmocka_unit_test(test_headers_and_request_line),
		cmocka_unit_test(test_pipelined_on_one_parser),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_closed_too_early),
		cmocka_unit_test(test_a_body_too_large_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
