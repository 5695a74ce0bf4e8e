/* SPDX-License-Identifier: Apache-2.0 */
/* The set of a run's faults: between fault*.c only. */
#ifndef GD_FAULT_FAULT_SET_H
#define GD_FAULT_FAULT_SET_H

#include "chaos/fault/fault.h"
#include "chaos/fault/guardian.h"

#define FAULT_INJECT_WAIT  (5 * NSEC_SEC)	/* real */
#define FAULT_MEASURE_WAIT (500 * NSEC_MS)
#define FAULT_REVERT_WAIT  (5 * NSEC_SEC)

/* A kind with its keys parsed from the fault's section. */
struct fault_choice {
	const struct fault_ops *ops;	/* NULL: there is none */
	void *opts;
};

struct fault_tweak {	/* from faults_adjust, kept for the next one */
	char *key, *value;
};

struct fault {
	struct faults *set;
	size_t index;
	const struct fault_conf *conf;
	struct fault_choice kind, fallback;
	const struct fault_ops *ops;	/* the one taken */
	void *opts;			/* the taken one's */
	bool is_fallback, checked;
	struct fault_tweak *tweaks;
	size_t n_tweaks, cap_tweaks;

	void *state;			/* the driver's; NULL before prepare */
	char mark[64];
	enum fault_state st;
	uint64_t order;			/* of its last inject; 0: never */
	nsec_t since;			/* mono: inject or revert began */
	bool want_revert;		/* as soon as inject or measure ends */
	bool measuring;
	bool failed;			/* this revert is of a failed inject */
	bool retried;			/* a LEFT one, at the end of the run */
	char why[200];			/* of that failure */
	struct loop_timer deadline;	/* of an inject or a measure */
};

/* Owned by the loop's thread. */
struct faults {
	struct faults_args args;
	struct fault *v;		/* args.n of them, in conf's order */
	struct undo_record *records;	/* one a fault, same index */
	struct undo_journal *journal;	/* NULL: not armed, or virtual */
	struct guardian *guardian;	/* NULL: none, or lost */
	uint64_t injects;
	bool armed, lost, closing, done, released;
	struct loop_timer settled;	/* calls all_done from the loop */
};

/* fault_check.c: a fault that was never checked has its kind's ops. */
void fault_choose(struct fault *f, bool fallback);

#endif
