/* SPDX-License-Identifier: Apache-2.0 */
/* From a file to a plan, and the preflight that disturbs nothing. */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/cli/cli.h"
#include "chaos/report/report.h"
#include "faults/table.h"

enum { SEARCH_KEYS = 7 };	/* that have an option of their own */

/* --while E is --set search.while=E: one reader and one checker for both. */
static void add_search(const struct cli_run_opts *o, struct cli_list *sets,
		       char **made, struct errs *errs)
{
	const struct {
		const char *key, *value;
	} keys[] = {
		{ "while", o->while_ }, { "drain", o->drain },
		{ "hold", o->hold },	{ "from", o->from },
		{ "to", o->to },	{ "apart", o->apart },
		{ "with", o->with },
	};
	size_t n = 0;

	for (size_t i = 0; i < SEARCH_KEYS; i++) {
		if (!keys[i].value)
			continue;
		if (!o->find)
			errs_add(errs, NULL, 0,
				 "--%s goes with --find users or --find rate",
				 keys[i].key);
		else if (sets->n + 1 < sizeof(sets->v) / sizeof(sets->v[0]))
			sets->v[sets->n++] = made[n++] = mem_printf(
				"search.%s=%s", keys[i].key, keys[i].value);
	}
}

struct plan *cli_plan(const char *path, const struct cli_run_opts *o)
{
	struct plan_options options = {
		.speed = o->speed,
		.no_faults = o->no_faults,
		.without = o->without.v,
		/* A search has its own figures in [recorded]. */
		.judge_recorded = o->recorded || o->find,
		.load_only = strcmp(o->kind, "load") == 0,
		.find = o->find,
	};
	struct scenario_vars vars = { .keep_wrong = true };
	AUTO_FREE char *seed = o->seed ? mem_printf("scenario.seed=%s", o->seed)
				       : NULL;
	struct cli_list sets = o->sets;
	char *made[SEARCH_KEYS] = { 0 };
	struct scenario *sc = NULL;
	struct plan *plan = NULL;
	struct errs errs;
	size_t first;

	errs_init(&errs);
	if (seed && sets.n + 1 < sizeof(sets.v) / sizeof(sets.v[0]))
		sets.v[sets.n++] = seed;
	if (!(o->speed > 0 && o->speed <= 100))
		errs_add(&errs, NULL, 0, "--speed is above 0 and at most 100");
	add_search(o, &sets, made, &errs);
	if (o->text)
		scenario_parse(path, o->text, cli_specs, sets.v, &vars, &sc,
			       &errs);
	else
		scenario_load(path, cli_specs, sets.v, &vars, &sc, &errs);
	first = errs.n;
	if (sc) {
		report_check(sc, &errs);
		plan_new(sc, &options, &plan, &errs);
	}
	if (errs.n > 0) {
		errs_drop_repeated(&errs, first);
		errs_sort(&errs, 0);
		/* Lines that nobody has written are no help. */
		for (size_t i = 0; o->text && i < errs.n; i++) {
			mem_free(errs.v[i].file);
			errs.v[i].file = NULL;
		}
		cli_errors(&errs);
		fprintf(stderr, "gameday: %zu mistake%s in '%s'\n", errs.n,
			errs.n == 1 ? "" : "s", path);
		plan_free(plan);
		plan = NULL;
	}
	errs_done(&errs);
	for (size_t i = 0; i < SEARCH_KEYS; i++)
		mem_free(made[i]);
	return plan;
}

/* Checks that it can find without a stack: drivers, claims, [allow]. */
bool cli_check(const struct plan *p, bool describe)
{
	struct symbols *symbols = symbols_new();
	struct loop *loop = NULL;
	struct faults *faults = NULL;
	struct faults_args args = { .table = faults_table,
				    .confs = p->faults,
				    .n = p->n_faults };
	struct err err = { 0 };
	struct errs errs;
	struct buf text;
	bool ok;

	errs_init(&errs);
	buf_init(&text, 0);
	if (loop_new(LOOP_VIRTUAL, &loop, &err) < 0)
		errs_add(&errs, NULL, 0, "%s", err.msg);
	args.env = (struct fault_env){ .loop = loop, .allow = p->allow,
				       .symbols = symbols, .run = "RUN",
				       .speed = p->options.speed };
	if (errs.n == 0)
		faults_new(&args, &faults, &errs);
	if (errs.n == 0)
		faults_check(faults, &text, &errs);
	if (p->load)
		load_preflight(p->load, describe ? &text : NULL, &errs);
	if (describe && errs.n == 0 && p->n_faults > 0) {
		buf_adds(&text, "\ncalls and their undo\n");
		faults_describe(faults, &text);
	}
	if (describe && p->playbook) {
		buf_adds(&text, "\nplaybook\n");
		playbook_describe(p->playbook, &text);
	}
	if (describe && text.len > 0)
		printf("%s", text.data);
	cli_errors(&errs);
	ok = errs.n == 0;
	faults_free(faults);
	symbols_free(symbols);
	loop_free(loop);
	buf_done(&text);
	errs_done(&errs);
	return ok;
}
