/* SPDX-License-Identifier: Apache-2.0 */
/* list: every section, key, fault, toxic, step and writer, from the tables. */
#include <string.h>

#include "chaos/cli/cli.h"
#include "chaos/report/report.h"
#include "chaos/watch/probe.h"
#include "faults/table.h"

static int list_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_list;
const struct cli_cmd cli_cmd_list = {
	"list", "[WHAT]", "every section, fault, probe, function, step, writer",
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

static void list_faults(void)
{
	for (size_t i = 0; faults_table[i]; i++) {
		printf("  %s  %s\n", faults_table[i]->name,
		       faults_table[i]->summary);
		print_opts(faults_table[i]->opts);
		if (faults_table[i]->example)
			printf("%s\n", faults_table[i]->example);
	}
}

static void list_functions(void)
{
	for (const struct expr_func *f = expr_funcs; f->name; f++)
		printf("  %s\n", f->usage);
	printf("  a scope is an API, all, or each; a gauge stands by its name\n"
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
} parts[] = {
	{ "commands", list_commands },	 { "faults", list_faults },
	{ "functions", list_functions }, { "probes", list_probes },
	{ "sections", list_sections },	 { "steps", list_steps },
	{ "writers", list_writers },
};

static int list_main(int argc, char **argv)
{
	static const struct cli_opt opts[] = {
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_list, opts, argc, argv);
	bool found = false;

	if (left < 0)
		return cli_options_exit(left);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (left > 0 && strcmp(parts[i].name, argv[1]) != 0)
			continue;
		found = true;
		printf("%s\n", parts[i].name);
		parts[i].print();
		printf("\n");
	}
	if (!found)
		fprintf(stderr, "gameday: list takes commands, faults, "
				"functions, probes, sections, steps or "
				"writers\n");
	return found ? CLI_HELD : CLI_USAGE;
}
