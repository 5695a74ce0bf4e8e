/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values; formatting only, no output. */
#include "chaos/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
	int number = errno ? errno : EIO;
	char why[96];
	size_t len;
	va_list ap;

	if (!err)
		return -number;
	err->code = -number;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
		 strerror_r(number, why, sizeof(why)));
	return -number;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	size_t len;
	va_list ap;

	if (!err)
		return 0;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
	return err->code;
}

void errs_init(struct errs *errs)
{
	*errs = (struct errs){ 0 };
}

void errs_done(struct errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		mem_free(errs->v[i].file);
		mem_free(errs->v[i].msg);
	}
	mem_free(errs->v);
	errs_init(errs);
}

void errs_add(struct errs *errs, const char *file, int line, const char *fmt,
	      ...)
{
	struct err text;
	struct errs_item *item;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text.msg, sizeof(text.msg), fmt, ap);
	va_end(ap);
	errs->v = mem_realloc(errs->v, (errs->n + 1) * sizeof(*errs->v));
	item = &errs->v[errs->n++];
	item->file = mem_strdup(file);
	item->line = line;
	item->msg = mem_strdup(text.msg);
}

static bool says_the_same(const struct errs_item *a, const struct errs_item *b)
{
	return a->file && b->file && a->line == b->line &&
	       strcmp(a->file, b->file) == 0 && strcmp(a->msg, b->msg) == 0;
}

static bool same_file(const struct errs_item *a, const struct errs_item *b)
{
	return a->file && b->file ? strcmp(a->file, b->file) == 0
				  : a->file == b->file;
}

/* Files in the order in which each was first named. */
void errs_sort(struct errs *errs, size_t from)
{
	for (size_t i = from; i < errs->n; i++) {
		struct errs_item item = errs->v[i];
		size_t k = i, to = i;

		for (size_t j = from; j < i; j++)
			if (same_file(&errs->v[j], &item))
				to = j + 1;
		while (to > from && same_file(&errs->v[to - 1], &item) &&
		       errs->v[to - 1].line > item.line)
			to--;
		for (; k > to; k--)
			errs->v[k] = errs->v[k - 1];
		errs->v[to] = item;
	}
}

void errs_drop_repeated(struct errs *errs, size_t from)
{
	size_t to = from;

	for (size_t i = from; i < errs->n; i++) {
		size_t k = 0;

		while (k < from && !says_the_same(&errs->v[k], &errs->v[i]))
			k++;
		if (k == from) {
			errs->v[to++] = errs->v[i];
		} else {
			mem_free(errs->v[i].file);
			mem_free(errs->v[i].msg);
		}
	}
	errs->n = to;
}
