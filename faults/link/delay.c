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
	int stream, distribution;
	char *file;
};

static const char *const spreads[] = { "uniform", "normal", "pareto", NULL };

#define AT(f) offsetof(struct link_delay, f)
static const struct opt opts[] = {
	{ "delay", OPT_DURATION, AT(delay), OPT_REQUIRED | OPT_POSITIVE, NULL,
	  NULL, NULL, NULL, "how much later", "10ms" },
	{ "distribution", OPT_ENUM, AT(distribution), 0, "uniform", spreads,
	  NULL, NULL, "of the jitter", "normal" },
	{ "file", OPT_STR, AT(file), 0, "", NULL, NULL, NULL, "of delays in "
	  "ms, a line each, as the proxy finds it: one is drawn for each "
	  "chunk and added", "/etc/gameday/delays" },
	{ "jitter", OPT_DURATION, AT(jitter), OPT_NONNEG, "0s", NULL, NULL,
	  NULL, "uniform: more or less by up to this; else the standard "
	  "deviation", "2ms" },
	TOXIC_LINK_OPT(struct link_delay),
	{ "stream", OPT_ENUM, AT(stream), 0, "upstream", link_streams, NULL,
	  NULL, "what is delayed: upstream is requests, downstream answers",
	  "downstream" },
	OPT_END
};
#undef AT

static const char *stream_of(const void *opts_)
{
	return link_streams[((const struct link_delay *)opts_)->stream];
}

static json_t *attributes(const void *opts_, double speed)
{
	const struct link_delay *o = opts_;

	return json_pack("{s:f, s:f, s:s, s:s, s:f}", "latency",
			 toxic_real_ms(o->delay, speed), "jitter",
			 toxic_real_ms(o->jitter, speed), "distribution",
			 spreads[o->distribution], "file", o->file, "scale",
			 1 / speed);
}

static json_t *asked(const void *opts_)
{
	const struct link_delay *o = opts_;

	return json_pack("{s:f, s:f, s:s}", "delay_ms",
			 toxic_real_ms(o->delay, 1), "jitter_ms",
			 toxic_real_ms(o->jitter, 1), "distribution",
			 spreads[o->distribution]);
}

static json_t *achieved(const json_t *from, const struct fault_env *env)
{
	static const char *const keys[] = { "p1", "p50", "p90", "p99", "max" };
	json_t *ms = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_object_set_new(ms, keys[i], json_real(toxic_drill_ms(
			from, keys[i], env->speed)));
	return json_pack("{s:I, s:o}", "chunks",
			 (json_int_t)json_int64(from, "chunks", 0), "delay_ms",
			 ms);
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
