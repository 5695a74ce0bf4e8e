/* SPDX-License-Identifier: Apache-2.0 */
/* [threshold NAME]: what traffic must keep to. */
#include "chaos/base/mem.h"
#include "chaos/watch/conf.h"

#define THRESHOLD(field) offsetof(struct threshold_conf, field)

static const char *const phases[] = {
	[THRESHOLD_SCORED] = "all", [THRESHOLD_BASELINE] = "baseline",
	[THRESHOLD_FAULT] = "fault", [THRESHOLD_RECOVERY] = "recovery", NULL
};

static const struct opt threshold_opts[] = {
	{ .name = "abort", .type = OPT_BOOL, .off = THRESHOLD(abort),
	  .def = "no", .help = "the run ends when it is missed: exit 4" },
	{ .name = "delay", .type = OPT_DURATION, .off = THRESHOLD(delay),
	  .flags = OPT_NONNEG, .def = "0s",
	  .help = "not looked at so long after its phase begins",
	  .example = "30s" },
	{ .name = "phase", .type = OPT_ENUM, .off = THRESHOLD(phase),
	  .choices = phases, .def = "all",
	  .help = "the part of the run that it is of; all: from T+0" },
	{ .name = "when", .type = OPT_EXPR, .off = THRESHOLD(when),
	  .flags = OPT_REQUIRED,
	  .help = "what must hold: of the whole run, or, where a function "
		  "has a window, at each second; 'for T' forgives less",
	  .example = "latency.p95(coupon) < 2s" },
	OPT_END
};

const struct section_spec watch_threshold_section = {
	.name = "threshold", .arg = "NAME", .many = true,
	.opts = threshold_opts, .size = sizeof(struct threshold_conf),
	.summary = "a limit that the traffic must keep: a criterion",
};

void watch_conf_read_thresholds(struct watch_conf *c, const struct scenario *sc,
				struct errs *errs)
{
	size_t n = scenario_count(sc, "threshold");

	c->thresholds = mem_calloc(n + 1, sizeof(*c->thresholds));
	for (size_t i = 0; i < n; i++, c->n_thresholds++) {
		struct threshold_conf *t = &c->thresholds[i];

		t->section = scenario_section(sc, "threshold", i);
		scenario_fill(t->section, threshold_opts, t, errs);
		t->name = mem_strdup(t->section->arg);
		if (t->when && expr_within(t->when))
			scenario_error(t->section, "when", errs,
				       "a threshold holds all the time: leave "
				       "out 'within' and 'by'");
	}
}

void watch_conf_free_thresholds(struct watch_conf *c)
{
	for (size_t i = 0; i < c->n_thresholds; i++) {
		opt_done(threshold_opts, &c->thresholds[i]);
		mem_free(c->thresholds[i].name);
	}
	mem_free(c->thresholds);
}

size_t watch_conf_thresholds(const struct watch_conf *c)
{
	return c->n_thresholds;
}
