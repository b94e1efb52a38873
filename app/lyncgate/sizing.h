/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_SIZING_H
#define APP_SIZING_H

#include <stdint.h>

#include "config/config.h"

#define SIZING_CACHE  256 /* mbufs per lcore cache of a pool */
#define SIZING_MIB(n) (((n) + (1u << 20) - 1) >> 20)

/* What one worker's pools hold. */
struct sizing {
	uint32_t mbufs;     /* with data room */
	uint32_t indirect;  /* without */
	uint16_t data_room; /* headroom included */
	uint64_t bytes;     /* both pools of one worker */
};

/*
 * Sizes the pools for `memory` bytes that all workers and everything else share. The result may
 * still be more than that: the ports' descriptor rings have to be filled whatever there is.
 */
struct sizing sizing_compute(const struct conf *conf, uint64_t memory);

#endif
