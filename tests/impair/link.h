/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of the impairing wire: what becomes of each packet, and when it arrives.
 *
 * A packet that enters is lost, corrupted or doubled by chance, waits in a queue of so many packets
 * for the line, is sent at the line's rate, and travels for `delay`; some are held back on their
 * way, so that others overtake them. Nothing here reads a clock or moves bytes.
 *
 * Chance depends on the seed, the direction, the kind of mishap and the packet's number, on nothing
 * else: two runs meet the same fate packet by packet, however fast they send, and switching one
 * mishap on leaves the others where they were.
 */
#ifndef IMPAIR_LINK_H
#define IMPAIR_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_QUEUE_MAX 65536u

struct link_config {
	uint64_t seed;
	uint64_t rate;       /* bit/s of whole frames; 0: no limit, no queue */
	uint64_t delay_ns;   /* after the line */
	uint64_t jitter_ns;  /* up to so much more; keeps the order */
	uint64_t reorder_ns; /* how long a held-back packet is held back */
	uint32_t queue;      /* packets that wait for the line or are on it; more are dropped */
	uint32_t spare;      /* the first so many packets meet no mishap */
	double loss, reorder, duplicate, corrupt; /* probabilities, 0 to 1 */
};

/* X(name): counters of one direction; `packets` and `bytes` are what entered */
#define LINK_COUNTERS(X)                                                                           \
	X(packets)                                                                                 \
	X(bytes)                                                                                   \
	X(spared) /* ARP and the like: delayed, never harmed, not numbered */                      \
	X(lost)                                                                                    \
	X(queue_full) /* dropped by the queue */                                                   \
	X(reordered)                                                                               \
	X(duplicated)                                                                              \
	X(corrupted)                                                                               \
	X(queue_max) /* the longest queue seen, packets */

struct link_stats {
#define X(name) uint64_t name;
	LINK_COUNTERS(X)
#undef X
};

struct link {
	struct link_config config;
	struct link_stats stats;
	uint64_t direction;    /* tells the two directions' chances apart */
	uint64_t line_free;    /* ns: when the line has sent all that waits */
	uint64_t last_arrival; /* ns: of packets that keep their order */
	uint64_t *leaves;      /* ring: when each packet of the queue leaves the line */
	uint32_t first, waiting;
};

/* What becomes of one packet. */
struct link_fate {
	unsigned int copies; /* 0: dropped */
	uint64_t arrival[2]; /* ns, of each copy */
	bool lost;           /* by chance; else the queue was full */
	bool corrupt;        /* one bit of both copies is turned over: */
	uint64_t corrupt_at; /* a random number that chooses it */
};

/* Returns 0, or -ENOMEM. `config` is copied. */
int link_init(struct link *link, const struct link_config *config, uint64_t direction);
void link_free(struct link *link);

/* A packet of `len` octets enters at `now` (ns, never earlier than the one before). */
void link_enter(struct link *link, uint64_t now, uint32_t len, struct link_fate *fate);

/* The same for a packet that must not be harmed: it waits and travels, that is all. */
void link_enter_spared(struct link *link, uint64_t now, uint32_t len, struct link_fate *fate);

#endif
