/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded rules and series, through our detectors, and the same for promtool:
 *
 *	promrules states [SEED]		a line per case: its rule, its states
 *	promrules write DIR [SEED]	DIR/N.rules.yml and DIR/N.test.yml
 *
 * The test files expect of Prometheus, at each evaluation, the ALERTS and
 * ALERTS_FOR_STATE that our detectors had then.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/rng.h"
#include "chaos/watch/detector.h"
#include "chaos/watch/gauges.h"

enum { CASES = 20, EVALUATIONS = 60, SAMPLES_MAX = 2000 };

struct series {
	double v[SAMPLES_MAX];	/* NaN: none; infinite: a stale mark */
	int n;
};

struct rule {
	char ours[160], theirs[160];
	int interval, step;	/* of evaluations, of samples: s */
	struct detector_conf conf;
	struct series g, h;
};

struct world {
	struct gauges *gauges;
	nsec_t now;
};

static int value(void *arg, const struct expr_ref *ref, double *ret)
{
	const struct world *w = arg;
	int rc = ref->func ? gauges_func(w->gauges, ref->func, ref->arg,
					 ref->window, w->now, ret)
			   : gauges_value(w->gauges, ref->arg, ret);

	return rc == -ENOENT ? -ENODATA : rc;
}

static int pick(struct rng *r, const int *v, size_t n)
{
	return v[rng_below(r, n)];
}

#define PICK(r, ...)                                                     \
	pick((r), (const int[]){ __VA_ARGS__ },                          \
	     sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* Levels that stay for a while, with holes, and marks that the series ended. */
static void make_series(struct series *s, struct rng *r, int n, bool absent)
{
	int holes = absent ? 4 : 3, marks = absent ? 4 : 7;

	double level = 0;
	int left = 0;

	s->n = n;
	for (int i = 0; i < n; i++) {
		if (left-- <= 0) {
			level = (double)rng_below(r, 11);
			left = 1 + (int)rng_below(r, 12);
		}
		s->v[i] = level + rng_double(r) / 4;
		if (absent ? level < holes : level == holes)
			s->v[i] = NAN;
		if (absent ? level > marks : level == marks)
			s->v[i] = INFINITY;
	}
}

static void make_condition(struct rule *r, struct rng *rng, int kind)
{
	int level = PICK(rng, 4, 5, 6), window = PICK(rng, 60, 90, 120);
	const char *func = kind == 2 ? "deriv" : "delta";
	double limit = kind == 2 ? 0.03 : 2;

	if (kind == 0)
		snprintf(r->ours, sizeof(r->ours), "g > %d.5", level);
	else if (kind == 1)
		snprintf(r->ours, sizeof(r->ours), "absent(g)");
	else if (kind == 2 || kind == 3)
		snprintf(r->ours, sizeof(r->ours), "%s(g, %ds) > %g", func,
			 window, limit);
	else if (kind == 4)
		snprintf(r->ours, sizeof(r->ours), "g > %d.5 and h < %d.5",
			 level - 3, level);
	else if (kind == 5)
		snprintf(r->ours, sizeof(r->ours), "g > 8.5 or h > 8.5");
	else
		snprintf(r->ours, sizeof(r->ours), "absent(g, %ds)", window);
	snprintf(r->theirs, sizeof(r->theirs), "%s", r->ours);
	if (kind == 2 || kind == 3)
		snprintf(r->theirs, sizeof(r->theirs), "%s(g[%ds]) > %g", func,
			 window, limit);
	else if (kind == 6)
		snprintf(r->theirs, sizeof(r->theirs),
			 "absent_over_time(g[%ds])", window);
}

static void make_rule(struct rule *r, uint64_t seed, int i)
{
	struct rng rng;
	int n;

	rng_init(&rng, seed, (uint64_t)i);
	memset(r, 0, sizeof(*r));
	r->interval = PICK(&rng, 5, 10, 15, 30);
	r->step = PICK(&rng, 5, 10, 15);
	r->conf.interval = r->interval * NSEC_SEC;
	r->conf.pending_for = PICK(&rng, 0, 10, 30, 45, 60) * NSEC_SEC;
	r->conf.keep_firing_for = PICK(&rng, 0, 0, 20, 30, 60) * NSEC_SEC;
	make_condition(r, &rng, i % 7);
	if (expr_parse(r->ours, &r->conf.when, NULL))
		abort();
	n = EVALUATIONS * r->interval / r->step + 1;
	make_series(&r->g, &rng, n, i % 7 == 1 || i % 7 == 6);
	make_series(&r->h, &rng, n, false);
}

static void give(struct world *w, const char *name, const struct series *s,
		 int i)
{
	if (i < s->n && !isnan(s->v[i]))
		gauges_set(w->gauges, name, w->now,
			   isinf(s->v[i]) ? NAN : s->v[i]);
}

struct seen {
	enum watch_alert_state state;
	int since;
};

/* Each second, as watch has it; what each evaluation left. */
static void run(struct rule *r, struct seen *seen)
{
	struct world w = { .gauges = gauges_new() };
	struct expr_env env = { .value = value, .arg = &w };
	struct detector d = { 0 };

	for (int t = 0; t < EVALUATIONS * r->interval; t++) {
		w.now = t * NSEC_SEC;
		if (t % r->step == 0) {
			give(&w, "g", &r->g, t / r->step);
			give(&w, "h", &r->h, t / r->step);
		}
		detector_step(&d, &r->conf, &env, w.now);
		if (t % r->interval == 0)
			seen[t / r->interval] = (struct seen){
				d.state, (int)(d.since / NSEC_SEC) };
	}
	gauges_free(w.gauges);
}

static void print_states(const struct rule *r, const struct seen *seen, int i)
{
	printf("%2d for %llds keep %llds every %ds of %ds: %s\n   ", i,
	       (long long)(r->conf.pending_for / NSEC_SEC),
	       (long long)(r->conf.keep_firing_for / NSEC_SEC), r->interval,
	       r->step, r->ours);
	for (int k = 0; k < EVALUATIONS; k++)
		putchar(".pF"[seen[k].state]);
	putchar('\n');
}

static FILE *open_in(const char *dir, int i, const char *what)
{
	AUTO_FREE char *path = mem_printf("%s/%02d.%s.yml", dir, i, what);
	FILE *f = fopen(path, "w");

	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

static void write_rule(const struct rule *r, const char *dir, int i)
{
	FILE *f = open_in(dir, i, "rules");

	fprintf(f, "groups:\n- name: g\n  rules:\n  - alert: a\n"
		"    expr: %s\n    for: %llds\n    keep_firing_for: %llds\n",
		r->theirs,
		(long long)(r->conf.pending_for / NSEC_SEC),
		(long long)(r->conf.keep_firing_for / NSEC_SEC));
	fclose(f);
}

static void write_series(FILE *f, const char *name, const struct series *s)
{
	fprintf(f, "  - series: %s\n    values: '", name);
	for (int i = 0; i < s->n; i++) {
		if (isnan(s->v[i]))
			fputs("_ ", f);
		else if (isinf(s->v[i]))
			fputs("stale ", f);
		else
			fprintf(f, "%.17g ", s->v[i]);
	}
	fputs("'\n", f);
}

static void write_expected(FILE *f, const struct rule *r,
			   const struct seen *seen, int k)
{
	const char *state = seen[k].state == WATCH_FIRING ? "firing"
							 : "pending";

	fprintf(f, "  - expr: ALERTS\n    eval_time: %ds\n",
		k * r->interval);
	if (seen[k].state)
		fprintf(f, "    exp_samples:\n    - labels: 'ALERTS{alertname="
			"\"a\",alertstate=\"%s\"}'\n      value: 1\n", state);
	fprintf(f, "  - expr: ALERTS_FOR_STATE\n    eval_time: %ds\n",
		k * r->interval);
	if (seen[k].state)
		fprintf(f, "    exp_samples:\n    - labels: 'ALERTS_FOR_STATE"
			"{alertname=\"a\"}'\n      value: %d\n", seen[k].since);
}

static void write_test(const struct rule *r, const struct seen *seen,
		       const char *dir, int i)
{
	FILE *f = open_in(dir, i, "test");

	fprintf(f, "rule_files: [%02d.rules.yml]\nevaluation_interval: %ds\n"
		"tests:\n- interval: %ds\n  input_series:\n", i, r->interval,
		r->step);
	write_series(f, "g", &r->g);
	write_series(f, "h", &r->h);
	fputs("  promql_expr_test:\n", f);
	for (int k = 0; k < EVALUATIONS; k++)
		write_expected(f, r, seen, k);
	fclose(f);
}

int main(int argc, char **argv)
{
	static struct seen seen[EVALUATIONS];
	static struct rule r;
	bool writes = argc > 2 && !strcmp(argv[1], "write");
	int at = writes ? 3 : 2;
	uint64_t seed = argc > at ? strtoull(argv[at], NULL, 10) : 1;

	for (int i = 0; i < CASES; i++) {
		make_rule(&r, seed, i);
		run(&r, seen);
		if (!writes) {
			print_states(&r, seen, i);
		} else {
			write_rule(&r, argv[2], i);
			write_test(&r, seen, argv[2], i);
		}
		expr_free(r.conf.when);
	}
	return 0;
}
