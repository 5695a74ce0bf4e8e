/* SPDX-License-Identifier: Apache-2.0 */
/* Options from a table: parsing, help, and every mistake at once. */
#include <getopt.h>
#include <string.h>

#include "chaos/base/units.h"
#include "chaos/cli/cli.h"

enum { MAX_OPTS = 48 };

static void help(const struct cli_cmd *cmd, const struct cli_opt *opts)
{
	printf("gameday %s %s\n  %s\n\n", cmd->name, cmd->args, cmd->summary);
	for (const struct cli_opt *o = opts; o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", o->name,
			 o->type == CLI_FLAG ? "" : " ",
			 o->type == CLI_FLAG ? "" : o->arg);
		if (o->letter)
			printf("  -%c, %-22s %s\n", o->letter, left, o->help);
		else
			printf("      %-22s %s\n", left, o->help);
	}
}

static void store(const struct cli_opt *o, const char *text, int *mistakes)
{
	struct cli_list *list = o->value;
	struct err err = { 0 };

	switch (o->type) {
	case CLI_FLAG:
		*(bool *)o->value = true;
		return;
	case CLI_STRING:
		*(const char **)o->value = text;
		return;
	case CLI_NUMBER:
		if (units_double(text, o->value, &err) == 0)
			return;
		fprintf(stderr, "gameday: --%s: %s\n", o->name, err.msg);
		(*mistakes)++;
		return;
	case CLI_LIST:
		if (list->n + 1 < sizeof(list->v) / sizeof(list->v[0])) {
			list->v[list->n++] = text;
			return;
		}
		fprintf(stderr, "gameday: too many --%s\n", o->name);
		(*mistakes)++;
		return;
	}
}

static void build(const struct cli_opt *opts, struct option *longs, char *text)
{
	size_t n = 0;

	*text++ = ':';
	for (const struct cli_opt *o = opts; o->name; o++, n++) {
		longs[n] = (struct option){
			o->name,
			o->type == CLI_FLAG ? no_argument : required_argument,
			NULL, 1000 + (int)n
		};
		if (o->letter)
			*text++ = o->letter;
		if (o->letter && o->type != CLI_FLAG)
			*text++ = ':';
	}
	longs[n] = (struct option){ "help", no_argument, NULL, 999 };
	longs[n + 1] = (struct option){ 0 };
	*text = '\0';
}

static const struct cli_opt *chosen(const struct cli_opt *opts, int c)
{
	for (size_t i = 0; opts[i].name; i++)
		if (c == 1000 + (int)i || (opts[i].letter == c && c))
			return &opts[i];
	return NULL;
}

int cli_options(const struct cli_cmd *cmd, const struct cli_opt *opts,
		int argc, char **argv)
{
	struct option longs[MAX_OPTS];
	char letters[2 * MAX_OPTS];
	int c, mistakes = 0, left = 0;

	build(opts, longs, letters);
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct cli_opt *o = chosen(opts, c);

		if (c == 999) {
			help(cmd, opts);
			return -1;
		}
		if (o) {
			store(o, optarg, &mistakes);
			continue;
		}
		fprintf(stderr, "gameday: %s '%s'; see 'gameday %s --help'\n",
			c == ':' ? "no value for" : "unknown option",
			argv[optind - 1], cmd->name);
		mistakes++;
	}
	for (int i = optind; i < argc; i++)
		argv[1 + left++] = argv[i];
	return mistakes ? -2 : left;
}

int cli_options_exit(int rc)
{
	return rc == -1 ? CLI_HELD : CLI_USAGE;
}

void cli_error(const struct err *err)
{
	fprintf(stderr, "gameday: %s\n", err->msg);
}

void cli_errors(const struct errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct errs_item *e = &errs->v[i];

		if (e->file && e->line)
			fprintf(stderr, "%s:%d: %s\n", e->file, e->line,
				e->msg);
		else if (e->file)
			fprintf(stderr, "%s: %s\n", e->file, e->msg);
		else
			fprintf(stderr, "gameday: %s\n", e->msg);
	}
}
