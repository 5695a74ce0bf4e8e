/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian's own life, from its birth by fork to _exit.  It allocates
 * nothing, takes no lock that another thread could have held at the fork, and
 * treats every write of a fact as a best effort: a full disk stops no undo.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chaos/fault/guardian_impl.h"

#define PATIENCE     (10 * NSEC_SEC)	/* for all reverts, real */
#define ONE_PATIENCE (1500 * NSEC_MS)	/* for one that was asked for */
#define KILL_WAIT    (2 * NSEC_SEC)	/* for a killed controller to be gone */
#define ASK_WAIT     NSEC_SEC		/* for a client's one line */
#define BACKOFF_MIN  (20 * NSEC_MS)
#define BACKOFF_MAX  (500 * NSEC_MS)

struct life {
	const struct guardian_ward *ward;
	struct {
		bool gone;	/* verified, and not injected since */
		uint64_t order;	/* of its last inject; 0: it never was */
		enum undo_state state;
		double t;	/* drill s of the last attempt */
		nsec_t real;	/* what that took */
		char why[160];
	} v[UNDO_RECORDS];
	uint64_t injects, seq;
	nsec_t deadline;	/* of the next heartbeat, mono */
	struct drill_clock clock;	/* as last heard; speed 0: never */
	int client;		/* who asks; -1: nobody */
	nsec_t client_deadline;
};

/* --- facts ------------------------------------------------------------- */

static const char *const state_word[] = {
	[UNDO_PRESENT] = "no", [UNDO_GONE] = "yes",
	[UNDO_CANNOT_TELL] = "unknown",
};

/* Messages have no control characters of ours; quotes would break the line. */
static void plain(char *dst, size_t size, const char *src)
{
	size_t i;

	for (i = 0; src[i] && i + 1 < size; i++)
		dst[i] = src[i] == '"' || src[i] == '\\' ||
			 (unsigned char)src[i] < ' ' ? '\'' : src[i];
	dst[i] = '\0';
}

static double drill_seconds(const struct life *l)
{
	if (l->clock.speed <= 0)
		return 0;
	return (double)drill_from_mono(&l->clock, clock_mono()) / NSEC_SEC;
}

/* A line of the run's undo.jsonl, in the form of events.jsonl. */
static void say(struct life *l, size_t i, const char *reason)
{
	const struct undo_record *r = &l->ward->records[i];
	bool gone = l->v[i].state == UNDO_GONE;
	char line[2048], why[160], command[512];
	ssize_t written;
	int n;

	plain(why, sizeof(why), gone ? "" : l->v[i].why);
	plain(command, sizeof(command), gone ? "" : r->command);
	n = snprintf(line, sizeof(line),
		     "{\"t\":%.6f,\"host\":\"%s\",\"seq\":%llu,"
		     "\"ev\":\"fault\",\"by\":\"guardian\",\"name\":\"%s\","
		     "\"kind\":\"%s\",\"from\":\"reverting\",\"to\":\"%s\","
		     "\"real_ms\":%.3f,\"verified\":\"%s\",\"why\":\"%s%s%s\","
		     "\"remove\":\"%s\"}\n",
		     l->v[i].t, l->ward->host, (unsigned long long)++l->seq,
		     r->fault, r->kind, gone ? "gone" : "left",
		     (double)l->v[i].real / NSEC_MS,
		     state_word[l->v[i].state], reason, *why ? ": " : "", why,
		     command);
	if (n <= 0 || (size_t)n >= sizeof(line))
		return;
	written = write(l->ward->log_fd, line, (size_t)n);
	(void)written;		/* a full disk changes nothing */
}

/*
 * What a controller that died did not live to write.  One that asked for a
 * revert may have died before the answer, so those that are gone since are told
 * too.  After all undo: a disk that hangs must not hold it up.
 */
static void say_all(struct life *l, const char *reason)
{
	for (size_t i = 0; l->ward->log_fd >= 0 && i < l->ward->n; i++)
		if (l->v[i].order || !l->v[i].gone)
			say(l, i, reason);
}

/* --- undoing ----------------------------------------------------------- */

/* To a peer that may be gone by now. */
static void reply(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	(void)n;
}

static void rest(nsec_t real)
{
	struct timespec t = { real / NSEC_SEC, real % NSEC_SEC };

	nanosleep(&t, NULL);
}

/* One attempt. *ret_rc: of the revert itself. */
static bool undo_once(struct life *l, size_t i, int *ret_rc)
{
	const struct undo_record *r = &l->ward->records[i];
	struct err err = { 0 };
	nsec_t start = clock_mono();

	*ret_rc = undo_revert(r, &err);
	l->v[i].real = clock_mono() - start;
	l->v[i].t = drill_seconds(l);
	l->v[i].state = undo_verify(r, &err);
	l->v[i].gone = l->v[i].state == UNDO_GONE;
	snprintf(l->v[i].why, sizeof(l->v[i].why), "%.159s",
		 l->v[i].gone ? "" : *err.msg ? err.msg : "still there");
	if (l->v[i].gone)
		undo_journal_note(l->ward->journal, r->index, "gone");
	return l->v[i].gone;
}

/* For the controller, which waits for the outcome. */
static void undo_asked(struct life *l, uint32_t i)
{
	nsec_t end = clock_mono() + ONE_PATIENCE, pause = BACKOFF_MIN;
	struct guardian_msg msg = { .kind = GUARDIAN_REVERTED, .index = i };
	int rc;

	if (i >= l->ward->n)
		return;
	while (!undo_once(l, i, &rc) && clock_mono() + pause < end) {
		rest(pause);
		pause *= 2;
	}
	msg.state = l->v[i].state;
	msg.real = l->v[i].real;
	snprintf(msg.why, sizeof(msg.why), "%s", l->v[i].why);
	/* If it cannot be told the controller has other troubles. */
	reply(l->ward->sock, &msg, sizeof(msg));
}

/* Last injected first; then those that most likely never were. */
static bool before(const struct life *l, size_t a, size_t b)
{
	uint64_t x = l->v[a].order, y = l->v[b].order;

	return x != y ? x > y : a > b;
}

static size_t sort_lifo(const struct life *l, size_t dst[UNDO_RECORDS])
{
	for (size_t i = 0; i < l->ward->n; i++) {
		size_t at = i;

		for (; at > 0 && before(l, i, dst[at - 1]); at--)
			dst[at] = dst[at - 1];
		dst[at] = i;
	}
	return l->ward->n;
}

/* All that is not gone yet, once. How many are left. */
static size_t undo_round(struct life *l)
{
	const struct undo_record *r, *hung = NULL;
	size_t order[UNDO_RECORDS];
	size_t n = sort_lifo(l, order), left = 0;

	for (size_t k = 0; k < n; k++) {
		size_t i = order[k];
		int rc;

		r = &l->ward->records[i];
		if (l->v[i].gone)
			continue;
		/* One proxy that hangs must not hold up all the others. */
		if (hung && r->via == hung->via &&
		    !strcmp(r->where, hung->where)) {
			left++;
			continue;
		}
		left += !undo_once(l, i, &rc);
		if (rc == -ETIMEDOUT)
			hung = r;
	}
	return left;
}

static size_t undo_all(struct life *l, const char *reason)
{
	nsec_t end = clock_mono() + PATIENCE, pause = BACKOFF_MIN;
	size_t left;

	while ((left = undo_round(l)) && clock_mono() < end) {
		rest(pause);
		pause = pause * 2 < BACKOFF_MAX ? pause * 2 : BACKOFF_MAX;
	}
	say_all(l, reason);
	if (!left)
		undo_journal_unlink(l->ward->journal);
	return left;
}

/* --- the end ----------------------------------------------------------- */

/*
 * The lease closes with the process.  If no goodbye was said the proxy then
 * removes whatever a dying controller's last request still put there.
 */
static _Noreturn void leave(const struct life *l)
{
	static const char *const names[] = { GUARDIAN_SOCKET, "control" };
	char path[RUNDIR_PATH + 16];

	for (size_t i = 0; i < 2; i++) {
		/* A controller that lives removes its own. */
		if (i == 1 && l->ward->sock >= 0)
			break;
		snprintf(path, sizeof(path), "%s/%s", l->ward->run_dir,
			 names[i]);
		unlink(path);
	}
	rmdir(l->ward->run_dir);
	_exit(0);
}

static _Noreturn void undo_and_leave(struct life *l, const char *reason)
{
	struct guardian_ward dead = *l->ward;
	char line[96];
	size_t left = undo_all(l, reason);
	int n;

	n = snprintf(line, sizeof(line), "{\"stopped\":true,\"gone\":%zu,"
		     "\"left\":%zu}\n", l->ward->n - left, left);
	if (l->client >= 0)
		reply(l->client, line, (size_t)n);
	dead.sock = -1;
	l->ward = &dead;
	leave(l);
}

/*
 * SIGKILL before the first revert: a controller that only stalled would wake
 * and inject into what has just been undone.
 */
static _Noreturn void kill_and_undo(struct life *l, const char *reason)
{
	struct pollfd p = { .fd = l->ward->controller_pidfd,
			    .events = POLLIN };
	nsec_t end = clock_mono() + KILL_WAIT;

	pidfd_send_signal(p.fd, SIGKILL, NULL, 0);
	while (clock_mono() < end && poll(&p, 1, 100) <= 0)
		;
	undo_and_leave(l, reason);
}

/* --- messages ---------------------------------------------------------- */

static void on_message(struct life *l, const struct guardian_msg *msg)
{
	switch ((enum guardian_kind)msg->kind) {
	case GUARDIAN_ALIVE:
		l->clock = msg->clock;
		break;
	case GUARDIAN_INJECTING:
		if (msg->index < l->ward->n) {
			l->v[msg->index].gone = false;
			l->v[msg->index].order = ++l->injects;
		}
		break;
	case GUARDIAN_REVERT:
		undo_asked(l, msg->index);
		break;
	case GUARDIAN_RELEASE:
		leave(l);
	case GUARDIAN_READY:
	case GUARDIAN_REVERTED:
		break;
	}
}

/*
 * All that waits, before any judgement on a heartbeat: it may have come while
 * a revert took its time.  false: the controller has closed its end.
 */
static bool drain(struct life *l)
{
	struct guardian_msg msg;
	ssize_t n;

	for (;;) {
		n = recv(l->ward->sock, &msg, sizeof(msg), 0);
		if (n == (ssize_t)sizeof(msg)) {
			on_message(l, &msg);
			l->deadline = clock_mono() + l->ward->heartbeat;
		} else if (n == 0) {
			return false;
		} else if (n < 0 && errno != EINTR) {
			return errno == EAGAIN;
		}
	}
}

/*
 * The other end closed, and no release: a controller that ends at this moment,
 * or one that gave up its set.  Neither can inject through it any more.
 */
static _Noreturn void on_closed(struct life *l)
{
	struct pollfd p = { .fd = l->ward->controller_pidfd,
			    .events = POLLIN };

	undo_and_leave(l, poll(&p, 1, 100) > 0 ? "the controller died" :
						 "the controller let go");
}

static void reply_status(struct life *l)
{
	char line[128];
	size_t gone = 0;
	int n;

	for (size_t i = 0; i < l->ward->n; i++)
		gone += l->v[i].gone;
	n = snprintf(line, sizeof(line), "{\"pid\":%d,\"records\":%zu,"
		     "\"gone\":%zu,\"injects\":%llu}\n", (int)getpid(),
		     l->ward->n, gone, (unsigned long long)l->injects);
	reply(l->client, line, (size_t)n);
}

static void drop_client(struct life *l)
{
	close(l->client);
	l->client = -1;
}

static void on_client(struct life *l)
{
	char line[16] = "";

	if (recv(l->client, line, sizeof(line) - 1, 0) > 0) {
		if (!strcmp(line, "stop\n"))
			kill_and_undo(l, "stopped");
		if (!strcmp(line, "status\n"))
			reply_status(l);
	}
	drop_client(l);
}

static void on_listener(struct life *l)
{
	l->client = accept4(l->ward->listen_fd, NULL, NULL,
			    SOCK_CLOEXEC | SOCK_NONBLOCK);
	l->client_deadline = clock_mono() + ASK_WAIT;
}

/* --- life -------------------------------------------------------------- */

static int wait_ms(const struct life *l)
{
	nsec_t until = l->deadline;

	if (l->client >= 0 && l->client_deadline < until)
		until = l->client_deadline;
	until -= clock_mono();
	return until <= 0 ? 0 : (int)(until / NSEC_MS) + 1;
}

static void turn(struct life *l)
{
	struct pollfd p[] = {
		{ .fd = l->ward->sock, .events = POLLIN },
		{ .fd = l->ward->controller_pidfd, .events = POLLIN },
		{ .fd = l->client >= 0 ? -1 : l->ward->listen_fd,
		  .events = POLLIN },
		{ .fd = l->client, .events = POLLIN },
	};

	if (poll(p, 4, wait_ms(l)) < 0 && errno != EINTR)
		rest(NSEC_MS);
	if (!drain(l))
		on_closed(l);
	if (p[1].revents)
		undo_and_leave(l, "the controller died");
	if (clock_mono() >= l->deadline)
		kill_and_undo(l, "the controller hung");
	if (p[3].revents)
		on_client(l);
	else if (l->client >= 0 && clock_mono() >= l->client_deadline)
		drop_client(l);
	if (p[2].revents)
		on_listener(l);
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Whatever else the controller had open must end with the controller. */
static void close_others(const struct guardian_ward *ward)
{
	int keep[] = { 2, ward->sock, ward->controller_pidfd, ward->lease_fd,
		       ward->listen_fd, ward->log_fd,
		       undo_journal_fd(ward->journal) };
	size_t n = sizeof(keep) / sizeof(keep[0]);
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	qsort(keep, n, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		unsigned from = (unsigned)(keep[i] < 2 ? 2 : keep[i]) + 1;
		unsigned to = i + 1 < n ? (unsigned)keep[i + 1] - 1 : ~0U;

		if (keep[i] >= 2 && from <= to)
			close_range(from, to, 0);
	}
}

static void set_signals(void)
{
	static const int ignored[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT,
				       SIGPIPE, SIGTSTP, SIGXFSZ };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void write_best(int fd, const char *text)
{
	ssize_t n = write(fd, text, strlen(text));

	(void)n;
}

/* Best efforts: neither right is needed to undo. */
static void dig_in(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		write_best(fd, "-1000");
		close(fd);
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

_Noreturn void guardian_child(const struct guardian_ward *ward)
{
	static struct life life;
	struct guardian_msg ready = { .kind = GUARDIAN_READY };

	setsid();
	set_signals();
	prctl(PR_SET_NAME, GUARDIAN_COMM);
	close_others(ward);
	if (chdir("/"))
		_exit(1);
	dig_in();
	life.ward = ward;
	life.client = -1;
	life.deadline = clock_mono() + ward->heartbeat;
	if (send(ward->sock, &ready, sizeof(ready), MSG_NOSIGNAL) < 0)
		_exit(1);
	for (;;)
		turn(&life);
}
