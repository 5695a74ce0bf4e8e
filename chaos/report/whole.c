/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a run directory's end add up?  What was cut off between two lines parses
 * well: only the sums tell.
 */
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

struct sums {
	double due;	/* but for those beside */
	double timed;	/* of which there surely is a response time */
};

static struct sums sums_of(const struct facts *f)
{
	struct sums sums = { 0 };
	json_t *l;
	size_t i;

	json_array_foreach(f->apis, i, l) {
		if (!facts_beside(l))
			sums.due += json_num(l, "due", 0);
		sums.timed += json_num(l, "ok", 0) +
			      json_num(l, "client", 0) +
			      json_num(l, "business", 0) +
			      facts_failed(l, "timeout");
	}
	return sums;
}

static double responses(const struct facts *f)
{
	static const char end[] = "/response";
	double n = 0;

	for (size_t i = 0; i < f->n_hists; i++) {
		const char *at = strrchr(f->hists[i].tag, '/');

		if (at && strcmp(at, end) == 0)
			n += (double)hist_count(f->hists[i].h);
	}
	return n;
}

/* One sentence for a file is enough. */
static bool is_said(const struct facts *f, const char *file)
{
	json_t *text;
	size_t i;

	json_array_foreach(f->missing, i, text)
		if (strncmp(json_string_value(text), file, strlen(file)) == 0)
			return true;
	return false;
}

static void check(const struct facts *f, const char *file, bool bad,
		  const char *what, double got, double want)
{
	AUTO_FREE char *text = NULL;

	if (!bad || is_said(f, file))
		return;
	text = mem_printf("%s does not add up: it has %.0f %s of %.0f", file,
			  got, what, want);
	json_array_append_new(f->missing, json_string(text));
}

void facts_check_sums(const struct facts *f)
{
	const json_t *load = facts_event(f, "load");
	struct sums sums = sums_of(f);
	double times = responses(f);

	/* A killed run's files end where they end. */
	if (!facts_event(f, "end"))
		return;
	if (json_at(load, "requests")) {
		double requests = json_num(load, "requests", 0);

		check(f, SERIES_FILE, sums.due != requests, "requests",
		      sums.due, requests);
	}
	/* More have one: failures with a status, and who still waited. */
	if (!is_said(f, SERIES_FILE))
		check(f, HLOG_FILE, times < sums.timed, "response times",
		      times, sums.timed);
}
