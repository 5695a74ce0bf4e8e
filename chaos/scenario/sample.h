/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What traffic is counted in: causes, phases, and a drill second of one API.
 * Here, below load and watch, because load writes it and watch reads it, and
 * the two do not know each other.
 */
#ifndef GD_SCENARIO_SAMPLE_H
#define GD_SCENARIO_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "chaos/base/hist.h"

/* Why a request failed. LOAD_OK .. LOAD_BUSINESS are outcomes beside it. */
enum load_cause {
	LOAD_CONNECT, LOAD_TIMEOUT, LOAD_RESET, LOAD_5XX, LOAD_429,
	LOAD_PROTOCOL, LOAD_CHECK,
	LOAD_CAUSES
};
const char *load_cause_name(enum load_cause c);	/* "timeout" "5xx" "429" */

/* Phase of a request: where its intended start lies. */
enum load_phase { LOAD_BASELINE, LOAD_FAULT, LOAD_RECOVERY, LOAD_PHASES };
const char *load_phase_name(enum load_phase p);

/*
 * What a condition's scope may name: the APIs, and sets of them, bit i for
 * apis[i] (there are 64 at most).  Load's journeys make it, watch reads it.
 */
struct load_tag {
	const char *name;
	uint64_t apis;
};

struct load_scopes {
	const char *const *apis;
	size_t n_apis;
	uint64_t beside;	/* followed beside the user: not in "all" */
	const struct load_tag *tags;
	size_t n_tags;
};

/* Counts of one API and phase in one drill second. */
struct load_row {
	uint32_t api, phase;
	uint64_t due;		/* intended starts in this second */
	uint64_t ok, client, business;	/* completed in this second */
	uint64_t failed[LOAD_CAUSES];
	uint64_t censored;	/* unsent or unanswered; in response too */
	uint64_t checks_ok, checks_failed;
	uint64_t saturated;	/* times above a histogram's highest */
	struct hist *response;	/* from intended start; completed here */
	struct hist *service;	/* from the send */
};

struct load_snapshot {
	uint32_t thread, threads;
	int64_t second;		/* [second, second + 1) of drill time */
	double users;		/* active */
	uint64_t in_flight;
	struct load_row *rows;
	size_t n;
};

#endif
