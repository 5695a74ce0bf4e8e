/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a probe kind, and what all kinds share.  A kind is one file
 * and one row of the table in probe.c.  It is on the controller's loop, never
 * blocks in sample, and checks each connect against [allow].
 */
#ifndef GD_WATCH_PROBE_H
#define GD_WATCH_PROBE_H

#include "chaos/watch/watch.h"

struct probe;

/* [probe NAME], read. */
struct probe_conf {
	char *name;
	const struct probe_ops *ops;
	nsec_t every;		/* drill ns between samples */
	void *opts;		/* the kind's own struct */
	const struct scenario_section *section;
};

typedef int probe_gauge_fn(void *arg, const char *gauge);

struct probe_ops {
	const char *name;	/* "postgres" */
	const char *summary;
	const char *example;	/* a whole [probe] section */
	const char *every;	/* default of `every` */
	const struct opt *opts;
	size_t opts_size, state_size;
	/* Of values that opts cannot check. NULL: none. */
	int (*check)(const struct probe_conf *conf, struct err *err);
	/* Each gauge it may report; the first non-zero ends it. */
	int (*gauges)(const struct probe_conf *conf, probe_gauge_fn *fn,
		      void *arg);
	/* Resolves its address: may block. Connects nowhere. */
	int (*start)(struct probe *p, struct err *err);
	/* One sample; left out by the kind while the last one is open. */
	void (*sample)(struct probe *p);
	void (*stop)(struct probe *p);	/* safe after a failed start */
};

/* Sorted by name, ends with NULL. */
extern const struct probe_ops *const probe_table[];
const struct probe_ops *probe_find(const char *kind);

/* What a probe may reach; outlives it. */
struct probe_env {
	struct loop *loop;
	const struct allow *allow;
	const struct symbols *symbols;
	void (*gauge)(void *arg, const char *name, nsec_t t, double value);
	/* All but its time, which is now, is filled. */
	void (*alert)(void *arg, const struct watch_alert *a);
	/* It shows nothing from now on, or something again. */
	void (*source)(void *arg, const struct watch_source_state *s);
	void *arg;
};

int probe_new(const struct probe_conf *conf, const struct probe_env *env,
	      struct probe **ret, struct err *err) MUST_CHECK;
void probe_free(struct probe *p);
/*
 * Samples if `every` has passed by drill time t; fast: now, unless it was asked
 * to be slower than each second.
 */
void probe_sample(struct probe *p, nsec_t t, bool fast);

/* For kinds. */
const void *probe_opts(const struct probe *p);
void *probe_state(struct probe *p);		/* zeroed at the start */
struct loop *probe_loop(const struct probe *p);
const struct allow *probe_allow(const struct probe *p);
const char *probe_name(const struct probe *p);
/* Expands and resolves the url, and asks [allow]; text may be NULL. */
int probe_address(const struct probe *p, const char *url, char **ret_text,
		  struct addr *ret, struct err *err) MUST_CHECK;
nsec_t probe_real(const struct probe *p, nsec_t span);	/* drill → real */
/* At this moment. The first sets "probe.NAME.what". */
void probe_set(struct probe *p, const char *what, double value);
void probe_set_gauge(struct probe *p, const char *gauge, double value);
/* What its own monitoring says of an alert, at this moment. */
void probe_alert(struct probe *p, const struct watch_alert *a);
/* CLOCK_REALTIME ns as drill time; NSEC_NEVER stays. */
nsec_t probe_drill(const struct probe *p, nsec_t real);
/* "probe.NAME.what" of each; ends with NULL. */
int probe_own_gauges(const struct probe_conf *conf, const char *const *what,
		     probe_gauge_fn *fn, void *arg);
/* The sample came through. */
void probe_ok(struct probe *p);
/* It did not: all its gauges are unknown now. One log line on a change. */
void probe_failed(struct probe *p, const char *fmt, ...) PRINTF(2, 3);

/* A part of it did not; the kind has set what is unknown now. As above. */
void probe_warn(struct probe *p, const char *fmt, ...) PRINTF(2, 3);

/* Round trips: probe.NAME.last, .p50 and .p95 over the last 30. */
enum { PROBE_TRIPS = 30 };
struct probe_trips {
	double v[PROBE_TRIPS];	/* drill seconds */
	size_t n;		/* ever added */
};
void probe_trip(struct probe *p, struct probe_trips *trips, nsec_t real);
int probe_trip_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
		      void *arg);

/* "NAME=what it is" of a gauge.* key. */
struct probe_query {
	char *gauge;
	char *text;
};
/* Splits each; caller frees with probe_queries_free. */
struct probe_query *probe_queries(const struct opt_strs *lines);
void probe_queries_free(struct probe_query *v, size_t n);
int probe_query_gauges(const struct opt_strs *lines, probe_gauge_fn *fn,
		       void *arg);

#endif
