/* SPDX-License-Identifier: Apache-2.0 */
/* A named condition on the answer of a step. */
#include "chaos/load/check.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"

enum { NAME_MAX_LEN = 80 };

static int name_take(const char *text, size_t len, char **ret,
		     struct err *err)
{
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0 || len > NAME_MAX_LEN)
		return err_set(err, -EINVAL, "a check's name has 1 to %d "
			       "bytes: '%.*s'", NAME_MAX_LEN, (int)len, text);
	*ret = mem_strndup(text, len);
	return 0;
}

int check_parse(const char *text, struct check *c, char **ret_name,
		struct err *err)
{
	const char *colon;
	int rc;

	*ret_name = NULL;
	text += strspn(text, " \t");
	colon = strstr(text, ": ");
	rc = cond_parse(text, &c->cond, err);
	if (rc == 0)	/* a ':' is of the condition then */
		return name_take(text, strlen(text), ret_name, err);
	if (!colon)
		return rc;
	cond_done(&c->cond);
	rc = name_take(text, (size_t)(colon - text), ret_name, err);
	return rc < 0 ? rc : cond_parse(colon + 2, &c->cond, err);
}

void check_done(struct check *c)
{
	cond_done(&c->cond);
}
