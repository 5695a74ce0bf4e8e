/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the templates of documents/ with the model. */
#include "chaos/report/documents.h"

#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/asset.h"
#include "chaos/report/filters.h"
#include "chaos/report/model.h"

const struct report_document report_document_table[] = {
	{ "incident-scenario", "what was played, to rehearse it again" },
	{ "load-test-plan", "what a load test of it would do and must show" },
	{ "monitoring-strategy", "what to watch, and what would have told" },
	{ "performance-analysis", "where it is slow, and what limits it" },
	{ "postmortem", "what happened, why, and what is done about it" },
	{ NULL, NULL },
};

const char *const report_languages[] = { "en", "ko", NULL };

struct catalogue {
	struct opt_strs v[12];
};

#define WORDS(i, k, h)                                                     \
	{ .name = k, .type = OPT_LINES,                                    \
	  .off = offsetof(struct catalogue, v[i]), .help = h }
static const struct opt catalogue_opts[] = {
	WORDS(0, "summary", "what it is about, a sentence a line"),
	WORDS(1, "cause", "a contributing factor"),
	WORDS(2, "well", "what went well"),
	WORDS(3, "badly", "what went badly"),
	WORDS(4, "luck", "where it was luck"),
	WORDS(5, "lesson", "what was learnt"),
	WORDS(6, "action.now", "to do at once"),
	WORDS(7, "action.week", "to do within a week"),
	WORDS(8, "action.month", "to do within a month"),
	WORDS(9, "action.later", "on the road map"),
	WORDS(10, "goal", "what a load test must show"),
	WORDS(11, "note", "anything else that a document should say"),
	OPT_END,
};

const struct section_spec report_catalogue_section = {
	.name = "catalogue",
	.arg = "LANG",
	.many = true,
	.opts = catalogue_opts,
	.size = sizeof(struct catalogue),
	.summary = "a scenario's own words for 'report --document'",
};

static void append(json_t *o, const char *key, json_t *v)
{
	if (!json_object_get(o, key))
		json_object_set_new(o, key, json_array());
	json_array_append_new(json_object_get(o, key), v);
}

json_t *report_catalogue(const struct facts *f)
{
	const struct scenario_section *s;
	json_t *all = json_object();

	for (size_t i = 0; f->sc && (s = scenario_section(f->sc, "catalogue",
							  i)); i++) {
		json_t *o = json_object();

		for (size_t k = 0; k < s->n; k++)
			append(o, s->v[k].key, json_string(s->v[k].value));
		json_object_set_new(all, s->arg ? s->arg : "en", o);
	}
	return all;
}

/* Which keys of the scenario are shown: none that may hold a secret. */
static const char *const shown[][2] = {
	{ "load", NULL },    { "slo", NULL },	   { "detect", NULL },
	{ "detection", NULL }, { "recovery", NULL }, { "abort", NULL },
	{ "journey", "weight" }, { "probe", "kind" }, { "threshold", NULL },
};

static bool is_shown(const char *section, const char *key)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcmp(shown[i][0], section) == 0)
			return !shown[i][1] || strcmp(shown[i][1], key) == 0;
	return false;
}

static json_t *section_json(const struct scenario_section *s)
{
	json_t *keys = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (is_shown(s->name, s->v[i].key))
			json_array_append_new(
				keys, json_pack("{s:s,s:s}", "key", s->v[i].key,
						"value", s->v[i].value));
	return json_pack("{s:s,s:o}", "name", s->arg ? s->arg : s->name, "keys",
			 keys);
}

json_t *report_settings(const struct facts *f)
{
	json_t *all = json_object();

	for (size_t k = 0; f->sc && k < sizeof(shown) / sizeof(shown[0]); k++) {
		const struct scenario_section *s;

		for (size_t i = 0;
		     (s = scenario_section(f->sc, shown[k][0], i)); i++)
			append(all, shown[k][0], section_json(s));
	}
	return all;
}

/* In a document's language: the model, and under "own" its catalogue. */
static json_t *view_of(const struct report *r, const char *lang)
{
	const json_t *root = report_json(r);
	json_t *view = json_object();
	json_t *own = json_object_get(json_at(root, "catalogue"), lang);

	json_object_update(view, json_at(root, ""));
	json_object_set(view, "own", own);
	return view;
}

void report_document_write(const struct report *r, const char *name,
			   const char *lang, FILE *f)
{
	AUTO_FREE char *file = mem_printf("documents/%s.%s.md", name, lang);
	json_t *view = view_of(r, lang);
	const struct template_args args = {
		.text = asset_find(file),
		.root = view,
		.markup = TEMPLATE_MARKDOWN,
		.filters = report_filters,
	};

	if (args.text)
		template_write(&args, f);
	json_decref(view);
}
