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
#include "chaos/base/units.h"
#include "chaos/load/journey.h"

#define AT(type, field) offsetof(struct type, field)

static const char *const connections[] = { "user", "iteration", NULL };

static const char *const cookie_jars[] = {
	[COOKIES_NO] = "no", [COOKIES_USER] = "user",
	[COOKIES_ITERATION] = "iteration", NULL
};

enum { BODY_FILE_MAX = 16 << 20, REDIRECTS_MAX = 20 };

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
		  "[every 500ms] [after T] [timeout T] as API'; 'group API' "
		  "… 'end': the time of the steps between, thinks included; "
		  "values: ${user} ${iteration} ${uuid} ${rand.N} ${CAPTURED}",
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
	{ .name = "body_file", .type = OPT_LINES,
	  .off = AT(journey_conf, body_file),
	  .help = "body of the step above it, from a file beside the scenario",
	  .example = "order.json" },
	{ .name = "auth", .type = OPT_LINES, .off = AT(journey_conf, auth),
	  .help = "'basic USER:PASSWORD' or 'bearer TOKEN' of the step above "
		  "it; above the first step: of all. Not in the run directory",
	  .example = "bearer ${TOKEN}" },
	{ .name = "connection", .type = OPT_ENUM,
	  .off = AT(journey_conf, connection), .def = "user",
	  .choices = connections,
	  .help = "kept for as long as the user is there, or a new one for "
		  "each run through the journey" },
	{ .name = "cookies", .type = OPT_ENUM,
	  .off = AT(journey_conf, cookies), .def = "no",
	  .choices = cookie_jars,
	  .help = "kept and sent (RFC 6265): for as long as the user is there, "
		  "or for one run through the journey" },
	{ .name = "redirects", .type = OPT_INT,
	  .off = AT(journey_conf, redirects), .flags = OPT_NONNEG, .def = "0",
	  .help = "followed at most, to [target]s and to plain http://ADDRESS "
		  "that [allow] allows, else failed: protocol; the time is "
		  "until the last answer. 0: a redirect is an answer" },
	{ .name = "connect_timeout", .type = OPT_DURATION,
	  .off = AT(journey_conf, connect_timeout), .flags = OPT_NONNEG,
	  .help = "to have a connection (default: the [load]'s timeout, which "
		  "is for the whole)", .example = "3s" },
	{ .name = "first_byte_timeout", .type = OPT_DURATION,
	  .off = AT(journey_conf, first_byte_timeout), .flags = OPT_NONNEG,
	  .help = "of an answer, once its connection is up (default: the "
		  "[load]'s timeout)", .example = "5s" },
	{ .name = "tag", .type = OPT_LINES, .off = AT(journey_conf, tag),
	  .help = "the API of the step above it is of this tag, which "
		  "expressions name tag:NAME; above the first step: all "
		  "of the journey's",
	  .example = "checkout" },
	{ .name = "timeout", .type = OPT_LINES,
	  .off = AT(journey_conf, timeout),
	  .help = "a user's patience with the step above it, from its intended "
		  "start (default: the [load]'s)", .example = "3s" },
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
		.data = r->c->data, .n_data = r->c->n_data,
	};
}

static int need_step(const struct reader *r, const char *what,
		     struct err *err)
{
	if (r->step && !r->step->mark)
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
	r->step->has_encoding |= strcasecmp(name, "Accept-Encoding") == 0;
	r->step->has_auth |= strcasecmp(name, "Authorization") == 0;
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

static int body_file_read(struct reader *r, const char *value,
			  struct err *err)
{
	AUTO_FREE char *path = scenario_path(r->j->section, value);
	struct buf text;
	int rc;

	buf_init(&text, BODY_FILE_MAX);
	rc = buf_read_file(&text, path, err);
	if (rc == 0 && memchr(text.data ? text.data : "", '\0', text.len))
		rc = err_set(err, -EINVAL, "'%s' has a NUL byte: a body is a "
			     "template, and text", path);
	if (rc == 0)
		rc = body_read(r, text.data ? text.data : "", err);
	buf_done(&text);
	return rc;
}

/* "basic USER:PASSWORD" or "bearer TOKEN", as a header's value. */
static int auth_header(struct reader *r, struct load_step *step,
		       const char *value, struct err *err)
{
	struct template_scope scope = reader_scope(r);
	bool basic = strncmp(value, "basic ", 6) == 0;
	const char *what = strchr(value, ' ');
	struct template inner = { 0 };
	int rc;

	if ((!basic && strncmp(value, "bearer ", 7) != 0) || !what ||
	    (basic && !strchr(what, ':')))
		return err_set(err, -EINVAL, "'auth' is 'basic USER:PASSWORD' "
			       "or 'bearer TOKEN'");
	rc = template_parse(&inner, what + strspn(what, " "), &scope, err);
	if (rc == 0) {
		const char *head = basic ? "Authorization: Basic "
					 : "Authorization: Bearer ";

		template_add(&step->headers, head, strlen(head));
		if (basic)
			template_add_basic(&step->headers, &inner);
		else
			template_append(&step->headers, &inner);
		template_add(&step->headers, "\r\n", 2);
		step->has_auth = true;
	}
	template_done(&inner);
	return rc;
}

/* Above the first step it is for all that have none of their own. */
static int auth_read(struct reader *r, const char *value, struct err *err)
{
	int rc;

	if (r->j->n == 0) {
		r->auth = value;
		return 0;
	}
	rc = need_step(r, "'auth'", err);
	if (rc < 0)
		return rc;
	if (r->step->has_auth)
		return err_set(err, -EEXIST, "a second 'auth' of the same "
			       "step");
	return auth_header(r, r->step, value, err);
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

static int timeout_read(struct reader *r, const char *value, struct err *err)
{
	int rc = need_step(r, "a timeout", err);

	if (rc < 0)
		return rc;
	if (r->step->follow)
		return err_set(err, -EINVAL, "an await or a poll has its "
			       "'timeout T' in its own line");
	if (r->step->timeout)
		return err_set(err, -EEXIST, "a second timeout of the same "
			       "step");
	rc = units_duration(value, &r->step->timeout, err);
	if (rc == 0 && r->step->timeout <= 0)
		rc = err_set(err, -EINVAL, "timeout '%s' is too short", value);
	return rc;
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

static bool is_request(const struct load_step *step)
{
	return !step->think && !step->mark;
}

static void auth_rest(struct reader *r, struct errs *errs)
{
	struct err err;

	for (size_t i = 0; r->auth && i < r->j->n; i++)
		if (is_request(&r->j->steps[i]) &&
		    !r->j->steps[i].has_auth &&
		    auth_header(r, &r->j->steps[i], r->auth, &err) < 0) {
			scenario_error(r->j->section, "auth", errs, "%s",
				       err.msg);
			return;
		}
}

static const struct {
	const char *key;
	int (*read)(struct reader *r, const char *value, struct err *err);
} keys[] = {
	{ "auth", auth_read },
	{ "body", body_read },
	{ "body_file", body_file_read },
	{ "capture", capture_read },
	{ "check", check_read },
	{ "expect", expect_read },
	{ "header", header_read },
	{ "soft_check", soft_check_read },
	{ "step", step_read },
	{ "tag", tag_read },
	{ "timeout", timeout_read },
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

static enum load_step_kind kind_of(const struct load_step *step)
{
	if (step->mark)
		return step->mark == MARK_GROUP ? LOAD_GROUP : LOAD_GROUP_END;
	if (!step->follow)
		return LOAD_REQUEST;
	return step->follow->beside ? LOAD_AWAIT : LOAD_POLL;
}

static const char *api_of(const struct load_step *step,
			  const struct load_conf *c)
{
	bool has = step->mark != MARK_END && step->api < c->n_apis;

	return has ? c->apis[step->api] : NULL;
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
		.kind = kind_of(step),
		.api = api_of(step, c),
		.method = step->method,
		.path = step->path,
		.every = f ? f->every : 0,
		.after = f ? f->after : 0,
		.timeout = f ? f->timeout : step->timeout,
	};
}

/* What follows from the steps. */
static void journey_finish(struct load_journey *j, const struct load_conf *c)
{
	j->infos = mem_calloc(j->n + 1, sizeof(*j->infos));
	j->first_think = j->first_request = j->last_request = j->n;
	for (size_t i = 0; i < j->n; i++) {
		const struct load_step *step = &j->steps[i];

		j->infos[i] = info_of(step, c);
		j->data |= template_data(&step->path_t) |
			   template_data(&step->headers) |
			   template_data(&step->body);
		if (is_request(step) && j->first_request == j->n)
			j->first_request = i;
		if (is_request(step) || step->mark == MARK_END)
			j->last_request = i;
		if (step->think && j->first_think == j->n)
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
	auth_rest(&r, errs);
	ret->fresh = conf.connection == 1;
	ret->cookies = conf.cookies;
	ret->redirects = (unsigned)conf.redirects;
	if (conf.redirects > REDIRECTS_MAX)
		scenario_error(s, "redirects", errs, "more than %d redirects",
			       REDIRECTS_MAX);
	ret->connect_timeout = conf.connect_timeout;
	ret->first_byte_timeout = conf.first_byte_timeout;
	journey_tags(ret, c);
	journey_finish(ret, c);
	if (r.in_group)
		scenario_error(s, "step", errs, "[journey %s]: nothing ends "
			       "its last group: add 'step = end' behind the "
			       "group's last request", ret->name);
	if (conf.step.n && ret->first_request == ret->n)
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
