/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the steps in order: each waits for its time, its condition and the call
 * before it; verifies stay open beside the steps that follow.
 */
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/playbook/impl.h"

static void look(struct playbook *p);

const char *playbook_step_state_name(enum playbook_step_state s)
{
	static const char *const names[] = {
		[PLAYBOOK_WAITING] = "waiting",
		[PLAYBOOK_CALLING] = "calling",
		[PLAYBOOK_VERIFYING] = "verifying",
		[PLAYBOOK_PASSED] = "pass",
		[PLAYBOOK_FAILED] = "fail",
		[PLAYBOOK_UNOBSERVED] = "unobserved",
		[PLAYBOOK_SKIPPED] = "skipped",
	};

	return names[s];
}

static bool is_final(enum playbook_step_state s)
{
	return s >= PLAYBOOK_PASSED;
}

static char *explain(struct playbook *p, const struct expr *e)
{
	struct buf b;

	if (!e)
		return NULL;
	buf_init(&b, 4096);
	expr_explain(e, p->args.env, &b);
	return buf_take(&b);
}

/* The only place where a step's state changes. */
static void set_state(struct playbook *p, struct playbook_step *st,
		      enum playbook_step_state to, bool call_ok,
		      const char *why)
{
	enum playbook_step_state from = st->state;
	bool was_open = from == PLAYBOOK_VERIFYING;
	bool is_open = to == PLAYBOOK_VERIFYING;
	AUTO_FREE char *after = is_final(to) ? explain(p, st->verify) : NULL;
	struct playbook_event e = {
		.index = (size_t)(st - p->step),
		.step = st->name,
		.from = from,
		.to = to,
		.call_ok = call_ok,
		.lifts = st->lifts != NULL,
		.t = loop_now(p->args.loop),
		.why = why,
		.before = st->before,
		.after = after,
	};

	st->state = to;
	if (is_open != was_open) {
		p->verifies_open += is_open ? 1 : -1U;
		p->args.verifying(p->args.arg, is_open);
	}
	p->args.event(p->args.arg, &e);
}

static void finish_if_done(struct playbook *p)
{
	size_t failed = 0;

	if (p->reported)
		return;
	for (size_t i = 0; i < p->n; i++) {
		if (!is_final(p->step[i].state))
			return;
		if (p->step[i].state != PLAYBOOK_PASSED)
			failed++;
	}
	p->reported = true;
	loop_timer_stop(p->args.loop, &p->fast);
	loop_timer_stop(p->args.loop, &p->due);
	p->args.finished(p->args.arg, failed);
}

static void arm_fast(struct playbook *p)
{
	if (p->verifies_open > 0 && !loop_timer_is_set(&p->fast))
		loop_timer_at_mono(p->args.loop, &p->fast,
				   loop_mono(p->args.loop) + 100 * NSEC_MS);
}

static void after_call(struct playbook *p, struct playbook_step *st)
{
	nsec_t within = st->verify ? expr_within(st->verify) : 0;

	if (!st->verify) {
		set_state(p, st, PLAYBOOK_PASSED, true, "no verify");
	} else if (st->true_before) {
		set_state(p, st, PLAYBOOK_UNOBSERVED, true,
			  "verify held before the call already");
	} else {
		st->verify_by = loop_now(p->args.loop) +
				(within ? within : 30 * NSEC_SEC);
		set_state(p, st, PLAYBOOK_VERIFYING, true, NULL);
		arm_fast(p);
	}
}

static void on_deliver(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct playbook_call *c = arg;
	struct playbook *p = c->playbook;
	struct playbook_step *st = c->step;

	(void)loop;
	(void)timer;
	st->running = NULL;
	p->next = (size_t)(st - p->step) + 1;
	if (c->code == 0)
		after_call(p, st);
	else
		set_state(p, st, PLAYBOOK_FAILED, false, c->output);
	mem_free(c->output);
	mem_free(c);
	look(p);
}

void playbook_call_done(struct playbook_call *c, int code, const char *output)
{
	c->code = code;
	c->output = mem_strdup(output ? output : "");
	loop_timer_at(c->playbook->args.loop, &c->deliver,
		      loop_now(c->playbook->args.loop));
}

static void begin_call(struct playbook *p, struct playbook_step *st)
{
	struct playbook_call *c = mem_zalloc(sizeof(*c));
	struct err err = { 0 };

	c->playbook = p;
	c->step = st;
	c->timeout = st->timeout;
	c->ops = p->args.steps[st->kind];
	loop_timer_init(&c->deliver, "step call", on_deliver, c);
	st->running = c;
	st->before = explain(p, st->verify);
	st->true_before = st->verify &&
			  expr_eval(st->verify, p->args.env) == EXPR_TRUE;
	set_state(p, st, PLAYBOOK_CALLING, false, NULL);
	if (c->ops->start(c, &err) < 0)
		playbook_call_done(c, err.code, err.msg);
}

/* May the next step be called? Fails it when it has waited too long. */
static bool may_call(struct playbook *p, struct playbook_step *st, nsec_t now)
{
	if (now < p->begun + st->at) {
		loop_timer_at(p->args.loop, &p->due, p->begun + st->at);
		return false;
	}
	if (!st->when)
		return true;
	if (st->waiting_since == NSEC_NEVER)
		st->waiting_since = now;
	if (expr_held(st->when, &st->when_hold, p->args.env, now) == EXPR_TRUE)
		return true;
	if (now - st->waiting_since > st->timeout) {
		AUTO_FREE char *values = explain(p, st->when);
		AUTO_FREE char *why =
			mem_printf("what it waits for did not come: %s",
				   values);

		set_state(p, st, PLAYBOOK_FAILED, false, why);
		p->next++;
	}
	return false;
}

static void look_at_verify(struct playbook *p, struct playbook_step *st,
			   nsec_t now)
{
	if (st->state != PLAYBOOK_VERIFYING)
		return;
	if (expr_held(st->verify, &st->verify_hold, p->args.env, now) ==
	    EXPR_TRUE)
		set_state(p, st, PLAYBOOK_PASSED, false, NULL);
	else if (now > st->verify_by)
		set_state(p, st, PLAYBOOK_FAILED, false,
			  "verify did not come true in time");
}

static void look(struct playbook *p)
{
	nsec_t now = loop_now(p->args.loop);

	for (size_t i = 0; i < p->n; i++)
		look_at_verify(p, &p->step[i], now);
	while (!p->stopped && p->next < p->n) {
		struct playbook_step *st = &p->step[p->next];
		size_t was = p->next;

		if (st->running)
			break;
		if (may_call(p, st, now)) {
			begin_call(p, st);
			break;
		}
		if (p->next == was)
			break;
	}
	finish_if_done(p);
}

static void on_fast(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	look(arg);
	arm_fast(arg);
}

static void on_due(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	look(arg);
}

int playbook_prepare(struct playbook *p,
		     const struct playbook_step_ops *const *steps,
		     const struct symbols *symbols, const struct allow *allow,
		     struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct playbook_step *st = &p->step[i];
		const struct playbook_step_ops *ops = steps[st->kind];

		if (ops->prepare &&
		    ops->prepare(st->call[st->kind], symbols, allow, &st->to,
				 err) < 0)
			return err_prefix(err, "step '%s'", st->name);
	}
	return 0;
}

int playbook_start(struct playbook *p, const struct playbook_args *args,
		   struct err *err)
{
	if (p->started)
		return err_set(err, -EALREADY, "the playbook runs already");
	p->started = true;
	p->args = *args;
	p->begun = loop_now(args->loop);
	for (size_t i = 0; i < p->n; i++)
		p->step[i].waiting_since = NSEC_NEVER;
	loop_timer_init(&p->fast, "playbook verify", on_fast, p);
	loop_timer_init(&p->due, "playbook step", on_due, p);
	look(p);
	return 0;
}

void playbook_stop(struct playbook *p)
{
	if (!p->started || p->stopped)
		return;
	p->stopped = true;
	for (size_t i = 0; i < p->n; i++) {
		struct playbook_step *st = &p->step[i];

		if (st->running) {
			st->running->ops->cancel(st->running);
			loop_timer_stop(p->args.loop, &st->running->deliver);
			mem_free(st->running->output);
			mem_free(st->running);
			st->running = NULL;
		}
		if (!is_final(st->state))
			set_state(p, st, PLAYBOOK_SKIPPED, false,
				  "the drill ended");
	}
	finish_if_done(p);
}

bool playbook_running(const struct playbook *p)
{
	return p->started && !p->reported;
}

void playbook_tick(struct playbook *p, nsec_t t)
{
	(void)t;
	if (p->started && !p->stopped)
		look(p);
}

const char *playbook_call_text(const struct playbook_call *c)
{
	return c->step->call[c->step->kind];
}

struct loop *playbook_call_loop(const struct playbook_call *c)
{
	return c->playbook->args.loop;
}

const struct allow *playbook_call_allow(const struct playbook_call *c)
{
	return c->playbook->args.allow;
}

const struct symbols *playbook_call_symbols(const struct playbook_call *c)
{
	return c->playbook->args.symbols;
}

const struct addr *playbook_call_to(const struct playbook_call *c)
{
	return &c->step->to;
}

nsec_t playbook_call_timeout(const struct playbook_call *c)
{
	return c->timeout;
}

void *playbook_call_arg(const struct playbook_call *c)
{
	return c->playbook->args.step_arg;
}

void **playbook_call_state(struct playbook_call *c)
{
	return &c->state;
}
