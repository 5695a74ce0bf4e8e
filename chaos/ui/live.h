/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live view: reads the same lines that go into the run directory.  On a
 * terminal a panel that is drawn anew each second, else a line a second.
 */
#ifndef GD_UI_LIVE_H
#define GD_UI_LIVE_H

#include <stdbool.h>
#include <stdio.h>

#include "chaos/plan/plan.h"

struct live;

struct live *live_new(FILE *f, bool terminal, bool blind, bool traffic,
		      const struct plan *p);
/* A line of events.jsonl or series.jsonl, as it is written. */
void live_line(void *live, const char *file, const char *line);
void live_free(struct live *live);	/* leaves the cursor below the panel */

#endif
