/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a [journey]: steps in the order in which they stand, each with the
 * headers, body and expected status below it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/load/conf.h"

#define AT(type, field) offsetof(struct type, field)

const struct opt journey_opts[] = {
	{ .name = "target", .type = OPT_STR, .off = AT(journey_conf, target),
	  .help = "[target] that its requests go to (default: the first)",
	  .example = "shop" },
	{ .name = "weight", .type = OPT_DOUBLE,
	  .off = AT(journey_conf, weight), .flags = OPT_NONNEG, .def = "1",
	  .help = "share of the mix, relative to the other journeys",
	  .example = "32" },
	{ .name = "step", .type = OPT_LINES, .off = AT(journey_conf, step),
	  .flags = OPT_REQUIRED,
	  .help = "'METHOD PATH [as API]', or 'think const|exp|uniform|normal|"
		  "lognormal TIME…'; values: ${user} ${iteration} ${uuid} "
		  "${rand.N}",
	  .example = "GET /balance?user=${user} as balance" },
	{ .name = "header", .type = OPT_LINES,
	  .off = AT(journey_conf, header),
	  .help = "'Name: value' of the step above it",
	  .example = "Idempotency-Key: ${uuid}" },
	{ .name = "body", .type = OPT_LINES, .off = AT(journey_conf, body),
	  .help = "body of the step above it",
	  .example = "{\"user\":${user}}" },
	{ .name = "expect", .type = OPT_LINES,
	  .off = AT(journey_conf, expect),
	  .help = "status that is ok for the step above it: '200' or "
		  "'200..299' (default: 2xx and 3xx)",
	  .example = "200..204" },
	OPT_END
};

/* While one journey is read. */
struct reader {
	struct load_conf *c;
	struct load_journey *j;
	struct load_step *step;	/* the last request, or NULL */
};

static bool token_ok(const char *s, const char *also)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(also, *s))
			return false;
	return true;
}

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
	return 0;
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
		       "step '%s…' is neither a method nor 'think' (did you "
		       "mean '%s'?)", method, near ? near : "GET");
}

/* rest: "METHOD PATH [as API]", cut up in place. */
static int request_parse(struct reader *r, struct load_step *step, char *text,
			 struct err *err)
{
	char *save, *method = strtok_r(text, " \t", &save);
	char *path = strtok_r(NULL, " \t", &save);
	char *as = strtok_r(NULL, " \t", &save);
	char *api = strtok_r(NULL, " \t", &save);
	int rc = method_check(method, err);

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
	rc = api_set(r, step, api ? api : r->j->name, err);
	return rc < 0 ? rc : template_parse(&step->path_t, path, err);
}

static int step_read(struct reader *r, const char *value, struct err *err)
{
	static const char word[] = "think";
	size_t len = strlen(word);
	AUTO_FREE char *text = mem_strdup(value + strspn(value, " \t"));
	struct load_journey *j = r->j;
	struct load_step *step;

	j->steps = mem_realloc(j->steps, (j->n + 1) * sizeof(*j->steps));
	step = &j->steps[j->n++];
	*step = (struct load_step){ 0 };
	r->step = NULL;
	if (strncmp(text, word, len) == 0 &&
	    (text[len] == '\0' || isspace((unsigned char)text[len]))) {
		step->think = true;
		len += strspn(text + len, " \t");
		return dist_parse(text + len, &step->dist, err);
	}
	if (!*text)
		return err_set(err, -EINVAL, "an empty step");
	r->step = step;
	step->request = r->c->n_requests++;
	return request_parse(r, step, text, err);
}

static int need_step(const struct reader *r, const char *what,
		     struct err *err)
{
	if (r->step)
		return 0;
	return err_set(err, -EINVAL,
		       "%s must stand below the request that it belongs to",
		       what);
}

static int header_read(struct reader *r, const char *value, struct err *err)
{
	const char *colon = strchr(value, ':');
	AUTO_FREE char *name = NULL;
	int rc = need_step(r, "a header", err);

	if (rc < 0)
		return rc;
	if (!colon)
		return err_set(err, -EINVAL,
			       "header '%s' is not of the form 'Name: value'",
			       value);
	name = mem_strndup(value, (size_t)(colon - value));
	if (!token_ok(name, "!#$%&'*+-.^_`|~"))
		return err_set(err, -EINVAL, "'%s' is no name of a header",
			       name);
	if (strcasecmp(name, "Content-Length") == 0 ||
	    strcasecmp(name, "Transfer-Encoding") == 0 ||
	    strcasecmp(name, "Connection") == 0)
		return err_set(err, -EINVAL,
			       "header '%s' is set by the load engine", name);
	r->step->has_host |= strcasecmp(name, "Host") == 0;
	r->step->has_type |= strcasecmp(name, "Content-Type") == 0;
	rc = template_parse(&r->step->headers, value, err);
	template_add(&r->step->headers, "\r\n", 2);
	return rc;
}

static int body_read(struct reader *r, const char *value, struct err *err)
{
	int rc = need_step(r, "a body", err);

	if (rc < 0)
		return rc;
	if (r->step->has_body)
		return err_set(err, -EEXIST, "a second body of the same step");
	r->step->has_body = true;
	return template_parse(&r->step->body, value, err);
}

static int expect_read(struct reader *r, const char *value, struct err *err)
{
	int lo, hi, used = 0, rc = need_step(r, "'expect'", err);

	if (rc < 0)
		return rc;
	if (sscanf(value, "%3d..%3d%n", &lo, &hi, &used) != 2 ||
	    value[used]) {
		used = 0;
		if (sscanf(value, "%3d%n", &lo, &used) != 1 || value[used])
			used = -1;
		hi = lo;
	}
	if (used < 0 || lo < 200 || hi < lo || hi > 599)
		return err_set(err, -EINVAL,
			       "'%s' is no status or range of statuses (such "
			       "as '200..299')", value);
	r->step->expect_lo = lo;
	r->step->expect_hi = hi;
	return 0;
}

static const struct {
	const char *key;
	int (*read)(struct reader *r, const char *value, struct err *err);
} keys[] = {
	{ "body", body_read },
	{ "expect", expect_read },
	{ "header", header_read },
	{ "step", step_read },
};

static void entry_read(struct reader *r, const struct scenario_entry *e,
		       struct errs *errs)
{
	struct err err;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i].key, e->key) == 0 &&
		    keys[i].read(r, e->value, &err) < 0)
			errs_add(errs, e->file, e->line, "%s", err.msg);
}

/* What follows from the steps. */
static void journey_finish(struct load_journey *j, const struct load_conf *c)
{
	j->infos = mem_calloc(j->n + 1, sizeof(*j->infos));
	j->first_think = j->last_request = j->n;
	for (size_t i = 0; i < j->n; i++) {
		const struct load_step *step = &j->steps[i];

		if (step->think) {
			if (j->first_think == j->n)
				j->first_think = i;
			j->infos[i].think_mean_s = dist_mean_s(&step->dist);
			continue;
		}
		j->last_request = i;
		j->infos[i].api = step->api < c->n_apis ? c->apis[step->api]
							: NULL;
		j->infos[i].method = step->method;
		j->infos[i].path = step->path;
	}
}

static void target_find(struct load_conf *c, struct load_journey *j,
			const struct scenario_section *s, const char *name,
			struct errs *errs)
{
	j->target = conf_target(c, name);
	if (j->target < c->n_targets)
		return;
	if (c->n_targets == 0)
		scenario_error(s, NULL, errs, "[journey %s] has no target: "
			       "add a [target NAME] with a url", j->name);
	else
		scenario_error(s, "target", errs,
			       "unknown target '%s' (there is '%s')", name,
			       c->targets[0].name);
}

void journey_read(struct load_conf *c, const struct scenario_section *s,
		  struct load_journey *ret, struct errs *errs)
{
	struct journey_conf conf = { 0 };
	struct reader r = { .c = c, .j = ret };

	*ret = (struct load_journey){
		.name = mem_strdup(s->arg ? s->arg : ""),
		.section = s,
	};
	scenario_fill(s, journey_opts, &conf, errs);
	ret->weight = conf.weight;
	target_find(c, ret, s, conf.target, errs);
	for (size_t i = 0; i < s->n; i++)
		entry_read(&r, &s->v[i], errs);
	journey_finish(ret, c);
	if (conf.step.n && ret->last_request == ret->n)
		scenario_error(s, "step", errs,
			       "[journey %s] has no request", ret->name);
	opt_done(journey_opts, &conf);
}

void journey_done(struct load_journey *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct load_step *step = &j->steps[i];

		mem_free(step->method);
		mem_free(step->path);
		template_done(&step->path_t);
		template_done(&step->headers);
		template_done(&step->body);
	}
	mem_free(j->steps);
	mem_free(j->infos);
	mem_free(j->name);
}
