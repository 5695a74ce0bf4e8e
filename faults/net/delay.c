/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.delay: packets that leave an interface for a TCP port leave later, by
 * the kernel's sch_netem.  Per packet, one direction, no process is touched.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "faults/net/netem.h"
#include "faults/net/qdisc.h"
#include "faults/table.h"

enum { NETEM_LIMIT = 10000 };	/* packets; 1 M/s through 10 ms */

struct net_delay {
	char *dev, *port, *netns;
	nsec_t delay, jitter;	/* drill ns */
	bool replace;
};

enum { STEPS = 4 };

struct net_delay_state {
	struct rtnl rtnl;
	uint32_t handle;
	struct nl_msg *msgs[STEPS];	/* rendered in prepare */
};

/* Who is cut off by these cannot mend what was broken. */
static const struct {
	int port;
	const char *what;
} refused[] = { { 22, "SSH" }, { 53, "DNS" } };

#define AT(f) offsetof(struct net_delay, f)
static const struct opt opts[] = {
	{ "delay", OPT_DURATION, AT(delay), OPT_REQUIRED | OPT_POSITIVE, NULL,
	  NULL, NULL, NULL, "how much later", "10ms" },
	{ "dev", OPT_STR, AT(dev), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "the interface that the packets leave by", "lo" },
	{ "jitter", OPT_DURATION, AT(jitter), OPT_NONNEG, "0s", NULL, NULL,
	  NULL, "more or less by up to this, uniformly; may reorder", "2ms" },
	{ "netns", OPT_STR, AT(netns), 0, NULL, NULL, NULL, NULL,
	  "the network namespace of dev: a name or a path", "blue" },
	{ "port", OPT_STR, AT(port), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "the TCP port that they go to: a number, or an address whose port "
	  "it is", "staging:postgres" },
	{ "replace", OPT_BOOL, AT(replace), 0, "no", NULL, NULL, NULL,
	  "take somebody's root qdisc away and set it again after", "yes" },
	OPT_END
};
#undef AT

static const char *netns_of(const struct net_delay *o, char dst[RTNL_NETNS])
{
	rtnl_netns_path(o->netns, dst);
	return dst;
}

/* --- which port -------------------------------------------------------- */

static int check_port(int64_t port, struct err *err)
{
	if (port < 1 || port > 65535)
		return err_set(err, -EINVAL, "port %lld is out of range",
			       (long long)port);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].port == port)
			return err_set(err, -EPERM,
				       "port %d is %s's, which no kernel "
				       "fault touches", refused[i].port,
				       refused[i].what);
	return 0;
}

/* -ENOENT: a symbol that is not known yet. */
static int find_port(const struct net_delay *o, const struct fault_env *env,
		     int *ret, struct err *err)
{
	struct addr addr;
	int64_t port;
	int rc;

	if (units_int(o->port, &port, NULL)) {
		if (!env->symbols)
			return err_set(err, -ENOENT, "'%s' is not known",
				       o->port);
		rc = symbols_addr(env->symbols, o->port, &addr, err);
		if (rc)
			return rc;
		port = addr_port(&addr);
	}
	rc = check_port(port, err);
	if (!rc)
		*ret = (int)port;
	return rc;
}

/* --- messages ---------------------------------------------------------- */

static struct nl_msg *netem_msg(const struct rtnl *r, uint32_t handle,
				const struct net_delay *o, double speed,
				int flags)
{
	struct nl_msg *msg = qdisc_child(r, handle, flags, "netem");
	struct netem_conf conf = {
		.delay = (nsec_t)((double)o->delay / speed),
		.jitter = (nsec_t)((double)o->jitter / speed),
		.limit = NETEM_LIMIT,
	};

	netem_put(msg, &conf);
	return msg;
}

/* replace: the root that was looked at is in the undo. */
static void render(const struct rtnl *r, uint32_t handle, bool replace,
		   const struct net_delay *o, double speed, int port,
		   struct nl_msg *msgs[STEPS])
{
	msgs[0] = qdisc_prio(r, handle, replace);
	msgs[1] = netem_msg(r, handle, o, speed, NLM_F_CREATE);
	msgs[2] = qdisc_filter4(r, handle, port);
	msgs[3] = qdisc_filter6(r, handle, port);
}

static const struct {
	const char *name, *module;
} steps[STEPS] = {
	{ "qdisc prio", "sch_prio" },
	{ "qdisc netem", "sch_netem" },
	{ "filter u32 for IPv4", "cls_u32" },
	{ "filter u32 for IPv6", "cls_u32" },
};

static int send_all(struct rtnl *r, struct nl_msg *msgs[STEPS],
		    struct err *err)
{
	for (int i = 0; i < STEPS; i++) {
		int rc = rtnl_send(r, msgs[i]);

		if (rc == -ENOENT)
			return err_set(err, rc, "this kernel has no %s",
				       steps[i].module);
		if (rc)
			return err_set(err, rc, "%s on '%s': %s",
				       steps[i].name, r->dev, strerror(-rc));
	}
	return 0;
}

static void free_all(struct nl_msg *msgs[STEPS])
{
	for (int i = 0; i < STEPS; i++) {
		nlmsg_free(msgs[i]);
		msgs[i] = NULL;
	}
}

/* --- the contract ------------------------------------------------------ */

static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	const struct net_delay *o = fault_opts(f);

	return fn(arg, ALLOW_INTERFACE, o->dev);
}

static int claims(const struct fault *f, char *dst, size_t size)
{
	const struct net_delay *o = fault_opts(f);
	char netns[RTNL_NETNS];

	snprintf(dst, size, "qdisc:%s/%s", netns_of(o, netns), o->dev);
	return 0;
}

static int try_out(struct rtnl *r, void *arg, struct err *err)
{
	const struct net_delay *o = arg;
	struct nl_msg *msgs[STEPS];
	int rc;

	render(r, qdisc_handle("probe"), false, o, 1, 1, msgs);
	rc = send_all(r, msgs, err);
	free_all(msgs);
	return rc;
}

/* The only sure way to know is to do it, where it hits nobody. */
static int check_kernel(const struct net_delay *o, struct err *err)
{
	struct net_delay copy = *o;
	int rc = rtnl_scratch(try_out, &copy, err);

	return rc == -EPERM ? 0 : rc;	/* nothing learnt: inject will tell */
}

static int open_root(struct rtnl *r, const struct net_delay *o,
		     struct qdisc_root *root, struct err *err)
{
	char netns[RTNL_NETNS];
	int rc = rtnl_open(r, netns_of(o, netns), o->dev, err);

	if (!rc)
		rc = qdisc_look(r, root, err);
	if (!rc)
		rc = qdisc_may_take(root, o->dev, o->replace, err);
	return rc;
}

static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	const struct net_delay *o = fault_opts(f);
	struct qdisc_root root;
	struct rtnl r = { 0 };
	int port, rc = rtnl_may(err);

	if (!rc)
		rc = check_kernel(o, err);
	if (!rc)
		rc = open_root(&r, o, &root, err);
	rtnl_close(&r);
	if (rc)
		return rc;
	rc = find_port(o, env, &port, err);
	return rc == -ENOENT ? 0 : rc;
}

static void name_undo(struct undo_record *undo, const struct net_delay *o,
		      uint32_t handle)
{
	const char *in = undo->netns[0] ? "nsenter --net=" : "";

	undo->via = UNDO_NETLINK;
	snprintf(undo->where, sizeof(undo->where), "%s", o->dev);
	snprintf(undo->owner, sizeof(undo->owner), "%x:", handle >> 16);
	snprintf(undo->target, sizeof(undo->target), "qdisc %.100s", o->dev);
	snprintf(undo->command, sizeof(undo->command),
		 "%s%s%stc qdisc del dev %.100s root handle %x:", in,
		 undo->netns, *in ? " " : "", o->dev, handle >> 16);
}

static int prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	const struct fault_env *env = fault_env(f);
	const struct net_delay *o = fault_opts(f);
	struct net_delay_state *s = fault_state(f);
	struct qdisc_root root;
	int port, rc = find_port(o, env, &port, err);

	if (!rc)
		rc = open_root(&s->rtnl, o, &root, err);
	if (rc)
		return rc;
	s->handle = qdisc_handle(env->run);
	netns_of(o, undo->netns);
	name_undo(undo, o, s->handle);
	render(&s->rtnl, s->handle, root.handle != 0, o, env->speed, port,
	       s->msgs);
	return qdisc_render_undo(s->handle, &root, undo, err);
}

static void describe(const struct fault *f, struct buf *calls,
		     struct buf *undo)
{
	const struct fault_env *env = fault_env(f);
	const struct net_delay *o = fault_opts(f);
	uint32_t major = qdisc_handle(env->run) >> 16;

	buf_addf(calls, "RTM_NEWQDISC %s root %x: prio bands 4\n", o->dev,
		 major);
	buf_addf(calls, "RTM_NEWQDISC %s parent %x:4 netem delay %.3f ms "
		 "jitter %.3f ms\n", o->dev, major,
		 (double)o->delay / env->speed / NSEC_MS,
		 (double)o->jitter / env->speed / NSEC_MS);
	buf_addf(calls, "RTM_NEWTFILTER %s parent %x: u32 tcp dport %s, "
		 "IPv4 and IPv6\n", o->dev, major, o->port);
	buf_addf(undo, "RTM_DELQDISC %s root %x:\n", o->dev, major);
}

static int inject(struct fault *f, struct err *err)
{
	struct net_delay_state *s = fault_state(f);

	return send_all(&s->rtnl, s->msgs, err);
}

static int adjust(struct fault *f, const void *opts_, struct err *err)
{
	struct net_delay_state *s = fault_state(f);
	struct nl_msg *msg = netem_msg(&s->rtnl, s->handle, opts_,
				       fault_env(f)->speed, 0);
	int rc = rtnl_send(&s->rtnl, msg);

	nlmsg_free(msg);
	return rc ? err_set(err, rc, "change netem on '%s': %s", s->rtnl.dev,
			    strerror(-rc)) : 0;
}

/* netem counts packets, not delays: those a probe of the target shows. */
static int measure(struct fault *f, struct err *err)
{
	const struct net_delay *o = fault_opts(f);
	struct net_delay_state *s = fault_state(f);
	struct qdisc_stats stats;
	int rc = qdisc_stats(&s->rtnl, s->handle, &stats);

	if (rc)
		return err_set(err, rc, "no netem on '%s'", o->dev);
	fault_measured(f, json_pack("{s:f, s:f}", "delay_ms",
				    (double)o->delay / NSEC_MS, "jitter_ms",
				    (double)o->jitter / NSEC_MS),
		       json_pack("{s:I, s:I}", "packets",
				 (json_int_t)stats.packets, "dropped",
				 (json_int_t)stats.drops));
	return 0;
}

static void release(struct fault *f)
{
	struct net_delay_state *s = fault_state(f);

	free_all(s->msgs);
	rtnl_close(&s->rtnl);
}

const struct fault_ops net_delay = {
	.name = "net.delay",
	.summary = "packets to a port leave later, in the kernel (netem)",
	.example = "[fault db-delay]\nkind = net.delay\ndev = lo\n"
		   "port = 5432\ndelay = 10ms\nat = 90s\nfor = 90s\n",
	.opts = opts,
	.opts_size = sizeof(struct net_delay),
	.state_size = sizeof(struct net_delay_state),
	.needs = FAULT_NEEDS_NET_ADMIN,
	.targets = targets,
	.claims = claims,
	.check = check,
	.prepare = prepare,
	.describe = describe,
	.inject = inject,
	.adjust = adjust,
	.measure = measure,
	.release = release,
};
