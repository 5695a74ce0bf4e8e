/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of a direction's bytes by deadline; see the header. */
#include "faults/proxy/delayq.h"

#include <assert.h>
#include <string.h>

#include "chaos/base/mem.h"

void delayq_init(struct delayq *q)
{
	*q = (struct delayq){0};
}

void delayq_done(struct delayq *q)
{
	while (q->head)
		delayq_drop(q);
}

struct delay_chunk *delayq_add(struct delayq *q, const void *data, size_t len,
			       nsec_t arrival, nsec_t delay)
{
	struct delay_chunk *c = mem_alloc(sizeof(*c) + len);

	*c = (struct delay_chunk){
		.arrival = arrival,
		.len = len,
	};
	c->prev = q->tail;
	if (len)
		memcpy(c->data, data, len);
	q->bytes += len;
	if (q->tail)
		q->tail->next = c;
	else
		q->head = c;
	q->tail = c;
	delayq_delay_last(q, delay);
	return c;
}

void delayq_delay_last(struct delayq *q, nsec_t delay)
{
	struct delay_chunk *c = q->tail;

	c->asked = delay;
	c->due = c->arrival + (delay > 0 ? delay : 0);
	if (c->prev && c->due < c->prev->due)
		c->due = c->prev->due;
}

void delayq_drop_last(struct delayq *q)
{
	struct delay_chunk *c = q->tail;

	q->tail = c->prev;
	if (q->tail)
		q->tail->next = NULL;
	else
		q->head = NULL;
	q->bytes -= c->len - c->off;
	mem_free(c);
}

struct delay_chunk *delayq_due(const struct delayq *q, nsec_t now)
{
	return q->head && q->head->due <= now ? q->head : NULL;
}

nsec_t delayq_next(const struct delayq *q)
{
	return q->head ? q->head->due : NSEC_NEVER;
}

bool delayq_sent(struct delayq *q, size_t n)
{
	struct delay_chunk *c = q->head;

	assert(c && n <= c->len - c->off);
	c->off += n;
	q->bytes -= n;
	return c->off == c->len;
}

void delayq_drop(struct delayq *q)
{
	struct delay_chunk *c = q->head;

	q->bytes -= c->len - c->off;
	q->head = c->next;
	if (q->head)
		q->head->prev = NULL;
	else
		q->tail = NULL;
	mem_free(c);
}

/* Arrivals are in order, so order is kept; the end is the last. */
void delayq_shorten(struct delayq *q, nsec_t longest, nsec_t longest_end)
{
	for (struct delay_chunk *c = q->head; c; c = c->next) {
		nsec_t most = c->len ? longest : longest_end;

		if (c->due > c->arrival + most)
			c->due = c->arrival + most;
		if (c->prev && c->due < c->prev->due)
			c->due = c->prev->due;
	}
}
