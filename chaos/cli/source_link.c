/* SPDX-License-Identifier: Apache-2.0 */
/* Polls GET /gameday/links; one request at a time. */
#include "chaos/cli/source_link.h"

#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"

struct source_link {
	struct fault_link *link;
	struct loop *loop;
	struct watch *watch;
	struct http1_call *call;	/* open, or NULL */
	bool down;			/* logged once */
};

struct source_link *source_link_new(struct fault_link *link, struct loop *loop)
{
	struct source_link *s = mem_zalloc(sizeof(*s));

	s->link = link;
	s->loop = loop;
	return s;
}

void source_link_free(struct source_link *s)
{
	if (s && s->call)
		http1_call_cancel(s->call);
	mem_free(s);
}

static void put(struct source_link *s, const json_t *link, const char *key)
{
	char name[160];

	snprintf(name, sizeof(name), "link.%s.%s",
		 json_str(link, "name", "?"), key);
	watch_gauge(s->watch, name, loop_now(s->loop),
		    json_num(link, key, 0));
}

static void on_reply(void *arg, const struct http1_reply *reply)
{
	struct source_link *s = arg;
	json_t *root = NULL, *link;
	size_t i;

	s->call = NULL;
	if (reply->error < 0 || reply->status != 200 ||
	    json_parse(reply->body, reply->body_len, &root, NULL) < 0) {
		if (!s->down)
			log_warn("the proxy does not answer: its counters are "
				 "unknown from now on");
		s->down = true;
		return;
	}
	s->down = false;
	json_array_foreach(root, i, link) {
		put(s, link, "in_flight");
		put(s, link, "waiting");
		put(s, link, "size");
		put(s, link, "connections");
	}
	json_decref(root);
}

static int link_start(void *self, struct watch *w, struct err *err)
{
	struct source_link *s = self;

	(void)err;
	s->watch = w;
	return 0;
}

static void link_sample(void *self, nsec_t t)
{
	struct source_link *s = self;

	(void)t;
	if (!s->call)
		(void)!fault_link_call(s->link, "GET", "/gameday/links", NULL,
				       on_reply, s, &s->call, NULL);
}

static void link_stop(void *self)
{
	struct source_link *s = self;

	if (s->call)
		http1_call_cancel(s->call);
	s->call = NULL;
}

const struct watch_source_ops source_link_ops = {
	.name = "link",
	.start = link_start,
	.sample = link_sample,
	.stop = link_stop,
};
