/* SPDX-License-Identifier: Apache-2.0 */
/* The parts' callbacks, written down as events; and what follows from them. */
#include "chaos/drill/find.h"
#include "chaos/drill/impl.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"

static void add_started_at(struct buf *b, nsec_t real)
{
	char text[32];
	time_t s = (time_t)(real / NSEC_SEC);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_line_str(b, "started_at", text);
}

static void add_slo(struct buf *b, const struct watch_slo *slo)
{
	json_line_open(b, "slo");
	json_line_open(b, "latency");
	for (size_t i = 0; i < slo->latency.n; i++) {
		const char *text = slo->latency.v[i], *eq = strchr(text, '=');
		AUTO_FREE char *key = mem_strndup(text, (size_t)(eq - text));
		nsec_t t;

		if (units_duration(eq + 1, &t, NULL) == 0)
			json_line_time(b, key, t);
	}
	json_line_close(b);
	json_line_num(b, "errors", slo->errors);
	json_line_num(b, "throughput", slo->throughput);
	json_line_num(b, "availability", slo->availability);
	json_line_time(b, "period_s", slo->period);
	json_line_close(b);
}

static void add_array(struct buf *b, const char *key, const char *const *v,
		      size_t n)
{
	json_t *array = json_array();
	char *text;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(v[i]));
	text = json_dumps(array, JSON_COMPACT);
	json_line_raw(b, key, text);
	free(text);
	json_decref(array);
}

static void add_controls(struct buf *b, const struct plan_options *o)
{
	struct buf text;

	buf_init(&text, 1024);
	buf_adds(&text, o->find ? "search" : o->no_faults ? "no-faults" : "");
	for (size_t i = 0; o->without && o->without[i]; i++)
		buf_addf(&text, "%swithout:%s", text.len ? "," : "",
			 o->without[i]);
	json_line_str(b, "controls", text.data ? text.data : "");
	buf_done(&text);
}

static void add_scenario(struct buf *b, const struct plan_scenario *c)
{
	char clock[UNITS_TEXT] = "";

	if (c->clock >= 0)
		units_fmt_clock(clock, c->clock);
	json_line_str(b, "scenario", c->name);
	json_line_str(b, "title", c->title ? c->title : c->name);
	json_line_str(b, "clock", clock);
	json_line_str(b, "date", c->date ? c->date : "");
	json_line_int(b, "seed", c->seed);
	json_line_time(b, "lead_in_s", c->lead_in);
	json_line_time(b, "window_from_s", c->window_from);
	json_line_time(b, "window_to_s", c->window_to);
	json_line_time(b, "duration_s", c->duration);
	add_array(b, "assumptions", (const char *const *)c->assume.v,
		  c->assume.n);
}

void drill_record_run(struct drill *d)
{
	const struct plan *p = d->plan;
	bool playbook = p->playbook && !p->options.find;
	struct buf *b = eventlog_event(&d->log, "run");

	json_line_str(b, "id", d->args.run);
	json_line_str(b, "kind", d->args.kind);
	add_scenario(b, &p->conf);
	json_line_num(b, "speed", loop_clock(d->loop)->speed);
	add_started_at(b, d->env->real_time());
	json_line_str(b, "version", GAMEDAY_VERSION);
	json_line_time(b, "stable_for_s", watch_conf_stable_for(p->watch));
	json_line_bool(b, "judge_recorded", p->options.judge_recorded);
	add_controls(b, &p->options);
	add_array(b, "apis", d->apis, d->n_apis);
	json_line_int(b, "faults_planned", (int64_t)p->n_faults);
	json_line_int(b, "steps_planned",
		      playbook ? (int64_t)playbook_steps(p->playbook) : 0);
	json_line_bool(b, "has_playbook", playbook);
	add_slo(b, watch_conf_slo(p->watch));
	if (d->args.stack) {
		char *text = json_dumps(d->args.stack, JSON_COMPACT);

		json_line_raw(b, "stack", text);
		free(text);
	}
	json_line_open(b, "load");
	json_line_str(b, "engine", d->env->load->name);
	json_line_close(b);
	eventlog_end(&d->log);
}

void drill_on_milestone(void *arg, const char *name, nsec_t at,
			const char *source, const char *why)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "milestone");

	json_line_str(b, "name", name);
	json_line_time(b, "at_s", at);
	json_line_str(b, "source", source);
	if (why)
		json_line_str(b, "why", why);
	eventlog_end(&d->log);
	drill_timeline_milestone(d, name, at);
}

/* A phase that a control cannot have is nobody's miss. */
static bool threshold_is_judged(const struct drill *d,
				const struct watch_threshold *t)
{
	const struct plan_options *o = &d->plan->options;

	return t->came || !(o->no_faults || (o->without && o->without[0]));
}

void drill_on_threshold(void *arg, const struct watch_threshold *t)
{
	struct drill *d = arg;
	struct buf *b;

	/* A search goes beyond every limit: that is what it is for. */
	if (d->plan->options.find)
		return;
	b = eventlog_event(&d->log, "threshold");
	json_line_str(b, "name", t->name);
	json_line_str(b, "when", t->when);
	json_line_str(b, "phase", t->phase);
	json_line_bool(b, "final", t->final);
	json_line_bool(b, "missing", t->missing);
	json_line_bool(b, "missed", t->missed);
	json_line_bool(b, "aborts", t->aborts);
	json_line_bool(b, "at_end", t->at_end);
	json_line_bool(b, "judged", threshold_is_judged(d, t));
	json_line_int(b, "seconds", t->seconds);
	json_line_int(b, "missed_seconds", t->missed_seconds);
	json_line_num(b, "value", t->value);
	json_line_num(b, "limit", t->limit);
	json_line_num(b, "margin", t->margin);
	json_line_str(b, "unit", t->unit);
	json_line_time(b, "worst_s", t->worst_at);
	json_line_str(b, "explain", t->explain);
	eventlog_end(&d->log);
	if (!t->final && t->aborts) {
		AUTO_FREE char *why = mem_printf(
			"threshold %s was missed: %s (%s)", t->name, t->when,
			t->explain);

		drill_stop(d, DRILL_ABORTED, why);
	}
}

static void add_unless_0(struct buf *b, const char *key, uint64_t n)
{
	if (n)
		json_line_int(b, key, (int64_t)n);
}

static void write_api(struct drill *d, int64_t second,
		      const struct load_row *r)
{
	const char *api = d->apis[r->api];
	const char *phase = load_phase_name((enum load_phase)r->phase);
	struct buf *b = eventlog_point(&d->log, "api", second);
	char tag[160];

	json_line_str(b, "api", api);
	json_line_str(b, "phase", phase);
	if (d->scopes.beside >> r->api & 1)
		json_line_bool(b, "beside", true);
	json_line_int(b, "due", (int64_t)r->due);
	json_line_int(b, "ok", (int64_t)r->ok);
	json_line_int(b, "client", (int64_t)r->client);
	json_line_int(b, "business", (int64_t)r->business);
	add_unless_0(b, "censored", r->censored);
	add_unless_0(b, "checks_ok", r->checks_ok);
	add_unless_0(b, "checks_failed", r->checks_failed);
	add_unless_0(b, "saturated", r->saturated);
	json_line_open(b, "failed");
	for (int c = 0; c < LOAD_CAUSES; c++)
		if (r->failed[c])
			json_line_int(b, load_cause_name((enum load_cause)c),
				      (int64_t)r->failed[c]);
	json_line_close(b);
	eventlog_end(&d->log);
	snprintf(tag, sizeof(tag), "%s/%s/response", api, phase);
	eventlog_hist(&d->log, tag, second, r->response);
	snprintf(tag, sizeof(tag), "%s/%s/service", api, phase);
	eventlog_hist(&d->log, tag, second, r->service);
}

void drill_on_second(void *arg, const struct watch_second *s)
{
	struct drill *d = arg;

	for (size_t i = 0; i < s->n; i++)
		write_api(d, s->second, &s->rows[i]);
	drill_find_rows(d, s);
	/* The last second is cut short: it counts, and is not judged. */
	if (d->state >= DRILL_STOPPING)
		return;
	d->second = *s;
	d->second.rows = NULL;
	snprintf(d->second_why, sizeof(d->second_why), "%s",
		 s->why ? s->why : "");
	milestones_second(&d->ms, s->second, s->bad, d->second_why);
}

/* The last callback of a drill second: all of it is known now. */
void drill_on_gauges(void *arg, int64_t second, const char *const *names,
		     const double *values, size_t n)
{
	struct drill *d = arg;
	nsec_t t = (second + 1) * NSEC_SEC;
	struct buf *b;

	if (d->state >= DRILL_STOPPING)
		return;
	b = eventlog_point(&d->log, "gauge", second);
	if (d->second.second == second) {
		json_line_bool(b, "bad", d->second.bad);
		json_line_str(b, "why", d->second_why);
		json_line_num(b, "p95_s", d->second.p95_s);
		json_line_num(b, "errors", d->second.errors);
		json_line_num(b, "throughput", d->second.throughput);
	}
	for (size_t i = 0; i < n; i++) {
		json_line_num(b, names[i], values[i]);
		if (strcmp(names[i], "users") == 0)
			d->users = values[i];
	}
	eventlog_end(&d->log);
	if (second >= 0) {
		drill_judge_second(d, t);
		drill_timeline_second(d, t);
		drill_find_second(d, t);
	}
}

static const char *const undo_words[] = {
	[UNDO_PRESENT] = "no", [UNDO_GONE] = "yes",
	[UNDO_CANNOT_TELL] = "unknown",
};

static void add_object(struct buf *b, const char *key, const json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (text)
		json_line_raw(b, key, text);
	free(text);
}

void drill_on_fault(void *arg, const struct fault_event *e)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "fault");

	json_line_str(b, "name", e->conf->name);
	json_line_str(b, "kind", e->ops->name);
	if (e->fallback)
		json_line_str(b, "fallback_for", e->conf->kind);
	if (d->fault[e->index].due != NSEC_NEVER)
		json_line_time(b, "planned_s", d->fault[e->index].due);
	json_line_str(b, "from", fault_state_name(e->from));
	json_line_str(b, "to", fault_state_name(e->to));
	if (e->target)
		json_line_str(b, "target", e->target);
	if (e->real > 0)
		json_line_num(b, "real_ms", (double)e->real / 1e6);
	if (e->why)
		json_line_str(b, "why", e->why);
	if (e->remove)
		json_line_str(b, "remove", e->remove);
	add_object(b, "asked", e->asked);
	add_object(b, "achieved", e->achieved);
	if (e->to == FAULT_GONE || e->to == FAULT_LEFT)
		json_line_str(b, "verified", undo_words[e->verified]);
	eventlog_end(&d->log);
	if (e->from != FAULT_INJECTED && e->to == FAULT_INJECTED)
		drill_judge_injected(d, e->index, loop_now(d->loop));
	if (e->to == FAULT_FAILED)
		drill_stop(d, DRILL_ABORTED, e->why ? e->why : "inject failed");
}

void drill_on_step(void *arg, const struct playbook_event *e)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "step");
	char source[128];

	json_line_str(b, "step", e->step);
	json_line_str(b, "from", playbook_step_state_name(e->from));
	json_line_str(b, "to", playbook_step_state_name(e->to));
	json_line_bool(b, "call_ok", e->call_ok);
	json_line_bool(b, "lifts", e->lifts);
	if (e->why)
		json_line_str(b, "why", e->why);
	if (e->before)
		json_line_str(b, "before", e->before);
	if (e->after)
		json_line_str(b, "after", e->after);
	eventlog_end(&d->log);
	snprintf(source, sizeof(source), "step %s", e->step);
	if (e->to == PLAYBOOK_CALLING)
		milestones_acknowledged(&d->ms, e->t, source);
	if (e->call_ok)
		milestones_first_action(&d->ms, e->t, source);
}

void drill_on_verifying(void *arg, bool open)
{
	struct drill *d = arg;

	watch_sample_fast(d->watch, open);
}

void drill_on_playbook_finished(void *arg, size_t failed)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "playbook");

	json_line_int(b, "failed", (int64_t)failed);
	eventlog_end(&d->log);
}

/* Takes the array over. */
static void add_json(struct buf *b, const char *key, json_t *array)
{
	char *text = json_dumps(array, JSON_COMPACT);

	json_line_raw(b, key, text);
	free(text);
	json_decref(array);
}

static void add_load_users(struct buf *b, struct drill *d,
			   const struct load_final *f)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->n_users; i++) {
		const struct load_users_row *r = &f->users[i];

		json_array_append_new(
			array,
			json_pack("{s:s,s:s,s:I,s:I,s:I}", "api",
				  d->apis[r->api], "phase",
				  load_phase_name((enum load_phase)r->phase),
				  "asked", (json_int_t)r->asked, "unserved",
				  (json_int_t)r->unserved, "raw",
				  (json_int_t)r->raw));
	}
	add_json(b, "users", array);
}

static void add_checks(struct buf *b, const struct load_final *f)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->n_checks; i++)
		json_array_append_new(
			array, json_pack("{s:s,s:I,s:I}", "name",
					 f->checks[i].name, "ok",
					 (json_int_t)f->checks[i].ok, "failed",
					 (json_int_t)f->checks[i].failed));
	add_json(b, "checks", array);
}

/* Of each load thread, shares of a core. */
static void add_cpu(struct buf *b, const struct load_final *f)
{
	json_t *array = json_array();

	for (size_t i = 0; i < f->n_cpu; i++)
		json_array_append_new(array,
				      json_pack("{s:f,s:f}", "mean",
						f->cpu[i].mean, "max_5s",
						f->cpu[i].max_5s));
	add_json(b, "threads", array);
}

void drill_on_load_done(void *arg, const struct load_final *f)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "load");
	char digest[24];

	snprintf(digest, sizeof(digest), "%016llx",
		 (unsigned long long)f->decisions);
	json_line_num(b, "send_lag_p50_ms", (double)f->send_lag_p50 / 1e6);
	json_line_num(b, "send_lag_p99_ms", (double)f->send_lag_p99 / 1e6);
	json_line_num(b, "send_lag_max_ms", (double)f->send_lag_max / 1e6);
	json_line_num(b, "cpu_max_5s", f->cpu_max_5s);
	add_cpu(b, f);
	json_line_num(b, "open_planned", f->open_planned);
	json_line_num(b, "open_achieved", f->open_achieved);
	json_line_num(b, "fd_share", f->fd_share);
	json_line_num(b, "port_share", f->port_share);
	json_line_int(b, "fds", (int64_t)f->fds);
	json_line_int(b, "fds_limit", (int64_t)f->fds_limit);
	json_line_int(b, "ports", (int64_t)f->ports);
	json_line_int(b, "ports_limit", (int64_t)f->ports_limit);
	json_line_int(b, "conns_asked", (int64_t)f->conns_asked);
	json_line_int(b, "conns_held", (int64_t)f->conns_held);
	json_line_bool(b, "greedy", f->greedy);
	json_line_int(b, "dropped", (int64_t)f->dropped);
	json_line_int(b, "sent", (int64_t)f->sent);
	json_line_int(b, "sent_partly", (int64_t)f->sent_partly);
	json_line_int(b, "emfile", (int64_t)f->emfile);
	json_line_int(b, "eaddrnotavail", (int64_t)f->eaddrnotavail);
	json_line_int(b, "connects", (int64_t)f->connects);
	json_line_int(b, "users_max", (int64_t)f->users_max);
	json_line_int(b, "requests", (int64_t)f->requests);
	json_line_int(b, "users_affected", (int64_t)f->users_affected);
	json_line_str(b, "decisions", digest);
	if (d->load_over != NSEC_NEVER)
		json_line_num(b, "over_s",
			      (double)d->load_over / NSEC_SEC);
	json_line_open(b, "censored");
	for (size_t i = 0; i < d->n_apis && i < 64; i++)
		json_line_int(b, d->apis[i], (int64_t)f->censored[i]);
	json_line_close(b);
	json_line_open(b, "skipped");
	for (size_t i = 0; i < d->n_apis && i < 64; i++)
		if (f->skipped[i])
			json_line_int(b, d->apis[i], (int64_t)f->skipped[i]);
	json_line_close(b);
	json_line_int(b, "polls", (int64_t)f->polls);
	json_line_int(b, "redirects", (int64_t)f->redirects);
	add_checks(b, f);
	add_load_users(b, d, f);
	eventlog_end(&d->log);
	d->load_done = true;
	if (f->data_ended)
		drill_spoil(d, "[data %s] ended before the load did (more "
			       "rows, or at_end = wrap)", f->data_ended);
	if (d->state == DRILL_STOPPING)
		drill_advance(d, DRILL_DONE, "load has stopped");
}

static bool gauge(struct drill *d, const char *name, double *ret)
{
	const struct expr_env *env = watch_env(d->watch);
	struct expr_ref ref = { .arg = name };

	return env->value(env->arg, &ref, ret) == 0;
}

/* The emulated holds so far, as a phase begins; LOAD_PHASES: at the end. */
void drill_record_hold(struct drill *d, enum load_phase phase)
{
	d->hold_known[phase] =
		gauge(d, "hold.asked_s", &d->hold[phase].asked) &&
		gauge(d, "hold.spent_s", &d->hold[phase].spent);
}

static void add_holds(struct buf *b, const struct drill *d)
{
	json_t *array = json_array();
	char *text;

	for (int p = 0; p < LOAD_PHASES; p++) {
		int next = p + 1;

		while (next < LOAD_PHASES && !d->hold_known[next])
			next++;
		if (!d->hold_known[p] || !d->hold_known[next])
			continue;
		json_array_append_new(
			array,
			json_pack("{s:s,s:f,s:f}", "phase",
				  load_phase_name((enum load_phase)p),
				  "asked_s",
				  d->hold[next].asked - d->hold[p].asked,
				  "achieved_s",
				  d->hold[next].spent - d->hold[p].spent));
	}
	text = json_dumps(array, JSON_COMPACT);
	json_line_raw(b, "hold", text);
	free(text);
	json_decref(array);
}

void drill_record_audit(struct drill *d)
{
	struct loop_stats stats = { 0 };
	struct buf *b;

	/* In virtual time they say how fast this machine is, and no more. */
	if (!loop_is_virtual(d->loop))
		loop_stats(d->loop, &stats);
	b = eventlog_event(&d->log, "audit");
	json_line_int(b, "loop_slow", (int64_t)stats.slow);
	json_line_int(b, "loop_blocked", (int64_t)stats.blocked);
	json_line_num(b, "loop_longest_ms", (double)stats.longest / 1e6);
	json_line_str(b, "loop_longest",
		      stats.longest_name ? stats.longest_name : "");
	json_line_num(b, "slip_p99_ms",
		      (double)hist_percentile(d->slip, 99) / 1e6);
	add_holds(b, d);
	eventlog_end(&d->log);
}

static const char *const end_words[] = {
	[DRILL_COMPLETED] = "completed",
	[DRILL_ABORTED] = "aborted",
	[DRILL_INTERRUPTED] = "interrupted",
};

void drill_record_end(struct drill *d)
{
	struct buf *b = eventlog_event(&d->log, "end");

	json_line_str(b, "status", end_words[d->end]);
	json_line_str(b, "why", d->end_why ? d->end_why : "");
	json_line_int(b, "left", (int64_t)d->left);
	json_line_int(b, "relapses", d->ms.relapses);
	eventlog_end(&d->log);
}
