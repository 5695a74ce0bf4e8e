/* SPDX-License-Identifier: Apache-2.0 */
/* The growable buffer: its invariant, its maximum, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"

static void test_add(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_true(buf_adds(&b, "users "));
	assert_true(buf_addf(&b, "%d of %d", 16, 16));
	assert_true(buf_add(&b, "\0x", 2));
	assert_int_equal(b.len, 16);
	assert_memory_equal(b.data, "users 16 of 16\0x", 17);
	buf_drop(&b, 6);
	assert_string_equal(b.data, "16 of 16");
	buf_drop(&b, 1000);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_done(&b);
	assert_null(b.data);
}

static void test_grows(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	for (int i = 0; i < 10000; i++)
		assert_true(buf_addf(&b, "%08d", i));
	assert_int_equal(b.len, 80000);
	assert_memory_equal(b.data + 8 * 1234, "0000123400001235", 16);
	assert_int_equal(b.data[b.len], '\0');
	buf_done(&b);
}

static void test_max(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_true(buf_adds(&b, "0123456789"));	/* just */
	assert_false(b.overflow);
	assert_false(buf_adds(&b, "x"));
	assert_true(b.overflow);
	assert_string_equal(b.data, "0123456789");
	buf_reset(&b);
	assert_false(b.overflow);
	assert_true(buf_adds(&b, "abc"));
	assert_false(buf_addf(&b, "%s", "too much for it"));
	assert_string_equal(b.data, "abc");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_true(b.overflow);
	buf_done(&b);
}

static void test_reserve_take(void **state)
{
	struct buf b;
	char *text;

	(void)state;
	buf_init(&b, 0);
	memcpy(buf_reserve(&b, 5), "hello", 5);
	b.len += 5;
	text = buf_take(&b);
	assert_string_equal(text, "hello");
	assert_int_equal(b.len, 0);
	mem_free(text);
	text = buf_take(&b);	/* of nothing: an empty text */
	assert_string_equal(text, "");
	mem_free(text);
}

static void test_read_file(void **state)
{
	char path[] = "/tmp/gd-test-buf-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(path);
	struct err err = { 0 };
	struct buf b;
	char line[100];

	(void)state;
	assert_true(fd >= 0);
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(write(fd, line, sizeof(line)), sizeof(line));
	buf_init(&b, 0);
	assert_int_equal(buf_read_file(&b, path, &err), 0);
	assert_int_equal(b.len, 100000);
	buf_done(&b);
	buf_init(&b, 99999);
	assert_int_equal(buf_read_file(&b, path, &err), -EFBIG);
	buf_done(&b);
	unlink(path);
	assert_int_equal(buf_read_file(&b, path, &err), -ENOENT);
	assert_non_null(strstr(err.msg, path));
	/* /proc says that its files are empty */
	assert_int_equal(buf_read_file(&b, "/proc/self/status", &err), 0);
	assert_non_null(strstr(b.data, "Pid:"));
	buf_done(&b);
	assert_int_equal(buf_read_file(&b, "/dev/null", &err), 0);
	assert_string_equal(b.data, "");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_max),
		cmocka_unit_test(test_reserve_take),
		cmocka_unit_test(test_read_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
