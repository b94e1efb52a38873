/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "heap.h"

int heap_init(struct heap *heap)
{
	heap->used = 0;
	heap->numbers = 0;
	heap->memory = calloc(FRAMES, sizeof(*heap->memory));
	if (!heap->memory)
		return -ENOMEM;
	for (uint32_t i = 0; i < FRAMES; i++)
		heap->entries[i] = &heap->memory[i];
	return 0;
}

void heap_free(struct heap *heap)
{
	free(heap->memory);
	heap->memory = NULL;
}

struct frame *heap_blank(struct heap *heap)
{
	return heap->used < FRAMES ? heap->entries[heap->used] : NULL;
}

static bool earlier(const struct frame *a, const struct frame *b)
{
	if (a->arrival != b->arrival)
		return a->arrival < b->arrival;
	return a->number < b->number;
}

static void swap(struct heap *heap, uint32_t i, uint32_t j)
{
	struct frame *kept = heap->entries[i];

	heap->entries[i] = heap->entries[j];
	heap->entries[j] = kept;
}

void heap_push(struct heap *heap, struct frame *frame)
{
	uint32_t i = heap->used;

	assert(frame == heap->entries[i]);
	frame->number = heap->numbers++;
	heap->used++;
	while (i > 0 && earlier(heap->entries[i], heap->entries[(i - 1) / 2])) {
		swap(heap, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

const struct frame *heap_top(const struct heap *heap)
{
	return heap->used > 0 ? heap->entries[0] : NULL;
}

const struct frame *heap_pop(struct heap *heap)
{
	uint32_t i = 0, child;

	assert(heap->used > 0);
	heap->used--;
	swap(heap, 0, heap->used);
	while ((child = 2 * i + 1) < heap->used) {
		if (child + 1 < heap->used &&
			earlier(heap->entries[child + 1], heap->entries[child]))
			child++;
		if (!earlier(heap->entries[child], heap->entries[i]))
			break;
		swap(heap, i, child);
		i = child;
	}
	return heap->entries[heap->used];
}
