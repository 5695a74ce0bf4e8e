// links: gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of chunks by deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "faults/proxy/delayq.h"

static void test_deadlines(void **state)
{
	struct delayq q;

	(void)state;
	delayq_init(&q);
	assert_int_equal(delayq_next(&q), NSEC_NEVER);
	delayq_add(&q, "abc", 3, 100, 50);
	delayq_add(&q, "de", 2, 110, 50);
	assert_int_equal(q.bytes, 5);
	assert_int_equal(delayq_next(&q), 150);
	assert_null(delayq_due(&q, 149));
	assert_non_null(delayq_due(&q, 150));
	assert_memory_equal(delayq_due(&q, 150)->data, "abc", 3);
	assert_false(delayq_sent(&q, 2));
	assert_int_equal(delayq_due(&q, 150)->off, 2);
	assert_true(delayq_sent(&q, 1));
	delayq_drop(&q);
	assert_null(delayq_due(&q, 159));
	assert_int_equal(delayq_due(&q, 160)->arrival, 110);
	assert_int_equal(q.bytes, 2);
	delayq_done(&q);
	assert_true(delayq_empty(&q));
	assert_int_equal(q.bytes, 0);
}

static void test_order_is_kept(void **state)
{
	struct delayq q;

	(void)state;
	delayq_init(&q);
	delayq_add(&q, "a", 1, 0, 100);
	delayq_add(&q, "b", 1, 10, 20); /* would be due at 30 */
	delayq_add(&q, "c", 1, 20, 500);
	assert_int_equal(q.head->due, 100);
	assert_int_equal(q.head->next->due, 100);
	assert_int_equal(q.tail->due, 520);
	/* One that is drained holds up nobody */
	while (!delayq_empty(&q))
		delayq_drop(&q);
	delayq_add(&q, "d", 1, 30, 20);
	assert_int_equal(delayq_next(&q), 50);
	/* A delay below nothing is none */
	delayq_add(&q, "e", 1, 60, -100);
	assert_int_equal(q.tail->due, 60);
	delayq_done(&q);
}

static void test_shorten(void **state)
{
	struct delayq q;

	(void)state;
	delayq_init(&q);
	delayq_add(&q, "a", 1, 0, 1000);
	delayq_add(&q, "b", 1, 400, 1000);
	delayq_add(&q, NULL, 0, 500, 0); /* the end */
	delayq_shorten(&q, 600, 0);
	assert_int_equal(q.head->due, 600);
	assert_int_equal(q.head->next->due, 1000);
	assert_int_equal(q.tail->due, 1000); /* behind the last byte */
	delayq_shorten(&q, 5000, 5000); /* longer: nothing changes */
	assert_int_equal(q.head->due, 600);
	delayq_shorten(&q, 0, 0);
	assert_int_equal(q.head->due, 0);
	assert_int_equal(q.tail->due, 500);
	/* and what comes next is not held up by what was */
	delayq_add(&q, "c", 1, 510, 10);
	assert_int_equal(q.tail->due, 520);
	delayq_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_order_is_kept),
		cmocka_unit_test(test_shorten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
