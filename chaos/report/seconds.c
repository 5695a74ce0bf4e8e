/* SPDX-License-Identifier: Apache-2.0 */
/* The run second by second: counts of the series, times of the log. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/model.h"

static const char *const phases[] = { "baseline", "fault", "recovery" };

/* One of the words above: they outlive the facts. */
static const char *phase_word(const char *name)
{
	for (size_t i = 0; i < 3; i++)
		if (strcmp(phases[i], name) == 0)
			return phases[i];
	return phases[1];
}

static int by_tag_and_time(const void *a, const void *b)
{
	const struct facts_interval *x = a, *y = b;

	if (x->hist != y->hist)
		return x->hist < y->hist ? -1 : 1;
	return (x->t > y->t) - (x->t < y->t);
}

static size_t tag_index(const struct facts *f, const char *tag)
{
	size_t i = 0;

	while (i < f->n_hists && strcmp(f->hists[i].tag, tag) != 0)
		i++;
	return i;
}

static void add_times(const struct facts *f,
		      const struct facts_interval *sorted,
		      struct report_second *s)
{
	struct facts_interval key = { .t = (double)s->t };
	const struct facts_interval *found;
	char tag[160];

	snprintf(tag, sizeof(tag), "%s/%s/response", s->api, s->phase);
	key.hist = tag_index(f, tag);
	found = f->n_intervals ? bsearch(&key, sorted, f->n_intervals,
					 sizeof(*sorted), by_tag_and_time)
			       : NULL;
	s->p50 = found ? found->p50 : NAN;
	s->p95 = found ? found->p95 : NAN;
	s->p99 = found ? found->p99 : NAN;
	s->max = found ? found->max : NAN;
}

static struct report_second one(const json_t *line)
{
	return (struct report_second){
		.t = (int64_t)floor(json_num(line, "t", 0)),
		.api = mem_strdup(json_str(line, "api", "?")),
		.phase = phase_word(json_str(line, "phase", "")),
		.beside = json_flag(line, "beside", false),
		.due = json_num(line, "due", 0),
		.ok = json_num(line, "ok", 0),
		.client = json_num(line, "client", 0),
		.business = json_num(line, "business", 0),
		.failed = facts_failed(line, NULL),
	};
}

struct report_second *report_seconds_of(const struct facts *f, size_t *ret_n)
{
	size_t n = json_array_size(f->apis), i;
	struct report_second *v = mem_calloc(n + 1, sizeof(*v));
	struct facts_interval *sorted =
		mem_calloc(f->n_intervals + 1, sizeof(*sorted));
	json_t *line;

	if (f->n_intervals)
		memcpy(sorted, f->intervals, f->n_intervals * sizeof(*sorted));
	qsort(sorted, f->n_intervals, sizeof(*sorted), by_tag_and_time);
	json_array_foreach(f->apis, i, line) {
		v[i] = one(line);
		add_times(f, sorted, &v[i]);
	}
	mem_free(sorted);
	*ret_n = n;
	return v;
}

void report_seconds_free(struct report_second *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mem_free(v[i].api);
	mem_free(v);
}
