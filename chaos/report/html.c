/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page for a browser or a printer, from html/page.html.  Curves are SVG
 * paths in their own units: the page needs its script only to zoom and to read
 * values off, and the script reads them from the paths.
 */
#include <math.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/asset.h"
#include "chaos/report/curves.h"
#include "chaos/report/filters.h"
#include "chaos/report/writers.h"

enum { BUCKETS = 700, STYLES = 6, TICKS = 8, PATH_MAX_BYTES = 1 << 20 };

/* A round number that is not below v: where its scale ends. */
static double nice_above(double v)
{
	double power = pow(10, floor(log10(v)));
	static const double steps[] = { 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i] * power >= v)
			return steps[i] * power;
	return 10 * power;
}

static void point(struct buf *d, double t, double v, bool *pen)
{
	if (isnan(v)) {
		*pen = false;
		return;
	}
	buf_addf(d, "%c%.7g %.4g", *pen ? 'L' : 'M', t, v);
	*pen = true;
}

/* What lies on a level line between two others is left out. */
static bool redundant(const double *v, size_t i, size_t n)
{
	return i > 0 && i + 1 < n && v[i - 1] == v[i] && v[i + 1] == v[i];
}

/* The least and the greatest of a bucket, as they came. */
static void bucket(struct buf *d, const struct report_curves *c,
		   const double *v, size_t from, size_t to, bool *pen)
{
	size_t low = from, high = from;

	for (size_t i = from; i < to; i++) {
		if (isnan(v[low]) || v[i] < v[low])
			low = i;
		if (isnan(v[high]) || v[i] > v[high])
			high = i;
	}
	if (low > high) {
		size_t swap = low;

		low = high;
		high = swap;
	}
	point(d, (double)c->from + (double)low, v[low], pen);
	if (high != low)
		point(d, (double)c->from + (double)high, v[high], pen);
}

static void path(struct buf *d, const struct report_curves *c, const double *v)
{
	size_t wide = (c->n + 2 * BUCKETS - 1) / (2 * BUCKETS) * 2;
	bool pen = false;

	if (c->n <= 2 * BUCKETS)
		wide = 1;
	for (size_t i = 0; i < c->n; i += wide) {
		size_t to = i + wide < c->n ? i + wide : c->n;

		if (wide > 1 || !redundant(v, i, c->n))
			bucket(d, c, v, i, to, &pen);
	}
}

static double highest(const struct report_curves *c, const char *chart,
		      const char *name)
{
	double top = 0;

	for (size_t k = 0; k < c->n_curves; k++)
		for (size_t i = 0; i < c->n; i++)
			if (strcmp(c->curves[k].chart, chart) == 0 &&
			    (!name || strcmp(c->curves[k].name, name) == 0) &&
			    c->curves[k].v[i] > top)
				top = c->curves[k].v[i];
	return top > 0 ? nice_above(top) : 1;
}

/* A gauge of nobody's chart has one of its own. */
static json_t *new_chart(const struct report_curves *c,
			 const struct report_curve *k)
{
	bool other = strcmp(k->chart, "other") == 0;
	double top = highest(c, k->chart, other ? k->name : NULL);
	char text[32];
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:f,s:f,s:[]}", "id",
			      k->chart, "title", other ? k->name : "", "kind",
			      other ? "other" : "main", "unit", k->unit, "top",
			      top, "middle", top / 2, "curves");

	snprintf(text, sizeof(text), "%.9g", -100 / top);
	json_object_set_new(o, "scale", json_string(text));
	return o;
}

static json_t *charts_of(const struct report_curves *c)
{
	json_t *charts = json_array(), *chart = NULL;
	const char *last = "";

	for (size_t i = 0; i < c->n_curves; i++) {
		const struct report_curve *k = &c->curves[i];
		json_t *curves;
		struct buf d;

		if (strcmp(last, k->chart) != 0 ||
		    strcmp(k->chart, "other") == 0) {
			chart = new_chart(c, k);
			json_array_append_new(charts, chart);
			last = k->chart;
		}
		curves = json_object_get(chart, "curves");
		buf_init(&d, PATH_MAX_BYTES);
		path(&d, c, k->v);
		json_array_append_new(
			curves,
			json_pack("{s:s,s:s,s:i,s:s}", "name", k->name, "unit",
				  k->unit, "style",
				  (int)(json_array_size(curves) % STYLES), "d",
				  d.data ? d.data : ""));
		buf_done(&d);
	}
	return charts;
}

/* Round times, as many as can be read. */
static json_t *ticks_of(double from, double to)
{
	static const double steps[] = {
		1,   2,	  5,   10,   15,   30,	 60,
		120, 300, 600, 1800, 3600, 7200, 21600 };
	double step = steps[0];
	json_t *array = json_array();

	for (size_t i = 0; (to - from) / step > TICKS; i++)
		step = i < sizeof(steps) / sizeof(steps[0]) ? steps[i]
							    : step * 2;
	for (double t = ceil(from / step) * step; t <= to; t += step)
		json_array_append_new(array, json_pack("{s:f}", "t_s", t));
	return array;
}

static void insert_by_time(json_t *rows, json_t *row)
{
	double t = json_num(row, "replay/t_s", 0);
	size_t i = json_array_size(rows);

	while (i > 0 &&
	       json_num(json_array_get(rows, i - 1), "replay/t_s", 0) > t)
		i--;
	json_array_insert_new(rows, i, row);
}

/* A row a milestone: the replay's and the record's, one may be missing. */
static json_t *beside_of(const json_t *root)
{
	json_t *rows = json_array(), *m, *r;
	size_t i, k;

	json_array_foreach(json_at(root, "milestones"), i, m) {
		json_t *row = json_pack("{s:O,s:O}", "label",
					json_object_get(m, "name"), "replay",
					m);

		json_array_foreach(json_at(root, "recorded"), k, r)
			if (strcmp(json_str(r, "milestone", ""),
				   json_str(m, "name", "?")) == 0)
				json_object_set(row, "record", r);
		insert_by_time(rows, row);
	}
	json_array_foreach(json_at(root, "recorded"), k, r)
		if (json_str(r, "milestone", NULL) &&
		    json_is_null(json_object_get(r, "replayed")))
			json_array_append_new(
				rows, json_pack("{s:O,s:O}", "label",
						json_object_get(r, "milestone"),
						"record", r));
	return rows;
}

static json_t *audit_of(const json_t *root)
{
	json_t *rows = json_array(), *v;
	const char *key;

	json_object_foreach(json_at(root, "load/audit"), key, v) {
		AUTO_FREE char *text = NULL;

		if (strcmp(key, "t") == 0 || strcmp(key, "seq") == 0)
			continue;
		text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT |
					     JSON_REAL_PRECISION(6));
		json_array_append_new(rows, json_pack("{s:s,s:s}", "key", key,
						      "text",
						      text ? text : ""));
	}
	return rows;
}

static json_t *view_of(const struct report *r)
{
	const struct report_curves *c = report_curves(r);
	const json_t *root = report_json(r);
	json_t *view = json_object();
	double from = (double)c->from;
	double to = fmax(from + (double)c->n, from + 1);

	json_object_update(view, json_at(root, ""));
	json_object_set_new(view, "x0", json_real(from));
	json_object_set_new(view, "x1", json_real(to));
	json_object_set_new(view, "width", json_real(to - from));
	json_object_set_new(view, "charts", charts_of(c));
	json_object_set_new(view, "ticks", ticks_of(from, to));
	json_object_set_new(view, "beside_record", beside_of(root));
	json_object_set_new(view, "audit", audit_of(root));
	return view;
}

static void style_write(void *arg, FILE *f)
{
	(void)arg;
	fputs(asset_find("html/style.css"), f);
}

static void script_write(void *arg, FILE *f)
{
	(void)arg;
	fputs(asset_find("html/script.js"), f);
}

static const struct template_part parts[] = {
	{ "script", script_write },
	{ "style", style_write },
	{ NULL, NULL },
};

static void html_write(const struct report *r, FILE *f)
{
	json_t *view = view_of(r);
	const struct template_args args = {
		.text = asset_find("html/page.html"),
		.root = view,
		.markup = TEMPLATE_HTML,
		.filters = report_filters,
		.parts = parts,
	};

	template_write(&args, f);
	json_decref(view);
}

const struct report_writer report_writer_html = {
	.name = "html",
	.file = "report.html",
	.summary = "one page with timeline and curves, for browser and paper",
	.write = html_write,
};
