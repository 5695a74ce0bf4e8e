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
#include "chaos/load/journey.h"

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
	  .help = "'METHOD PATH [as API]'; 'think const|exp|uniform|normal|"
		  "lognormal TIME…'; 'await|poll METHOD PATH until CONDITION "
		  "[every 500ms] [after T] [timeout T] as API'; values: "
		  "${user} ${iteration} ${uuid} ${rand.N} ${CAPTURED}",
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
	{ .name = "capture", .type = OPT_LINES,
	  .off = AT(journey_conf, capture),
	  .help = "'NAME: json POINTER', 'NAME: header NAME' or 'NAME: regex "
		  "RE' of the answer to the step above it: ${NAME} from then "
		  "on; an ok answer without it has failed (check)",
	  .example = "coupon: json /coupon" },
	{ .name = "check", .type = OPT_LINES, .off = AT(journey_conf, check),
	  .help = "'NAME: [not] status|size|time|body|header NAME|json "
		  "POINTER|regex RE [= != < <= > >= contains matches VALUE]' "
		  "of the answer to the step above it; an ok answer that "
		  "fails one has failed (check), and no answer fails all",
	  .example = "issued: json /status = issued" },
	{ .name = "soft_check", .type = OPT_LINES,
	  .off = AT(journey_conf, soft_check),
	  .help = "as 'check', but the request stays ok: it is counted only, "
		  "as k6 does it",
	  .example = "fast: time < 300ms" },
	{ .name = "tag", .type = OPT_LINES, .off = AT(journey_conf, tag),
	  .help = "the API of the step above it is of this tag, which "
		  "expressions name tag:NAME; above the first step: all "
		  "of the journey's",
	  .example = "checkout" },
	OPT_END
};

bool token_ok(const char *s, const char *also)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(also, *s))
			return false;
	return true;
}

struct template_scope reader_scope(const struct reader *r)
{
	return (struct template_scope){
		.captures = (const char *const *)r->j->captures,
		.n_captures = r->j->n_captures,
	};
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
	struct template_scope scope = reader_scope(r);
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
	rc = template_parse(&r->step->headers, value, &scope, err);
	template_add(&r->step->headers, "\r\n", 2);
	return rc;
}

static int body_read(struct reader *r, const char *value, struct err *err)
{
	struct template_scope scope = reader_scope(r);
	int rc = need_step(r, "a body", err);

	if (rc < 0)
		return rc;
	if (r->step->has_body)
		return err_set(err, -EEXIST, "a second body of the same step");
	r->step->has_body = true;
	return template_parse(&r->step->body, value, &scope, err);
}

static int expect_read(struct reader *r, const char *value, struct err *err)
{
	int lo, hi, used = 0, rc = need_step(r, "'expect'", err);

	if (rc < 0)
		return rc;
	if (r->step->follow)
		return err_set(err, -EINVAL, "an await or a poll says what it "
			       "expects with 'until'");
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

/* Index of the name among the journey's, added if it is new. */
static size_t capture_slot(struct load_journey *j, const char *name)
{
	for (size_t i = 0; i < j->n_captures; i++)
		if (strcmp(j->captures[i], name) == 0)
			return i;
	j->captures = mem_realloc(j->captures,
				  (j->n_captures + 1) * sizeof(char *));
	j->captures[j->n_captures] = mem_strdup(name);
	return j->n_captures++;
}

static struct inspect *inspect_of(struct load_step *step)
{
	if (!step->inspect)
		step->inspect = mem_zalloc(sizeof(*step->inspect));
	return step->inspect;
}

static int check_add(struct reader *r, const char *value, bool soft,
		     struct err *err)
{
	AUTO_FREE char *name = NULL;
	struct inspect *in;
	struct check *c;
	int rc = need_step(r, "a check", err);

	if (rc < 0)
		return rc;
	in = inspect_of(r->step);
	in->checks = mem_realloc(in->checks, (in->n_checks + 1) * sizeof(*c));
	c = &in->checks[in->n_checks++];
	*c = (struct check){ .soft = soft };
	rc = check_parse(value, c, &name, err);
	if (rc == 0)
		c->index = conf_check(r->c, name);
	return rc;
}

static int check_read(struct reader *r, const char *value, struct err *err)
{
	return check_add(r, value, false, err);
}

static int soft_check_read(struct reader *r, const char *value,
			   struct err *err)
{
	return check_add(r, value, true, err);
}

/* Above the first step it is the whole journey's. */
static int tag_read(struct reader *r, const char *value, struct err *err)
{
	if (!token_ok(value, "_-."))
		return err_set(err, -EINVAL, "tag '%s': letters, digits, '_', "
			       "'-' and '.' only", value);
	if (r->j->n && !r->step)
		return need_step(r, "a tag", err);
	if (r->step)
		conf_tag(r->c, value, UINT64_C(1) << r->step->api);
	else
		conf_tag(r->c, value, 0);	/* journey_tags() adds */
	return 0;
}

static int capture_read(struct reader *r, const char *value, struct err *err)
{
	AUTO_FREE char *name = NULL;
	struct inspect *in;
	struct capture *c;
	int rc = need_step(r, "a capture", err);

	if (rc < 0)
		return rc;
	if (r->step->follow && r->step->follow->beside)
		return err_set(err, -EINVAL, "an await captures nothing: the "
			       "user does not wait for it (a poll does)");
	in = inspect_of(r->step);
	in->captures = mem_realloc(in->captures,
				   (in->n_captures + 1) * sizeof(*c));
	c = &in->captures[in->n_captures++];
	*c = (struct capture){ 0 };
	rc = capture_parse(value, c, &name, err);
	if (rc == 0)
		c->slot = capture_slot(r->j, name);
	return rc;
}

static const struct {
	const char *key;
	int (*read)(struct reader *r, const char *value, struct err *err);
} keys[] = {
	{ "body", body_read },
	{ "capture", capture_read },
	{ "check", check_read },
	{ "expect", expect_read },
	{ "header", header_read },
	{ "soft_check", soft_check_read },
	{ "step", step_read },
	{ "tag", tag_read },
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

static struct load_step_info info_of(const struct load_step *step,
				     const struct load_conf *c)
{
	const struct load_follow *f = step->follow;

	if (step->think)
		return (struct load_step_info){
			.kind = LOAD_THINK,
			.think_mean_s = dist_mean_s(&step->dist),
		};
	return (struct load_step_info){
		.kind = !f ? LOAD_REQUEST : f->beside ? LOAD_AWAIT : LOAD_POLL,
		.api = step->api < c->n_apis ? c->apis[step->api] : NULL,
		.method = step->method,
		.path = step->path,
		.every = f ? f->every : 0,
		.after = f ? f->after : 0,
		.timeout = f ? f->timeout : 0,
	};
}

/* What follows from the steps. */
static void journey_finish(struct load_journey *j, const struct load_conf *c)
{
	j->infos = mem_calloc(j->n + 1, sizeof(*j->infos));
	j->first_think = j->last_request = j->n;
	for (size_t i = 0; i < j->n; i++) {
		const struct load_step *step = &j->steps[i];

		j->infos[i] = info_of(step, c);
		if (!step->think)
			j->last_request = i;
		else if (j->first_think == j->n)
			j->first_think = i;
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

/* The tags above the first step, now that the APIs are known. */
static void journey_tags(const struct load_journey *j, struct load_conf *c)
{
	const struct scenario_section *s = j->section;

	for (size_t i = 0; i < s->n && strcmp(s->v[i].key, "step") != 0; i++)
		if (strcmp(s->v[i].key, "tag") == 0)
			conf_tag(c, s->v[i].value, j->apis);
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
	if (ret->weight == 0)
		scenario_error(s, "weight", errs, "[journey %s] has weight 0 "
			       "and would never be run: take it out, or name "
			       "the others in 'journeys' of the [load]",
			       ret->name);
	target_find(c, ret, s, conf.target, errs);
	for (size_t i = 0; i < s->n; i++)
		entry_read(&r, &s->v[i], errs);
	journey_tags(ret, c);
	journey_finish(ret, c);
	if (conf.step.n && ret->last_request == ret->n)
		scenario_error(s, "step", errs,
			       "[journey %s] has no request", ret->name);
	opt_done(journey_opts, &conf);
}

void journey_done(struct load_journey *j)
{
	for (size_t i = 0; i < j->n; i++)
		step_done(&j->steps[i]);
	for (size_t i = 0; i < j->n_captures; i++)
		mem_free(j->captures[i]);
	mem_free(j->captures);
	mem_free(j->steps);
	mem_free(j->infos);
	mem_free(j->name);
}
