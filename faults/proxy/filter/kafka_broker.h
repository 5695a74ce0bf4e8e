/* SPDX-License-Identifier: Apache-2.0 */
/* Where a broker that the upstream named is reached through the proxy. */
#ifndef GD_PROXY_KAFKA_BROKER_H
#define GD_PROXY_KAFKA_BROKER_H

#include "faults/proxy/filter/kafka_codec.h"
#include "faults/proxy/flow.h"

/*
 * As kafka_map_fn; -ENOENT: it has none, and clients will go past us.  One
 * that has none yet is asked for, and the flow's reconf comes when it has;
 * give_up: it is not asked for any more.
 */
int kafka_map_broker(struct flow *f, const char *host, int32_t port,
		     bool give_up, struct kafka_mapped *ret);

#endif
