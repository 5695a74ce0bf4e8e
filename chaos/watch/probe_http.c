/* SPDX-License-Identifier: Apache-2.0 */
/* GET a URL, a connection each time: how long, and was it the status wanted. */
#include <stddef.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

struct http_opts {
	char *url;
	int64_t status;
	nsec_t timeout;
};

struct http_state {
	struct addr to;
	char *text;
	struct http1_url url;
	struct http1_call *call;
	struct probe_trips trips;
};

static const struct opt http_opts[] = {
	{ .name = "status", .type = OPT_INT, .flags = OPT_NONNEG,
	  .off = offsetof(struct http_opts, status), .def = "0",
	  .help = "the status that is wanted; 0: any from 200 to 399",
	  .example = "200" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct http_opts, timeout), .def = "5s",
	  .help = "without an answer in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct http_opts, url), .help = "what is asked for",
	  .example = "staging:management/actuator/health" },
	OPT_END
};

static int http_start(struct probe *p, struct err *err)
{
	const struct http_opts *opts = probe_opts(p);
	struct http_state *st = probe_state(p);
	int rc = probe_address(p, opts->url, &st->text, &st->to, err);

	return rc ? rc : http1_url_parse(st->text, &st->url, err);
}

static void http_done(void *arg, const struct http1_reply *reply)
{
	struct probe *p = arg;
	struct http_state *st = probe_state(p);
	const struct http_opts *opts = probe_opts(p);
	bool ok = opts->status ? reply->status == opts->status
			       : reply->status >= 200 && reply->status < 400;

	st->call = NULL;
	if (reply->error) {
		probe_failed(p, "%s", reply->why);
	} else if (!ok) {
		probe_failed(p, "%s answered %d", st->text, reply->status);
	} else {
		probe_ok(p);
		probe_trip(p, &st->trips, reply->took);
	}
}

static void http_sample(struct probe *p)
{
	const struct http_opts *opts = probe_opts(p);
	struct http_state *st = probe_state(p);
	struct http1_args args = {
		.to = st->to, .allow = probe_allow(p), .method = "GET",
		.path = st->url.path,
		.host = st->url.port ? st->url.host : "localhost",
		.timeout_real = probe_real(p, opts->timeout),
		.done = http_done, .arg = p,
	};
	struct err err;

	if (!st->call &&
	    http1_call_start(probe_loop(p), &args, &st->call, &err))
		probe_failed(p, "%s", err.msg);
}

static void http_stop(struct probe *p)
{
	struct http_state *st = probe_state(p);

	if (st->call)
		http1_call_cancel(st->call);
	mem_free(st->text);
}

const struct probe_ops probe_http = {
	.name = "http",
	.summary = "GET a URL: probe.NAME.last, .p50, .p95 (s) and .ok",
	.example = "[probe health]\nkind = http\n"
		   "url = staging:management/actuator/health\n",
	.every = "1s",
	.opts = http_opts,
	.opts_size = sizeof(struct http_opts),
	.state_size = sizeof(struct http_state),
	.gauges = probe_trip_gauges,
	.start = http_start,
	.sample = http_sample,
	.stop = http_stop,
};
