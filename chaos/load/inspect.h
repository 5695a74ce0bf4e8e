/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step looks at in its answer beyond the status.  A step that looks at
 * nothing has none of this, and its answers are not kept.
 */
#ifndef GD_LOAD_INSPECT_H
#define GD_LOAD_INSPECT_H

#include "chaos/load/capture.h"

struct inspect {
	struct capture *captures;
	size_t n_captures;
};

void inspect_free(struct inspect *in);	/* NULL is fine */
unsigned inspect_keep(const struct inspect *in);	/* enum request_keep */
/*
 * Takes the captures of an answer with a status.  False: one was not there.
 * slots: names that the journey captures; response: drill ns.
 */
bool inspect_run(const struct inspect *in, const struct answer *a,
		 nsec_t response, struct captured *captured, size_t slots);

#endif
