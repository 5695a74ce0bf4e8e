/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A merged scenario against the modules' tables: unknown and missing sections
 * and keys, repeated keys, values of the wrong type.
 */
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/scenario/impl.h"

enum {
	CHECK_TABLES_MAX = 8,	/* a section's own and those of `more` */
	CHECK_WORDS_MAX = 256,
	CHECK_FIELD_MAX = 512,	/* bytes of one field, OPT_PARSE's too */
};

/* One section and the tables that hold for it. */
struct check {
	const struct scenario_section *s;
	const struct opt *tables[CHECK_TABLES_MAX];
	void *confs[CHECK_TABLES_MAX];	/* scratch: values are tried here */
	int n;
	bool partial;	/* `more` failed: whose keys those are is not known */
	struct errs *errs;
};

const struct section_spec *scenario_spec(const struct section_spec *const *v,
					 const char *name)
{
	for (; *v; v++)
		if (!strcmp((*v)->name, name))
			return *v;
	return NULL;
}

static void unknown_section(const struct scenario_section *s,
			    const struct section_spec *const *specs,
			    struct errs *errs)
{
	const char *words[CHECK_WORDS_MAX], *near;
	size_t n = 0;

	for (; *specs && n < CHECK_WORDS_MAX; specs++)
		words[n++] = (*specs)->name;
	near = opt_suggest(s->name, words, n);
	errs_add(errs, s->file, s->line,
		 near ? "unknown section '[%s]' (did you mean '[%s]'?)"
		      : "unknown section '[%s]'", s->name, near);
}

static bool is_prefix(const struct opt *o)
{
	size_t len = strlen(o->name);

	return len && o->name[len - 1] == '*';
}

static bool row_takes(const struct opt *o, const char *key)
{
	size_t len = strlen(o->name);

	if (!is_prefix(o))
		return !strcmp(o->name, key);
	return !strncmp(o->name, key, len - 1) && key[len - 1];
}

static size_t scratch_size(const struct opt *table)
{
	size_t size = 0;

	for (; table->name; table++)
		if (table->off > size)
			size = table->off;
	return size + CHECK_FIELD_MAX;
}

static void tables_init(struct check *c, const struct section_spec *spec)
{
	struct err err = { 0 };
	int more = 0;

	c->tables[0] = spec->opts;
	c->n = spec->opts ? 1 : 0;
	if (spec->more)
		more = spec->more(c->s, c->tables + c->n,
				  CHECK_TABLES_MAX - c->n, &err);
	c->partial = more < 0;
	if (more < 0)
		errs_add(c->errs, c->s->file, c->s->line, "[%s%s%s]: %s",
			 c->s->name, c->s->arg ? " " : "",
			 c->s->arg ? c->s->arg : "", err.msg);
	else
		c->n += more;
	for (int i = 0; i < c->n; i++)
		c->confs[i] = mem_zalloc(scratch_size(c->tables[i]));
}

static void tables_done(struct check *c)
{
	for (int i = 0; i < c->n; i++) {
		opt_done(c->tables[i], c->confs[i]);
		mem_free(c->confs[i]);
	}
}

static void unknown_key(const struct check *c, const struct scenario_entry *e)
{
	const char *words[CHECK_WORDS_MAX], *near;
	size_t n = 0;

	for (int i = 0; i < c->n; i++)
		for (const struct opt *o = c->tables[i]; o->name; o++)
			if (!is_prefix(o) && n < CHECK_WORDS_MAX)
				words[n++] = o->name;
	near = opt_suggest(e->key, words, n);
	errs_add(c->errs, e->file, e->line,
		 near ? "unknown key '%s' in [%s] (did you mean '%s'?)"
		      : "unknown key '%s' in [%s]", e->key, c->s->name, near);
}

static const struct scenario_entry *earlier(const struct scenario_section *s,
					    size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(s->v[k].key, s->v[i].key))
			return &s->v[k];
	return NULL;
}

static bool repeatable(const struct opt *o)
{
	return o->type == OPT_STRS || (o->type == OPT_LINES && !is_prefix(o));
}

/* A key that two tables know is tried in both, and reported once. */
static void check_entry(struct check *c, size_t i)
{
	const struct scenario_entry *e = &c->s->v[i];
	const struct scenario_entry *first = earlier(c->s, i);
	const struct opt *o;
	struct err err;
	bool known = false;

	for (int k = 0; k < c->n; k++) {
		o = opt_find(c->tables[k], e->key);
		if (!o)
			continue;
		known = true;
		if (first && !repeatable(o)) {
			errs_add(c->errs, e->file, e->line,
				 "duplicate key '%s' (the first is in line %d)",
				 e->key, first->line);
			return;
		}
		/* Not expanded: kept for later, or an error already. */
		if (strstr(e->value, "${"))
			continue;
		if (opt_set(c->tables[k], c->confs[k], e->key, e->value,
			    e->line, &err)) {
			errs_add(c->errs, e->file, e->line, "%s", err.msg);
			return;
		}
	}
	if (!known && !c->partial)
		unknown_key(c, e);
	else if (strpbrk(e->value, "\r\n"))
		errs_add(c->errs, e->file, e->line,
			 "'%s' contains a line break", e->key);
}

static void check_required(const struct check *c, const struct opt *o)
{
	for (size_t i = 0; i < c->s->n; i++)
		if (row_takes(o, c->s->v[i].key))
			return;
	errs_add(c->errs, c->s->file, c->s->line, "[%s%s%s] needs '%s'%s%s",
		 c->s->name, c->s->arg ? " " : "",
		 c->s->arg ? c->s->arg : "", o->name,
		 o->help ? ": " : "", o->help ? o->help : "");
}

/* Two tables may require one key: named once. */
static bool required_before(const struct check *c, int table,
			    const char *name)
{
	const struct opt *o;

	for (int i = 0; i < table; i++) {
		o = opt_find(c->tables[i], name);
		if (o && (o->flags & OPT_REQUIRED))
			return true;
	}
	return false;
}

static void check_keys(const struct scenario_section *s,
		       const struct section_spec *spec, struct errs *errs)
{
	struct check c = { .s = s, .errs = errs };

	tables_init(&c, spec);
	for (size_t i = 0; i < s->n; i++)
		check_entry(&c, i);
	for (int k = 0; k < c.n; k++)
		for (const struct opt *o = c.tables[k]; o->name; o++)
			if ((o->flags & OPT_REQUIRED) &&
			    !required_before(&c, k, o->name))
				check_required(&c, o);
	tables_done(&c);
}

static void check_section(const struct scenario *sc,
			  const struct scenario_section *s,
			  const struct section_spec *spec, struct errs *errs)
{
	const struct scenario_section *first =
		scenario_section(sc, s->name, 0);

	if (spec->arg && !s->arg)
		errs_add(errs, s->file, s->line,
			 "[%s] needs a name: '[%s %s]'", s->name, s->name,
			 spec->arg);
	if (!spec->arg && s->arg)
		errs_add(errs, s->file, s->line,
			 "[%s] takes no name, but has '%s'", s->name, s->arg);
	if (!spec->many && first != s)
		errs_add(errs, s->file, s->line,
			 "there can be one [%s] only (the first is in line %d)",
			 s->name, first->line);
	check_keys(s, spec, errs);
}

void scenario_check(const struct scenario *sc,
		    const struct section_spec *const *specs, struct errs *errs)
{
	const struct section_spec *spec;

	for (size_t i = 0; i < sc->n; i++) {
		spec = scenario_spec(specs, sc->v[i].name);
		if (spec)
			check_section(sc, &sc->v[i], spec, errs);
		else
			unknown_section(&sc->v[i], specs, errs);
	}
}
