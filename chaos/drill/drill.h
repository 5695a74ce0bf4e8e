/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller: one state machine on one loop.  It reaches the world only
 * through struct drill_env; real and simulated are two fillings of it.
 */
#ifndef GD_DRILL_DRILL_H
#define GD_DRILL_DRILL_H

#include "chaos/base/loop.h"
#include "chaos/plan/plan.h"

/* What the world is made of. Borrowed for the run. */
struct drill_env {
	struct loop *loop;
	const struct load_ops *load;
	void *load_arg;			/* load_args.env_arg */
	const struct fault_ops *const *faults;
	void *fault_arg;		/* fault_env.arg */
	const struct playbook_step_ops *const *steps;
	void *step_arg;
	const struct watch_source_ops *const *sources;	/* NULL-terminated */
	void *const *source_args;	/* one for each */
	bool probes;			/* [probe] sections run for real */
	bool guardian;
	const char *host;		/* for event lines */
	nsec_t (*real_time)(void);	/* headers; the virtual one is fixed */
};

struct drill_args {
	const struct plan *plan;
	const struct drill_env *env;
	struct fault_link *link;	/* NULL: no proxy */
	struct symbols *symbols;
	const char *run;		/* id */
	const char *kind;		/* "drill", "load", "simulate" */
	const char *run_dir;
	json_t *stack;			/* for the report; borrowed; or NULL */
	nsec_t settle_real;		/* real ns from start to T-lead_in */
	unsigned threads;		/* of load; 0: chosen */
	/* The live view: the same lines as the files. May be NULL. */
	void (*line)(void *arg, const char *file, const char *line);
	void *line_arg;
};

struct drill;
enum drill_end { DRILL_COMPLETED, DRILL_ABORTED, DRILL_INTERRUPTED };

/* Opens the run directory, arms the guardian, starts the clock. May block. */
int drill_new(const struct drill_args *args, struct drill **ret,
	      struct err *err) MUST_CHECK;
/* Runs the loop until all is reverted and written. */
enum drill_end drill_run(struct drill *d);
/* From the loop's thread: signal handlers' io, control API. */
void drill_stop(struct drill *d, enum drill_end end, const char *why);
/* A person's mark. at: drill ns; NSEC_NEVER: now. */
int drill_mark(struct drill *d, const char *name, nsec_t at, const char *by,
	       const char *note, struct err *err) MUST_CHECK;
/* "14:02:10" of the scenario's clock, or "2m10s" since T+0. */
int drill_time(const struct drill *d, const char *text, nsec_t *ret,
	       struct err *err) MUST_CHECK;
/* "rate 500/s", "users 800", "pause", "resume", "fault NAME key value". */
int drill_ctl(struct drill *d, int argc, const char *const *argv,
	      struct err *err) MUST_CHECK;
/* As OpenMetrics text, with its end. */
void drill_metrics(const struct drill *d, struct buf *out);
json_t *drill_status(const struct drill *d);	/* caller decrefs */
/* Something outside spoilt the measurement: the run is invalid. */
void drill_spoil(struct drill *d, const char *fmt, ...) PRINTF(2, 3);
/* The errno of the first write that failed; 0: all is in the directory. */
int drill_write_error(const struct drill *d);
/* Faults that were not undone; >0: exit 5. */
size_t drill_left(const struct drill *d);
void drill_free(struct drill *d);

#endif
