/* SPDX-License-Identifier: Apache-2.0 */
/* Awaits and polls. */
#include "chaos/load/follow.h"

#include "chaos/base/mem.h"
#include "chaos/load/engine.h"
#include "chaos/load/worker.h"

/* Between two requests, whatever 'every' is at this speed. */
static const nsec_t APART_REAL = 1 * NSEC_MS;

static loop_timer_fn follower_timer;

static void own_answered(struct conn *c, const struct answer *a)
{
	follower_answered(LIST_ENTRY(c, struct follower, own), a);
}

void followers_init(struct followers *fs, struct worker *w)
{
	*fs = (struct followers){ .worker = w };
	conn_host_init(&fs->host, w->loop, w->endpoints.v, own_answered);
	fs->host.allow = w->args.allow;
}

void followers_done(struct followers *fs)
{
	for (size_t i = 0; i < fs->n; i++) {
		engine_free(&fs->v[i]->own);
		buf_done(&fs->v[i]->bytes);
		mem_free(fs->v[i]);
	}
	mem_free(fs->v);
	engine_host_done(&fs->host);
	conn_host_done(&fs->host);
	*fs = (struct followers){ 0 };
}

static struct follower *follower_new(struct followers *fs)
{
	struct follower *f = mem_zalloc(sizeof(*f));

	f->all = fs;
	conn_init(&f->own, &fs->host);
	loop_timer_init(&f->timer, "load follower", follower_timer, f);
	buf_init(&f->bytes, 0);
	(void)mem_grow(fs->v, fs->n, fs->cap);
	fs->v[fs->n++] = f;
	return f;
}

static struct follower *follower_take(struct followers *fs)
{
	struct follower *f = fs->free;

	if (!f)
		return follower_new(fs);
	fs->free = f->next_free;
	return f;
}

static const struct load_follow *conf_of(const struct follower *f)
{
	return f->request->step->follow;
}

/* An exchange is over, or will not be: was it on the wire? */
static void exchange_over(struct follower *f)
{
	if (f->asking)
		f->all->polls += f->conn->has_sent;
	f->asking = false;
}

static void follower_free(struct follower *f)
{
	struct followers *fs = f->all;

	loop_timer_stop(fs->worker->loop, &f->timer);
	if (f->seen == &f->own_seen)
		stats_fold(&fs->worker->stats, &f->own_seen);
	f->conn = NULL;
	f->user = NULL;
	buf_reset(&f->bytes);
	f->next_free = fs->free;
	fs->free = f;
}

static void ended(struct follower *f, struct outcome o, nsec_t now)
{
	struct worker *w = f->all->worker;
	struct user *u = f->user;
	nsec_t patience = f->deadline - f->intended;
	struct stats_times times = { .response = now - f->intended,
				     .service = -1 };

	if (o.kind == OUTCOME_FAILED && o.cause == LOAD_TIMEOUT)
		times.response = patience;
	stats_advance(&w->stats, now);
	stats_end(&w->stats, f->seen, f->request->step->api,
		  (enum load_phase)f->phase, o, times);
	follower_free(f);
	if (u)
		user_followed(u, o, now);
}

static void inspect(struct follower *f, const struct answer *a,
		    struct outcome *o, nsec_t now)
{
	if (f->request->step->inspect)
		worker_inspect(f->all->worker, f->request->step, f->user, a,
			       (struct inspect_at){ f->intended, now,
						    f->phase }, o);
}

static void timed_out(struct follower *f, nsec_t now)
{
	struct outcome o = outcome_failed(LOAD_TIMEOUT);

	if (f->asking)
		engine_abort(f->conn);
	exchange_over(f);
	inspect(f, NULL, &o, now);
	ended(f, o, now);
}

static void again(struct follower *f, nsec_t now)
{
	struct worker *w = f->all->worker;
	nsec_t soonest = now + drill_span_from_real(&w->args.clock, APART_REAL);

	exchange_over(f);
	f->next += conf_of(f)->every;
	if (f->next < soonest)
		f->next = soonest;
	loop_timer_at(w->loop, &f->timer,
		      f->next < f->deadline ? f->next : f->deadline);
}

static void ask(struct follower *f)
{
	struct loop *loop = f->all->worker->loop;
	enum load_cause cause;

	f->asking = true;
	loop_timer_at(loop, &f->timer, f->deadline);
	if (!engine_request(f->conn, f->request, f->bytes.data, f->bytes.len,
			  &cause))
		again(f, loop_now_fresh(loop));
}

static void follower_timer(struct loop *loop, struct loop_timer *timer,
			   void *arg)
{
	struct follower *f = arg;
	nsec_t now = loop_now_fresh(loop);

	(void)timer;
	if (now >= f->deadline)
		timed_out(f, now);
	else
		ask(f);
}

static bool holds(struct follower *f, const struct answer *a, nsec_t now)
{
	struct seen seen;
	bool ok;

	if (!a->status)
		return false;
	seen_init(&seen, a, now - f->intended);
	ok = cond_holds(&conf_of(f)->until, &seen);
	seen_done(&seen);
	return ok;
}

void follower_answered(struct follower *f, const struct answer *a)
{
	nsec_t now = loop_now_fresh(f->all->worker->loop);
	struct outcome o = { .kind = OUTCOME_OK, .answered = true };

	if (now >= f->deadline) {
		timed_out(f, now);
	} else if (!holds(f, a, now)) {
		again(f, now);
	} else {
		exchange_over(f);
		inspect(f, a, &o, now);
		ended(f, o, now);
	}
}

struct follower *follower_start(struct followers *fs, struct user *u,
				const struct request *r, const char *bytes,
				size_t len, nsec_t intended)
{
	const struct load_follow *conf = r->step->follow;
	nsec_t timeout = conf->timeout ? conf->timeout
				       : u->group->conf->timeout;
	struct follower *f = follower_take(fs);
	struct worker *w = fs->worker;

	f->request = r;
	f->conn = conf->beside ? &f->own : &u->conn;
	f->user = conf->beside ? NULL : u;
	/* An arrival's user is the next one's by the time that this ends. */
	f->seen = u->group->conf->model == LOAD_USERS ? &u->seen
						      : &f->own_seen;
	buf_add(&f->bytes, bytes, len);
	f->intended = intended;
	f->deadline = intended + timeout;
	f->next = intended + conf->after;
	f->phase = (uint8_t)worker_phase(w, intended);
	stats_advance(&w->stats, loop_now_fresh(w->loop));
	stats_due(&w->stats, f->seen, r->step->api, (enum load_phase)f->phase);
	loop_timer_at(w->loop, &f->timer,
		      f->next < f->deadline ? f->next : f->deadline);
	return f;
}

void followers_stop(struct followers *fs, nsec_t now)
{
	for (size_t i = 0; i < fs->n; i++) {
		struct follower *f = fs->v[i];

		if (!f->conn)
			continue;
		stats_censored(&fs->worker->stats, f->request->step->api,
			       (enum load_phase)f->phase, now - f->intended);
		if (f->asking)
			engine_abort(f->conn);
		exchange_over(f);
		follower_free(f);
	}
}
