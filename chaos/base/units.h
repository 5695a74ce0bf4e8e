/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The units that a scenario states: durations 250ms 30s 15m 1h (also 1m30s),
 * clock times 14:02:30, rates 200/s, sizes 1MiB 64KB, shares 5% or 0.05,
 * tolerances +-20s.  Parsers take the whole string or fail with the reason.
 */
#ifndef GD_BASE_UNITS_H
#define GD_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"

int units_duration(const char *s, nsec_t *ret, struct err *err) MUST_CHECK;
int units_rate(const char *s, double *ret_per_s, struct err *err) MUST_CHECK;
int units_size(const char *s, uint64_t *ret_bytes, struct err *err) MUST_CHECK;
int units_share(const char *s, double *ret, struct err *err) MUST_CHECK;
int units_double(const char *s, double *ret, struct err *err) MUST_CHECK;
int units_int(const char *s, int64_t *ret, struct err *err) MUST_CHECK;
int units_bool(const char *s, bool *ret, struct err *err) MUST_CHECK;
/* "14:00:00" or "14:00": ns since midnight. */
int units_clock(const char *s, nsec_t *ret, struct err *err) MUST_CHECK;

enum { UNITS_TEXT = 32 };
/* Each writes into dst[UNITS_TEXT] and returns it. */
char *units_fmt_duration(char *dst, nsec_t t);	/* "10ms" "30s" "1m30s" */
char *units_fmt_mmss(char *dst, nsec_t t);	/* "2:30" "12:34" "-0:05" */
char *units_fmt_clock(char *dst, nsec_t of_day);/* "14:02:30" */
char *units_fmt_ms(char *dst, nsec_t t);	/* "8.2 ms" "1.25 s" */

#endif
