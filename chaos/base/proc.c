/* SPDX-License-Identifier: Apache-2.0 */
/* Who a process is, signals that cannot hit another, and how it ended. */
#include "chaos/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/mem.h"

/* A small file of /proc, terminated; its length or a negative errno. */
static ssize_t read_small(const char *path, char *dst, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, dst, size - 1);
	if (n < 0)
		return -errno;
	dst[n] = '\0';
	return n;
}

/* State and start time of proc(5)'s stat, behind comm: that may hold ')'. */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	unsigned long long start;
	char path[64], text[1024];
	char *rest;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (pid <= 0 || read_small(path, text, sizeof(text)) <= 0)
		return -ESRCH;
	rest = strrchr(text, ')');
	/* field 3 is the state, field 22 the start */
	if (!rest ||
	    sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %*s %*s %*s %*s %*s %llu", ret_state,
		   &start) != 2)
		return -ESRCH;
	*ret_start = start;
	return 0;
}

int proc_identify(pid_t pid, struct proc_id *ret)
{
	uint64_t start;
	char state;
	int rc = read_stat(pid, &state, &start);

	if (!rc)
		*ret = (struct proc_id){ .pid = pid, .start = start };
	return rc;
}

bool proc_alive(const struct proc_id *id)
{
	uint64_t start;
	char state;

	return !read_stat(id->pid, &state, &start) && start == id->start &&
	       state != 'Z' && state != 'X';
}

int proc_signal(const struct proc_id *id, int sig)
{
	/* Opened first: the number cannot be taken over between the two. */
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);

	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	if (!proc_alive(id))
		return -ESRCH;
	if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0))
		return -errno;
	return 0;
}

int proc_reap(int pidfd, int *ret_status)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG))
		return -errno;
	if (!info.si_pid)
		return -EAGAIN;
	if (info.si_code == CLD_EXITED)
		*ret_status = (info.si_status & 0xff) << 8;
	else
		*ret_status = info.si_status |
			      (info.si_code == CLD_DUMPED ? 0x80 : 0);
	return 0;
}

const char *proc_status_text(int status, char *dst, size_t size)
{
	const char *name;

	if (WIFEXITED(status)) {
		snprintf(dst, size, "exit %d", WEXITSTATUS(status));
		return dst;
	}
	name = sigabbrev_np(WTERMSIG(status));
	if (name)
		snprintf(dst, size, "killed by SIG%s", name);
	else
		snprintf(dst, size, "killed by signal %d", WTERMSIG(status));
	return dst;
}

int proc_boot_id(char dst[40])
{
	ssize_t n = read_small("/proc/sys/kernel/random/boot_id", dst, 40);

	if (n < 36)
		return n < 0 ? (int)n : -EIO;
	dst[36] = '\0';
	return 0;
}

static int make_dir(const char *path, unsigned mode, struct err *err)
{
	struct stat st;

	if (!mkdir(path, mode))
		return 0;
	if (errno == EEXIST && !stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return err_errno(err, "cannot make directory '%s'", path);
}

int proc_mkdirs(const char *path, unsigned mode, struct err *err)
{
	AUTO_FREE char *part = mem_strdup(path);
	char *slash = part;
	int rc;

	while (*slash == '/')
		slash++;
	while ((slash = strchr(slash, '/'))) {
		*slash = '\0';
		rc = make_dir(part, mode, err);
		*slash++ = '/';
		if (rc)
			return rc;
	}
	return make_dir(part, mode, err);
}
