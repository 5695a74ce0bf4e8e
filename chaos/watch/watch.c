/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ties sources, windows, detectors and the SLO judge together: waits until all
 * load threads have sent a second, then judges it.  Decides nothing by itself.
 */
#include "chaos/watch/watch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/watch/burns.h"
#include "chaos/watch/conf.h"
#include "chaos/watch/gauges.h"
#include "chaos/watch/scope.h"
#include "chaos/watch/slo.h"
#include "chaos/watch/thresholds.h"
#include "chaos/watch/windows.h"

#define WATCH_FAST (100 * NSEC_MS)	/* real */

/* A second whose rows have not come from every load thread yet. */
struct pending {
	int64_t second;
	unsigned got, threads;
	double users;
	uint64_t in_flight;
	struct load_row *rows;	/* merged; their histograms are owned */
	size_t n;
};

struct source {
	const struct watch_source_ops *ops;
	void *self;
	bool started;
};

/* Owned by the loop's thread. */
struct watch {
	struct watch_args args;
	struct windows *windows;
	struct burns *burns;
	struct gauges *gauges;
	struct slo slo;
	struct detector *detectors;
	struct totals *totals;
	struct thresholds *thresholds;
	const char **each;	/* what "each" runs over */
	struct expr_env env;
	struct pending *pending;	/* by second */
	size_t n_pending;
	struct source *sources;
	size_t n_sources;
	struct probe_env probe_env;
	struct probe **probes;
	size_t n_probes;
	struct loop_timer tick, fast;
	int64_t judged;		/* last second, when there is no traffic */
	int fast_users;
	bool running;
};

/* Of a gauge: its value, a function of it, or its baseline. */
static int gauge_value(const struct watch *w, const struct expr_ref *ref,
		       double *ret)
{
	if (!ref->func)
		return gauges_value(w->gauges, ref->arg, ret);
	if (gauges_is_func(ref->func))
		return gauges_func(w->gauges, ref->func, ref->arg,
				   ref->window, loop_now(w->args.loop), ret);
	return gauges_baseline(w->gauges, ref->arg, ret);
}

static int watch_value(void *arg, const struct expr_ref *ref, double *ret)
{
	struct watch *w = arg;
	bool baseline = ref->func && !strcmp(ref->func, "baseline");
	int rc;

	if (!ref->func || gauges_is_func(ref->func) ||
	    (baseline && !ref->inner)) {
		rc = gauge_value(w, ref, ret);
		/* The checker knows its name: it is only not there yet. */
		return rc == -ENOENT ? -ENODATA : rc;
	}
	if (!baseline && !strcmp(ref->func, "burn"))
		return burns_value(w->burns, ref->arg, ref->window, ret);
	if (baseline)
		return windows_baseline(w->windows, ref->inner, ref->arg, ret);
	return windows_value(w->windows, ref->func, ref->arg, ref->window,
			     ref->cause, ret);
}

static void set_alert(struct watch *w, size_t i, nsec_t t)
{
	char name[160];

	snprintf(name, sizeof(name), "alert.%s",
		 w->args.conf->detectors[i].name);
	gauges_set(w->gauges, name, t, (double)w->detectors[i].state);
}

static void on_tick(struct loop *loop, struct loop_timer *timer, void *arg);
static void on_fast(struct loop *loop, struct loop_timer *timer, void *arg);

static void probe_gauge(void *arg, const char *name, nsec_t t, double value)
{
	watch_gauge(arg, name, t, value);
}

static void probe_told(void *arg, const struct watch_alert *a)
{
	struct watch *w = arg;

	if (w->args.alert)
		w->args.alert(w->args.arg, a);
}

static void probe_source(void *arg, const struct watch_source_state *s)
{
	struct watch *w = arg;

	if (w->args.source)
		w->args.source(w->args.arg, s);
}

/* Those that are followed beside a user are in no sum. */
static size_t make_each(struct watch *w, const struct load_scopes *scopes)
{
	size_t n = 0;

	w->each = mem_calloc(scopes->n_apis + 1, sizeof(*w->each));
	for (size_t i = 0; i < scopes->n_apis; i++)
		if (!scope_has(scopes->beside, i))
			w->each[n++] = scopes->apis[i];
	return n;
}

int watch_new(const struct watch_args *args, struct watch **ret,
	      struct err *err)
{
	static const struct load_scopes none = { .n_apis = 0 };
	const struct load_scopes *scopes = args->scopes ? args->scopes : &none;
	struct watch *w = mem_zalloc(sizeof(*w));
	size_t n_each = make_each(w, scopes);

	(void)err;
	w->args = *args;
	w->args.scopes = scopes;
	w->windows = windows_new(scopes);
	w->burns = burns_new(scopes, watch_conf_slo(args->conf));
	w->totals = totals_new(scopes);
	w->gauges = gauges_new();
	slo_init(&w->slo, watch_conf_slo(args->conf));
	w->detectors = mem_calloc(args->conf->n_detectors,
				  sizeof(*w->detectors));
	w->env = (struct expr_env){
		.value = watch_value, .arg = w,
		.n_apis = n_each, .apis = w->each,
	};
	w->thresholds = thresholds_new(args->conf, &w->env, w->totals);
	w->probe_env = (struct probe_env){
		.loop = args->loop, .allow = args->allow,
		.symbols = args->symbols, .gauge = probe_gauge,
		.alert = probe_told, .source = probe_source, .arg = w,
	};
	loop_timer_init(&w->tick, "watch tick", on_tick, w);
	loop_timer_init(&w->fast, "watch fast", on_fast, w);
	/* Silent from the start, and not unknown until the first second. */
	for (size_t i = 0; i < args->conf->n_detectors; i++)
		set_alert(w, i, loop_now(args->loop));
	*ret = w;
	return 0;
}

static void pending_done(struct pending *p)
{
	for (size_t i = 0; i < p->n; i++) {
		hist_free(p->rows[i].response);
		hist_free(p->rows[i].service);
	}
	mem_free(p->rows);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	watch_stop(w);
	for (size_t i = 0; i < w->n_pending; i++)
		pending_done(&w->pending[i]);
	mem_free(w->pending);
	mem_free(w->sources);
	mem_free(w->detectors);
	thresholds_free(w->thresholds);
	totals_free(w->totals);
	mem_free(w->each);
	windows_free(w->windows);
	burns_free(w->burns);
	gauges_free(w->gauges);
	mem_free(w);
}

void watch_gauge(struct watch *w, const char *name, nsec_t t, double value)
{
	gauges_set(w->gauges, name, t, value);
}

const struct expr_env *watch_env(struct watch *w)
{
	return &w->env;
}

void watch_freeze_baseline(struct watch *w)
{
	gauges_freeze(w->gauges);
	windows_freeze(w->windows);
}

void watch_phase(struct watch *w, enum load_phase phase, nsec_t from)
{
	totals_phase(w->totals, phase, from);
}

void watch_end(struct watch *w, nsec_t at)
{
	totals_end(w->totals, at);
	thresholds_end(w->thresholds, at);
}

void watch_finish(struct watch *w)
{
	if (w->args.threshold)
		thresholds_finish(w->thresholds, w->args.threshold,
				  w->args.arg);
}

void watch_totals(const struct watch *w, size_t api, struct windows_sum *ret,
		  struct hist *add_to)
{
	totals_api(w->totals, api, TOTALS_ALL, ret, add_to);
}

void watch_thresholds(const struct watch *w,
		      void (*fn)(void *arg, const struct watch_threshold *t),
		      void *arg)
{
	thresholds_each(w->thresholds, fn, arg);
}

size_t watch_gauges(const struct watch *w, const char *const **ret_names,
		    const double **ret_values)
{
	return gauges_all(w->gauges, ret_names, ret_values);
}

/* One detector's change of state, told after the second and the gauges. */
struct change {
	size_t index;
	enum watch_alert_state from;
};

static size_t step_detectors(struct watch *w, nsec_t t, struct change *ret)
{
	const struct watch_conf *conf = w->args.conf;
	enum watch_alert_state from;
	size_t n = 0;

	for (size_t i = 0; i < conf->n_detectors; i++) {
		from = w->detectors[i].state;
		if (detector_step(&w->detectors[i], &conf->detectors[i],
				  &w->env, t))
			ret[n++] = (struct change){ i, from };
	}
	/* After all: a condition on an alert sees the second before. */
	for (size_t i = 0; i < conf->n_detectors; i++)
		set_alert(w, i, t);
	return n;
}

static void tell_alert(struct watch *w, const struct change *c, nsec_t t)
{
	const struct detector_conf *conf =
		&w->args.conf->detectors[c->index];
	const struct detector *d = &w->detectors[c->index];
	struct watch_alert alert = {
		.name = conf->name, .severity = conf->severity,
		.source = "detector", .from = c->from,
		.to = d->state, .t = t,
		.bad_at = d->bad_at, .active_at = d->since,
		.fired_at = d->state == WATCH_FIRING ? t : NSEC_NEVER,
	};
	struct buf explain;

	buf_init(&explain, 4096);
	expr_explain(conf->when, &w->env, &explain);
	alert.explain = explain.data ? explain.data : "";
	w->args.alert(w->args.arg, &alert);
	buf_done(&explain);
}

static double over_10s(struct watch *w, const char *func)
{
	double value;

	if (windows_value(w->windows, func, "all", SLO_SECONDS * NSEC_SEC,
			  NULL, &value))
		return NAN;
	return value;
}

static void tell_second(struct watch *w, const struct pending *p,
			const char *why)
{
	struct watch_second s = {
		.second = p->second, .bad = *why, .why = why,
		.p95_s = over_10s(w, "latency.p95"),
		.errors = over_10s(w, "errors"),
		.throughput = over_10s(w, "throughput"),
		.users = p->users, .rows = p->rows, .n = p->n,
	};

	w->args.second(w->args.arg, &s);
}

static void tell_gauges(struct watch *w, int64_t second)
{
	const char *const *names;
	const double *values;
	size_t n = gauges_all(w->gauges, &names, &values);

	w->args.gauges(w->args.arg, second, names, values, n);
}

/* The second is whole: windows, SLOs, detectors, and whoever listens. */
static void judge(struct watch *w, const struct pending *p)
{
	nsec_t t = (p->second + 1) * NSEC_SEC;
	AUTO_FREE struct change *changes = mem_calloc(
		w->args.conf->n_detectors, sizeof(*changes));
	struct buf why;
	size_t n;

	buf_init(&why, 256);
	windows_add(w->windows, p->second, p->rows, p->n);
	burns_add(w->burns, p->second, p->rows, p->n);
	totals_add(w->totals, p->second, p->rows, p->n);
	gauges_set(w->gauges, "users", t, p->users);
	gauges_set(w->gauges, "in_flight", t, (double)p->in_flight);
	slo_judge(&w->slo, w->windows, &why);
	n = step_detectors(w, t, changes);
	if (w->args.second)
		tell_second(w, p, why.data ? why.data : "");
	if (w->args.gauges)
		tell_gauges(w, p->second);
	for (size_t i = 0; i < n && w->args.alert; i++)
		tell_alert(w, &changes[i], t);
	if (w->args.threshold)
		thresholds_second(w->thresholds, t, w->args.threshold,
				  w->args.arg);
	buf_done(&why);
}

static struct pending *pending_at(struct watch *w, int64_t second)
{
	size_t i = 0;

	while (i < w->n_pending && w->pending[i].second < second)
		i++;
	if (i < w->n_pending && w->pending[i].second == second)
		return &w->pending[i];
	w->pending = mem_realloc(w->pending,
				 (w->n_pending + 1) * sizeof(*w->pending));
	memmove(&w->pending[i + 1], &w->pending[i],
		(w->n_pending - i) * sizeof(*w->pending));
	w->n_pending++;
	w->pending[i] = (struct pending){ .second = second };
	return &w->pending[i];
}

static struct hist *copy_hist(const struct hist *h)
{
	struct hist *copy = h ? hist_new() : NULL;

	if (copy)
		hist_merge(copy, h);
	return copy;
}

static void merge_hist(struct hist **to, const struct hist *from)
{
	if (!*to)
		*to = copy_hist(from);
	else if (from)
		hist_merge(*to, from);
}

static void merge_row(struct pending *p, const struct load_row *row)
{
	struct load_row *to = NULL;

	for (size_t i = 0; i < p->n && !to; i++)
		if (p->rows[i].api == row->api &&
		    p->rows[i].phase == row->phase)
			to = &p->rows[i];
	if (!to) {
		p->rows = mem_realloc(p->rows, (p->n + 1) * sizeof(*p->rows));
		to = &p->rows[p->n++];
		*to = (struct load_row){ .api = row->api,
					 .phase = row->phase };
	}
	to->due += row->due;
	to->ok += row->ok;
	to->client += row->client;
	to->business += row->business;
	to->censored += row->censored;
	to->checks_ok += row->checks_ok;
	to->checks_failed += row->checks_failed;
	to->saturated += row->saturated;
	for (int i = 0; i < LOAD_CAUSES; i++)
		to->failed[i] += row->failed[i];
	merge_hist(&to->response, row->response);
	merge_hist(&to->service, row->service);
}

static int by_api(const void *a, const void *b)
{
	const struct load_row *x = a, *y = b;

	if (x->api != y->api)
		return x->api < y->api ? -1 : 1;
	return (x->phase > y->phase) - (x->phase < y->phase);
}

/*
 * A thread sends its seconds in order, so what is older than a whole second
 * and still lacks a thread will not get it: it counts as it is.
 */
static void judge_upto(struct watch *w, int64_t second)
{
	struct pending p;

	while (w->n_pending && w->pending[0].second <= second) {
		p = w->pending[0];
		w->n_pending--;
		memmove(&w->pending[0], &w->pending[1],
			w->n_pending * sizeof(*w->pending));
		qsort(p.rows, p.n, sizeof(*p.rows), by_api);
		judge(w, &p);
		pending_done(&p);
	}
}

static void judge_alone(struct watch *w, const struct load_snapshot *s)
{
	struct pending p = {
		.second = s->second, .users = s->users,
		.in_flight = s->in_flight, .rows = s->rows, .n = s->n,
	};

	judge(w, &p);	/* the rows stay the snapshot's */
}

void watch_snapshot(struct watch *w, const struct load_snapshot *s)
{
	struct pending *p;

	if (s->threads <= 1) {
		judge_alone(w, s);
		return;
	}
	p = pending_at(w, s->second);
	p->threads = s->threads;
	p->got++;
	p->users += s->users;
	p->in_flight += s->in_flight;
	for (size_t i = 0; i < s->n; i++)
		merge_row(p, &s->rows[i]);
	if (p->got >= p->threads)
		judge_upto(w, s->second);
}

void watch_add_source(struct watch *w, const struct watch_source_ops *ops,
		      void *self)
{
	w->sources = mem_realloc(w->sources,
				 (w->n_sources + 1) * sizeof(*w->sources));
	w->sources[w->n_sources++] = (struct source){ ops, self, false };
}

static void sample(struct watch *w, nsec_t t, bool fast)
{
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i].started && w->sources[i].ops->sample)
			w->sources[i].ops->sample(w->sources[i].self, t);
	for (size_t i = 0; i < w->n_probes; i++)
		probe_sample(w->probes[i], t, fast);
}

/* Floor, also before T+0. */
static int64_t second_of(nsec_t t)
{
	int64_t s = t / NSEC_SEC;

	return t < s * NSEC_SEC ? s - 1 : s;
}

static void on_tick(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct watch *w = arg;
	/* Rounding of the drill clock must not fire a second twice. */
	int64_t second = second_of(loop_now(loop) + NSEC_MS);

	sample(w, second * NSEC_SEC, false);
	/* Without traffic nobody else says that a second is over. */
	for (; !w->args.scopes->n_apis && w->judged < second - 1; w->judged++)
		judge(w, &(struct pending){ .second = w->judged + 1 });
	loop_timer_at(loop, timer, (second + 1) * NSEC_SEC);
}

static void on_fast(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct watch *w = arg;

	sample(w, loop_now(loop), true);
	loop_timer_at_mono(loop, timer, loop_mono(loop) + WATCH_FAST);
}

static int start_probes(struct watch *w, struct err *err)
{
	const struct watch_conf *conf = w->args.conf;
	int rc;

	w->probes = mem_calloc(conf->n_probes, sizeof(struct probe *));
	for (; w->n_probes < conf->n_probes; w->n_probes++) {
		rc = probe_new(&conf->probes[w->n_probes], &w->probe_env,
			       &w->probes[w->n_probes], err);
		if (rc)
			return rc;
	}
	return 0;
}

int watch_start(struct watch *w, bool with_probes, struct err *err)
{
	int64_t second = second_of(loop_now(w->args.loop));
	struct source *s;
	int rc = 0;

	for (size_t i = 0; i < w->n_sources && !rc; i++) {
		s = &w->sources[i];
		rc = s->ops->start ? s->ops->start(s->self, w, err) : 0;
		s->started = !rc;
	}
	if (!rc && with_probes)
		rc = start_probes(w, err);
	w->running = true;
	if (rc) {
		watch_stop(w);
		return rc;
	}
	w->judged = second - 1;
	loop_timer_at(w->args.loop, &w->tick, (second + 1) * NSEC_SEC);
	return 0;
}

void watch_stop(struct watch *w)
{
	if (!w->running)
		return;
	w->running = false;
	loop_timer_stop(w->args.loop, &w->tick);
	loop_timer_stop(w->args.loop, &w->fast);
	for (size_t i = 0; i < w->n_sources; i++)
		if (w->sources[i].started && w->sources[i].ops->stop)
			w->sources[i].ops->stop(w->sources[i].self);
	for (size_t i = 0; i < w->n_probes; i++)
		probe_free(w->probes[i]);
	mem_free(w->probes);
	w->probes = NULL;
	w->n_probes = 0;
}

void watch_sample_fast(struct watch *w, bool on)
{
	w->fast_users += on ? 1 : -1;
	if (w->fast_users == 0)
		loop_timer_stop(w->args.loop, &w->fast);
	else if (on && w->fast_users == 1 && w->running)
		loop_timer_at_mono(w->args.loop, &w->fast,
				   loop_mono(w->args.loop) + WATCH_FAST);
}
