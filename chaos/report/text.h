/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the page at the end of a run share. */
#ifndef GD_REPORT_TEXT_H
#define GD_REPORT_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Each writes into dst[UNITS_TEXT]; NaN is "-". */
/* "14:02:30" where the scenario labels T+0, else "2:30". */
const char *text_at(const json_t *root, double t_s, char *dst);
const char *text_ms(double ms, char *dst);
const char *text_percent(double share, char *dst);
/* "1 234 567": a count is read in threes. */
const char *text_count(double n, char *dst);

/* A part that is an array of sentences, if there are any. */
void text_list(const json_t *root, FILE *f, const char *part,
		      const char *title);
/* text_audit.c; a: load/audit. */
void text_audit(const json_t *a, FILE *f);
/* text_alerts.c, text_budget.c: the pipelines, what nobody saw; the budget. */
void text_alerts(const json_t *root, FILE *f);
void text_budget(const json_t *root, FILE *f);
/* text_load.c: the page of a run of traffic alone. */
void text_load(const json_t *root, FILE *f);

#endif
