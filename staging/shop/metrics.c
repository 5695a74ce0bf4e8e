/* SPDX-License-Identifier: Apache-2.0 */
/* Counting requests and holds, and writing them for Prometheus. */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "staging/shop/metrics.h"

/* Upper bounds in drill seconds; the last bucket has none. */
static const double metrics_bounds[METRICS_BUCKETS - 1] = {
	0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60,
};

static const char *const metrics_hold_names[HOLD_KINDS] = {
	[HOLD_PRODUCTS] = "products",
	[HOLD_BALANCE] = "balance",
	[HOLD_ORDERS] = "orders",
	[HOLD_COUPONS] = "coupons",
	[HOLD_CACHED] = "products_cached",
};

const char *metrics_hold_name(enum hold_kind kind)
{
	assert(kind < HOLD_KINDS);
	return metrics_hold_names[kind];
}

static void metrics_cell_reset(struct metrics_cell *cell)
{
	cell->count = 0;
	cell->sum = cell->max = 0;
	for (int i = 0; i < METRICS_BUCKETS; i++)
		cell->buckets[i] = 0;
}

void metrics_reset(struct metrics *m)
{
	for (int i = 0; i < APIS; i++)
		for (int j = 0; j < OUTCOMES; j++)
			metrics_cell_reset(&m->cells[i][j]);
	for (int i = 0; i < HOLD_KINDS; i++) {
		m->holds[i].count = 0;
		m->holds[i].asked = m->holds[i].achieved = 0;
		m->holds[i].carry = 0;
	}
	metrics_cell_reset(&m->wait);
	m->issued = m->published = m->confirmed = m->stale = m->orders = 0;
	m->cache_hits = m->cache_misses = m->client_gone = 0;
}

#define ADD(field, n) \
	atomic_fetch_add_explicit(&(field), (n), memory_order_relaxed)

void metrics_time(struct metrics *m, struct metrics_cell *cell, nsec_t took)
{
	double s = (double)took / 1e9 * m->speed;
	int64_t max = atomic_load_explicit(&cell->max, memory_order_relaxed);
	int i = 0;

	while (i < METRICS_BUCKETS - 1 && s > metrics_bounds[i])
		i++;
	ADD(cell->count, 1);
	ADD(cell->sum, took);
	ADD(cell->buckets[i], 1);
	while (took > max &&
	       !atomic_compare_exchange_weak(&cell->max, &max, took))
		;
}

void metrics_hold_add(struct metrics *m, enum hold_kind kind,
		      int64_t asked_us, int64_t achieved_us)
{
	struct metrics_hold *h = &m->holds[kind];

	ADD(h->count, 1);
	ADD(h->asked, asked_us);
	ADD(h->achieved, achieved_us);
}

int64_t metrics_hold_less(struct metrics *m, enum hold_kind kind,
			  int64_t target_us)
{
	_Atomic int64_t *carry = &m->holds[kind].carry;
	int64_t had = *carry, less;

	do {
		less = had < target_us / 2 ? had : target_us / 2;
	} while (!atomic_compare_exchange_weak(carry, &had, had - less));
	return less;
}

void metrics_hold_owe(struct metrics *m, enum hold_kind kind, int64_t us)
{
	ADD(m->holds[kind].carry, us);
}

void metrics_head(struct buf *out, const char *name, const char *type,
		  const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_sample(struct buf *out, const char *name, const char *labels,
		    double value)
{
	if (labels && *labels)
		buf_addf(out, "%s{%s} ", name, labels);
	else
		buf_addf(out, "%s ", name);
	if (fabs(value) < 1e15 && value == floor(value))
		buf_addf(out, "%lld\n", (long long)value);
	else
		buf_addf(out, "%.9g\n", value);
}

static double metrics_seconds(const struct metrics *m, int64_t real_ns)
{
	return (double)real_ns / 1e9 * m->speed;
}

static void metrics_cell_render(const struct metrics *m, struct buf *out,
				const char *name,
				const struct metrics_cell *cell,
				const char *labels)
{
	const char *comma = *labels ? "," : "";
	uint64_t sum = 0;
	char text[96];

	for (int i = 0; i < METRICS_BUCKETS; i++) {
		char le[32] = "+Inf";

		if (i < METRICS_BUCKETS - 1)
			snprintf(le, sizeof(le), "%g", metrics_bounds[i]);
		sum += cell->buckets[i];
		buf_addf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels,
			 comma, le, (unsigned long long)sum);
	}
	snprintf(text, sizeof(text), "%s_count", name);
	metrics_sample(out, text, labels, (double)cell->count);
	snprintf(text, sizeof(text), "%s_sum", name);
	metrics_sample(out, text, labels, metrics_seconds(m, cell->sum));
}

static void metrics_labels(char *dst, size_t size, int api, int outcome)
{
	const struct outcome_info *o = outcome_info((enum outcome)outcome);
	const struct api *a = api_row((enum api_id)api);

	snprintf(dst, size,
		 "cause=\"%s\",exception=\"%s\",method=\"%s\",outcome=\"%s\","
		 "status=\"%d\",uri=\"%s\"", o->cause, o->exception, a->method,
		 outcome_class(o->status), o->status, a->uri);
}

static void metrics_requests(const struct metrics *m, struct buf *out,
			     bool max)
{
	for (int i = 0; i < APIS; i++) {
		for (int j = 0; j < OUTCOMES; j++) {
			const struct metrics_cell *cell = &m->cells[i][j];
			char labels[256];

			if (!cell->count)
				continue;
			metrics_labels(labels, sizeof(labels), i, j);
			if (max)
				metrics_sample(out,
					"http_server_requests_seconds_max",
					labels,
					metrics_seconds(m, cell->max));
			else
				metrics_cell_render(m, out,
					"http_server_requests_seconds", cell,
					labels);
		}
	}
}

static void metrics_holds(const struct metrics *m, struct buf *out,
			  const char *name, const char *help, bool asked)
{
	metrics_head(out, name, "counter", help);
	for (int i = 0; i < HOLD_KINDS; i++) {
		const struct metrics_hold *h = &m->holds[i];
		char labels[96];

		snprintf(labels, sizeof(labels), "api=\"%s\",where=\"%s\"",
			 metrics_hold_names[i],
			 i == HOLD_CACHED ? "worker" : "postgres");
		metrics_sample(out, name, labels,
			       (double)(asked ? h->asked : h->achieved) /
			       1e6 * m->speed);
	}
}

void metrics_render(const struct metrics *m, struct buf *out)
{
	metrics_head(out, "http_server_requests_seconds", "histogram",
		     "drill seconds from a worker's start to the answer");
	metrics_requests(m, out, false);
	metrics_head(out, "http_server_requests_seconds_max", "gauge",
		     "longest since the start, drill seconds");
	metrics_requests(m, out, true);
	metrics_head(out, "gameday_shop_queue_wait_seconds", "histogram",
		     "drill seconds a parsed request waited for a worker");
	metrics_cell_render(m, out, "gameday_shop_queue_wait_seconds",
			    &m->wait, "");
	metrics_holds(m, out, "gameday_shop_hold_asked_seconds_total",
		      "drill seconds of service time drawn", true);
	metrics_holds(m, out, "gameday_shop_hold_seconds_total",
		      "drill seconds of service time measured where they "
		      "were spent", false);
	metrics_head(out, "gameday_shop_holds_total", "counter",
		     "service times drawn");
	for (int i = 0; i < HOLD_KINDS; i++) {
		char labels[64];

		snprintf(labels, sizeof(labels), "api=\"%s\"",
			 metrics_hold_names[i]);
		metrics_sample(out, "gameday_shop_holds_total", labels,
			       (double)m->holds[i].count);
	}
}
