/* SPDX-License-Identifier: Apache-2.0 */
/* The binary heap of a loop's timers. */
#include "chaos/base/loop_heap.h"

#include "chaos/base/mem.h"

static bool less(const struct loop_heap_item *a,
		 const struct loop_heap_item *b)
{
	return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void place(struct loop_heap *h, size_t i, struct loop_heap_item item)
{
	h->v[i] = item;
	item.timer->index = (uint32_t)i + 1;
}

static void sift_up(struct loop_heap *h, size_t i, struct loop_heap_item item)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (!less(&item, &h->v[parent]))
			break;
		place(h, i, h->v[parent]);
		i = parent;
	}
	place(h, i, item);
}

static void sift_down(struct loop_heap *h, size_t i, struct loop_heap_item item)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n &&
		    less(&h->v[child + 1], &h->v[child]))
			child++;
		if (!less(&h->v[child], &item))
			break;
		place(h, i, h->v[child]);
		i = child;
	}
	place(h, i, item);
}

/* Puts the item at i or where it belongs above or below. */
static void fix(struct loop_heap *h, size_t i, struct loop_heap_item item)
{
	if (i > 0 && less(&item, &h->v[(i - 1) / 2]))
		sift_up(h, i, item);
	else
		sift_down(h, i, item);
}

void loop_heap_remove(struct loop_heap *h, struct loop_timer *timer)
{
	size_t i = timer->index - 1;
	struct loop_heap_item last = h->v[--h->n];

	timer->index = 0;
	if (i < h->n)
		fix(h, i, last);
}

void loop_heap_put(struct loop_heap *h, struct loop_timer *timer)
{
	struct loop_heap_item item = { timer->due, timer->seq, timer };

	if (timer->index) {
		fix(h, timer->index - 1, item);
		return;
	}
	(void)mem_grow(h->v, h->n, h->cap);
	sift_up(h, h->n++, item);
}

void loop_heap_done(struct loop_heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->v[i].timer->index = 0;
	mem_free(h->v);
	*h = (struct loop_heap){ 0 };
}
