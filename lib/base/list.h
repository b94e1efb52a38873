/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_LIST_H
#define LG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

/* Intrusive doubly linked list with a head node; a node not on a list has next == NULL. */
struct lg_node {
	struct lg_node *next, *prev;
};

struct lg_list {
	struct lg_node head;
};

static inline void lg_list_init(struct lg_list *l)
{
	l->head.next = l->head.prev = &l->head;
}

static inline bool lg_list_empty(const struct lg_list *l)
{
	return l->head.next == &l->head;
}

static inline bool lg_node_linked(const struct lg_node *n)
{
	return n->next != NULL;
}

static inline void lg_list_insert_after(struct lg_node *pos, struct lg_node *n)
{
	n->prev = pos;
	n->next = pos->next;
	pos->next->prev = n;
	pos->next = n;
}

static inline void lg_list_push_back(struct lg_list *l, struct lg_node *n)
{
	lg_list_insert_after(l->head.prev, n);
}

static inline void lg_list_push_front(struct lg_list *l, struct lg_node *n)
{
	lg_list_insert_after(&l->head, n);
}

static inline void lg_node_unlink(struct lg_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
}

static inline struct lg_node *lg_list_first(const struct lg_list *l)
{
	return lg_list_empty(l) ? NULL : l->head.next;
}

static inline struct lg_node *lg_list_last(const struct lg_list *l)
{
	return lg_list_empty(l) ? NULL : l->head.prev;
}

static inline struct lg_node *lg_list_pop_front(struct lg_list *l)
{
	struct lg_node *n = lg_list_first(l);
	if (n != NULL)
		lg_node_unlink(n);
	return n;
}

#define LG_LIST_FOREACH(n, l) for ((n) = (l)->head.next; (n) != &(l)->head; (n) = (n)->next)
#define LG_LIST_FOREACH_SAFE(n, tmp, l)                                                            \
	for ((n) = (l)->head.next, (tmp) = (n)->next; (n) != &(l)->head;                           \
		(n) = (tmp), (tmp) = (n)->next)

#endif
