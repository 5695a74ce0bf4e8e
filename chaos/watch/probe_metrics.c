/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gauges from a page in Prometheus' text format (exposition 0.0.4): each is the
 * sum over the series that its selector matches.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

struct metrics_opts {
	char *url;
	nsec_t timeout;
	struct opt_strs gauges;
};

struct metrics_state {
	struct addr to;
	char *text;
	struct http1_url url;
	struct http1_call *call;
	struct probe_query *queries;
};

static const struct opt metrics_opts[] = {
	{ .name = "gauge.*", .type = OPT_LINES,
	  .off = offsetof(struct metrics_opts, gauges),
	  .help = "a gauge: the sum over the series of a metric",
	  .example = "hikaricp_connections_active{pool=\"main\"}" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct metrics_opts, timeout), .def = "5s",
	  .help = "without the page in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct metrics_opts, url), .help = "the page",
	  .example = "staging:management/actuator/prometheus" },
	OPT_END
};

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == ':';
}

static const char *blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

/*
 * One `name="value"` at s: its length with the comma behind it, 0 at '}', -1
 * when it is broken.  *ret_len: without the comma.
 */
static long label(const char *s, size_t *ret_len)
{
	const char *p = s;

	if (*p == '}')
		return 0;
	while (name_char(*p))
		p++;
	if (p == s || *p++ != '=' || *p++ != '"')
		return -1;
	while (*p != '"') {
		if (*p == '\\')
			p++;
		if (!*p || *p == '\n')
			return -1;
		p++;
	}
	*ret_len = (size_t)(++p - s);
	p = blanks(p);
	if (*p == ',')
		p = blanks(p + 1);
	return p - s;
}

/* Does the list of labels at s (behind its '{') have this one? */
static bool has_label(const char *s, const char *want, size_t len)
{
	size_t have;
	long step;

	while ((step = label(s, &have)) > 0) {
		if (have == len && !memcmp(s, want, len))
			return true;
		s += step;
	}
	return false;
}

/* Behind the '}' that ends the labels; NULL when they are broken. */
static const char *behind_labels(const char *s)
{
	size_t len;
	long step;

	while ((step = label(s, &len)) > 0)
		s += step;
	return step < 0 ? NULL : s + 1;
}

/* Every label of the selector stands in the series. */
static bool labels_match(const char *series, const char *selector)
{
	size_t len;
	long step;

	if (*selector != '{')
		return true;
	selector = blanks(selector + 1);
	while ((step = label(selector, &len)) > 0) {
		if (*series != '{' ||
		    !has_label(blanks(series + 1), selector, len))
			return false;
		selector += step;
	}
	return step == 0;
}

/* The value of a line's series; false: broken, or NaN. */
static bool series_value(const char *s, double *ret)
{
	char *end;

	if (*s == '{')
		s = behind_labels(blanks(s + 1));
	if (!s || (*s != ' ' && *s != '\t'))
		return false;
	s = blanks(s);
	*ret = strtod(s, &end);
	return end != s && !isnan(*ret);
}

double probe_metrics_sum(const char *text, const char *selector)
{
	size_t len = strcspn(selector, "{");
	double sum = NAN, value;

	while (len && isspace((unsigned char)selector[len - 1]))
		len--;
	for (const char *s = text; s; s = strchr(s, '\n')) {
		if (*s == '\n')
			s++;
		if (strncmp(s, selector, len) || name_char(s[len]) ||
		    !labels_match(s + len, blanks(selector + len)) ||
		    !series_value(s + len, &value))
			continue;
		sum = isnan(sum) ? value : sum + value;
	}
	return sum;
}

int probe_metrics_check(const char *selector, struct err *err)
{
	const char *p = selector;

	while (name_char(*p))
		p++;
	if (p == selector || isdigit((unsigned char)*selector))
		return err_set(err, -EINVAL, "'%s' is no metric", selector);
	p = blanks(p);
	if (*p == '{')
		p = behind_labels(blanks(p + 1));
	if (!p || *blanks(p))
		return err_set(err, -EINVAL,
			       "'%s' is no selector (want NAME or "
			       "NAME{label=\"value\"})", selector);
	return 0;
}

static int metrics_check(const struct probe_conf *conf, struct err *err)
{
	const struct metrics_opts *opts = conf->opts;
	struct probe_query *v = probe_queries(&opts->gauges);
	int rc = 0;

	for (size_t i = 0; i < opts->gauges.n && !rc; i++)
		rc = probe_metrics_check(v[i].text, err);
	probe_queries_free(v, opts->gauges.n);
	return rc;
}

static int metrics_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
			  void *arg)
{
	const struct metrics_opts *opts = conf->opts;

	return probe_query_gauges(&opts->gauges, fn, arg);
}

static int metrics_start(struct probe *p, struct err *err)
{
	const struct metrics_opts *opts = probe_opts(p);
	struct metrics_state *st = probe_state(p);
	int rc = probe_address(p, opts->url, &st->text, &st->to, err);

	st->queries = probe_queries(&opts->gauges);
	return rc ? rc : http1_url_parse(st->text, &st->url, err);
}

static void metrics_done(void *arg, const struct http1_reply *reply)
{
	struct probe *p = arg;
	const struct metrics_opts *opts = probe_opts(p);
	struct metrics_state *st = probe_state(p);

	st->call = NULL;
	if (reply->error) {
		probe_failed(p, "%s", reply->why);
		return;
	}
	if (reply->status != 200) {
		probe_failed(p, "%s answered %d", st->text, reply->status);
		return;
	}
	probe_ok(p);
	for (size_t i = 0; i < opts->gauges.n; i++)
		probe_set_gauge(p, st->queries[i].gauge,
				probe_metrics_sum(reply->body,
						  st->queries[i].text));
}

static void metrics_sample(struct probe *p)
{
	const struct metrics_opts *opts = probe_opts(p);
	struct metrics_state *st = probe_state(p);
	struct http1_args args = {
		.to = st->to, .allow = probe_allow(p), .method = "GET",
		.path = st->url.path,
		.host = st->url.port ? st->url.host : "localhost",
		.timeout_real = probe_real(p, opts->timeout),
		.done = metrics_done, .arg = p,
	};
	struct err err;

	if (!st->call &&
	    http1_call_start(probe_loop(p), &args, &st->call, &err))
		probe_failed(p, "%s", err.msg);
}

static void metrics_stop(struct probe *p)
{
	const struct metrics_opts *opts = probe_opts(p);
	struct metrics_state *st = probe_state(p);

	if (st->call)
		http1_call_cancel(st->call);
	probe_queries_free(st->queries, opts->gauges.n);
	mem_free(st->text);
}

const struct probe_ops probe_metrics = {
	.name = "metrics",
	.summary = "gauges from a page in Prometheus' format, and "
		   "probe.NAME.ok",
	.example = "[probe shop]\nkind = metrics\n"
		   "url = staging:management/actuator/prometheus\n"
		   "gauge.pool.active = hikaricp_connections_active\n",
	.every = "1s",
	.opts = metrics_opts,
	.opts_size = sizeof(struct metrics_opts),
	.state_size = sizeof(struct metrics_state),
	.check = metrics_check,
	.gauges = metrics_gauges,
	.start = metrics_start,
	.sample = metrics_sample,
	.stop = metrics_stop,
};
