/* SPDX-License-Identifier: Apache-2.0 */
/* Queueing disciplines and filters around a kernel fault; see qdisc.h. */
#include "faults/net/qdisc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>

enum { BANDS = 4, FAULT_BAND = 4 };	/* the minor number of the band */

uint32_t qdisc_handle(const char *run)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (; *run; run++)
		hash = (hash ^ (unsigned char)*run) * 16777619u;
	return (0x6a00u | (hash & 0xff)) << 16;
}

/* The child's own handle has another major number. */
static uint32_t child_handle(uint32_t handle)
{
	return handle + (0x100u << 16);
}

/* --- looking ----------------------------------------------------------- */

struct look {
	const struct rtnl *r;
	struct qdisc_root *root;
	bool found;
};

static void keep_options(struct qdisc_root *root, struct nlattr *options)
{
	if (!options)
		return;
	root->options_cut = nla_len(options) > QDISC_OPTIONS;
	if (root->options_cut)
		return;
	root->options_len = (uint32_t)nla_len(options);
	memcpy(root->options, nla_data(options), root->options_len);
}

static void on_qdisc(void *arg, struct nlmsghdr *h)
{
	struct look *look = arg;
	const struct tcmsg *tc = nlmsg_data(h);
	struct nlattr *a[TCA_MAX + 1];

	if (tc->tcm_ifindex != look->r->ifindex ||
	    tc->tcm_parent == TC_H_INGRESS ||
	    nlmsg_parse(h, sizeof(*tc), a, TCA_MAX, NULL) < 0)
		return;
	if (tc->tcm_parent != TC_H_ROOT) {
		/* A default's own children have no handle either. */
		look->root->children |= tc->tcm_handle != 0;
		return;
	}
	look->found = true;
	look->root->handle = tc->tcm_handle;
	if (a[TCA_KIND])
		snprintf(look->root->kind, sizeof(look->root->kind), "%s",
			 nla_get_string(a[TCA_KIND]));
	keep_options(look->root, a[TCA_OPTIONS]);
}

int qdisc_look(struct rtnl *r, struct qdisc_root *ret, struct err *err)
{
	struct look look = { .r = r, .root = ret };
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = rtnl_dump(r, RTM_GETQDISC, on_qdisc, &look);
	if (rc)
		return err_set(err, rc, "look at the qdiscs of '%s': %s",
			       r->dev, strerror(-rc));
	if (!look.found)	/* noqueue is not always dumped */
		strcpy(ret->kind, "noqueue");
	return 0;
}

static struct nl_msg *set_again(const struct rtnl *r,
				const struct qdisc_root *root)
{
	struct nl_msg *msg = rtnl_tc_msg(r, RTM_NEWQDISC,
					 NLM_F_CREATE | NLM_F_REPLACE,
					 root->handle, TC_H_ROOT, 0,
					 root->kind);

	if (root->options_len)
		nla_put(msg, TCA_OPTIONS, (int)root->options_len,
			root->options);
	return msg;
}

static int try_again(struct rtnl *r, void *arg, struct err *err)
{
	const struct qdisc_root *want = arg;
	struct nl_msg *msg = set_again(r, want);
	struct qdisc_root got;
	int rc = rtnl_send(r, msg);

	nlmsg_free(msg);
	if (rc)
		return err_set(err, rc, "%s cannot be set as it was dumped: "
			       "%s", want->kind, strerror(-rc));
	rc = qdisc_look(r, &got, err);
	if (rc)
		return rc;
	if (got.handle != want->handle || strcmp(got.kind, want->kind) != 0 ||
	    got.options_len != want->options_len ||
	    memcmp(got.options, want->options, got.options_len) != 0)
		return err_set(err, -EBUSY,
			       "%s does not come back as it was dumped",
			       want->kind);
	return 0;
}

int qdisc_may_take(const struct qdisc_root *root, const char *dev,
		   bool replace, struct err *err)
{
	struct qdisc_root copy = *root;
	int rc;

	if (root->handle == 0)
		return 0;
	if ((root->handle >> 24) == 0x6a)
		return err_set(err, -EBUSY, "'%s' has a qdisc of gameday's "
			       "(%x:): gameday recover", dev,
			       root->handle >> 16);
	if (!replace)
		return err_set(err, -EBUSY, "'%s' has a root qdisc of its own "
			       "(%s %x:), which is not touched: replace = yes "
			       "if it may be taken away and set again", dev,
			       root->kind, root->handle >> 16);
	if (root->children || root->options_cut)
		return err_set(err, -EBUSY, "'%s': what hangs below its root "
			       "qdisc %s could not be set again", dev,
			       root->kind);
	rc = rtnl_scratch(try_again, &copy, err);
	return rc ? err_prefix(err, "'%s' cannot be taken", dev) : 0;
}

/* --- undo -------------------------------------------------------------- */

static int append(uint8_t *dst, uint32_t *len, struct nl_msg *msg)
{
	const struct nlmsghdr *h = nlmsg_hdr(msg);
	uint32_t n = NLMSG_ALIGN(h->nlmsg_len);
	int rc = -EMSGSIZE;

	if (*len + n <= UNDO_BYTES) {
		memset(dst + *len, 0, n);
		memcpy(dst + *len, h, h->nlmsg_len);
		*len += n;
		rc = 0;
	}
	nlmsg_free(msg);
	return rc;
}

/* Without an interface index: that is filled in at the time. */
int qdisc_render_undo(uint32_t handle, const struct qdisc_root *old,
		      struct undo_record *undo, struct err *err)
{
	int rc = append(undo->bytes, &undo->len,
			rtnl_tc_msg(NULL, RTM_DELQDISC, 0, handle, TC_H_ROOT,
				    0, NULL));

	if (!rc && old->handle)
		rc = append(undo->bytes, &undo->len, set_again(NULL, old));
	if (!rc)
		rc = append(undo->verify, &undo->verify_len,
			    rtnl_tc_msg(NULL, RTM_GETQDISC, 0, handle, 0, 0,
					NULL));
	return rc ? err_set(err, rc, "the undo of '%s' is too long",
			    undo->where) : 0;
}

/* --- building ---------------------------------------------------------- */

struct nl_msg *qdisc_prio(const struct rtnl *r, uint32_t handle, bool replace)
{
	/* Its first three bands as pfifo_fast(8) has them. */
	struct tc_prio_qopt prio = {
		.bands = BANDS,
		.priomap = { 1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 },
	};
	/* One that came since prepare is in no undo: EEXIST, not replaced. */
	int flags = NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL);
	struct nl_msg *msg = rtnl_tc_msg(r, RTM_NEWQDISC, flags, handle,
					 TC_H_ROOT, 0, "prio");

	nla_put(msg, TCA_OPTIONS, sizeof(prio), &prio);
	return msg;
}

struct nl_msg *qdisc_child(const struct rtnl *r, uint32_t handle, int flags,
			   const char *kind)
{
	return rtnl_tc_msg(r, RTM_NEWQDISC, flags, child_handle(handle),
			   handle | FAULT_BAND, 0, kind);
}

struct match {
	int off;		/* from the network header */
	uint32_t mask, value;
};

static struct nl_msg *filter(const struct rtnl *r, uint32_t handle,
			     uint16_t protocol, uint32_t priority,
			     const struct match *v, unsigned char n)
{
	struct {
		struct tc_u32_sel sel;
		struct tc_u32_key keys[4];
	} u32;
	struct nl_msg *msg = rtnl_tc_msg(r, RTM_NEWTFILTER,
					 NLM_F_CREATE | NLM_F_EXCL, 0, handle,
					 TC_H_MAKE(priority << 16,
						   htons(protocol)), "u32");
	struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);

	memset(&u32, 0, sizeof(u32));
	u32.sel.flags = TC_U32_TERMINAL;
	u32.sel.nkeys = n;
	for (int i = 0; i < n; i++) {
		u32.keys[i].off = v[i].off;
		u32.keys[i].mask = htonl(v[i].mask);
		u32.keys[i].val = htonl(v[i].value);
	}
	nla_put_u32(msg, TCA_U32_CLASSID, handle | FAULT_BAND);
	nla_put(msg, TCA_U32_SEL,
		(int)(sizeof(u32.sel) + n * sizeof(u32.keys[0])), &u32);
	nla_nest_end(msg, nest);
	return msg;
}

/* A header without options, a first fragment, TCP, the destination port. */
struct nl_msg *qdisc_filter4(const struct rtnl *r, uint32_t handle, int port)
{
	const struct match v[] = {
		{ 0, 0x0f000000, 0x05000000 },
		{ 4, 0x00001fff, 0 },
		{ 8, 0x00ff0000, 0x00060000 },
		{ 20, 0x0000ffff, (uint32_t)port },
	};

	return filter(r, handle, ETH_P_IP, 1, v, 4);
}

struct nl_msg *qdisc_filter6(const struct rtnl *r, uint32_t handle, int port)
{
	const struct match v[] = {
		{ 4, 0x0000ff00, 0x00000600 },
		{ 40, 0x0000ffff, (uint32_t)port },
	};

	return filter(r, handle, ETH_P_IPV6, 2, v, 2);
}

/* --- counters ---------------------------------------------------------- */

struct count {
	const struct rtnl *r;
	uint32_t handle;
	struct qdisc_stats *stats;
	bool found;
};

static void on_counted(void *arg, struct nlmsghdr *h)
{
	struct count *count = arg;
	const struct tcmsg *tc = nlmsg_data(h);
	struct nlattr *a[TCA_MAX + 1], *s[TCA_STATS_MAX + 1];
	struct gnet_stats_basic basic;
	struct gnet_stats_queue queue;

	if (tc->tcm_ifindex != count->r->ifindex ||
	    tc->tcm_handle != count->handle ||
	    nlmsg_parse(h, sizeof(*tc), a, TCA_MAX, NULL) < 0 ||
	    !a[TCA_STATS2] ||
	    nla_parse_nested(s, TCA_STATS_MAX, a[TCA_STATS2], NULL) < 0)
		return;
	count->found = true;
	if (s[TCA_STATS_BASIC]) {
		nla_memcpy(&basic, s[TCA_STATS_BASIC], sizeof(basic));
		count->stats->packets = basic.packets;
		count->stats->bytes = basic.bytes;
	}
	if (s[TCA_STATS_QUEUE]) {
		nla_memcpy(&queue, s[TCA_STATS_QUEUE], sizeof(queue));
		count->stats->drops = queue.drops;
	}
}

int qdisc_stats(struct rtnl *r, uint32_t handle, struct qdisc_stats *ret)
{
	struct count count = { .r = r, .handle = child_handle(handle),
			       .stats = ret };
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = rtnl_dump(r, RTM_GETQDISC, on_counted, &count);
	if (!rc && !count.found)
		rc = -ENOENT;
	return rc;
}
