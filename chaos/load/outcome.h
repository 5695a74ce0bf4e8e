/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a request (DESIGN 5). */
#ifndef GD_LOAD_OUTCOME_H
#define GD_LOAD_OUTCOME_H

#include "chaos/load/conf.h"

enum outcome_kind {
	OUTCOME_OK, OUTCOME_CLIENT, OUTCOME_BUSINESS, OUTCOME_FAILED
};

struct outcome {
	enum outcome_kind kind;
	enum load_cause cause;	/* OUTCOME_FAILED */
	bool answered;		/* a whole response came */
};

struct outcome outcome_of_status(const struct load_step *step, int status);
struct outcome outcome_failed(enum load_cause cause);

#endif
