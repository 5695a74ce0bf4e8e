/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario's sections, read by their modules, into one checked plan. */
#include "chaos/plan/plan.h"

#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/plan/impl.h"

static bool left_out(const struct plan *p, const char *fault)
{
	const char *const *v = p->options.without;

	if (p->options.find)
		return !plan_search_has(p, fault);
	if (p->options.no_faults || p->options.load_only)
		return true;
	for (; v && *v; v++)
		if (!strcmp(*v, fault))
			return true;
	return false;
}

/* Nothing is left out where there is nothing: no control, then. */
static void keep_load(struct plan *p)
{
	p->options.no_faults = p->n_faults_read > 0;
	playbook_free(p->playbook);
	playbook_ref_free(p->playbook_ref);
	p->playbook = NULL;
	p->playbook_ref = NULL;
}

/* Those of this run come first, in the file's order. */
static void apply_controls(struct plan *p)
{
	size_t n = p->n_faults_read, to = 0;
	struct fault_conf *all = mem_calloc(n, sizeof(*all));

	for (size_t i = 0; i < n; i++)
		if (!left_out(p, p->faults[i].name))
			all[to++] = p->faults[i];
	p->n_faults = to;
	for (size_t i = 0; i < n; i++)
		if (left_out(p, p->faults[i].name))
			all[to++] = p->faults[i];
	if (n)
		memcpy(p->faults, all, n * sizeof(*all));
	mem_free(all);
}

static void read_playbook(struct plan *p, struct errs *errs)
{
	const struct playbook_ref *ref;

	playbook_ref_read(p->sc, &p->playbook_ref, errs);
	ref = p->playbook_ref;
	if (ref && ref->file)
		playbook_load(ref, p->sc->path, &p->playbook, errs);
}

static void read_all(struct plan *p, struct errs *errs)
{
	plan_read_scenario(p, errs);
	plan_read_allow(p, errs);
	if (scenario_count(p->sc, "load"))
		load_conf_read(p->sc, &p->load, errs);
	plan_read_times(p, errs);
	watch_conf_read(p->sc, &p->watch, errs);
	fault_link_confs_read(p->sc, &p->links, &p->n_links, errs);
	fault_confs_read(p->sc, &p->faults, &p->n_faults_read, errs);
	read_playbook(p, errs);
	plan_read_expects(p, errs);
	plan_read_abort(p, errs);
	plan_read_milestones(p, errs);
	plan_read_search(p, errs);
}

static bool is_at(const struct scenario_section *s, const struct errs_item *e)
{
	if (!e->file)
		return false;
	if (e->line == s->line && !strcmp(e->file, s->file))
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (e->line == s->v[i].line && !strcmp(e->file, s->v[i].file))
			return true;
	return false;
}

bool plan_is_wrong(const struct plan *p, const struct errs *errs,
		   const char *section)
{
	const struct scenario_section *s;

	for (size_t i = 0; (s = scenario_section(p->sc, section, i)); i++)
		for (size_t k = 0; k < errs->n; k++)
			if (is_at(s, &errs->v[k]))
				return true;
	return false;
}

void plan_new(struct scenario *sc, const struct plan_options *options,
	      struct plan **ret, struct errs *errs)
{
	struct plan *p = mem_zalloc(sizeof(*p));

	*ret = NULL;
	p->sc = sc;
	p->options = *options;
	read_all(p, errs);
	if (errs->n == 0)
		apply_controls(p);
	plan_check(p, errs);
	if (errs->n == 0 && options->load_only)
		keep_load(p);
	if (errs->n > 0) {
		plan_free(p);
		return;
	}
	/* It takes as long as it takes. */
	if (p->options.find)
		p->conf.duration = PLAN_DURATION_MAX;
	plan_make_events(p);
	*ret = p;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_events; i++) {
		mem_free(p->events[i].on);
		mem_free(p->events[i].text);
	}
	mem_free(p->events);
	playbook_free(p->playbook);
	playbook_ref_free(p->playbook_ref);
	fault_confs_free(p->faults, p->n_faults_read);
	fault_link_confs_free(p->links, p->n_links);
	watch_conf_free(p->watch);
	load_conf_free(p->load);
	plan_search_done(p);
	plan_milestones_done(p);
	plan_sections_done(p);
	scenario_free(p->sc);
	mem_free(p);
}
