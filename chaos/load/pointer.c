/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Pointer. */
#include "chaos/load/pointer.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "chaos/base/mem.h"

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In place; false: a '%' without two digits, or %00. */
static bool percent_decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int hi = *s == '%' ? hex(s[1]) : 0;
		int lo = *s == '%' && hi >= 0 ? hex(s[2]) : 0;

		if (hi < 0 || lo < 0 || (*s == '%' && hi + lo == 0))
			return false;
		if (*s == '%') {
			*to++ = (char)(hi << 4 | lo);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return true;
}

/* In place: ~1 is '/', ~0 is '~'. False: another '~'. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s != '~') {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s != '0' && *s != '1')
			return false;
		*to++ = *s == '0' ? '~' : '/';
	}
	*to = '\0';
	return true;
}

static bool add(struct pointer *p, const char *name, size_t len)
{
	p->v = mem_realloc(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n] = mem_strndup(name, len);
	return unescape(p->v[p->n++]);
}

int pointer_parse(const char *text, struct pointer *p, struct err *err)
{
	AUTO_FREE char *copy = mem_strdup(text + (text[0] == '#'));
	const char *s = copy;

	if (text[0] == '#' && !percent_decode(copy))
		return err_set(err, -EINVAL, "JSON pointer '%s': a '%%' is "
			       "followed by two hexadecimal digits", text);
	if (*s && *s != '/')
		return err_set(err, -EINVAL, "JSON pointer '%s' must begin "
			       "with '/' (such as '/items/0/id')", text);
	while (*s == '/') {
		size_t len = strcspn(s + 1, "/");

		if (!add(p, s + 1, len))
			return err_set(err, -EINVAL,
				       "JSON pointer '%s': a '~' is written "
				       "'~0', and a '/' in a name '~1'", text);
		s += 1 + len;
	}
	return 0;
}

void pointer_done(struct pointer *p)
{
	for (size_t i = 0; i < p->n; i++)
		mem_free(p->v[i]);
	mem_free(p->v);
	*p = (struct pointer){ 0 };
}

/* Digits without leading zeros; false: no index. */
static bool index_of(const char *s, size_t *ret)
{
	size_t n = 0;

	if (!*s || strlen(s) > 9 || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		n = 10 * n + (size_t)(*s - '0');
	}
	*ret = n;
	return true;
}

const json_t *pointer_at(const struct pointer *p, const json_t *root)
{
	for (size_t i = 0; root && i < p->n; i++) {
		size_t at;

		if (json_is_object(root))
			root = json_object_get(root, p->v[i]);
		else if (json_is_array(root) && index_of(p->v[i], &at))
			root = json_array_get(root, at);
		else
			root = NULL;
	}
	return root;
}
