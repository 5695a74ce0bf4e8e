/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A condition on an answer:
 *
 *	[not] WHAT [= | != | < | <= | > | >= | contains | matches VALUE]
 *
 * WHAT is extract.h's; without a comparison: it is there.  A status takes a
 * range too (200..299), size a size (4KiB), time a duration (200ms).  Values
 * that are numbers on both sides are compared as numbers, else as text.
 */
#ifndef GD_LOAD_COND_H
#define GD_LOAD_COND_H

#include "chaos/load/extract.h"

enum cond_op {
	COND_THERE, COND_EQ, COND_NE, COND_LT, COND_LE, COND_GT, COND_GE,
	COND_CONTAINS, COND_MATCHES,
};

struct cond {
	struct extract what;
	enum cond_op op;
	bool negated;
	char *text;		/* the value as written, unquoted; owned */
	bool is_number;
	double number, upto;	/* upto: of a range, else number */
	struct regex *regex;	/* COND_MATCHES */
};

/* c is zeroed to begin; done() also after an error. */
int cond_parse(const char *text, struct cond *c, struct err *err) MUST_CHECK;
void cond_done(struct cond *c);
unsigned cond_keep(const struct cond *c);	/* as extract_keep() */
/* A value that is not there makes every comparison false. */
bool cond_holds(const struct cond *c, struct seen *seen);

#endif
