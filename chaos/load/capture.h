/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that a user keeps of an answer for its later requests:
 * "NAME: json /coupon" below a step, ${NAME} in the steps that follow.  They
 * hold until the journey's end.
 */
#ifndef GD_LOAD_CAPTURE_H
#define GD_LOAD_CAPTURE_H

#include "chaos/load/extract.h"

enum { CAPTURE_MAX = 8192 };	/* bytes of one value */

struct capture {
	size_t slot;		/* in captured.v; of the journey's names */
	struct extract what;
};

/* Of one user. v is NULL until something is captured. */
struct captured {
	char **v;		/* owned; NULL: no such value now */
	size_t n;
};

/*
 * "NAME: WHAT".  *ret_name is the caller's to free, also after an error; c is
 * zeroed to begin, and capture_done() is for both.
 */
int capture_parse(const char *text, struct capture *c, char **ret_name,
		  struct err *err) MUST_CHECK;
void capture_done(struct capture *c);

/* False: there is none, or it is too long or not text; then it is unset. */
bool capture_take(const struct capture *c, struct seen *seen,
		  struct captured *to, size_t slots);
void captured_forget(struct captured *c);	/* all values */
void captured_done(struct captured *c);

#endif
