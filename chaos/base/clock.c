/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the clocks, and the arithmetic of drill time. */
#include "chaos/base/clock.h"

#include <math.h>
#include <time.h>

static nsec_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_SEC + ts.tv_nsec;
}

nsec_t clock_mono(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

nsec_t clock_real(void)
{
	return clock_read(CLOCK_REALTIME);
}

nsec_t clock_thread_cpu(void)
{
	return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

static nsec_t saturate(double ns)
{
	if (ns >= 9.2e18)
		return NSEC_NEVER;
	if (ns <= -9.2e18)
		return -NSEC_NEVER;
	return (nsec_t)ns;
}

nsec_t drill_span_from_real(const struct drill_clock *clock, nsec_t real)
{
	if (clock->speed == 1.0 || real == NSEC_NEVER)
		return real;
	return saturate(round((double)real * clock->speed));
}

/*
 * Rounded up, as drill_span_from_real() rounds to nearest: who waits for a
 * drill time and then asks what time it is must not be told an earlier one.
 */
nsec_t drill_span_to_real(const struct drill_clock *clock, nsec_t span)
{
	if (clock->speed == 1.0 || span == NSEC_NEVER)
		return span;
	return saturate(ceil((double)span / clock->speed));
}

nsec_t drill_from_mono(const struct drill_clock *clock, nsec_t mono)
{
	if (mono == NSEC_NEVER)
		return NSEC_NEVER;
	return drill_span_from_real(clock, mono - clock->mono0);
}

nsec_t drill_to_mono(const struct drill_clock *clock, nsec_t drill)
{
	nsec_t real = drill_span_to_real(clock, drill), sum;

	if (real == NSEC_NEVER ||
	    __builtin_add_overflow(real, clock->mono0, &sum))
		return NSEC_NEVER;
	return sum;
}
