/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by a signal to pid and start time: what a stopped process needs to go
 * on.  A process that has ended needs nothing more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

static int signal_revert(const struct undo_record *r, struct err *err)
{
	int rc = proc_signal(&r->proc, r->signal);

	if (!rc || rc == -ESRCH)
		return 0;
	return err_set(err, rc, "signal %d to process %d: %s", r->signal,
		       (int)r->proc.pid, strerror(-rc));
}

/* proc(5): the state follows the command, which may hold any character. */
static int process_state(pid_t pid)
{
	char path[64], text[512];
	AUTO_CLOSE int fd = -1;
	const char *end;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] ? end[2] : -EPROTO;
}

static enum undo_state signal_verify(const struct undo_record *r,
				     struct err *err)
{
	int state;

	if (!proc_alive(&r->proc))
		return UNDO_GONE;
	state = process_state(r->proc.pid);
	if (state == -ENOENT || state == -ESRCH)
		return UNDO_GONE;
	if (state < 0) {
		err_set(err, state, "look at process %d: %s",
			(int)r->proc.pid, strerror(-state));
		return UNDO_CANNOT_TELL;
	}
	return state == 'T' ? UNDO_PRESENT : UNDO_GONE;
}

const struct undo_medium undo_signal = {
	.name = "signal",
	.revert = signal_revert,
	.verify = signal_verify,
};
