/* SPDX-License-Identifier: Apache-2.0 */
/* Values that a user keeps of an answer. */
#include "chaos/load/capture.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"

/* What ${…} means already. */
static const char *const taken[] = { "user", "iteration", "uuid", "rand",
				     "pick", "data" };

static int name_check(const char *name, struct err *err)
{
	const char *s = name;

	if (!islower((unsigned char)*s))
		return err_set(err, -EINVAL, "'%s' is no name of a value: it "
			       "must begin with a lower-case letter", name);
	while (isalnum((unsigned char)*s) || *s == '_' || *s == '-')
		s++;
	if (*s)
		return err_set(err, -EINVAL, "'%s' is no name of a value: "
			       "letters, digits, '_' and '-' only", name);
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (strcmp(name, taken[i]) == 0)
			return err_set(err, -EINVAL, "a captured value cannot "
				       "be called '%s': ${%s} has a meaning "
				       "already", name, name);
	return 0;
}

int capture_parse(const char *text, struct capture *c, char **ret_name,
		  struct err *err)
{
	const char *colon = strchr(text, ':'), *end = colon;
	int rc;

	*ret_name = NULL;
	if (!colon)
		return err_set(err, -EINVAL, "capture '%s' is not of the form "
			       "'NAME: json POINTER', 'NAME: header NAME' or "
			       "'NAME: regex RE'", text);
	text += strspn(text, " \t");
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*ret_name = mem_strndup(text, (size_t)(end - text));
	rc = name_check(*ret_name, err);
	text = colon + 1;
	if (rc == 0)
		rc = extract_parse(&text, &c->what, err);
	if (rc < 0 || !*text)
		return rc;
	return err_set(err, -EINVAL, "capture '%s': '%s' is too much",
		       *ret_name, text);
}

void capture_done(struct capture *c)
{
	extract_done(&c->what);
}

/* A control character would end a header or a request line too early. */
static bool is_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)s[i]))
			return false;
	return true;
}

bool capture_take(const struct capture *c, struct seen *seen,
		  struct captured *to, size_t slots)
{
	struct extracted v;
	bool ok = extract_value(&c->what, seen, &v) && v.len <= CAPTURE_MAX &&
		  is_text(v.s, v.len);

	if (!to->v) {
		to->v = mem_calloc(slots, sizeof(*to->v));
		to->n = slots;
	}
	mem_free(to->v[c->slot]);
	to->v[c->slot] = ok ? mem_strndup(v.s, v.len) : NULL;
	return ok;
}

void captured_forget(struct captured *c)
{
	for (size_t i = 0; i < c->n; i++) {
		mem_free(c->v[i]);
		c->v[i] = NULL;
	}
}

void captured_done(struct captured *c)
{
	captured_forget(c);
	mem_free(c->v);
	*c = (struct captured){ 0 };
}
