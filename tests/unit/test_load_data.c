/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* Data files, what is drawn from them, and what else a template can say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/load_run.h"

#include "chaos/load/template.h"

static int csv(struct rows *r, const char *text, struct err *err)
{
	*r = (struct rows){ 0 };
	return rows_csv(r, text, strlen(text), err);
}

static void csv_is_read_as_the_rfc_has_it(void **state)
{
	struct rows r;
	struct err err;

	(void)state;
	assert_int_equal(csv(&r, "\xef\xbb\xbfid,name,\"a \"\"b\"\"\"\r\n"
				 "1,\"x, y\",z\r\n"
				 "\r\n"
				 "2,\"two\nlines\",\n"
				 "3,,\"\"", &err), 0);
	assert_int_equal(r.n_columns, 3);
	assert_string_equal(r.columns[2], "a \"b\"");
	assert_int_equal(r.n, 3);
	assert_string_equal(rows_cell(&r, 0, 1), "x, y");
	assert_string_equal(rows_cell(&r, 1, 1), "two\nlines");
	assert_string_equal(rows_cell(&r, 1, 2), "");
	assert_string_equal(rows_cell(&r, 2, 0), "3");
	assert_string_equal(rows_cell(&r, 2, 2), "");
	assert_int_equal(rows_column(&r, "name"), 1);
	assert_int_equal(rows_column(&r, "nam"), 3);
	rows_done(&r);
}

static void wrong_csv_says_the_line(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "1: it is empty" },
		{ "a,,c\n", "1: a column has no name" },
		{ "a,b,a\n", "1: two columns are called 'a'" },
		{ "a,b\n1,2\n3\n", "3: 1 fields, and the header has 2" },
		{ "a,b\n1,2,3\n", "2: 3 fields" },
		{ "a\n\"x\ny\n", "2: nothing closes the quote" },
		{ "a,b\n1,2\n\"x\"y,2\n", "3: a quote inside" },
		{ "a\nx\"y\n", "2: a quote inside" },
		{ "a\nx\ry\n", "2: a quote inside" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct rows r;
		struct err err;

		assert_true(csv(&r, rows[i].text, &err) < 0);
		if (strncmp(err.msg, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("%s: %s", rows[i].text, err.msg);
		rows_done(&r);
	}
}

static void json_lines_are_rows(void **state)
{
	static const char good[] =
		"{\"id\":1,\"name\":\"a\\\"b\",\"deep\":{\"x\":[1,2]}}\n\n"
		"{\"name\":\"c\",\"id\":2.5,\"deep\":null,\"more\":1}";
	static const char bad[] = "{\"a\":1}\n{\"b\":1}\n";
	struct rows r = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(rows_jsonl(&r, good, strlen(good), &err), 0);
	assert_int_equal(r.n, 2);
	assert_string_equal(rows_cell(&r, 0, rows_column(&r, "name")), "a\"b");
	assert_string_equal(rows_cell(&r, 0, rows_column(&r, "deep")),
			    "{\"x\":[1,2]}");
	assert_string_equal(rows_cell(&r, 1, rows_column(&r, "id")), "2.5");
	rows_done(&r);
	assert_int_equal(rows_jsonl(&r, bad, strlen(bad), &err), -EINVAL);
	assert_string_equal(err.msg,
			    "2: it has no 'a', and the first line has");
	rows_done(&r);
	assert_true(rows_jsonl(&r, "{\"a\":1}\n[1]\n", 12, &err) < 0);
	assert_non_null(strstr(err.msg, "2: it is no JSON object"));
	rows_done(&r);
	assert_true(rows_jsonl(&r, "{\"a\":1}\n{\"a\":\n", 14, &err) < 0);
	assert_memory_equal(err.msg, "2: ", 3);
	rows_done(&r);
}

static void who_gets_which_row(void **state)
{
	struct data d = { .rows = { .n = 3 } };
	struct data_want want = { .seed = 7, .number = 1, .iteration = 1 };
	unsigned seen[3] = { 0 };
	atomic_ullong next = 0;

	(void)state;
	for (uint64_t i = 0; i < 7; i++)
		assert_int_equal(data_row(&d, &want, &next), i % 3);
	d.at_end = DATA_STOP;
	assert_true(data_row(&d, &want, &next) == DATA_NONE);
	d.order = DATA_USER;
	want.user = 2;
	assert_int_equal(data_row(&d, &want, &next), 2);
	want.user = 3;
	assert_true(data_row(&d, &want, &next) == DATA_NONE);
	d.at_end = DATA_WRAP;
	assert_int_equal(data_row(&d, &want, &next), 0);
	d.order = DATA_ITERATION;
	want.iteration = 5;
	assert_int_equal(data_row(&d, &want, &next), 1);
	d.order = DATA_RANDOM;
	for (uint32_t i = 1; i <= 3000; i++) {
		uint64_t row;

		want.iteration = i;
		row = data_row(&d, &want, &next);
		assert_true(row == data_row(&d, &want, &next));
		seen[row]++;
	}
	for (size_t i = 0; i < 3; i++)
		assert_in_range(seen[i], 900, 1100);
}

static void what_else_is_drawn(void **state)
{
	struct template t = { 0 }, inner = { 0 }, basic = { 0 };
	struct template_values v = { .user = 7 };
	bool low = false, high = false, red = false, blue = false;
	struct rng rng;
	struct buf out;
	struct err err;

	(void)state;
	rng_init(&rng, 1, 1);
	v.rng = &rng;
	buf_init(&out, 0);
	assert_int_equal(template_parse(&t, "${rand.-3..3} ${pick.red|b lue}",
					NULL, &err), 0);
	template_encode(&t);
	for (int i = 0; i < 500; i++) {
		int n;

		buf_reset(&out);
		template_render(&t, &v, &out);
		n = atoi(out.data);
		assert_true(n >= -3 && n <= 3);
		low |= n == -3;
		high |= n == 3;
		red |= strstr(out.data, " red") != NULL;
		blue |= strstr(out.data, " b%20lue") != NULL;
	}
	assert_true(low && high && red && blue);
	/* RFC 7617, section 2. */
	assert_int_equal(template_parse(&inner, "Aladdin:open sesame", NULL,
					&err), 0);
	template_add_basic(&basic, &inner);
	buf_reset(&out);
	template_render(&basic, &v, &out);
	assert_string_equal(out.data, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	template_done(&basic);
	template_done(&t);
	buf_done(&out);
}

static char dir[64];

static int files_make(void **state)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{ "users.csv", "id,name\n11,ann\n12,bob\n13,cy\n" },
		{ "items.jsonl", "{\"sku\":\"x1\"}\n{\"sku\":\"x2\"}\n" },
		{ "body.json", "{\"id\":\"${data.users.id}\"}" },
	};

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/gameday-data.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, files[i].name);
		FILE *f = fopen(path, "w");

		fputs(files[i].text, f);
		fclose(f);
	}
	return 0;
}

static int files_remove(void **state)
{
	static const char *const names[] = { "users.csv", "items.jsonl",
					     "body.json" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", dir, names[i]);

		unlink(path);
	}
	return rmdir(dir);
}

static void run_text(struct server *server, struct result *r,
		     const char *fmt, nsec_t until)
{
	AUTO_FREE char *text = NULL;
	struct setup s = { .speed = 1, .until = until, .seed = 5,
			   .threads = 1, .port = server->port };
	struct buf b;
	const char *at;

	buf_init(&b, 0);
	for (; (at = strstr(fmt, "DIR")); fmt = at + 3) {
		buf_add(&b, fmt, (size_t)(at - fmt));
		buf_adds(&b, dir);
	}
	buf_adds(&b, fmt);
	text = buf_take(&b);
	s.text = text;
	run(&s, r);
}

static void users_have_their_rows(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[data users]\nfile = DIR/users.csv\norder = user\n"
		 "at_end = error\n"
		 "[data items]\nfile = DIR/items.jsonl\norder = iteration\n"
		 "[journey a]\nauth = basic ${data.users.name}:${data.users.id}"
		 "\nconnection = iteration\n"
		 "step = POST /ok/${data.items.sku}\n"
		 "body_file = DIR/body.json\n"
		 "step = GET /b?x=${data.items.sku} as b\nauth = bearer t0p\n"
		 "step = think const 20ms\n"
		 "[load l]\nstages = 0s 1\n", 300 * NSEC_MS);
	server_stop(&server);
	assert_true(r.sum[0][0].ok > 5);
	assert_string_equal(server.body, "{\"id\":\"11\"}");
	assert_memory_equal(server.last_ok, "/ok/x", 5);
	assert_int_equal(server.by_path['b'], r.sum[1][0].ok);
	assert_string_equal(server.basic, "Basic YW5uOjEx");
	assert_string_equal(server.bearer, "Bearer t0p");
	/* A connection for each time through. */
	assert_in_range(r.final.connects, r.sum[1][0].ok,
			r.sum[1][0].ok + 2);
	assert_null(r.final.data_ended);
	result_free(&r);
}

static void data_that_ends_stops_its_users(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[data users]\nfile = DIR/users.csv\nat_end = stop\n"
		 "[journey a]\nstep = GET /ok/${data.users.name}\n"
		 "[load l]\nstages = 0s 2\n", 300 * NSEC_MS);
	assert_int_equal(r.sum[0][0].ok, 3);
	assert_int_equal(server.requests, 3);
	assert_float_equal(r.users_at[0], 0, 0);	/* they have gone */
	assert_null(r.final.data_ended);
	result_free(&r);
	run_text(&server, &r,
		 "[data users]\nfile = DIR/users.csv\nat_end = error\n"
		 "order = iteration\n"
		 "[journey a]\nstep = GET /ok/${data.users.name}\n"
		 "[load l]\nmodel = arrivals\nstages = 0s 50/s\n"
		 "[load m]\nstages = 0s 2\n", 300 * NSEC_MS);
	server_stop(&server);
	/* An arrival goes through once; users three times each. */
	assert_non_null(r.final.data_ended);
	assert_int_equal(r.sum[0][0].ok + r.final.censored[0],
			 r.sum[0][0].due);
	assert_in_range(r.sum[0][0].ok, 6 + 10, 6 + 16);
	result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_is_read_as_the_rfc_has_it),
		cmocka_unit_test(wrong_csv_says_the_line),
		cmocka_unit_test(json_lines_are_rows),
		cmocka_unit_test(who_gets_which_row),
		cmocka_unit_test(what_else_is_drawn),
		cmocka_unit_test(users_have_their_rows),
		cmocka_unit_test(data_that_ends_stops_its_users),
	};

	return cmocka_run_group_tests(tests, files_make, files_remove);
}
