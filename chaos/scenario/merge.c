/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One scenario over another: `extends` and --set.  A key that the upper one
 * has replaces all of the lower one's values of that key, where the first of
 * them stood; new keys follow, in the upper one's order.
 */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/scenario/impl.h"

static void entry_done(struct scenario_entry *e)
{
	mem_free(e->key);
	mem_free(e->value);
}

/* Takes the entries of that key out of s; returns where the first stood. */
static size_t drop_key(struct scenario_section *s, const char *key)
{
	size_t to = 0, first = s->n;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->v[i].key, key)) {
			s->v[to++] = s->v[i];
			continue;
		}
		if (first == s->n)
			first = to;
		entry_done(&s->v[i]);
	}
	if (first > to)
		first = to;
	s->n = to;
	return first;
}

static void insert_entry(struct scenario_section *s, size_t at,
			 const struct scenario_entry *e)
{
	s->v = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
	s->v[at] = *e;
	s->n++;
}

static bool key_before(const struct scenario_section *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(s->v[k].key, s->v[i].key))
			return true;
	return false;
}

static bool has_key(const struct scenario_section *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].key, key))
			return true;
	return false;
}

/*
 * The entries move; from keeps none.  Those of keys that are new keep their
 * order among each other: a body stands below its step.
 */
static void merge_section(struct scenario_section *to,
			  struct scenario_section *from)
{
	AUTO_FREE bool *known = mem_calloc(from->n + 1, sizeof(*known));
	size_t at;

	to->file = from->file;
	to->line = from->line;
	for (size_t i = 0; i < from->n; i++)
		known[i] = has_key(to, from->v[i].key);
	for (size_t i = 0; i < from->n; i++) {
		if (!known[i]) {
			insert_entry(to, to->n, &from->v[i]);
			continue;
		}
		if (key_before(from, i))
			continue;
		at = drop_key(to, from->v[i].key);
		for (size_t k = i; k < from->n; k++)
			if (!strcmp(from->v[k].key, from->v[i].key))
				insert_entry(to, at++, &from->v[k]);
	}
	from->n = 0;
}

static void take_files(struct scenario *to, struct scenario *from)
{
	struct scenario_impl *a = to->impl, *b = from->impl;

	a->files = mem_realloc(a->files,
			       (a->n_files + b->n_files) * sizeof(*a->files));
	for (size_t i = 0; i < b->n_files; i++)
		a->files[a->n_files++] = b->files[i];
	b->n_files = 0;
}

void scenario_merge(struct scenario *parent, struct scenario *child)
{
	struct scenario_section *from, *to;

	take_files(parent, child);
	for (size_t i = 0; i < child->n; i++) {
		from = &child->v[i];
		to = scenario_find(parent, from->name, from->arg);
		if (!to)
			to = scenario_add(parent, from->name, from->arg,
					  from->file, from->line);
		merge_section(to, from);
	}
	scenario_free(child);
}

/* "section.key=value" or "section:arg.key=value"; cuts text into its parts. */
static bool split_set(char *text, char **ret_arg, char **ret_key,
		      char **ret_value)
{
	char *equals = strchr(text, '='), *dot, *colon;

	if (!equals)
		return false;
	*equals = '\0';
	dot = strchr(text, '.');
	if (!dot || dot == text || !dot[1])
		return false;
	*dot = '\0';
	colon = strchr(text, ':');
	if (colon)
		*colon = '\0';
	*ret_arg = colon ? colon + 1 : NULL;
	*ret_key = dot + 1;
	*ret_value = equals + 1;
	return true;
}

/* number: which --set it is, as the line of its "file". */
static void apply_set(struct scenario *sc, const char *text, const char *file,
		      int number, struct errs *errs)
{
	AUTO_FREE char *copy = mem_strdup(text);
	struct scenario_section *s;
	struct scenario_entry e = { .file = file, .line = number };
	char *arg, *key, *value;

	if (!split_set(copy, &arg, &key, &value)) {
		errs_add(errs, file, number,
			 "'%s' is not 'section.key=value' or "
			 "'section:name.key=value'", text);
		return;
	}
	s = scenario_find(sc, copy, arg);
	if (!s)
		s = scenario_add(sc, copy, arg, file, number);
	e.key = mem_strdup(key);
	e.value = mem_strdup(value);
	insert_entry(s, drop_key(s, key), &e);
}

void scenario_apply_sets(struct scenario *sc, const char *const *sets,
			 struct errs *errs)
{
	const char *file;

	if (!sets || !sets[0])
		return;
	file = scenario_file(sc, "--set");
	for (int i = 0; sets[i]; i++)
		apply_set(sc, sets[i], file, i + 1, errs);
}
