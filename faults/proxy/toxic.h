/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Toxics: what is wrong with a link.  One row per type (toxic/NAME.c, listed
 * in toxic.c).  A struct toxic never changes once it is published: a change
 * makes a new one that shares name, lease and statistics with the old.
 */
#ifndef GD_PROXY_TOXIC_H
#define GD_PROXY_TOXIC_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/base/opt.h"
#include "chaos/base/rng.h"
#include "faults/proxy/gate.h"

enum stream {
	STREAM_UP, /* client to server: Toxiproxy's "upstream" */
	STREAM_DOWN,
	STREAMS
};

struct toxic;

struct toxic_ops {
	const char *type;
	const char *summary;
	const struct opt *attrs; /* OPT_DOUBLE, OPT_INT, OPT_STR rows */
	size_t attrs_size;
	const char *protocol; /* needs this one; NULL: any */
	/* Data threads. One chunk's delay, real ns; rng NULL: the longest. */
	nsec_t (*delay)(const struct toxic *t, struct rng *rng);
	/* Control thread; fresh: it was not on before. */
	void (*put)(const struct toxic *t, struct gate *gate, bool fresh,
		    nsec_t now);
	void (*lift)(const struct toxic *t, struct gate *gate, nsec_t now);
	json_t *(*achieved)(const struct toxic *t, struct gate *gate,
			    nsec_t now);
};

extern const struct toxic_ops toxic_kafka_starve, toxic_latency,
	toxic_pool_limit;

/* What was achieved; shared by all versions of a toxic. */
struct toxic_stats {
	atomic_int refs;
	pthread_mutex_t lock; /* all below */
	struct hist *delays;  /* achieved; NULL until there is one */
	uint64_t answers;
	nsec_t first, last; /* mono ns of the first and last answer */
};

struct toxic {
	atomic_int refs;
	const struct toxic_ops *ops;
	char *name;
	char *lease; /* NULL: none */
	enum stream stream;
	double toxicity; /* share of the connections, [0, 1] */
	uint64_t serial; /* stays with the name; seeds the share */
	void *attrs;
	struct toxic_stats *stats;
};

struct latency_attrs {
	double latency, jitter; /* real ms */
};
struct pool_limit_attrs {
	int64_t size, queue;
	double timeout; /* real ms */
};
struct kafka_starve_attrs {
	char *topic;
};

const struct toxic_ops *toxic_find(const char *type);
/* The rows, sorted by type; ends with NULL. */
const struct toxic_ops *const *toxic_table(void);
/*
 * From Toxiproxy's JSON; with old it is a change of that one, whose values
 * are the defaults.  Errors: -EINVAL, text for the caller.
 */
int toxic_parse(const json_t *json, const struct toxic *old, struct toxic **ret,
		struct err *err) MUST_CHECK;
/* The same, with one attribute changed. */
int toxic_change(const struct toxic *old, const char *attr, double value,
		 struct toxic **ret, struct err *err) MUST_CHECK;
struct toxic *toxic_ref(struct toxic *t);
void toxic_unref(struct toxic *t); /* NULL is fine */
json_t *toxic_json(const struct toxic *t, struct gate *gate, nsec_t now);
/* Whether it applies to a connection: repeatable by seed. */
bool toxic_applies(const struct toxic *t, uint64_t seed, uint64_t flow);
void toxic_record_delay(const struct toxic *t, nsec_t achieved);
void toxic_record_answer(const struct toxic *t, nsec_t now);

#endif
