/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenMetrics 1.0 text, as Prometheus reads it: families in turn, their samples
 * behind them, and "# EOF".  Labels are names and values in turn, then NULL;
 * a NULL value leaves its label out.
 */
#ifndef GD_BASE_OPENMETRICS_H
#define GD_BASE_OPENMETRICS_H

#include "chaos/base/buf.h"

struct hist;

#define OPENMETRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

/* type: "counter" "gauge" "histogram" "summary" "info"; unit NULL: none. */
void om_family(struct buf *b, const char *name, const char *type,
	       const char *unit, const char *help);
/* suffix: "" or "_total", "_info", …; NaN is written as such. */
void om_sample(struct buf *b, const char *name, const char *suffix,
	       const char *const *labels, double value);
/* Buckets, count and sum of a histogram in seconds; at most 6 labels. */
void om_hist(struct buf *b, const char *name, const char *const *labels,
	     const struct hist *h);
void om_end(struct buf *b);

#endif
