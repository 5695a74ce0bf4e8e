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

static int ctl_load(struct drill *d, const char *what, const char *value,
		    struct err *err)
{
	struct load_adjust a = { .what = LOAD_PAUSE };
	int rc = 0;

	if (!d->load)
		return err_set(err, -ENOENT, "this run has no load");
	if (strcmp(what, "users") == 0) {
		a.what = LOAD_SET_USERS;
		rc = units_double(value, &a.value, err);
	} else if (strcmp(what, "rate") == 0) {
		a.what = LOAD_SET_RATE;
		rc = units_rate(value, &a.value, err);
	} else if (strcmp(what, "resume") == 0) {
		a.what = LOAD_RESUME;
	}
	if (rc == 0 && !(a.value >= 0 && a.value <= 1e9))
		rc = err_set(err, -ERANGE, "'%s' is not 0 or more", value);
	if (rc == 0 && (a.value < 0 || a.value > 1e6))
		rc = err_set(err, -ERANGE,
			     "'%s' is out of range: 0 to 1 000 000", value);
	if (rc == 0 && a.what == LOAD_SET_USERS && a.value != floor(a.value))
		rc = err_set(err, -EINVAL, "users are whole, not '%s'", value);
	if (rc == 0)
		d->env->load->adjust(d->load, &a);
	return rc;
}

static int ctl_fault(struct drill *d, const char *name, const char *key,
		     const char *value, struct err *err)
{
	for (size_t i = 0; i < d->plan->n_faults; i++)
		if (strcmp(d->plan->faults[i].name, name) == 0)
			return faults_adjust(d->faults, i, key, value, err);
	return err_set(err, -ENOENT, "no fault '%s' in this run", name);
}

int drill_ctl(struct drill *d, int argc, const char *const *argv,
	      struct err *err)
{
	static const char *const usage =
		"ctl takes: users N | rate N/s | pause | resume | "
		"fault NAME KEY VALUE";
	struct buf *b;
	int rc;

	if (argc == 2 && (strcmp(argv[0], "users") == 0 ||
			  strcmp(argv[0], "rate") == 0))
		rc = ctl_load(d, argv[0], argv[1], err);
	else if (argc == 1 && (strcmp(argv[0], "pause") == 0 ||
			       strcmp(argv[0], "resume") == 0))
		rc = ctl_load(d, argv[0], NULL, err);
	else if (argc == 4 && strcmp(argv[0], "fault") == 0)
		rc = ctl_fault(d, argv[1], argv[2], argv[3], err);
	else
		rc = err_set(err, -EINVAL, "%s", usage);
	if (rc < 0)
		return rc;
	b = eventlog_event(&d->log, "ctl");
	json_line_str(b, "what", argv[0]);
	json_line_str(b, "value", argc > 1 ? argv[argc - 1] : "");
	eventlog_end(&d->log);
	return 0;
}

static json_t *time_or_null(nsec_t t)
{
	return t == NSEC_NEVER ? json_null() : json_real((double)t / 1e9);
}

json_t *drill_status(const struct drill *d)
{
	return json_pack(
		"{s:s,s:s,s:s,s:f,s:f,s:f,s:i,s:o,s:o,s:o,s:o}", "run",
		d->args.run, "scenario", d->plan->conf.name, "state",
		drill_state_name(d->state), "t_s",
		(double)loop_now(d->loop) / 1e9,
		"duration_s", (double)d->plan->conf.duration / 1e9, "speed",
		loop_clock(d->loop)->speed, "faults_active",
		(int)faults_active(d->faults), "impact",
		time_or_null(d->ms.impact), "detected",
		time_or_null(d->ms.detected), "first_action",
		time_or_null(d->ms.first_action), "recovered",
		time_or_null(d->ms.recovered));
}
