/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the net.* kinds: one struct and one table for all of them. */
#ifndef GD_FAULTS_NET_CONF_H
#define GD_FAULTS_NET_CONF_H

#include "chaos/base/opt.h"
#include "chaos/fault/fault.h"
#include "faults/net/netem.h"

enum net_direction { NET_EGRESS, NET_INGRESS };
enum net_ends { NET_DESTINATION, NET_SOURCE, NET_EITHER };
enum net_protocol { NET_AUTO, NET_ANY, NET_ICMP, NET_TCP, NET_UDP };
enum net_shaper { NET_NETEM, NET_TBF };

/* Times are drill ns, the rate is bytes per drill second. */
struct net_conf {
	char *dev, *netns, *address, *port, *distribution;
	int direction, ends, protocol, shaper, loss_model;
	bool replace, ecn;
	nsec_t delay, jitter, slot_min, slot_max, queue;
	double delay_correlation, loss, loss_correlation, p, r, bad_loss,
		good_loss, p13, p14, p23, p31, p32, duplicate,
		duplicate_correlation, corrupt, corrupt_correlation, reorder,
		reorder_correlation, rate;
	int64_t gap, limit, seed, packet_overhead, cell_size, cell_overhead,
		slot_packets, slot_bytes;
	uint64_t burst;
};

extern const struct opt net_opts[];

/* What the keys say together; `kind` has keys that it is for. */
int net_valid(const char *kind, const struct net_conf *c, struct err *err);
/*
 * As the kernel takes it: in real time. The table is the caller's to free when
 * done with ret.
 */
int net_to_netem(const struct net_conf *c, double speed, struct netem_conf *ret,
	      int16_t **ret_table, struct err *err) MUST_CHECK;
/* A line or more: what a delay per packet comes to for a request. */
void net_explain(const struct net_conf *c, struct buf *out);
/* "netem delay 10.000 ms loss 5 %", as tc would be told. */
void net_disturbance(const struct net_conf *c, double speed, struct buf *out);

#endif
