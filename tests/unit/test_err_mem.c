/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, memory that fails on order, the log's sink, drill time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"

static void test_err_set(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, -EINVAL, "unknown key '%s'", "latncy"),
			 -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.msg, "unknown key 'latncy'");
	assert_int_equal(err_prefix(&err, "%s:%d", "a.ini", 14), -EINVAL);
	assert_string_equal(err.msg, "a.ini:14: unknown key 'latncy'");
	assert_int_equal(err_set(NULL, -EIO, "nobody asks"), -EIO);
}

static void test_err_errno(void **state)
{
	struct err err = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_errno(&err, "cannot open '%s'", "/x"), -ENOENT);
	assert_string_equal(err.msg,
			    "cannot open '/x': No such file or directory");
	errno = 0;	/* never a success by accident */
	assert_int_equal(err_errno(NULL, "x"), -EIO);
}

static void test_err_long(void **state)
{
	char text[2000];
	struct err err = { 0 };

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_prefix(&err, "first");
	assert_memory_equal(err.msg, "first: aaa", 10);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void test_errs(void **state)
{
	struct errs errs;

	(void)state;
	errs_init(&errs);
	errs_add(&errs, "a.ini", 3, "unknown key '%s'", "x");
	errs_add(&errs, NULL, 0, "no [load]");
	assert_int_equal(errs.n, 2);
	assert_string_equal(errs.v[0].file, "a.ini");
	assert_int_equal(errs.v[0].line, 3);
	assert_string_equal(errs.v[0].msg, "unknown key 'x'");
	assert_null(errs.v[1].file);
	errs_done(&errs);
	assert_int_equal(errs.n, 0);
	errs_done(&errs);
}

static void test_errs_sort(void **state)
{
	static const char *const want[] = { "a1", "a2", "a9", "b1", "b4" };
	struct errs errs;

	(void)state;
	errs_init(&errs);
	errs_add(&errs, "a.ini", 9, "a9");
	errs_add(&errs, "a.ini", 2, "a2");
	errs_add(&errs, "b.ini", 4, "b4");
	errs_add(&errs, "a.ini", 1, "a1");
	errs_add(&errs, "b.ini", 1, "b1");
	errs_add(&errs, "a.ini", 2, "a2");
	errs_drop_repeated(&errs, 3);
	errs_sort(&errs, 0);
	assert_int_equal(errs.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(errs.v[i].msg, want[i]);
	errs_done(&errs);
}

static void test_mem_texts(void **state)
{
	AUTO_FREE char *a = mem_printf("%d-%s", 7, "x");
	AUTO_FREE char *b = mem_strndup("abcdef", 3);
	AUTO_FREE char *c = mem_strdup("");

	(void)state;
	assert_string_equal(a, "7-x");
	assert_string_equal(b, "abc");
	assert_string_equal(c, "");
	assert_null(mem_strdup(NULL));
	mem_free(NULL);
}

static void test_mem_grow(void **state)
{
	size_t n = 0, cap = 0;
	int *v = NULL;

	(void)state;
	for (; n < 100; n++) {
		(void)mem_grow(v, n, cap);
		v[n] = (int)n;
	}
	assert_int_equal(cap, 128);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(v[i], i);
	mem_free(v);
}

static jmp_buf on_oom;
static size_t oom_size;

static void oom(size_t size)
{
	oom_size = size;
	longjmp(on_oom, 1);
}

static void test_mem_fails_at(void **state)
{
	void *volatile first = NULL;

	(void)state;
	mem_set_oom(oom);
	if (setjmp(on_oom) == 0) {
		mem_fail_at(2);
		first = mem_alloc(10);
		mem_free(mem_alloc(20));
		fail_msg("the second allocation did not fail");
	}
	assert_int_equal(oom_size, 20);
	mem_free(first);
	mem_free(mem_alloc(30));	/* only that one */
	if (setjmp(on_oom) == 0) {
		mem_free(mem_calloc(SIZE_MAX / 2, 4));
		fail_msg("an overflow was not noticed");
	}
	mem_set_oom(NULL);
}

static void test_auto_close(void **state)
{
	int seen;

	(void)state;
	{
		AUTO_CLOSE int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		seen = fd;
	}
	assert_int_equal(fcntl(seen, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

struct logged {
	enum log_level level;
	char text[64];
	int n;
};

static void sink(void *arg, enum log_level level, const char *text)
{
	struct logged *l = arg;

	l->n++;
	l->level = level;
	strncpy(l->text, text, sizeof(l->text) - 1);
}

static void test_log(void **state)
{
	struct logged l = { 0 };

	(void)state;
	log_error("nobody listens");
	log_set_sink(sink, &l);
	log_debug("too low");
	assert_int_equal(l.n, 0);
	log_warn("took %d ms", 7);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.level, LOG_WARN);
	assert_string_equal(l.text, "took 7 ms");
	log_set_level(LOG_ERROR);
	log_warn("quiet");
	assert_int_equal(l.n, 1);
	log_set_level(LOG_INFO);
	log_set_sink(NULL, NULL);
}

static void test_drill_clock(void **state)
{
	struct drill_clock c = { .mono0 = 1000 * NSEC_SEC, .speed = 5 };

	(void)state;
	assert_int_equal(drill_from_mono(&c, 1002 * NSEC_SEC), 10 * NSEC_SEC);
	assert_int_equal(drill_from_mono(&c, 988 * NSEC_SEC), -60 * NSEC_SEC);
	assert_int_equal(drill_to_mono(&c, -60 * NSEC_SEC), 988 * NSEC_SEC);
	assert_int_equal(drill_span_to_real(&c, 90 * NSEC_SEC), 18 * NSEC_SEC);
	assert_int_equal(drill_to_mono(&c, NSEC_NEVER), NSEC_NEVER);
	assert_int_equal(drill_from_mono(&c, NSEC_NEVER), NSEC_NEVER);
	c.speed = 0.001;
	assert_int_equal(drill_to_mono(&c, INT64_MAX / 100), NSEC_NEVER);
}

/* Who waits for a drill time is then not told an earlier one. */
static void test_drill_clock_round_trip(void **state)
{
	static const double speeds[] = { 0.3, 1, 3, 5, 7, 20, 33.3 };

	(void)state;
	for (size_t s = 0; s < sizeof(speeds) / sizeof(*speeds); s++) {
		struct drill_clock c = { 123456789012345, 0, speeds[s], 0 };

		for (nsec_t t = -60 * NSEC_SEC; t < 1080 * NSEC_SEC;
		     t += 1234567891) {
			nsec_t back = drill_from_mono(&c,
						      drill_to_mono(&c, t));

			assert_true(back >= t);
			assert_true(back <= t + (nsec_t)speeds[s] + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_set),
		cmocka_unit_test(test_err_errno),
		cmocka_unit_test(test_err_long),
		cmocka_unit_test(test_errs),
		cmocka_unit_test(test_errs_sort),
		cmocka_unit_test(test_mem_texts),
		cmocka_unit_test(test_mem_grow),
		cmocka_unit_test(test_mem_fails_at),
		cmocka_unit_test(test_auto_close),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_drill_clock),
		cmocka_unit_test(test_drill_clock_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
