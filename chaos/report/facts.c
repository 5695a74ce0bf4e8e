/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a run directory as it is.  A line that is cut, a file that is missing:
 * said in facts.missing, and everything else is still read.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

enum { MAX_FILE = 1 << 30 };

static void say_missing(struct facts *f, const char *fmt, const char *a)
{
	AUTO_FREE char *text = mem_printf("%s%s", a, fmt);

	json_array_append_new(f->missing, json_string(text));
}

/* "kind" tells points of the series apart; events use it for their own. */
static void add_line(struct facts *f, const char *file, int number,
		     json_t *line)
{
	if (strcmp(file, SERIES_FILE) == 0 && facts_beside(line))
		json_object_set_new(f->beside, json_str(line, "api", "?"),
				    json_true());
	if (strcmp(file, SERIES_FILE) != 0) {
		json_object_set_new(line, "file", json_string(file));
		json_object_set_new(line, "line", json_integer(number));
	}
	if (strcmp(file, SERIES_FILE) != 0)
		json_array_append_new(f->events, line);
	else if (strcmp(json_str(line, "kind", ""), "api") == 0)
		json_array_append_new(f->apis, line);
	else
		json_array_append_new(f->gauges, line);
}

static int read_file(const char *dir, const char *name, struct buf *ret)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);

	buf_init(ret, MAX_FILE);
	return buf_read_file(ret, path, NULL);
}

static void read_lines(struct facts *f, const char *dir, const char *name)
{
	struct buf text;
	char *line, *end;
	size_t broken = 0;
	int number = 0;

	if (read_file(dir, name, &text) < 0) {
		say_missing(f, " cannot be read", name);
		buf_done(&text);
		return;
	}
	for (line = text.data; line && *line; line = end) {
		json_t *root = NULL;

		number++;
		end = strchr(line, '\n');
		if (end && json_parse(line, (size_t)(end - line), &root,
				      NULL) == 0)
			add_line(f, name, number, root);
		else
			broken++;
		end = end ? end + 1 : line + strlen(line);
	}
	/* A zero byte ends the text for all that reads it. */
	broken += line && line != text.data + text.len;
	if (broken > 0)
		say_missing(f, " has lines that are cut or broken", name);
	buf_done(&text);
}

static size_t hist_of(struct facts *f, const char *tag)
{
	for (size_t i = 0; i < f->n_hists; i++)
		if (strcmp(f->hists[i].tag, tag) == 0)
			return i;
	(void)mem_grow(f->hists, f->n_hists, f->cap_hists);
	snprintf(f->hists[f->n_hists].tag, sizeof(f->hists[0].tag), "%s", tag);
	f->hists[f->n_hists].h = hist_new();
	return f->n_hists++;
}

static struct facts_interval interval(double t, size_t index,
				      const struct hist *h)
{
	return (struct facts_interval){
		.t = t, .hist = index,
		.p50 = (double)hist_percentile(h, 50) / NSEC_SEC,
		.p95 = (double)hist_percentile(h, 95) / NSEC_SEC,
		.p99 = (double)hist_percentile(h, 99) / NSEC_SEC,
		.max = (double)hist_max(h) / NSEC_SEC,
	};
}

/* The log has a second's tags side by side: one sum at a time is enough. */
struct together {
	double t;
	struct hist *h;
};

static void end_second(struct facts *f, struct together *sum)
{
	if (hist_count(sum->h)) {
		(void)mem_grow(f->together, f->n_together, f->cap_together);
		f->together[f->n_together++] = interval(sum->t, 0, sum->h);
	}
	hist_reset(sum->h);
}

static void add_together(struct facts *f, struct together *sum,
			 const char *tag, double t, const struct hist *h)
{
	AUTO_FREE char *api = mem_strndup(tag, strcspn(tag, "/"));

	if (json_object_get(f->beside, api))
		return;
	if (t != sum->t)
		end_second(f, sum);
	sum->t = t;
	hist_merge(sum->h, h);
}

static void add_interval(struct facts *f, struct together *sum,
			 const char *tag, double t, const struct hist *h)
{
	size_t index = hist_of(f, tag), len = strlen(tag);

	hist_merge(f->hists[index].h, h);
	if (len < 9 || strcmp(tag + len - 9, "/response") != 0 ||
	    !hist_count(h))
		return;
	(void)mem_grow(f->intervals, f->n_intervals, f->cap_intervals);
	f->intervals[f->n_intervals++] = interval(t, index, h);
	add_together(f, sum, tag, t, h);
}

/* A line at a time: an hour's log is larger than what is made of it. */
static void read_hlog(struct facts *f, const char *dir)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, HLOG_FILE);
	struct hist *one = hist_new();
	struct together sum = { .h = hist_new() };
	FILE *log = fopen(path, "re");
	double start, length;
	char tag[160], *line = NULL;
	size_t size = 0, broken = 0;
	ssize_t n;

	if (!log)
		say_missing(f, " cannot be read", HLOG_FILE);
	while (log && (n = getline(&line, &size, log)) > 0) {
		bool whole = line[n - 1] == '\n';
		int rc = -EINVAL;

		line[n - whole] = '\0';
		whole &= strlen(line) + 1 == (size_t)n;
		hist_reset(one);
		if (whole)
			rc = hist_log_parse(line, tag, sizeof(tag), &start,
					    &length, one, NULL);
		if (rc > 0)
			add_interval(f, &sum, tag, start, one);
		broken += rc < 0;
	}
	if (broken > 0)
		say_missing(f, " has lines that are cut or broken", HLOG_FILE);
	end_second(f, &sum);
	hist_free(sum.h);
	hist_free(one);
	free(line);
	if (log)
		fclose(log);
}

static void read_scenario(struct facts *f, const char *dir,
			  const struct section_spec *const *specs)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, SCENARIO_FILE);
	struct scenario_vars vars = { .keep_unknown = true };
	struct errs errs;

	errs_init(&errs);
	scenario_load(path, specs, NULL, &vars, &f->sc, &errs);
	if (!f->sc)
		say_missing(f, errs.n ? errs.v[0].msg : "?",
			    SCENARIO_FILE " cannot be read: ");
	errs_done(&errs);
}

int facts_read(struct facts *f, const char *dir,
	       const struct section_spec *const *specs, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, EVENTS_FILE);
	AUTO_FREE char *undo = mem_printf("%s/%s", dir, UNDO_FILE);

	*f = (struct facts){ .events = json_array(),
			     .apis = json_array(),
			     .gauges = json_array(),
			     .missing = json_array(),
			     .beside = json_object() };
	if (access(path, R_OK) < 0) {
		facts_done(f);
		return err_set(err, -ENOENT,
			       "no run in '%s': it has no " EVENTS_FILE, dir);
	}
	read_lines(f, dir, EVENTS_FILE);
	read_lines(f, dir, SERIES_FILE);
	if (access(undo, R_OK) == 0)
		read_lines(f, dir, UNDO_FILE);
	read_hlog(f, dir);
	read_scenario(f, dir, specs);
	f->run = facts_event(f, "run");
	if (!f->run) {
		facts_done(f);
		return err_set(err, -ENOENT,
			       "no run in '%s': its " EVENTS_FILE
			       " ends before the run event",
			       dir);
	}
	facts_check_sums(f);
	return 0;
}

void facts_done(struct facts *f)
{
	json_decref(f->events);
	json_decref(f->apis);
	json_decref(f->gauges);
	json_decref(f->missing);
	for (size_t i = 0; i < f->n_hists; i++)
		hist_free(f->hists[i].h);
	mem_free(f->hists);
	mem_free(f->intervals);
	mem_free(f->together);
	json_decref(f->beside);
	scenario_free(f->sc);
	*f = (struct facts){ 0 };
}

const json_t *facts_event(const struct facts *f, const char *ev)
{
	for (size_t i = json_array_size(f->events); i > 0; i--) {
		const json_t *e = json_array_get(f->events, i - 1);

		if (strcmp(json_str(e, "ev", ""), ev) == 0)
			return e;
	}
	return NULL;
}

double facts_milestone(const struct facts *f, const char *name)
{
	const json_t *e;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (strcmp(json_str(e, "ev", ""), "milestone") == 0 &&
		    strcmp(json_str(e, "name", ""), name) == 0)
			return json_num(e, "at_s", NAN);
	return NAN;
}

const struct hist *facts_hist(const struct facts *f, const char *tag)
{
	for (size_t i = 0; i < f->n_hists; i++)
		if (strcmp(f->hists[i].tag, tag) == 0)
			return f->hists[i].h;
	return NULL;
}

double facts_failed(const json_t *line, const char *cause)
{
	json_t *failed = json_at(line, "failed"), *v;
	const char *key;
	double sum = 0;

	json_object_foreach(failed, key, v)
		if (!cause || strcmp(cause, key) == 0)
			sum += json_number_value(v);
	return sum;
}

bool facts_beside(const json_t *line)
{
	return json_flag(line, "beside", false);
}

const char *report_key(const struct facts *f, const char *section,
		       const char *key)
{
	const struct scenario_section *s =
		f->sc ? scenario_section(f->sc, section, 0) : NULL;

	return s ? scenario_value(s, key) : NULL;
}
