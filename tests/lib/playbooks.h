/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of playbooks share. Include it after cmocka.h. */
#ifndef GD_TESTS_LIB_PLAYBOOKS_H
#define GD_TESTS_LIB_PLAYBOOKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/playbook/impl.h"

#define S(n) ((nsec_t)(n) * NSEC_SEC)

struct world {
	char path[64];
	struct scenario *sc;
	struct playbook_ref *ref;
	struct playbook *book;
	struct errs errs;
	struct loop *loop;
	struct loop_timer tick;
	struct allow *allow;
	struct symbols *symbols;
	struct expr_env env;
	double x;
	bool x_known;
	int rc;			/* of calls; -EINPROGRESS: they hang */
	int cancelled, verifying, finished;
	size_t failed;
	char log[2048];
};

static const struct section_spec *const specs[] = { &playbook_ref_section,
						    NULL };

static inline void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* vars: lines "var.a = b\n" of the scenario, or "". */
static inline void load(struct world *w, const char *text, const char *vars)
{
	AUTO_FREE char *scenario = NULL;
	int fd;

	memset(w, 0, sizeof(*w));
	errs_init(&w->errs);
	strcpy(w->path, "/tmp/gd-playbook-XXXXXX");
	fd = mkstemp(w->path);
	assert_true(fd >= 0);
	close(fd);
	put_file(w->path, text);
	scenario = mem_printf("[playbook]\nfile = %s\n%s", w->path, vars);
	scenario_parse("a.ini", scenario, specs, NULL, NULL, &w->sc, &w->errs);
	assert_int_equal(w->errs.n, 0);
	playbook_ref_read(w->sc, &w->ref, &w->errs);
	playbook_load(w->ref, "a.ini", &w->book, &w->errs);
}

static inline void unload(struct world *w)
{
	playbook_free(w->book);
	playbook_ref_free(w->ref);
	scenario_free(w->sc);
	errs_done(&w->errs);
	unlink(w->path);
}

#endif
