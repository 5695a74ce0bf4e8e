/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blackhole: bytes and ends vanish as on a network that drops all; nothing is
 * ever closed for it, until the toxic goes: bytes were lost by then.
 */
#include "faults/proxy/toxic.h"

struct blackhole_attrs {
	int64_t unused;
};

static const struct opt attrs[] = {OPT_END};

static void blackhole_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	c->drop = true;
	if (!c->len)
		return;
	toxic_record_hit(run->toxic, 1, c->now);
	atomic_fetch_add(&run->toxic->stats->lost, c->len);
}

const struct toxic_ops toxic_blackhole = {
	.type = "blackhole",
	.summary = "bytes and ends vanish, connections stay",
	.attrs = attrs,
	.attrs_size = sizeof(struct blackhole_attrs),
	.by_chunk = true, /* datagrams: the share that is lost */
	.lift_cuts = true,
	.holds_end = true,
	.intake = blackhole_intake,
	.achieved = toxic_achieved,
};
