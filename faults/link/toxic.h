/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drivers of faults in the proxy share: each is a toxic on one link,
 * put and changed and looked at through the proxy's API, and undone by one
 * DELETE.  A driver adds its keys and what they mean to the proxy.
 */
#ifndef GD_FAULTS_LINK_TOXIC_H
#define GD_FAULTS_LINK_TOXIC_H

#include "chaos/base/http1.h"
#include "chaos/fault/fault.h"

/* How a key's value becomes a toxic's attribute. */
enum link_unit {
	LINK_MS,	/* a drill span: real ms */
	LINK_US,	/* … real microseconds */
	LINK_COUNT,	/* as it is: OPT_INT, OPT_SIZE, OPT_SHARE */
	LINK_PER_S,	/* a drill second: a real second */
	LINK_KB_PER_S,	/* bytes a drill second: KB a real second */
};

struct link_attr {
	const char *key;	/* of the driver's opts; NULL ends */
	const char *attr;
	enum link_unit unit;
};

struct toxic_driver {
	struct fault_ops ops;		/* first: the table's row */
	const char *type;		/* the proxy's word for it */
	const char *stream;		/* NULL: opts' own, see stream_of */
	const char *protocol;		/* the link must speak it; NULL: any */
	const char *(*stream_of)(const void *opts);
	/* Instead of the three functions below: opts are struct link_opts. */
	const struct link_attr *attrs;
	/* In real ms, as the proxy counts. */
	json_t *(*attributes)(const void *opts, double speed);
	/* In drill units, as the scenario counts. */
	json_t *(*asked)(const void *opts);
	json_t *(*achieved)(const json_t *from, const struct fault_env *env);
};

/* The first member of each driver's keys. */
struct toxic_opts {
	char *link;
};
#define TOXIC_LINK_OPT(type)                                                 \
	{ "link", OPT_STR, offsetof(type, base.link), OPT_REQUIRED, NULL,    \
	  NULL, NULL, NULL, "the [link] it is put on", "db" }

/* The keys of the kinds that are rows of kinds.c; each takes what it needs. */
struct link_opts {
	struct toxic_opts base;
	int stream, per;
	double toxicity;
	nsec_t span[2];		/* drill ns */
	double number[2];
	uint64_t size[2];	/* bytes */
	int64_t count[2];
	nsec_t ramp_over;	/* drill ns; 0: no ramp */
	uint64_t ramp_size;
	nsec_t ramp_span;
};

extern const char *const link_streams[];	/* upstream downstream both */

struct toxic_state {
	struct http1_call *change, *look;	/* under way; or NULL */
};

int toxic_targets(const struct fault *f,
		  int (*fn)(void *arg, enum allow_type, const char *),
		  void *arg);
int toxic_claims(const struct fault *f, char *dst, size_t size);
int toxic_check(struct fault *f, const struct fault_env *env,
		struct err *err);
int toxic_prepare(struct fault *f, struct undo_record *undo, struct err *err);
void toxic_describe(const struct fault *f, struct buf *calls,
		    struct buf *undo);
int toxic_inject(struct fault *f, struct err *err);
int toxic_adjust(struct fault *f, const void *opts, struct err *err);
int toxic_measure(struct fault *f, struct err *err);
void toxic_release(struct fault *f);

#define TOXIC_OPS                                                      \
	.state_size = sizeof(struct toxic_state),                      \
	.needs = FAULT_NEEDS_PROXY, .targets = toxic_targets,          \
	.claims = toxic_claims, .check = toxic_check,                  \
	.prepare = toxic_prepare, .describe = toxic_describe,          \
	.inject = toxic_inject, .adjust = toxic_adjust,                \
	.measure = toxic_measure, .release = toxic_release

/* kinds.c: for rows with attrs. */
json_t *link_attributes(const struct toxic_driver *d, const void *opts,
			double speed);
json_t *link_ramp(const struct toxic_driver *d, const void *opts,
		  double speed);	/* NULL: none */
json_t *link_asked(const struct toxic_driver *d, const void *opts);
json_t *link_achieved(const json_t *from, const struct fault_env *env);
/* A moment of the proxy's clock in drill seconds; null: none. */
json_t *link_second(const json_t *from, const char *key,
		    const struct fault_env *env);

/* A drill span in the proxy's real ms, and one of its times back. */
double toxic_real_ms(nsec_t span, double speed);
double toxic_drill_ms(const json_t *from, const char *key, double speed);

#endif
