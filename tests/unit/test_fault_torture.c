// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controller whose n-th allocation fails ends there and then, wherever that
 * is in arming and injecting: its guardian, or recover, undoes what there is.
 * Never is a process left stopped, a file left, or a journal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fault_run.h"

enum { DIED = 42, DONE = 43, ROUNDS = 40 };

static char home[] = "/tmp/gd-torture-XXXXXX";	/* of all controllers */

static _Noreturn void die(size_t size)
{
	(void)size;
	_exit(DIED);
}

/* Both faults are on when it is DONE, and nobody takes them back. */
static _Noreturn void controller(const char *text, long n)
{
	struct run *r = run_new();
	struct err err = { 0 };

	rmdir(base);
	strcpy(base, home);
	setenv("GAMEDAY_UNDO_DIR", home, 1);
	parse(r, text);
	if (allow_add(r->allow, ALLOW_PROCESS, "gd-tortured", NULL) ||
	    allow_add(r->allow, ALLOW_PATH, "/dev/shm", NULL))
		_exit(1);
	make_faults(r, "torture", 1);
	faults_check(r->fs, NULL, &r->errs);
	if (r->errs.n) {
		fprintf(stderr, "%s\n", r->errs.v[0].msg);
		_exit(1);
	}
	mem_set_oom(die);
	mem_fail_at(n);
	if (faults_arm(r->fs, &err))
		_exit(1);
	for (size_t i = 0; i < r->n; i++) {
		faults_inject(r->fs, i);
		while (faults_state(r->fs, i) == FAULT_INJECTING)
			loop_turn(r->loop, 20 * NSEC_MS);
	}
	_exit(DONE);
}

static char state_of(pid_t pid)
{
	char path[64], text[256] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	end = strrchr(text, ')');
	return end ? end[2] : '-';
}

/* Whoever has just been continued runs before it sleeps again. */
static bool is_clean(pid_t victim)
{
	static const char fill[] = "/dev/shm/gd-torture-full.fill";
	char journal[160], now = state_of(victim);

	snprintf(journal, sizeof(journal), "%s/torture.undo", home);
	return (now == 'S' || now == 'R') && access(fill, F_OK) &&
	       access(journal, F_OK);
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "gd-tortured");
		for (;;)
			pause();
	}
	return pid;
}

/* The guardian undoes; where there was none yet, recover does. */
static void await_undone(void)
{
	struct fault_recovered got = { .live = 1 };
	struct err err;

	for (int i = 0; i < 200 && got.live; i++) {
		assert_int_equal(fault_recover(false, &got, &err), 0);
		assert_int_equal(got.left, 0);
		json_decref(got.list);
		if (got.live)
			usleep(10000);
	}
	assert_int_equal(got.live, 0);
}

/* One life of a controller; how it ended. */
static int round_of(const char *text, pid_t victim, long n)
{
	int status, code;
	pid_t pid;

	pid = fork();
	if (pid == 0)
		controller(text, n);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	await_undone();
	if (!is_clean(victim))
		fail_msg("allocation %ld failed, and something is left: "
			 "process %c", n, state_of(victim));
	return code;
}

static void test_allocations(void **state)
{
	static const char text[] =
		"[fault stopped]\nkind = process.stop\nname = gd-tortured\n"
		"[fault full]\nkind = host.disk\npath = /dev/shm\n"
		"size = 64KB\nleave = 0\n";
	pid_t victim = child();
	char command[64];
	int died = 0, code = DIED;
	long n = 1;

	(void)state;
	assert_non_null(mkdtemp(home));
	setenv("GAMEDAY_UNDO_DIR", home, 1);
	while (state_of(victim) != 'S')
		usleep(1000);
	/* The first ones each, then ever further apart, to the last. */
	for (int i = 0; i < ROUNDS && code == DIED; i++) {
		code = round_of(text, victim, n);
		died += code == DIED;
		n += 1 + n / 4;
	}
	assert_int_equal(code, DONE);
	assert_true(died >= 5);
	print_message("%d controllers died, the last lived\n", died);
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", home);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
