/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's end of its guardian: the fork, heartbeats, requests and
 * their outcomes.  What the guardian itself does is in guardian_child.c.
 */
#include "chaos/fault/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/fault/guardian_impl.h"

struct guardian {
	struct guardian_args args;
	struct proc_id id;
	int sock;
	char run_dir[RUNDIR_PATH];	/* of the sockets */
	struct loop_io io;
	struct loop_timer beat;
};

/* --- start ------------------------------------------------------------- */

static int open_log(const char *run_dir, int *ret_fd, struct err *err)
{
	char path[PATH_MAX];

	if (!run_dir)
		return 0;
	snprintf(path, sizeof(path), "%s/undo.jsonl", run_dir);
	*ret_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	return *ret_fd < 0 ? err_errno(err, "create '%s'", path) : 0;
}

static int open_listener(const char *dir, int *ret_fd, struct err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (snprintf(un.sun_path, sizeof(un.sun_path), "%s/" GUARDIAN_SOCKET,
		     dir) >= (int)sizeof(un.sun_path))
		return err_set(err, -ENAMETOOLONG, "'%s' is too long", dir);
	*ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			 0);
	if (*ret_fd < 0)
		return err_errno(err, "guardian's socket");
	unlink(un.sun_path);
	if (bind(*ret_fd, (struct sockaddr *)&un, sizeof(un)) ||
	    listen(*ret_fd, 4))
		return err_errno(err, "listen on '%s'", un.sun_path);
	return 0;
}

static void remove_listener(const char *dir)
{
	char path[RUNDIR_PATH + 16];

	snprintf(path, sizeof(path), "%s/" GUARDIAN_SOCKET, dir);
	unlink(path);
	rmdir(dir);
}

static int open_ward(const struct guardian_args *args,
		     struct guardian_ward *ward, int pair[2], struct err *err)
{
	int rc = fault_run_dir(args->run, ward->run_dir, err);

	if (!rc)
		rc = open_log(args->run_dir, &ward->log_fd, err);
	if (!rc)
		rc = open_listener(ward->run_dir, &ward->listen_fd, err);
	if (rc)
		return rc;
	ward->controller_pidfd = pidfd_open(getpid(), 0);
	if (ward->controller_pidfd < 0)
		return err_errno(err, "pidfd of the controller");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair))
		return err_errno(err, "guardian's socket pair");
	ward->sock = pair[1];
	return 0;
}

static void close_ward(struct guardian_ward *ward)
{
	mem_close_fd(&ward->log_fd);
	mem_close_fd(&ward->listen_fd);
	mem_close_fd(&ward->controller_pidfd);
	mem_close_fd(&ward->sock);
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Armed means that it has said so. */
static int await_ready(int sock, struct err *err)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct guardian_msg msg;
	int rc;

	do
		rc = poll(&p, 1, 5000);
	while (rc < 0 && errno == EINTR);
	if (rc == 1 && recv(sock, &msg, sizeof(msg), 0) == sizeof(msg) &&
	    msg.kind == GUARDIAN_READY)
		return 0;
	return err_set(err, -EPIPE, "the guardian did not come up");
}

/*
 * The child must see neither this process's signal handlers nor a half-set
 * mask: all signals are held off until it has its own.
 */
static pid_t fork_child(const struct guardian_ward *ward)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		guardian_child(ward);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static int start_child(struct guardian_ward *ward, int pair[2],
		       struct proc_id *ret, struct err *err)
{
	pid_t pid = fork_child(ward);
	int rc;

	if (pid < 0)
		return err_errno(err, "fork the guardian");
	mem_close_fd(&ward->sock);
	rc = await_ready(pair[0], err);
	if (!rc && proc_identify(pid, ret))
		rc = err_set(err, -ESRCH, "the guardian has ended already");
	if (rc) {
		kill(pid, SIGKILL);
		reap(pid);
	}
	return rc;
}

/* --- life -------------------------------------------------------------- */

static void lose(struct guardian *g)
{
	struct err err;

	if (g->sock < 0)
		return;
	loop_timer_stop(g->args.loop, &g->beat);
	loop_io_set(g->args.loop, &g->io, 0, &err);
	mem_close_fd(&g->sock);
	log_error("the guardian (process %d) has died", (int)g->id.pid);
	g->args.lost(g->args.arg);
}

static int post(struct guardian *g, const struct guardian_msg *msg)
{
	if (g->sock < 0)
		return -EPIPE;
	if (send(g->sock, msg, sizeof(*msg), MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static void on_beat(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct guardian *g = arg;
	struct guardian_msg msg = { .kind = GUARDIAN_ALIVE };
	const struct drill_clock *clock = loop_clock(loop);

	if (clock)
		msg.clock = *clock;
	/* A full queue says that it is busy, not that it is dead. */
	post(g, &msg);
	loop_timer_at_mono(loop, timer, loop_mono(loop) +
			   (g->args.heartbeat / 5 < GUARDIAN_BEAT ?
				    g->args.heartbeat / 5 : GUARDIAN_BEAT));
}

static void on_message(struct guardian *g, const struct guardian_msg *msg)
{
	struct guardian_outcome o = {
		.index = msg->index,
		.state = (enum undo_state)msg->state,
		.real = msg->real,
		.why = msg->why,
	};

	if (msg->kind == GUARDIAN_REVERTED && msg->index < g->args.n)
		g->args.reverted(g->args.arg, &o);
}

static void on_readable(struct loop *loop, struct loop_io *io, unsigned events,
			void *arg)
{
	struct guardian *g = arg;
	struct guardian_msg msg;
	ssize_t n = recv(io->fd, &msg, sizeof(msg), 0);

	(void)loop;
	(void)events;
	if (n == (ssize_t)sizeof(msg)) {
		msg.why[sizeof(msg.why) - 1] = '\0';
		on_message(g, &msg);
	} else if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
		lose(g);
	}
}

static int attach(struct guardian *g, struct err *err)
{
	loop_io_init(&g->io, g->sock, "guardian", on_readable, g);
	loop_timer_init(&g->beat, "guardian-beat", on_beat, g);
	loop_timer_at_mono(g->args.loop, &g->beat, loop_mono(g->args.loop));
	return loop_io_set(g->args.loop, &g->io, LOOP_IN, err);
}

int guardian_start(const struct guardian_args *args, struct guardian **ret,
		   struct err *err)
{
	struct guardian *g = mem_zalloc(sizeof(*g));
	struct guardian_ward ward = {
		.records = args->records,
		.n = args->n,
		.journal = args->journal,
		.heartbeat = args->heartbeat ? args->heartbeat :
					       GUARDIAN_HEARTBEAT,
		.sock = -1,
		.controller_pidfd = -1,
		.lease_fd = args->lease_fd,
		.listen_fd = -1,
		.log_fd = -1,
	};
	int pair[2] = { -1, -1 };
	int rc;

	snprintf(ward.host, sizeof(ward.host), "%s", args->host);
	g->args = *args;
	g->args.heartbeat = ward.heartbeat;
	rc = open_ward(args, &ward, pair, err);
	if (!rc)
		rc = start_child(&ward, pair, &g->id, err);
	close_ward(&ward);
	strcpy(g->run_dir, ward.run_dir);
	g->sock = pair[0];
	if (!rc)
		rc = attach(g, err);
	if (rc) {
		if (ward.run_dir[0])
			remove_listener(ward.run_dir);
		if (g->id.pid)
			guardian_release(g);
		else
			mem_close_fd(&g->sock), mem_free(g);
		return rc;
	}
	undo_journal_note_guardian(args->journal, &g->id);
	*ret = g;
	return 0;
}

const struct proc_id *guardian_id(const struct guardian *g)
{
	return &g->id;
}

int guardian_injecting(struct guardian *g, uint32_t index)
{
	struct guardian_msg msg = { .kind = GUARDIAN_INJECTING,
				    .index = index };

	return post(g, &msg);
}

int guardian_revert(struct guardian *g, uint32_t index)
{
	struct guardian_msg msg = { .kind = GUARDIAN_REVERT, .index = index };

	return post(g, &msg);
}

/* --- end --------------------------------------------------------------- */

static void detach(struct guardian *g)
{
	struct err err;

	loop_timer_stop(g->args.loop, &g->beat);
	if (g->sock >= 0)
		loop_io_set(g->args.loop, &g->io, 0, &err);
}

/* It ends at once, or, if it hangs, by force: nothing is left to undo. */
static void await_end(const struct proc_id *id)
{
	AUTO_CLOSE int pidfd = pidfd_open(id->pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0 && poll(&p, 1, 2000) == 0)
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	reap(id->pid);
}

void guardian_release(struct guardian *g)
{
	struct guardian_msg msg = { .kind = GUARDIAN_RELEASE };

	if (!g)
		return;
	detach(g);
	post(g, &msg);
	mem_close_fd(&g->sock);
	await_end(&g->id);
	mem_free(g);
}

void guardian_close(struct guardian *g)
{
	if (!g)
		return;
	detach(g);
	if (g->sock < 0) {	/* lost: its socket closed, so it is dying */
		await_end(&g->id);
		remove_listener(g->run_dir);
	}
	mem_close_fd(&g->sock);
	mem_free(g);
}

/* --- asked by another process ------------------------------------------ */

static int ask_connect(const char *run, int *ret_fd, struct err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 15 };
	char dir[RUNDIR_PATH];
	int rc = fault_run_path(run, dir, err);

	if (rc)
		return rc;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/" GUARDIAN_SOCKET, dir);
	*ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*ret_fd < 0)
		return err_errno(err, "socket");
	setsockopt(*ret_fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	if (connect(*ret_fd, (struct sockaddr *)&un, sizeof(un)))
		return err_set(err, -ENOENT, "run '%s' has no guardian: %s",
			       run, strerror(errno));
	return 0;
}

int guardian_ask(const char *run, const char *command, char *reply,
		 size_t size, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	char line[32];
	size_t len = 0;
	int n, rc = ask_connect(run, &fd, err);

	if (rc)
		return rc;
	n = snprintf(line, sizeof(line), "%s\n", command);
	if (send(fd, line, (size_t)n, MSG_NOSIGNAL) < 0)
		return err_errno(err, "ask the guardian");
	while (len + 1 < size) {
		ssize_t got = recv(fd, reply + len, size - 1 - len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	reply[len] = '\0';
	reply[strcspn(reply, "\n")] = '\0';
	return len ? 0 : err_set(err, -ETIMEDOUT,
				 "the guardian of '%s' did not answer", run);
}
