/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load --find on a drill: holds the levels that search.c asks for, judges their
 * windows, lets the system recover between them, and writes it all down.
 * Everything happens when a drill second is whole.
 */
#include "chaos/drill/find.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/drill/search.h"

/*
 *	LEAD_IN ─T+0─► RECOVER ─good, drained─► SETTLE ─► HOLD ─► RECOVER …
 *	                  └──────── too long ──────────────────► OVER
 */
enum find_state {
	FIND_LEAD_IN, FIND_RECOVER, FIND_SETTLE, FIND_HOLD, FIND_OVER
};

/* At the first load, before a level: at least, and at most this many holds. */
#define RECOVER_MIN (10 * NSEC_SEC)
enum { RECOVER_HOLDS = 10 };

struct find {
	struct search search;
	enum find_state state;
	nsec_t since;			/* drill time of the state */
	nsec_t level_from;		/* the present level's begin */
	unsigned windows;		/* judged, of the present hold */
	/* Of the present window; response_sum in s. */
	struct search_window window;
	double response_sum;
	/* Of the present level. */
	struct hist *response;		/* all but those that run beside */
	struct hist **apis;
};

static const struct plan_search *conf_of(const struct drill *d)
{
	return &d->plan->search;
}

static bool by_rate(const struct drill *d)
{
	return strcmp(d->plan->options.find, "rate") == 0;
}

/* The first [load] that has what is searched. */
static int group_of(const struct drill *d)
{
	const struct load_conf *c = d->plan->load;
	bool arrivals;

	for (size_t i = 0; i < load_conf_groups(c); i++) {
		(void)load_conf_group(c, i, &arrivals);
		if (arrivals == by_rate(d))
			return (int)i;
	}
	return 0;
}

static void set_load(struct drill *d, double load)
{
	struct load_adjust a = {
		.what = by_rate(d) ? LOAD_SET_RATE : LOAD_SET_USERS,
		.value = load,
		.group = group_of(d),
	};
	struct err err = { 0 };

	if (d->env->load->adjust(d->load, &a, &err) < 0)
		drill_stop(d, DRILL_ABORTED, err.msg);
}

static void enter(struct drill *d, enum find_state state, nsec_t t)
{
	struct find *f = d->find;

	f->state = state;
	f->since = t;
}

void drill_find_lead_in(struct drill *d)
{
	const struct plan_search *c = conf_of(d);
	struct search_conf conf = {
		.from = c->from, .to = c->to, .whole = !by_rate(d),
		.apart = c->apart, .holds_max = 3,
		/*
		 * Users: beyond the knee by far, where throughput is within a
		 * few percent of its end.  Arrivals: what is not answered.
		 */
		.linear = by_rate(d) ? 0.9 : 0.6,
	};
	struct find *f = mem_zalloc(sizeof(*f));

	d->find = f;
	search_init(&f->search, &conf);
	f->response = hist_new();
	f->apis = mem_calloc(d->n_apis, sizeof(struct hist *));
	for (size_t i = 0; i < d->n_apis; i++)
		f->apis[i] = hist_new();
	set_load(d, conf.from);
}

void drill_find_free(struct drill *d)
{
	struct find *f = d->find;

	if (!f)
		return;
	for (size_t i = 0; i < d->n_apis; i++)
		hist_free(f->apis[i]);
	mem_free(f->apis);
	hist_free(f->response);
	mem_free(f);
}

void drill_find_start(struct drill *d)
{
	for (size_t i = 0; i < d->plan->n_faults; i++)
		faults_inject(d->faults, i);
	enter(d, FIND_RECOVER, 0);
}

/* A condition whose functions are of a window of ours, unless they say one. */
struct windowed {
	const struct expr_env *env;
	nsec_t window;
};

static int windowed_value(void *arg, const struct expr_ref *ref, double *ret)
{
	const struct windowed *w = arg;
	struct expr_ref one = *ref;

	if (ref->func && !ref->inner && ref->window == 0)
		one.window = w->window;
	return w->env->value(w->env->arg, &one, ret);
}

static bool holds(struct drill *d, const struct expr *e, nsec_t window)
{
	struct windowed w = { .env = watch_env(d->watch), .window = window };
	struct expr_env env = {
		.value = windowed_value, .arg = &w,
		.apis = w.env->apis, .n_apis = w.env->n_apis,
	};

	return !e || expr_eval(e, &env) == EXPR_TRUE;
}

/* What is awaited beside a user is no throughput. */
static void add_row(struct drill *d, const struct load_row *r)
{
	struct find *f = d->find;
	uint64_t answered = r->ok + r->client + r->business;

	if (r->api >= d->n_apis)
		return;
	if (r->response)
		hist_merge(f->apis[r->api], r->response);
	if (d->scopes.beside >> r->api & 1)
		return;
	f->window.answered += answered;
	for (int i = 0; i < LOAD_CAUSES; i++)
		f->window.failed += r->failed[i];
	if (!r->response)
		return;
	hist_merge(f->response, r->response);
	f->response_sum += hist_mean(r->response) / 1e9 *
			   (double)hist_count(r->response);
}

void drill_find_rows(struct drill *d, const struct watch_second *s)
{
	if (!d->find || d->find->state != FIND_HOLD)
		return;
	for (size_t i = 0; i < s->n; i++)
		add_row(d, &s->rows[i]);
}

static void num_or_null(struct buf *b, const char *key, double v)
{
	if (isfinite(v))
		json_line_num(b, key, v);
	else
		json_line_raw(b, key, "null");
}

static double p95_s(const struct hist *h)
{
	return hist_count(h) ? (double)hist_percentile(h, 95) / 1e9 : NAN;
}

static void write_level(struct drill *d, const struct search_level *l,
			nsec_t t)
{
	struct find *f = d->find;
	struct buf *b = eventlog_event(&d->log, "level");
	double all = (double)(l->answered + l->failed);

	json_line_num(b, "load", l->load);
	json_line_time(b, "from_s", f->level_from);
	json_line_time(b, "to_s", t);
	json_line_int(b, "holds", l->holds);
	json_line_int(b, "good", l->good);
	json_line_int(b, "bad", l->bad);
	json_line_bool(b, "is_good", l->is_good);
	json_line_bool(b, "sure", l->sure);
	json_line_num(b, "throughput", l->throughput.mean);
	num_or_null(b, "throughput_error", search_mean_error(&l->throughput));
	num_or_null(b, "errors", all > 0 ? (double)l->failed / all : NAN);
	num_or_null(b, "p95_s", p95_s(f->response));
	json_line_open(b, "apis_p95_s");
	for (size_t i = 0; i < d->n_apis; i++)
		num_or_null(b, d->apis[i], p95_s(f->apis[i]));
	json_line_close(b);
	eventlog_end(&d->log);
}

static void write_number(struct buf *b, const char *key,
			 const struct search_number *n)
{
	json_line_open(b, key);
	num_or_null(b, "value", n->value);
	num_or_null(b, "lo", n->lo);
	num_or_null(b, "hi", n->hi);
	json_line_close(b);
}

static void write_search(struct drill *d)
{
	const struct plan_search *c = conf_of(d);
	const struct search *s = &d->find->search;
	double z = plan_think_s(d->plan);
	struct search_numbers n;
	struct buf *b;

	search_numbers(s, z, &n);
	b = eventlog_event(&d->log, "search");
	json_line_str(b, "of", d->plan->options.find);
	json_line_str(b, "while", expr_text(c->good));
	json_line_str(b, "drain", c->drain ? expr_text(c->drain) : "");
	json_line_time(b, "hold_s", c->hold);
	json_line_time(b, "settle_s", c->settle);
	json_line_time(b, "window_s", c->window);
	json_line_num(b, "apart", c->apart);
	json_line_bool(b, "closed", s->closed);
	json_line_str(b, "why", s->why);
	write_number(b, "limit", &n.limit);
	num_or_null(b, "bad", n.bad);
	write_number(b, "knee", &n.knee);
	write_number(b, "xmax", &n.xmax);
	write_number(b, "r0_s", &n.r0_s);
	json_line_num(b, "z_s", z);
	eventlog_end(&d->log);
	b = eventlog_event(&d->log, "criterion");
	json_line_str(b, "name", "search");
	json_line_str(b, "want", "a good and a bad level that are neighbours");
	json_line_str(b, "got", s->why);
	json_line_bool(b, "ok", s->closed);
	json_line_bool(b, "judged", true);
	eventlog_end(&d->log);
}

void drill_find_finish(struct drill *d)
{
	struct find *f = d->find;

	if (!f)
		return;
	search_give_up(&f->search, "it was stopped before it was over");
	f->state = FIND_OVER;
	write_search(d);
}

static void over(struct drill *d, const char *why)
{
	search_give_up(&d->find->search, why);
	drill_stop(d, DRILL_COMPLETED, d->find->search.why);
}

static void begin_level(struct drill *d, nsec_t t)
{
	struct find *f = d->find;

	set_load(d, search_load(&f->search));
	f->level_from = t;
	hist_reset(f->response);
	for (size_t i = 0; i < d->n_apis; i++)
		hist_reset(f->apis[i]);
	enter(d, FIND_SETTLE, t);
}

static void recover(struct drill *d, nsec_t t)
{
	const struct plan_search *c = conf_of(d);
	nsec_t spent = t - d->find->since;

	if (spent < RECOVER_MIN)
		return;
	if (holds(d, c->good, RECOVER_MIN) && holds(d, c->drain, RECOVER_MIN))
		begin_level(d, t);
	else if (spent > RECOVER_HOLDS * c->hold)
		over(d, "it did not recover at the first load within ten "
			"holds");
}

static void begin_hold(struct drill *d, nsec_t t)
{
	struct find *f = d->find;

	f->windows = 0;
	f->window = (struct search_window){ 0 };
	f->response_sum = 0;
	enter(d, FIND_HOLD, t);
}

/* A hold is over: what now? */
static void held(struct drill *d, nsec_t t)
{
	struct find *f = d->find;
	struct search_level *l = &f->search.levels[f->search.n - 1];
	enum search_do what = search_next(&f->search);

	if (what == SEARCH_LONGER) {
		begin_hold(d, t);
		return;
	}
	write_level(d, l, t);
	if (what == SEARCH_OVER) {
		over(d, f->search.why);
		return;
	}
	set_load(d, f->search.conf.from);
	enter(d, FIND_RECOVER, t);
}

static void hold(struct drill *d, nsec_t t)
{
	const struct plan_search *c = conf_of(d);
	struct find *f = d->find;
	struct search_window *w = &f->window;
	double all = (double)(w->answered + w->failed);

	if (t - f->since < (f->windows + 1) * c->window)
		return;
	w->good = holds(d, c->good, c->window);
	w->seconds = (double)c->window / 1e9;
	w->response_s = all > 0 ? f->response_sum / all : 0;
	search_add(&f->search, w);
	*w = (struct search_window){ 0 };
	f->response_sum = 0;
	f->windows++;
	if (f->windows == (c->hold - c->settle) / c->window)
		held(d, t);
}

void drill_find_second(struct drill *d, nsec_t t)
{
	struct find *f = d->find;

	if (!f || d->state != DRILL_RUNNING)
		return;
	switch (f->state) {
	case FIND_LEAD_IN:
	case FIND_OVER:
		break;
	case FIND_RECOVER:
		recover(d, t);
		break;
	case FIND_SETTLE:
		if (t - f->since >= conf_of(d)->settle)
			begin_hold(d, t);
		break;
	case FIND_HOLD:
		hold(d, t);
		break;
	}
}
