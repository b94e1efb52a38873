/* SPDX-License-Identifier: BSD-3-Clause */
/* What both simulators share: numbers from a seed, the clock's event queue, and the links. */
#ifndef LG_SIM_CORE_H
#define LG_SIM_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "net/net.h"

struct sim_rng {
	uint64_t x;
};

uint64_t sim_rand(struct sim_rng *r);
/* 0 .. n - 1 */
uint32_t sim_below(struct sim_rng *r, uint32_t n);
/* lo .. hi */
uint32_t sim_range(struct sim_rng *r, uint32_t lo, uint32_t hi);
/* True with a probability of per_mille / 1000. */
bool sim_chance(struct sim_rng *r, uint32_t per_mille);
/* A byte that follows from where it belongs. */
uint8_t sim_byte_at(uint64_t seed, uint64_t stream, uint64_t offset);

/* ---- events ---- */

enum sim_kind {
	SIM_PACKET,  /* arg: struct sim_packet */
	SIM_ICMP,    /* arg: struct sim_packet, to the sender */
	SIM_APP,     /* an application wakes up */
	SIM_CONNECT, /* a pair, or a client, starts */
	SIM_EXHAUST, /* mbufs vanish */
	SIM_REFILL,
	SIM_DRAIN, /* the gateway takes no more clients */
};

struct sim_packet {
	struct rte_mbuf *m;
	struct net_tx tx;
};

struct sim_event {
	lg_us at;
	uint64_t order; /* first in, first out at the same time */
	enum sim_kind kind;
	int host; /* whom it concerns */
	int pair;
	struct sim_packet pkt;
	uint32_t mtu;
};

/* A binary heap; owned by its world. */
struct sim_queue {
	struct sim_event *heap;
	unsigned n, room;
	uint64_t order;
};

void sim_push(struct sim_queue *q, const struct sim_event *e);
/* The first event that is due at `until`. */
bool sim_pop(struct sim_queue *q, lg_us until, struct sim_event *e);
lg_us sim_next_event(const struct sim_queue *q);

/* ---- links ---- */

#define SIM_PARTITIONS 3

/* How one direction treats packets. */
struct sim_link {
	lg_us delay, jitter;
	uint32_t loss, duplicate, reorder, corrupt; /* per mille */
	uint64_t bits_per_second;                   /* 0: no limit */
	uint32_t queue;                             /* packets of 1500 bytes */
	uint32_t mark;                              /* per mille of the ECN-capable ones gets CE */
	uint32_t path_mtu; /* larger packets are dropped and reported by ICMP */
	bool icmp_says_mtu;
	bool strip_sack, strip_ts, strip_wscale;
	struct {
		lg_us from, until;
	} down[SIM_PARTITIONS];
	lg_us free_at; /* when the last bit of the last packet is out */
};

enum sim_fate { SIM_PASSES, SIM_LOST, SIM_DOWN, SIM_QUEUE_FULL, SIM_TOO_BIG, SIM_CORRUPTED };
const char *sim_fate_name(enum sim_fate f); /* "" for those that pass unharmed */

/* What becomes of one packet. */
struct sim_transit {
	enum sim_fate fate;
	lg_us at;      /* of its arrival, when it passes (SIM_CORRUPTED passes, too) */
	lg_us copy_at; /* of a second one's; 0: none */
};

/* A packet of ip_len bytes from its IP header on enters the link. */
struct sim_transit sim_link_pass(struct sim_link *l, struct sim_rng *r, lg_us now, uint32_t ip_len);
/* True when a packet that it passes gets a CE mark (RFC 3168 section 5). */
bool sim_link_marks(const struct sim_link *l, struct sim_rng *r, uint8_t tos);
/* Any kind of path that the Internet has. min_mtu: of the IP version. */
void sim_link_random(struct sim_link *l, struct sim_rng *r, lg_us start, uint32_t min_mtu);
/* A path with which nothing is wrong but its length, and now and then a loss. */
void sim_link_good(struct sim_link *l, struct sim_rng *r);

#endif
