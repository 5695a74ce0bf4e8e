/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* The pure parts of the load engine: ramps, draws, templates, scripts, counts,
 * snapshots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/limits.h"
#include "chaos/load/request.h"
#include "chaos/load/script.h"
#include "chaos/load/stats.h"
#include "chaos/load/user.h"

static struct stages stages_of(const char *a, const char *b, const char *c,
			       const char *d)
{
	const char *const texts[] = { a, b, c, d };
	struct stages s = { 0 };
	struct err err;

	for (size_t i = 0; i < 4 && texts[i]; i++)
		assert_int_equal(stages_add(&s, texts[i], &err), 0);
	return s;
}

static void stages_are_linear_with_jumps(void **state)
{
	struct stages s = stages_of("0s 100", "10s 200", "10s 50", "20s 50");

	(void)state;
	assert_true(stages_value(&s, -5 * NSEC_SEC) == 100);
	assert_true(stages_value(&s, 5 * NSEC_SEC) == 150);
	assert_true(stages_value(&s, 10 * NSEC_SEC - 1) > 199.9);
	assert_true(stages_value(&s, 10 * NSEC_SEC) == 50);
	assert_true(stages_value(&s, 99 * NSEC_SEC) == 50);
	assert_true(stages_max(&s) == 200);
	assert_true(stages_end(&s) == 20 * NSEC_SEC);
	assert_true(stages_flat_until(&s, -5 * NSEC_SEC) == 0);
	assert_true(stages_flat_until(&s, 5 * NSEC_SEC) == 5 * NSEC_SEC);
	assert_true(stages_flat_until(&s, 12 * NSEC_SEC) == NSEC_NEVER);
	stages_done(&s);
}

/* Against a sum of many small steps. */
static void areas_invert_the_ramp(void **state)
{
	struct stages s = stages_of("0s 10", "10s 110", "10s 20", "15s 0");
	nsec_t t = -2 * NSEC_SEC, step = 50 * NSEC_US;
	double area = 0;

	(void)state;
	for (int i = 0; i < 340000; i++) {
		if (i % 20000 == 0) {
			nsec_t got = stages_after_area(&s, -2 * NSEC_SEC, area);

			assert_true(llabs(got - t) <= NSEC_MS);
		}
		area += stages_value(&s, t + step / 2) * (double)step / 1e9;
		t += step;
	}
	assert_true(stages_after_area(&s, 0, 651) == NSEC_NEVER);
	assert_true(stages_after_area(&s, 5 * NSEC_SEC, 0) == 5 * NSEC_SEC);
	stages_done(&s);
}

/* Of 100 000 draws; what they should be, in seconds. */
struct drawn {
	const char *text;
	double mean, sd, median;
};

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Within four standard errors of a mean, and for the spread 3 %. */
static void check_drawn(const struct drawn *want, double *t, size_t n)
{
	double sum = 0, squares = 0, mean;

	for (size_t i = 0; i < n; i++)
		sum += t[i];
	mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (t[i] - mean) * (t[i] - mean);
	qsort(t, n, sizeof(*t), compare_double);
	assert_float_equal(mean, want->mean,
			   4 * want->sd / sqrt((double)n) + 1e-9);
	assert_float_equal(sqrt(squares / (double)n), want->sd,
			   0.03 * want->sd + 1e-9);
	assert_float_equal(t[n / 2], want->median, 0.02 * want->median);
}

static void distributions_are_what_they_say(void **state)
{
	static const struct drawn rows[] = {
		{ "const 1s", 1, 0, 1 },
		{ "exp 4.8s", 4.8, 4.8, 4.8 * 0.693147 },
		{ "uniform 0.28s 0.84s", 0.56, 0.161658, 0.56 },
		{ "normal 4.8s 0.5s", 4.8, 0.5, 4.8 },
		{ "lognormal 2s 1s", 2, 1, 1.788854 },
	};
	enum { N = 100000 };
	double *t = mem_calloc(N, sizeof(*t));
	struct rng rng;

	(void)state;
	rng_init(&rng, 3, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct dist d = { 0 };
		struct err err;

		assert_int_equal(dist_parse(rows[i].text, &d, &err), 0);
		assert_float_equal(dist_mean_s(&d), rows[i].mean, 1e-9);
		for (int k = 0; k < N; k++) {
			t[k] = (double)dist_draw(&d, &rng) / NSEC_SEC;
			assert_true(t[k] >= 0);
		}
		check_drawn(&rows[i], t, N);
	}
	mem_free(t);
}

static void templates_render(void **state)
{
	struct template_values v = { .user = 42, .iteration = 7 };
	struct template t = { 0 };
	struct rng rng;
	struct buf out;
	struct err err;
	uint64_t digest = 0;

	(void)state;
	rng_init(&rng, 1, 1);
	v.rng = &rng;
	v.digest = &digest;
	buf_init(&out, 0);
	assert_int_equal(template_parse(&t, "u=${user}&i=${iteration}&", NULL,
					&err),
			 0);
	assert_int_equal(template_parse(&t, "${uuid}|${uuid}|${rand.6}", NULL,
					&err),
			 0);
	assert_false(template_is_static(&t));
	template_render(&t, &v, &out);
	assert_memory_equal(out.data, "u=42&i=7&", 9);
	assert_memory_equal(out.data + 9, out.data + 9 + 37, 36);
	assert_int_equal(out.data[9 + 14], '4');
	assert_non_null(strchr("89ab", out.data[9 + 19]));
	assert_in_range(out.data[out.len - 1], '1', '6');
	assert_true(digest != 0);
	template_done(&t);
	assert_int_equal(template_parse(&t, "${rand.0}", NULL,
					&err), -EINVAL);
	template_done(&t);
	assert_int_equal(template_parse(&t, "${user", NULL,
					&err), -EINVAL);
	template_done(&t);
	buf_done(&out);
}

/* A conf of one journey without a scenario: think, request, think. */
struct tiny {
	struct load_step steps[3];
	struct load_journey journey;
	struct load_group group;
	struct load_conf conf;
	size_t which;
	double upto;
};

static void tiny_init(struct tiny *t, enum load_model model)
{
	struct err err;

	memset(t, 0, sizeof(*t));
	t->steps[0].think = t->steps[2].think = true;
	t->steps[0].dist = t->steps[2].dist =
		(struct dist){ DIST_EXP, NSEC_SEC, 0 };
	assert_int_equal(template_parse(&t->steps[1].body, "${rand.9}", NULL,
					&err),
			 0);
	t->journey = (struct load_journey){ .steps = t->steps, .n = 3,
					    .first_request = 1,
					    .last_request = 1 };
	t->upto = 1;
	t->group = (struct load_group){ .model = model, .journeys = &t->which,
					.upto = &t->upto, .n_journeys = 1 };
	t->conf = (struct load_conf){ .journeys = &t->journey,
				      .n_journeys = 1, .n_requests = 1 };
}

static void tiny_done(struct tiny *t)
{
	template_done(&t->steps[1].body);
}

static void scripts_depend_on_seed_and_number(void **state)
{
	struct script a, b;
	struct tiny t;
	uint64_t digest;

	(void)state;
	tiny_init(&t, LOAD_USERS);
	script_init(&a, &t.group, 11, 5);
	digest = script_digest(&a, &t.conf, &t.group);
	script_init(&b, &t.group, 11, 6);
	assert_true(script_digest(&b, &t.conf, &t.group) != digest);
	script_init(&b, &t.group, 12, 5);
	assert_true(script_digest(&b, &t.conf, &t.group) != digest);
	tiny_done(&t);
}

/* Wherever a run is cut off, drawing ahead gives the same digest. */
static void digest_is_drawn_ahead(void **state)
{
	struct template_values v;
	struct script_action action;
	struct script s;
	struct buf out;
	struct tiny t;
	uint64_t digest;

	(void)state;
	buf_init(&out, 0);
	tiny_init(&t, LOAD_USERS);
	script_init(&s, &t.group, 11, 5);
	digest = script_digest(&s, &t.conf, &t.group);
	for (int i = 0; i < 40; i++) {
		script_next(&s, &t.conf, &t.group, &action);
		if (action.kind == SCRIPT_REQUEST) {
			script_values(&s, &v);
			template_render(&action.step->body, &v, &out);
		}
		assert_true(script_digest(&s, &t.conf, &t.group) == digest);
	}
	tiny_done(&t);
	buf_done(&out);
}

static void scripts_of_users_and_arrivals(void **state)
{
	static const enum script_kind users[] = {
		SCRIPT_THINK,	/* the first pause, and then the journey */
		SCRIPT_THINK, SCRIPT_REQUEST, SCRIPT_THINK,
		SCRIPT_THINK, SCRIPT_REQUEST, SCRIPT_THINK,
	};
	static const enum script_kind arrival[] = {
		SCRIPT_REQUEST, SCRIPT_END, SCRIPT_END,
	};
	struct script_action action;
	struct script s;
	struct tiny t;

	(void)state;
	tiny_init(&t, LOAD_USERS);
	script_init(&s, &t.group, 1, 1);
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++) {
		script_next(&s, &t.conf, &t.group, &action);
		assert_int_equal(action.kind, users[i]);
	}
	assert_int_equal(s.iteration, 2);
	tiny_done(&t);
	tiny_init(&t, LOAD_ARRIVALS);
	script_init(&s, &t.group, 1, 1);
	for (size_t i = 0; i < sizeof(arrival) / sizeof(*arrival); i++) {
		script_next(&s, &t.conf, &t.group, &action);
		assert_int_equal(action.kind, arrival[i]);
	}
	tiny_done(&t);
}

static void outcomes_follow_the_table(void **state)
{
	static const struct {
		int status;
		enum outcome_kind kind;
		enum load_cause cause;
	} rows[] = {
		{ 200, OUTCOME_OK, 0 },
		{ 204, OUTCOME_OK, 0 },
		{ 302, OUTCOME_OK, 0 },
		{ 400, OUTCOME_CLIENT, 0 },
		{ 404, OUTCOME_CLIENT, 0 },
		{ 409, OUTCOME_BUSINESS, 0 },
		{ 422, OUTCOME_CLIENT, 0 },
		{ 429, OUTCOME_FAILED, LOAD_429 },
		{ 500, OUTCOME_FAILED, LOAD_5XX },
		{ 503, OUTCOME_FAILED, LOAD_5XX },
		{ 101, OUTCOME_FAILED, LOAD_PROTOCOL },
		{ 999, OUTCOME_FAILED, LOAD_PROTOCOL },
	};
	struct load_step step = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct outcome o = outcome_of_status(&step, rows[i].status);

		assert_int_equal(o.kind, rows[i].kind);
		if (o.kind == OUTCOME_FAILED)
			assert_int_equal(o.cause, rows[i].cause);
		assert_true(o.answered);
	}
	step.expect_lo = step.expect_hi = 404;
	assert_int_equal(outcome_of_status(&step, 404).kind, OUTCOME_OK);
	assert_int_equal(outcome_of_status(&step, 200).cause, LOAD_CHECK);
	assert_int_equal(outcome_of_status(&step, 503).cause, LOAD_5XX);
}

/* Takes what stats hand out, through the encoding. */
struct taken {
	int64_t seconds[64];
	uint64_t due[64], ok[64];
	size_t n;
};

static void take(void *arg, struct load_snapshot *s)
{
	struct taken *taken = arg;
	struct load_snapshot got;
	struct buf bytes;
	struct err err;

	buf_init(&bytes, 0);
	load_snapshot_encode(s, &bytes);
	assert_int_equal(load_snapshot_decode(&got, bytes.data, bytes.len,
					      &err), 0);
	assert_int_equal(got.n, s->n);
	taken->seconds[taken->n] = got.second;
	for (size_t i = 0; i < got.n; i++) {
		taken->due[taken->n] += got.rows[i].due;
		taken->ok[taken->n] += got.rows[i].ok;
		assert_int_equal(got.rows[i].phase, s->rows[i].phase);
		assert_int_equal(hist_count(got.rows[i].response),
				 hist_count(s->rows[i].response));
		assert_true(hist_max(got.rows[i].response) ==
			    hist_max(s->rows[i].response));
	}
	taken->n++;
	load_snapshot_done(&got);
	buf_done(&bytes);
}

static void seconds_are_sent_once_each(void **state)
{
	const struct outcome ok = { .kind = OUTCOME_OK, .answered = true };
	struct stats_user u = { 0 };
	struct taken taken = { .n = 0 };
	struct stats s;

	(void)state;
	stats_init(&s, 2, -1500 * NSEC_MS);
	s.flush = take;
	s.arg = &taken;
	stats_advance(&s, -1200 * NSEC_MS);
	stats_due(&s, &u, 1, LOAD_BASELINE);
	stats_advance(&s, -1 * NSEC_SEC);	/* the turn of a second */
	stats_end(&s, &u, 1, LOAD_BASELINE, ok,
		  (struct stats_times){ 200 * NSEC_MS, 100 * NSEC_MS });
	stats_advance(&s, 2500 * NSEC_MS);	/* late: three empty ones */
	stats_flush(&s);
	assert_int_equal(taken.n, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(taken.seconds[i], i - 2);
	assert_int_equal(taken.due[0], 1);
	assert_int_equal(taken.ok[0], 0);
	assert_int_equal(taken.ok[1], 1);
	assert_int_equal(taken.ok[2] + taken.ok[3] + taken.ok[4], 0);
	stats_done(&s);
}

static void users_are_counted_once(void **state)
{
	const struct outcome ok = { .kind = OUTCOME_OK, .answered = true };
	const struct outcome sold = { .kind = OUTCOME_BUSINESS,
				      .answered = true };
	const struct outcome gone = { .kind = OUTCOME_FAILED,
				      .cause = LOAD_TIMEOUT };
	const struct stats_times t = { NSEC_SEC, -1 };
	struct stats_user a = { 0 }, b = { 0 }, c = { 0 };
	struct stats s;

	(void)state;
	stats_init(&s, 2, 0);
	for (int i = 0; i < 3; i++) {
		stats_due(&s, &a, 1, LOAD_FAULT);
		stats_end(&s, &a, 1, LOAD_FAULT, gone, t);
	}
	stats_due(&s, &a, 1, LOAD_RECOVERY);
	stats_end(&s, &a, 1, LOAD_RECOVERY, ok, t);
	stats_due(&s, &b, 1, LOAD_FAULT);
	stats_end(&s, &b, 1, LOAD_FAULT, gone, t);
	stats_due(&s, &b, 1, LOAD_FAULT);
	stats_end(&s, &b, 1, LOAD_FAULT, sold, t);
	stats_fold(&s, &a);
	stats_fold(&s, &b);
	stats_fold(&s, &c);
	assert_int_equal(s.users[1 * LOAD_PHASES + LOAD_FAULT].asked, 2);
	assert_int_equal(s.users[1 * LOAD_PHASES + LOAD_FAULT].unserved, 1);
	assert_int_equal(s.users[1 * LOAD_PHASES + LOAD_FAULT].raw, 5);
	assert_int_equal(s.users[1 * LOAD_PHASES + LOAD_RECOVERY].asked, 1);
	assert_int_equal(s.users[1 * LOAD_PHASES + LOAD_RECOVERY].unserved, 0);
	assert_int_equal(s.users_affected, 2);
	stats_done(&s);
}

/* Every cut, and every byte changed, is an error or a snapshot: no crash. */
static void broken_snapshots_are_refused(void **state)
{
	struct load_row row = { .api = 3, .phase = LOAD_FAULT, .due = 9,
				.censored = 5, .checks_ok = 6,
				.checks_failed = 7 };
	struct load_snapshot s = { .thread = 1, .threads = 2, .second = -60,
				   .users = 150, .rows = &row, .n = 1 };
	struct load_snapshot got;
	struct buf bytes;
	struct err err;

	(void)state;
	row.response = hist_new();
	hist_record(row.response, 10 * NSEC_SEC);
	hist_record(row.response, 2 * HIST_MAX_US * NSEC_US);
	buf_init(&bytes, 0);
	load_snapshot_encode(&s, &bytes);
	assert_int_equal(load_snapshot_decode(&got, bytes.data, bytes.len,
					      &err), 0);
	assert_int_equal(got.second, -60);
	assert_true(got.users == 150);
	assert_int_equal(got.rows[0].due, 9);
	assert_int_equal(got.rows[0].censored, 5);
	assert_int_equal(got.rows[0].checks_ok, 6);
	assert_int_equal(got.rows[0].checks_failed, 7);
	assert_int_equal(got.rows[0].saturated, 1);
	load_snapshot_done(&got);
	for (size_t n = 0; n < bytes.len; n++) {
		char *copy = mem_alloc(n + 1);

		memcpy(copy, bytes.data, n);
		assert_true(load_snapshot_decode(&got, copy, n, &err) < 0);
		mem_free(copy);
	}
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= (char)0xff;
		if (load_snapshot_decode(&got, bytes.data, bytes.len, &err) ==
		    0)
			load_snapshot_done(&got);
		bytes.data[i] ^= (char)0xff;
	}
	buf_add(&bytes, "x", 1);
	assert_true(load_snapshot_decode(&got, bytes.data, bytes.len, &err) <
		    0);
	hist_free(row.response);
	buf_done(&bytes);
}

static void a_user_is_small(void **state)
{
	(void)state;
	/* The goal is 8 KB; a parser is only had while an answer comes in. */
	assert_true(sizeof(struct user) <= 512);
	assert_true(sizeof(struct user) + sizeof(struct http1_parser) < 4096);
}

static void limits_are_of_descriptors_and_of_ports(void **state)
{
	const struct limits l = { .fds = 1000, .fds_used = 200, .ports = 500 };

	(void)state;
	assert_true(limits_fit(&l, 600, 400));
	assert_false(limits_fit(&l, 601, 0));	/* three a user, say */
	assert_false(limits_fit(&l, 0, 401));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_are_linear_with_jumps),
		cmocka_unit_test(areas_invert_the_ramp),
		cmocka_unit_test(distributions_are_what_they_say),
		cmocka_unit_test(templates_render),
		cmocka_unit_test(scripts_depend_on_seed_and_number),
		cmocka_unit_test(digest_is_drawn_ahead),
		cmocka_unit_test(scripts_of_users_and_arrivals),
		cmocka_unit_test(outcomes_follow_the_table),
		cmocka_unit_test(seconds_are_sent_once_each),
		cmocka_unit_test(users_are_counted_once),
		cmocka_unit_test(broken_snapshots_are_refused),
		cmocka_unit_test(a_user_is_small),
		cmocka_unit_test(limits_are_of_descriptors_and_of_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
