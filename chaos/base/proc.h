/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes by pidfd, never by a number that may have been taken over:
 * a process is pid plus start time (proc(5), field 22).
 */
#ifndef GD_BASE_PROC_H
#define GD_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chaos/base/err.h"
#include "chaos/base/loop.h"

struct proc_id {
	pid_t pid;
	uint64_t start;		/* clock ticks since boot */
};

struct proc_args {
	const char *const *argv;	/* NULL-terminated; by our PATH */
	const char *const *env_add;	/* "K=V", NULL-terminated; or NULL */
	const char *dir;		/* or NULL */
	const char *user;		/* run as; NULL: as we are */
	const char *log_path;		/* stdout, stderr, appended; or NULL */
	int out_fd;			/* stdout, stderr; <= 0: log_path, */
					/* or /dev/null */
	bool session;			/* setsid() */
	bool die_with_parent;		/* PR_SET_PDEATHSIG SIGKILL: when the */
					/* *thread* that spawned it ends */
	const char *netns;		/* path or NULL */
	const int *keep_fds;		/* stay open, with the same numbers */
	size_t n_keep_fds;
};

/*
 * An exec that fails is reported here, with the reason; so it waits for the
 * exec, which takes a ms or so.  stdin is /dev/null, signals are all at their
 * defaults, every other descriptor is closed.  ret_pidfd may be NULL, and is
 * the caller's to close.
 */
int proc_spawn(const struct proc_args *args, struct proc_id *ret_id,
	       int *ret_pidfd, struct err *err) MUST_CHECK;
int proc_identify(pid_t pid, struct proc_id *ret);	/* -ESRCH */
bool proc_alive(const struct proc_id *id);		/* a zombie is not */
/* Through a pidfd after checking the start time. -ESRCH: gone. */
int proc_signal(const struct proc_id *id, int sig);
/*
 * waitpid status of a child whose pidfd is readable.  -EAGAIN: it runs still;
 * -ECHILD: not ours, or reaped before.
 */
int proc_reap(int pidfd, int *ret_status);
/* "exit 1", "killed by SIGKILL"; returns dst. */
const char *proc_status_text(int status, char *dst, size_t size);
/* This boot's id (/proc/sys/kernel/random/boot_id), 36 characters. */
int proc_boot_id(char dst[40]);
/* mkdir -p with the mode for what it makes. */
int proc_mkdirs(const char *path, unsigned mode, struct err *err) MUST_CHECK;

#endif
