/* SPDX-License-Identifier: Apache-2.0 */
/* Ramps, and toxics that come and go by the clock; see the header. */
#include "faults/proxy/schedule.h"

#include <errno.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/link.h"
#include "faults/proxy/proxy.h"

#define STEP (10 * NSEC_MS)

struct later {
	struct list in_proxy;
	nsec_t at; /* mono ns */
	char *link;
	json_t *toxic;
};

static void later_free(struct later *later)
{
	list_remove(&later->in_proxy);
	mem_free(later->link);
	json_decref(later->toxic);
	mem_free(later);
}

static void later_begin(struct proxy *proxy, struct later *later)
{
	struct link *l = proxy_link(proxy, later->link);
	struct err err = {0};
	struct toxic *t;
	int rc;

	if (!l)
		rc = err_set(&err, -ENOENT, "proxy not found");
	else
		rc = toxic_parse(later->toxic, NULL, &t, &err);
	if (!rc)
		rc = link_add_toxic(l, t, &err);
	if (rc < 0)
		log_error("schedule: link %s: %s", later->link, err.msg);
	later_free(later);
}

/* True: there is more to come. */
static bool begin_due(struct proxy *proxy, nsec_t now)
{
	struct list *pos, *tmp;

	LIST_FOR_SAFE (pos, tmp, &proxy->laters) {
		struct later *later = LIST_ENTRY(pos, struct later, in_proxy);

		if (later->at <= now)
			later_begin(proxy, later);
	}
	return !list_empty(&proxy->laters);
}

static void ramp_step(struct link *l, const struct toxic *t, nsec_t now)
{
	struct err err = {0};
	struct toxic *next;
	double value;
	bool over = toxic_ramp_at(t, now, &value);

	if (toxic_change(t, t->ramp.attr, value, &next, &err) < 0) {
		log_error("link %s: ramp: %s", l->name, err.msg);
		return;
	}
	if (!over) {
		next->ramp = t->ramp;
		next->ramp.attr = mem_strdup(t->ramp.attr);
	}
	link_change_toxic(l, next);
}

static bool link_step(struct link *l, nsec_t now)
{
	bool more = false;

	for (unsigned i = 0; i < l->conf->n_toxics;) {
		const struct toxic *t = l->conf->toxics[i];

		if (t->until && t->until <= now) {
			AUTO_FREE char *name = mem_strdup(t->name);

			(void)link_remove_toxic(l, name);
			continue;
		}
		if (t->ramp.attr)
			ramp_step(l, t, now);
		t = l->conf->toxics[i++];
		more |= t->ramp.attr || t->until;
	}
	return more;
}

static void on_step(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct proxy *proxy = arg;
	nsec_t now = loop_mono(loop);
	bool more = begin_due(proxy, now);
	struct list *pos;

	LIST_FOR (pos, &proxy->links)
		more |= link_step(LIST_ENTRY(pos, struct link, in_proxy), now);
	if (more)
		loop_timer_at_mono(loop, timer, now + STEP);
}

void schedule_init(struct proxy *proxy)
{
	list_init(&proxy->laters);
	loop_timer_init(&proxy->schedule, "proxy schedule", on_step, proxy);
}

void schedule_done(struct proxy *proxy)
{
	while (!list_empty(&proxy->laters))
		later_free(LIST_ENTRY(proxy->laters.next, struct later,
				      in_proxy));
	if (proxy->loop)
		loop_timer_stop(proxy->loop, &proxy->schedule);
}

void schedule_look(struct proxy *proxy)
{
	if (!loop_timer_is_set(&proxy->schedule))
		loop_timer_at_mono(proxy->loop, &proxy->schedule,
				   loop_mono(proxy->loop));
}

int schedule_later(struct proxy *proxy, const char *link, const json_t *toxic,
		   struct err *err)
{
	double after = json_num(toxic, "after", 0);
	struct toxic *probe;
	int rc = toxic_parse(toxic, NULL, &probe, err);

	if (rc < 0)
		return rc;
	toxic_unref(probe);
	struct later *later = mem_zalloc(sizeof(*later));

	later->at = clock_mono() + toxic_ns(after);
	later->link = mem_strdup(link);
	later->toxic = json_deep_copy(toxic);
	list_append(&proxy->laters, &later->in_proxy);
	schedule_look(proxy);
	return 0;
}
