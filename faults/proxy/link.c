/* SPDX-License-Identifier: Apache-2.0 */
/* Links: listeners, toxics, and the confs that the data threads take over. */
#include "faults/proxy/link.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/allow.h"
#include "chaos/base/clock.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/listener.h"
#include "faults/proxy/proxy.h"
#include "faults/proxy/resolve.h"
#include "faults/proxy/worker.h"

/* Confs. */

static struct link_conf *conf_new(unsigned n_endpoints)
{
	struct link_conf *conf = mem_zalloc(sizeof(*conf));

	atomic_init(&conf->refs, 1);
	conf->endpoints = mem_calloc(n_endpoints, sizeof(*conf->endpoints));
	conf->n_endpoints = n_endpoints;
	return conf;
}

/* The same with room for more endpoints; its toxics are referenced. */
static struct link_conf *conf_copy(const struct link_conf *from, unsigned more)
{
	struct link_conf *conf = conf_new(from->n_endpoints + more);

	memcpy(conf->endpoints, from->endpoints,
	       from->n_endpoints * sizeof(*from->endpoints));
	conf->n_endpoints = from->n_endpoints;
	conf->n_toxics = from->n_toxics;
	for (unsigned i = 0; i < from->n_toxics; i++)
		conf->toxics[i] = toxic_ref(from->toxics[i]);
	return conf;
}

struct link_conf *link_conf_ref(struct link_conf *conf)
{
	atomic_fetch_add(&conf->refs, 1);
	return conf;
}

void link_conf_unref(struct link_conf *conf)
{
	if (!conf || atomic_fetch_sub(&conf->refs, 1) != 1)
		return;
	for (unsigned i = 0; i < conf->n_toxics; i++)
		toxic_unref(conf->toxics[i]);
	mem_free(conf->endpoints);
	mem_free(conf);
}

/* Takes conf over. */
static void link_publish(struct link *l, struct link_conf *conf)
{
	link_conf_unref(l->conf);
	l->conf = conf;
	for (unsigned i = 0; i < l->n_slots; i++)
		worker_conf(l->proxy->workers[i], l, conf);
}

static void link_close_flows(struct link *l, bool gone)
{
	for (unsigned i = 0; i < l->n_slots; i++)
		worker_close(l->proxy->workers[i], l, false, gone);
}

/* The link. */

struct link *link_ref(struct link *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void link_unref(struct link *l)
{
	if (atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	for (unsigned i = 0; i < l->n_slots; i++)
		link_conf_unref(l->slots[i].use);
	link_conf_unref(l->conf);
	gate_done(&l->gate);
	free(l->slots);
	mem_free(l->name);
	mem_free(l->listen_text);
	mem_free(l->upstream_text);
	mem_free(l);
}

static struct link_slot *slots_new(unsigned n)
{
	struct link_slot *slots =
		aligned_alloc(alignof(struct link_slot), n * sizeof(*slots));

	if (!slots)
		abort();
	memset(slots, 0, n * sizeof(*slots));
	for (unsigned i = 0; i < n; i++)
		list_init(&slots[i].flows);
	return slots;
}

static struct link *link_alloc(struct proxy *proxy,
			       const struct link_args *args)
{
	struct link *l = mem_zalloc(sizeof(*l));

	atomic_init(&l->refs, 1);
	l->proxy = proxy;
	list_init(&l->in_proxy);
	l->name = mem_strdup(args->name);
	l->filter = args->filter;
	l->id = proxy->n_links++;
	l->n_slots = proxy->n_workers;
	l->slots = slots_new(l->n_slots);
	gate_init(&l->gate);
	for (unsigned i = 0; i < LINK_ENDPOINTS_MAX; i++)
		l->listeners[i].fd = -1;
	return l;
}

/* From then on it is known by the address that it got. */
static int link_listen(struct link *l, struct link_conf *conf, struct err *err)
{
	int rc = listeners_open(l, conf, err);

	if (rc < 0)
		return rc;
	mem_free(l->listen_text);
	l->listen_text = NULL;
	return 0;
}

const char *link_listen_text(const struct link *l, char dst[ADDR_TEXT])
{
	return l->listen_text ? l->listen_text
			      : addr_fmt(&l->conf->endpoints[0].listen, dst);
}

const char *link_upstream_text(const struct link *l, char dst[ADDR_TEXT])
{
	return l->upstream_text
		       ? l->upstream_text
		       : addr_fmt(&l->conf->endpoints[0].upstream, dst);
}

int link_new(struct proxy *proxy, const struct link_args *args,
	     struct link **ret, struct err *err)
{
	int rc = args->upstream.len
			 ? allow_connect(proxy->allow, &args->upstream, err)
			 : 0;

	if (rc < 0)
		return err_prefix(err, "link '%s'", args->name);
	struct link *l = link_alloc(proxy, args);
	struct link_conf *conf = conf_new(1);

	conf->endpoints[0].listen = args->listen;
	conf->endpoints[0].upstream = args->upstream;
	l->enabled = args->enabled;
	l->listen_text = mem_strdup(args->listen_text);
	l->upstream_text = mem_strdup(args->upstream_text);
	if (l->enabled)
		rc = link_listen(l, conf, err);
	if (rc < 0) {
		link_conf_unref(conf);
		link_unref(l);
		return rc;
	}
	link_publish(l, conf);
	list_append(&proxy->links, &l->in_proxy);
	if (!args->upstream.len)
		resolve_upstream(l);
	*ret = l;
	return 0;
}

void link_delete(struct link *l)
{
	l->enabled = false;	/* a broker that is found now opens nothing */
	listeners_close(l);
	list_remove(&l->in_proxy);
	link_close_flows(l, true);
	link_unref(l);
}

int link_enable(struct link *l, bool enabled, struct err *err)
{
	if (enabled == l->enabled)
		return 0;
	if (!enabled) {
		listeners_close(l);
		link_close_flows(l, false);
	} else {
		struct link_conf *conf = conf_copy(l->conf, 0);

		if (link_listen(l, conf, err) < 0) {
			link_conf_unref(conf);
			return err->code;
		}
		link_publish(l, conf);
	}
	l->enabled = enabled;
	return 0;
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
	char one[ADDR_TEXT], two[ADDR_TEXT];

	return !strcmp(addr_fmt(a, one), addr_fmt(b, two));
}

static bool same_upstream(const struct link *l, const struct link_args *args)
{
	if (args->upstream.len)
		return same_addr(&args->upstream,
				 &l->conf->endpoints[0].upstream);
	return l->upstream_text && args->upstream_text &&
	       !strcmp(l->upstream_text, args->upstream_text);
}

static void set_text(char **field, const char *text)
{
	char *copy = mem_strdup(text);

	mem_free(*field);
	*field = copy;
}

int link_readdress(struct link *l, const struct link_args *args,
		   struct err *err)
{
	bool was = l->enabled;

	if (same_addr(&args->listen, &l->conf->endpoints[0].listen) &&
	    same_upstream(l, args))
		return 0;
	if (args->upstream.len &&
	    allow_connect(l->proxy->allow, &args->upstream, err) < 0)
		return err_prefix(err, "link '%s'", l->name);
	if (link_enable(l, false, err) < 0)
		return err->code;
	/* The brokers that the old upstream named go with it */
	struct link_conf *conf = conf_copy(l->conf, 0);

	conf->n_endpoints = 1;
	conf->endpoints[0].listen = args->listen;
	conf->endpoints[0].upstream = args->upstream;
	set_text(&l->listen_text, args->listen_text);
	set_text(&l->upstream_text, args->upstream_text);
	link_publish(l, conf);
	if (!args->upstream.len)
		resolve_upstream(l);
	return was ? link_enable(l, true, err) : 0;
}

void link_resolved(struct link *l, const struct addr *upstream)
{
	if (same_addr(upstream, &l->conf->endpoints[0].upstream))
		return;
	struct link_conf *conf = conf_copy(l->conf, 0);

	conf->endpoints[0].upstream = *upstream;
	link_publish(l, conf);
}

static void any_port(struct addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		((struct sockaddr_in *)(void *)&a->u)->sin_port = 0;
	else if (a->u.sa.sa_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&a->u)->sin6_port = 0;
}

void link_add_endpoint(struct link *l, const char *host, int port,
		       const struct addr *upstream, bool failed)
{
	unsigned i = l->conf->n_endpoints;
	struct err err = {0};

	if (i == LINK_ENDPOINTS_MAX || !l->enabled)
		return;
	struct link_conf *conf = conf_copy(l->conf, 1);
	struct link_endpoint *e = &conf->endpoints[i];

	conf->n_endpoints = i + 1;
	(void)snprintf(e->host, sizeof(e->host), "%s", host);
	e->port = port;
	e->failed = failed;
	if (!failed) {
		e->upstream = *upstream;
		e->listen = conf->endpoints[0].listen;
		any_port(&e->listen);
		e->failed = listener_open(l, i, &e->listen, &err) < 0;
	}
	if (e->failed)
		log_warn("link %s: broker %s:%d is left as it is%s%s", l->name,
			 host, port, err.code ? ": " : "", err.msg);
	link_publish(l, conf);
}

/* Toxics. */

struct toxic *link_toxic(const struct link *l, const char *name)
{
	for (unsigned i = 0; i < l->conf->n_toxics; i++)
		if (!strcmp(l->conf->toxics[i]->name, name))
			return l->conf->toxics[i];
	return NULL;
}

struct toxic *link_toxic_of(const struct link *l, const struct toxic_ops *ops)
{
	for (unsigned i = 0; i < l->conf->n_toxics; i++)
		if (l->conf->toxics[i]->ops == ops)
			return l->conf->toxics[i];
	return NULL;
}

static int toxic_fits(const struct link *l, const struct toxic *t,
		      struct err *err)
{
	const char *protocol = t->ops->protocol;

	if (link_toxic(l, t->name))
		return err_set(err, -EEXIST, "toxic already exists");
	if (t->ops->put && link_toxic_of(l, t->ops))
		return err_set(err, -EEXIST, "link '%s' has a %s already",
			       l->name, t->ops->type);
	if (l->filter->datagrams && t->ops->put)
		return err_set(err, -EINVAL, "a link of datagrams has no pool");
	if (!l->filter->datagrams && t->by_chunk && t->ops->lift_cuts)
		return err_set(err, -EINVAL,
			       "only a link of datagrams can lose some");
	if (protocol && strcmp(protocol, l->filter->protocol))
		return err_set(err, -EINVAL,
			       "toxic '%s' needs a link of protocol %s: '%s' "
			       "is %s",
			       t->ops->type, protocol, l->name,
			       l->filter->protocol);
	if (l->conf->n_toxics == LINK_TOXICS_MAX)
		return err_set(err, -ENOSPC, "link '%s' has %d toxics already",
			       l->name, LINK_TOXICS_MAX);
	return 0;
}

bool link_is_down(const struct link *l)
{
	for (unsigned i = 0; l->conf && i < l->conf->n_toxics; i++)
		if (l->conf->toxics[i]->ops->shuts_link)
			return true;
	return false;
}

/* After a change of toxics: shut or open, if that is another state. */
static void link_sync(struct link *l)
{
	bool down = link_is_down(l);
	struct err err = {0};

	if (down == l->down)
		return;
	l->down = down;
	if (!l->enabled)
		return;
	struct link_conf *conf = conf_copy(l->conf, 0);

	if (listeners_open(l, conf, &err) < 0) {
		log_error("%s: it is disabled", err.msg);
		l->enabled = false;
	}
	if (down)
		link_close_flows(l, false);
	link_publish(l, conf);
}

/* By what it is and which of these, so that two runs draw the same. */
static void toxic_seed(const struct link *l, struct toxic *t)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (const char *c = t->ops->type; *c; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(1099511628211);
	for (unsigned i = 0; i < l->conf->n_toxics; i++)
		h += l->conf->toxics[i]->ops == t->ops;
	t->seed = h * 4 + (uint64_t)t->stream;
	t->first = l->n_flows;
}

int link_add_toxic(struct link *l, struct toxic *t, struct err *err)
{
	int rc = toxic_fits(l, t, err);

	if (rc < 0) {
		toxic_unref(t);
		return rc;
	}
	struct link_conf *conf = conf_copy(l->conf, 0);

	toxic_seed(l, t);
	conf->toxics[conf->n_toxics++] = t;
	if (t->ops->put)
		t->ops->put(t, &l->gate, true, clock_mono());
	link_publish(l, conf);
	link_sync(l);
	return 0;
}

void link_change_toxic(struct link *l, struct toxic *t)
{
	struct link_conf *conf = conf_copy(l->conf, 0);
	unsigned i = 0;

	while (i < conf->n_toxics && strcmp(conf->toxics[i]->name, t->name))
		i++;
	assert(i < conf->n_toxics);
	toxic_unref(conf->toxics[i]);
	conf->toxics[i] = t;
	if (t->ops->put)
		t->ops->put(t, &l->gate, false, clock_mono());
	link_publish(l, conf);
}

static bool keep_all_but_name(const struct toxic *t, const char *name)
{
	return strcmp(t->name, name) != 0;
}

static bool keep_all_but_lease(const struct toxic *t, const char *lease)
{
	return lease && (!t->lease || strcmp(t->lease, lease));
}

static unsigned link_filter(struct link *l,
			    bool (*keep)(const struct toxic *, const char *),
			    const char *arg)
{
	struct link_conf *conf = conf_copy(l->conf, 0);
	unsigned n = 0;

	for (unsigned i = 0; i < conf->n_toxics; i++) {
		struct toxic *t = conf->toxics[i];

		if (keep(t, arg)) {
			conf->toxics[n++] = t;
			continue;
		}
		if (t->ops->lift)
			t->ops->lift(t, &l->gate, clock_mono());
		toxic_unref(t);
	}
	unsigned removed = conf->n_toxics - n;

	conf->n_toxics = n;
	if (removed) {
		link_publish(l, conf);
		link_sync(l);
	} else {
		link_conf_unref(conf);
	}
	return removed;
}

int link_remove_toxic(struct link *l, const char *name)
{
	return link_filter(l, keep_all_but_name, name) ? 0 : -ENOENT;
}

unsigned link_remove_toxics(struct link *l, const char *lease)
{
	return link_filter(l, keep_all_but_lease, lease);
}

void link_sum(const struct link *l, struct link_sum *ret)
{
	*ret = (struct link_sum){0};
	for (unsigned i = 0; i < l->n_slots; i++) {
		const struct link_counters *c = &l->slots[i].counters;

		ret->connections += atomic_load(&c->connections);
		ret->accepted += atomic_load(&c->accepted);
		ret->errors += atomic_load(&c->errors);
		ret->opaque += atomic_load(&c->opaque);
		ret->bytes[STREAM_UP] += atomic_load(&c->bytes[STREAM_UP]);
		ret->bytes[STREAM_DOWN] += atomic_load(&c->bytes[STREAM_DOWN]);
	}
}
