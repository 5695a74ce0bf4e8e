// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's client and the drivers that use it, against a server of the
 * test's own, which writes down what it is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/httpd.h"
#include "chaos/base/json.h"
#include "tests/unit/fault_run.h"

/* --- a proxy that only writes down ------------------------------------- */

static char api[96];
static struct httpd *server;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf log_;		/* all below by lock */
static int lease = -1;
static bool present, refuse;

static void on_upgraded(void *arg, int fd)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	lease = fd;
	pthread_mutex_unlock(&lock);
}

static void answer(const struct httpd_request *req, struct httpd_response *resp)
{
	bool toxic = strstr(req->path, "/toxics") != NULL;
	const char *achieved =
		"{\"achieved\":{\"max_in_flight\":16,\"waits\":3,"
		"\"wait_ms\":{\"p50\":2,\"p99\":4,\"max\":10},"
		"\"chunks\":9,\"p50\":2,\"p99\":4,\"max\":10}}";

	if (!strcmp(req->path, "/gameday/lease")) {
		resp->status = 101;
		resp->upgrade = "gameday-lease";
		resp->upgraded = on_upgraded;
	} else if (!strcmp(req->path, "/gameday/instance")) {
		buf_adds(&resp->body, "{\"instance\":\"one\",\"pid\":1}");
	} else if (!strcmp(req->method, "POST") && !toxic) {
		resp->status = 201;
		buf_adds(&resp->body, "{\"listen\":\"127.0.0.1:7777\"}");
	} else if (!strcmp(req->method, "POST") && refuse) {
		resp->status = 409;
		buf_adds(&resp->body, "{\"error\":\"no such lease\"}");
	} else if (!strcmp(req->method, "POST")) {
		present = true;
	} else if (!strcmp(req->method, "DELETE")) {
		resp->status = present ? 204 : 404;
		present = false;
	} else if (present) {
		buf_adds(&resp->body, achieved);
	} else {
		resp->status = 404;
	}
}

static void serve(void *arg, const struct httpd_request *req,
		  struct httpd_response *resp)
{
	const char *instance = httpd_header(req, "Gameday-Instance");

	(void)arg;
	pthread_mutex_lock(&lock);
	buf_addf(&log_, "%s %s [%s] %s\n", req->method, req->path,
		 instance ? instance : "", req->body ? req->body : "");
	answer(req, resp);
	pthread_mutex_unlock(&lock);
}

static bool logged(const char *text)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = log_.data && strstr(log_.data, text);
	if (!found)
		print_message("not in log: %s\n%s", text,
			      log_.data ? log_.data : "");
	pthread_mutex_unlock(&lock);
	return found;
}

static int set_up(void **state)
{
	struct run *r = run_new();
	struct addr addr;
	struct err err;
	int fd;

	snprintf(api, sizeof(api), "unix:%s/api", base);
	assert_int_equal(addr_parse(api, &addr, &err), 0);
	assert_int_equal(addr_listen(&addr, 16, &fd, &err), 0);
	assert_int_equal(httpd_new(NULL, fd, 4096, serve, NULL, &server, &err),
			 0);
	buf_init(&log_, 0);
	present = refuse = false;
	lease = -1;
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	int rc = run_free(*state);

	httpd_free(server);
	mem_close_fd(&lease);
	buf_done(&log_);
	return rc;
}

static json_t *stack(void)
{
	return json_pack("{s:{s:s,s:s,s:s}, s:{s:s,s:s,s:s}}", "db", "listen",
			 "127.0.0.1:6001", "upstream", "127.0.0.1:5432",
			 "protocol", "postgres", "kafka", "listen",
			 "127.0.0.1:6002", "upstream", "127.0.0.1:9092",
			 "protocol", "kafka");
}

/* --- links ------------------------------------------------------------- */

static void test_take_over(void **state)
{
	struct run *r = *state;
	json_t *links = stack();
	char text[128];
	struct err err = { 0 };

	parse(r, "[link db]\nupstream = staging:postgres\n"
		 "protocol = postgres\n");
	if (open_link(r, api, "r1", links, &err))
		fail_msg("%s", err.msg);
	assert_true(fault_link_has(r->link, "kafka"));
	assert_false(fault_link_has(r->link, "redis"));
	assert_string_equal(fault_link_protocol(r->link, "db"), "postgres");
	assert_string_equal(fault_link_instance(r->link), "one");
	assert_string_equal(symbols_get(r->symbols, "link:db"),
			    "127.0.0.1:6001");
	snprintf(text, sizeof(text), "%s:/gameday/links/db/pool", api);
	assert_string_equal(symbols_get(r->symbols, "link:db/pool"), text);
	assert_false(log_.data && strstr(log_.data, "POST /proxies"));
	json_decref(links);
}

static void test_clash(void **state)
{
	struct run *r = *state;
	json_t *links = stack();
	struct err err = { 0 };

	parse(r, "[link db]\nupstream = 127.0.0.1:1\n");
	assert_int_equal(open_link(r, api, "r1", links, &err), -EEXIST);
	assert_null(r->link);
	json_decref(links);
}

static void test_create(void **state)
{
	struct run *r = *state;
	struct err err = { 0 };

	parse(r, "[link web]\nupstream = 127.0.0.1:80\n");
	/* Not in [allow]: the proxy is never asked. */
	assert_int_equal(open_link(r, api, "r1", NULL, &err), -EPERM);
	assert_non_null(strstr(err.msg, "[link web]"));
	assert_false(strstr(log_.data, "POST /proxies") != NULL);
	assert_int_equal(allow_add(r->allow, ALLOW_HOST, "127.0.0.1", &err),
			 0);
	assert_int_equal(open_link(r, api, "r1", NULL, &err), 0);
	assert_true(logged("POST /proxies [one]"));
	assert_true(logged("\"listen\":\"127.0.0.1:0\""));
	assert_true(logged("\"upstream\":\"127.0.0.1:80\""));
	assert_string_equal(symbols_get(r->symbols, "link:web"),
			    "127.0.0.1:7777");
}

/* What was allowed is an address: the proxy is not left to resolve a name. */
static void test_create_by_name(void **state)
{
	struct run *r = *state;
	struct err err = { 0 };

	parse(r, "[link web]\nupstream = localhost:80\n");
	assert_int_equal(allow_add(r->allow, ALLOW_HOST, "localhost", &err),
			 0);
	if (open_link(r, api, "r1", NULL, &err))
		fail_msg("%s", err.msg);
	assert_true(logged("\"upstream\":\"127.0.0.1:80\"") ||
		    logged("\"upstream\":\"[::1]:80\""));
}

static void test_no_proxy(void **state)
{
	struct run *r = *state;
	char nobody[128];
	struct err err = { 0 };

	snprintf(nobody, sizeof(nobody), "%s-nobody", api);
	assert_int_equal(open_link(r, nobody, "r1", NULL, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "-nobody"));
}

static bool has_lease(void)
{
	bool has;

	pthread_mutex_lock(&lock);
	has = lease >= 0;
	pthread_mutex_unlock(&lock);
	return has;
}

static void test_goodbye(void **state)
{
	struct run *r = *state;
	nsec_t end = clock_mono() + 5 * NSEC_SEC;
	struct err err = { 0 };
	char line[16] = "";

	assert_int_equal(open_link(r, api, "r1", NULL, &err), 0);
	fault_link_goodbye(r->link);
	fault_link_goodbye(r->link);	/* once */
	fault_link_close(r->link);
	r->link = NULL;
	while (!has_lease() && clock_mono() < end)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	assert_true(has_lease());
	{
		struct pollfd p = { .fd = lease, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 2000), 1);
	}
	assert_int_equal(recv(lease, line, sizeof(line), MSG_WAITALL), 4);
	assert_string_equal(line, "bye\n");
	/* The stack's proxy is told nothing more. */
	assert_null(strstr(log_.data, "goodbye"));
}

/* --- drivers ----------------------------------------------------------- */

static void start(struct run *r, const char *text, double speed)
{
	json_t *links = stack();
	struct err err = { 0 };

	parse(r, text);
	if (open_link(r, api, "r1", links, &err))
		fail_msg("%s", err.msg);
	json_decref(links);
	make_faults(r, "r1", speed);
}

static void test_pool_limit(void **state)
{
	struct run *r = *state;
	struct err err = { 0 };

	start(r, "[fault p]\nkind = pool.limit\nlink = db\nsize = 16\n"
		 "timeout = 30s\n", 5);
	arm(r);
	faults_inject(r->fs, 0);
	assert_int_equal(faults_state(r->fs, 0), FAULT_INJECTING);
	turn_until_state(r, 0, FAULT_INJECTED);
	assert_true(logged("POST /proxies/db/toxics [one] "));
	assert_true(logged("\"name\":\"gd-r1-p\",\"type\":\"pool_limit\""));
	assert_true(logged("\"size\":16,\"queue\":0,\"timeout\":6000.0"));
	assert_true(logged("\"lease\":\"r1\""));
	assert_int_equal(faults_adjust(r->fs, 0, "size", "50", &err), 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	for (int i = 0; i < 20; i++)
		loop_turn(r->loop, 10 * NSEC_MS);
	assert_true(logged("POST /proxies/db/toxics/gd-r1-p [one] "
			   "{\"attributes\":{\"size\":50"));
	end_run(r);
	assert_true(logged("DELETE /proxies/db/toxics/gd-r1-p [one]"));
	assert_int_equal(json_int64(r->asked, "size", 0), 50);
	assert_int_equal(json_int64(r->achieved, "max_in_flight", 0), 16);
	/* 4 real ms at 5x are 20 ms of the drill. */
	assert_true(json_num(r->achieved, "wait_ms/p99", 0) == 20);
}

static void test_link_delay(void **state)
{
	struct run *r = *state;

	start(r, "[fault d]\nkind = link.delay\nlink = db\ndelay = 10ms\n"
		 "jitter = 1ms\n", 5);
	arm(r);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	assert_true(logged("\"type\":\"latency\",\"stream\":\"upstream\""));
	assert_true(logged("\"latency\":2.0,\"jitter\":0.2"));
	end_run(r);
	assert_true(json_num(r->asked, "delay_ms", 0) == 10);
	assert_true(json_num(r->achieved, "delay_ms/p50", 0) == 10);
}

static void test_refused(void **state)
{
	struct run *r = *state;

	start(r, "[fault d]\nkind = link.delay\nlink = db\ndelay = 10ms\n", 1);
	refuse = true;
	arm(r);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_FAILED);
	assert_non_null(strstr(r->why, "409 no such lease"));
	end_run(r);
}

static void test_check(void **state)
{
	struct run *r = *state;

	start(r, "[fault a]\nkind = kafka.pause\nlink = db\ntopic = t\n"
		 "[fault b]\nkind = pool.limit\nlink = nope\nsize = 1\n"
		 "[fault c]\nkind = link.delay\nlink = db\ndelay = 1ms\n"
		 "[fault d]\nkind = pool.limit\nlink = db\nsize = 1\n", 1);
	faults_check(r->fs, NULL, &r->errs);
	assert_int_equal(r->errs.n, 2);	/* c and d share a link */
	assert_non_null(strstr(r->errs.v[0].msg, "protocol kafka"));
	assert_non_null(strstr(r->errs.v[1].msg, "no link 'nope'"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_take_over),	TEST(test_clash),
		TEST(test_create),	TEST(test_create_by_name),
		TEST(test_no_proxy),
		TEST(test_goodbye),	TEST(test_pool_limit),
		TEST(test_link_delay),	TEST(test_refused),
		TEST(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
