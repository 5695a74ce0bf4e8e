/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alerts of one source as they stand: repeated notices say nothing new,
 * several alerts of a name are one, and what a whole list no longer has is
 * over.  Pure but for the probe that it tells.
 */
#ifndef GD_WATCH_BOARD_H
#define GD_WATCH_BOARD_H

#include "chaos/watch/notice.h"
#include "chaos/watch/probe.h"

struct board_row {
	char *key, *name;
	enum watch_alert_state state;
	bool here;		/* in the list that is being read */
};

/* Zeroed to begin. */
struct board {
	struct board_row *v;
	size_t n, cap;
};

void board_done(struct board *b);
/*
 * Tells p of each name whose state changed; whole: they are all that there are.
 * source: "alertmanager".
 */
void board_update(struct board *b, struct probe *p, const struct notices *n,
		  const char *source, bool whole);

#endif
