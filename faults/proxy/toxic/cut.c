/* SPDX-License-Identifier: Apache-2.0 */
/* cut: so many bytes pass, and then both sides are reset. */
#include "faults/proxy/toxic/budget.h"

static enum toxic_then cut_released(struct toxic_run *run, size_t n, nsec_t now)
{
	(void)n;
	return budget_spent(run, now) ? TOXIC_RESETS : TOXIC_GOES_ON;
}

static void cut_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	const struct budget_attrs *a = run->toxic->attrs;

	if (run->bytes < (uint64_t)a->bytes)
		return;
	c->drop = true;
	c->then = TOXIC_RESETS;
	c->then_at = c->now;
}

const struct toxic_ops toxic_cut = {
	.type = "cut",
	.summary = "let so many bytes pass, then reset",
	.attrs = budget_opts,
	.attrs_size = sizeof(struct budget_attrs),
	.intake = cut_intake,
	.release = budget_release,
	.released = cut_released,
	.achieved = toxic_achieved,
};
