/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject: one fault with no file.  It makes the scenario that a file would
 * have been and runs it as any other, so that guardian, journal and checks are
 * the same; what is named on the command line is allowed by that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/cli/run_opts.h"
#include "faults/table.h"

static int inject_main(int argc, char **argv);

extern const struct cli_cmd cli_cmd_inject;
const struct cli_cmd cli_cmd_inject = {
	"inject", "KIND K=V...", "one fault, for a while", inject_main
};

/* --- the scenario ------------------------------------------------------ */

/* 'key = "value"', as the reader takes it apart again. */
static int add_pair(struct buf *out, const char *pair, struct err *err)
{
	const char *value = strchr(pair, '=');

	if (!value || value == pair)
		return err_set(err, -EINVAL, "'%s' is not of the form "
			       "key=value", pair);
	if (strchr(pair, '\n'))
		return err_set(err, -EINVAL, "'%s' has a line break in it",
			       pair);
	buf_addf(out, "%.*s = \"", (int)(value - pair), pair);
	for (value++; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_adds(out, "\\");
		buf_add(out, value, 1);
	}
	buf_adds(out, "\"\n");
	return 0;
}

/* NAME=UPSTREAM or NAME=LISTEN,UPSTREAM */
static int add_link(struct buf *out, const char *text, struct err *err)
{
	const char *at = strchr(text, '='), *comma;

	if (!at || at == text || !at[1])
		return err_set(err, -EINVAL, "'%s' is not of the form "
			       "NAME=LISTEN,UPSTREAM", text);
	comma = strchr(at, ',');
	buf_addf(out, "\n[link %.*s]\n", (int)(at - text), text);
	if (comma)
		buf_addf(out, "listen = %.*s\n", (int)(comma - at - 1), at + 1);
	buf_addf(out, "upstream = %s\n", comma ? comma + 1 : at + 1);
	return 0;
}

struct one {
	const char *kind;
	nsec_t duration;
	char *const *pairs;
	int n_pairs;
	const struct cli_list *links;
};

/* The drill ends a little after the fault. */
static void add_scenario(struct buf *out, const struct one *o,
			 struct errs *errs)
{
	AUTO_FREE char *name = mem_strdup(o->kind);
	struct err err;
	char length[UNITS_TEXT], whole[UNITS_TEXT];

	for (char *p = name; *p; p++)
		if (*p == '.')
			*p = '-';
	buf_addf(out, "[scenario]\nname = %s\nlead_in = 0s\nduration = %s\n",
		 name, units_fmt_duration(whole, o->duration + NSEC_SEC));
	for (size_t i = 0; i < o->links->n; i++)
		if (add_link(out, o->links->v[i], &err))
			errs_add(errs, NULL, 0, "%s", err.msg);
	buf_addf(out, "\n[fault %s]\nkind = %s\nat = 0s\nfor = %s\n", name,
		 o->kind, units_fmt_duration(length, o->duration));
	for (int i = 0; i < o->n_pairs; i++)
		if (add_pair(out, o->pairs[i], &err))
			errs_add(errs, NULL, 0, "%s", err.msg);
}

/* --- what it allows ---------------------------------------------------- */

static int allow_it(void *arg, enum allow_type type, const char *item)
{
	struct err err;

	/* What cannot be allowed the check names. */
	(void)!allow_add(arg, type, item, &err);
	return 0;
}

/* What is never touched, and what is denied, stays so. */
static void allow_targets(const struct plan *p)
{
	struct symbols *symbols = symbols_new();
	struct faults_args args = {
		.env = { .allow = p->allow, .symbols = symbols, .run = "RUN",
			 .speed = 1 },
		.table = faults_table, .confs = p->faults, .n = p->n_faults,
	};
	struct faults *faults = NULL;
	struct addr addr;
	struct errs errs;
	struct err err;
	char host[ADDR_TEXT];

	errs_init(&errs);
	if (!loop_new(LOOP_VIRTUAL, &args.env.loop, &err))
		faults_new(&args, &faults, &errs);
	if (faults)
		faults_targets(faults, allow_it, p->allow);
	for (size_t i = 0; i < p->n_links; i++) {
		if (addr_parse(p->links[i].upstream, &addr, &err))
			continue;
		addr_fmt(&addr, host);
		*strrchr(host, ':') = '\0';
		allow_it(p->allow, ALLOW_HOST, host);
	}
	faults_free(faults);
	loop_free(args.env.loop);
	symbols_free(symbols);
	errs_done(&errs);
}

/* --- the command ------------------------------------------------------- */

static int unknown_kind(const char *kind)
{
	const char *names[128], *near;
	size_t n = 0;

	for (; faults_table[n] && n < 128; n++)
		names[n] = faults_table[n]->name;
	near = opt_suggest(kind, names, n);
	fprintf(stderr, "gameday: unknown kind '%s' (%s%s%s)\n", kind,
		near ? "did you mean '" : "gameday list faults",
		near ? near : "", near ? "'?" : "");
	return CLI_USAGE;
}

static int inject(const struct one *one, struct cli_run_opts *o)
{
	struct plan *p = NULL;
	struct errs errs;
	struct buf text;
	int code = CLI_USAGE;

	errs_init(&errs);
	buf_init(&text, 0);
	add_scenario(&text, one, &errs);
	o->text = text.data;
	if (errs.n == 0)
		p = cli_plan(one->kind, o);
	cli_errors(&errs);
	if (p) {
		allow_targets(p);
		code = o->dry_run ? cli_dry_run(p) : cli_run(p, o);
	}
	plan_free(p);
	buf_done(&text);
	errs_done(&errs);
	return code;
}

static int inject_main(int argc, char **argv)
{
	struct cli_run_opts o = { .speed = 1, .kind = "drill",
				  .writer = "faults" };
	struct cli_list links = { .n = 0 };
	const char *length = NULL;
	struct cli_opt opts[] = {
		{ "for", 'd', CLI_STRING, &length, "TIME",
		  "how long it is on (required)" },
		{ "link", 0, CLI_LIST, &links, "NAME=[LISTEN,]UPSTREAM",
		  "a link of the proxy, for link.* and kafka.*" },
		{ "out", 'o', CLI_STRING, &o.out, "DIR",
		  "run directory (runs/TIME-KIND)" },
		{ "dry-run", 'n', CLI_FLAG, &o.dry_run, NULL,
		  "each call and its undo; touches nothing" },
		{ "json", 0, CLI_FLAG, &o.json, NULL, "report.json on stdout" },
		{ "quiet", 'q', CLI_FLAG, &o.quiet, NULL, "no progress" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_inject, opts, argc, argv);
	struct one one = { .links = &links };
	struct err err;

	if (left < 0)
		return cli_options_exit(left);
	if (left < 1 || !length) {
		fprintf(stderr, "gameday: inject takes a kind, its keys as "
				"key=value, and --for TIME: a fault must "
				"end\n");
		return CLI_USAGE;
	}
	if (!fault_find(faults_table, argv[1]))
		return unknown_kind(argv[1]);
	if (units_duration(length, &one.duration, &err) || one.duration <= 0) {
		fprintf(stderr, "gameday: --for: '%s' is no duration (30s)\n",
			length);
		return CLI_USAGE;
	}
	one.kind = argv[1];
	one.pairs = argv + 2;
	one.n_pairs = left - 1;
	return inject(&one, &o);
}
