/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.limit: at most so many transactions in flight on a link, the rest wait
 * in order, as behind a connection pool that is too small.
 */
#include <stddef.h>

#include "chaos/base/json.h"
#include "faults/link/toxic.h"
#include "faults/table.h"

struct pool_limit {
	struct toxic_opts base;
	int64_t size, queue;
	nsec_t timeout;		/* drill ns */
};

#define AT(f) offsetof(struct pool_limit, f)
static const struct opt opts[] = {
	TOXIC_LINK_OPT(struct pool_limit),
	{ "queue", OPT_INT, AT(queue), OPT_NONNEG, "0", NULL, NULL, NULL,
	  "most that may wait, the next is refused; 0: no bound", "100" },
	{ "size", OPT_INT, AT(size), OPT_REQUIRED | OPT_POSITIVE, NULL, NULL,
	  NULL, NULL, "most transactions in flight over the whole link",
	  "16" },
	{ "timeout", OPT_DURATION, AT(timeout), OPT_NONNEG, "0s", NULL, NULL,
	  NULL, "the longest that one waits before it fails; 0: for ever",
	  "30s" },
	OPT_END
};
#undef AT

static json_t *attributes(const void *opts_, double speed)
{
	const struct pool_limit *o = opts_;

	return json_pack("{s:I, s:I, s:f}", "size", (json_int_t)o->size,
			 "queue", (json_int_t)o->queue, "timeout",
			 toxic_real_ms(o->timeout, speed));
}

static json_t *asked(const void *opts_)
{
	const struct pool_limit *o = opts_;

	return json_pack("{s:I}", "size", (json_int_t)o->size);
}

static json_t *achieved(const json_t *from, const struct fault_env *env)
{
	const json_t *wait = json_object_get(from, "wait_ms");

	return json_pack("{s:I, s:I, s:{s:f, s:f, s:f}}", "max_in_flight",
			 (json_int_t)json_int64(from, "max_in_flight", 0),
			 "waits", (json_int_t)json_int64(from, "waits", 0),
			 "wait_ms", "p50",
			 toxic_drill_ms(wait, "p50", env->speed), "p99",
			 toxic_drill_ms(wait, "p99", env->speed), "max",
			 toxic_drill_ms(wait, "max", env->speed));
}

const struct toxic_driver link_pool_limit = {
	.ops = {
		.name = "pool.limit",
		.summary = "a connection pool that is too small, in the proxy",
		.example = "[fault db-pool]\nkind = pool.limit\nlink = db\n"
			   "size = 16\nat = 0s\nfor = 18m\n",
		.opts = opts,
		.opts_size = sizeof(struct pool_limit),
		TOXIC_OPS,
	},
	.type = "pool_limit",
	.stream = "upstream",
	.attributes = attributes,
	.asked = asked,
	.achieved = achieved,
};
