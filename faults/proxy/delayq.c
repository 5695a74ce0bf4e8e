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

void delayq_add(struct delayq *q, const void *data, size_t len, nsec_t arrival,
		nsec_t delay)
{
	struct delay_chunk *c = mem_alloc(sizeof(*c) + len);

	*c = (struct delay_chunk){
		.arrival = arrival,
		.due = arrival + (delay > 0 ? delay : 0),
		.asked = delay,
		.len = len,
	};
	if (c->due < q->last_due && q->head)
		c->due = q->last_due;
	if (len)
		memcpy(c->data, data, len);
	q->last_due = c->due;
	q->bytes += len;
	if (q->tail)
		q->tail->next = c;
	else
		q->head = c;
	q->tail = c;
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
	if (!q->head)
		q->tail = NULL;
	mem_free(c);
}

/* Arrivals are in order, so order is kept. */
void delayq_shorten(struct delayq *q, nsec_t longest)
{
	for (struct delay_chunk *c = q->head; c; c = c->next) {
		if (c->due > c->arrival + longest)
			c->due = c->arrival + longest;
		q->last_due = c->due;
	}
}
