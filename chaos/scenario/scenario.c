/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a path to a checked scenario, and the look-ups that modules use.  The
 * steps are in ini.c, merge.c, vars.c and check.c.
 */
#include "chaos/scenario/scenario.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"
#include "chaos/scenario/impl.h"

struct scenario *scenario_new(const char *path)
{
	struct scenario *sc = mem_zalloc(sizeof(*sc));

	sc->path = mem_strdup(path);
	sc->impl = mem_zalloc(sizeof(struct scenario_impl));
	return sc;
}

static void section_done(struct scenario_section *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mem_free(s->v[i].key);
		mem_free(s->v[i].value);
	}
	mem_free(s->v);
	mem_free(s->name);
	mem_free(s->arg);
}

void scenario_free(struct scenario *sc)
{
	struct scenario_impl *impl;

	if (!sc)
		return;
	for (size_t i = 0; i < sc->n; i++)
		section_done(&sc->v[i]);
	impl = sc->impl;
	for (size_t i = 0; i < impl->n_files; i++)
		mem_free(impl->files[i]);
	mem_free(impl->files);
	mem_free(impl);
	mem_free(sc->v);
	mem_free(sc->path);
	mem_free(sc);
}

const char *scenario_file(struct scenario *sc, const char *name)
{
	struct scenario_impl *impl = sc->impl;

	impl->files = mem_realloc(impl->files,
				  (impl->n_files + 1) * sizeof(*impl->files));
	impl->files[impl->n_files] = mem_strdup(name);
	return impl->files[impl->n_files++];
}

struct scenario_section *scenario_add(struct scenario *sc, const char *name,
				      const char *arg, const char *file,
				      int line)
{
	struct scenario_section *s;

	sc->v = mem_realloc(sc->v, (sc->n + 1) * sizeof(*sc->v));
	s = &sc->v[sc->n++];
	*s = (struct scenario_section){
		.name = mem_strdup(name), .arg = mem_strdup(arg),
		.file = file, .line = line,
	};
	return s;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

struct scenario_section *scenario_find(const struct scenario *sc,
				       const char *name, const char *arg)
{
	for (size_t i = 0; i < sc->n; i++)
		if (!strcmp(sc->v[i].name, name) && same(sc->v[i].arg, arg))
			return &sc->v[i];
	return NULL;
}

void scenario_entry_add(struct scenario_section *s, const char *key,
			const char *value, const char *file, int line)
{
	s->v = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n++] = (struct scenario_entry){
		.key = mem_strdup(key), .value = mem_strdup(value),
		.file = file, .line = line,
	};
}

/* The files that are open on the way to the innermost parent. */
struct load_chain {
	const struct load_chain *up;
	const char *path;
	int depth;
	struct errs *errs;
};

static bool same_file(const char *a, const char *b)
{
	AUTO_FREE char *one = realpath(a, NULL);
	AUTO_FREE char *two = realpath(b, NULL);

	return one && two && !strcmp(one, two);
}

static bool in_chain(const struct load_chain *chain, const char *path)
{
	for (; chain; chain = chain->up)
		if (same_file(chain->path, path))
			return true;
	return false;
}

/* Relative to the directory of the file that says it. */
static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	if (name[0] == '/' || !slash)
		return mem_strdup(name);
	return mem_printf("%.*s/%s", (int)(slash - path), path, name);
}

static struct scenario *load_text(const struct load_chain *chain,
				  const char *text, size_t len);

static struct scenario *load_file(const struct load_chain *chain,
				  const struct scenario_entry *why)
{
	struct scenario *sc = NULL;
	struct buf text;
	struct err err;

	buf_init(&text, SCENARIO_FILE_MAX);
	if (buf_read_file(&text, chain->path, &err))
		errs_add(chain->errs, why ? why->file : NULL,
			 why ? why->line : 0, "%s", err.msg);
	else
		sc = load_text(chain, text.data, text.len);
	buf_done(&text);
	return sc;
}

static struct scenario *load_parent(const struct load_chain *chain,
				    const struct scenario_entry *extends)
{
	AUTO_FREE char *path = beside(chain->path, extends->value);
	struct load_chain next = {
		.up = chain, .path = path, .depth = chain->depth + 1,
		.errs = chain->errs,
	};

	if (in_chain(chain, path)) {
		errs_add(chain->errs, extends->file, extends->line,
			 "'extends' leads back to '%s'", path);
		return NULL;
	}
	if (next.depth >= SCENARIO_EXTENDS_MAX) {
		errs_add(chain->errs, extends->file, extends->line,
			 "'extends' goes over more than %d files",
			 SCENARIO_EXTENDS_MAX);
		return NULL;
	}
	return load_file(&next, extends);
}

static struct scenario *load_text(const struct load_chain *chain,
				  const char *text, size_t len)
{
	struct scenario *sc = scenario_new(chain->path), *parent;
	const struct scenario_section *head;
	const char *file = scenario_file(sc, chain->path);

	scenario_ini_read(sc, file, text, len, chain->errs);
	head = scenario_find(sc, "scenario", NULL);
	for (size_t i = 0; head && i < head->n; i++) {
		if (strcmp(head->v[i].key, "extends"))
			continue;
		parent = load_parent(chain, &head->v[i]);
		if (!parent) {
			((struct scenario_impl *)sc->impl)->partial = true;
			break;
		}
		scenario_merge(parent, sc);
		return parent;
	}
	return sc;
}

/* Sections that lack their name cannot be read by those who own them. */
static void drop_nameless(struct scenario *sc,
			  const struct section_spec *const *specs)
{
	const struct section_spec *spec;
	size_t to = 0;

	for (size_t i = 0; i < sc->n; i++) {
		spec = scenario_spec(specs, sc->v[i].name);
		if (spec && spec->arg && !sc->v[i].arg)
			section_done(&sc->v[i]);
		else
			sc->v[to++] = sc->v[i];
	}
	sc->n = to;
}

static void finish(struct scenario *sc, const char *path,
		   const struct section_spec *const *specs,
		   const char *const *sets, const struct scenario_vars *vars,
		   struct scenario **ret, struct errs *errs, size_t before)
{
	bool keep = sc && vars && vars->keep_wrong &&
		    !((struct scenario_impl *)sc->impl)->partial;

	*ret = NULL;
	if (sc) {
		mem_free(sc->path);
		sc->path = mem_strdup(path);
		scenario_apply_sets(sc, sets, errs);
		scenario_expand(sc, specs, vars, errs);
		scenario_check(sc, specs, errs);
	}
	errs_sort(errs, before);
	if (keep)
		drop_nameless(sc, specs);
	if (errs->n > before && !keep)
		scenario_free(sc);
	else
		*ret = sc;
}

void scenario_load(const char *path, const struct section_spec *const *specs,
		   const char *const *sets, const struct scenario_vars *vars,
		   struct scenario **ret, struct errs *errs)
{
	struct load_chain chain = { .path = path, .errs = errs };
	size_t before = errs->n;

	finish(load_file(&chain, NULL), path, specs, sets, vars, ret, errs,
	       before);
}

void scenario_parse(const char *name, const char *text,
		    const struct section_spec *const *specs,
		    const char *const *sets, const struct scenario_vars *vars,
		    struct scenario **ret, struct errs *errs)
{
	struct load_chain chain = { .path = name, .errs = errs };
	size_t before = errs->n;

	finish(load_text(&chain, text, strlen(text)), name, specs, sets, vars,
	       ret, errs, before);
}

const struct scenario_section *scenario_section(const struct scenario *sc,
						const char *name, size_t i)
{
	for (size_t k = 0; k < sc->n; k++)
		if (!strcmp(sc->v[k].name, name) && i-- == 0)
			return &sc->v[k];
	return NULL;
}

size_t scenario_count(const struct scenario *sc, const char *name)
{
	size_t n = 0;

	for (size_t k = 0; k < sc->n; k++)
		n += !strcmp(sc->v[k].name, name);
	return n;
}

static const struct scenario_entry *
last_entry(const struct scenario_section *s, const char *key)
{
	for (size_t i = s->n; i-- > 0;)
		if (!strcmp(s->v[i].key, key))
			return &s->v[i];
	return NULL;
}

const char *scenario_value(const struct scenario_section *s, const char *key)
{
	const struct scenario_entry *e = last_entry(s, key);

	return e ? e->value : NULL;
}

int scenario_line(const struct scenario_section *s, const char *key)
{
	const struct scenario_entry *e = key ? last_entry(s, key) : NULL;

	return e ? e->line : s->line;
}

void scenario_fill(const struct scenario_section *s, const struct opt *table,
		   void *conf, struct errs *errs)
{
	const struct scenario_entry *e;
	struct err err;

	opt_defaults(table, conf);
	for (size_t i = 0; i < s->n; i++) {
		e = &s->v[i];
		if (opt_find(table, e->key) &&
		    opt_set(table, conf, e->key, e->value, e->line, &err))
			errs_add(errs, e->file, e->line, "%s", err.msg);
	}
}

void scenario_error(const struct scenario_section *s, const char *key,
		    struct errs *errs, const char *fmt, ...)
{
	const struct scenario_entry *e = key ? last_entry(s, key) : NULL;
	struct err text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text.msg, sizeof(text.msg), fmt, ap);
	va_end(ap);
	errs_add(errs, e ? e->file : s->file, e ? e->line : s->line, "%s",
		 text.msg);
}

/* Would the value come back as another one when it is read again? */
static bool needs_quotes(const char *value)
{
	AUTO_FREE char *copy = mem_strdup(value);
	size_t len = strlen(value);

	scenario_unquote(copy);
	return strcmp(copy, value) || value[0] == ';' || value[0] == '#' ||
	       scenario_comment(value, len) < len ||
	       (len && (isspace((unsigned char)value[0]) ||
			isspace((unsigned char)value[len - 1])));
}

static void text_value(struct buf *out, const char *value)
{
	if (!needs_quotes(value)) {
		buf_adds(out, value);
		return;
	}
	buf_adds(out, "\"");
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_adds(out, "\\");
		buf_add(out, value, 1);
	}
	buf_adds(out, "\"");
}

char *scenario_path(const struct scenario_section *s, const char *file)
{
	const char *slash = strrchr(s->file, '/');

	if (file[0] == '/' || !slash)
		return mem_strdup(file);
	return mem_printf("%.*s/%s", (int)(slash - s->file), s->file, file);
}

/* Bytes of a value that may be shown; what follows is a secret. */
static size_t shown_length(const char *key, const char *value)
{
	static const struct {
		const char *key, *head;
	} secrets[] = {
		{ "auth", "basic " }, { "auth", "bearer " },
		{ "header", "Authorization:" }, { "header", "Cookie:" },
		{ "header", "Proxy-Authorization:" },
	};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		size_t len = strlen(secrets[i].head);

		if (strcmp(key, secrets[i].key) == 0 &&
		    strncasecmp(value, secrets[i].head, len) == 0)
			return len;
	}
	return strlen(value);
}

static void add_entry(struct buf *out, const struct scenario_entry *e)
{
	size_t shown = shown_length(e->key, e->value);
	AUTO_FREE char *masked = NULL;

	if (e->value[shown])
		masked = mem_printf("%.*s%s***:***", (int)shown, e->value,
				    e->value[shown - 1] == ' ' ? "" : " ");
	buf_addf(out, "%s = ", e->key);
	text_value(out, masked ? masked : e->value);
	buf_adds(out, "\n");
}

char *scenario_text(const struct scenario *sc)
{
	const struct scenario_section *s;
	struct buf out;

	buf_init(&out, 0);
	for (size_t i = 0; i < sc->n; i++) {
		s = &sc->v[i];
		buf_addf(&out, "%s[%s%s%s]\n", i ? "\n" : "", s->name,
			 s->arg ? " " : "", s->arg ? s->arg : "");
		for (size_t k = 0; k < s->n; k++) {
			/* What it extends is merged already. */
			if (!strcmp(s->name, "scenario") &&
			    !strcmp(s->v[k].key, "extends"))
				continue;
			add_entry(&out, &s->v[k]);
		}
	}
	return buf_take(&out);
}
