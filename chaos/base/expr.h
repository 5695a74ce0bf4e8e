/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions over what a drill measures:
 *
 *	expr  := or [for T] [within T | by T]
 *	or    := and { "or" and }
 *	and   := cmp { "and" cmp }
 *	cmp   := sum op sum | absent(args)	op: > >= < <= = !=
 *	sum   := prod { (+|-) prod }
 *	prod  := atom { (*|/) atom }
 *	atom  := number[unit] | f(args) | gauge.name | (or) | (sum)
 *
 * Units: those of base/units; a duration counts in seconds, a share in parts
 * of one, a rate per second.  f: errors, failed, throughput, offered, client
 * (the share that a 400 or 422 answered), checks, rate, latency.pNN, baseline,
 * delta and deriv (Prometheus' own, of a gauge), burn (how fast the error
 * budget is used).  absent(gauge.name) is a condition by itself.
 * Scopes: an API, tag:NAME (a set of them), all, each (true for every API).
 * No data is unknown; unknown is never true (Kleene's three values).
 */
#ifndef GD_BASE_EXPR_H
#define GD_BASE_EXPR_H

#include <stdbool.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "chaos/base/err.h"

struct expr;

enum expr_tri { EXPR_FALSE, EXPR_TRUE, EXPR_UNKNOWN };

/* One thing to look up. A gauge has func NULL and its name in arg. */
struct expr_ref {
	const char *func;	/* "errors", "latency.p95", "baseline" */
	const char *arg;	/* scope or gauge: "coupon", "pg.active"; */
				/* baseline(F(..)): the inner reference's arg */
	const char *inner;	/* baseline(F(..)): F; else NULL */
	nsec_t window;		/* drill ns; 0: not given */
	const char *cause;	/* failed(scope, window, cause); else NULL */
};

struct expr_env {
	/* 0 with *ret, -ENODATA (unknown now), -ENOENT (there is none such) */
	int (*value)(void *arg, const struct expr_ref *ref, double *ret);
	void *arg;
	const char *const *apis;	/* what "each" runs over */
	size_t n_apis;
};

/* The functions there are; ends with a row whose name is NULL. */
struct expr_func {
	const char *name;	/* "x.p*": x.p and a percentile's digits */
	int min_args, max_args;	/* with parentheses */
	bool bare;		/* may stand alone: all, the default window */
	bool truth;		/* a condition: its value is 0 or 1 */
	const char *usage;	/* "errors(SCOPE, WINDOW)" */
};
extern const struct expr_func expr_funcs[];

int expr_parse(const char *text, struct expr **ret, struct err *err) MUST_CHECK;
void expr_free(struct expr *e);
const char *expr_text(const struct expr *e);	/* as it was written */
enum expr_tri expr_eval(const struct expr *e, const struct expr_env *env);
nsec_t expr_for(const struct expr *e);		/* 0: none */
nsec_t expr_within(const struct expr *e);	/* 0: none; "by" too */
/* Every reference in it, for the checker. Stops at the first non-zero. */
int expr_visit(const struct expr *e,
	       int (*fn)(void *arg, const struct expr_ref *ref), void *arg);
/* "errors(coupon, 10s) = 0.97": each reference with its value now. */
void expr_explain(const struct expr *e, const struct expr_env *env,
		  struct buf *out);

/*
 * How far a condition is from turning: of its comparisons the one that decides.
 * share is (limit - value) / |limit|, or the reverse where more is better; it
 * is negative when it does not hold.  With a limit of 0 it is not divided.
 */
struct expr_margin {
	double value, limit, share;
	const struct expr_ref *ref;	/* the first in the value; NULL: none */
	const char *api;		/* of "each"; else NULL */
};
/* False: unknown. */
bool expr_margin(const struct expr *e, const struct expr_env *env,
		 struct expr_margin *ret);

/* The "for T" of a condition. Zeroed to begin. */
struct expr_hold {
	int true_now;
	nsec_t since;
};
/* Advances it with one evaluation; true when held for expr_for(e). */
enum expr_tri expr_held(const struct expr *e, struct expr_hold *hold,
			const struct expr_env *env, nsec_t now);

#endif
