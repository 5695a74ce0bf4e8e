/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slicer: bytes leave in pieces of about a size, each in a write of its own,
 * with a pause after each.
 */
#include <errno.h>

#include "faults/proxy/toxic.h"

struct slicer_attrs {
	int64_t size, variation; /* bytes */
	double delay;		 /* real microseconds */
};

static const struct opt attrs[] = {
	{.name = "average_size",
	 .type = OPT_INT,
	 .off = offsetof(struct slicer_attrs, size),
	 .flags = OPT_REQUIRED | OPT_POSITIVE,
	 .help = "bytes of a piece"},
	{.name = "delay",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct slicer_attrs, delay),
	 .flags = OPT_NONNEG,
	 .help = "after each piece, real microseconds"},
	{.name = "size_variation",
	 .type = OPT_INT,
	 .off = offsetof(struct slicer_attrs, variation),
	 .flags = OPT_NONNEG,
	 .help = "bytes more or less, below average_size"},
	OPT_END,
};

static int slicer_check(const struct toxic *t, struct err *err)
{
	const struct slicer_attrs *a = t->attrs;

	if (a->variation && a->variation >= a->size)
		return err_set(err, -EINVAL,
			       "size_variation is not below average_size");
	return 0;
}

static size_t slicer_release(struct toxic_run *run, size_t want, nsec_t now,
			     nsec_t *ret_next)
{
	const struct slicer_attrs *a = run->toxic->attrs;

	if (now < run->next) {
		*ret_next = run->next;
		return 0;
	}
	if (!run->left) {
		run->left = (uint64_t)(a->size - a->variation);
		if (a->variation)
			run->left += rng_below(&run->rng,
					       (uint64_t)a->variation * 2 + 1);
	}
	return want < run->left ? want : (size_t)run->left;
}

/* A piece ends with its bytes, or with what there is. */
static enum toxic_then slicer_released(struct toxic_run *run, size_t n,
				       nsec_t now)
{
	const struct slicer_attrs *a = run->toxic->attrs;

	(void)n;
	run->left = 0;
	run->next = now + (nsec_t)(a->delay * (double)NSEC_US);
	toxic_record_hit(run->toxic, 1, now);
	return TOXIC_GOES_ON;
}

const struct toxic_ops toxic_slicer = {
	.type = "slicer",
	.summary = "cut the bytes into small pieces",
	.attrs = attrs,
	.attrs_size = sizeof(struct slicer_attrs),
	.check = slicer_check,
	.release = slicer_release,
	.released = slicer_released,
	.achieved = toxic_achieved,
};
