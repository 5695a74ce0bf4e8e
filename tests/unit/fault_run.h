/* SPDX-License-Identifier: Apache-2.0 */
/* A run with links and faults, from a scenario's text. After cmocka.h. */
#ifndef GD_TESTS_FAULT_RUN_H
#define GD_TESTS_FAULT_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/fault/fault.h"
#include "chaos/fault/link.h"
#include "faults/table.h"

static char base[64];		/* a directory of the test's own */

/* --- a run ------------------------------------------------------------- */

struct run {
	struct loop *loop;
	struct scenario *sc;
	struct fault_conf *confs;
	struct fault_link_conf *links;
	size_t n, n_links;
	struct allow *allow;
	struct symbols *symbols;
	struct fault_link *link;
	struct faults *fs;
	struct errs errs;
	json_t *asked, *achieved;
	char why[256];
	bool done;
	size_t left;
};

static struct run *run_new(void)
{
	struct run *r = mem_zalloc(sizeof(*r));
	struct err err;

	strcpy(base, "/tmp/gd-link-XXXXXX");
	assert_non_null(mkdtemp(base));
	setenv("GAMEDAY_UNDO_DIR", base, 1);
	errs_init(&r->errs);
	assert_int_equal(loop_new(LOOP_EPOLL, &r->loop, &err), 0);
	r->allow = allow_new();
	r->symbols = symbols_new();
	symbols_set(r->symbols, "staging:postgres", "127.0.0.1:5432");
	return r;
}

static inline int run_free(struct run *r)
{
	char command[96];

	faults_free(r->fs);
	fault_link_close(r->link);
	fault_confs_free(r->confs, r->n);
	fault_link_confs_free(r->links, r->n_links);
	scenario_free(r->sc);
	symbols_free(r->symbols);
	allow_free(r->allow);
	loop_free(r->loop);
	errs_done(&r->errs);
	json_decref(r->asked);
	json_decref(r->achieved);
	mem_free(r);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static void on_event(void *arg, const struct fault_event *e)
{
	struct run *r = arg;

	if (e->achieved) {
		json_decref(r->asked);
		json_decref(r->achieved);
		r->asked = json_deep_copy(e->asked);
		r->achieved = json_deep_copy(e->achieved);
	}
	if (e->why)
		snprintf(r->why, sizeof(r->why), "%s", e->why);
}

static void on_done(void *arg, size_t n_left)
{
	struct run *r = arg;

	r->done = true;
	r->left = n_left;
}

static void parse(struct run *r, const char *text)
{
	static const struct section_spec *const specs[] = {
		&fault_section, &fault_link_section, NULL
	};

	fault_set_table(faults_table);
	scenario_parse("t.ini", text, specs, NULL, NULL, &r->sc, &r->errs);
	if (r->sc) {
		fault_confs_read(r->sc, &r->confs, &r->n, &r->errs);
		fault_link_confs_read(r->sc, &r->links, &r->n_links, &r->errs);
	}
	if (r->errs.n)
		fail_msg("%s", r->errs.v[0].msg);
}

static inline int open_link(struct run *r, const char *to, const char *run,
		     json_t *stack_links, struct err *err)
{
	struct fault_link_args args = {
		.loop = r->loop, .allow = r->allow, .run = run, .api = to,
		.stack_links = stack_links, .symbols = r->symbols,
		.confs = r->links, .n = r->n_links,
	};

	return fault_link_open(&args, &r->link, err);
}

static void make_faults(struct run *r, const char *run, double speed)
{
	struct faults_args args = {
		.env = { .loop = r->loop, .allow = r->allow, .run = run,
			 .symbols = r->symbols, .link = r->link,
			 .speed = speed },
		.table = faults_table, .confs = r->confs, .n = r->n,
		.run_dir = base, .guardian = true, .event = on_event,
		.all_done = on_done, .arg = r,
	};

	faults_new(&args, &r->fs, &r->errs);
	if (r->errs.n)
		fail_msg("%s", r->errs.v[0].msg);
}

static inline void turn_until_state(struct run *r, size_t i,
				    enum fault_state want)
{
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	while (faults_state(r->fs, i) != want && clock_mono() < end)
		loop_turn(r->loop, 20 * NSEC_MS);
	if (faults_state(r->fs, i) != want)
		fail_msg("fault %zu is %s: %s", i,
			 fault_state_name(faults_state(r->fs, i)), r->why);
}

static inline void end_run(struct run *r)
{
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	faults_revert_all(r->fs);
	while (!r->done && clock_mono() < end)
		loop_turn(r->loop, 20 * NSEC_MS);
	assert_true(r->done);
	assert_int_equal(r->left, 0);
	faults_release(r->fs);
}

static inline void arm(struct run *r)
{
	struct err err = { 0 };

	if (faults_arm(r->fs, &err))
		fail_msg("%s", err.msg);
}

#endif
