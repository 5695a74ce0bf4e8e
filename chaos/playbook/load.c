/* SPDX-License-Identifier: Apache-2.0 */
/* Playbook files: sections, variables, what a playbook needs to be given. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/playbook/impl.h"

const struct playbook_step_ops *const playbook_step_table[] = {
	&playbook_step_command,
	&playbook_step_http,
	NULL,
};

/* "30s after detected", or a drill time. */
static int parse_start(const char *text, void *field, struct err *err)
{
	struct playbook_ref *ref =
		(void *)((char *)field -
			 offsetof(struct playbook_ref, start_after));
	const char *after = strstr(text, " after ");
	AUTO_FREE char *time = NULL;

	mem_free(ref->start_event);
	ref->start_event = NULL;
	if (!after)
		return units_duration(text, &ref->start_after, err);
	time = mem_strndup(text, (size_t)(after - text));
	if (units_duration(time, &ref->start_after, err) < 0)
		return err->code;
	ref->start_event = mem_strdup(after + strlen(" after "));
	return 0;
}

static void start_done(void *field)
{
	struct playbook_ref *ref =
		(void *)((char *)field -
			 offsetof(struct playbook_ref, start_after));

	mem_free(ref->start_event);
	ref->start_event = NULL;
}

#define REF(f) offsetof(struct playbook_ref, f)
static const struct opt ref_opts[] = {
	{ .name = "file", .type = OPT_STR, .off = REF(file),
	  .flags = OPT_REQUIRED, .help = "the playbook's name or path",
	  .example = "coupon-overload" },
	{ .name = "start", .type = OPT_PARSE, .off = REF(start_after),
	  .def = "0s after detected", .parse = parse_start, .done = start_done,
	  .help = "when its 0s is: a drill time, or a time after a milestone",
	  .example = "30s after detected" },
	{ .name = "var.*", .type = OPT_LINES, .off = REF(vars),
	  .help = "a value for the playbook's ${NAME}",
	  .example = "var.pool_url = link:db/pool" },
	OPT_END,
};

#define HEAD(f) offsetof(struct playbook, f)
static const struct opt head_opts[] = {
	{ .name = "name", .type = OPT_STR, .off = HEAD(name),
	  .help = "its name" },
	{ .name = "title", .type = OPT_STR, .off = HEAD(title),
	  .help = "its title in reports" },
	{ .name = "scenario", .type = OPT_STR, .off = HEAD(scenario),
	  .help = "the scenario that verify brings about" },
	{ .name = "needs", .type = OPT_STRS, .off = HEAD(needs),
	  .help = "the variables that a scenario must give it" },
	OPT_END,
};

#define STEP(f) offsetof(struct playbook_step, f)
static const struct opt step_opts[] = {
	{ .name = "at", .type = OPT_DURATION, .off = STEP(at), .def = "0s",
	  .flags = OPT_NONNEG,
	  .help = "earliest, after the playbook's start; a step waits for the "
		  "call before it, not for its verify" },
	{ .name = "when", .type = OPT_EXPR, .off = STEP(when),
	  .help = "the condition that it waits for",
	  .example = "kafka.lag = 0" },
	{ .name = "command", .type = OPT_STR, .off = STEP(call[0]),
	  .help = "a program and its arguments, run without a shell" },
	{ .name = "http", .type = OPT_STR, .off = STEP(call[1]),
	  .help = "METHOD URL [BODY]; a status of 2xx is ok",
	  .example = "POST ${pool_url} {\"size\":50}" },
	{ .name = "verify", .type = OPT_EXPR, .off = STEP(verify),
	  .help = "what must then be seen on the system, and within when",
	  .example = "pg.active > 16 within 10s" },
	{ .name = "timeout", .type = OPT_DURATION, .off = STEP(timeout),
	  .def = "2m", .flags = OPT_POSITIVE,
	  .help = "how long when may stay false, and the call take" },
	{ .name = "lifts", .type = OPT_STR, .off = STEP(lifts),
	  .help = "the earlier step whose restriction it lifts" },
	OPT_END,
};

const struct section_spec playbook_ref_section = {
	.name = "playbook", .opts = ref_opts,
	.size = sizeof(struct playbook_ref),
	.summary = "the playbook that is run, and when",
};
const struct section_spec playbook_head_section = {
	.name = "playbook", .opts = head_opts, .size = sizeof(struct playbook),
	.summary = "a playbook file's head",
};
const struct section_spec playbook_step_section = {
	.name = "step", .arg = "NAME", .many = true, .opts = step_opts,
	.size = sizeof(struct playbook_step),
	.summary = "one step of a playbook",
};

void playbook_ref_read(const struct scenario *sc, struct playbook_ref **ret,
		       struct errs *errs)
{
	const struct scenario_section *s = scenario_section(sc, "playbook", 0);

	*ret = NULL;
	if (!s)
		return;
	*ret = mem_zalloc(sizeof(**ret));
	(*ret)->section = s;
	scenario_fill(s, ref_opts, *ret, errs);
}

void playbook_ref_free(struct playbook_ref *r)
{
	if (!r)
		return;
	opt_done(ref_opts, r);
	mem_free(r);
}

/* As written, beside the scenario, in playbooks/ here or beside it. */
static char *find_file(const char *file, const char *near_path)
{
	const char *slash = near_path ? strrchr(near_path, '/') : NULL;
	int dir_len = slash ? (int)(slash - near_path) : 1;
	const char *dir = slash ? near_path : ".";
	char *tries[] = {
		mem_strdup(file),
		mem_printf("%.*s/%s", dir_len, dir, file),
		mem_printf("playbooks/%s.ini", file),
		mem_printf("%.*s/../playbooks/%s.ini", dir_len, dir, file),
		mem_printf("%s/playbooks/%s.ini", GAMEDAY_SOURCE_DIR, file),
	};
	char *found = NULL;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (!found && access(tries[i], R_OK) == 0)
			found = tries[i];
		else
			mem_free(tries[i]);
	}
	return found;
}

static bool has_var(const struct opt_strs *vars, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < vars->n; i++)
		if (strncmp(vars->v[i], name, len) == 0 &&
		    vars->v[i][len] == '=')
			return true;
	return false;
}

static void check_needs(const struct playbook *p, const struct opt_strs *vars,
			struct errs *errs)
{
	const struct scenario_section *head =
		scenario_section(p->sc, "playbook", 0);

	for (size_t i = 0; i < p->needs.n; i++)
		if (!has_var(vars, p->needs.v[i]))
			scenario_error(head, "needs", errs,
				       "the playbook needs '%s': add "
				       "'var.%s = ...' to the scenario's "
				       "[playbook]",
				       p->needs.v[i], p->needs.v[i]);
}

static void check_call(struct playbook_step *st, struct errs *errs)
{
	struct err err = { 0 };
	size_t set = 0;

	for (size_t k = 0; k < PLAYBOOK_KINDS; k++) {
		if (!st->call[k])
			continue;
		set++;
		st->kind = k;
		if (strstr(st->call[k], "${"))
			scenario_error(st->section,
				       playbook_step_table[k]->name, errs,
				       "unknown variable in '%s': name it in "
				       "needs",
				       st->call[k]);
		else if (playbook_step_table[k]->check(st->call[k], &err) < 0)
			scenario_error(st->section,
				       playbook_step_table[k]->name, errs,
				       "%s", err.msg);
	}
	if (set != 1)
		scenario_error(st->section, NULL, errs,
			       "a step makes one call: 'http' or 'command', "
			       "%s",
			       set ? "not both" : "and this one has none");
}

static void check_lifts(const struct playbook *p, size_t i, struct errs *errs)
{
	const struct playbook_step *st = &p->step[i];

	for (size_t k = 0; st->lifts && k < i; k++)
		if (strcmp(p->step[k].name, st->lifts) == 0)
			return;
	if (st->lifts)
		scenario_error(st->section, "lifts", errs,
			       "no step '%s' comes before this one",
			       st->lifts);
}

static void read_steps(struct playbook *p, struct errs *errs)
{
	p->n = scenario_count(p->sc, "step");
	p->step = mem_calloc(p->n + 1, sizeof(*p->step));
	for (size_t i = 0; i < p->n; i++) {
		struct playbook_step *st = &p->step[i];

		st->section = scenario_section(p->sc, "step", i);
		st->name = mem_strdup(st->section->arg);
		scenario_fill(st->section, step_opts, st, errs);
		check_call(st, errs);
		check_lifts(p, i, errs);
	}
	if (p->n == 0)
		errs_add(errs, p->path, 0, "a playbook without a [step NAME]");
}

void playbook_load(const struct playbook_ref *ref, const char *near_path,
		   struct playbook **ret, struct errs *errs)
{
	static const struct section_spec *const specs[] = {
		&playbook_head_section, &playbook_step_section, NULL
	};
	struct playbook *p = mem_zalloc(sizeof(*p));
	const struct opt_strs *vars = &ref->vars;
	const char **list = mem_calloc(vars->n + 1, sizeof(*list));
	struct scenario_vars sv = { .v = list, .keep_unknown = true };
	const struct scenario_section *head;
	size_t before = errs->n;

	*ret = NULL;
	for (size_t i = 0; i < vars->n; i++)
		list[i] = vars->v[i];
	p->path = find_file(ref->file, near_path);
	if (p->path)
		scenario_load(p->path, specs, NULL, &sv, &p->sc, errs);
	else
		scenario_error(ref->section, "file", errs,
			       "no playbook '%s' (looked in playbooks/ and "
			       "beside the scenario)",
			       ref->file);
	mem_free(list);
	if (p->sc) {
		head = scenario_section(p->sc, "playbook", 0);
		if (head)
			scenario_fill(head, head_opts, p, errs);
		else
			errs_add(errs, p->path, 0, "no [playbook] section");
		check_needs(p, vars, errs);
		read_steps(p, errs);
	}
	if (errs->n == before)
		*ret = p;
	else
		playbook_free(p);
}

void playbook_free(struct playbook *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		mem_free(p->step[i].name);
		mem_free(p->step[i].before);
		opt_done(step_opts, &p->step[i]);
	}
	mem_free(p->step);
	opt_done(head_opts, p);
	scenario_free(p->sc);
	mem_free(p->path);
	mem_free(p);
}

size_t playbook_steps(const struct playbook *p)
{
	return p->n;
}

const char *playbook_step_name(const struct playbook *p, size_t i)
{
	return p->step[i].name;
}

int playbook_visit(const struct playbook *p,
		   int (*fn)(void *arg, const char *step, const struct expr *e),
		   void *arg)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		if (p->step[i].when)
			rc = fn(arg, p->step[i].name, p->step[i].when);
		if (rc == 0 && p->step[i].verify)
			rc = fn(arg, p->step[i].name, p->step[i].verify);
	}
	return rc;
}

void playbook_describe(const struct playbook *p, struct buf *out)
{
	char at[UNITS_TEXT];

	for (size_t i = 0; i < p->n; i++) {
		const struct playbook_step *st = &p->step[i];

		buf_addf(out, "  +%-6s %-14s %s %s\n",
			 units_fmt_duration(at, st->at), st->name,
			 playbook_step_table[st->kind]->name,
			 st->call[st->kind]);
		if (st->when)
			buf_addf(out, "          waits for  %s\n",
				 expr_text(st->when));
		if (st->verify)
			buf_addf(out, "          verify     %s\n",
				 expr_text(st->verify));
	}
}
