/* SPDX-License-Identifier: Apache-2.0 */
/* The sections that watch owns. */
#include "chaos/watch/conf.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/watch/slo.h"

#define SLO(field) offsetof(struct watch_slo, field)

static const struct opt slo_opts[] = {
	{ .name = "availability", .type = OPT_SHARE, .off = SLO(availability),
	  .help = "budget only: the share of good seconds and requests",
	  .example = "99.9%" },
	{ .name = "errors", .type = OPT_SHARE, .off = SLO(errors),
	  .flags = OPT_NONNEG, .help = "the highest share of failed requests",
	  .example = "0.1%" },
	{ .name = "latency.*", .type = OPT_LINES, .off = SLO(latency),
	  .help = "the highest latency at a percentile (latency.p95), from "
		  "the intended start",
	  .example = "2s" },
	{ .name = "monthly_requests", .type = OPT_DOUBLE,
	  .off = SLO(monthly_requests), .flags = OPT_NONNEG,
	  .help = "requests of a period, for the budget by request",
	  .example = "50000000" },
	{ .name = "period", .type = OPT_DURATION, .off = SLO(period),
	  .flags = OPT_POSITIVE, .def = "30d",
	  .help = "what the availability budget is for", .example = "30d" },
	{ .name = "throughput", .type = OPT_RATE, .off = SLO(throughput),
	  .flags = OPT_NONNEG,
	  .help = "ok answers a second; less is fine where less is due",
	  .example = "200/s" },
	OPT_END
};

const struct section_spec watch_slo_section = {
	.name = "slo", .opts = slo_opts, .size = sizeof(struct watch_slo),
	.summary = "what is normal: decides good seconds and recovery",
};

struct probe_common {
	char *kind;
	nsec_t every;
};

static const struct opt probe_opts_common[] = {
	{ .name = "every", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct probe_common, every),
	  .help = "time between samples; 1s, for a command 10s",
	  .example = "1s" },
	{ .name = "kind", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct probe_common, kind),
	  .help = "actuator, alertmanager, command, http, log, metrics, "
		  "postgres, prometheus, sql, tcp or webhook",
	  .example = "http" },
	OPT_END
};

static int unknown_kind(const char *kind, struct err *err)
{
	const char *words[16], *near;
	size_t n = 0;

	while (n < 16 && probe_table[n]) {
		words[n] = probe_table[n]->name;
		n++;
	}
	near = opt_suggest(kind, words, n);
	return err_set(err, -ENOENT,
		       near ? "unknown kind '%s' (did you mean '%s'?)"
			    : "unknown kind '%s'", kind, near);
}

static int probe_more(const struct scenario_section *s, const struct opt **ret,
		      int max, struct err *err)
{
	const char *kind = scenario_value(s, "kind");
	const struct probe_ops *ops = kind ? probe_find(kind) : NULL;

	if (!kind)
		return 0;
	if (!ops)
		return unknown_kind(kind, err);
	if (max < 1)
		return -ENOSPC;
	ret[0] = ops->opts;
	return 1;
}

const struct section_spec watch_probe_section = {
	.name = "probe", .arg = "NAME", .many = true,
	.opts = probe_opts_common, .size = sizeof(struct probe_common),
	.more = probe_more, .summary = "a source of gauges, and of alerts",
};

struct detection {
	char *severity;
};

static const struct opt detection_opts[] = {
	{ .name = "severity", .type = OPT_STR,
	  .off = offsetof(struct detection, severity), .def = "critical",
	  .help = "the first alert of this severity is the detection",
	  .example = "critical" },
	OPT_END
};

const struct section_spec watch_detection_section = {
	.name = "detection", .opts = detection_opts,
	.size = sizeof(struct detection),
	.summary = "which alert counts as detected",
};

struct recovery {
	nsec_t stable_for;
};

static const struct opt recovery_opts[] = {
	{ .name = "stable_for", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct recovery, stable_for), .def = "60s",
	  .help = "how long seconds must stay good to have recovered",
	  .example = "60s" },
	OPT_END
};

const struct section_spec watch_recovery_section = {
	.name = "recovery", .opts = recovery_opts,
	.size = sizeof(struct recovery), .summary = "when it is over",
};

static void read_slo(struct watch_conf *c, const struct scenario *sc,
		     struct errs *errs)
{
	const struct scenario_section *s = scenario_section(sc, "slo", 0);
	struct slo_target target;
	struct err err;

	if (!s) {
		opt_defaults(slo_opts, &c->slo);
		return;
	}
	scenario_fill(s, slo_opts, &c->slo, errs);
	for (size_t i = 0; i < c->slo.latency.n; i++)
		if (i >= SLO_LATENCY_MAX)
			errs_add(errs, s->file, c->slo.latency.lines[i],
				 "at most %d latency targets",
				 SLO_LATENCY_MAX);
		else if (slo_target_parse(c->slo.latency.v[i], &target, &err))
			errs_add(errs, s->file, c->slo.latency.lines[i], "%s",
				 err.msg);
}

static void read_probe(struct probe_conf *probe,
		       const struct scenario_section *s, struct errs *errs)
{
	struct probe_common common = { 0 };
	size_t before = errs->n;
	struct err err;

	scenario_fill(s, probe_opts_common, &common, errs);
	probe->name = mem_strdup(s->arg);
	probe->section = s;
	probe->ops = common.kind ? probe_find(common.kind) : NULL;
	probe->every = common.every;
	opt_done(probe_opts_common, &common);
	if (!probe->ops)
		return;		/* the section's own check has said so */
	if (!scenario_value(s, "every") &&
	    units_duration(probe->ops->every, &probe->every, &err))
		scenario_error(s, "every", errs, "%s", err.msg);
	probe->opts = mem_zalloc(probe->ops->opts_size);
	scenario_fill(s, probe->ops->opts, probe->opts, errs);
	if (errs->n == before && probe->ops->check &&
	    probe->ops->check(probe, &err))
		scenario_error(s, NULL, errs, "%s", err.msg);
}

static void read_probes(struct watch_conf *c, const struct scenario *sc,
			struct errs *errs)
{
	size_t n = scenario_count(sc, "probe");

	c->probes = mem_calloc(n, sizeof(*c->probes));
	for (size_t i = 0; i < n; i++, c->n_probes++)
		read_probe(&c->probes[i], scenario_section(sc, "probe", i),
			   errs);
}

static void read_scalars(struct watch_conf *c, const struct scenario *sc,
			 struct errs *errs)
{
	static const struct scenario_section none = { .name = NULL };
	const struct scenario_section *s;
	struct detection detection = { 0 };
	struct recovery recovery = { 0 };

	s = scenario_section(sc, "detection", 0);
	scenario_fill(s ? s : &none, detection_opts, &detection, errs);
	c->severity = detection.severity;
	s = scenario_section(sc, "recovery", 0);
	scenario_fill(s ? s : &none, recovery_opts, &recovery, errs);
	c->stable_for = recovery.stable_for;
}

void watch_conf_read(const struct scenario *sc, struct watch_conf **ret,
		     struct errs *errs)
{
	struct watch_conf *c = mem_zalloc(sizeof(*c));

	*ret = c;
	read_slo(c, sc, errs);
	watch_conf_read_detectors(c, sc, errs);
	read_probes(c, sc, errs);
	watch_conf_read_thresholds(c, sc, errs);
	read_scalars(c, sc, errs);
}

void watch_conf_free(struct watch_conf *c)
{
	if (!c)
		return;
	opt_done(slo_opts, &c->slo);
	watch_conf_free_detectors(c);
	for (size_t i = 0; i < c->n_probes; i++) {
		if (c->probes[i].opts)
			opt_done(c->probes[i].ops->opts, c->probes[i].opts);
		mem_free(c->probes[i].opts);
		mem_free(c->probes[i].name);
	}
	watch_conf_free_thresholds(c);
	mem_free(c->probes);
	mem_free(c->severity);
	mem_free(c);
}

const struct watch_slo *watch_conf_slo(const struct watch_conf *c)
{
	return &c->slo;
}

nsec_t watch_conf_stable_for(const struct watch_conf *c)
{
	return c->stable_for;
}

const char *watch_conf_severity(const struct watch_conf *c)
{
	return c->severity;
}

int watch_conf_visit(const struct watch_conf *c,
		     int (*fn)(void *arg, const struct scenario_section *s,
			       const char *key, const struct expr *e),
		     void *arg)
{
	int rc = 0;

	for (size_t i = 0; i < c->n_detectors && !rc; i++)
		rc = fn(arg, c->detector_sections[i], "when",
			c->detectors[i].when);
	for (size_t i = 0; i < c->n_thresholds && !rc; i++)
		rc = fn(arg, c->thresholds[i].section, "when",
			c->thresholds[i].when);
	return rc;
}
