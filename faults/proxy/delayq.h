/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of one direction that wait to be sent, in chunks with an absolute
 * deadline each.  Order is kept: no chunk is due before the one ahead of it.
 * Pure: the time is an argument.  Owned by one thread.
 */
#ifndef GD_PROXY_DELAYQ_H
#define GD_PROXY_DELAYQ_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/clock.h"

struct delay_chunk {
	struct delay_chunk *next, *prev;
	nsec_t arrival; /* mono ns */
	nsec_t due;	/* mono ns, >= the chunk ahead's */
	nsec_t asked;	/* ns: the delay drawn for it */
	size_t len;	/* 0: the end of the stream */
	size_t off;	/* 0 .. off -- sent / off .. len -- to send */
	char data[];
};

struct delayq {
	struct delay_chunk *head, *tail;
	size_t bytes; /* not sent yet */
};

void delayq_init(struct delayq *q);
void delayq_done(struct delayq *q);
static inline bool delayq_empty(const struct delayq *q)
{
	return !q->head;
}
/* Copies. len 0 marks the end of the stream. The chunk is the queue's. */
struct delay_chunk *delayq_add(struct delayq *q, const void *data, size_t len,
			       nsec_t arrival, nsec_t delay);
/* The newest chunk: it is taken back, or due that much after its arrival. */
void delayq_drop_last(struct delayq *q);
void delayq_delay_last(struct delayq *q, nsec_t delay);
/* The first chunk if it is due, or NULL. */
struct delay_chunk *delayq_due(const struct delayq *q, nsec_t now);
/* When the first chunk is due; NSEC_NEVER when empty. */
nsec_t delayq_next(const struct delayq *q);
/* n bytes of the first chunk were sent; true: it is complete (then drop it). */
bool delayq_sent(struct delayq *q, size_t n);
void delayq_drop(struct delayq *q);
/*
 * No delay is longer than this any more, and the end's no longer than that:
 * what waits is due by then.
 */
void delayq_shorten(struct delayq *q, nsec_t longest, nsec_t longest_end);

#endif
