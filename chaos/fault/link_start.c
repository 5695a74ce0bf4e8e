/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proxy of the run's own: started in a session of its own, for it outlives
 * the controller on purpose; whoever is connected through it must not be cut
 * off because a drill died.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/fault/link_impl.h"
#include "chaos/fault/rundir.h"

#define START_WAIT (10 * NSEC_SEC)	/* real */

/* Beside the running program; else wherever PATH has it. */
static void find_program(char dst[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		if (snprintf(dst, PATH_MAX, "%s/gameday-proxy",
			     dirname(self)) < PATH_MAX && !access(dst, X_OK))
			return;
	}
	snprintf(dst, PATH_MAX, "gameday-proxy");
}

/* The ready line, up to its newline or the end. */
static int read_line(int fd, char *dst, size_t size, struct err *err)
{
	nsec_t deadline = clock_mono() + START_WAIT;
	size_t len = 0;

	while (len + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		nsec_t left = deadline - clock_mono();
		int rc = left > 0 ? poll(&p, 1, (int)(left / NSEC_MS) + 1) : 0;
		ssize_t n;

		if (rc == 0)
			return err_set(err, -ETIMEDOUT,
				       "gameday-proxy is not up after 10 s");
		if (rc < 0)	/* a signal: the read would wait for ever */
			continue;
		n = read(fd, dst + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (dst[len - 1] == '\n')
			break;
	}
	dst[len] = '\0';
	if (!len)
		return err_set(err, -EPIPE,
			       "gameday-proxy ended before it was up");
	return 0;
}

static int take_ready(struct fault_link *l, int fd, struct err *err)
{
	char line[4096];
	json_t *ready;
	int rc = read_line(fd, line, sizeof(line), err);

	if (!rc)
		rc = json_parse(line, strlen(line), &ready, err);
	if (rc)
		return rc;
	snprintf(l->api, sizeof(l->api), "%s", json_str(ready, "api/0", ""));
	json_decref(ready);
	return l->api[0] ? 0 : err_set(err, -EPROTO,
				       "gameday-proxy names no API");
}

static int spawn(const char *api, int ready_fd, struct proc_id *ret_id,
		 struct err *err)
{
	char program[PATH_MAX], number[16];
	const char *const argv[] = { program, "--api", api, "--ready-fd",
				     number, NULL };
	struct proc_args args = {
		.argv = argv,
		.out_fd = -1,
		.session = true,
		.keep_fds = &ready_fd,
		.n_keep_fds = 1,
	};
	AUTO_CLOSE int pidfd = -1;

	find_program(program);
	snprintf(number, sizeof(number), "%d", ready_fd);
	return proc_spawn(&args, ret_id, &pidfd, err);
}

int link_start_proxy(struct fault_link *l, const char *run, struct err *err)
{
	char dir[RUNDIR_PATH], api[RUNDIR_PATH + 16];
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int to = -1;
	struct proc_id id;
	int pair[2], rc;

	/* Beside the run's directory, which goes with the run. */
	rc = fault_run_dir(run, dir, err);
	if (rc)
		return rc;
	rmdir(dir);	/* only what is above it is needed by now */
	snprintf(api, sizeof(api), "unix:%s.proxy", dir);
	if (pipe2(pair, O_CLOEXEC))
		return err_errno(err, "pipe");
	from = pair[0];
	to = pair[1];
	rc = spawn(api, to, &id, err);
	if (rc)
		return rc;
	mem_close_fd(&to);
	rc = take_ready(l, from, err);
	if (rc)
		proc_signal(&id, SIGKILL);	/* nobody is connected yet */
	return rc;
}
