/* SPDX-License-Identifier: Apache-2.0 */
/* The unbounded FIFO between poller and workers. */
#include <assert.h>

#include "staging/shop/queue.h"

void queue_init(struct queue *q)
{
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->filled, NULL);
	list_init(&q->items);
	q->len = q->longest = 0;
	q->closed = false;
}

void queue_done(struct queue *q)
{
	assert(list_empty(&q->items));
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
}

void queue_push(struct queue *q, struct list *item)
{
	pthread_mutex_lock(&q->lock);
	list_append(&q->items, item);
	if (++q->len > q->longest)
		q->longest = q->len;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

struct list *queue_pop(struct queue *q)
{
	struct list *item = NULL;

	pthread_mutex_lock(&q->lock);
	while (!q->closed && list_empty(&q->items))
		pthread_cond_wait(&q->filled, &q->lock);
	if (!q->closed) {
		item = list_pop(&q->items);
		q->len--;
	}
	pthread_mutex_unlock(&q->lock);
	return item;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

size_t queue_len(struct queue *q)
{
	size_t len;

	pthread_mutex_lock(&q->lock);
	len = q->len;
	pthread_mutex_unlock(&q->lock);
	return len;
}

size_t queue_longest(struct queue *q, bool reset)
{
	size_t longest;

	pthread_mutex_lock(&q->lock);
	longest = q->longest;
	if (reset)
		q->longest = q->len;
	pthread_mutex_unlock(&q->lock);
	return longest;
}
