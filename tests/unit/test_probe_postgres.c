// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL and the round-trip probe, on a PostgreSQL of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <glob.h>
#include <math.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/watch/watch.h"

static const struct section_spec *const specs[] = {
	&watch_probe_section, NULL
};

static char dir[] = "/tmp/gameday-probe-XXXXXX";
static char bin[256];		/* PostgreSQL's programs */
static char at[ADDR_TEXT];
static struct proc_id server;
static int server_fd = -1;

/* PostgreSQL does not run as root. */
static const char *server_user(void)
{
	return getuid() ? NULL : "postgres";
}

static int spawn(const char *const *argv, int *ret_pidfd, struct proc_id *id)
{
	AUTO_FREE char *log = mem_printf("%s.log", dir);
	struct proc_args args = {
		.argv = argv, .user = server_user(), .log_path = log,
		.die_with_parent = true, .dir = "/tmp",
	};
	struct err err;

	if (proc_spawn(&args, id, ret_pidfd, &err)) {
		print_error("%s\n", err.msg);
		return -1;
	}
	return 0;
}

static int make_cluster(void)
{
	AUTO_FREE char *initdb = mem_printf("%s/initdb", bin);
	const char *const argv[] = { initdb, "-D", dir, "-A", "trust", "-U",
				     "postgres", "--no-sync", "-E", "UTF8",
				     "--no-locale", NULL };
	struct proc_id id;
	int pidfd, status;

	if (spawn(argv, &pidfd, &id))
		return -1;
	waitpid(id.pid, &status, 0);
	close(pidfd);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}

static int take_port(void)
{
	struct addr a;
	struct err err;
	int fd, port;

	if (addr_parse("127.0.0.1:0", &a, &err) ||
	    addr_listen(&a, 1, &fd, &err) || addr_local(fd, &a))
		return -1;
	addr_fmt(&a, at);
	port = addr_port(&a);
	close(fd);
	return port;
}

static int start_server(void)
{
	AUTO_FREE char *postgres = mem_printf("%s/postgres", bin);
	AUTO_FREE char *port = mem_printf("%d", take_port());
	const char *const argv[] = {
		postgres, "-D", dir, "-h", "127.0.0.1", "-p", port,
		"-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "shared_buffers=16MB", "-c", "max_connections=10", NULL
	};

	return spawn(argv, &server_fd, &server);
}

static int set_up(void **state)
{
	struct passwd *pw = getpwnam("postgres");

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	if (!getuid() && (!pw || chown(dir, pw->pw_uid, pw->pw_gid)))
		return -1;
	return make_cluster() || start_server() ? -1 : 0;
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	AUTO_FREE char *log = mem_printf("%s.log", dir);
	int status;

	(void)state;
	if (server_fd >= 0) {
		proc_signal(&server, SIGQUIT);
		waitpid(server.pid, &status, 0);
		close(server_fd);
	}
	unlink(log);
	return nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS);
}

struct bench {
	struct loop *loop;
	struct allow *allow;
	struct symbols *symbols;
	struct scenario *sc;
	struct watch_conf *conf;
	struct watch *watch;
};

static void begin(struct bench *b, const char *text)
{
	struct watch_args args;
	struct errs errs;
	struct err err;

	assert_int_equal(loop_new(LOOP_EPOLL, &b->loop, &err), 0);
	b->allow = allow_new();
	assert_int_equal(allow_add(b->allow, ALLOW_HOST, "127.0.0.1", &err),
			 0);
	b->symbols = symbols_new();
	symbols_set(b->symbols, "staging:postgres", at);
	errs_init(&errs);
	b->sc = NULL;
	scenario_parse("a.ini", text, specs, NULL, NULL, &b->sc, &errs);
	assert_int_equal(errs.n, 0);
	watch_conf_read(b->sc, &b->conf, &errs);
	assert_int_equal(errs.n, 0);
	args = (struct watch_args){
		.conf = b->conf, .loop = b->loop, .allow = b->allow,
		.symbols = b->symbols,
	};
	assert_int_equal(watch_new(&args, &b->watch, &err), 0);
	assert_int_equal(watch_start(b->watch, true, &err), 0);
	watch_sample_fast(b->watch, true);
}

static void end(struct bench *b)
{
	watch_free(b->watch);
	watch_conf_free(b->conf);
	scenario_free(b->sc);
	symbols_free(b->symbols);
	allow_free(b->allow);
	loop_free(b->loop);
}

static void await(struct bench *b, const char *text)
{
	nsec_t until = clock_mono() + 20 * NSEC_SEC;
	struct expr *e;
	struct err err;

	if (expr_parse(text, &e, &err))
		fail_msg("%s", err.msg);
	while (expr_eval(e, watch_env(b->watch)) != EXPR_TRUE) {
		if (clock_mono() > until)
			fail_msg("it never came: %s", text);
		loop_turn(b->loop, 50 * NSEC_MS);
	}
	expr_free(e);
}

static double value_of(struct bench *b, const char *gauge)
{
	struct expr_ref ref = { .arg = gauge };
	const struct expr_env *env = watch_env(b->watch);
	double value;

	return env->value(env->arg, &ref, &value) ? NAN : value;
}

/* The server may still be starting: a probe goes on asking. */
static void test_sql_gauges(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, "[probe pg]\nkind = sql\nurl = staging:postgres\n"
		  "gauge.one = SELECT 1\n"
		  "gauge.half = SELECT 0.5\n"
		  "gauge.null = SELECT NULL\n"
		  "gauge.no_table = SELECT count(*) FROM no_such_table\n"
		  "gauge.name = SELECT 'postgres'\n"
		  "gauge.me = SELECT count(*) FROM pg_stat_activity "
		  "WHERE application_name = 'gameday-probe'\n"
		  "gauge.last = SELECT extract(epoch FROM now())\n");
	await(&b, "one = 1 and half = 0.5 and me = 1 and last > 0");
	/* one that fails does not take the others with it */
	assert_true(isnan(value_of(&b, "no_table")));
	assert_true(isnan(value_of(&b, "null")));
	assert_true(isnan(value_of(&b, "name")));
	await(&b, "probe.pg.ok = 0");
	end(&b);
}

static void test_sql_notices_that_the_server_cut_it(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, "[probe pg]\nkind = sql\nurl = staging:postgres\n"
		  "gauge.one = SELECT 1\n"
		  "[probe killer]\nkind = sql\nurl = staging:postgres\n"
		  "every = 1h\n"
		  "gauge.killed = SELECT count(pg_terminate_backend(pid)) "
		  "FROM pg_stat_activity WHERE application_name = "
		  "'gameday-probe' AND pid <> pg_backend_pid()\n");
	await(&b, "killed >= 0");
	await(&b, "one = 1 and probe.pg.ok = 1");
	end(&b);
}

static void test_sql_that_takes_too_long(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, "[probe pg]\nkind = sql\nurl = staging:postgres\n"
		  "timeout = 200ms\ngauge.one = SELECT 1\n"
		  "gauge.two = SELECT 2 FROM pg_sleep(30)\n");
	await(&b, "probe.pg.ok = 0");
	assert_true(isnan(value_of(&b, "one")));
	end(&b);
}

static void test_round_trips_of_a_real_server(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, "[probe db]\nkind = postgres\nurl = staging:postgres\n"
		  "[probe none]\nkind = postgres\nurl = staging:postgres\n"
		  "database = no_such_database\n");
	await(&b, "probe.db.ok = 1 and probe.db.p50 > 0 and "
		  "probe.db.p95 < 5s and probe.none.ok = 0");
	end(&b);
}

static int find_programs(void)
{
	glob_t found;
	int rc = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found);

	if (!rc)
		snprintf(bin, sizeof(bin), "%.*s",
			 (int)(strrchr(found.gl_pathv[0], '/') -
			       found.gl_pathv[0]), found.gl_pathv[0]);
	globfree(&found);
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sql_gauges),
		cmocka_unit_test(test_sql_notices_that_the_server_cut_it),
		cmocka_unit_test(test_sql_that_takes_too_long),
		cmocka_unit_test(test_round_trips_of_a_real_server),
	};

	if (find_programs()) {
		printf("skipped: no PostgreSQL server in "
		       "/usr/lib/postgresql\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
