/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every run that was: one row each in a SQLite file, and MTTD and MTTR of them.
 * A run that was not detected or did not recover has no time, so it is counted
 * beside the mean, never in it; one that is invalid counts for nothing.
 *
 * The file is shared by all runs of a machine: a writer waits a second for
 * another.  What fails here is a warning to whoever calls, not a failed run.
 */
#ifndef GD_REPORT_HISTORY_H
#define GD_REPORT_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "chaos/report/report.h"

struct history_row {
	char *id, *scenario, *kind, *controls;
	char *started_at, *status, *dir;
	int64_t seed;
	int exit;
	bool valid;		/* and whole: its end was reached */
	/* Seconds; NAN: it did not happen. */
	double impact, ttd, ttr_repair, ttr_restore;
};

struct history_rows {
	struct history_row *v;	/* oldest first */
	size_t n, cap;
};

/*
 * Where it is: GAMEDAY_HISTORY, else /var/lib/gameday/history.db (root) or
 * $XDG_STATE_HOME/gameday/history.db.  NULL: GAMEDAY_HISTORY is "off".
 */
const char *history_path(void);

/* Appends the row of a run. */
void history_row_of(const struct report *r, struct history_rows *to);
/* Writes a row; one of the same run is replaced. Makes the file. */
int history_add(const char *path, const struct history_row *row,
		struct err *err) MUST_CHECK;
/* Adds all rows; scenario: NULL, or only its. -ENOENT: there is no file. */
int history_read(const char *path, const char *scenario,
		 struct history_rows *ret, struct err *err) MUST_CHECK;
void history_rows_done(struct history_rows *rows);

/*
 * {schema "gameday.history/1", groups[{scenario, kind, controls, runs, invalid,
 * no_impact, undetected, unrecovered, held, first, last, measures[{name,
 * from, to, n, mean, median, p95, min, max, low, high}]}]}: low and high are a
 * 95 % interval of the mean; null where n says too little.  Seeded, so the
 * same rows give the same numbers.
 */
json_t *history_summary(const struct history_rows *rows);
void history_text(const json_t *summary, FILE *f);

#endif
