/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A named condition on the answer of a step.  It is judged on every answer, and
 * has failed where none came.  One that fails makes an ok answer a failed one
 * (check); a soft one is only counted.
 */
#ifndef GD_LOAD_CHECK_H
#define GD_LOAD_CHECK_H

#include "chaos/load/cond.h"

struct check {
	size_t index;		/* among the names of all checks */
	bool soft;
	struct cond cond;
};

/* Of one name; a load thread's own. */
struct check_count {
	uint64_t ok, failed;
};

/*
 * "NAME: COND", or COND alone, which is its own name.  *ret_name is the
 * caller's to free, also after an error; c is zeroed to begin, and check_done()
 * is for both.
 */
int check_parse(const char *text, struct check *c, char **ret_name,
		struct err *err) MUST_CHECK;
void check_done(struct check *c);

#endif
