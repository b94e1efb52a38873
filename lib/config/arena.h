/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_CONFIG_ARENA_H
#define LG_CONFIG_ARENA_H

#include <setjmp.h>
#include <stddef.h>

/*
 * Memory of one load: blocks that are freed together. Exhaustion (of the limit or of the system)
 * jumps to *out, so that the many places that allocate need no check; out is set for the time of
 * the load and must not be used after it. Single-threaded.
 */
struct conf_arena {
	struct conf_arena_block *blocks; /* newest first */
	size_t total, limit;
	jmp_buf *out;
};

/* NULL: no memory. */
struct conf_arena *conf_arena_create(size_t limit, jmp_buf *out);
/* NULL is allowed. */
void conf_arena_free(struct conf_arena *a);
/* Zeroed, aligned for any type. Never NULL: see above. */
void *conf_alloc(struct conf_arena *a, size_t size);
char *conf_strndup(struct conf_arena *a, const char *s, size_t n);
char *conf_sprintf(struct conf_arena *a, const char *fmt, ...)
	__attribute__((nonnull(2), format(printf, 2, 3)));

#endif
