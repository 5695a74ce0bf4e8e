/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [recorded] beside the replay.  A figure with a tolerance is a
 * criterion of replay; the others are shown.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

enum recorded_unit {
	REC_CLOCK, REC_SPAN, REC_SHARE, REC_NUMBER,
	REC_SEARCH		/* a number that only a search gives */
};

static const struct recorded_key {
	const char *key;
	/* Milestone, measure, path in the model; NULL: record only. */
	const char *source;
	enum recorded_unit unit;
} keys[] = {
	{ "impact", MS_IMPACT, REC_CLOCK },
	{ "detected", MS_DETECTED, REC_CLOCK },
	{ "acknowledged", MS_ACKNOWLEDGED, REC_CLOCK },
	{ "first_action", MS_FIRST_ACTION, REC_CLOCK },
	{ "recovered", MS_RECOVERED, REC_CLOCK },
	{ "ttd", "ttd", REC_SPAN },
	{ "ttr_repair", "ttr_repair", REC_SPAN },
	{ "ttr_restore", "ttr_restore", REC_SPAN },
	{ "repair_share", "repair_share", REC_SHARE },
	{ "affected_share", "affected_share", REC_SHARE },
	{ "tps.surge", "tps_surge", REC_NUMBER },
	{ "coupon.success_after_reopen", "success_after_reopen", REC_SHARE },
	{ "users.unserved", "users_unserved", REC_NUMBER },
	{ "orders.failed", "orders_failed", REC_NUMBER },
	{ "sales.lost", "sales_lost", REC_NUMBER },
	{ "inquiries", "inquiries", REC_NUMBER },
	{ "search.limit", "search/limit/value", REC_SEARCH },
	{ "search.knee", "search/knee/value", REC_SEARCH },
	{ "search.xmax", "search/xmax/value", REC_SEARCH },
	{ "users.unserved_share", "users_unserved_share", REC_SHARE },
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

struct recorded {
	char *v[KEYS];
	struct opt_strs at, measure;
};

/* The section's keys, in the order of the table above. */
#define REC(i, k, h)                                                       \
	{ .name = k, .type = OPT_STR, .off = offsetof(struct recorded, v[i]), \
	  .help = h }
static const struct opt recorded_opts[] = {
	REC(0, "impact", "when users began to suffer"),
	REC(1, "detected", "when it was noticed, as 14:02:30 +-20s"),
	REC(2, "acknowledged", "when someone took it"),
	REC(3, "first_action", "when the first measure was taken"),
	REC(4, "recovered", "when it was over"),
	REC(5, "ttd", "start to detected"),
	REC(6, "ttr_repair", "detected to recovered"),
	REC(7, "ttr_restore", "start to recovered"),
	REC(8, "repair_share",
	    "detected to recovered, as a share of the window"),
	REC(9, "affected_share", "bad seconds, as a share of the window"),
	REC(10, "tps.surge", "highest throughput"),
	REC(11, "coupon.success_after_reopen",
	    "success after the restriction was lifted"),
	REC(12, "users.unserved", "distinct users who asked and got nothing"),
	REC(13, "orders.failed", "failed orders"),
	REC(14, "sales.lost", "money, with its currency"),
	REC(15, "inquiries", "customers who asked for help: shown only"),
	REC(16, "search.limit", "of load --find: the highest good load"),
	REC(17, "search.knee", "its N*, users"),
	REC(18, "search.xmax", "its highest throughput, requests/s"),
	REC(19, "users.unserved_share", "the same, of those who asked"),
	{ .name = "at.*", .type = OPT_LINES,
	  .off = offsetof(struct recorded, at),
	  .help = "when the [milestone] of that name came",
	  .example = "at.mass-timeouts = 2m30s +-15s" },
	{ .name = "measure.*", .type = OPT_LINES,
	  .off = offsetof(struct recorded, measure),
	  .help = "what the [measure] of that name was",
	  .example = "measure.plateau = 117 +-8" },
	OPT_END,
};

const struct section_spec report_recorded_section = {
	.name = "recorded",
	.opts = recorded_opts,
	.size = sizeof(struct recorded),
	.summary = "the postmortem's figures; with +-TOLERANCE they are "
		   "criteria of replay",
};

struct figure {
	double value, tolerance;	/* tolerance NAN: none */
	char unit[16];
};

static int parse_one(const char *text, enum recorded_unit unit, double clock_s,
		     struct figure *ret, struct err *err)
{
	nsec_t t = 0;
	char *end;
	int rc = 0;

	switch (unit) {
	case REC_CLOCK:
		rc = units_clock(text, &t, err);
		if (rc < 0)
			rc = units_duration(text, &t, err);
		else
			t -= (nsec_t)(clock_s * 1e9);
		ret->value = (double)t / 1e9;
		snprintf(ret->unit, sizeof(ret->unit), "s");
		break;
	case REC_SPAN:
		rc = units_duration(text, &t, err);
		ret->value = (double)t / 1e9;
		snprintf(ret->unit, sizeof(ret->unit), "s");
		break;
	case REC_SHARE:
		rc = units_share(text, &ret->value, err);
		snprintf(ret->unit, sizeof(ret->unit), "share");
		break;
	case REC_NUMBER:
	case REC_SEARCH:
		ret->value = strtod(text, &end);
		while (*end == ' ')
			end++;
		snprintf(ret->unit, sizeof(ret->unit), "%s", end);
		if (strcmp(end, "%") == 0) {
			ret->value /= 100;
			snprintf(ret->unit, sizeof(ret->unit), "share");
		}
		if (end == text)
			rc = err_set(err, -EINVAL, "'%s' is no number", text);
		break;
	}
	return rc;
}

/* "14:02:30 +-20s" */
static int parse_figure(const char *text, enum recorded_unit unit,
			double clock_s, struct figure *ret, struct err *err)
{
	const char *plus = strstr(text, "+-");
	size_t len = plus ? (size_t)(plus - text) : strlen(text);
	AUTO_FREE char *value = NULL;
	struct figure tolerance = { .value = NAN };
	int rc;

	while (len > 0 && text[len - 1] == ' ')
		len--;
	value = mem_strndup(text, len);
	ret->tolerance = NAN;
	rc = parse_one(value, unit, clock_s, ret, err);
	if (rc < 0 || !plus)
		return rc;
	rc = parse_one(plus + 2, unit == REC_CLOCK ? REC_SPAN : unit, 0,
		       &tolerance, err);
	ret->tolerance = tolerance.value;
	return rc;
}

/* Is there a section of that name and argument? */
static bool has_section(const struct scenario *sc, const char *name,
			const char *arg)
{
	const struct scenario_section *s;

	for (size_t i = 0; (s = scenario_section(sc, name, i)); i++)
		if (s->arg && strcmp(s->arg, arg) == 0)
			return true;
	return false;
}

/* Keys with a name of the scenario's own behind the dot. */
static const struct {
	const char *prefix, *section;
	enum recorded_unit unit;
} named[] = {
	{ "at.", "milestone", REC_CLOCK },
	{ "measure.", "measure", REC_NUMBER },
};

enum { NAMED = sizeof(named) / sizeof(named[0]) };

/* The row for a key of the section; its strings are the entry's. */
static bool row_of(const char *key, struct recorded_key *ret)
{
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].key, key) == 0) {
			*ret = keys[i];
			return true;
		}
	for (size_t i = 0; i < NAMED; i++) {
		size_t len = strlen(named[i].prefix);

		if (strncmp(key, named[i].prefix, len) != 0)
			continue;
		*ret = (struct recorded_key){
			.key = key,
			.source = named[i].unit == REC_CLOCK ? key + len : key,
			.unit = named[i].unit,
		};
		return true;
	}
	return false;
}

static void check_entry(const struct scenario *sc,
			const struct scenario_section *s,
			const struct scenario_entry *e, struct errs *errs)
{
	struct recorded_key row;
	struct figure figure;
	struct err err = { 0 };

	if (!row_of(e->key, &row))
		return;		/* the section's options have said so */
	if (parse_figure(e->value, row.unit, 0, &figure, &err) < 0)
		scenario_error(s, e->key, errs, "%s", err.msg);
	for (size_t i = 0; i < NAMED; i++) {
		size_t len = strlen(named[i].prefix);

		if (strncmp(e->key, named[i].prefix, len) == 0 &&
		    !has_section(sc, named[i].section, e->key + len))
			scenario_error(s, e->key, errs,
				       "there is no [%s %s]", named[i].section,
				       e->key + len);
	}
}

void report_check(const struct scenario *sc, struct errs *errs)
{
	const struct scenario_section *s = scenario_section(sc, "recorded", 0);

	for (size_t i = 0; s && i < s->n; i++)
		check_entry(sc, s, &s->v[i], errs);
	report_measure_check(sc, errs);
}

static double clock_of(const struct facts *f)
{
	nsec_t t;

	if (units_clock(json_str(f->run, "clock", ""), &t, NULL) < 0)
		return 0;
	return (double)t / 1e9;
}

static double replayed(const struct facts *f, const struct recorded_key *k,
		       const json_t *root, const json_t *measures)
{
	if (!k->source)
		return NAN;
	if (k->unit == REC_CLOCK)
		return facts_milestone(f, k->source);
	if (k->unit == REC_SEARCH)
		return json_num(root, k->source, NAN);
	return report_measure(measures, k->source);
}

static json_t *number(double v)
{
	return isnan(v) ? json_null() : json_real(v);
}

static json_t *figure_json(const struct recorded_key *k, const char *text,
			   const struct figure *r, double got)
{
	bool judged = !isnan(r->tolerance);
	json_t *o = json_pack("{s:s,s:f,s:o,s:o,s:s,s:o,s:s}", "name", k->key,
			      "recorded", r->value, "replayed", number(got),
			      "difference", number(got - r->value), "unit",
			      r->unit, "tolerance", number(r->tolerance),
			      "text", text);

	json_object_set_new(o, "milestone",
			    k->unit == REC_CLOCK ? json_string(k->source)
						 : json_null());
	json_object_set_new(
		o, "within",
		judged ? json_boolean(fabs(got - r->value) <=
				      r->tolerance + 1e-9)
		       : json_null());
	return o;
}

/* In the file's order.  A search has its own figures, and no other run has. */
json_t *report_recorded(const struct facts *f, const json_t *root,
			const json_t *measures)
{
	const struct scenario_section *s =
		f->sc ? scenario_section(f->sc, "recorded", 0) : NULL;
	bool searched = json_is_object(json_at(root, "search"));
	json_t *array = json_array();

	for (size_t i = 0; s && i < s->n; i++) {
		struct recorded_key k;
		struct figure r;

		if (!row_of(s->v[i].key, &k) ||
		    (k.unit == REC_SEARCH) != searched ||
		    parse_figure(s->v[i].value, k.unit, clock_of(f), &r,
				 NULL) < 0)
			continue;
		json_array_append_new(
			array, figure_json(&k, s->v[i].value, &r,
					   replayed(f, &k, root, measures)));
	}
	return array;
}
