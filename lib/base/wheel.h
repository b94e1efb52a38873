/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_WHEEL_H
#define LG_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"

/*
 * Hierarchical timer wheel (Varghese, Lauck 1987): 4 levels of 256 slots, ticks of 2^7 = 128 us, so
 * about 6 days of range; later deadlines stay on the top level and are looked at once a round. Arm,
 * cancel: O(1), no allocation. Owned by one worker. A timer never fires early; it fires at the
 * first lg_wheel_advance() whose `now` has reached its tick (rounded up).
 */
#define LG_WHEEL_SHIFT  7
#define LG_WHEEL_BITS   8
#define LG_WHEEL_SLOTS  (1u << LG_WHEEL_BITS)
#define LG_WHEEL_LEVELS 4

struct lg_timer {
	struct lg_node node; /* linked while armed */
	lg_us deadline;
	void (*fn)(struct lg_timer *t, lg_us now);
};

struct lg_wheel {
	uint64_t tick; /* ticks up to and including this one have fired */
	uint32_t armed;
	struct lg_list due;    /* reached by tick, not yet fired */
	struct lg_list firing; /* the due ones that the running lg_wheel_advance() works on */
	struct lg_list slot[LG_WHEEL_LEVELS][LG_WHEEL_SLOTS];
	/* Bitmap of slots that may hold timers; a cancelled one leaves its bit behind. */
	uint64_t occupied[LG_WHEEL_LEVELS][LG_WHEEL_SLOTS / 64];
};

void lg_wheel_init(struct lg_wheel *w, lg_us now);
/* (Re-)arms t for `deadline`. A deadline in the past fires at the next advance. */
void lg_timer_arm(struct lg_wheel *w, struct lg_timer *t, lg_us deadline);
void lg_timer_cancel(struct lg_wheel *w, struct lg_timer *t);

static inline bool lg_timer_armed(const struct lg_timer *t)
{
	return lg_node_linked(&t->node);
}

/*
 * Fires what is due at `now`, at most `max` timers (the rest fires at the next call). A callback
 * may arm or cancel any timer, its own and those due in the same call included. Returns how many
 * fired.
 */
unsigned lg_wheel_advance(struct lg_wheel *w, lg_us now, unsigned max);
/* Lower bound of the time of the next firing (for idling); UINT64_MAX when nothing is armed. */
lg_us lg_wheel_next(const struct lg_wheel *w);

#endif
