/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part from nothing to ready: prepare, tool, server, ready line, probe.
 * What differs between parts is in their rows (part_ops), not here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/stack/impl.h"

static const nsec_t part_bound = 60 * NSEC_SEC;

static const struct part_ops *const part_table[PART_COUNT] = {
	[PART_POSTGRES] = &part_postgres, [PART_REDIS] = &part_redis,
	[PART_KAFKA] = &part_kafka, [PART_PROXY] = &part_proxy,
	[PART_SHOP] = &part_shop,
};

static const char *const state_names[] = {
	[PART_WAITING] = "waiting", [PART_TOOL] = "preparing",
	[PART_LINE] = "starting", [PART_PROBING] = "starting",
	[PART_READY] = "ready", [PART_STOPPING] = "stopping",
	[PART_ENDED] = "ended",
};

const char *part_state_name(enum part_state state)
{
	return state_names[state];
}

static void part_set_state(struct part *part, enum part_state state,
			   const char *why)
{
	log_info("%s: %s -> %s%s%s", part->ops->name, state_names[part->state],
		 state_names[state], *why ? ": " : "", why);
	part->state = state;
}

void part_at(const struct part *part, char dst[ADDR_TEXT])
{
	snprintf(dst, ADDR_TEXT, "127.0.0.1:%d", part->port);
}

int part_make_dir(struct part *part, struct err *err)
{
	struct passwd *pw;
	int rc;

	stack_remove_tree(part->dir);
	rc = proc_mkdirs(part->dir, 0700, err);
	if (rc || !part->user)
		return rc;
	pw = getpwnam(part->user);
	if (!pw || chown(part->dir, pw->pw_uid, pw->pw_gid))
		return err_errno(err, "cannot give '%s' to user '%s'",
				 part->dir, part->user);
	return 0;
}

static void part_close_line(struct part *part)
{
	if (part->line_io.fd < 0)
		return;
	loop_io_set(part->sup->loop, &part->line_io, 0, NULL);
	close(part->line_io.fd);
	part->line_io.fd = -1;
}

static void part_fail(struct part *part, const struct err *why)
{
	loop_timer_stop(part->sup->loop, &part->deadline);
	part_close_line(part);
	probe_stop(&part->probe);
	sup_part_failed(part->sup, part, why);
}

static void part_ready(void *arg)
{
	struct part *part = arg;

	if (!part->version[0])
		snprintf(part->version, sizeof(part->version), "%s",
			 part->probe.version);
	loop_timer_stop(part->sup->loop, &part->deadline);
	part_set_state(part, PART_READY, "");
	sup_part_ready(part->sup, part);
}

static void part_begin_probe(struct part *part)
{
	char text[ADDR_TEXT];
	struct addr to;
	struct err err = { 0 };

	if (!part->ops->probe) {
		part_ready(part);
		return;
	}
	part_at(part, text);
	if (addr_parse(text, &to, &err)) {
		part_fail(part, &err);
		return;
	}
	part_set_state(part, PART_PROBING, text);
	probe_start(&part->probe, part->sup->loop, &to, part->ops->probe,
		    part_ready, part);
}

static int part_take_line(struct part *part, struct err *err)
{
	int rc = json_parse(part->line.data, part->line.len, &part->said, err);

	if (rc)
		return err_prefix(err, "its ready line");
	return part->ops->line(part, part->said, err);
}

/* The line is complete; an end without it is left to part_exited(). */
static void on_line(struct loop *loop, struct loop_io *io, unsigned events,
		    void *arg)
{
	struct part *part = arg;
	struct err err = { 0 };
	char data[4096];
	ssize_t n = read(io->fd, data, sizeof(data));

	(void)loop;
	(void)events;
	if (n < 0)
		return;
	if (n > 0)
		buf_add(&part->line, data, (size_t)n);
	if (n > 0 && !memchr(data, '\n', (size_t)n))
		return;
	part_close_line(part);
	if (!part->line.len)
		return;
	if (part_take_line(part, &err))
		part_fail(part, &err);
	else
		part_begin_probe(part);
}

static int part_spawn(struct part *part, struct args *args, const int *keep,
		      struct err *err)
{
	struct proc_args spawn = {
		.argv = (const char *const *)args->v,
		.dir = part->dir,
		.user = part->user,
		.log_path = part->log,
		.out_fd = -1,
		.die_with_parent = true,
		.keep_fds = keep,
		.n_keep_fds = keep ? 1 : 0,
	};
	int rc = proc_spawn(&spawn, &part->proc, NULL, err);

	if (!rc) {
		part->running = true;
		part->killed = false;
	}
	return rc;
}

static bool part_has_line(const struct part *part)
{
	if (!part->ops->line)
		return false;
	return !part->ops->has_line || part->ops->has_line(part);
}

/* Takes fd over; -1: an error is in errno. */
static int part_watch_line(struct part *part, int fd, struct err *err)
{
	buf_reset(&part->line);
	loop_io_init(&part->line_io, fd, "staging ready line", on_line, part);
	return loop_io_set(part->sup->loop, &part->line_io, LOOP_IN, err);
}

static int part_spawn_server(struct part *part, struct err *err)
{
	struct args args = { 0 };
	int fds[2] = { -1, -1 }, rc;

	if (part_has_line(part) && pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return err_errno(err, "cannot make a pipe");
	part->ops->server(part, &args, fds[1]);
	rc = part_spawn(part, &args, fds[1] >= 0 ? &fds[1] : NULL, err);
	args_done(&args);
	mem_close_fd(&fds[1]);
	if (rc || fds[0] < 0) {
		mem_close_fd(&fds[0]);
		return rc;
	}
	return part_watch_line(part, fds[0], err);
}

static void part_begin_server(struct part *part)
{
	struct err err = { 0 };

	if (part_spawn_server(part, &err)) {
		part_fail(part, &err);
		return;
	}
	if (part_has_line(part))
		part_set_state(part, PART_LINE, "");
	else
		part_begin_probe(part);
}

/* False: the part has no tool to run. */
static bool part_begin_tool(struct part *part)
{
	struct args args = { 0 };
	struct err err = { 0 };

	if (part->ops->tool)
		part->ops->tool(part, &args);
	if (!args.n)
		return false;
	part_set_state(part, PART_TOOL, args.v[0]);
	if (part_spawn(part, &args, NULL, &err))
		part_fail(part, &err);
	args_done(&args);
	return true;
}

static void part_try(struct part *part)
{
	struct err err = { 0 };

	part->tries++;
	if (part->ops->prepare(part, &err)) {
		part_fail(part, &err);
		return;
	}
	if (!part_begin_tool(part))
		part_begin_server(part);
}

void part_start(struct part *part)
{
	part->began = loop_mono_fresh(part->sup->loop);
	loop_timer_at_mono(part->sup->loop, &part->deadline,
			   part->began + part_bound);
	part_try(part);
}

static void on_deadline(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct part *part = arg;
	struct err err = { 0 };

	(void)loop;
	(void)timer;
	err_set(&err, -ETIMEDOUT, "no answer within %d s",
		(int)(part_bound / NSEC_SEC));
	part_fail(part, &err);
}

/* Another took the port between our choice and its bind. */
static bool part_lost_port(const struct part *part)
{
	struct buf log;
	bool lost;

	buf_init(&log, 0);
	lost = !buf_read_file(&log, part->log, NULL) && log.len &&
	       strstr(log.data, "ddress already in use");
	buf_done(&log);
	return lost;
}

static void part_exited_early(struct part *part, int status)
{
	struct err err = { 0 };

	part_close_line(part);
	probe_stop(&part->probe);
	if (part->tries == 1 && part_lost_port(part)) {
		log_warn("%s: port %d was taken, once more", part->ops->name,
			 part->port);
		unlink(part->log);
		part_try(part);
		return;
	}
	proc_status_text(status, part->ended, sizeof(part->ended));
	err_set(&err, -ECHILD, "%s", part->ended);
	part_fail(part, &err);
}

void part_exited(struct part *part, int status)
{
	part->running = false;
	switch (part->state) {
	case PART_TOOL:
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			part_begin_server(part);
		else
			part_exited_early(part, status);
		return;
	case PART_LINE:
	case PART_PROBING:
		part_exited_early(part, status);
		return;
	case PART_READY:
		proc_status_text(status, part->ended, sizeof(part->ended));
		part_set_state(part, PART_ENDED, part->ended);
		sup_part_ended(part->sup, part);
		return;
	case PART_STOPPING:
		part_set_state(part, PART_ENDED, "");
		return;
	case PART_WAITING:
	case PART_ENDED:
		return;
	}
}

void part_signal(struct part *part, int sig)
{
	int rc;

	loop_timer_stop(part->sup->loop, &part->deadline);
	part_close_line(part);
	probe_stop(&part->probe);
	if (!part->running) {
		part->state = PART_ENDED;
		return;
	}
	if (part->state != PART_STOPPING)
		part_set_state(part, PART_STOPPING, "");
	part->killed = part->killed || sig == SIGKILL;
	rc = proc_signal(&part->proc, sig);
	if (rc && rc != -ESRCH)
		log_warn("%s: cannot signal it: %s", part->ops->name,
			 strerror(-rc));
}

void part_init(struct part *part, struct sup *sup, enum part_id id)
{
	*part = (struct part){
		.ops = part_table[id], .sup = sup, .id = id,
		.line_io.fd = -1, .probe.io.fd = -1,
	};
	snprintf(part->dir, sizeof(part->dir), "%.*s/%s", STACK_PATH - 16,
		 sup->paths.data, part->ops->name);
	snprintf(part->log, sizeof(part->log), "%.*s/%s.log", STACK_PATH - 16,
		 sup->paths.logs, part->ops->name);
	buf_init(&part->line, 65536);
	loop_timer_init(&part->deadline, "staging deadline", on_deadline,
			part);
}

void part_done(struct part *part)
{
	if (!part->ops)
		return;
	part_close_line(part);
	probe_stop(&part->probe);
	loop_timer_stop(part->sup->loop, &part->deadline);
	buf_done(&part->line);
	json_decref(part->said);
}
