/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the model is computed: facts as they stand in the run directory, then one
 * pure function for each part of report.json.  Nobody outside includes it.
 */
#ifndef GD_REPORT_MODEL_H
#define GD_REPORT_MODEL_H

#include <jansson.h>
#include <stdbool.h>

#include "chaos/base/buf.h"
#include "chaos/base/hist.h"
#include "chaos/report/curves.h"
#include "chaos/report/report.h"

enum { MAX_RUN_S = 1000000 };	/* no clock that jumped is believed */

struct facts_hist {
	char tag[160];		/* "coupon/fault/response" */
	struct hist *h;
};

/* The response times of one tag in one interval. */
struct facts_interval {
	double t;
	size_t hist;		/* index of the tag */
	double p50, p95, p99, max;	/* seconds */
};

struct facts {
	json_t *events;		/* every line of events.jsonl, in order */
	json_t *apis, *gauges;	/* series.jsonl by kind, in order */
	json_t *missing;	/* sentences: what could not be read */
	const json_t *run;	/* the run event; borrowed from events */
	struct facts_hist *hists;
	size_t n_hists, cap_hists;
	struct facts_interval *intervals;
	size_t n_intervals, cap_intervals;
	/* All APIs together, but those beside; hist is no index. */
	struct facts_interval *together;
	size_t n_together, cap_together;
	json_t *beside;		/* {api: true} of those */
	struct scenario *sc;	/* as run; NULL: not readable */
};

struct report {
	json_t *root;		/* DESIGN 11's schema; the model itself */
	struct report_second *seconds;
	size_t n_seconds;
	struct report_curves curves;
	int exit;
};

/* -ENOENT: there is no run in it. What is broken goes into f->missing. */
int facts_read(struct facts *f, const char *dir,
	       const struct section_spec *const *specs, struct err *err)
	MUST_CHECK;
/* whole.c: what does not add up in a run that ended goes into f->missing. */
void facts_check_sums(const struct facts *f);
void facts_done(struct facts *f);
/* The last event of that name, or NULL. */
const json_t *facts_event(const struct facts *f, const char *ev);
/* Milestone's drill seconds; NAN: it did not happen. */
double facts_milestone(const struct facts *f, const char *name);
const struct hist *facts_hist(const struct facts *f, const char *tag);
/* Sum of failed requests of one cause (NULL: all) in a series line. */
double facts_failed(const json_t *line, const char *cause);
/* A series line of an await's or a poll's time: no part of any sum. */
bool facts_beside(const json_t *line);

/* seconds.c: series and latencies side by side; its names are f's own. */
struct report_second *report_seconds_of(const struct facts *f, size_t *ret_n);
void report_seconds_free(struct report_second *v, size_t n);

/* curves.c; done frees what of made. */
void report_curves_of(const struct facts *f, struct report_curves *ret);
void report_curves_done(struct report_curves *c);

/* Each gives a new reference. */
json_t *report_milestones(const struct facts *f);
json_t *report_measures(const struct facts *f);
json_t *report_apis(const struct facts *f);
/* percentiles of these APIs together; what: "response" or "service" */
json_t *report_times(const struct facts *f, const json_t *apis,
		     const char *phase, const char *what);
/* traffic.c: all APIs together by phase, but those beside; apis: the rows. */
json_t *report_totals(const struct facts *f, const json_t *apis);
json_t *report_causes(const json_t *apis);
json_t *report_checks(const struct facts *f);
json_t *report_changes(const struct facts *f);
/* measure.c: those of [measure], by the names of [recorded]'s keys. */
void report_measures_own(const struct facts *f, json_t *array);
void report_measure_check(const struct scenario *sc, struct errs *errs);
json_t *report_faults(const struct facts *f);
/* [{from_s, to_s, why}]: the runs of bad seconds. */
json_t *report_bad(const struct facts *f);
/* alerts.c: with the stages of each; sources that showed nothing. */
json_t *report_alerts(const struct facts *f);
json_t *report_sources(const struct facts *f);
/* budget.c; null: [slo] has no availability. */
json_t *report_budget(const struct facts *f);
json_t *report_steps(const struct facts *f);
json_t *report_slos(const struct facts *f, const json_t *measures);
/* root: with "search" in it. */
json_t *report_recorded(const struct facts *f, const json_t *root,
			const json_t *measures);
json_t *report_thresholds(const struct facts *f);
/* links.c: "link" of rows, where in the run directory they come from. */
void report_links(const struct facts *f, json_t *root);
/* documents.c: {LANG: {key: [texts]}}, and {section: [{name, keys}]} */
json_t *report_catalogue(const struct facts *f);
json_t *report_settings(const struct facts *f);
json_t *report_impact(const struct facts *f, const json_t *measures);
/* null: nothing was searched. */
json_t *report_search(const struct facts *f);
json_t *report_audit(const struct facts *f, json_t *ret_because);
/* Criteria, status and exit; root has all the other parts. */
json_t *report_verdict(const struct facts *f, const json_t *root,
		       int *ret_exit);

/* A measure's value by name; NAN: it is not there. */
double report_measure(const json_t *measures, const char *name);
/* The value of a key in a scenario's section, or NULL. */
const char *report_key(const struct facts *f, const char *section,
		       const char *key);

#endif
