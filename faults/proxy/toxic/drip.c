/* SPDX-License-Identifier: Apache-2.0 */
/* drip: so many bytes at a time, one time every so often, by the clock. */
#include "faults/proxy/toxic.h"

struct drip_attrs {
	int64_t bytes;
	double every; /* real ms */
};

static const struct opt attrs[] = {
	{.name = "bytes",
	 .type = OPT_INT,
	 .off = offsetof(struct drip_attrs, bytes),
	 .flags = OPT_POSITIVE,
	 .def = "1",
	 .help = "of each drop"},
	{.name = "every",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct drip_attrs, every),
	 .flags = OPT_REQUIRED | OPT_POSITIVE,
	 .help = "from one drop to the next, real ms"},
	OPT_END,
};

/* left: bytes of this drop that have gone; next: the next drop. */
static size_t drip_release(struct toxic_run *run, size_t want, nsec_t now,
			   nsec_t *ret_next)
{
	const struct drip_attrs *a = run->toxic->attrs;
	uint64_t size = (uint64_t)a->bytes;

	if (now >= run->next) {
		nsec_t every = toxic_ns(a->every);

		/* By the clock, but drops that nobody waited for are gone */
		run->next = run->busy && now - run->next < every
				    ? run->next + every
				    : now + every;
		run->left = 0;
		toxic_record_hit(run->toxic, 1, now);
	}
	uint64_t rest = size > run->left ? size - run->left : 0;

	*ret_next = run->next;
	return want < rest ? want : (size_t)rest;
}

static enum toxic_then drip_released(struct toxic_run *run, size_t n,
				     nsec_t now)
{
	(void)now;
	run->left += n;
	return TOXIC_GOES_ON;
}

const struct toxic_ops toxic_drip = {
	.type = "drip",
	.summary = "a few bytes at a time, by the clock",
	.attrs = attrs,
	.attrs_size = sizeof(struct drip_attrs),
	.release = drip_release,
	.released = drip_released,
	.achieved = toxic_achieved,
};
