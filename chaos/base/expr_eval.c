/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a condition says now.  Pure: values come from the environment, time is
 * passed in.  Kleene's logic: no data is unknown, and unknown is never true.
 */
#include "chaos/base/expr.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/expr_impl.h"
#include "chaos/base/units.h"

/* One pass over the tree; api stands for "each", NULL outside of it. */
struct eval {
	const struct expr *e;
	const struct expr_env *env;
	const char *api;
};

const char *expr_text(const struct expr *e)
{
	return e->text;
}

nsec_t expr_for(const struct expr *e)
{
	return e->hold;
}

nsec_t expr_within(const struct expr *e)
{
	return e->within;
}

static bool is_each(const struct expr_ref *ref)
{
	return ref->func && !strcmp(ref->arg, "each");
}

static const struct expr_node *node_at(const struct eval *ev, int node)
{
	return &ev->e->nodes[node];
}

/* Does a comparison run over the APIs? */
static bool has_each(const struct eval *ev, int node)
{
	const struct expr_node *n;

	if (node < 0)
		return false;
	n = node_at(ev, node);
	if (n->kind == EXPR_KIND_REF)
		return is_each(&n->ref);
	return has_each(ev, n->left) || has_each(ev, n->right);
}

/* 0, or what the environment said: -ENODATA, -ENOENT. */
static int ref_value(const struct eval *ev, const struct expr_ref *ref,
		     double *ret)
{
	struct expr_ref one = *ref;
	int rc;

	if (is_each(ref) && ev->api)
		one.arg = ev->api;
	rc = ev->env->value(ev->env->arg, &one, ret);
	if (!rc && !isfinite(*ret))
		return -ENODATA;
	return rc;
}

static double apply(enum expr_kind kind, double a, double b)
{
	if (kind == EXPR_KIND_ADD)
		return a + b;
	if (kind == EXPR_KIND_SUB)
		return a - b;
	if (kind == EXPR_KIND_MUL)
		return a * b;
	return a / b;
}

/* False: unknown, a division by zero among them. */
static bool number(const struct eval *ev, int node, double *ret)
{
	const struct expr_node *n = node_at(ev, node);
	double a, b = 0;

	if (n->kind == EXPR_KIND_NUM) {
		*ret = n->num;
		return true;
	}
	if (n->kind == EXPR_KIND_REF)
		return !ref_value(ev, &n->ref, ret);
	if (!number(ev, n->left, &a))
		return false;
	if (n->kind == EXPR_KIND_NEG) {
		*ret = -a;
		return true;
	}
	if (!number(ev, n->right, &b))
		return false;
	*ret = apply(n->kind, a, b);
	return isfinite(*ret);
}

static bool holds(enum expr_kind kind, double a, double b)
{
	if (kind == EXPR_KIND_GT)
		return a > b;
	if (kind == EXPR_KIND_GE)
		return a >= b;
	if (kind == EXPR_KIND_LT)
		return a < b;
	if (kind == EXPR_KIND_LE)
		return a <= b;
	return (a == b) == (kind == EXPR_KIND_EQ);
}

static enum expr_tri compare(const struct eval *ev, const struct expr_node *n)
{
	double a, b;

	if (!number(ev, n->left, &a) || !number(ev, n->right, &b))
		return EXPR_UNKNOWN;
	return holds(n->kind, a, b) ? EXPR_TRUE : EXPR_FALSE;
}

static enum expr_tri tri_and(enum expr_tri a, enum expr_tri b)
{
	if (a == EXPR_FALSE || b == EXPR_FALSE)
		return EXPR_FALSE;
	return a == EXPR_TRUE && b == EXPR_TRUE ? EXPR_TRUE : EXPR_UNKNOWN;
}

static enum expr_tri tri_or(enum expr_tri a, enum expr_tri b)
{
	if (a == EXPR_TRUE || b == EXPR_TRUE)
		return EXPR_TRUE;
	return a == EXPR_FALSE && b == EXPR_FALSE ? EXPR_FALSE : EXPR_UNKNOWN;
}

static enum expr_tri compare_each(const struct eval *ev,
				  const struct expr_node *n)
{
	enum expr_tri all = EXPR_TRUE;
	struct eval one = *ev;

	if (!ev->env->n_apis)
		return EXPR_UNKNOWN;
	for (size_t i = 0; i < ev->env->n_apis; i++) {
		one.api = ev->env->apis[i];
		all = tri_and(all, compare(&one, n));
	}
	return all;
}

static enum expr_tri truth(const struct eval *ev, int node)
{
	const struct expr_node *n = node_at(ev, node);
	enum expr_tri left;

	if (n->kind == EXPR_KIND_AND) {
		left = truth(ev, n->left);
		return tri_and(left, truth(ev, n->right));
	}
	if (n->kind == EXPR_KIND_OR) {
		left = truth(ev, n->left);
		return tri_or(left, truth(ev, n->right));
	}
	if (has_each(ev, node))
		return compare_each(ev, n);
	return compare(ev, n);
}

enum expr_tri expr_eval(const struct expr *e, const struct expr_env *env)
{
	struct eval ev = { .e = e, .env = env };

	return truth(&ev, e->root);
}

static const struct expr_ref *first_ref(const struct eval *ev, int node)
{
	const struct expr_node *n = node < 0 ? NULL : node_at(ev, node);
	const struct expr_ref *ref;

	if (!n)
		return NULL;
	if (n->kind == EXPR_KIND_REF)
		return &n->ref;
	ref = first_ref(ev, n->left);
	return ref ? ref : first_ref(ev, n->right);
}

static double share_of(enum expr_kind kind, double value, double limit)
{
	double by = limit != 0 ? fabs(limit) : 1;

	if (kind == EXPR_KIND_GT || kind == EXPR_KIND_GE)
		return (value - limit) / by;
	if (kind == EXPR_KIND_EQ)
		return -fabs(value - limit) / by;
	if (kind == EXPR_KIND_NE)
		return fabs(value - limit) / by;
	return (limit - value) / by;
}

/* "2s > latency" is "latency < 2s". */
static enum expr_kind turned(enum expr_kind kind)
{
	switch ((int)kind) {
	case EXPR_KIND_GT:
		return EXPR_KIND_LT;
	case EXPR_KIND_GE:
		return EXPR_KIND_LE;
	case EXPR_KIND_LT:
		return EXPR_KIND_GT;
	case EXPR_KIND_LE:
		return EXPR_KIND_GE;
	}
	return kind;
}

static bool margin_one(const struct eval *ev, const struct expr_node *n,
		       struct expr_margin *ret)
{
	const struct expr_ref *left = first_ref(ev, n->left);
	enum expr_kind kind = left ? n->kind : turned(n->kind);
	double value, limit;

	if (!number(ev, left ? n->left : n->right, &value) ||
	    !number(ev, left ? n->right : n->left, &limit))
		return false;
	*ret = (struct expr_margin){
		.value = value, .limit = limit,
		.share = share_of(kind, value, limit),
		.ref = left ? left : first_ref(ev, n->right), .api = ev->api,
	};
	return true;
}

static bool margin_each(const struct eval *ev, const struct expr_node *n,
			struct expr_margin *ret)
{
	struct eval one = *ev;
	struct expr_margin m;
	bool any = false;

	for (size_t i = 0; i < ev->env->n_apis; i++) {
		one.api = ev->env->apis[i];
		if (!margin_one(&one, n, &m))
			continue;
		if (!any || m.share < ret->share)
			*ret = m;
		any = true;
	}
	return any;
}

/* "and" is as good as its worse side, "or" as its better one. */
static bool margin_of(const struct eval *ev, int node, struct expr_margin *ret)
{
	const struct expr_node *n = node_at(ev, node);
	struct expr_margin right;
	bool known, other;

	if (n->kind != EXPR_KIND_AND && n->kind != EXPR_KIND_OR)
		return has_each(ev, node) ? margin_each(ev, n, ret)
					  : margin_one(ev, n, ret);
	known = margin_of(ev, n->left, ret);
	other = margin_of(ev, n->right, &right);
	if (other && (!known ||
		      (right.share < ret->share) == (n->kind == EXPR_KIND_AND)))
		*ret = right;
	return known || other;
}

bool expr_margin(const struct expr *e, const struct expr_env *env,
		 struct expr_margin *ret)
{
	struct eval ev = { .e = e, .env = env };

	return margin_of(&ev, e->root, ret);
}

enum expr_tri expr_held(const struct expr *e, struct expr_hold *hold,
			const struct expr_env *env, nsec_t now)
{
	enum expr_tri tri = expr_eval(e, env);

	if (tri != EXPR_TRUE) {
		hold->true_now = 0;
		return tri;
	}
	if (!hold->true_now) {
		hold->true_now = 1;
		hold->since = now;
	}
	return now - hold->since >= e->hold ? EXPR_TRUE : EXPR_FALSE;
}

int expr_visit(const struct expr *e,
	       int (*fn)(void *arg, const struct expr_ref *ref), void *arg)
{
	int rc = 0;

	for (int i = 0; i < e->n && !rc; i++)
		if (e->nodes[i].kind == EXPR_KIND_REF)
			rc = fn(arg, &e->nodes[i].ref);
	return rc;
}

static void add_call(struct buf *out, const char *func, const char *arg,
		     const struct expr_ref *ref)
{
	char window[UNITS_TEXT];

	buf_addf(out, "%s(%s", func, arg);
	if (ref->window)
		buf_addf(out, ", %s", units_fmt_duration(window, ref->window));
	if (ref->cause)
		buf_addf(out, ", %s", ref->cause);
	buf_adds(out, ")");
}

static void add_ref(struct buf *out, const struct expr_ref *ref,
		    const char *arg)
{
	bool baseline = ref->func && !strcmp(ref->func, "baseline");
	const char *func = baseline ? ref->inner : ref->func;

	if (baseline)
		buf_adds(out, "baseline(");
	if (func)
		add_call(out, func, arg, ref);
	else
		buf_adds(out, arg);
	if (baseline)
		buf_adds(out, ")");
}

static void explain_one(const struct eval *ev, const struct expr_ref *ref,
			bool *first, struct buf *out)
{
	double value;
	int rc;

	if (!*first)
		buf_adds(out, ", ");
	*first = false;
	add_ref(out, ref, is_each(ref) && ev->api ? ev->api : ref->arg);
	rc = ref_value(ev, ref, &value);
	if (rc == -ENOENT)
		buf_adds(out, " does not exist");
	else if (rc)
		buf_adds(out, " is unknown");
	else
		buf_addf(out, " = %.6g", value);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_ref(const struct expr_ref *a, const struct expr_ref *b)
{
	return a->window == b->window && same_text(a->func, b->func) &&
	       same_text(a->arg, b->arg) && same_text(a->inner, b->inner) &&
	       same_text(a->cause, b->cause);
}

static bool seen_before(const struct expr *e, int node)
{
	for (int i = 0; i < node; i++)
		if (e->nodes[i].kind == EXPR_KIND_REF &&
		    same_ref(&e->nodes[i].ref, &e->nodes[node].ref))
			return true;
	return false;
}

void expr_explain(const struct expr *e, const struct expr_env *env,
		  struct buf *out)
{
	struct eval ev = { .e = e, .env = env };
	const struct expr_ref *ref;
	bool first = true;

	for (int i = 0; i < e->n; i++) {
		ref = &e->nodes[i].ref;
		if (e->nodes[i].kind != EXPR_KIND_REF || seen_before(e, i))
			continue;
		ev.api = NULL;
		if (!is_each(ref))
			explain_one(&ev, ref, &first, out);
		for (size_t k = 0; is_each(ref) && k < env->n_apis; k++) {
			ev.api = env->apis[k];
			explain_one(&ev, ref, &first, out);
		}
	}
}
