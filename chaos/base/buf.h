/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte buffer with a maximum.
 *
 *	data[0 .. len) is content; data[len] is always '\\0' once allocated.
 */
#ifndef GD_BASE_BUF_H
#define GD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/err.h"

struct buf {
	char *data;
	size_t len, cap;
	size_t max;	/* bytes; 0: 64 MiB */
	bool overflow;	/* sticky: something did not fit and was not added */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_reset(struct buf *b);			/* keeps the memory */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_adds(struct buf *b, const char *s);
bool buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
bool buf_vaddf(struct buf *b, const char *fmt, va_list ap);
void buf_drop(struct buf *b, size_t n);		/* from the front */
/* Room behind len, or NULL; who writes there adds to len and terminates. */
char *buf_reserve(struct buf *b, size_t n);
char *buf_take(struct buf *b);			/* caller frees; b is empty */
/* The whole file, at most b->max; 0 or negative errno. */
int buf_read_file(struct buf *b, const char *path, struct err *err) MUST_CHECK;

#endif
