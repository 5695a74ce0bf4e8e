/* SPDX-License-Identifier: Apache-2.0 */
/* Names of upstreams, on the helper thread; see the header. */
#include "faults/proxy/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/allow.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/link.h"
#include "faults/proxy/proxy.h"

#define AGAIN NSEC_SEC

struct asked {
	struct work_job job;
	struct loop_timer again;
	struct list in_proxy; /* while it waits for that */
	struct link *link; /* a reference */
	char *text;	   /* that was asked; the link may have another now */
	char host[LINK_HOST_MAX];
	int port;
	struct addr addr;
	struct err err;
};

bool resolve_is_name(const char *text)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (!colon || colon == text || colon - text >= LINK_HOST_MAX ||
	    memchr(text, '/', (size_t)(colon - text)))
		return false;
	long port = strtol(colon + 1, &end, 10);

	return colon[1] && !*end && port > 0 && port < 65536;
}

static void asked_free(struct asked *a)
{
	link_unref(a->link);
	mem_free(a->text);
	mem_free(a);
}

/* It is still what the link wants. */
static bool asked_counts(const struct asked *a)
{
	const struct link *l = a->link;

	return !list_empty(&l->in_proxy) && l->upstream_text &&
	       !strcmp(l->upstream_text, a->text);
}

static void run(struct work_job *job)
{
	struct asked *a = LIST_ENTRY(job, struct asked, job);

	a->err = (struct err){0};
	(void)!addr_resolve(a->host, a->port, &a->addr, &a->err);
}

static void done(struct work_job *job)
{
	struct asked *a = LIST_ENTRY(job, struct asked, job);
	struct link *l = a->link;
	struct loop *loop = l->proxy->loop;

	if (!asked_counts(a)) {
		asked_free(a);
		return;
	}
	if (!a->err.code)
		(void)!allow_connect(l->proxy->allow, &a->addr, &a->err);
	if (!a->err.code) {
		link_resolved(l, &a->addr);
		asked_free(a);
		return;
	}
	log_warn("link %s: %s", l->name, a->err.msg);
	list_append(&l->proxy->asked, &a->in_proxy);
	loop_timer_at_mono(loop, &a->again, loop_mono(loop) + AGAIN);
}

static void on_again(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct asked *a = arg;

	(void)loop, (void)timer;
	list_remove(&a->in_proxy);
	if (asked_counts(a))
		work_submit(a->link->proxy->work, &a->job);
	else
		asked_free(a);
}

void resolve_upstream(struct link *l)
{
	struct asked *a = mem_zalloc(sizeof(*a));
	const char *colon = strrchr(l->upstream_text, ':');

	a->link = link_ref(l);
	a->text = mem_strdup(l->upstream_text);
	(void)snprintf(a->host, sizeof(a->host), "%.*s",
		       (int)(colon - l->upstream_text), l->upstream_text);
	a->port = atoi(colon + 1);
	a->job.run = run;
	a->job.done = done;
	list_init(&a->in_proxy);
	loop_timer_init(&a->again, "proxy name", on_again, a);
	work_submit(l->proxy->work, &a->job);
}

void resolve_done(struct proxy *proxy)
{
	while (!list_empty(&proxy->asked)) {
		struct asked *a = LIST_ENTRY(proxy->asked.next, struct asked,
					     in_proxy);

		list_remove(&a->in_proxy);
		loop_timer_stop(proxy->loop, &a->again);
		asked_free(a);
	}
}
