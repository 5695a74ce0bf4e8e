/* SPDX-License-Identifier: Apache-2.0 */
/* sch_netem's attributes; see netem.h. */
#include "faults/net/netem.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <netlink/attr.h>
#include <string.h>

/* The old fields count ticks of 64 ns; kernels before 4.15 read only them. */
static uint32_t ticks(nsec_t t)
{
	uint64_t v = (uint64_t)t >> 6;

	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* The kernel's probabilities: all 32 bits are 100 %. */
static uint32_t per(double share)
{
	return (uint32_t)llround(share * UINT32_MAX);
}

static void put_correlation(struct nl_msg *msg, const struct netem_conf *c)
{
	struct tc_netem_corr v = {
		.delay_corr = per(c->delay_correlation),
		.loss_corr = per(c->loss_correlation),
		.dup_corr = per(c->duplicate_correlation),
	};

	if (v.delay_corr || v.loss_corr || v.dup_corr)
		nla_put(msg, TCA_NETEM_CORR, sizeof(v), &v);
}

/* h is what the bad state lets through: as tc's "1-h", turned round. */
static void put_gemodel(struct nl_msg *msg, const struct netem_conf *c)
{
	struct tc_netem_gemodel v = {
		.p = per(c->p),
		.r = per(c->r),
		.h = UINT32_MAX - per(c->loss_bad),
		.k1 = per(c->loss_good),
	};
	struct nlattr *nest = nla_nest_start(msg, TCA_NETEM_LOSS);

	nla_put(msg, NETEM_LOSS_GE, sizeof(v), &v);
	nla_nest_end(msg, nest);
}

static void put_state(struct nl_msg *msg, const struct netem_conf *c)
{
	struct tc_netem_gimodel v = {
		.p13 = per(c->p13), .p31 = per(c->p31), .p32 = per(c->p32),
		.p14 = per(c->p14), .p23 = per(c->p23),
	};
	struct nlattr *nest = nla_nest_start(msg, TCA_NETEM_LOSS);

	nla_put(msg, NETEM_LOSS_GI, sizeof(v), &v);
	nla_nest_end(msg, nest);
}

static void put_loss(struct nl_msg *msg, const struct netem_conf *c)
{
	switch (c->loss_model) {
	case NETEM_LOSS_RANDOM:
		break;		/* in the struct */
	case NETEM_LOSS_GEMODEL:
		put_gemodel(msg, c);
		break;
	case NETEM_LOSS_STATE:
		put_state(msg, c);
		break;
	}
}

static void put_order(struct nl_msg *msg, const struct netem_conf *c)
{
	struct tc_netem_reorder reorder = {
		.probability = per(c->reorder),
		.correlation = per(c->reorder_correlation),
	};
	struct tc_netem_corrupt corrupt = {
		.probability = per(c->corrupt),
		.correlation = per(c->corrupt_correlation),
	};

	if (reorder.probability)
		nla_put(msg, TCA_NETEM_REORDER, sizeof(reorder), &reorder);
	if (corrupt.probability)
		nla_put(msg, TCA_NETEM_CORRUPT, sizeof(corrupt), &corrupt);
}

static void put_rate(struct nl_msg *msg, const struct netem_conf *c)
{
	uint64_t rate = (uint64_t)llround(c->rate);
	struct tc_netem_rate v = {
		.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate,
		.packet_overhead = c->packet_overhead,
		.cell_size = c->cell_size,
		.cell_overhead = c->cell_overhead,
	};

	if (!rate)
		return;
	if (rate > UINT32_MAX)
		nla_put(msg, TCA_NETEM_RATE64, sizeof(rate), &rate);
	nla_put(msg, TCA_NETEM_RATE, sizeof(v), &v);
}

static void put_slot(struct nl_msg *msg, const struct netem_conf *c)
{
	struct tc_netem_slot v = {
		.min_delay = c->slot_min,
		.max_delay = c->slot_max,
		.max_packets = c->slot_packets,
		.max_bytes = c->slot_bytes,
	};

	if (c->slot_max)
		nla_put(msg, TCA_NETEM_SLOT, sizeof(v), &v);
}

static struct tc_netem_qopt old_struct(const struct netem_conf *c)
{
	bool random = c->loss_model == NETEM_LOSS_RANDOM;

	return (struct tc_netem_qopt){
		.latency = ticks(c->delay),
		.jitter = ticks(c->jitter),
		.limit = c->limit,
		.loss = random ? per(c->loss) : 0,
		.duplicate = per(c->duplicate),
		.gap = c->gap,
	};
}

/* A struct, and then attributes: not a nest of its own making. */
void netem_put(struct nl_msg *msg, const struct netem_conf *conf)
{
	struct tc_netem_qopt old = old_struct(conf);
	struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);

	nlmsg_append(msg, &old, sizeof(old), NLMSG_ALIGNTO);
	nla_put(msg, TCA_NETEM_LATENCY64, sizeof(conf->delay), &conf->delay);
	nla_put(msg, TCA_NETEM_JITTER64, sizeof(conf->jitter), &conf->jitter);
	put_correlation(msg, conf);
	put_loss(msg, conf);
	put_order(msg, conf);
	put_rate(msg, conf);
	put_slot(msg, conf);
	/* Always: left out, a change would keep what was there before. */
	nla_put_u32(msg, TCA_NETEM_ECN, conf->ecn);
	if (conf->seeded)
		nla_put(msg, NETEM_PRNG_SEED, sizeof(conf->seed),
			&conf->seed);
	if (conf->table)
		nla_put(msg, TCA_NETEM_DELAY_DIST,
			(int)(conf->table_n * sizeof(*conf->table)),
			conf->table);
	nla_nest_end(msg, nest);
}

/* --- what a model loses ------------------------------------------------ */

static double gemodel_share(const struct netem_conf *c)
{
	double bad = c->p + c->r > 0 ? c->p / (c->p + c->r) : 0;

	return bad * c->loss_bad + (1 - bad) * c->loss_good;
}

/*
 * One packet a step; states as in sch_netem: 1 and 2 let it through, in a gap
 * and in a burst of losses; 3 and 4 lose it.
 */
static double state_share(const struct netem_conf *c)
{
	double v[4] = { 1, 0, 0, 0 }, lost = 0;
	enum { STEPS = 20000, SETTLED = STEPS / 2 };

	for (int i = 0; i < STEPS; i++) {
		double stay1 = 1 - c->p13 - c->p14;
		double stay3 = 1 - c->p31 - c->p32;
		double n[4] = {
			v[0] * stay1 + v[2] * c->p31 + v[3],
			v[1] * (1 - c->p23) + v[2] * c->p32,
			v[0] * c->p13 + v[1] * c->p23 + v[2] * stay3,
			v[0] * c->p14,
		};

		memcpy(v, n, sizeof(v));
		if (i >= SETTLED)
			lost += v[2] + v[3];
	}
	return lost / (STEPS - SETTLED);
}

double netem_loss_share(const struct netem_conf *conf)
{
	switch (conf->loss_model) {
	case NETEM_LOSS_RANDOM:
		return conf->loss;
	case NETEM_LOSS_GEMODEL:
		return gemodel_share(conf);
	case NETEM_LOSS_STATE:
		return state_share(conf);
	}
	return 0;
}
