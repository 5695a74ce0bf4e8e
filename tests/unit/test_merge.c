// links: gd_scenario
/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a section's keys when one file extends another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/scenario/scenario.h"

struct conf {
	char *extends;
	struct opt_strs step, body, weight;
};

static const struct opt head_opts[] = {
	{ .name = "extends", .type = OPT_STR,
	  .off = offsetof(struct conf, extends), .help = "a file" },
	OPT_END
};
static const struct opt journey_opts[] = {
	{ .name = "body", .type = OPT_LINES, .off = offsetof(struct conf, body),
	  .help = "of the step above" },
	{ .name = "step", .type = OPT_LINES, .off = offsetof(struct conf, step),
	  .help = "in order" },
	{ .name = "weight", .type = OPT_LINES,
	  .off = offsetof(struct conf, weight), .help = "a share" },
	OPT_END
};
static const struct section_spec head = {
	.name = "scenario", .opts = head_opts, .size = sizeof(struct conf),
};
static const struct section_spec journey = {
	.name = "journey", .arg = "NAME", .many = true, .opts = journey_opts,
	.size = sizeof(struct conf),
};
static const struct section_spec *const specs[] = { &head, &journey, NULL };

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A body stands below its step: keys that are new keep their order. */
static void test_order_of_new_keys(void **state)
{
	static const char *const want[] = { "weight", "step", "body", "step" };
	char dir[] = "/tmp/gd-merge-XXXXXX";
	AUTO_FREE char *base = NULL, *top = NULL;
	const struct scenario_section *s;
	struct scenario *sc = NULL;
	struct errs errs;

	(void)state;
	assert_non_null(mkdtemp(dir));
	base = mem_printf("%s/base.ini", dir);
	top = mem_printf("%s/top.ini", dir);
	put(dir, "base.ini", "[journey a]\nweight = 1\n");
	put(dir, "top.ini", "[scenario]\nextends = base.ini\n"
			    "[journey a]\nstep = one\nbody = of one\n"
			    "step = two\nweight = 2\n");
	errs_init(&errs);
	scenario_load(top, specs, NULL, NULL, &sc, &errs);
	assert_int_equal(errs.n, 0);
	s = scenario_section(sc, "journey", 0);
	assert_int_equal(s->n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(s->v[i].key, want[i]);
	assert_string_equal(s->v[0].value, "2");
	assert_string_equal(s->v[3].value, "two");
	scenario_free(sc);
	errs_done(&errs);
	unlink(base);
	unlink(top);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_new_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
