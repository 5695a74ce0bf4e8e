/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of a journey, from its line:
 *
 *	think DIST · METHOD PATH [as API] · group API · end
 *	await|poll METHOD PATH until COND [every T] [after T] [timeout T] as API
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/base/units.h"
#include "chaos/load/journey.h"

static const nsec_t EVERY = 500 * NSEC_MS;

static int api_set(struct reader *r, struct load_step *step, const char *name,
		   struct err *err)
{
	if (!token_ok(name, "_-."))
		return err_set(err, -EINVAL,
			       "API '%s': letters, digits, '_', '-' and '.' "
			       "only", name);
	if (strcmp(name, "all") == 0 || strcmp(name, "each") == 0)
		return err_set(err, -EINVAL,
			       "an API cannot be called '%s': in expressions "
			       "that means every API", name);
	step->api = conf_api(r->c, name);
	if (step->api == LOAD_APIS_MAX)
		return err_set(err, -E2BIG, "more than %d APIs",
			       LOAD_APIS_MAX);
	r->j->apis |= UINT64_C(1) << step->api;
	return conf_api_use(r->c, step->api, step->follow || step->mark, err);
}

static int method_check(const char *method, struct err *err)
{
	static const char *const known[] = { "GET", "POST", "PUT", "PATCH",
					     "DELETE", "HEAD", "OPTIONS" };
	const char *near;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(method, known[i]) == 0)
			return 0;
	near = opt_suggest(method, known, sizeof(known) / sizeof(*known));
	return err_set(err, -EINVAL,
		       "step '%s…' is neither a method nor think, await, "
		       "poll, group or end (did you mean '%s'?)", method,
		       near ? near : "GET");
}

/* text: "METHOD PATH [as API]", cut up in place; as_api if it names none. */
static int request_parse(struct reader *r, struct load_step *step, char *text,
			 const char *as_api, struct err *err)
{
	char *save, *method = strtok_r(text, " \t", &save);
	char *path = strtok_r(NULL, " \t", &save);
	char *as = strtok_r(NULL, " \t", &save);
	char *api = strtok_r(NULL, " \t", &save);
	struct template_scope scope = reader_scope(r);
	int rc = method_check(method ? method : "", err);

	if (rc < 0)
		return rc;
	if (!path || path[0] != '/')
		return err_set(err, -EINVAL,
			       "step '%s %s': the path must begin with '/'",
			       method, path ? path : "");
	if ((as && strcmp(as, "as") != 0) || (as && !api) ||
	    strtok_r(NULL, " \t", &save))
		return err_set(err, -EINVAL,
			       "step '%s %s …' is not of the form 'METHOD "
			       "PATH [as API]'", method, path);
	step->method = mem_strdup(method);
	step->path = mem_strdup(path);
	rc = api_set(r, step, api ? api : as_api, err);
	if (rc == 0)
		rc = template_parse(&step->path_t, path, &scope, err);
	template_encode(&step->path_t);
	return rc;
}

/* The last word of s[0 .. *len), cut off; NULL: none, or it is quoted. */
static char *last_word(char *s, size_t *len)
{
	size_t end = *len, at;

	while (end && isspace((unsigned char)s[end - 1]))
		end--;
	at = end;
	while (at && !isspace((unsigned char)s[at - 1]))
		at--;
	if (at == end || s[end - 1] == '"')
		return NULL;
	s[end] = '\0';
	*len = at;
	return s + at;
}

/* What stands behind the condition. */
struct tail {
	const char *every, *after, *timeout, *as;
};

/* Cuts the options off the end of text, in whatever order. */
static void tail_take(char *text, struct tail *ret)
{
	struct {
		const char *word;
		const char **to;
	} rows[] = {
		{ "every", &ret->every }, { "after", &ret->after },
		{ "timeout", &ret->timeout }, { "as", &ret->as },
	};
	size_t len = strlen(text), i;

	do {
		size_t left = len;
		char *value = last_word(text, &left);
		char *word = value ? last_word(text, &left) : NULL;

		for (i = 0; word && i < 4; i++)
			if (strcmp(rows[i].word, word) == 0 && !*rows[i].to)
				break;
		if (!word)
			return;
		if (i < 4) {
			*rows[i].to = value;
			len = left;
			text[len] = '\0';
		} else {	/* it was the condition's: mend the cuts */
			word[strlen(word)] = ' ';
		}
	} while (i < 4);
}

static int span_parse(const char *word, const char *text, bool zero,
		      nsec_t *ret, struct err *err)
{
	int rc = text ? units_duration(text, ret, err) : 0;

	if (rc == 0 && (*ret < 0 || (text && !zero && *ret == 0)))
		rc = err_set(err, -EINVAL, "'%s' is too short", text);
	return rc < 0 ? err_prefix(err, "'%s'", word) : 0;
}

static int follow_parse(struct reader *r, struct load_step *step, char *text,
			struct err *err)
{
	static const char word[] = " until ";
	char *until = strstr(text, word);
	struct load_follow *f = step->follow;
	struct tail tail = { 0 };
	int rc;

	if (!until)
		return err_set(err, -EINVAL, "'%s' needs a condition: 'METHOD "
			       "PATH until json /status = confirmed as API'",
			       f->beside ? "await" : "poll");
	*until = '\0';
	tail_take(until + strlen(word), &tail);
	f->every = EVERY;
	rc = span_parse("every", tail.every, false, &f->every, err);
	if (rc == 0)
		rc = span_parse("after", tail.after, true, &f->after, err);
	if (rc == 0)
		rc = span_parse("timeout", tail.timeout, false, &f->timeout,
				err);
	if (rc == 0)
		rc = cond_parse(until + strlen(word), &f->until, err);
	if (rc == 0 && !tail.as)
		rc = err_set(err, -EINVAL, "it needs 'as API' at its end: its "
			     "time is an API of its own");
	if (rc == 0 && r->j->n_asked == 0)
		rc = err_set(err, -EINVAL, "a journey begins with a request, "
			     "and follows something after it");
	return rc < 0 ? rc : request_parse(r, step, text, tail.as, err);
}

/* Is the first word of text this one? Returns what is behind it. */
static char *behind(char *text, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(text, word, len) != 0 ||
	    (text[len] && !isspace((unsigned char)text[len])))
		return NULL;
	return text + len + strspn(text + len, " \t");
}

/* name: of the group, to the end of its line. */
static int group_parse(struct reader *r, struct load_step *step,
		       const char *name, struct err *err)
{
	if (r->in_group)
		return err_set(err, -EINVAL, "a group within a group: put "
			       "'step = end' behind the last step of the one "
			       "that is open");
	r->in_group = true;
	r->group_asks = false;
	r->step = step;
	return api_set(r, step, name, err);
}

static int end_parse(struct reader *r, const char *rest, struct err *err)
{
	if (*rest)
		return err_set(err, -EINVAL, "'%s' behind 'end', which takes "
			       "nothing", rest);
	if (!r->in_group)
		return err_set(err, -EINVAL, "there is no group to end: "
			       "'step = group NAME' opens one");
	r->in_group = false;
	if (!r->group_asks)
		return err_set(err, -EINVAL, "the group has no request or "
			       "poll");
	return 0;
}

int step_read(struct reader *r, const char *value, struct err *err)
{
	AUTO_FREE char *text = mem_strdup(value + strspn(value, " \t"));
	char *await = behind(text, "await"), *poll = behind(text, "poll");
	char *think = behind(text, "think"), *group = behind(text, "group");
	char *end = behind(text, "end");
	struct load_journey *j = r->j;
	struct load_step *step;

	j->steps = mem_realloc(j->steps, (j->n + 1) * sizeof(*j->steps));
	step = &j->steps[j->n++];
	*step = (struct load_step){ 0 };
	r->step = NULL;
	if (think) {
		step->think = true;
		return dist_parse(think, &step->dist, err);
	}
	if (group || end) {
		step->mark = group ? MARK_GROUP : MARK_END;
		return group ? group_parse(r, step, group, err)
			     : end_parse(r, end, err);
	}
	if (!*text)
		return err_set(err, -EINVAL, "an empty step");
	r->step = step;
	r->group_asks |= await == NULL;
	step->request = r->c->n_requests++;
	if (await || poll) {
		step->follow = mem_zalloc(sizeof(*step->follow));
		step->follow->beside = await != NULL;
		return follow_parse(r, step, await ? await : poll, err);
	}
	j->n_asked++;
	return request_parse(r, step, text, j->name, err);
}

void step_done(struct load_step *step)
{
	mem_free(step->method);
	mem_free(step->path);
	template_done(&step->path_t);
	template_done(&step->headers);
	template_done(&step->body);
	inspect_free(step->inspect);
	if (step->follow)
		cond_done(&step->follow->until);
	mem_free(step->follow);
}
