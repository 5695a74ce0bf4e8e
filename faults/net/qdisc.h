/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a kernel fault hangs in an interface's queueing:
 *
 *	egress                          ingress
 *	root: prio H: (bands 1-3: as    ingress ffff:, its block B
 *	  │     pfifo_fast has them)      │ u32 ─► redirect
 *	  └ band 4 ◄─ u32                 ▼
 *	       └ whatever disturbs      ifb "gd…", root: whatever disturbs
 *
 * H, B and the ifb's name are the owner's marks: the removal of H: from the
 * root, or of the ingress qdisc that has B and of the ifb, takes all away.
 */
#ifndef GD_FAULTS_NET_QDISC_H
#define GD_FAULTS_NET_QDISC_H

#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/fault/undo.h"
#include "faults/net/rtnl.h"

enum { QDISC_OPTIONS = 1024 };

struct qdisc_root {
	char kind[32];
	uint32_t handle;	/* 0: the kernel's own default */
	bool children;		/* somebody hung something below it */
	bool ingress;		/* there is an ingress qdisc, or clsact */
	uint32_t options_len;
	uint8_t options[QDISC_OPTIONS];	/* TCA_OPTIONS as dumped */
	bool options_cut;
};

/* 6a00:-6aff:, by the run. */
uint32_t qdisc_handle(const char *run);
int qdisc_look(struct rtnl *r, struct qdisc_root *ret, struct err *err)
	MUST_CHECK;
/*
 * May ours take its place? A default may be taken: it comes back by itself.
 * replace: another one too, if a scratch device shows that what was dumped can
 * be set again. -EBUSY with the reason. Disturbs nothing.
 */
int qdisc_may_take(const struct qdisc_root *root, const char *dev,
		   bool replace, struct err *err) MUST_CHECK;
/* The same for the ingress side: nothing may be there. */
int qdisc_may_redirect(const struct qdisc_root *root, const char *dev,
		       struct err *err) MUST_CHECK;
/* The undo: removal of H:, and the old root again if it was no default. */
int qdisc_render_undo(uint32_t handle, const struct qdisc_root *old,
		      struct undo_record *undo, struct err *err) MUST_CHECK;

/* Where one fault hangs; qdisc_place() fills it in. */
struct qdisc_place {
	const struct rtnl *r;
	uint32_t handle;	/* H: */
	bool ingress;
	uint32_t block;		/* ingress: B */
	int ifb_index;
	char ifb[16];
};
void qdisc_place(struct qdisc_place *place, const struct rtnl *r,
		 const char *run, const char *mark, bool ingress);
/* Ingress: removal of the ingress qdisc that has B, and of the ifb. */
int qdisc_render_undo_ingress(const struct qdisc_place *place,
			      struct undo_record *undo, struct err *err)
	MUST_CHECK;

/* Messages, in the order in which they are sent. Caller frees each. */
/* replace: whatever is at the root; else only a default, or it fails. */
struct nl_msg *qdisc_prio(const struct rtnl *r, uint32_t handle, bool replace);
struct nl_msg *qdisc_ifb(const struct qdisc_place *place);
/* Without its options. flags: NLM_F_CREATE to add it, 0 to change it. */
struct nl_msg *qdisc_child(const struct qdisc_place *place, int flags,
			   const char *kind);
struct nl_msg *qdisc_ingress(const struct qdisc_place *place);
/* Without its options. protocol: ETH_P_IP, ETH_P_IPV6. */
struct nl_msg *qdisc_filter(const struct qdisc_place *place, uint32_t priority,
			    uint16_t protocol);
/* The class that a filter sends to: where it is disturbed, or not. */
uint32_t qdisc_class(const struct qdisc_place *place, bool hit);
/* A rate by sch_tbf: adds TCA_OPTIONS. bytes per real second, real ns. */
void qdisc_tbf_put(struct nl_msg *msg, double rate, uint64_t burst,
		   nsec_t queue);

/* Does a dump of what disturbs show this attribute of its options? */
bool qdisc_child_has(struct rtnl *r, const struct qdisc_place *place,
		     int netem_attribute);

struct qdisc_stats {
	uint64_t packets, bytes;
	uint32_t drops, overlimits;
};
/* Of what disturbs. -ENOENT: it is not there. */
int qdisc_stats(struct rtnl *r, const struct qdisc_place *place,
		struct qdisc_stats *ret) MUST_CHECK;

#endif
