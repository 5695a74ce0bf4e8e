/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of a run of traffic alone: what wrk, hey or k6 would say, and how
 * far it can be believed.  80 columns; a part with nothing to say is not there.
 */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/text.h"

enum { NAME_W = 14 };

static bool is_all(const json_t *row)
{
	return strcmp(json_str(row, "phase", ""), "all") == 0;
}

static double failed_of(const json_t *row)
{
	const char *key;
	double n = 0;
	json_t *v;

	json_object_foreach(json_object_get(row, "failed"), key, v)
		n += json_number_value(v);
	return n;
}

/* How many APIs of the users had a request; those beside are not of them. */
static size_t shown(const json_t *root)
{
	json_t *row;
	size_t i, n = 0;

	json_array_foreach(json_at(root, "load/apis"), i, row)
		n += is_all(row) && !json_flag(row, "beside", false) &&
		     json_num(row, "requests", 0) > 0;
	return n;
}

static const json_t *total(const json_t *root, const char *phase)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_at(root, "load/totals"), i, row)
		if (strcmp(json_str(row, "phase", ""), phase) == 0)
			return row;
	return NULL;
}

static void head(const json_t *root, FILE *f)
{
	const json_t *all = total(root, "all");
	char span[UNITS_TEXT], n[UNITS_TEXT], ok[UNITS_TEXT];
	double requests = json_num(all, "requests", 0);
	double speed = json_num(root, "run/speed", 1);

	fprintf(f, "\n%s  (seed %lld", json_str(root, "run/title", "?"),
		(long long)json_int64(root, "run/seed", 0));
	if (speed != 1)
		fprintf(f, ", at %gx", speed);
	fprintf(f, ")\n\n");
	fprintf(f, "%s requests in %s, %.1f/s; %s ok\n",
		text_count(requests, n),
		units_fmt_duration(span,
				   (nsec_t)llround(json_num(all, "seconds", 0) *
						   10) * 100 * NSEC_MS),
		json_num(all, "rps", 0),
		text_percent(requests > 0
					    ? json_num(all, "ok", 0) / requests
					    : NAN,
				    ok));
}

static void count_line(const char *name, const json_t *row, FILE *f)
{
	static const char *const keys[] = { "ok", NULL, "client", "business" };
	double requests = json_num(row, "requests", 0);
	char text[UNITS_TEXT];

	fprintf(f, "  %-*s %11s %8.1f", NAME_W, name,
		text_count(requests, text), json_num(row, "rps", 0));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		fprintf(f, " %*s", i == 0 ? 11 : i == 1 ? 9 : 8,
			text_count(keys[i] ? json_num(row, keys[i], 0)
						  : failed_of(row),
					  text));
	fputc('\n', f);
}

static const char *name_of(const json_t *row, char *dst, size_t size)
{
	snprintf(dst, size, "%s%s", json_str(row, "name", "?"),
		 json_flag(row, "beside", false) ? " *" : "");
	return dst;
}

typedef void line_fn(const char *name, const json_t *row, FILE *f);

/* A line for each API, one for all where they are several, then those beside */
static void by_api(const json_t *root, line_fn *line, FILE *f)
{
	char name[64];
	json_t *row;
	size_t i;

	for (int beside = 0; beside < 2; beside++) {
		json_array_foreach(json_at(root, "load/apis"), i, row)
			if (is_all(row) && json_num(row, "requests", 0) > 0 &&
			    json_flag(row, "beside", false) == beside)
				line(name_of(row, name, sizeof(name)), row, f);
		if (!beside && shown(root) > 1)
			line("all", total(root, "all"), f);
	}
}

static bool any_beside(const json_t *root)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_at(root, "load/apis"), i, row)
		if (json_flag(row, "beside", false))
			return true;
	return false;
}

static void counts(const json_t *root, FILE *f)
{
	fprintf(f, "\n%-*s %11s %8s %11s %9s %8s %8s\n", NAME_W + 2,
		"requests", "count", "/s", "ok", "failed", "client",
		"business");
	by_api(root, count_line, f);
	if (any_beside(root))
		fprintf(f, "  * followed beside the users, or a group of "
			   "steps: in no sum\n");
}

static void times_of(const char *name, const json_t *times, FILE *f)
{
	static const char *const keys[] = { "mean", "p50", "p90", "p95",
					    "p99",  "p999", "max" };
	char text[UNITS_TEXT];

	fprintf(f, "  %-*.*s", NAME_W, NAME_W, name);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		fprintf(f, " %8s",
			text_ms(json_num(times, keys[i], NAN), text));
	fputc('\n', f);
}

static void response_line(const char *name, const json_t *row, FILE *f)
{
	times_of(name, json_at(row, "response_ms"), f);
}

/* What is followed beside a user has no time of its own. */
static void service_line(const char *name, const json_t *row, FILE *f)
{
	if (json_is_number(json_at(row, "service_ms/p50")))
		times_of(name, json_at(row, "service_ms"), f);
}

static void times(const json_t *root, FILE *f)
{
	static const char *const heads[] = { "mean", "p50", "p90", "p95",
					     "p99",  "p99.9", "max" };
	static const struct {
		const char *title, *from;
		line_fn *line;
	} parts[] = {
		{ "response time", "from when a request was due",
		  response_line },
		{ "service time", "from when it was sent", service_line },
	};

	for (size_t p = 0; p < 2; p++) {
		fprintf(f, "\n%-*s", NAME_W + 2, parts[p].title);
		for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
			fprintf(f, " %8s", heads[i]);
		fprintf(f, "\n");
		by_api(root, parts[p].line, f);
		fprintf(f, "  (%s)\n", parts[p].from);
	}
}

static void phases(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i, n = 0;

	json_array_foreach(json_at(root, "load/totals"), i, row)
		n += !is_all(row) && json_num(row, "requests", 0) > 0;
	if (n < 2)
		return;
	fprintf(f, "\n%-*s %11s %8s %11s %9s %8s %8s\n", NAME_W + 2,
		"phase", "count", "/s", "ok", "failed", "p50", "p95");
	json_array_foreach(json_at(root, "load/totals"), i, row) {
		char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT],
			p50[UNITS_TEXT], p95[UNITS_TEXT];
		bool base = strcmp(json_str(row, "phase", ""), "baseline") == 0;

		if (is_all(row) || json_num(row, "requests", 0) <= 0)
			continue;
		fprintf(f, "  %-*s %11s %8.1f %11s %9s %8s %8s\n", NAME_W,
			base ? "lead-in"
			: strcmp(json_str(row, "phase", ""), "fault") == 0
				? "run"
				: json_str(row, "phase", "?"),
			text_count(json_num(row, "requests", 0), a),
			json_num(row, "rps", 0),
			text_count(json_num(row, "ok", 0), b),
			text_count(failed_of(row), c),
			text_ms(json_num(row, "response_ms/p50", NAN),
				       p50),
			text_ms(json_num(row, "response_ms/p95", NAN),
				       p95));
	}
}

static void causes(const json_t *root, FILE *f)
{
	json_t *row, *v;
	const char *key;
	size_t i;

	if (json_array_size(json_at(root, "load/causes")) > 0)
		fprintf(f, "\nfailed by cause\n");
	json_array_foreach(json_at(root, "load/causes"), i, row) {
		char n[UNITS_TEXT];
		bool first = true;

		fprintf(f, "  %-*s %11s  ", NAME_W, json_str(row, "cause", "?"),
			text_count(json_num(row, "requests", 0), n));
		json_object_foreach(json_object_get(row, "apis"), key, v) {
			fprintf(f, "%s%s %s", first ? "" : ", ", key,
				text_count(json_number_value(v), n));
			first = false;
		}
		fputc('\n', f);
	}
}

static void checks(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i;

	if (json_array_size(json_at(root, "load/checks")) > 0)
		fprintf(f, "\nchecks\n");
	json_array_foreach(json_at(root, "load/checks"), i, row) {
		double ok = json_num(row, "ok", 0);
		double failed = json_num(row, "failed", 0);
		char share[UNITS_TEXT], a[UNITS_TEXT], b[UNITS_TEXT];

		fprintf(f, "  %-6s %8s  %s ok, %s failed  %s%s%s\n",
			failed > 0 ? "FAILED" : "ok",
			text_percent(ok + failed > 0
						    ? ok / (ok + failed)
						    : NAN,
					    share),
			text_count(ok, a), text_count(failed, b),
			json_str(row, "api", ""),
			json_str(row, "api", "")[0] ? ": " : "",
			json_str(row, "name", "?"));
	}
}

static void threshold_line(const json_t *t, FILE *f)
{
	const char *phase = json_str(t, "phase", "");

	fprintf(f, "  %-7s %s: %s%s%s\n",
		!json_flag(t, "judged", true) ? "(shown)"
		: json_flag(t, "ok", false)   ? "ok"
					      : "MISSED",
		json_str(t, "name", "?"), json_str(t, "want", ""),
		phase[0] ? ", in phase " : "", phase);
	fprintf(f, "  %-7s %s", "", json_str(t, "got", ""));
	if (!json_flag(t, "at_end", true))
		fprintf(f, "; missed %lld of %lld s",
			(long long)json_int64(t, "missed_seconds", 0),
			(long long)json_int64(t, "seconds", 0));
	fprintf(f, "%s\n",
		json_flag(t, "aborted", false) ? "; it ended the run" : "");
}

static void thresholds(const json_t *root, FILE *f)
{
	json_t *t;
	size_t i;

	if (json_array_size(json_at(root, "thresholds")) > 0)
		fprintf(f, "\nthresholds\n");
	json_array_foreach(json_at(root, "thresholds"), i, t)
		threshold_line(t, f);
}

/* What else was judged, or shown. */
static void criteria(const json_t *root, FILE *f)
{
	bool titled = false;
	json_t *c;
	size_t i;

	json_array_foreach(json_at(root, "verdict/criteria"), i, c) {
		bool ok = json_flag(c, "ok", false);

		if (strncmp(json_str(c, "name", ""), "threshold ", 10) == 0 ||
		    strcmp(json_str(c, "name", ""), "audit") == 0)
			continue;
		if (!titled)
			fprintf(f, "\ncriteria\n");
		titled = true;
		fprintf(f, "  %-7s %-*s %s\n",
			!json_flag(c, "judged", false) ? "(shown)"
			: ok			       ? "ok"
						       : "MISSED",
			NAME_W, json_str(c, "name", "?"),
			json_str(c, "want", ""));
		if (!ok)
			fprintf(f, "  %-7s %-*s got %s\n", "", NAME_W, "",
				json_str(c, "got", ""));
	}
}

/* A moment, a span, a share, or a number. */
static void recorded_text(const json_t *root, const json_t *row, double got,
			  char *dst)
{
	static const char *const moments[] = { "impact", "detected",
					       "acknowledged", "first_action",
					       "recovered" };
	const char *unit = json_str(row, "unit", "");
	const char *name = json_str(row, "name", "");
	bool moment = strncmp(name, "at.", 3) == 0;

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		moment |= strcmp(moments[i], name) == 0;
	if (isnan(got))
		snprintf(dst, UNITS_TEXT, "-");
	else if (strcmp(unit, "share") == 0)
		text_percent(got, dst);
	else if (strcmp(unit, "s") != 0)
		snprintf(dst, UNITS_TEXT, "%.6g%s%.16s", got,
			 unit[0] ? " " : "", unit);
	else if (moment)
		text_at(root, got, dst);
	else
		units_fmt_mmss(dst, (nsec_t)(got * 1e9));
}

static void recorded(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i;

	if (json_array_size(json_at(root, "recorded")) > 0)
		fprintf(f, "\n%-26s %24s %12s\n", "record", "recorded",
			"here");
	json_array_foreach(json_at(root, "recorded"), i, row) {
		const json_t *within = json_at(row, "within");
		double got = json_num(row, "replayed", NAN);
		char text[UNITS_TEXT];

		recorded_text(root, row, got, text);
		fprintf(f, "  %-24s %24s %12s%s\n",
			json_str(row, "name", "?"), json_str(row, "text", ""),
			text,
			!json_is_boolean(within) ? ""
			: json_is_true(within)	 ? "  within"
						 : "  NOT WITHIN");
	}
}

/* By its SLOs, where the scenario has some. */
static void slos(const json_t *root, FILE *f)
{
	double bad = NAN;
	json_t *m;
	size_t i;

	if (json_array_size(json_at(root, "slos")) == 0)
		return;
	json_array_foreach(json_at(root, "measures"), i, m)
		if (strcmp(json_str(m, "name", ""), "affected_share") == 0)
			bad = json_num(m, "value", NAN);
	if (!isnan(bad)) {
		char share[UNITS_TEXT];

		fprintf(f, "\nslo: %s of the seconds were bad\n",
			text_percent(bad, share));
	}
}

static void changes(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i;

	if (json_array_size(json_at(root, "load/changes")) > 0)
		fprintf(f, "\nchanged while it ran\n");
	json_array_foreach(json_at(root, "load/changes"), i, row) {
		char at[UNITS_TEXT];

		fprintf(f, "  %8s  %s %s%s%s\n",
			text_at(root, json_num(row, "t_s", NAN), at),
			json_str(row, "what", "?"), json_str(row, "target", ""),
			*json_str(row, "target", "") ? " " : "",
			json_str(row, "value", ""));
	}
}

/* What this machine could run out of, from half of it on. */
static void limits(const json_t *a, FILE *f)
{
	double fds = json_num(a, "fd_share", 0);
	double ports = json_num(a, "port_share", 0);

	if (fds >= 0.5)
		fprintf(f, "  descriptors     %.0f %% of what is allowed\n",
			fds * 100);
	if (ports >= 0.5)
		fprintf(f, "  ports           %.0f %% of those to one target\n",
			ports * 100);
	if (json_num(a, "emfile", 0) + json_num(a, "eaddrnotavail", 0) > 0)
		fprintf(f, "  ran out of      %s%s\n",
			json_num(a, "emfile", 0) > 0 ? "descriptors " : "",
			json_num(a, "eaddrnotavail", 0) > 0 ? "ports" : "");
}

static void generator(const json_t *root, FILE *f)
{
	const json_t *a = json_at(root, "load/audit");
	char n[UNITS_TEXT], m[UNITS_TEXT];

	if (!json_at(a, "send_lag_p99_ms")) {
		fprintf(f, "\ngenerator: unknown, the run ended before its "
			   "audit\n");
		return;
	}
	fprintf(f, "\ngenerator: %s\n",
		json_flag(root, "run/valid", false) ? "fit for this"
						    : "INVALID");
	fprintf(f, "  sent late by    p99 %s, at most %s (real time)\n",
		text_ms(json_num(a, "send_lag_p99_ms", NAN), n),
		text_ms(json_num(a, "send_lag_max_ms", NAN), m));
	fprintf(f, "  busiest thread  %.0f %% of a core over 5 s\n",
		json_num(a, "cpu_max_5s", 0) * 100);
	fprintf(f, "  connections     %s made, users at once %s\n",
		text_count(json_num(a, "connects", 0), n),
		text_count(json_num(a, "users_max", 0), m));
	limits(a, f);
	text_audit(a, f);
	if (json_num(total(root, "all"), "censored", 0) > 0)
		fprintf(f, "  unanswered      %s at the end: in the times, as "
			   "long as they waited\n",
			text_count(json_num(total(root, "all"),
						   "censored", 0),
					  n));
}

void text_load(const json_t *root, FILE *f)
{
	head(root, f);
	counts(root, f);
	times(root, f);
	phases(root, f);
	causes(root, f);
	checks(root, f);
	thresholds(root, f);
	criteria(root, f);
	recorded(root, f);
	slos(root, f);
	changes(root, f);
	text_list(root, f, "run/assumptions", "assumed");
	text_list(root, f, "run/missing",
			 "missing from the run directory");
	generator(root, f);
	text_list(root, f, "run/invalid_because", "invalid because");
}
