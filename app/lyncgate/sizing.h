/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_SIZING_H
#define APP_SIZING_H

#include <stdint.h>

#include "config/config.h"

#define SIZING_CACHE  256 /* mbufs per lcore cache of a pool */
#define SIZING_MIB(n) (((n) + (1u << 20) - 1) >> 20)

/* What one worker has. */
struct sizing {
	uint32_t mbufs;       /* with data room */
	uint32_t indirect;    /* without */
	uint16_t data_room;   /* headroom included */
	uint32_t connections; /* TCP connection blocks, both sides and all states */
	uint64_t bytes;       /* memory for all of it */
};

struct sizing_memory {
	uint64_t bytes; /* what all workers share */
	uint32_t page;  /* page size when it is small (no hugepages), else 0 */
};

/*
 * Sizes everything for this much memory: limits say how many connections there
 * are, packet buffers get a share of what remains. The result may still be more than there is: the
 * ports' descriptor rings have to be filled whatever there is.
 */
struct sizing sizing_compute(const struct conf *conf, const struct sizing_memory *memory);

#endif
