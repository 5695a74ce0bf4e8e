/* SPDX-License-Identifier: Apache-2.0 */
/* compare: two sides of runs, and what differs by more than noise. */
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/cli/cli.h"
#include "chaos/report/compare.h"

static int compare_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_compare;
const struct cli_cmd cli_cmd_compare = {
	"compare", "RUN[,RUN] RUN[,RUN]",
	"what differs between runs by more than noise", compare_main
};

struct side {
	struct report **v;
	size_t n, cap;
};

static int side_load(struct side *side, const char *list)
{
	AUTO_FREE char *text = mem_strdup(list);
	char *rest = text, *name;
	struct err err = { 0 };

	while ((name = strsep(&rest, ","))) {
		AUTO_FREE char *dir = *name ? cli_run_dir(name) : NULL;
		struct report *r = NULL;

		if (!dir) {
			fprintf(stderr, "gameday: no run '%s' (a directory, or "
					"one in runs/)\n", name);
			return CLI_USAGE;
		}
		if (report_load(dir, cli_specs, &r, &err) < 0) {
			cli_error(&err);
			return CLI_CANNOT_RUN;
		}
		(void)mem_grow(side->v, side->n, side->cap);
		side->v[side->n++] = r;
	}
	return CLI_HELD;
}

static void side_done(struct side *side)
{
	for (size_t i = 0; i < side->n; i++)
		report_free(side->v[i]);
	mem_free(side->v);
}

static int compare(const struct side *a, const struct side *b, double floor_by,
		   bool json, const char *fail_on)
{
	struct compare_args args = {
		.a = (const struct report *const *)a->v, .n_a = a->n,
		.b = (const struct report *const *)b->v, .n_b = b->n,
		.floor = floor_by, .floor_ms = 1, .alpha = 0.05, .seed = 1,
	};
	json_t *root = compare_runs(&args);
	bool worse = json_integer_value(json_object_get(root, "worse")) > 0;
	bool better = json_integer_value(json_object_get(root, "better")) > 0;
	int code = CLI_HELD;

	if (json) {
		json_dumpf(root, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		compare_text(root, stdout);
	}
	if (fail_on && worse)
		code = CLI_MISSED;
	if (fail_on && strcmp(fail_on, "different") == 0 && better)
		code = CLI_MISSED;
	json_decref(root);
	return code;
}

/* How the options are; the mistakes are printed. */
static bool is_usable(int left, const char *fail_on, const char *floor_text,
		      double *ret_floor)
{
	struct err err = { 0 };

	if (left != 2)
		fprintf(stderr, "gameday: compare takes two sides: RUN RUN, or "
				"RUN,RUN RUN,RUN where a side has several\n");
	else if (fail_on && strcmp(fail_on, "worse") != 0 &&
		 strcmp(fail_on, "different") != 0)
		fprintf(stderr, "gameday: --fail-on takes worse or different, "
				"not '%s'\n", fail_on);
	else if (units_share(floor_text, ret_floor, &err) < 0)
		fprintf(stderr, "gameday: --floor: %s\n", err.msg);
	else
		return true;
	return false;
}

static int compare_main(int argc, char **argv)
{
	const char *fail_on = NULL, *floor_text = "10%";
	double floor_by = 0;
	bool json = false;
	struct cli_opt opts[] = {
		{ "fail-on", 0, CLI_STRING, &fail_on, "WHAT",
		  "exit 1 on: worse, different" },
		{ "floor", 0, CLI_STRING, &floor_text, "SHARE",
		  "differences up to this are none (10%)" },
		{ "json", 0, CLI_FLAG, &json, NULL, "as JSON" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_compare, opts, argc, argv);
	struct side a = { 0 }, b = { 0 };
	int code;

	if (left < 0)
		return cli_options_exit(left);
	if (!is_usable(left, fail_on, floor_text, &floor_by))
		return CLI_USAGE;
	code = side_load(&a, argv[1]);
	if (code == CLI_HELD)
		code = side_load(&b, argv[2]);
	if (code == CLI_HELD)
		code = compare(&a, &b, floor_by, json, fail_on);
	side_done(&a);
	side_done(&b);
	return code;
}
