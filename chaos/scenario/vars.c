/* SPDX-License-Identifier: Apache-2.0 */
/* ${NAME} in values: the caller's variables, then the environment. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"
#include "chaos/scenario/impl.h"

static const char *find_var(const struct scenario_vars *vars, const char *name)
{
	size_t len = strlen(name);

	for (const char *const *v = vars ? vars->v : NULL; v && *v; v++)
		if (!strncmp(*v, name, len) && (*v)[len] == '=')
			return *v + len + 1;
	return NULL;
}

/* What ${name} stands for; NULL with *ret_keep: it stays as it is. */
static const char *lookup(const struct scenario_vars *vars, const char *name,
			  bool templates, bool *ret_keep)
{
	const char *value = find_var(vars, name);

	/* A template's ${user} must not depend on who runs the drill. */
	*ret_keep = !value && templates && islower((unsigned char)name[0]);
	if (value || *ret_keep)
		return value;
	value = getenv(name);
	*ret_keep = !value && vars && vars->keep_unknown;
	return value;
}

/* text is behind "${"; returns what is behind "}", or NULL at an error. */
static const char *expand_one(const char *text, struct buf *out,
			      const struct scenario_vars *vars, bool templates,
			      const struct scenario_entry *e, struct errs *errs)
{
	const char *end = strchr(text, '}'), *value;
	AUTO_FREE char *name = NULL;
	bool keep;

	if (!end || end == text) {
		errs_add(errs, e->file, e->line,
			 "'%s': '${' without a name and '}'", e->key);
		return NULL;
	}
	name = mem_strndup(text, (size_t)(end - text));
	value = lookup(vars, name, templates, &keep);
	if (value)
		buf_adds(out, value);
	else
		buf_addf(out, "${%s}", name);
	if (!value && !keep)
		errs_add(errs, e->file, e->line,
			 "'%s': '${%s}' is no variable and not in the "
			 "environment", e->key, name);
	return end + 1;
}

static void expand_entry(struct scenario_entry *e,
			 const struct scenario_vars *vars, bool templates,
			 struct errs *errs)
{
	const char *p = e->value, *dollar;
	struct buf out;

	if (!strstr(p, "${"))
		return;
	buf_init(&out, SCENARIO_FILE_MAX);
	while (p && (dollar = strstr(p, "${"))) {
		buf_add(&out, p, (size_t)(dollar - p));
		p = expand_one(dollar + 2, &out, vars, templates, e, errs);
	}
	if (p)
		buf_adds(&out, p);
	mem_free(e->value);
	e->value = buf_take(&out);
}

void scenario_expand(struct scenario *sc,
		     const struct section_spec *const *specs,
		     const struct scenario_vars *vars, struct errs *errs)
{
	const struct section_spec *spec;

	for (size_t i = 0; i < sc->n; i++) {
		spec = scenario_spec(specs, sc->v[i].name);
		for (size_t k = 0; spec && k < sc->v[i].n; k++)
			expand_entry(&sc->v[i].v[k], vars, spec->templates,
				     errs);
	}
}
