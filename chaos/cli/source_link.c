/* SPDX-License-Identifier: Apache-2.0 */
/* Polls GET /gameday/links; one request at a time. */
#include "chaos/cli/source_link.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"

struct source_link {
	struct fault_link *link;
	struct loop *loop;
	struct watch *watch;
	struct http1_call *call;	/* open, or NULL */
	bool down, was_down;		/* now; ever */
	char **names;			/* of the links that were seen */
	size_t n, cap;
};

struct source_link *source_link_new(struct fault_link *link, struct loop *loop)
{
	struct source_link *s = mem_zalloc(sizeof(*s));

	s->link = link;
	s->loop = loop;
	return s;
}

bool source_link_was_down(const struct source_link *s)
{
	return s->was_down;
}

void source_link_free(struct source_link *s)
{
	if (!s)
		return;
	if (s->call)
		http1_call_cancel(s->call);
	for (size_t i = 0; i < s->n; i++)
		mem_free(s->names[i]);
	mem_free(s->names);
	mem_free(s);
}

static const char *const keys[] = { "connections", "in_flight", "size",
				    "waiting" };

/* link NULL: its counters are unknown now. */
static void put(struct source_link *s, const char *link_name,
		const json_t *link)
{
	char name[160];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(name, sizeof(name), "link.%s.%s", link_name, keys[i]);
		watch_gauge(s->watch, name, loop_now(s->loop),
			    link ? json_num(link, keys[i], 0) : NAN);
	}
}

static void remember(struct source_link *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], name) == 0)
			return;
	(void)mem_grow(s->names, s->n, s->cap);
	s->names[s->n++] = mem_strdup(name);
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
		/* A late answer is a busy machine's; no answer is a death. */
		s->was_down = s->was_down || reply->error != -ETIMEDOUT;
		for (i = 0; i < s->n; i++)
			put(s, s->names[i], NULL);
		return;
	}
	s->down = false;
	json_array_foreach(root, i, link) {
		const char *name = json_str(link, "name", "?");

		remember(s, name);
		put(s, name, link);
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
