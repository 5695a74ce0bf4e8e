// links: gd_base
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the HTTP/1.1 parser: messages one after the other on a
 * connection, and then its end.  What comes in pieces must be read as what
 * comes whole.  The first byte says what is read, the second seeds the pieces.
 */
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "tests/fuzz/fuzz.h"

enum { BODY_MAX = 64, MESSAGES_MAX = 16 };
enum { FUZZ_REQUEST = 1, FUZZ_HEAD = 2, FUZZ_BODY = 4 };

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

struct reader {
	struct http1_parser p;
	struct buf body;
	unsigned seed;		/* of the pieces' sizes; 0: all at once */
	const char *at;
	size_t left;
};

static void reader_init(struct reader *r, uint8_t what, unsigned seed,
			const char *data, size_t len)
{
	http1_init(&r->p, what & FUZZ_REQUEST ? HTTP1_REQUEST : HTTP1_RESPONSE);
	r->p.head_request = what & FUZZ_HEAD;
	buf_init(&r->body, BODY_MAX);
	if (what & FUZZ_BODY)
		r->p.body = &r->body;
	r->seed = seed;
	r->at = data;
	r->left = len;
}

static void reader_done(struct reader *r)
{
	http1_done(&r->p);
	buf_done(&r->body);
}

static size_t piece(struct reader *r)
{
	size_t n;

	if (!r->seed)
		return r->left;
	r->seed = r->seed * 1103515245 + 12345;
	n = 1 + (r->seed >> 16) % (r->seed & 64 ? 3 : 200);
	return n < r->left ? n : r->left;
}

static void slice_sane(const struct http1_parser *p, struct http1_slice s)
{
	CHECK((size_t)s.off + s.len <= p->head.len);
}

static void sane(const struct http1_parser *p)
{
	CHECK(p->head.len <= HTTP1_HEAD_MAX);
	CHECK(p->n_headers <= HTTP1_HEADERS_MAX);
	for (uint32_t i = 0; i < p->n_headers; i++) {
		slice_sane(p, p->headers[i].name);
		slice_sane(p, p->headers[i].value);
	}
	if (p->state == HTTP1_ERROR) {
		CHECK(p->error);
		return;
	}
	if (p->kind == HTTP1_REQUEST) {
		slice_sane(p, p->method);
		slice_sane(p, p->target);
	} else if (p->state != HTTP1_HEAD) {
		CHECK(p->status >= 100 && p->status <= 999);
	}
	if (p->state == HTTP1_DONE && p->content_length >= 0 && p->body_seen)
		CHECK(p->body_seen == (uint64_t)p->content_length);
}

/* One message, or what is there of it. */
static void read_one(struct reader *r)
{
	struct http1_parser *p = &r->p;

	while (r->left && p->state != HTTP1_DONE && p->state != HTTP1_ERROR) {
		size_t n = piece(r);
		size_t used = http1_feed(p, r->at, n);

		sane(p);
		CHECK(used <= n);
		CHECK(used == n || p->state == HTTP1_DONE ||
		      p->state == HTTP1_ERROR);
		r->at += used;
		r->left -= used;
	}
	if (!r->left)
		http1_eof(p);
	sane(p);
	CHECK(r->left || p->state == HTTP1_DONE || p->state == HTTP1_ERROR);
}

static void same_head(const struct http1_parser *a,
		      const struct http1_parser *b)
{
	CHECK(a->n_headers == b->n_headers);
	for (uint32_t i = 0; i < a->n_headers; i++) {
		struct http1_field f = a->headers[i], g = b->headers[i];

		CHECK(f.name.len == g.name.len && f.value.len == g.value.len);
		CHECK(!memcmp(a->head.data + f.name.off,
			      b->head.data + g.name.off, f.name.len));
		CHECK(!memcmp(a->head.data + f.value.off,
			      b->head.data + g.value.off, f.value.len));
	}
}

static void same(const struct reader *r, const struct reader *s)
{
	const struct http1_parser *a = &r->p, *b = &s->p;

	CHECK(a->state == b->state);
	if (a->state == HTTP1_ERROR) {
		CHECK(!strcmp(a->error, b->error));
		return;
	}
	CHECK(r->left == s->left);
	CHECK(a->status == b->status && a->keep_alive == b->keep_alive);
	CHECK(a->chunked == b->chunked && a->to_close == b->to_close);
	CHECK(a->content_length == b->content_length);
	CHECK(a->body_seen == b->body_seen);
	CHECK(r->body.len == s->body.len);
	CHECK(r->body.overflow == s->body.overflow);
	CHECK(!r->body.len || !memcmp(r->body.data, s->body.data, r->body.len));
	same_head(a, b);
}

static void next(struct reader *r)
{
	bool head = r->p.head_request;

	http1_next(&r->p);
	r->p.head_request = head;
	buf_reset(&r->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader whole, cut;
	char *copy;

	if (size < 2)
		return 0;
	/* A copy of just this size, so that a byte too far is seen */
	copy = mem_alloc(size > 2 ? size - 2 : 1);
	memcpy(copy, data + 2, size - 2);
	reader_init(&whole, data[0], 0, copy, size - 2);
	reader_init(&cut, data[0], 1u + data[1], copy, size - 2);
	for (int i = 0; i < MESSAGES_MAX; i++) {
		read_one(&whole);
		read_one(&cut);
		same(&whole, &cut);
		if (whole.p.state == HTTP1_ERROR || !whole.left)
			break;
		next(&whole);
		next(&cut);
	}
	reader_done(&whole);
	reader_done(&cut);
	mem_free(copy);
	return 0;
}
