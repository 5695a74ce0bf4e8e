/* SPDX-License-Identifier: Apache-2.0 */
/* The sections that plan owns: [scenario], [allow], [expect], [abort]. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/plan/impl.h"
#include "chaos/report/events.h"

/* "0s..15m" into two nsec_t that lie side by side. */
static int parse_window(const char *text, void *field, struct err *err)
{
	const char *dots = strstr(text, "..");
	AUTO_FREE char *from = NULL;
	nsec_t *window = field;
	size_t len;
	int rc;

	if (!dots)
		return err_set(err, -EINVAL,
			       "'%s' is no window (want 0s..15m)", text);
	len = (size_t)(dots - text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	from = mem_strndup(text, len);
	rc = units_duration(from, &window[0], err);
	if (!rc)
		rc = units_duration(dots + 2 + strspn(dots + 2, " \t"),
				    &window[1], err);
	return rc;
}

#define SCENARIO(field) offsetof(struct plan_scenario, field)

static const struct opt scenario_opts[] = {
	{ .name = "assume", .type = OPT_LINES, .off = SCENARIO(assume),
	  .help = "what the scenario assumes, a sentence; shown in reports",
	  .example = "traffic falls at 14:12 (the record does not say)" },
	{ .name = "clock", .type = OPT_CLOCK, .off = SCENARIO(clock),
	  .help = "the time of day that T+0 is labelled with",
	  .example = "14:00:00" },
	{ .name = "date", .type = OPT_STR, .off = SCENARIO(date),
	  .help = "the day it is labelled with", .example = "2025-09-12" },
	{ .name = "duration", .type = OPT_DURATION, .off = SCENARIO(duration),
	  .flags = OPT_POSITIVE,
	  .help = "how long the drill may take, from T+0 (traffic alone: as "
		  "long as its [load])", .example = "18m" },
	{ .name = "extends", .type = OPT_STR, .off = SCENARIO(extends),
	  .help = "another file, whose keys this one's replace; relative to "
		  "this file's directory",
	  .example = "include/base.ini" },
	{ .name = "lead_in", .type = OPT_DURATION, .off = SCENARIO(lead_in),
	  .flags = OPT_NONNEG, .def = "60s",
	  .help = "traffic before T+0: the baseline, not scored (traffic "
		  "alone: none, unless it is given)",
	  .example = "60s" },
	{ .name = "name", .type = OPT_STR, .off = SCENARIO(name),
	  .help = "short name, part of the run's id; else the file's",
	  .example = "coupon-event" },
	{ .name = "seed", .type = OPT_INT, .off = SCENARIO(seed),
	  .flags = OPT_NONNEG, .def = "1",
	  .help = "the same seed gives the same decisions",
	  .example = "20250912" },
	{ .name = "title", .type = OPT_STR, .off = SCENARIO(title),
	  .help = "the head line of the report; else the name",
	  .example = "Coupon event overload" },
	{ .name = "window", .type = OPT_PARSE, .off = SCENARIO(window_from),
	  .parse = parse_window,
	  .help = "what shares and availability are of; else the duration",
	  .example = "0s..15m" },
	OPT_END
};

const struct section_spec plan_scenario_section = {
	.name = "scenario", .opts = scenario_opts,
	.size = sizeof(struct plan_scenario),
	.summary = "what the drill is called and how long it takes",
};

struct allow_lists {
	struct opt_strs v[ALLOW_TYPES];
};

#define ALLOW_ROW(word, type_, text, sample)                              \
	{ .name = word, .type = OPT_STRS,                                 \
	  .off = offsetof(struct allow_lists, v) +                        \
		 (type_) * sizeof(struct opt_strs),                       \
	  .help = text, .example = sample }

static const struct opt allow_opts[] = {
	ALLOW_ROW("cgroups", ALLOW_CGROUP, "control groups", "/system.slice/a"),
	ALLOW_ROW("containers", ALLOW_CONTAINER, "containers", "shop"),
	ALLOW_ROW("hosts", ALLOW_HOST, "addresses and prefixes to connect to",
		  "127.0.0.0/8, ::1"),
	ALLOW_ROW("interfaces", ALLOW_INTERFACE, "network interfaces", "eth1"),
	ALLOW_ROW("paths", ALLOW_PATH, "files, and all below a directory",
		  "/run/shop"),
	ALLOW_ROW("processes", ALLOW_PROCESS, "pids, or command names", "java"),
	ALLOW_ROW("units", ALLOW_UNIT, "systemd units", "shop.service"),
	OPT_END
};

const struct section_spec plan_allow_section = {
	.name = "allow", .opts = allow_opts, .size = sizeof(struct allow_lists),
	.summary = "what the drill may touch; nothing else",
};

struct expect_conf {
	struct expr *when;
	nsec_t from, by;
	char *to, *in;
};

#define EXPECT(field) offsetof(struct expect_conf, field)

static const struct opt expect_opts[] = {
	{ .name = "by", .type = OPT_DURATION, .off = EXPECT(by),
	  .flags = OPT_POSITIVE,
	  .help = "it must hold once until then (instead of 'to')",
	  .example = "90s" },
	{ .name = "from", .type = OPT_DURATION, .off = EXPECT(from),
	  .def = "0s", .help = "drill time from which it is looked at",
	  .example = "130s" },
	{ .name = "in", .type = OPT_STR, .off = EXPECT(in),
	  .help = "the control that it judges: no-faults or without:FAULT; "
		  "else the drill itself",
	  .example = "without:db-pool" },
	{ .name = "to", .type = OPT_STR, .off = EXPECT(to),
	  .help = "it must hold at every second until then: a drill time, or "
		  "a milestone",
	  .example = "first action" },
	{ .name = "when", .type = OPT_EXPR, .off = EXPECT(when),
	  .flags = OPT_REQUIRED, .help = "the condition",
	  .example = "errors(each, 10s) >= 95%" },
	OPT_END
};

const struct section_spec plan_expect_section = {
	.name = "expect", .arg = "NAME", .many = true, .opts = expect_opts,
	.size = sizeof(struct expect_conf),
	.summary = "a criterion: every run judges it",
};

struct abort_conf {
	struct expr *when;
};

static const struct opt abort_opts[] = {
	{ .name = "when", .type = OPT_EXPR,
	  .off = offsetof(struct abort_conf, when), .flags = OPT_REQUIRED,
	  .help = "the drill stops and undoes all when this holds",
	  .example = "errors(all, 30s) > 99.9% for 8m" },
	OPT_END
};

const struct section_spec plan_abort_section = {
	.name = "abort", .opts = abort_opts, .size = sizeof(struct abort_conf),
	.summary = "the stop condition",
};

/* "scenarios/a-b.ini" → "a-b" */
static char *name_of_file(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot;

	if (slash)
		path = slash + 1;
	dot = strrchr(path, '.');
	return dot && dot != path ? mem_strndup(path, (size_t)(dot - path))
				  : mem_strdup(path);
}

static bool is_date(const char *s)
{
	static const char form[] = "dddd-dd-dd";
	size_t i;

	for (i = 0; form[i] && s[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)s[i])
				   : s[i] != form[i])
			return false;
	return !form[i] && !s[i];
}

/* The name becomes part of a run's id, and that a directory. */
static bool is_name(const char *s)
{
	if (!isalnum((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return false;
	return true;
}

static void check_scenario(const struct plan_scenario *conf,
			   const struct scenario_section *s, struct errs *errs)
{
	if (!is_name(conf->name))
		scenario_error(s, "name", errs, "name '%s' is not made of "
			       "letters, digits, '-', '_' and '.'", conf->name);
	if (conf->date && !is_date(conf->date))
		scenario_error(s, "date", errs,
			       "date '%s' is not like 2025-09-12", conf->date);
}

void plan_read_scenario(struct plan *p, struct errs *errs)
{
	const struct scenario_section *s =
		scenario_section(p->sc, "scenario", 0);
	struct plan_scenario *conf = &p->conf;

	if (!s) {
		errs_add(errs, p->sc->path, 0, "there is no [scenario]");
		return;
	}
	scenario_fill(s, scenario_opts, conf, errs);
	if (!conf->name)
		conf->name = name_of_file(p->sc->path);
	if (!conf->title)
		conf->title = mem_strdup(conf->name);
	if (!scenario_value(s, "clock"))
		conf->clock = -1;
	check_scenario(conf, s, errs);
}

/* Are there parts that need to be told how long they have? */
static bool is_drill(const struct plan *p)
{
	static const char *const parts[] = { "fault", "playbook", "detection" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (scenario_count(p->sc, parts[i]) > 0)
			return true;
	return !p->load;
}

static void check_times(const struct plan_scenario *conf,
			const struct scenario_section *s, struct errs *errs)
{
	char limit[UNITS_TEXT];

	if (conf->duration > PLAN_DURATION_MAX)
		scenario_error(s, "duration", errs,
			       "a drill may take %s at most",
			       units_fmt_duration(limit, PLAN_DURATION_MAX));
	if ((conf->window_from < 0 || conf->window_from >= conf->window_to) &&
	    (conf->duration || conf->window_to))
		scenario_error(s, "window", errs,
			       "the window must begin at or after T+0 and end "
			       "after it begins");
	else if (conf->duration && conf->window_to > conf->duration)
		scenario_error(s, "window", errs,
			       "the window ends after the drill's 'duration'");
}

void plan_read_times(struct plan *p, struct errs *errs)
{
	const struct scenario_section *s =
		scenario_section(p->sc, "scenario", 0);
	struct plan_scenario *conf = &p->conf;
	nsec_t end = 0;

	if (!s)
		return;
	if (!scenario_value(s, "duration") && is_drill(p)) {
		scenario_error(s, NULL, errs, "[scenario] needs 'duration', "
			       "such as 'duration = 18m'");
	} else if (!scenario_value(s, "duration") &&
		   !plan_is_wrong(p, errs, "load")) {
		end = load_conf_end(p->load);
		if (end <= 0)
			scenario_error(scenario_section(p->sc, "load", 0),
				       "stages", errs, "the load has no end: "
				       "add a last stage, such as '30s 100', "
				       "or a [scenario] 'duration'");
		/* And a second, in which the last of it is written. */
		conf->duration = end + load_conf_grace(p->load) + NSEC_SEC;
	}
	if (!scenario_value(s, "lead_in") && !is_drill(p))
		conf->lead_in = 0;
	if (!scenario_value(s, "window"))
		conf->window_to = end ? end : conf->duration;
	check_times(conf, s, errs);
}

void plan_read_allow(struct plan *p, struct errs *errs)
{
	const struct scenario_section *s = scenario_section(p->sc, "allow", 0);
	struct allow_lists lists = { 0 };
	struct err err;

	p->allow = allow_new();
	/* What the machine's owner denies wins over any scenario. */
	if (allow_load_deny(p->allow, "/etc/gameday/deny", &err))
		errs_add(errs, NULL, 0, "%s", err.msg);
	if (!s)
		return;
	scenario_fill(s, allow_opts, &lists, errs);
	for (int type = 0; type < ALLOW_TYPES; type++)
		for (size_t i = 0; i < lists.v[type].n; i++)
			if (allow_add(p->allow, (enum allow_type)type,
				      lists.v[type].v[i], &err))
				errs_add(errs, s->file, lists.v[type].lines[i],
					 "%s", err.msg);
	opt_done(allow_opts, &lists);
}

/* Milestones at which an interval may end. */
static const char *const milestones[] = {
	MS_DETECTED, MS_FIRST_ACTION, MS_RECOVERED,
};

enum { MILESTONES = sizeof(milestones) / sizeof(milestones[0]) };

static void read_to(struct plan_expect *x, const char *to, struct errs *errs)
{
	const char *near;
	struct err err;

	for (size_t i = 0; i < MILESTONES; i++)
		if (!strcmp(milestones[i], to)) {
			x->to_event = mem_strdup(to);
			return;
		}
	if (!units_duration(to, &x->to, &err))
		return;
	near = opt_suggest(to, milestones, MILESTONES);
	scenario_error(x->section, "to", errs,
		       near ? "'%s' is neither a drill time nor a milestone "
			      "(did you mean '%s'?)"
			    : "'%s' is neither a drill time nor a milestone",
		       to, near);
}

static void check_expect(const struct plan *p, const struct plan_expect *x,
			 struct errs *errs)
{
	bool by = x->by > 0;
	nsec_t end = by ? x->by : x->to;

	if (by && (x->to != NSEC_NEVER || x->to_event))
		scenario_error(x->section, "by", errs,
			       "'by' and 'to' exclude each other");
	else if (!by && x->to == NSEC_NEVER && !x->to_event)
		scenario_error(x->section, "when", errs,
			       "[expect %s] needs 'to' or 'by'", x->name);
	if (x->from < -p->conf.lead_in)
		scenario_error(x->section, "from", errs,
			       "'from' is before the lead-in");
	if (end == NSEC_NEVER)
		return;
	if (end < x->from)
		scenario_error(x->section, by ? "by" : "to", errs,
			       "'%s' is before 'from'", by ? "by" : "to");
	if (p->conf.duration && end > p->conf.duration)
		scenario_error(x->section, by ? "by" : "to", errs,
			       "'%s' is after the drill's 'duration'",
			       by ? "by" : "to");
}

static void read_expect(const struct plan *p, struct plan_expect *x,
			const struct scenario_section *s, struct errs *errs)
{
	struct expect_conf conf = { 0 };
	size_t before = errs->n;

	scenario_fill(s, expect_opts, &conf, errs);
	*x = (struct plan_expect){
		.name = mem_strdup(s->arg), .when = conf.when,
		.from = conf.from, .to = NSEC_NEVER, .by = conf.by,
		.in = mem_strdup(conf.in), .section = s,
	};
	conf.when = NULL;	/* moved */
	if (!x->by && x->when && expr_within(x->when))
		x->by = x->from + expr_within(x->when);
	if (conf.to)
		read_to(x, conf.to, errs);
	opt_done(expect_opts, &conf);
	if (errs->n == before)
		check_expect(p, x, errs);
}

void plan_read_expects(struct plan *p, struct errs *errs)
{
	size_t n = scenario_count(p->sc, "expect");

	p->expects = mem_calloc(n, sizeof(*p->expects));
	for (p->n_expects = 0; p->n_expects < n; p->n_expects++)
		read_expect(p, &p->expects[p->n_expects],
			    scenario_section(p->sc, "expect", p->n_expects),
			    errs);
}

void plan_read_abort(struct plan *p, struct errs *errs)
{
	const struct scenario_section *s = scenario_section(p->sc, "abort", 0);
	struct abort_conf conf = { 0 };

	if (!s)
		return;
	scenario_fill(s, abort_opts, &conf, errs);
	p->abort_when = conf.when;
}

void plan_sections_done(struct plan *p)
{
	opt_done(scenario_opts, &p->conf);
	allow_free(p->allow);
	for (size_t i = 0; i < p->n_expects; i++) {
		mem_free(p->expects[i].name);
		expr_free(p->expects[i].when);
		mem_free(p->expects[i].to_event);
		mem_free(p->expects[i].in);
	}
	mem_free(p->expects);
	expr_free(p->abort_when);
}
