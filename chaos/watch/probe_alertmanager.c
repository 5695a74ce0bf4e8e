/* SPDX-License-Identifier: Apache-2.0 */
/* Asks Alertmanager's API v2 which alerts there are. */
#include <stddef.h>

#include "chaos/base/mem.h"
#include "chaos/watch/board.h"
#include "chaos/watch/probe_get.h"
#include "chaos/watch/probes.h"

struct alertmanager_opts {
	char *url;
	nsec_t timeout;
};

struct alertmanager_state {
	struct probe_get get;
	struct board board;
	struct probe_trips trips;
};

static const struct opt alertmanager_opts[] = {
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct alertmanager_opts, timeout), .def = "5s",
	  .help = "without an answer in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct alertmanager_opts, url),
	  .help = "of the Alertmanager, without /api",
	  .example = "http://127.0.0.1:9093" },
	OPT_END
};

static int alertmanager_start(struct probe *p, struct err *err)
{
	const struct alertmanager_opts *opts = probe_opts(p);
	struct alertmanager_state *st = probe_state(p);

	return probe_get_init(&st->get, p, opts->url, err);
}

static void alertmanager_done(void *arg, const struct http1_reply *reply)
{
	struct probe *p = arg;
	struct alertmanager_state *st = probe_state(p);
	struct notices n;
	struct err err;

	if (!probe_get_ok(&st->get, p, reply))
		return;
	if (notices_api(reply->body, reply->body_len, &n, &err)) {
		probe_failed(p, "%s: %s", st->get.text, err.msg);
		return;
	}
	probe_ok(p);
	probe_trip(p, &st->trips, reply->took);
	board_update(&st->board, p, &n, "alertmanager", true);
	notices_done(&n);
}

static void alertmanager_sample(struct probe *p)
{
	const struct alertmanager_opts *opts = probe_opts(p);
	struct alertmanager_state *st = probe_state(p);

	probe_get_start(&st->get, p, "/api/v2/alerts", opts->timeout,
			alertmanager_done, p);
}

static void alertmanager_stop(struct probe *p)
{
	struct alertmanager_state *st = probe_state(p);

	probe_get_done(&st->get);
	board_done(&st->board);
}

const struct probe_ops probe_alertmanager = {
	.name = "alertmanager",
	.summary = "alerts that an Alertmanager has (API v2): probe.NAME.last, "
		   ".p50, .p95 (s) and .ok",
	.example = "[probe am]\nkind = alertmanager\n"
		   "url = http://127.0.0.1:9093\n",
	.every = "1s",
	.opts = alertmanager_opts,
	.opts_size = sizeof(struct alertmanager_opts),
	.state_size = sizeof(struct alertmanager_state),
	.gauges = probe_trip_gauges,
	.start = alertmanager_start,
	.sample = alertmanager_sample,
	.stop = alertmanager_stop,
};
