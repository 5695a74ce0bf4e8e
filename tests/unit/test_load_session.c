/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* Cookies and redirects: the rules, and whole runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/load_run.h"

#include "chaos/load/cookie.h"
#include "chaos/load/redirect.h"

static struct cookies jar;

static void set(const char *host, const char *path, const char *text)
{
	struct cookie_site from = { .host = host, .path = path,
				    .secure = strcmp(host, "plain.io") != 0,
				    .now = 100 * NSEC_SEC,
				    .real = 1445412479 };

	cookies_set(&jar, text, strlen(text), &from);
}

/* The Cookie header's value for a request at a drill second. */
static void sent(const char *host, const char *path, int64_t second,
		 const char *want)
{
	struct cookie_site to = { .host = host, .path = path,
				  .secure = strcmp(host, "plain.io") != 0,
				  .now = second * NSEC_SEC };
	char full[256] = "";
	struct buf out;

	buf_init(&out, 0);
	cookies_add(&jar, &to, &out);
	if (*want)
		snprintf(full, sizeof(full), "Cookie: %s\r\n", want);
	assert_string_equal(out.data ? out.data : "", full);
	buf_done(&out);
}

static void cookies_go_where_they_belong(void **state)
{
	(void)state;
	set("a.shop.io", "/x/y", "one=1");
	set("a.shop.io", "/x/y", " two = 2 ; Path=/ ; HttpOnly");
	set("a.shop.io", "/x", "dom=3; Domain=.shop.io");
	set("a.shop.io", "/x", "evil=4; Domain=other.io");
	set("a.shop.io", "/x", "top=5; Domain=io");
	sent("a.shop.io", "/x/z", 100, "one=1; two=2; dom=3");
	sent("a.shop.io", "/x?q", 100, "one=1; two=2; dom=3");
	sent("a.shop.io", "/xy", 100, "two=2; dom=3");
	sent("b.shop.io", "/", 100, "dom=3");
	sent("evilshop.io", "/", 100, "");
	set("a.shop.io", "/x/z", "one=new");
	sent("a.shop.io", "/x/z", 100, "two=2; dom=3; one=new");
	cookies_forget(&jar);
}

static void cookies_end(void **state)
{
	(void)state;
	set("s.io", "/", "age=1; Max-Age=10; Expires=Wed, 21 Oct 2015 "
			 "07:27:00 GMT");
	/* 61 s after the site's real time. */
	set("s.io", "/", "exp=1; Expires=Wed, 21 Oct 2015 07:29:00 GMT");
	set("s.io", "/", "gone=1; Expires=Wed, 21-Oct-2015 07:27:00 GMT");
	set("s.io", "/", "odd=1; Max-Age=soon");
	sent("s.io", "/", 109, "age=1; exp=1; odd=1");
	sent("s.io", "/", 110, "exp=1; odd=1");
	sent("s.io", "/", 162, "odd=1");
	set("s.io", "/", "odd=1; Max-Age=0");
	sent("s.io", "/", 100, "age=1; exp=1");
	cookies_forget(&jar);
}

static void a_secure_cookie_needs_tls(void **state)
{
	(void)state;
	set("plain.io", "/", "s=1; Secure");
	sent("plain.io", "/", 100, "");
	assert_int_equal(jar.n, 0);
	set("127.0.0.1", "/", "s=1; Secure");
	sent("127.0.0.1", "/", 100, "s=1");
	set("10.127.0.0.1", "/", "d=1; Domain=0.0.1");
	sent("10.127.0.0.1", "/", 100, "");
	cookies_forget(&jar);
}

static void broken_cookies_are_ignored(void **state)
{
	static char big[COOKIE_MAX + 2];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[1] = '=';
	set("s.io", "/", "");
	set("s.io", "/", "novalue");
	set("s.io", "/", "=1");
	set("s.io", "/", ";;;");
	set("s.io", "/", "a=1\r2");
	set("s.io", "/", "a=1; Path=/\n");
	set("s.io", "/", big);
	assert_int_equal(jar.n, 0);
	for (int i = 0; i < COOKIES_MAX + 10; i++) {
		char text[32];

		snprintf(text, sizeof(text), "n%d=%d", i, i);
		set("s.io", "/", text);
	}
	assert_int_equal(jar.n, COOKIES_MAX);
	assert_string_equal(jar.v[0].name, "n10");
	cookies_forget(&jar);
}

static const char post[] =
	"POST /a/b?c HTTP/1.1\r\nHost: one:80\r\nAuthorization: Basic x\r\n"
	"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

static bool next(const char *location, int status, char *ret, size_t size)
{
	struct endpoint endpoints[2] = { 0 };
	struct allow *allow = allow_loopback();
	struct endpoints where;
	struct request request = { .target = 0 };
	struct http1_field field = { { 0, 8 }, { 10, 0 } };
	struct answer a = { .status = status, .fields = &field,
			    .n_fields = 1 };
	AUTO_FREE char *head = mem_printf("Location: %s", location);
	struct redirect r = { .hops = 0 };
	bool ok;

	snprintf(endpoints[0].host, sizeof(endpoints[0].host), "one:80");
	snprintf(endpoints[1].host, sizeof(endpoints[1].host), "two:8080");
	field.value.len = (uint32_t)strlen(location);
	a.head = head;
	redirect_begin(&r, &request, post, strlen(post));
	assert_true(redirect_is(&a));
	endpoints_init(&where, endpoints, 2, allow);
	ok = redirect_next(&r, &a, &where);
	endpoints_done(&where);
	allow_free(allow);
	snprintf(ret, size, "%zu %s", r.request.target, r.bytes.data);
	redirect_done(&r);
	return ok;
}

static void redirects_make_the_next_request(void **state)
{
	static const struct {
		const char *location;
		int status;
		const char *begins;
	} rows[] = {
		{ "/z", 302, "0 GET /z HTTP/1.1\r\n" },
		{ "z", 303, "0 GET /a/z HTTP/1.1\r\n" },
		{ "?z#f", 301, "0 GET /a/b?z HTTP/1.1\r\n" },
		{ "http://one/z", 302, "0 GET /z HTTP/1.1\r\n" },
		{ "http://two:8080/z?1", 302, "1 GET /z?1 HTTP/1.1\r\n" },
		{ "//two:8080", 302, "1 GET / HTTP/1.1\r\n" },
		{ "http://127.0.0.9:81/z", 302, "2 GET /z HTTP/1.1\r\n" },
		{ "/z", 307, "0 POST /z HTTP/1.1\r\n" },
		{ "/z", 308, "0 POST /z HTTP/1.1\r\n" },
	};
	static const char *const hosts[] = {
		"Host: one:80\r\n", "Host: two:8080\r\n",
		"Host: 127.0.0.9:81\r\n",
	};
	static const char *const nowhere[] = {
		"http://three/z", "http://two/z", "ftp://one/z", "/a b",
		"http://", "https://one/", "https://one:80/",
		"http://10.0.0.1/", "https://127.0.0.9:81/", "",
	};
	char got[600];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool body = rows[i].status > 303;

		assert_true(next(rows[i].location, rows[i].status, got,
				 sizeof(got)));
		if (strncmp(got, rows[i].begins, strlen(rows[i].begins)) != 0)
			fail_msg("%s: %s", rows[i].location, got);
		assert_int_equal(strstr(got, "\r\n\r\nhi") != NULL, body);
		assert_int_equal(strstr(got, "Content-") != NULL, body);
		assert_int_equal(strstr(got, "Authorization") != NULL,
				 got[0] == '0');
		assert_non_null(strstr(got, hosts[got[0] - '0']));
	}
	for (size_t i = 0; i + 1 < sizeof(nowhere) / sizeof(*nowhere); i++)
		if (next(nowhere[i], 302, got, sizeof(got)))
			fail_msg("%s: %s", nowhere[i], got);
}

static void run_text(struct server *server, struct result *r, const char *text)
{
	struct setup s = { .text = text, .speed = 1, .until = 300 * NSEC_MS,
			   .seed = 5, .threads = 1, .port = server->port };

	run(&s, r);
}

static void a_run_follows_and_remembers(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\ncookies = user\nredirects = 2\n"
		 "step = POST /login as login\nbody = x\n"
		 "check = landed: json /cookie = sid=7\n"
		 "step = GET /loop as loop\n"
		 "step = GET /away as away\n"
		 "step = think const 20ms\n"
		 "[load l]\nstages = 0s 1\n");
	server_stop(&server);
	assert_true(r.sum[0][0].ok > 5);
	assert_int_equal(r.sum[0][0].ok, r.checks[0].ok);
	assert_int_equal(r.checks[0].failed, 0);
	/* More than it follows, and where [allow] does not allow. */
	assert_int_equal(r.sum[1][0].ok, 0);
	assert_true(r.sum[1][0].failed[LOAD_PROTOCOL] > 5);
	assert_true(r.sum[2][0].failed[LOAD_PROTOCOL] > 5);
	assert_in_range(r.final.requests + r.final.redirects,
			server.requests, server.requests + 1);
	assert_in_range(r.final.redirects, 3 * r.sum[1][0].due - 2,
			3 * r.sum[1][0].due + 1);
	result_free(&r);
}

/* The first answer took 30 ms, the one it sent to next to nothing. */
static void service_time_has_all_hops(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nredirects = 1\n"
		 "step = GET /moved/30 as moved\nstep = GET /ok as ok\n"
		 "step = think const 5ms\n[load l]\nstages = 0s 1\n");
	server_stop(&server);
	assert_true(r.sum[0][0].ok > 3);
	assert_true(r.final.redirects >= r.sum[0][0].ok);
	assert_int_equal(hist_count(r.sum[0][0].service), r.sum[0][0].ok);
	assert_true(hist_min(r.sum[0][0].service) >= 29 * NSEC_MS);
	assert_true(hist_min(r.sum[1][0].service) < 20 * NSEC_MS);
	result_free(&r);
}

/* No [target] is there, but what the test allows. */
static void a_redirect_leads_where_allow_says(void **state)
{
	static struct server server, other;
	static struct result r;
	AUTO_FREE char *text = NULL;

	(void)state;
	server_start(&server);
	server_start(&other);
	text = mem_printf("[journey a]\nredirects = 1\n"
			  "step = GET /to/%d as to\nstep = GET /ok as ok\n"
			  "step = GET /to/1 as nobody\n"
			  "step = think const 20ms\n[load l]\nstages = 0s 1\n",
			  other.port);
	run_text(&server, &r, text);
	server_stop(&server);
	server_stop(&other);
	assert_true(r.sum[0][0].ok > 5);
	assert_int_equal(completed(&r.sum[0][0]), r.sum[0][0].ok);
	assert_in_range(other.requests, r.sum[0][0].ok, r.sum[0][0].ok + 1);
	assert_string_equal(other.last_ok, "/ok");
	assert_true(r.sum[1][0].ok > 5);
	assert_true(r.sum[2][0].failed[LOAD_CONNECT] > 1);
	assert_int_equal(r.sum[2][0].failed[LOAD_CONNECT],
			 completed(&r.sum[2][0]));
	result_free(&r);
}

/* A thread keeps so many, and finds those again. */
static void addresses_are_bounded(void **state)
{
	struct endpoint target = { .host = "one:80" };
	struct allow *allow = allow_loopback();
	struct http1_url url = { .port = 80 };
	struct endpoints e;

	(void)state;
	endpoints_init(&e, &target, 1, allow);
	for (int again = 0; again < 2; again++)
		for (unsigned i = 0; i < ENDPOINTS_MORE_MAX; i++) {
			snprintf(url.host, sizeof(url.host), "127.0.1.%u", i);
			assert_int_equal(endpoints_find(&e, &url), 1 + i);
		}
	snprintf(url.host, sizeof(url.host), "127.0.2.1");
	assert_true(endpoints_find(&e, &url) == SIZE_MAX);
	snprintf(url.host, sizeof(url.host), "ONE");
	assert_int_equal(endpoints_find(&e, &url), 0);
	endpoints_done(&e);
	allow_free(allow);
}

static void by_itself_a_redirect_is_an_answer(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = GET /loop as loop\n"
		 "step = think const 20ms\n[load l]\nstages = 0s 1\n");
	server_stop(&server);
	assert_true(r.sum[0][0].ok > 5);
	assert_int_equal(r.final.redirects, 0);
	result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_go_where_they_belong),
		cmocka_unit_test(cookies_end),
		cmocka_unit_test(a_secure_cookie_needs_tls),
		cmocka_unit_test(broken_cookies_are_ignored),
		cmocka_unit_test(redirects_make_the_next_request),
		cmocka_unit_test(a_run_follows_and_remembers),
		cmocka_unit_test(service_time_has_all_hops),
		cmocka_unit_test(a_redirect_leads_where_allow_says),
		cmocka_unit_test(addresses_are_bounded),
		cmocka_unit_test(by_itself_a_redirect_is_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
