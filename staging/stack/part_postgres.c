/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL: a cluster of its own, never as root, trust on loopback alone. */
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "staging/stack/impl.h"

/* Every duration follows the speed, as far as the server's minimum lets it. */
static const struct {
	const char *name;
	int drill_ms;		/* the server's default */
	int min_ms;		/* the least it takes */
} postgres_durations[] = {
	{ "autovacuum_naptime", 60000, 1000 },
	{ "bgwriter_delay", 200, 10 },
	{ "checkpoint_timeout", 300000, 30000 },
	{ "deadlock_timeout", 1000, 1 },
	{ "wal_writer_delay", 200, 1 },
};

static const char *const postgres_settings[] = {
	"listen_addresses=127.0.0.1", "max_connections=200",
	"shared_buffers=64MB", "max_wal_size=256MB", "jit=off",
	"synchronous_commit=off", "autovacuum=on", "log_min_messages=warning",
	"log_line_prefix=%m [%p] %a ",
};

/* Debian keeps the servers out of PATH, by version. */
static void postgres_program(const char *name, char dst[PATH_MAX])
{
	char pattern[128];
	glob_t found;

	snprintf(dst, PATH_MAX, "%s", name);
	snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/*/bin/%s",
		 name);
	if (!glob(pattern, 0, NULL, &found)) {
		if (found.gl_pathc)
			snprintf(dst, PATH_MAX, "%s",
				 found.gl_pathv[found.gl_pathc - 1]);
		globfree(&found);
	}
}

static int postgres_prepare(struct part *part, struct err *err)
{
	int rc;

	if (geteuid() == 0)
		part->user = getpwnam("postgres") ? "postgres" : "nobody";
	snprintf(part->note, sizeof(part->note), "synchronous_commit off");
	rc = stack_free_port(&part->port, err);
	return rc ? rc : part_make_dir(part, err);
}

static void postgres_tool(struct part *part, struct args *args)
{
	char program[PATH_MAX];

	postgres_program("initdb", program);
	args_add(args, "%s", program);
	args_add(args, "--pgdata=%s/cluster", part->dir);
	args_add(args, "--username=" STACK_DB);
	args_add(args, "--auth=trust");
	args_add(args, "--encoding=UTF8");
	args_add(args, "--no-locale");
	args_add(args, "--no-sync");
	args_add(args, "--no-instructions");
}

static void postgres_server(struct part *part, struct args *args, int line_fd)
{
	char program[PATH_MAX];

	(void)line_fd;
	postgres_program("postgres", program);
	args_add(args, "%s", program);
	args_add(args, "-D");
	args_add(args, "%s/cluster", part->dir);
	args_add(args, "-cport=%d", part->port);
	args_add(args, "-cunix_socket_directories=%s", part->dir);
	args_add(args, "-ccluster_name=gameday-%s", part->sup->name);
	for (size_t i = 0; i < sizeof(postgres_settings) /
				       sizeof(*postgres_settings); i++)
		args_add(args, "-c%s", postgres_settings[i]);
	for (size_t i = 0; i < sizeof(postgres_durations) /
				       sizeof(*postgres_durations); i++)
		args_add(args, "-c%s=%dms", postgres_durations[i].name,
			 sup_real_ms(part->sup, postgres_durations[i].drill_ms,
				     postgres_durations[i].min_ms));
}

static void postgres_info(const struct part *part, json_t *info)
{
	char at[ADDR_TEXT];

	part_at(part, at);
	json_object_set_new(info, "postgres", json_string(at));
	json_object_set_new(info, "db_user", json_string(STACK_DB));
	json_object_set_new(info, "db_name", json_string(STACK_DB));
}

const struct part_ops part_postgres = {
	.name = "postgres",
	.wave = 2,
	.stop_signal = SIGINT,	/* fast shutdown: ends sessions */
	.stop_real = 5 * NSEC_SEC,
	.mend = "install postgresql (make setup does)",
	.prepare = postgres_prepare,
	.tool = postgres_tool,
	.server = postgres_server,
	.probe = &stack_probe_postgres,
	.info = postgres_info,
};
