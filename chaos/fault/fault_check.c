/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preflight of faults: can each run here and now, or its fallback; is what it
 * touches allowed; do two want the same thing at the same time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/units.h"
#include "chaos/fault/fault_set.h"

/* --- can it run -------------------------------------------------------- */

static int check_choice(struct fault *f, bool fallback, struct err *err)
{
	fault_choose(f, fallback);
	return f->ops->check ?
		f->ops->check(f, &f->set->args.env, err) : 0;
}

/* Takes the kind or its fallback, and says why. */
static void check_runs(struct fault *f, struct buf *report, struct errs *errs)
{
	struct err err = { 0 }, second = { 0 };
	const char *name = f->conf->name;

	f->checked = true;
	if (!check_choice(f, false, &err)) {
		buf_addf(report, "fault %s: %s can run here\n", name,
			 f->ops->name);
		return;
	}
	if (!f->fallback.ops) {
		buf_addf(report, "fault %s: %s cannot run here: %s\n", name,
			 f->ops->name, err.msg);
		scenario_error(f->conf->section, NULL, errs,
			       "fault '%s' cannot run here: %s ('fallback = "
			       "KIND' takes another kind where it cannot)",
			       name, err.msg);
		return;
	}
	if (!check_choice(f, true, &second)) {
		buf_addf(report, "fault %s: %s cannot run here: %s; %s is "
			 "taken instead, as the scenario says\n", name,
			 f->kind.ops->name, err.msg, f->ops->name);
		return;
	}
	buf_addf(report, "fault %s: neither %s (%s) nor %s (%s) can run here\n",
		 name, f->kind.ops->name, err.msg, f->ops->name, second.msg);
	scenario_error(f->conf->section, NULL, errs,
		       "fault '%s' cannot run here: %s; nor can its fallback "
		       "%s: %s", name, err.msg, f->ops->name, second.msg);
}

/* --- may it ------------------------------------------------------------ */

struct allow_walk {
	const struct fault *f;
	struct errs *errs;
};

static int check_target(void *arg, enum allow_type type, const char *item)
{
	struct allow_walk *w = arg;
	struct err err = { 0 };

	if (allow_check(w->f->set->args.env.allow, type, item, &err))
		scenario_error(w->f->conf->section, NULL, w->errs,
			       "fault '%s': %s", w->f->conf->name, err.msg);
	return 0;
}

static void check_allowed(const struct fault *f, struct errs *errs)
{
	struct allow_walk walk = { .f = f, .errs = errs };

	if (f->ops->targets && f->set->args.env.allow)
		f->ops->targets(f, check_target, &walk);
}

int faults_targets(const struct faults *fs,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < fs->args.n; i++)
		if (fs->v[i].ops->targets)
			rc = fs->v[i].ops->targets(&fs->v[i], fn, arg);
	return rc;
}

/* --- two of one -------------------------------------------------------- */

/* When it is on; false when only the drill will tell. */
static bool span_of(const struct fault_conf *c, nsec_t *from, nsec_t *to)
{
	nsec_t length = c->duration ? c->duration : c->max;

	if (c->at_event || c->at_when)
		return false;
	*from = c->at;
	*to = NSEC_NEVER;
	if (length)
		*to = c->at + length + (c->repeat > 1 ?
			(c->repeat - 1) * c->every : 0);
	return true;
}

static bool overlap(const struct fault_conf *a, const struct fault_conf *b)
{
	nsec_t a_from, a_to, b_from, b_to;

	if (!span_of(a, &a_from, &a_to) || !span_of(b, &b_from, &b_to))
		return true;
	return a_from < b_to && b_from < a_to;
}

static bool claim_of(const struct fault *f, char *dst, size_t size)
{
	return f->ops->claims && !f->ops->claims(f, dst, size);
}

static void check_claims(const struct faults *fs, size_t i, struct errs *errs)
{
	const struct fault *f = &fs->v[i];
	char mine[256], other[256];

	if (!claim_of(f, mine, sizeof(mine)))
		return;
	for (size_t k = 0; k < i; k++)
		if (claim_of(&fs->v[k], other, sizeof(other)) &&
		    !strcmp(mine, other) && overlap(f->conf, fs->v[k].conf))
			scenario_error(f->conf->section, NULL, errs,
				       "faults '%s' and '%s' both need %s at "
				       "the same time", fs->v[k].conf->name,
				       f->conf->name, mine);
}

void faults_check(struct faults *fs, struct buf *report, struct errs *errs)
{
	struct buf none;

	buf_init(&none, 0);
	for (size_t i = 0; i < fs->args.n; i++) {
		check_runs(&fs->v[i], report ? report : &none, errs);
		check_allowed(&fs->v[i], errs);
		check_claims(fs, i, errs);
	}
	buf_done(&none);
}

/* --- describe ---------------------------------------------------------- */

static void add_indented(struct buf *out, const char *head, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_addf(out, "  %-7s %.*s\n", head, (int)len, text);
		text += len + (text[len] == '\n');
		head = "";
	}
}

static void add_when(struct buf *out, const struct fault_conf *c)
{
	char at[UNITS_TEXT], length[UNITS_TEXT];

	units_fmt_mmss(at, c->at);
	if (c->at_when)
		buf_addf(out, "when %s", expr_text(c->at_when));
	else if (c->at_event)
		buf_addf(out, "%s after %s", units_fmt_duration(at, c->at),
			 c->at_event);
	else
		buf_addf(out, "at %s", at);
	if (c->duration)
		buf_addf(out, ", for %s",
			 units_fmt_duration(length, c->duration));
	else if (c->until)
		buf_addf(out, ", until %s, at most %s", expr_text(c->until),
			 units_fmt_duration(length, c->max));
	else
		buf_adds(out, ", to the drill's end");
	if (c->repeat > 1)
		buf_addf(out, ", %lld times, every %s", (long long)c->repeat,
			 units_fmt_duration(length, c->every));
}

static void describe_one(const struct fault *f, struct buf *out)
{
	struct buf calls, undo;

	buf_init(&calls, 0);
	buf_init(&undo, 0);
	if (f->ops->describe)
		f->ops->describe(f, &calls, &undo);
	buf_addf(out, "fault %s: %s", f->conf->name, f->ops->name);
	if (f->is_fallback)
		buf_addf(out, " (instead of %s)", f->kind.ops->name);
	buf_adds(out, ", ");
	add_when(out, f->conf);
	buf_adds(out, "\n");
	add_indented(out, "call", calls.data ? calls.data : "");
	add_indented(out, "undo", undo.data ? undo.data : "");
	buf_done(&calls);
	buf_done(&undo);
}

void faults_describe(struct faults *fs, struct buf *out)
{
	for (size_t i = 0; i < fs->args.n; i++)
		describe_one(&fs->v[i], out);
}
