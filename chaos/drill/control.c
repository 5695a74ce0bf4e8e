/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may say to a running drill: marks, changes, "how is it?". */
#include "chaos/drill/impl.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"

static void mark_detected(struct drill *d, nsec_t at, const char *source)
{
	milestones_alert(&d->ms, at, source);
}

static void mark_acknowledged(struct drill *d, nsec_t at, const char *source)
{
	milestones_acknowledged(&d->ms, at, source);
}

static void mark_recovered(struct drill *d, nsec_t at, const char *source)
{
	milestones_recovered(&d->ms, at, source);
}

/* A mark that decides nothing by itself is an event all the same. */
static void mark_only(struct drill *d, nsec_t at, const char *source)
{
	(void)d;
	(void)at;
	(void)source;
}

static const struct {
	const char *name;
	void (*fn)(struct drill *d, nsec_t at, const char *source);
} marks[] = {
	{ "acknowledged", mark_acknowledged },
	{ "detected", mark_detected },
	{ "mitigated", mark_only },
	{ "note", mark_only },
	{ "recovered", mark_recovered },
};

/* Nobody saw what has not been yet, or what was before there was a run. */
static int mark_time(const struct drill *d, nsec_t at, struct err *err)
{
	nsec_t now = loop_now(d->loop);
	char text[UNITS_TEXT];

	if (at > now) {
		units_fmt_duration(text, at - now);
		return err_set(err, -ERANGE,
			       "a mark cannot be of the future: its time is "
			       "%s from now", text);
	}
	if (at < -d->plan->conf.lead_in) {
		units_fmt_duration(text, -d->plan->conf.lead_in - at);
		return err_set(err, -ERANGE,
			       "a mark cannot be of before the run: its time "
			       "is %s before the lead-in", text);
	}
	return 0;
}

int drill_mark(struct drill *d, const char *name, nsec_t at, const char *by,
	       const char *note, struct err *err)
{
	char source[128];
	struct buf *b;

	if (at == NSEC_NEVER)
		at = loop_now(d->loop);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strcmp(marks[i].name, name) != 0)
			continue;
		if (mark_time(d, at, err) < 0)
			return -ERANGE;
		snprintf(source, sizeof(source), "mark by %.100s",
			 by && by[0] ? by : "someone");
		b = eventlog_event(&d->log, "mark");
		json_line_str(b, "name", name);
		json_line_time(b, "at_s", at);
		json_line_str(b, "by", by ? by : "");
		json_line_str(b, "note", note ? note : "");
		eventlog_end(&d->log);
		marks[i].fn(d, at, source);
		return 0;
	}
	return err_set(err, -EINVAL,
		       "unknown mark '%s' (detected, acknowledged, mitigated, "
		       "recovered, note)",
		       name);
}

int drill_time(const struct drill *d, const char *text, nsec_t *ret,
	       struct err *err)
{
	nsec_t t;

	if (d->plan->conf.clock >= 0 && units_clock(text, &t, NULL) == 0) {
		*ret = t - d->plan->conf.clock;
		return 0;
	}
	return units_duration(text, ret, err);
}

/*
 * Which [load] a word such as "load:NAME" means; NULL: the only one that has
 * the model (or LOAD_ALL_GROUPS, if any may be meant).
 */
static int ctl_group(struct drill *d, const char *word, bool any, bool arrivals,
		     int *ret, struct err *err)
{
	const struct load_conf *c = d->plan->load;
	const char *model = arrivals ? "arrivals" : "users";
	struct buf names;
	int found = 0;

	if (!word && any) {
		*ret = LOAD_ALL_GROUPS;
		return 0;
	}
	buf_init(&names, 1024);
	for (size_t i = 0; i < load_conf_groups(c); i++) {
		bool is_open;
		const char *name = load_conf_group(c, i, &is_open);

		if (!any && is_open != arrivals)
			continue;
		buf_addf(&names, "%sload:%s", names.len ? ", " : "", name);
		if (word && strcmp(word + strlen("load:"), name) != 0)
			continue;
		*ret = (int)i;
		found++;
	}
	if (found > 1)
		err_set(err, -EINVAL, "say which [load]: %s", names.data);
	else if (found == 0 && names.len && word)
		err_set(err, -ENOENT, "there is no '%s'%s%s (there is %s)",
			word, any ? "" : " of model ", any ? "" : model,
			names.data);
	else if (found == 0)
		err_set(err, -ENOENT, "this run has no [load] of model %s",
			model);
	buf_done(&names);
	return found == 1 ? 0 : -ENOENT;
}

static int ctl_value(const char *what, const char *value, double *ret,
		     struct err *err)
{
	bool users = strcmp(what, "users") == 0;
	int rc = users ? units_double(value, ret, err)
		       : units_rate(value, ret, err);

	if (rc == 0 && !(*ret >= 0 && *ret <= 1e6))
		rc = err_set(err, -ERANGE,
			     "'%s' is out of range: 0 to 1 000 000", value);
	if (rc == 0 && users && *ret != floor(*ret))
		rc = err_set(err, -EINVAL, "users are whole, not '%s'", value);
	return rc;
}

/* name: "load:NAME" or NULL; value: NULL to pause and resume. */
static int ctl_load(struct drill *d, const char *what, const char *name,
		    const char *value, struct err *err)
{
	struct load_adjust a = { .what = LOAD_SET_RATE };
	int rc;

	if (!d->load)
		return err_set(err, -ENOENT, "this run has no load");
	if (strcmp(what, "users") == 0)
		a.what = LOAD_SET_USERS;
	else if (!value)
		a.what = strcmp(what, "pause") == 0 ? LOAD_PAUSE : LOAD_RESUME;
	rc = ctl_group(d, name, !value, a.what == LOAD_SET_RATE, &a.group,
		       err);
	if (rc == 0 && value)
		rc = ctl_value(what, value, &a.value, err);
	return rc < 0 ? rc : d->env->load->adjust(d->load, &a, err);
}

static int ctl_fault(struct drill *d, const char *name, const char *key,
		     const char *value, struct err *err)
{
	for (size_t i = 0; i < d->plan->n_faults; i++)
		if (strcmp(d->plan->faults[i].name, name) == 0)
			return faults_adjust(d->faults, i, key, value, err);
	return err_set(err, -ENOENT, "no fault '%s' in this run", name);
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static void ctl_record(struct drill *d, const char *what, const char *target,
		       const char *value)
{
	struct buf *b = eventlog_event(&d->log, "ctl");

	json_line_str(b, "what", what);
	json_line_str(b, "target", target ? target : "");
	json_line_str(b, "value", value ? value : "");
	eventlog_end(&d->log);
}

int drill_ctl(struct drill *d, int argc, const char *const *argv,
	      struct err *err)
{
	static const char *const usage =
		"ctl takes: users [load:NAME] N | rate [load:NAME] N/s | "
		"pause [load:NAME] | resume [load:NAME] | "
		"fault NAME KEY VALUE | stop | status";
	const char *name = NULL, *value = NULL;
	int rc, at = 1;

	if (argc >= 2 && strncmp(argv[1], "load:", strlen("load:")) == 0)
		name = argv[at++];
	if (at < argc)
		value = argv[argc - 1];
	if (argc == at + 1 && is_one_of(argv[0], "users", "rate"))
		rc = ctl_load(d, argv[0], name, value, err);
	else if (argc > 0 && argc == at &&
		 is_one_of(argv[0], "pause", "resume"))
		rc = ctl_load(d, argv[0], name, NULL, err);
	else if (argc == 4 && strcmp(argv[0], "fault") == 0)
		rc = ctl_fault(d, name = argv[1], argv[2], argv[3], err);
	else
		rc = err_set(err, -EINVAL, "%s", usage);
	if (rc == 0)
		ctl_record(d, argv[0], name, value);
	return rc;
}

static json_t *time_or_null(nsec_t t)
{
	return t == NSEC_NEVER ? json_null() : json_real((double)t / 1e9);
}

/* What each [load] was asked for, and how many users there are. */
static json_t *status_load(const struct drill *d)
{
	const struct load_conf *c = d->plan->load;
	nsec_t now = loop_now(d->loop);

	if (!d->load)
		return json_null();
	return json_pack("{s:f,s:f,s:f}", "users", d->users, "users_planned",
			 load_conf_users(c, now), "rate_planned",
			 load_conf_rate(c, now));
}

json_t *drill_status(const struct drill *d)
{
	return json_pack(
		"{s:s,s:s,s:s,s:f,s:f,s:f,s:i,s:o,s:o,s:o,s:o,s:o}", "run",
		d->args.run, "scenario", d->plan->conf.name, "state",
		drill_state_name(d->state), "t_s",
		(double)loop_now(d->loop) / 1e9,
		"duration_s", (double)d->plan->conf.duration / 1e9, "speed",
		loop_clock(d->loop)->speed, "faults_active",
		(int)faults_active(d->faults), "impact",
		time_or_null(d->ms.impact), "detected",
		time_or_null(d->ms.detected), "first_action",
		time_or_null(d->ms.first_action), "recovered",
		time_or_null(d->ms.recovered), "load", status_load(d));
}
