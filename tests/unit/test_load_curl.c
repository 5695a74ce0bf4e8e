// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/* What libcurl makes of a request's bytes, as a server reads it; and causes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/load/curl.h"

/* Answers one request, and keeps its bytes. */
struct peer {
	int fd, port;
	pthread_t thread;
	char seen[4096];
	size_t len;
};

static bool is_whole(const struct peer *p)
{
	const char *end = strstr(p->seen, "\r\n\r\n"), *length;

	if (!end)
		return false;
	length = strstr(p->seen, "Content-Length: ");
	return !length || p->len >= (size_t)(end + 4 - p->seen) +
					    (size_t)atoi(length + 16);
}

static void *peer_main(void *arg)
{
	static const char answer[] = "HTTP/1.1 204 No\r\n\r\n";
	struct peer *p = arg;
	int fd = accept(p->fd, NULL, NULL);
	ssize_t n = 1;

	while (n > 0 && !is_whole(p)) {
		n = read(fd, p->seen + p->len, sizeof(p->seen) - 1 - p->len);
		p->len += n > 0 ? (size_t)n : 0;
	}
	(void)!write(fd, answer, strlen(answer));
	close(fd);
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct addr addr;
	struct err err;

	memset(p, 0, sizeof(*p));
	assert_int_equal(addr_parse("127.0.0.1:0", &addr, &err), 0);
	assert_int_equal(addr_listen(&addr, 8, &p->fd, &err), 0);
	assert_int_equal(addr_local(p->fd, &addr), 0);
	p->port = addr_port(&addr);
	assert_int_equal(fcntl(p->fd, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

/* Sends bytes by libcurl and expects the server to read want. */
static void carries(CURL *easy, struct curl_request *q, const char *bytes,
		    bool fixed, const char *want)
{
	struct peer p;
	char url[64];

	peer_start(&p);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", p.port);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	assert_true(curl_request_set(q, easy, bytes, strlen(bytes), fixed));
	assert_int_equal(curl_easy_perform(easy), CURLE_OK);
	pthread_join(p.thread, NULL);
	close(p.fd);
	assert_string_equal(p.seen, want);
}

static void bytes_are_carried(void **state)
{
	static const char *const same[] = {
		"GET /a/../b?c=d%20e HTTP/1.1\r\nHost: x:1\r\n"
		"User-Agent: g\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /x HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	struct curl_request q = { 0 };
	CURL *easy = curl_easy_init();

	(void)state;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
			carries(easy, &q, same[i], round == 1, same[i]);
	curl_easy_cleanup(easy);
	curl_request_done(&q);
}

/* libcurl puts the length last; nothing else may differ. */
static void bodies_are_carried(void **state)
{
	struct curl_request q = { 0 };
	CURL *easy = curl_easy_init();

	(void)state;
	carries(easy, &q, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\n"
			  "Content-Length: 5\r\n\r\nhello", false,
		"POST /p HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\n"
		"Content-Length: 5\r\n\r\nhello");
	carries(easy, &q, "PATCH /p HTTP/1.1\r\nHost: x\r\n"
			  "Content-Length: 2\r\nX-A: \r\n\r\n{}", false,
		"PATCH /p HTTP/1.1\r\nHost: x\r\nX-A:\r\n"
		"Content-Length: 2\r\n\r\n{}");
	carries(easy, &q, "POST / HTTP/1.1\r\nHost: x\r\n"
			  "Content-Length: 0\r\n\r\n", true,
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	carries(easy, &q, "GET /after HTTP/1.1\r\nHost: x\r\n\r\n", true,
		"GET /after HTTP/1.1\r\nHost: x\r\n\r\n");
	curl_easy_cleanup(easy);
	curl_request_done(&q);
}

static void what_is_no_request(void **state)
{
	static const char *const wrong[] = {
		"", "GET / HTTP/1.1", "GET\r\n\r\n", "GET /\r\n\r\n",
		"GET / HTTP/1.1\r\nHost x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n",
	};
	struct curl_request q = { 0 };
	CURL *easy = curl_easy_init();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(curl_request_set(&q, easy, wrong[i],
					      strlen(wrong[i]), false));
	curl_easy_cleanup(easy);
	curl_request_done(&q);
}

static void causes(void **state)
{
	static const char alert[] = "tlsv13 alert certificate required";

	(void)state;
	assert_int_equal(curl_cause(CURLE_COULDNT_CONNECT, "", false),
			 LOAD_CONNECT);
	assert_int_equal(curl_cause(CURLE_PEER_FAILED_VERIFICATION, "", false),
			 LOAD_CONNECT);
	assert_int_equal(curl_cause(CURLE_RECV_ERROR, alert, false),
			 LOAD_CONNECT);
	assert_int_equal(curl_cause(CURLE_RECV_ERROR, alert, true),
			 LOAD_RESET);
	assert_int_equal(curl_cause(CURLE_PARTIAL_FILE, "", true), LOAD_RESET);
	assert_int_equal(curl_cause(CURLE_HTTP2_STREAM, "", true), LOAD_RESET);
	assert_int_equal(curl_cause(CURLE_WEIRD_SERVER_REPLY, "", true),
			 LOAD_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_carried),
		cmocka_unit_test(bodies_are_carried),
		cmocka_unit_test(what_is_no_request),
		cmocka_unit_test(causes),
	};

	curl_global_init(CURL_GLOBAL_ALL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
