/* SPDX-License-Identifier: Apache-2.0 */
/* refuse: new connections are reset at once; open ones live on. */
#include "faults/proxy/toxic.h"

struct refuse_attrs {
	int64_t unused;
};

static const struct opt attrs[] = {OPT_END};

static nsec_t refuse_connect(const struct toxic *t, struct rng *rng, nsec_t now)
{
	(void)rng;
	toxic_record_hit(t, 1, now);
	return -1;
}

const struct toxic_ops toxic_refuse = {
	.type = "refuse",
	.summary = "reset new connections, leave the open ones",
	.attrs = attrs,
	.attrs_size = sizeof(struct refuse_attrs),
	.connect = refuse_connect,
	.achieved = toxic_achieved,
};
