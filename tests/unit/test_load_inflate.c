// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that came compressed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "chaos/load/inflate.h"

enum { GZIP = 15 + 16, ZLIB = 15, RAW = -15 };

static size_t squeeze(const char *text, size_t len, int bits, char *ret,
		      size_t cap)
{
	z_stream z = { 0 };
	char copy[70000];

	memcpy(copy, text, len);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8,
				      Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)copy;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)ret;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void knows_its_codings(void **state)
{
	(void)state;
	assert_true(inflate_knows("gzip", 4));
	assert_true(inflate_knows("X-GZip", 6));
	assert_true(inflate_knows("deflate", 7));
	assert_false(inflate_knows("br", 2));
	assert_false(inflate_knows("gzip, br", 8));
}

static void decodes_each(void **state)
{
	static const int bits[] = { GZIP, ZLIB, RAW };
	char in[256];
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < 3; i++) {
		size_t n = squeeze("hello hello", 11, bits[i], in, sizeof(in));

		assert_int_equal(inflate_body(in, n, false, &out), INFLATE_OK);
		assert_string_equal(out.data, "hello hello");
		assert_false(out.overflow);
	}
	buf_done(&out);
}

/* 64 KiB of zeros in 80 bytes: the maximum holds. */
static void stays_within_its_maximum(void **state)
{
	static char zeros[65536], in[256];
	size_t n = squeeze(zeros, sizeof(zeros), GZIP, in, sizeof(in));
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(inflate_body(in, n, false, &out), INFLATE_OK);
	assert_int_equal(out.len, 100);
	assert_true(out.overflow);
	buf_done(&out);
}

static void says_what_is_broken(void **state)
{
	char in[256];
	size_t n = squeeze("hello hello", 11, GZIP, in, sizeof(in));
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(inflate_body(in, n - 9, false, &out), INFLATE_BROKEN);
	assert_int_equal(inflate_body(in, n - 9, true, &out), INFLATE_OK);
	in[n - 8] = (char)~in[n - 8];	/* of the checksum */
	assert_int_equal(inflate_body(in, n, false, &out), INFLATE_BROKEN);
	assert_int_equal(inflate_body("not gzip at all", 15, false, &out),
			 INFLATE_BROKEN);
	buf_done(&out);
}

static void a_kept_body_is_as_its_coding_says(void **state)
{
	char in[256];
	size_t n = squeeze("hello hello", 11, GZIP, in, sizeof(in));
	struct buf body, decoded;

	(void)state;
	buf_init(&body, 100);
	buf_init(&decoded, 100);
	assert_ptr_equal(inflate_kept(&body, "gzip", 4, &decoded), &body);
	buf_add(&body, in, n);
	assert_ptr_equal(inflate_kept(&body, NULL, 0, &decoded), &body);
	assert_ptr_equal(inflate_kept(&body, "br", 2, &decoded), &body);
	assert_ptr_equal(inflate_kept(&body, "gzip", 4, &decoded), &decoded);
	assert_string_equal(decoded.data, "hello hello");
	assert_false(decoded.overflow);
	body.len -= 9;
	assert_null(inflate_kept(&body, "gzip", 4, &decoded));
	body.overflow = true;	/* more had come than was kept */
	assert_ptr_equal(inflate_kept(&body, "gzip", 4, &decoded), &decoded);
	assert_true(decoded.overflow);
	buf_done(&body);
	buf_done(&decoded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_its_codings),
		cmocka_unit_test(decodes_each),
		cmocka_unit_test(stays_within_its_maximum),
		cmocka_unit_test(says_what_is_broken),
		cmocka_unit_test(a_kept_body_is_as_its_coding_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
