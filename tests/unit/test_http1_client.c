/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1: URLs, and the two clients against servers of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/base/rng.h"

static void test_urls(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host, *path;
		int port;
		bool tls;
	} rows[] = {
		{ "http://127.0.0.1:8080/a/b?c=d", "127.0.0.1", "/a/b?c=d",
		  8080, false },
		{ "http://shop", "shop", "/", 80, false },
		{ "https://shop/x#frag", "shop", "/x", 443, true },
		{ "http://shop?x=1", "shop", "/?x=1", 80, false },
		{ "http://[::1]:9/", "::1", "/", 9, false },
		{ "http://[::1]", "::1", "/", 80, false },
		{ "unix:/run/a.sock:/proxies/db", "/run/a.sock",
		  "/proxies/db", 0, false },
		{ "unix:/run/a.sock", "/run/a.sock", "/", 0, false },
	};
	static const char *const bad[] = {
		"", "ftp://x/", "http://", "http:///x", "http://a:0/",
		"http://a:65536/", "http://a:/", "http://a:8x/",
		"http://u:p@a/", "http://a/b c", "http://a/\r\nX: y",
		"http://[::1/", "http://[::1]x/", "unix:rel.sock",
	};
	struct http1_url url;
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (http1_url_parse(rows[i].text, &url, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(url.host, rows[i].host);
		assert_string_equal(url.path, rows[i].path);
		assert_int_equal(url.port, rows[i].port);
		assert_int_equal(url.tls, rows[i].tls);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (http1_url_parse(bad[i], &url, &err) != -EINVAL)
			fail_msg("taken: '%s'", bad[i]);
}

/* A server of one connection: reads a request, sends pieces, closes. */
struct server {
	struct addr addr;
	int listen_fd;
	const char *const *pieces;	/* NULL-terminated; "" waits for EOF */
	pthread_t thread;
	struct buf got;
	int connects;
};

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 10000) == 1;
}

static void server_read(struct server *s, int fd, bool to_eof)
{
	char data[4096];
	ssize_t n = 1;

	while (n > 0 && readable(fd)) {
		n = recv(fd, data, sizeof(data), 0);
		if (n > 0)
			buf_add(&s->got, data, (size_t)n);
		if (!to_eof && s->got.data && strstr(s->got.data, "\r\n\r\n"))
			return;
	}
}

static void *server_run(void *arg)
{
	struct server *s = arg;
	int fd;

	if (!readable(s->listen_fd))
		return NULL;
	fd = accept(s->listen_fd, NULL, NULL);
	if (fd < 0)
		return NULL;
	s->connects++;
	server_read(s, fd, false);
	for (const char *const *p = s->pieces; *p; p++) {
		if (!**p)
			server_read(s, fd, true);
		else if (send(fd, *p, strlen(*p), MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void server_start(struct server *s, const char *const *pieces)
{
	struct err err = { 0 };

	*s = (struct server){ .pieces = pieces };
	buf_init(&s->got, 0);
	assert_int_equal(addr_parse("127.0.0.1:0", &s->addr, &err), 0);
	assert_int_equal(addr_listen(&s->addr, 8, &s->listen_fd, &err), 0);
	assert_int_equal(addr_local(s->listen_fd, &s->addr), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listen_fd);
	buf_done(&s->got);
}

struct outcome {
	int calls, error, status;
	char why[256], body[256];
	nsec_t took;
	struct http1_call *call;	/* cancelled in done, if set */
};

static void on_done(void *arg, const struct http1_reply *reply)
{
	struct outcome *o = arg;

	o->calls++;
	o->error = reply->error;
	o->status = reply->status;
	o->took = reply->took;
	snprintf(o->why, sizeof(o->why), "%s", reply->why ? reply->why : "");
	snprintf(o->body, sizeof(o->body), "%s", reply->body);
	http1_call_cancel(o->call);
}

static struct http1_args args_to(const struct addr *to, struct outcome *o)
{
	return (struct http1_args){
		.to = *to, .method = "GET", .path = "/x", .host = "h:1",
		.timeout_real = 10 * NSEC_SEC, .done = on_done, .arg = o,
	};
}

static void run_call(const struct http1_args *args, struct outcome *o)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;
	struct loop *loop = NULL;
	struct err err = { 0 };

	assert_int_equal(loop_new(LOOP_EPOLL, &loop, &err), 0);
	if (http1_call_start(loop, args, &o->call, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(o->calls, 0);
	while (!o->calls && clock_mono() < deadline)
		loop_turn(loop, 100 * NSEC_MS);
	/* nothing of it is left on the loop: a short timeout passes */
	deadline = clock_mono() + args->timeout_real + 20 * NSEC_MS;
	while (args->timeout_real <= NSEC_SEC && clock_mono() < deadline)
		loop_turn(loop, 20 * NSEC_MS);
	assert_int_equal(o->calls, 1);
	loop_free(loop);
}

static void test_call_on_a_loop(void **state)
{
	(void)state;
	static const char *const pieces[] = {
		"HTTP/1.1 201 Cre", "ated\r\nTransfer-Encoding: chunked\r\n",
		"\r\n3\r\nabc\r\n", "0\r\n\r\n", NULL
	};
	struct server s;
	struct outcome o = { 0 };
	struct http1_args args;

	server_start(&s, pieces);
	args = args_to(&s.addr, &o);
	args.method = "POST";
	args.headers = "X-A: 1\r\n";
	args.body = "{}";
	args.body_len = 2;
	run_call(&args, &o);
	assert_int_equal(o.error, 0);
	assert_int_equal(o.status, 201);
	assert_string_equal(o.body, "abc");
	assert_true(o.took > 0 && o.took < 10 * NSEC_SEC);
	pthread_join(s.thread, NULL);
	assert_string_equal(s.got.data, "POST /x HTTP/1.1\r\nHost: h:1\r\n"
			    "X-A: 1\r\nConnection: close\r\n"
			    "Content-Length: 2\r\n\r\n{}");
	close(s.listen_fd);
	buf_done(&s.got);
}

static void test_call_says_what_failed(void **state)
{
	(void)state;
	static const char *const broken[] = { "HTTP/1.1 2x0\r\n", NULL };
	static const char *const none[] = { NULL };
	static const char *const silent[] = { "", NULL };
	struct outcome o = { 0 };
	struct http1_args args;
	struct server s;

	server_start(&s, broken);
	args = args_to(&s.addr, &o);
	args.timeout_real = 500 * NSEC_MS;
	run_call(&args, &o);
	server_stop(&s);
	assert_int_equal(o.error, -EBADMSG);
	assert_non_null(strstr(o.why, "malformed status"));

	o = (struct outcome){ 0 };
	server_start(&s, none);
	args = args_to(&s.addr, &o);
	run_call(&args, &o);
	server_stop(&s);
	assert_int_equal(o.error, -EBADMSG);
	assert_non_null(strstr(o.why, "closed before the first byte"));

	o = (struct outcome){ 0 };
	server_start(&s, silent);
	args = args_to(&s.addr, &o);
	args.timeout_real = 50 * NSEC_MS;
	run_call(&args, &o);
	server_stop(&s);
	assert_int_equal(o.error, -ETIMEDOUT);
	assert_non_null(strstr(o.why, "no answer from 127.0.0.1:"));
	assert_non_null(strstr(o.why, "within 50ms"));
	assert_int_equal(o.status, 0);

	/* nobody listens there any more */
	o = (struct outcome){ 0 };
	args = args_to(&s.addr, &o);
	run_call(&args, &o);
	assert_int_equal(o.error, -ECONNREFUSED);
	assert_non_null(strstr(o.why, "no connection to 127.0.0.1:"));
}

static void test_call_refuses_what_it_must(void **state)
{
	(void)state;
	struct allow *allow = allow_new();
	struct outcome o = { 0 };
	struct http1_args args, bad;
	struct loop *loop = NULL;
	struct err err = { 0 };
	struct addr to;
	int fd = -1;

	assert_int_equal(addr_parse("127.0.0.1:0", &to, &err), 0);
	assert_int_equal(addr_listen(&to, 1, &fd, &err), 0);
	assert_int_equal(addr_local(fd, &to), 0);
	assert_int_equal(loop_new(LOOP_EPOLL, &loop, &err), 0);
	args = args_to(&to, &o);
	bad = args;
	bad.path = "/x HTTP/1.1\r\nX: y";
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EINVAL);
	bad = args;
	bad.host = "";
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EINVAL);
	bad = args;
	bad.headers = "X: y";
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EINVAL);
	bad = args;
	bad.allow = allow;
	assert_int_equal(http1_call_start(loop, &bad, NULL, &err), -EPERM);
	assert_int_equal(o.calls, 0);
	/* not one of them came as far as connect() */
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(allow_add(allow, ALLOW_HOST, "127.0.0.1", &err), 0);
	assert_int_equal(http1_call_start(loop, &bad, &o.call, &err), 0);
	http1_call_cancel(o.call);
	loop_turn(loop, 0);
	assert_int_equal(o.calls, 0);
	close(fd);
	loop_free(loop);
	allow_free(allow);
}

static int wait_for_answer(const char *const *pieces, const char *request,
			   nsec_t timeout, char *body, size_t cap,
			   struct err *err)
{
	struct server s;
	int rc;

	server_start(&s, pieces);
	rc = http1_call_wait(&s.addr, request, strlen(request), timeout, body,
			     cap, err);
	server_stop(&s);
	return rc;
}

static void test_blocking_call(void **state)
{
	(void)state;
	static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char *const chunked[] = {
		"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n",
		"4\r\nabcd\r\n0\r\n\r\n", "", NULL
	};
	static const char *const to_close[] = {
		"HTTP/1.1 200 OK\r\n\r\n", "abcdefgh", NULL
	};
	static const char *const head[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", NULL
	};
	static const char *const silent[] = { "", NULL };
	struct err err = { 0 };
	char body[6], one[1];

	assert_int_equal(wait_for_answer(chunked, get, 10 * NSEC_SEC, body,
					 sizeof(body), &err), 404);
	assert_string_equal(body, "abcd");
	assert_int_equal(wait_for_answer(to_close, get, 10 * NSEC_SEC, body,
					 sizeof(body), &err), 200);
	assert_string_equal(body, "abcde");
	assert_int_equal(wait_for_answer(to_close, get, 10 * NSEC_SEC, one, 1,
					 &err), 200);
	assert_int_equal(one[0], '\0');
	assert_int_equal(wait_for_answer(to_close, get, 10 * NSEC_SEC, NULL, 0,
					 &err), 200);
	assert_int_equal(wait_for_answer(head, "HEAD / HTTP/1.1\r\n\r\n",
					 10 * NSEC_SEC, body, sizeof(body),
					 &err), 200);
	assert_int_equal(wait_for_answer(silent, get, 30 * NSEC_MS, body,
					 sizeof(body), &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "no answer from 127.0.0.1:"));
}

static _Noreturn void on_oom(size_t size)
{
	(void)size;
	static const char text[] = "http1_call_wait allocated\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

/* In a process of its own, so that its allocations are not counted. */
static pid_t fork_server(int listen_fd, const char *answer)
{
	char data[256];
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	if (!readable(listen_fd))
		_exit(1);
	fd = accept(listen_fd, NULL, NULL);
	if (fd < 0 || !readable(fd) || recv(fd, data, sizeof(data), 0) <= 0)
		_exit(1);
	_exit(send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0);
}

static void test_blocking_call_allocates_nothing(void **state)
{
	(void)state;
	static const char get[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	struct err err = { 0 };
	struct addr to;
	char body[4];
	int fd = -1, status = -1;
	pid_t pid;

	assert_int_equal(addr_parse("127.0.0.1:0", &to, &err), 0);
	assert_int_equal(addr_listen(&to, 1, &fd, &err), 0);
	assert_int_equal(addr_local(fd, &to), 0);
	pid = fork_server(fd, "HTTP/1.1 200 OK\r\nA: b\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n"
			  "8\r\nabcdefgh\r\n0\r\n\r\n");
	assert_true(pid > 0);
	mem_set_oom(on_oom);
	mem_fail_at(1);
	status = http1_call_wait(&to, get, strlen(get), 10 * NSEC_SEC, body,
				 sizeof(body), &err);
	mem_fail_at(0);
	mem_set_oom(NULL);
	assert_int_equal(status, 200);
	assert_string_equal(body, "abc");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_call_on_a_loop),
		cmocka_unit_test(test_call_says_what_failed),
		cmocka_unit_test(test_call_refuses_what_it_must),
		cmocka_unit_test(test_blocking_call),
		cmocka_unit_test(test_blocking_call_allocates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
