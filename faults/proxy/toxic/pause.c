/* SPDX-License-Identifier: Apache-2.0 */
/* pause: all bytes and ends are held, none is lost; a change lets them go. */
#include "faults/proxy/toxic.h"

struct pause_attrs {
	int64_t unused;
};

static const struct opt attrs[] = {OPT_END};

static void pause_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	if (c->len)
		toxic_record_hit(run->toxic, c->len, c->now);
}

static size_t pause_release(struct toxic_run *run, size_t want, nsec_t now,
			    nsec_t *ret_next)
{
	(void)run, (void)want, (void)now;
	*ret_next = NSEC_NEVER;
	return 0;
}

const struct toxic_ops toxic_pause = {
	.type = "pause",
	.summary = "hold all bytes and lose none",
	.attrs = attrs,
	.attrs_size = sizeof(struct pause_attrs),
	.holds_end = true,
	.intake = pause_intake,
	.release = pause_release,
	.achieved = toxic_achieved,
};
