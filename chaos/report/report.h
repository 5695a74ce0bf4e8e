/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run directory → one const model → writers.  The model computes, once; writers
 * only format.  What is missing (killed, disk full) is said, not guessed.
 */
#ifndef GD_REPORT_REPORT_H
#define GD_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "chaos/base/err.h"
#include "chaos/scenario/scenario.h"

extern const struct section_spec report_recorded_section,
	report_impact_section, report_measure_section;

struct report;	/* the model; immutable */

/* Reads the run directory. Fails only when there is no run at all in it. */
int report_load(const char *run_dir, const struct section_spec *const *specs,
		struct report **ret, struct err *err) MUST_CHECK;
void report_free(struct report *r);
int report_exit(const struct report *r);	/* DESIGN 7's exit code */
const json_t *report_json(const struct report *r);	/* DESIGN 11's schema */

/* One API and phase in one drill second, for charts and comparisons. */
struct report_second {
	int64_t t;
	char *api;
	const char *phase;	/* "baseline", "fault", "recovery" */
	bool beside;		/* followed beside the users */
	double due, ok, client, business, failed;
	/* Of what was answered in it, seconds from the intended start; NaN. */
	double p50, p95, p99, max;
};
/* By time; the report's own. */
size_t report_seconds(const struct report *r, const struct report_second **ret);

struct report_writer {
	const char *name;	/* "text", "json" */
	const char *file;	/* in the run directory; NULL: on request */
	const char *summary;
	void (*write)(const struct report *r, FILE *f);
};
extern const struct report_writer *const report_writer_table[];
/* Writes every writer's file into the run directory. */
int report_write_all(const struct report *r, const char *run_dir,
		     struct err *err) MUST_CHECK;

/* [recorded] and [impact]: errors in them, for check. */
void report_check(const struct scenario *sc, struct errs *errs);

#endif
