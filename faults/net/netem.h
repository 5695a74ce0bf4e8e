/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sch_netem's attributes over libnl's messages.  libnl's own netem support
 * (3.7) has no 64-bit times, so all of it is written here, and only here.
 */
#ifndef GD_FAULTS_NET_NETEM_H
#define GD_FAULTS_NET_NETEM_H

#include <netlink/msg.h>

#include "chaos/base/clock.h"

struct netem_conf {
	nsec_t delay, jitter;	/* real ns; jitter: uniform, plus or minus */
	uint32_t limit;		/* packets that may be under way */
};

/* Adds TCA_OPTIONS. */
void netem_put(struct nl_msg *msg, const struct netem_conf *conf);

#endif
