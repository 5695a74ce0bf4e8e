/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of chaos/scenario only: the steps from text to a checked
 * scenario.  Each adds to errs what is wrong and goes on.
 */
#ifndef GD_SCENARIO_IMPL_H
#define GD_SCENARIO_IMPL_H

#include "chaos/scenario/scenario.h"

enum {
	SCENARIO_LINE_MAX = 4096,	/* bytes of a line, comment included */
	SCENARIO_HEADER_MAX = 49,	/* inih r55 cuts its name here */
	SCENARIO_EXTENDS_MAX = 16,	/* files in a chain */
	SCENARIO_FILE_MAX = 4 << 20,	/* bytes */
};

/* File names outlive the sections that point at them. */
struct scenario_impl {
	char **files;
	size_t n_files;
	bool partial;		/* a file that it extends could not be read */
};

struct scenario *scenario_new(const char *path);
/* A copy that sc owns. */
const char *scenario_file(struct scenario *sc, const char *name);
/* name and arg (or NULL) are copied. The pointer holds until the next add. */
struct scenario_section *scenario_add(struct scenario *sc, const char *name,
				      const char *arg, const char *file,
				      int line);
struct scenario_section *scenario_find(const struct scenario *sc,
				       const char *name, const char *arg);
void scenario_entry_add(struct scenario_section *s, const char *key,
			const char *value, const char *file, int line);

/* ini.c: text, over libinih. file must be one of sc's own. */
void scenario_ini_read(struct scenario *sc, const char *file, const char *text,
		       size_t len, struct errs *errs);
/* '"a ; b"' → 'a ; b' in place; only when the quotes hold all of it. */
void scenario_unquote(char *value);
/* Where a comment begins in a line, or where the line ends. */
size_t scenario_comment(const char *line, size_t len);

/* merge.c: the child's keys over its parent's; empties child and frees it. */
void scenario_merge(struct scenario *parent, struct scenario *child);
void scenario_apply_sets(struct scenario *sc, const char *const *sets,
			 struct errs *errs);

/* vars.c */
void scenario_expand(struct scenario *sc,
		     const struct section_spec *const *specs,
		     const struct scenario_vars *vars, struct errs *errs);

/* check.c */
const struct section_spec *scenario_spec(const struct section_spec *const *v,
					 const char *name);
void scenario_check(const struct scenario *sc,
		    const struct section_spec *const *specs,
		    struct errs *errs);

#endif
