/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values; formatting only, no output. */
#include "chaos/base/err.h"

#include <errno.h>
#include <stdarg.h>
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
