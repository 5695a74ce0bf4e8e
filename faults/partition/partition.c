/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition: packets from and to an address or port go no further, by
 * nftables rules in a table of our own that is named by the owner's mark.
 */
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "faults/net/rtnl.h"
#include "faults/net/scope.h"
#include "faults/partition/cut.h"
#include "faults/table.h"

enum { ACTION_DROP, ACTION_REJECT };
enum { WAY_BOTH, WAY_IN, WAY_OUT };
enum { SIDE_REMOTE, SIDE_LOCAL, SIDE_EITHER };
enum { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ANY };
enum { RULES_MAX = 64 * 1024 };

struct partition {
	struct opt_strs address;
	char *port, *netns;
	int action, way, side, protocol;
	bool cut;
};

struct partition_state {
	struct nft_ctx *nft;
	struct buf rules;
	struct cut_match *cuts;
	size_t n_cuts, n_ended;
	int cut_fd;
	bool opened;		/* cut_fd is ours */
};

static const char *const actions[] = { "drop", "reject", NULL };
static const char *const ways[] = { "both", "in", "out", NULL };
static const char *const sides[] = { "remote", "local", "either", NULL };
static const char *const protocols[] = { "tcp", "udp", "any", NULL };

#define AT(f) offsetof(struct partition, f)
static const struct opt opts[] = {
	{ "action", OPT_ENUM, AT(action), 0, "drop", actions, NULL, NULL,
	  "silence, or an answer that says no", "reject" },
	{ "address", OPT_STRS, AT(address), 0, NULL, NULL, NULL, NULL,
	  "the other side: addresses or prefixes, IPv4 or IPv6",
	  "10.0.3.0/24, fd00::7" },
	{ "cut", OPT_BOOL, AT(cut), 0, "no", NULL, NULL, NULL,
	  "end TCP connections that are open, too", "yes" },
	{ "netns", OPT_STR, AT(netns), 0, NULL, NULL, NULL, NULL,
	  "in this network namespace: a name or a path", "blue" },
	{ "port", OPT_STR, AT(port), 0, NULL, NULL, NULL, NULL,
	  "only this port: a number, or an address whose port it is",
	  "staging:redis" },
	{ "protocol", OPT_ENUM, AT(protocol), 0, "any", protocols, NULL, NULL,
	  "only this one", "tcp" },
	{ "side", OPT_ENUM, AT(side), 0, "remote", sides, NULL, NULL,
	  "whose port it is", "local" },
	{ "way", OPT_ENUM, AT(way), 0, "both", ways, NULL, NULL,
	  "both, or only what comes in, or only what goes out", "in" },
	OPT_END
};
#undef AT

/* --- keys -------------------------------------------------------------- */

static int valid(const struct fault_ops *ops, const void *opts_,
		 struct err *err)
{
	const struct partition *o = opts_;

	(void)ops;
	if (!o->address.n && !o->port)
		return err_set(err, -EINVAL, "'address' or 'port' is needed: "
			       "a partition from everything cuts off whoever "
			       "would mend it");
	if (o->side != SIDE_REMOTE && !o->port)
		return err_set(err, -EINVAL, "'side' needs 'port'");
	if (o->cut && o->protocol == PROTOCOL_UDP)
		return err_set(err, -EINVAL, "'cut' ends TCP connections; udp "
			       "has none");
	return 0;
}

/* Each address is checked; a port of 0 is any. */
struct scopes {
	struct scope_prefix *v;
	size_t n;
	int port;
};

static int find(const struct partition *o, const struct fault_env *env,
		struct scopes *ret, struct err *err)
{
	int rc = 0;

	*ret = (struct scopes){
		.v = mem_calloc(o->address.n + 1, sizeof(*ret->v))
	};
	for (; !rc && ret->n < o->address.n; ret->n++)
		rc = net_scope_prefix_parse(o->address.v[ret->n],
					&ret->v[ret->n], err);
	if (!rc && o->port)
		rc = net_scope_port(o->port, env, &ret->port, err);
	return rc;
}

/* --- rules ------------------------------------------------------------- */

/* What no kernel fault touches passes before any rule of the fault. */
static void add_passes(struct buf *b, const char *table, const char *chain,
		       const struct scope *gateways)
{
	static const char *const always[] = {
		"tcp dport 22", "tcp sport 22", "meta l4proto { tcp, udp } th "
		"dport 53", "meta l4proto { tcp, udp } th sport 53",
		"icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }",
	};
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		buf_addf(b, "add rule inet %s %s %s accept\n", table, chain,
			 always[i]);
	for (size_t i = 0; i < gateways->n_gateways; i++) {
		const struct scope_prefix *g = &gateways->gateways[i];
		const char *ip = g->family == AF_INET ? "ip" : "ip6";

		net_scope_prefix_text(g, text, sizeof(text));
		buf_addf(b, "add rule inet %s %s %s saddr %s accept\n"
			 "add rule inet %s %s %s daddr %s accept\n", table,
			 chain, ip, text, table, chain, ip, text);
	}
}

/* Or the answers that say no would be answered themselves. */
static void add_refusals(struct buf *b, const char *table, const char *chain)
{
	static const char *const refusals[] = {
		"tcp flags & rst == rst", "icmp type destination-unreachable",
		"icmpv6 type destination-unreachable",
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		buf_addf(b, "add rule inet %s %s %s accept\n", table, chain,
			 refusals[i]);
}

struct rule {
	const struct partition *o;
	const char *table, *chain;
	bool out;
	int port;
};

static void add_verdict(struct buf *b, const struct partition *o, bool tcp)
{
	buf_adds(b, "counter ");
	if (o->action == ACTION_DROP)
		buf_adds(b, "drop\n");
	else
		buf_adds(b, tcp ? "reject with tcp reset\n" : "reject\n");
}

/* end: "dport", "sport"; NULL: any port. */
static void add_rule(struct buf *b, const struct rule *r, const char *protocol,
		     const char *end, const struct scope_prefix *peer)
{
	char text[INET6_ADDRSTRLEN + 8];

	buf_addf(b, "add rule inet %s %s ", r->table, r->chain);
	if (peer) {
		net_scope_prefix_text(peer, text, sizeof(text));
		buf_addf(b, "%s %s %s ", peer->family == AF_INET ? "ip" : "ip6",
			 r->out ? "daddr" : "saddr", text);
	}
	if (end)
		buf_addf(b, "%s %s %d ", protocol, end, r->port);
	else if (protocol)
		buf_addf(b, "meta l4proto %s ", protocol);
	add_verdict(b, r->o, protocol && !strcmp(protocol, "tcp"));
}

static void add_ends(struct buf *b, const struct rule *r, const char *protocol,
		     const struct scope_prefix *peer)
{
	int side = r->o->side;

	if (!r->port) {
		add_rule(b, r, protocol, NULL, peer);
		return;
	}
	if (side != SIDE_LOCAL)
		add_rule(b, r, protocol, r->out ? "dport" : "sport", peer);
	if (side != SIDE_REMOTE)
		add_rule(b, r, protocol, r->out ? "sport" : "dport", peer);
}

/* tcp first: its refusal is another one. */
static void add_protocols(struct buf *b, const struct rule *r,
			  const struct scope_prefix *peer)
{
	int p = r->o->protocol;

	if (p != PROTOCOL_UDP)
		add_ends(b, r, "tcp", peer);
	if (p == PROTOCOL_UDP || (p == PROTOCOL_ANY && r->port))
		add_ends(b, r, "udp", peer);
	else if (p == PROTOCOL_ANY)
		add_ends(b, r, NULL, peer);
}

static void add_way(struct buf *b, struct rule *r, const struct scopes *s,
		    bool out)
{
	r->out = out;
	for (size_t i = 0; i < s->n; i++)
		add_protocols(b, r, &s->v[i]);
	if (!s->n)
		add_protocols(b, r, NULL);
}

/* Also what passes through this host: containers, a router. */
static void render(struct buf *b, const char *table, const struct partition *o,
		   const struct scopes *s, const struct scope *gateways)
{
	static const struct {
		const char *name, *hook;
		bool in, out;
	} chains[] = {
		{ "incoming", "input", true, false },
		{ "outgoing", "output", false, true },
		{ "through", "forward", true, true },
	};

	buf_addf(b, "add table inet %s\n", table);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		struct rule r = { .o = o, .table = table, .port = s->port,
				  .chain = chains[i].name };

		buf_addf(b, "add chain inet %s %s { type filter hook %s "
			 "priority -310; policy accept; }\n", table, r.chain,
			 chains[i].hook);
		add_passes(b, table, r.chain, gateways);
		if (o->action == ACTION_REJECT)
			add_refusals(b, table, r.chain);
		if (chains[i].in && o->way != WAY_OUT)
			add_way(b, &r, s, false);
		if (chains[i].out && o->way != WAY_IN)
			add_way(b, &r, s, true);
	}
}

static int run_nft(struct nft_ctx *nft, const char *text, struct err *err)
{
	const char *why;

	if (!nft_run_cmd_from_buffer(nft, text))
		return 0;
	why = nft_ctx_get_error_buffer(nft);
	return err_set(err, -EIO, "nftables: %.*s",
		       (int)strcspn(why ? why : "?", "\n"), why ? why : "?");
}

static struct nft_ctx *new_nft(void)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (nft) {
		nft_ctx_buffer_output(nft);
		nft_ctx_buffer_error(nft);
	}
	return nft;
}

/* --- check ------------------------------------------------------------- */

static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	const struct partition *o = fault_opts(f);
	int rc = 0;

	for (size_t i = 0; !rc && i < o->address.n; i++)
		rc = fn(arg, ALLOW_HOST, o->address.v[i]);
	/* A port of everybody's: every interface's. */
	if (!rc && !o->address.n)
		rc = fn(arg, ALLOW_INTERFACE, "any");
	return rc;
}

/* Tables of their own: any number may be on at the same time. */
static int claims(const struct fault *f, char *dst, size_t size)
{
	snprintf(dst, size, "nft:%s", fault_mark(f));
	return 0;
}

struct trial {
	const struct partition *o;
	const struct scopes *scopes;
};

static int try_out(struct rtnl *r, void *arg, struct err *err)
{
	const struct trial *t = arg;
	struct nft_ctx *nft = new_nft();
	struct scope none = { .n_gateways = 0 };
	struct buf rules;
	int rc, fd;

	(void)r;
	buf_init(&rules, RULES_MAX);
	render(&rules, "gd-probe", t->o, t->scopes, &none);
	rc = nft ? run_nft(nft, rules.data, err) :
		   err_set(err, -ENOMEM, "nftables");
	buf_done(&rules);
	nft_ctx_free(nft);
	if (rc || !t->o->cut)
		return rc;
	fd = cut_open(err);
	if (fd < 0)
		return err->code;
	rc = cut_supported(fd, err);
	mem_close_fd(&fd);
	return rc;
}

static int check_kernel(const struct partition *o, const struct scopes *s,
			struct err *err)
{
	struct trial trial = { .o = o, .scopes = s };
	int rc = rtnl_scratch(try_out, &trial, err);

	if (rc == -EPERM)
		return 0;	/* nothing learnt: inject will tell */
	return rc ? err_prefix(err, "this kernel does not take it") : 0;
}

static int check_gateways(const struct scope *g, const struct scopes *s,
			  struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (net_scope_is_gateway(g, &s->v[i]))
			return err_set(err, -EPERM, "'address' is the default "
				       "gateway, which no kernel fault "
				       "touches");
	return 0;
}

/* gateways: of every interface in that namespace. */
static int look(const struct partition *o, const struct scopes *s,
		struct scope *gateways, struct err *err)
{
	struct rtnl r = { 0 };
	char netns[RTNL_NETNS];
	int rc;

	rtnl_netns_path(o->netns, netns);
	*gateways = (struct scope){ .n_gateways = 0 };
	rc = rtnl_open(&r, netns, "lo", err);
	if (!rc)
		rc = net_scope_gateways(&r, false, gateways, err);
	rtnl_close(&r);
	return rc ? rc : check_gateways(gateways, s, err);
}

static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	const struct partition *o = fault_opts(f);
	struct scope gateways;
	struct scopes s;
	int rc = find(o, env, &s, err);

	if (rc == -ENOENT) {	/* a symbol, later */
		s.port = 1;
		rc = 0;
	}
	if (!rc)
		rc = rtnl_may(err);
	if (!rc)
		rc = look(o, &s, &gateways, err);
	if (!rc)
		rc = check_kernel(o, &s, err);
	mem_free(s.v);
	return rc;
}

/* --- prepare ----------------------------------------------------------- */

static void name_undo(const struct fault *f, const struct partition *o,
		      struct undo_record *undo)
{
	const char *in = undo->netns[0] ? "nsenter --net=" : "";

	snprintf(undo->owner, sizeof(undo->owner), "%s", fault_mark(f));
	snprintf(undo->target, sizeof(undo->target), "%.60s%s%.40s",
		 o->address.n ? o->address.v[0] : "",
		 o->port ? " port " : "", o->port ? o->port : "");
	snprintf(undo->command, sizeof(undo->command),
		 "%s%s%snft delete table inet %s", in, undo->netns,
		 *in ? " " : "", undo->owner);
	undo_nft_render(undo);
}

static void match_init(struct cut_match *m, const struct partition *o,
		       const struct scope_prefix *p, int port)
{
	*m = (struct cut_match){ .port = port,
				 .remote = o->side != SIDE_LOCAL,
				 .local = o->side != SIDE_REMOTE };
	if (!p)
		return;
	m->family = p->family;
	m->bits = p->bits;
	memcpy(m->addr, p->addr, sizeof(m->addr));
}

static void keep_cuts(struct partition_state *st, const struct partition *o,
		      const struct scopes *s)
{
	st->n_cuts = s->n ? s->n : 1;
	st->cuts = mem_calloc(st->n_cuts, sizeof(*st->cuts));
	for (size_t i = 0; i < st->n_cuts; i++)
		match_init(&st->cuts[i], o, s->n ? &s->v[i] : NULL, s->port);
}

/* In the namespace: both sockets stay in the one that they were made in. */
static int open_there(void *arg, struct err *err)
{
	struct partition_state *st = arg;

	st->nft = new_nft();
	if (!st->nft)
		return err_set(err, -ENOMEM, "nftables");
	st->cut_fd = cut_open(err);
	st->opened = st->cut_fd >= 0;
	return st->opened ? 0 : err->code;
}

static int prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	const struct partition *o = fault_opts(f);
	struct partition_state *st = fault_state(f);
	struct scope gateways;
	struct scopes s;
	int rc = find(o, fault_env(f), &s, err);

	if (!rc)
		rc = look(o, &s, &gateways, err);
	rtnl_netns_path(o->netns, undo->netns);
	if (!rc)
		rc = rtnl_in_netns(undo->netns, open_there, st, err);
	if (!rc) {
		name_undo(f, o, undo);
		keep_cuts(st, o, &s);
		buf_init(&st->rules, RULES_MAX);
		render(&st->rules, fault_mark(f), o, &s, &gateways);
		rc = st->rules.overflow ?
			err_set(err, -E2BIG, "too many addresses") : 0;
	}
	mem_free(s.v);
	return rc;
}

static void describe(const struct fault *f, struct buf *calls,
		     struct buf *undo)
{
	const struct partition *o = fault_opts(f);

	buf_addf(calls, "nftables table inet %s: %s %s%s", fault_mark(f),
		 actions[o->action],
		 o->protocol == PROTOCOL_ANY ? "" : protocols[o->protocol],
		 o->way == WAY_BOTH ? "both ways" :
		 o->way == WAY_IN ? "what comes in" : "what goes out");
	for (size_t i = 0; i < o->address.n; i++)
		buf_addf(calls, "%s%s", i ? ", " : ", address ",
			 o->address.v[i]);
	if (o->port)
		buf_addf(calls, ", %s port %s", sides[o->side], o->port);
	buf_adds(calls, "\n");
	if (o->cut)
		buf_adds(calls, "SOCK_DESTROY of the TCP connections that are "
				"open\n");
	buf_addf(undo, "delete table inet %s\n", fault_mark(f));
}

/* --- while it is on ---------------------------------------------------- */

static int inject(struct fault *f, struct err *err)
{
	struct partition_state *st = fault_state(f);
	const struct partition *o = fault_opts(f);
	int rc = run_nft(st->nft, st->rules.data, err);

	if (!rc && o->cut)
		rc = cut_all(st->cut_fd, st->cuts, st->n_cuts, &st->n_ended,
			     err);
	return rc;
}

/* The sum of the counters in what nftables lists as JSON. */
static void count(const json_t *list, json_int_t *packets, json_int_t *bytes)
{
	size_t i, k;
	const json_t *item, *e;

	json_array_foreach(json_object_get(list, "nftables"), i, item) {
		const json_t *rule = json_object_get(item, "rule");

		json_array_foreach(json_object_get(rule, "expr"), k, e) {
			const json_t *c = json_object_get(e, "counter");

			*packets += json_int64(c, "packets", 0);
			*bytes += json_int64(c, "bytes", 0);
		}
	}
}

static int measure(struct fault *f, struct err *err)
{
	struct partition_state *st = fault_state(f);
	const struct partition *o = fault_opts(f);
	json_int_t packets = 0, bytes = 0;
	char text[128];
	json_t *list;
	int rc;

	snprintf(text, sizeof(text), "list table inet %s", fault_mark(f));
	nft_ctx_output_set_flags(st->nft, NFT_CTX_OUTPUT_JSON);
	rc = run_nft(st->nft, text, err);
	nft_ctx_output_set_flags(st->nft, 0);
	if (rc)
		return rc;
	list = json_loads(nft_ctx_get_output_buffer(st->nft), 0, NULL);
	count(list, &packets, &bytes);
	json_decref(list);
	fault_measured(f, json_pack("{s:s, s:s, s:b}", "action",
				    actions[o->action], "way", ways[o->way],
				    "cut", o->cut),
		       json_pack("{s:I, s:I, s:I}", "packets", packets,
				 "bytes", bytes, "ended",
				 (json_int_t)st->n_ended));
	return 0;
}

static void release(struct fault *f)
{
	struct partition_state *st = fault_state(f);

	if (st->nft)
		nft_ctx_free(st->nft);
	st->nft = NULL;
	if (st->opened)
		mem_close_fd(&st->cut_fd);
	st->opened = false;
	buf_done(&st->rules);
	mem_free(st->cuts);
	st->cuts = NULL;
}

const struct fault_ops partition = {
	.name = "partition",
	.summary = "packets of an address or port go no further (nftables)",
	.example = "[fault no-cache]\nkind = partition\n"
		   "address = 10.0.3.7\nport = 6379\naction = drop\n"
		   "cut = yes\nat = 90s\nfor = 60s\n",
	.opts = opts,
	.opts_size = sizeof(struct partition),
	.state_size = sizeof(struct partition_state),
	.needs = FAULT_NEEDS_NET_ADMIN,
	.valid = valid,
	.targets = targets,
	.claims = claims,
	.check = check,
	.prepare = prepare,
	.describe = describe,
	.inject = inject,
	.measure = measure,
	.release = release,
};
