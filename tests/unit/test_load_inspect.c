/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* What is taken out of an answer: pointers, regexes, conditions, captures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/capture.h"
#include "chaos/load/cond.h"

/* RFC 6901, section 5. */
static const char rfc[] =
	"{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
	"\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";

static void pointers_are_those_of_the_rfc(void **state)
{
	static const struct {
		const char *pointer;
		int value;
	} rows[] = {
		{ "/", 0 }, { "/a~1b", 1 }, { "/c%d", 2 }, { "/e^f", 3 },
		{ "/g|h", 4 }, { "/i\\j", 5 }, { "/k\"l", 6 }, { "/ ", 7 },
		{ "/m~0n", 8 }, { "#/c%25d", 2 }, { "#/%20", 7 },
		{ "#/k%22l", 6 },
	};
	json_t *root = json_loads(rfc, 0, NULL);
	struct pointer p = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(pointer_parse(rows[i].pointer, &p, &err), 0);
		assert_int_equal(json_integer_value(pointer_at(&p, root)),
				 rows[i].value);
		pointer_done(&p);
	}
	assert_int_equal(pointer_parse("", &p, &err), 0);
	assert_ptr_equal(pointer_at(&p, root), root);
	pointer_done(&p);
	assert_int_equal(pointer_parse("/foo/1", &p, &err), 0);
	assert_string_equal(json_string_value(pointer_at(&p, root)), "baz");
	pointer_done(&p);
	json_decref(root);
}

static void pointers_that_point_nowhere(void **state)
{
	static const char *const none[] = { "/foo/2", "/foo/01", "/foo/-",
					    "/foo/0/x", "/nope", "/foo/" };
	static const char *const wrong[] = { "foo", "/a~2", "/a~", "#/%4",
					     "#/%zz", "#/%00", "#a" };
	json_t *root = json_loads(rfc, 0, NULL);
	struct pointer p = { 0 };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		assert_int_equal(pointer_parse(none[i], &p, &err), 0);
		assert_null(pointer_at(&p, root));
		pointer_done(&p);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(pointer_parse(wrong[i], &p, &err), -EINVAL);
		pointer_done(&p);
	}
	json_decref(root);
}

static void a_regex_that_never_ends_is_given_up(void **state)
{
	char text[64];
	struct regex *re;
	const char *s;
	struct err err;
	size_t len;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(regex_new("^(a+)+$(?=b)|(a*)*c", &re, &err), 0);
	assert_false(regex_find(re, text, sizeof(text), &s, &len));
	regex_free(re);
	assert_int_equal(regex_new("token=\"([^\"]+)\"", &re, &err), 0);
	assert_true(regex_find(re, "<x token=\"ab12\">", 16, &s, &len));
	assert_int_equal(len, 4);
	assert_memory_equal(s, "ab12", 4);
	regex_free(re);
	assert_int_equal(regex_new("(", &re, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "character"));
}

/* An answer of the engine's, without an engine. */
struct made {
	struct answer a;
	struct http1_field fields[2];
};

static void answer_make(struct made *m, const char *body)
{
	static const char head[] = "ETag: \"v7\"\r\nX-Left: 12\r\n";

	*m = (struct made){
		.fields = { { { 0, 4 }, { 6, 4 } }, { { 12, 6 }, { 20, 2 } } },
	};
	m->a = (struct answer){
		.status = 201, .head = head, .fields = m->fields,
		.n_fields = 2, .body = body, .body_len = strlen(body),
		.body_seen = 3000,
	};
}

static bool is(const char *text)
{
	struct cond c = { 0 };
	struct seen seen;
	struct made made;
	struct err err;
	bool ok;

	answer_make(&made, "{\"status\":\"confirmed\",\"n\":7,\"x\":null,"
			   "\"ok\":true,\"list\":[1,\"a b\"],\"f\":1.5}");
	if (cond_parse(text, &c, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	seen_init(&seen, &made.a, 250 * NSEC_MS);
	ok = cond_holds(&c, &seen);
	seen_done(&seen);
	cond_done(&c);
	return ok;
}

static void conditions_hold(void **state)
{
	static const char *const yes[] = {
		"status = 201", "status = 200..299", "status >= 200",
		"status != 200", "not status = 404", "size = 3000",
		"size < 4KB", "time < 300ms", "time >= 250ms",
		"header ETag", "header etag = \"\"v7\"\"", "header x-left > 9",
		"header X-Left = 12", "not header X-Right",
		"body contains confirmed", "body contains \"a b\"",
		"body matches ^\\{.*\\}$", "regex \"n\":(\\d)",
		"json /status = confirmed", "json /n = 7", "json /n = 7.0",
		"json /n < 8", "json /f = 1.5", "json /ok = true",
		"json /list = [1,\"a b\"]", "json /list/1 contains \" \"",
		"json /status matches ^conf", "json /n", "not json /x",
		"json /status != issued",
	};
	static const char *const no[] = {
		"status = 404", "status = 300..399", "status < 201",
		"size > 4KB", "time < 250ms", "header X-Right",
		"header X-Left < 9", "body contains nope", "json /x",
		"json /nope", "json /nope != 1", "json /status = issued",
		"json /status > 1", "not json /n = 7", "regex nope",
		"json /n = \"7.0\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (!is(yes[i]))
			fail_msg("does not hold: %s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (is(no[i]))
			fail_msg("holds: %s", no[i]);
}

static void wrong_conditions_say_why(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "statsu = 200", "did you mean 'status'" },
		{ "xyzzy = 200", "there are status" },
		{ "status = 99", "no status or range" },
		{ "status = 200..", "no status or range" },
		{ "status < 200..299", "no status or range" },
		{ "status", NULL },
		{ "time < 5", "" },
		{ "size < big", "" },
		{ "header", "needs a name" },
		{ "json", "needs a pointer" },
		{ "json status = 1", "must begin with '/'" },
		{ "json /a ~ 1", "begins with no comparison" },
		{ "json /a =", "no value" },
		{ "json /a > b", "is no number" },
		{ "body matches (", "regular expression" },
		{ "regex", "needs an expression" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cond c = { 0 };
		struct err err = { 0 };
		int rc = cond_parse(rows[i].text, &c, &err);

		assert_int_equal(rc, rows[i].why ? -EINVAL : 0);
		if (rows[i].why && !strstr(err.msg, rows[i].why))
			fail_msg("%s: %s", rows[i].text, err.msg);
		cond_done(&c);
	}
}

static void a_body_that_is_no_json_has_no_values(void **state)
{
	struct cond c = { 0 };
	struct made made;
	struct seen seen;
	struct err err;

	(void)state;
	assert_int_equal(cond_parse("json /a = 1", &c, &err), 0);
	answer_make(&made, "{\"a\":1");
	seen_init(&seen, &made.a, 0);
	assert_false(cond_holds(&c, &seen));
	seen_done(&seen);
	answer_make(&made, "{\"a\":1}");
	made.a.body_cut = true;	/* the rest could say something else */
	seen_init(&seen, &made.a, 0);
	assert_false(cond_holds(&c, &seen));
	seen_done(&seen);
	made.a.body = NULL;
	seen_init(&seen, &made.a, 0);
	assert_false(cond_holds(&c, &seen));
	seen_done(&seen);
	cond_done(&c);
}

static const char *captured_as(const char *what, const char *body,
			       struct captured *values)
{
	struct capture c = { 0 };
	AUTO_FREE char *name = NULL;
	struct made made;
	struct seen seen;
	struct err err;
	bool ok;

	if (capture_parse(what, &c, &name, &err) < 0)
		fail_msg("%s", err.msg);
	answer_make(&made, body);
	seen_init(&seen, &made.a, 0);
	ok = capture_take(&c, &seen, values, 1);
	seen_done(&seen);
	capture_done(&c);
	assert_int_equal(ok, values->v[0] != NULL);
	return values->v[0];
}

static void values_are_captured(void **state)
{
	struct captured v = { 0 };
	static char big[CAPTURE_MAX + 20];

	(void)state;
	assert_string_equal(captured_as("id: json /id",
					"{\"id\":9007199254740993}", &v),
			    "9007199254740993");
	assert_string_equal(captured_as("t : regex t=(\\w+)", "t=ab;", &v),
			    "ab");
	assert_string_equal(captured_as("e:header etag", "", &v), "\"v7\"");
	assert_null(captured_as("id: json /id", "{\"id\":\"a\\nb\"}", &v));
	assert_null(captured_as("id: json /id", "{}", &v));
	memset(big, 'x', sizeof(big) - 1);
	assert_null(captured_as("all: body", big, &v));
	big[CAPTURE_MAX] = '\0';
	assert_non_null(captured_as("all: body", big, &v));
	captured_forget(&v);
	assert_null(v.v[0]);
	captured_done(&v);
}

static void wrong_captures_say_why(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "json /id", "of the form" }, { "Id: json /id", "lower-case" },
		{ "i d: json /id", "letters" }, { "user: json /id", "meaning" },
		{ "rand: body", "meaning" }, { "pick: body", "meaning" },
		{ "id: jsn /id", "mean 'json'" },
		{ "id: json /id more", "too much" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct capture c = { 0 };
		char *name = NULL;
		struct err err;

		assert_int_equal(capture_parse(rows[i].text, &c, &name, &err),
				 -EINVAL);
		if (!strstr(err.msg, rows[i].why))
			fail_msg("%s: %s", rows[i].text, err.msg);
		mem_free(name);
		capture_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers_are_those_of_the_rfc),
		cmocka_unit_test(pointers_that_point_nowhere),
		cmocka_unit_test(a_regex_that_never_ends_is_given_up),
		cmocka_unit_test(conditions_hold),
		cmocka_unit_test(wrong_conditions_say_why),
		cmocka_unit_test(a_body_that_is_no_json_has_no_values),
		cmocka_unit_test(values_are_captured),
		cmocka_unit_test(wrong_captures_say_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
