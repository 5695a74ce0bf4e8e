/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting without drift. */
#include <stddef.h>
#include <time.h>

#include "staging/shop/pace.h"

nsec_t pace_next(nsec_t done, nsec_t now, nsec_t pace, bool waiting)
{
	/* Idle, or so late that catching up would be a burst: begin anew. */
	if (!waiting || done == 0)
		return now + pace;
	if (done < now - pace)
		done = now - pace;
	return done + pace;
}

nsec_t pace_sleep_until(nsec_t mono, const _Atomic bool *stop)
{
	nsec_t now = clock_mono();

	while (now < mono && !(stop && *stop)) {
		nsec_t to = mono;
		struct timespec ts;

		if (stop && to - now > 50 * NSEC_MS)
			to = now + 50 * NSEC_MS;
		ts.tv_sec = to / NSEC_SEC;
		ts.tv_nsec = to % NSEC_SEC;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		now = clock_mono();
	}
	return now;
}
