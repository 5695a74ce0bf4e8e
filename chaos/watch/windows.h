/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sliding windows over the load's own stream: one row per API and drill second,
 * 20 minutes of counts and 2 of latencies.  Pure: a window ends with the last
 * second that was added.
 */
#ifndef GD_WATCH_WINDOWS_H
#define GD_WATCH_WINDOWS_H

#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/scenario/sample.h"

enum {
	WINDOWS_SECONDS = 1200,		/* counts reach back so far */
	WINDOWS_LATENCY_SECONDS = 120,	/* latencies */
	WINDOWS_DEFAULT_SECONDS = 10,	/* a window that is not given */
};

/* Sums over a window. */
struct windows_sum {
	uint64_t due, ok, client, business;
	uint64_t failed[LOAD_CAUSES];
	uint64_t checks_ok, checks_failed;
	double seconds;		/* that there are; less than asked at first */
};

struct windows;

/* The scopes' strings must outlive it. */
struct windows *windows_new(const struct load_scopes *scopes);
void windows_free(struct windows *w);
/*
 * The rows of [second, second + 1): several of an API (phases) add up.  Seconds
 * ascend; those left out are empty.
 */
void windows_add(struct windows *w, int64_t second,
		 const struct load_row *rows, size_t n);
/* -ENOENT: no such scope. -ENODATA: no second was added yet. */
int windows_sum(const struct windows *w, const char *scope, int64_t seconds,
		struct windows_sum *ret) MUST_CHECK;
/*
 * What a condition asks for: errors, failed (cause or NULL), throughput,
 * offered, client, checks, latency.pNN.  -ENODATA: nothing to say; -ENOENT: no
 * such.
 */
int windows_value(struct windows *w, const char *func, const char *scope,
		  nsec_t window, const char *cause, double *ret) MUST_CHECK;
/* Freezes what all seconds up to now show as the baseline. */
void windows_freeze(struct windows *w);
int windows_baseline(struct windows *w, const char *func, const char *scope,
		     double *ret) MUST_CHECK;

/* Counts only; seconds stay. */
void windows_sum_row(struct windows_sum *sum, const struct load_row *row);
void windows_sum_add(struct windows_sum *to, const struct windows_sum *from);
/* Of a sum, but for latency.pNN; as windows_value. */
int windows_count(const struct windows_sum *sum, const char *func,
		  const char *cause, double *ret) MUST_CHECK;
uint64_t windows_sum_failed(const struct windows_sum *s);
uint64_t windows_sum_done(const struct windows_sum *s);	/* completions */
/* Index of a cause's name; -ENOENT. */
int windows_cause(const char *name);
/* "latency.p95" → 95; -ENOENT. */
int windows_percentile(const char *func, double *ret) MUST_CHECK;

#endif
