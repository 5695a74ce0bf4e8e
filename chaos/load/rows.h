/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a data file, in memory: CSV as RFC 4180 has it, with a header, or
 * JSON lines, an object each.  Read once; shared by the load threads.
 */
#ifndef GD_LOAD_ROWS_H
#define GD_LOAD_ROWS_H

#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/err.h"

enum { ROWS_FILE_MAX = 256 << 20, ROWS_COLUMNS_MAX = 256 };

struct rows {
	char **columns;
	size_t n_columns;
	size_t n;		/* rows */
	struct buf text;	/* all cells, '\0' behind each */
	uint64_t *cells;	/* offsets into text, row by row */
	size_t n_cells, cap_cells;
};

/*
 * r is zeroed to begin; rows_done() also after an error, whose message begins
 * with the line.  A byte order mark is skipped.
 */
int rows_csv(struct rows *r, const char *text, size_t len, struct err *err)
	MUST_CHECK;
int rows_jsonl(struct rows *r, const char *text, size_t len, struct err *err)
	MUST_CHECK;
void rows_done(struct rows *r);
size_t rows_column(const struct rows *r, const char *name);	/* n_columns: */
							/* no such */
static inline const char *rows_cell(const struct rows *r, size_t row,
				    size_t column)
{
	return r->text.data + r->cells[row * r->n_columns + column];
}

#endif
