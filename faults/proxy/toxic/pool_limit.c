/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_limit: at most size transactions (PostgreSQL) or connections in flight
 * over the whole link; the rest wait in order.  The link's gate does it.
 */
#include "faults/proxy/toxic.h"

static const struct opt attrs[] = {
	{.name = "queue",
	 .type = OPT_INT,
	 .off = offsetof(struct pool_limit_attrs, queue),
	 .flags = OPT_NONNEG,
	 .help = "most that may wait; 0: unbounded"},
	{.name = "size",
	 .type = OPT_INT,
	 .off = offsetof(struct pool_limit_attrs, size),
	 .flags = OPT_REQUIRED | OPT_POSITIVE,
	 .help = "most that are in flight at once"},
	{.name = "timeout",
	 .type = OPT_DOUBLE,
	 .off = offsetof(struct pool_limit_attrs, timeout),
	 .flags = OPT_NONNEG,
	 .help = "longest wait, real ms; 0: none"},
	OPT_END,
};

static void pool_limit_put(const struct toxic *t, struct gate *gate, bool fresh,
			   nsec_t now)
{
	const struct pool_limit_attrs *a = t->attrs;
	const struct gate_limit limit = {
		.size = a->size,
		.queue = a->queue,
		.timeout = (nsec_t)(a->timeout * (double)NSEC_MS),
	};

	gate_limit(gate, &limit, fresh, now);
}

static void pool_limit_lift(const struct toxic *t, struct gate *gate,
			    nsec_t now)
{
	(void)t;
	gate_limit(gate, &(struct gate_limit){0}, false, now);
}

static json_t *pool_limit_achieved(const struct toxic *t, struct gate *gate,
				   nsec_t now)
{
	(void)t;
	return gate_achieved(gate, now);
}

const struct toxic_ops toxic_pool_limit = {
	.type = "pool_limit",
	.summary = "bound what is in flight, as a connection pool does",
	.attrs = attrs,
	.attrs_size = sizeof(struct pool_limit_attrs),
	.put = pool_limit_put,
	.lift = pool_limit_lift,
	.achieved = pool_limit_achieved,
};
