/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by a signal to pid and start time: SIGCONT is what a stopped process
 * needs to go on, SIGKILL ends one that the fault started.  A process that has
 * ended needs nothing more.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

#define SIGNAL_WAIT (50 * NSEC_MS)	/* real */

int undo_signal_render(struct undo_record *r, int signal,
		       const struct proc_id *v, size_t n)
{
	if (n < 1 || n * sizeof(*v) > UNDO_BYTES)
		return -E2BIG;
	r->via = UNDO_SIGNAL;
	r->signal = signal;
	r->proc = v[0];
	r->len = (uint32_t)(n * sizeof(*v));
	memcpy(r->bytes, v, r->len);
	return 0;
}

/* The i-th; a record of one may have it in proc alone. */
static bool process_at(const struct undo_record *r, size_t i,
		       struct proc_id *ret)
{
	if (!r->len && !i) {
		*ret = r->proc;
		return true;
	}
	if ((i + 1) * sizeof(*ret) > r->len)
		return false;
	memcpy(ret, r->bytes + i * sizeof(*ret), sizeof(*ret));
	return true;
}

static int signal_revert(const struct undo_record *r, struct err *err)
{
	struct proc_id id;
	int first = 0;

	for (size_t i = 0; process_at(r, i, &id); i++) {
		int rc = proc_signal(&id, r->signal);

		if (!rc || rc == -ESRCH || first)
			continue;
		first = err_set(err, rc, "signal %d to process %d: %s",
				r->signal, (int)id.pid, strerror(-rc));
	}
	return first;
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

static enum undo_state verify_one(const struct proc_id *id, int signal,
				  struct err *err)
{
	int state;

	if (!proc_alive(id))
		return UNDO_GONE;
	if (signal == SIGKILL)
		return UNDO_PRESENT;
	state = process_state(id->pid);
	if (state == -ENOENT || state == -ESRCH)
		return UNDO_GONE;
	if (state < 0) {
		err_set(err, state, "look at process %d: %s", (int)id->pid,
			strerror(-state));
		return UNDO_CANNOT_TELL;
	}
	return state == 'T' ? UNDO_PRESENT : UNDO_GONE;
}

/* A signal is on its way when it has been sent, and no more. */
static enum undo_state signal_verify(const struct undo_record *r,
				     struct err *err)
{
	const struct timespec pause = { .tv_nsec = NSEC_MS };
	nsec_t end = clock_mono() + SIGNAL_WAIT;
	enum undo_state state = UNDO_GONE;
	struct proc_id id;

	for (size_t i = 0; process_at(r, i, &id); i++) {
		state = verify_one(&id, r->signal, err);
		while (state == UNDO_PRESENT && clock_mono() < end) {
			nanosleep(&pause, NULL);
			state = verify_one(&id, r->signal, err);
		}
		if (state != UNDO_GONE)
			return state;
	}
	return state;
}

const struct undo_medium undo_signal = {
	.name = "signal",
	.revert = signal_revert,
	.verify = signal_verify,
};
