/* SPDX-License-Identifier: Apache-2.0 */
/* A condition on an answer. */
#include "chaos/load/cond.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"

/* The longer ones first: '<=' is no '<'. */
static const struct {
	const char *word;
	enum cond_op op;
} ops[] = {
	{ "contains", COND_CONTAINS }, { "matches", COND_MATCHES },
	{ "!=", COND_NE }, { "<=", COND_LE }, { ">=", COND_GE },
	{ "==", COND_EQ }, { "=", COND_EQ }, { "<", COND_LT },
	{ ">", COND_GT },
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the comparison off the front of *text. */
static int op_take(const char **text, enum cond_op *ret, struct err *err)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		size_t len = strlen(ops[i].word);
		const char *end = *text + len;

		if (strncmp(*text, ops[i].word, len) != 0 ||
		    (ops[i].op >= COND_CONTAINS && *end && !is_space(*end)))
			continue;
		*ret = ops[i].op;
		*text = end + strspn(end, " \t");
		return 0;
	}
	return err_set(err, -EINVAL, "'%s' begins with no comparison: there "
		       "are =, !=, <, <=, >, >=, contains, matches", *text);
}

static int status_parse(struct cond *c, struct err *err)
{
	int lo, hi, used = 0;

	if (sscanf(c->text, "%3d..%3d%n", &lo, &hi, &used) != 2 ||
	    c->text[used]) {
		used = 0;
		if (sscanf(c->text, "%3d%n", &lo, &used) != 1 || c->text[used])
			used = -1;
		hi = lo;
	}
	if (used <= 0 || lo < 100 || hi < lo || hi > 599 ||
	    (hi > lo && c->op != COND_EQ && c->op != COND_NE))
		return err_set(err, -EINVAL, "'%s' is no status or range of "
			       "statuses (such as '200..299')", c->text);
	c->number = lo;
	c->upto = hi;
	return 0;
}

/* What the value of such a thing looks like. */
static int number_parse(struct cond *c, struct err *err)
{
	uint64_t size;
	nsec_t t;
	int rc;

	c->is_number = true;
	switch (c->what.kind) {
	case EXTRACT_STATUS:
		return status_parse(c, err);
	case EXTRACT_SIZE:
		rc = units_size(c->text, &size, err);
		c->number = c->upto = rc < 0 ? 0 : (double)size;
		return rc;
	case EXTRACT_TIME:
		rc = units_duration(c->text, &t, err);
		c->number = c->upto = rc < 0 ? 0 : (double)t;
		return rc;
	case EXTRACT_BODY:
	case EXTRACT_HEADER:
	case EXTRACT_JSON:
	case EXTRACT_REGEX:
		break;
	}
	c->is_number = units_double(c->text, &c->number, NULL) == 0;
	c->upto = c->number;
	return 0;
}

static bool is_order(enum cond_op op)
{
	return op == COND_LT || op == COND_LE || op == COND_GT ||
	       op == COND_GE;
}

static int value_parse(const char *text, struct cond *c, struct err *err)
{
	size_t len = strlen(text);
	int rc;

	while (len && is_space(text[len - 1]))
		len--;
	if (len == 0)
		return err_set(err, -EINVAL, "the comparison has no value");
	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		c->text = mem_strndup(text + 1, len - 2);
		if (!is_order(c->op) && c->what.kind > EXTRACT_TIME &&
		    c->op != COND_MATCHES)
			return 0;	/* text, whatever it looks like */
	} else {
		c->text = mem_strndup(text, len);
	}
	if (c->op == COND_MATCHES)
		return regex_new(c->text, &c->regex, err);
	if (c->op == COND_CONTAINS)
		return 0;
	rc = number_parse(c, err);
	if (rc == 0 && is_order(c->op) && !c->is_number)
		return err_set(err, -EINVAL, "'%s' is no number, and more or "
			       "less is said of numbers only", c->text);
	return rc;
}

int cond_parse(const char *text, struct cond *c, struct err *err)
{
	int rc;

	text += strspn(text, " \t");
	if (strncmp(text, "not", 3) == 0 && is_space(text[3])) {
		c->negated = true;
		text += 4;
	}
	rc = extract_parse(&text, &c->what, err);
	if (rc < 0 || !*text)
		return rc;
	rc = op_take(&text, &c->op, err);
	return rc < 0 ? rc : value_parse(text, c, err);
}

void cond_done(struct cond *c)
{
	extract_done(&c->what);
	regex_free(c->regex);
	mem_free(c->text);
	*c = (struct cond){ 0 };
}

unsigned cond_keep(const struct cond *c)
{
	return extract_keep(&c->what);
}

static bool number_of(const struct extracted *v, double *ret)
{
	char text[64];

	*ret = v->number;
	if (v->is_number)
		return true;
	if (v->len == 0 || v->len >= sizeof(text))
		return false;
	memcpy(text, v->s, v->len);
	text[v->len] = '\0';
	return units_double(text, ret, NULL) == 0;
}

static bool equal(const struct cond *c, const struct extracted *v)
{
	double number;

	if (c->is_number && number_of(v, &number))
		return number >= c->number && number <= c->upto;
	return v->len == strlen(c->text) && memcmp(v->s, c->text, v->len) == 0;
}

static bool holds(const struct cond *c, const struct extracted *v)
{
	double number = 0;
	const char *s;
	size_t len;

	if (is_order(c->op) && !number_of(v, &number))
		return false;
	switch (c->op) {
	case COND_THERE:
		return true;
	case COND_EQ:
		return equal(c, v);
	case COND_NE:
		return !equal(c, v);
	case COND_LT:
		return number < c->number;
	case COND_LE:
		return number <= c->number;
	case COND_GT:
		return number > c->number;
	case COND_GE:
		return number >= c->number;
	case COND_CONTAINS:
		return memmem(v->s, v->len, c->text, strlen(c->text)) != NULL;
	case COND_MATCHES:
		return regex_find(c->regex, v->s, v->len, &s, &len);
	}
	return false;
}

bool cond_holds(const struct cond *c, struct seen *seen)
{
	struct extracted v;

	return (extract_value(&c->what, seen, &v) && holds(c, &v)) !=
	       c->negated;
}
