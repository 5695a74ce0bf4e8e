/* SPDX-License-Identifier: Apache-2.0 */
/* slow_close: the end of a stream reaches the other side later. */
#include "faults/proxy/toxic.h"

struct slow_close_attrs {
	double delay; /* real ms */
};

static const struct opt attrs[] = {
	{.name = "delay",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct slow_close_attrs, delay),
	 .flags = OPT_NONNEG,
	 .help = "how much later, real ms"},
	OPT_END,
};

static nsec_t slow_close_longest(const struct toxic *t)
{
	const struct slow_close_attrs *a = t->attrs;

	return toxic_ns(a->delay);
}

static void slow_close_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	if (c->len)
		return;
	c->delay += slow_close_longest(run->toxic);
	toxic_record_hit(run->toxic, 1, c->now);
}

const struct toxic_ops toxic_slow_close = {
	.type = "slow_close",
	.summary = "delay the end of a stream",
	.attrs = attrs,
	.attrs_size = sizeof(struct slow_close_attrs),
	.intake = slow_close_intake,
	.longest_end = slow_close_longest,
	.achieved = toxic_achieved,
};
