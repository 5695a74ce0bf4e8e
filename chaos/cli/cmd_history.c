/* SPDX-License-Identifier: Apache-2.0 */
/* history: MTTD and MTTR of the runs that were. */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/cli/cli.h"
#include "chaos/report/history.h"

static int history_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_history;
const struct cli_cmd cli_cmd_history = {
	"history", "[SCENARIO]", "MTTD and MTTR over all runs, by scenario",
	history_main
};

static void print(const struct history_rows *rows, bool json)
{
	json_t *summary = history_summary(rows);

	if (json) {
		json_dumpf(summary, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		history_text(summary, stdout);
	}
	json_decref(summary);
}

void cli_history_note(const struct report *r, struct history_rows *rows)
{
	struct history_rows own = { 0 };
	struct history_rows *to = rows ? rows : &own;
	const char *path = history_path();
	struct err err = { 0 };

	history_row_of(r, to);
	if (path && history_add(path, &to->v[to->n - 1], &err) < 0)
		fprintf(stderr, "gameday: warning: %s\n", err.msg);
	history_rows_done(&own);
}

void cli_history_print(const struct history_rows *rows)
{
	printf("\n");
	print(rows, false);
}

static int history_main(int argc, char **argv)
{
	const char *path = history_path();
	struct history_rows rows = { 0 };
	struct err err = { 0 };
	bool json = false;
	struct cli_opt opts[] = {
		{ "json", 0, CLI_FLAG, &json, NULL, "as JSON" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_history, opts, argc, argv);
	int code = CLI_HELD;

	if (left < 0)
		return cli_options_exit(left);
	if (left > 1 || !path) {
		fprintf(stderr, left > 1 ? "gameday: history takes one "
					   "scenario's name\n"
					 : "gameday: GAMEDAY_HISTORY is off\n");
		return CLI_USAGE;
	}
	if (history_read(path, left == 1 ? argv[1] : NULL, &rows, &err) < 0) {
		cli_error(&err);
		code = CLI_CANNOT_RUN;
	} else if (rows.n == 0) {
		fprintf(stderr, "gameday: no run of '%s' in '%s'\n",
			left == 1 ? argv[1] : "any scenario", path);
		code = CLI_CANNOT_RUN;
	} else {
		print(&rows, json);
	}
	history_rows_done(&rows);
	return code;
}
