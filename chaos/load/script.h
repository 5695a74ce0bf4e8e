/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one user decides: journeys, think times, values in its requests.  A
 * sequence that depends on the seed and the user's number and on nothing that
 * happens in the run; pure.
 *
 * A user of the closed model begins with a think time of its first journey, so
 * that users who come together do not ask together, and repeats journeys for
 * ever.  An arrival does one journey, from its first request to its last.
 */
#ifndef GD_LOAD_SCRIPT_H
#define GD_LOAD_SCRIPT_H

#include "chaos/load/conf.h"

/* So many decisions of each user are in the run's digest. */
enum { SCRIPT_DIGEST_DECISIONS = 20 };

enum script_kind { SCRIPT_THINK, SCRIPT_REQUEST, SCRIPT_MARK, SCRIPT_END };

struct script_action {
	enum script_kind kind;
	nsec_t think;			/* drill ns */
	const struct load_step *step;	/* SCRIPT_REQUEST, SCRIPT_MARK */
};

struct script {
	struct rng rng;
	uint64_t number;	/* of the user or arrival, unique in the run */
	uint64_t digest;	/* of the first decisions */
	uint32_t iteration;	/* journeys begun */
	uint32_t decisions;	/* taken; stops counting at the digest's end */
	uint16_t journey, step;	/* where it is */
	bool arrival, entered;	/* entered: is in a journey */
};

void script_init(struct script *s, const struct load_group *g, uint64_t seed,
		 uint64_t number);
/* The next thing to do. SCRIPT_END: an arrival is through. */
void script_next(struct script *s, const struct load_conf *c,
		 const struct load_group *g, struct script_action *ret);
/* Values for the request that script_next() gave last; used before the next. */
void script_values(struct script *s, struct template_values *ret);
/* Digest of the first decisions; draws those ahead that were not reached. */
uint64_t script_digest(const struct script *s, const struct load_conf *c,
		       const struct load_group *g);

#endif
