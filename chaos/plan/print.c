/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people, and plan.json. Both follow from the plan alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/plan/impl.h"

#define PLAN_DAY (24 * 60 * NSEC_MIN)

static const char *const kind_names[] = {
	[PLAN_PHASE] = "phase", [PLAN_USERS] = "users",
	[PLAN_INJECT] = "inject", [PLAN_REVERT] = "revert",
	[PLAN_PLAYBOOK] = "playbook", [PLAN_EXPECT] = "expect",
	[PLAN_END] = "end",
};

static void print_head(const struct plan *p, struct buf *out)
{
	const struct plan_scenario *conf = &p->conf;
	char lead[UNITS_TEXT], from[UNITS_TEXT], to[UNITS_TEXT],
		end[UNITS_TEXT];

	buf_addf(out, "%s (%s)\n", conf->title, conf->name);
	buf_addf(out, "  at %gx, seed %lld; lead-in %s, window %s to %s, "
		 "at most %s\n", p->options.speed, (long long)conf->seed,
		 units_fmt_mmss(lead, conf->lead_in),
		 units_fmt_mmss(from, conf->window_from),
		 units_fmt_mmss(to, conf->window_to),
		 units_fmt_mmss(end, conf->duration));
	for (size_t i = 0; i < conf->assume.n; i++)
		buf_addf(out, "  assumed: %s\n", conf->assume.v[i]);
	for (size_t i = p->n_faults; i < p->n_faults_read; i++)
		buf_addf(out, "  left out: fault %s\n", p->faults[i].name);
}

static void print_event(const struct plan *p, const struct plan_event *e,
			struct buf *out)
{
	char clock[UNITS_TEXT] = "", text[UNITS_TEXT], at[UNITS_TEXT + 1];
	nsec_t of_day;

	if (p->conf.clock >= 0) {
		of_day = (p->conf.clock + e->at) % PLAN_DAY;
		units_fmt_clock(clock, of_day < 0 ? of_day + PLAN_DAY : of_day);
	}
	snprintf(at, sizeof(at), "%s%s", e->at < 0 ? "" : "+",
		 units_fmt_mmss(text, e->at));
	buf_addf(out, "%s%s%6s  %s\n", clock, *clock ? "  " : "", at,
		 e->text);
}

void plan_print(const struct plan *p, struct buf *out)
{
	bool title = false;

	print_head(p, out);
	buf_adds(out, "\n");
	for (size_t i = 0; i < p->n_events; i++)
		if (p->events[i].at != NSEC_NEVER)
			print_event(p, &p->events[i], out);
	for (size_t i = 0; i < p->n_events; i++) {
		if (p->events[i].at != NSEC_NEVER)
			continue;
		if (!title)
			buf_adds(out, "\non events:\n");
		title = true;
		buf_addf(out, "  %s: %s\n", p->events[i].on, p->events[i].text);
	}
}

static void set_str(json_t *o, const char *key, const char *value)
{
	json_object_set_new(o, key, value ? json_string(value) : json_null());
}

static void set_time(json_t *o, const char *key, nsec_t t)
{
	json_object_set_new(o, key,
			    t == NSEC_NEVER
				    ? json_null()
				    : json_real((double)t / NSEC_SEC));
}

static void set_expr(json_t *o, const char *key, const struct expr *e)
{
	set_str(o, key, e ? expr_text(e) : NULL);
}

static json_t *strings(char *const *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

static json_t *controls_json(const struct plan_options *options)
{
	json_t *list = json_array();

	if (options->no_faults)
		json_array_append_new(list, json_string("no-faults"));
	for (const char *const *v = options->without; v && *v; v++)
		json_array_append_new(list, json_sprintf("without:%s", *v));
	return list;
}

static void set_scenario(json_t *o, const struct plan *p)
{
	const struct plan_scenario *conf = &p->conf;
	char clock[UNITS_TEXT];

	set_str(o, "scenario", conf->name);
	set_str(o, "title", conf->title);
	set_str(o, "clock", conf->clock < 0
				    ? NULL
				    : units_fmt_clock(clock, conf->clock));
	set_str(o, "date", conf->date);
	json_object_set_new(o, "speed", json_real(p->options.speed));
	json_object_set_new(o, "seed", json_integer(conf->seed));
	set_time(o, "lead_in_s", conf->lead_in);
	set_time(o, "window_from_s", conf->window_from);
	set_time(o, "window_to_s", conf->window_to);
	set_time(o, "duration_s", conf->duration);
	json_object_set_new(o, "controls", controls_json(&p->options));
	json_object_set_new(o, "assumptions",
			    strings(conf->assume.v, conf->assume.n));
}

static json_t *fault_json(const struct plan *p, const struct fault_conf *f)
{
	json_t *o = json_object();
	bool timed = plan_fault_is_timed(f);

	set_str(o, "name", f->name);
	set_str(o, "kind", f->kind);
	set_str(o, "fallback", f->fallback);
	set_time(o, "at_s", timed ? f->at : NSEC_NEVER);
	set_time(o, "to_s", timed ? plan_fault_end(p, f, 0) : NSEC_NEVER);
	json_object_set_new(o, "times", json_integer(plan_fault_times(f)));
	set_expr(o, "expect", f->expect);
	return o;
}

static json_t *link_json(const struct fault_link_conf *l)
{
	json_t *o = json_object();

	set_str(o, "name", l->name);
	set_str(o, "listen", l->listen);
	set_str(o, "upstream", l->upstream);
	set_str(o, "protocol", l->protocol);
	return o;
}

static json_t *expect_json(const struct plan_expect *x)
{
	json_t *o = json_object();

	set_str(o, "name", x->name);
	set_expr(o, "when", x->when);
	set_time(o, "from_s", x->from);
	set_time(o, "to_s", x->to);
	set_str(o, "to", x->to_event);
	set_time(o, "by_s", x->by ? x->by : NSEC_NEVER);
	set_str(o, "in", x->in);
	return o;
}

static json_t *event_json(const struct plan_event *e)
{
	json_t *o = json_object();

	set_time(o, "at_s", e->at);
	set_str(o, "on", e->on);
	set_str(o, "kind", kind_names[e->kind]);
	set_str(o, "text", e->text);
	return o;
}

static json_t *steps_json(const struct plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; p->playbook && i < playbook_steps(p->playbook); i++)
		json_array_append_new(
			list, json_string(playbook_step_name(p->playbook, i)));
	return list;
}

/* APIs, links, faults, criteria. */
static void set_parts(json_t *o, const struct plan *p)
{
	const char *const *apis = NULL;
	size_t n = p->load ? load_conf_apis(p->load, &apis) : 0;
	json_t *api = json_array(), *links = json_array(),
	       *faults = json_array(), *expects = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(api, json_string(apis[i]));
	for (size_t i = 0; i < p->n_links; i++)
		json_array_append_new(links, link_json(&p->links[i]));
	for (size_t i = 0; i < p->n_faults; i++)
		json_array_append_new(faults, fault_json(p, &p->faults[i]));
	for (size_t i = 0; i < p->n_expects; i++)
		json_array_append_new(expects, expect_json(&p->expects[i]));
	json_object_set_new(o, "apis", api);
	json_object_set_new(o, "links", links);
	json_object_set_new(o, "faults", faults);
	json_object_set_new(o, "expects", expects);
	json_object_set_new(o, "steps", steps_json(p));
	set_expr(o, "abort_when", p->abort_when);
}

void plan_json(const struct plan *p, struct buf *out)
{
	json_t *root = json_object(), *events = json_array();
	char *text;

	set_str(root, "schema", "gameday.plan/1");
	set_scenario(root, p);
	set_parts(root, p);
	for (size_t i = 0; i < p->n_events; i++)
		json_array_append_new(events, event_json(&p->events[i]));
	json_object_set_new(root, "events", events);
	text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	if (text) {
		buf_adds(out, text);
		buf_adds(out, "\n");
	}
	free(text);
	json_decref(root);
}
