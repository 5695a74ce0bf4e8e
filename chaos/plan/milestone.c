/* SPDX-License-Identifier: Apache-2.0 */
/* [milestone NAME]: moments of a scenario's own, beside detected and such. */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/plan/impl.h"
#include "chaos/report/events.h"

struct milestone_conf {
	struct expr *when;
	nsec_t from;
};

#define AT(field) offsetof(struct milestone_conf, field)

static const struct opt milestone_opts[] = {
	{ .name = "from", .type = OPT_DURATION, .off = AT(from), .def = "0s",
	  .help = "drill time from which it is looked at" },
	{ .name = "when", .type = OPT_EXPR, .off = AT(when),
	  .flags = OPT_REQUIRED,
	  .help = "it has come when this holds for the first time; [recorded] "
		  "at.NAME compares it",
	  .example = "errors(confirmation, 10s) > 50%" },
	OPT_END
};

const struct section_spec plan_milestone_section = {
	.name = "milestone", .arg = "NAME", .many = true,
	.opts = milestone_opts, .size = sizeof(struct milestone_conf),
	.summary = "a moment of the scenario's own",
};

static bool is_taken(const char *name)
{
	static const char *const known[] = {
		MS_START, MS_EFFECTIVE, MS_IMPACT, MS_DETECTED, MS_FALSE,
		MS_EARLY, MS_ACKNOWLEDGED, MS_FIRST_ACTION, MS_RECOVERED,
		MS_RELAPSE, "mitigated",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i], name))
			return true;
	return false;
}

static void read_one(struct plan_milestone *m, const struct scenario_section *s,
		     struct errs *errs)
{
	struct milestone_conf conf = { 0 };

	scenario_fill(s, milestone_opts, &conf, errs);
	*m = (struct plan_milestone){
		.name = mem_strdup(s->arg ? s->arg : ""), .when = conf.when,
		.from = conf.from, .section = s,
	};
	if (is_taken(m->name))
		scenario_error(s, NULL, errs, "every drill has a milestone "
			       "'%s': choose another name", m->name);
}

void plan_read_milestones(struct plan *p, struct errs *errs)
{
	size_t n = scenario_count(p->sc, "milestone");

	p->milestones = mem_calloc(n, sizeof(*p->milestones));
	for (; p->n_milestones < n; p->n_milestones++)
		read_one(&p->milestones[p->n_milestones],
			 scenario_section(p->sc, "milestone", p->n_milestones),
			 errs);
}

void plan_milestones_done(struct plan *p)
{
	for (size_t i = 0; i < p->n_milestones; i++) {
		mem_free(p->milestones[i].name);
		expr_free(p->milestones[i].when);
	}
	mem_free(p->milestones);
}
