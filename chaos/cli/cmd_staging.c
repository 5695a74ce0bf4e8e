/* SPDX-License-Identifier: Apache-2.0 */
/* staging up|down|status: the shop's stack by hand. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/cli/cli.h"
#include "staging/stack/stack.h"

static int staging_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_staging;
const struct cli_cmd cli_cmd_staging = {
	"staging", "up|down|status",
	"PostgreSQL, Redis, Kafka, proxy and shop on loopback", staging_main
};

struct staging_opts {
	double speed;
	const char *name;
	bool json;
	struct cli_list sets;
};

static void progress(void *arg, const char *line)
{
	(void)arg;
	printf("%s\n", line);
	fflush(stdout);
}

static int stop_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void print_info(const json_t *info, bool json)
{
	static const char *const keys[] = { "shop", "management", "postgres",
					    "redis", "kafka", "proxy",
					    "proxy_tcp", "logs" };

	if (json) {
		json_dumpf(info, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	printf("stack '%s' at speed %g, supervisor %lld, kafka is %s\n",
	       json_str(info, "name", "?"), json_num(info, "speed", 1),
	       (long long)json_int64(info, "pid", 0),
	       strcmp(json_str(info, "kafka_kind", ""), "kafka") == 0
		       ? "the real broker"
		       : "librdkafka's mock cluster");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf("  %-11s %s\n", keys[i], json_str(info, keys[i], "-"));
}

static int up(const struct staging_opts *o)
{
	struct stack_conf conf = { .name = o->name,
				   .speed = o->speed,
				   .keys = o->sets.v };
	struct err err = { 0 };
	json_t *info = NULL;
	int fd = stop_fd();
	int rc = stack_up(&conf, fd, progress, NULL, &info, &err);

	close(fd);
	if (rc < 0) {
		cli_error(&err);
		return rc == -EINTR ? CLI_ABORTED : CLI_CANNOT_RUN;
	}
	print_info(info, o->json);
	json_decref(info);
	return CLI_HELD;
}

static int down(const struct staging_opts *o)
{
	struct err err = { 0 };

	if (stack_down(o->name, &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	printf("stack '%s' is down\n", o->name);
	return CLI_HELD;
}

static int status(const struct staging_opts *o)
{
	struct err err = { 0 };
	json_t *info = NULL;

	if (stack_find(o->name, &info, &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	print_info(info, o->json);
	json_decref(info);
	return CLI_HELD;
}

static const struct {
	const char *name;
	int (*run)(const struct staging_opts *o);
} verbs[] = { { "down", down }, { "status", status }, { "up", up } };

static int staging_main(int argc, char **argv)
{
	struct staging_opts o = { .speed = 1, .name = "default" };
	struct cli_opt opts[] = {
		{ "speed", 's', CLI_NUMBER, &o.speed, "N",
		  "drill seconds per real second (1)" },
		{ "name", 0, CLI_STRING, &o.name, "NAME",
		  "which stack (default)" },
		{ "set", 0, CLI_LIST, &o.sets, "shop.K=V",
		  "a key of gameday-shop" },
		{ "json", 0, CLI_FLAG, &o.json, NULL, "info as JSON" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_staging, opts, argc, argv);

	if (left < 0)
		return cli_options_exit(left);
	if (!(o.speed > 0 && o.speed <= 100)) {
		fprintf(stderr,
			"gameday: --speed is above 0 and at most 100\n");
		return CLI_USAGE;
	}
	for (size_t i = 0; left == 1 && i < sizeof(verbs) / sizeof(verbs[0]);
	     i++)
		if (strcmp(verbs[i].name, argv[1]) == 0)
			return verbs[i].run(&o);
	fprintf(stderr, "gameday: staging takes up, down or status\n");
	return CLI_USAGE;
}
