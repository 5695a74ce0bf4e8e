/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sliding windows.  Counts lie in a ring and are summed when asked: a minute of
 * four APIs is 240 additions.  A second's latencies are kept encoded, some
 * hundred bytes each, and the windows that were asked for since the last second
 * are remembered, because conditions repeat them.
 */
#include "chaos/watch/windows.h"

#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/watch/scope.h"

enum { MERGED_MAX = 16 };

struct cell {
	struct windows_sum sum;
	struct buf latency;	/* encoded; empty: none */
};

/* Latencies of one window, as of the last second. */
struct merged {
	uint64_t scope;
	int64_t seconds;
	struct hist *hist;
};

struct windows {
	struct load_scopes scopes;
	size_t n_apis;
	struct cell *cells;	/* [second % WINDOWS_SECONDS][api] */
	int64_t first, last;	/* seconds; valid if any */
	bool any;
	struct merged merged[MERGED_MAX];
	size_t n_merged;
	struct hist *scratch;
	/* The baseline by API; NULL before the freeze. */
	struct windows_sum *base;
	struct hist **base_latency;
};

/* The order of enum load_cause; chaos/load is a sibling and not linked. */
static const char *const causes[LOAD_CAUSES] = {
	[LOAD_CONNECT] = "connect", [LOAD_TIMEOUT] = "timeout",
	[LOAD_RESET] = "reset", [LOAD_5XX] = "5xx", [LOAD_429] = "429",
	[LOAD_PROTOCOL] = "protocol", [LOAD_CHECK] = "check",
};

int windows_cause(const char *name)
{
	for (int i = 0; i < LOAD_CAUSES; i++)
		if (!strcmp(causes[i], name))
			return i;
	return -ENOENT;
}

int windows_percentile(const char *func, double *ret)
{
	static const char head[] = "latency.p";

	if (strncmp(func, head, sizeof(head) - 1) ||
	    units_double(func + sizeof(head) - 1, ret, NULL) || *ret <= 0 ||
	    *ret > 100)
		return -ENOENT;
	return 0;
}

struct windows *windows_new(const struct load_scopes *scopes)
{
	struct windows *w = mem_zalloc(sizeof(*w));

	w->scopes = *scopes;
	w->n_apis = scopes->n_apis;
	w->cells = mem_calloc(w->n_apis * WINDOWS_SECONDS, sizeof(*w->cells));
	/* Touched now, so that a run's memory does not creep for 20 minutes. */
	memset(w->cells, 0, w->n_apis * WINDOWS_SECONDS * sizeof(*w->cells));
	w->scratch = hist_new();
	return w;
}

static void drop_merged(struct windows *w)
{
	for (size_t i = 0; i < w->n_merged; i++)
		hist_free(w->merged[i].hist);
	w->n_merged = 0;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	drop_merged(w);
	for (size_t i = 0; i < w->n_apis * WINDOWS_SECONDS; i++)
		buf_done(&w->cells[i].latency);
	for (size_t i = 0; w->base_latency && i < w->n_apis; i++)
		hist_free(w->base_latency[i]);
	mem_free(w->base_latency);
	mem_free(w->base);
	mem_free(w->cells);
	hist_free(w->scratch);
	mem_free(w);
}

static struct cell *cell_at(const struct windows *w, int64_t second, size_t api)
{
	int64_t slot = second % WINDOWS_SECONDS;

	if (slot < 0)
		slot += WINDOWS_SECONDS;
	return &w->cells[(size_t)slot * w->n_apis + api];
}

static void empty_second(struct windows *w, int64_t second)
{
	struct cell *c;

	for (size_t i = 0; i < w->n_apis; i++) {
		c = cell_at(w, second, i);
		buf_done(&c->latency);
		*c = (struct cell){ 0 };
		/* What no latency window reaches any more is freed. */
		c = cell_at(w, second - WINDOWS_LATENCY_SECONDS, i);
		buf_done(&c->latency);
	}
}

void windows_sum_row(struct windows_sum *sum, const struct load_row *row)
{
	sum->due += row->due;
	sum->ok += row->ok;
	sum->client += row->client;
	sum->business += row->business;
	sum->checks_ok += row->checks_ok;
	sum->checks_failed += row->checks_failed;
	for (int i = 0; i < LOAD_CAUSES; i++)
		sum->failed[i] += row->failed[i];
}

void windows_sum_add(struct windows_sum *to, const struct windows_sum *from)
{
	to->due += from->due;
	to->ok += from->ok;
	to->client += from->client;
	to->business += from->business;
	to->checks_ok += from->checks_ok;
	to->checks_failed += from->checks_failed;
	for (int i = 0; i < LOAD_CAUSES; i++)
		to->failed[i] += from->failed[i];
}

/* The latencies of an API in all phases of the second, encoded. */
static void add_latency(struct windows *w, struct cell *c, size_t api,
			const struct load_row *rows, size_t n)
{
	const struct hist *one = NULL;
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (rows[i].api == api && rows[i].response &&
		    hist_count(rows[i].response)) {
			one = rows[i].response;
			found++;
		}
	if (!found)
		return;
	if (found > 1) {
		hist_reset(w->scratch);
		for (size_t i = 0; i < n; i++)
			if (rows[i].api == api && rows[i].response)
				hist_merge(w->scratch, rows[i].response);
		one = w->scratch;
	}
	hist_encode(one, &c->latency);
}

void windows_add(struct windows *w, int64_t second,
		 const struct load_row *rows, size_t n)
{
	int64_t from = second;

	if (w->any && second <= w->last)
		return;
	if (w->any && second - w->last <= WINDOWS_SECONDS)
		from = w->last + 1;
	else
		w->first = second;
	for (int64_t s = from; s <= second; s++)
		empty_second(w, s);
	w->any = true;
	w->last = second;
	for (size_t i = 0; i < n; i++)
		if (rows[i].api < w->n_apis)
			windows_sum_row(&cell_at(w, second, rows[i].api)->sum,
					&rows[i]);
	for (size_t i = 0; i < w->n_apis; i++)
		add_latency(w, cell_at(w, second, i), i, rows, n);
	drop_merged(w);
}

/* Seconds that there are of a window. */
static int64_t there_are(const struct windows *w, int64_t seconds)
{
	int64_t have = w->last - w->first + 1;

	if (have > WINDOWS_SECONDS)
		have = WINDOWS_SECONDS;
	return seconds < have ? seconds : have;
}

static void sum_scope(const struct windows *w, uint64_t scope, int64_t seconds,
		      struct windows_sum *ret)
{
	int64_t n = there_are(w, seconds);

	*ret = (struct windows_sum){ .seconds = (double)n };
	for (int64_t s = w->last - n + 1; s <= w->last; s++)
		for (size_t i = 0; i < w->n_apis; i++)
			if (scope_has(scope, i))
				windows_sum_add(ret, &cell_at(w, s, i)->sum);
}

int windows_sum(const struct windows *w, const char *scope, int64_t seconds,
		struct windows_sum *ret)
{
	uint64_t set;
	int rc = scope_find(&w->scopes, scope, &set);

	if (rc)
		return rc;
	if (!w->any || !w->n_apis)
		return -ENODATA;
	sum_scope(w, set, seconds, ret);
	return 0;
}

uint64_t windows_sum_failed(const struct windows_sum *s)
{
	uint64_t n = 0;

	for (int i = 0; i < LOAD_CAUSES; i++)
		n += s->failed[i];
	return n;
}

uint64_t windows_sum_done(const struct windows_sum *s)
{
	return s->ok + s->client + s->business + windows_sum_failed(s);
}

static struct hist *merge(const struct windows *w, uint64_t scope,
			  int64_t seconds)
{
	struct hist *h = hist_new();
	const struct cell *c;
	int64_t n = there_are(w, seconds);

	if (n > WINDOWS_LATENCY_SECONDS)
		n = WINDOWS_LATENCY_SECONDS;
	for (int64_t s = w->last - n + 1; s <= w->last; s++)
		for (size_t i = 0; i < w->n_apis; i++) {
			c = cell_at(w, s, i);
			/* Own encoding: it cannot be broken. */
			if (scope_has(scope, i) && c->latency.len &&
			    hist_decode(h, c->latency.data, c->latency.len,
					NULL))
				continue;
		}
	return h;
}

static const struct hist *latencies(struct windows *w, uint64_t scope,
				    int64_t seconds)
{
	struct merged *m;

	for (size_t i = 0; i < w->n_merged; i++)
		if (w->merged[i].scope == scope &&
		    w->merged[i].seconds == seconds)
			return w->merged[i].hist;
	if (w->n_merged == MERGED_MAX)
		drop_merged(w);
	m = &w->merged[w->n_merged++];
	*m = (struct merged){
		.scope = scope, .seconds = seconds,
		.hist = merge(w, scope, seconds),
	};
	return m->hist;
}

static int percentile_of(const struct hist *h, double p, double *ret)
{
	if (!hist_count(h))
		return -ENODATA;
	*ret = (double)hist_percentile(h, p) / NSEC_SEC;
	return 0;
}

static int share_of(uint64_t part, uint64_t all, double *ret)
{
	if (!all)
		return -ENODATA;
	*ret = (double)part / (double)all;
	return 0;
}

static int errors_of(const struct windows_sum *sum, const char *cause,
		     double *ret)
{
	(void)cause;
	return share_of(windows_sum_failed(sum), windows_sum_done(sum), ret);
}

/* What the client got wrong: no failure of the service. */
static int client_of(const struct windows_sum *sum, const char *cause,
		     double *ret)
{
	(void)cause;
	return share_of(sum->client, windows_sum_done(sum), ret);
}

static int failed_of(const struct windows_sum *sum, const char *cause,
		     double *ret)
{
	int index = cause ? windows_cause(cause) : 0;

	if (index < 0)
		return index;
	*ret = (double)(cause ? sum->failed[index] : windows_sum_failed(sum));
	return 0;
}

static int throughput_of(const struct windows_sum *sum, const char *cause,
			 double *ret)
{
	(void)cause;
	if (sum->seconds <= 0)
		return -ENODATA;
	*ret = (double)sum->ok / sum->seconds;
	return 0;
}

static int offered_of(const struct windows_sum *sum, const char *cause,
		      double *ret)
{
	(void)cause;
	if (sum->seconds <= 0)
		return -ENODATA;
	*ret = (double)sum->due / sum->seconds;
	return 0;
}

static int checks_of(const struct windows_sum *sum, const char *cause,
		     double *ret)
{
	(void)cause;
	return share_of(sum->checks_ok, sum->checks_ok + sum->checks_failed,
			ret);
}

static const struct counted {
	const char *func;
	int (*value)(const struct windows_sum *sum, const char *cause,
		     double *ret);
} counted[] = {
	{ "checks", checks_of },
	{ "client", client_of },
	{ "errors", errors_of },
	{ "failed", failed_of },
	{ "offered", offered_of },
	{ "throughput", throughput_of },
};

int windows_count(const struct windows_sum *sum, const char *func,
		  const char *cause, double *ret)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (!strcmp(counted[i].func, func))
			return counted[i].value(sum, cause, ret);
	return -ENOENT;
}

int windows_value(struct windows *w, const char *func, const char *scope,
		  nsec_t window, const char *cause, double *ret)
{
	int64_t seconds = window ? (window + NSEC_SEC - 1) / NSEC_SEC
				 : WINDOWS_DEFAULT_SECONDS;
	struct windows_sum sum;
	uint64_t set;
	double p;
	int rc = scope_find(&w->scopes, scope, &set);

	if (rc)
		return rc;
	if (!w->any || !w->n_apis)
		return -ENODATA;
	if (!windows_percentile(func, &p))
		return percentile_of(latencies(w, set, seconds), p, ret);
	sum_scope(w, set, seconds, &sum);
	return windows_count(&sum, func, cause, ret);
}

void windows_freeze(struct windows *w)
{
	if (w->base || !w->any)
		return;
	w->base = mem_calloc(w->n_apis + 1, sizeof(*w->base));
	w->base_latency = mem_calloc(w->n_apis + 1, sizeof(struct hist *));
	for (size_t i = 0; i < w->n_apis; i++) {
		sum_scope(w, UINT64_C(1) << i, WINDOWS_SECONDS, &w->base[i]);
		w->base_latency[i] = merge(w, UINT64_C(1) << i,
					   WINDOWS_SECONDS);
	}
}

static int base_percentile(const struct windows *w, uint64_t set, double p,
			   double *ret)
{
	struct hist *sum = hist_new();
	int rc;

	for (size_t i = 0; i < w->n_apis; i++)
		if (scope_has(set, i))
			hist_merge(sum, w->base_latency[i]);
	rc = percentile_of(sum, p, ret);
	hist_free(sum);
	return rc;
}

int windows_baseline(struct windows *w, const char *func, const char *scope,
		     double *ret)
{
	struct windows_sum sum = { 0 };
	uint64_t set;
	double p;
	int rc = scope_find(&w->scopes, scope, &set);

	if (rc)
		return rc;
	if (!w->base)
		return -ENODATA;
	if (!windows_percentile(func, &p))
		return base_percentile(w, set, p, ret);
	for (size_t i = 0; i < w->n_apis; i++)
		if (scope_has(set, i)) {
			windows_sum_add(&sum, &w->base[i]);
			sum.seconds = w->base[i].seconds;
		}
	return windows_count(&sum, func, NULL, ret);
}
