// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/* The table of drivers, and the skeleton that new ones are copied from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "chaos/fault/fault.h"
#include "faults/skeleton.h"
#include "faults/table.h"

static void opts_are_whole(const struct fault_ops *ops)
{
	assert_non_null(ops->opts);
	for (const struct opt *o = ops->opts; o->name; o++) {
		if (o[1].name && strcmp(o->name, o[1].name) >= 0)
			fail_msg("%s: '%s' is not before '%s'", ops->name,
				 o->name, o[1].name);
		assert_non_null(o->help);
		assert_true(o->off < ops->opts_size);
		assert_true(!(o->flags & OPT_REQUIRED) || !o->def);
	}
}

static void is_whole(const struct fault_ops *ops)
{
	assert_non_null(ops->name);
	assert_non_null(ops->summary);
	assert_non_null(ops->example);
	assert_non_null(ops->targets);
	assert_non_null(ops->claims);
	assert_non_null(ops->check);
	assert_non_null(ops->prepare);
	assert_non_null(ops->describe);
	assert_non_null(ops->inject);
	assert_non_null(ops->release);
	assert_true(ops->opts_size > 0);
	assert_true(ops->state_size > 0);
	opts_are_whole(ops);
}

static void test_table(void **state)
{
	size_t n = 0;

	(void)state;
	for (; faults_table[n]; n++) {
		is_whole(faults_table[n]);
		assert_ptr_equal(fault_find(faults_table,
					    faults_table[n]->name),
				 faults_table[n]);
		if (n && strcmp(faults_table[n - 1]->name,
				faults_table[n]->name) >= 0)
			fail_msg("'%s' is not before '%s'",
				 faults_table[n - 1]->name,
				 faults_table[n]->name);
	}
	assert_true(n >= 4);
	assert_null(fault_find(faults_table, "no.such"));
	assert_null(fault_find(faults_table, fault_skeleton.name));
}

static void parse(const char *text, const struct fault_ops *const *table,
		  struct errs *errs)
{
	static const struct section_spec *const specs[] = { &fault_section,
							    NULL };
	struct scenario *sc = NULL;

	fault_set_table(table);
	scenario_parse("example.ini", text, specs, NULL, NULL, &sc, errs);
	scenario_free(sc);
}

/* Each example is a whole section that the checker takes. */
static void test_examples(void **state)
{
	struct errs errs;

	(void)state;
	for (size_t n = 0; faults_table[n]; n++) {
		errs_init(&errs);
		parse(faults_table[n]->example, faults_table, &errs);
		if (errs.n)
			fail_msg("%s: %s", faults_table[n]->name,
				 errs.v[0].msg);
		errs_done(&errs);
	}
}

static void test_skeleton(void **state)
{
	static fault_table table = { &fault_skeleton, NULL };
	static const struct section_spec *const specs[] = { &fault_section,
							    NULL };
	struct faults_args args = { .table = table };
	struct fault_conf *confs;
	struct scenario *sc;
	struct faults *fs;
	struct errs errs;
	struct buf out;
	struct err err;

	(void)state;
	is_whole(&fault_skeleton);
	errs_init(&errs);
	buf_init(&out, 0);
	fault_set_table(table);
	scenario_parse("x.ini", fault_skeleton.example, specs, NULL, NULL,
		       &sc, &errs);
	assert_int_equal(errs.n, 0);
	fault_confs_read(sc, &confs, &args.n, &errs);
	args.confs = confs;
	args.env.run = "r";
	args.env.speed = 2;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &args.env.loop, &err), 0);
	faults_new(&args, &fs, &errs);
	faults_check(fs, &out, &errs);
	faults_describe(fs, &out);
	assert_int_equal(errs.n, 0);
	assert_non_null(strstr(out.data, "down by 5.000 ms"));
	assert_int_equal(faults_arm(fs, &err), 0);
	faults_inject(fs, 0);
	assert_int_equal(faults_state(fs, 0), FAULT_INJECTED);
	faults_revert(fs, 0);
	assert_int_equal(faults_state(fs, 0), FAULT_GONE);
	faults_free(fs);
	loop_free(args.env.loop);
	fault_confs_free(confs, args.n);
	scenario_free(sc);
	errs_done(&errs);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_skeleton),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
