/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a child.  All that may allocate or lock happens before the fork;
 * the child calls nothing but the kernel, and says through a pipe that closes
 * on exec which step failed.
 */
#include "chaos/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/mem.h"

extern char **environ;

enum { GROUPS_MAX = 256 };

enum step {
	STEP_SESSION,
	STEP_NETNS,
	STEP_STDIO,
	STEP_DIR,
	STEP_USER,
	STEP_PDEATH,
	STEP_FDS,
	STEP_EXEC,
};

static const char *const step_text[] = {
	[STEP_SESSION] = "cannot begin a session for",
	[STEP_NETNS] = "cannot enter the network namespace of",
	[STEP_STDIO] = "cannot redirect the output of",
	[STEP_DIR] = "cannot change to the directory of",
	[STEP_USER] = "cannot change the user of",
	[STEP_PDEATH] = "cannot tie to its parent",
	[STEP_FDS] = "cannot close descriptors for",
	[STEP_EXEC] = "cannot execute",
};

struct failure {
	int step;
	int error;
};

/* What the child needs, made by the parent. Descriptors are all > 2. */
struct prep {
	const struct proc_args *args;
	char *path;		/* of the program */
	char **env;		/* the array is ours, its strings are not */
	int *keep;		/* sorted */
	size_t n_keep;
	int null_fd, out_fd, netns_fd, error_fd;
	bool set_user;
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
	pid_t parent;
};

/* fd itself if > 2, else a duplicate that is; fd is closed then. */
static int above_stdio(int fd)
{
	int high;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return high;
}

static int find_program(const char *name, char **ret)
{
	const char *dirs = getenv("PATH"), *end;
	char *path;

	if (strchr(name, '/')) {
		*ret = mem_strdup(name);
		return 0;
	}
	if (!dirs)
		dirs = "/usr/local/bin:/usr/bin:/bin";
	for (; *dirs; dirs = *end ? end + 1 : end) {
		end = dirs + strcspn(dirs, ":");
		if (end == dirs)
			continue;	/* not the current directory */
		path = mem_printf("%.*s/%s", (int)(end - dirs), dirs, name);
		if (!access(path, X_OK)) {
			*ret = path;
			return 0;
		}
		mem_free(path);
	}
	return -ENOENT;
}

static bool same_key(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return !strncmp(a, b, len) && b[len] == '=';
}

static bool is_overridden(const char *entry, const char *const *add)
{
	for (; add && *add; add++)
		if (same_key(entry, *add))
			return true;
	return false;
}

static char **env_merge(const char *const *add)
{
	size_t n = 0, n_add = 0, have = 0;
	char **env;

	while (environ[have])
		have++;
	while (add && add[n_add])
		n_add++;
	env = mem_calloc(have + n_add + 1, sizeof(*env));
	for (size_t i = 0; i < have; i++)
		if (!is_overridden(environ[i], add))
			env[n++] = environ[i];
	for (size_t i = 0; i < n_add; i++)
		env[n++] = (char *)(uintptr_t)add[i];
	return env;
}

static int compare_ints(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void keep_sorted(struct prep *prep)
{
	const struct proc_args *args = prep->args;

	prep->keep = mem_calloc(args->n_keep_fds + 1, sizeof(int));
	prep->n_keep = args->n_keep_fds;
	for (size_t i = 0; i < prep->n_keep; i++)
		prep->keep[i] = args->keep_fds[i];
	qsort(prep->keep, prep->n_keep, sizeof(int), compare_ints);
}

static int find_user(struct prep *prep, struct err *err)
{
	const char *user = prep->args->user;
	AUTO_FREE char *text = NULL;
	struct passwd pw, *found = NULL;

	if (!user)
		return 0;
	text = mem_alloc(16384);
	if (getpwnam_r(user, &pw, text, 16384, &found) || !found)
		return err_set(err, -ENOENT, "there is no user '%s'", user);
	prep->set_user = true;
	prep->uid = pw.pw_uid;
	prep->gid = pw.pw_gid;
	prep->n_groups = GROUPS_MAX;
	if (getgrouplist(user, pw.pw_gid, prep->groups, &prep->n_groups) < 0)
		return err_set(err, -E2BIG, "user '%s' has over %d groups",
			       user, GROUPS_MAX);
	return 0;
}

static int open_out(struct prep *prep, struct err *err)
{
	const struct proc_args *args = prep->args;

	if (args->out_fd > 0) {
		prep->out_fd = fcntl(args->out_fd, F_DUPFD_CLOEXEC,
				     STDERR_FILENO + 1);
		if (prep->out_fd < 0)
			return err_errno(err, "cannot use descriptor %d",
					 args->out_fd);
		return 0;
	}
	if (!args->log_path)
		return 0;
	prep->out_fd = above_stdio(open(args->log_path,
					O_WRONLY | O_CREAT | O_APPEND |
						O_CLOEXEC, 0644));
	if (prep->out_fd < 0)
		return err_errno(err, "cannot open log '%s'", args->log_path);
	return 0;
}

static int open_fds(struct prep *prep, struct err *err)
{
	const struct proc_args *args = prep->args;
	int rc;

	prep->null_fd = above_stdio(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (prep->null_fd < 0)
		return err_errno(err, "cannot open /dev/null");
	rc = open_out(prep, err);
	if (rc)
		return rc;
	if (args->netns) {
		prep->netns_fd = above_stdio(open(args->netns,
						  O_RDONLY | O_CLOEXEC));
		if (prep->netns_fd < 0)
			return err_errno(err, "cannot open '%s'", args->netns);
	}
	return 0;
}

static int prep_init(struct prep *prep, const struct proc_args *args,
		     struct err *err)
{
	int rc;

	*prep = (struct prep){
		.args = args, .null_fd = -1, .out_fd = -1, .netns_fd = -1,
		.error_fd = -1, .parent = getpid(),
	};
	rc = find_program(args->argv[0], &prep->path);
	if (rc)
		return err_set(err, rc, "'%s' is not in PATH", args->argv[0]);
	prep->env = env_merge(args->env_add);
	keep_sorted(prep);
	rc = find_user(prep, err);
	if (rc)
		return rc;
	return open_fds(prep, err);
}

static void prep_done(struct prep *prep)
{
	mem_close_fd(&prep->null_fd);
	mem_close_fd(&prep->out_fd);
	mem_close_fd(&prep->netns_fd);
	mem_close_fd(&prep->error_fd);
	mem_free(prep->path);
	mem_free(prep->env);
	mem_free(prep->keep);
}

/* In the child, from here on to child_run(). */

static _Noreturn void child_fail(const struct prep *prep, enum step step)
{
	struct failure failure = { .step = step, .error = errno };

	if (write(prep->error_fd, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * By the system call: glibc's sigaction() refuses the two signals that it keeps
 * for itself, and GNU make 4.3 (posix_spawn of glibc 2.36) has them ignored in
 * all that it starts.
 */
static void child_signals(void)
{
	/* The kernel's struct sigaction: SIG_DFL, no flags, nothing masked. */
	static const unsigned long dfl[4];
	sigset_t none;

	for (int sig = 1; sig <= 64; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, (size_t)8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int child_stdio(const struct prep *prep)
{
	int out = prep->out_fd >= 0 ? prep->out_fd : prep->null_fd;

	if (dup2(prep->null_fd, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		return -1;
	return 0;
}

static int child_user(const struct prep *prep)
{
	if (!prep->set_user)
		return 0;
	/* Without privileges only what we are already can be asked for. */
	if (geteuid() == prep->uid && geteuid() != 0)
		return 0;
	if (setgroups((size_t)prep->n_groups, prep->groups) ||
	    setgid(prep->gid) || setuid(prep->uid))
		return -1;
	return 0;
}

/* After child_user(): a change of credentials clears it. */
static int child_pdeath(const struct prep *prep)
{
	if (!prep->args->die_with_parent)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return -1;
	if (getppid() != prep->parent) {	/* it died before */
		errno = ESRCH;
		return -1;
	}
	return 0;
}

/* All but stdio and what is kept close on exec, the error pipe too. */
static int child_fds(const struct prep *prep)
{
	unsigned from = STDERR_FILENO + 1;

	for (size_t i = 0; i < prep->n_keep; i++) {
		unsigned fd = (unsigned)prep->keep[i];

		if (fd > from && syscall(SYS_close_range, from, fd - 1,
					 CLOSE_RANGE_CLOEXEC))
			return -1;
		if (fcntl((int)fd, F_SETFD, 0))
			return -1;
		if (fd >= from)
			from = fd + 1;
	}
	return (int)syscall(SYS_close_range, from, ~0U, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void child_run(const struct prep *prep)
{
	const struct proc_args *args = prep->args;

	child_signals();
	if (args->session && setsid() < 0)
		child_fail(prep, STEP_SESSION);
	if (prep->netns_fd >= 0 && setns(prep->netns_fd, CLONE_NEWNET))
		child_fail(prep, STEP_NETNS);
	if (child_stdio(prep))
		child_fail(prep, STEP_STDIO);
	if (child_user(prep))
		child_fail(prep, STEP_USER);
	if (args->dir && chdir(args->dir))
		child_fail(prep, STEP_DIR);
	if (child_pdeath(prep))
		child_fail(prep, STEP_PDEATH);
	if (child_fds(prep))
		child_fail(prep, STEP_FDS);
	execve(prep->path, (char *const *)(uintptr_t)args->argv, prep->env);
	child_fail(prep, STEP_EXEC);
}

/* With all signals blocked, so that no handler of ours runs in the child. */
static pid_t fork_blocked(const struct prep *prep)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child_run(prep);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* Waits for the exec; the pipe closes without a word when it went well. */
static int await_exec(int fd, const char *path, struct err *err)
{
	struct failure failure;
	ssize_t n;

	do {
		n = read(fd, &failure, sizeof(failure));
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(failure))
		return 0;
	errno = failure.error;
	return err_errno(err, "%s '%s'", step_text[failure.step], path);
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* The child is ours and not reaped, so its number is its own. */
static int adopt(pid_t pid, struct proc_id *ret_id, int *ret_pidfd,
		 struct err *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), rc;

	if (fd < 0)
		return err_errno(err, "cannot open a pidfd");
	rc = proc_identify(pid, ret_id);
	if (rc) {
		close(fd);
		return err_set(err, rc, "cannot read /proc/%d/stat", (int)pid);
	}
	if (ret_pidfd)
		*ret_pidfd = fd;
	else
		close(fd);
	return 0;
}

static int spawn(struct prep *prep, struct proc_id *ret_id, int *ret_pidfd,
		 struct err *err)
{
	int pipefd[2], rc;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return err_errno(err, "cannot make a pipe");
	prep->error_fd = above_stdio(pipefd[1]);
	pid = fork_blocked(prep);
	if (pid < 0) {
		rc = err_errno(err, "cannot fork for '%s'", prep->path);
		close(pipefd[0]);
		return rc;
	}
	mem_close_fd(&prep->error_fd);
	rc = await_exec(pipefd[0], prep->path, err);
	close(pipefd[0]);
	if (!rc)
		rc = adopt(pid, ret_id, ret_pidfd, err);
	if (rc)
		kill_and_reap(pid);
	return rc;
}

int proc_spawn(const struct proc_args *args, struct proc_id *ret_id,
	       int *ret_pidfd, struct err *err)
{
	struct prep prep;
	int rc = prep_init(&prep, args, err);

	if (!rc)
		rc = spawn(&prep, ret_id, ret_pidfd, err);
	prep_done(&prep);
	return rc;
}
