/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command whose first word on standard output is a number.  It runs in the
 * shell, as a child of the controller that dies with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/watch/probes.h"

enum { COMMAND_OUTPUT_MAX = 4096 };

struct command_opts {
	char *command;
	nsec_t timeout;
};

struct command {
	struct probe *probe;
	bool running;
	bool late;		/* killed for its time */
	struct proc_id id;
	struct loop_io exit, out;	/* pidfd, pipe */
	struct loop_timer timer;
	struct buf output;
};

static const struct opt command_opts[] = {
	{ .name = "command", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct command_opts, command),
	  .help = "run by sh; its output is a number",
	  .example = "wc -l < /var/log/shop/error.log" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct command_opts, timeout), .def = "10s",
	  .help = "it is killed when it takes longer" },
	OPT_END
};

static void take_output(struct command *c)
{
	char chunk[1024];
	ssize_t n;

	while ((n = read(c->out.fd, chunk, sizeof(chunk))) > 0)
		buf_add(&c->output, chunk, (size_t)n);
	if (n == 0)
		loop_io_set(probe_loop(c->probe), &c->out, 0, NULL);
}

static void command_close(struct command *c)
{
	struct loop *loop = probe_loop(c->probe);

	loop_timer_stop(loop, &c->timer);
	loop_io_set(loop, &c->exit, 0, NULL);
	loop_io_set(loop, &c->out, 0, NULL);
	close(c->exit.fd);
	close(c->out.fd);
	c->running = false;
}

static void judge(struct command *c, int status)
{
	char text[64], *end;
	double value;

	value = strtod(c->output.data ? c->output.data : "", &end);
	if (c->late)
		probe_failed(c->probe, "the command takes too long");
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		probe_failed(c->probe, "the command ended with %s",
			     proc_status_text(status, text, sizeof(text)));
	else if (end == c->output.data || !c->output.len)
		probe_failed(c->probe, "the command prints no number");
	else {
		probe_ok(c->probe);
		probe_set(c->probe, "value", value);
	}
}

static void on_exit_fd(struct loop *loop, struct loop_io *io, unsigned events,
		       void *arg)
{
	struct command *c = arg;
	int status = 0;

	(void)loop;
	(void)events;
	if (proc_reap(io->fd, &status) == -EAGAIN)
		return;
	take_output(c);
	command_close(c);
	judge(c, status);
}

static void on_output(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	(void)loop;
	(void)io;
	(void)events;
	take_output(arg);
}

static void on_timeout(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct command *c = arg;

	(void)loop;
	(void)timer;
	c->late = true;
	proc_signal(&c->id, SIGKILL);	/* its end follows */
}

static int command_spawn(struct command *c, int out, int *ret_pidfd,
			 struct err *err)
{
	const struct command_opts *opts = probe_opts(c->probe);
	const char *const argv[] = { "sh", "-c", opts->command, NULL };
	struct proc_args args = {
		.argv = argv, .out_fd = out, .die_with_parent = true,
	};

	return proc_spawn(&args, &c->id, ret_pidfd, err);
}

static void command_sample(struct probe *p)
{
	const struct command_opts *opts = probe_opts(p);
	struct command *c = probe_state(p);
	struct loop *loop = probe_loop(p);
	struct err err;
	int ends[2], pidfd;

	if (c->running)
		return;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		probe_failed(p, "no pipe: %s", strerror(errno));
		return;
	}
	if (command_spawn(c, ends[1], &pidfd, &err)) {
		close(ends[0]);
		close(ends[1]);
		probe_failed(p, "%s", err.msg);
		return;
	}
	close(ends[1]);
	c->running = true;
	c->late = false;
	buf_reset(&c->output);
	loop_io_init(&c->exit, pidfd, "probe command", on_exit_fd, c);
	loop_io_init(&c->out, ends[0], "probe command", on_output, c);
	loop_timer_at_mono(loop, &c->timer,
			   loop_mono(loop) + probe_real(p, opts->timeout));
	loop_io_set(loop, &c->out, LOOP_IN, NULL);
	loop_io_set(loop, &c->exit, LOOP_IN, NULL);
}

static int command_start(struct probe *p, struct err *err)
{
	struct command *c = probe_state(p);

	(void)err;
	c->probe = p;
	buf_init(&c->output, COMMAND_OUTPUT_MAX);
	loop_timer_init(&c->timer, "probe command", on_timeout, c);
	return 0;
}

static void command_stop(struct probe *p)
{
	struct command *c = probe_state(p);
	int status;

	if (c->running) {
		proc_signal(&c->id, SIGKILL);
		/* Killed: it ends at once, and is not left as a zombie. */
		waitpid(c->id.pid, &status, 0);
		command_close(c);
	}
	buf_done(&c->output);
}

static int command_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
			  void *arg)
{
	char name[160];

	snprintf(name, sizeof(name), "probe.%s.value", conf->name);
	return fn(arg, name);
}

const struct probe_ops probe_command = {
	.name = "command",
	.summary = "the number that a command prints: probe.NAME.value and "
		   ".ok",
	.example = "[probe errors]\nkind = command\n"
		   "command = wc -l < /var/log/shop/error.log\n",
	.every = "10s",
	.opts = command_opts,
	.opts_size = sizeof(struct command_opts),
	.state_size = sizeof(struct command),
	.gauges = command_gauges,
	.start = command_start,
	.sample = command_sample,
	.stop = command_stop,
};
