/* SPDX-License-Identifier: Apache-2.0 */
/* Arrivals of the open model: when they come, and who runs them. */
#include "chaos/load/arrivals.h"

#include "chaos/base/mem.h"
#include "chaos/load/worker.h"

/* The first so many arrivals of a [load] are in the run's digest. */
enum { DIGEST_ARRIVALS = 1000 };

static loop_timer_fn arrivals_timer;

static const struct load_group *conf_of(const struct arrivals *a)
{
	return a->group->conf;
}

/*
 * How late an arrival may begin and still count as on time: what a busy machine
 * makes of a timer, not a stall.
 */
static const nsec_t LATE_REAL = 10 * NSEC_MS;

static bool is_over(const struct arrivals *a, nsec_t at)
{
	const struct load_group *conf = conf_of(a);

	return a->group->over ||
	       (conf->iterations && a->index >= conf->iterations) ||
	       (a->group->worker->args.ends && at >= stages_end(&conf->stages));
}

/*
 * From one arrival to the next.  Even ones lie in the middle of their unit of
 * the area, the first too: a stage has as many as its rate says.
 */
static double draw_area(struct arrivals *a)
{
	if (conf_of(a)->arrival == LOAD_POISSON)
		return rng_exp(&a->rng, 1);
	return a->cursor == a->from ? 0.5 : 1;
}

/* The time of the next arrival, whichever thread's it is. */
static void draw(struct arrivals *a)
{
	const struct worker_group *g = a->group;
	double area = draw_area(a);

	if (a->cursor == NSEC_NEVER || g->paused)
		a->next = NSEC_NEVER;
	else if (g->set < 0)
		a->next = stages_after_area(&conf_of(a)->stages, a->cursor,
					    area);
	else if (g->set > 0)
		a->next = a->cursor + (nsec_t)(area / g->set * NSEC_SEC);
	else
		a->next = NSEC_NEVER;
	if (a->next != NSEC_NEVER && is_over(a, a->next))
		a->next = NSEC_NEVER;
	if (a->next != NSEC_NEVER)
		a->cursor = a->next;
}

static void timer_set(struct arrivals *a)
{
	nsec_t due = a->next;

	if (a->n && a->queue[a->head].at + conf_of(a)->timeout < due)
		due = a->queue[a->head].at + conf_of(a)->timeout;
	loop_timer_at(a->group->worker->loop, &a->timer, due);
}

void arrivals_start(struct arrivals *a, struct worker_group *group,
		    nsec_t from)
{
	const struct worker *w = group->worker;

	*a = (struct arrivals){ .group = group, .from = from,
				.cursor = from };
	/* The number before its first user's is nobody's. */
	rng_init(&a->rng, w->args.seed, group->conf->first_user - 1);
	loop_timer_init(&a->timer, "load arrivals", arrivals_timer, a);
	draw(a);
	timer_set(a);
}

void arrivals_done(struct arrivals *a)
{
	mem_free(a->queue);
	a->queue = NULL;
	a->n = a->cap = 0;
}

static struct user *user_take(struct arrivals *a)
{
	struct worker_group *g = a->group;
	struct user *u = a->free;

	if (u) {
		a->free = u->next_free;
	} else if (g->n_users == 0 ||
		   g->n_users < worker_share(g->worker,
					     (double)conf_of(a)->max_users)) {
		u = user_new(g, 0);
		(void)mem_grow(g->users, g->n_users, g->cap_users);
		g->users[g->n_users++] = u;
	} else {
		return NULL;
	}
	worker_user_comes(g->worker);
	return u;
}

static void queue_add(struct arrivals *a, const struct arrival *arrival)
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 64;
		struct arrival *queue = mem_calloc(cap, sizeof(*queue));

		for (size_t i = 0; i < a->n; i++)
			queue[i] = a->queue[(a->head + i) % a->cap];
		mem_free(a->queue);
		a->queue = queue;
		a->cap = cap;
		a->head = 0;
	}
	a->queue[(a->head + a->n++) % a->cap] = *arrival;
}

static struct arrival queue_take(struct arrivals *a)
{
	struct arrival arrival = a->queue[a->head];

	a->head = (a->head + 1) % a->cap;
	a->n--;
	return arrival;
}

/* What it will ask first: the script says, and costs nothing to ask. */
static size_t first_api(const struct arrivals *a, uint64_t index)
{
	const struct worker *w = a->group->worker;
	struct script_action action;
	struct script script;

	script_init(&script, conf_of(a), w->args.seed,
		    conf_of(a)->first_user + index);
	do
		script_next(&script, w->args.conf, conf_of(a), &action);
	while (action.kind == SCRIPT_MARK);
	return action.step->api;
}

/* Its first request is due, and nobody sends it now. */
static struct arrival unsent_now(const struct arrivals *a, uint64_t index,
				 nsec_t at)
{
	struct worker *w = a->group->worker;
	struct arrival arrival = {
		.index = index,
		.at = at,
		.api = (uint16_t)first_api(a, index),
		.phase = (uint8_t)worker_phase(w, at),
	};
	struct stats_user nobody = { 0 };

	stats_advance(&w->stats, loop_now(w->loop));
	stats_due(&w->stats, &nobody, arrival.api,
		  (enum load_phase)arrival.phase);
	return arrival;
}

static void queued(struct arrivals *a, uint64_t index, nsec_t at)
{
	struct arrival arrival = unsent_now(a, index, at);

	queue_add(a, &arrival);
}

static struct stats_user as_user(const struct arrival *arrival)
{
	struct stats_user u = { 0 };

	u.asked[arrival->phase] = UINT64_C(1) << arrival->api;
	return u;
}

/*
 * It will never be sent.  Who is turned away is not served within his patience:
 * in the distribution he has waited that long, for any less would flatter.
 */
static void dropped(struct arrivals *a, uint64_t index, nsec_t at)
{
	struct stats *stats = &a->group->worker->stats;
	struct arrival arrival = unsent_now(a, index, at);
	struct stats_user u = as_user(&arrival);

	a->dropped++;
	stats_censored(stats, arrival.api, (enum load_phase)arrival.phase,
		       conf_of(a)->timeout);
	stats_fold(stats, &u);
}

/* Must this one be given up, as catch_up says? */
static bool is_dropped(struct arrivals *a, nsec_t at, bool waits)
{
	const struct worker *w = a->group->worker;
	size_t bound = worker_share(w, (double)conf_of(a)->bound);
	bool late = drill_span_to_real(&w->args.clock,
				       loop_now(w->loop) - at) > LATE_REAL;

	if (!late)
		a->late = 0;
	switch (conf_of(a)->catch_up) {
	case LOAD_FULL:
		return false;
	case LOAD_BOUNDED:
		return waits ? a->n >= bound : late && a->late++ >= bound;
	case LOAD_DROP:
		return waits || late;
	}
	return false;
}

static void came(struct arrivals *a, uint64_t index, nsec_t at)
{
	struct arrival arrival = { .index = index, .at = at };
	struct user *u;

	a->planned++;
	if (is_dropped(a, at, false)) {
		dropped(a, index, at);
		return;
	}
	u = a->n ? NULL : user_take(a);	/* nobody overtakes the queue */
	if (!u) {
		if (is_dropped(a, at, true))
			dropped(a, index, at);
		else
			queued(a, index, at);
		return;
	}
	a->achieved++;
	user_arrive(u, &arrival, false);
}

/* Those whose patience ended in the queue. */
static void expire(struct arrivals *a, nsec_t now)
{
	struct stats *stats = &a->group->worker->stats;
	nsec_t timeout = conf_of(a)->timeout;

	while (a->n && a->queue[a->head].at + timeout <= now) {
		struct arrival arrival = queue_take(a);
		struct stats_user u = as_user(&arrival);

		stats_advance(stats, now);
		stats_end(stats, &u, arrival.api,
			  (enum load_phase)arrival.phase,
			  outcome_failed(LOAD_TIMEOUT),
			  (struct stats_times){ timeout, -1 });
		stats_fold(stats, &u);
	}
}

static void drain(struct arrivals *a)
{
	struct user *u;

	while (a->n && (u = user_take(a))) {
		struct arrival arrival = queue_take(a);

		a->achieved++;
		user_arrive(u, &arrival, true);
	}
}

/* All that have come by now and are this thread's. */
static void come(struct arrivals *a, nsec_t now,
		 void (*one)(struct arrivals *a, uint64_t index, nsec_t at))
{
	const struct worker_args *args = &a->group->worker->args;

	while (a->next <= now) {
		uint64_t index = a->index++;
		nsec_t at = a->next;

		draw(a);
		if (index % args->threads == args->index)
			one(a, index, at);
	}
}

void arrivals_come(struct arrivals *a, nsec_t now)
{
	come(a, now, came);
}

void arrivals_changed(struct arrivals *a, nsec_t now)
{
	a->cursor = now;
	draw(a);
	timer_set(a);
}

static void arrivals_timer(struct loop *loop, struct loop_timer *timer,
			   void *arg)
{
	struct arrivals *a = arg;
	nsec_t now = loop_now_fresh(loop);

	(void)timer;
	expire(a, now);
	drain(a);
	come(a, now, came);
	timer_set(a);
}

void arrivals_user_free(struct arrivals *a, struct user *u)
{
	struct loop *loop = a->group->worker->loop;

	u->next_free = a->free;
	a->free = u;
	a->group->worker->users--;
	/* By the timer: who is refused at once would come back to here. */
	if (a->n)
		loop_timer_at(loop, &a->timer, loop_now(loop));
}

static void unsent(struct arrivals *a, uint64_t index, nsec_t at)
{
	a->planned++;
	queued(a, index, at);
}

void arrivals_stop(struct arrivals *a, nsec_t now)
{
	struct stats *stats = &a->group->worker->stats;

	loop_timer_stop(a->group->worker->loop, &a->timer);
	come(a, now, unsent);
	while (a->n) {
		struct arrival arrival = queue_take(a);
		struct stats_user u = as_user(&arrival);

		stats_censored(stats, arrival.api,
			       (enum load_phase)arrival.phase,
			       now - arrival.at);
		stats_fold(stats, &u);
	}
}

uint64_t arrivals_digest(const struct arrivals *a)
{
	const struct worker_args *args = &a->group->worker->args;
	uint64_t sum = 0;

	for (uint64_t i = args->index; i < DIGEST_ARRIVALS;
	     i += args->threads) {
		struct script script;

		script_init(&script, conf_of(a), args->seed,
			    conf_of(a)->first_user + i);
		sum += script_digest(&script, args->conf, conf_of(a));
	}
	return sum;
}
