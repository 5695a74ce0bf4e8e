/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of a net.* fault; see scope.h. */
#include "faults/net/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"

/* Who is cut off by these cannot mend what was broken. */
static const struct {
	int port;
	bool udp;
	const char *what;
} refused[] = { { 22, false, "SSH" }, { 53, true, "DNS" } };

enum { N_REFUSED = sizeof(refused) / sizeof(refused[0]) };

/* --- finding ----------------------------------------------------------- */

static int check_port(int64_t port, struct err *err)
{
	if (port < 1 || port > 65535)
		return err_set(err, -EINVAL, "port %lld is out of range",
			       (long long)port);
	for (size_t i = 0; i < N_REFUSED; i++)
		if (refused[i].port == port)
			return err_set(err, -EPERM,
				       "port %d is %s's, which no kernel "
				       "fault touches", refused[i].port,
				       refused[i].what);
	return 0;
}

int net_scope_port(const char *text, const struct fault_env *env, int *ret,
	       struct err *err)
{
	struct addr addr;
	int64_t port;
	int rc;

	if (units_int(text, &port, NULL)) {
		if (!env->symbols)
			return err_set(err, -ENOENT, "'%s' is not known",
				       text);
		rc = symbols_addr(env->symbols, text, &addr, err);
		if (rc)
			return rc;
		port = addr_port(&addr);
	}
	rc = check_port(port, err);
	if (!rc)
		*ret = (int)port;
	return rc;
}

int net_scope_prefix_parse(const char *text, struct scope_prefix *ret,
		       struct err *err)
{
	const char *slash = strchr(text, '/');
	AUTO_FREE char *ip = slash ? mem_strndup(text, (size_t)(slash - text)) :
				     mem_strdup(text);
	int64_t bits, max;

	ret->family = strchr(ip, ':') ? AF_INET6 : AF_INET;
	max = ret->family == AF_INET ? 32 : 128;
	bits = max;
	if (inet_pton(ret->family, ip, ret->addr) != 1 ||
	    (slash && units_int(slash + 1, &bits, NULL)) || bits < 0 ||
	    bits > max)
		return err_set(err, -EINVAL, "'%s' is no address or prefix "
			       "(10.0.3.0/24, fd00::1)", text);
	ret->bits = (unsigned)bits;
	return 0;
}

void net_scope_prefix_text(const struct scope_prefix *p, char *dst, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "";

	inet_ntop(p->family, p->addr, ip, sizeof(ip));
	if (p->bits == (p->family == AF_INET ? 32 : 128))
		snprintf(dst, size, "%s", ip);
	else
		snprintf(dst, size, "%s/%u", ip, p->bits);
}

struct routes {
	int ifindex;		/* 0: any */
	struct scope *s;
};

static void on_route(void *arg, struct nlmsghdr *h)
{
	struct routes *routes = arg;
	struct scope *s = routes->s;
	const struct rtmsg *rt = nlmsg_data(h);
	struct nlattr *a[RTA_MAX + 1];
	struct scope_prefix *g = &s->gateways[s->n_gateways];

	if (h->nlmsg_type != RTM_NEWROUTE || rt->rtm_dst_len != 0 ||
	    s->n_gateways == SCOPE_GATEWAYS ||
	    nlmsg_parse(h, sizeof(*rt), a, RTA_MAX, NULL) < 0 ||
	    !a[RTA_GATEWAY] || !a[RTA_OIF] ||
	    (routes->ifindex &&
	     (int)nla_get_u32(a[RTA_OIF]) != routes->ifindex))
		return;
	g->family = rt->rtm_family;
	g->bits = g->family == AF_INET ? 32 : 128;
	nla_memcpy(g->addr, a[RTA_GATEWAY], sizeof(g->addr));
	s->n_gateways++;
}

int net_scope_gateways(struct rtnl *r, bool only_dev, struct scope *s,
		   struct err *err)
{
	struct routes routes = { .ifindex = only_dev ? r->ifindex : 0,
				 .s = s };
	int rc = rtnl_dump(r, RTM_GETROUTE, on_route, &routes);

	return rc ? err_set(err, rc, "look at the routes of '%s': %s", r->dev,
			    strerror(-rc)) : 0;
}

bool net_scope_is_gateway(const struct scope *s, const struct scope_prefix *p)
{
	for (size_t i = 0; i < s->n_gateways; i++)
		if (p->family == s->gateways[i].family &&
		    p->bits == s->gateways[i].bits &&
		    !memcmp(p->addr, s->gateways[i].addr, p->bits / 8))
			return true;
	return false;
}

int net_scope_find(const struct net_conf *c, const struct fault_env *env,
	       struct rtnl *r, struct scope *ret, struct err *err)
{
	int rc = 0;

	*ret = (struct scope){
		.protocol = (enum net_protocol)c->protocol,
		.ends = (enum net_ends)c->ends,
		.ingress = c->direction == NET_INGRESS,
	};
	if (ret->protocol == NET_AUTO)
		ret->protocol = c->port ? NET_TCP : NET_ANY;
	if (c->address)
		rc = net_scope_prefix_parse(c->address, &ret->peer, err);
	if (!rc)
		rc = net_scope_gateways(r, true, ret, err);
	if (!rc && net_scope_is_gateway(ret, &ret->peer))
		rc = err_set(err, -EPERM, "'address' is the default gateway, "
			     "which no kernel fault touches");
	if (!rc && c->port)
		rc = net_scope_port(c->port, env, &ret->port, err);
	return rc;
}

/* --- one filter -------------------------------------------------------- */

enum { KEYS = 9 };

struct keys {
	struct tc_u32_key v[KEYS];
	unsigned char n;
};

/* off: from the network header. */
static void key(struct keys *k, int off, uint32_t mask, uint32_t value)
{
	k->v[k->n++] = (struct tc_u32_key){ .off = off, .mask = htonl(mask),
					    .val = htonl(value) };
}

static void key_prefix(struct keys *k, int off, const struct scope_prefix *p)
{
	for (unsigned done = 0; done < p->bits; done += 32, off += 4) {
		unsigned left = p->bits - done;
		uint32_t mask = left >= 32 ? ~0u : ~0u << (32 - left), word;

		memcpy(&word, p->addr + done / 8, sizeof(word));
		key(k, off, mask, ntohl(word) & mask);
	}
}

static int protocol_number(enum net_protocol p, int family)
{
	switch (p) {
	case NET_AUTO:
	case NET_ANY:
		break;
	case NET_ICMP:
		return family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	case NET_TCP:
		return IPPROTO_TCP;
	case NET_UDP:
		return IPPROTO_UDP;
	}
	return 0;
}

static void key_protocol(struct keys *k, int family, int number)
{
	if (family == AF_INET)
		key(k, 8, 0x00ff0000, (uint32_t)number << 16);
	else
		key(k, 4, 0x0000ff00, (uint32_t)number << 8);
}

/* A header without options and a first fragment, or there is no port there. */
static void key_port(struct keys *k, int family, bool source, int port)
{
	int off = family == AF_INET ? 20 : 40;

	if (family == AF_INET) {
		key(k, 0, 0x0f000000, 0x05000000);
		key(k, 4, 0x00001fff, 0);
	}
	if (source)
		key(k, off, 0xffff0000, (uint32_t)port << 16);
	else
		key(k, off, 0x0000ffff, (uint32_t)port);
}

static void key_peer(struct keys *k, const struct scope *s,
		     const struct scope_prefix *p)
{
	int source = p->family == AF_INET ? 12 : 8;
	int destination = p->family == AF_INET ? 16 : 24;

	if (p->family)
		key_prefix(k, s->ingress ? source : destination, p);
}

static void put_redirect(struct nl_msg *msg, int ifindex)
{
	struct tc_mirred parms = { .action = TC_ACT_STOLEN,
				   .eaction = TCA_EGRESS_REDIR,
				   .ifindex = (uint32_t)ifindex };
	struct nlattr *acts = nla_nest_start(msg, TCA_U32_ACT);
	struct nlattr *act = nla_nest_start(msg, 1);
	struct nlattr *options;

	nla_put_string(msg, TCA_ACT_KIND, "mirred");
	options = nla_nest_start(msg, TCA_ACT_OPTIONS);
	nla_put(msg, TCA_MIRRED_PARMS, sizeof(parms), &parms);
	nla_nest_end(msg, options);
	nla_nest_end(msg, act);
	nla_nest_end(msg, acts);
}

/* --- all of them ------------------------------------------------------- */

struct filters {
	const struct qdisc_place *place;
	struct nl_msg **msgs;
	size_t n;
};

/* hit: to where it is disturbed; else past the filters that come after. */
static void add(struct filters *f, int family, bool hit, const struct keys *k)
{
	struct {
		struct tc_u32_sel sel;
		struct tc_u32_key keys[KEYS];
	} u32;
	uint32_t priority = (hit ? 3u : 1u) + (family == AF_INET6);
	uint16_t protocol = family == AF_INET ? ETH_P_IP : ETH_P_IPV6;
	struct nl_msg *msg = qdisc_filter(f->place, priority, protocol);
	struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);

	memset(&u32, 0, sizeof(u32));
	u32.sel.flags = TC_U32_TERMINAL;
	u32.sel.nkeys = k->n;
	memcpy(u32.keys, k->v, sizeof(u32.keys[0]) * k->n);
	nla_put_u32(msg, TCA_U32_CLASSID, qdisc_class(f->place, hit));
	nla_put(msg, TCA_U32_SEL,
		(int)(sizeof(u32.sel) + k->n * sizeof(u32.keys[0])), &u32);
	if (hit && f->place->ingress)
		put_redirect(msg, f->place->ifb_index);
	nla_nest_end(msg, nest);
	f->msgs[f->n++] = msg;
}

static void pass_port(struct filters *f, int family, int number, int port)
{
	for (int source = 0; source < 2; source++) {
		struct keys k = { .n = 0 };

		key_protocol(&k, family, number);
		key_port(&k, family, source, port);
		add(f, family, false, &k);
	}
}

/* Neighbour solicitation and advertisement: what ARP is to IPv4. */
static void pass_neighbours(struct filters *f)
{
	for (uint32_t type = 135; type <= 136; type++) {
		struct keys k = { .n = 0 };

		key_protocol(&k, AF_INET6, IPPROTO_ICMPV6);
		key(&k, 40, 0xff000000, type << 24);
		add(f, AF_INET6, false, &k);
	}
}

static void pass_services(struct filters *f, const struct scope *s, int family)
{
	bool tcp = s->protocol == NET_ANY || s->protocol == NET_TCP;
	bool udp = s->protocol == NET_ANY || s->protocol == NET_UDP;

	for (size_t i = 0; i < N_REFUSED; i++) {
		if (tcp)
			pass_port(f, family, IPPROTO_TCP, refused[i].port);
		if (udp && refused[i].udp)
			pass_port(f, family, IPPROTO_UDP, refused[i].port);
	}
}

static void pass_gateways(struct filters *f, const struct scope *s, int family)
{
	for (size_t i = 0; i < s->n_gateways; i++) {
		struct keys k = { .n = 0 };

		if (s->gateways[i].family != family)
			continue;
		key_peer(&k, s, &s->gateways[i]);
		add(f, family, false, &k);
	}
}

static void hit(struct filters *f, const struct scope *s, int family,
		bool source)
{
	int number = protocol_number(s->protocol, family);
	struct keys k = { .n = 0 };

	if (number)
		key_protocol(&k, family, number);
	key_peer(&k, s, &s->peer);
	if (s->port)
		key_port(&k, family, source, s->port);
	if (!k.n)
		key(&k, 0, 0, 0);
	add(f, family, true, &k);
}

static void family_filters(struct filters *f, const struct scope *s,
			   int family)
{
	pass_gateways(f, s, family);
	if (!s->port)
		pass_services(f, s, family);
	if (!s->port && family == AF_INET6 &&
	    (s->protocol == NET_ANY || s->protocol == NET_ICMP))
		pass_neighbours(f);
	if (!s->port || s->ends != NET_SOURCE)
		hit(f, s, family, false);
	if (s->port && s->ends != NET_DESTINATION)
		hit(f, s, family, true);
}

size_t net_scope_filters(const struct scope *s, const struct qdisc_place *place,
		     struct nl_msg *msgs[SCOPE_FILTERS])
{
	struct filters f = { .place = place, .msgs = msgs };

	if (s->peer.family != AF_INET6)
		family_filters(&f, s, AF_INET);
	if (s->peer.family != AF_INET)
		family_filters(&f, s, AF_INET6);
	return f.n;
}

void net_scope_text(const struct net_conf *c, struct buf *out)
{
	static const char *const protocols[] = { "", "any", "icmp", "tcp",
						 "udp" };
	static const char *const ends[] = { "to", "from", "to or from" };
	bool ingress = c->direction == NET_INGRESS;

	buf_adds(out, c->protocol != NET_AUTO ? protocols[c->protocol] :
		      c->port ? "tcp" : "any");
	if (c->port)
		buf_addf(out, " %s port %s", ends[c->ends], c->port);
	if (c->address)
		buf_addf(out, " %s %s", ingress ? "from" : "to", c->address);
	if (!c->address)
		buf_adds(out, ", IPv4 and IPv6");
	if (!c->port)
		buf_adds(out, ", but for SSH, DNS and the gateway itself");
}
