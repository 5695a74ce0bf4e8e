/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups by path, and event lines that any JSON reader takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"

static json_t *parse(const char *text)
{
	json_t *root = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &root, &err))
		fail_msg("%s", err.msg);
	return root;
}

static void test_look_ups(void **state)
{
	(void)state;
	json_t *root = parse("{\"a\":[{\"t_s\":1.5},7,\"x\",true,null],"
			     "\"n\":9007199254740993,\"\":{\"k\":1}}");

	assert_true(json_num(root, "a/0/t_s", 0) == 1.5);
	assert_true(json_num(root, "a/1", 0) == 7);
	assert_true(json_num(root, "a/2", -1) == -1);
	assert_true(json_num(root, "a/9", -1) == -1);
	assert_true(json_num(root, "a/x", -1) == -1);
	assert_true(json_num(root, "a/0/no/more", -1) == -1);
	assert_int_equal(json_int64(root, "n", 0), 9007199254740993);
	assert_int_equal(json_int64(root, "a/0/t_s", 0), 1);
	assert_int_equal(json_int64(root, "a/2", -1), -1);
	assert_string_equal(json_str(root, "a/2", "def"), "x");
	assert_string_equal(json_str(root, "a/1", "def"), "def");
	assert_null(json_str(root, "none", NULL));
	assert_true(json_flag(root, "a/3", false));
	assert_true(json_flag(root, "a/2", true));
	assert_true(json_is_null(json_at(root, "a/4")));
	assert_null(json_at(root, "a/5"));
	assert_ptr_equal(json_at(root, ""), root);
	assert_null(json_at(NULL, "a"));
	json_decref(root);
}

static void test_int64_of_a_real_stays_in_range(void **state)
{
	(void)state;
	json_t *root = parse("[1e300,-1e300,9.3e18,-9.2e18]");

	assert_int_equal(json_int64(root, "0", 5), 5);
	assert_int_equal(json_int64(root, "1", 5), 5);
	assert_int_equal(json_int64(root, "2", 5), 5);
	assert_int_equal(json_int64(root, "3", 5), -9200000000000000000);
	json_decref(root);
}

static void test_parse_says_where(void **state)
{
	(void)state;
	static const char text[] = "{\"a\":1,\n \"b\" 2}";
	json_t *root = NULL;
	struct err err = { 0 };

	assert_int_equal(json_parse(text, strlen(text), &root, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "line 2, column"));
	assert_int_equal(json_parse("{} x", 4, &root, &err), -EINVAL);
	assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, &root, &err),
			 -EINVAL);
	assert_int_equal(json_parse("", 0, &root, &err), -EINVAL);
	assert_null(root);
}

static void test_a_line_in_the_order_of_its_calls(void **state)
{
	(void)state;
	struct buf b;

	buf_init(&b, 0);
	json_line_begin(&b);
	json_line_int(&b, "seq", -3);
	json_line_str(&b, "name", "a");
	json_line_open(&b, "in");
	json_line_bool(&b, "yes", true);
	json_line_bool(&b, "no", false);
	json_line_close(&b);
	json_line_open(&b, "empty");
	json_line_close(&b);
	json_line_num(&b, "x", 0.1);
	json_line_raw(&b, "raw", "[1,{}]");
	json_line_str(&b, "nil", NULL);
	json_line_end(&b);
	json_line_begin(&b);
	json_line_end(&b);
	assert_string_equal(b.data,
		"{\"seq\":-3,\"name\":\"a\",\"in\":{\"yes\":true,\"no\":false},"
		"\"empty\":{},\"x\":0.1,\"raw\":[1,{}],\"nil\":null}\n{}\n");
	buf_done(&b);
}

static void check_time(nsec_t t, const char *want)
{
	struct buf b;

	buf_init(&b, 0);
	json_line_time(&b, "t", t);
	assert_string_equal(b.data + strlen("\"t\":"), want);
	buf_done(&b);
}

static void test_times_are_seconds(void **state)
{
	(void)state;
	check_time(0, "0.000000");
	check_time(150 * NSEC_SEC + 1500 * NSEC_US, "150.001500");
	check_time(-60 * NSEC_SEC, "-60.000000");
	check_time(-NSEC_MS, "-0.001000");
	check_time(-1, "0.000000");
	check_time(1999, "0.000001");
	check_time(NSEC_NEVER, "null");
}

/* What a line says reads back as the same double. */
static void check_num(double value)
{
	struct buf b;
	json_t *root;

	buf_init(&b, 0);
	json_line_begin(&b);
	json_line_num(&b, "v", value);
	json_line_end(&b);
	root = parse(b.data);
	assert_true(json_num(root, "v", NAN) == value);
	json_decref(root);
	buf_done(&b);
}

static void test_numbers_read_back(void **state)
{
	(void)state;
	static const double values[] = {
		0, 1, -1, 0.1, 1.0 / 3, 1e300, DBL_MIN, DBL_MAX, 123456789.125,
		0.30000000000000004, 5e-324,
	};
	struct buf b;

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		check_num(values[i]);
	buf_init(&b, 0);
	json_line_num(&b, "a", NAN);
	json_line_num(&b, "b", INFINITY);
	assert_string_equal(b.data, "\"a\":null,\"b\":null");
	buf_done(&b);
}

static void check_string(const char *text, const char *want)
{
	struct buf b;
	json_t *root;

	buf_init(&b, 0);
	json_line_begin(&b);
	json_line_str(&b, "v", text);
	json_line_str(&b, text, "as a key");
	json_line_end(&b);
	/* one line, and nothing but the last byte ends it */
	assert_ptr_equal(strchr(b.data, '\n'), b.data + b.len - 1);
	root = parse(b.data);
	assert_string_equal(json_str(root, "v", "-"), want);
	json_decref(root);
	buf_done(&b);
}

static void test_strings_are_escaped(void **state)
{
	(void)state;
	check_string("quote \" back \\ slash", "quote \" back \\ slash");
	check_string("\n\r\t\b\x01\x1f\x7f", "\n\r\t\b\x01\x1f\x7f");
	check_string("쿠폰 \xf0\x9f\x8e\x9f", "쿠폰 \xf0\x9f\x8e\x9f");
	check_string("", "");
}

static void test_broken_utf8_is_replaced(void **state)
{
	(void)state;
#define BAD "\xef\xbf\xbd"
	check_string("a\xff" "b", "a" BAD "b");
	check_string("cut \xec\xbf", "cut " BAD BAD);
	check_string("over-long \xc0\xaf", "over-long " BAD BAD);
	check_string("over-long \xe0\x80\x80", "over-long " BAD BAD BAD);
	check_string("surrogate \xed\xa0\x80", "surrogate " BAD BAD BAD);
	check_string("beyond \xf4\x90\x80\x80", "beyond " BAD BAD BAD BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look_ups),
		cmocka_unit_test(test_int64_of_a_real_stays_in_range),
		cmocka_unit_test(test_parse_says_where),
		cmocka_unit_test(test_a_line_in_the_order_of_its_calls),
		cmocka_unit_test(test_times_are_seconds),
		cmocka_unit_test(test_numbers_read_back),
		cmocka_unit_test(test_strings_are_escaped),
		cmocka_unit_test(test_broken_utf8_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
