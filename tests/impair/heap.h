/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames under way, the next to arrive on top; those of one instant in the order they were put in.
 */
#ifndef IMPAIR_HEAP_H
#define IMPAIR_HEAP_H

#include <stdint.h>

#define FRAME_MAX 2048u
#define FRAMES    16384u /* under way at once, both directions together */

struct frame {
	uint64_t arrival; /* ns */
	uint64_t number;  /* of all frames */
	uint32_t len;
	uint32_t to; /* index of the port it leaves by */
	unsigned char data[FRAME_MAX];
};

struct heap {
	struct frame *entries[FRAMES]; /* the first `used` are the heap, the rest are free frames */
	struct frame *memory;
	uint64_t numbers;
	uint32_t used;
};

/* Returns 0, or -ENOMEM. */
int heap_init(struct heap *heap);
void heap_free(struct heap *heap);

/* A free frame to fill in (all but `number`) and to push at once, or NULL when all are under way.
 */
struct frame *heap_blank(struct heap *heap);
void heap_push(struct heap *heap, struct frame *frame);

/* NULL: nothing under way. A popped frame's memory is free again, its content stays until the next
 * push. */
const struct frame *heap_top(const struct heap *heap);
const struct frame *heap_pop(struct heap *heap);

#endif
