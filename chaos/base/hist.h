/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of HdrHistogram's layout: 3 significant digits, from
 * 1 us to 1 h, values in microseconds, so that its V2 encoding and its log can
 * be read by HdrHistogram's own tools.  Values above are counted as saturated
 * and recorded as the highest.  Not locked: one thread owns one.
 */
#ifndef GD_BASE_HIST_H
#define GD_BASE_HIST_H

#include <stdint.h>
#include <stdio.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "chaos/base/err.h"

#define HIST_MAX_US ((int64_t)3600 * 1000 * 1000)

struct hist;

struct hist *hist_new(void);
void hist_free(struct hist *h);
void hist_reset(struct hist *h);
void hist_record(struct hist *h, nsec_t value);	/* < 1 us counts as 1 us */
void hist_record_n(struct hist *h, nsec_t value, uint64_t n);
void hist_merge(struct hist *to, const struct hist *from);
uint64_t hist_count(const struct hist *h);
uint64_t hist_saturated(const struct hist *h);
/* Highest equivalent value at the rank; 0 if empty. p in [0, 100]. */
nsec_t hist_percentile(const struct hist *h, double p);
nsec_t hist_min(const struct hist *h);
nsec_t hist_max(const struct hist *h);
double hist_mean(const struct hist *h);		/* ns */
/* How many values were <= limit (by equivalent range). */
uint64_t hist_count_upto(const struct hist *h, nsec_t limit);

/* HdrHistogram V2, not compressed: for messages. */
void hist_encode(const struct hist *h, struct buf *out);
int hist_decode(struct hist *add_to, const void *data, size_t len,
		struct err *err) MUST_CHECK;

/*
 * HdrHistogram's interval log, version 1.3 (V2 compressed, base64).
 * Times are drill seconds since T+0; Tag=tag.  The header's start is T+0 in
 * seconds since the epoch.  Encodings do not carry the saturated count.
 */
void hist_log_header(FILE *f, double start_s);
void hist_log_write(FILE *f, const char *tag, double start_s, double length_s,
		    const struct hist *h);
/* One line; 1: an interval, 0: a comment or legend; negative: cut or broken. */
int hist_log_parse(const char *line, char *ret_tag, size_t tag_size,
		   double *ret_start_s, double *ret_length_s,
		   struct hist *add_to, struct err *err) MUST_CHECK;

#endif
