/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI text to sections.  Knows the grammar, `extends`, `${VAR}` and
 * --set; knows no section by name: those come as section_specs from the modules
 * that own them.  All errors of a file are collected, each with file:line.
 */
#ifndef GD_SCENARIO_SCENARIO_H
#define GD_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/err.h"
#include "chaos/base/opt.h"

struct scenario_entry {
	char *key, *value;
	const char *file;	/* where it stands (extends: another file) */
	int line;
};

struct scenario_section {
	char *name;		/* "fault" */
	char *arg;		/* "db-pool", or NULL */
	const char *file;
	int line;
	struct scenario_entry *v;	/* in the file's order */
	size_t n;
};

struct section_spec {
	const char *name;
	const char *arg;	/* "NAME" if it takes one; else NULL */
	bool many;		/* may stand several times (by arg) */
	const struct opt *opts;
	size_t size;		/* of the struct that opts fill */
	/*
	 * More tables that hold for this one section (a fault's kind and its
	 * fallback's); fills ret[0..max), returns how many, or a negative errno
	 * (unknown kind). NULL: none.
	 */
	int (*more)(const struct scenario_section *s,
		    const struct opt **ret, int max, struct err *err);
	const char *summary;	/* one line */
	/*
	 * Values are templates: a ${name} that begins with a lower-case letter
	 * and is no variable of the file's stays as it is (as ${user} does).
	 */
	bool templates;
};

struct scenario {
	char *path;		/* as given; "." directories kept */
	struct scenario_section *v;
	size_t n;
	void *impl;
};

/* A value that ${NAME} stands for; -ENOENT falls back to the environment. */
struct scenario_vars {
	const char *const *v;	/* "name=value", NULL-terminated; or NULL */
	bool keep_unknown;	/* leave ${x} (playbooks before vars) */
	bool keep_wrong;	/* *ret also with errors: to find the others */
};

/*
 * Reads path, follows [scenario] extends (a child's section replaces keys of
 * its parent's section of the same name and arg; repeatable keys are replaced
 * as a whole), applies sets ("section.key=value", "section:arg.key=value";
 * NULL-terminated or NULL), and checks every section and key against specs
 * (NULL-terminated). *ret is NULL if errs got anything; with keep_wrong only
 * if a file could not be read, and it is then good for finding what else is
 * wrong, and for nothing else.
 */
void scenario_load(const char *path, const struct section_spec *const *specs,
		   const char *const *sets, const struct scenario_vars *vars,
		   struct scenario **ret, struct errs *errs);
/* The same from text, for tests and the command line. */
void scenario_parse(const char *name, const char *text,
		    const struct section_spec *const *specs,
		    const char *const *sets, const struct scenario_vars *vars,
		    struct scenario **ret, struct errs *errs);
void scenario_free(struct scenario *sc);

/* The i-th section of that name; NULL when there are no more. */
const struct scenario_section *scenario_section(const struct scenario *sc,
						const char *name, size_t i);
size_t scenario_count(const struct scenario *sc, const char *name);
/* Last value of the key, or NULL. */
const char *scenario_value(const struct scenario_section *s, const char *key);
int scenario_line(const struct scenario_section *s, const char *key);

/* Defaults, then every key of s that the table has, into conf (zeroed). */
void scenario_fill(const struct scenario_section *s, const struct opt *table,
		   void *conf, struct errs *errs);

/* A file that a value names: relative to the section's file. Caller frees. */
char *scenario_path(const struct scenario_section *s, const char *file);

/*
 * The file as run: merged, sets applied; credentials are masked. Caller frees.
 */
char *scenario_text(const struct scenario *sc);
/* file:line of the section, for messages of later checks. */
void scenario_error(const struct scenario_section *s, const char *key,
		    struct errs *errs, const char *fmt, ...) PRINTF(4, 5);

#endif
