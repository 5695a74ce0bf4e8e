/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a template once; sections are found by their end and walked again. */
#include "chaos/report/template.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 16, MAX_TAG = 160, MAX_TEXT = 1024 };

struct walk {
	const struct template_args *args;
	const json_t *context[MAX_DEPTH];	/* outermost first */
	size_t depth;
	FILE *f;
};

struct tag {
	char kind;		/* # ? ^ / > ! or 0: a value */
	char name[MAX_TAG];	/* without filter and "=" */
	char filter[32], equal[64];
	const char *from, *to;	/* of the tag; of its line if alone on it */
};

static void escape_html(char c, FILE *f)
{
	static const char *const names[] = { "<&lt;", ">&gt;", "&&amp;",
					     "\"&quot;", "'&#39;" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i][0] == c) {
			fputs(names[i] + 1, f);
			return;
		}
	fputc((unsigned char)c < ' ' ? ' ' : c, f);
}

void template_escape(enum template_markup markup, const char *s, FILE *f)
{
	for (; *s; s++) {
		if (markup == TEMPLATE_HTML) {
			escape_html(*s, f);
			continue;
		}
		if (strchr("|*_<>`\\[]", *s))
			fputc('\\', f);
		fputc((unsigned char)*s < ' ' ? ' ' : *s, f);
	}
}

static const json_t *by_name(const json_t *array, const char *name)
{
	static const char *const keys[] = { "name", "step", "cause" };
	const json_t *row;
	size_t i;

	json_array_foreach(array, i, row)
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			const char *v = json_string_value(
				json_object_get(row, keys[k]));

			if (v && strcmp(v, name) == 0)
				return row;
		}
	return NULL;
}

static const json_t *child(const json_t *v, const char *name)
{
	char *end;
	unsigned long i = strtoul(name, &end, 10);

	if (!json_is_array(v))
		return json_object_get(v, name);
	return *end ? by_name(v, name) : json_array_get(v, i);
}

static const json_t *look(const struct walk *w, const char *path)
{
	char copy[MAX_TAG], *rest = copy, *name;
	const json_t *v = NULL;

	if (strcmp(path, ".") == 0)
		return w->context[w->depth - 1];
	snprintf(copy, sizeof(copy), "%s", path);
	name = strsep(&rest, "/");
	for (size_t i = w->depth; i > 0 && !v; i--)
		v = child(w->context[i - 1], name);
	while (v && rest)
		v = child(v, strsep(&rest, "/"));
	return json_is_null(v) ? NULL : v;
}

static bool truth(const json_t *v, const char *equal)
{
	if (equal[0])
		return json_is_string(v) &&
		       strcmp(json_string_value(v), equal) == 0;
	if (json_is_number(v))
		return json_number_value(v) != 0;
	if (json_is_string(v))
		return json_string_length(v) > 0;
	if (json_is_array(v))
		return json_array_size(v) > 0;
	return json_is_true(v) || json_is_object(v);
}

/* A tag that has its line to itself takes the line with it. */
static void take_line(struct tag *t, const char *begin)
{
	const char *from = t->from, *to = t->to;

	if (!t->kind || t->kind == '>')
		return;
	while (from > begin && (from[-1] == ' ' || from[-1] == '\t'))
		from--;
	if ((from > begin && from[-1] != '\n') || *to != '\n')
		return;
	t->from = from;
	t->to = to + 1;
}

static void cut(char *s, char at, char *ret, size_t size)
{
	char *found = strchr(s, at);

	ret[0] = '\0';
	if (!found)
		return;
	snprintf(ret, size, "%s", found + 1);
	*found = '\0';
}

/* The next tag from p on. begin: of the text, to see whole lines. */
static bool next_tag(const char *begin, const char *p, const char *end,
		     struct tag *t)
{
	const char *open = strstr(p, "{{");
	const char *close = open ? strstr(open, "}}") : NULL;
	size_t len;

	if (!close || close + 2 > end)
		return false;
	t->from = open;
	t->to = close + 2;
	open += 2;
	t->kind = strchr("#?^/>!", *open) ? *open++ : 0;
	len = (size_t)(close - open);
	if (len >= sizeof(t->name))
		len = sizeof(t->name) - 1;
	memcpy(t->name, open, len);
	t->name[len] = '\0';
	cut(t->name, '|', t->filter, sizeof(t->filter));
	cut(t->name, '=', t->equal, sizeof(t->equal));
	take_line(t, begin);
	return true;
}

/* The end of the section that was opened; false: it has none. */
static bool section_end(const char *begin, const char *end,
			const struct tag *open, struct tag *ret)
{
	const char *p = open->to;
	size_t depth = 1;

	while (next_tag(begin, p, end, ret)) {
		if (strcmp(ret->name, open->name) == 0) {
			if (ret->kind && strchr("#?^", ret->kind))
				depth++;
			else if (ret->kind == '/' && --depth == 0)
				return true;
		}
		p = ret->to;
	}
	return false;
}

static void walk_text(struct walk *w, const char *begin, const char *p,
		      const char *end);

static void walk_in(struct walk *w, const json_t *context, const char *begin,
		    const char *p, const char *end)
{
	if (w->depth == MAX_DEPTH)
		return;
	w->context[w->depth++] = context;
	walk_text(w, begin, p, end);
	w->depth--;
}

static void walk_section(struct walk *w, const struct tag *t,
			 const char *begin, const char *end)
{
	const json_t *v = look(w, t->name), *row;
	bool yes = truth(v, t->equal);
	size_t i;

	if (t->kind != '#') {
		if (yes == (t->kind == '?'))
			walk_text(w, begin, t->to, end);
	} else if (yes && json_is_array(v)) {
		json_array_foreach(v, i, row)
			walk_in(w, row, begin, t->to, end);
	} else if (yes) {
		walk_in(w, v, begin, t->to, end);
	}
}

static void write_value(struct walk *w, const struct tag *t)
{
	const struct template_filter *filter = w->args->filters;
	const json_t *v = look(w, t->name);
	char text[MAX_TEXT] = "";

	if (json_is_string(v) && !t->filter[0]) {
		template_escape(w->args->markup, json_string_value(v), w->f);
		return;
	}
	if (json_is_integer(v))
		snprintf(text, sizeof(text), "%lld",
			 (long long)json_integer_value(v));
	else if (json_is_number(v))
		snprintf(text, sizeof(text), "%.6g", json_number_value(v));
	while (t->filter[0] && filter->name &&
	       strcmp(filter->name, t->filter) != 0)
		filter++;
	if (t->filter[0] && filter->name)
		filter->format(w->args->root, v, text, sizeof(text));
	else if (t->filter[0])
		snprintf(text, sizeof(text), "{{%s|%s}}", t->name, t->filter);
	template_escape(w->args->markup, text, w->f);
}

static void write_part(struct walk *w, const struct tag *t)
{
	const struct template_part *part = w->args->parts;

	while (part && part->name && strcmp(part->name, t->name) != 0)
		part++;
	if (part && part->name)
		part->write(w->args->arg, w->f);
	else
		fprintf(w->f, "{{>%s}}", t->name);
}

static void walk_text(struct walk *w, const char *begin, const char *p,
		      const char *end)
{
	struct tag t, last;

	while (next_tag(begin, p, end, &t)) {
		fwrite(p, 1, (size_t)(t.from > p ? t.from - p : 0), w->f);
		p = t.to;
		if (t.kind == 0) {
			write_value(w, &t);
		} else if (t.kind == '>') {
			write_part(w, &t);
		} else if (strchr("#?^", t.kind) &&
			   section_end(begin, end, &t, &last)) {
			walk_section(w, &t, begin, last.from);
			p = last.to;
		} else if (t.kind != '!') {
			fprintf(w->f, "{{%c%s}}", t.kind, t.name);
		}
	}
	if (p < end)
		fwrite(p, 1, (size_t)(end - p), w->f);
}

void template_write(const struct template_args *args, FILE *f)
{
	struct walk w = { .args = args, .depth = 1, .f = f };

	w.context[0] = args->root;
	walk_text(&w, args->text, args->text, args->text + strlen(args->text));
}
