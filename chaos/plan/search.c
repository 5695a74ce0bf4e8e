/* SPDX-License-Identifier: Apache-2.0 */
/* [search]: where load --find looks for the breaking point, and how. */
#include <math.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/plan/impl.h"

/* A hold is cut in eight: two to settle, six that are judged. */
enum { PARTS = 8, SETTLE_PARTS = 2 };

#define AT(field) offsetof(struct plan_search, field)

static const struct opt search_opts[] = {
	{ .name = "apart", .type = OPT_SHARE, .off = AT(apart),
	  .flags = OPT_POSITIVE, .def = "5%",
	  .help = "it ends when the highest good and the lowest bad level "
		  "differ by no more" },
	{ .name = "drain", .type = OPT_EXPR, .off = AT(drain),
	  .help = "what must hold before the next level, at the first load",
	  .example = "kafka.lag = 0" },
	{ .name = "from", .type = OPT_DOUBLE, .off = AT(from),
	  .flags = OPT_POSITIVE, .def = "10",
	  .help = "the first level, and the load between levels: users, or "
		  "arrivals per second" },
	{ .name = "hold", .type = OPT_DURATION, .off = AT(hold),
	  .flags = OPT_POSITIVE, .def = "2m",
	  .help = "how long a level is held; its first quarter is not judged, "
		  "and a level in doubt is held up to three times as long",
	  .example = "2m" },
	{ .name = "to", .type = OPT_DOUBLE, .off = AT(to),
	  .flags = OPT_POSITIVE, .def = "100000",
	  .help = "no level is above it" },
	{ .name = "while", .type = OPT_EXPR, .off = AT(good),
	  .flags = OPT_REQUIRED,
	  .help = "what holds at a good level; a function without a window is "
		  "of the part of the hold that is judged",
	  .example = "errors(all) < 1% and latency.p95 < 2s" },
	{ .name = "with", .type = OPT_STRS, .off = AT(with),
	  .help = "faults that are on all the while; no other one is",
	  .example = "fault:db-pool" },
	OPT_END
};

const struct section_spec plan_search_section = {
	.name = "search", .opts = search_opts,
	.size = sizeof(struct plan_search),
	.summary = "how load --find looks for the breaking point",
};

static void check(const struct plan *p, const struct plan_search *c,
		  struct errs *errs)
{
	if (c->hold < PARTS * NSEC_SEC)
		scenario_error(c->section, "hold", errs,
			       "a hold is at least %d s: it is cut in %d parts "
			       "of whole seconds", PARTS, PARTS);
	if (c->from > c->to)
		scenario_error(c->section, "from", errs,
			       "the first level is above the last, 'to'");
	if (p->options.find && !strcmp(p->options.find, "users") &&
	    (c->from < 1 || c->from > floor(c->from)))
		scenario_error(c->section, "from", errs, "users are whole");
	if (c->apart < 0.01)
		scenario_error(c->section, "apart", errs,
			       "less than 1%% is no difference to find");
}

void plan_read_search(struct plan *p, struct errs *errs)
{
	const struct scenario_section *s = scenario_section(p->sc, "search", 0);
	struct plan_search *c = &p->search;
	size_t before;

	if (p->options.find && strcmp(p->options.find, "users") != 0 &&
	    strcmp(p->options.find, "rate") != 0)
		errs_add(errs, NULL, 0, "--find: '%s' is neither users nor "
			 "rate", p->options.find);
	if (!s) {
		if (p->options.find)
			errs_add(errs, NULL, 0, "--find needs --while, or a "
				 "[search] with 'while'");
		return;
	}
	c->section = s;
	before = errs->n;
	scenario_fill(s, search_opts, c, errs);
	c->window = c->hold / PARTS / NSEC_SEC * NSEC_SEC;
	c->settle = c->hold - (PARTS - SETTLE_PARTS) * c->window;
	if (errs->n == before)
		check(p, c, errs);
}

bool plan_search_has(const struct plan *p, const char *fault)
{
	for (size_t i = 0; i < p->search.with.n; i++)
		if (!strncmp(p->search.with.v[i], "fault:", 6) &&
		    !strcmp(p->search.with.v[i] + 6, fault))
			return true;
	return false;
}

static void check_with(const struct plan *p, const char *with,
		       struct errs *errs)
{
	AUTO_FREE const char **names =
		mem_calloc(p->n_faults_read + 1, sizeof(*names));
	const char *near;

	if (strncmp(with, "fault:", 6)) {
		scenario_error(p->search.section, "with", errs,
			       "'%s' is not like fault:NAME", with);
		return;
	}
	for (size_t i = 0; i < p->n_faults_read; i++) {
		names[i] = p->faults[i].name;
		if (!strcmp(names[i], with + 6))
			return;
	}
	near = opt_suggest(with + 6, names, p->n_faults_read);
	scenario_error(p->search.section, "with", errs,
		       near ? "there is no fault '%s' (did you mean '%s'?)"
			    : "there is no fault '%s'", with + 6, near);
}

static bool has_model(const struct scenario *sc, const char *model)
{
	const struct scenario_section *s;

	for (size_t i = 0; (s = scenario_section(sc, "load", i)); i++) {
		const char *v = scenario_value(s, "model");

		if (!strcmp(v ? v : "users", model))
			return true;
	}
	return false;
}

void plan_check_search(const struct plan *p, struct errs *errs)
{
	const char *find = p->options.find;

	if (!plan_is_wrong(p, errs, "fault"))
		for (size_t i = 0; i < p->search.with.n; i++)
			check_with(p, p->search.with.v[i], errs);
	if (!find || plan_is_wrong(p, errs, "load") ||
	    (strcmp(find, "users") != 0 && strcmp(find, "rate") != 0))
		return;
	if (!has_model(p->sc, strcmp(find, "rate") == 0 ? "arrivals" : find))
		errs_add(errs, NULL, 0, "--find %s: there is no [load] with "
			 "model = %s", find,
			 strcmp(find, "rate") == 0 ? "arrivals" : find);
}

void plan_search_done(struct plan *p)
{
	if (p->search.section)
		opt_done(search_opts, &p->search);
}

double plan_think_s(const struct plan *p)
{
	double think = 0, requests = 0;

	for (size_t j = 0; p->load && j < load_conf_journeys(p->load); j++) {
		const struct load_step_info *steps;
		const char *name;
		size_t n;
		double w = load_conf_journey(p->load, j, &name, &steps, &n);

		for (size_t i = 0; i < n; i++) {
			think += w * steps[i].think_mean_s;
			requests += steps[i].kind == LOAD_REQUEST ? w : 0;
		}
	}
	return requests > 0 ? think / requests : 0;
}
