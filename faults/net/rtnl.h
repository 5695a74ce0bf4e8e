/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libnl socket to the kernel's routing side, in a network namespace, with
 * one interface looked up; and a scratch namespace to try things out in.
 */
#ifndef GD_FAULTS_NET_RTNL_H
#define GD_FAULTS_NET_RTNL_H

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>

#include "chaos/base/err.h"

struct rtnl {
	struct nl_sock *sock;	/* NULL: not open */
	int ifindex;
	int error;		/* negative errno of the last message */
	char dev[16];
};

enum { RTNL_NETNS = 128 };

/* "" stays "", a name becomes /run/netns/NAME, a path stays. */
void rtnl_netns_path(const char *netns, char dst[RTNL_NETNS]);
/* Runs fn in a namespace: a path, or "" for ours. Its error comes back. */
int rtnl_in_netns(const char *netns, int (*fn)(void *arg, struct err *err),
		  void *arg, struct err *err) MUST_CHECK;
/* netns: a path, or "" for ours. */
int rtnl_open(struct rtnl *r, const char *netns, const char *dev,
	      struct err *err) MUST_CHECK;
void rtnl_close(struct rtnl *r);		/* zeroed is fine */
/* Sends one message, which stays the caller's, and waits for its verdict. */
int rtnl_send(struct rtnl *r, struct nl_msg *msg) MUST_CHECK;
/*
 * All of them by one system call, in their order; the first that failed into
 * *ret_at.  Those behind it have been tried too.
 */
int rtnl_send_all(struct rtnl *r, struct nl_msg *const *msgs, size_t n,
		  size_t *ret_at) MUST_CHECK;
/* Each message of a dump. */
int rtnl_dump(struct rtnl *r, int type,
	      void (*fn)(void *arg, struct nlmsghdr *h), void *arg) MUST_CHECK;
/* A tc message for the interface; flags beside request and ack. */
struct nl_msg *rtnl_tc_msg(const struct rtnl *r, int type, int flags,
			   uint32_t handle, uint32_t parent, uint32_t info,
			   const char *kind);

/*
 * Runs fn in a child with a network namespace of its own, on its `lo`, so that
 * nothing here is touched.  Its error comes back.  -EPERM: no scratch
 * namespace may be made, nothing was learnt.
 */
int rtnl_scratch(int (*fn)(struct rtnl *r, void *arg, struct err *err),
		 void *arg, struct err *err) MUST_CHECK;
/* CAP_NET_ADMIN, or why not. */
int rtnl_may(struct err *err) MUST_CHECK;

#endif
