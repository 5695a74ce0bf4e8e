/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: setting a field by its key, and guessing what was meant. */
#include "chaos/base/opt.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/buf.h"
#include "chaos/base/expr.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"

/* What is to be set, as the setters see it. */
struct setting {
	const struct opt *o;
	const char *key;	/* as written; at a prefix row all of it */
	const char *text;
	int line;
	void *field;
};

static size_t prefix_len(const struct opt *o)	/* 0: no prefix row */
{
	size_t len = strlen(o->name);

	return len > 0 && o->name[len - 1] == '*' ? len - 1 : 0;
}

/* Setters: one per type. */

static void strs_add(struct opt_strs *strs, char *owned, int line)
{
	strs->v = mem_realloc(strs->v, (strs->n + 1) * sizeof(*strs->v));
	strs->lines = mem_realloc(strs->lines,
				  (strs->n + 1) * sizeof(*strs->lines));
	strs->v[strs->n] = owned;
	strs->lines[strs->n++] = line;
}

static void strs_done(struct opt_strs *strs)
{
	for (size_t i = 0; i < strs->n; i++)
		mem_free(strs->v[i]);
	mem_free(strs->v);
	mem_free(strs->lines);
	*strs = (struct opt_strs){ 0 };
}

static void strs_drop_default(struct opt_strs *strs, int line)
{
	if (line > 0 && strs->n > 0 && strs->lines[0] == 0)
		strs_done(strs);
}

static char *trimmed(const char *s, size_t len)
{
	while (len > 0 && isspace((unsigned char)*s)) {
		s++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)s[len - 1]))
		len--;
	return len ? mem_strndup(s, len) : NULL;
}

static int set_str(const struct setting *s, struct err *err)
{
	char **field = s->field;

	(void)err;
	mem_free(*field);
	*field = mem_strdup(s->text);
	return 0;
}

static int set_lines(const struct setting *s, struct err *err)
{
	size_t skip = prefix_len(s->o);

	(void)err;
	strs_drop_default(s->field, s->line);
	strs_add(s->field,
		 skip ? mem_printf("%s=%s", s->key + skip, s->text)
		      : mem_strdup(s->text),
		 s->line);
	return 0;
}

static int set_strs(const struct setting *s, struct err *err)
{
	const char *p = s->text;

	if (prefix_len(s->o))
		return set_lines(s, err);
	strs_drop_default(s->field, s->line);
	for (;;) {
		size_t len = strcspn(p, ",");
		char *part = trimmed(p, len);

		if (part)
			strs_add(s->field, part, s->line);
		if (!p[len])
			return 0;
		p += len + 1;
	}
}

static int set_int(const struct setting *s, struct err *err)
{
	return units_int(s->text, s->field, err);
}

static int set_double(const struct setting *s, struct err *err)
{
	return units_double(s->text, s->field, err);
}

static int set_bool(const struct setting *s, struct err *err)
{
	return units_bool(s->text, s->field, err);
}

static int set_duration(const struct setting *s, struct err *err)
{
	return units_duration(s->text, s->field, err);
}

static int set_rate(const struct setting *s, struct err *err)
{
	return units_rate(s->text, s->field, err);
}

static int set_size(const struct setting *s, struct err *err)
{
	return units_size(s->text, s->field, err);
}

static int set_share(const struct setting *s, struct err *err)
{
	return units_share(s->text, s->field, err);
}

static int set_clock(const struct setting *s, struct err *err)
{
	return units_clock(s->text, s->field, err);
}

static int bad_choice(const struct setting *s, size_t n, struct err *err)
{
	const char *const *choices = s->o->choices;
	const char *near = opt_suggest(s->text, choices, n);
	struct buf all;
	int rc;

	buf_init(&all, 300);
	for (size_t i = 0; i < n; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", choices[i]);
	if (near)
		rc = err_set(err, -EINVAL,
			     "'%s' is none of %s (did you mean '%s'?)",
			     s->text, all.data, near);
	else
		rc = err_set(err, -EINVAL, "'%s' is none of %s", s->text,
			     all.data);
	buf_done(&all);
	return rc;
}

static int set_enum(const struct setting *s, struct err *err)
{
	size_t n = 0;

	for (; s->o->choices[n]; n++) {
		if (strcmp(s->text, s->o->choices[n]) == 0) {
			*(int *)s->field = (int)n;
			return 0;
		}
	}
	return bad_choice(s, n, err);
}

static int set_expr(const struct setting *s, struct err *err)
{
	struct expr *e, **field = s->field;
	int rc = expr_parse(s->text, &e, err);

	if (rc < 0)
		return rc;
	expr_free(*field);
	*field = e;
	return 0;
}

static int set_parse(const struct setting *s, struct err *err)
{
	return s->o->parse(s->text, s->field, err);
}

/* What the rows own: one per type that owns something. */

static void done_str(const struct opt *o, void *field)
{
	(void)o;
	mem_free(*(char **)field);
	*(char **)field = NULL;
}

static void done_strs(const struct opt *o, void *field)
{
	(void)o;
	strs_done(field);
}

static void done_expr(const struct opt *o, void *field)
{
	(void)o;
	expr_free(*(struct expr **)field);
	*(struct expr **)field = NULL;
}

static void done_parse(const struct opt *o, void *field)
{
	if (o->done)
		o->done(field);
}

static const struct {
	const char *name;	/* for the reference */
	int (*set)(const struct setting *s, struct err *err);
	void (*done)(const struct opt *o, void *field);
} types[] = {
	[OPT_STR] = { "text", set_str, done_str },
	[OPT_STRS] = { "list", set_strs, done_strs },
	[OPT_LINES] = { "lines", set_lines, done_strs },
	[OPT_INT] = { "integer", set_int, NULL },
	[OPT_DOUBLE] = { "number", set_double, NULL },
	[OPT_BOOL] = { "yes/no", set_bool, NULL },
	[OPT_DURATION] = { "duration", set_duration, NULL },
	[OPT_RATE] = { "rate", set_rate, NULL },
	[OPT_SIZE] = { "size", set_size, NULL },
	[OPT_SHARE] = { "share", set_share, NULL },
	[OPT_CLOCK] = { "clock time", set_clock, NULL },
	[OPT_ENUM] = { "choice", set_enum, NULL },
	[OPT_EXPR] = { "condition", set_expr, done_expr },
	[OPT_PARSE] = { "text", set_parse, done_parse },
};

const char *opt_type_name(enum opt_type type)
{
	return types[type].name;
}

/* Setting. */

/* The number in the field, for the flags; 1 if it holds none. */
static double field_number(enum opt_type type, const void *field)
{
	switch (type) {
	case OPT_INT:
	case OPT_DURATION:
	case OPT_CLOCK:
		return (double)*(const int64_t *)field;
	case OPT_SIZE:
		return (double)*(const uint64_t *)field;
	case OPT_DOUBLE:
	case OPT_RATE:
	case OPT_SHARE:
		return *(const double *)field;
	case OPT_STR:
	case OPT_STRS:
	case OPT_LINES:
	case OPT_BOOL:
	case OPT_ENUM:
	case OPT_EXPR:
	case OPT_PARSE:
		break;
	}
	return 1;
}

static int check_flags(const struct setting *s, struct err *err)
{
	double v = field_number(s->o->type, s->field);

	if ((s->o->flags & OPT_POSITIVE) && !(v > 0))
		return err_set(err, -ERANGE, "'%s' is not above 0", s->text);
	if ((s->o->flags & OPT_NONNEG) && !(v >= 0))
		return err_set(err, -ERANGE, "'%s' is below 0", s->text);
	return 0;
}

static int set_field(const struct opt *o, void *conf, const char *key,
		     const char *value, int line, struct err *err)
{
	struct setting s = {
		.o = o, .key = key, .text = value, .line = line,
		.field = (char *)conf + o->off,
	};
	int rc = types[o->type].set(&s, err);

	return rc < 0 ? rc : check_flags(&s, err);
}

void opt_defaults(const struct opt *table, void *conf)
{
	for (const struct opt *o = table; o->name; o++) {
		struct err err = { 0 };
		int rc = 0;

		if (o->def)
			rc = set_field(o, conf, o->name, o->def, 0, &err);
		assert(rc == 0);	/* a default that is no value: a bug */
		(void)rc;
	}
}

const struct opt *opt_find(const struct opt *table, const char *key)
{
	for (const struct opt *o = table; o->name; o++)
		if (strcmp(o->name, key) == 0 && !prefix_len(o))
			return o;
	for (const struct opt *o = table; o->name; o++) {
		size_t len = prefix_len(o);

		if (len && strncmp(key, o->name, len) == 0 && key[len])
			return o;
	}
	return NULL;
}

static int unknown_key(const struct opt *table, const char *key,
		       struct err *err)
{
	const char **words, *near;
	size_t n = 0;

	for (const struct opt *o = table; o->name; o++)
		n++;
	words = mem_calloc(n, sizeof(*words));
	n = 0;
	for (const struct opt *o = table; o->name; o++)
		if (!prefix_len(o))
			words[n++] = o->name;
	near = opt_suggest(key, words, n);
	mem_free(words);
	if (near)
		return err_set(err, -ENOENT,
			       "unknown key '%s' (did you mean '%s'?)", key,
			       near);
	return err_set(err, -ENOENT, "unknown key '%s'", key);
}

int opt_set(const struct opt *table, void *conf, const char *key,
	    const char *value, int line, struct err *err)
{
	const struct opt *o = opt_find(table, key);
	int rc;

	if (!o)
		return unknown_key(table, key, err);
	rc = set_field(o, conf, key, value, line, err);
	if (rc < 0)
		err_prefix(err, "bad value of '%s'", key);
	return rc;
}

void opt_done(const struct opt *table, void *conf)
{
	for (const struct opt *o = table; o->name; o++)
		if (types[o->type].done)
			types[o->type].done(o, (char *)conf + o->off);
}

/* Suggesting. */

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/* Damerau-Levenshtein, optimal string alignment; case does not count. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1];
	size_t *row = rows[2], *old;

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		before[j] = last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t differ = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = least(least(last[j], row[j - 1]) + 1,
				       last[j - 1] + differ);
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		old = before;
		before = last;
		last = row;
		row = old;
	}
	return last[lb];
}

const char *opt_suggest(const char *word, const char *const *words, size_t n)
{
	size_t third = strlen(word) / 3, best = (third > 1 ? third : 1) + 1;
	const char *near = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(word, words[i]);

		if (d < best && d < strlen(word)) {
			best = d;
			near = words[i];
		}
	}
	return near;
}
