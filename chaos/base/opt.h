/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option tables: one row describes one key, for the parser, for the checker's
 * suggestions, and for the generated reference.  A struct of settings plus its
 * table is all that a section, fault, probe or step kind declares.
 */
#ifndef GD_BASE_OPT_H
#define GD_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/err.h"

enum opt_type {		/* the field's C type */
	OPT_STR,	/* char *, owned by the struct */
	OPT_STRS,	/* struct opt_strs: repeatable, and split at commas */
	OPT_LINES,	/* struct opt_strs: repeatable, never split */
	OPT_INT,	/* int64_t */
	OPT_DOUBLE,	/* double */
	OPT_BOOL,	/* bool */
	OPT_DURATION,	/* nsec_t */
	OPT_RATE,	/* double, per second */
	OPT_SIZE,	/* uint64_t, bytes */
	OPT_SHARE,	/* double, 1 = 100 % */
	OPT_CLOCK,	/* nsec_t since midnight */
	OPT_ENUM,	/* int, index into choices */
	OPT_EXPR,	/* struct expr *, owned by the struct */
	OPT_PARSE,	/* whatever the row's parse and done say */
};

struct opt_strs {
	char **v;
	int *lines;	/* line of each in the file; 0: none */
	size_t n;
};

enum {
	OPT_REQUIRED = 1,
	OPT_POSITIVE = 2,	/* number > 0 */
	OPT_NONNEG = 4,		/* number >= 0 */
};

struct opt {
	const char *name;	/* "var.*" takes every key of that prefix: */
				/* OPT_LINES, each kept as "rest=value" */
	enum opt_type type;
	size_t off;		/* offsetof the field */
	unsigned flags;
	const char *def;	/* text of the default; NULL: zero */
	const char *const *choices;	/* OPT_ENUM, NULL-terminated */
	/* OPT_PARSE; called again for a repeated key: replaces or adds. */
	int (*parse)(const char *text, void *field, struct err *err);
	void (*done)(void *field);	/* frees what parse made; may be NULL */
	const char *help;	/* one line, lower case */
	const char *example;	/* may be NULL */
};

/* Tables end with a row whose name is NULL. */
#define OPT_END { .name = NULL }

/* Fills the struct with defaults. It must be zeroed. */
void opt_defaults(const struct opt *table, void *conf);
/*
 * One "key = value". -ENOENT: no such key (err has the suggestion).  A list's
 * default (line 0) is replaced by the first value that has a line.
 */
int opt_set(const struct opt *table, void *conf, const char *key,
	    const char *value, int line, struct err *err) MUST_CHECK;
const struct opt *opt_find(const struct opt *table, const char *key);
/* Frees what the rows own. */
void opt_done(const struct opt *table, void *conf);
/* Type's word for the reference: "duration", "share", … */
const char *opt_type_name(enum opt_type type);
/*
 * The nearest of n words by edit distance (a swap counts as one), or NULL if
 * none is within max(1, a third of the word).
 */
const char *opt_suggest(const char *word, const char *const *words, size_t n);

#endif
