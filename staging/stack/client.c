/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asker's side: starts a supervisor and listens to it, finds one that is
 * up, tells it to stop.  Blocks; for command lines and preflight.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "staging/stack/impl.h"

static const nsec_t call_bound = 5 * NSEC_SEC;
static const int stop_bound_ms = 30000;
static const nsec_t start_bound = 130 * NSEC_SEC;

/* Up */

struct asker {
	int report_fd, pidfd, stop_fd;
	struct proc_id id;
	struct buf in;
	stack_progress_fn *progress;
	void *arg;
	json_t *info;
	struct err err;		/* what the supervisor said */
	bool stopped;		/* stop_fd: it was told to end */
};

static const char *const plain_keys[] = { "kafka", "proxy.threads" };

static bool key_is_known(const char *key, size_t len)
{
	for (size_t i = 0; i < sizeof(plain_keys) / sizeof(*plain_keys); i++)
		if (strlen(plain_keys[i]) == len &&
		    !memcmp(plain_keys[i], key, len))
			return true;
	return len > 5 && !memcmp(key, "shop.", 5);
}

/* {"shop.pool": "50"}: what the stack was asked to be. */
static int keys_json(const char *const *keys, json_t **ret, struct err *err)
{
	json_t *object = json_object();

	for (; keys && *keys; keys++) {
		const char *eq = strchr(*keys, '=');
		AUTO_FREE char *key = eq ? mem_strndup(*keys,
						(size_t)(eq - *keys)) : NULL;

		if (!eq || !key_is_known(*keys, (size_t)(eq - *keys))) {
			json_decref(object);
			return err_set(err, -EINVAL, "staging has no key '%s' "
				       "(shop.*, kafka=auto|real|mock, "
				       "proxy.threads)", *keys);
		}
		json_object_set_new(object, key, json_string(eq + 1));
	}
	*ret = object;
	return 0;
}

static int conf_text(const struct stack_conf *conf, char **ret,
		     struct err *err)
{
	json_t *keys, *root;
	char *text;
	int rc = keys_json(conf->keys, &keys, err);

	if (rc)
		return rc;
	root = json_pack("{s:s, s:f, s:o}", "name", conf->name,
			 "speed", conf->speed > 0 ? conf->speed : 1.0,
			 "keys", keys);
	text = json_dumps(root, JSON_COMPACT);
	*ret = mem_strdup(text);
	free(text);
	json_decref(root);
	return 0;
}

static int asker_spawn(struct asker *a, const char *conf, struct err *err)
{
	char self[PATH_MAX], number[16];
	const char *argv[] = { self, "staging-supervisor", conf, number, NULL };
	struct proc_args args = { .argv = argv, .out_fd = -1, .session = true };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fds[2], rc;

	if (n < 0 || pipe2(fds, O_CLOEXEC))
		return err_errno(err, "cannot start staging's supervisor");
	self[n] = '\0';
	snprintf(number, sizeof(number), "%d", fds[1]);
	args.keep_fds = &fds[1];
	args.n_keep_fds = 1;
	rc = proc_spawn(&args, &a->id, &a->pidfd, err);
	close(fds[1]);
	if (rc) {
		close(fds[0]);
		return rc;
	}
	a->report_fd = fds[0];
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static void asker_line(struct asker *a, const char *text, size_t len)
{
	const char *line;
	json_t *said;

	if (json_parse(text, len, &said, NULL))
		return;
	line = json_string_value(json_object_get(said, "line"));
	if (line && a->progress)
		a->progress(a->arg, line);
	if (json_object_get(said, "info"))
		a->info = json_incref(json_object_get(said, "info"));
	if (json_object_get(said, "error"))
		err_set(&a->err, (int)json_int64(said, "code", -EIO), "%s",
			json_str(said, "error", ""));
	json_decref(said);
}

/* False: the supervisor has closed its end. */
static bool asker_read(struct asker *a)
{
	char data[4096], *end;
	ssize_t n;

	while ((n = read(a->report_fd, data, sizeof(data))) > 0)
		buf_add(&a->in, data, (size_t)n);
	while (a->in.len && (end = memchr(a->in.data, '\n', a->in.len))) {
		size_t len = (size_t)(end - a->in.data);

		asker_line(a, a->in.data, len);
		buf_drop(&a->in, len + 1);
	}
	return n != 0;
}

/* Until it says that it is up, or has ended. The supervisor has the bounds. */
static void asker_wait(struct asker *a)
{
	while (!a->info) {
		struct pollfd fds[] = {
			{ .fd = a->report_fd, .events = POLLIN },
			{ .fd = a->stopped ? -1 : a->stop_fd,
			  .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents) {
			a->stopped = true;
			proc_signal(&a->id, SIGTERM);
		}
		if (fds[0].revents && !asker_read(a))
			return;
	}
}

/* True: it has ended. Reaps it if it is a child of ours. */
static bool await_end(int pidfd, int timeout_ms)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	siginfo_t info;
	int n;

	do {
		n = poll(&fd, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
		errno = 0;	/* ECHILD: another's child */
	return n > 0;
}

static int asker_result(struct asker *a, json_t **ret_info, struct err *err)
{
	/* An info that crossed our signal: it is going down all the same. */
	if (a->info && !a->stopped) {
		*ret_info = a->info;
		return 0;
	}
	json_decref(a->info);
	await_end(a->pidfd, stop_bound_ms);
	if (a->stopped)
		return err_set(err, -EINTR, "interrupted while the stack came "
			       "up");
	if (a->err.code)
		return err_set(err, a->err.code, "%s", a->err.msg);
	return err_set(err, -EIO, "staging's supervisor ended without a word");
}

int stack_up(const struct stack_conf *conf, int stop_fd,
	     stack_progress_fn *progress, void *arg, json_t **ret_info,
	     struct err *err)
{
	struct asker a = {
		.report_fd = -1, .pidfd = -1, .stop_fd = stop_fd,
		.progress = progress, .arg = arg,
	};
	AUTO_FREE char *text = NULL;
	struct stack_paths paths;
	int rc = stack_paths_init(&paths, conf->name, err);

	if (!rc)
		rc = conf_text(conf, &text, err);
	if (rc)
		return rc;
	buf_init(&a.in, 0);
	rc = asker_spawn(&a, text, err);
	if (!rc) {
		asker_wait(&a);
		rc = asker_result(&a, ret_info, err);
	}
	buf_done(&a.in);
	mem_close_fd(&a.report_fd);
	mem_close_fd(&a.pidfd);
	return rc;
}

/* Find */

/* One call to the control socket; the status of the answer, or an errno. */
static int control_call(const struct stack_paths *paths, const char *line,
			char *body, size_t cap)
{
	char text[STACK_PATH + 8], request[256];
	struct addr at;
	int n;

	snprintf(text, sizeof(text), "unix:%s", paths->control);
	if (addr_parse(text, &at, NULL))
		return -EINVAL;
	n = snprintf(request, sizeof(request), "%s HTTP/1.1\r\n"
		     "Host: staging\r\nContent-Length: 0\r\n"
		     "Connection: close\r\n\r\n", line);
	return http1_call_wait(&at, request, (size_t)n, call_bound, body, cap,
			       NULL);
}

/* GET /status; -ENOENT: nobody answers. */
static int get_status(const struct stack_paths *paths, json_t **ret)
{
	enum { CAP = 65536 };
	AUTO_FREE char *body = mem_alloc(CAP);
	int rc = control_call(paths, "GET /status", body, CAP);

	if (rc != 200 || json_parse(body, strlen(body), ret, NULL))
		return -ENOENT;
	return 0;
}

static int no_stack(const char *name, struct err *err)
{
	return err_set(err, -ENOENT, "no stack '%s' is up "
		       "(gameday staging up)", name);
}

static void wait_a_moment(void)
{
	poll(NULL, 0, 50);
}

/* A status other than starting and stopping, which both end soon. */
static int settled_status(const struct stack_paths *paths, json_t **ret)
{
	nsec_t until = clock_mono() + start_bound;

	for (;;) {
		const char *state;
		json_t *status;
		int rc = get_status(paths, &status);

		if (rc)
			return rc;
		state = json_str(status, "state", "");
		if (strcmp(state, "starting") && strcmp(state, "stopping")) {
			*ret = status;
			return 0;
		}
		json_decref(status);
		if (clock_mono() > until)
			return -ETIMEDOUT;
		wait_a_moment();
	}
}

int stack_find(const char *name, json_t **ret_info, struct err *err)
{
	struct stack_paths paths;
	json_t *status, *info;
	int rc = stack_paths_init(&paths, name, err);

	if (rc)
		return rc;
	rc = settled_status(&paths, &status);
	if (rc == -ENOENT)
		return no_stack(name, err);
	if (rc)
		return err_set(err, rc, "stack '%s' neither starts nor stops",
			       name);
	info = json_incref(json_object_get(status, "info"));
	json_object_set(info, "state", json_object_get(status, "state"));
	json_object_set(info, "failure", json_object_get(status, "failure"));
	json_object_set(info, "parts", json_object_get(status, "parts"));
	json_decref(status);
	*ret_info = info;
	return 0;
}

int stack_matches(const json_t *info, const struct stack_conf *conf,
		  struct err *err)
{
	const char *failure = json_str(info, "failure", "");
	double speed = json_num(info, "speed", 0);
	json_t *keys, *build;
	bool same_keys, same_build;
	int rc = keys_json(conf->keys, &keys, err);

	if (rc)
		return rc;
	build = stack_build_id();
	same_keys = json_equal(keys, json_object_get(info, "keys"));
	same_build = json_equal(build, json_object_get(info, "build"));
	json_decref(keys);
	json_decref(build);
	if (*failure)
		return err_set(err, -EBUSY, "of the stack that is up %s",
			       failure);
	if (speed != conf->speed)
		return err_set(err, -EBUSY, "the stack that is up runs at "
			       "speed %g, not %g", speed, conf->speed);
	if (!same_build)
		return err_set(err, -EBUSY, "the stack that is up is of "
			       "another build of gameday");
	if (!same_keys)
		return err_set(err, -EBUSY, "the stack that is up has other "
			       "[staging] keys");
	return 0;
}

/* Down */

static int stop_supervisor(const struct stack_paths *paths, pid_t pid,
			   struct err *err)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	char body[256];

	if (pidfd < 0)
		return errno == ESRCH ? 0 : err_errno(err, "cannot open "
						      "process %d", (int)pid);
	control_call(paths, "POST /down", body, sizeof(body));
	if (await_end(pidfd, stop_bound_ms))
		return 0;
	/* Its children die with it. */
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	await_end(pidfd, stop_bound_ms);
	return err_set(err, -ETIMEDOUT, "the stack's supervisor did not stop "
		       "and was killed");
}

/* What a supervisor that was killed has left behind. */
static int remove_stale(const struct stack_paths *paths, const char *name,
			struct err *err)
{
	int lock = -1, rc;

	if (access(paths->dir, F_OK))
		return no_stack(name, err);
	rc = stack_lock(paths, &lock, err);
	if (rc)
		return rc;
	stack_paths_remove(paths);
	stack_unlock(paths, &lock);
	return 0;
}

int stack_down(const char *name, struct err *err)
{
	struct stack_paths paths;
	json_t *status;
	int rc = stack_paths_init(&paths, name, err);

	if (rc)
		return rc;
	if (get_status(&paths, &status))
		return remove_stale(&paths, name, err);
	rc = stop_supervisor(&paths, (pid_t)json_int64(status, "pid", 0), err);
	json_decref(status);
	if (rc)
		stack_paths_remove(&paths);
	return rc;
}
