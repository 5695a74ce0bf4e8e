/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine hands to a request's owner. */
#include "chaos/load/answer.h"

#include <string.h>
#include <strings.h>

const char *answer_header(const struct answer *a, const char *name, size_t nth,
			  size_t *ret_len)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < a->n_fields; i++) {
		const struct http1_field *f = &a->fields[i];

		if (f->name.len != len ||
		    strncasecmp(a->head + f->name.off, name, len) != 0 ||
		    nth-- > 0)
			continue;
		*ret_len = f->value.len;
		return a->head + f->value.off;
	}
	return NULL;
}
