/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shop's counters.  Any thread may count; readers see each counter, not a
 * consistent set.  Times are kept in real time and shown in drill seconds.
 */
#ifndef GD_SHOP_METRICS_H
#define GD_SHOP_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "staging/shop/api.h"
#include "staging/shop/outcome.h"

enum { METRICS_BUCKETS = 14 };

/* What is held, for asked against achieved; all but CACHED in PostgreSQL. */
enum hold_kind {
	HOLD_PRODUCTS, HOLD_BALANCE, HOLD_ORDERS, HOLD_COUPONS, HOLD_CACHED,
	HOLD_KINDS
};

struct metrics_cell {
	_Atomic uint64_t count;
	_Atomic int64_t sum, max;		/* real ns */
	_Atomic uint64_t buckets[METRICS_BUCKETS];	/* not cumulative */
};

struct metrics_hold {
	_Atomic uint64_t count;
	_Atomic int64_t asked, achieved;	/* real us */
	_Atomic int64_t carry;	/* us slept too long, not yet made up for */
};

struct metrics {
	double speed;
	struct metrics_cell cells[APIS][OUTCOMES];
	struct metrics_hold holds[HOLD_KINDS];
	struct metrics_cell wait;	/* from parsed to served */
	_Atomic uint64_t issued, published, confirmed, stale, orders;
	_Atomic uint64_t cache_hits, cache_misses, client_gone;
};

void metrics_reset(struct metrics *m);
void metrics_time(struct metrics *m, struct metrics_cell *cell, nsec_t took);
void metrics_hold_add(struct metrics *m, enum hold_kind kind,
		      int64_t asked_us, int64_t achieved_us);
/*
 * What a hold of this length shall sleep less, to make up for what others of
 * its kind slept too long; at most half of it, so that a stall is paid back
 * over many.  What it slept too long itself is given to metrics_hold_owe().
 */
int64_t metrics_hold_less(struct metrics *m, enum hold_kind kind,
			  int64_t target_us);
void metrics_hold_owe(struct metrics *m, enum hold_kind kind, int64_t us);
const char *metrics_hold_name(enum hold_kind kind);
/* Requests and holds in the Prometheus text format. */
void metrics_render(const struct metrics *m, struct buf *out);

/* One family's head, and one sample; labels may be NULL. */
void metrics_head(struct buf *out, const char *name, const char *type,
		  const char *help);
void metrics_sample(struct buf *out, const char *name, const char *labels,
		    double value);

#endif
