/* SPDX-License-Identifier: Apache-2.0 */
/* corrupt: a share of the bytes arrives with one bit turned over. */
#include <errno.h>
#include <math.h>

#include "faults/proxy/toxic.h"

struct corrupt_attrs {
	double share;
};

static const struct opt attrs[] = {
	{.name = "share",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct corrupt_attrs, share),
	 .flags = OPT_REQUIRED | OPT_POSITIVE,
	 .help = "of the bytes, within 0 and 1"},
	OPT_END,
};

static int corrupt_check(const struct toxic *t, struct err *err)
{
	const struct corrupt_attrs *a = t->attrs;

	if (a->share > 1)
		return err_set(err, -EINVAL, "share is not within 0 and 1");
	return 0;
}

/* Bytes until the next that is spoilt: the same wherever chunks end. */
static uint64_t draw_gap(struct toxic_run *run, double share)
{
	double gap;

	if (share >= 1)
		return 0;
	gap = floor(log1p(-rng_double(&run->rng)) / log1p(-share));
	return gap < 1e18 ? (uint64_t)gap : (uint64_t)1e18;
}

/* left: the gap and 1; 0: none was drawn yet. */
static void corrupt_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	const struct corrupt_attrs *a = run->toxic->attrs;
	uint64_t at = 0, hits = 0;

	if (a->share <= 0 || !c->len)
		return;
	if (!run->left)
		run->left = draw_gap(run, a->share) + 1;
	while (c->len - at >= run->left) {
		at += run->left;
		c->data[at - 1] = (char)(c->data[at - 1] ^
					 (1 << rng_below(&run->rng, 8)));
		hits++;
		run->left = draw_gap(run, a->share) + 1;
	}
	run->left -= c->len - at;
	if (hits)
		toxic_record_hit(run->toxic, hits, c->now);
}

const struct toxic_ops toxic_corrupt = {
	.type = "corrupt",
	.summary = "turn over one bit of a share of the bytes",
	.attrs = attrs,
	.attrs_size = sizeof(struct corrupt_attrs),
	.by_chunk = true,
	.check = corrupt_check,
	.intake = corrupt_intake,
	.achieved = toxic_achieved,
};
