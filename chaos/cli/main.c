/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatches to the subcommands, and says what there is. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/log.h"
#include "chaos/base/opt.h"
#include "chaos/cli/cli.h"
#include "faults/table.h"
#include "staging/stack/stack.h"

static int usage(FILE *f)
{
	fprintf(f, "gameday %s: rehearses incidents\n\n", GAMEDAY_VERSION);
	for (size_t i = 0; cli_cmd_table[i]; i++)
		fprintf(f, "  gameday %-9s %-12s %s\n",
			cli_cmd_table[i]->name, cli_cmd_table[i]->args,
			cli_cmd_table[i]->summary);
	fprintf(f, "\n'gameday COMMAND --help' lists a command's options.\n"
		   "exit: 0 criteria held, 1 missed, 2 usage or scenario "
		   "error, 3 cannot run here,\n      4 aborted, 5 something "
		   "could not be undone, 6 the run is invalid\n");
	return f == stdout ? CLI_HELD : CLI_USAGE;
}

static int unknown(const char *name)
{
	const char *names[64];
	const char *near;
	size_t n = 0;

	while (cli_cmd_table[n] && n < 64) {
		names[n] = cli_cmd_table[n]->name;
		n++;
	}
	near = opt_suggest(name, names, n);
	fprintf(stderr, "gameday: unknown command '%s'", name);
	if (near)
		fprintf(stderr, " (did you mean '%s'?)", near);
	fprintf(stderr, "; 'gameday --help' lists them\n");
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	log_set_sink(log_to_stream, stderr);
	if (argc > 1 && strcmp(argv[1], "staging-supervisor") == 0)
		return stack_supervisor_main(argc, argv);
	fault_set_table(faults_table);
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout);
	if (strcmp(argv[1], "--version") == 0)
		return printf("gameday %s\n", GAMEDAY_VERSION) < 0;
	for (size_t i = 0; cli_cmd_table[i]; i++)
		if (strcmp(cli_cmd_table[i]->name, argv[1]) == 0)
			return cli_cmd_table[i]->run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
