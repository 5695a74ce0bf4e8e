/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes of a jitter, as sch_netem takes them: a table of which each entry
 * is as likely as any other, in 1/8192 of the jitter above or below the delay.
 * Ours are computed; one of the user's own comes from a file of samples.
 */
#ifndef GD_FAULTS_NET_DIST_H
#define GD_FAULTS_NET_DIST_H

#include <stddef.h>
#include <stdint.h>

#include "chaos/base/err.h"

enum { DIST_TABLE = 4096, DIST_SCALE = 8192 };

/*
 * "normal", "pareto", "paretonormal", or the path of a file of numbers: delays
 * that were measured, in any unit, or a table of tc's; what counts is how they
 * lie about their mean.  Caller frees.
 */
int dist_table(const char *name, int16_t **ret, size_t *ret_n,
	       struct err *err) MUST_CHECK;

#endif
