/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The toxics that apply to one direction of one flow, in their order: what
 * they say about bytes that come in, and how much may go out.  Times are
 * arguments.  Owned by the flow's thread.
 */
#ifndef GD_PROXY_CHAIN_H
#define GD_PROXY_CHAIN_H

#include "faults/proxy/link.h"
#include "faults/proxy/toxic.h"

struct chain {
	struct toxic_run *runs; /* NULL while there are none */
	unsigned n;
	bool intake, release; /* there is one that looks */
	bool delays;	      /* there is one that delays */
	enum toxic_then then; /* at then_at */
	nsec_t then_at;	      /* mono ns; NSEC_NEVER: nothing is to come */
};

/* The flow, for the seed. */
struct chain_flow {
	uint64_t seed, number;
};

void chain_init(struct chain *c);
void chain_done(struct chain *c);
/*
 * The toxics of conf from now on; what goes on keeps its state.  False: one
 * that has lost bytes is gone, and the flow must end.
 */
bool chain_conf(struct chain *c, const struct link_conf *conf, enum stream s,
		const struct chain_flow *flow, nsec_t now);
/* Fills delay and drop; sets when the flow ends, if it is to. */
void chain_intake(struct chain *c, struct toxic_chunk *chunk);
/* How many of want bytes may leave; 0: not before *ret_next. */
size_t chain_allow(struct chain *c, size_t want, nsec_t now, nsec_t *ret_next);
enum toxic_then chain_sent(struct chain *c, size_t n, nsec_t now);
bool chain_holds_end(const struct chain *c);
/* A chunk left this long after it came. */
void chain_record(const struct chain *c, nsec_t took);
nsec_t chain_longest(const struct chain *c);
nsec_t chain_longest_end(const struct chain *c);

#endif
