/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual user: script, pauses, requests, outcomes. */
#include "chaos/load/user.h"

#include "chaos/base/mem.h"
#include "chaos/load/engine.h"
#include "chaos/load/session.h"
#include "chaos/load/worker.h"

/*
 * After a refused connection, or a request that could not begin, without think
 * times: a user who knocks as fast as the machine can would measure nothing and
 * starve the others.
 */
static const nsec_t KNOCK_REAL = 10 * NSEC_MS;

static loop_timer_fn user_timer;
static bool ask(struct user *u, const struct load_step *step, nsec_t intended);

struct user *user_new(struct worker_group *group, uint64_t number)
{
	struct worker *w = group->worker;
	struct user *u = mem_zalloc(sizeof(*u));

	u->group = group;
	u->not_before = INT64_MIN;
	script_init(&u->script, group->conf, w->args.seed, number);
	conn_init(&u->conn, &w->host);
	loop_timer_init(&u->timer, "load user", user_timer, u);
	return u;
}

void user_free(struct user *u)
{
	if (!u)
		return;
	engine_free(&u->conn);
	captured_done(&u->captured);
	mem_free(u->rows);
	session_done(u);
	mem_free(u);
}

static void think(struct user *u, nsec_t from, nsec_t span)
{
	u->state = USER_THINKING;
	u->think = span;
	u->intended = from + span;
	loop_timer_at(u->group->worker->loop, &u->timer, u->intended);
}

static void away(struct user *u)
{
	u->resume = u->state == USER_THINKING;
	u->leaving = false;
	u->state = USER_AWAY;
	span_censored(&u->span, loop_now(u->group->worker->loop),
		      &u->group->worker->stats);
	loop_timer_stop(u->group->worker->loop, &u->timer);
	engine_close(&u->conn);
}

static void arrival_over(struct user *u)
{
	u->state = USER_AWAY;
	loop_timer_stop(u->group->worker->loop, &u->timer);
	stats_fold(&u->group->worker->stats, &u->seen);
	arrivals_user_free(&u->group->arrivals, u);
}

/* It has had its last iteration. */
static void through(struct user *u)
{
	away(u);
	u->resume = false;
	u->through = true;
	u->group->worker->users--;
}

/*
 * Between two iterations, or before the first: may it begin one at t?  If not
 * it is through, or waits for its pace.
 */
static bool begins(struct user *u, nsec_t t)
{
	nsec_t due = u->began + u->group->conf->pacing;

	if (u->script.arrival || u->script.entered)
		return true;
	if (u->script.iteration > 0 && due > t) {
		think(u, due, 0);
		return false;
	}
	if (!finish_may_begin(u->group, u->script.iteration)) {
		through(u);
		return false;
	}
	u->began = t;
	return true;
}

/* Its row of each data that the journey uses. False: one has ended. */
static bool rows_take(struct user *u, const struct load_journey *j)
{
	struct worker *w = u->group->worker;
	const struct load_conf *c = w->args.conf;
	struct data_want want = {
		.seed = w->args.seed, .number = u->script.number,
		.user = u->script.number - u->group->conf->first_user,
		.iteration = u->script.iteration,
	};

	if (!u->rows)
		u->rows = mem_calloc(c->n_data, sizeof(*u->rows));
	for (size_t i = 0; i < c->n_data; i++) {
		want.index = (unsigned)i;
		if (!(j->data >> i & 1))
			continue;
		u->rows[i] = data_row(&c->data[i], &want,
				      &w->args.data_next[i]);
		if (u->rows[i] != DATA_NONE)
			continue;
		if (c->data[i].at_end == DATA_ERROR)
			w->data_ended = c->data[i].name;
		return false;
	}
	return true;
}

/* A run through a journey begins. False: there is no data left for it. */
static bool iteration_begins(struct user *u)
{
	const struct load_journey *j =
		&u->group->worker->args.conf->journeys[u->script.journey];

	u->iteration = u->script.iteration;
	captured_forget(&u->captured);
	if (j->fresh)
		engine_close(&u->conn);
	if (j->cookies == COOKIES_ITERATION)
		cookies_forget(&u->cookies);
	return !j->data || rows_take(u, j);
}

/* The user stops for good, before its journey's first request. */
static void data_ended(struct user *u, nsec_t t)
{
	struct worker *w = u->group->worker;
	const struct load_journey *j =
		&w->args.conf->journeys[u->script.journey];

	if (u->queued)	/* it was due when it came */
		stats_censored(&w->stats, j->steps[j->first_request].api,
			       (enum load_phase)u->phase,
			       loop_now(w->loop) - t);
	u->queued = false;
	if (u->script.arrival) {
		arrival_over(u);
		return;
	}
	through(u);
}

/* A group begins or ends at t. */
static void mark(struct user *u, const struct load_step *step, nsec_t t)
{
	struct worker *w = u->group->worker;

	stats_advance(&w->stats, loop_now(w->loop));
	if (step->mark == MARK_GROUP)
		span_begin(&u->span, step, t, worker_phase(w, t), &w->stats,
			   &u->seen);
	else
		span_end(&u->span, t, &w->stats, &u->seen);
}

/* The next thing at t. False: it took no time, and the next one is due. */
static bool proceed_one(struct user *u, nsec_t t)
{
	struct script_action action;

	if (!begins(u, t))
		return true;
	script_next(&u->script, u->group->worker->args.conf, u->group->conf,
		    &action);
	if (u->iteration != u->script.iteration && !iteration_begins(u)) {
		data_ended(u, t);
		return true;
	}
	switch (action.kind) {
	case SCRIPT_THINK:
		think(u, t, action.think);
		if (u->group->over)
			user_finish(u);
		break;
	case SCRIPT_REQUEST:
		if (u->not_before <= t)
			return ask(u, action.step, t);
		u->next = action.step;
		think(u, u->not_before, 0);
		break;
	case SCRIPT_MARK:
		mark(u, action.step, t);
		return false;
	case SCRIPT_END:
		arrival_over(u);
		break;
	}
	return true;
}

/* What comes after something that ended at t. */
static void proceed(struct user *u, nsec_t t)
{
	while (!proceed_one(u, t))
		;
}

/* What the step looks at in its answer; NULL: none came. */
static void inspect(struct user *u, const struct answer *a, struct outcome *o,
		    nsec_t now)
{
	worker_inspect(u->group->worker, u->request->step, u, a,
		       (struct inspect_at){ u->intended, now, u->phase }, o);
}

static void knock_later(struct user *u, nsec_t now)
{
	const struct worker *w = u->group->worker;

	u->not_before = now + drill_span_from_real(&w->args.clock, KNOCK_REAL);
}

/* From the intended start of the request that is out. */
static nsec_t patience(const struct user *u)
{
	nsec_t own = u->request->step->timeout;

	return own ? own : u->group->conf->timeout;
}

/* From the first byte sent for it, whatever redirects were followed since. */
static nsec_t service(const struct user *u, nsec_t now)
{
	if (u->hopped)
		return now - u->sent;
	return u->conn.has_sent ? now - u->conn.sent : -1;
}

static void ended(struct user *u, struct outcome o, nsec_t now)
{
	struct worker *w = u->group->worker;
	struct stats_times times = {
		.response = now - u->intended,
		.service = service(u, now),
	};

	if (o.kind == OUTCOME_FAILED && o.cause == LOAD_TIMEOUT &&
	    times.response > patience(u))
		times.response = patience(u);
	if (o.kind == OUTCOME_FAILED && o.cause == LOAD_CONNECT)
		knock_later(u, now);
	if (u->request->step->inspect && !o.answered)
		inspect(u, NULL, &o, now);
	w->in_flight--;
	stats_advance(&w->stats, now);
	stats_end(&w->stats, &u->seen, u->request->step->api,
		  (enum load_phase)u->phase, o, times);
	span_note(&u->span, o);
	u->request = NULL;
	if (u->leaving)
		away(u);
	else
		proceed(u, now);
}

static void count_due(struct user *u, size_t api, nsec_t intended, nsec_t now)
{
	struct worker *w = u->group->worker;

	stats_advance(&w->stats, now);
	if (u->queued) {	/* counted when it came; the wait is no lag */
		u->queued = false;
		u->seen.asked[u->phase] |= UINT64_C(1) << api;
		return;
	}
	u->phase = (uint8_t)worker_phase(w, intended);
	stats_due(&w->stats, &u->seen, api, (enum load_phase)u->phase);
	hist_record(w->stats.send_lag,
		    drill_span_to_real(&w->args.clock, now - intended));
}

static void user_values(struct user *u, struct template_values *ret)
{
	script_values(&u->script, ret);
	ret->captured = &u->captured;
	ret->data = u->group->worker->args.conf->data;
	ret->rows = u->rows;
}

/* It lacks a captured value. As ask(). */
static bool skipped(struct user *u, const struct load_step *step)
{
	stats_skipped(&u->group->worker->stats, step->api);
	if (!step->follow || !step->follow->beside)
		span_note(&u->span, outcome_failed(LOAD_CHECK));
	return false;
}

/* An await or a poll. As ask(). */
static bool follow(struct user *u, const struct load_step *step,
		   nsec_t intended)
{
	struct worker *w = u->group->worker;
	const struct request *r = &w->args.requests[step->request];
	struct template_values values;
	const char *bytes;
	size_t len;

	user_values(u, &values);
	bytes = request_render(r, &values, &w->out, &w->scratch, &len);
	if (values.missing)
		return skipped(u, step);
	bytes = session_cookies(u, r, bytes, &len);
	u->follower = follower_start(&w->followers, u, r, bytes, len,
				     intended);
	if (step->follow->beside)
		return false;
	u->state = USER_POLLING;
	return true;
}

/* False: nothing was asked that the user waits for. */
static bool ask(struct user *u, const struct load_step *step, nsec_t intended)
{
	struct worker *w = u->group->worker;
	nsec_t now = loop_now_fresh(w->loop);
	struct template_values values;
	enum load_cause cause;
	const char *bytes;
	nsec_t deadline;
	size_t len;

	if (step->follow)
		return follow(u, step, intended);
	u->request = &w->args.requests[step->request];
	/* Always: what is drawn must not depend on what happens. */
	user_values(u, &values);
	bytes = request_render(u->request, &values, &w->out, &w->scratch, &len);
	if (values.missing)
		return skipped(u, step);
	deadline = intended + patience(u);
	u->intended = intended;
	u->state = USER_ASKING;
	u->conn.has_sent = u->hopped = false;
	w->in_flight++;
	count_due(u, step->api, intended, now);
	if (now >= deadline) {
		ended(u, outcome_failed(LOAD_TIMEOUT), now);
		return true;
	}
	loop_timer_by(w->loop, &u->timer, deadline);
	if (session_has(u->request))
		bytes = session_begin(u, u->request, bytes, &len);
	if (!engine_request(&u->conn, u->request, bytes, len, &cause)) {
		now = loop_now_fresh(w->loop);
		knock_later(u, now);	/* else it would ask from within */
		ended(u, outcome_failed(cause), now);
	}
	return true;
}

void user_followed(struct user *u, struct outcome o, nsec_t now)
{
	span_note(&u->span, o);
	u->follower = NULL;
	if (u->leaving)
		away(u);
	else
		proceed(u, now);
}

/* True: the answer was a redirect, and all is done for it. */
static bool redirected(struct user *u, const struct answer *a, nsec_t now)
{
	struct outcome lost = { .kind = OUTCOME_FAILED,
				.cause = LOAD_PROTOCOL, .answered = true };
	const struct request *r;
	enum load_cause cause;
	const char *bytes;
	size_t len;

	switch (session_answered(u, a, &r, &bytes, &len)) {
	case SESSION_DONE:
		return false;
	case SESSION_NEXT:
		if (!u->hopped && u->conn.has_sent) {
			u->sent = u->conn.sent;
			u->hopped = true;
		}
		if (!engine_request(&u->conn, r, bytes, len, &cause)) {
			knock_later(u, now);
			ended(u, outcome_failed(cause), now);
		}
		break;
	case SESSION_LOST:
		if (u->request->step->inspect)
			inspect(u, a, &lost, now);
		ended(u, lost, now);
		break;
	}
	return true;
}

void user_answered(struct conn *c, const struct answer *a)
{
	struct user *u = LIST_ENTRY(c, struct user, conn);
	nsec_t now = loop_now_fresh(u->group->worker->loop);
	struct outcome o = outcome_failed(a->cause);

	if (u->state == USER_POLLING) {
		follower_answered(u->follower, a);
		return;
	}
	if (now - u->intended >= patience(u)) {
		engine_abort(c);	/* the user has given up just before */
		o = outcome_failed(LOAD_TIMEOUT);
	} else if (a->status) {
		if (session_has(u->request) && redirected(u, a, now))
			return;
		o = outcome_of_status(u->request->step, a->status);
		if (u->request->step->inspect)
			inspect(u, a, &o, now);
	}
	ended(u, o, now);
}

/* The deadline of a request, unless the timer was an earlier one's. */
static void deadline_check(struct user *u)
{
	struct loop *loop = u->group->worker->loop;
	nsec_t deadline = u->intended + patience(u);

	if (loop_now(loop) < deadline) {
		loop_timer_by(loop, &u->timer, deadline);
		return;
	}
	engine_abort(&u->conn);
	ended(u, outcome_failed(LOAD_TIMEOUT), loop_now_fresh(loop));
}

static void think_over(struct user *u)
{
	const struct load_step *next = u->next;

	u->next = NULL;
	if (!next || !ask(u, next, u->intended))
		proceed(u, u->intended);
}

static void user_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct user *u = arg;

	(void)loop;
	(void)timer;
	switch ((enum user_state)u->state) {
	case USER_ASKING:
		deadline_check(u);
		break;
	case USER_THINKING:
		think_over(u);
		break;
	case USER_AWAY:
	case USER_POLLING:	/* an earlier request's deadline */
		break;
	}
}

void user_join(struct user *u, nsec_t now)
{
	if (u->leaving) {
		u->leaving = false;
	} else if (u->resume) {
		u->resume = false;
		think(u, now, u->next ? 0 : u->think);
	} else if (u->state == USER_AWAY) {
		proceed(u, now);
	}
}

void user_leave(struct user *u)
{
	if (u->state == USER_ASKING || u->state == USER_POLLING)
		u->leaving = true;
	else if (u->state == USER_THINKING)
		away(u);
}

/*
 * Is there a request left for it in this iteration, once it has begun?  In its
 * very first think it has not, unless the iteration was counted as one of a
 * limited number: nobody else would do it.
 */
static bool is_amid(const struct user *u)
{
	const struct load_conf *c = u->group->worker->args.conf;
	const struct script *s = &u->script;

	if (u->next)
		return true;
	return s->entered && s->step <= c->journeys[s->journey].last_request &&
	       (u->group->spent || s->iteration > 1 || s->step > 0);
}

void user_finish(struct user *u)
{
	if (u->state == USER_THINKING && !is_amid(u))
		through(u);
}

void user_arrive(struct user *u, const struct arrival *a, bool queued)
{
	const struct worker_group *g = u->group;

	script_init(&u->script, g->conf, g->worker->args.seed,
		    g->conf->first_user + a->index);
	u->iteration = 0;
	u->queued = queued;
	u->phase = a->phase;
	u->not_before = INT64_MIN;	/* arrivals have their own pace */
	proceed(u, a->at);
}

/* A request that was due and that nobody came to send. */
static void stop_unsent(struct user *u, nsec_t now)
{
	const struct worker_group *g = u->group;
	struct stats *stats = &g->worker->stats;
	struct script ahead = u->script;
	struct script_action action = { SCRIPT_MARK, 0, u->next };
	enum load_phase phase = worker_phase(g->worker, u->intended);

	while (!u->next && action.kind == SCRIPT_MARK)
		script_next(&ahead, g->worker->args.conf, g->conf, &action);
	if (!action.step || action.step->follow)
		return;
	stats_due(stats, &u->seen, action.step->api, phase);
	stats_censored(stats, action.step->api, phase, now - u->intended);
}

void user_stop(struct user *u, nsec_t now)
{
	struct worker *w = u->group->worker;

	if (u->state == USER_ASKING) {
		stats_censored(&w->stats, u->request->step->api,
			       (enum load_phase)u->phase, now - u->intended);
		w->in_flight--;
		engine_abort(&u->conn);
	} else if (u->state == USER_THINKING && u->intended <= now) {
		stop_unsent(u, now);
	}
	span_censored(&u->span, now, &w->stats);
	u->state = USER_AWAY;
	u->request = NULL;
	u->follower = NULL;
	loop_timer_stop(w->loop, &u->timer);
	engine_close(&u->conn);
	stats_fold(&w->stats, &u->seen);
}
