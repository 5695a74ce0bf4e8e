/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of chaos/playbook share; nobody else includes it. */
#ifndef GD_PLAYBOOK_IMPL_H
#define GD_PLAYBOOK_IMPL_H

#include "chaos/playbook/playbook.h"

enum { PLAYBOOK_KINDS = 2 };	/* rows of playbook_step_table */

struct playbook_step {		/* [step NAME] */
	char *name;
	nsec_t at;		/* earliest, after the playbook's begin */
	struct expr *when;	/* and not before this holds; or NULL */
	struct expr *verify;	/* or NULL */
	nsec_t timeout;		/* of when and of the call; drill ns */
	char *lifts;		/* the step that it lifts; or NULL */
	char *call[PLAYBOOK_KINDS];	/* the one that is set */
	size_t kind;		/* its index */
	struct addr to;		/* from prepare */
	const struct scenario_section *section;
	/* while it runs */
	enum playbook_step_state state;
	struct expr_hold when_hold, verify_hold;
	nsec_t waiting_since, verify_by;
	bool true_before;	/* verify held before the call */
	char *before;
	struct playbook_call *running;
};

struct playbook {
	char *name, *title, *scenario;
	struct opt_strs needs;
	char *path;
	struct scenario *sc;
	struct playbook_step *step;
	size_t n;
	/* while it runs */
	struct playbook_args args;
	bool started, stopped, reported;
	nsec_t begun;
	size_t next;		/* the first step whose call is not done */
	unsigned verifies_open;
	struct loop_timer fast;	/* looks at open verifies */
	struct loop_timer due;	/* the next step's `at` */
};

struct playbook_call {
	struct playbook *playbook;
	struct playbook_step *step;
	const struct playbook_step_ops *ops;
	void *state;
	nsec_t timeout;
	struct loop_timer deliver;	/* done never runs from within start */
	int code;
	char *output;
};

/* Splits at spaces; a word that begins with a quote runs to its end. */
struct playbook_words {
	char **v;
	size_t n;
};
void playbook_words_split(const char *text, struct playbook_words *ret);
void playbook_words_done(struct playbook_words *w);

extern const struct playbook_step_ops playbook_step_command,
	playbook_step_http;

#endif
