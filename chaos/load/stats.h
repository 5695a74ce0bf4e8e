/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one load thread counts: the current drill second by API and phase, and
 * for the whole run what the final message needs.  Not locked: the thread's.
 *
 * The response histogram has every request that was answered, timeouts at the
 * timeout's value, and at the end the censored ones at the time that they had
 * waited.  Refused connections, resets and broken answers are counted by cause
 * and are in no histogram: they are not latencies.
 */
#ifndef GD_LOAD_STATS_H
#define GD_LOAD_STATS_H

#include "chaos/load/outcome.h"

/* Of one user, or one arrival: a bit for each API. */
struct stats_user {
	uint64_t asked[LOAD_PHASES];
	uint64_t served[LOAD_PHASES];	/* ok or business */
	bool failed;
};

/* Times of one request, drill ns. */
struct stats_times {
	nsec_t response, service;	/* service < 0: it was never sent */
};

struct stats {
	size_t n_apis;
	int64_t second;			/* the current one */
	struct load_row *rows;		/* [api * LOAD_PHASES + phase] */
	struct hist *send_lag;		/* real ns */
	uint64_t beside;		/* APIs that are no requests */
	uint64_t requests, users_affected;
	uint64_t censored[LOAD_APIS_MAX];
	uint64_t skipped[LOAD_APIS_MAX];
	struct check_count *checks;	/* by name; its owner's, freed here */
	struct load_users_row *users;	/* as rows; totals of the run */
	/* Takes the snapshot that a second's end makes. */
	void (*flush)(void *arg, struct load_snapshot *s);
	void *arg;
};

void stats_init(struct stats *s, size_t n_apis, nsec_t from);
void stats_done(struct stats *s);
/*
 * Flushes the seconds that ended before now, each once, empty ones too.
 * Called before anything of now is counted.
 */
void stats_advance(struct stats *s, nsec_t now);
void stats_flush(struct stats *s);	/* the current one, though not over */

void stats_due(struct stats *s, struct stats_user *u, size_t api,
	       enum load_phase phase);
void stats_end(struct stats *s, struct stats_user *u, size_t api,
	       enum load_phase phase, struct outcome o, struct stats_times t);
void stats_censored(struct stats *s, size_t api, enum load_phase phase,
		    nsec_t elapsed);
/* Checks on one answer, each counted in s->checks already. */
void stats_checks(struct stats *s, size_t api, enum load_phase phase,
		  unsigned ok, unsigned failed);
/* A step that lacked a captured value: it was not due. */
void stats_skipped(struct stats *s, size_t api);
/* Adds a user or an arrival that is through to the totals, and zeroes it. */
void stats_fold(struct stats *s, struct stats_user *u);

#endif
