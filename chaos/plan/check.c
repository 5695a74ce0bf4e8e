/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no module can see alone: references between sections, times against the
 * drill's duration, budgets.  Two faults with one claim are found later, by
 * faults_check().
 */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/plan/impl.h"
#include "chaos/report/events.h"

/* What conditions may refer to beyond watch's own gauges. */
struct names {
	struct load_scopes scopes;
	char **extra;		/* NULL-terminated */
	size_t n;
};

static void names_add(struct names *names, char *name)
{
	names->extra = mem_realloc(names->extra,
				   (names->n + 2) * sizeof(*names->extra));
	names->extra[names->n++] = name;
	names->extra[names->n] = NULL;
}

static void names_init(struct names *names, const struct plan *p)
{
	static const char *const counters[] = {
		"in_flight", "waiting", "size"
	};

	*names = (struct names){ 0 };
	if (p->load)
		load_conf_scopes(p->load, &names->scopes);
	names_add(names, mem_strdup("users"));
	for (size_t i = 0; i < p->n_links; i++)
		for (size_t k = 0; k < 3; k++)
			names_add(names, mem_printf("link.%s.%s",
						    p->links[i].name,
						    counters[k]));
}

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->extra[i]);
	mem_free(names->extra);
}

struct checker {
	const struct plan *p;
	struct names names;
	struct errs *errs;
};

static int check_expr(void *arg, const struct scenario_section *s,
		      const char *key, const struct expr *e)
{
	struct checker *c = arg;
	struct err err;

	if (e && watch_check_expr(c->p->watch, &c->names.scopes,
				  (const char *const *)c->names.extra, e,
				  &err))
		scenario_error(s, key, c->errs, "%s", err.msg);
	return 0;
}

static int check_step_expr(void *arg, const char *step, const struct expr *e)
{
	struct checker *c = arg;
	struct err err;

	if (watch_check_expr(c->p->watch, &c->names.scopes,
			     (const char *const *)c->names.extra, e, &err))
		scenario_error(c->p->playbook_ref->section, "file", c->errs,
			       "playbook '%s', step '%s': %s",
			       c->p->playbook_ref->file, step, err.msg);
	return 0;
}

/* Do the sections that give names to conditions stand as they should? */
static bool names_known(const struct plan *p, const struct errs *errs)
{
	static const char *const sections[] = { "detect", "journey", "link",
						"probe" };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (plan_is_wrong(p, errs, sections[i]))
			return false;
	return true;
}

static void check_exprs(const struct plan *p, struct errs *errs)
{
	struct checker c = { .p = p, .errs = errs };
	const struct fault_conf *f;

	if (!names_known(p, errs))
		return;
	names_init(&c.names, p);
	watch_conf_visit(p->watch, check_expr, &c);
	for (size_t i = 0; i < p->n_faults_read; i++) {
		f = &p->faults[i];
		check_expr(&c, f->section, "at", f->at_when);
		check_expr(&c, f->section, "until", f->until);
		check_expr(&c, f->section, "expect", f->expect);
	}
	for (size_t i = 0; i < p->n_expects; i++)
		check_expr(&c, p->expects[i].section, "when",
			   p->expects[i].when);
	check_expr(&c, scenario_section(p->sc, "abort", 0), "when",
		   p->abort_when);
	for (size_t i = 0; i < p->n_milestones; i++)
		check_expr(&c, p->milestones[i].section, "when",
			   p->milestones[i].when);
	check_expr(&c, p->search.section, "while", p->search.good);
	check_expr(&c, p->search.section, "drain", p->search.drain);
	if (p->playbook)
		playbook_visit(p->playbook, check_step_expr, &c);
	names_done(&c.names);
}

static bool fault_exists(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_faults_read; i++)
		if (!strcmp(p->faults[i].name, name))
			return true;
	return false;
}

static const char *near_fault(const struct plan *p, const char *name)
{
	AUTO_FREE const char **words =
		mem_calloc(p->n_faults_read, sizeof(*words));

	for (size_t i = 0; i < p->n_faults_read; i++)
		words[i] = p->faults[i].name;
	return opt_suggest(name, words, p->n_faults_read);
}

static void check_without(const struct plan *p, struct errs *errs)
{
	const char *const *v = p->options.without;
	const char *near;

	for (; v && *v; v++) {
		if (fault_exists(p, *v))
			continue;
		near = near_fault(p, *v);
		errs_add(errs, NULL, 0,
			 near ? "--without: there is no fault '%s' (did you "
				"mean '%s'?)"
			      : "--without: there is no fault '%s'", *v, near);
	}
}

static void check_expect_in(const struct plan *p, const struct plan_expect *x,
			    struct errs *errs)
{
	const char *fault, *near;

	if (!x->in || !strcmp(x->in, "no-faults"))
		return;
	if (strncmp(x->in, "without:", 8)) {
		scenario_error(x->section, "in", errs,
			       "'%s' is no control (want no-faults or "
			       "without:FAULT)", x->in);
		return;
	}
	fault = x->in + 8;
	if (fault_exists(p, fault))
		return;
	near = near_fault(p, fault);
	scenario_error(x->section, "in", errs,
		       near ? "there is no fault '%s' (did you mean '%s'?)"
			    : "there is no fault '%s'", fault, near);
}

/* What a time may be "after". Of any other name nothing would ever come. */
static void check_event(const struct scenario_section *s, const char *key,
			const char *event, struct errs *errs)
{
	static const char *const known[] = {
		MS_START, MS_EFFECTIVE, MS_IMPACT, MS_DETECTED,
		MS_ACKNOWLEDGED, MS_FIRST_ACTION, MS_RECOVERED,
	};
	const size_t n = sizeof(known) / sizeof(known[0]);
	const char *near;

	for (size_t i = 0; event && i < n; i++)
		if (!strcmp(known[i], event))
			return;
	if (!event)
		return;
	near = opt_suggest(event, known, n);
	scenario_error(s, key, errs,
		       near ? "unknown milestone '%s' (did you mean '%s'?)"
			    : "unknown milestone '%s' (start, effective, "
			      "impact, detected, acknowledged, "
			      "first action, recovered)",
		       event, near);
}

static void check_events(const struct plan *p, struct errs *errs)
{
	for (size_t i = 0; i < p->n_faults_read; i++)
		check_event(p->faults[i].section, "at", p->faults[i].at_event,
			    errs);
	if (p->playbook_ref)
		check_event(p->playbook_ref->section, "start",
			    p->playbook_ref->start_event, errs);
}

static void check_fault_times(const struct plan *p, const struct fault_conf *f,
			      struct errs *errs)
{
	nsec_t end = p->conf.duration, span = f->until ? f->max : f->duration;
	int64_t times = plan_fault_times(f);

	if (times > PLAN_REPEAT_MAX)
		scenario_error(f->section, "repeat", errs,
			       "a fault can be repeated %d times at most",
			       PLAN_REPEAT_MAX);
	else if (!plan_fault_is_timed(f) && span > end)
		scenario_error(f->section, "for", errs,
			       "'%s' would outlast the drill's 'duration'",
			       f->name);
	else if (plan_fault_is_timed(f) && f->at < 0)
		scenario_error(f->section, "at", errs, "'at' is before T+0");
	else if (plan_fault_is_timed(f) && f->at >= end)
		scenario_error(f->section, "at", errs,
			       "'at' is not before the drill's 'duration'");
	else if (plan_fault_is_timed(f) &&
		 f->at + (times - 1) * f->every + span > end)
		scenario_error(f->section, span ? "for" : "repeat", errs,
			       "'%s' would end after the drill's 'duration'",
			       f->name);
}

static bool is_on_at(const struct plan *p, const struct fault_conf *f, nsec_t t)
{
	nsec_t from;

	/* One that waits for an event may be on at any time. */
	if (!plan_fault_is_timed(f))
		return true;
	for (int64_t i = 0; i < plan_fault_times(f); i++) {
		from = f->at + i * f->every;
		if (from <= t && t < plan_fault_end(p, f, i))
			return true;
	}
	return false;
}

/* The number on at once is highest when one of them begins. */
static void check_budget(const struct plan *p, struct errs *errs)
{
	size_t on;

	for (size_t i = 0; i < p->n_faults; i++) {
		on = 0;
		for (size_t k = 0; k < p->n_faults; k++)
			on += is_on_at(p, &p->faults[k], p->faults[i].at);
		if (on <= PLAN_FAULTS_MAX)
			continue;
		scenario_error(p->faults[i].section, "at", errs,
			       "%zu faults would be on at once when '%s' "
			       "begins (at most %d)", on, p->faults[i].name,
			       PLAN_FAULTS_MAX);
		return;
	}
}

static void check_load(const struct plan *p, struct errs *errs)
{
	if (p->load && load_conf_end(p->load) > p->conf.duration)
		scenario_error(scenario_section(p->sc, "load", 0), "stages",
			       errs, "the load's last stage is after the "
			       "drill's 'duration'");
}

void plan_check(const struct plan *p, struct errs *errs)
{
	size_t before = errs->n;

	check_exprs(p, errs);
	check_without(p, errs);
	check_events(p, errs);
	plan_check_search(p, errs);
	for (size_t i = 0; i < p->n_expects; i++)
		check_expect_in(p, &p->expects[i], errs);
	/* Times are checked against the duration. */
	if (!p->conf.duration)
		return;
	if (!plan_is_wrong(p, errs, "load"))
		check_load(p, errs);
	for (size_t i = 0; i < p->n_faults_read; i++)
		check_fault_times(p, &p->faults[i], errs);
	if (errs->n == before)
		check_budget(p, errs);
}
