/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive doubly linked list with a head; an element is in one list. */
#ifndef GD_BASE_LIST_H
#define GD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_ENTRY(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void list_remove(struct list *l)	/* may be repeated */
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

static inline struct list *list_pop(struct list *head)	/* NULL: empty */
{
	struct list *l = head->next;

	if (l == head)
		return NULL;
	list_remove(l);
	return l;
}

#define LIST_FOR(pos, head) \
	for (pos = (head)->next; pos != (head); pos = pos->next)
#define LIST_FOR_SAFE(pos, tmp, head)                                \
	for (pos = (head)->next, tmp = pos->next; pos != (head);     \
	     pos = tmp, tmp = pos->next)

#endif
