/* SPDX-License-Identifier: Apache-2.0 */
/* Spring Boot Actuator's health: UP or not, as a whole and by component. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/watch/probe_get.h"
#include "chaos/watch/probes.h"

struct actuator_opts {
	char *url;
	nsec_t timeout;
	struct opt_strs components;
};

struct actuator_state {
	struct probe_get get;
	struct probe_trips trips;
};

static const struct opt actuator_opts[] = {
	{ .name = "components", .type = OPT_STRS,
	  .off = offsetof(struct actuator_opts, components),
	  .help = "those that have a gauge of their own, probe.NAME.COMPONENT",
	  .example = "db, redis" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct actuator_opts, timeout), .def = "5s",
	  .help = "without an answer in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct actuator_opts, url), .help = "of the health",
	  .example = "http://127.0.0.1:8081/actuator/health" },
	OPT_END
};

static int actuator_start(struct probe *p, struct err *err)
{
	const struct actuator_opts *opts = probe_opts(p);
	struct actuator_state *st = probe_state(p);

	return probe_get_init(&st->get, p, opts->url, err);
}

/* Unknown where it says nothing; OUT_OF_SERVICE and the like are not up. */
static void set_up(struct probe *p, const char *what, const json_t *of)
{
	const char *status = json_str(of, "status", NULL);

	probe_set(p, what, !status ? NAN : !strcmp(status, "UP"));
}

static void take_health(struct probe *p, const json_t *root)
{
	const struct actuator_opts *opts = probe_opts(p);
	const json_t *parts = json_object_get(root, "components");

	if (!parts)	/* Spring Boot 2.1 and before */
		parts = json_object_get(root, "details");
	set_up(p, "up", root);
	for (size_t i = 0; i < opts->components.n; i++)
		set_up(p, opts->components.v[i],
		       json_object_get(parts, opts->components.v[i]));
}

/* A health that is down is answered 503: that is an answer. */
static void actuator_done(void *arg, const struct http1_reply *reply)
{
	struct probe *p = arg;
	struct actuator_state *st = probe_state(p);
	json_t *root = NULL;
	struct err err;

	st->get.call = NULL;
	if (reply->error) {
		probe_failed(p, "%s", reply->why);
		return;
	}
	if (json_parse(reply->body, reply->body_len, &root, &err) ||
	    !json_str(root, "status", NULL)) {
		probe_failed(p, "%s answered %d, which is no health",
			     st->get.text, reply->status);
	} else {
		probe_ok(p);
		probe_trip(p, &st->trips, reply->took);
		take_health(p, root);
	}
	json_decref(root);
}

static void actuator_sample(struct probe *p)
{
	const struct actuator_opts *opts = probe_opts(p);
	struct actuator_state *st = probe_state(p);

	probe_get_start(&st->get, p, NULL, opts->timeout, actuator_done, p);
}

static void actuator_stop(struct probe *p)
{
	struct actuator_state *st = probe_state(p);

	probe_get_done(&st->get);
}

static int actuator_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
			   void *arg)
{
	static const char *const up[] = { "up", NULL };
	const struct actuator_opts *opts = conf->opts;
	int rc = probe_trip_gauges(conf, fn, arg);

	if (!rc)
		rc = probe_own_gauges(conf, up, fn, arg);
	for (size_t i = 0; i < opts->components.n && !rc; i++) {
		const char *const one[] = { opts->components.v[i], NULL };

		rc = probe_own_gauges(conf, one, fn, arg);
	}
	return rc;
}

const struct probe_ops probe_actuator = {
	.name = "actuator",
	.summary = "Spring Boot Actuator's health: probe.NAME.up, .COMPONENT "
		   "(1 or 0), .last, .p50, .p95 (s) and .ok",
	.example = "[probe health]\nkind = actuator\n"
		   "url = http://127.0.0.1:8081/actuator/health\n"
		   "components = db\n",
	.every = "1s",
	.opts = actuator_opts,
	.opts_size = sizeof(struct actuator_opts),
	.state_size = sizeof(struct actuator_state),
	.gauges = actuator_gauges,
	.start = actuator_start,
	.sample = actuator_sample,
	.stop = actuator_stop,
};
