/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.*: packets that leave an interface, or come in by it, are disturbed by
 * the kernel's sch_netem or sch_tbf.  Per packet; no process is touched.  All
 * kinds have the same keys, and differ in what they must be given.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "faults/net/conf.h"
#include "faults/net/qdisc.h"
#include "faults/net/scope.h"
#include "faults/table.h"

enum { STEPS = SCOPE_FILTERS + 4 };

struct step {
	const char *name, *module;
	struct nl_msg *msg;	/* NULL: none */
};

struct net_state {
	struct rtnl rtnl;
	struct qdisc_place place;
	struct step steps[STEPS];	/* rendered in prepare */
	size_t n;
	nsec_t since;			/* mono: injected */
};

static const char *netns_of(const struct net_conf *c, char dst[RTNL_NETNS])
{
	rtnl_netns_path(c->netns, dst);
	return dst;
}

/* --- messages ---------------------------------------------------------- */

/* What disturbs: created, or changed (flags 0). */
static int disturbance(const struct qdisc_place *place,
		       const struct net_conf *c, double speed, int flags,
		       struct nl_msg **ret, struct err *err)
{
	struct netem_conf netem;
	int16_t *table;
	int rc;

	if (c->shaper == NET_TBF) {
		*ret = qdisc_child(place, flags, "tbf");
		qdisc_tbf_put(*ret, c->rate * speed, c->burst,
			      (nsec_t)((double)c->queue / speed));
		return 0;
	}
	rc = net_to_netem(c, speed, &netem, &table, err);
	if (rc)
		return rc;
	*ret = qdisc_child(place, flags, "netem");
	netem_put(*ret, &netem);
	mem_free(table);
	return 0;
}

static void add(struct step *v, size_t *n, const char *name,
		const char *module, struct nl_msg *msg)
{
	v[(*n)++] = (struct step){ name, module, msg };
}

/*
 * In this order: nothing reaches what disturbs before it is there.
 * replace: the root that was looked at is in the undo.
 */
static int render(const struct qdisc_place *place, bool replace,
		  const struct net_conf *c, double speed,
		  const struct scope *scope, struct step *v, size_t *n,
		  struct err *err)
{
	bool tbf = c->shaper == NET_TBF;
	struct nl_msg *filters[SCOPE_FILTERS], *child;
	size_t count;
	int rc = disturbance(place, c, speed, NLM_F_CREATE, &child, err);

	*n = 0;
	if (rc)
		return rc;
	if (place->ingress)
		add(v, n, "link ifb", "ifb", qdisc_ifb(place));
	else
		add(v, n, "qdisc prio", "sch_prio",
		    qdisc_prio(place->r, place->handle, replace));
	add(v, n, tbf ? "qdisc tbf" : "qdisc netem",
	    tbf ? "sch_tbf" : "sch_netem", child);
	if (place->ingress)
		add(v, n, "qdisc ingress", "sch_ingress",
		    qdisc_ingress(place));
	count = net_scope_filters(scope, place, filters);
	for (size_t i = 0; i < count; i++)
		add(v, n, "filter u32", place->ingress ?
		    "cls_u32 or act_mirred" : "cls_u32", filters[i]);
	return 0;
}

static int send_all(struct rtnl *r, const struct step *v, size_t n,
		    struct err *err)
{
	struct nl_msg *msgs[STEPS];
	size_t at;
	int rc;

	for (size_t i = 0; i < n; i++)
		msgs[i] = v[i].msg;
	rc = rtnl_send_all(r, msgs, n, &at);
	if (rc == -ENOENT || rc == -EOPNOTSUPP)
		return err_set(err, rc, "this kernel has no %s", v[at].module);
	return rc ? err_set(err, rc, "%s on '%s': %s", v[at].name, r->dev,
			    strerror(-rc)) : 0;
}

static void free_all(struct step *v, size_t *n)
{
	while (*n > 0)
		nlmsg_free(v[--*n].msg);
}

/* --- check ------------------------------------------------------------- */

static int net_targets(const struct fault *f,
		       int (*fn)(void *arg, enum allow_type, const char *),
		       void *arg)
{
	const struct net_conf *c = fault_opts(f);

	return fn(arg, ALLOW_INTERFACE, c->dev);
}

static int net_claims(const struct fault *f, char *dst, size_t size)
{
	const struct net_conf *c = fault_opts(f);
	char netns[RTNL_NETNS];

	snprintf(dst, size, "%s:%s/%s",
		 c->direction == NET_INGRESS ? "ingress" : "qdisc",
		 netns_of(c, netns), c->dev);
	return 0;
}

struct trial {
	const struct net_conf *conf;
	const struct scope *scope;
};

/* An attribute that a kernel does not know it passes over in silence. */
static int check_seed(struct rtnl *r, const struct qdisc_place *place,
		      struct err *err)
{
	return qdisc_child_has(r, place, NETEM_PRNG_SEED) ? 0 :
		err_set(err, -EOPNOTSUPP, "this kernel's netem takes no seed "
			"(6.6 and later do): leave 'seed' out");
}

static int try_out(struct rtnl *r, void *arg, struct err *err)
{
	const struct trial *t = arg;
	struct step steps[STEPS];
	struct qdisc_place place;
	size_t n;
	int rc;

	qdisc_place(&place, r, "probe", "probe", t->scope->ingress);
	rc = render(&place, false, t->conf, 1, t->scope, steps, &n, err);
	if (!rc)
		rc = send_all(r, steps, n, err);
	free_all(steps, &n);
	if (!rc && t->conf->seed > 0)
		rc = check_seed(r, &place, err);
	return rc;
}

/* The only sure way to know is to do it, where it hits nobody. */
static int check_kernel(const struct net_conf *c, const struct scope *scope,
			struct err *err)
{
	struct trial trial = { .conf = c, .scope = scope };
	int rc = rtnl_scratch(try_out, &trial, err);

	return rc == -EPERM ? 0 : rc;	/* nothing learnt: inject will tell */
}

static int open_root(struct rtnl *r, const struct net_conf *c,
		     struct qdisc_root *root, struct err *err)
{
	char netns[RTNL_NETNS];
	int rc = rtnl_open(r, netns_of(c, netns), c->dev, err);

	if (!rc)
		rc = qdisc_look(r, root, err);
	if (rc)
		return rc;
	if (c->direction == NET_INGRESS)
		return qdisc_may_redirect(root, c->dev, err);
	return qdisc_may_take(root, c->dev, c->replace, err);
}

static int net_check(struct fault *f, const struct fault_env *env,
		     struct err *err)
{
	const struct net_conf *c = fault_opts(f);
	struct qdisc_root root;
	struct rtnl r = { 0 };
	struct scope scope;
	int rc = rtnl_may(err);

	if (!rc)
		rc = open_root(&r, c, &root, err);
	if (!rc) {
		rc = net_scope_find(c, env, &r, &scope, err);
		if (rc == -ENOENT) {	/* a symbol, later */
			scope.port = 1;
			rc = 0;
		}
	}
	if (!rc)
		rc = check_kernel(c, &scope, err);
	rtnl_close(&r);
	return rc;
}

/* --- prepare ----------------------------------------------------------- */

static void name_undo(struct undo_record *undo, const struct net_conf *c,
		      const struct qdisc_place *place)
{
	const char *in = undo->netns[0] ? "nsenter --net=" : "";
	const char *gap = *in ? " " : "";

	undo->via = UNDO_NETLINK;
	snprintf(undo->where, sizeof(undo->where), "%s", c->dev);
	snprintf(undo->target, sizeof(undo->target), "%s %.100s",
		 place->ingress ? "ingress" : "qdisc", c->dev);
	if (place->ingress) {
		snprintf(undo->owner, sizeof(undo->owner), "%s", place->ifb);
		snprintf(undo->command, sizeof(undo->command),
			 "%s%s%stc qdisc del dev %.100s ingress; "
			 "%s%s%sip link del %s", in, undo->netns, gap, c->dev,
			 in, undo->netns, gap, place->ifb);
		return;
	}
	snprintf(undo->owner, sizeof(undo->owner), "%x:", place->handle >> 16);
	snprintf(undo->command, sizeof(undo->command),
		 "%s%s%stc qdisc del dev %.100s root handle %x:", in,
		 undo->netns, gap, c->dev, place->handle >> 16);
}

static int net_prepare(struct fault *f, struct undo_record *undo,
		       struct err *err)
{
	const struct fault_env *env = fault_env(f);
	const struct net_conf *c = fault_opts(f);
	struct net_state *s = fault_state(f);
	struct qdisc_root root;
	struct scope scope;
	int rc = open_root(&s->rtnl, c, &root, err);

	if (!rc)
		rc = net_scope_find(c, env, &s->rtnl, &scope, err);
	if (rc)
		return rc;
	qdisc_place(&s->place, &s->rtnl, env->run, fault_mark(f),
		    scope.ingress);
	netns_of(c, undo->netns);
	name_undo(undo, c, &s->place);
	rc = render(&s->place, root.handle != 0, c, env->speed, &scope,
		    s->steps, &s->n, err);
	if (rc)
		return rc;
	return scope.ingress ? qdisc_render_undo_ingress(&s->place, undo, err) :
			       qdisc_render_undo(s->place.handle, &root, undo,
						 err);
}

static void net_describe(const struct fault *f, struct buf *calls,
			 struct buf *undo)
{
	const struct fault_env *env = fault_env(f);
	const struct net_conf *c = fault_opts(f);
	struct qdisc_place place;

	qdisc_place(&place, NULL, env->run, fault_mark(f),
		    c->direction == NET_INGRESS);
	if (place.ingress)
		buf_addf(calls, "RTM_NEWLINK %s: ifb\n", place.ifb);
	else
		buf_addf(calls, "RTM_NEWQDISC %s root %x: prio bands 4\n",
			 c->dev, place.handle >> 16);
	buf_addf(calls, "RTM_NEWQDISC %s parent ",
		 place.ingress ? place.ifb : c->dev);
	if (place.ingress)
		buf_adds(calls, "root ");
	else
		buf_addf(calls, "%x:4 ", place.handle >> 16);
	net_disturbance(c, env->speed, calls);
	if (place.ingress)
		buf_addf(calls, "\nRTM_NEWQDISC %s ingress, block %x",
			 c->dev, place.block);
	buf_addf(calls, "\nRTM_NEWTFILTER %s: u32 ", c->dev);
	net_scope_text(c, calls);
	buf_adds(calls, place.ingress ? ": redirect\n" : "\n");
	net_explain(c, calls);
	if (place.ingress)
		buf_addf(undo, "RTM_DELQDISC %s ingress, if its block is %x\n"
			 "RTM_DELLINK %s\n", c->dev, place.block, place.ifb);
	else
		buf_addf(undo, "RTM_DELQDISC %s root %x:\n", c->dev,
			 place.handle >> 16);
}

/* --- while it is on ---------------------------------------------------- */

static int net_inject(struct fault *f, struct err *err)
{
	struct net_state *s = fault_state(f);

	s->since = clock_mono();
	return send_all(&s->rtnl, s->steps, s->n, err);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_scope(const struct net_conf *a, const struct net_conf *b)
{
	return same(a->dev, b->dev) && same(a->netns, b->netns) &&
	       same(a->address, b->address) && same(a->port, b->port) &&
	       a->direction == b->direction && a->ends == b->ends &&
	       a->protocol == b->protocol && a->shaper == b->shaper;
}

static int net_adjust(struct fault *f, const void *opts_, struct err *err)
{
	struct net_state *s = fault_state(f);
	const struct net_conf *c = opts_;
	struct nl_msg *msg;
	int rc;

	if (!same_scope(c, fault_opts(f)))
		return err_set(err, -EINVAL, "what is hit stays as it is while "
			       "it is on; only how can be changed");
	rc = net_valid(fault_driver(f)->name, c, err);
	if (!rc)
		rc = disturbance(&s->place, c, fault_env(f)->speed, 0, &msg,
				 err);
	if (rc)
		return rc;
	rc = rtnl_send(&s->rtnl, msg);
	nlmsg_free(msg);
	return rc ? err_set(err, rc, "change %s on '%s': %s",
			    s->steps[1].name, s->rtnl.dev,
			    strerror(-rc)) : 0;
}

static json_t *asked_of(const struct net_conf *c)
{
	struct netem_conf n;
	int16_t *table = NULL;
	json_t *o = json_pack("{s:f, s:f}", "delay_ms",
			      (double)c->delay / NSEC_MS, "jitter_ms",
			      (double)c->jitter / NSEC_MS);

	if (net_to_netem(c, 1, &n, &table, NULL))
		return o;
	mem_free(table);
	json_object_set_new(o, "loss", json_real(netem_loss_share(&n)));
	json_object_set_new(o, "duplicate", json_real(n.duplicate));
	json_object_set_new(o, "corrupt", json_real(n.corrupt));
	json_object_set_new(o, "reorder", json_real(n.reorder));
	json_object_set_new(o, "bytes_per_s", json_real(c->rate));
	return o;
}

/*
 * The kernel counts packets, bytes and drops, not delays: those a probe of the
 * target shows.  A packet that is lost is in the drops alone.
 */
static int net_measure(struct fault *f, struct err *err)
{
	const struct net_conf *c = fault_opts(f);
	struct net_state *s = fault_state(f);
	struct qdisc_stats st;
	int rc = qdisc_stats(&s->rtnl, &s->place, &st);
	double real_s = (double)(clock_mono() - s->since) / NSEC_SEC;
	double all = (double)st.packets + st.drops;

	if (rc)
		return err_set(err, rc, "no %s on '%s'", s->steps[1].name,
			       c->dev);
	fault_measured(f, asked_of(c),
		       json_pack("{s:I, s:I, s:f, s:I, s:f}", "packets",
				 (json_int_t)st.packets, "dropped",
				 (json_int_t)st.drops, "loss",
				 all > 0 ? st.drops / all : 0.0, "bytes",
				 (json_int_t)st.bytes, "bytes_per_s",
				 real_s > 0 ? (double)st.bytes / real_s /
					fault_env(f)->speed : 0.0));
	return 0;
}

static void net_release(struct fault *f)
{
	struct net_state *s = fault_state(f);

	free_all(s->steps, &s->n);
	rtnl_close(&s->rtnl);
}

static int valid(const struct fault_ops *ops, const void *opts,
		 struct err *err)
{
	return net_valid(ops->name, opts, err);
}

/* --- the kinds --------------------------------------------------------- */

#define KIND(var, name_, summary_, keys)                                  \
	const struct fault_ops var = {                                    \
		.name = name_,                                            \
		.summary = summary_,                                      \
		.example = "[fault slow-net]\nkind = " name_ "\ndev = lo\n" \
			   keys "at = 90s\nfor = 90s\n",                  \
		.opts = net_opts,                                         \
		.opts_size = sizeof(struct net_conf),                     \
		.state_size = sizeof(struct net_state),                   \
		.needs = FAULT_NEEDS_NET_ADMIN,                           \
		.valid = valid,                                           \
		.targets = net_targets,                                   \
		.claims = net_claims,                                     \
		.check = net_check,                                       \
		.prepare = net_prepare,                                   \
		.describe = net_describe,                                 \
		.inject = net_inject,                                     \
		.adjust = net_adjust,                                     \
		.measure = net_measure,                                   \
		.release = net_release,                                   \
	}

KIND(net_corrupt, "net.corrupt", "packets with a bit turned, in the kernel "
     "(netem)", "corrupt = 1%\n");
KIND(net_delay, "net.delay", "packets leave later, in the kernel (netem)",
     "port = 5432\ndelay = 10ms\n");
KIND(net_duplicate, "net.duplicate", "packets come twice (netem)",
     "duplicate = 1%\n");
KIND(net_loss, "net.loss", "packets are lost: at random or in bursts (netem)",
     "port = 5432\nloss = 5%\n");
KIND(net_netem, "net.netem", "all of netem at once",
     "delay = 20ms\njitter = 5ms\ndistribution = normal\nloss = 1%\n");
KIND(net_rate, "net.rate", "a narrow pipe (netem or tbf)",
     "port = 5432\nrate = 10mbit\nshaper = tbf\n");
KIND(net_reorder, "net.reorder", "packets overtake those that wait (netem)",
     "delay = 10ms\nreorder = 25%\n");
