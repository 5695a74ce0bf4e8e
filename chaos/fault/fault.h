/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a fault driver, and the set of a run's faults.
 *
 * A driver is one file and one row of the table in faults/.  It disturbs
 * nothing before inject, renders its undo in prepare, and never blocks in
 * inject or adjust.  docs/adding-a-fault.md walks through faults/skeleton.c.
 */
#ifndef GD_FAULT_FAULT_H
#define GD_FAULT_FAULT_H

#include <jansson.h>
#include <stdbool.h>

#include "chaos/base/allow.h"
#include "chaos/base/buf.h"
#include "chaos/base/expr.h"
#include "chaos/base/loop.h"
#include "chaos/base/opt.h"
#include "chaos/fault/undo.h"
#include "chaos/scenario/scenario.h"
#include "chaos/scenario/symbols.h"

struct fault;
struct fault_link;	/* link.h: the proxy's client */

/* What every driver may reach. Filled by the drill; outlives the faults. */
struct fault_env {
	struct loop *loop;
	const struct allow *allow;
	const struct symbols *symbols;	/* complete from prepare on */
	struct fault_link *link;	/* NULL: no proxy in this run */
	const char *run;		/* the run's id, the owner mark */
	double speed;			/* drivers divide drill times by it */
	void *arg;			/* the simulator's model; else NULL */
};

enum { FAULT_NEEDS_PROXY = 1, FAULT_NEEDS_NET_ADMIN = 2 };

struct fault_ops {
	const char *name;	/* "pool.limit" */
	const char *summary;
	const char *example;	/* a whole [fault] section */
	const struct opt *opts;	/* of its own keys */
	size_t opts_size, state_size;
	unsigned needs;
	/* What the keys say together, each of them being right; or NULL. */
	int (*valid)(const struct fault_ops *ops, const void *opts,
		     struct err *err);
	/* Typed targets for [allow]: calls fn for each; first error wins. */
	int (*targets)(const struct fault *f,
		       int (*fn)(void *arg, enum allow_type, const char *),
		       void *arg);
	/* "link:db", "qdisc:/lo". The planner refuses two of one. */
	int (*claims)(const struct fault *f, char *dst, size_t size);
	/*
	 * Here, now? What is missing and how to mend it. Disturbs nothing.
	 * May run before stack and links are up: unknown symbols and a NULL
	 * env->link are no failure yet.
	 */
	int (*check)(struct fault *f, const struct fault_env *env,
		     struct err *err);
	/* Acquire all, disturb nothing, render the undo. May block. */
	int (*prepare)(struct fault *f, struct undo_record *undo,
		       struct err *err);
	/* Each call it would make, a line each, and its undo. */
	void (*describe)(const struct fault *f, struct buf *calls,
			 struct buf *undo);
	/* 0: done. -EINPROGRESS: fault_completed() follows. */
	int (*inject)(struct fault *f, struct err *err);
	/* New parameters while on, as parsed into a copy of its opts. */
	int (*adjust)(struct fault *f, const void *opts, struct err *err);
	/* Asked against achieved: fault_measured() follows with "asked" and */
	/* "achieved" objects, at once or later. NULL: nothing to measure. */
	int (*measure)(struct fault *f, struct err *err);
	/* In-process revert: only UNDO_LOCAL drivers. */
	int (*revert)(struct fault *f, struct err *err);
	void (*release)(struct fault *f); /* safe after a failed prepare */
};

/* Sorted by name, ends with NULL; cli hands it in (faults/table.h). */
typedef const struct fault_ops *const fault_table[];
const struct fault_ops *fault_find(const struct fault_ops *const *table,
				   const char *name);

/* [fault NAME]'s own keys. */
struct fault_conf {
	char *name;
	char *kind, *fallback;
	nsec_t at;		/* drill ns; see at_event */
	char *at_event;		/* "detected" of "30s after detected" */
	struct expr *at_when;	/* "when EXPR"; or NULL */
	nsec_t duration;	/* `for` */
	struct expr *until;	/* with max */
	nsec_t max;
	int64_t repeat;		/* 1: once */
	nsec_t every;
	struct expr *expect;
	const struct scenario_section *section;	/* for its kind's keys */
};
extern const struct section_spec fault_section, fault_link_section;
/* The kinds that [fault]'s "more" knows; set once by cli before parsing. */
void fault_set_table(const struct fault_ops *const *table);
void fault_confs_read(const struct scenario *sc, struct fault_conf **ret,
		      size_t *ret_n, struct errs *errs);
void fault_confs_free(struct fault_conf *v, size_t n);

/* For drivers. */
const void *fault_opts(const struct fault *f);	/* the parsed struct */
void *fault_state(struct fault *f);		/* zeroed at the start */
const struct fault_env *fault_env(const struct fault *f);
const struct fault_ops *fault_driver(const struct fault *f);	/* taken */
const struct fault_conf *fault_conf(const struct fault *f);
const char *fault_out_dir(const struct fault *f);	/* or NULL */
const char *fault_mark(const struct fault *f);	/* "gd-RUN-NAME" */
void fault_completed(struct fault *f, int code, const char *why);
void fault_measured(struct fault *f, json_t *asked, json_t *achieved);

/* The set. All calls on the loop's thread. */
struct faults;

enum fault_state {
	FAULT_PLANNED,
	FAULT_PREPARED,
	FAULT_INJECTING,
	FAULT_INJECTED,
	FAULT_REVERTING,
	FAULT_GONE,		/* reverted and verified */
	FAULT_LEFT,		/* reverted, but still there or cannot tell */
	FAULT_FAILED,		/* inject failed; undone */
};
const char *fault_state_name(enum fault_state s);

struct fault_event {
	size_t index;
	const struct fault_conf *conf;
	const struct fault_ops *ops;	/* the fallback's, when taken */
	bool fallback;
	const char *target;		/* "link db"; or NULL */
	enum fault_state from, to;
	nsec_t real;		/* inject or revert latency, real ns; or 0 */
	const char *why;	/* or NULL */
	const char *remove;	/* FAULT_LEFT: the command that removes it */
	const json_t *asked, *achieved;	/* from a measure; else NULL */
	enum undo_state verified;
};

struct faults_args {
	struct fault_env env;
	const struct fault_ops *const *table;
	const struct fault_conf *confs;
	size_t n;
	const char *run_dir;	/* undo.jsonl; NULL: none (virtual) */
	bool guardian;		/* false only on a virtual loop */
	void (*event)(void *arg, const struct fault_event *e);
	/* Every fault is gone or named; guardian may be released. */
	void (*all_done)(void *arg, size_t n_left);
	/* The guardian died: the drill must stop. */
	void (*guardian_lost)(void *arg);
	void *arg;
};

/* Parses each kind's keys; picks nothing yet. errs: all that is wrong. */
void faults_new(const struct faults_args *args, struct faults **ret,
		struct errs *errs);
void faults_free(struct faults *fs);
/*
 * check() of each, its fallback's if that fails; allow and claims too. A line
 * each into report (may be NULL); errs gets what cannot run.
 */
void faults_check(struct faults *fs, struct buf *report, struct errs *errs);
/* All that the faults touch; fn as in their targets(). */
int faults_targets(const struct faults *fs,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg);
/* Timeline's calls and undo plan, for --dry-run. After faults_check. */
void faults_describe(struct faults *fs, struct buf *out);
/*
 * Prepares all, journals all records, starts the guardian, hands it the lease.
 * May block. After 0 every record is on disk and the guardian is armed.
 */
int faults_arm(struct faults *fs, struct err *err) MUST_CHECK;
void faults_inject(struct faults *fs, size_t i);	/* events follow */
int faults_adjust(struct faults *fs, size_t i, const char *key,
		  const char *value, struct err *err) MUST_CHECK;
void faults_measure(struct faults *fs, size_t i);
/* Measures first if it can, then the guardian reverts and verifies. */
void faults_revert(struct faults *fs, size_t i);
/* Last in, first out; all_done follows. Idempotent. The one undo path. */
void faults_revert_all(struct faults *fs);
/* After all_done: goodbye to the proxy, journal deleted, guardian reaped. */
void faults_release(struct faults *fs);
enum fault_state faults_state(const struct faults *fs, size_t i);
size_t faults_active(const struct faults *fs);

/*
 * What a crash left: resolves every unlocked journal of this user.  list is
 * what is left: [{run,fault,kind,target,state(present|unknown),command,why}];
 * what was undone is counted and logged.
 */
struct fault_recovered {
	size_t undone, left;	/* faults */
	size_t live;		/* journals of runs that go on; untouched */
	json_t *list;		/* caller decrefs, after 0 */
};
int fault_recover(bool only_list, struct fault_recovered *ret, struct err *err)
	MUST_CHECK;

/* The guardian's own sockets, for `gameday stop`: see guardian.h. */

#endif
