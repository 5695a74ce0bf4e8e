/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect_rate: so many new connections a second over the whole link.  Those
 * above it wait for their turn, or are reset when too many wait.
 */
#include "faults/proxy/toxic.h"

struct connect_rate_attrs {
	double rate;   /* a second */
	int64_t burst; /* connections at once after a rest */
	int64_t queue;
};

static const struct opt attrs[] = {
	{.name = "burst",
	 .type = OPT_INT,
	 .off = offsetof(struct connect_rate_attrs, burst),
	 .flags = OPT_POSITIVE,
	 .def = "1",
	 .help = "connections at once after a rest"},
	{.name = "queue",
	 .type = OPT_INT,
	 .off = offsetof(struct connect_rate_attrs, queue),
	 .flags = OPT_NONNEG,
	 .help = "most that wait, the next is reset; 0: unbounded"},
	{.name = "rate",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct connect_rate_attrs, rate),
	 .flags = OPT_REQUIRED | OPT_POSITIVE,
	 .help = "new connections a second"},
	OPT_END,
};

/* Any thread: each takes the next turn, or -1 and none. */
static nsec_t connect_rate(const struct toxic *t, struct rng *rng, nsec_t now)
{
	const struct connect_rate_attrs *a = t->attrs;
	nsec_t gap = (nsec_t)((double)NSEC_SEC / a->rate);
	long long was = atomic_load(&t->stats->turn), mine;

	(void)rng;
	do {
		nsec_t rested = now - (a->burst - 1) * gap;

		mine = was < rested ? rested : was;
		if (a->queue && mine - now > a->queue * gap) {
			atomic_fetch_add(&t->stats->lost, 1);
			return -1;
		}
	} while (!atomic_compare_exchange_weak(&t->stats->turn, &was,
					       mine + gap));
	toxic_record_hit(t, 1, mine > now ? mine : now);
	return mine > now ? mine - now : 0;
}

const struct toxic_ops toxic_connect_rate = {
	.type = "connect_rate",
	.summary = "so many new connections a second over the link",
	.attrs = attrs,
	.attrs_size = sizeof(struct connect_rate_attrs),
	.connect = connect_rate,
	.achieved = toxic_achieved,
};
