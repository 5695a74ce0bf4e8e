// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's client and the drivers that use it: against a server of the
 * test's own, which writes down what it is asked, and against gameday-proxy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/httpd.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/fault/fault.h"
#include "chaos/fault/link.h"
#include "chaos/fault/rundir.h"
#include "faults/table.h"

/* --- a proxy that only writes down ------------------------------------- */

static char base[64], api[96];
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

/* --- a run ------------------------------------------------------------- */

struct run {
	struct loop *loop;
	struct scenario *sc;
	struct fault_conf *confs;
	struct fault_link_conf *links;
	size_t n, n_links;
	struct allow *allow;
	struct symbols *symbols;
	struct fault_link *link;
	struct faults *fs;
	struct errs errs;
	json_t *asked, *achieved;
	char why[256];
	bool done;
	size_t left;
};

static int set_up(void **state)
{
	struct run *r = mem_zalloc(sizeof(*r));
	struct addr addr;
	struct err err;
	int fd;

	strcpy(base, "/tmp/gd-link-XXXXXX");
	assert_non_null(mkdtemp(base));
	setenv("GAMEDAY_UNDO_DIR", base, 1);
	snprintf(api, sizeof(api), "unix:%s/api", base);
	assert_int_equal(addr_parse(api, &addr, &err), 0);
	assert_int_equal(addr_listen(&addr, 16, &fd, &err), 0);
	assert_int_equal(httpd_new(NULL, fd, 4096, serve, NULL, &server, &err),
			 0);
	buf_init(&log_, 0);
	present = refuse = false;
	lease = -1;
	errs_init(&r->errs);
	assert_int_equal(loop_new(LOOP_EPOLL, &r->loop, &err), 0);
	r->allow = allow_new();
	r->symbols = symbols_new();
	symbols_set(r->symbols, "staging:postgres", "127.0.0.1:5432");
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct run *r = *state;
	char command[96];

	faults_free(r->fs);
	fault_link_close(r->link);
	fault_confs_free(r->confs, r->n);
	fault_link_confs_free(r->links, r->n_links);
	scenario_free(r->sc);
	symbols_free(r->symbols);
	allow_free(r->allow);
	loop_free(r->loop);
	errs_done(&r->errs);
	json_decref(r->asked);
	json_decref(r->achieved);
	mem_free(r);
	httpd_free(server);
	mem_close_fd(&lease);
	buf_done(&log_);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static void on_event(void *arg, const struct fault_event *e)
{
	struct run *r = arg;

	if (e->achieved) {
		json_decref(r->asked);
		json_decref(r->achieved);
		r->asked = json_deep_copy(e->asked);
		r->achieved = json_deep_copy(e->achieved);
	}
	if (e->why)
		snprintf(r->why, sizeof(r->why), "%s", e->why);
}

static void on_done(void *arg, size_t n_left)
{
	struct run *r = arg;

	r->done = true;
	r->left = n_left;
}

static void parse(struct run *r, const char *text)
{
	static const struct section_spec *const specs[] = {
		&fault_section, &fault_link_section, NULL
	};

	fault_set_table(faults_table);
	scenario_parse("t.ini", text, specs, NULL, NULL, &r->sc, &r->errs);
	if (r->sc) {
		fault_confs_read(r->sc, &r->confs, &r->n, &r->errs);
		fault_link_confs_read(r->sc, &r->links, &r->n_links, &r->errs);
	}
	if (r->errs.n)
		fail_msg("%s", r->errs.v[0].msg);
}

static int open_link(struct run *r, const char *to, const char *run,
		     json_t *stack_links, struct err *err)
{
	struct fault_link_args args = {
		.loop = r->loop, .allow = r->allow, .run = run, .api = to,
		.stack_links = stack_links, .symbols = r->symbols,
		.confs = r->links, .n = r->n_links,
	};

	return fault_link_open(&args, &r->link, err);
}

static void make_faults(struct run *r, const char *run, double speed)
{
	struct faults_args args = {
		.env = { .loop = r->loop, .allow = r->allow, .run = run,
			 .symbols = r->symbols, .link = r->link,
			 .speed = speed },
		.table = faults_table, .confs = r->confs, .n = r->n,
		.run_dir = base, .guardian = true, .event = on_event,
		.all_done = on_done, .arg = r,
	};

	faults_new(&args, &r->fs, &r->errs);
	if (r->errs.n)
		fail_msg("%s", r->errs.v[0].msg);
}

static void turn_until_state(struct run *r, size_t i, enum fault_state want)
{
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	while (faults_state(r->fs, i) != want && clock_mono() < end)
		loop_turn(r->loop, 20 * NSEC_MS);
	if (faults_state(r->fs, i) != want)
		fail_msg("fault %zu is %s: %s", i,
			 fault_state_name(faults_state(r->fs, i)), r->why);
}

static void end_run(struct run *r)
{
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	faults_revert_all(r->fs);
	while (!r->done && clock_mono() < end)
		loop_turn(r->loop, 20 * NSEC_MS);
	assert_true(r->done);
	assert_int_equal(r->left, 0);
	faults_release(r->fs);
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

static void arm(struct run *r)
{
	struct err err = { 0 };

	if (faults_arm(r->fs, &err))
		fail_msg("%s", err.msg);
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

/* --- the real proxy ---------------------------------------------------- */

static void *echo(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char b[64];
	ssize_t n;

	while ((n = read(fd, b, sizeof(b))) > 0)
		if (write(fd, b, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

static double echo_ms(int fd)
{
	nsec_t start_ = clock_mono();
	char b = 'x';

	assert_int_equal(write(fd, &b, 1), 1);
	assert_int_equal(read(fd, &b, 1), 1);
	return (double)(clock_mono() - start_) / NSEC_MS;
}

static double best_ms(int fd)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double ms = echo_ms(fd);

		best = ms < best ? ms : best;
	}
	return best;
}

static json_t *ask(const char *to, const char *path)
{
	struct addr addr;
	struct err err = { 0 };
	char request[256], body[8192];
	json_t *o;
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n"
			 "Host: x\r\nConnection: close\r\n\r\n", path);

	assert_int_equal(addr_parse(to, &addr, &err), 0);
	if (http1_call_wait(&addr, request, (size_t)n, NSEC_SEC, body,
			    sizeof(body), &err) != 200)
		fail_msg("%s: %s", path, err.msg);
	assert_int_equal(json_parse(body, strlen(body), &o, &err), 0);
	return o;
}

/* It lingers after a goodbye, for its clients; not for a test. */
static void end_proxy(const char *to)
{
	json_t *o = ask(to, "/gameday/instance");
	pid_t pid = (pid_t)json_int64(o, "pid", 0);

	json_decref(o);
	assert_true(pid > 1);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);	/* not ours when the controller died */
	if (!strncmp(to, "unix:", 5))
		unlink(to + 5);
}

/* A proxy of the run's own: started, used, and told goodbye. */
static void test_own_proxy(void **state)
{
	struct run *r = *state;
	struct addr any, addr;
	struct err err = { 0 };
	char text[256], at[ADDR_TEXT], run[32];
	pthread_t thread;
	int listener, fd;

	assert_int_equal(addr_parse("127.0.0.1:0", &any, &err), 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, &any.u.sa, any.len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(addr_local(listener, &addr), 0);
	pthread_create(&thread, NULL, echo, &listener);
	assert_int_equal(allow_add(r->allow, ALLOW_HOST, "127.0.0.1", &err),
			 0);
	snprintf(text, sizeof(text), "[link web]\nupstream = %s\n"
		 "[fault d]\nkind = link.delay\nlink = web\ndelay = 30ms\n",
		 addr_fmt(&addr, at));
	parse(r, text);
	snprintf(run, sizeof(run), "own-%d", (int)getpid());
	if (open_link(r, NULL, run, NULL, &err))
		fail_msg("%s", err.msg);
	make_faults(r, run, 1);
	arm(r);
	assert_int_equal(addr_parse(symbols_get(r->symbols, "link:web"), &addr,
				    &err), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, &addr.u.sa, addr.len), 0);
	assert_true(best_ms(fd) < 25);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	assert_true(best_ms(fd) >= 29);
	end_run(r);
	assert_true(best_ms(fd) < 25);	/* and still connected */
	assert_true(json_num(r->achieved, "delay_ms/p50", 0) >= 29);
	close(fd);
	pthread_join(thread, NULL);
	close(listener);
	end_proxy(fault_link_socket(r->link));
}

/* --- kill -9 with the real proxy --------------------------------------- */

static const char two[] =
	"[link web]\nupstream = 127.0.0.1:9\n"
	"[fault d]\nkind = link.delay\nlink = web\ndelay = 30ms\n"
	"[fault p]\nkind = pool.limit\nlink = web\nsize = 1\n";

/* Dies with one fault in, and the other's request perhaps on its way. */
static void controller(struct run *r, const char *run, int ready)
{
	struct err err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (allow_add(r->allow, ALLOW_HOST, "127.0.0.1", &err))
		_exit(1);
	parse(r, two);
	if (open_link(r, NULL, run, NULL, &err))
		_exit(2);
	make_faults(r, run, 1);
	arm(r);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	if (write(ready, "x", 1) != 1)
		_exit(3);
	for (;;) {
		faults_inject(r->fs, 1);
		loop_turn(r->loop, 100 * NSEC_MS);
	}
}

static size_t toxics_on(const char *to)
{
	json_t *o = ask(to, "/proxies/web/toxics");
	size_t n = json_array_size(o);

	json_decref(o);
	return n;
}

static bool journal_there(const char *run)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s.undo", base, run);
	return !access(path, F_OK);
}

static void kill_after(struct run *r, int no, nsec_t wait)
{
	char run[32], dir[RUNDIR_PATH], to[RUNDIR_PATH + 16], byte;
	nsec_t end;
	struct err err;
	int pair[2];
	pid_t pid;

	snprintf(run, sizeof(run), "kill-%d-%d", (int)getpid(), no);
	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (pid == 0)
		controller(r, run, pair[1]);
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	assert_int_equal(fault_run_path(run, dir, &err), 0);
	snprintf(to, sizeof(to), "unix:%s.proxy", dir);
	assert_true(toxics_on(to) > 0);
	nanosleep(&(struct timespec){ 0, wait }, NULL);
	kill(pid, SIGKILL);
	end = clock_mono() + 2 * NSEC_SEC;
	waitpid(pid, NULL, 0);
	while ((toxics_on(to) || journal_there(run)) && clock_mono() < end)
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	assert_int_equal(toxics_on(to), 0);	/* and it still serves */
	assert_false(journal_there(run));
	end_proxy(to);
}

static void test_killed(void **state)
{
	static const nsec_t waits[] = { 0, 50 * NSEC_US, 200 * NSEC_US,
					NSEC_MS, 20 * NSEC_MS };

	for (int i = 0; i < 5; i++)
		kill_after(*state, i, waits[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_take_over), TEST(test_clash),
		TEST(test_create),    TEST(test_no_proxy),
		TEST(test_goodbye),   TEST(test_pool_limit),
		TEST(test_link_delay), TEST(test_refused),
		TEST(test_check),     TEST(test_own_proxy),
		TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
