/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port may have fewer TX queues than there are workers (many virtual NICs have one). A queue has
 * one owner, so the others pass their frames to it over a ring: slower than a queue of one's own,
 * but no lock.
 */
#ifndef APP_RELAY_H
#define APP_RELAY_H

#include <stdint.h>

#include <rte_ring.h>

#include "control/control.h"
#include "net/net.h"

/* One TX queue as a worker sees it. */
struct relay {
	struct net_port_txq txq;
	bool owner;                     /* this worker gives frames to txq itself */
	struct rte_ring *ring;          /* to the owner; NULL where each worker has a queue */
	struct ctl_worker_stats *stats; /* of this worker */
};

/* Worker `worker` on a port: its queue, or the ring to the worker that has one. */
void relay_init(struct relay *r, const struct net_port *port, unsigned worker,
	struct rte_ring *const *rings, struct ctl_worker_stats *stats);
/*
 * One ring per TX queue in rings[0..n_txq) when the port has fewer than n_workers of them. 0 or
 * -ENOMEM.
 */
int relay_rings_create(struct rte_ring **rings, const struct net_port *port, unsigned n_workers);
/* Frees what waits in them, too. */
void relay_rings_free(struct rte_ring **rings, unsigned n);
/* The `tx` callback of net_if_params; ctx is a struct relay. */
uint16_t relay_tx(void *ctx, struct rte_mbuf **frames, uint16_t n);
/* The owner sends what others passed to it, one burst. Returns how many frames there were. */
unsigned relay_run(struct relay *r);

#endif
