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
static const char base64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

static void piece_copy(struct template *t, const struct template_piece *from)
{
	struct template_piece *p = piece_add(t);

	*p = *from;
	if (from->text)
		p->text = memcpy(mem_alloc(from->len + 1), from->text,
				 from->len + 1);
	if (from->inner) {
		p->inner = mem_zalloc(sizeof(*p->inner));
		template_append(p->inner, from->inner);
	}
}

void template_append(struct template *t, const struct template *more)
{
	for (size_t i = 0; i < more->n; i++) {
		const struct template_piece *p = &more->v[i];

		if (p->kind == TEMPLATE_TEXT)
			template_add(t, p->text, p->len);
		else
			piece_copy(t, p);
	}
}

void template_add_basic(struct template *t, struct template *inner)
{
	struct template_piece *p = piece_add(t);

	p->kind = TEMPLATE_BASIC;
	p->inner = mem_zalloc(sizeof(*p->inner));
	*p->inner = *inner;
	*inner = (struct template){ 0 };
}

uint64_t template_data(const struct template *t)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].kind == TEMPLATE_DATA)
			mask |= UINT64_C(1) << t->v[i].n;
		if (t->v[i].inner)
			mask |= template_data(t->v[i].inner);
	}
	return mask;
}

void template_done(struct template *t)
{
	for (size_t i = 0; i < t->n; i++) {
		mem_free(t->v[i].text);
		if (t->v[i].inner)
			template_done(t->v[i].inner);
		mem_free(t->v[i].inner);
	}
	mem_free(t->v);
	*t = (struct template){ 0 };
}

/* "rand.N": 1 to N; "rand.A..B". */
static int rand_parse(const char *name, struct template *t, struct err *err)
{
	const char *range = strstr(name, "..");
	AUTO_FREE char *lo = range ? mem_strndup(name + strlen("rand."),
						 (size_t)(range - name) -
							 strlen("rand."))
				   : NULL;
	int64_t from = 1, n;
	int rc = lo ? units_int(lo, &from, err) : 0;

	if (rc == 0)
		rc = units_int(range ? range + 2 : name + strlen("rand."), &n,
			       err);
	if (rc == 0 && n < from)
		rc = err_set(err, -EINVAL, range ? "B must be A at least"
						 : "N must be above 0");
	if (rc == 0 && (from < -INT64_C(1000000000000000) ||
			n > INT64_C(1000000000000000)))
		rc = err_set(err, -ERANGE, "that is too far from 0");
	if (rc < 0)
		return err_prefix(err, "'${%s}'", name);
	*piece_add(t) = (struct template_piece){
		.kind = TEMPLATE_RAND, .from = from,
		.n = (uint64_t)(n - from) + 1,
	};
	return 0;
}

/* "pick.a|b|c". */
static int pick_parse(const char *name, struct template *t, struct err *err)
{
	const char *list = name + strlen("pick.");
	struct template_piece *p;

	if (!*list)
		return err_set(err, -EINVAL, "'${%s}' has nothing to pick from "
			       "(such as '${pick.red|green}')", name);
	p = piece_add(t);
	p->kind = TEMPLATE_PICK;
	p->len = strlen(list);
	p->text = mem_strdup(list);
	p->n = 1;
	for (size_t i = 0; i < p->len; i++) {
		if (p->text[i] != '|')
			continue;
		p->text[i] = '\0';
		p->n++;
	}
	return 0;
}

/* "data.NAME.COLUMN". */
static int data_parse(const char *name, struct template *t,
		      const struct template_scope *scope, struct err *err)
{
	const char *of = name + strlen("data."), *dot = strchr(of, '.');
	size_t len = dot ? (size_t)(dot - of) : strlen(of), column;

	for (size_t i = 0; dot && scope && i < scope->n_data; i++) {
		const struct data *d = &scope->data[i];

		if (strlen(d->name) != len || memcmp(d->name, of, len) != 0)
			continue;
		column = rows_column(&d->rows, dot + 1);
		if (column == d->rows.n_columns)
			return err_set(err, -EINVAL, "'${%s}': [data %s] has "
				       "no column '%s' (its first is '%s')",
				       name, d->name, dot + 1,
				       column ? d->rows.columns[0] : "");
		*piece_add(t) = (struct template_piece){
			.kind = TEMPLATE_DATA, .n = i, .column = column,
		};
		return 0;
	}
	return err_set(err, -EINVAL, "'${%s}': there is no [data %.*s] (it is "
		       "'${data.NAME.COLUMN}')", name, (int)len, of);
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
		       "${user}, ${iteration}, ${uuid}, ${rand.N}, "
		       "${rand.A..B}, ${pick.a|b}, ${data.NAME.COLUMN}, and "
		       "what a step above has captured", name);
}

static int name_parse(const char *name, struct template *t,
		      const struct template_scope *scope, struct err *err)
{

	if (strncmp(name, "rand.", 5) == 0)
		return rand_parse(name, t, err);
	if (strncmp(name, "pick.", 5) == 0)
		return pick_parse(name, t, err);
	if (strncmp(name, "data.", 5) == 0)
		return data_parse(name, t, scope, err);
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
		t->v[i].encode = t->v[i].kind == TEMPLATE_CAPTURE ||
				 t->v[i].kind == TEMPLATE_PICK ||
				 t->v[i].kind == TEMPLATE_DATA;
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

static void add_rand(struct template_values *values,
		     const struct template_piece *p, struct buf *out)
{
	int64_t x = p->from + (int64_t)rng_below(values->rng, p->n);

	if (values->digest)
		template_mix(values->digest, (uint64_t)x);
	if (x < 0)
		buf_add(out, "-", 1);
	add_number(out, x < 0 ? -(uint64_t)x : (uint64_t)x);
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

static void add_value(struct template_values *values,
		      const struct template_piece *p, const char *s,
		      struct buf *out)
{
	if (!s)
		values->missing = true;
	else if (p->encode)
		add_encoded(s, out);
	else
		buf_adds(out, s);
}

static const char *captured_value(const struct template_values *values,
				  const struct template_piece *p)
{
	const struct captured *c = values->captured;

	return c && p->n < c->n ? c->v[p->n] : NULL;
}

static const char *picked(struct template_values *values,
			  const struct template_piece *p)
{
	uint64_t x = rng_below(values->rng, p->n);
	const char *s = p->text;

	if (values->digest)
		template_mix(values->digest, x);
	while (x-- > 0)
		s += strlen(s) + 1;
	return s;
}

static const char *data_value(const struct template_values *values,
			      const struct template_piece *p)
{
	if (!values->rows || values->rows[p->n] == DATA_NONE)
		return NULL;
	return rows_cell(&values->data[p->n].rows, values->rows[p->n],
			 p->column);
}

/* RFC 4648, of what inner gives. */
static void add_basic(const struct template *inner,
		      struct template_values *values, struct buf *out)
{
	struct buf text;

	buf_init(&text, 0);
	template_render(inner, values, &text);
	for (size_t i = 0; i < text.len; i += 3) {
		size_t left = text.len - i;
		const unsigned char *s = (unsigned char *)text.data + i;
		unsigned bits = (unsigned)s[0] << 16 |
				(left > 1 ? (unsigned)s[1] << 8 : 0) |
				(left > 2 ? s[2] : 0);
		char four[4] = { base64[bits >> 18], base64[bits >> 12 & 63],
				 left > 1 ? base64[bits >> 6 & 63] : '=',
				 left > 2 ? base64[bits & 63] : '=' };

		buf_add(out, four, sizeof(four));
	}
	buf_done(&text);
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
			add_rand(values, p, out);
			break;
		case TEMPLATE_CAPTURE:
			add_value(values, p, captured_value(values, p), out);
			break;
		case TEMPLATE_PICK:
			add_value(values, p, picked(values, p), out);
			break;
		case TEMPLATE_DATA:
			add_value(values, p, data_value(values, p), out);
			break;
		case TEMPLATE_BASIC:
			add_basic(p->inner, values, out);
			break;
		}
	}
}
