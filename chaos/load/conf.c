/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks [target], [journey], [load]; answers what the plan asks. */
#include "chaos/load/conf.h"

#include <errno.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/base/rng.h"
#include "chaos/base/units.h"

/* Room for the user numbers of one [load] section. */
#define USERS_APART UINT64_C(100000000)
enum { USERS_MAX = 1000000 };

struct group_conf {
	int model, arrival, shape;
	nsec_t timeout, pacing, graceful_stop;
	struct opt_strs stages, journeys;
	int64_t max_users, iterations, user_iterations;
	struct catch_up {
		enum load_catch_up what;
		int64_t bound;
	} catch_up;
};

static const char *const models[] = {
	[LOAD_USERS] = "users", [LOAD_ARRIVALS] = "arrivals", NULL
};
static const char *const arrivals[] = {
	[LOAD_EVEN] = "even", [LOAD_POISSON] = "poisson", NULL
};

enum { SHAPE_RAMPS, SHAPE_STEPS };
static const char *const shapes[] = {
	[SHAPE_RAMPS] = "ramps", [SHAPE_STEPS] = "steps", NULL
};

/* "full", "bounded N", "drop" */
static int parse_catch_up(const char *text, void *field, struct err *err)
{
	static const char word[] = "bounded";
	struct catch_up *c = field;
	size_t len = strlen(word);

	if (strcmp(text, "full") == 0 || strcmp(text, "drop") == 0) {
		c->what = text[0] == 'f' ? LOAD_FULL : LOAD_DROP;
		return 0;
	}
	if (strncmp(text, word, len) == 0 && (text[len] == ' ' ||
					      text[len] == '\t')) {
		c->what = LOAD_BOUNDED;
		len += strspn(text + len, " \t");
		if (units_int(text + len, &c->bound, NULL) == 0 &&
		    c->bound > 0)
			return 0;
	}
	return err_set(err, -EINVAL, "'%s' is no way to catch up (full, "
		       "bounded N, drop)", text);
}

#define AT(field) offsetof(struct group_conf, field)

static const struct opt group_opts[] = {
	{ .name = "model", .type = OPT_ENUM, .off = AT(model), .def = "users",
	  .choices = models,
	  .help = "users: closed, each waits for its answer; arrivals: open, "
		  "they come whatever the answers do" },
	{ .name = "timeout", .type = OPT_DURATION, .off = AT(timeout),
	  .flags = OPT_POSITIVE, .def = "10s",
	  .help = "a user's patience with a request, from its intended start",
	  .example = "10s" },
	{ .name = "stages", .type = OPT_STRS, .off = AT(stages),
	  .flags = OPT_REQUIRED,
	  .help = "'TIME N, …': users, or arrivals per second; linear between "
		  "the stages, two at one time are a jump",
	  .example = "0s 150, 30s 800" },
	{ .name = "journeys", .type = OPT_STRS, .off = AT(journeys),
	  .help = "the [journey]s that are run (default: all)",
	  .example = "product, balance" },
	{ .name = "arrival", .type = OPT_ENUM, .off = AT(arrival),
	  .def = "even", .choices = arrivals,
	  .help = "arrivals: evenly spaced, or a Poisson process" },
	{ .name = "max_users", .type = OPT_INT, .off = AT(max_users),
	  .flags = OPT_POSITIVE, .def = "1000",
	  .help = "arrivals: at once; more wait, and their latency counts" },
	{ .name = "catch_up", .type = OPT_PARSE, .off = AT(catch_up),
	  .parse = parse_catch_up,
	  .help = "arrivals that could not begin when due: full (all are run "
		  "as soon as they can, the default), 'bounded N' (N at most "
		  "wait), drop; what was dropped is counted",
	  .example = "bounded 1000" },
	{ .name = "graceful_stop", .type = OPT_DURATION,
	  .off = AT(graceful_stop), .flags = OPT_NONNEG, .def = "30s",
	  .help = "traffic alone: after the last stage those who are in an "
		  "iteration may finish it, for so long" },
	{ .name = "iterations", .type = OPT_INT, .off = AT(iterations),
	  .flags = OPT_POSITIVE,
	  .help = "runs of a journey by all together; then it is over",
	  .example = "10000" },
	{ .name = "pacing", .type = OPT_DURATION, .off = AT(pacing),
	  .flags = OPT_POSITIVE,
	  .help = "users: an iteration begins so long after the one before "
		  "it began, or at once if that is over",
	  .example = "5s" },
	{ .name = "shape", .type = OPT_ENUM, .off = AT(shape), .def = "ramps",
	  .choices = shapes,
	  .help = "between two stages: ramps (linear) or steps (as the first "
		  "of them until the second)" },
	{ .name = "user_iterations", .type = OPT_INT,
	  .off = AT(user_iterations), .flags = OPT_POSITIVE,
	  .help = "users: runs of a journey by each of them",
	  .example = "10" },
	OPT_END
};

const struct section_spec load_journey_section = {
	.name = "journey", .arg = "NAME", .many = true, .opts = journey_opts,
	.size = sizeof(struct journey_conf), .templates = true,
	.summary = "what a user does: requests and think times, in order",
};
const struct section_spec load_load_section = {
	.name = "load", .arg = "NAME", .many = true, .opts = group_opts,
	.size = sizeof(struct group_conf),
	.summary = "how many users or arrivals run the journeys, and when",
};

const struct section_spec load_data_section = {
	.name = "data", .arg = "NAME", .many = true, .opts = data_opts,
	.size = sizeof(struct data_conf),
	.summary = "values of a file, a row for each run through a journey",
};

size_t conf_target(const struct load_conf *c, const char *name)
{
	if (!name || !*name)
		return 0;
	for (size_t i = 0; i < c->n_targets; i++)
		if (strcmp(c->targets[i].name, name) == 0)
			return i;
	return c->n_targets;
}

size_t conf_api(struct load_conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_apis; i++)
		if (strcmp(c->apis[i], name) == 0)
			return i;
	if (c->n_apis == LOAD_APIS_MAX)
		return LOAD_APIS_MAX;
	c->apis = mem_realloc(c->apis, (c->n_apis + 1) * sizeof(*c->apis));
	c->apis[c->n_apis] = mem_strdup(name);
	return c->n_apis++;
}

size_t conf_check(struct load_conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_checks; i++)
		if (strcmp(c->checks[i], name) == 0)
			return i;
	c->checks = mem_realloc(c->checks,
				(c->n_checks + 1) * sizeof(*c->checks));
	c->checks[c->n_checks] = mem_strdup(name);
	return c->n_checks++;
}

void conf_tag(struct load_conf *c, const char *name, uint64_t apis)
{
	size_t i = 0, n = c->n_tags + 1;

	while (i < c->n_tags && strcmp(c->tag_names[i], name) != 0)
		i++;
	if (i == c->n_tags) {
		c->tags = mem_realloc(c->tags, n * sizeof(*c->tags));
		c->tag_names = mem_realloc(c->tag_names, n * sizeof(char *));
		c->tag_names[i] = mem_strdup(name);
		c->tags[i] = (struct load_tag){ .name = c->tag_names[i] };
		c->n_tags = n;
	}
	c->tags[i].apis |= apis;
}

int conf_api_use(struct load_conf *c, size_t api, bool beside, struct err *err)
{
	*(beside ? &c->beside : &c->asked) |= UINT64_C(1) << api;
	if (!(c->beside & c->asked & UINT64_C(1) << api))
		return 0;
	return err_set(err, -EEXIST, "API '%s' cannot be both of requests and "
		       "of an await, a poll or a group: give it a name of its "
		       "own", c->apis[api]);
}

static size_t journey_find(const struct load_conf *c, const char *name)
{
	size_t i = 0;

	while (i < c->n_journeys && strcmp(c->journeys[i].name, name) != 0)
		i++;
	return i;
}

static void journey_unknown(const struct load_conf *c,
			    const struct scenario_section *s,
			    const char *name, struct errs *errs)
{
	const char **names = mem_calloc(c->n_journeys + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < c->n_journeys; i++)
		names[i] = c->journeys[i].name;
	near = opt_suggest(name, names, c->n_journeys);
	if (near)
		scenario_error(s, "journeys", errs, "unknown journey '%s' (did "
			       "you mean '%s'?)", name, near);
	else
		scenario_error(s, "journeys", errs, "unknown journey '%s'",
			       name);
	mem_free(names);
}

static void group_journeys(const struct load_conf *c, struct load_group *g,
			   const struct opt_strs *names, struct errs *errs)
{
	size_t n = names->n ? names->n : c->n_journeys;
	double sum = 0;

	g->journeys = mem_calloc(n + 1, sizeof(*g->journeys));
	g->upto = mem_calloc(n + 1, sizeof(*g->upto));
	for (size_t i = 0; i < n; i++) {
		size_t j = names->n ? journey_find(c, names->v[i]) : i;

		if (j == c->n_journeys) {
			journey_unknown(c, g->section, names->v[i], errs);
			continue;
		}
		sum += c->journeys[j].weight;
		g->journeys[g->n_journeys] = j;
		g->upto[g->n_journeys++] = sum;
	}
	if (n == 0)
		scenario_error(g->section, NULL, errs,
			       "[load %s] has nothing to do: add a [journey "
			       "NAME] with steps", g->name);
}

static void group_stages(struct load_group *g, const struct opt_strs *texts,
			 struct errs *errs)
{
	struct err err;

	for (size_t i = 0; i < texts->n; i++)
		if (stages_add(&g->stages, texts->v[i], &err) < 0)
			scenario_error(g->section, "stages", errs, "%s",
				       err.msg);
	if (texts->n == 0 && scenario_value(g->section, "stages"))
		scenario_error(g->section, "stages", errs,
			       "no stage (want 'TIME N, TIME N')");
	if (g->stages.n && stages_max(&g->stages) > USERS_MAX)
		scenario_error(g->section, "stages", errs,
			       "more than %d users or arrivals per second",
			       USERS_MAX);
	if (texts->n && g->stages.n && stages_max(&g->stages) <= 0)
		scenario_error(g->section, "stages", errs,
			       "[load %s] never has a user or an arrival",
			       g->name);
}

/* Keys that say nothing to the section's model. */
static void group_check_keys(const struct load_group *g, struct errs *errs)
{
	static const char *const of_users[] = { "pacing", "user_iterations" };
	static const char *const of_arrivals[] = { "arrival", "catch_up",
						   "max_users" };
	bool users = g->model == LOAD_USERS;
	const char *const *wrong = users ? of_arrivals : of_users;
	size_t n = users ? sizeof(of_arrivals) / sizeof(*of_arrivals)
			 : sizeof(of_users) / sizeof(*of_users);

	for (size_t i = 0; i < n; i++)
		if (scenario_value(g->section, wrong[i]))
			scenario_error(g->section, wrong[i], errs,
				       "'%s' is for 'model = %s'", wrong[i],
				       users ? "arrivals" : "users");
}

static void group_read(const struct load_conf *c,
		       const struct scenario_section *s,
		       struct load_group *ret, struct errs *errs)
{
	struct group_conf conf = { 0 };

	scenario_fill(s, group_opts, &conf, errs);
	*ret = (struct load_group){
		.name = mem_strdup(s->arg ? s->arg : ""),
		.model = (enum load_model)conf.model,
		.arrival = (enum load_arrival)conf.arrival,
		.timeout = conf.timeout,
		.max_users = (uint64_t)conf.max_users,
		.iterations = (uint64_t)conf.iterations,
		.user_iterations = (uint64_t)conf.user_iterations,
		.pacing = conf.pacing,
		.graceful_stop = conf.graceful_stop,
		.catch_up = conf.catch_up.what,
		.bound = (uint64_t)conf.catch_up.bound,
		.first_user = 1 + c->n_groups * USERS_APART,
		.section = s,
	};
	group_stages(ret, &conf.stages, errs);
	if (conf.shape == SHAPE_STEPS)
		stages_hold(&ret->stages);
	group_check_keys(ret, errs);
	group_journeys(c, ret, &conf.journeys, errs);
	if (conf.max_users > USERS_MAX)
		scenario_error(s, "max_users", errs, "more than %d users",
			       USERS_MAX);
	opt_done(group_opts, &conf);
}

static void sections_read(const struct scenario *sc, struct load_conf *c,
			  struct errs *errs)
{
	const struct scenario_section *s;

	c->data = mem_calloc(scenario_count(sc, "data") + 1, sizeof(*c->data));
	c->targets = mem_calloc(scenario_count(sc, "target") + 1,
				sizeof(*c->targets));
	c->journeys = mem_calloc(scenario_count(sc, "journey") + 1,
				 sizeof(*c->journeys));
	c->groups = mem_calloc(scenario_count(sc, "load") + 1,
			       sizeof(*c->groups));
	/* The counts grow behind the reading: later ones see the earlier. */
	while (c->n_data < DATA_FILES_MAX &&
	       (s = scenario_section(sc, "data", c->n_data)))
		data_read(s, &c->data[c->n_data++], errs);
	if ((s = scenario_section(sc, "data", DATA_FILES_MAX)))
		scenario_error(s, NULL, errs, "more than %d [data] sections",
			       DATA_FILES_MAX);
	while ((s = scenario_section(sc, "target", c->n_targets))) {
		target_read(s, &c->targets[c->n_targets], errs);
		c->n_targets++;
	}
	while ((s = scenario_section(sc, "journey", c->n_journeys))) {
		journey_read(c, s, &c->journeys[c->n_journeys], errs);
		c->n_journeys++;
	}
	while ((s = scenario_section(sc, "load", c->n_groups))) {
		group_read(c, s, &c->groups[c->n_groups], errs);
		c->n_groups++;
	}
	data_check(c, errs);
}

void load_conf_read(const struct scenario *sc, struct load_conf **ret,
		    struct errs *errs)
{
	*ret = NULL;
	if (scenario_count(sc, "load") == 0)
		return;
	*ret = mem_zalloc(sizeof(**ret));
	sections_read(sc, *ret, errs);
}

static void names_free(struct load_conf *c)
{
	for (size_t i = 0; i < c->n_tags; i++)
		mem_free(c->tag_names[i]);
	for (size_t i = 0; i < c->n_checks; i++)
		mem_free(c->checks[i]);
	mem_free(c->tags);
	mem_free(c->tag_names);
	mem_free(c->checks);
}

void load_conf_free(struct load_conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_targets; i++)
		target_done(&c->targets[i]);
	for (size_t i = 0; i < c->n_journeys; i++)
		journey_done(&c->journeys[i]);
	for (size_t i = 0; i < c->n_groups; i++) {
		mem_free(c->groups[i].name);
		mem_free(c->groups[i].journeys);
		mem_free(c->groups[i].upto);
		stages_done(&c->groups[i].stages);
	}
	for (size_t i = 0; i < c->n_apis; i++)
		mem_free(c->apis[i]);
	names_free(c);
	for (size_t i = 0; i < c->n_data; i++)
		data_done(&c->data[i]);
	mem_free(c->data);
	mem_free(c->targets);
	mem_free(c->journeys);
	mem_free(c->groups);
	mem_free(c->apis);
	mem_free(c);
}

size_t load_conf_apis(const struct load_conf *c, const char *const **ret)
{
	*ret = (const char *const *)c->apis;
	return c->n_apis;
}

void load_conf_scopes(const struct load_conf *c, struct load_scopes *ret)
{
	*ret = (struct load_scopes){
		.apis = (const char *const *)c->apis, .n_apis = c->n_apis,
		.beside = c->beside, .tags = c->tags, .n_tags = c->n_tags,
	};
}

nsec_t load_conf_end(const struct load_conf *c)
{
	nsec_t end = stages_end(&c->groups[0].stages);

	for (size_t i = 1; i < c->n_groups; i++)
		if (stages_end(&c->groups[i].stages) > end)
			end = stages_end(&c->groups[i].stages);
	return end;
}

nsec_t load_conf_grace(const struct load_conf *c)
{
	nsec_t grace = 0;

	for (size_t i = 0; i < c->n_groups; i++)
		if (c->groups[i].graceful_stop > grace)
			grace = c->groups[i].graceful_stop;
	return grace;
}

/* Does it ask as fast as it is answered? */
static bool group_is_greedy(const struct load_conf *c,
			    const struct load_group *g)
{
	if (g->model != LOAD_USERS || g->pacing > 0)
		return false;
	for (size_t i = 0; i < g->n_journeys; i++) {
		const struct load_journey *j = &c->journeys[g->journeys[i]];

		if (j->first_think == j->n)
			return true;
	}
	return false;
}

bool load_conf_is_greedy(const struct load_conf *c)
{
	for (size_t i = 0; i < c->n_groups; i++)
		if (!group_is_greedy(c, &c->groups[i]))
			return false;
	return true;
}

size_t load_conf_groups(const struct load_conf *c)
{
	return c->n_groups;
}

const char *load_conf_group(const struct load_conf *c, size_t i,
			    bool *ret_arrivals)
{
	*ret_arrivals = c->groups[i].model == LOAD_ARRIVALS;
	return c->groups[i].name;
}

static double model_value(const struct load_conf *c, enum load_model model,
			  nsec_t t)
{
	double sum = 0;

	for (size_t i = 0; i < c->n_groups; i++)
		if (c->groups[i].model == model)
			sum += stages_value(&c->groups[i].stages, t);
	return sum;
}

double load_conf_users(const struct load_conf *c, nsec_t t)
{
	return model_value(c, LOAD_USERS, t);
}

double load_conf_rate(const struct load_conf *c, nsec_t t)
{
	return model_value(c, LOAD_ARRIVALS, t);
}

double load_group_users(const struct load_group *g)
{
	return g->model == LOAD_USERS ? stages_max(&g->stages)
				      : (double)g->max_users;
}

double load_conf_max_users(const struct load_conf *c)
{
	double sum = 0;

	for (size_t i = 0; i < c->n_groups; i++)
		sum += load_group_users(&c->groups[i]);
	return sum;
}

size_t load_conf_journeys(const struct load_conf *c)
{
	return c->n_journeys;
}

double load_conf_journey(const struct load_conf *c, size_t j,
			 const char **ret_name,
			 const struct load_step_info **ret_steps,
			 size_t *ret_n)
{
	*ret_name = c->journeys[j].name;
	*ret_steps = c->journeys[j].infos;
	*ret_n = c->journeys[j].n;
	return c->journeys[j].weight;
}

nsec_t load_conf_timeout(const struct load_conf *c)
{
	return c->groups[0].timeout;
}

size_t group_draw_journey(const struct load_group *g, struct rng *rng)
{
	double x = rng_double(rng) * g->upto[g->n_journeys - 1];
	size_t i = 0;

	while (i + 1 < g->n_journeys && x >= g->upto[i])
		i++;
	return g->journeys[i];
}

size_t load_draw_journey(const struct load_conf *c, struct rng *rng)
{
	return group_draw_journey(&c->groups[0], rng);
}

nsec_t load_draw_think(const struct load_conf *c, size_t journey, size_t step,
		       struct rng *rng)
{
	return dist_draw(&c->journeys[journey].steps[step].dist, rng);
}
