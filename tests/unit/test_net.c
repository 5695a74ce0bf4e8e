// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/* net.*: keys that do not fit together, shapes of a jitter, loss models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "faults/net/conf.h"
#include "faults/net/dist.h"
#include "faults/table.h"

/* "kind|key=value|…"; what net_valid() says, "" for nothing. */
static const char *says(const char *text)
{
	static struct err err;
	AUTO_FREE char *copy = mem_strdup(text);
	char *rest = copy, *kind = strsep(&rest, "|"), *pair;
	struct net_conf c;

	memset(&c, 0, sizeof(c));
	err = (struct err){ 0 };
	opt_defaults(net_opts, &c);
	while ((pair = strsep(&rest, "|"))) {
		char *value = strchr(pair, '=');

		*value++ = '\0';
		if (opt_set(net_opts, &c, pair, value, 1, &err))
			fail_msg("%s: %s", text, err.msg);
	}
	if (!net_valid(kind, &c, &err))
		err.msg[0] = '\0';
	opt_done(net_opts, &c);
	return err.msg;
}

static void test_together(void **state)
{
	static const struct {
		const char *keys, *says;
	} v[] = {
		{ "net.delay|delay=10ms", "" },
		{ "net.delay|loss=1%", "net.delay without 'delay'" },
		{ "net.loss|loss=1%", "" },
		{ "net.loss|loss=150%", "'loss' is over 100 %" },
		{ "net.loss|loss_model=gemodel|p=1%", "" },
		{ "net.loss|loss=1%|loss_model=gemodel", "'p'" },
		{ "net.loss|p=1%", "'p' needs 'loss_model = gemodel'" },
		{ "net.loss|loss_model=state|p13=60%|p14=60%", "at most" },
		{ "net.netem|jitter=1ms|loss=1%", "'jitter' needs 'delay'" },
		{ "net.netem|delay=1ms|distribution=normal",
		  "'distribution' needs 'jitter'" },
		{ "net.netem", "net.netem without 'delay'" },
		{ "net.reorder|reorder=5%", "'reorder' needs 'delay'" },
		{ "net.rate|rate=1mbit|shaper=tbf", "" },
		{ "net.rate|rate=1mbit|shaper=tbf|delay=1ms",
		  "keeps a rate and does nothing else" },
		{ "net.netem|delay=1ms|slot_min=9ms|slot_max=2ms",
		  "over 'slot_max'" },
		{ "net.delay|delay=1ms|protocol=icmp|port=80",
		  "icmp has no port" },
		{ "net.delay|delay=1ms|ends=source", "'ends' needs 'port'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const char *got = says(v[i].keys);

		if (*v[i].says ? !strstr(got, v[i].says) : *got != '\0')
			fail_msg("%s: says '%s'", v[i].keys, got);
	}
}

static void test_rate(void **state)
{
	static const struct {
		const char *text;
		double bytes;
	} v[] = { { "10mbit", 1250000 }, { "8bit", 1 }, { "1MB/s", 1e6 },
		  { "64KB", 64e3 }, { "fast", -1 }, { "10mb", -1 } };
	struct net_conf c;
	struct err err;

	(void)state;
	memset(&c, 0, sizeof(c));
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int rc = opt_set(net_opts, &c, "rate", v[i].text, 1, &err);

		assert_int_equal(rc != 0, v[i].bytes < 0);
		if (!rc)
			assert_true(fabs(c.rate - v[i].bytes) < 1e-9);
	}
}

static void moments(const int16_t *v, size_t n, double *mean, double *sigma)
{
	double squares = 0;

	*mean = 0;
	for (size_t i = 0; i < n; i++)
		*mean += (double)v[i] / DIST_SCALE / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = (double)v[i] / DIST_SCALE - *mean;

		squares += d * d;
	}
	*sigma = sqrt(squares / (double)n);
}

static void test_shapes(void **state)
{
	double mean, sigma;
	int16_t *table;
	struct err err;
	size_t n;

	(void)state;
	assert_int_equal(dist_table("normal", &table, &n, &err), 0);
	assert_int_equal(n, DIST_TABLE);
	moments(table, n, &mean, &sigma);
	assert_true(fabs(mean) < 0.001 && fabs(sigma - 1) < 0.01);
	/* 97.7 % lie below two sigma. */
	assert_true(fabs(table[(size_t)(0.97725 * DIST_TABLE)] /
			 (double)DIST_SCALE - 2) < 0.02);
	mem_free(table);
	assert_int_equal(dist_table("pareto", &table, &n, &err), 0);
	moments(table, n, &mean, &sigma);
	assert_true(fabs(mean) < 0.05 && sigma > 0.7 && sigma < 1.01);
	/* Its half is below its mean: the tail is long on one side. */
	assert_true(table[DIST_TABLE / 2] < 0);
	mem_free(table);
	assert_int_equal(dist_table("paretonormal", &table, &n, &err), 0);
	mem_free(table);
	assert_int_equal(dist_table("gauss", &table, &n, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no shape"));
}

static int table_of(const char *text, int16_t **ret, struct err *err)
{
	char path[] = "/tmp/gd-dist-XXXXXX";
	int fd = mkstemp(path);
	size_t n;
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	rc = dist_table(path, ret, &n, err);
	unlink(path);
	return rc;
}

static void test_file(void **state)
{
	double mean, sigma;
	int16_t *table;
	struct err err;

	(void)state;
	assert_int_equal(table_of("# ms\n12 8\n10 10.5 9.5\n", &table, &err),
			 0);
	moments(table, DIST_TABLE, &mean, &sigma);
	assert_true(fabs(mean) < 0.01 && fabs(sigma - 1) < 0.01);
	assert_true(table[0] < table[DIST_TABLE - 1]);
	mem_free(table);
	assert_int_equal(table_of("", &table, &err), -EINVAL);
	assert_int_equal(table_of("1 two 3", &table, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "two"));
	assert_int_equal(table_of("5 5 5", &table, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "the same"));
	assert_true(dist_table("/no/such", &table, &(size_t){ 0 }, &err) < 0);
}

static void test_models(void **state)
{
	struct netem_conf ge = { .loss_model = NETEM_LOSS_GEMODEL, .p = 0.02,
				 .r = 0.2, .loss_bad = 0.9 };
	struct netem_conf single = { .loss_model = NETEM_LOSS_STATE,
				     .p14 = 0.1, .p31 = 1 };

	(void)state;
	assert_true(fabs(netem_loss_share(&ge) - 0.0818) < 0.0001);
	/* After each single loss one packet passes: 0.1 / 1.1. */
	assert_true(fabs(netem_loss_share(&single) - 1 / 11.0) < 1e-6);
	single.p13 = 0.05;
	single.p14 = 0;
	single.p31 = 0.5;
	assert_true(fabs(netem_loss_share(&single) - 5 / 55.0) < 1e-6);
}

static void test_words(void **state)
{
	char port[] = "5432", dev[] = "eth0", uniform[] = "uniform";
	struct net_conf c = { .delay = 50 * NSEC_MS, .port = port, .dev = dev,
			      .distribution = uniform };
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	net_explain(&c, &b);
	assert_non_null(strstr(b.data, "50ms a packet is about 3 x 50ms = "
				       "150ms for a transaction"));
	buf_reset(&b);
	c.port = NULL;
	net_explain(&c, &b);
	assert_non_null(strstr(b.data, "1 x 50ms = 50ms for a round trip"));
	buf_reset(&b);
	net_disturbance(&c, 5, &b);
	assert_string_equal(b.data, "netem delay 10.000 ms");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
