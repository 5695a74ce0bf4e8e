// links: gd_fault
/* SPDX-License-Identifier: Apache-2.0 */
/* The undo journal on disk, and what recover makes of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/buf.h"
#include "chaos/fault/fault.h"
#include "tests/unit/fault_await.h"

static char base[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(base, "/tmp/gd-journal-XXXXXX");
	assert_non_null(mkdtemp(base));
	setenv("GAMEDAY_UNDO_DIR", base, 1);
	return 0;
}

static int tear_down(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static const char *path_of(const char *run)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s.undo", base, run);
	return path;
}

static struct undo_header header(const char *run)
{
	struct undo_header h = { .uid = 7, .controller = { 11, 22 } };

	snprintf(h.run, sizeof(h.run), "%s", run);
	strcpy(h.host, "here");
	strcpy(h.run_dir, "/some/\"dir\"");
	assert_int_equal(proc_boot_id(h.boot_id), 0);
	return h;
}

static void full_record(struct undo_record *r)
{
	memset(r, 0, sizeof(*r));
	r->index = 5;
	r->via = UNDO_NETLINK;
	strcpy(r->fault, "db \"delay\"\\");
	strcpy(r->kind, "net.delay");
	strcpy(r->target, "qdisc lo");
	strcpy(r->owner, "6a01:");
	strcpy(r->command, "tc qdisc del dev lo root");
	strcpy(r->where, "lo");
	strcpy(r->netns, "/run/netns/blue");
	strcpy(r->instance, "abc");
	r->proc = (struct proc_id){ 33, 44 };
	r->signal = 18;
	r->len = UNDO_BYTES;
	for (int i = 0; i < UNDO_BYTES; i++)
		r->bytes[i] = (uint8_t)(i * 7);
	r->verify_len = 3;
	memcpy(r->verify, "\0\xff\x80", 3);
}

static struct undo_journal *create(const char *run,
				   const struct undo_record *v, size_t n)
{
	struct undo_header h = header(run);
	struct undo_journal *j;
	struct err err = { 0 };

	if (undo_journal_create(&h, v, n, &j, &err))
		fail_msg("%s", err.msg);
	return j;
}

static void test_round_trip(void **state)
{
	struct undo_record in[2], none;
	const struct undo_record *out;
	struct proc_id guardian = { 55, 66 };
	struct undo_journal *j, *again;
	struct stat st;
	struct err err;

	(void)state;
	full_record(&in[0]);
	memset(&in[1], 0, sizeof(in[1]));
	in[1].index = 6;
	memset(&none, 0, sizeof(none));
	j = create("run-1", in, 2);
	assert_int_equal(stat(path_of("run-1"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Live: locked. And a run has one journal. */
	assert_int_equal(undo_journal_open(path_of("run-1"), &again, &err),
			 -EBUSY);
	{
		struct undo_header h = header("run-1");

		assert_int_equal(undo_journal_create(&h, in, 1, &again, &err),
				 -EEXIST);
	}
	assert_int_equal(undo_journal_note(j, 6, "injected"), 0);
	assert_int_equal(undo_journal_note(j, 5, "injected"), 0);
	assert_int_equal(undo_journal_note_guardian(j, &guardian), 0);
	undo_journal_close(j);
	assert_int_equal(undo_journal_open(path_of("run-1"), &j, &err), 0);
	assert_string_equal(undo_journal_header(j)->run, "run-1");
	assert_string_equal(undo_journal_header(j)->run_dir, "/some/\"dir\"");
	assert_int_equal(undo_journal_header(j)->uid, 7);
	assert_int_equal(undo_journal_header(j)->controller.pid, 11);
	assert_int_equal(undo_journal_header(j)->controller.start, 22);
	assert_int_equal(undo_journal_header(j)->guardian.start, 66);
	assert_int_equal(undo_journal_records(j, &out), 2);
	assert_memory_equal(&out[0], &in[0], sizeof(in[0]));
	assert_memory_equal(&out[1], &in[1], sizeof(in[1]));
	assert_int_equal(undo_journal_order(j, 0), 2);
	assert_int_equal(undo_journal_order(j, 1), 1);
	undo_journal_delete(j);
	assert_int_equal(access(path_of("run-1"), F_OK), -1);
}

static void append(const char *run, const char *text)
{
	FILE *f = fopen(path_of(run), "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void overwrite(const char *run, const char *text)
{
	FILE *f = fopen(path_of(run), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Its bytes would be sent, and its signals, in our name. */
static void test_of_another_user(void **state)
{
	struct undo_record in;
	struct undo_journal *j;
	struct err err;

	(void)state;
	full_record(&in);
	undo_journal_close(create("theirs", &in, 1));
	if (chown(path_of("theirs"), 65534, (gid_t)-1)) {
		unlink(path_of("theirs"));
		print_message("skipped: not root\n");
		skip();
	}
	assert_int_equal(undo_journal_open(path_of("theirs"), &j, &err),
			 -EPERM);
	assert_non_null(strstr(err.msg, "65534"));
	assert_int_equal(chown(path_of("theirs"), geteuid(), (gid_t)-1), 0);
	assert_int_equal(undo_journal_open(path_of("theirs"), &j, &err), 0);
	undo_journal_delete(j);
}

static void test_cut_and_broken(void **state)
{
	struct undo_record in;
	const struct undo_record *out;
	struct undo_journal *j;
	struct err err;

	(void)state;
	full_record(&in);
	undo_journal_close(create("cut", &in, 1));
	append("cut", "{\"fact\":\"inje");	/* a full disk */
	assert_int_equal(undo_journal_open(path_of("cut"), &j, &err), 0);
	assert_int_equal(undo_journal_records(j, &out), 1);
	undo_journal_delete(j);

	overwrite("bad", "");
	assert_int_equal(undo_journal_open(path_of("bad"), &j, &err), -EPROTO);
	overwrite("bad", "{\"journal\":\"another/9\"}\n");
	assert_int_equal(undo_journal_open(path_of("bad"), &j, &err), -EPROTO);
	overwrite("bad", "{\"journal\":\"gameday.undo/1\",\"run\":\"x\"}\n"
			 "{\"record\":1,\"via\":99,\"bytes\":\"\","
			 "\"verify\":\"\"}\n");
	assert_int_equal(undo_journal_open(path_of("bad"), &j, &err), -EPROTO);
	overwrite("bad", "{\"journal\":\"gameday.undo/1\",\"run\":\"x\"}\n"
			 "{\"record\":1,\"via\":1,\"bytes\":\"0g\","
			 "\"verify\":\"\"}\n");
	assert_int_equal(undo_journal_open(path_of("bad"), &j, &err), -EPROTO);
	assert_int_equal(undo_journal_open(path_of("no"), &j, &err), -ENOENT);
}

/* --- recover ----------------------------------------------------------- */

static void await_state(pid_t pid, char want)
{
	AWAIT(state_of(pid) == want, 5);
}

static pid_t stopped_process(struct undo_record *r)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	memset(r, 0, sizeof(*r));
	r->via = UNDO_SIGNAL;
	r->signal = SIGCONT;
	strcpy(r->fault, "stall");
	strcpy(r->kind, "process.stop");
	strcpy(r->command, "kill -CONT it");
	assert_int_equal(proc_identify(pid, &r->proc), 0);
	kill(pid, SIGSTOP);
	await_state(pid, 'T');
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct fault_recovered recover(bool only_list)
{
	struct fault_recovered got;
	struct err err = { 0 };

	if (fault_recover(only_list, &got, &err))
		fail_msg("%s", err.msg);
	return got;
}

static void test_signal(void **state)
{
	struct fault_recovered got;
	struct undo_record r;
	pid_t pid = stopped_process(&r);

	(void)state;
	undo_journal_close(create("stop", &r, 1));
	got = recover(true);
	assert_int_equal(got.left, 1);
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(got.list, 0), "state")), "present");
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(got.list, 0), "command")), "kill -CONT it");
	json_decref(got.list);
	await_state(pid, 'T');
	got = recover(false);
	assert_int_equal(got.undone, 1);
	assert_int_equal(got.left, 0);
	json_decref(got.list);
	await_state(pid, 'S');
	assert_int_equal(access(path_of("stop"), F_OK), -1);
	end_process(pid);
}

/* The number may be another process's by now: nothing may hit it. */
static void test_other_process(void **state)
{
	struct fault_recovered got;
	struct undo_record r;
	pid_t pid = stopped_process(&r);

	(void)state;
	r.proc.start++;
	undo_journal_close(create("other", &r, 1));
	got = recover(false);
	assert_int_equal(got.undone + got.left, 0);
	json_decref(got.list);
	assert_int_equal(state_of(pid), 'T');
	assert_int_equal(access(path_of("other"), F_OK), -1);
	end_process(pid);
}

static void change_boot(const char *run)
{
	struct buf b;
	char boot[40];
	char *at;
	struct err err;

	buf_init(&b, 0);
	assert_int_equal(proc_boot_id(boot), 0);
	assert_int_equal(buf_read_file(&b, path_of(run), &err), 0);
	at = strstr(b.data, boot);
	assert_non_null(at);
	*at = *at == '0' ? '1' : '0';
	overwrite(run, b.data);
	buf_done(&b);
}

static void test_other_boot(void **state)
{
	struct fault_recovered got;
	struct undo_record r;
	pid_t pid = stopped_process(&r);

	(void)state;
	undo_journal_close(create("boot", &r, 1));
	change_boot("boot");
	got = recover(false);
	assert_int_equal(got.undone + got.left, 0);
	json_decref(got.list);
	assert_int_equal(state_of(pid), 'T');	/* void: untouched */
	assert_int_equal(access(path_of("boot"), F_OK), -1);
	end_process(pid);
}

/* What no longer has a proxy or an interface is gone; a hung one is not. */
static void test_gone_and_left(void **state)
{
	struct fault_recovered got;
	struct undo_record v[3];

	(void)state;
	memset(v, 0, sizeof(v));
	v[0].via = UNDO_HTTP;
	snprintf(v[0].where, sizeof(v[0].where), "unix:%s/nobody", base);
	v[1].index = 1;
	v[1].via = UNDO_NETLINK;
	strcpy(v[1].where, "nosuch0");
	v[2].index = 2;
	v[2].via = UNDO_NETLINK;
	strcpy(v[2].where, "lo");
	strcpy(v[2].netns, "/nonexistent/netns");
	undo_journal_close(create("gone", v, 3));
	got = recover(false);
	assert_int_equal(got.left, 0);
	json_decref(got.list);
	assert_int_equal(access(path_of("gone"), F_OK), -1);

	strcpy(v[0].where, "not an address");
	strcpy(v[0].command, "by hand");
	undo_journal_close(create("left", v, 1));
	got = recover(false);
	assert_int_equal(got.left, 1);
	assert_string_equal(json_string_value(json_object_get(
		json_array_get(got.list, 0), "state")), "unknown");
	json_decref(got.list);
	assert_int_equal(access(path_of("left"), F_OK), 0);
}

/* One broken journal must not keep another from being undone. */
static void test_broken_beside(void **state)
{
	struct fault_recovered got;
	struct undo_record r;
	pid_t pid = stopped_process(&r);
	struct err err = { 0 };

	(void)state;
	overwrite("aaa", "no json\n");
	overwrite("zzz", "no json\n");
	undo_journal_close(create("mmm", &r, 1));
	assert_int_equal(fault_recover(false, &got, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "is broken"));
	await_state(pid, 'S');
	end_process(pid);
}

static void test_unfinished(void **state)
{
	struct fault_recovered got;
	char path[160];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/x.undo.tmp", base);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	got = recover(false);
	json_decref(got.list);
	assert_int_equal(access(path, F_OK), 0);	/* being written */
	close(fd);
	got = recover(false);
	json_decref(got.list);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_dirs(void **state)
{
	struct fault_recovered got;

	(void)state;
	setenv("GAMEDAY_UNDO_DIR", "/nonexistent/undo", 1);
	assert_string_equal(undo_dir(), "/nonexistent/undo");
	got = recover(true);
	assert_int_equal(got.live + got.left + got.undone, 0);
	json_decref(got.list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),	TEST(test_of_another_user),
		cmocka_unit_test(test_cut_and_broken),
		TEST(test_signal),	TEST(test_other_process),
		TEST(test_other_boot),	TEST(test_gone_and_left),
		TEST(test_broken_beside), TEST(test_unfinished),
		TEST(test_dirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
