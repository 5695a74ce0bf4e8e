/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy as a whole: threads, APIs, other brokers, and when it ends. */
#include "faults/proxy/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "chaos/base/allow.h"
#include "chaos/base/httpd.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/api.h"
#include "faults/proxy/link.h"
#include "faults/proxy/resolve.h"
#include "faults/proxy/schedule.h"
#include "faults/proxy/worker.h"

enum { API_BODY_MAX = 1024 * 1024 };

static int make_instance(char dst[40], struct err *err)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return err_errno(err, "cannot get random bytes");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 9562: v4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(dst, 40,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		       "%02x%02x%02x%02x%02x%02x",
		       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8],
		       b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}

/* The program's own end. */

static long long proxy_connections(const struct proxy *proxy)
{
	struct list *pos;
	long long n = 0;

	LIST_FOR (pos, &proxy->links) {
		struct link_sum sum;

		link_sum(LIST_ENTRY(pos, struct link, in_proxy), &sum);
		n += sum.connections;
	}
	return n;
}

static bool ever_served(const struct proxy *proxy)
{
	struct list *pos;

	LIST_FOR (pos, &proxy->links) {
		struct link_sum sum;

		link_sum(LIST_ENTRY(pos, struct link, in_proxy), &sum);
		if (sum.accepted)
			return true;
	}
	return false;
}

/* Why it ends now, or NULL. */
static const char *proxy_over(const struct proxy *proxy, nsec_t now)
{
	if (lease_count(proxy))
		return NULL;
	if (proxy->goodbye && !ever_served(proxy))
		return "goodbye, and nobody was ever connected through it";
	if (proxy->goodbye)
		return now - proxy->goodbye >= proxy->linger ? "goodbye" : NULL;
	if (proxy_connections(proxy))
		return NULL;
	if (proxy->had_lease)
		return "the last client has left and no lease is open";
	if (!proxy->had_visit && now - proxy->started >= proxy->linger)
		return "nobody came (--stay makes it a service)";
	return NULL;
}

static void on_life(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct proxy *proxy = arg;
	const char *why = proxy_over(proxy, loop_mono(loop));

	if (why) {
		log_info("ending: %s", why);
		loop_quit(loop);
		return;
	}
	loop_timer_at_mono(loop, timer, loop_mono(loop) + NSEC_SEC / 4);
}

/* Begin and end. */

static int start_workers(struct proxy *proxy, unsigned n, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		int rc = worker_start(proxy, i, proxy->seed, &proxy->workers[i],
				      err);

		if (rc < 0)
			return rc;
		proxy->n_workers = i + 1;
	}
	return 0;
}

static int proxy_start(struct proxy *proxy, const struct proxy_args *args,
		       struct err *err)
{
	int rc = make_instance(proxy->instance, err);

	if (!rc)
		rc = loop_new(LOOP_EPOLL, &proxy->loop, err);
	if (!rc)
		rc = work_new(proxy->loop, &proxy->work, err);
	if (!rc)
		rc = start_workers(proxy, args->threads, err);
	return rc;
}

int proxy_new(const struct proxy_args *args, struct proxy **ret,
	      struct err *err)
{
	struct proxy *proxy = mem_zalloc(sizeof(*proxy));

	list_init(&proxy->links);
	list_init(&proxy->leases);
	list_init(&proxy->asked);
	schedule_init(proxy);
	proxy->allow = args->allow;
	proxy->token = args->token;
	proxy->seed = args->seed;
	proxy->stay = args->stay;
	proxy->linger = args->linger;
	proxy->started = clock_mono();
	int rc = proxy_start(proxy, args, err);

	if (rc < 0) {
		proxy_free(proxy);
		return rc;
	}
	loop_timer_init(&proxy->life, "proxy life", on_life, proxy);
	if (!proxy->stay)
		loop_timer_at_mono(proxy->loop, &proxy->life, proxy->started);
	*ret = proxy;
	return 0;
}

void proxy_free(struct proxy *proxy)
{
	struct list *l;

	if (!proxy)
		return;
	for (unsigned i = 0; i < proxy->n_apis; i++)
		httpd_free(proxy->apis[i].httpd);
	lease_end_all(proxy);
	schedule_done(proxy);
	resolve_done(proxy);
	while ((l = proxy->links.next) != &proxy->links)
		link_delete(LIST_ENTRY(l, struct link, in_proxy));
	work_free(proxy->work);
	/* A thread's last flows may post grants to another: all first sync */
	for (unsigned i = 0; i < proxy->n_workers; i++)
		worker_sync(proxy->workers[i]);
	for (unsigned i = 0; i < proxy->n_workers; i++)
		worker_stop(proxy->workers[i]);
	if (proxy->loop)
		loop_timer_stop(proxy->loop, &proxy->life);
	loop_free(proxy->loop);
	allow_free(proxy->allow);
	mem_free(proxy->token);
	mem_free(proxy);
}

/* Nobody but this host can come to it. */
static bool is_local(const struct addr *a)
{
	const struct sockaddr_in *v4 = (const void *)&a->u;
	const struct sockaddr_in6 *v6 = (const void *)&a->u;

	if (a->u.sa.sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	if (a->u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	return true;
}

int proxy_add_api(struct proxy *proxy, const char *listen, struct err *err)
{
	unsigned i = proxy->n_apis;
	int fd;

	if (i == PROXY_APIS_MAX)
		return err_set(err, -ENOSPC, "at most %d APIs", PROXY_APIS_MAX);
	struct proxy_api *api = &proxy->apis[i];
	int rc = proxy_addr(listen, &api->addr, err);

	if (!rc && !is_local(&api->addr) && !proxy->token)
		rc = err_set(err, -EINVAL,
			     "others can reach it: add --token-file FILE, or "
			     "listen on 127.0.0.1");
	if (!rc)
		rc = addr_listen(&api->addr, 128, &fd, err);
	if (rc < 0)
		return err_prefix(err, "api '%s'", listen);
	rc = addr_local(fd, &api->addr);
	if (rc < 0)
		return err_set(err, rc, "api '%s': no address", listen);
	api->proxy = proxy;
	rc = httpd_new(proxy->loop, fd, API_BODY_MAX, api_request, api,
		       &api->httpd, err);
	if (!rc)
		proxy->n_apis++;
	return rc;
}

struct link *proxy_link(const struct proxy *proxy, const char *name)
{
	struct list *pos;

	LIST_FOR (pos, &proxy->links) {
		struct link *l = LIST_ENTRY(pos, struct link, in_proxy);

		if (!strcmp(l->name, name))
			return l;
	}
	return NULL;
}

int proxy_addr(const char *text, struct addr *ret, struct err *err)
{
	char numeric[ADDR_TEXT];
	const char *port = strrchr(text, ':');

	/* As Go's clients write "any address" */
	if (*text == ':') {
		(void)snprintf(numeric, sizeof(numeric), "0.0.0.0%s", text);
		text = numeric;
	}
	/* The one name that needs no resolver, as Toxiproxy's clients write */
	if (port && port - text == 9 && !strncmp(text, "localhost", 9)) {
		(void)snprintf(numeric, sizeof(numeric), "127.0.0.1%s", port);
		text = numeric;
	}
	return addr_parse(text, ret, err);
}

/* Other brokers: a data thread asks, the control thread opens. */

struct want {
	struct loop_post post;
	struct work_job job;
	struct link *link; /* a reference */
	char host[LINK_HOST_MAX];
	int port;
	struct addr upstream;
	int rc;
};

static void want_done(struct want *want)
{
	struct link *l = want->link;
	struct err err = {0};

	if (!want->rc)
		want->rc =
			allow_connect(l->proxy->allow, &want->upstream, &err);
	if (err.code)
		log_warn("link %s: %s", l->name, err.msg);
	link_add_endpoint(l, want->host, want->port, &want->upstream,
			  want->rc < 0);
	link_unref(l);
	mem_free(want);
}

static void want_resolve(struct work_job *job)
{
	struct want *want = LIST_ENTRY(job, struct want, job);
	struct err err;

	want->rc = addr_resolve(want->host, want->port, &want->upstream, &err);
}

static void want_resolved(struct work_job *job)
{
	want_done(LIST_ENTRY(job, struct want, job));
}

static bool want_known(const struct want *want)
{
	const struct link_conf *conf = want->link->conf;

	for (unsigned i = 1; i < conf->n_endpoints; i++)
		if (conf->endpoints[i].port == want->port &&
		    !strcmp(conf->endpoints[i].host, want->host))
			return true;
	return false;
}

static void take_want(struct loop *loop, struct loop_post *post)
{
	struct want *want = LIST_ENTRY(post, struct want, post);
	bool v6 = strchr(want->host, ':');
	char text[LINK_HOST_MAX + 16];
	struct err err;

	(void)loop;
	if (want_known(want)) {
		link_unref(want->link);
		mem_free(want);
		return;
	}
	(void)snprintf(text, sizeof(text), v6 ? "[%s]:%d" : "%s:%d", want->host,
		       want->port);
	want->rc = proxy_addr(text, &want->upstream, &err);
	if (!want->rc) {
		want_done(want);
		return;
	}
	want->job.run = want_resolve;
	want->job.done = want_resolved;
	work_submit(want->link->proxy->work, &want->job);
}

void proxy_want_endpoint(struct link *l, const char *host, int port)
{
	struct want *want = mem_zalloc(sizeof(*want));

	want->link = link_ref(l);
	(void)snprintf(want->host, sizeof(want->host), "%s", host);
	want->port = port;
	want->post.fn = take_want;
	list_init(&want->post.link);
	loop_post(l->proxy->loop, &want->post);
}
