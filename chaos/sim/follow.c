/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for confirmations, as long as somebody wants to know. */
#include "chaos/sim/follow.h"

#include "chaos/base/mem.h"

static void look(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct sim_follow *f = arg;
	struct sim_follows *fs = f->owner;
	nsec_t now = loop_now(loop), next = now + f->step->every;
	bool confirmed = fs->model->confirmed >= f->coupon;

	if (!confirmed && now < f->until) {
		loop_timer_at(loop, timer, next < f->until ? next : f->until);
		return;
	}
	list_remove(&f->link);
	fs->ended(fs->arg, f, confirmed);
	mem_free(f);
}

void sim_follow_start(struct sim_follows *fs, const struct sim_follow *like,
		      nsec_t timeout)
{
	struct sim_follow *f = mem_zalloc(sizeof(*f));
	nsec_t now = loop_now(fs->loop);

	*f = *like;
	f->owner = fs;
	f->from = now;
	f->until = now + timeout;
	list_init(&f->link);
	list_append(&fs->all, &f->link);
	loop_timer_init(&f->timer, "follow", look, f);
	loop_timer_at(fs->loop, &f->timer, now + f->step->after);
}

void sim_follows_stop(struct sim_follows *fs, uint64_t *censored)
{
	struct list *e;

	while ((e = list_pop(&fs->all))) {
		struct sim_follow *f = LIST_ENTRY(e, struct sim_follow, link);

		loop_timer_stop(fs->loop, &f->timer);
		censored[f->api]++;
		mem_free(f);
	}
}
