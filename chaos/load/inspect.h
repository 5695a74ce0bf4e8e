/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step looks at in its answer beyond the status.  A step that looks at
 * nothing has none of this, and its answers are not kept.
 */
#ifndef GD_LOAD_INSPECT_H
#define GD_LOAD_INSPECT_H

#include "chaos/load/capture.h"
#include "chaos/load/check.h"

struct inspect {
	struct capture *captures;
	size_t n_captures;
	struct check *checks;
	size_t n_checks;
};

/* What is found goes here. */
struct inspect_to {
	struct captured *captured;	/* NULL: nothing is captured */
	size_t slots;		/* names that the journey captures */
	struct check_count *counts;	/* by check.index */
	/* Set: */
	unsigned checks_ok, checks_failed;
	bool failed;		/* a check that is not soft, or a capture */
};

void inspect_free(struct inspect *in);	/* NULL is fine */
unsigned inspect_keep(const struct inspect *in);	/* enum request_keep */
/*
 * a: an answer with a status, or NULL: none came.  response: drill ns.  ok: its
 * outcome so far; only of an ok answer something is captured.
 */
void inspect_run(const struct inspect *in, const struct answer *a,
		 nsec_t response, bool ok, struct inspect_to *to);

#endif
