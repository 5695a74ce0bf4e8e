// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of data files: CSV and JSON lines.  The first byte says which;
 * what is read has a value for each column of each row, and CSV written out
 * again and read again is the same.
 */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/rows.h"
#include "tests/fuzz/fuzz.h"

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

static void field_add(struct buf *out, const char *s, char behind)
{
	buf_adds(out, "\"");
	for (; *s; s++) {
		buf_add(out, s, 1);
		if (*s == '"')
			buf_adds(out, "\"");
	}
	buf_adds(out, "\"");
	buf_add(out, &behind, 1);
}

static void write_csv(const struct rows *r, struct buf *out)
{
	for (size_t c = 0; c < r->n_columns; c++)
		field_add(out, r->columns[c],
			  c + 1 < r->n_columns ? ',' : '\n');
	for (size_t i = 0; i < r->n; i++)
		for (size_t c = 0; c < r->n_columns; c++)
			field_add(out, rows_cell(r, i, c),
				  c + 1 < r->n_columns ? ',' : '\n');
}

static void same(const struct rows *a, const struct rows *b)
{
	CHECK(a->n == b->n && a->n_columns == b->n_columns);
	for (size_t c = 0; c < a->n_columns; c++)
		CHECK(!strcmp(a->columns[c], b->columns[c]));
	for (size_t i = 0; i < a->n; i++)
		for (size_t c = 0; c < a->n_columns; c++)
			CHECK(!strcmp(rows_cell(a, i, c), rows_cell(b, i, c)));
}

static void read_again(const struct rows *r)
{
	struct rows again = { 0 };
	struct buf text;
	struct err err;

	buf_init(&text, 0);
	write_csv(r, &text);
	CHECK(rows_csv(&again, text.data, text.len, &err) == 0);
	same(r, &again);
	rows_done(&again);
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rows r = { 0 };
	struct err err;
	char *copy;
	int rc;

	if (size < 1)
		return 0;
	/* A copy of just this size, so that a byte too far is seen */
	copy = mem_alloc(size > 1 ? size - 1 : 1);
	memcpy(copy, data + 1, size - 1);
	rc = (data[0] & 1 ? rows_jsonl : rows_csv)(&r, copy, size - 1, &err);
	mem_free(copy);
	if (rc < 0) {
		CHECK(err.msg[0] >= '1' && err.msg[0] <= '9');
	} else {
		CHECK(r.n_cells == r.n * r.n_columns);
		CHECK(r.n_columns <= ROWS_COLUMNS_MAX);
		if (r.n_columns)
			read_again(&r);
	}
	rows_done(&r);
	return 0;
}
