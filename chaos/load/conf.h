/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checked [target], [journey] and [load] sections: immutable once read, and
 * shared by all load threads.  Inside of chaos/load only.
 */
#ifndef GD_LOAD_CONF_H
#define GD_LOAD_CONF_H

#include "chaos/load/cond.h"
#include "chaos/load/dist.h"
#include "chaos/load/inspect.h"
#include "chaos/load/load.h"
#include "chaos/load/stages.h"
#include "chaos/load/target.h"
#include "chaos/load/template.h"

enum { LOAD_APIS_MAX = 64 };	/* load_final.censored, users' masks */

/* An await or a poll: the request is repeated until the condition holds. */
struct load_follow {
	bool beside;		/* await: the user goes on meanwhile */
	nsec_t every, after;	/* drill ns; after: until the first */
	nsec_t timeout;		/* from its start; 0: the [load]'s */
	struct cond until;
};

enum load_mark { MARK_NONE, MARK_GROUP, MARK_END };

/* A think time, a request, or where a group of them begins or ends. */
struct load_step {
	bool think;
	enum load_mark mark;
	struct dist dist;	/* think only; the rest: requests only */
	size_t api;		/* index into load_conf.apis; a group's too */
	size_t request;		/* index among all requests of the conf */
	char *method, *path;	/* path as written, with ${…} in it */
	struct template path_t;
	struct template headers;	/* "Name: value\r\n" each */
	struct template body;
	bool has_auth;		/* credentials, or a header for them */
	bool has_encoding;	/* header Accept-Encoding */
	bool has_body, has_host, has_type;	/* header Host, Content-Type */
	int expect_lo, expect_hi;	/* status; 0: by the outcome table */
	struct inspect *inspect;	/* NULL: the status says all */
	struct load_follow *follow;	/* NULL: it is asked once */
	nsec_t timeout;		/* drill ns, as the [load]'s; 0: that */
};

enum load_cookies { COOKIES_NO, COOKIES_USER, COOKIES_ITERATION };

struct load_journey {
	char *name;
	double weight;
	size_t target;
	struct load_step *steps;
	size_t n;
	size_t first_think;	/* n: none */
	size_t first_request;	/* there is one */
	size_t last_request;	/* or the end of its group */
	size_t n_asked;		/* requests that are no await and no poll */
	char **captures;	/* names of the values that steps capture */
	size_t n_captures;
	uint64_t apis;		/* of its steps, a bit each */
	uint64_t data;		/* that its requests use, a bit each */
	bool fresh;		/* a new connection for each iteration */
	int cookies;		/* enum load_cookies */
	unsigned redirects;	/* followed at most; 0: none is */
	nsec_t connect_timeout, first_byte_timeout;	/* 0: none */
	struct load_step_info *infos;	/* of steps */
	const struct scenario_section *section;
};

enum load_model { LOAD_USERS, LOAD_ARRIVALS };
enum load_arrival { LOAD_EVEN, LOAD_POISSON };
/*
 * What becomes of arrivals that cannot begin when they are due, because nobody
 * is free or the generator itself was held up: all of them run as soon as
 * somebody can, as many as `bound` wait, or none does.
 */
enum load_catch_up { LOAD_FULL, LOAD_BOUNDED, LOAD_DROP };

/* One [load] section. */
struct load_group {
	char *name;
	enum load_model model;
	enum load_arrival arrival;
	nsec_t timeout;		/* drill ns, from the intended start */
	uint64_t max_users;	/* arrivals: at once */
	uint64_t iterations;	/* of all together; 0: no end */
	uint64_t user_iterations;	/* users: of each; 0: no end */
	nsec_t pacing;		/* users: between two starts; 0: none */
	nsec_t graceful_stop;	/* traffic alone: time to finish in */
	enum load_catch_up catch_up;	/* arrivals */
	uint64_t bound;		/* LOAD_BOUNDED */
	uint64_t first_user;	/* number of its first user or arrival */
	struct stages stages;
	size_t *journeys;	/* indexes into load_conf.journeys */
	double *upto;		/* weights, summed up to and with each */
	size_t n_journeys;
	const struct scenario_section *section;
};

struct load_conf {
	struct data *data;
	size_t n_data;
	struct load_target *targets;
	size_t n_targets;
	struct load_journey *journeys;
	size_t n_journeys;
	struct load_group *groups;	/* >= 1 */
	size_t n_groups;
	char **apis;
	size_t n_apis;
	/* A bit each: times of an await, poll or group; users' requests. */
	uint64_t beside, asked;
	struct load_tag *tags;
	char **tag_names;	/* of tags, owned */
	size_t n_tags;
	char **checks;		/* names */
	size_t n_checks;
	size_t n_requests;
};

/* journey.c */
void journey_read(struct load_conf *c, const struct scenario_section *s,
		  struct load_journey *ret, struct errs *errs);
void journey_done(struct load_journey *j);
extern const struct opt journey_opts[];
/* What opt tables of journeys fill: the steps are read in the file's order. */
struct journey_conf {
	char *target;
	double weight;
	struct opt_strs step, header, body, expect, capture, check, soft_check;
	struct opt_strs tag, auth, body_file, timeout;
	int connection, cookies;
	int64_t redirects;
	nsec_t connect_timeout, first_byte_timeout;
};

/* conf.c. As load_draw_journey(), for one group. */
size_t group_draw_journey(const struct load_group *g, struct rng *rng);
double load_group_users(const struct load_group *g);	/* at once, at most */
/* Index of the target; empty or NULL: the first. n_targets: none such. */
size_t conf_target(const struct load_conf *c, const char *name);
/* Index of the API, added if it is new; LOAD_APIS_MAX: too many. */
size_t conf_api(struct load_conf *c, const char *name);
/* data_check.c: data that must not end and surely will. */
void data_check(const struct load_conf *c, struct errs *errs);
/* Index of the check's name, added if it is new. */
size_t conf_check(struct load_conf *c, const char *name);
/* APIs that are of the tag from now on. */
void conf_tag(struct load_conf *c, const char *name, uint64_t apis);
/* Notes what it is the time of; an API cannot be of both. */
int conf_api_use(struct load_conf *c, size_t api, bool beside, struct err *err)
	MUST_CHECK;

#endif
