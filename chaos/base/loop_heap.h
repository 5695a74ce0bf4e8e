/* SPDX-License-Identifier: Apache-2.0 */
/* Timers by (due, seq), least first, for loop.c alone.  Zeroed to begin. */
#ifndef GD_BASE_LOOP_HEAP_H
#define GD_BASE_LOOP_HEAP_H

#include "chaos/base/loop.h"

/* The keys lie in the heap itself: sifting touches no timer but to index it. */
struct loop_heap_item {
	nsec_t due;
	uint64_t seq;
	struct loop_timer *timer;	/* its index is the place here + 1 */
};

struct loop_heap {
	struct loop_heap_item *v;
	size_t n, cap;
};

/* Puts in a timer, or moves one that is in, by its due and seq. */
void loop_heap_put(struct loop_heap *h, struct loop_timer *timer);
void loop_heap_remove(struct loop_heap *h, struct loop_timer *timer);
void loop_heap_done(struct loop_heap *h);	/* marks all as not set */

#endif
