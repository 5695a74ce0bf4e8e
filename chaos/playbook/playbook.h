/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A playbook: steps with a time or a condition, a changing call, and a verify
 * that reads the system and not the step's own answer.
 */
#ifndef GD_PLAYBOOK_PLAYBOOK_H
#define GD_PLAYBOOK_PLAYBOOK_H

#include <stdbool.h>

#include "chaos/base/allow.h"
#include "chaos/base/expr.h"
#include "chaos/base/loop.h"
#include "chaos/scenario/scenario.h"
#include "chaos/scenario/symbols.h"

/* In a scenario: [playbook] file, start, var.*. In a playbook: the others. */
extern const struct section_spec playbook_ref_section;
extern const struct section_spec playbook_head_section, playbook_step_section;

struct playbook_ref {
	char *file;		/* name, or path; searched in playbooks/ */
	nsec_t start_after;	/* "30s after detected" */
	char *start_event;	/* "detected"; NULL: at a drill time */
	struct opt_strs vars;	/* "pool_url=link:db/pool" */
	const struct scenario_section *section;
};
/* *ret is NULL when the scenario has none. */
void playbook_ref_read(const struct scenario *sc, struct playbook_ref **ret,
		       struct errs *errs);
void playbook_ref_free(struct playbook_ref *r);

struct playbook;
/*
 * near_path: the scenario's, beside which it is looked for.
 * needs without a var, unknown step keys, verify's references: all in errs.
 */
void playbook_load(const struct playbook_ref *ref, const char *near_path,
		   struct playbook **ret, struct errs *errs);
void playbook_free(struct playbook *p);
size_t playbook_steps(const struct playbook *p);
const char *playbook_step_name(const struct playbook *p, size_t i);
/* Every expression in it (when, verify), for watch_check_expr. */
int playbook_visit(const struct playbook *p,
		   int (*fn)(void *arg, const char *step, const struct expr *e),
		   void *arg);
/* A line a step, for --dry-run: when, call, verify. */
void playbook_describe(const struct playbook *p, struct buf *out);

/* The kinds of changing call; rows of a table. Simulated ones replace them. */
struct playbook_call;
struct playbook_step_ops {
	const char *name;	/* the key that names it: "http", "command" */
	const char *summary, *example;
	/* Is the key's value well formed? NULL: nothing to check. */
	int (*check)(const char *value, struct err *err);
	/*
	 * Before T+0: resolves the addresses that the call names and checks
	 * them against [allow]. May block. *ret_to is kept for the call.
	 * NULL: it names none.
	 */
	int (*prepare)(const char *value, const struct symbols *symbols,
		       const struct allow *allow, struct addr *ret_to,
		       struct err *err);
	/* Starts it; playbook_call_done() follows, never from within. */
	int (*start)(struct playbook_call *call, struct err *err);
	void (*cancel)(struct playbook_call *call);
};
extern const struct playbook_step_ops *const playbook_step_table[];
/* For step kinds. */
const char *playbook_call_text(const struct playbook_call *c);	/* expanded */
struct loop *playbook_call_loop(const struct playbook_call *c);
const struct allow *playbook_call_allow(const struct playbook_call *c);
const struct symbols *playbook_call_symbols(const struct playbook_call *c);
const struct addr *playbook_call_to(const struct playbook_call *c);
nsec_t playbook_call_timeout(const struct playbook_call *c);	/* drill ns */
void *playbook_call_arg(const struct playbook_call *c);	/* args.step_arg */
void **playbook_call_state(struct playbook_call *c);	/* the kind's own */
void playbook_call_done(struct playbook_call *c, int code, const char *output);

enum playbook_step_state {
	PLAYBOOK_WAITING, PLAYBOOK_CALLING, PLAYBOOK_VERIFYING,
	PLAYBOOK_PASSED, PLAYBOOK_FAILED, PLAYBOOK_UNOBSERVED,
	PLAYBOOK_SKIPPED
};
const char *playbook_step_state_name(enum playbook_step_state s);

struct playbook_event {
	size_t index;
	const char *step;
	enum playbook_step_state from, to;
	bool call_ok;		/* the changing call has just returned ok */
	bool lifts;		/* it lifts an earlier step (lifts = NAME) */
	nsec_t t;
	const char *why;	/* or NULL */
	const char *before, *after;	/* verify's values, or NULL */
};

struct playbook_args {
	struct loop *loop;
	const struct allow *allow;
	const struct symbols *symbols;
	const struct expr_env *env;
	const struct playbook_step_ops *const *steps;	/* the table */
	void *step_arg;
	void (*event)(void *arg, const struct playbook_event *e);
	void (*verifying)(void *arg, bool open);	/* sample fast */
	void (*finished)(void *arg, size_t failed);
	void *arg;
};
/*
 * Every call's addresses, resolved and allowed, before anything is injected.
 * May block; the first step that may not be is the error.
 */
int playbook_prepare(struct playbook *p,
		     const struct playbook_step_ops *const *steps,
		     const struct symbols *symbols, const struct allow *allow,
		     struct err *err) MUST_CHECK;
/* Begins now (its 0s). At most once. */
int playbook_start(struct playbook *p, const struct playbook_args *args,
		   struct err *err) MUST_CHECK;
void playbook_stop(struct playbook *p);		/* cancels; the rest: skipped */
bool playbook_running(const struct playbook *p);
/* A drill second has passed: conditions are looked at. */
void playbook_tick(struct playbook *p, nsec_t t);

#endif
