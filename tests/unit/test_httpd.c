/* SPDX-License-Identifier: Apache-2.0 */
/* The control server: on a loop, on a thread, on a Unix socket, upgraded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/httpd.h"

struct world {
	struct loop *loop;
	struct httpd *h;
	struct addr addr;
	int requests;
	int upgraded_fd;	/* -1: none */
	int upgrades;
};

static void on_upgraded(void *arg, int fd)
{
	struct world *w = arg;

	w->upgraded_fd = fd;
	w->upgrades++;
}

static void handle(void *arg, const struct httpd_request *req,
		   struct httpd_response *resp)
{
	struct world *w = arg;
	const char *header = httpd_header(req, "X-Test");
	const char *query = httpd_query(req, "q");

	w->requests++;
	if (!strcmp(req->path, "/lease")) {
		resp->status = 101;
		resp->upgrade = "lease";
		resp->upgraded = on_upgraded;
		resp->upgraded_arg = w;
		return;
	}
	if (!strcmp(req->path, "/empty")) {
		resp->status = 204;
		return;
	}
	resp->content_type = "text/plain";
	buf_addf(&resp->body, "%s %s [%s] %s %s", req->method, req->path,
		 req->body, header ? header : "-", query ? query : "-");
}

static void world_start(struct world *w, const char *at, bool thread)
{
	struct err err = { 0 };
	int fd = -1;

	*w = (struct world){ .upgraded_fd = -1 };
	if (!thread)
		assert_int_equal(loop_new(LOOP_EPOLL, &w->loop, &err), 0);
	assert_int_equal(addr_parse(at, &w->addr, &err), 0);
	if (addr_listen(&w->addr, 16, &fd, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(addr_local(fd, &w->addr), 0);
	if (httpd_new(w->loop, fd, 1000, handle, w, &w->h, &err))
		fail_msg("%s", err.msg);
}

static void world_stop(struct world *w)
{
	httpd_free(w->h);
	loop_free(w->loop);
}

struct outcome {
	bool done;
	int error, status;
	char body[4096];
};

static void on_done(void *arg, const struct http1_reply *reply)
{
	struct outcome *o = arg;

	o->done = true;
	o->error = reply->error;
	o->status = reply->status;
	snprintf(o->body, sizeof(o->body), "%s", reply->body);
}

/* Turns the loop until *flag, at most 10 s. */
static void turn_until(struct world *w, const bool *flag)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;

	while (!*flag && clock_mono() < deadline)
		loop_turn(w->loop, 50 * NSEC_MS);
	assert_true(*flag);
}

static void call(struct world *w, const char *method, const char *path,
		 const char *body, struct outcome *o)
{
	struct http1_args args = {
		.to = w->addr, .method = method, .path = path, .host = "h",
		.headers = "X-Test: yes\r\n", .body = body,
		.body_len = body ? strlen(body) : 0,
		.timeout_real = 10 * NSEC_SEC, .done = on_done, .arg = o,
	};
	struct err err = { 0 };

	*o = (struct outcome){ 0 };
	if (http1_call_start(w->loop, &args, NULL, &err))
		fail_msg("%s", err.msg);
	turn_until(w, &o->done);
	assert_int_equal(o->error, 0);
}

static void check_requests(struct world *w)
{
	struct outcome o;
	char large[1200];

	call(w, "GET", "/a/b?q=1%202&x=3", NULL, &o);
	assert_int_equal(o.status, 200);
	assert_string_equal(o.body, "GET /a/b [] yes 1 2");
	call(w, "POST", "/c", "{\"size\":50}", &o);
	assert_string_equal(o.body, "POST /c [{\"size\":50}] yes -");
	call(w, "DELETE", "/empty", NULL, &o);
	assert_int_equal(o.status, 204);
	assert_string_equal(o.body, "");
	memset(large, 'x', sizeof(large) - 1);
	large[1000] = '\0';
	call(w, "PUT", "/d", large, &o);
	assert_int_equal(o.status, 200);
	memset(large, 'x', sizeof(large) - 1);
	large[1001] = '\0';
	call(w, "PUT", "/d", large, &o);
	assert_int_equal(o.status, 413);
	assert_int_equal(w->requests, 4);
}

static void test_requests_on_a_loop(void **state)
{
	(void)state;
	struct world w;

	world_start(&w, "127.0.0.1:0", false);
	check_requests(&w);
	world_stop(&w);
}

static void test_requests_on_a_unix_socket(void **state)
{
	(void)state;
	char dir[] = "/tmp/gd-httpd-XXXXXX", at[80], path[64];
	struct world w;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	snprintf(at, sizeof(at), "unix:%s", path);
	world_start(&w, at, false);
	check_requests(&w);
	world_stop(&w);
	unlink(path);
	rmdir(dir);
}

static void test_requests_on_a_thread(void **state)
{
	(void)state;
	static const char get[] = "GET /t?q=7 HTTP/1.1\r\nHost: h\r\n\r\n";
	struct err err = { 0 };
	struct world w;
	char body[64];

	world_start(&w, "127.0.0.1:0", true);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(http1_call_wait(&w.addr, get, strlen(get),
						 10 * NSEC_SEC, body,
						 sizeof(body), &err), 200);
		assert_string_equal(body, "GET /t [] - 7");
	}
	world_stop(&w);
	assert_int_equal(w.requests, 3);
}

/* A client without http1_call: it keeps its connection. */
static int raw_connect(const struct world *w)
{
	struct err err = { 0 };
	int fd = -1, rc = addr_connect(&w->addr, &fd, &err);

	assert_true(rc == 0 || rc == -EINPROGRESS);
	return fd;
}

static void raw_send(int fd, const char *text)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

/* Bytes, 0 at EOF; the loop turns meanwhile. */
static ssize_t raw_recv(struct world *w, int fd, char *dst, size_t size)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;
	ssize_t n;

	do {
		if (w->loop)
			loop_turn(w->loop, 10 * NSEC_MS);
		n = recv(fd, dst, size - 1, 0);
	} while (n < 0 && errno == EAGAIN && clock_mono() < deadline);
	dst[n > 0 ? n : 0] = '\0';
	return n;
}

static void raw_expect(struct world *w, int fd, const char *want)
{
	char all[4096] = "", part[2048];
	size_t len = 0;

	while (!strstr(all, want)) {
		ssize_t n = raw_recv(w, fd, part, sizeof(part));

		if (n <= 0 || len + (size_t)n >= sizeof(all))
			fail_msg("'%s' is not in '%s'", want, all);
		memcpy(all + len, part, (size_t)n + 1);
		len += (size_t)n;
	}
}

static void test_a_connection_is_kept(void **state)
{
	(void)state;
	struct world w;
	int fd;

	world_start(&w, "127.0.0.1:0", false);
	fd = raw_connect(&w);
	for (int i = 0; i < 3; i++) {
		raw_send(fd, "GET /k HTTP/1.1\r\nHost: h\r\n\r\n");
		raw_expect(&w, fd, "GET /k [] - -");
	}
	/* two in one packet, which edge-triggered reading must not lose */
	raw_send(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
		 "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	raw_expect(&w, fd, "GET /2 [] - -");
	assert_int_equal(w.requests, 5);
	close(fd);
	world_stop(&w);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static const char upgrade[] = "GET /lease HTTP/1.1\r\nHost: h\r\n"
	"Connection: Upgrade\r\nUpgrade: lease\r\n\r\n";

static void check_upgrade(struct world *w, bool peer_first)
{
	int fds = count_fds(), fd = raw_connect(w);
	char data[64];

	raw_send(fd, upgrade);
	raw_expect(w, fd, "101 Switching Protocols");
	assert_true(w->upgraded_fd >= 0);
	assert_true(fcntl(w->upgraded_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(w->upgraded_fd, F_GETFL) & O_NONBLOCK);
	/* both ways, after the server has let go of its own descriptor */
	raw_send(fd, "ping");
	assert_int_equal(raw_recv(w, w->upgraded_fd, data, sizeof(data)), 4);
	assert_string_equal(data, "ping");
	raw_send(w->upgraded_fd, "pong");
	assert_int_equal(raw_recv(w, fd, data, sizeof(data)), 4);
	assert_string_equal(data, "pong");
	/* ours, the peer's, nothing of the server's */
	assert_int_equal(count_fds(), fds + 2);
	if (peer_first) {
		close(fd);
		assert_int_equal(raw_recv(w, w->upgraded_fd, data,
					  sizeof(data)), 0);
		close(w->upgraded_fd);
	} else {
		close(w->upgraded_fd);
		assert_int_equal(raw_recv(w, fd, data, sizeof(data)), 0);
		close(fd);
	}
	w->upgraded_fd = -1;
	assert_int_equal(count_fds(), fds);
}

static void test_upgrade(void **state)
{
	(void)state;
	struct loop_stats before, after;
	struct outcome o;
	struct world w;

	world_start(&w, "127.0.0.1:0", false);
	loop_turn(w.loop, 0);
	for (int i = 0; i < 20; i++)
		check_upgrade(&w, i % 2);
	assert_int_equal(w.upgrades, 20);
	call(&w, "GET", "/still", NULL, &o);
	assert_int_equal(o.status, 200);
	/* and nothing is left that keeps the loop awake */
	loop_stats(w.loop, &before);
	for (nsec_t end = clock_mono() + 60 * NSEC_MS; clock_mono() < end;)
		loop_turn(w.loop, 20 * NSEC_MS);
	loop_stats(w.loop, &after);
	assert_true(after.turns - before.turns < 20);
	world_stop(&w);
}

static void test_upgraded_outlives_the_server(void **state)
{
	(void)state;
	struct world w;
	char data[64];
	int fd;

	world_start(&w, "127.0.0.1:0", false);
	fd = raw_connect(&w);
	raw_send(fd, upgrade);
	raw_expect(&w, fd, "101 ");
	httpd_free(w.h);
	w.h = NULL;
	raw_send(fd, "ping");
	assert_int_equal(raw_recv(&w, w.upgraded_fd, data, sizeof(data)), 4);
	close(fd);
	assert_int_equal(raw_recv(&w, w.upgraded_fd, data, sizeof(data)), 0);
	close(w.upgraded_fd);
	world_stop(&w);
}

static void test_upgrade_refuses_early_bytes(void **state)
{
	(void)state;
	char early[512], data[512];
	struct world w;
	ssize_t n;
	int fd;

	world_start(&w, "127.0.0.1:0", false);
	fd = raw_connect(&w);
	snprintf(early, sizeof(early), "%stoo early", upgrade);
	raw_send(fd, early);
	do {
		n = raw_recv(&w, fd, data, sizeof(data));
	} while (n > 0);
	assert_true(n == 0 || errno == ECONNRESET);
	assert_int_equal(w.upgrades, 0);
	close(fd);
	world_stop(&w);
}

static void test_stops_with_connections_open(void **state)
{
	(void)state;
	char data[64];
	struct world w;
	int fd;

	world_start(&w, "127.0.0.1:0", false);
	fd = raw_connect(&w);
	raw_send(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"
		 "half");
	loop_turn(w.loop, 10 * NSEC_MS);
	loop_turn(w.loop, 10 * NSEC_MS);
	world_stop(&w);
	w.loop = NULL;
	assert_true(raw_recv(&w, fd, data, sizeof(data)) <= 0);
	assert_int_equal(w.requests, 0);
	close(fd);
	httpd_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_on_a_loop),
		cmocka_unit_test(test_requests_on_a_unix_socket),
		cmocka_unit_test(test_requests_on_a_thread),
		cmocka_unit_test(test_a_connection_is_kept),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_upgraded_outlives_the_server),
		cmocka_unit_test(test_upgrade_refuses_early_bytes),
		cmocka_unit_test(test_stops_with_connections_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
