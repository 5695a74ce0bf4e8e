/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka filter's state, which its requests and answers share. */
#ifndef GD_PROXY_KAFKA_FLOW_H
#define GD_PROXY_KAFKA_FLOW_H

#include "chaos/base/list.h"
#include "faults/proxy/filter/kafka_codec.h"
#include "faults/proxy/flow.h"

enum {
	FRAME_MAX = 64 * 1024 * 1024, /* of a frame that is read whole */
	PREFIX_MAX = 70000, /* client id, transactional id and acks fit */
	SIZE_MAX_SANE = 512 * 1024 * 1024, /* above: this is not Kafka */
	EXPECTED_MAX = 4096,
	HEAD_UP = 12,  /* length, API, version, correlation id */
	HEAD_DOWN = 8, /* length, correlation id */
};
/* How long an answer waits for a broker's address to get a listener. */
#define KAFKA_MAP_WITHIN (5 * NSEC_SEC)

struct expected { /* a request that will be answered */
	struct list link;
	struct kafka_request req;
	nsec_t arrival;	     /* mono ns */
	int32_t max_wait_ms; /* Fetch */
	struct buf missing;  /* topics that were taken out of it */
	int32_t n_missing;
	uint32_t matched; /* … by these toxics, as bits */
};

struct framing {      /* one direction */
	struct buf b; /* of this frame: want bytes are to be had */
	size_t want;
	uint64_t rest; /* bytes of it that pass as they come */
};

enum hold { HOLD_NONE, HOLD_MAP, HOLD_FETCH };

struct kafka {
	struct flow *f;
	struct framing dir[STREAMS];
	struct list expected;
	unsigned n_expected;
	struct expected *answer; /* the one being read */
	bool opaque;
	enum hold hold; /* the frame of STREAM_DOWN is not sent yet */
	bool map_gave_up;
	unsigned left_out; /* addresses in the frame that stay as they are */
	struct buf out;	   /* HOLD_FETCH: what will be sent */
	struct loop_timer timer;
	uint32_t starving; /* toxics that starve here, as bits */
	uint32_t matched;  /* of these, seen in the frame being read */
};

struct kafka *kafka_of(struct flow *f);
uint32_t kafka_frame_size(const struct framing *d);
/* What follows the length. */
char *kafka_frame(const struct framing *d);
size_t kafka_frame_len(const struct framing *d);
/* The frame is over. */
void kafka_frame_next(struct framing *d, enum stream s);
size_t kafka_head_size(enum stream s);
/* A frame that is made anew: begun with room for its length, and sent. */
void kafka_new_frame(struct buf *frame);
void kafka_pass_frame(struct flow *f, enum stream s, struct buf *frame);
void kafka_opaque(struct flow *f); /* bytes pass as they are from here */
bool kafka_is_starved(void *flow, struct kstr topic);

void kafka_expected_free(struct expected *e);
/* A request, or as much of it as has to be seen, is there: passes it on. */
void kafka_request_done(struct flow *f);

#endif
