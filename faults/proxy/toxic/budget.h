/* SPDX-License-Identifier: Apache-2.0 */
/* What limit_data and cut share: so many bytes, and then an end. */
#ifndef GD_PROXY_TOXIC_BUDGET_H
#define GD_PROXY_TOXIC_BUDGET_H

#include "faults/proxy/toxic.h"

struct budget_attrs {
	int64_t bytes;
};

extern const struct opt budget_opts[];

size_t budget_release(struct toxic_run *run, size_t want, nsec_t now,
		      nsec_t *ret_next);
/* Whether all has passed that may. */
bool budget_spent(struct toxic_run *run, nsec_t now);

#endif
