/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values: a negative errno and one sentence, filled where the cause
 * is known.  errs collects many, so that a checker reports all at once.
 */
#ifndef GD_BASE_ERR_H
#define GD_BASE_ERR_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

struct err {
	int code;	/* negative errno; 0: none */
	char msg[480];	/* lower case, no full stop: what, subject, the fix */
};

/* Each fills *err (which may be NULL) and returns the code. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* As err_set with -errno, and ": strerror" appended. */
int err_errno(struct err *err, const char *fmt, ...) PRINTF(2, 3);
/*
 * Puts "text: " before the message that is there; returns err->code.  Without
 * an err it has none to give: 0.
 */
int err_prefix(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* All errors of a text: owns copies of what it is given. */
struct errs_item {
	char *file;	/* may be NULL */
	int line;	/* 0: none */
	char *msg;
};

struct errs {
	struct errs_item *v;
	size_t n;
};

void errs_init(struct errs *errs);
void errs_done(struct errs *errs);
/* file may be NULL, line 0. */
void errs_add(struct errs *errs, const char *file, int line, const char *fmt,
	      ...) PRINTF(4, 5);
/* Those from index `from` on, by line within each file. */
void errs_sort(struct errs *errs, size_t from);
/* Drops those from `from` on that say again what one before it says. */
void errs_drop_repeated(struct errs *errs, size_t from);

#endif
