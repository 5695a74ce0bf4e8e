// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that were: what is averaged and what never is; a file that is bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "chaos/report/history.h"
#include "report_gold.h"

static struct history_row *add(struct history_rows *rows, const char *name,
			       double ttd, double restore)
{
	struct history_row *r;

	(void)mem_grow(rows->v, rows->n, rows->cap);
	r = &rows->v[rows->n++];
	*r = (struct history_row){
		.id = mem_printf("%s-%zu", name, rows->n),
		.scenario = mem_strdup(name),
		.kind = mem_strdup("drill"),
		.controls = mem_strdup(""),
		.started_at = mem_printf("2026-01-01T00:00:%02zuZ", rows->n),
		.status = mem_strdup("held"),
		.dir = mem_strdup("runs/x"),
		.seed = 7, .valid = true, .impact = 10, .ttd = ttd,
		.ttr_repair = restore - ttd, .ttr_restore = restore,
	};
	return r;
}

static double figure(const json_t *summary, size_t group, size_t measure,
		     const char *key)
{
	AUTO_FREE char *path = mem_printf("groups/%zu/measures/%zu/%s", group,
					  measure, key);

	return json_num(summary, path, NAN);
}

static void test_summary(void **state)
{
	static const double ttd[] = { 30, 10, 20, 60 };
	struct history_rows rows = { 0 };
	json_t *s, *again;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		add(&rows, "a", ttd[i], 100);
	add(&rows, "a", NAN, NAN);			/* undetected */
	add(&rows, "a", 30, NAN);			/* unrecovered */
	add(&rows, "a", 1e6, 1e6)->valid = false;
	add(&rows, "a", NAN, NAN)->impact = NAN;	/* nothing was wrong */
	add(&rows, "b", 5, 50);
	s = history_summary(&rows);
	assert_int_equal(json_array_size(json_at(s, "groups")), 2);
	assert_int_equal(json_int64(s, "groups/0/runs", 0), 8);
	assert_int_equal(json_int64(s, "groups/0/undetected", 0), 1);
	assert_int_equal(json_int64(s, "groups/0/unrecovered", 0), 2);
	assert_int_equal(json_int64(s, "groups/0/no_impact", 0), 1);
	assert_int_equal(json_int64(s, "groups/0/invalid", 0), 1);
	assert_float_equal(figure(s, 0, 0, "n"), 5, 0);
	assert_float_equal(figure(s, 0, 0, "mean"), 30, 1e-9);
	assert_float_equal(figure(s, 0, 0, "median"), 30, 1e-9);
	assert_float_equal(figure(s, 0, 0, "p95"), 54, 1e-9);
	assert_float_equal(figure(s, 0, 0, "min"), 10, 1e-9);
	assert_float_equal(figure(s, 0, 0, "max"), 60, 1e-9);
	/* Student: 30 +- 2.776 x 18.708 / sqrt(5); Cornish-Fisher is near */
	assert_float_equal(figure(s, 0, 0, "low"), 30 - 23.23, 1);
	assert_float_equal(figure(s, 0, 0, "high"), 30 + 23.23, 1);
	assert_float_equal(figure(s, 0, 2, "mean"), 100, 1e-9);
	assert_float_equal(figure(s, 0, 2, "n"), 4, 0);
	/* One value has no interval. */
	assert_float_equal(figure(s, 1, 0, "mean"), 5, 0);
	assert_true(isnan(figure(s, 1, 0, "low")));
	again = history_summary(&rows);
	assert_true(json_equal(s, again));
	json_decref(again);
	json_decref(s);
	history_rows_done(&rows);
}

static void test_none_detected(void **state)
{
	struct history_rows rows = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	json_t *s;

	(void)state;
	add(&rows, "a", NAN, NAN);
	s = history_summary(&rows);
	assert_true(isnan(figure(s, 0, 0, "mean")));
	history_text(s, f);
	fclose(f);
	assert_non_null(strstr(text, "1 undetected, 1 unrecovered"));
	mem_free(text);
	json_decref(s);
	history_rows_done(&rows);
}

static void test_file(void **state)
{
	char dir[] = "/tmp/gd-history-XXXXXX";
	struct history_rows rows = { 0 }, got = { 0 };
	AUTO_FREE char *path = NULL, *sub = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	sub = mem_printf("%s/new", dir);
	path = mem_printf("%s/history.db", sub);
	assert_int_equal(history_read(path, NULL, &got, &err), -ENOENT);
	add(&rows, "a'); DROP TABLE runs; --", 30, NAN);
	add(&rows, "b", NAN, 70);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(history_add(path, &rows.v[i], &err),
					 0);
	assert_int_equal(history_read(path, NULL, &got, &err), 0);
	assert_int_equal(got.n, 2);
	assert_string_equal(got.v[0].scenario, rows.v[0].scenario);
	assert_float_equal(got.v[0].ttd, 30, 0);
	assert_true(isnan(got.v[0].ttr_restore));
	assert_int_equal(got.v[0].seed, 7);
	history_rows_done(&got);
	assert_int_equal(history_read(path, "b", &got, &err), 0);
	assert_int_equal(got.n, 1);
	assert_string_equal(got.v[0].scenario, "b");
	history_rows_done(&got);
	history_rows_done(&rows);
	unlink(path);
	rmdir(sub);
	assert_int_equal(rmdir(dir), 0);
}

static void test_bad_file(void **state)
{
	char dir[] = "/tmp/gd-history-XXXXXX";
	static const char text[] = "this has never been a database, not once";
	struct history_rows rows = { 0 };
	AUTO_FREE char *path = NULL, *below = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/history.db", dir);
	below = mem_printf("%s/history.db/x.db", dir);
	put(dir, "history.db", text, strlen(text));
	add(&rows, "a", 30, 70);
	assert_int_equal(history_add(path, &rows.v[0], &err), -EIO);
	assert_non_null(strstr(err.msg, "move it away"));
	assert_true(history_add(below, &rows.v[0], &err) < 0);
	history_rows_done(&rows);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

/* Another run that holds it for long: a second is waited, then said. */
static void test_locked(void **state)
{
	char dir[] = "/tmp/gd-history-XXXXXX";
	struct history_rows rows = { 0 };
	AUTO_FREE char *path = NULL;
	struct err err = { 0 };
	sqlite3 *db = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/history.db", dir);
	add(&rows, "a", 30, 70);
	assert_int_equal(history_add(path, &rows.v[0], &err), 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(history_add(path, &rows.v[0], &err), -EBUSY);
	sqlite3_close(db);
	assert_int_equal(history_add(path, &rows.v[0], &err), 0);
	history_rows_done(&rows);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void test_row_of_a_run(void **state)
{
	struct history_rows rows = { 0 };
	struct report *r;
	struct gold g;

	(void)state;
	gold_init(&g);
	r = load(&g);
	history_row_of(r, &rows);
	assert_string_equal(rows.v[0].scenario, "gold");
	assert_true(rows.v[0].valid);
	assert_float_equal(rows.v[0].impact, 10, 0);
	assert_float_equal(rows.v[0].ttd, 30, 0);
	assert_float_equal(rows.v[0].ttr_repair, 60, 0);
	assert_float_equal(rows.v[0].ttr_restore, 90, 0);
	report_free(r);
	/* One that was killed counts for nothing. */
	g.events.len /= 2;
	r = load(&g);
	history_row_of(r, &rows);
	assert_false(rows.v[1].valid);
	report_free(r);
	history_rows_done(&rows);
	gold_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_none_detected),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_file),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_row_of_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
