/* SPDX-License-Identifier: Apache-2.0 */
/* Queueing disciplines and filters around a kernel fault; see qdisc.h. */
#include "faults/net/qdisc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>

enum { BANDS = 4, FAULT_BAND = 4, PASS_BAND = 2 };	/* minor numbers */

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

uint32_t qdisc_handle(const char *run)
{
	return (0x6a00u | (hash_of(run) & 0xff)) << 16;
}

/*
 * The ifb's index is chosen, so that all messages can be rendered before it is
 * there; one that is taken makes inject fail.
 */
void qdisc_place(struct qdisc_place *place, const struct rtnl *r,
		 const char *run, const char *mark, bool ingress)
{
	uint32_t hash = hash_of(mark);

	*place = (struct qdisc_place){ .r = r, .handle = qdisc_handle(run),
				       .ingress = ingress };
	if (!ingress)
		return;
	place->block = 0x6a000000u | (hash & 0xffffff);
	place->ifb_index = 0x2a000000 | (int)(hash & 0xffffff);
	snprintf(place->ifb, sizeof(place->ifb), "gd%08x", hash);
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
	    nlmsg_parse(h, sizeof(*tc), a, TCA_MAX, NULL) < 0)
		return;
	if (tc->tcm_parent == TC_H_INGRESS) {
		look->root->ingress = true;
		return;
	}
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

int qdisc_may_redirect(const struct qdisc_root *root, const char *dev,
		       struct err *err)
{
	if (!root->ingress)
		return 0;
	return err_set(err, -EBUSY, "'%s' has an ingress qdisc of its own, "
		       "which is not touched (one of gameday's: gameday "
		       "recover)", dev);
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

static struct nl_msg *link_msg(int type, int flags, const char *name,
			       int index, unsigned up)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
	struct ifinfomsg info = { .ifi_index = index, .ifi_flags = up,
				  .ifi_change = up };

	nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, name);
	return msg;
}

/* The kernel does not read the block here: the undo compares it first. */
static struct nl_msg *marked(int type, const struct qdisc_place *place)
{
	struct nl_msg *msg = rtnl_tc_msg(NULL, type, 0, TC_H_MAJ(TC_H_INGRESS),
					 TC_H_INGRESS, 0, NULL);

	nla_put_u32(msg, TCA_INGRESS_BLOCK, place->block);
	return msg;
}

int qdisc_render_undo_ingress(const struct qdisc_place *place,
			      struct undo_record *undo, struct err *err)
{
	int rc = append(undo->bytes, &undo->len, marked(RTM_DELQDISC, place));

	if (!rc)
		rc = append(undo->bytes, &undo->len,
			    link_msg(RTM_DELLINK, 0, place->ifb, 0, 0));
	if (!rc)
		rc = append(undo->verify, &undo->verify_len,
			    marked(RTM_GETQDISC, place));
	if (!rc)
		rc = append(undo->verify, &undo->verify_len,
			    link_msg(RTM_GETLINK, 0, place->ifb, 0, 0));
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

/* Up at once: a packet that is redirected to one that is down is lost. */
struct nl_msg *qdisc_ifb(const struct qdisc_place *place)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
				      place->ifb, place->ifb_index, IFF_UP);
	struct nlattr *nest = nla_nest_start(msg, IFLA_LINKINFO);

	nla_put_string(msg, IFLA_INFO_KIND, "ifb");
	nla_nest_end(msg, nest);
	return msg;
}

static void set_ifindex(struct nl_msg *msg, int ifindex)
{
	struct tcmsg *tc = nlmsg_data(nlmsg_hdr(msg));

	tc->tcm_ifindex = ifindex;
}

struct nl_msg *qdisc_child(const struct qdisc_place *place, int flags,
			   const char *kind)
{
	uint32_t parent = place->ingress ? TC_H_ROOT :
					   (place->handle | FAULT_BAND);
	struct nl_msg *msg = rtnl_tc_msg(place->r, RTM_NEWQDISC, flags,
					 child_handle(place->handle), parent,
					 0, kind);

	if (place->ingress)
		set_ifindex(msg, place->ifb_index);
	return msg;
}

struct nl_msg *qdisc_ingress(const struct qdisc_place *place)
{
	struct nl_msg *msg = rtnl_tc_msg(place->r, RTM_NEWQDISC,
					 NLM_F_CREATE | NLM_F_EXCL,
					 TC_H_MAJ(TC_H_INGRESS), TC_H_INGRESS,
					 0, "ingress");

	nla_put_u32(msg, TCA_INGRESS_BLOCK, place->block);
	return msg;
}

struct nl_msg *qdisc_filter(const struct qdisc_place *place, uint32_t priority,
			    uint16_t protocol)
{
	uint32_t parent = place->ingress ? place->block : place->handle;
	struct nl_msg *msg = rtnl_tc_msg(place->r, RTM_NEWTFILTER,
					 NLM_F_CREATE | NLM_F_EXCL, 0, parent,
					 TC_H_MAKE(priority << 16,
						   htons(protocol)), "u32");

	if (place->ingress)
		set_ifindex(msg, (int)TCM_IFINDEX_MAGIC_BLOCK);
	return msg;
}

uint32_t qdisc_class(const struct qdisc_place *place, bool hit)
{
	if (place->ingress)
		return hit ? 0 : place->handle | PASS_BAND;
	return place->handle | (hit ? FAULT_BAND : PASS_BAND);
}

/* Without a rate table: the link layer is given, so the kernel has its own. */
void qdisc_tbf_put(struct nl_msg *msg, double rate, uint64_t burst,
		   nsec_t queue)
{
	uint64_t bytes = (uint64_t)rate;
	double limit = rate * (double)queue / NSEC_SEC + (double)burst;
	struct tc_tbf_qopt opt = {
		.rate = { .linklayer = TC_LINKLAYER_ETHERNET,
			  .rate = bytes > UINT32_MAX ? UINT32_MAX :
						       (uint32_t)bytes },
		.limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit,
	};
	struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);

	nla_put(msg, TCA_TBF_PARMS, sizeof(opt), &opt);
	nla_put_u32(msg, TCA_TBF_BURST, (uint32_t)burst);
	if (bytes > UINT32_MAX)
		nla_put(msg, TCA_TBF_RATE64, sizeof(bytes), &bytes);
	nla_nest_end(msg, nest);
}

/* --- what a kernel took ------------------------------------------------- */

struct echo {
	const struct qdisc_place *place;
	int ifindex, attribute;
	bool found;
};

static void on_echo(void *arg, struct nlmsghdr *h)
{
	struct echo *echo = arg;
	const struct tcmsg *tc = nlmsg_data(h);
	const int skip = NLA_ALIGN(sizeof(struct tc_netem_qopt));
	struct nlattr *a[TCA_MAX + 1], *first;
	int len;

	if (tc->tcm_ifindex != echo->ifindex ||
	    tc->tcm_handle != child_handle(echo->place->handle) ||
	    nlmsg_parse(h, sizeof(*tc), a, TCA_MAX, NULL) < 0 ||
	    !a[TCA_OPTIONS] || nla_len(a[TCA_OPTIONS]) < skip)
		return;
	len = nla_len(a[TCA_OPTIONS]) - skip;
	first = (void *)((char *)nla_data(a[TCA_OPTIONS]) + skip);
	echo->found = nla_find(first, len, echo->attribute) != NULL;
}

bool qdisc_child_has(struct rtnl *r, const struct qdisc_place *place,
		     int netem_attribute)
{
	struct echo echo = {
		.place = place, .attribute = netem_attribute,
		.ifindex = place->ingress ? place->ifb_index : r->ifindex,
	};

	return !rtnl_dump(r, RTM_GETQDISC, on_echo, &echo) && echo.found;
}

/* --- counters ---------------------------------------------------------- */

struct count {
	int ifindex;
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

	if (tc->tcm_ifindex != count->ifindex ||
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
		count->stats->overlimits = queue.overlimits;
	}
}

int qdisc_stats(struct rtnl *r, const struct qdisc_place *place,
		struct qdisc_stats *ret)
{
	struct count count = {
		.ifindex = place->ingress ? place->ifb_index : r->ifindex,
		.handle = child_handle(place->handle),
		.stats = ret,
	};
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = rtnl_dump(r, RTM_GETQDISC, on_counted, &count);
	if (!rc && !count.found)
		rc = -ENOENT;
	return rc;
}
