/* SPDX-License-Identifier: Apache-2.0 */
/* One load thread. */
#include "chaos/load/worker.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "chaos/base/mem.h"
#include "chaos/load/engine.h"

/* How often users join and leave while a ramp is on. */
static const nsec_t RAMP_REAL = 10 * NSEC_MS;
static const nsec_t CPU_REAL = 500 * NSEC_MS;

static loop_timer_fn ramp_timer, second_timer, cpu_timer;

enum message_kind { MESSAGE_PHASE, MESSAGE_ADJUST, MESSAGE_STOP };

/* From the controller; owned by the thread once posted. */
struct message {
	struct loop_post post;
	struct worker *worker;
	enum message_kind kind;
	enum load_phase phase;
	nsec_t t;
	struct load_adjust adjust;
};

enum load_phase worker_phase(const struct worker *w, nsec_t intended)
{
	int p = LOAD_PHASES - 1;

	while (p > LOAD_BASELINE && intended < w->phase_from[p])
		p--;
	return (enum load_phase)p;
}

size_t worker_share(const struct worker *w, double total)
{
	size_t n = (size_t)floor(total + 0.5);
	unsigned i = w->args.index, threads = w->args.threads;

	return n > i ? (n - i + threads - 1) / threads : 0;
}

void worker_user_comes(struct worker *w)
{
	if (++w->users > w->users_max)
		w->users_max = w->users;
}

void worker_inspect(struct worker *w, const struct load_step *step,
		    struct user *u, const struct answer *a,
		    struct inspect_at at, struct outcome *o)
{
	struct inspect_to to = { .counts = w->stats.checks };

	if (u) {
		to.captured = &u->captured;
		to.slots = w->args.conf->journeys[u->script.journey]
				   .n_captures;
	}
	inspect_run(step->inspect, a, at.now - at.intended,
		    o->kind == OUTCOME_OK, &to);
	stats_advance(&w->stats, at.now);
	stats_checks(&w->stats, step->api, (enum load_phase)at.phase,
		     to.checks_ok, to.checks_failed);
	if (to.failed && o->kind == OUTCOME_OK) {
		*o = outcome_failed(LOAD_CHECK);
		o->answered = true;
	}
}

/* A second is over: its snapshot goes to the controller. */
static void flush(void *arg, struct load_snapshot *s)
{
	struct worker *w = arg;
	struct buf bytes;

	s->thread = w->args.index;
	s->threads = w->args.threads;
	s->users = (double)w->users;
	s->in_flight = w->in_flight;
	buf_init(&bytes, 0);
	load_snapshot_encode(s, &bytes);
	w->args.snapshot(w->args.arg, w->args.index, &bytes, s->second);
}

static void second_timer(struct loop *loop, struct loop_timer *timer,
			 void *arg)
{
	struct worker *w = arg;

	stats_advance(&w->stats, loop_now_fresh(loop));
	loop_timer_at(loop, timer, (w->stats.second + 1) * NSEC_SEC);
}

/* Users of the closed model come, and the newest go first. */
static void users_set(struct worker_group *g, size_t n, nsec_t now)
{
	struct worker *w = g->worker;

	while (g->active < n) {
		size_t i = g->active++;
		uint64_t number = g->conf->first_user + w->args.index +
				  i * w->args.threads;

		if (i == g->n_users) {
			(void)mem_grow(g->users, g->n_users, g->cap_users);
			g->users[g->n_users++] = user_new(g, number);
		}
		if (g->users[i]->through)
			continue;
		worker_user_comes(w);
		user_join(g->users[i], now);
	}
	while (g->active > n) {
		struct user *u = g->users[--g->active];

		if (u->through)
			continue;
		w->users--;
		user_leave(u);
	}
}

/* Until when the number of users stays; t: it is changing. */
static nsec_t users_plan(struct worker_group *g, nsec_t t, double *ret)
{
	if (g->paused) {
		*ret = 0;
		return NSEC_NEVER;
	}
	if (g->set >= 0) {
		*ret = g->set;
		return NSEC_NEVER;
	}
	*ret = stages_value(&g->conf->stages, t);
	return stages_flat_until(&g->conf->stages, t);
}

static void ramp_run(struct worker *w)
{
	nsec_t now = loop_now_fresh(w->loop), next = NSEC_NEVER;
	nsec_t tick = now + drill_span_from_real(&w->args.clock, RAMP_REAL);

	for (size_t i = 0; i < w->n_groups; i++) {
		struct worker_group *g = &w->groups[i];
		double total;
		nsec_t until;

		if (g->conf->model != LOAD_USERS || g->over)
			continue;
		until = users_plan(g, now, &total);
		users_set(g, worker_share(w, total), now);
		if (until <= now)
			until = tick;
		if (until < next)
			next = until;
	}
	loop_timer_at(w->loop, &w->ramp, next);
}

static void ramp_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	ramp_run(arg);
}

/* Share of a core since the oldest sample that is kept: the last 5 s. */
static void cpu_sample(struct worker *w, bool at_end)
{
	size_t n = w->n_cpu, at = n % WORKER_CPU_SAMPLES;
	size_t oldest = n < WORKER_CPU_SAMPLES ? 0 : at;
	nsec_t mono = clock_mono(), cpu = clock_thread_cpu();
	nsec_t span = mono - w->cpu_ring[oldest].mono;
	double share = (double)(cpu - w->cpu_ring[oldest].cpu) / (double)span;

	/* A run that is shorter than 5 s has its mean; a few ms say nothing. */
	if (n >= WORKER_CPU_SAMPLES || (at_end && n > 0 && span > NSEC_SEC))
		if (share > w->cpu_max)
			w->cpu_max = share;
	w->cpu_ring[at].mono = mono;
	w->cpu_ring[at].cpu = cpu;
	if (w->n_cpu++ == 0) {
		w->cpu_first.mono = mono;
		w->cpu_first.cpu = cpu;
	}
	if (mono > w->cpu_first.mono)
		w->cpu_mean = (double)(cpu - w->cpu_first.cpu) /
			      (double)(mono - w->cpu_first.mono);
}

/* A connection that was closed in order keeps its port for 60 s. */
static void closed_sample(struct worker *w)
{
	uint64_t *was = &w->closed_ring[w->n_cpu % WORKER_CLOSED_SAMPLES];
	uint64_t now = w->host.closed + w->followers.host.closed;

	if (now - *was > w->closed_max)
		w->closed_max = now - *was;
	*was = now;
}

static void cpu_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct worker *w = arg;

	closed_sample(w);
	cpu_sample(w, false);
	loop_timer_at_mono(loop, timer, loop_mono(loop) + CPU_REAL);
}

static void group_adjust(struct worker_group *g, const struct load_adjust *a,
			 nsec_t now)
{
	if (g->conf->model == LOAD_ARRIVALS)
		arrivals_come(&g->arrivals, now);
	switch (a->what) {
	case LOAD_PAUSE:
	case LOAD_RESUME:
		g->paused = a->what == LOAD_PAUSE;
		break;
	case LOAD_SET_RATE:
	case LOAD_SET_USERS:
		g->set = a->value;
		break;
	}
	if (g->conf->model == LOAD_ARRIVALS)
		arrivals_changed(&g->arrivals, now);
}

static void adjusted(struct worker *w, const struct load_adjust *a)
{
	nsec_t now = loop_now_fresh(w->loop);

	for (size_t i = 0; i < w->n_groups; i++)
		if (a->group == LOAD_ALL_GROUPS || (size_t)a->group == i)
			group_adjust(&w->groups[i], a, now);
	ramp_run(w);
}

/*
 * Of everybody whom the stages plan, whether he has come or not: a peak that
 * fell between two looks at the ramp must not make another digest.
 */
static uint64_t group_digest(const struct worker_group *g)
{
	const struct worker *w = g->worker;
	size_t n = worker_share(w, stages_max(&g->conf->stages));
	uint64_t sum = 0;

	if (g->conf->model == LOAD_ARRIVALS)
		return arrivals_digest(&g->arrivals);
	for (size_t i = 0; i < n || i < g->n_users; i++) {
		struct script script;

		if (i < g->n_users)
			script = g->users[i]->script;
		else
			script_init(&script, g->conf, w->args.seed,
				    g->conf->first_user + w->args.index +
					    i * w->args.threads);
		sum += script_digest(&script, w->args.conf, g->conf);
	}
	return sum;
}

static void stop(struct worker *w)
{
	nsec_t now = loop_now_fresh(w->loop);

	stats_advance(&w->stats, now);
	loop_timer_stop(w->loop, &w->ramp);
	loop_timer_stop(w->loop, &w->second);
	loop_timer_stop(w->loop, &w->cpu);
	finish_stop(w);
	finish_cut(w, now);
	for (size_t i = 0; i < w->n_groups; i++)
		w->digest += group_digest(&w->groups[i]);
	cpu_sample(w, true);
	stats_flush(&w->stats);
	w->args.ended(w->args.arg, w->args.index);
	loop_quit(w->loop);
}

static void message_run(struct loop *loop, struct loop_post *post)
{
	struct message *m = LIST_ENTRY(post, struct message, post);
	struct worker *w = m->worker;

	(void)loop;
	switch (m->kind) {
	case MESSAGE_PHASE:
		w->phase_from[m->phase] = m->t;
		break;
	case MESSAGE_ADJUST:
		adjusted(w, &m->adjust);
		break;
	case MESSAGE_STOP:
		stop(w);
		break;
	}
	mem_free(m);
}

static void message_post(struct worker *w, struct message what)
{
	struct message *m = mem_zalloc(sizeof(*m));

	*m = what;
	m->worker = w;
	m->post.fn = message_run;
	loop_post(w->loop, &m->post);
}

void worker_phase_from(struct worker *w, enum load_phase phase, nsec_t t)
{
	if (w->running)
		message_post(w, (struct message){ .kind = MESSAGE_PHASE,
						  .phase = phase, .t = t });
	else
		w->phase_from[phase] = t;
}

void worker_post_adjust(struct worker *w, const struct load_adjust *a)
{
	message_post(w, (struct message){ .kind = MESSAGE_ADJUST,
					  .adjust = *a });
}

void worker_post_stop(struct worker *w)
{
	message_post(w, (struct message){ .kind = MESSAGE_STOP });
}

static void groups_init(struct worker *w)
{
	const struct load_conf *c = w->args.conf;

	w->n_groups = c->n_groups;
	w->groups = mem_calloc(c->n_groups, sizeof(*w->groups));
	for (size_t i = 0; i < c->n_groups; i++) {
		w->groups[i].worker = w;
		w->groups[i].conf = &c->groups[i];
		w->groups[i].set = -1;
	}
}

int worker_init(struct worker *w, const struct worker_args *args,
		struct err *err)
{
	int rc;

	*w = (struct worker){ .args = *args };
	rc = loop_new(LOOP_EPOLL, &w->loop, err);
	if (rc < 0)
		return rc;
	loop_set_clock(w->loop, &args->clock);
	endpoints_init(&w->endpoints, args->endpoints, args->conf->n_targets,
		       args->allow);
	conn_host_init(&w->host, w->loop, w->endpoints.v, user_answered);
	w->host.allow = args->allow;
	stats_init(&w->stats, args->conf->n_apis, args->from);
	followers_init(&w->followers, w);
	w->stats.beside = args->conf->beside;
	w->stats.checks = mem_calloc(args->conf->n_checks + 1,
				     sizeof(*w->stats.checks));
	w->stats.flush = flush;
	w->stats.arg = w;
	for (size_t p = 0; p < LOAD_PHASES; p++)
		w->phase_from[p] = p == LOAD_BASELINE ? INT64_MIN : NSEC_NEVER;
	loop_timer_init(&w->ramp, "load ramp", ramp_timer, w);
	loop_timer_init(&w->second, "load second", second_timer, w);
	loop_timer_init(&w->cpu, "load cpu", cpu_timer, w);
	groups_init(w);
	return 0;
}

void worker_done(struct worker *w)
{
	for (size_t i = 0; i < w->n_groups; i++) {
		struct worker_group *g = &w->groups[i];

		for (size_t k = 0; k < g->n_users; k++)
			user_free(g->users[k]);
		mem_free(g->users);
		arrivals_done(&g->arrivals);
	}
	mem_free(w->groups);
	followers_done(&w->followers);
	engine_host_done(&w->host);
	conn_host_done(&w->host);
	endpoints_done(&w->endpoints);
	stats_done(&w->stats);
	buf_done(&w->out);
	buf_done(&w->scratch);
	buf_done(&w->session);
	loop_free(w->loop);
	*w = (struct worker){ 0 };
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	nsec_t from = w->args.from;

	/*
	 * Where the system under test shares the machine, what the generator
	 * is late would be taken for its latency. Linux: of this thread; may
	 * be refused, and then the audit says how late it was.
	 */
	(void)setpriority(PRIO_PROCESS, 0, -10);
	loop_timer_at(w->loop, &w->second, (w->stats.second + 1) * NSEC_SEC);
	loop_timer_at_mono(w->loop, &w->cpu, loop_mono_fresh(w->loop));
	loop_timer_at(w->loop, &w->ramp, from);
	for (size_t i = 0; i < w->n_groups; i++)
		if (w->groups[i].conf->model == LOAD_ARRIVALS)
			arrivals_start(&w->groups[i].arrivals, &w->groups[i],
				       from);
	finish_start(w);
	loop_run(w->loop);
	return NULL;
}

/* Signals are the program's: they go to its own threads. */
static int thread_create(struct worker *w)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int worker_start(struct worker *w, struct err *err)
{
	char name[16];
	int rc = thread_create(w);

	if (rc < 0)
		return err_set(err, rc, "cannot start a load thread: %s",
			       strerror(-rc));
	w->running = true;
	snprintf(name, sizeof(name), "load-%u", w->args.index);
	pthread_setname_np(w->thread, name);
	return 0;
}

void worker_join(struct worker *w)
{
	if (w->running)
		pthread_join(w->thread, NULL);
	w->running = false;
}
