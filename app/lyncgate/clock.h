/* SPDX-License-Identifier: BSD-3-Clause */
/* The only clock of the program (law 2): everybody below app/ is told the time. */
#ifndef APP_CLOCK_H
#define APP_CLOCK_H

#include <stdint.h>

#include <rte_cycles.h>

#include "base/base.h"

struct app_clock {
	uint64_t base;         /* TSC at start */
	uint64_t us_per_cycle; /* 32.32 fixed point */
};

extern struct app_clock app_clock; /* written once by app_clock_init() */

/* After EAL is up: it has measured the TSC by then. */
void app_clock_init(void);

static inline lg_us app_clock_us(uint64_t tsc)
{
	return 1 +
	       (lg_us)(((unsigned __int128)(tsc - app_clock.base) * app_clock.us_per_cycle) >> 32);
}

/* Microseconds since start, never 0. Any thread. */
static inline lg_us app_now(void)
{
	return app_clock_us(rte_get_tsc_cycles());
}

/* app_now() with an address, for those who are given a clock. */
lg_us app_clock_now(void);

#endif
