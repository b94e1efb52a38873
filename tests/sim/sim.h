/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A deterministic world for lib/tcp: two real stacks, a client (0) and a server (1), joined by two
 * links, under a virtual clock that jumps from event to event. Everything follows from one seed.
 */
#ifndef LG_SIM_H
#define LG_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core.h"
#include "tcp/tcp_internal.h"
#include "wire.h"

#define SIM_MAX_PAIRS 24
#define SIM_PORT      443

/* ---- applications: one pair of them per connection ---- */

enum sim_end {
	END_GRACEFUL, /* FIN after the last byte, reads to EOF, then lets go */
	END_RELEASE,  /* lets go right after the last byte was queued, whatever comes */
	END_ABORT,    /* RST somewhere in the middle */
};

struct sim_app {
	struct tcp_conn *c;
	int host, pair;
	uint64_t to_send, queued; /* bytes */
	uint64_t received;
	uint64_t abort_at;
	uint32_t max_write, max_read;
	lg_us think; /* between reads of a slow reader; 0: eager */
	lg_us done_at;
	bool holds; /* doesn't read at all until sim.hold_until */
	lg_us next_read;
	enum sim_end end;
	bool shut, eof, closed, released, wake_armed;
	enum tcp_reason reason;
};

/* CE marks that a host got, and what it must make of them (RFC 3168 section 6.1.3). */
struct sim_marks {
	bool any;         /* one at all came */
	bool armed;       /* the only segment with bytes before `end` has one */
	bool due;         /* ... and it was taken: every segment says so until CWR comes */
	bool known;       /* `highest` is */
	uint32_t highest; /* end of all data that came */
	uint32_t seq, end;
};

struct sim_pair {
	uint16_t port;
	bool accepted, connected;
	lg_us connected_at;
	struct sim_app app[2];
	const struct sim *world;
	struct sim_wire wire;      /* sender 0: the client */
	struct sim_marks marks[2]; /* index: the receiver */
};

/* One transfer instead of a random world. */
struct sim_path {
	unsigned mbit, rtt_ms;
	unsigned loss;  /* per mille, of the sender's packets */
	unsigned queue; /* packets */
	uint64_t bytes;
	unsigned least; /* Mbit/s of goodput to be reached */
};

struct sim {
	uint64_t seed;
	const struct sim_path *path; /* NULL: a random world */
	int sender;                  /* on the path */
	struct sim_rng rng;
	bool trace;
	lg_us now, start, deadline;
	struct tcp_stack *stack[2];
	struct flow_ports *ports;
	struct lg_ip ip[2];
	/*
	 * Index: host. Usually all of a host's three are different pools, and large; in a world
	 * with small pools they are one, as a worker's is, and `wire` carries what was sent.
	 */
	struct rte_mempool *tx[2], *indirect[2], *app[2], *rx[2], *wire;
	bool small_pools;
	bool cookies; /* the server answers every SYN by a cookie */
	unsigned n_ghosts, n_echoes;
	lg_us next_tick;
	unsigned unmeasured[2];  /* packets since a stack heard of its pool */
	uint32_t highest;        /* pressure that was reached */
	struct sim_link link[2]; /* index: sender */
	struct sim_queue queue;
	struct rte_mbuf *taken[8192];
	unsigned n_taken;
	struct sim_pair pair[SIM_MAX_PAIRS];
	unsigned n_pairs;
	struct tcp_opts opts[2];
	uint64_t packets, lost;
	lg_us hold_until;
};

/* Says what is wrong, with the seed, and ends the program. */
void sim_fail(const struct sim *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
#define SIM_CHECK(w, x)                                                                            \
	do {                                                                                       \
		if (!(x))                                                                          \
			sim_fail((w), "%s:%d: %s", __FILE__, __LINE__, #x);                        \
	} while (0)

/* world.c */
void sim_output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now);
void sim_icmp(struct sim *w, const struct sim_event *e);
/* The packet as the receiver's NIC would give it: fresh mbufs, sometimes several. NULL: none left.
 */
struct rte_mbuf *sim_receive(struct sim *w, const struct sim_event *e);
void sim_world_random(struct sim *w);
void sim_world_small_pools(struct sim *w);

/* path.c */
/* MBIT,RTT_MS,LOSS_PER_MILLE,QUEUE_PACKETS,BYTES,LEAST_MBIT */
bool sim_path_parse(const char *text, struct sim_path *p);
void sim_world_path(struct sim *w);
/* Prints the goodput. False: less than wanted. */
bool sim_path_report(const struct sim *w);

/* app.c */
uint8_t sim_byte(const struct sim *w, int pair, int sender, uint64_t offset);
void sim_connect(struct sim *w, int pair);
void sim_app_events(struct sim *w, int host);
void sim_app_run(struct sim *w, struct sim_app *a);
void sim_pair_random(struct sim *w, int pair);
/* One that reads nothing for a long time, or one that must not suffer from those. */
void sim_pair_holds(struct sim *w, int pair);
void sim_pair_eager(struct sim *w, int pair);

/* sim_tcp.c: host took n mbufs, in a world with small pools. */
void sim_pool_used(struct sim *w, int host, unsigned n);

/* check.c */
void sim_check_packet(struct sim *w, int sender, const struct rte_mbuf *m, uint8_t tos);
/* It is about to be given to the host. */
void sim_arrived(struct sim *w, int host, const struct rte_mbuf *m);
/* m arrives, with tos as the link left it. */
void sim_check_arrival(struct sim *w, int receiver, const struct rte_mbuf *m, uint8_t tos);
void sim_check_conns(struct sim *w);
void sim_trace(struct sim *w, int sender, const struct rte_mbuf *m, const char *fate);
int sim_pair_of_port(const struct sim *w, uint16_t port);

#endif
