/* SPDX-License-Identifier: Apache-2.0 */
/* recover: undoes what a crash left, or only lists it. */
#include <stdlib.h>

#include "chaos/base/json.h"
#include "chaos/cli/cli.h"

static int recover_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_recover;
const struct cli_cmd cli_cmd_recover = {
	"recover", "[--list]", "undo what a crash left", recover_main
};

static void print_list(const struct fault_recovered *r)
{
	json_t *item;
	size_t i;

	json_array_foreach(r->list, i, item)
		printf("%-12s %s: %s (%s)%s%s\n",
		       json_str(item, "state", "?"),
		       json_str(item, "run", "?"),
		       json_str(item, "fault", "?"),
		       json_str(item, "target", "?"),
		       json_at(item, "command") ? "  to remove it: " : "",
		       json_str(item, "command", ""));
	if (json_array_size(r->list) == 0)
		printf("nothing is left%s\n",
		       r->live ? " (a live run is not touched)" : "");
}

static void print_json(const struct fault_recovered *r)
{
	json_t *o = json_pack("{s:I,s:I,s:O}", "undone", (json_int_t)r->undone,
			      "live", (json_int_t)r->live, "left", r->list);

	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static int recover_main(int argc, char **argv)
{
	bool list = false, json = false;
	struct cli_opt opts[] = {
		{ "list", 'l', CLI_FLAG, &list, NULL, "only say what is left" },
		{ "json", 0, CLI_FLAG, &json, NULL, "{\"left\": [...]}" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int rc = cli_options(&cli_cmd_recover, opts, argc, argv);
	struct fault_recovered found = { 0 };
	struct err err = { 0 };

	if (rc < 0)
		return cli_options_exit(rc);
	if (fault_recover(list, &found, &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	if (json)
		print_json(&found);
	else
		print_list(&found);
	json_decref(found.list);
	return !list && found.left > 0 ? CLI_NOT_UNDONE : CLI_HELD;
}
