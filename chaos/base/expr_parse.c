/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to the tree of a condition: recursive descent over a table of operators
 * by level, then a table of functions.  It looks nothing up: whether a gauge or
 * an API exists is for whoever visits the references.
 */
#include "chaos/base/expr.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "chaos/base/expr_impl.h"
#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/base/units.h"

struct parse {
	const char *text, *p;
	struct expr *e;
	struct err *err;
	int depth;
};

/* A stretch of the text. */
struct word {
	const char *s;
	int len;
};

/* Loosest first; within a level the longer spelling first. */
enum { LEVEL_OR, LEVEL_AND, LEVEL_CMP, LEVEL_SUM, LEVEL_PROD, LEVELS };

static const struct op {
	const char *text;
	int level;
	enum expr_kind kind;
} ops[] = {
	{ "or", LEVEL_OR, EXPR_KIND_OR },
	{ "and", LEVEL_AND, EXPR_KIND_AND },
	{ ">=", LEVEL_CMP, EXPR_KIND_GE },
	{ ">", LEVEL_CMP, EXPR_KIND_GT },
	{ "<=", LEVEL_CMP, EXPR_KIND_LE },
	{ "<", LEVEL_CMP, EXPR_KIND_LT },
	{ "!=", LEVEL_CMP, EXPR_KIND_NE },
	{ "==", LEVEL_CMP, EXPR_KIND_EQ },
	{ "=", LEVEL_CMP, EXPR_KIND_EQ },
	{ "+", LEVEL_SUM, EXPR_KIND_ADD },
	{ "-", LEVEL_SUM, EXPR_KIND_SUB },
	{ "*", LEVEL_PROD, EXPR_KIND_MUL },
	{ "/", LEVEL_PROD, EXPR_KIND_DIV },
};

enum { N_OPS = sizeof(ops) / sizeof(*ops), MAX_FUNCS = 32 };

static const char *const keywords[] = { "and", "or", "for", "within", "by" };

static int column(const struct parse *p, const char *at)
{
	return (int)(at - p->text) + 1;
}

static int fail(struct parse *p, const char *at, const char *fmt, ...)
	PRINTF(3, 4);

/* Always -1, as the parsing functions return it. */
static int fail(struct parse *p, const char *at, const char *fmt, ...)
{
	struct buf b;
	va_list ap;

	buf_init(&b, 400);
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	err_set(p->err, -EINVAL, "column %d: %s", column(p, at),
		b.data ? b.data : "not understood");
	buf_done(&b);
	return -1;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void skip_space(struct parse *p)
{
	while (isspace((unsigned char)*p->p))
		p->p++;
}

/*
 * A name may have dots and hyphens inside ("coupon-issue"), so a minus between
 * two names needs a space.
 */
static struct word peek_word(const struct parse *p)
{
	const char *s = p->p;

	while (is_name_char(*s) ||
	       (s > p->p && (*s == '.' || *s == '-') && is_name_char(s[1])))
		s++;
	return (struct word){ p->p, (int)(s - p->p) };
}

static bool word_is(struct word w, const char *text)
{
	return (int)strlen(text) == w.len && !memcmp(w.s, text, (size_t)w.len);
}

static bool is_keyword(struct word w)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (word_is(w, keywords[i]))
			return true;
	return false;
}

/* What to call the thing at p->p in a message: a word or a character. */
static struct word peek_any(struct parse *p)
{
	struct word w;

	skip_space(p);
	w = peek_word(p);
	if (!w.len && *p->p)
		w.len = 1;
	while (((unsigned char)w.s[w.len] & 0xc0) == 0x80)
		w.len++;	/* the rest of a UTF-8 character */
	return w;
}

static int fail_expected(struct parse *p, const char *what)
{
	struct word w = peek_any(p);

	if (!w.len)
		return fail(p, p->p, "%s is expected at the end", what);
	return fail(p, p->p, "%s is expected, not '%.*s'", what, w.len, w.s);
}

static bool take_char(struct parse *p, char c)
{
	skip_space(p);
	if (*p->p != c)
		return false;
	p->p++;
	return true;
}

static bool take_keyword(struct parse *p, const char *keyword)
{
	struct word w;

	skip_space(p);
	w = peek_word(p);
	if (!word_is(w, keyword))
		return false;
	p->p += w.len;
	return true;
}

static int node_new(struct parse *p, enum expr_kind kind, int left, int right)
{
	struct expr *e = p->e;

	if (e->n == EXPR_NODES_MAX)
		return fail(p, p->p, "the condition has more than %d parts",
			    EXPR_NODES_MAX);
	(void)mem_grow(e->nodes, e->n, e->cap);
	e->nodes[e->n] = (struct expr_node){
		.kind = kind, .left = left, .right = right
	};
	return e->n++;
}

static bool is_cond(const struct parse *p, int node)
{
	return expr_kind_is_cond(p->e->nodes[node].kind);
}

/* How long a number with its unit is: "1m30s" "95%" "200/s" "1.5MiB". */
static struct word peek_number(const struct parse *p)
{
	const char *s = p->p, *unit;

	while (isalnum((unsigned char)*s) || *s == '.' || *s == '%')
		s++;
	if (*s == '/' && isalpha((unsigned char)s[1])) {
		for (unit = s + 1; is_name_char(*unit);)
			unit++;
		/* "10/size" divides, "10/s" and "10/min" are rates */
		if (unit - s <= 4)
			s = unit;
	}
	return (struct word){ p->p, (int)(s - p->p) };
}

static int number_value(const char *text, double *ret, struct err *err)
{
	uint64_t bytes;
	nsec_t span;

	if (!units_double(text, ret, NULL))
		return 0;
	if (strchr(text, '%'))
		return units_share(text, ret, err);
	if (strchr(text, '/'))
		return units_rate(text, ret, err);
	if (!units_duration(text, &span, NULL)) {
		*ret = (double)span / (double)NSEC_SEC;
		return 0;
	}
	if (!units_size(text, &bytes, NULL)) {
		*ret = (double)bytes;
		return 0;
	}
	return err_set(err, -EINVAL, "'%s' is no number with a unit "
		       "(8ms, 95%%, 200/s, 5MiB)", text);
}

static int parse_number(struct parse *p)
{
	struct word w = peek_number(p);
	AUTO_FREE char *text = mem_strndup(w.s, (size_t)w.len);
	struct err err = { 0 };
	double value;
	int node;

	if (number_value(text, &value, &err))
		return fail(p, p->p, "%s", err.msg);
	node = node_new(p, EXPR_KIND_NUM, -1, -1);
	if (node >= 0)
		p->e->nodes[node].num = value;
	p->p += w.len;
	return node;
}

static int fail_unknown_func(struct parse *p, struct word w)
{
	const char *names[MAX_FUNCS], *near;
	AUTO_FREE char *word = mem_strndup(w.s, (size_t)w.len);
	size_t n = 0;

	for (; n < MAX_FUNCS && expr_funcs[n].name; n++)
		names[n] = strchr(expr_funcs[n].name, '*') ? "latency.p95"
						      : expr_funcs[n].name;
	near = opt_suggest(word, names, n);
	if (near)
		return fail(p, w.s, "unknown function '%s' "
			    "(did you mean '%s'?)", word, near);
	return fail(p, w.s, "unknown function '%s' (there are errors, failed, "
		    "throughput, offered, client, checks, rate, latency.pNN, "
		    "baseline, absent, delta, deriv, burn)",
		    word);
}

/* "tag:NAME" is one scope. */
static struct word peek_scope(const struct parse *p)
{
	struct word w = peek_word(p), name;
	struct parse rest = *p;

	if (!word_is(w, "tag") || p->p[w.len] != ':')
		return w;
	rest.p = p->p + w.len + 1;
	name = peek_word(&rest);
	return (struct word){ w.s, name.len ? w.len + 1 + name.len : 0 };
}

/* Fills what is given; what a failed parse leaves is freed with the node. */
static int parse_args(struct parse *p, const struct expr_func *f,
		      struct expr_ref *ref)
{
	struct err err = { 0 };
	struct word w;
	AUTO_FREE char *window = NULL;

	skip_space(p);
	w = peek_scope(p);
	if (!w.len || isdigit((unsigned char)*w.s))
		return fail_expected(p, f->usage);
	ref->arg = mem_strndup(w.s, (size_t)w.len);
	p->p += w.len;
	if (f->max_args < 2 || !take_char(p, ','))
		return 0;
	skip_space(p);
	w = peek_number(p);
	window = mem_strndup(w.s, (size_t)w.len);
	if (units_duration(window, &ref->window, &err))
		return fail(p, p->p, "window: %s", err.msg);
	if (ref->window <= 0)
		return fail(p, p->p, "a window is longer than 0");
	p->p += w.len;
	if (f->max_args < 3 || !take_char(p, ','))
		return 0;
	skip_space(p);
	w = peek_word(p);
	if (!w.len)
		return fail_expected(p, "a cause (timeout, 5xx, 429, ...)");
	ref->cause = mem_strndup(w.s, (size_t)w.len);
	p->p += w.len;
	return 0;
}

static int parse_ref(struct parse *p, struct expr_ref *ref);

/* baseline(X): X's own fields, with its function moved to inner. */
static int parse_baseline(struct parse *p, struct expr_ref *ref)
{
	const struct expr_func *f;
	struct word w;
	int rc;

	skip_space(p);
	w = peek_word(p);
	f = expr_func_find(w.s, w.len);
	if (word_is(w, "baseline"))
		return fail(p, p->p, "a baseline has no baseline");
	if (f && (f->truth || word_is(w, "burn")))
		return fail(p, p->p, "'%s' has no baseline", f->name);
	rc = parse_ref(p, ref);
	ref->inner = ref->func;
	ref->func = mem_strdup("baseline");
	return rc;
}

static int parse_call(struct parse *p, const struct expr_func *f,
		      struct word name,
		      struct expr_ref *ref)
{
	int rc;

	if (!strcmp(f->name, "baseline")) {
		rc = parse_baseline(p, ref);
	} else {
		ref->func = mem_strndup(name.s, (size_t)name.len);
		rc = parse_args(p, f, ref);
	}
	if (rc)
		return rc;
	if (!take_char(p, ')'))
		return fail_expected(p, "')'");
	return 0;
}

/* A gauge, a function with arguments, or a bare function over all. */
static int parse_ref(struct parse *p, struct expr_ref *ref)
{
	struct word w = peek_word(p);
	const struct expr_func *f = expr_func_find(w.s, w.len);

	if (!w.len || is_keyword(w) || isdigit((unsigned char)*w.s))
		return fail_expected(p, "a gauge or function");
	p->p += w.len;
	if (take_char(p, '('))
		return f ? parse_call(p, f, w, ref) : fail_unknown_func(p, w);
	if (f && !f->bare)
		return fail(p, w.s, "'%s' needs arguments: %s", f->name,
			    f->usage);
	if (f)
		ref->func = mem_strndup(w.s, (size_t)w.len);
	ref->arg = f ? mem_strdup("all") : mem_strndup(w.s, (size_t)w.len);
	return 0;
}

static void ref_done(struct expr_ref *ref)
{
	const char *own[] = { ref->func, ref->arg, ref->inner, ref->cause };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		mem_free((void *)(uintptr_t)own[i]);
}

/* A function that is a condition: "its value is not 0". */
static int node_is_true(struct parse *p, int ref)
{
	int zero = node_new(p, EXPR_KIND_NUM, -1, -1);

	return zero < 0 ? zero : node_new(p, EXPR_KIND_NE, ref, zero);
}

static int parse_ref_node(struct parse *p)
{
	struct expr_ref ref = { 0 };
	const struct expr_func *f;
	int node = -1;

	if (!parse_ref(p, &ref))
		node = node_new(p, EXPR_KIND_REF, -1, -1);
	if (node < 0) {
		ref_done(&ref);
		return node;
	}
	p->e->nodes[node].ref = ref;
	f = ref.func ? expr_func_find(ref.func, (int)strlen(ref.func)) : NULL;
	return f && f->truth ? node_is_true(p, node) : node;
}

static int parse_level(struct parse *p, int level);

static int parse_parens(struct parse *p)
{
	int node = parse_level(p, LEVEL_OR);

	if (node >= 0 && !take_char(p, ')'))
		return fail_expected(p, "')'");
	return node;
}

static int parse_atom(struct parse *p);

static int parse_sign(struct parse *p)
{
	const char *at = p->p;
	int node = parse_atom(p);

	if (node < 0)
		return node;
	if (is_cond(p, node))
		return fail(p, at, "a condition has no sign");
	return node_new(p, EXPR_KIND_NEG, node, -1);
}

static int parse_atom(struct parse *p)
{
	int node;

	skip_space(p);
	if (p->depth == EXPR_DEPTH_MAX)
		return fail(p, p->p, "nested deeper than %d", EXPR_DEPTH_MAX);
	p->depth++;
	if (isdigit((unsigned char)*p->p))
		node = parse_number(p);
	else if (take_char(p, '('))
		node = parse_parens(p);
	else if (take_char(p, '-'))
		node = parse_sign(p);
	else
		node = parse_ref_node(p);
	p->depth--;
	return node;
}

static const struct op *take_op(struct parse *p, int level)
{
	struct word w;
	size_t len;

	skip_space(p);
	w = peek_word(p);
	for (int i = 0; i < N_OPS; i++) {
		len = strlen(ops[i].text);
		if (ops[i].level != level || strncmp(p->p, ops[i].text, len))
			continue;
		if (w.len && (size_t)w.len != len)
			continue;	/* "order" is not "or" */
		p->p += len;
		return &ops[i];
	}
	return NULL;
}

/* "and" and "or" join conditions, all others numbers. */
static int check_side(struct parse *p, const struct op *op, const char *at,
		      int node)
{
	bool joins = op->level <= LEVEL_AND;

	if (node < 0 || is_cond(p, node) == joins)
		return node;
	if (joins)
		return fail(p, at, "'%s' joins conditions: compare this number "
			    "with something", op->text);
	return fail(p, at, "'%s' takes numbers, and this is a condition",
		    op->text);
}

static int parse_level(struct parse *p, int level)
{
	const struct op *op;
	const char *left_at, *right_at;
	int left, right;

	if (level == LEVELS)
		return parse_atom(p);
	skip_space(p);
	left_at = p->p;
	left = parse_level(p, level + 1);
	while (left >= 0 && (op = take_op(p, level))) {
		left = check_side(p, op, left_at, left);
		if (left < 0)
			return left;
		skip_space(p);
		right_at = p->p;
		right = check_side(p, op, right_at,
				   parse_level(p, level + 1));
		if (right < 0)
			return right;
		left = node_new(p, op->kind, left, right);
	}
	return left;
}

static int parse_span(struct parse *p, const char *keyword, nsec_t *ret)
{
	struct err err = { 0 };
	AUTO_FREE char *text = NULL;
	struct word w;

	if (*ret)
		return fail(p, p->p, "'%s' is given twice", keyword);
	skip_space(p);
	w = peek_number(p);
	text = mem_strndup(w.s, (size_t)w.len);
	if (units_duration(text, ret, &err))
		return fail(p, p->p, "%s: %s", keyword, err.msg);
	if (*ret <= 0)
		return fail(p, p->p, "'%s' is longer than 0", keyword);
	p->p += w.len;
	return 0;
}

static int parse_spans(struct parse *p)
{
	struct expr *e = p->e;
	int rc = 0;

	while (!rc) {
		if (take_keyword(p, "for"))
			rc = parse_span(p, "for", &e->hold);
		else if (take_keyword(p, "within"))
			rc = parse_span(p, "within", &e->within);
		else if (take_keyword(p, "by"))
			rc = parse_span(p, "by", &e->within);
		else
			break;
	}
	return rc;
}

static int parse_all(struct parse *p)
{
	struct word w = peek_any(p);

	if (!w.len)
		return fail(p, p->p, "the condition is empty");
	p->e->root = parse_level(p, LEVEL_OR);
	if (p->e->root < 0)
		return -1;
	if (!is_cond(p, p->e->root))
		return fail_expected(p, "a comparison (> >= < <= = !=)");
	if (parse_spans(p))
		return -1;
	w = peek_any(p);
	if (w.len)
		return fail(p, p->p, "'%.*s' is not understood here", w.len,
			    w.s);
	return 0;
}

int expr_parse(const char *text, struct expr **ret, struct err *err)
{
	struct parse p = { .text = text, .p = text, .err = err };

	if (strlen(text) > EXPR_TEXT_MAX)
		return err_set(err, -EINVAL,
			       "the condition is longer than %d bytes",
			       EXPR_TEXT_MAX);
	p.e = mem_zalloc(sizeof(*p.e));
	p.e->text = mem_strdup(text);
	if (parse_all(&p)) {
		expr_free(p.e);
		return -EINVAL;
	}
	*ret = p.e;
	return 0;
}

void expr_free(struct expr *e)
{
	if (!e)
		return;
	for (int i = 0; i < e->n; i++)
		ref_done(&e->nodes[i].ref);
	mem_free(e->nodes);
	mem_free(e->text);
	mem_free(e);
}
