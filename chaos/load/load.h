/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic: virtual users (closed) and arrivals (open) that run journeys.
 *
 * Load threads own their users; they send the drill one encoded snapshot for
 * each drill second.  load_ops is how the drill reaches it: load_threads is
 * real, the simulator has another filling.
 */
#ifndef GD_LOAD_LOAD_H
#define GD_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/allow.h"
#include "chaos/base/buf.h"
#include "chaos/base/hist.h"
#include "chaos/base/loop.h"
#include "chaos/scenario/sample.h"
#include "chaos/scenario/scenario.h"
#include "chaos/scenario/symbols.h"

/* The checked [target], [journey], [load] sections. */
struct load_conf;
extern const struct section_spec load_target_section, load_journey_section,
	load_load_section, load_data_section;
/*
 * *ret NULL: no [load] at all.  With errors it is good for load_conf_apis()
 * and load_conf_free() only.  The scenario must outlive it.
 */
void load_conf_read(const struct scenario *sc, struct load_conf **ret,
		    struct errs *errs);
void load_conf_free(struct load_conf *c);
/* API names (steps' "as NAME"), in the order of the file. */
size_t load_conf_apis(const struct load_conf *c, const char *const **ret);
/* The same with tags; lives as long as the conf. */
void load_conf_scopes(const struct load_conf *c, struct load_scopes *ret);
nsec_t load_conf_end(const struct load_conf *c);	/* last stage */
nsec_t load_conf_grace(const struct load_conf *c);	/* graceful_stop */
/*
 * Users alone who neither think nor keep a pace: as fast as can be, so that the
 * generator at its own limit is what was asked for.
 */
bool load_conf_is_greedy(const struct load_conf *c);
/* The [load] sections by name, in the order of the file. */
size_t load_conf_groups(const struct load_conf *c);
const char *load_conf_group(const struct load_conf *c, size_t i,
			    bool *ret_arrivals);
/* Planned users (closed) or arrivals/s (open) at a drill time; pure. */
double load_conf_users(const struct load_conf *c, nsec_t t);
double load_conf_rate(const struct load_conf *c, nsec_t t);
double load_conf_max_users(const struct load_conf *c);

/* What the simulator and the plan may read: journeys flattened. */
enum load_step_kind {
	LOAD_THINK, LOAD_REQUEST, LOAD_AWAIT, LOAD_POLL,
	LOAD_GROUP, LOAD_GROUP_END,	/* no more than one is open */
};

struct load_step_info {
	enum load_step_kind kind;
	const char *api;	/* NULL: think or the end of a group */
	const char *method, *path;
	double think_mean_s;
	nsec_t every, after;	/* await and poll, drill ns */
	nsec_t timeout;		/* drill ns; 0: load_conf_timeout() */
};
size_t load_conf_journeys(const struct load_conf *c);
double load_conf_journey(const struct load_conf *c, size_t j,
			 const char **ret_name,
			 const struct load_step_info **ret_steps,
			 size_t *ret_n);	/* returns its weight */
nsec_t load_conf_timeout(const struct load_conf *c);
/*
 * Draws of one user, the same in the engine and in the simulator.  The engine's
 * user begins with a draw of its first journey's first think time, and only
 * then does that journey's first step.
 */
struct rng;
size_t load_draw_journey(const struct load_conf *c, struct rng *rng);
nsec_t load_draw_think(const struct load_conf *c, size_t journey, size_t step,
		       struct rng *rng);

void load_snapshot_encode(const struct load_snapshot *s, struct buf *out);
/* Caller frees with load_snapshot_done. */
int load_snapshot_decode(struct load_snapshot *ret, const void *data,
			 size_t len, struct err *err) MUST_CHECK;
void load_snapshot_done(struct load_snapshot *s);

/* The generator's own error, at the end (DESIGN 5, audit). */
struct load_users_row {		/* distinct users by API and phase */
	uint32_t api, phase;
	uint64_t asked;		/* had an intended start in the phase */
	uint64_t unserved;	/* ... and none came back ok or business */
	uint64_t raw;		/* their requests */
};

struct load_check_total {	/* all checks of one name */
	const char *name;	/* the conf's */
	uint64_t ok, failed;
};

struct load_cpu {		/* of one load thread, shares of a core */
	double mean, max_5s;
};

struct load_final {
	nsec_t send_lag_p50, send_lag_p99, send_lag_max;	/* real ns */
	double cpu_max_5s;	/* busiest thread over 5 s, share of a core */
	const struct load_cpu *cpu;	/* by thread; the caller's */
	size_t n_cpu;
	double open_planned, open_achieved;	/* arrivals; 0: closed only */
	double fd_share, port_share;		/* highest use, 0..1 */
	uint64_t fds, fds_limit;	/* highest use of this process */
	/*
	 * Local ports: the most to one target at once, with those that may
	 * have been in TIME_WAIT; and how many the host has for each.
	 */
	uint64_t ports, ports_limit;
	uint64_t conns_asked, conns_held;	/* at once, highest */
	bool greedy;		/* load_conf_is_greedy() */
	uint64_t emfile, eaddrnotavail;
	uint64_t connects, users_max;
	uint64_t requests;	/* of users; no awaits and polls */
	uint64_t polls;		/* HTTP requests that those sent */
	uint64_t redirects;	/* ... and those that redirects asked for */
	uint64_t skipped[64];	/* by API: steps without a captured value */
	uint64_t censored[64];	/* by API: unanswered or unsent at the end */
	const char *data_ended;	/* the conf's [data] that was not to end */
	/*
	 * HTTP requests that the kernel has taken whole, polls and redirects
	 * too: what a server's access log counts; and those that were cut off
	 * in the middle.  The rest of what was due was never begun.
	 */
	uint64_t sent, sent_partly;
	uint64_t dropped;	/* arrivals, by their catch_up */
	uint64_t users_affected;/* distinct users with a failed request */
	struct load_users_row *users;	/* the caller's: copy it */
	size_t n_users;
	struct load_check_total *checks;	/* the caller's: copy it */
	size_t n_checks;
	/* Digest of what users draw first: same seed and file, same digest. */
	uint64_t decisions;
};

enum { LOAD_ALL_GROUPS = -1 };

struct load_adjust {
	enum { LOAD_SET_USERS, LOAD_SET_RATE, LOAD_PAUSE, LOAD_RESUME } what;
	double value;
	/* Of which [load]; of all: only to pause and resume. */
	int group;
};

struct load_args {
	const struct load_conf *conf;
	struct loop *loop;	/* the controller's: callbacks run there */
	struct drill_clock clock;
	uint64_t seed;
	unsigned threads;		/* 0: chosen */
	const struct allow *allow;
	const struct symbols *symbols;
	nsec_t from;			/* drill ns: -lead_in */
	/*
	 * Each [load] is over with its last stage: who is in an iteration may
	 * finish it within graceful_stop, nobody begins another.  Else the
	 * last stage's value goes on until stop().
	 */
	bool ends;
	/* With ends: nobody is left, and nobody will come. May be NULL. */
	void (*finished)(void *arg);
	void (*snapshot)(void *arg, const struct load_snapshot *s);
	/* After stop(): the last message. */
	void (*done)(void *arg, const struct load_final *final);
	void *arg;
	void *env_arg;		/* drill_env.load_arg: the simulator's model */
};

/*
 * What this host cannot give it, before anything runs: descriptors and ports,
 * with the number to set.  Adds a line on them to text; may be NULL.
 */
void load_preflight(const struct load_conf *c, struct buf *text,
		    struct errs *errs);

struct load_ops {
	const char *name;
	/*
	 * Resolves targets, connects once to each, checks limits (descriptors,
	 * ports). May block for 3 real seconds a target, and for DNS.
	 */
	int (*open)(const struct load_args *args, void **ret, struct err *err);
	int (*start)(void *load, struct err *err);	/* at args->from */
	/*
	 * From t (drill ns) on, intended starts are of this phase; told before
	 * start(), it is of the first request.
	 */
	void (*phase)(void *load, enum load_phase phase, nsec_t t);
	/* -ERANGE: more than the host lets it hold. */
	int (*adjust)(void *load, const struct load_adjust *a,
		      struct err *err);
	/* Stops all users; outstanding requests are censored; done follows. */
	void (*stop)(void *load);
	void (*free)(void *load);	/* waits for its threads */
};
extern const struct load_ops load_threads;

#endif
