/* SPDX-License-Identifier: Apache-2.0 */
/* list: every section, key, fault, toxic, step and writer, from the tables. */
#include <string.h>

#include "chaos/cli/cli.h"
#include "chaos/load/engine.h"
#include "chaos/report/report.h"
#include "chaos/watch/probe.h"
#include "faults/table.h"

static int list_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_list;
const struct cli_cmd cli_cmd_list = {
	"list", "[WHAT]", "every section, fault, probe, function, step, engine",
	list_main
};

static void print_opts(const struct opt *o)
{
	for (; o && o->name; o++) {
		printf("    %-16s %-9s %s", o->name, opt_type_name(o->type),
		       o->help ? o->help : "");
		if (o->flags & OPT_REQUIRED)
			printf(" (required)");
		else if (o->def)
			printf(" (default %s)", o->def);
		putchar('\n');
		for (size_t i = 0; o->choices && o->choices[i]; i++)
			printf("%s%s",
			       i ? ", " : "                     one of ",
			       o->choices[i]);
		if (o->choices)
			putchar('\n');
	}
}

static void print_section(const struct section_spec *s)
{
	printf("  [%s%s%s]  %s\n", s->name, s->arg ? " " : "",
	       s->arg ? s->arg : "", s->summary ? s->summary : "");
	print_opts(s->opts);
}

static void list_sections(void)
{
	for (size_t i = 0; cli_specs[i]; i++)
		print_section(cli_specs[i]);
	printf("\n  and in a playbook:\n");
	print_section(&playbook_head_section);
	print_section(&playbook_step_section);
}

/* The first kind that has the same keys. */
static const struct fault_ops *same_keys(const struct fault_ops *ops)
{
	size_t i = 0;

	while (faults_table[i]->opts != ops->opts)
		i++;
	return faults_table[i];
}

static void list_faults(void)
{
	for (size_t i = 0; faults_table[i]; i++) {
		const struct fault_ops *first = same_keys(faults_table[i]);

		printf("  %s  %s\n", faults_table[i]->name,
		       faults_table[i]->summary);
		if (first != faults_table[i])
			printf("    the keys of %s\n", first->name);
		else
			print_opts(faults_table[i]->opts);
		if (faults_table[i]->example)
			printf("%s\n", faults_table[i]->example);
	}
}

static void list_engines(void)
{
	for (size_t i = 0; engine_table[i]; i++)
		printf("  %-10s %s\n", engine_table[i]->name,
		       engine_table[i]->summary);
}

/* What they are made of on this host: not part of the reference. */
static void here_engines(void)
{
	char text[256];
	struct err err;

	for (size_t i = 0; engine_table[i]; i++)
		if (engine_table[i]->probe(text, sizeof(text), &err) < 0)
			printf("  %-10s cannot run here: %s\n",
			       engine_table[i]->name, err.msg);
		else
			printf("  %-10s here: %s\n", engine_table[i]->name,
			       text);
}

/* A | would end the cell. */
static void print_cell(const char *text)
{
	for (; *text; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
}

static void print_row(const struct opt *o)
{
	printf("| `%s` | %s | ", o->name, opt_type_name(o->type));
	if (o->flags & OPT_REQUIRED)
		printf("required");
	else if (o->def)
		printf("`%s`", o->def);
	printf(" | ");
	print_cell(o->help);
	for (size_t i = 0; o->choices && o->choices[i]; i++)
		printf("%s`%s`", i ? ", " : "; one of ", o->choices[i]);
	if (o->example)
		printf(", as in `%s`", o->example);
	printf(" |\n");
}

static void print_kind(const struct fault_ops *ops)
{
	const struct fault_ops *first = same_keys(ops);

	printf("\n## %s\n\n%s.\n\n", ops->name, ops->summary);
	if (first != ops) {
		printf("Its keys are those of `%s`.\n", first->name);
	} else {
		printf("| key | type | default | |\n|---|---|---|---|\n");
		for (const struct opt *o = ops->opts; o && o->name; o++)
			print_row(o);
	}
	printf("\n```ini\n%s```\n", ops->example);
}

/* docs/reference/faults.md. */
static void print_reference(void)
{
	printf("# Faults\n\nWritten by `gameday list faults --reference` from "
	       "the drivers' own tables. The keys of every\n`[fault NAME]` "
	       "are:\n\n| key | type | default | |\n|---|---|---|---|\n");
	for (const struct opt *o = fault_section.opts; o->name; o++)
		print_row(o);
	printf("\nOn the command line: `gameday inject KIND key=value ... "
	       "--for 30s`.\n");
	for (size_t i = 0; faults_table[i]; i++)
		print_kind(faults_table[i]);
}

static void list_functions(void)
{
	for (const struct expr_func *f = expr_funcs; f->name; f++)
		printf("  %s\n", f->usage);
	printf("  a scope is an API, tag:NAME, all, or each; a gauge stands by "
	       "its name\n"
	       "  EXPR op VALUE [and|or ...] [for T] [within T]\n");
}

static void list_probes(void)
{
	for (size_t i = 0; probe_table[i]; i++) {
		printf("  %s  %s\n", probe_table[i]->name,
		       probe_table[i]->summary);
		print_opts(probe_table[i]->opts);
		if (probe_table[i]->example)
			printf("%s\n", probe_table[i]->example);
	}
}

static void list_steps(void)
{
	for (size_t i = 0; playbook_step_table[i]; i++)
		printf("  %-10s %s\n             %s\n",
		       playbook_step_table[i]->name,
		       playbook_step_table[i]->summary,
		       playbook_step_table[i]->example);
}

static void list_writers(void)
{
	for (size_t i = 0; report_writer_table[i]; i++)
		printf("  %-10s %s\n", report_writer_table[i]->name,
		       report_writer_table[i]->summary);
}

static void list_commands(void)
{
	for (size_t i = 0; cli_cmd_table[i]; i++)
		printf("  %-10s %s\n", cli_cmd_table[i]->name,
		       cli_cmd_table[i]->summary);
}

static const struct {
	const char *name;
	void (*print)(void);
	void (*here)(void);	/* or NULL; only when asked by name */
} parts[] = {
	{ "commands", list_commands, NULL },
	{ "engines", list_engines, here_engines },
	{ "faults", list_faults, NULL },
	{ "functions", list_functions, NULL },
	{ "probes", list_probes, NULL },
	{ "sections", list_sections, NULL },
	{ "steps", list_steps, NULL },
	{ "writers", list_writers, NULL },
};

static int list_main(int argc, char **argv)
{
	bool reference = false, found = false;
	struct cli_opt opts[] = {
		{ "reference", 0, CLI_FLAG, &reference, NULL,
		  "docs/reference/faults.md" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_list, opts, argc, argv);

	if (left < 0)
		return cli_options_exit(left);
	if (reference) {
		print_reference();
		return CLI_HELD;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (left > 0 && strcmp(parts[i].name, argv[1]) != 0)
			continue;
		found = true;
		printf("%s\n", parts[i].name);
		parts[i].print();
		if (left > 0 && parts[i].here)
			parts[i].here();
		printf("\n");
	}
	if (!found)
		fprintf(stderr, "gameday: list takes commands, engines, "
				"faults, functions, probes, sections, steps "
				"or writers\n");
	return found ? CLI_HELD : CLI_USAGE;
}
