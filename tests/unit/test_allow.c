/* SPDX-License-Identifier: Apache-2.0 */
/* What may be touched, and what never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/allow.h"

static void add(struct allow *a, enum allow_type type, const char *item)
{
	struct err err = { 0 };

	if (allow_add(a, type, item, &err))
		fail_msg("%s", err.msg);
}

static bool may(const struct allow *a, enum allow_type type, const char *item)
{
	int rc = allow_check(a, type, item, NULL);

	assert_true(rc == 0 || rc == -EPERM);
	return rc == 0;
}

static bool may_connect(const struct allow *a, const char *text)
{
	struct err err = { 0 };
	struct addr to;

	if (addr_parse(text, &to, &err))
		fail_msg("%s", err.msg);
	return allow_connect(a, &to, &err) == 0;
}

static void test_nothing_is_allowed_at_first(void **state)
{
	(void)state;
	struct allow *a = allow_new();
	struct err err = { 0 };
	struct addr to;

	assert_int_equal(addr_parse("127.0.0.1:80", &to, NULL), 0);
	assert_int_equal(allow_connect(a, &to, &err), -EPERM);
	assert_string_equal(err.msg, "'127.0.0.1' is not allowed: add "
			    "'hosts = 127.0.0.1' to [allow]");
	for (int type = 0; type < ALLOW_TYPES; type++)
		assert_false(may(a, (enum allow_type)type, "/x"));
	allow_free(a);
	allow_free(NULL);
}

static void test_prefixes(void **state)
{
	(void)state;
	struct allow *a = allow_new();

	add(a, ALLOW_HOST, "127.0.0.0/8");
	add(a, ALLOW_HOST, "10.1.2.3");
	add(a, ALLOW_HOST, "10.4.0.0/14");
	add(a, ALLOW_HOST, "fd00::/7");
	assert_true(may_connect(a, "127.0.0.1:1"));
	assert_true(may_connect(a, "127.255.0.1:65535"));
	assert_false(may_connect(a, "128.0.0.1:1"));
	assert_true(may_connect(a, "10.1.2.3:1"));
	assert_false(may_connect(a, "10.1.2.4:1"));
	assert_true(may_connect(a, "10.7.255.255:1"));
	assert_false(may_connect(a, "10.8.0.0:1"));
	assert_false(may_connect(a, "10.3.255.255:1"));
	assert_true(may_connect(a, "[fc00::1]:1"));
	assert_true(may_connect(a, "[fdff::1]:1"));
	assert_false(may_connect(a, "[fe00::1]:1"));
	assert_false(may_connect(a, "[::1]:1"));
	/* IPv4 in IPv6's clothes is IPv4 */
	assert_true(may_connect(a, "[::ffff:127.0.0.1]:1"));
	assert_false(may_connect(a, "[::ffff:10.1.2.4]:1"));
	assert_true(may(a, ALLOW_HOST, "127.1.0.0/16"));
	assert_false(may(a, ALLOW_HOST, "126.0.0.0/7"));
	allow_free(a);
}

static void test_all_of_ipv6_is_not_ipv4(void **state)
{
	(void)state;
	struct allow *a = allow_new();

	add(a, ALLOW_HOST, "::/0");
	assert_true(may_connect(a, "[2001:db8::1]:1"));
	assert_false(may_connect(a, "10.0.0.1:1"));
	assert_false(may_connect(a, "[::ffff:10.0.0.1]:1"));
	allow_free(a);
}

static void test_unspecified_only_as_written(void **state)
{
	(void)state;
	struct allow *a = allow_new();

	add(a, ALLOW_HOST, "0.0.0.0/0");
	add(a, ALLOW_HOST, "::/0");
	assert_true(may_connect(a, "10.0.0.1:1"));
	assert_false(may_connect(a, "0.0.0.0:1"));
	assert_false(may_connect(a, "[::]:1"));
	assert_false(may_connect(a, "[::ffff:0.0.0.0]:1"));
	add(a, ALLOW_HOST, "0.0.0.0");
	add(a, ALLOW_HOST, "::");
	assert_true(may_connect(a, "0.0.0.0:1"));
	assert_true(may_connect(a, "[::]:1"));
	allow_free(a);
}

static void test_localhost_and_bad_hosts(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "shop.example", "10.0.0.0/33", "::/129", "10.0.0.0/",
		"10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8x",
	};
	struct allow *a = allow_new();
	struct err err;

	add(a, ALLOW_HOST, "localhost");
	assert_true(may_connect(a, "127.0.0.9:1"));
	assert_true(may_connect(a, "[::1]:1"));
	assert_false(may_connect(a, "[::2]:1"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(allow_add(a, ALLOW_HOST, bad[i], &err),
				 -EINVAL);
	assert_int_equal(allow_add(a, ALLOW_PATH, "rel/path", &err), -EINVAL);
	assert_int_equal(allow_add(a, ALLOW_CGROUP, "rel", &err), -EINVAL);
	allow_free(a);
}

static void test_names_are_exact(void **state)
{
	(void)state;
	struct allow *a = allow_new();

	add(a, ALLOW_INTERFACE, "veth-db");
	add(a, ALLOW_UNIT, "redis.service");
	add(a, ALLOW_CONTAINER, "db");
	assert_true(may(a, ALLOW_INTERFACE, "veth-db"));
	assert_false(may(a, ALLOW_INTERFACE, "veth-db2"));
	assert_false(may(a, ALLOW_UNIT, "veth-db"));
	assert_true(may(a, ALLOW_UNIT, "redis.service"));
	assert_true(may(a, ALLOW_CONTAINER, "db"));
	allow_free(a);
}

static void make_socket(const char *path)
{
	struct err err = { 0 };
	struct addr at;
	char text[300];
	int fd = -1;

	snprintf(text, sizeof(text), "unix:%s", path);
	assert_int_equal(addr_parse(text, &at, &err), 0);
	assert_int_equal(addr_listen(&at, 1, &fd, &err), 0);
	close(fd);
}

static bool may_path(const struct allow *a, const char *top, const char *rest)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", top, rest);
	return may(a, ALLOW_PATH, path);
}

static void test_paths(void **state)
{
	(void)state;
	char top[] = "/tmp/gd-allow-XXXXXX", path[256], to[256];
	struct allow *a = allow_new();

	assert_non_null(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/in", top);
	assert_int_equal(mkdir(path, 0700), 0);
	add(a, ALLOW_PATH, path);
	snprintf(path, sizeof(path), "%s/in/out", top);
	snprintf(to, sizeof(to), "%s/secret", top);
	assert_int_equal(symlink(to, path), 0);
	assert_int_equal(mkdir(to, 0700), 0);
	assert_true(may_path(a, top, "/in"));
	assert_true(may_path(a, top, "/in/"));
	assert_true(may_path(a, top, "/in/new"));
	assert_true(may_path(a, top, "/in/no/such/yet"));
	assert_false(may_path(a, top, "/inside"));
	assert_false(may_path(a, top, ""));
	assert_false(may_path(a, top, "/in/../secret"));
	assert_false(may_path(a, top, "/in/no/../../secret"));
	/* a link that leads out is out */
	assert_false(may_path(a, top, "/in/out"));
	assert_false(may_path(a, top, "/in/out/x"));
	assert_false(may(a, ALLOW_PATH, "rel"));
	snprintf(path, sizeof(path), "rm -r %s", top);
	assert_int_equal(system(path), 0);
	allow_free(a);
}

static void test_unix_sockets_are_paths(void **state)
{
	(void)state;
	char top[] = "/tmp/gameday-test-XXXXXX", path[256], text[300];
	static const char *const names[] = { "control", "guardian", "proxy" };
	struct allow *a = allow_new();

	assert_non_null(mkdtemp(top));
	add(a, ALLOW_PATH, top);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		make_socket(path);
		snprintf(text, sizeof(text), "unix:%s", path);
		/* control sockets are nobody's target, however allowed */
		assert_int_equal(may_connect(a, text), i == 2);
	}
	snprintf(text, sizeof(text), "unix:%s2/proxy", top);
	assert_false(may_connect(a, text));
	snprintf(path, sizeof(path), "rm -r %s", top);
	assert_int_equal(system(path), 0);
	allow_free(a);
}

static void test_processes_never(void **state)
{
	(void)state;
	struct allow *a = allow_new();
	struct err err = { 0 };
	char pid[32], comm[64] = "";
	FILE *f = fopen("/proc/1/comm", "re");

	assert_non_null(f);
	assert_non_null(fgets(comm, sizeof(comm), f));
	fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	for (const char *const *item = (const char *const[]){
		     "1", "sshd", "gameday", "gameday-proxy", "gameday-guardia",
		     comm, NULL };
	     *item; item++) {
		add(a, ALLOW_PROCESS, *item);
		assert_false(may(a, ALLOW_PROCESS, *item));
	}
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	add(a, ALLOW_PROCESS, pid);
	assert_int_equal(allow_check(a, ALLOW_PROCESS, pid, &err), -EPERM);
	assert_non_null(strstr(err.msg, "gameday itself"));
	snprintf(pid, sizeof(pid), "%d", (int)getppid());
	add(a, ALLOW_PROCESS, pid);
	assert_false(may(a, ALLOW_PROCESS, pid));
	allow_free(a);
}

/* A child of ours with a name of its own, until the pipe closes. */
static pid_t named_child(const char *name, int pipefd[2])
{
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(pipefd), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		if (write(pipefd[1], &c, 1) < 0)
			_exit(1);
		close(pipefd[1]);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipefd[0], &c, 1), 1);
	return pid;
}

static void end_child(pid_t pid, int pipefd[2])
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pipefd[0]);
	close(pipefd[1]);
}

static void test_processes_by_pid_and_comm(void **state)
{
	(void)state;
	struct allow *a = allow_new();
	int one[2], two[2];
	pid_t target = named_child("gd-target", one);
	pid_t proxy = named_child("gameday-proxy", two);
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", (int)target);
	assert_false(may(a, ALLOW_PROCESS, pid));
	add(a, ALLOW_PROCESS, "gd-target");
	assert_true(may(a, ALLOW_PROCESS, pid));
	assert_true(may(a, ALLOW_PROCESS, "gd-target"));
	assert_false(may(a, ALLOW_PROCESS, "gd-targe"));
	snprintf(pid, sizeof(pid), "%d", (int)proxy);
	add(a, ALLOW_PROCESS, pid);
	assert_false(may(a, ALLOW_PROCESS, pid));
	end_child(target, one);
	end_child(proxy, two);
	allow_free(a);
}

static void test_cgroups_above_us_never(void **state)
{
	(void)state;
	struct allow *a = allow_new();

	add(a, ALLOW_CGROUP, "/");
	assert_true(may(a, ALLOW_CGROUP, "/gd-other"));
	assert_true(may(a, ALLOW_CGROUP, "/sys/fs/cgroup/gd-other"));
	assert_false(may(a, ALLOW_CGROUP, "/"));
	assert_false(may(a, ALLOW_CGROUP, "/sys/fs/cgroup"));
	assert_false(may(a, ALLOW_CGROUP, "/sys/fs/cgroup/"));
	assert_false(may(a, ALLOW_CGROUP, "/gd-other/../x"));
	allow_free(a);
}

/* Every hierarchy of this machine that is a v1 one, by its directory. */
static void test_cgroups_of_version_1(void **state)
{
	(void)state;
	struct allow *a = allow_new();
	char line[512], *name, path[600];
	FILE *f = fopen("/proc/self/cgroup", "re");

	assert_non_null(f);
	add(a, ALLOW_CGROUP, "/");
	while (fgets(line, sizeof(line), f)) {
		name = strchr(line, ':') + 1;
		name[strcspn(name, ":")] = '\0';
		name = strncmp(name, "name=", 5) ? name : name + 5;
		if (!*name)
			name = strcpy(line, "unified");
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
		assert_false(may(a, ALLOW_CGROUP, path));
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/gd-x", name);
		assert_true(may(a, ALLOW_CGROUP, path));
	}
	fclose(f);
	allow_free(a);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_deny_wins(void **state)
{
	(void)state;
	char path[] = "/tmp/gd-allow-XXXXXX";
	struct allow *a = allow_new();
	struct err err = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	add(a, ALLOW_HOST, "10.0.0.0/8");
	add(a, ALLOW_INTERFACE, "eth0");
	assert_int_equal(allow_load_deny(a, "/no/such/file", &err), 0);
	write_file(path, "# production\n\nhosts 10.9.0.0/16, 10.8.0.1 # db\n"
		   "interfaces\teth0\r\n");
	if (allow_load_deny(a, path, &err))
		fail_msg("%s", err.msg);
	assert_true(may_connect(a, "10.1.0.1:1"));
	assert_false(may_connect(a, "10.9.1.1:1"));
	assert_false(may_connect(a, "10.8.0.1:1"));
	assert_false(may(a, ALLOW_HOST, "10.8.0.0/24"));
	assert_false(may(a, ALLOW_INTERFACE, "eth0"));
	assert_int_equal(allow_check(a, ALLOW_INTERFACE, "eth0", &err),
			 -EPERM);
	assert_non_null(strstr(err.msg, "it is denied"));
	write_file(path, "hosts 10.0.0.1\nhost 10.0.0.2\n");
	assert_int_equal(allow_load_deny(a, path, &err), -EINVAL);
	assert_non_null(strstr(err.msg, ":2: unknown word 'host'"));
	write_file(path, "hosts nonsense\n");
	assert_int_equal(allow_load_deny(a, path, &err), -EINVAL);
	assert_int_equal(allow_deny(a, ALLOW_HOST, "10.1.0.1", &err), 0);
	assert_false(may_connect(a, "10.1.0.1:1"));
	unlink(path);
	allow_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_allowed_at_first),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_all_of_ipv6_is_not_ipv4),
		cmocka_unit_test(test_unspecified_only_as_written),
		cmocka_unit_test(test_localhost_and_bad_hosts),
		cmocka_unit_test(test_names_are_exact),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_unix_sockets_are_paths),
		cmocka_unit_test(test_processes_never),
		cmocka_unit_test(test_processes_by_pid_and_comm),
		cmocka_unit_test(test_cgroups_above_us_never),
		cmocka_unit_test(test_cgroups_of_version_1),
		cmocka_unit_test(test_deny_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
