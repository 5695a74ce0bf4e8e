/* SPDX-License-Identifier: Apache-2.0 */
/* run, replay, simulate, check: a scenario in one way or another. */
#include <stdio.h>

#include "chaos/base/mem.h"
#include "chaos/cli/run_opts.h"
#include "chaos/report/history.h"

int cli_dry_run(const struct plan *p)
{
	struct buf text;
	bool ok;

	buf_init(&text, 0);
	plan_print(p, &text);
	printf("%s\n", text.data ? text.data : "");
	buf_done(&text);
	ok = cli_check(p, true);
	return ok ? CLI_HELD : CLI_CANNOT_RUN;
}

typedef int run_fn(struct plan *p, const struct cli_run_opts *o);

/* ret_seed: the plan's; may be NULL. */
static int once(const char *file, const struct cli_run_opts *o, run_fn *fn,
		int64_t *ret_seed)
{
	struct plan *p = cli_plan(file, o);
	int rc;

	if (!p)
		return CLI_USAGE;
	if (ret_seed)
		*ret_seed = p->conf.seed;
	rc = o->dry_run ? cli_dry_run(p) : fn(p, o);
	plan_free(p);
	return rc;
}

/* A run that was held or missed is a result; after any other none follows. */
static bool is_result(int code)
{
	return code == CLI_HELD || code == CLI_MISSED || code == CLI_INVALID;
}

/*
 * The same drill again and again, each with the next seed: the interval is then
 * of what differs between drills, and not of one arrival pattern.
 */
static int repeated(const char *file, const struct cli_run_opts *o, run_fn *fn)
{
	struct history_rows rows = { 0 };
	int n = (int)o->repeat, code = CLI_HELD;
	int64_t first = 0;

	for (int i = 0; i < n && is_result(code); i++) {
		AUTO_FREE char *out = NULL, *seed = NULL;
		struct cli_run_opts one = *o;
		int rc;

		one.history = &rows;
		if (o->out)
			one.out = out = mem_printf("%s-%d", o->out, i + 1);
		if (i > 0)
			one.seed = seed = mem_printf("%lld", (long long)first +
								     i);
		rc = once(file, &one, fn, i == 0 ? &first : NULL);
		if (!is_result(rc) || rc > code)
			code = rc;
	}
	if (rows.n > 0 && !o->json)
		cli_history_print(&rows);
	history_rows_done(&rows);
	return code;
}

static int with_scenario(const struct cli_cmd *cmd, int argc, char **argv,
			 struct cli_run_opts *o, run_fn *fn)
{
	struct cli_opt opts[] = {
		CLI_RUN_OPTS(*o),
		CLI_REPEAT_OPT(*o),
		CLI_FIND_OPTS(*o),
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	struct cli_opt no_find[] = {
		CLI_RUN_OPTS(*o),
		CLI_REPEAT_OPT(*o),
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(cmd, fn == cli_simulate ? opts : no_find, argc,
			       argv);

	if (left < 0)
		return cli_options_exit(left);
	if (left != 1) {
		fprintf(stderr, "gameday: %s takes one scenario file\n",
			cmd->name);
		return CLI_USAGE;
	}
	if (o->repeat > 1 && !o->dry_run)
		return repeated(argv[1], o, fn);
	return once(argv[1], o, fn, NULL);
}

static int check_plan(struct plan *p, const struct cli_run_opts *o)
{
	(void)o;
	return cli_dry_run(p);
}

static int run_main(int argc, char **argv);
static int replay_main(int argc, char **argv);
static int simulate_main(int argc, char **argv);
static int check_main(int argc, char **argv);

extern const struct cli_cmd cli_cmd_run, cli_cmd_replay, cli_cmd_simulate,
	cli_cmd_check;

const struct cli_cmd cli_cmd_run = {
	"run", "SCENARIO", "a drill: faults, traffic, alerts, playbook",
	run_main
};
const struct cli_cmd cli_cmd_replay = {
	"replay", "SCENARIO", "a drill that is judged by its [recorded] too",
	replay_main
};
const struct cli_cmd cli_cmd_simulate = {
	"simulate", "SCENARIO", "the same drill in virtual time, on a model",
	simulate_main
};
const struct cli_cmd cli_cmd_check = {
	"check", "SCENARIO", "what can and cannot run here, and the timeline",
	check_main
};

static int run_main(int argc, char **argv)
{
	struct cli_run_opts o = { .speed = 1, .kind = "drill" };

	return with_scenario(&cli_cmd_run, argc, argv, &o, cli_run);
}

static int replay_main(int argc, char **argv)
{
	struct cli_run_opts o = { .speed = 1, .kind = "drill",
				  .recorded = true };

	return with_scenario(&cli_cmd_replay, argc, argv, &o, cli_run);
}

static int simulate_main(int argc, char **argv)
{
	struct cli_run_opts o = { .speed = 1, .kind = "simulate",
				  .recorded = true };

	return with_scenario(&cli_cmd_simulate, argc, argv, &o, cli_simulate);
}

static int check_main(int argc, char **argv)
{
	struct cli_run_opts o = { .speed = 1, .kind = "drill",
				  .dry_run = true };

	return with_scenario(&cli_cmd_check, argc, argv, &o, check_plan);
}
