/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_ASSERT_H
#define LG_ASSERT_H

#include <stdlib.h>

/*
 * LG_ASSERT states an invariant of our own code; it never checks input. It stays on in release
 * builds: a gateway on the Internet stops rather than continue with a broken connection table.
 */
void lg_assert_failed(const char *expr, const char *file, int line, const char *func)
	__attribute__((noreturn, cold));

#define LG_ASSERT(x) ((x) ? (void)0 : lg_assert_failed(#x, __FILE__, __LINE__, __func__))

#define LG_ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define LG_MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define LG_MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define LG_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
