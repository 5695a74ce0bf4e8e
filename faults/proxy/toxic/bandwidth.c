/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bandwidth: a token bucket on each connection.  What is late is made up for,
 * so that over any time that bytes wait for it the rate is the one asked for.
 */
#include "faults/proxy/toxic.h"

struct bandwidth_attrs {
	double rate;   /* KB/s: 1000 bytes */
	int64_t burst; /* bytes that may pass at once after a rest */
};

/* It writes this often, or less bytes than that at a time. */
#define TURN (10 * NSEC_MS)
enum { TURN_MAX = 256 * 1024 };

static const struct opt attrs[] = {
	{.name = "burst",
	 .type = OPT_INT,
	 .off = offsetof(struct bandwidth_attrs, burst),
	 .flags = OPT_NONNEG,
	 .help = "bytes that pass at once after a rest"},
	{.name = "rate",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct bandwidth_attrs, rate),
	 .flags = OPT_NONNEG,
	 .help = "KB (1000 bytes) a second; 0: unlimited"},
	OPT_END,
};

/* ns that n bytes take */
static nsec_t span(const struct bandwidth_attrs *a, double n)
{
	return (nsec_t)(n / a->rate * (double)NSEC_MS);
}

static size_t turn_bytes(const struct bandwidth_attrs *a)
{
	double n = a->rate * (double)TURN / (double)NSEC_MS;

	return n < 1 ? 1 : n > TURN_MAX ? TURN_MAX : (size_t)n;
}

static size_t bandwidth_release(struct toxic_run *run, size_t want, nsec_t now,
				nsec_t *ret_next)
{
	const struct bandwidth_attrs *a = run->toxic->attrs;

	if (a->rate <= 0)
		return want;
	size_t turn = turn_bytes(a);
	nsec_t rested = span(a, (double)a->burst);

	/* What was not used while nothing waited is gone, but for a turn's */
	rested = now - (rested > TURN ? rested : TURN);
	if (!run->busy && run->next < rested)
		run->next = rested;
	double credit = (double)(now - run->next) * a->rate / (double)NSEC_MS;
	size_t least = want < turn ? want : turn;

	if (credit < (double)least) {
		*ret_next = run->next + span(a, (double)least) + 1;
		return 0;
	}
	return credit < (double)want ? (size_t)credit : want;
}

/* What waited, and the time in which it earned what it took. */
static void count(struct toxic_run *run, size_t n, nsec_t now)
{
	struct toxic_stats *stats = run->toxic->stats;
	nsec_t from = (nsec_t)run->left;

	if (from < run->next)
		from = run->next;
	run->left = (uint64_t)now;
	atomic_fetch_add(&stats->hits, n);
	atomic_fetch_add(&stats->busy, (unsigned long long)(now - from));
}

static enum toxic_then bandwidth_released(struct toxic_run *run, size_t n,
					  nsec_t now)
{
	const struct bandwidth_attrs *a = run->toxic->attrs;

	if (run->busy && now > run->next)
		count(run, n, now);
	if (a->rate > 0)
		run->next += span(a, (double)n);
	return TOXIC_GOES_ON;
}

static json_t *bandwidth_achieved(const struct toxic *t, struct gate *gate,
				  nsec_t now)
{
	json_t *json = toxic_achieved(t, gate, now);
	double busy = (double)atomic_load(&t->stats->busy) / (double)NSEC_SEC;
	double hits = (double)atomic_load(&t->stats->hits);

	json_object_set_new(json, "busy_s", json_real(busy));
	json_object_set_new(json, "bytes_per_s",
			    json_real(busy > 0 ? hits / busy : 0));
	return json;
}

const struct toxic_ops toxic_bandwidth = {
	.type = "bandwidth",
	.summary = "so many KB a second on each connection",
	.attrs = attrs,
	.attrs_size = sizeof(struct bandwidth_attrs),
	.release = bandwidth_release,
	.released = bandwidth_released,
	.achieved = bandwidth_achieved,
};
