/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets a net.* fault hits: u32 filters that send them to where they
 * are disturbed, and before those the ones that let pass what nobody may cut
 * off: SSH, DNS, the default gateway itself, IPv6's neighbour discovery.
 */
#ifndef GD_FAULTS_NET_SCOPE_H
#define GD_FAULTS_NET_SCOPE_H

#include <netinet/in.h>

#include "faults/net/conf.h"
#include "faults/net/qdisc.h"

enum { SCOPE_GATEWAYS = 4, SCOPE_FILTERS = 48 };

/* An address with the bits that count. */
struct scope_prefix {
	int family;		/* AF_INET, AF_INET6; 0: none */
	unsigned bits;
	uint8_t addr[16];	/* network order */
};

struct scope {
	enum net_protocol protocol;
	enum net_ends ends;
	bool ingress;
	int port;		/* 0: all */
	struct scope_prefix peer;
	struct scope_prefix gateways[SCOPE_GATEWAYS];
	size_t n_gateways;
};

int net_scope_prefix_parse(const char *text, struct scope_prefix *ret,
		       struct err *err) MUST_CHECK;
void net_scope_prefix_text(const struct scope_prefix *p, char *dst,
			   size_t size);
/* A number or a symbol; -ENOENT: one that is not known yet. */
int net_scope_port(const char *text, const struct fault_env *env, int *ret,
	       struct err *err) MUST_CHECK;
/* The default gateways there are; only_dev: by r's interface. */
int net_scope_gateways(struct rtnl *r, bool only_dev, struct scope *s,
		   struct err *err) MUST_CHECK;
bool net_scope_is_gateway(const struct scope *s, const struct scope_prefix *p);

/*
 * -ENOENT: a port's symbol is not known yet.  -EPERM: what no kernel fault
 * touches.  r: looks for gateways there.
 */
int net_scope_find(const struct net_conf *c, const struct fault_env *env,
	       struct rtnl *r, struct scope *ret, struct err *err) MUST_CHECK;
/* The filters, in their order. Caller frees each. How many. */
size_t net_scope_filters(const struct scope *s, const struct qdisc_place *place,
		     struct nl_msg *msgs[SCOPE_FILTERS]);
/* "tcp to port 5432 of 10.0.0.0/8, IPv4 and IPv6" */
void net_scope_text(const struct net_conf *c, struct buf *out);

#endif
