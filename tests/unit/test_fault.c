// links: gd_fault
/* SPDX-License-Identifier: Apache-2.0 */
/* The set's state machine, on a virtual loop, and arming for real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fault_trace.h"

/* --- life -------------------------------------------------------------- */

static void test_one(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\n", LOOP_VIRTUAL, NULL);
	assert_int_equal(faults_state(s.fs, 0), FAULT_PLANNED);
	faults_inject(s.fs, 0);		/* not armed: nothing may happen */
	assert_text(calls, "");
	arm(&s);
	assert_int_equal(faults_state(s.fs, 0), FAULT_PREPARED);
	faults_inject(s.fs, 0);
	assert_int_equal(faults_active(s.fs), 1);
	faults_inject(s.fs, 0);		/* is on: no second time */
	faults_revert(s.fs, 0);
	faults_revert(s.fs, 0);
	assert_text(calls, "inject a\nmeasure a\nrevert a\n");
	assert_text(s.events, "a prepared>injecting\na injecting>injected\n"
			      "a injected>injected measured\n"
			      "a injected>reverting\na reverting>gone\n");
	/* A fault may repeat. */
	faults_inject(s.fs, 0);
	assert_int_equal(faults_state(s.fs, 0), FAULT_INJECTED);
	faults_revert_all(s.fs);
	faults_revert_all(s.fs);
	assert_int_equal(s.done, 0);	/* never from within the call */
	loop_run(s.loop);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.left, 0);
	faults_inject(s.fs, 0);		/* the end has begun */
	assert_int_equal(faults_state(s.fs, 0), FAULT_GONE);
	faults_release(s.fs);
	drop(&s);
}

static void test_lifo(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nthing = 1\n"
		 "[fault b]\nkind = test.trace\nlater = yes\nthing = 2\n"
		 "[fault c]\nkind = test.other\nthing = 3\n"
		 "[fault d]\nkind = test.other\nthing = 4\n", LOOP_VIRTUAL,
	     NULL);
	arm(&s);
	faults_inject(s.fs, 2);
	faults_inject(s.fs, 0);
	faults_inject(s.fs, 1);		/* is under way when the end comes */
	buf_reset(&calls);
	faults_revert_all(s.fs);
	assert_text(calls, "");
	loop_run(s.loop);
	assert_text(calls, "complete b\nrevert b\nmeasure a\nrevert a\n"
			   "revert c\n");
	assert_int_equal(s.done, 1);
	assert_int_equal(s.left, 0);
	assert_int_equal(faults_state(s.fs, 3), FAULT_PREPARED);
	drop(&s);
}

static void test_inject_fails(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nfail = inject\nthing = 1\n"
		 "[fault b]\nkind = test.trace\nfail = complete\nlater = yes\n"
		 "thing = 2\n"
		 "[fault c]\nkind = test.trace\nlevel = 9\nlater = yes\n"
		 "thing = 3\n", LOOP_VIRTUAL, NULL);
	arm(&s);
	faults_inject(s.fs, 0);
	assert_text(s.events,
		    "a prepared>injecting\n"
		    "a injecting>reverting why:inject was told to fail\n"
		    "a reverting>failed why:inject was told to fail\n");
	assert_text(calls, "inject a\nrevert a\n");
	buf_reset(&s.events);
	faults_inject(s.fs, 1);
	faults_inject(s.fs, 2);
	loop_run(s.loop);
	assert_int_equal(faults_state(s.fs, 1), FAULT_FAILED);
	assert_int_equal(faults_state(s.fs, 2), FAULT_FAILED);
	assert_non_null(strstr(s.events.data, "why:it broke later"));
	assert_non_null(strstr(s.events.data, "why:inject took too long"));
	drop(&s);
}

static void test_left(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nfail = revert\n",
	     LOOP_VIRTUAL, NULL);
	arm(&s);
	faults_inject(s.fs, 0);
	faults_revert(s.fs, 0);
	assert_int_equal(faults_state(s.fs, 0), FAULT_LEFT);
	assert_non_null(strstr(s.events.data, "reverting>left "
			       "why:revert was told to fail remove"));
	buf_reset(&calls);
	faults_revert_all(s.fs);
	loop_run(s.loop);
	assert_text(calls, "revert a\n");	/* tried once more */
	assert_int_equal(s.left, 1);
	drop(&s);
}

static void test_adjust(void **state)
{
	struct set s;
	struct err err;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nlevel = 3\nthing = q\n"
		 "[fault b]\nkind = test.other\n", LOOP_VIRTUAL, NULL);
	arm(&s);
	assert_int_equal(faults_adjust(s.fs, 0, "level", "5", &err), -EAGAIN);
	faults_inject(s.fs, 0);
	faults_inject(s.fs, 1);
	assert_int_equal(faults_adjust(s.fs, 0, "level", "5", &err), 0);
	assert_int_equal(faults_adjust(s.fs, 0, "level", "-1", &err), -ERANGE);
	assert_int_equal(faults_adjust(s.fs, 0, "levl", "1", &err), -ENOENT);
	assert_int_equal(faults_adjust(s.fs, 0, "thing", "z", &err), 0);
	assert_int_equal(faults_adjust(s.fs, 1, "thing", "z", &err), -ENOTSUP);
	assert_text(calls, "inject a\ninject b\nlevel 5 a\nadjust a\n"
			   "level 5 a\nadjust a\n");
	drop(&s);
}

/* A mark that does not fit is cut, and two of them stay two. */
static void test_marks(void **state)
{
	struct set s;
	struct buf out;
	char *one, *two;

	(void)state;
	buf_init(&out, 0);
	run_name = "20261123-140000-a-scenario-with-quite/a-long-name";
	make(&s, "[fault the-database-1]\nkind = test.trace\n"
		 "[fault the-database-2]\nkind = test.trace\n",
	     LOOP_VIRTUAL, NULL);
	run_name = "run-1";
	faults_describe(s.fs, &out);
	one = strstr(out.data, "on gd-");
	two = strstr(one + 1, "on gd-");
	assert_non_null(two);
	assert_int_equal(strcspn(one, "\n"), 3 + 63);
	assert_true(strncmp(one, two, 3 + 63) != 0);
	assert_non_null(strstr(one, "quite-a-long"));	/* for an URL */
	drop(&s);
	buf_done(&out);
}

/* --- arming for real --------------------------------------------------- */

static char base[64];

static bool nothing_left(void)
{
	char command[160];

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	snprintf(command, sizeof(command), "test -z \"$(ls %s/undo)\"", base);
	return system(command) == 0;
}

static void try_arm(const char *text, const char *run_dir, const char *why)
{
	struct set s;
	struct err err = { 0 };

	make(&s, text, LOOP_EPOLL, run_dir);
	assert_true(faults_arm(s.fs, &err) < 0);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
	assert_int_equal(acquired, 0);
	assert_true(nothing_left());
	faults_inject(s.fs, 0);
	assert_null(strstr(calls.data ? calls.data : "", "inject"));
	faults_release(s.fs);
	drop(&s);
}

static void test_arm_fails(void **state)
{
	static const char *const third = "[fault a]\nkind = test.trace\n"
		"[fault b]\nkind = test.trace\n"
		"[fault c]\nkind = test.trace\nfail = prepare\n";
	char path[128];

	(void)state;
	strcpy(base, "/tmp/gd-fault-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/undo", base);
	setenv("GAMEDAY_UNDO_DIR", path, 1);
	mkdir(path, 0700);
	try_arm(third, base, "fault 'c': prepare was told to fail");
	try_arm("[fault a]\nkind = test.trace\nfail = prepare\n", base, "'a'");
	/* No run directory: the guardian cannot be told where to write. */
	try_arm("[fault a]\nkind = test.trace\n", "/nonexistent", "undo.jsonl");
	run_name = "../run";
	try_arm("[fault a]\nkind = test.trace\n", base, "cannot name a file");
	run_name = "run-1";
	/* No room for the journal. */
	setenv("GAMEDAY_UNDO_DIR", "/dev/null/undo", 1);
	try_arm("[fault a]\nkind = test.trace\n", base, "/dev/null");
	setenv("GAMEDAY_UNDO_DIR", path, 1);
	snprintf(path, sizeof(path), "rm -rf %s", base);
	assert_int_equal(system(path), 0);
}

static void test_arm_and_release(void **state)
{
	struct set s;
	char path[128];
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	(void)state;
	strcpy(base, "/tmp/gd-fault-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/undo", base);
	setenv("GAMEDAY_UNDO_DIR", path, 1);
	make(&s, "[fault a]\nkind = test.trace\n", LOOP_EPOLL, base);
	arm(&s);
	assert_int_equal(system("test -n \"$(ls $GAMEDAY_UNDO_DIR)\""), 0);
	faults_inject(s.fs, 0);
	faults_revert_all(s.fs);
	while (!s.done && clock_mono() < end)
		loop_turn(s.loop, 50 * NSEC_MS);
	assert_int_equal(s.done, 1);
	faults_release(s.fs);
	assert_true(nothing_left());
	drop(&s);
	snprintf(path, sizeof(path), "rm -rf %s", base);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_lifo),
		cmocka_unit_test(test_inject_fails),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_adjust),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_arm_fails),
		cmocka_unit_test(test_arm_and_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
