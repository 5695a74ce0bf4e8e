/* SPDX-License-Identifier: Apache-2.0 */
/* Redis: in memory alone, nothing is saved. */
#include <signal.h>

#include "staging/stack/impl.h"

static int redis_prepare(struct part *part, struct err *err)
{
	int rc = stack_free_port(&part->port, err);

	return rc ? rc : part_make_dir(part, err);
}

static void redis_server(struct part *part, struct args *args, int line_fd)
{
	(void)line_fd;
	args_add(args, "redis-server");
	args_add(args, "--bind");
	args_add(args, "127.0.0.1");
	args_add(args, "--port");
	args_add(args, "%d", part->port);
	args_add(args, "--save");
	args_add(args, "%s", "");
	args_add(args, "--appendonly");
	args_add(args, "no");
	args_add(args, "--daemonize");
	args_add(args, "no");
	args_add(args, "--loglevel");
	args_add(args, "warning");
}

static void redis_info(const struct part *part, json_t *info)
{
	char at[ADDR_TEXT];

	part_at(part, at);
	json_object_set_new(info, "redis", json_string(at));
}

const struct part_ops part_redis = {
	.name = "redis",
	.wave = 2,
	.stop_signal = SIGTERM,
	.stop_real = 2 * NSEC_SEC,
	.mend = "install redis-server (make setup does)",
	.prepare = redis_prepare,
	.server = redis_server,
	.probe = &stack_probe_redis,
	.info = redis_info,
};
