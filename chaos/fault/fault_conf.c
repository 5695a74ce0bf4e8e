/* SPDX-License-Identifier: Apache-2.0 */
/* [fault NAME]: its own keys, and the tables of its kind and its fallback. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/fault/fault.h"

static const struct fault_ops *const *known;

void fault_set_table(const struct fault_ops *const *table)
{
	known = table;
}

const struct fault_ops *fault_find(const struct fault_ops *const *table,
				   const char *name)
{
	for (; table && *table; table++)
		if (!strcmp((*table)->name, name))
			return *table;
	return NULL;
}

/* --- at, repeat -------------------------------------------------------- */

static const char *skip_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) != 0 || text[n] != ' ')
		return NULL;
	for (text += n; *text == ' '; text++)
		;
	return text;
}

/* "DURATION after EVENT" */
static int parse_after(const char *text, const char *after,
		       struct fault_conf *c, struct err *err)
{
	AUTO_FREE char *span = mem_strndup(text, (size_t)(after - text));
	const char *event = skip_word(after + 1, "after");
	int rc = units_duration(span, &c->at, err);

	if (rc)
		return rc;
	if (!event || !*event)
		return err_set(err, -EINVAL, "after what (as in "
			       "'30s after detected')");
	c->at_event = mem_strdup(event);
	return 0;
}

/* 90s | 30s after detected | when EXPR */
static int parse_at(const char *text, void *field, struct err *err)
{
	struct fault_conf *c = LIST_ENTRY(field, struct fault_conf, at);
	const char *when = skip_word(text, "when");
	const char *after = strstr(text, " after ");

	mem_free(c->at_event);
	expr_free(c->at_when);
	c->at = 0;
	c->at_event = NULL;
	c->at_when = NULL;
	if (when)
		return expr_parse(when, &c->at_when, err);
	if (after)
		return parse_after(text, after, c, err);
	return units_duration(text, &c->at, err);
}

static void done_at(void *field)
{
	struct fault_conf *c = LIST_ENTRY(field, struct fault_conf, at);

	mem_free(c->at_event);
	expr_free(c->at_when);
	c->at_event = NULL;
	c->at_when = NULL;
}

/* "3 every 60s" */
static int parse_repeat(const char *text, void *field, struct err *err)
{
	struct fault_conf *c = LIST_ENTRY(field, struct fault_conf, repeat);
	const char *every = strstr(text, " every ");
	AUTO_FREE char *count = NULL;
	int rc;

	if (!every)
		return err_set(err, -EINVAL,
			       "'%s' is not of the form '3 every 60s'", text);
	count = mem_strndup(text, (size_t)(every - text));
	rc = units_int(count, &c->repeat, err);
	if (!rc)
		rc = units_duration(every + strlen(" every "), &c->every, err);
	if (!rc && (c->repeat < 1 || c->every <= 0))
		rc = err_set(err, -EINVAL, "'%s': at least once, and later",
			     text);
	return rc;
}

#define AT(f) offsetof(struct fault_conf, f)
static const struct opt conf_opts[] = {
	{ "at", OPT_PARSE, AT(at), 0, "0s", NULL, parse_at, done_at,
	  "when it is injected: a drill time, '30s after detected', or "
	  "'when EXPR'", "90s" },
	{ "expect", OPT_EXPR, AT(expect), 0, NULL, NULL, NULL, NULL,
	  "the effect on the target that shows that it bit",
	  "pg.active <= 16 for 5s within 90s" },
	{ "fallback", OPT_STR, AT(fallback), 0, NULL, NULL, NULL, NULL,
	  "the kind that is taken where this one cannot run", "link.delay" },
	{ "for", OPT_DURATION, AT(duration), OPT_POSITIVE, NULL, NULL, NULL,
	  NULL, "how long it lasts; without: to the drill's end", "60s" },
	{ "kind", OPT_STR, AT(kind), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "what is disturbed (gameday list faults)", "link.delay" },
	{ "max", OPT_DURATION, AT(max), OPT_POSITIVE, NULL, NULL, NULL, NULL,
	  "the longest that 'until' may take", "5m" },
	{ "repeat", OPT_PARSE, AT(repeat), 0, NULL, NULL, parse_repeat, NULL,
	  "several times", "3 every 60s" },
	{ "until", OPT_EXPR, AT(until), 0, NULL, NULL, NULL, NULL,
	  "ends when this is true on the target; needs max",
	  "kafka.lag > 1000" },
	OPT_END
};
#undef AT

/* --- the kind's tables ------------------------------------------------- */

static int unknown_kind(const char *key, const char *kind, struct err *err)
{
	const char *names[64];
	const char *near;
	size_t n = 0;

	for (const struct fault_ops *const *p = known; p && *p && n < 64; p++)
		names[n++] = (*p)->name;
	near = opt_suggest(kind, names, n);
	return err_set(err, -EINVAL, "unknown %s '%s' (%s%s%s)", key, kind,
		       near ? "did you mean '" : "gameday list faults",
		       near ? near : "", near ? "'?" : "");
}

static int fault_more(const struct scenario_section *s, const struct opt **ret,
		      int max, struct err *err)
{
	static const char *const keys[] = { "kind", "fallback" };
	int n = 0;

	for (int i = 0; i < 2; i++) {
		const char *kind = scenario_value(s, keys[i]);
		const struct fault_ops *ops;

		if (!kind)
			continue;
		ops = fault_find(known, kind);
		if (!ops)
			return unknown_kind(keys[i], kind, err);
		if (n < max)
			ret[n++] = ops->opts;
	}
	return n;
}

const struct section_spec fault_section = {
	.name = "fault",
	.arg = "NAME",
	.many = true,
	.opts = conf_opts,
	.size = sizeof(struct fault_conf),
	.more = fault_more,
	.summary = "a disturbance on the timeline; the kind adds its own keys",
};

/* --- reading ----------------------------------------------------------- */

static void conf_check(const struct fault_conf *c, struct errs *errs)
{
	const struct scenario_section *s = c->section;

	if (c->until && !c->max)
		scenario_error(s, "until", errs,
			       "'until' needs 'max': a fault must end");
	if (c->until && c->duration)
		scenario_error(s, "until", errs,
			       "'until' and 'for' exclude each other");
	if (c->max && !c->until)
		scenario_error(s, "max", errs, "'max' without 'until'");
	if (c->repeat > 1 && !c->duration)
		scenario_error(s, "repeat", errs, "'repeat' needs 'for'");
	if (c->repeat > 1 && c->duration >= c->every)
		scenario_error(s, "repeat", errs,
			       "'for' is not shorter than what it repeats at");
	if (c->fallback && c->kind && !strcmp(c->fallback, c->kind))
		scenario_error(s, "fallback", errs,
			       "a kind is no fallback for itself");
}

/* What is wrong with one key alone was said when the file was read. */
static void check_together(const struct fault_conf *c, const char *kind,
			   struct errs *errs)
{
	const struct fault_ops *ops = kind ? fault_find(known, kind) : NULL;
	struct err err = { 0 };
	struct errs alone;
	void *opts;

	if (!ops || !ops->valid)
		return;
	opts = mem_zalloc(ops->opts_size);
	errs_init(&alone);
	opt_defaults(ops->opts, opts);
	scenario_fill(c->section, ops->opts, opts, &alone);
	if (!alone.n && ops->valid(ops, opts, &err))
		scenario_error(c->section, NULL, errs, "fault '%s': %s",
			       c->name, err.msg);
	errs_done(&alone);
	opt_done(ops->opts, opts);
	mem_free(opts);
}

void fault_confs_read(const struct scenario *sc, struct fault_conf **ret,
		      size_t *ret_n, struct errs *errs)
{
	size_t n = scenario_count(sc, "fault");
	struct fault_conf *v = mem_calloc(n ? n : 1, sizeof(*v));

	if (n > UNDO_RECORDS)
		errs_add(errs, sc->path, 0, "%zu faults, at most %d", n,
			 UNDO_RECORDS);
	for (size_t i = 0; i < n; i++) {
		v[i].section = scenario_section(sc, "fault", i);
		v[i].name = mem_strdup(v[i].section->arg);
		v[i].repeat = 1;
		opt_defaults(conf_opts, &v[i]);
		scenario_fill(v[i].section, conf_opts, &v[i], errs);
		conf_check(&v[i], errs);
		check_together(&v[i], v[i].kind, errs);
		check_together(&v[i], v[i].fallback, errs);
	}
	*ret = v;
	*ret_n = n;
}

void fault_confs_free(struct fault_conf *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		mem_free(v[i].name);
		opt_done(conf_opts, &v[i]);
	}
	mem_free(v);
}
