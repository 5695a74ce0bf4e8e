/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sch_netem's attributes over libnl's messages.  libnl's own netem support
 * (3.7) has no 64-bit times, rate, slot, loss model or ECN, so all of it is
 * written here, and only here.
 */
#ifndef GD_FAULTS_NET_NETEM_H
#define GD_FAULTS_NET_NETEM_H

#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/clock.h"

enum netem_loss {
	NETEM_LOSS_RANDOM,	/* loss, loss_correlation */
	NETEM_LOSS_GEMODEL,	/* p, r: into and out of the bad state */
	NETEM_LOSS_STATE,	/* four states: p13 p31 p32 p23 p14 */
};

/* Shares: 1 = 100 %. All zero: nothing is disturbed. */
struct netem_conf {
	nsec_t delay, jitter;		/* real ns; jitter: 1 sigma */
	double delay_correlation;
	const int16_t *table;		/* the jitter's shape; NULL: uniform */
	size_t table_n;
	enum netem_loss loss_model;
	double loss, loss_correlation;
	double p, r;			/* Gilbert-Elliott */
	double loss_bad, loss_good;	/* what each of its states loses */
	double p13, p31, p32, p23, p14;
	double duplicate, duplicate_correlation;
	double corrupt, corrupt_correlation;
	double reorder, reorder_correlation;
	uint32_t gap;
	double rate;			/* bytes per real second; 0: none */
	int32_t packet_overhead, cell_overhead;	/* bytes */
	uint32_t cell_size;
	nsec_t slot_min, slot_max;	/* real ns; both 0: no slots */
	int32_t slot_packets, slot_bytes;
	bool ecn, seeded;
	uint64_t seed;
	uint32_t limit;			/* packets that may be under way */
};

enum { NETEM_PRNG_SEED = 14 };	/* the attribute: headers before 6.6 lack it */

/* Adds TCA_OPTIONS. */
void netem_put(struct nl_msg *msg, const struct netem_conf *conf);
/* The share of packets that the loss model loses in the long run. */
double netem_loss_share(const struct netem_conf *conf);

#endif
