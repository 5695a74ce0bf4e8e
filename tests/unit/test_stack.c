// links: gd_stack
/* SPDX-License-Identifier: Apache-2.0 */
/* The staging stack's pure parts: names, ports, adoption, and the probes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "staging/stack/impl.h"

static void test_names(void **state)
{
	static const char *const bad[] = { "", "-a", "../x", "A", "a/b", "a.b",
		"a2345678901234567890123456789012x" };
	struct stack_paths paths;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(stack_paths_init(&paths, bad[i], &err),
				 -EINVAL);
	assert_int_equal(stack_paths_init(&paths, "game-day2", &err), 0);
	assert_non_null(strstr(paths.control, "/game-day2/control"));
	assert_true(strlen(paths.control) < 100);	/* sun_path */
}

/* PostgreSQL's own directory has to go before its second try. */
static void test_trees_of_others_are_removed(void **state)
{
	char dir[] = "/tmp/gd-stack-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cluster", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	/* Without root there is nobody else whose it could be. */
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(chown(dir, 65534, 65534), 0);
	}
	stack_remove_tree(dir);
	assert_int_equal(access(dir, F_OK), -1);
	stack_remove_tree(dir);		/* and none is fine */
}

static int ephemeral_low(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int low = 32768;

	if (f) {
		assert_int_equal(fscanf(f, "%d", &low), 1);
		fclose(f);
	}
	return low;
}

static void test_ports_are_no_outgoing_ones(void **state)
{
	int low = ephemeral_low(), port;

	(void)state;
	if (low < 16000)
		skip();
	for (int i = 0; i < 50; i++) {
		assert_int_equal(stack_free_port(&port, NULL), 0);
		assert_in_range(port, 1024, low - 1);
	}
}

static void test_args(void **state)
{
	struct args args = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		args_add(&args, "%d", i);
	args_add(&args, "%s", "");
	assert_int_equal(args.n, 101);
	assert_string_equal(args.v[99], "99");
	assert_string_equal(args.v[100], "");
	assert_null(args.v[101]);
	args_done(&args);
}

/* Of a stack that is up with pool 50 at speed 5. */
static json_t *an_info(void)
{
	return json_pack("{s:f, s:s, s:o, s:{s:s}}", "speed", 5.0,
			 "failure", "", "build", stack_build_id(),
			 "keys", "shop.pool", "50");
}

static void assert_differs(const json_t *info, const struct stack_conf *conf,
			   const char *word)
{
	struct err err = { 0 };

	assert_int_equal(stack_matches(info, conf, &err), -EBUSY);
	assert_non_null(strstr(err.msg, word));
}

static void test_adoption(void **state)
{
	static const char *const same[] = { "shop.pool=50", NULL };
	static const char *const other[] = { "shop.pool=16", NULL };
	static const char *const bad[] = { "sohp.pool=16", NULL };
	struct stack_conf conf = { .name = "x", .speed = 5, .keys = same };
	struct err err = { 0 };
	json_t *info = an_info();

	(void)state;
	assert_int_equal(stack_matches(info, &conf, &err), 0);
	conf.speed = 1;
	assert_differs(info, &conf, "speed");
	conf.speed = 5;
	conf.keys = other;
	assert_differs(info, &conf, "keys");
	conf.keys = NULL;
	assert_differs(info, &conf, "keys");
	conf.keys = bad;
	assert_int_equal(stack_matches(info, &conf, &err), -EINVAL);
	conf.keys = same;
	json_object_set_new(info, "failure", json_string("redis has ended"));
	assert_differs(info, &conf, "redis has ended");
	json_object_set_new(info, "failure", json_string(""));
	json_object_set_new(info, "build", json_pack("{s:s}", "x", "1"));
	assert_differs(info, &conf, "build");
	json_decref(info);
}

/* Probes: what is asked is drained, then what is answered comes in pieces. */

static void probe_open(struct probe *probe, const struct probe_ops *ops)
{
	*probe = (struct probe){ .ops = ops, .io.fd = -1 };
	buf_init(&probe->in, 0);
	buf_init(&probe->out, 0);
	ops->ask(probe);
	assert_true(probe->out.len > 0);
	buf_reset(&probe->out);
}

static void probe_done(struct probe *probe)
{
	buf_done(&probe->in);
	buf_done(&probe->out);
}

/* Byte by byte; the verdict after the last, and MORE before it. */
static enum probe_verdict hear(struct probe *probe, const char *data,
			       size_t len)
{
	for (size_t i = 0; i < len; i++) {
		enum probe_verdict verdict;

		buf_add(&probe->in, data + i, 1);
		verdict = probe->ops->check(probe);
		if (verdict != PROBE_MORE || i == len - 1) {
			assert_int_equal(i, len - 1);
			return verdict;
		}
	}
	return PROBE_MORE;
}

#define HEAR(probe, text) hear(probe, text, sizeof(text) - 1)

static void test_probe_redis(void **state)
{
	struct probe probe;

	(void)state;
	probe_open(&probe, &stack_probe_redis);
	assert_int_equal(HEAR(&probe, "-LOADIN"), PROBE_AGAIN);
	probe_done(&probe);
	probe_open(&probe, &stack_probe_redis);
	assert_int_equal(HEAR(&probe, "+PONG\r\n$30\r\n# Server\r\n"
			      "redis_version:7.0.15\r\n"), PROBE_YES);
	assert_string_equal(probe.version, "7.0.15");
	probe_done(&probe);
}

#define PG_STARTED "R\0\0\0\10\0\0\0\0"                       \
	"S\0\0\0\44server_version\0" "15.20 (Debian 1)\0"    \
	"Z\0\0\0\5I"

static void test_probe_postgres(void **state)
{
	struct probe probe;

	(void)state;
	/* "the database system is starting up" */
	probe_open(&probe, &stack_probe_postgres);
	assert_int_equal(HEAR(&probe, "E\0\0\0\14C57P03\0\0"), PROBE_AGAIN);
	probe_done(&probe);
	/* Up: the database is made, or was there already. */
	probe_open(&probe, &stack_probe_postgres);
	assert_int_equal(HEAR(&probe, PG_STARTED), PROBE_MORE);
	assert_string_equal(probe.version, "15.20");
	assert_non_null(memmem(probe.out.data, probe.out.len,
			       "CREATE DATABASE shop", 20));
	assert_int_equal(HEAR(&probe, "E\0\0\0\14C42P04\0\0"), PROBE_MORE);
	assert_int_equal(HEAR(&probe, "Z\0\0\0\5I"), PROBE_YES);
	probe_done(&probe);
	/* A message that says it is shorter than its own head. */
	probe_open(&probe, &stack_probe_postgres);
	assert_int_equal(HEAR(&probe, "R\0\0\0\3"), PROBE_AGAIN);
	probe_done(&probe);
}

static void put(struct buf *b, size_t size, uint32_t v)
{
	for (size_t i = size; i-- > 0;) {
		char c = (char)(v >> (8 * i));

		buf_add(b, &c, 1);
	}
}

/* A Metadata v1 answer with n partitions, of which the last has leader. */
static void metadata(struct buf *b, uint32_t n, uint32_t leader)
{
	struct buf body;

	buf_init(&body, 0);
	put(&body, 4, 1);		/* correlation id */
	put(&body, 4, 1);		/* brokers */
	put(&body, 4, 1);
	put(&body, 2, 1);
	buf_adds(&body, "h");
	put(&body, 4, 9092);
	put(&body, 2, 0xffff);		/* rack: null */
	put(&body, 4, 1);		/* controller */
	put(&body, 4, 1);		/* topics */
	put(&body, 2, 0);
	put(&body, 2, 1);
	buf_adds(&body, "t");
	put(&body, 1, 0);
	put(&body, 4, n);
	for (uint32_t i = 0; i < n; i++) {
		put(&body, 2, 0);
		put(&body, 4, i);
		put(&body, 4, i == n - 1 ? leader : 1);
		put(&body, 4, 1);
		put(&body, 4, 1);
		put(&body, 4, 1);
		put(&body, 4, 1);
	}
	put(b, 4, (uint32_t)body.len);
	buf_add(b, body.data, body.len);
	buf_done(&body);
}

static enum probe_verdict hear_metadata(uint32_t n, uint32_t leader)
{
	static const char versions[] = "\0\0\0\12\0\0\0\1\0\0\0\0\0\0";
	enum probe_verdict verdict;
	struct probe probe;
	struct buf answer;

	probe_open(&probe, &stack_probe_kafka);
	assert_int_equal(hear(&probe, versions, sizeof(versions) - 1),
			 PROBE_MORE);
	assert_non_null(memmem(probe.out.data, probe.out.len, STACK_TOPIC,
			       strlen(STACK_TOPIC)));
	buf_init(&answer, 0);
	metadata(&answer, n, leader);
	verdict = hear(&probe, answer.data, answer.len);
	buf_done(&answer);
	probe_done(&probe);
	return verdict;
}

static void test_probe_kafka(void **state)
{
	const uint32_t all = STACK_PARTITIONS;

	(void)state;
	assert_int_equal(hear_metadata(all, 1), PROBE_YES);
	assert_int_equal(hear_metadata(all, UINT32_MAX), PROBE_AGAIN);
	assert_int_equal(hear_metadata(1, 1), PROBE_AGAIN);
	assert_int_equal(hear_metadata(0, 1), PROBE_AGAIN);
}

/* Counts in an answer that its bytes do not bear out. */
static void test_probe_kafka_lies(void **state)
{
	static const char lie[] = "\0\0\0\14\0\0\0\1\377\377\377\377\0\0\0\1";
	struct probe probe;

	(void)state;
	probe_open(&probe, &stack_probe_kafka);
	probe.stage = 1;
	assert_int_equal(hear(&probe, lie, sizeof(lie) - 1), PROBE_AGAIN);
	probe_done(&probe);
}

/* One run at a time; the one in its way is named. */
static void test_claim(void **state)
{
	char dir[] = "/tmp/gameday-claim-XXXXXX";
	AUTO_FREE char *path = NULL;
	struct err err = { 0 };
	int first = -1, second = -1;
	json_t *info;

	(void)state;
	assert_non_null(mkdtemp(dir));
	info = json_pack("{s:s, s:s}", "name", "x", "logs", dir);
	assert_int_equal(stack_claim(info, "run-1", &first, &err), 0);
	assert_int_equal(stack_claim(info, "run-2", &second, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "run-1"));
	assert_int_equal(second, -1);
	close(first);
	assert_int_equal(stack_claim(info, "run-2", &second, &err), 0);
	close(second);
	path = mem_printf("%s/run.lock", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	json_decref(info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_trees_of_others_are_removed),
		cmocka_unit_test(test_ports_are_no_outgoing_ones),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_probe_redis),
		cmocka_unit_test(test_probe_postgres),
		cmocka_unit_test(test_probe_kafka),
		cmocka_unit_test(test_probe_kafka_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
