/* SPDX-License-Identifier: Apache-2.0 */
/* Steps every threshold, and tells what became of it. */
#include "chaos/watch/thresholds.h"

#include <math.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/watch/gauges.h"

struct thresholds {
	const struct watch_conf *conf;
	const struct expr_env *env;
	const struct totals *totals;
	struct threshold *v;
	nsec_t end;
};

struct thresholds *thresholds_new(const struct watch_conf *conf,
				  const struct expr_env *env,
				  const struct totals *totals)
{
	struct thresholds *v = mem_zalloc(sizeof(*v));

	v->conf = conf;
	v->env = env;
	v->totals = totals;
	v->v = mem_calloc(conf->n_thresholds + 1, sizeof(*v->v));
	v->end = NSEC_NEVER;
	return v;
}

void thresholds_free(struct thresholds *v)
{
	if (!v)
		return;
	mem_free(v->v);
	mem_free(v);
}

/* Watch's values, but for functions without a window: the run's so far. */
struct whole_run {
	const struct thresholds *v;
	unsigned phases;
};

static int whole_run_value(void *arg, const struct expr_ref *ref, double *ret)
{
	const struct whole_run *run = arg;
	const struct expr_env *env = run->v->env;

	if (!ref->func || ref->window || gauges_is_func(ref->func) ||
	    !strcmp(ref->func, "baseline"))
		return env->value(env->arg, ref, ret);
	return totals_value(run->v->totals, ref->func, ref->arg, run->phases,
			    ref->cause, ret);
}

/* What a value is in, by the function that gave it. */
static const char *unit_of(const struct expr_ref *ref)
{
	static const struct {
		const char *func, *unit;
	} units[] = {
		{ "checks", "share" }, { "client", "share" },
		{ "errors", "share" },
		{ "offered", "1/s" },  { "throughput", "1/s" },
	};
	const char *func = ref && ref->inner ? ref->inner
			   : ref	     ? ref->func
					     : NULL;

	for (size_t i = 0; func && i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(units[i].func, func))
			return units[i].unit;
	return func && !strncmp(func, "latency.", 8) ? "s" : "";
}

static const char *const phase_words[] = {
	[THRESHOLD_SCORED] = "", [THRESHOLD_BASELINE] = "baseline",
	[THRESHOLD_FAULT] = "fault", [THRESHOLD_RECOVERY] = "recovery",
};

static struct watch_threshold told_of(const struct thresholds *v, size_t i,
				      bool final, nsec_t now)
{
	const struct threshold_conf *conf = &v->conf->thresholds[i];
	const struct threshold *t = &v->v[i];

	return (struct watch_threshold){
		.name = conf->name, .when = expr_text(conf->when),
		.phase = phase_words[conf->phase], .t = now, .final = final,
		.missing = t->missing, .missed = t->missed,
		.aborts = t->aborted, .came = t->begun,
		.at_end = threshold_at_end(conf),
		.seconds = t->seconds, .missed_seconds = t->missed_seconds,
		.value = t->known ? t->worst.value : NAN,
		.limit = t->known ? t->worst.limit : NAN,
		.margin = t->known ? t->worst.share : NAN,
		.unit = unit_of(t->known ? t->worst.ref : NULL),
		.worst_at = t->known ? t->worst_at : NSEC_NEVER,
		.explain = "",
	};
}

static void tell(const struct thresholds *v, size_t i,
		 const struct expr_env *env, bool final, nsec_t now,
		 thresholds_fn *fn, void *arg)
{
	struct watch_threshold told = told_of(v, i, final, now);
	struct buf explain;

	buf_init(&explain, 4096);
	expr_explain(v->conf->thresholds[i].when, env, &explain);
	told.explain = explain.data ? explain.data : "";
	fn(arg, &told);
	buf_done(&explain);
}

void thresholds_second(struct thresholds *v, nsec_t now, thresholds_fn *fn,
		       void *arg)
{
	/* A second is of the phase that it began in. */
	unsigned phases = totals_phase_at(v->totals, now - NSEC_SEC);

	if (now > v->end)
		return;
	for (size_t i = 0; i < v->conf->n_thresholds; i++) {
		const struct threshold_conf *conf = &v->conf->thresholds[i];
		struct whole_run run = { v, threshold_phases(conf) };
		struct expr_env env = *v->env;

		env.value = whole_run_value;
		env.arg = &run;
		if (threshold_step(&v->v[i], conf, &env, phases, now))
			tell(v, i, &env, false, now, fn, arg);
	}
}

void thresholds_each(const struct thresholds *v, thresholds_fn *fn, void *arg)
{
	for (size_t i = 0; i < v->conf->n_thresholds; i++) {
		struct watch_threshold told = told_of(v, i, false, 0);

		fn(arg, &told);
	}
}

void thresholds_end(struct thresholds *v, nsec_t at)
{
	v->end = at;
}

void thresholds_finish(struct thresholds *v, thresholds_fn *fn, void *arg)
{
	for (size_t i = 0; i < v->conf->n_thresholds; i++) {
		const struct threshold_conf *conf = &v->conf->thresholds[i];
		struct whole_run run = { v, threshold_phases(conf) };
		struct expr_env env = *v->env;

		env.value = whole_run_value;
		env.arg = &run;
		threshold_finish(&v->v[i], conf, &env, v->end);
		tell(v, i, &env, true, v->end, fn, arg);
	}
}
