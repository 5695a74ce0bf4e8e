/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions over answers, by PCRE2: compiled once, matched by any
 * thread, with a bound on the work that a pattern can make.
 */
#ifndef GD_LOAD_REGEX_H
#define GD_LOAD_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/err.h"

struct regex;

int regex_new(const char *pattern, struct regex **ret, struct err *err)
	MUST_CHECK;
void regex_free(struct regex *re);	/* NULL is fine */
/*
 * The first match: its first group, or all of it if the pattern has none (or
 * the group took no part).  False: no match, or it was given up.
 */
bool regex_find(const struct regex *re, const char *text, size_t len,
		const char **ret, size_t *ret_len);

#endif
