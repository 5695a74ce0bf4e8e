/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka.pause: consumers of a topic get nothing, while their connections,
 * heartbeats and all else live.
 */
#include <stddef.h>

#include "chaos/base/json.h"
#include "faults/link/toxic.h"
#include "faults/table.h"

struct kafka_pause {
	struct toxic_opts base;
	char *topic;
	int api;
};

static const char *const apis[] = { "fetch", NULL };

#define AT(f) offsetof(struct kafka_pause, f)
static const struct opt opts[] = {
	{ "api", OPT_ENUM, AT(api), 0, "fetch", apis, NULL, NULL,
	  "which request is starved", "fetch" },
	TOXIC_LINK_OPT(struct kafka_pause),
	{ "topic", OPT_STR, AT(topic), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "the topic whose fetches come back empty", "coupon-issued" },
	OPT_END
};
#undef AT

static json_t *attributes(const void *opts_, double speed)
{
	const struct kafka_pause *o = opts_;

	(void)speed;	/* it lasts for the clients' own max_wait */
	return json_pack("{s:s}", "topic", o->topic);
}

static json_t *asked(const void *opts_)
{
	const struct kafka_pause *o = opts_;

	return json_pack("{s:s, s:s}", "topic", o->topic, "api",
			 apis[o->api]);
}

static json_t *achieved(const json_t *from, const struct fault_env *env)
{
	return json_pack("{s:I, s:o, s:o}", "empty_answers",
			 (json_int_t)json_int64(from, "answers", 0),
			 "first_s", link_second(from, "first_mono_ns", env),
			 "last_s", link_second(from, "last_mono_ns", env));
}

const struct toxic_driver link_kafka_pause = {
	.ops = {
		.name = "kafka.pause",
		.summary = "a topic's consumers get nothing, in the proxy",
		.example = "[fault kafka-pause]\nkind = kafka.pause\n"
			   "link = kafka\napi = fetch\n"
			   "topic = coupon-issued\nat = 120s\nfor = 60s\n",
		.opts = opts,
		.opts_size = sizeof(struct kafka_pause),
		TOXIC_OPS,
	},
	.type = "kafka_starve",
	.stream = "upstream",
	.protocol = "kafka",
	.attributes = attributes,
	.asked = asked,
	.achieved = achieved,
};
