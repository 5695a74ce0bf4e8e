/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a Prometheus: instant queries, one after the other, and its ALERTS.  A
 * series that is stale there has no value, and the gauge is unknown.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "chaos/base/mem.h"
#include "chaos/watch/board.h"
#include "chaos/watch/probe_get.h"
#include "chaos/watch/probes.h"

#define ALERTS_QUERY "{__name__=~\"ALERTS|ALERTS_FOR_STATE\"}"

struct prometheus_opts {
	char *url;
	nsec_t timeout;
	struct opt_strs gauges;
	bool alerts;
};

struct prometheus_state {
	struct probe_get get;
	struct probe_query *queries;
	struct board board;
	struct probe_trips trips;
	size_t next;		/* query of this sample; n: the alerts */
	bool warned;
};

static const struct opt prometheus_opts[] = {
	{ .name = "alerts", .type = OPT_BOOL, .def = "yes",
	  .off = offsetof(struct prometheus_opts, alerts),
	  .help = "its alerts count, as its rules have them" },
	{ .name = "gauge.*", .type = OPT_LINES,
	  .off = offsetof(struct prometheus_opts, gauges),
	  .help = "a gauge: an instant query with one series as its answer",
	  .example = "sum(rate(http_requests_total[1m]))" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct prometheus_opts, timeout), .def = "5s",
	  .help = "without an answer in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct prometheus_opts, url),
	  .help = "of the Prometheus, without /api",
	  .example = "http://127.0.0.1:9090" },
	OPT_END
};

static int prometheus_start(struct probe *p, struct err *err)
{
	const struct prometheus_opts *opts = probe_opts(p);
	struct prometheus_state *st = probe_state(p);

	st->queries = probe_queries(&opts->gauges);
	return probe_get_init(&st->get, p, opts->url, err);
}

static void ask(struct probe *p);

static int take_gauge(struct probe *p, const struct http1_reply *reply,
		      size_t i)
{
	struct prometheus_state *st = probe_state(p);
	double value;
	struct err err;
	int rc = notice_number(reply->body, reply->body_len, &value, &err);

	if (rc && rc != -ENODATA)
		probe_warn(p, "%s: %s", st->queries[i].gauge, err.msg);
	probe_set_gauge(p, st->queries[i].gauge, rc ? NAN : value);
	return rc == -ENODATA ? 0 : rc;
}

static int take_alerts(struct probe *p, const struct http1_reply *reply)
{
	struct prometheus_state *st = probe_state(p);
	struct notices n;
	struct err err;
	int rc = notices_query(reply->body, reply->body_len, &n, &err);

	if (rc)
		probe_warn(p, "ALERTS: %s", err.msg);
	else
		board_update(&st->board, p, &n, "prometheus", true);
	notices_done(&n);
	return rc;
}

static void prometheus_done(void *arg, const struct http1_reply *reply)
{
	struct probe *p = arg;
	const struct prometheus_opts *opts = probe_opts(p);
	struct prometheus_state *st = probe_state(p);
	size_t i = st->next++;
	int rc;

	if (!probe_get_ok(&st->get, p, reply))
		return;
	probe_trip(p, &st->trips, reply->took);
	rc = i < opts->gauges.n ? take_gauge(p, reply, i)
				: take_alerts(p, reply);
	st->warned |= rc != 0;
	if (st->next < opts->gauges.n + (opts->alerts ? 1 : 0))
		ask(p);
	else if (!st->warned)
		probe_ok(p);
}

static void ask(struct probe *p)
{
	const struct prometheus_opts *opts = probe_opts(p);
	struct prometheus_state *st = probe_state(p);
	const char *query = st->next < opts->gauges.n
				    ? st->queries[st->next].text
				    : ALERTS_QUERY;
	AUTO_FREE char *escaped = probe_get_escape(query);
	AUTO_FREE char *path = mem_printf("/api/v1/query?query=%s", escaped);

	probe_get_start(&st->get, p, path, opts->timeout, prometheus_done, p);
}

static void prometheus_sample(struct probe *p)
{
	const struct prometheus_opts *opts = probe_opts(p);
	struct prometheus_state *st = probe_state(p);

	if (st->get.call || !(opts->gauges.n || opts->alerts))
		return;
	st->next = 0;
	st->warned = false;
	ask(p);
}

static int prometheus_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
			     void *arg)
{
	const struct prometheus_opts *opts = conf->opts;
	int rc = probe_trip_gauges(conf, fn, arg);

	return rc ? rc : probe_query_gauges(&opts->gauges, fn, arg);
}

static void prometheus_stop(struct probe *p)
{
	const struct prometheus_opts *opts = probe_opts(p);
	struct prometheus_state *st = probe_state(p);

	probe_get_done(&st->get);
	probe_queries_free(st->queries, opts->gauges.n);
	board_done(&st->board);
}

const struct probe_ops probe_prometheus = {
	.name = "prometheus",
	.summary = "a Prometheus' queries as gauges, and its alerts: "
		   "probe.NAME.last, .p50, .p95 (s) and .ok",
	.example = "[probe prom]\nkind = prometheus\n"
		   "url = http://127.0.0.1:9090\n"
		   "gauge.http.rate = sum(rate(http_requests_total[1m]))\n",
	.every = "1s",
	.opts = prometheus_opts,
	.opts_size = sizeof(struct prometheus_opts),
	.state_size = sizeof(struct prometheus_state),
	.gauges = prometheus_gauges,
	.start = prometheus_start,
	.sample = prometheus_sample,
	.stop = prometheus_stop,
};
