/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time.  nsec_t is signed nanoseconds.  A drill has one clock: CLOCK_MONOTONIC
 * since T+0 times speed; before T+0 (the lead-in) it is negative.  Pure modules
 * take the time as an argument and never call clock_mono().
 */
#ifndef GD_BASE_CLOCK_H
#define GD_BASE_CLOCK_H

#include <stdint.h>

typedef int64_t nsec_t;

#define NSEC_US ((nsec_t)1000)
#define NSEC_MS ((nsec_t)1000000)
#define NSEC_SEC ((nsec_t)1000000000)
#define NSEC_MIN (60 * NSEC_SEC)
#define NSEC_NEVER INT64_MAX

nsec_t clock_mono(void);	/* CLOCK_MONOTONIC */
nsec_t clock_real(void);	/* CLOCK_REALTIME: for headers only */
nsec_t clock_thread_cpu(void);	/* CPU time of the calling thread */

/* Plain data: it can be handed to a thread or to another host. */
struct drill_clock {
	nsec_t mono0;	/* CLOCK_MONOTONIC at T+0 */
	nsec_t real0;	/* CLOCK_REALTIME at T+0 */
	double speed;	/* drill seconds per real second, > 0 */
	nsec_t error;	/* bound on mono0's error on this host; 0 at home */
};

nsec_t drill_from_mono(const struct drill_clock *clock, nsec_t mono);
nsec_t drill_to_mono(const struct drill_clock *clock, nsec_t drill);
/* Spans: how long a drill span takes in real time, and back. */
nsec_t drill_span_to_real(const struct drill_clock *clock, nsec_t span);
nsec_t drill_span_from_real(const struct drill_clock *clock, nsec_t real);

#endif
