/* SPDX-License-Identifier: Apache-2.0 */
/* What the scope of a function in a condition stands for. */
#include "chaos/watch/scope.h"

#include <errno.h>
#include <string.h>

static uint64_t everything(const struct load_scopes *s)
{
	uint64_t all = s->n_apis >= 64 ? UINT64_MAX
				       : (UINT64_C(1) << s->n_apis) - 1;

	return all & ~s->beside;
}

int scope_find(const struct load_scopes *s, const char *name, uint64_t *ret)
{
	const size_t head = sizeof(SCOPE_TAG) - 1;

	for (size_t i = 0; i < s->n_apis && i < 64; i++)
		if (!strcmp(s->apis[i], name)) {
			*ret = UINT64_C(1) << i;
			return 0;
		}
	if (!strcmp(name, "all")) {
		*ret = everything(s);
		return 0;
	}
	if (strncmp(name, SCOPE_TAG, head) != 0)
		return -ENOENT;
	for (size_t i = 0; i < s->n_tags; i++)
		if (!strcmp(s->tags[i].name, name + head)) {
			*ret = s->tags[i].apis;
			return 0;
		}
	return -ENOENT;
}
