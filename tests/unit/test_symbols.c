// links: gd_scenario
/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/scenario/symbols.h"

static struct symbols *make(void)
{
	struct symbols *s = symbols_new();

	symbols_set(s, "staging:shop", "http://127.0.0.1:4711");
	symbols_set(s, "staging:postgres", "127.0.0.1:1");
	symbols_set(s, "staging:postgres", "127.0.0.1:5433");
	symbols_set(s, "link:db", "127.0.0.1:5555");
	symbols_set(s, "link:db/pool", "unix:/run/p.sock:/links/db/pool");
	symbols_set(s, "link:v6", "[::1]:99");
	return s;
}

static void expect(const char *text, const char *want)
{
	struct symbols *s = make();
	AUTO_FREE char *got = NULL;
	struct err err;

	assert_int_equal(symbols_expand(s, text, &got, &err), 0);
	assert_string_equal(got, want);
	symbols_free(s);
}

static void test_expand(void **state)
{
	(void)state;
	expect("staging:shop/products?a=1",
	       "http://127.0.0.1:4711/products?a=1");
	expect("staging:postgres", "127.0.0.1:5433");
	expect("link:db", "127.0.0.1:5555");
	expect("link:db/pool", "unix:/run/p.sock:/links/db/pool");
	expect("http://example.org/link:db", "http://example.org/link:db");
	expect("10.0.0.1:80", "10.0.0.1:80");
	expect("http://link:db/x?y", "http://127.0.0.1:5555/x?y");
	expect("http://staging:shop/x", "http://127.0.0.1:4711/x");
	expect("http://staging:8080/x", "http://staging:8080/x");
}

static void test_unknown_symbols(void **state)
{
	struct symbols *s = make();
	char *got = NULL;
	struct err err;

	(void)state;
	assert_int_equal(symbols_expand(s, "link:db2", &got, &err), -ENOENT);
	assert_null(got);
	assert_non_null(strstr(err.msg, "link:db2"));
	assert_non_null(strstr(err.msg, "staging:shop"));
	assert_int_equal(symbols_expand(s, "staging:db", &got, &err), -ENOENT);
	assert_null(symbols_get(s, "link:db2"));
	assert_string_equal(symbols_get(s, "link:db"), "127.0.0.1:5555");
	assert_true(symbols_is("staging:x"));
	assert_true(symbols_is("link:x"));
	assert_false(symbols_is("links:x"));
	assert_true(symbols_is("http://link:x"));
	assert_false(symbols_is("http://link:80"));
	symbols_free(s);
}

static void expect_addr(const char *text, const char *want)
{
	struct symbols *s = make();
	char got[ADDR_TEXT];
	struct addr a;
	struct err err;

	if (symbols_addr(s, text, &a, &err))
		fail_msg("%s: %s", text, err.msg);
	assert_string_equal(addr_fmt(&a, got), want);
	symbols_free(s);
}

static void test_addresses(void **state)
{
	struct symbols *s = make();
	struct addr a;
	struct err err;

	(void)state;
	expect_addr("staging:shop/products", "127.0.0.1:4711");
	expect_addr("link:db", "127.0.0.1:5555");
	expect_addr("link:db/pool", "unix:/run/p.sock");
	expect_addr("unix:/run/q.sock", "unix:/run/q.sock");
	expect_addr("link:v6", "[::1]:99");
	assert_true(symbols_addr(s, "nothing", &a, &err) < 0);
	assert_true(symbols_addr(s, "127.0.0.1:0", &a, &err) < 0);
	assert_true(symbols_addr(s, "127.0.0.1:80x", &a, &err) < 0);
	assert_true(symbols_addr(s, "link:none", &a, &err) < 0);
	symbols_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_unknown_symbols),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
