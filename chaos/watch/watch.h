/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sees the incident: sources → windows → detectors → alerts, and good or bad
 * seconds by the SLOs.  Windows, detectors and the SLO judge are pure: they are
 * given the time.  One struct watch per run, on the controller's loop.
 */
#ifndef GD_WATCH_WATCH_H
#define GD_WATCH_WATCH_H

#include <stdbool.h>

#include "chaos/base/allow.h"
#include "chaos/base/expr.h"
#include "chaos/base/loop.h"
#include "chaos/scenario/sample.h"
#include "chaos/scenario/scenario.h"
#include "chaos/scenario/symbols.h"

extern const struct section_spec watch_slo_section, watch_probe_section,
	watch_detect_section, watch_detection_section, watch_recovery_section,
	watch_threshold_section;

/* [slo]; a target of 0 is not set. */
struct watch_slo {
	struct opt_strs latency;	/* "p95=2s" each; latency.pNN keys */
	double errors;			/* share */
	double throughput;		/* per drill second */
	double availability;		/* share; budget only */
	nsec_t period;
	double monthly_requests;
};

struct watch_conf;	/* all of watch's sections, checked */
void watch_conf_read(const struct scenario *sc, struct watch_conf **ret,
		     struct errs *errs);
void watch_conf_free(struct watch_conf *c);
const struct watch_slo *watch_conf_slo(const struct watch_conf *c);
nsec_t watch_conf_stable_for(const struct watch_conf *c);	/* [recovery] */
/* [detection] */
const char *watch_conf_severity(const struct watch_conf *c);

size_t watch_conf_thresholds(const struct watch_conf *c);
/* Each condition of [detect] and [threshold], with section and key. */
int watch_conf_visit(const struct watch_conf *c,
		     int (*fn)(void *arg, const struct scenario_section *s,
			       const char *key, const struct expr *e),
		     void *arg);

enum watch_alert_state { WATCH_INACTIVE, WATCH_PENDING, WATCH_FIRING };

struct watch_alert {
	/* source "detector", "prometheus", "alertmanager", "grafana" */
	const char *name, *severity, *source;
	enum watch_alert_state from, to;
	nsec_t t;			/* known here at */
	/* Drill times of how it came; NSEC_NEVER: not known. */
	nsec_t bad_at;		/* a sample first showed it */
	nsec_t active_at;	/* an evaluation found it: pending from then */
	nsec_t fired_at;	/* by its rule */
	const char *explain;		/* values at that moment */
};

/* A source that shows nothing has not seen that all is well. */
struct watch_source_state {
	const char *name, *kind;	/* of its [probe] */
	bool observed;
	const char *why;
	nsec_t t;
};

/* How a [threshold] stands, or at the end: stood. */
struct watch_threshold {
	const char *name, *when, *phase;	/* phase "", "fault", … */
	nsec_t t;
	bool final;		/* the run is over, and missed is the verdict */
	bool missing;		/* now */
	bool missed, aborts;	/* for good; it ends the run */
	bool came;		/* its phase has */
	bool at_end;		/* the value of the whole run decides */
	int64_t seconds, missed_seconds;	/* judged one by one */
	/* Of the worst second, or the whole run. NaN: never known. */
	double value, limit, margin;	/* margin: share of the limit */
	const char *unit;	/* "s", "share", "1/s", "" */
	nsec_t worst_at;
	const char *explain;	/* values now */
};

struct watch_second {
	int64_t second;
	bool bad;
	const char *why;	/* "p95,errors,throughput,silent" or "" */
	double p95_s, errors, throughput;	/* of the 10 s to its end */
	double users;
	const struct load_row *rows;	/* all threads merged */
	size_t n;
};

struct watch_args {
	const struct watch_conf *conf;
	struct loop *loop;
	const struct allow *allow;
	const struct symbols *symbols;
	const struct load_scopes *scopes;	/* outlives it; NULL: none */
	void (*alert)(void *arg, const struct watch_alert *a);
	/* When one begins or ends to show nothing. */
	void (*source)(void *arg, const struct watch_source_state *s);
	/* When one begins or ends to be missed; and of each at the end. */
	void (*threshold)(void *arg, const struct watch_threshold *t);
	/* After every load thread's snapshot of that second has come. */
	void (*second)(void *arg, const struct watch_second *s);
	/* Each drill second: every gauge, for series.jsonl. */
	void (*gauges)(void *arg, int64_t second, const char *const *names,
		       const double *values, size_t n);
	void *arg;
};

struct watch;
int watch_new(const struct watch_args *args, struct watch **ret,
	      struct err *err) MUST_CHECK;
void watch_free(struct watch *w);
void watch_snapshot(struct watch *w, const struct load_snapshot *s);
/* A gauge's value at a drill time; NaN: no data. Names are copied once. */
void watch_gauge(struct watch *w, const char *name, nsec_t t, double value);
/* For expressions: gauges, errors(), rate(), baseline(), … */
const struct expr_env *watch_env(struct watch *w);
/* From a drill time on the run is in this phase. */
void watch_phase(struct watch *w, enum load_phase phase, nsec_t from);
/* The run ended at that time: no second after it is judged. */
void watch_end(struct watch *w, nsec_t at);
/* After the last snapshot: the verdict on each threshold. */
void watch_finish(struct watch *w);
/* The whole run so far of one API, for whoever shows it; hist added to. */
struct windows_sum;
void watch_totals(const struct watch *w, size_t api, struct windows_sum *ret,
		  struct hist *add_to);
/* How each [threshold] stands; its explain is "". */
void watch_thresholds(const struct watch *w,
		      void (*fn)(void *arg, const struct watch_threshold *t),
		      void *arg);
/* Every gauge; as gauges_all(). */
size_t watch_gauges(const struct watch *w, const char *const **ret_names,
		    const double **ret_values);
/* Baselines are what the lead-in showed: freezes them (at T+0). */
void watch_freeze_baseline(struct watch *w);
/*
 * References that no source will ever fill, and unknown APIs: -ENOENT with the
 * list of what there is. extra: gauges that cli adds (link.*, users).
 */
int watch_check_expr(const struct watch_conf *c,
		     const struct load_scopes *scopes,
		     const char *const *extra, const struct expr *e,
		     struct err *err) MUST_CHECK;

/*
 * Sources push gauges. A table that cli or the simulator hands to the drill.
 * Built in: the kinds of [probe], in probe.c's table.
 */
struct watch_source_ops {
	const char *name;
	int (*start)(void *self, struct watch *w, struct err *err);
	/* Sample now; called each drill second, and each 100 real ms while a */
	/* verify is open. Must not block. */
	void (*sample)(void *self, nsec_t t);
	void (*stop)(void *self);
};
void watch_add_source(struct watch *w, const struct watch_source_ops *ops,
		      void *self);
/* Probes and sources begin / end; sampling is each drill second. */
int watch_start(struct watch *w, bool with_probes, struct err *err) MUST_CHECK;
void watch_stop(struct watch *w);
void watch_sample_fast(struct watch *w, bool on);	/* counted: nests */

#endif
