/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.cpu, host.memory: stress-ng, begun in prepare by a shell that stands
 * still before it becomes it, so that pid and start time are in the undo before
 * anything is used.  Its workers end with it, and it ends with the controller.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "faults/host/room.h"
#include "faults/table.h"

enum { COMMAND = 512 };
#define STAND_WAIT (2 * NSEC_SEC)	/* real, of the shell */

struct stress_conf {
	int64_t workers;
	double load;
	uint64_t size, leave;
};

struct stress_state {
	struct proc_id id;
	int pidfd;
	bool running;		/* pidfd is ours */
	struct room before;
	nsec_t since;
};

#define AT(f) offsetof(struct stress_conf, f)
static const struct opt cpu_opts[] = {
	{ "load", OPT_SHARE, AT(load), OPT_POSITIVE, "100%", NULL, NULL, NULL,
	  "of each CPU that is taken", "80%" },
	{ "workers", OPT_INT, AT(workers), OPT_NONNEG, "0", NULL, NULL, NULL,
	  "how many CPUs are taken; 0: all", "2" },
	OPT_END
};
static const struct opt memory_opts[] = {
	{ "leave", OPT_SIZE, AT(leave), OPT_POSITIVE, "256MiB", NULL, NULL,
	  NULL, "what must stay available, or it does not begin", "1GiB" },
	{ "size", OPT_SIZE, AT(size), OPT_REQUIRED | OPT_POSITIVE, NULL, NULL,
	  NULL, NULL, "how much is taken and kept", "2GiB" },
	OPT_END
};
#undef AT

static bool is_memory(const struct fault *f)
{
	return fault_driver(f)->opts == memory_opts;
}

static long long workers_of(const struct stress_conf *c)
{
	return c->workers ? c->workers : sysconf(_SC_NPROCESSORS_ONLN);
}

static void command_of(const struct fault *f, char dst[COMMAND])
{
	const struct stress_conf *c = fault_opts(f);

	if (is_memory(f))
		snprintf(dst, COMMAND, "stress-ng --quiet --vm 1 --vm-bytes "
			 "%llu --vm-keep --vm-hang 0 --vm-method zero-one",
			 (unsigned long long)c->size);
	else
		snprintf(dst, COMMAND, "stress-ng --quiet --cpu %lld "
			 "--cpu-load %.0f --cpu-method loop", workers_of(c),
			 c->load * 100);
}

/* --- check ------------------------------------------------------------- */

static int valid(const struct fault_ops *ops, const void *opts,
		 struct err *err)
{
	const struct stress_conf *c = opts;

	(void)ops;
	return c->load > 1 ? err_set(err, -ERANGE, "'load' is over 100 %%") :
			     0;
}

/* The host itself: no item of [allow] names it. */
static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	(void)f;
	return fn(arg, ALLOW_PROCESS, "stress-ng");
}

static int claims(const struct fault *f, char *dst, size_t size)
{
	snprintf(dst, size, "%s", fault_driver(f)->name);
	return 0;
}

static bool is_there(const char *program)
{
	AUTO_FREE char *path = mem_strdup(getenv("PATH"));
	char *dir, *rest = path;
	char full[512];

	while ((dir = strsep(&rest, ":"))) {
		snprintf(full, sizeof(full), "%.400s/%s", dir, program);
		if (!access(full, X_OK))
			return true;
	}
	return false;
}

static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	const struct stress_conf *c = fault_opts(f);
	struct room room;

	(void)env;
	if (!is_there("stress-ng"))
		return err_set(err, -ENOENT, "no stress-ng (apt-get install "
			       "stress-ng)");
	if (!is_memory(f))
		return 0;
	room_look(&room);
	if (room.available < c->size + c->leave)
		return err_set(err, -ENOMEM, "%llu MiB are available, less "
			       "than 'size' and 'leave' together",
			       (unsigned long long)room.available >> 20);
	return 0;
}

/* --- prepare ----------------------------------------------------------- */

static bool stands(pid_t pid)
{
	char path[64], text[512] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	end = strrchr(text, ')');
	return end && end[1] && end[2] == 'T';
}

static int await_standing(pid_t pid, struct err *err)
{
	const struct timespec pause = { .tv_nsec = NSEC_MS };
	nsec_t end = clock_mono() + STAND_WAIT;

	while (!stands(pid)) {
		if (clock_mono() > end)
			return err_set(err, -ETIMEDOUT, "stress-ng's shell "
				       "does not stand still");
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	struct stress_state *s = fault_state(f);
	char command[COMMAND];
	AUTO_FREE char *script = NULL;
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct proc_args args = { .argv = argv, .session = true,
				  .die_with_parent = true };
	int rc = check(f, fault_env(f), err);

	if (rc)
		return rc;
	command_of(f, command);
	script = mem_printf("kill -STOP $$; exec %s", command);
	argv[2] = script;
	rc = proc_spawn(&args, &s->id, &s->pidfd, err);
	if (rc)
		return rc;
	s->running = true;
	rc = await_standing(s->id.pid, err);
	if (rc)
		return rc;
	snprintf(undo->target, sizeof(undo->target), "this host");
	snprintf(undo->command, sizeof(undo->command), "kill -KILL %d",
		 (int)s->id.pid);
	return undo_signal_render(undo, SIGKILL, &s->id, 1);
}

static void describe(const struct fault *f, struct buf *calls,
		     struct buf *undo)
{
	char command[COMMAND];

	command_of(f, command);
	buf_addf(calls, "%s\n", command);
	buf_adds(undo, "SIGKILL to it, by pid and start time\n");
}

/* --- while it is on ---------------------------------------------------- */

static int inject(struct fault *f, struct err *err)
{
	struct stress_state *s = fault_state(f);
	int rc;

	s->since = clock_mono();
	room_look(&s->before);
	rc = proc_signal(&s->id, SIGCONT);
	return rc ? err_set(err, rc, "stress-ng: %s", strerror(-rc)) : 0;
}

static int measure(struct fault *f, struct err *err)
{
	const struct stress_conf *c = fault_opts(f);
	struct stress_state *s = fault_state(f);
	double real_s = (double)(clock_mono() - s->since) / NSEC_SEC;
	struct room now;
	double cpus;

	(void)err;
	room_look(&now);
	cpus = real_s > 0 ? (now.busy_s - s->before.busy_s) / real_s : 0;
	if (is_memory(f))
		fault_measured(f, json_pack("{s:I}", "bytes",
					    (json_int_t)c->size),
			       json_pack("{s:I, s:b}", "bytes",
					 (json_int_t)s->before.available -
					 (json_int_t)now.available,
					 "running", proc_alive(&s->id)));
	else
		fault_measured(f, json_pack("{s:f}", "cpus",
					    (double)workers_of(c) * c->load),
			       json_pack("{s:f, s:b}", "host_cpus_busy", cpus,
					 "running", proc_alive(&s->id)));
	return 0;
}

static void release(struct fault *f)
{
	struct stress_state *s = fault_state(f);
	int status;

	if (!s->running)
		return;
	proc_signal(&s->id, SIGKILL);
	(void)!proc_reap(s->pidfd, &status);
	mem_close_fd(&s->pidfd);
	s->running = false;
}

#define KIND(what, summary_, keys)                                        \
	const struct fault_ops host_##what = {                            \
		.name = "host." #what,                                    \
		.summary = summary_,                                      \
		.example = "[fault busy]\nkind = host." #what "\n" keys   \
			   "at = 90s\nfor = 60s\n",                       \
		.opts = what##_opts,                                      \
		.opts_size = sizeof(struct stress_conf),                  \
		.state_size = sizeof(struct stress_state),                \
		.valid = valid,                                           \
		.targets = targets,                                       \
		.claims = claims,                                         \
		.check = check,                                           \
		.prepare = prepare,                                       \
		.describe = describe,                                     \
		.inject = inject,                                         \
		.measure = measure,                                       \
		.release = release,                                       \
	}

KIND(cpu, "this host's CPUs are busy (stress-ng)", "load = 80%\n");
KIND(memory, "this host's memory is taken (stress-ng)", "size = 2GiB\n");
