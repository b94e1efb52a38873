/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/flow: which connection a packet belongs to, and which worker owns it. Each worker has its own
 * table and port slices: one owner, so nothing to lock.
 */
#ifndef LG_FLOW_H
#define LG_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/base.h"
#include "net/net.h"

/* ---- the flow table (table.c): 4-tuple -> connection ----------------------------------------- */

struct flow_key {
	struct lg_ip remote, local;
	uint16_t rport, lport; /* host order */
	uint32_t side;         /* enum net_side */
};
_Static_assert(sizeof(struct flow_key) == 40, "flow_key is hashed as bytes: no padding");

struct flow_table; /* rte_hash keyed by SipHash: nobody outside can aim at one bucket */

/*
 * Room for max_flows exactly. NULL when memory is short or the name is taken. name: unique, at most
 * FLOW_NAME_MAX characters (rte_hash cuts its rings' names there).
 */
#define FLOW_NAME_MAX 21
struct flow_table *flow_table_create(
	const char *name, uint32_t max_flows, int socket_id, const struct lg_siphash_key *key);
void flow_table_free(struct flow_table *t);
/* 0, -EEXIST or -ENOSPC. */
int flow_add(struct flow_table *t, const struct flow_key *k, void *conn);
void *flow_lookup(const struct flow_table *t, const struct flow_key *k);
/* out[i] = connection or NULL. n <= NET_BURST. */
void flow_lookup_bulk(
	const struct flow_table *t, const struct flow_key *const *keys, unsigned n, void **out);
/* 0 or -ENOENT. */
int flow_del(struct flow_table *t, const struct flow_key *k);
uint32_t flow_count(const struct flow_table *t);
/* Calls fn for each; fn must not add or delete. */
void flow_each(const struct flow_table *t,
	void (*fn)(void *ctx, const struct flow_key *k, void *conn), void *ctx);

/* ---- source ports (ports.c) ------------------------------------------------------------------ */

/*
 * Source ports towards the pools. The port space of each (local address, pool address, pool port)
 * is a bitmap; worker w of n owns the ports p with p % n == w. Choice follows RFC 6056 algorithm 3
 * (keyed hash offset plus counter), the counter moving in random steps (section 3.3.5). A port
 * stays taken until freed, TIME-WAIT included.
 */
struct flow_ports;

struct flow_ports_params {
	const struct lg_ip *locals; /* internal source addresses (of both families) */
	unsigned n_locals;
	uint16_t lo, hi; /* inclusive; default 1024..65535; never 4443 (LY-106) */
	unsigned worker, n_workers;
	unsigned max_destinations; /* distinct (pool address, port) */
	const struct lg_siphash_key *key;
	/* Optional: true when an answer to this port lands on our queue; others are tried last. */
	bool (*fits)(void *ctx, const struct lg_ip *local, uint16_t lport,
		const struct lg_ip *remote, uint16_t rport);
	void *fits_ctx;
	int socket_id;
};

struct flow_ports *flow_ports_create(const struct flow_ports_params *p);
void flow_ports_free(struct flow_ports *fp);
/*
 * Picks a local address of the remote's family and a free port: 0, -EADDRNOTAVAIL when every port
 * of every local address is taken towards it (counted), -ENOSPC when max_destinations is exceeded.
 */
int flow_ports_get(struct flow_ports *fp, const struct lg_ip *remote, uint16_t rport,
	struct lg_ip *local, uint16_t *lport);
void flow_ports_put(struct flow_ports *fp, const struct lg_ip *local, uint16_t lport,
	const struct lg_ip *remote, uint16_t rport);
uint32_t flow_ports_in_use(const struct flow_ports *fp);
uint64_t flow_ports_exhausted(const struct flow_ports *fp); /* times -EADDRNOTAVAIL was returned */
/* True when lport can be one of ours towards anybody (range and not excluded). */
bool flow_port_in_range(const struct flow_ports *fp, uint16_t lport);

/* ---- steering (steer.c): the owner is a pure function of the packet -------------------------- */

/*
 * External side: Toeplitz hash of the 4-tuple with the NIC's own key and indirection table where it
 * has one and a queue for each worker (so owner == the queue RSS picked, nothing to hand over), a
 * fixed symmetric key otherwise. Internal side: our local port % n_workers. Packets that arrive on
 * another worker are handed over.
 */
#define FLOW_TOEPLITZ_NIBBLES 72 /* of the longest input: two IPv6 addresses, two ports */

struct flow_steer {
	unsigned n_workers;
	uint8_t key[64];
	uint8_t key_len; /* 40 or 52 used */
	uint16_t reta_size;
	uint16_t reta[512]; /* entries are worker numbers (queue % n_workers) */
	/* The internal port's: to choose source ports whose answers land on the owner's queue. */
	uint8_t back_key[64];
	uint8_t back_key_len; /* 0: the port has no RSS, placement can't be predicted */
	uint16_t back_reta_size;
	uint16_t back_reta[512];
	/* What each value of each four input bits adds to the hash, made from the keys. */
	uint32_t toeplitz[FLOW_TOEPLITZ_NIBBLES][16];
	uint32_t back_toeplitz[FLOW_TOEPLITZ_NIBBLES][16];
};

/* ext, in: the two opened ports (NULL in tests: software defaults). */
void flow_steer_init(struct flow_steer *s, unsigned n_workers, const struct net_port *ext,
	const struct net_port *in);
/* Toeplitz hash of a client's packet remote -> local, as the external NIC computes it. */
uint32_t flow_hash_front(const struct flow_steer *s, const struct lg_ip *remote, uint16_t rport,
	const struct lg_ip *local, uint16_t lport);
/* Worker that owns a client's packet remote -> local. Ports in host order. */
unsigned flow_owner_front(const struct flow_steer *s, const struct lg_ip *remote, uint16_t rport,
	const struct lg_ip *local, uint16_t lport);
static inline unsigned flow_owner_back(const struct flow_steer *s, uint16_t lport)
{
	return lport % s->n_workers;
}
/* Queue on which the pool's answer remote -> local would arrive; -1 when it can't be predicted. */
int flow_back_queue(const struct flow_steer *s, const struct lg_ip *remote, uint16_t rport,
	const struct lg_ip *local, uint16_t lport);

/* ---- hand-over (handoff.c): rings between workers -------------------------------------------- */

enum flow_handoff_kind { FLOW_HANDOFF_TCP, FLOW_HANDOFF_NEIGHBOUR, FLOW_HANDOFF_ICMP };

struct flow_handoff; /* one multi-producer single-consumer rte_ring per worker; read-only set-up */

struct flow_handoff *flow_handoff_create(unsigned n_workers, unsigned ring_size);
void flow_handoff_free(struct flow_handoff *h);
/*
 * TCP: the checked segment travels in pkt->m with the addresses in a message kept in the mbuf's
 * headroom; taken always: true when queued, false when the ring was full and m was freed (caller
 * counts).
 */
bool flow_handoff_tcp(struct flow_handoff *h, unsigned to, const struct net_pkt *pkt);
/* m: ARP/ND frame of `side`; the handed-over packet is m itself (the caller copies for several). */
bool flow_handoff_neighbour(
	struct flow_handoff *h, unsigned to, enum net_side side, struct rte_mbuf *m);
/* The error is carried in an mbuf from pool. */
bool flow_handoff_icmp(struct flow_handoff *h, unsigned to, const struct net_icmp_error *err,
	struct rte_mempool *pool);

struct flow_handoff_msg {
	enum flow_handoff_kind kind;
	enum net_side side;
	struct net_pkt pkt;        /* TCP: m is the receiver's; NEIGHBOUR: pkt.m is the frame */
	struct net_icmp_error err; /* ICMP */
};
/* Up to max (<= NET_BURST) messages for worker `self`. Returns how many. */
unsigned flow_handoff_receive(
	struct flow_handoff *h, unsigned self, struct flow_handoff_msg *out, unsigned max);

#endif
