// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of cookies: each line is a Set-Cookie of one of two sites, or is
 * asked for at one.  What is sent is one well-formed header line, and none of
 * it goes to a host that no cookie was for.
 */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/cookie.h"
#include "tests/fuzz/fuzz.h"

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

static struct cookie_site sites[] = {
	{ .host = "shop.example.com", .path = "/a/b?q", .secure = true },
	{ .host = "example.com", .path = "/", .secure = false },
	{ .host = "127.0.0.1", .path = "/a", .secure = false },
};
static const struct cookie_site other = { .host = "example.org", .path = "/a" };

static void sane(const struct cookies *c)
{
	CHECK(c->n <= COOKIES_MAX);
	for (size_t i = 0; i < c->n; i++) {
		CHECK(c->v[i].name && c->v[i].value && c->v[i].domain);
		CHECK(c->v[i].path[0] == '/');
		CHECK(strlen(c->v[i].name) + strlen(c->v[i].value) <=
		      COOKIE_MAX);
	}
}

static void ask(const struct cookies *c, const struct cookie_site *to)
{
	struct buf out;

	buf_init(&out, 0);
	cookies_add(c, to, &out);
	if (out.len) {
		CHECK(out.len > 10 && !memcmp(out.data, "Cookie: ", 8));
		CHECK(!memcmp(out.data + out.len - 2, "\r\n", 2));
		CHECK(!memchr(out.data, '\r', out.len - 2));
		CHECK(!memchr(out.data, '\n', out.len - 2));
		CHECK(!memchr(out.data, '\0', out.len));
		CHECK(to != &other);
	}
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct cookies c = { 0 };
	nsec_t now = 0;

	while (data < end) {
		const uint8_t *eol =
			memchr(data, '\n', (size_t)(end - data));
		size_t len = (size_t)((eol ? eol : end) - data);
		struct cookie_site *site = &sites[len ? data[0] % 3 : 0];
		/* A copy of just this size, so that a byte too far is seen */
		char *copy = mem_alloc(len > 1 ? len - 1 : 1);

		memcpy(copy, data + 1, len ? len - 1 : 0);
		site->now = now += NSEC_SEC;
		site->real = 1750000000 + now / NSEC_SEC;
		cookies_set(&c, copy, len ? len - 1 : 0, site);
		mem_free(copy);
		sane(&c);
		ask(&c, site);
		ask(&c, &other);
		data += len + (eol != NULL);
	}
	cookies_forget(&c);
	return 0;
}
