// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition, in a network namespace of the test's own: felt by TCP connects,
 * open connections ended, and the table gone after, by the guardian.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "tests/unit/fault_run.h"

static bool alone;	/* in a namespace of our own */

static void lo_up(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &req), 0);
	close(fd);
}

static int group_setup(void **state)
{
	(void)state;
	alone = unshare(CLONE_NEWNET) == 0;
	if (alone)
		lo_up();
	return 0;
}

static void need_namespace(void)
{
	if (!alone) {
		print_message("skipped: no network namespace (not root)\n");
		skip();
	}
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int listen_on(int port)
{
	struct sockaddr_in to = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* 0: connected; -ECONNREFUSED; -ETIMEDOUT after 300 ms of silence. */
static int try_connect(int port, int *ret_fd)
{
	struct sockaddr_in to = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), code = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(code);
	int rc = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		rc = -errno;
	if (rc == -EINPROGRESS && poll(&p, 1, 300) == 0)
		rc = -ETIMEDOUT;
	else if (rc == -EINPROGRESS)
		rc = getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) ?
			-errno : -code;
	if (ret_fd && !rc)
		*ret_fd = fd;
	else
		close(fd);
	return rc;
}

static struct run *begin(const char *text)
{
	struct run *r = run_new();
	struct buf report;

	parse(r, text);
	if (allow_add(r->allow, ALLOW_HOST, "127.0.0.0/8", NULL))
		fail();
	make_faults(r, "r1", 1);
	buf_init(&report, 0);
	faults_check(r->fs, &report, &r->errs);
	if (r->errs.n)
		fail_msg("%s", r->errs.v[0].msg);
	faults_describe(r->fs, &report);
	print_message("%s", report.data);
	buf_done(&report);
	arm(r);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	return r;
}

static void end(struct run *r)
{
	end_run(r);
	assert_int_equal(faults_state(r->fs, 0), FAULT_GONE);
	assert_int_equal(run_free(r), 0);
}

static void test_drop(void **state)
{
	struct run *r;
	int listener;

	(void)state;
	need_namespace();
	listener = listen_on(7001);
	r = begin("[fault p]\nkind = partition\naddress = 127.0.0.1\n"
		  "port = 7001\n");
	assert_int_equal(try_connect(7001, NULL), -ETIMEDOUT);
	assert_int_equal(try_connect(7002, NULL), -ECONNREFUSED);
	faults_measure(r->fs, 0);
	assert_true(json_int64(r->achieved, "packets", 0) >= 1);
	end(r);
	assert_int_equal(try_connect(7001, NULL), 0);
	close(listener);
}

static void test_reject(void **state)
{
	struct run *r;
	int listener;

	(void)state;
	need_namespace();
	listener = listen_on(7001);
	r = begin("[fault p]\nkind = partition\naddress = 127.0.0.0/8\n"
		  "port = 7001\naction = reject\nprotocol = tcp\n");
	assert_int_equal(try_connect(7001, NULL), -ECONNREFUSED);
	end(r);
	assert_int_equal(try_connect(7001, NULL), 0);
	close(listener);
}

/* What is open goes silent, or is ended when asked. */
static void open_connection(bool cut)
{
	struct run *r;
	char text[256], byte = 0;
	int fd = -1, listener, peer;
	struct pollfd p;

	listener = listen_on(7001);
	assert_int_equal(try_connect(7001, &fd), 0);
	snprintf(text, sizeof(text), "[fault p]\nkind = partition\n"
		 "address = 127.0.0.1\nport = 7001\nside = either\ncut = %s\n",
		 cut ? "yes" : "no");
	r = begin(text);
	peer = accept(listener, NULL, NULL);
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (cut) {
		assert_int_equal(poll(&p, 1, 2000), 1);
		assert_int_equal(read(fd, &byte, 1), -1);
		assert_int_equal(errno, ECONNABORTED);
		faults_measure(r->fs, 0);
		assert_true(json_int64(r->achieved, "ended", 0) >= 1);
	} else {
		assert_true(write(fd, &byte, 1) == 1);
		p.fd = peer;
		assert_int_equal(poll(&p, 1, 200), 0);
		end(r);
		/* Retransmitted, and nothing is lost. */
		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(read(peer, &byte, 1), 1);
		r = NULL;
	}
	if (r)
		end(r);
	close(fd);
	close(peer);
	close(listener);
}

static void test_open(void **state)
{
	(void)state;
	need_namespace();
	open_connection(false);
	open_connection(true);
}

/* One way: requests arrive, answers do not come back. */
static void test_one_way(void **state)
{
	struct run *r;
	int listener, peer;

	(void)state;
	need_namespace();
	listener = listen_on(7001);
	r = begin("[fault p]\nkind = partition\naddress = 127.0.0.1\n"
		  "port = 7001\nway = in\n");
	/* The SYN passes, the SYN-ACK (from the port) does not. */
	assert_int_equal(try_connect(7001, NULL), -ETIMEDOUT);
	end(r);
	peer = accept(listener, NULL, NULL);
	if (peer >= 0)
		close(peer);
	close(listener);
}

static void refused(const char *text, const char *want)
{
	struct run *r = run_new();

	parse(r, text);
	make_faults(r, "r1", 1);
	faults_check(r->fs, NULL, &r->errs);
	if (!r->errs.n || !strstr(r->errs.v[0].msg, want))
		fail_msg("says '%s', not '%s'",
			 r->errs.n ? r->errs.v[0].msg : "", want);
	assert_int_equal(run_free(r), 0);
}

static void test_refused(void **state)
{
	(void)state;
	need_namespace();
	refused("[fault p]\nkind = partition\naddress = 10.0.0.1\n",
		"'hosts = 10.0.0.1' to [allow]");
	refused("[fault p]\nkind = partition\naddress = 10.0.0.1\nport = 22\n",
		"no kernel fault touches");
	refused("[fault p]\nkind = partition\naddress = nowhere\n",
		"no address or prefix");
	refused("[fault p]\nkind = partition\naddress = 10.0.0.1\n"
		"netns = nosuch\n", "nosuch");
}

/* Undone from its bytes alone, twice; another's table stays. */
static void test_undo(void **state)
{
	struct undo_record r = { .owner = "gd-r1-never" };
	struct err err = { 0 };

	(void)state;
	need_namespace();
	undo_nft_render(&r);
	assert_int_equal(undo_verify(&r, &err), UNDO_GONE);
	assert_int_equal(undo_revert(&r, &err), 0);
	strcpy(r.netns, "/run/netns/nosuch");
	assert_int_equal(undo_verify(&r, &err), UNDO_GONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_undo),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
