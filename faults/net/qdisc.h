/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a kernel fault hangs in an interface's queueing:
 *
 *	root: prio H:  (bands 1-3: as pfifo_fast has them)
 *	        └ band 4 ◄─ u32: TCP to the port, IPv4 and IPv6
 *	             └ whatever disturbs (netem)
 *
 * H is the owner's mark, and its removal from the root takes all of it away.
 */
#ifndef GD_FAULTS_NET_QDISC_H
#define GD_FAULTS_NET_QDISC_H

#include <stdint.h>

#include "chaos/fault/undo.h"
#include "faults/net/rtnl.h"

enum { QDISC_OPTIONS = 1024 };

struct qdisc_root {
	char kind[32];
	uint32_t handle;	/* 0: the kernel's own default */
	bool children;		/* somebody hung something below it */
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
/* The undo: removal of H:, and the old root again if it was no default. */
int qdisc_render_undo(uint32_t handle, const struct qdisc_root *old,
		      struct undo_record *undo, struct err *err) MUST_CHECK;

/* Messages, in the order in which they are sent. Caller frees each. */
/* replace: whatever is at the root; else only a default, or it fails. */
struct nl_msg *qdisc_prio(const struct rtnl *r, uint32_t handle, bool replace);
/* Without its options. flags: NLM_F_CREATE to add it, 0 to change it. */
struct nl_msg *qdisc_child(const struct rtnl *r, uint32_t handle, int flags,
			   const char *kind);
struct nl_msg *qdisc_filter4(const struct rtnl *r, uint32_t handle, int port);
struct nl_msg *qdisc_filter6(const struct rtnl *r, uint32_t handle, int port);

struct qdisc_stats {
	uint64_t packets, bytes;
	uint32_t drops;
};
/* Of the child. -ENOENT: it is not there. */
int qdisc_stats(struct rtnl *r, uint32_t handle, struct qdisc_stats *ret)
	MUST_CHECK;

#endif
