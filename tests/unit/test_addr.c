/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: text both ways, listening, connecting, resets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/addr.h"

static void test_text_both_ways(void **state)
{
	(void)state;
	static const char *const same[] = {
		"127.0.0.1:80", "[::1]:443", "0.0.0.0:0", "[fe80::1]:65535",
		"unix:/run/gameday/x.sock",
	};
	static const char *const bad[] = {
		"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:8x", "localhost:80", "::1:80",
		"[::1:80", "[::1]80", ":80", "unix:", "unix:rel",
		"1.2.3:80", "unix",
	};
	char text[ADDR_TEXT];
	struct addr a;
	struct err err;

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		if (addr_parse(same[i], &a, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(addr_fmt(&a, text), same[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (addr_parse(bad[i], &a, &err) != -EINVAL)
			fail_msg("taken: '%s'", bad[i]);
	assert_int_equal(addr_parse("[::1]:443", &a, &err), 0);
	assert_int_equal(addr_port(&a), 443);
	assert_int_equal(addr_parse("unix:/a", &a, &err), 0);
	assert_int_equal(addr_port(&a), 0);
	a = (struct addr){ 0 };
	assert_string_equal(addr_fmt(&a, text), "none");
}

static void test_a_long_socket_path_is_refused(void **state)
{
	(void)state;
	char text[256] = "unix:/";
	struct addr a;
	struct err err;

	memset(text + 6, 'a', 107);
	assert_int_equal(addr_parse(text, &a, &err), -ENAMETOOLONG);
	text[5 + 107] = '\0';
	assert_int_equal(addr_parse(text, &a, &err), 0);
}

static void test_resolve(void **state)
{
	(void)state;
	char text[ADDR_TEXT];
	struct addr a;
	struct err err;

	assert_int_equal(addr_resolve("127.0.0.1", 81, &a, &err), 0);
	assert_string_equal(addr_fmt(&a, text), "127.0.0.1:81");
	assert_int_equal(addr_resolve("::1", 81, &a, &err), 0);
	assert_string_equal(addr_fmt(&a, text), "[::1]:81");
	assert_int_equal(addr_resolve("/run/x", 0, &a, &err), 0);
	assert_string_equal(addr_fmt(&a, text), "unix:/run/x");
	assert_int_equal(addr_resolve("localhost", 82, &a, &err), 0);
	assert_int_equal(addr_port(&a), 82);
	assert_int_equal(addr_resolve("127.0.0.1", 65536, &a, &err), -EINVAL);
	assert_int_equal(addr_resolve("no such host", 1, &a, &err),
			 -EHOSTUNREACH);
	assert_non_null(strstr(err.msg, "cannot resolve 'no such host'"));
}

static void await(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	assert_int_equal(poll(&pfd, 1, 10000), 1);
}

static void check_flags(int fd)
{
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static int listen_at(const char *text, struct addr *ret)
{
	struct err err = { 0 };
	int fd = -1;

	assert_int_equal(addr_parse(text, ret, &err), 0);
	if (addr_listen(ret, 8, &fd, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(addr_local(fd, ret), 0);
	check_flags(fd);
	return fd;
}

static int connect_to(const struct addr *to)
{
	struct err err = { 0 };
	int fd = -1, rc = addr_connect(to, &fd, &err);

	assert_true(rc == 0 || rc == -EINPROGRESS);
	check_flags(fd);
	await(fd, POLLOUT);
	assert_int_equal(addr_connected(fd), 0);
	return fd;
}

static void test_listen_and_connect(void **state)
{
	(void)state;
	struct addr at;
	int listener = listen_at("127.0.0.1:0", &at), fd, peer;

	assert_true(addr_port(&at) > 0);
	fd = connect_to(&at);
	await(listener, POLLIN);
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
	close(peer);
	close(fd);
	close(listener);
}

static void test_refused_is_said(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct addr at;
	int listener = listen_at("127.0.0.1:0", &at), fd = -1, rc;

	close(listener);
	rc = addr_connect(&at, &fd, &err);
	if (rc == -EINPROGRESS) {
		await(fd, POLLOUT);
		rc = addr_connected(fd);
		close(fd);
	} else {
		assert_int_equal(fd, -1);
		assert_non_null(strstr(err.msg, "127.0.0.1:"));
	}
	assert_int_equal(rc, -ECONNREFUSED);
}

static void test_a_port_in_use_is_said(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct addr at;
	char text[ADDR_TEXT];
	int listener = listen_at("127.0.0.1:0", &at), fd = -1;

	assert_int_equal(addr_listen(&at, 8, &fd, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, addr_fmt(&at, text)));
	assert_int_equal(fd, -1);
	close(listener);
}

static void test_a_dead_socket_file_is_replaced(void **state)
{
	(void)state;
	char dir[] = "/tmp/gd-addr-XXXXXX", path[64], text[80];
	struct err err = { 0 };
	struct addr at;
	int first, second = -1, fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(text, sizeof(text), "unix:%s", path);
	first = listen_at(text, &at);
	/* a live one is not */
	assert_int_equal(addr_listen(&at, 8, &second, &err), -EADDRINUSE);
	close(first);
	second = listen_at(text, &at);
	fd = connect_to(&at);
	close(fd);
	close(second);
	unlink(path);
	/* nor is a file that is no socket */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(addr_listen(&at, 8, &second, &err), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	rmdir(dir);
}

static void test_close_resets(void **state)
{
	(void)state;
	struct addr at;
	int listener = listen_at("127.0.0.1:0", &at), fd, peer;
	char c;

	fd = connect_to(&at);
	await(listener, POLLIN);
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
	addr_close_rst(fd);
	await(peer, POLLIN);
	assert_int_equal(recv(peer, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(peer);
	close(listener);
	addr_close_rst(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_both_ways),
		cmocka_unit_test(test_a_long_socket_path_is_refused),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_listen_and_connect),
		cmocka_unit_test(test_refused_is_said),
		cmocka_unit_test(test_a_port_in_use_is_said),
		cmocka_unit_test(test_a_dead_socket_file_is_replaced),
		cmocka_unit_test(test_close_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
