/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by a program that starts again what the fault ended.  It is run only
 * while nothing runs that is looked for, so that a supervisor that was quicker
 * is left alone; and not again while the one that was begun still runs.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

enum { ARGS = 64, CHUNK = 16384 };
#define START_WAIT (400 * NSEC_MS)	/* real */

int undo_command_render(struct undo_record *r, const char *const *argv,
			const char *as, const char *runs)
{
	size_t n = strlen(runs);

	r->via = UNDO_COMMAND;
	r->len = 0;
	for (; *argv; argv++) {
		size_t len = strlen(*argv) + 1;

		if (r->len + len > UNDO_BYTES)
			return -E2BIG;
		memcpy(r->bytes + r->len, *argv, len);
		r->len += (uint32_t)len;
	}
	if (n > UNDO_BYTES || strlen(as) >= sizeof(r->instance))
		return -E2BIG;
	memcpy(r->verify, runs, n);
	r->verify_len = (uint32_t)n;
	strcpy(r->instance, as);
	return 0;
}

/* --- does it run ------------------------------------------------------- */

/* A small file of /proc; terminated; false: it cannot be read. */
static bool read_file(const char *path, char *dst, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, size - 1);

	dst[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool is_live(pid_t pid)
{
	struct proc_id id;

	return !proc_identify(pid, &id) && proc_alive(&id);
}

static bool has_name(pid_t pid, const char *name)
{
	char path[64], comm[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (!read_file(path, comm, sizeof(comm)))
		return false;
	comm[strcspn(comm, "\n")] = '\0';
	return !strcmp(comm, name);
}

/* The unit is a directory of the process's cgroup. */
static bool has_unit(pid_t pid, const char *unit)
{
	char path[64], text[2048];
	size_t n = strlen(unit);

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (!read_file(path, text, sizeof(text)))
		return false;
	for (const char *at = text; (at = strstr(at, unit)); at += n)
		if (at > text && at[-1] == '/' &&
		    (at[n] == '\n' || at[n] == '/' || !at[n]))
			return true;
	return false;
}

struct dirent64_head {	/* as getdents64(2) has it */
	uint64_t ino, off;
	unsigned short len;
	unsigned char type;
};

/* Any live process that fn says yes to; opendir(3) would allocate. */
static bool any_process(bool (*fn)(pid_t pid, const char *what),
			const char *what)
{
	AUTO_CLOSE int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static _Thread_local char chunk[CHUNK];
	long n;

	while (fd >= 0 &&
	       (n = syscall(SYS_getdents64, fd, chunk, sizeof(chunk))) > 0)
		for (long at = 0; at < n;) {
			struct dirent64_head head;
			const char *name = chunk + at + 19;
			pid_t pid;

			memcpy(&head, chunk + at, 19);
			at += head.len;
			pid = isdigit((unsigned char)*name) ?
				(pid_t)strtol(name, NULL, 10) : 0;
			if (pid && fn(pid, what) && is_live(pid))
				return true;
		}
	return false;
}

/* proc_net_tcp(5): "0: 0100007F:1F90 00000000:0000 0A …", 0A is listening. */
static bool listens_in(const char *path, unsigned port)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	static _Thread_local char chunk[CHUNK];
	size_t have = 0;
	ssize_t n;

	while (fd >= 0 &&
	       (n = read(fd, chunk + have, sizeof(chunk) - 1 - have)) > 0) {
		char *line = chunk, *end;

		have += (size_t)n;
		chunk[have] = '\0';
		while ((end = strchr(line, '\n'))) {
			unsigned local, state;

			*end = '\0';
			if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x "
				   "%x", &local, &state) == 2 &&
			    local == port && state == 0x0a)
				return true;
			line = end + 1;
		}
		have -= (size_t)(line - chunk);
		memmove(chunk, line, have);
	}
	return false;
}

static bool does_run(const char *what)
{
	if (!strncmp(what, "name:", 5))
		return any_process(has_name, what + 5);
	if (!strncmp(what, "unit:", 5))
		return any_process(has_unit, what + 5);
	if (!strncmp(what, "port:", 5)) {
		unsigned port = (unsigned)atoi(what + 5);

		return listens_in("/proc/net/tcp", port) ||
		       listens_in("/proc/net/tcp6", port);
	}
	return false;
}

static void what_of(const struct undo_record *r, char dst[128])
{
	size_t n = r->verify_len < 127 ? r->verify_len : 127;

	memcpy(dst, r->verify, n);
	dst[n] = '\0';
}

/* --- starting it ------------------------------------------------------- */

/* A child of ours is neither to be spared by the kernel nor to go first. */
static void be_ordinary(void)
{
	AUTO_CLOSE int fd = open("/proc/self/oom_score_adj",
				 O_WRONLY | O_CLOEXEC);
	sigset_t none;

	if (fd >= 0 && write(fd, "0", 1) < 0)
		errno = 0;
	setpriority(PRIO_PROCESS, 0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become(const char *as)
{
	unsigned uid, gid;

	if (!*as)
		return 0;
	if (sscanf(as, "%u:%u", &uid, &gid) != 2)
		return -1;
	if (syscall(SYS_setgroups, 0, NULL) || setgid(gid) || setuid(uid))
		return -1;
	return 0;
}

static _Noreturn void exec_it(const struct undo_record *r, char **argv)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	be_ordinary();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	if (!become(r->instance) && !chdir("/"))
		execvp(argv[0], argv);
	_exit(127);
}

/* fork(2) itself: nothing but system calls follows in the child. */
static pid_t start(const struct undo_record *r, struct err *err)
{
	static char bytes[UNDO_BYTES + 1];
	char *argv[ARGS + 1];
	size_t n = 0;
	pid_t pid;

	memcpy(bytes, r->bytes, r->len);
	bytes[r->len] = '\0';
	for (size_t at = 0; at < r->len && n < ARGS;
	     at += strlen(bytes + at) + 1)
		argv[n++] = bytes + at;
	argv[n] = NULL;
	if (!n)
		return err_set(err, -EINVAL, "undo of '%s': no command",
			       r->fault);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		exec_it(r, argv);
	return pid < 0 ? err_errno(err, "start '%s'", argv[0]) : pid;
}

/* What this process has begun, by the record's index. */
static pid_t begun[UNDO_RECORDS];

static bool still_begun(uint32_t index)
{
	pid_t pid = index < UNDO_RECORDS ? begun[index] : 0;

	return pid && waitpid(pid, NULL, WNOHANG) == 0;
}

static int command_revert(const struct undo_record *r, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 5 * NSEC_MS };
	nsec_t end = clock_mono() + START_WAIT;
	char what[128];
	pid_t pid;

	what_of(r, what);
	if (does_run(what))
		return 0;
	if (!still_begun(r->index)) {
		pid = start(r, err);
		if (pid < 0)
			return pid;
		if (r->index < UNDO_RECORDS)
			begun[r->index] = pid;
	}
	while (!does_run(what) && clock_mono() < end)
		nanosleep(&pause, NULL);
	return 0;
}

static enum undo_state command_verify(const struct undo_record *r,
				      struct err *err)
{
	char what[128];

	what_of(r, what);
	if (does_run(what))
		return UNDO_GONE;
	err_set(err, -ESRCH, "it does not run (%s)", what);
	return UNDO_PRESENT;
}

const struct undo_medium undo_command = {
	.name = "command",
	.revert = command_revert,
	.verify = command_verify,
};
