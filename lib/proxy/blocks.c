/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixed-size blocks, reserved at start. */
#include <errno.h>
#include <stdlib.h>

#include "proxy/internal.h"

int blocks_init(struct blocks *b, size_t size, uint32_t count)
{
	b->size = size;
	b->count = count;
	b->touched = 0;
	lg_list_init(&b->free);
	b->mem = calloc(count, size);
	return b->mem != NULL ? 0 : -ENOMEM;
}

struct lg_node *blocks_get(struct blocks *b)
{
	struct lg_node *n = lg_list_pop_front(&b->free);

	if (n == NULL && b->touched < b->count)
		n = (struct lg_node *)(void *)(b->mem + b->size * b->touched++);
	return n;
}

void blocks_put(struct blocks *b, struct lg_node *n)
{
	lg_list_push_front(&b->free, n);
}

void blocks_free(struct blocks *b)
{
	free(b->mem);
	b->mem = NULL;
}
