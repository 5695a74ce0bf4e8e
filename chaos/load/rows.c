/* SPDX-License-Identifier: Apache-2.0 */
/* Data files: CSV and JSON lines. */
#include "chaos/load/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"

static void cell_add(struct rows *r, const char *s, size_t len)
{
	(void)mem_grow(r->cells, r->n_cells, r->cap_cells);
	r->cells[r->n_cells++] = r->text.len;
	buf_add(&r->text, s, len);
	buf_add(&r->text, "", 1);
}

static int column_add(struct rows *r, const char *name, struct err *err)
{
	if (r->n_columns == ROWS_COLUMNS_MAX)
		return err_set(err, -E2BIG, "1: more than %d columns",
			       ROWS_COLUMNS_MAX);
	if (!*name)
		return err_set(err, -EINVAL, "1: a column has no name");
	if (rows_column(r, name) < r->n_columns)
		return err_set(err, -EINVAL, "1: two columns are called '%s'",
			       name);
	r->columns = mem_realloc(r->columns,
				 (r->n_columns + 1) * sizeof(char *));
	r->columns[r->n_columns++] = mem_strdup(name);
	return 0;
}

static void skip_bom(const char **text, size_t *len)
{
	if (*len >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
		*text += 3;
		*len -= 3;
	}
}

/* Where the reading of a CSV file is. */
struct csv {
	const char *p, *end;
	int line;
	struct buf field;
	bool last;		/* of its record */
};

/* The rest of a field behind its first quote. False: nothing closes it. */
static bool quoted(struct csv *c)
{
	while (c->p < c->end) {
		if (*c->p == '"' && c->p + 1 < c->end && c->p[1] == '"')
			c->p++;
		else if (*c->p == '"')
			return c->p++, true;
		c->line += *c->p == '\n';
		buf_add(&c->field, c->p++, 1);
	}
	return false;
}

/* The comma or the end of the line behind a field. */
static bool separator(struct csv *c)
{
	c->last = c->p == c->end || *c->p != ',';
	if (c->p < c->end && *c->p == '\r')
		c->p++;
	if (c->p == c->end)
		return true;
	if (*c->p == '\n')
		c->line++;
	else if (*c->p != ',' || c->last)
		return false;
	c->p++;
	return true;
}

static int field_read(struct csv *c, struct err *err)
{
	int line = c->line;

	buf_reset(&c->field);
	if (c->p < c->end && *c->p == '"') {
		c->p++;
		if (!quoted(c))
			return err_set(err, -EINVAL, "%d: nothing closes the "
				       "quote", line);
	} else {
		const char *from = c->p;

		while (c->p < c->end && !strchr(",\r\n\"", *c->p))
			c->p++;
		buf_add(&c->field, from, (size_t)(c->p - from));
	}
	if (!separator(c))
		return err_set(err, -EINVAL, "%d: a quote inside of a field, "
			       "or text behind one (a field with quotes is "
			       "quoted, and its quotes doubled)", line);
	if (memchr(c->field.data ? c->field.data : "", '\0', c->field.len))
		return err_set(err, -EINVAL, "%d: a NUL byte", line);
	return 0;
}

static bool blank_line(struct csv *c)
{
	if (c->p < c->end && (*c->p == '\n' || *c->p == '\r'))
		return separator(c);
	return false;
}

static int header_read(struct rows *r, struct csv *c, struct err *err)
{
	int rc;

	if (c->p == c->end)
		return err_set(err, -EINVAL, "1: it is empty");
	do {
		rc = field_read(c, err);
		if (rc == 0)
			rc = column_add(r, c->field.data ? c->field.data : "",
					err);
	} while (rc == 0 && !c->last);
	return rc;
}

static int record_read(struct rows *r, struct csv *c, struct err *err)
{
	size_t before = r->n_cells;
	int line = c->line, rc;

	do {
		rc = field_read(c, err);
		if (rc < 0)
			return rc;
		cell_add(r, c->field.data ? c->field.data : "", c->field.len);
	} while (!c->last);
	if (r->n_cells - before != r->n_columns)
		return err_set(err, -EINVAL, "%d: %zu fields, and the header "
			       "has %zu", line, r->n_cells - before,
			       r->n_columns);
	r->n++;
	return 0;
}

int rows_csv(struct rows *r, const char *text, size_t len, struct err *err)
{
	struct csv c = { .line = 1 };
	int rc;

	skip_bom(&text, &len);
	c.p = text;
	c.end = text + len;
	buf_init(&c.field, ROWS_FILE_MAX);
	buf_init(&r->text, 2 * (size_t)ROWS_FILE_MAX);
	rc = header_read(r, &c, err);
	while (rc == 0 && c.p < c.end)
		if (!blank_line(&c))
			rc = record_read(r, &c, err);
	buf_done(&c.field);
	return rc;
}

/* What stands for a value in a request, as a capture has it. */
static void value_add(struct rows *r, const json_t *v)
{
	AUTO_FREE char *text = NULL;
	char *dump;

	if (json_is_string(v)) {
		cell_add(r, json_string_value(v), json_string_length(v));
		return;
	}
	dump = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	cell_add(r, dump ? dump : "", dump ? strlen(dump) : 0);
	free(dump);
}

static int object_read(struct rows *r, const json_t *o, int line,
		       struct err *err)
{
	json_t *all = json_copy((json_t *)(uintptr_t)o), *v;
	const char *key;
	int rc = 0;

	if (!json_is_object(o))
		rc = err_set(err, -EINVAL, "%d: it is no JSON object", line);
	if (rc == 0 && r->n == 0)
		json_object_foreach(all, key, v)
			if (rc == 0)
				rc = column_add(r, key, err);
	for (size_t i = 0; rc == 0 && i < r->n_columns; i++) {
		v = json_object_get(o, r->columns[i]);
		if (!v)
			rc = err_set(err, -EINVAL, "%d: it has no '%s', and "
				     "the first line has", line,
				     r->columns[i]);
		else
			value_add(r, v);
	}
	json_decref(all);
	r->n += rc == 0;
	return rc;
}

static bool is_blank(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r", s[i]) || !s[i])
			return false;
	return true;
}

int rows_jsonl(struct rows *r, const char *text, size_t len, struct err *err)
{
	const char *end;
	int rc = 0, line = 1;

	skip_bom(&text, &len);
	buf_init(&r->text, 2 * (size_t)ROWS_FILE_MAX);
	for (end = text + len; rc == 0 && text < end; line++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((eol ? eol : end) - text);
		json_t *root = NULL;

		if (!is_blank(text, n)) {
			rc = json_parse(text, n, &root, err);
			if (rc < 0)
				err_prefix(err, "%d", line);
			else
				rc = object_read(r, root, line, err);
			json_decref(root);
		}
		text += n + (eol != NULL);
	}
	return rc;
}

void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n_columns; i++)
		mem_free(r->columns[i]);
	mem_free(r->columns);
	mem_free(r->cells);
	buf_done(&r->text);
	*r = (struct rows){ 0 };
}

size_t rows_column(const struct rows *r, const char *name)
{
	size_t i = 0;

	while (i < r->n_columns && strcmp(r->columns[i], name) != 0)
		i++;
	return i;
}
