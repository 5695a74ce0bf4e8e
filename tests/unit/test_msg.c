/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: there and back, bytes on the wire, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chaos/base/msg.h"

static void fill(struct buf *b)
{
	buf_init(b, 0);
	msg_u32(b, 0x01020304);
	msg_i64(b, -2);
	msg_f64(b, 0.97);
	msg_bytes(b, "coupon", 6);
	msg_bytes(b, NULL, 0);
}

static void test_round_trip(void **state)
{
	struct msg_reader r;
	struct buf b;
	size_t len;

	(void)state;
	fill(&b);
	assert_int_equal(b.len, 4 + 8 + 8 + 10 + 4);
	msg_reader_init(&r, b.data, b.len);
	assert_int_equal(msg_get_u32(&r), 0x01020304);
	assert_int_equal(msg_get_i64(&r), -2);
	assert_true(msg_get_f64(&r) == 0.97);
	assert_memory_equal(msg_get_bytes(&r, &len), "coupon", 6);
	assert_int_equal(len, 6);
	msg_get_bytes(&r, &len);
	assert_int_equal(len, 0);
	assert_false(r.bad);
	assert_ptr_equal(r.p, r.end);
	buf_done(&b);
}

static void test_little_endian(void **state)
{
	struct buf b;

	(void)state;
	fill(&b);
	assert_memory_equal(b.data, "\x04\x03\x02\x01\xfe\xff\xff\xff", 8);
	assert_memory_equal(b.data + 20, "\x06\0\0\0coupon", 10);
	buf_done(&b);
}

/* A message that ends early gives zeros and stays bad. */
static void test_cut(void **state)
{
	struct buf b;

	(void)state;
	fill(&b);
	for (size_t cut = 0; cut < b.len; cut++) {
		struct msg_reader r;
		size_t len = 1;

		msg_reader_init(&r, b.data, cut);
		msg_get_u32(&r);
		msg_get_i64(&r);
		msg_get_f64(&r);
		msg_get_bytes(&r, &len);
		msg_get_bytes(&r, &len);
		assert_true(r.bad);
		assert_int_equal(len, 0);
		assert_int_equal(msg_get_u32(&r), 0);
		assert_true(r.p <= r.end);
	}
	buf_done(&b);
}

static void test_count_too_great(void **state)
{
	struct msg_reader r;
	size_t len = 1;

	(void)state;
	msg_reader_init(&r, "\xff\xff\xff\xff" "abc", 7);
	assert_null(msg_get_bytes(&r, &len));
	assert_int_equal(len, 0);
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_little_endian),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_count_too_great),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
