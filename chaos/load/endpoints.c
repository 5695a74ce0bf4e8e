/* SPDX-License-Identifier: Apache-2.0 */
/* Targets, and where redirects lead beside them. */
#include "chaos/load/endpoints.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/allow.h"
#include "chaos/base/http1.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/load/curl.h"

void endpoints_init(struct endpoints *e, const struct endpoint *targets,
		    size_t n, const struct allow *allow)
{
	*e = (struct endpoints){ .n = n, .cap = n + ENDPOINTS_MORE_MAX,
				 .allow = allow };
	e->v = mem_calloc(e->cap, sizeof(*e->v));
	memcpy(e->v, targets, n * sizeof(*e->v));
}

void endpoints_done(struct endpoints *e)
{
	mem_free(e->v);
	*e = (struct endpoints){ 0 };
}

static bool speaks_tls(const struct endpoint *ep)
{
	return ep->curl && ep->curl->tls;
}

static size_t add(struct endpoints *e, const char *host)
{
	struct endpoint *ep = &e->v[e->n];
	struct err err;

	if (!e->allow || e->n == e->cap ||
	    addr_parse(host, &ep->addr, NULL) < 0)
		return SIZE_MAX;
	if (allow_connect(e->allow, &ep->addr, &err) < 0) {
		if (!e->said)
			log_warn("a redirect is not followed, and counts as "
				 "'protocol': %s", err.msg);
		e->said = true;
		return SIZE_MAX;
	}
	ep->engine = ENGINE_EPOLL;
	snprintf(ep->host, sizeof(ep->host), "%s", host);
	return e->n++;
}

size_t endpoints_find(struct endpoints *e, const struct http1_url *url)
{
	bool v6 = strchr(url->host, ':') && url->host[0] != '[';
	char with[sizeof(e->v->host)], bare[sizeof(url->host) + 2];

	snprintf(bare, sizeof(bare), v6 ? "[%s]" : "%s", url->host);
	snprintf(with, sizeof(with), "%s:%d", bare, url->port);
	for (size_t i = 0; i < e->n; i++) {
		const char *host = e->v[i].host;

		if (speaks_tls(&e->v[i]) != url->tls)
			continue;
		if (strcasecmp(host, with) == 0 ||
		    (url->port == (url->tls ? 443 : 80) &&
		     strcasecmp(host, bare) == 0))
			return i;
	}
	return url->tls ? SIZE_MAX : add(e, with);
}
