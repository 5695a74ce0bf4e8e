/* SPDX-License-Identifier: Apache-2.0 */
/* Children: what they inherit, how failures are told, whom signals reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/buf.h"
#include "chaos/base/proc.h"

static bool await(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 10000) == 1;
}

/* Waits for the child, closes the pidfd; its exit as text. */
static const char *finish(int pidfd)
{
	static char text[64];
	int status = 0;

	assert_true(await(pidfd));
	assert_int_equal(proc_reap(pidfd, &status), 0);
	assert_int_equal(proc_reap(pidfd, &status), -ECHILD);
	close(pidfd);
	return proc_status_text(status, text, sizeof(text));
}

/* Runs "sh -c script" and returns what it wrote; out is '\0'-terminated. */
static void run_script(const char *script, struct proc_args args,
		       struct buf *out)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct proc_id id;
	struct err err = { 0 };
	int pipefd[2], pidfd = -1;
	char data[4096];
	ssize_t n;

	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	args.argv = argv;
	args.out_fd = pipefd[1];
	if (proc_spawn(&args, &id, &pidfd, &err))
		fail_msg("%s", err.msg);
	close(pipefd[1]);
	buf_init(out, 0);
	while (await(pipefd[0]) &&
	       (n = read(pipefd[0], data, sizeof(data))) > 0)
		buf_add(out, data, (size_t)n);
	close(pipefd[0]);
	assert_string_equal(finish(pidfd), "exit 0");
	buf_add(out, "", 0);
}

static void check_script(const char *script, struct proc_args args,
			 const char *want)
{
	struct buf out;

	run_script(script, args, &out);
	assert_string_equal(out.data, want);
	buf_done(&out);
}

static void test_output_environment_directory(void **state)
{
	(void)state;
	static const char *const env[] = { "GD_A=1", "HOME=/nowhere", NULL };
	struct proc_args args = { .env_add = env, .dir = "/" };

	check_script("echo $GD_A $HOME; echo err >&2; pwd", args,
		     "1 /nowhere\nerr\n/\n");
	/* once each, though HOME was there before */
	check_script("env | grep -c ^HOME=", args, "1\n");
	check_script("cat; echo end", (struct proc_args){ 0 }, "end\n");
}

static void test_only_kept_descriptors(void **state)
{
	(void)state;
	int high, low = open("/dev/null", O_RDONLY);	/* not close-on-exec */
	int keep[2];
	struct proc_args args = { .keep_fds = keep, .n_keep_fds = 2 };
	char want[64];

	assert_true(low > 2);
	high = fcntl(low, F_DUPFD_CLOEXEC, 200);
	keep[0] = high;		/* not in order */
	keep[1] = fcntl(low, F_DUPFD_CLOEXEC, 100);
	snprintf(want, sizeof(want), "0 1 2 %d %d \n", keep[1], keep[0]);
	check_script("set -- $(ls /proc/$$/fd | sort -n);"
		     "for f; do test -e /proc/$$/fd/$f && printf '%s ' $f;"
		     "done; echo", args, want);
	close(low);
	close(high);
	close(keep[1]);
}

static void test_signals_and_session(void **state)
{
	(void)state;
	struct proc_args args = { .session = true };
	sigset_t set, old;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	/* of awk itself: a shell blocks its signals while it forks */
	check_script("exec awk '/^Sig(Blk|Ign)/ { print $2 }' "
		     "/proc/self/status", args,
		     "0000000000000000\n0000000000000000\n");
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* field 6 of stat is the session */
	check_script("set -- $(cat /proc/$$/stat); test $1 = $6; echo $?", args,
		     "0\n");
	check_script("set -- $(cat /proc/$$/stat); test $1 = $6; echo $?",
		     (struct proc_args){ 0 }, "1\n");
}

static void check_failure(struct proc_args args, int code, const char *want)
{
	struct proc_id id = { 0 };
	struct err err = { 0 };
	int pidfd = -1, rc = proc_spawn(&args, &id, &pidfd, &err);

	assert_int_equal(rc, code);
	if (!strstr(err.msg, want))
		fail_msg("'%s' is not in '%s'", want, err.msg);
	assert_int_equal(pidfd, -1);
	assert_int_equal(id.pid, 0);
	/* and no zombie is left */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_failures_are_told(void **state)
{
	(void)state;
	static const char *const none[] = { "gd-no-such-program", NULL };
	static const char *const dir[] = { "/etc", NULL };
	static const char *const absent[] = { "/no/such", NULL };
	static const char *const yes[] = { "true", NULL };

	check_failure((struct proc_args){ .argv = none }, -ENOENT,
		      "'gd-no-such-program' is not in PATH");
	check_failure((struct proc_args){ .argv = absent }, -ENOENT,
		      "cannot execute '/no/such'");
	check_failure((struct proc_args){ .argv = dir }, -EACCES,
		      "cannot execute '/etc'");
	check_failure((struct proc_args){ .argv = yes, .dir = "/no/such" },
		      -ENOENT, "directory of");
	check_failure((struct proc_args){ .argv = yes, .user = "gd-nobody" },
		      -ENOENT, "there is no user 'gd-nobody'");
	check_failure((struct proc_args){ .argv = yes,
					  .netns = "/no/such" },
		      -ENOENT, "cannot open '/no/such'");
	check_failure((struct proc_args){ .argv = yes, .netns = "/dev/null" },
		      -EINVAL, "network namespace");
	check_failure((struct proc_args){ .argv = yes,
					  .log_path = "/no/such/log" },
		      -ENOENT, "cannot open log '/no/such/log'");
}

static void test_log_is_appended(void **state)
{
	(void)state;
	char path[] = "/tmp/gd-proc-XXXXXX";
	static const char *const argv[] = { "echo", "line", NULL };
	struct proc_args args = { .argv = argv, .log_path = path };
	struct proc_id id;
	struct err err = { 0 };
	struct buf text;
	int fd = mkstemp(path), pidfd = -1;

	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(proc_spawn(&args, &id, &pidfd, &err), 0);
		assert_string_equal(finish(pidfd), "exit 0");
	}
	buf_init(&text, 0);
	assert_int_equal(buf_read_file(&text, path, &err), 0);
	assert_string_equal(text.data, "line\nline\n");
	buf_done(&text);
	unlink(path);
}

static void test_another_user(void **state)
{
	(void)state;
	struct proc_args args = { .user = "nobody", .dir = "/",
				  .die_with_parent = true };

	if (geteuid() != 0)
		skip();
	check_script("id -un; id -G | wc -w; "
		     "awk '/^CapEff/ { print $2 }' /proc/$$/status", args,
		     "nobody\n1\n0000000000000000\n");
}

static struct proc_id spawn_sleep(int *pidfd)
{
	static const char *const argv[] = { "sleep", "60", NULL };
	struct proc_args args = { .argv = argv, .die_with_parent = true };
	struct proc_id id = { 0 };
	struct err err = { 0 };

	if (proc_spawn(&args, &id, pidfd, &err))
		fail_msg("%s", err.msg);
	return id;
}

static void test_identity_and_signals(void **state)
{
	(void)state;
	int pidfd = -1, status;
	struct proc_id id = spawn_sleep(&pidfd), same, other;

	assert_int_equal(proc_identify(id.pid, &same), 0);
	assert_int_equal(same.start, id.start);
	assert_true(proc_alive(&id));
	assert_int_equal(proc_reap(pidfd, &status), -EAGAIN);
	/* the same number of another time is another process */
	other = id;
	other.start++;
	assert_false(proc_alive(&other));
	assert_int_equal(proc_signal(&other, SIGKILL), -ESRCH);
	assert_true(proc_alive(&id));
	assert_int_equal(proc_signal(&id, 0), 0);
	assert_int_equal(proc_signal(&id, SIGTERM), 0);
	assert_true(await(pidfd));
	/* a zombie is not alive, but still itself */
	assert_false(proc_alive(&id));
	assert_int_equal(proc_identify(id.pid, &same), 0);
	assert_int_equal(proc_signal(&id, 0), -ESRCH);
	assert_string_equal(finish(pidfd), "killed by SIGTERM");
	assert_int_equal(proc_identify(id.pid, &same), -ESRCH);
	assert_int_equal(proc_signal(&id, 0), -ESRCH);
	assert_int_equal(proc_identify(0, &same), -ESRCH);
	assert_int_equal(proc_identify(-5, &same), -ESRCH);
}

/* A middle process spawns a sleeper, tells its identity and is killed. */
static void test_dies_with_its_parent(void **state)
{
	(void)state;
	struct proc_id id = { 0 };
	int pipefd[2], pidfd, status;
	pid_t middle;

	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	/* so that the sleeper comes to us, and can be reaped */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	middle = fork();
	if (middle == 0) {
		id = spawn_sleep(&pidfd);
		if (write(pipefd[1], &id, sizeof(id)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(await(pipefd[0]));
	assert_int_equal(read(pipefd[0], &id, sizeof(id)), sizeof(id));
	assert_true(proc_alive(&id));
	kill(middle, SIGKILL);
	assert_int_equal(waitpid(middle, &status, 0), middle);
	assert_int_equal(waitpid(id.pid, &status, 0), id.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void test_status_text(void **state)
{
	(void)state;
	char text[64];

	assert_string_equal(proc_status_text(3 << 8, text, sizeof(text)),
			    "exit 3");
	assert_string_equal(proc_status_text(SIGKILL, text, sizeof(text)),
			    "killed by SIGKILL");
	assert_string_equal(proc_status_text(SIGSEGV | 0x80, text,
					     sizeof(text)),
			    "killed by SIGSEGV");
	assert_string_equal(proc_status_text(40, text, sizeof(text)),
			    "killed by signal 40");
}

static void test_boot_id(void **state)
{
	(void)state;
	char one[40], two[40];

	assert_int_equal(proc_boot_id(one), 0);
	assert_int_equal(proc_boot_id(two), 0);
	assert_int_equal(strlen(one), 36);
	assert_string_equal(one, two);
}

static void test_mkdirs(void **state)
{
	(void)state;
	char top[] = "/tmp/gd-proc-XXXXXX", path[128], file[128];
	struct err err = { 0 };
	struct stat st;
	int fd;

	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/a//b/c/", top);
	assert_int_equal(proc_mkdirs(path, 0700, &err), 0);
	assert_int_equal(proc_mkdirs(path, 0700, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(file, sizeof(file), "%s/f", top);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	snprintf(path, sizeof(path), "%s/f/x", top);
	assert_int_equal(proc_mkdirs(path, 0700, &err), -ENOTDIR);
	assert_non_null(strstr(err.msg, "/f'"));
	assert_int_equal(proc_mkdirs("/", 0700, &err), 0);
	snprintf(path, sizeof(path), "rm -r %s", top);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_environment_directory),
		cmocka_unit_test(test_only_kept_descriptors),
		cmocka_unit_test(test_signals_and_session),
		cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_log_is_appended),
		cmocka_unit_test(test_another_user),
		cmocka_unit_test(test_identity_and_signals),
		cmocka_unit_test(test_dies_with_its_parent),
		cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_boot_id),
		cmocka_unit_test(test_mkdirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
