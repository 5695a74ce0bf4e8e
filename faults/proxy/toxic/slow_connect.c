/* SPDX-License-Identifier: Apache-2.0 */
/* slow_connect: the upstream is connected a time after the client was. */
#include "faults/proxy/toxic.h"

struct slow_connect_attrs {
	double delay, jitter; /* real ms */
};

static const struct opt attrs[] = {
	{.name = "delay",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct slow_connect_attrs, delay),
	 .flags = OPT_NONNEG,
	 .help = "of a new connection, real ms"},
	{.name = "jitter",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct slow_connect_attrs, jitter),
	 .flags = OPT_NONNEG,
	 .help = "uniform, up to this much more or less"},
	OPT_END,
};

static nsec_t slow_connect(const struct toxic *t, struct rng *rng, nsec_t now)
{
	const struct slow_connect_attrs *a = t->attrs;
	double ms = a->delay;

	if (a->jitter > 0)
		ms += rng_uniform(rng, -a->jitter, a->jitter);
	toxic_record_hit(t, 1, now);
	return ms > 0 ? toxic_ns(ms) : 0;
}

const struct toxic_ops toxic_slow_connect = {
	.type = "slow_connect",
	.summary = "connect the upstream later",
	.attrs = attrs,
	.attrs_size = sizeof(struct slow_connect_attrs),
	.connect = slow_connect,
	.achieved = toxic_achieved,
};
