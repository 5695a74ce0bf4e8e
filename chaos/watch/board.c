/* SPDX-License-Identifier: Apache-2.0 */
/* Notices to changes of alerts. */
#include "chaos/watch/board.h"

#include <string.h>

#include "chaos/base/mem.h"

void board_done(struct board *b)
{
	for (size_t i = 0; i < b->n; i++) {
		mem_free(b->v[i].key);
		mem_free(b->v[i].name);
	}
	mem_free(b->v);
	*b = (struct board){ 0 };
}

/* NULL: there are too many; one that is over is forgotten for another. */
static struct board_row *row_of(struct board *b, const struct notice *n)
{
	struct board_row *over = NULL;

	for (size_t i = 0; i < b->n; i++) {
		if (!strcmp(b->v[i].key, n->key))
			return &b->v[i];
		if (b->v[i].state == WATCH_INACTIVE)
			over = &b->v[i];
	}
	if (b->n < NOTICES_MAX) {
		(void)mem_grow(b->v, b->n, b->cap);
		over = &b->v[b->n++];
		*over = (struct board_row){ 0 };
	} else if (over) {
		mem_free(over->key);
		mem_free(over->name);
	}
	if (over)
		*over = (struct board_row){ .key = mem_strdup(n->key),
					    .name = mem_strdup(n->name) };
	return over;
}

static enum watch_alert_state state_of(const struct board *b, const char *name)
{
	enum watch_alert_state most = WATCH_INACTIVE;

	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].state > most && !strcmp(b->v[i].name, name))
			most = b->v[i].state;
	return most;
}

static void change(struct board *b, struct probe *p, struct board_row *row,
		   const struct notice *n, const char *source)
{
	struct watch_alert a = {
		.name = row->name, .source = source,
		.severity = n ? n->severity : NULL,
		.from = state_of(b, row->name),
		.active_at = n ? probe_drill(p, n->active) : NSEC_NEVER,
		.fired_at = n ? probe_drill(p, n->fired) : NSEC_NEVER,
		.bad_at = NSEC_NEVER,
		.explain = n ? n->key : "no longer listed",
	};

	row->state = n ? n->state : WATCH_INACTIVE;
	a.to = state_of(b, row->name);
	if (a.to != a.from)
		probe_alert(p, &a);
}

void board_update(struct board *b, struct probe *p, const struct notices *n,
		  const char *source, bool whole)
{
	struct board_row *row;

	for (size_t i = 0; i < b->n; i++)
		b->v[i].here = !whole;
	for (size_t i = 0; i < n->n; i++) {
		row = row_of(b, &n->v[i]);
		if (!row)
			break;
		row->here = true;
		change(b, p, row, &n->v[i], source);
	}
	for (size_t i = 0; i < b->n; i++)
		if (!b->v[i].here && b->v[i].state != WATCH_INACTIVE)
			change(b, p, &b->v[i], NULL, source);
}
