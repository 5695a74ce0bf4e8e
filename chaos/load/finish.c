/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How traffic ends by itself: by its iterations, or, where load_args.ends says
 * so, with its last stage.  Who is in an iteration then may finish it within
 * graceful_stop; what is out after that is censored.  Looked at every 10 ms
 * while something can end: users need not know of each other.
 */
#include "chaos/load/worker.h"

static const nsec_t LOOK_REAL = 10 * NSEC_MS;

/* Iterations of all together that are this thread's. */
static uint64_t iterations_of(const struct worker_group *g)
{
	return worker_share(g->worker, (double)g->conf->iterations);
}

bool finish_may_begin(struct worker_group *g, uint64_t begun_by_user)
{
	const struct load_group *conf = g->conf;

	if (g->over ||
	    (conf->user_iterations && begun_by_user >= conf->user_iterations) ||
	    (conf->iterations && g->begun >= iterations_of(g)))
		return false;
	g->begun++;
	return true;
}

static bool all_are_through(const struct worker_group *g)
{
	for (size_t i = 0; i < g->active; i++)
		if (!g->users[i]->through)
			return false;
	return g->active > 0;
}

/* Has it had its iterations? Who joins later has some of its own. */
static bool is_exhausted(const struct worker_group *g, nsec_t now)
{
	const struct load_group *conf = g->conf;

	if (conf->model == LOAD_ARRIVALS)
		return conf->iterations &&
		       g->arrivals.index >= conf->iterations;
	if (conf->iterations && g->begun >= iterations_of(g))
		return true;
	return conf->user_iterations && all_are_through(g) &&
	       stages_flat_until(&conf->stages, now) == NSEC_NEVER;
}

static void group_over(struct worker_group *g, nsec_t now)
{
	if (g->conf->model == LOAD_ARRIVALS)
		arrivals_come(&g->arrivals, now);
	g->over = true;
	if (g->conf->model == LOAD_ARRIVALS)
		arrivals_changed(&g->arrivals, now);
	for (size_t i = 0; g->conf->model == LOAD_USERS && i < g->active; i++)
		user_finish(g->users[i]);
}

static bool is_idle(const struct worker_group *g)
{
	if (g->conf->model == LOAD_ARRIVALS && g->arrivals.n > 0)
		return false;
	for (size_t i = 0; i < g->n_users; i++)
		if (g->users[i]->state != USER_AWAY)
			return false;
	return true;
}

void finish_cut(struct worker *w, nsec_t now)
{
	followers_stop(&w->followers, now);
	for (size_t i = 0; i < w->n_groups; i++) {
		struct worker_group *g = &w->groups[i];

		if (g->conf->model == LOAD_ARRIVALS)
			arrivals_stop(&g->arrivals, now);
		for (size_t k = 0; k < g->n_users; k++)
			user_stop(g->users[k], now);
	}
}

/* Is it over, and is nobody left? */
static bool group_look(struct worker_group *g, nsec_t now)
{
	if (g->idle)
		return true;
	if (!g->over)
		g->spent = is_exhausted(g, now);
	if (!g->over && (g->spent || now >= stages_end(&g->conf->stages)))
		group_over(g, now);
	g->idle = g->over && is_idle(g);
	return g->idle;
}

static bool follows(const struct followers *fs)
{
	for (size_t i = 0; i < fs->n; i++)
		if (fs->v[i]->conn)
			return true;
	return false;
}

/* When there is something to look at again. */
static nsec_t next_look(const struct worker *w, nsec_t now)
{
	nsec_t soon = now + drill_span_from_real(&w->args.clock, LOOK_REAL);
	nsec_t next = NSEC_NEVER;

	if (follows(&w->followers))
		return soon;
	for (size_t i = 0; i < w->n_groups; i++) {
		const struct worker_group *g = &w->groups[i];
		nsec_t end = stages_end(&g->conf->stages);
		bool limited = g->conf->iterations || g->conf->user_iterations;

		if (g->idle)
			continue;
		if (limited || g->over || end < soon)
			return soon;
		if (end < next)
			next = end;
	}
	return next;
}

static void finish_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct worker *w = arg;
	const struct load_conf *c = w->args.conf;
	nsec_t now = loop_now_fresh(loop);
	bool idle;

	stats_advance(&w->stats, now);
	if (now >= load_conf_end(c) + load_conf_grace(c))
		finish_cut(w, now);
	idle = !follows(&w->followers);
	for (size_t i = 0; i < w->n_groups; i++)
		idle &= group_look(&w->groups[i], now);
	if (!idle) {
		loop_timer_at(loop, timer, next_look(w, now));
	} else if (!w->finished) {
		w->finished = true;
		w->args.finished(w->args.arg, w->args.index);
	}
}

void finish_start(struct worker *w)
{
	loop_timer_init(&w->finish, "load finish", finish_timer, w);
	if (w->args.ends)
		loop_timer_at(w->loop, &w->finish,
			      next_look(w, w->args.from));
}

void finish_stop(struct worker *w)
{
	loop_timer_stop(w->loop, &w->finish);
}
