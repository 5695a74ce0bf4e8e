/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of chaos/drill share; nobody else includes it. */
#ifndef GD_DRILL_IMPL_H
#define GD_DRILL_IMPL_H

#include "chaos/base/hist.h"
#include "chaos/drill/drill.h"
#include "chaos/drill/eventlog.h"
#include "chaos/drill/milestones.h"

/*
 *	LEAD_IN ─T+0─► RUNNING ─end─► REVERTING ─all gone─► STOPPING ─► DONE
 *	   └───────────────stop, abort────────┘
 */
enum drill_state {
	DRILL_NEW, DRILL_LEAD_IN, DRILL_RUNNING, DRILL_REVERTING,
	DRILL_STOPPING, DRILL_DONE
};

/* One fault of the plan, as the timeline sees it. */
struct drill_fault {
	struct drill *drill;
	size_t index;
	struct loop_timer inject, revert;
	nsec_t due;		/* when it goes in; NSEC_NEVER: not known */
	int64_t times;		/* that it was scheduled, of conf->repeat */
	struct expr_hold at_hold, until_hold, expect_hold;
	nsec_t expect_by;	/* the effect must have shown by then */
	bool injected, decided;	/* decided: its effect event is written */
};

/* One [expect] of the plan. */
struct drill_expect {
	struct expr_hold hold;
	bool judged, decided, seen;	/* seen: evaluated at least once */
	char *got;			/* the last or the failing values */
};

struct drill {
	struct drill_args args;
	const struct plan *plan;
	const struct drill_env *env;
	struct loop *loop;
	struct eventlog log;
	struct milestones ms;
	struct watch *watch;
	struct faults *faults;
	void *load;
	struct load_scopes scopes;
	const char *const *apis;	/* of scopes */
	size_t n_apis;
	enum drill_state state;
	enum drill_end end;
	char *end_why;
	struct drill_fault *fault;
	struct drill_expect *expect;
	struct expr_hold *milestone_hold;	/* of the plan's milestones */
	bool *milestone_came;
	struct expr_hold abort_hold;
	struct loop_timer start, finish, playbook;
	struct watch_second second;	/* the last one; rows not kept */
	char second_why[64];
	struct hist *slip;
	struct {
		double asked, spent;	/* gauges at the phase's begin */
	} hold[LOAD_PHASES + 1];
	bool hold_known[LOAD_PHASES + 1];
	bool faults_done, load_done, playbook_begun, recovery_phase;
	double users;		/* gauge of the last second */
	nsec_t load_over;	/* traffic that ends by itself has ended */
	size_t left;
	struct find *find;	/* NULL: it searches nothing */
};

const char *drill_state_name(enum drill_state state);
/* drill.c: the only place where the state changes. */
bool drill_load_ends(const struct drill *d);	/* as load_args.ends */
void drill_advance(struct drill *d, enum drill_state to, const char *why);

/* timeline.c: what happens when. */
void drill_timeline_start(struct drill *d);
void drill_timeline_stop(struct drill *d);
void drill_timeline_second(struct drill *d, nsec_t t);
void drill_timeline_milestone(struct drill *d, const char *name, nsec_t at);

/* record.c: callbacks of the parts, written down. */
void drill_record_run(struct drill *d);
void drill_record_audit(struct drill *d);
void drill_record_end(struct drill *d);
void drill_record_hold(struct drill *d, enum load_phase ended_or_total);
void drill_on_alert(void *arg, const struct watch_alert *a);
void drill_on_source(void *arg, const struct watch_source_state *s);
void drill_on_threshold(void *arg, const struct watch_threshold *t);
void drill_on_second(void *arg, const struct watch_second *s);
void drill_on_gauges(void *arg, int64_t second, const char *const *names,
		     const double *values, size_t n);
void drill_on_fault(void *arg, const struct fault_event *e);
void drill_on_step(void *arg, const struct playbook_event *e);
void drill_on_verifying(void *arg, bool open);
void drill_on_playbook_finished(void *arg, size_t failed);
void drill_on_load_done(void *arg, const struct load_final *final);
void drill_on_milestone(void *arg, const char *name, nsec_t at,
			const char *source, const char *why);

/* judge.c: effects, expects, abort condition. */
void drill_judge_start(struct drill *d);
void drill_judge_second(struct drill *d, nsec_t t);
void drill_judge_injected(struct drill *d, size_t i, nsec_t t);
void drill_judge_finish(struct drill *d);

#endif
