// links: gd_fault gd_faults gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that are a toxic: the proxy takes what each says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "faults/link/toxic.h"
#include "faults/proxy/toxic.h"
#include "faults/table.h"

static bool is_row(const struct fault_ops *ops)
{
	return !strncmp(ops->name, "link.", 5) && ops != &link_delay.ops;
}

static const struct toxic_driver *driver(const struct fault_ops *ops)
{
	return (const struct toxic_driver *)(const void *)ops;
}

/* The keys of the kind's own example, set. */
static void fill(const struct fault_ops *ops, struct link_opts *o)
{
	AUTO_FREE char *text = mem_strdup(ops->example);
	char *save = NULL, *eq;
	struct err err;

	opt_defaults(ops->opts, o);
	for (char *s = strtok_r(text, "\n", &save); s;
	     s = strtok_r(NULL, "\n", &save)) {
		if (!(eq = strstr(s, " = ")))
			continue;
		*eq = '\0';
		if (opt_find(ops->opts, s))
			assert_int_equal(opt_set(ops->opts, o, s, eq + 3, 1,
						 &err), 0);
	}
}

static void taken(const struct toxic_driver *d, const struct link_opts *o)
{
	json_t *json = json_pack("{s:s, s:s, s:f, s:o}", "type", d->type,
				 "stream", link_streams[o->stream], "toxicity",
				 o->toxicity, "attributes",
				 link_attributes(d, o, 5));
	json_t *ramp = link_ramp(d, o, 5);
	struct toxic *t = NULL;
	struct err err = {0};

	if (ramp)
		json_object_set_new(json, "ramp", ramp);
	if (toxic_parse(json, NULL, &t, &err) < 0)
		fail_msg("%s: %s", d->ops.name, err.msg);
	toxic_unref(t);
	json_decref(json);
}

static void test_all(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; faults_table[i]; i++) {
		struct link_opts o = {0};

		if (!is_row(faults_table[i]))
			continue;
		n++;
		fill(faults_table[i], &o);
		taken(driver(faults_table[i]), &o);
		if (opt_find(faults_table[i]->opts, "ramp_to")) {
			o.ramp_over = NSEC_SEC;
			taken(driver(faults_table[i]), &o);
		}
		opt_done(faults_table[i]->opts, &o);
	}
	assert_int_equal(n, 15);
}

static void is(json_t *all, const char *key, double want)
{
	json_t *v = json_object_get(all, key);

	assert_true(json_is_number(v));
	if (json_number_value(v) != want)
		fail_msg("%s is %g, not %g", key, json_number_value(v), want);
}

/* A drill at 5x: a rate is five times as great, a span a fifth. */
static void test_units(void **state)
{
	struct link_opts o = {
		.size = {100000, 64}, .span = {NSEC_SEC, 0}, .toxicity = 1,
		.ramp_over = 10 * NSEC_SEC, .ramp_size = 10000,
	};
	json_t *a = link_attributes(&link_bandwidth, &o, 5);
	json_t *r = link_ramp(&link_bandwidth, &o, 5);
	json_t *asked = link_asked(&link_bandwidth, &o);

	(void)state;
	is(a, "rate", 500);
	is(a, "burst", 64);
	assert_string_equal(json_str(r, "attribute", ""), "rate");
	is(r, "to", 50);
	is(r, "over", 2000);
	is(asked, "rate_bytes_per_s", 100000);
	json_decref(a);
	json_decref(r);
	json_decref(asked);
	a = link_attributes(&link_slice, &o, 5);
	asked = link_asked(&link_slice, &o);
	is(a, "delay", 200000);
	is(a, "average_size", 100000);
	is(asked, "delay_us", 1000000);
	json_decref(a);
	json_decref(asked);
	o.number[0] = 20;
	a = link_attributes(&link_connect_rate, &o, 5);
	is(a, "rate", 100);
	json_decref(a);
	o.ramp_over = 0;
	assert_null(link_ramp(&link_bandwidth, &o, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
