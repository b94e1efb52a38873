/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_SEQ_H
#define LG_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sequence numbers live on a circle of 2^32 (RFC 9293 section 3.4). a and b must be less than 2^31
 * apart for the comparison to mean anything.
 */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_geq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

/* lo <= x < hi on the circle. */
static inline bool seq_between(uint32_t lo, uint32_t x, uint32_t hi)
{
	return x - lo < hi - lo;
}

#endif
