/* SPDX-License-Identifier: Apache-2.0 */
/* stop, mark, ctl, status: what a person says to a running drill. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/cli/cli.h"
#include "chaos/fault/guardian.h"

static int stop_main(int argc, char **argv);
static int mark_main(int argc, char **argv);
static int ctl_main(int argc, char **argv);
static int status_main(int argc, char **argv);

extern const struct cli_cmd cli_cmd_stop, cli_cmd_mark, cli_cmd_ctl,
	cli_cmd_status;
const struct cli_cmd cli_cmd_stop = {
	"stop", "[RUN|--all]",
	"revert, verify, report; the guardian if need be",
	stop_main
};
const struct cli_cmd cli_cmd_mark = {
	"mark", "[RUN] NAME", "a person says: detected, acknowledged, ...",
	mark_main
};
const struct cli_cmd cli_cmd_ctl = {
	"ctl", "[RUN] ...",
	"change a running load or drill: users, rate, pause, a fault",
	ctl_main
};
const struct cli_cmd cli_cmd_status = {
	"status", "[RUN]", "how a running drill is", status_main
};

static const struct cli_opt no_opts[] = {
	{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
};

static bool is_live(const char *word)
{
	char path[256], id[128];

	return cli_live_socket(word, path, sizeof(path), id, sizeof(id),
			       NULL) == 0;
}

static int status_main(int argc, char **argv)
{
	int left = cli_options(&cli_cmd_status, no_opts, argc, argv);

	if (left < 0)
		return cli_options_exit(left);
	return cli_live_call(left > 0 ? argv[1] : NULL, "GET", "/status",
			     NULL);
}

/* No answer in 2 s: the guardian ends the controller and reverts. */
static int stop_one(const char *run)
{
	char path[256], id[128], answer[1024];
	struct err err = { 0 };
	int code;

	if (cli_live_socket(run, path, sizeof(path), id, sizeof(id), NULL) == 0)
		fprintf(stderr, "gameday: stopping '%s'\n", id);
	code = cli_live_call(run, "POST", "/stop", "{}");
	if (code != CLI_CANNOT_RUN ||
	    cli_live_socket(run, path, sizeof(path), id, sizeof(id), NULL) < 0)
		return code;
	fprintf(stderr, "gameday: asking the guardian of '%s'\n", id);
	if (guardian_ask(id, "stop", answer, sizeof(answer), &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	printf("%s\n", answer);
	return CLI_HELD;
}

static int stop_all(void)
{
	struct cli_names live = { 0 };
	int worst = CLI_HELD;

	cli_live_names(&live);
	for (size_t i = 0; i < live.n; i++) {
		int code = stop_one(live.v[i]);

		if (code != CLI_HELD)
			worst = code;
	}
	if (live.n == 0)
		printf("no run is live\n");
	cli_names_done(&live);
	return worst;
}

static int stop_main(int argc, char **argv)
{
	bool all = false;
	struct cli_opt opts[] = {
		{ "all", 'a', CLI_FLAG, &all, NULL, "every live run" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_stop, opts, argc, argv);

	if (left < 0)
		return cli_options_exit(left);
	if (all)
		return stop_all();
	return stop_one(left > 0 ? argv[1] : NULL);
}

/* A time of day is the drill's to read: it knows what T+0 is labelled. */
static int set_time(json_t *body, const char *at, const char *ago,
		    struct err *err)
{
	nsec_t t = 0;
	int rc = 0;

	if (ago) {
		rc = units_duration(ago, &t, err);
		json_object_set_new(body, "ago_s", json_real((double)t / 1e9));
	} else if (at) {
		json_object_set_new(body, "at", json_string(at));
	}
	return rc;
}

static int mark_main(int argc, char **argv)
{
	const char *at = NULL, *ago = NULL, *by = getenv("USER"), *note = "";
	struct cli_opt opts[] = {
		{ "at", 0, CLI_STRING, &at, "TIME",
		  "14:02:10 of the scenario's clock, or 2m10s since T+0" },
		{ "ago", 0, CLI_STRING, &ago, "TIME", "so long ago" },
		{ "by", 0, CLI_STRING, &by, "WHO", "who says so" },
		{ "note", 0, CLI_STRING, &note, "TEXT", "a sentence" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_mark, opts, argc, argv);
	const char *run = left == 2 ? argv[1] : NULL;
	struct err err = { 0 };
	json_t *body;
	char *text;
	int code;

	if (left < 0)
		return cli_options_exit(left);
	if (left < 1 || left > 2) {
		fprintf(stderr, "gameday: mark takes a name: detected, "
				"acknowledged, mitigated, recovered, note\n");
		return CLI_USAGE;
	}
	body = json_pack("{s:s,s:s,s:s}", "name", argv[left], "by",
			 by ? by : "", "note", note);
	if (set_time(body, at, ago, &err) < 0) {
		cli_error(&err);
		json_decref(body);
		return CLI_USAGE;
	}
	text = json_dumps(body, JSON_COMPACT);
	code = cli_live_call(run, "POST", "/mark", text);
	free(text);
	json_decref(body);
	return code;
}

static int ctl_main(int argc, char **argv)
{
	int left = cli_options(&cli_cmd_ctl, no_opts, argc, argv);
	int first = left > 1 && is_live(argv[1]) ? 2 : 1;
	const char *run = first == 2 ? argv[1] : NULL;
	json_t *args, *body;
	char *text;
	int code;

	if (left < 1) {
		if (left == 0)
			fprintf(stderr, "gameday: ctl takes: users [load:NAME] "
					"N | rate [load:NAME] N/s | pause "
					"[load:NAME] | resume [load:NAME] | "
					"fault NAME KEY VALUE | stop | "
					"status\n");
		return left < 0 ? cli_options_exit(left) : CLI_USAGE;
	}
	if (left == first && strcmp(argv[first], "stop") == 0)
		return stop_one(run);
	if (left == first && strcmp(argv[first], "status") == 0)
		return cli_live_call(run, "GET", "/status", NULL);
	args = json_array();
	for (int i = first; i <= left; i++)
		json_array_append_new(args, json_string(argv[i]));
	body = json_pack("{s:o}", "argv", args);
	text = json_dumps(body, JSON_COMPACT);
	code = cli_live_call(run, "POST", "/ctl", text);
	free(text);
	json_decref(body);
	return code;
}
