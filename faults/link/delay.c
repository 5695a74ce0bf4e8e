/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.delay: every chunk that passes a link in one direction leaves later.
 * Per chunk in the proxy, where net.delay is per packet in the kernel.
 */
#include <stddef.h>

#include "chaos/base/json.h"
#include "faults/link/toxic.h"
#include "faults/table.h"

struct link_delay {
	struct toxic_opts base;
	nsec_t delay, jitter;	/* drill ns */
	int stream;
};

static const char *const streams[] = { "upstream", "downstream", NULL };

#define AT(f) offsetof(struct link_delay, f)
static const struct opt opts[] = {
	{ "delay", OPT_DURATION, AT(delay), OPT_REQUIRED | OPT_POSITIVE, NULL,
	  NULL, NULL, NULL, "how much later", "10ms" },
	{ "jitter", OPT_DURATION, AT(jitter), OPT_NONNEG, "0s", NULL, NULL,
	  NULL, "more or less by up to this, uniformly", "2ms" },
	TOXIC_LINK_OPT(struct link_delay),
	{ "stream", OPT_ENUM, AT(stream), 0, "upstream", streams, NULL, NULL,
	  "what is delayed: upstream is requests, downstream answers",
	  "downstream" },
	OPT_END
};
#undef AT

static const char *stream_of(const void *opts_)
{
	return streams[((const struct link_delay *)opts_)->stream];
}

static json_t *attributes(const void *opts_, double speed)
{
	const struct link_delay *o = opts_;

	return json_pack("{s:f, s:f}", "latency",
			 toxic_real_ms(o->delay, speed), "jitter",
			 toxic_real_ms(o->jitter, speed));
}

static json_t *asked(const void *opts_)
{
	const struct link_delay *o = opts_;

	return json_pack("{s:f, s:f}", "delay_ms", toxic_real_ms(o->delay, 1),
			 "jitter_ms", toxic_real_ms(o->jitter, 1));
}

static json_t *achieved(const json_t *from, const struct fault_env *env)
{
	return json_pack("{s:I, s:{s:f, s:f, s:f}}", "chunks",
			 (json_int_t)json_int64(from, "chunks", 0), "delay_ms",
			 "p50", toxic_drill_ms(from, "p50", env->speed), "p99",
			 toxic_drill_ms(from, "p99", env->speed), "max",
			 toxic_drill_ms(from, "max", env->speed));
}

const struct toxic_driver link_delay = {
	.ops = {
		.name = "link.delay",
		.summary = "a slow connection, in the proxy, per chunk",
		.example = "[fault db-delay]\nkind = link.delay\nlink = db\n"
			   "delay = 10ms\nat = 90s\nfor = 90s\n",
		.opts = opts,
		.opts_size = sizeof(struct link_delay),
		TOXIC_OPS,
	},
	.type = "latency",
	.stream_of = stream_of,
	.attributes = attributes,
	.asked = asked,
	.achieved = achieved,
};
