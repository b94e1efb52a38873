/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/internal.h"

#define BLOCK_SIZE 16384
#define ALIGN      16

struct conf_arena_block {
	struct conf_arena_block *next;
	size_t used, size;
	_Alignas(ALIGN) unsigned char data[];
};

struct conf_arena *conf_arena_create(size_t limit, jmp_buf *out)
{
	struct conf_arena *a = calloc(1, sizeof(*a));
	if (a != NULL) {
		a->limit = limit;
		a->out = out;
	}
	return a;
}

void conf_arena_free(struct conf_arena *a)
{
	if (a == NULL)
		return;
	for (struct conf_arena_block *b = a->blocks, *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct conf_arena_block *block_add(struct conf_arena *a, size_t size)
{
	if (size > a->limit - a->total)
		longjmp(*a->out, 1);
	size_t room = LG_MIN(LG_MAX(size, (size_t)BLOCK_SIZE), a->limit - a->total);
	struct conf_arena_block *b = calloc(1, sizeof(*b) + room);
	if (b == NULL)
		longjmp(*a->out, 1);
	b->size = room;
	b->next = a->blocks;
	a->blocks = b;
	a->total += room;
	return b;
}

void *conf_alloc(struct conf_arena *a, size_t size)
{
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct conf_arena_block *b = a->blocks;
	if (b == NULL || b->size - b->used < size)
		b = block_add(a, size);
	void *p = b->data + b->used;
	b->used += size;
	return p;
}

char *conf_strndup(struct conf_arena *a, const char *s, size_t n)
{
	char *copy = conf_alloc(a, n + 1);
	memcpy(copy, s, n);
	return copy;
}

char *conf_sprintf(struct conf_arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *s = conf_alloc(a, (size_t)LG_MAX(n, 0) + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)LG_MAX(n, 0) + 1, fmt, ap);
	va_end(ap);
	return s;
}
