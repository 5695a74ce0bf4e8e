/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_ops over the model: the same journeys, draws and stages as the engine's,
 * on the virtual loop, with the same snapshots.
 */
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/rng.h"
#include "chaos/sim/follow.h"
#include "chaos/sim/group.h"

enum { MAX_APIS = 16 };

struct sim_user {
	struct sim_users *all;
	struct rng rng;
	struct loop_timer timer;	/* thinks, or loses patience */
	struct sim_request *request;	/* outstanding, or NULL */
	size_t journey, step;
	uint64_t coupon;		/* the last it was issued; 0: none */
	uint32_t api;
	nsec_t intended;
	bool active, leaving, affected;
	bool follows;			/* waits for the end of a poll */
	bool open;			/* an arrival: one journey, no more */
	struct sim_group group;
	struct sim_user *next_idle;
	uint8_t asked[MAX_APIS], served[MAX_APIS];	/* a bit a phase */
};

struct sim_users {
	struct load_args args;
	struct sim_model *model;
	struct loop *loop;
	struct sim_user **user;		/* those that ever came */
	size_t n, cap;
	size_t *closed, n_closed, cap_closed;	/* of them: the closed model */
	size_t n_active;			/* of the closed */
	struct sim_user *idle;		/* of the open: between two arrivals */
	size_t n_open;			/* of the open: now at work */
	double set, set_rate;		/* by adjust; -1: the stages say */
	struct loop_timer arrival;
	struct rng arrivals;
	size_t n_apis;
	const char *const *apis;
	nsec_t edge[LOAD_PHASES];	/* where each phase begins */
	struct load_row rows[2][MAX_APIS * LOAD_PHASES];
	unsigned side;		/* of rows, which the present counts in */
	int64_t second;
	struct loop_timer tick, ramp;
	struct sim_follows follows;
	bool stopped;
	uint64_t requests, raw[MAX_APIS][LOAD_PHASES];
};

static void next_step(struct sim_user *u);

static enum load_phase phase_of(const struct sim_users *s, nsec_t t)
{
	if (t >= s->edge[LOAD_RECOVERY])
		return LOAD_RECOVERY;
	return t >= s->edge[LOAD_FAULT] ? LOAD_FAULT : LOAD_BASELINE;
}

static struct load_row *row_of(struct sim_users *s, uint32_t api, nsec_t t)
{
	return &s->rows[s->side][api * LOAD_PHASES + phase_of(s, t)];
}

static void count(struct sim_user *u, int status)
{
	struct sim_users *s = u->all;
	struct load_row *r = row_of(s, u->api, u->intended);
	nsec_t took = loop_now(s->loop) - u->intended;

	hist_record(r->response, took);
	hist_record(r->service, took);
	++*sim_counter(r, status);
	sim_group_note(&u->group, status);
	if (status == 200)
		u->served[u->api] |= 1U << phase_of(s, u->intended);
	else if (status != 400)
		u->affected = true;
}

static void on_answer(void *arg, struct sim_request *r, int status)
{
	struct sim_user *u = arg;

	u->request = NULL;
	u->coupon = status == 200 ? r->coupon : 0;
	loop_timer_stop(u->all->loop, &u->timer);
	count(u, status);
	u->step++;
	next_step(u);
}

static void on_timeout(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_user *u = arg;

	(void)loop;
	(void)timer;
	u->request->answered = NULL;
	u->request = NULL;
	u->coupon = 0;
	count(u, 0);
	u->step++;
	next_step(u);
}

static void on_thought(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_user *u = arg;

	(void)loop;
	(void)timer;
	u->step++;
	next_step(u);
}

static uint32_t api_index(const struct sim_users *s, const char *api)
{
	for (size_t i = 0; i < s->n_apis; i++)
		if (strcmp(s->apis[i], api) == 0)
			return (uint32_t)i;
	return 0;
}

/* The body of a step, as the scenario has it; NULL: none. */
static const char *body_of(const struct sim_users *s, size_t journey,
			   size_t step)
{
	const struct sim *sim = s->args.env_arg;
	const struct scenario_section *section =
		scenario_section(sim->plan->sc, "journey", journey);
	size_t next = 0;

	for (size_t i = 0; section && i < section->n; i++) {
		if (strcmp(section->v[i].key, "step") == 0)
			next++;
		else if (strcmp(section->v[i].key, "body") == 0 &&
			 next == step + 1)
			return section->v[i].value;
	}
	return NULL;
}

static bool is_invalid(const struct sim_user *u, enum sim_kind kind)
{
	return kind == SIM_ORDER &&
	       sim_order_is_invalid(body_of(u->all, u->journey, u->step));
}

static void ask(struct sim_user *u, const struct load_step_info *step)
{
	enum sim_kind kind = sim_kind_of(step->path);
	struct sim_users *s = u->all;
	nsec_t now = loop_now(s->loop);
	enum load_phase phase = phase_of(s, now);

	u->intended = now;
	u->api = api_index(s, step->api);
	u->asked[u->api] |= 1U << phase;
	s->raw[u->api][phase]++;
	s->requests++;
	row_of(s, u->api, now)->due++;
	loop_timer_init(&u->timer, "patience", on_timeout, u);
	loop_timer_at(s->loop, &u->timer,
		      now + (step->timeout ? step->timeout
					   : load_conf_timeout(s->args.conf)));
	u->request = sim_submit(s->model, kind, is_invalid(u, kind), on_answer,
				u);
}

/* What ended counts when it ended, and in the phase in which it began. */
static void on_followed(void *arg, const struct sim_follow *f, bool in_time)
{
	struct sim_users *s = arg;
	struct load_row *r = row_of(s, f->api, f->from);
	nsec_t took = loop_now(s->loop) - f->from;
	struct sim_user *u = f->user;

	hist_record(r->response, took);
	hist_record(r->service, took);
	r->ok += in_time;
	r->failed[LOAD_TIMEOUT] += !in_time;
	if (!u)
		return;
	u->follows = false;
	sim_group_note(&u->group, in_time ? 200 : 0);
	u->step++;
	next_step(u);
}

/* False: nothing was issued that could be confirmed. */
static bool follow(struct sim_user *u, const struct load_step_info *step)
{
	struct sim_users *s = u->all;
	struct sim_follow f = {
		.step = step,
		.user = step->kind == LOAD_POLL ? u : NULL,
		.api = api_index(s, step->api),
		.coupon = u->coupon,
	};

	if (u->coupon == 0)
		return false;
	row_of(s, f.api, loop_now(s->loop))->due++;
	u->follows = f.user != NULL;
	sim_follow_start(&s->follows, &f,
			 step->timeout ? step->timeout
				       : load_conf_timeout(s->args.conf));
	return u->follows;
}

static void think(struct sim_user *u)
{
	nsec_t t = load_draw_think(u->all->args.conf, u->journey, u->step,
				   &u->rng);

	loop_timer_init(&u->timer, "think", on_thought, u);
	loop_timer_at(u->all->loop, &u->timer, loop_now(u->all->loop) + t);
}

/* A group begins or ends. */
static void mark(struct sim_user *u, const struct load_step_info *step)
{
	struct sim_users *s = u->all;
	struct sim_group *g = &u->group;
	nsec_t now = loop_now(s->loop);
	uint32_t api = step->api ? api_index(s, step->api) : g->api;

	if (step->kind == LOAD_GROUP)
		sim_group_begin(g, api, now, row_of(s, api, now));
	else
		sim_group_end(g, now, row_of(s, api, g->from));
}

static void next_step(struct sim_user *u)
{
	struct sim_users *s = u->all;
	const struct load_step_info *steps;
	const char *name;
	size_t n;

	if (s->stopped || u->leaving) {
		u->active = false;
		return;
	}
	load_conf_journey(s->args.conf, u->journey, &name, &steps, &n);
	if (u->step >= n && u->open) {
		u->active = false;
		u->next_idle = s->idle;
		s->idle = u;
		s->n_open--;
		return;
	}
	if (u->step >= n) {
		u->journey = load_draw_journey(s->args.conf, &u->rng);
		u->step = 0;
		u->coupon = 0;
		load_conf_journey(s->args.conf, u->journey, &name, &steps, &n);
	}
	switch (steps[u->step].kind) {
	case LOAD_THINK:
		think(u);
		break;
	case LOAD_REQUEST:
		ask(u, &steps[u->step]);
		break;
	case LOAD_AWAIT:
	case LOAD_POLL:
		if (follow(u, &steps[u->step]))
			break;
		u->step++;
		next_step(u);
		break;
	case LOAD_GROUP:
	case LOAD_GROUP_END:
		mark(u, &steps[u->step++]);
		next_step(u);
		break;
	}
}

/* A user who joins thinks first, so that a ramp is no burst. */
static void join(struct sim_user *u)
{
	const struct load_step_info *steps;
	const char *name;
	size_t n;

	u->leaving = false;
	if (u->active)
		return;
	u->active = true;
	u->journey = load_draw_journey(u->all->args.conf, &u->rng);
	load_conf_journey(u->all->args.conf, u->journey, &name, &steps,
			  &n);
	u->step = 0;
	u->group.open = false;
	while (u->step < n && steps[u->step].kind != LOAD_THINK)
		u->step++;
	if (u->step < n)
		think(u);
	else
		next_step(u);
}

static void leave(struct sim_user *u)
{
	u->leaving = true;
	if (u->active && !u->request && !u->follows) {
		loop_timer_stop(u->all->loop, &u->timer);
		u->active = false;
	}
}

static struct sim_user *add_user(struct sim_users *s)
{
	struct sim_user *u = mem_zalloc(sizeof(*u));

	(void)mem_grow(s->user, s->n, s->cap);
	s->user[s->n++] = u;
	u->all = s;
	rng_init(&u->rng, s->args.seed, s->n);
	return u;
}

static void set_users(struct sim_users *s, size_t want)
{
	for (; s->n_active < want; s->n_active++) {
		if (s->n_active == s->n_closed) {
			(void)mem_grow(s->closed, s->n_closed, s->cap_closed);
			s->closed[s->n_closed++] = s->n;
			add_user(s);
		}
		join(s->user[s->closed[s->n_active]]);
	}
	while (s->n_active > want)
		leave(s->user[s->closed[--s->n_active]]);
}

/* Somebody does one journey from its first step on. */
static void arrive(struct sim_users *s)
{
	struct sim_user *u = s->idle;

	if (u)
		s->idle = u->next_idle;
	else
		u = add_user(s);
	u->open = u->active = true;
	u->journey = load_draw_journey(s->args.conf, &u->rng);
	u->step = 0;
	u->coupon = 0;
	s->n_open++;
	next_step(u);
}

/* Poisson; a rate that changes is looked at again after 50 ms at most. */
static void on_arrival(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_users *s = arg;
	nsec_t now = loop_now(loop), look = 50 * NSEC_MS, next;
	double rate = s->set_rate < 0 ? load_conf_rate(s->args.conf, now)
				      : s->set_rate;

	if (s->stopped)
		return;
	next = rate > 0 ? (nsec_t)(rng_exp(&s->arrivals, 1 / rate) * 1e9)
			: look + 1;
	/* Memoryless: to draw again is no bias. */
	if (next > look) {
		loop_timer_at(loop, timer, now + look);
		return;
	}
	loop_timer_at(loop, timer, now + next);
	arrive(s);
}

static void on_ramp(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_users *s = arg;
	nsec_t now = loop_now(loop);

	(void)timer;
	if (s->stopped)
		return;
	set_users(s, (size_t)((s->set < 0 ? load_conf_users(s->args.conf, now)
					  : s->set) +
			      0.5));
	loop_timer_at(loop, &s->ramp, now + 50 * NSEC_MS);
}

/* Who is let in by what the second tells is of the next one. */
static void send_second(struct sim_users *s)
{
	struct load_snapshot snap = {
		.threads = 1,
		.second = s->second,
		.users = (double)(s->n_active + s->n_open),
		.rows = s->rows[s->side],
		.n = s->n_apis * LOAD_PHASES,
	};

	s->side = !s->side;
	s->args.snapshot(s->args.arg, &snap);
	for (size_t i = 0; i < snap.n; i++) {
		struct load_row *r = &s->rows[!s->side][i];

		hist_reset(r->response);
		hist_reset(r->service);
		*r = (struct load_row){ .api = r->api,
					.phase = r->phase,
					.response = r->response,
					.service = r->service };
	}
}

static void on_tick(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_users *s = arg;

	(void)timer;
	send_second(s);
	s->second++;
	if (!s->stopped)
		loop_timer_at(loop, &s->tick, (s->second + 1) * NSEC_SEC);
}

/* The i-th of both sides' rows. */
static struct load_row *row_at(struct sim_users *s, size_t i)
{
	return &s->rows[i % 2][i / 2];
}

static int sim_open(const struct load_args *args, void **ret, struct err *err)
{
	struct sim_users *s = mem_zalloc(sizeof(*s));
	struct sim *sim = args->env_arg;

	s->args = *args;
	s->model = &sim->model;
	s->loop = args->loop;
	s->set = s->set_rate = -1;
	rng_init(&s->arrivals, args->seed, UINT64_MAX - 1);
	s->n_apis = load_conf_apis(args->conf, &s->apis);
	if (s->n_apis > MAX_APIS) {
		mem_free(s);
		return err_set(err, -E2BIG,
			       "the simulator takes at most %d APIs", MAX_APIS);
	}
	for (uint32_t i = 0; i < 2 * s->n_apis * LOAD_PHASES; i++)
		*row_at(s, i) = (struct load_row){
			.api = i / 2 / LOAD_PHASES,
			.phase = i / 2 % LOAD_PHASES,
			.response = hist_new(),
			.service = hist_new(),
		};
	s->follows = (struct sim_follows){
		.loop = s->loop, .model = s->model, .ended = on_followed,
		.arg = s,
	};
	list_init(&s->follows.all);
	s->edge[LOAD_FAULT] = s->edge[LOAD_RECOVERY] = NSEC_NEVER;
	*ret = s;
	return 0;
}

static int sim_start(void *load, struct err *err)
{
	struct sim_users *s = load;

	(void)err;
	s->second = s->args.from / NSEC_SEC;
	loop_timer_init(&s->tick, "second", on_tick, s);
	loop_timer_init(&s->ramp, "ramp", on_ramp, s);
	loop_timer_at(s->loop, &s->tick, (s->second + 1) * NSEC_SEC);
	loop_timer_at(s->loop, &s->ramp, s->args.from);
	loop_timer_init(&s->arrival, "arrival", on_arrival, s);
	loop_timer_at(s->loop, &s->arrival, s->args.from);
	return 0;
}

static void sim_phase(void *load, enum load_phase phase, nsec_t t)
{
	struct sim_users *s = load;

	s->edge[phase] = t;
}

static int sim_adjust(void *load, const struct load_adjust *a, struct err *err)
{
	struct sim_users *s = load;

	(void)err;
	if (a->what == LOAD_SET_USERS) {
		s->set = a->value;
		set_users(s, (size_t)(a->value + 0.5));
	} else if (a->what == LOAD_SET_RATE) {
		s->set_rate = a->value;
	}
	return 0;
}

static void add_users_row(const struct sim_users *s, struct load_final *f,
			  uint32_t api, uint32_t phase)
{
	struct load_users_row *r = &f->users[f->n_users++];

	*r = (struct load_users_row){ .api = api,
				      .phase = phase,
				      .raw = s->raw[api][phase] };
	for (size_t i = 0; i < s->n; i++) {
		const struct sim_user *u = s->user[i];
		bool asked = u->asked[api] >> phase & 1;

		r->asked += asked;
		r->unserved += asked && !(u->served[api] >> phase & 1);
	}
}

static void sim_stop(void *load)
{
	struct sim_users *s = load;
	struct load_users_row rows[MAX_APIS * LOAD_PHASES];
	struct load_final f = { .users = rows,
				.users_max = s->n,
				.requests = s->requests };

	s->stopped = true;
	sim_follows_stop(&s->follows, f.censored);
	for (size_t i = 0; i < s->n; i++) {
		struct sim_user *u = s->user[i];

		f.users_affected += u->affected;
		loop_timer_stop(s->loop, &u->timer);
		if (u->request) {
			u->request->answered = NULL;
			f.censored[u->api]++;
		}
		if (u->active && u->group.open)
			f.censored[u->group.api]++;
	}
	loop_timer_stop(s->loop, &s->tick);
	loop_timer_stop(s->loop, &s->ramp);
	loop_timer_stop(s->loop, &s->arrival);
	for (uint32_t api = 0; api < s->n_apis; api++)
		for (uint32_t phase = 0; phase < LOAD_PHASES; phase++)
			add_users_row(s, &f, api, phase);
	s->args.done(s->args.arg, &f);
}

static void sim_load_free(void *load)
{
	struct sim_users *s = load;

	if (!s)
		return;
	for (size_t i = 0; i < 2 * s->n_apis * LOAD_PHASES; i++) {
		hist_free(row_at(s, i)->response);
		hist_free(row_at(s, i)->service);
	}
	for (size_t i = 0; i < s->n; i++)
		mem_free(s->user[i]);
	mem_free(s->user);
	mem_free(s->closed);
	mem_free(s);
}

const struct load_ops sim_load = {
	.name = "simulated",
	.open = sim_open,
	.start = sim_start,
	.phase = sim_phase,
	.adjust = sim_adjust,
	.stop = sim_stop,
	.free = sim_load_free,
};
