/* SPDX-License-Identifier: Apache-2.0 */
/* The ordered events that follow from a checked scenario. */
#include <ctype.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/plan/impl.h"

int64_t plan_fault_times(const struct fault_conf *f)
{
	return f->repeat > 1 ? f->repeat : 1;
}

bool plan_fault_is_timed(const struct fault_conf *f)
{
	return !f->at_event && !f->at_when;
}

nsec_t plan_fault_end(const struct plan *p, const struct fault_conf *f,
		      int64_t i)
{
	nsec_t span = f->until ? f->max : f->duration;

	/* Without a length of its own it lasts as long as the drill. */
	if (!span)
		return p->conf.duration;
	return f->at + i * f->every + span;
}

/* on and text are taken over. */
static void add(struct plan *p, nsec_t at, char *on, enum plan_kind kind,
		size_t index, char *text)
{
	p->events = mem_realloc(p->events,
				(p->n_events + 1) * sizeof(*p->events));
	p->events[p->n_events++] = (struct plan_event){
		.at = at, .on = on, .kind = kind, .index = index, .text = text,
	};
}

static void add_phases(struct plan *p)
{
	const struct plan_scenario *conf = &p->conf;

	if (conf->lead_in)
		add(p, -conf->lead_in, NULL, PLAN_PHASE, 0,
		    mem_strdup("lead-in begins"));
	add(p, 0, NULL, PLAN_PHASE, 1, mem_strdup("start"));
	if (conf->window_from)
		add(p, conf->window_from, NULL, PLAN_PHASE, 2,
		    mem_strdup("window begins"));
	add(p, conf->window_to, NULL, PLAN_PHASE, 3,
	    mem_strdup("window ends"));
	add(p, conf->duration, NULL, PLAN_END, 0,
	    mem_strdup("end at the latest"));
}

/* "30s 800": load has checked it; here it is only shown. */
static void add_stage(struct plan *p, const struct scenario_section *s,
		      size_t index, const char *stage)
{
	size_t len = strcspn(stage, " \t");
	AUTO_FREE char *when = mem_strndup(stage, len);
	const char *model = scenario_value(s, "model");
	bool open = model && !strcmp(model, "arrivals");
	nsec_t at;

	stage += len;
	stage += strspn(stage, " \t");
	if (units_duration(when, &at, NULL))
		return;
	add(p, at, NULL, PLAN_USERS, index,
	    mem_printf("load %s: %s %s", s->arg ? s->arg : "", stage,
		       open ? "arrivals" : "users"));
}

static void add_stages(struct plan *p, const struct scenario_section *s,
		       size_t index)
{
	AUTO_FREE char *copy = mem_strdup(scenario_value(s, "stages"));
	char *save = NULL, *part, *end;

	if (!copy)
		return;
	for (part = strtok_r(copy, ",", &save); part;
	     part = strtok_r(NULL, ",", &save)) {
		while (isspace((unsigned char)*part))
			part++;
		end = part + strlen(part);
		while (end > part && isspace((unsigned char)end[-1]))
			*--end = '\0';
		add_stage(p, s, index, part);
	}
}

/* "30s after detected", "when EXPR" */
static char *event_text(nsec_t after, const char *event)
{
	char text[UNITS_TEXT];

	if (!after)
		return mem_printf("at %s", event);
	return mem_printf("%s after %s", units_fmt_duration(text, after),
			  event);
}

static char *inject_text(const struct fault_conf *f)
{
	const char *link = scenario_value(f->section, "link");

	if (f->fallback)
		return mem_printf("inject %s (%s, else %s)", f->name, f->kind,
				  f->fallback);
	return mem_printf("inject %s (%s%s%s)", f->name, f->kind,
			  link ? " on link " : "", link ? link : "");
}

static void add_untimed(struct plan *p, size_t index)
{
	const struct fault_conf *f = &p->faults[index];
	nsec_t span = f->until ? f->max : f->duration;
	char text[UNITS_TEXT];
	char *on = f->at_when ? mem_printf("when %s", expr_text(f->at_when))
			      : event_text(f->at, f->at_event);

	add(p, NSEC_NEVER, on, PLAN_INJECT, index, inject_text(f));
	on = span ? mem_printf("%s%s after inject %s",
			       f->until ? "at most " : "",
			       units_fmt_duration(text, span), f->name)
		  : mem_strdup("at the end");
	add(p, NSEC_NEVER, on, PLAN_REVERT, index,
	    mem_printf("revert %s", f->name));
}

/* One that ends `until` has its latest time here. */
static void add_timed(struct plan *p, size_t index)
{
	const struct fault_conf *f = &p->faults[index];

	for (int64_t i = 0; i < plan_fault_times(f); i++) {
		add(p, f->at + i * f->every, NULL, PLAN_INJECT, index,
		    inject_text(f));
		add(p, plan_fault_end(p, f, i), NULL, PLAN_REVERT, index,
		    f->until ? mem_printf("revert %s, at the latest (until %s)",
					  f->name, expr_text(f->until))
			     : mem_printf("revert %s", f->name));
	}
}

static void add_playbook(struct plan *p)
{
	const struct playbook_ref *ref = p->playbook_ref;
	char *text;

	if (!p->playbook)
		return;
	text = mem_printf("playbook %s (%zu steps)", ref->file,
			  playbook_steps(p->playbook));
	if (ref->start_event)
		add(p, NSEC_NEVER,
		    event_text(ref->start_after, ref->start_event),
		    PLAN_PLAYBOOK, 0, text);
	else
		add(p, ref->start_after, NULL, PLAN_PLAYBOOK, 0, text);
}

static void add_expect(struct plan *p, size_t index)
{
	const struct plan_expect *x = &p->expects[index];
	char end[UNITS_TEXT];
	const char *until, *word = "until ";

	if (x->by) {
		word = "by ";
		until = units_fmt_duration(end, x->by);
	} else if (x->to_event) {
		until = x->to_event;
	} else {
		until = units_fmt_duration(end, x->to);
	}
	add(p, x->from, NULL, PLAN_EXPECT, index,
	    mem_printf("expect %s: %s, %s%s%s%s%s", x->name,
		       expr_text(x->when), word, until, x->in ? " (in " : "",
		       x->in ? x->in : "", x->in ? ")" : ""));
}

/* Is it of this run: the scenario's own, or the run's control's? */
static bool expect_is_here(const struct plan *p, const struct plan_expect *x)
{
	const char *const *v = p->options.without;

	if (!x->in)
		return true;
	if (!strcmp(x->in, "no-faults"))
		return p->options.no_faults;
	for (; v && *v; v++)
		if (!strcmp(x->in + strlen("without:"), *v))
			return true;
	return false;
}

static bool comes_after(const struct plan_event *a, const struct plan_event *b)
{
	return a->at != b->at ? a->at > b->at : a->kind > b->kind;
}

/* Stable: equals stay in the file's order. */
static void sort_events(struct plan *p)
{
	struct plan_event e;
	size_t k;

	for (size_t i = 1; i < p->n_events; i++) {
		e = p->events[i];
		for (k = i; k > 0 && comes_after(&p->events[k - 1], &e); k--)
			p->events[k] = p->events[k - 1];
		p->events[k] = e;
	}
}

void plan_make_events(struct plan *p)
{
	const struct scenario_section *s;

	add_phases(p);
	for (size_t i = 0; (s = scenario_section(p->sc, "load", i)); i++)
		add_stages(p, s, i);
	for (size_t i = 0; i < p->n_faults; i++) {
		if (plan_fault_is_timed(&p->faults[i]))
			add_timed(p, i);
		else
			add_untimed(p, i);
	}
	add_playbook(p);
	for (size_t i = 0; i < p->n_expects; i++)
		if (expect_is_here(p, &p->expects[i]))
			add_expect(p, i);
	sort_events(p);
}
