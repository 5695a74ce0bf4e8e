/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checked scenario, and the ordered events that follow from it.  Pure: the
 * same file and seed give the same plan.
 */
#ifndef GD_PLAN_PLAN_H
#define GD_PLAN_PLAN_H

#include "chaos/base/allow.h"
#include "chaos/fault/fault.h"
#include "chaos/fault/link.h"
#include "chaos/load/load.h"
#include "chaos/playbook/playbook.h"
#include "chaos/watch/watch.h"

extern const struct section_spec plan_scenario_section, plan_allow_section,
	plan_expect_section, plan_abort_section, plan_search_section,
	plan_milestone_section;

/* [scenario] */
struct plan_scenario {
	char *name, *title, *extends;
	nsec_t clock;			/* since midnight; -1: no label */
	char *date;			/* "2025-09-12", or NULL: shown only */
	/* duration not given: as long as the load. */
	nsec_t lead_in, window_from, window_to, duration;
	int64_t seed;
	struct opt_strs assume;		/* a sentence each, shown in reports */
};

/*
 * Either `when` holds at every second in [from, to], or, if by is not 0, once
 * in [from, by].
 */
struct plan_expect {
	char *name;
	struct expr *when;
	nsec_t from, to, by;		/* not given: to NSEC_NEVER, by 0 */
	char *to_event;			/* "first action"; NULL: to */
	char *in;		/* "no-faults", "without:db-pool", or NULL */
	const struct scenario_section *section;
};

/* [milestone NAME] */
struct plan_milestone {
	char *name;
	struct expr *when;
	nsec_t from;			/* drill ns */
	const struct scenario_section *section;
};

/* [search]: how load --find looks for the breaking point. */
struct plan_search {
	struct expr *good;		/* "while": a level is good */
	struct expr *drain;	/* true before the next level; or NULL */
	nsec_t hold, settle;		/* settle: of the hold, not judged */
	nsec_t window;			/* of the judged part, whole seconds */
	double from, to;		/* users, or arrivals/s */
	double apart;			/* share */
	struct opt_strs with;		/* "fault:NAME": on all the while */
	const struct scenario_section *section;	/* NULL: there is none */
};

enum plan_kind {
	PLAN_PHASE, PLAN_USERS, PLAN_INJECT, PLAN_REVERT, PLAN_PLAYBOOK,
	PLAN_EXPECT, PLAN_END
};

struct plan_event {
	nsec_t at;		/* drill ns; NSEC_NEVER: on an event */
	char *on;		/* "30s after detected", or NULL */
	enum plan_kind kind;
	size_t index;		/* of the fault, expect, … */
	char *text;		/* "inject db-pool (pool.limit on link db)" */
};

/* Controls of a run. */
struct plan_options {
	double speed;
	bool no_faults;
	const char *const *without;	/* faults, NULL-terminated; or NULL */
	bool judge_recorded;		/* replay */
	/*
	 * Traffic alone: implies no_faults where there are faults, runs no
	 * playbook, and is over when the load is.
	 */
	bool load_only;
	const char *find;		/* "users", "rate"; NULL: no search */
};

struct plan {
	struct scenario *sc;
	struct plan_scenario conf;
	struct plan_options options;
	struct allow *allow;
	struct load_conf *load;		/* NULL: no [load] */
	struct watch_conf *watch;
	struct fault_conf *faults;	/* those of this run */
	size_t n_faults;
	size_t n_faults_read;		/* behind them: the left out ones */
	struct fault_link_conf *links;
	size_t n_links;
	struct playbook_ref *playbook_ref;	/* NULL: none */
	struct playbook *playbook;
	struct plan_expect *expects;
	size_t n_expects;
	struct plan_milestone *milestones;
	size_t n_milestones;
	struct expr *abort_when;	/* [abort], or NULL */
	struct plan_search search;	/* used if options.find is set */
	struct plan_event *events;	/* sorted by at, then by kind */
	size_t n_events;
};

/*
 * errs: everything that is wrong with the scenario.  *ret is NULL if there is
 * anything in it, also from before: sc may be one with errors (keep_wrong).
 */
void plan_new(struct scenario *sc, const struct plan_options *options,
	      struct plan **ret, struct errs *errs);	/* takes sc over */
void plan_free(struct plan *p);
/* Is it a fault that the search is made with? */
bool plan_search_has(const struct plan *p, const char *fault);
/* Think time of the journeys, by weight, for each of their requests; s. */
double plan_think_s(const struct plan *p);
void plan_print(const struct plan *p, struct buf *out);	/* the timeline */
void plan_json(const struct plan *p, struct buf *out);	/* plan.json */

#endif
