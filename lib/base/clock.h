/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_CLOCK_H
#define LG_CLOCK_H

#include <stdint.h>

/*
 * Time is an argument in this house (law 2): microseconds on a monotonic clock that starts near 1
 * at program start. Only app/ (and tests) read a real clock; a value of 0 means "never / not set".
 */
typedef uint64_t lg_us;

#define LG_MS(n)  ((lg_us)(n)*1000)
#define LG_SEC(n) ((lg_us)(n)*1000000)

#endif
