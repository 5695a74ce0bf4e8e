// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of what looks at answers: the first line is a check, the second
 * a capture, the third a JSON Pointer, the rest a body that they look at.  A
 * condition and its 'not' never agree.
 */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/capture.h"
#include "chaos/load/check.h"
#include "tests/fuzz/fuzz.h"

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

/* A line of the input, as text; *p behind it. */
static char *line_take(const uint8_t **p, const uint8_t *end)
{
	size_t left = (size_t)(end - *p);
	const uint8_t *eol = left ? memchr(*p, '\n', left) : NULL;
	size_t len = eol ? (size_t)(eol - *p) : left;
	char *s = mem_alloc(len + 1);

	if (len)
		memcpy(s, *p, len);
	s[len] = '\0';
	*p += len + (eol != NULL);
	return s;
}

static void check_try(const char *text, const struct answer *a)
{
	struct check c = { 0 };
	struct seen seen;
	struct err err;
	char *name = NULL;

	if (check_parse(text, &c, &name, &err) == 0) {
		bool holds;

		CHECK(name && *name);
		seen_init(&seen, a, 5 * NSEC_MS);
		holds = cond_holds(&c.cond, &seen);
		c.cond.negated = !c.cond.negated;
		CHECK(cond_holds(&c.cond, &seen) != holds);
		seen_done(&seen);
	} else {
		CHECK(err.msg[0]);
	}
	mem_free(name);
	check_done(&c);
}

static void capture_try(const char *text, const struct answer *a)
{
	struct captured captured = { 0 };
	struct capture c = { 0 };
	struct seen seen;
	struct err err;
	char *name = NULL;

	if (capture_parse(text, &c, &name, &err) == 0) {
		seen_init(&seen, a, 5 * NSEC_MS);
		if (capture_take(&c, &seen, &captured, 1))
			CHECK(strlen(captured.v[0]) <= CAPTURE_MAX);
		else
			CHECK(!captured.v || !captured.v[0]);
		seen_done(&seen);
	}
	mem_free(name);
	capture_done(&c);
	captured_done(&captured);
}

static void pointer_try(const char *text, const char *body, size_t len)
{
	struct pointer p = { 0 };
	struct err err;

	if (pointer_parse(text, &p, &err) == 0) {
		json_t *root = json_loadb(body, len, JSON_DECODE_ANY, NULL);
		const json_t *at = root ? pointer_at(&p, root) : NULL;

		CHECK(p.n > 0 || at == root);
		json_decref(root);
	}
	pointer_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http1_field fields[] = {
		{ .name = { 0, 6 }, .value = { 8, 3 } },
	};
	const uint8_t *p = data, *end = data + size;
	AUTO_FREE char *check = line_take(&p, end);
	AUTO_FREE char *capture = line_take(&p, end);
	AUTO_FREE char *pointer = line_take(&p, end);
	size_t len = (size_t)(end - p);
	AUTO_FREE char *body = mem_alloc(len + 1);
	struct answer a = {
		.status = 200, .head = "X-Test: abc\r\n", .fields = fields,
		.n_fields = 1, .body = body, .body_len = len,
		.body_seen = len,
	};

	if (len)
		memcpy(body, p, len);
	body[len] = '\0';
	check_try(check, &a);
	capture_try(capture, &a);
	pointer_try(pointer, body, len);
	return 0;
}
