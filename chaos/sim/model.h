/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shop as a queueing model.  Times are drill ns; the caller's loop is the
 * clock.  It knows requests, not users: whoever asks may have left long before
 * the answer.
 *
 *	submit → FIFO → worker → [limit 429 | suspended 503]
 *	  → pool of the shop → limit of the link → hold in the database → answer
 *	                                        coupon: → log → consumers
 */
#ifndef GD_SIM_MODEL_H
#define GD_SIM_MODEL_H

#include "chaos/base/list.h"
#include "chaos/base/loop.h"
#include "chaos/base/rng.h"
#include "chaos/scenario/scenario.h"

enum sim_kind {
	SIM_PRODUCT, SIM_BALANCE, SIM_ORDER, SIM_COUPON, SIM_OTHER, SIM_KINDS
};

struct sim_model;

struct sim_request {
	struct list link;	/* in the one queue where it waits */
	struct list live;	/* in the model's list of all */
	struct loop_timer timer;
	struct sim_model *model;
	enum sim_kind kind;
	bool invalid;		/* an order that the shop answers 400 */
	uint64_t coupon;	/* its number once issued; 0: none */
	/* Called once with the status, unless the asker set it to NULL. */
	void (*answered)(void *arg, struct sim_request *r, int status);
	void *arg;
};

/* A resource with a size and those who wait for it, in order. */
struct sim_limit {
	unsigned size;		/* 0: no limit */
	unsigned used;
	unsigned n_waiting;
	struct list waiting;
};

struct sim_model {
	struct loop *loop;
	struct rng rng;
	/* configuration, and the knobs that change it */
	nsec_t hold[SIM_KINDS];	/* mean in the database; 0: none */
	nsec_t cached;		/* product's time in the worker */
	double cv;
	nsec_t pace;		/* of one consumer, a message */
	unsigned consumers;
	double rate;		/* limit, requests/s; 0: off */
	bool open;		/* the coupon event */
	nsec_t delay;		/* on the database link, a round trip */
	bool paused;		/* Fetch */
	/* what happens */
	struct list live;	/* every request in the model */
	struct sim_limit workers, pool, link;
	double tokens;
	nsec_t tokens_at;
	uint64_t issued, confirmed;
	unsigned busy_consumers;
	struct loop_timer consumer[64];
	nsec_t hold_asked;
};

/* Keys of gameday-shop ("pool=50") change the defaults. */
int sim_model_init(struct sim_model *m, struct loop *loop, uint64_t seed,
		   const struct scenario_section *staging, struct err *err)
	MUST_CHECK;
void sim_model_done(struct sim_model *m);
enum sim_kind sim_kind_of(const char *path);
/* Does the shop refuse an order of this body? It looks at the quantity. */
bool sim_order_is_invalid(const char *body);
/* Owned by the model until answered. */
struct sim_request *sim_submit(struct sim_model *m, enum sim_kind kind,
			       bool invalid,
			       void (*answered)(void *arg,
						struct sim_request *r,
						int status),
			       void *arg);
void sim_limit_resize(struct sim_model *m, struct sim_limit *l, unsigned size);
void sim_set_consumers(struct sim_model *m, unsigned n);
void sim_set_paused(struct sim_model *m, bool paused);

#endif
