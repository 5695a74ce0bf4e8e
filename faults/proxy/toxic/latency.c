/* SPDX-License-Identifier: Apache-2.0 */
/* latency: each chunk leaves at its arrival plus latency, give or take. */
#include "chaos/base/hist.h"
#include "faults/proxy/toxic.h"

static const struct opt attrs[] = {
	{.name = "latency",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct latency_attrs, latency),
	 .flags = OPT_NONNEG,
	 .help = "delay of each chunk, real ms"},
	{.name = "jitter",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct latency_attrs, jitter),
	 .flags = OPT_NONNEG,
	 .help = "uniform, up to this much more or less, real ms"},
	OPT_END,
};

static nsec_t latency_delay(const struct toxic *t, struct rng *rng)
{
	const struct latency_attrs *a = t->attrs;
	double ms = a->latency;

	if (!rng)
		ms += a->jitter;
	else if (a->jitter > 0)
		ms += rng_uniform(rng, -a->jitter, a->jitter);
	return ms > 0 ? (nsec_t)(ms * (double)NSEC_MS) : 0;
}

static double at_ms(const struct hist *h, double percentile)
{
	if (!h)
		return 0;
	return (double)hist_percentile(h, percentile) / (double)NSEC_MS;
}

static json_t *latency_achieved(const struct toxic *t, struct gate *gate,
				nsec_t now)
{
	(void)gate, (void)now;
	pthread_mutex_lock(&t->stats->lock);
	const struct hist *h = t->stats->delays;
	json_t *json = json_pack("{s:I, s:f, s:f, s:f}", "chunks",
				 (json_int_t)(h ? hist_count(h) : 0), "p50",
				 at_ms(h, 50), "p99", at_ms(h, 99), "max",
				 at_ms(h, 100));

	pthread_mutex_unlock(&t->stats->lock);
	return json;
}

const struct toxic_ops toxic_latency = {
	.type = "latency",
	.summary = "delay each chunk of bytes",
	.attrs = attrs,
	.attrs_size = sizeof(struct latency_attrs),
	.delay = latency_delay,
	.achieved = latency_achieved,
};
