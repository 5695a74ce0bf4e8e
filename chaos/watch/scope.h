/* SPDX-License-Identifier: Apache-2.0 */
/* A scope by name to the set of APIs that it stands for. Pure. */
#ifndef GD_WATCH_SCOPE_H
#define GD_WATCH_SCOPE_H

#include <stdbool.h>

#include "chaos/base/err.h"
#include "chaos/scenario/sample.h"

#define SCOPE_TAG "tag:"

/* An API, tag:NAME, or all. -ENOENT: no such scope. */
int scope_find(const struct load_scopes *scopes, const char *name,
	       uint64_t *ret) MUST_CHECK;

static inline bool scope_has(uint64_t set, size_t api)
{
	return api < 64 && (set >> api & 1);
}

#endif
