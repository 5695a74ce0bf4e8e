/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_starve: a topic's consumers are answered with empty sets, after their
 * own max_wait, while the connection and all other requests live.  The Kafka
 * filter does it; here is what it was asked and what it reports.
 */
#include "faults/proxy/toxic.h"

static const struct opt attrs[] = {
	{.name = "topic",
	 .type = OPT_STR,
	 .off = offsetof(struct kafka_starve_attrs, topic),
	 .flags = OPT_REQUIRED,
	 .help = "topic whose fetches come back empty"},
	OPT_END,
};

static json_t *kafka_starve_achieved(const struct toxic *t, struct gate *gate,
				     nsec_t now)
{
	struct toxic_stats *stats = t->stats;

	(void)gate, (void)now;
	pthread_mutex_lock(&stats->lock);
	json_t *json = json_pack("{s:I, s:I, s:I}", "answers",
				 (json_int_t)stats->answers, "first_mono_ns",
				 (json_int_t)stats->first, "last_mono_ns",
				 (json_int_t)stats->last);

	pthread_mutex_unlock(&stats->lock);
	return json;
}

const struct toxic_ops toxic_kafka_starve = {
	.type = "kafka_starve",
	.summary = "answer the fetches of a topic with empty sets",
	.attrs = attrs,
	.attrs_size = sizeof(struct kafka_starve_attrs),
	.protocol = "kafka",
	.achieved = kafka_starve_achieved,
};
