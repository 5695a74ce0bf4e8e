/* SPDX-License-Identifier: Apache-2.0 */
/* Which address a client is given for a broker. */
#include "faults/proxy/filter/kafka_broker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "faults/proxy/link.h"
#include "faults/proxy/proxy.h"

static bool same_addr(const struct addr *a, const struct addr *b)
{
	char one[ADDR_TEXT], two[ADDR_TEXT];

	return !strcmp(addr_fmt(a, one), addr_fmt(b, two));
}

static bool endpoint_is(const struct link_endpoint *e, const char *host,
			int port, const struct addr *addr)
{
	if (e->host[0] && e->port == port && !strcmp(e->host, host))
		return true;
	return !e->failed && addr && same_addr(&e->upstream, addr);
}

/* The client's way to it: the address it reached us by, and that port. */
static int put_endpoint(struct flow *f, const struct link_endpoint *e,
			struct kafka_mapped *ret)
{
	char text[ADDR_TEXT];
	struct addr local;

	if (e->failed || addr_local(flow_client_fd(f), &local) < 0)
		return -ENOENT;
	addr_fmt(addr_port(&local) ? &local : &e->listen, text);
	char *colon = strrchr(text, ':');

	if (colon)
		*colon = '\0';
	size_t len = strlen(text);

	if (text[0] == '[' && len > 2 && text[len - 1] == ']') {
		text[len - 1] = '\0';
		memmove(text, text + 1, len - 1);
	}
	(void)snprintf(ret->host, sizeof(ret->host), "%s", text);
	ret->port = addr_port(&e->listen);
	return 1;
}

int kafka_map_broker(struct flow *f, const char *host, int32_t port,
		     bool give_up, struct kafka_mapped *ret)
{
	const struct link_conf *conf = flow_conf(f);
	bool v6 = strchr(host, ':');
	char text[320];
	struct addr addr, *known = &addr;
	struct err err;

	(void)snprintf(text, sizeof(text), v6 ? "[%s]:%d" : "%s:%d", host,
		       (int)port);
	if (proxy_addr(text, &addr, &err) < 0)
		known = NULL;
	for (unsigned i = 0; i < conf->n_endpoints; i++) {
		const struct link_endpoint *e = &conf->endpoints[i];

		if (known && !e->failed && same_addr(&e->listen, known))
			return 0; /* it names us already */
		if (endpoint_is(e, host, port, known))
			return put_endpoint(f, e, ret);
	}
	if (give_up)
		return -ENOENT;
	proxy_want_endpoint(flow_link(f), host, port);
	return -EAGAIN;
}
