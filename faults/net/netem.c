/* SPDX-License-Identifier: Apache-2.0 */
/* sch_netem's attributes; see netem.h. */
#include "faults/net/netem.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

/* The old fields count ticks of 64 ns; kernels before 4.15 read only them. */
static uint32_t ticks(nsec_t t)
{
	uint64_t v = (uint64_t)t >> 6;

	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* A struct, and then attributes: not a nest of its own making. */
void netem_put(struct nl_msg *msg, const struct netem_conf *conf)
{
	struct tc_netem_qopt old = {
		.latency = ticks(conf->delay),
		.jitter = ticks(conf->jitter),
		.limit = conf->limit,
	};
	struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);

	nlmsg_append(msg, &old, sizeof(old), NLMSG_ALIGNTO);
	nla_put(msg, TCA_NETEM_LATENCY64, sizeof(conf->delay), &conf->delay);
	nla_put(msg, TCA_NETEM_JITTER64, sizeof(conf->jitter), &conf->jitter);
	nla_nest_end(msg, nest);
}
