/* SPDX-License-Identifier: Apache-2.0 */
/* reset_peer: a time after the first bytes or the end both sides are reset. */
#include "faults/proxy/toxic.h"

struct reset_peer_attrs {
	double timeout; /* real ms */
};

static const struct opt attrs[] = {
	{.name = "timeout",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct reset_peer_attrs, timeout),
	 .flags = OPT_NONNEG,
	 .help = "until the reset, from the first byte, real ms"},
	OPT_END,
};

static void reset_peer_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	const struct reset_peer_attrs *a = run->toxic->attrs;

	c->drop = true;
	atomic_fetch_add(&run->toxic->stats->lost, c->len);
	if (run->next)
		return;
	run->next = c->now;
	toxic_record_hit(run->toxic, 1, c->now);
	c->then = TOXIC_RESETS;
	c->then_at = c->now + toxic_ns(a->timeout);
}

/* It had begun when its time, or another toxic, was changed. */
static void reset_peer_begin(struct toxic_run *run, struct toxic_chunk *c)
{
	const struct reset_peer_attrs *a = run->toxic->attrs;

	if (!run->next)
		return;
	c->then = TOXIC_RESETS;
	c->then_at = run->next + toxic_ns(a->timeout);
}

const struct toxic_ops toxic_reset_peer = {
	.type = "reset_peer",
	.summary = "reset the connection a time after its first bytes",
	.attrs = attrs,
	.attrs_size = sizeof(struct reset_peer_attrs),
	.begin = reset_peer_begin,
	.intake = reset_peer_intake,
	.achieved = toxic_achieved,
};
