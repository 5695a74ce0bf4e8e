/* SPDX-License-Identifier: Apache-2.0 */
/* [detect NAME]: a condition, or a kind that is one in the end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/burn.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/watch/conf.h"

#define DETECT(field) offsetof(struct detector_conf, field)

static const char *const kinds[] = {
	[DETECTOR_CONDITION] = "condition", [DETECTOR_BURN_RATE] = "burn_rate",
	NULL
};

static const struct opt detect_opts[] = {
	{ .name = "for", .type = OPT_DURATION, .off = DETECT(pending_for),
	  .flags = OPT_NONNEG,
	  .help = "how long it must hold before the alert fires",
	  .example = "45s" },
	{ .name = "interval", .type = OPT_DURATION, .off = DETECT(interval),
	  .flags = OPT_POSITIVE, .def = "1s",
	  .help = "between evaluations, in whole seconds: Prometheus' "
		  "evaluation_interval",
	  .example = "15s" },
	{ .name = "keep_firing_for", .type = OPT_DURATION,
	  .off = DETECT(keep_firing_for), .flags = OPT_NONNEG,
	  .help = "how long the alert goes on when it holds no more",
	  .example = "30s" },
	{ .name = "kind", .type = OPT_ENUM, .choices = kinds,
	  .off = DETECT(kind), .def = "condition",
	  .help = "burn_rate: the [slo] availability budget is used too fast, "
		  "over a long window and still over a short one" },
	{ .name = "pairs", .type = OPT_STRS, .off = DETECT(pairs),
	  .def = "1h/5m 2%, 6h/30m 5%",
	  .help = "burn_rate: LONG/SHORT SHARE each, SHARE of the period's "
		  "budget used in LONG; for a ticket 3d/6h 10%",
	  .example = "1h/5m 2%" },
	{ .name = "scope", .type = OPT_STR, .off = DETECT(scope), .def = "all",
	  .help = "burn_rate: an API, tag:NAME, or all",
	  .example = "coupon" },
	{ .name = "severity", .type = OPT_STR, .off = DETECT(severity),
	  .def = "warning", .help = "a word; see [detection]",
	  .example = "critical" },
	{ .name = "when", .type = OPT_EXPR, .off = DETECT(when),
	  .help = "the condition (burn_rate has its own)",
	  .example = "errors(coupon, 10s) > 50%" },
	OPT_END
};

const struct section_spec watch_detect_section = {
	.name = "detect", .arg = "NAME", .many = true, .opts = detect_opts,
	.size = sizeof(struct detector_conf),
	.summary = "an alert of gameday's own, as Prometheus would have it",
};

static int parse_pair(const char *text, struct burn_pair *ret, struct err *err)
{
	size_t slash = strcspn(text, "/"), space = strcspn(text, " \t");
	AUTO_FREE char *window = mem_strndup(text, slash);
	AUTO_FREE char *brief = NULL;
	int rc = 0;

	if (!text[slash] || !text[space] || space < slash)
		return err_set(err, -EINVAL, "'%s' is no pair of windows (want "
			       "LONG/SHORT SHARE, as 1h/5m 2%%)", text);
	brief = mem_strndup(text + slash + 1, space - slash - 1);
	rc = units_duration(window, &ret->window, err);
	if (!rc)
		rc = units_duration(brief, &ret->brief, err);
	if (!rc)
		rc = units_share(text + space + strspn(text + space, " \t"),
				 &ret->share, err);
	if (!rc && (ret->brief <= 0 || ret->window <= ret->brief ||
		    ret->share <= 0 || ret->share > 1))
		rc = err_set(err, -EINVAL, "'%s': the first window must be "
			     "the longer one, the share above 0", text);
	return rc;
}

/* The workbook's rule as a condition: any pair, in both of its windows. */
static int burn_condition(struct detector_conf *d, nsec_t period,
			  struct err *err)
{
	struct buf text;
	int rc = 0;

	buf_init(&text, 4096);
	for (size_t i = 0; i < d->pairs.n && !rc; i++) {
		struct burn_pair p;
		double factor;

		rc = parse_pair(d->pairs.v[i], &p, err);
		if (rc)
			break;
		factor = burn_factor(&p, period);
		buf_addf(&text, "%sburn(%s, %llds) > %.6g and "
			 "burn(%s, %llds) > %.6g", i ? " or " : "", d->scope,
			 (long long)(p.window / NSEC_SEC), factor, d->scope,
			 (long long)(p.brief / NSEC_SEC), factor);
	}
	if (!rc && !text.len)
		rc = err_set(err, -EINVAL, "burn_rate without pairs");
	if (!rc)
		rc = expr_parse(text.data, &d->when, err);
	buf_done(&text);
	return rc;
}

static void check_detector(struct detector_conf *d,
			   const struct scenario_section *s,
			   const struct watch_slo *slo, struct errs *errs)
{
	bool burn = d->kind == DETECTOR_BURN_RATE;
	struct err err;

	if (d->interval % NSEC_SEC)
		scenario_error(s, "interval", errs,
			       "evaluations are at whole seconds");
	if (burn && d->when)
		scenario_error(s, "when", errs, "kind = burn_rate has its own "
			       "condition: leave out 'when'");
	else if (burn && burn_condition(d, slo->period, &err))
		scenario_error(s, "pairs", errs, "%s", err.msg);
	else if (!burn && !scenario_value(s, "when"))
		scenario_error(s, NULL, errs, "[detect %s] needs 'when'",
			       s->arg);
}

void watch_conf_read_detectors(struct watch_conf *c, const struct scenario *sc,
			       struct errs *errs)
{
	size_t n = scenario_count(sc, "detect");

	c->detectors = mem_calloc(n, sizeof(*c->detectors));
	c->detector_sections = mem_calloc(n, sizeof(*c->detector_sections));
	for (size_t i = 0; i < n; i++, c->n_detectors++) {
		c->detector_sections[i] = scenario_section(sc, "detect", i);
		scenario_fill(c->detector_sections[i], detect_opts,
			      &c->detectors[i], errs);
		check_detector(&c->detectors[i], c->detector_sections[i],
			       &c->slo, errs);
		c->detectors[i].name =
			mem_strdup(c->detector_sections[i]->arg);
	}
}

void watch_conf_free_detectors(struct watch_conf *c)
{
	for (size_t i = 0; i < c->n_detectors; i++) {
		opt_done(detect_opts, &c->detectors[i]);
		mem_free(c->detectors[i].name);
	}
	mem_free(c->detectors);
	mem_free(c->detector_sections);
}
