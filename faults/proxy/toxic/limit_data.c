/* SPDX-License-Identifier: Apache-2.0 */
/* limit_data: so many bytes pass, and then the flow is closed. */
#include "faults/proxy/toxic/budget.h"

const struct opt budget_opts[] = {
	{.name = "bytes",
	 .type = OPT_INT,
	 .off = offsetof(struct budget_attrs, bytes),
	 .flags = OPT_NONNEG,
	 .help = "that pass before the end"},
	OPT_END,
};

size_t budget_release(struct toxic_run *run, size_t want, nsec_t now,
		      nsec_t *ret_next)
{
	const struct budget_attrs *a = run->toxic->attrs;
	uint64_t all = (uint64_t)a->bytes;
	uint64_t left = all > run->bytes ? all - run->bytes : 0;

	(void)now;
	*ret_next = NSEC_NEVER;
	return want < left ? want : (size_t)left;
}

bool budget_spent(struct toxic_run *run, nsec_t now)
{
	const struct budget_attrs *a = run->toxic->attrs;

	if (run->bytes < (uint64_t)a->bytes)
		return false;
	toxic_record_hit(run->toxic, 1, now);
	return true;
}

static enum toxic_then limit_data_released(struct toxic_run *run, size_t n,
					   nsec_t now)
{
	(void)n;
	return budget_spent(run, now) ? TOXIC_CLOSES : TOXIC_GOES_ON;
}

/* Of none at all, the first one already is too much. */
static void limit_data_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	const struct budget_attrs *a = run->toxic->attrs;

	if (run->bytes < (uint64_t)a->bytes)
		return;
	c->drop = true;
	c->then = TOXIC_CLOSES;
	c->then_at = c->now;
}

const struct toxic_ops toxic_limit_data = {
	.type = "limit_data",
	.summary = "let so many bytes pass, then close",
	.attrs = budget_opts,
	.attrs_size = sizeof(struct budget_attrs),
	.intake = limit_data_intake,
	.release = budget_release,
	.released = limit_data_released,
	.achieved = toxic_achieved,
};
