/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value is taken from in an answer. */
#include "chaos/load/extract.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/load/request.h"

/* Takes a word off the front; "" at the end. Caller frees. */
static char *word_take(const char **text)
{
	const char *s = *text + strspn(*text, " \t");
	size_t len = strcspn(s, " \t");

	*text = s + len + strspn(s + len, " \t");
	return mem_strndup(s, len);
}

static int header_parse(const char **text, struct extract *x, struct err *err)
{
	x->header = word_take(text);
	if (*x->header)
		return 0;
	return err_set(err, -EINVAL, "'header' needs a name (such as 'header "
		       "ETag')");
}

static int json_at_parse(const char **text, struct extract *x,
			 struct err *err)
{
	AUTO_FREE char *word = word_take(text);

	if (!*word)
		return err_set(err, -EINVAL, "'json' needs a pointer (such as "
			       "'json /items/0/id')");
	return pointer_parse(word, &x->pointer, err);
}

static int regex_parse(const char **text, struct extract *x, struct err *err)
{
	const char *pattern = *text + strspn(*text, " \t");

	*text += strlen(*text);
	if (!*pattern)
		return err_set(err, -EINVAL, "'regex' needs an expression");
	return regex_new(pattern, &x->regex, err);
}

static const struct {
	const char *word;
	int (*parse)(const char **text, struct extract *x, struct err *err);
	unsigned keep;
} kinds[] = {
	[EXTRACT_STATUS] = { "status", NULL, 0 },
	[EXTRACT_SIZE] = { "size", NULL, 0 },
	[EXTRACT_TIME] = { "time", NULL, 0 },
	[EXTRACT_BODY] = { "body", NULL, REQUEST_KEEP_BODY },
	[EXTRACT_HEADER] = { "header", header_parse, REQUEST_KEEP_HEADERS },
	[EXTRACT_JSON] = { "json", json_at_parse, REQUEST_KEEP_BODY },
	[EXTRACT_REGEX] = { "regex", regex_parse, REQUEST_KEEP_BODY },
};
enum { N_KINDS = sizeof(kinds) / sizeof(*kinds) };

static int kind_unknown(const char *word, struct err *err)
{
	const char *words[N_KINDS], *near;

	for (size_t i = 0; i < N_KINDS; i++)
		words[i] = kinds[i].word;
	near = opt_suggest(word, words, N_KINDS);
	if (near)
		return err_set(err, -EINVAL, "nothing of an answer is called "
			       "'%s' (did you mean '%s'?)", word, near);
	return err_set(err, -EINVAL, "nothing of an answer is called '%s': "
		       "there are status, size, time, body, 'header NAME', "
		       "'json POINTER', 'regex RE'", word);
}

int extract_parse(const char **text, struct extract *x, struct err *err)
{
	AUTO_FREE char *word = word_take(text);

	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(kinds[i].word, word) != 0)
			continue;
		x->kind = (enum extract_kind)i;
		return kinds[i].parse ? kinds[i].parse(text, x, err) : 0;
	}
	return kind_unknown(word, err);
}

void extract_done(struct extract *x)
{
	mem_free(x->header);
	pointer_done(&x->pointer);
	regex_free(x->regex);
	*x = (struct extract){ 0 };
}

unsigned extract_keep(const struct extract *x)
{
	return kinds[x->kind].keep;
}

void seen_init(struct seen *s, const struct answer *a, nsec_t response)
{
	*s = (struct seen){ .answer = a, .response = response };
}

void seen_done(struct seen *s)
{
	json_decref(s->root);
	free(s->dump);		/* jansson's */
}

static bool number_value(struct seen *seen, double number,
			 struct extracted *ret)
{
	int n = snprintf(seen->number, sizeof(seen->number), "%.17g", number);

	*ret = (struct extracted){ .s = seen->number, .len = (size_t)n,
				   .is_number = true, .number = number };
	return true;
}

static bool text_value(const char *s, size_t len, struct extracted *ret)
{
	*ret = (struct extracted){ .s = s, .len = len };
	return s != NULL;
}

static const json_t *root_of(struct seen *seen)
{
	const struct answer *a = seen->answer;

	if (!seen->parsed && a->body && !a->body_cut)
		seen->root = json_loadb(a->body, a->body_len,
					JSON_DECODE_ANY | JSON_ALLOW_NUL,
					NULL);
	seen->parsed = true;
	return seen->root;
}

static bool dump_value(struct seen *seen, const json_t *v,
		       struct extracted *ret)
{
	free(seen->dump);
	seen->dump = json_dumps(v, JSON_COMPACT);
	return text_value(seen->dump, seen->dump ? strlen(seen->dump) : 0,
			  ret);
}

static bool json_value(const json_t *v, struct seen *seen,
		       struct extracted *ret)
{
	int n;

	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		return text_value(json_string_value(v),
				  json_string_length(v), ret);
	case JSON_INTEGER:
		n = snprintf(seen->number, sizeof(seen->number),
			     "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		*ret = (struct extracted){
			.s = seen->number, .len = (size_t)n,
			.is_number = true,
			.number = (double)json_integer_value(v),
		};
		return true;
	case JSON_REAL:
		return number_value(seen, json_real_value(v), ret);
	case JSON_TRUE:
		return text_value("true", 4, ret);
	case JSON_FALSE:
		return text_value("false", 5, ret);
	case JSON_OBJECT:
	case JSON_ARRAY:
		return dump_value(seen, v, ret);
	case JSON_NULL:
		break;
	}
	return false;
}

bool extract_value(const struct extract *x, struct seen *seen,
		   struct extracted *ret)
{
	const struct answer *a = seen->answer;
	const char *s;
	size_t len = 0;

	switch (x->kind) {
	case EXTRACT_STATUS:
		return number_value(seen, a->status, ret);
	case EXTRACT_SIZE:
		return number_value(seen, (double)a->body_seen, ret);
	case EXTRACT_TIME:
		return number_value(seen, (double)seen->response, ret);
	case EXTRACT_BODY:
		return text_value(a->body, a->body_len, ret);
	case EXTRACT_HEADER:
		s = answer_header(a, x->header, 0, &len);
		return text_value(s, len, ret);
	case EXTRACT_JSON:
		return json_value(pointer_at(&x->pointer, root_of(seen)), seen,
				  ret);
	case EXTRACT_REGEX:
		return a->body &&
		       regex_find(x->regex, a->body, a->body_len, &s, &len) &&
		       text_value(s, len, ret);
	}
	return false;
}
