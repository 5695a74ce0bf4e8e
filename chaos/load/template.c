/* SPDX-License-Identifier: Apache-2.0 */
/* Text with values of a user in it. */
#include "chaos/load/template.h"

#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/base/units.h"

static const char *const names[] = { "user", "iteration", "uuid", "rand.N" };
static const enum template_kind kinds[] = {
	TEMPLATE_USER, TEMPLATE_ITERATION, TEMPLATE_UUID, TEMPLATE_RAND,
};
enum { N_NAMES = sizeof(names) / sizeof(*names) };

static struct template_piece *piece_add(struct template *t)
{
	t->v = mem_realloc(t->v, (t->n + 1) * sizeof(*t->v));
	t->v[t->n] = (struct template_piece){ 0 };
	return &t->v[t->n++];
}

void template_add(struct template *t, const char *text, size_t len)
{
	struct template_piece *p = t->n ? &t->v[t->n - 1] : NULL;

	if (len == 0)
		return;
	if (!p || p->kind != TEMPLATE_TEXT)
		p = piece_add(t);
	p->text = mem_realloc(p->text, p->len + len + 1);
	memcpy(p->text + p->len, text, len);
	p->len += len;
	p->text[p->len] = '\0';
}

void template_append(struct template *t, const struct template *more)
{
	for (size_t i = 0; i < more->n; i++) {
		const struct template_piece *p = &more->v[i];

		if (p->kind == TEMPLATE_TEXT)
			template_add(t, p->text, p->len);
		else
			*piece_add(t) = *p;	/* owns nothing */
	}
}

void template_done(struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		mem_free(t->v[i].text);
	mem_free(t->v);
	*t = (struct template){ 0 };
}

static int rand_parse(const char *name, struct template *t, struct err *err)
{
	int64_t n;
	int rc = units_int(name + strlen("rand."), &n, err);

	if (rc == 0 && n <= 0)
		rc = err_set(err, -EINVAL, "N must be above 0");
	if (rc < 0)
		return err_prefix(err, "'${%s}'", name);
	*piece_add(t) = (struct template_piece){ .kind = TEMPLATE_RAND,
						 .n = (uint64_t)n };
	return 0;
}

static bool capture_parsed(const char *name, struct template *t,
			   const struct template_scope *scope)
{
	for (size_t i = 0; scope && i < scope->n_captures; i++) {
		if (strcmp(name, scope->captures[i]) != 0)
			continue;
		*piece_add(t) = (struct template_piece){
			.kind = TEMPLATE_CAPTURE, .n = i,
		};
		return true;
	}
	return false;
}

static int name_unknown(const char *name, const struct template_scope *scope,
			struct err *err)
{
	size_t n = scope ? scope->n_captures : 0;
	const char **all = mem_calloc(n + N_NAMES, sizeof(*all)), *near;

	for (size_t i = 0; i < n + N_NAMES; i++)
		all[i] = i < N_NAMES ? names[i] : scope->captures[i - N_NAMES];
	near = opt_suggest(name, all, n + N_NAMES);
	mem_free(all);
	if (near)
		return err_set(err, -EINVAL,
			       "unknown value '${%s}' (did you mean '${%s}'?)",
			       name, near);
	return err_set(err, -EINVAL, "unknown value '${%s}': there are "
		       "${user}, ${iteration}, ${uuid}, ${rand.N}, and what a "
		       "step above has captured", name);
}

static int name_parse(const char *name, struct template *t,
		      const struct template_scope *scope, struct err *err)
{

	if (strncmp(name, "rand.", 5) == 0)
		return rand_parse(name, t, err);
	for (size_t i = 0; i < N_NAMES; i++) {
		if (strcmp(name, names[i]) == 0 && kinds[i] != TEMPLATE_RAND) {
			piece_add(t)->kind = kinds[i];
			return 0;
		}
	}
	if (capture_parsed(name, t, scope))
		return 0;
	return name_unknown(name, scope, err);
}

void template_encode(struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->v[i].encode = t->v[i].kind == TEMPLATE_CAPTURE;
}

int template_parse(struct template *t, const char *text,
		   const struct template_scope *scope, struct err *err)
{
	for (;;) {
		const char *open = strstr(text, "${"), *close;
		AUTO_FREE char *name = NULL;
		int rc;

		if (!open) {
			template_add(t, text, strlen(text));
			return 0;
		}
		template_add(t, text, (size_t)(open - text));
		close = strchr(open, '}');
		if (!close)
			return err_set(err, -EINVAL,
				       "'%s' has no closing brace", open);
		name = mem_strndup(open + 2, (size_t)(close - open - 2));
		rc = name_parse(name, t, scope, err);
		if (rc < 0)
			return rc;
		text = close + 1;
	}
}

bool template_is_static(const struct template *t)
{
	return t->n == 0 || (t->n == 1 && t->v[0].kind == TEMPLATE_TEXT);
}

void template_mix(uint64_t *digest, uint64_t value)
{
	uint64_t z = *digest ^ (value + UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	*digest = z ^ (z >> 32);
}

static uint64_t draw(struct template_values *values)
{
	uint64_t x = rng_next(values->rng);

	if (values->digest)
		template_mix(values->digest, x);
	return x;
}

/* RFC 9562, version 4. */
static void uuid_draw(struct template_values *values)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t bits[2];
	char *to = values->uuid;

	bits[0] = (draw(values) & ~UINT64_C(0xf000)) | 0x4000;
	bits[1] = (draw(values) & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
	for (int i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*to++ = '-';
		*to++ = hex[bits[i / 16] >> (60 - 4 * (i % 16)) & 15];
	}
	values->has_uuid = true;
}

static void add_number(struct buf *out, uint64_t v)
{
	char text[20];
	size_t i = sizeof(text);

	do
		text[--i] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(out, text + i, sizeof(text) - i);
}

static void add_rand(struct template_values *values, uint64_t n,
		     struct buf *out)
{
	uint64_t x = 1 + rng_below(values->rng, n);

	if (values->digest)
		template_mix(values->digest, x);
	add_number(out, x);
}

/* What RFC 3986 has no place for; a '%' is taken for an encoding's. */
static void add_encoded(const char *s, struct buf *out)
{
	static const char illegal[] = " \"<>\\^`{|}";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c <= ' ' || c >= 0x7f || strchr(illegal, c))
			buf_addf(out, "%%%02X", c);
		else
			buf_add(out, s, 1);
	}
}

static void add_captured(struct template_values *values,
			 const struct template_piece *p, struct buf *out)
{
	const struct captured *c = values->captured;
	const char *s = c && p->n < c->n ? c->v[p->n] : NULL;

	if (!s)
		values->missing = true;
	else if (p->encode)
		add_encoded(s, out);
	else
		buf_adds(out, s);
}

void template_render(const struct template *t, struct template_values *values,
		     struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct template_piece *p = &t->v[i];

		switch (p->kind) {
		case TEMPLATE_TEXT:
			buf_add(out, p->text, p->len);
			break;
		case TEMPLATE_USER:
			add_number(out, values->user);
			break;
		case TEMPLATE_ITERATION:
			add_number(out, values->iteration);
			break;
		case TEMPLATE_UUID:
			if (!values->has_uuid)
				uuid_draw(values);
			buf_add(out, values->uuid, sizeof(values->uuid));
			break;
		case TEMPLATE_RAND:
			add_rand(values, p->n, out);
			break;
		case TEMPLATE_CAPTURE:
			add_captured(values, p, out);
			break;
		}
	}
}
