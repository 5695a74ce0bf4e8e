/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting without drift: what one wait was too long the next one is shorter.
 */
#ifndef GD_SHOP_PACE_H
#define GD_SHOP_PACE_H

#include <stdbool.h>

#include "chaos/base/clock.h"

/*
 * When a worker that takes `pace` per item is done with the next one.  done:
 * its last deadline, 0 at first; waiting: an item was there already, so that
 * the periods join up to a rate of exactly 1 / pace.
 */
nsec_t pace_next(nsec_t done, nsec_t now, nsec_t pace, bool waiting);

/*
 * Sleeps until the time (CLOCK_MONOTONIC), then returns the time.  Spans over
 * 50 ms are slept in pieces; *stop ends it early. stop may be NULL.
 */
nsec_t pace_sleep_until(nsec_t mono, const _Atomic bool *stop);

#endif
