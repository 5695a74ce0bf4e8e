// links: gd_drill
/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the breaking point, on synthetic systems with noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "chaos/base/rng.h"
#include "chaos/drill/search.h"

enum { WINDOWS = 6 };

/*
 * A closed system: throughput is the smaller of N / (Z + R0) and Xmax, softened
 * at the knee; p95 explodes at `limit` users as 1 / (1 - N / limit) does.
 */
struct world {
	double z, r0, xmax, limit;
	double noise;		/* of a window's p95, share */
	double drop;		/* of a failure by bad luck, a window */
	struct rng rng;
	int holds;
};

static double throughput(const struct world *w, double n)
{
	double linear = n / (w->z + w->r0);

	return pow(pow(linear, -8) + pow(w->xmax, -8), -1.0 / 8);
}

static void hold(struct world *w, struct search *s)
{
	double n = search_load(s), x = throughput(w, n);
	double p95 = n < w->limit ? 0.4 / (1 - n / w->limit) : INFINITY;

	w->holds++;
	for (int i = 0; i < WINDOWS; i++) {
		double seen = p95 * (1 + w->noise * rng_normal(&w->rng, 0, 1));
		bool luck = rng_double(&w->rng) < w->drop;
		double got = x * (1 + 0.02 * rng_normal(&w->rng, 0, 1));

		search_add(s, &(struct search_window){
			.good = seen < 2 && !luck,
			.seconds = 15,
			.answered = (uint64_t)(got * 15 + 0.5),
			.response_s = n / x - w->z,
		});
	}
}

static void find(struct world *w, const struct search_conf *conf,
		 struct search *s)
{
	enum search_do what = SEARCH_LEVEL;

	search_init(s, conf);
	while (what != SEARCH_OVER) {
		assert_true(w->holds < 200);
		hold(w, s);
		what = search_next(s);
	}
	assert_non_null(s->why);
}

static const struct search_conf users = {
	.from = 10, .to = 10000, .whole = true, .apart = 0.05, .linear = 0.6,
	.holds_max = 3,
};

/* p95 < 2 s breaks at 80 % of where it is infinite: 40 of 50. */
static void test_limit_knee_and_xmax(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world w = { .z = 0.56, .r0 = 0.14, .xmax = 117,
				   .limit = 62.5, .noise = 0.1 };
		struct search_numbers n;
		struct search s;

		rng_init(&w.rng, seed, 1);
		find(&w, &users, &s);
		assert_true(s.closed);
		search_numbers(&s, w.z, &n);
		assert_true(n.limit.value >= 45 && n.limit.value <= 52);
		assert_true(n.bad <= n.limit.value * 1.05 + 1);
		assert_true(n.limit.lo <= 50 && 50 <= n.limit.hi);
		assert_true(n.limit.lo <= n.limit.value);
		assert_true(n.limit.hi >= n.bad);
		assert_float_equal(n.xmax.value, 117, 3);
		assert_true(n.xmax.lo < n.xmax.value &&
			    n.xmax.value < n.xmax.hi);
		assert_float_equal(n.knee.value, 82, 3);
		assert_true(n.knee.lo < n.knee.value &&
			    n.knee.value < n.knee.hi);
		assert_true(w.holds <= 20);
	}
}

/* Without noise it is a plain bisection, and short. */
static void test_exact(void **state)
{
	struct world w = { .z = 1, .r0 = 0.1, .xmax = 500, .limit = 200 };
	struct search_numbers n;
	struct search s;

	(void)state;
	rng_init(&w.rng, 1, 1);
	find(&w, &users, &s);
	search_numbers(&s, w.z, &n);
	assert_true(n.limit.value < 160 && n.bad >= 160);
	assert_true(n.bad <= n.limit.value * 1.05);
	/* Every level was clear: the interval is the two neighbours. */
	assert_true(n.limit.lo == n.limit.value && n.limit.hi == n.bad);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.levels[i].holds, 1);
	for (size_t i = 1; i < 4; i++)
		assert_true(s.levels[i].load == 2 * s.levels[i - 1].load);
}

/* A window in seven that fails by bad luck must not look like a limit. */
static void test_bad_luck_is_no_limit(void **state)
{
	int near = 0, longer = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world w = { .z = 0.56, .r0 = 0.14, .xmax = 117,
				   .limit = 62.5, .drop = 1 / 7.0 };
		struct search_numbers n;
		struct search s;

		rng_init(&w.rng, seed, 1);
		find(&w, &users, &s);
		search_numbers(&s, w.z, &n);
		near += n.limit.value >= 47 && n.limit.value <= 50;
		for (size_t i = 0; i < s.n; i++)
			longer += s.levels[i].holds > 1;
	}
	assert_true(near >= 95);
	assert_true(longer > 0);
}

/* What the windows cannot tell apart stays in doubt and is said to be. */
static void test_doubt_widens(void **state)
{
	struct search_conf conf = users;
	struct search_numbers n;
	struct search s;

	(void)state;
	conf.to = 20;
	search_init(&s, &conf);
	for (int i = 0; i < WINDOWS; i++)
		search_add(&s, &(struct search_window){
				.good = true, .seconds = 15, .answered = 150 });
	assert_int_equal(search_next(&s), SEARCH_LEVEL);
	assert_true(search_load(&s) == 20);
	for (int k = 1; k <= 3; k++) {
		for (int i = 0; i < WINDOWS; i++)
			search_add(&s, &(struct search_window){
					.good = i % 2 == 0, .seconds = 15,
					.answered = 150 });
		assert_int_equal(search_next(&s),
				 k < 3 ? SEARCH_LONGER : SEARCH_LEVEL);
	}
	search_numbers(&s, 0.5, &n);
	assert_true(n.limit.lo == 10);
	assert_true(isinf(n.limit.hi));
	assert_true(n.bad == 20);
}

static void test_ends(void **state)
{
	struct world w = { .z = 0.5, .r0 = 0.1, .xmax = 1e6, .limit = 1e6 };
	struct search_conf conf = users;
	struct search_numbers n;
	struct search s;

	(void)state;
	conf.to = 100;
	rng_init(&w.rng, 1, 1);
	find(&w, &conf, &s);
	search_numbers(&s, w.z, &n);
	assert_false(s.closed);
	assert_true(search_load(&s) == 100);
	assert_true(n.limit.value == 100 && isnan(n.bad) && isinf(n.limit.hi));

	/* Bad from one user on. */
	w = (struct world){ .z = 0.5, .r0 = 0.1, .xmax = 100, .limit = 0.5 };
	rng_init(&w.rng, 1, 1);
	find(&w, &users, &s);
	search_numbers(&s, w.z, &n);
	assert_false(s.closed);
	assert_true(isnan(n.limit.value) && n.bad == 1 && n.limit.hi == 1);

	/* The limit is below where it began. */
	w = (struct world){ .z = 0.5, .r0 = 0.1, .xmax = 100, .limit = 7.5 };
	rng_init(&w.rng, 1, 1);
	find(&w, &users, &s);
	search_numbers(&s, w.z, &n);
	assert_true(s.closed);
	assert_true(n.limit.value == 5 && n.bad == 6);

	search_init(&s, &users);
	search_give_up(&s, "it did not recover");
	assert_int_equal(search_next(&s), SEARCH_OVER);
	assert_string_equal(s.why, "it did not recover");
	search_numbers(&s, 1, &n);
	assert_true(isnan(n.limit.value) && isnan(n.xmax.value) &&
		    isnan(n.knee.value));
}

/* Rates: levels are no whole numbers, and close in to 5 % all the same. */
static void test_rate(void **state)
{
	struct world w = { .z = 0, .r0 = 1, .xmax = 3, .limit = 2 };
	struct search_conf conf = { .from = 0.25, .to = 100, .apart = 0.05,
				    .linear = 0.9, .holds_max = 3 };
	struct search_numbers n;
	struct search s;

	(void)state;
	rng_init(&w.rng, 1, 1);
	find(&w, &conf, &s);
	search_numbers(&s, 0, &n);
	assert_true(n.limit.value < 1.6 && n.bad >= 1.6);
	assert_true(n.bad <= n.limit.value * 1.05);
}

static void test_student(void **state)
{
	struct search_mean m = { .n = 6, .mean = 1, .m2 = 5 };

	(void)state;
	assert_float_equal(search_mean_error(&m), 2.571 / sqrt(6), 0.01);
	m = (struct search_mean){ .n = 31, .mean = 1, .m2 = 30 };
	assert_float_equal(search_mean_error(&m), 2.042 / sqrt(31), 0.01);
	m.n = 1;
	assert_true(isinf(search_mean_error(&m)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_knee_and_xmax),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_bad_luck_is_no_limit),
		cmocka_unit_test(test_doubt_widens),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_student),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
