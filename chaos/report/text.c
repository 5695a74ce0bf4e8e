/* SPDX-License-Identifier: Apache-2.0 */
/* The page at the end of a run, for a terminal. Formats the model only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/report.h"
#include "chaos/report/text.h"
#include "chaos/report/text_search.h"
#include "chaos/report/writers.h"

static const char *span_text(double t_s, char *dst)
{
	if (isnan(t_s))
		return "-";
	return units_fmt_mmss(dst, (nsec_t)llround(t_s) * NSEC_SEC);
}

static const json_t *by_name(const json_t *root, const char *part,
			     const char *key, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_at(root, part), i, row)
		if (strcmp(json_str(row, key, ""), name) == 0)
			return row;
	return NULL;
}

static double measure(const json_t *root, const char *name)
{
	return json_num(by_name(root, "measures", "name", name), "value", NAN);
}

static double milestone(const json_t *root, const char *name)
{
	return json_num(by_name(root, "milestones", "name", name), "t_s", NAN);
}

static void head(const json_t *root, FILE *f)
{
	double speed = json_num(root, "run/speed", 1);

	fprintf(f, "\n%s%*s%s at %gx, seed %lld\n",
		json_str(root, "run/title", "?"), 6, "",
		strcmp(json_str(root, "run/kind", ""), "simulate") == 0
			? "simulated"
		: json_flag(root, "run/judge_recorded", false) ? "replayed"
							       : "run",
		speed, (long long)json_int64(root, "run/seed", 0));
	if (json_str(root, "run/controls", "")[0] &&
	    !json_is_object(json_at(root, "search")))
		fprintf(f, "a control: %s\n",
			json_str(root, "run/controls", ""));
	fprintf(f, "stack: postgres %s, redis %s, %s %s\n",
		json_str(root, "run/stack/postgres", "-"),
		json_str(root, "run/stack/redis", "-"),
		strcmp(json_str(root, "run/stack/kafka_kind", ""), "mock") == 0
			? "librdkafka's mock cluster"
			: "kafka",
		json_str(root, "run/stack/kafka", "-"));
}

/* "+2 s", "-11 s" */
static const char *signed_s(double d, char *dst)
{
	if (isnan(d))
		return "";
	snprintf(dst, UNITS_TEXT, "%+.0f s", d);
	return dst;
}

static void line(FILE *f, const char *label, const char *record,
		 const char *replay, const char *difference, const char *note)
{
	fprintf(f, "%-28s %10s %11s %12s    %s\n", label, record, replay,
		difference, note ? note : "");
}

static const char *last_part(const json_t *root, char *dst, size_t size)
{
	static const struct {
		const char *name, *text;
	} parts[] = {
		{ "ttr_part_drained", "what waited was drained" },
		{ "ttr_part_traffic", "the last 429" },
		{ "ttr_part_lifted", "the restriction was lifted" },
	};
	double last = -INFINITY, traffic = measure(root, "ttr_part_traffic");
	char at[UNITS_TEXT];

	snprintf(dst, size, "%s", "");
	for (size_t i = 0; i < 3; i++) {
		double t = measure(root, parts[i].name);

		if (isnan(t) || t <= last)
			continue;
		last = t;
		snprintf(dst, size, "last to come: %s (%s)", parts[i].text,
			 text_at(root, t, at));
	}
	if (last > traffic && !isnan(traffic)) {
		size_t used = strlen(dst);

		snprintf(dst + used, size - used,
			 ", %.0f s after the last 429", last - traffic);
	}
	return dst;
}

static const char *note_of(const json_t *root, const char *name, char *dst,
			   size_t size)
{
	const json_t *m = by_name(root, "milestones", "name", name);
	const char *why = json_str(m, "why", "");

	if (strcmp(name, "recovered") == 0)
		return last_part(root, dst, size);
	if (!m)
		return "it did not happen";
	snprintf(dst, size, "%s%s%s", json_str(m, "source", ""),
		 why[0] ? ": " : "", why);
	return dst;
}

static void milestone_line(const json_t *root, FILE *f, const char *name,
			   const char *key)
{
	const json_t *r = by_name(root, "recorded", "name", key);
	double t = milestone(root, name);
	char rec[UNITS_TEXT], got[UNITS_TEXT], diff[UNITS_TEXT], note[256];

	line(f, name,
	     r ? text_at(root, json_num(r, "recorded", NAN), rec) : "-",
	     text_at(root, t, got),
	     r ? signed_s(json_num(r, "difference", NAN), diff) : "",
	     note_of(root, name, note, sizeof(note)));
}

static void span_line(const json_t *root, FILE *f, const char *label,
		      const char *key, const char *note)
{
	const json_t *r = by_name(root, "recorded", "name", key);
	char rec[UNITS_TEXT], got[UNITS_TEXT], diff[UNITS_TEXT];

	if (!r && isnan(measure(root, key)))
		return;
	line(f, label, r ? span_text(json_num(r, "recorded", NAN), rec) : "-",
	     span_text(measure(root, key), got),
	     r ? signed_s(json_num(r, "difference", NAN), diff) : "", note);
}

static const char *percent(double v, char *dst)
{
	if (isnan(v))
		return "-";
	snprintf(dst, UNITS_TEXT, "%.1f %%", v * 100);
	return dst;
}

static void share_line(const json_t *root, FILE *f, const char *label,
		       const char *key, const char *note)
{
	const json_t *r = by_name(root, "recorded", "name", key);
	char rec[UNITS_TEXT], got[UNITS_TEXT];

	if (!r && isnan(measure(root, key)))
		return;
	line(f, label, r ? percent(json_num(r, "recorded", NAN), rec) : "-",
	     percent(measure(root, key), got), "", note);
}

static void times(const json_t *root, FILE *f)
{
	bool record = json_array_size(json_at(root, "recorded")) > 0;
	const json_t *share = by_name(root, "recorded", "name",
				      "repair_share");
	char time[UNITS_TEXT], note[128] = "";

	fprintf(f, "%-28s %10s %11s %12s\n", "", "record", "replay",
		"difference");
	milestone_line(root, f, "effective", "effective");
	milestone_line(root, f, "impact", "impact");
	milestone_line(root, f, "detected", "detected");
	milestone_line(root, f, "first action", "first_action");
	milestone_line(root, f, "mitigated", "mitigated");
	milestone_line(root, f, "recovered", "recovered");
	span_line(root, f, "TTD  start→detected", "ttd", NULL);
	span_line(root, f, "TTD  impact→detected", "impact_to_detected", NULL);
	span_line(root, f, "TTR  detected→recovered", "ttr_repair",
		  record ? "what the record calls MTTR" : NULL);
	span_line(root, f, "TTR  start→recovered", "ttr_restore", NULL);
	if (share)
		snprintf(note, sizeof(note),
			 "the record's \"availability %.0f %%\": a share "
			 "affected",
			 json_num(share, "recorded", 0) * 100);
	share_line(root, f, "detected→recovered / window", "repair_share",
		   note);
	snprintf(note, sizeof(note), "by the SLOs; time availability %s",
		 percent(measure(root, "availability_time"), time));
	share_line(root, f, "affected share", "affected_share", note);
	report_text_recorded(root, f);
}

static void faults(const json_t *root, FILE *f)
{
	json_t *fault;
	size_t i, bit = 0, gone = 0, injected = 0, expected = 0;

	json_array_foreach(json_at(root, "faults"), i, fault) {
		injected += json_is_number(json_at(fault, "injected_s"));
		expected += json_at(fault, "expect") != NULL;
		bit += json_flag(fault, "bit", false);
		gone += strcmp(json_str(fault, "verified_gone", ""), "yes") ==
			0;
	}
	fprintf(f,
		"\nfaults: %zu injected, %zu of %zu bit, %zu verified gone\n",
		injected, bit, expected, gone);
	json_array_foreach(json_at(root, "faults"), i, fault) {
		char in[UNITS_TEXT], out[UNITS_TEXT];
		char *got = json_dumps(json_at(fault, "achieved"),
				       JSON_COMPACT | JSON_REAL_PRECISION(4));

		fprintf(f, "  %-12s %-11s %s–%s", json_str(fault, "name", "?"),
			json_str(fault, "kind", "?"),
			text_at(root, json_num(fault, "injected_s", NAN), in),
			text_at(root, json_num(fault, "reverted_s", NAN), out));
		if (json_is_string(json_at(fault, "fallback_for")))
			fprintf(f, "  in place of %s, which cannot run here",
				json_str(fault, "fallback_for", "?"));
		fprintf(f, "\n               %s%s\n",
			!json_at(fault, "expect")
				? "without an expect: nobody looked for its "
				  "effect"
			: json_flag(fault, "bit", false) ? "bit: "
							 : "DID NOT BITE: ",
			json_str(fault, "explain", ""));
		if (got)
			fprintf(f, "               achieved %s\n", got);
		if (json_is_string(json_at(fault, "remove")))
			fprintf(f, "               LEFT BEHIND; to remove it: "
				   "%s\n",
				json_str(fault, "remove", ""));
		free(got);
	}
}

static void steps(const json_t *root, FILE *f)
{
	json_t *step;
	size_t i, passed = 0;
	char at[UNITS_TEXT];

	json_array_foreach(json_at(root, "playbook"), i, step)
		passed += strcmp(json_str(step, "verdict", ""), "pass") == 0;
	fprintf(f, "\nplaybook: %zu of %zu steps passed\n", passed,
		json_array_size(json_at(root, "playbook")));
	json_array_foreach(json_at(root, "playbook"), i, step)
		fprintf(f, "  %-14s %-8s %-10s %s → %s%s%s\n",
			json_str(step, "step", "?"),
			text_at(root, json_num(step, "started_s", NAN), at),
			json_str(step, "verdict", "?"),
			json_str(step, "before", "-"),
			json_str(step, "after", "-"),
			json_is_string(json_at(step, "why")) ? "; " : "",
			json_str(step, "why", ""));
}

static void causes(const json_t *api, char *dst, size_t size)
{
	size_t used = 0;
	const char *key;
	json_t *v;

	snprintf(dst, size, "-");
	json_object_foreach(json_at(api, "failed"), key, v)
		if (used < size)
			used += (size_t)snprintf(
				dst + used, size - used, "%s%s %lld",
				used ? ", " : "", key,
				(long long)json_integer_value(v));
	for (size_t i = 0; i < 2 && used < size; i++) {
		static const char *const others[] = { "client", "business" };
		long long n = (long long)json_int64(api, others[i], 0);

		if (n > 0)
			used += (size_t)snprintf(dst + used, size - used,
						 "%s(%s %lld)",
						 used ? ", " : "", others[i],
						 n);
	}
}

static void api_line(const json_t *api, FILE *f)
{
	static const char *const p[] = { "response_ms/p50", "response_ms/p95",
					 "response_ms/p99" };
	char failed[160];

	causes(api, failed, sizeof(failed));
	fprintf(f, "  %-9s %-9s %8lld %8lld", json_str(api, "name", "?"),
		json_str(api, "phase", "?"),
		(long long)json_int64(api, "requests", 0),
		(long long)json_int64(api, "ok", 0));
	for (size_t i = 0; i < 3; i++) {
		double ms = json_num(api, p[i], NAN);
		char text[UNITS_TEXT];

		fprintf(f, " %9s",
			isnan(ms) ? "-"
				  : units_fmt_ms(text, (nsec_t)(ms * 1e6)));
	}
	fprintf(f, "  %s\n", failed);
}

static void apis(const json_t *root, FILE *f)
{
	json_t *api;
	size_t i;

	fprintf(f, "\n  %-9s %-9s %8s %8s %9s %9s %9s  %s\n", "API", "phase",
		"requests", "ok", "p50", "p95", "p99",
		"failed by cause (times from the intended start)");
	json_array_foreach(json_at(root, "load/apis"), i, api)
		if (json_int64(api, "requests", 0) > 0)
			api_line(api, f);
}

static void impact(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i;

	if (json_array_size(json_at(root, "impact")) == 0)
		return;
	fprintf(f, "\nimpact%26s %14s\n", "replay", "record");
	json_array_foreach(json_at(root, "impact"), i, row) {
		double v = json_num(row, "value", NAN);
		char text[UNITS_TEXT];

		snprintf(text, sizeof(text), "%.*f",
			 fabs(v) < 2 && v != floor(v) ? 3 : 0, v);
		fprintf(f, "  %-21s %9s %14s\n", json_str(row, "name", "?"),
			isnan(v) ? "-" : text, json_str(row, "recorded", "-"));
		fprintf(f, "    %s: %s\n", json_str(row, "formula", ""),
			json_str(row, "inputs_text", ""));
	}
}

/* What the record's own figures mean, where they are easily misread. */
static void traps(const json_t *root, FILE *f)
{
	const json_t *repair = by_name(root, "recorded", "name", "ttr_repair");
	const json_t *share = by_name(root, "recorded", "name", "repair_share");
	const json_t *users = by_name(root, "recorded", "name",
				      "users.unserved");
	char a[UNITS_TEXT], b[UNITS_TEXT];

	if (repair)
		fprintf(f,
			"\nthe record, read with care\n"
			"  its MTTR of %s runs from detection; from the start "
			"of the incident it is %s\n",
			span_text(json_num(repair, "recorded", NAN), a),
			span_text(json_num(by_name(root, "recorded", "name",
						   "ttr_restore"),
					   "recorded", NAN),
				  b));
	if (share)
		fprintf(f,
			"  its availability of %s is the share between "
			"detection and recovery: affected, not available\n",
			percent(json_num(share, "recorded", NAN), a));
	if (users && measure(root, "users_unserved") > 0)
		fprintf(f,
			"  its %s failed coupon issues fit distinct users, not "
			"requests: here %.0f users got none, while all users "
			"sent %.0f requests\n",
			json_str(users, "text", "?"),
			measure(root, "users_unserved"),
			measure(root, "users_unserved_raw"));
}

void text_list(const json_t *root, FILE *f, const char *part,
		      const char *title)
{
	json_t *text;
	size_t i;

	if (json_array_size(json_at(root, part)) > 0)
		fprintf(f, "\n%s\n", title);
	json_array_foreach(json_at(root, part), i, text)
		fprintf(f, "  %s\n", json_string_value(text));
}

static void audit(const json_t *root, FILE *f)
{
	const json_t *a = json_at(root, "load/audit");

	if (!json_at(a, "slip_p99_ms")) {
		fprintf(f, "\naudit: none, the run ended before it\n");
		return;
	}
	fprintf(f,
		"\naudit: %s; send lag p50 %.2f, p99 %.2f, max %.2f ms, load "
		"thread at most %.0f %% of a core, timeline slip p99 %.2f "
		"ms\n",
		json_flag(root, "run/valid", false) ? "clean" : "INVALID",
		json_num(a, "send_lag_p50_ms", 0),
		json_num(a, "send_lag_p99_ms", 0),
		json_num(a, "send_lag_max_ms", 0),
		json_num(a, "cpu_max_5s", 0) * 100,
		json_num(a, "slip_p99_ms", 0));
	text_audit(a, f);
	if (json_num(a, "loop_blocked", 0) > 0)
		fprintf(f, "  finding: the controller's loop was held for %.0f "
			   "ms by '%s'\n",
			json_num(a, "loop_longest_ms", 0),
			json_str(a, "loop_longest", "?"));
}

static void criteria(const json_t *root, FILE *f)
{
	json_t *c;
	size_t i;

	fprintf(f, "\ncriteria\n");
	json_array_foreach(json_at(root, "verdict/criteria"), i, c) {
		bool judged = json_flag(c, "judged", false);
		bool ok = json_flag(c, "ok", false);

		fprintf(f, "  %-7s %-24s %s\n",
			!judged ? "(shown)" : ok ? "ok"
						 : "MISSED",
			json_str(c, "name", "?"), json_str(c, "want", ""));
		/* A threshold that held has its margin. */
		if (!ok || strncmp(json_str(c, "name", ""), "threshold ",
				   10) == 0)
			fprintf(f, "  %-7s %-24s got %s\n", "", "",
				json_str(c, "got", ""));
	}
}

static void drill_page(const json_t *root, FILE *f)
{
	bool search = json_is_object(json_at(root, "search"));

	head(root, f);
	if (search)
		report_text_search(root, f);
	else
		times(root, f);
	text_alerts(root, f);
	text_budget(root, f);
	faults(root, f);
	if (json_array_size(json_at(root, "playbook")) > 0)
		steps(root, f);
	apis(root, f);
	if (!search) {
		impact(root, f);
		traps(root, f);
	}
	text_list(root, f, "run/assumptions", "assumed");
	text_list(root, f, "run/missing", "missing from the run directory");
	text_list(root, f, "run/invalid_because", "invalid because");
	audit(root, f);
	criteria(root, f);
}

static void text_write(const struct report *r, FILE *f)
{
	const json_t *root = report_json(r);

	if (strcmp(json_str(root, "run/kind", ""), "load") == 0 &&
	    !json_is_object(json_at(root, "search")))
		text_load(root, f);
	else
		drill_page(root, f);
	fprintf(f, "\n%s: %s (exit %d)\n%s/report.json\n",
		json_str(root, "verdict/status", "?"),
		json_str(root, "verdict/why", ""),
		(int)json_int64(root, "verdict/exit", 0),
		json_str(root, "run_dir", "?"));
}

const struct report_writer report_writer_text = {
	.name = "text",
	.file = "report.txt",
	.summary = "the page at the end of a run",
	.write = text_write,
};
