/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeout: all bytes vanish, and after the time the flow is closed; 0: it
 * stays until the toxic goes.
 */
#include "faults/proxy/toxic.h"

struct timeout_attrs {
	double timeout; /* real ms */
};

static const struct opt attrs[] = {
	{.name = "timeout",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct timeout_attrs, timeout),
	 .flags = OPT_NONNEG,
	 .help = "until it is closed, real ms; 0: it stays"},
	OPT_END,
};

static void timeout_begin(struct toxic_run *run, struct toxic_chunk *c)
{
	const struct timeout_attrs *a = run->toxic->attrs;

	if (a->timeout <= 0)
		return;
	c->then = TOXIC_CLOSES;
	c->then_at = run->since + toxic_ns(a->timeout);
}

static void timeout_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	if (c->len) {
		toxic_record_hit(run->toxic, 1, c->now);
		atomic_fetch_add(&run->toxic->stats->lost, c->len);
	} else {
		c->then = TOXIC_CLOSES;
		c->then_at = c->now;
	}
	c->drop = true;
}

const struct toxic_ops toxic_timeout = {
	.type = "timeout",
	.summary = "let no byte pass, and close after a time",
	.attrs = attrs,
	.attrs_size = sizeof(struct timeout_attrs),
	.lift_cuts = true,
	.begin = timeout_begin,
	.intake = timeout_intake,
	.achieved = toxic_achieved,
};
