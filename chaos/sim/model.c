/* SPDX-License-Identifier: Apache-2.0 */
/* Discrete events of the shop.  Decides nothing about users or drills. */
#include "chaos/sim/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"

enum { WORKERS = 200, MAX_CONSUMERS = 64 };

static void serve(struct sim_request *r);
static void hold(struct sim_request *r);
static void consume(struct sim_model *m);

enum sim_kind sim_kind_of(const char *path)
{
	static const struct {
		const char *prefix;
		enum sim_kind kind;
	} kinds[] = {
		{ "/products", SIM_PRODUCT },
		{ "/balance", SIM_BALANCE },
		{ "/orders", SIM_ORDER },
		{ "/coupons", SIM_COUPON },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(path, kinds[i].prefix, strlen(kinds[i].prefix)) ==
		    0)
			return kinds[i].kind;
	return SIM_OTHER;
}

bool sim_order_is_invalid(const char *body)
{
	static const char key[] = "\"quantity\":";
	const char *at = body ? strstr(body, key) : NULL;
	long quantity = at ? strtol(at + strlen(key), NULL, 10) : 1;

	return quantity < 1 || quantity > 100;
}

static bool take(struct sim_limit *l, struct sim_request *r)
{
	if (l->size == 0 || l->used < l->size) {
		l->used++;
		return true;
	}
	list_append(&l->waiting, &r->link);
	l->n_waiting++;
	return false;
}

/* The next who waits, with its place taken; NULL: none may go on. */
static struct sim_request *next(struct sim_limit *l)
{
	struct list *e;

	if (l->size > 0 && l->used >= l->size)
		return NULL;
	e = list_pop(&l->waiting);
	if (!e)
		return NULL;
	l->n_waiting--;
	l->used++;
	return LIST_ENTRY(e, struct sim_request, link);
}

static void at_link(struct sim_request *r)
{
	if (take(&r->model->link, r))
		hold(r);
}

static void at_pool(struct sim_request *r)
{
	if (take(&r->model->pool, r))
		at_link(r);
}

static void wake_workers(struct sim_model *m)
{
	struct sim_request *r;

	while ((r = next(&m->workers)))
		serve(r);
}

static void wake_pool(struct sim_model *m)
{
	struct sim_request *r;

	while ((r = next(&m->pool)))
		at_link(r);
}

static void wake_link(struct sim_model *m)
{
	struct sim_request *r;

	while ((r = next(&m->link)))
		hold(r);
}

static void answer(struct sim_request *r, int status)
{
	struct sim_model *m = r->model;

	m->workers.used--;
	if (r->answered)
		r->answered(r->arg, r, status);
	list_remove(&r->live);
	mem_free(r);
	wake_workers(m);
}

static void on_answer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_request *r = arg;

	(void)loop;
	(void)timer;
	answer(r, r->kind == SIM_COUPON && !r->model->open ? 503 : 200);
}

static void on_invalid(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	answer(arg, 400);
}

static void on_limited(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	answer(arg, 429);
}

static void on_held(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_request *r = arg;
	struct sim_model *m = r->model;

	(void)loop;
	(void)timer;
	m->link.used--;
	m->pool.used--;
	if (r->kind == SIM_COUPON) {
		r->coupon = ++m->issued;
		consume(m);
	}
	wake_link(m);
	wake_pool(m);
	answer(r, 200);
}

static void hold(struct sim_request *r)
{
	struct sim_model *m = r->model;
	nsec_t t = (nsec_t)rng_gamma(&m->rng, (double)m->hold[r->kind], m->cv);

	m->hold_asked += t;
	loop_timer_init(&r->timer, "hold", on_held, r);
	loop_timer_at(m->loop, &r->timer, loop_now(m->loop) + t + m->delay);
}

/* One drill second of burst; suspended coupons use tokens up, too. */
static bool has_token(struct sim_model *m)
{
	nsec_t now = loop_now(m->loop);

	if (m->rate <= 0)
		return true;
	m->tokens += m->rate * (double)(now - m->tokens_at) / 1e9;
	m->tokens_at = now;
	if (m->tokens > m->rate)
		m->tokens = m->rate;
	if (m->tokens < 1)
		return false;
	m->tokens -= 1;
	return true;
}

static void after(struct sim_request *r, nsec_t t, loop_timer_fn *fn)
{
	loop_timer_init(&r->timer, "worker", fn, r);
	loop_timer_at(r->model->loop, &r->timer,
		      loop_now(r->model->loop) + t);
}

static void serve(struct sim_request *r)
{
	struct sim_model *m = r->model;

	if (!has_token(m))
		after(r, NSEC_MS, on_limited);
	else if (r->kind == SIM_COUPON && !m->open)
		after(r, NSEC_MS, on_answer);
	else if (r->invalid)
		after(r, NSEC_MS, on_invalid);
	else if (m->hold[r->kind] == 0)
		after(r, m->cached, on_answer);
	else
		at_pool(r);
}

struct sim_request *sim_submit(struct sim_model *m, enum sim_kind kind,
			       bool invalid,
			       void (*answered)(void *arg,
						struct sim_request *r,
						int status),
			       void *arg)
{
	struct sim_request *r = mem_zalloc(sizeof(*r));

	r->model = m;
	r->kind = kind;
	r->invalid = invalid;
	r->answered = answered;
	r->arg = arg;
	list_init(&r->link);
	list_append(&m->live, &r->live);
	if (take(&m->workers, r))
		serve(r);
	return r;
}

void sim_limit_resize(struct sim_model *m, struct sim_limit *l, unsigned size)
{
	l->size = size;
	wake_link(m);
	wake_pool(m);
}

static void on_confirmed(struct loop *loop, struct loop_timer *timer,
			 void *arg)
{
	struct sim_model *m = arg;

	(void)loop;
	(void)timer;
	m->busy_consumers--;
	m->confirmed++;
	consume(m);
}

static void consume(struct sim_model *m)
{
	for (unsigned i = 0; i < m->consumers; i++) {
		struct loop_timer *t = &m->consumer[i];

		if (m->paused ||
		    m->issued <= m->confirmed + m->busy_consumers)
			return;
		if (loop_timer_is_set(t))
			continue;
		m->busy_consumers++;
		loop_timer_at(m->loop, t, loop_now(m->loop) + m->pace);
	}
}

void sim_set_consumers(struct sim_model *m, unsigned n)
{
	m->consumers = n > MAX_CONSUMERS ? MAX_CONSUMERS : n;
	consume(m);
}

void sim_set_paused(struct sim_model *m, bool paused)
{
	m->paused = paused;
	consume(m);
}

static void init_limit(struct sim_limit *l, unsigned size)
{
	list_init(&l->waiting);
	l->size = size;
}

static void defaults(struct sim_model *m)
{
	m->hold[SIM_BALANCE] = 45 * NSEC_MS;
	m->hold[SIM_ORDER] = 66 * NSEC_MS;
	m->hold[SIM_COUPON] = 237500 * NSEC_US;
	m->cached = 12 * NSEC_MS;
	m->cv = 0.5;
	m->pace = 76300 * NSEC_US;
	m->consumers = 3;
	m->open = true;
}

static int number_key(const struct scenario_section *s, const char *key,
		      unsigned *field, struct err *err)
{
	const char *text = s ? scenario_value(s, key) : NULL;
	int64_t v;

	if (!text)
		return 0;
	if (units_int(text, &v, err) < 0)
		return err->code;
	*field = (unsigned)v;
	return 0;
}

int sim_model_init(struct sim_model *m, struct loop *loop, uint64_t seed,
		   const struct scenario_section *staging, struct err *err)
{
	unsigned pool = 50;
	int rc;

	*m = (struct sim_model){ .loop = loop };
	list_init(&m->live);
	rng_init(&m->rng, seed, UINT64_MAX);
	defaults(m);
	for (size_t i = 0; i < MAX_CONSUMERS; i++)
		loop_timer_init(&m->consumer[i], "consumer", on_confirmed, m);
	rc = number_key(staging, "shop.pool", &pool, err);
	if (rc == 0)
		rc = number_key(staging, "shop.consumers", &m->consumers, err);
	init_limit(&m->workers, WORKERS);
	init_limit(&m->pool, pool);
	init_limit(&m->link, 0);
	return rc;
}

void sim_model_done(struct sim_model *m)
{
	struct list *e;

	while ((e = list_pop(&m->live))) {
		struct sim_request *r = LIST_ENTRY(e, struct sim_request, live);

		loop_timer_stop(m->loop, &r->timer);
		mem_free(r);
	}
	for (size_t i = 0; i < MAX_CONSUMERS; i++)
		loop_timer_stop(m->loop, &m->consumer[i]);
}
