/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unbounded FIFO between poller and workers, as Tomcat's executor has
 * one.  Any thread may call any function.
 */
#ifndef GD_SHOP_QUEUE_H
#define GD_SHOP_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/list.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct list items;
	size_t len, longest;
	bool closed;
};

void queue_init(struct queue *q);
void queue_done(struct queue *q);		/* must be empty */
void queue_push(struct queue *q, struct list *item);
/* Blocks. NULL: the queue is closed (what was left in it is not given). */
struct list *queue_pop(struct queue *q);
void queue_close(struct queue *q);		/* wakes every queue_pop() */
size_t queue_len(struct queue *q);
/* The longest it has been; reset starts that anew. */
size_t queue_longest(struct queue *q, bool reset);

#endif
