/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Pointer (RFC 6901): "/coupons/0/id", or its URI form "#/a%20b" where a
 * blank is in a name.  Compiled once.
 */
#ifndef GD_LOAD_POINTER_H
#define GD_LOAD_POINTER_H

#include <jansson.h>
#include <stddef.h>

#include "chaos/base/err.h"

struct pointer {
	char **v;		/* names, unescaped; owned */
	size_t n;		/* 0: the whole document */
};

/* p is zeroed to begin; done() also after an error. */
int pointer_parse(const char *text, struct pointer *p, struct err *err)
	MUST_CHECK;
void pointer_done(struct pointer *p);
/* Borrowed from root; NULL: there is nothing. */
const json_t *pointer_at(const struct pointer *p, const json_t *root);

#endif
