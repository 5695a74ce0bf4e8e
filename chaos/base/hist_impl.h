/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a histogram, for hist.c and hist_log.c alone. */
#ifndef GD_BASE_HIST_IMPL_H
#define GD_BASE_HIST_IMPL_H

#include "chaos/base/hist.h"

enum {
	HIST_HALF = 1024,	/* half of subBucketCount */
	HIST_HALVES = 23,	/* 2048 << 21 is the first power above 1 h */
	HIST_COUNTS = HIST_HALVES * HIST_HALF,
};

struct hist {
	uint64_t total;
	uint64_t saturated;
	uint64_t *half[HIST_HALVES];	/* NULL: all 0 */
};

/* index < HIST_COUNTS */
void hist_add_at(struct hist *h, unsigned index, uint64_t n);
/* Of the highest count that is not 0; -1: empty. */
int hist_last_index(const struct hist *h);

#endif
