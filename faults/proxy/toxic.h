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
	STREAMS,
	STREAM_BOTH = STREAMS /* a toxic's alone */
};

struct toxic;

/* What a toxic makes of a flow at its time. */
enum toxic_then { TOXIC_GOES_ON, TOXIC_CLOSES, TOXIC_RESETS };

/* What a toxic knows of one direction of one flow; that thread's alone. */
struct toxic_run {
	const struct toxic *toxic; /* the version in use: the conf's */
	struct rng rng;		   /* repeatable by seed */
	nsec_t since;		   /* mono ns: it applies since */
	nsec_t next;		   /* mono ns: the toxic's own use */
	nsec_t busy;		   /* mono ns: held back since; 0: not */
	uint64_t bytes;		   /* that passed since */
	uint64_t left;		   /* the toxic's own use */
};

/* Bytes on their way in, and what the toxics say about them. */
struct toxic_chunk {
	char *data; /* may be changed */
	size_t len; /* 0: the end of the stream */
	nsec_t now;
	nsec_t delay; /* added to by each; may be below 0 meanwhile */
	bool drop;
	enum toxic_then then; /* at then_at, mono ns */
	nsec_t then_at;
};

struct toxic_ops {
	const char *type;
	const char *summary;
	const struct opt *attrs; /* OPT_DOUBLE, OPT_INT, OPT_STR, OPT_PARSE */
				 /* rows; a parsed field begins with text */
	size_t attrs_size;
	const char *protocol; /* needs this one; NULL: any */
	bool by_chunk;	      /* toxicity may be a share of the chunks */
	bool shuts_link;      /* nobody comes in while it is on */
	bool lift_cuts;	      /* bytes were lost: its flows end with it */
	bool holds_end;	      /* the end of a stream is not passed on */
	bool delays;	      /* each chunk's delay is recorded */
	/* More than each attribute's own range. */
	int (*check)(const struct toxic *t, struct err *err);
	/* Data threads. A new flow's wait before it connects; < 0: reset it. */
	nsec_t (*connect)(const struct toxic *t, struct rng *rng, nsec_t now);
	/* It begins to apply: then may be set. */
	void (*begin)(struct toxic_run *run, struct toxic_chunk *c);
	void (*intake)(struct toxic_run *run, struct toxic_chunk *c);
	nsec_t (*longest)(const struct toxic *t); /* delay that it can make */
	nsec_t (*longest_end)(const struct toxic *t);
	/*
	 * How many of want bytes may leave now; 0: none before *ret_next, which
	 * is NSEC_NEVER when only a change lets them.
	 */
	size_t (*release)(struct toxic_run *run, size_t want, nsec_t now,
			  nsec_t *ret_next);
	enum toxic_then (*released)(struct toxic_run *run, size_t n,
				    nsec_t now);
	/* Control thread; fresh: it was not on before. */
	void (*put)(const struct toxic *t, struct gate *gate, bool fresh,
		    nsec_t now);
	void (*lift)(const struct toxic *t, struct gate *gate, nsec_t now);
	json_t *(*achieved)(const struct toxic *t, struct gate *gate,
			    nsec_t now);
};

extern const struct toxic_ops toxic_bandwidth, toxic_blackhole,
	toxic_connect_rate, toxic_corrupt, toxic_cut, toxic_down, toxic_drip,
	toxic_kafka_starve, toxic_latency, toxic_limit_data, toxic_noop,
	toxic_pause, toxic_pool_limit, toxic_refuse, toxic_reset_peer,
	toxic_slicer, toxic_slow_close, toxic_slow_connect, toxic_timeout;

/* What was achieved; shared by all versions of a toxic. */
struct toxic_stats {
	atomic_int refs;
	atomic_ullong flows; /* that it applied to, per direction */
	atomic_ullong bytes; /* that it let pass */
	atomic_ullong hits;  /* what it did: chunks held, bytes spoilt, … */
	atomic_ullong lost;  /* bytes that it dropped */
	atomic_ullong busy;  /* ns that it held flows back */
	atomic_llong turn;   /* mono ns: connect_rate's next */
	pthread_mutex_t lock; /* all below */
	struct hist *delays;  /* achieved; NULL until there is one */
	uint64_t answers;
	nsec_t first, last; /* mono ns of the first and last answer */
};

/* From one value to another. */
struct toxic_ramp {
	char *attr; /* NULL: none */
	double from, to;
	nsec_t start, over; /* mono ns; ns */
};

struct toxic {
	atomic_int refs;
	const struct toxic_ops *ops;
	char *name;
	char *lease; /* NULL: none */
	enum stream stream;
	double toxicity; /* share of the connections or chunks, [0, 1] */
	bool by_chunk;
	uint64_t seed;	/* of what it is: type, stream, which of these */
	uint64_t first; /* flow of the link: they are counted from here */
	struct toxic_ramp ramp;
	nsec_t until; /* mono ns: it ends by itself; 0: it does not */
	void *attrs;
	struct toxic_stats *stats;
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
/* Whether it applies to a connection, the flow-th of its link: by seed. */
bool toxic_applies(const struct toxic *t, uint64_t seed, uint64_t flow);
/* What it draws for that flow and stream. */
void toxic_rng(const struct toxic *t, uint64_t seed, uint64_t flow,
	       struct rng *ret);
/* The ramp's value by now; true: it is at its end. */
bool toxic_ramp_at(const struct toxic *t, nsec_t now, double *ret);
void toxic_record_delay(const struct toxic *t, nsec_t achieved);
void toxic_record_answer(const struct toxic *t, nsec_t now);
/* Something was done to n bytes: hits, and the times of first and last. */
void toxic_record_hit(const struct toxic *t, uint64_t hits, nsec_t now);
/* {"flows","bytes","hits","lost","first_mono_ns","last_mono_ns"} */
json_t *toxic_achieved(const struct toxic *t, struct gate *gate, nsec_t now);
nsec_t toxic_ns(double ms);

#endif
