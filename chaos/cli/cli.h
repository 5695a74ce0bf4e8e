/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one file a subcommand, one row a command and an option;
 * help comes from the rows.  Here alone things are printed, and here the
 * modules' tables meet.
 */
#ifndef GD_CLI_CLI_H
#define GD_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "chaos/base/err.h"
#include "chaos/plan/plan.h"

enum cli_exit {		/* when several hold: 5, 4, 6, 1, 0 */
	CLI_HELD = 0,
	CLI_MISSED = 1,
	CLI_USAGE = 2,
	CLI_CANNOT_RUN = 3,
	CLI_ABORTED = 4,
	CLI_NOT_UNDONE = 5,
	CLI_INVALID = 6,
};

enum cli_opt_type { CLI_FLAG, CLI_STRING, CLI_NUMBER, CLI_LIST };

struct cli_list {
	const char *v[64];	/* NULL-terminated */
	size_t n;
};

struct cli_opt {
	const char *name;	/* long; NULL ends the table */
	char letter;		/* 0: none */
	enum cli_opt_type type;
	void *value;		/* bool, const char *, double, cli_list */
	const char *arg;	/* what the help calls its value */
	const char *help;
};

struct cli_cmd {
	const char *name, *args, *summary;
	/* argv[0] is the command's name. Returns an exit code. */
	int (*run)(int argc, char **argv);
};
extern const struct cli_cmd *const cli_cmd_table[];

/*
 * Takes options out of argv wherever they stand; what is left is in
 * argv[1..ret]. --help prints and gives -1; a mistake prints all and gives -2.
 */
int cli_options(const struct cli_cmd *cmd, const struct cli_opt *opts,
		int argc, char **argv);
/* Exit code for what cli_options gave when it was negative. */
int cli_options_exit(int rc);

void cli_error(const struct err *err);
void cli_errors(const struct errs *errs);	/* one a line */

/* specs.c: every section there is, NULL-terminated. */
extern const struct section_spec *const cli_specs[];

/* [staging], owned by cli. */
struct cli_staging {
	bool present, up;
	char *name;
	struct opt_strs keys;	/* "pool=50" of shop.pool = 50 */
};
extern const struct section_spec cli_staging_section;
void cli_staging_read(const struct scenario *sc, struct cli_staging *ret,
		      struct errs *errs);
void cli_staging_done(struct cli_staging *s);

struct history_rows;

/* Options that every command with a scenario takes. */
struct cli_run_opts {
	double speed;
	const char *out, *seed, *metrics;
	bool no_faults, dry_run, json, blind, quiet;
	struct cli_list without, sets;
	bool recorded;		/* judge [recorded]: replay */
	const char *kind;	/* "drill", "load", "simulate" */
	double threads;		/* of load; 0: chosen */
	const char *writer;	/* what is printed at the end; NULL: "text" */
	double repeat;		/* runs, one after the other; 0: one */
	/* Their rows are added to it; NULL: nobody asks. */
	struct history_rows *history;
	/* The scenario itself, made of options: there is no file. */
	const char *text;
	/* The breaking point; each but find is a key of [search]. */
	const char *find;	/* "users", "rate"; NULL: no search */
	const char *while_, *drain, *hold, *from, *to, *apart, *with;
};
/* Loads and plans; prints what is wrong. NULL: exit 2. */
struct plan *cli_plan(const char *path, const struct cli_run_opts *o);
/* --dry-run: the timeline, calls and their undo. Returns the exit code. */
int cli_dry_run(const struct plan *p);
/* Preflight without disturbing anything, printed. True: can run here. */
bool cli_check(const struct plan *p, bool describe);
/* The whole life of a run. Returns the exit code. */
int cli_run(struct plan *p, const struct cli_run_opts *o);
int cli_simulate(struct plan *p, const struct cli_run_opts *o);
/* New run id "20261123-140000-NAME". */
void cli_run_id(const char *name, char *dst, size_t size);
/* Reports on a finished (or broken) run directory; the exit code. */
int cli_report(const char *run_dir, const struct cli_run_opts *o);
/* Writes a run into the history; adds its row to rows, which may be NULL. */
struct report;
void cli_history_note(const struct report *r, struct history_rows *rows);
void cli_history_print(const struct history_rows *rows);
/* A run by id or directory; NULL: the latest. Caller frees. NULL: none. */
char *cli_run_dir(const char *run);
struct cli_names {
	char **v;
	size_t n, cap;
};
/* Ids of the runs that are live now. */
void cli_live_names(struct cli_names *ret);
void cli_names_done(struct cli_names *names);
/* The control socket of a live run; NULL run: the only one. */
int cli_live_socket(const char *run, char *dst, size_t size, char *ret_id,
		    size_t id_size, struct err *err) MUST_CHECK;
/* One HTTP call on it; prints the answer. Returns an exit code. */
int cli_live_call(const char *run, const char *method, const char *path,
		  const char *body);

#endif
