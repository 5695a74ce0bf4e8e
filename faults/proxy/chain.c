/* SPDX-License-Identifier: Apache-2.0 */
/* A direction's toxics, one after the other; see the header. */
#include "faults/proxy/chain.h"

#include "chaos/base/mem.h"

void chain_init(struct chain *c)
{
	*c = (struct chain){.then_at = NSEC_NEVER};
}

void chain_done(struct chain *c)
{
	mem_free(c->runs);
	chain_init(c);
}

static bool acts_on_bytes(const struct toxic_ops *ops)
{
	return ops->intake || ops->release || ops->begin;
}

static void chain_then(struct chain *c, const struct toxic_chunk *chunk)
{
	if (chunk->then == TOXIC_GOES_ON || chunk->then_at >= c->then_at)
		return;
	c->then = chunk->then;
	c->then_at = chunk->then_at;
}

static void run_begin(struct chain *c, struct toxic_run *run, nsec_t now)
{
	const struct toxic_ops *ops = run->toxic->ops;
	struct toxic_chunk chunk = {.now = now, .then_at = NSEC_NEVER};

	if (!ops->begin)
		return;
	ops->begin(run, &chunk);
	chain_then(c, &chunk);
}

/* The state that an earlier version of t has left, or a new one. */
static void run_take(struct toxic_run *run, const struct chain *was,
		     const struct toxic *t, enum stream s,
		     const struct chain_flow *flow, nsec_t now)
{
	for (unsigned i = 0; i < was->n; i++) {
		if (was->runs[i].toxic->stats != t->stats)
			continue;
		*run = was->runs[i];
		run->toxic = t;
		return;
	}
	*run = (struct toxic_run){.toxic = t, .since = now};
	toxic_rng(t, flow->seed + (uint64_t)s, flow->number, &run->rng);
	atomic_fetch_add(&t->stats->flows, 1);
}

static bool chain_has(const struct chain *c, const struct toxic_stats *stats)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->runs[i].toxic->stats == stats)
			return true;
	return false;
}

static bool chain_applies(const struct toxic *t, enum stream s,
			  const struct chain_flow *flow)
{
	return (t->stream == s || t->stream == STREAM_BOTH) &&
	       acts_on_bytes(t->ops) &&
	       (t->by_chunk || toxic_applies(t, flow->seed, flow->number));
}

static void chain_add(struct chain *c, const struct chain *was,
		      const struct toxic *t, enum stream s,
		      const struct chain_flow *flow, nsec_t now)
{
	struct toxic_run *run = &c->runs[c->n++];

	run_take(run, was, t, s, flow, now);
	run_begin(c, run, now);
	c->intake |= t->ops->intake != NULL;
	c->release |= t->ops->release != NULL;
	c->delays |= t->ops->delays;
}

bool chain_conf(struct chain *c, const struct link_conf *conf, enum stream s,
		const struct chain_flow *flow, nsec_t now)
{
	struct chain was = *c;
	unsigned n = 0;
	bool whole = true;

	for (unsigned i = 0; i < conf->n_toxics; i++)
		n += chain_applies(conf->toxics[i], s, flow);
	chain_init(c);
	if (n)
		c->runs = mem_calloc(n, sizeof(*c->runs));
	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (chain_applies(conf->toxics[i], s, flow))
			chain_add(c, &was, conf->toxics[i], s, flow, now);
	for (unsigned i = 0; i < was.n; i++)
		if (was.runs[i].toxic->ops->lift_cuts &&
		    !chain_has(c, was.runs[i].toxic->stats))
			whole = false;
	mem_free(was.runs);
	return whole;
}

static bool run_takes(struct toxic_run *run)
{
	const struct toxic *t = run->toxic;

	return !t->by_chunk || t->toxicity >= 1 ||
	       rng_double(&run->rng) < t->toxicity;
}

void chain_intake(struct chain *c, struct toxic_chunk *chunk)
{
	for (unsigned i = 0; i < c->n && !chunk->drop; i++) {
		struct toxic_run *run = &c->runs[i];

		if (run->toxic->ops->intake && run_takes(run))
			run->toxic->ops->intake(run, chunk);
	}
	chain_then(c, chunk);
	if (chunk->delay < 0)
		chunk->delay = 0;
}

size_t chain_allow(struct chain *c, size_t want, nsec_t now, nsec_t *ret_next)
{
	for (unsigned i = 0; i < c->n && want; i++) {
		struct toxic_run *run = &c->runs[i];

		if (!run->toxic->ops->release)
			continue;
		want = run->toxic->ops->release(run, want, now, ret_next);
		if (!want && !run->busy)
			run->busy = now;
	}
	return want;
}

enum toxic_then chain_sent(struct chain *c, size_t n, nsec_t now)
{
	enum toxic_then then = TOXIC_GOES_ON, one;

	for (unsigned i = 0; i < c->n; i++) {
		struct toxic_run *run = &c->runs[i];
		const struct toxic_ops *ops = run->toxic->ops;

		run->bytes += n;
		atomic_fetch_add_explicit(&run->toxic->stats->bytes, n,
					  memory_order_relaxed);
		one = ops->released ? ops->released(run, n, now)
				    : TOXIC_GOES_ON;
		run->busy = 0;
		if (one != TOXIC_GOES_ON)
			then = one;
	}
	return then;
}

bool chain_holds_end(const struct chain *c)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->runs[i].toxic->ops->holds_end)
			return true;
	return false;
}

void chain_record(const struct chain *c, nsec_t took)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->runs[i].toxic->ops->delays)
			toxic_record_delay(c->runs[i].toxic, took);
}

nsec_t chain_longest(const struct chain *c)
{
	nsec_t sum = 0;

	for (unsigned i = 0; i < c->n; i++)
		if (c->runs[i].toxic->ops->longest)
			sum += c->runs[i].toxic->ops->longest(c->runs[i].toxic);
	return sum;
}

nsec_t chain_longest_end(const struct chain *c)
{
	nsec_t sum = 0;

	for (unsigned i = 0; i < c->n; i++) {
		const struct toxic *t = c->runs[i].toxic;

		if (t->ops->longest_end)
			sum += t->ops->longest_end(t);
	}
	return sum;
}
