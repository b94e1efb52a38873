/* SPDX-License-Identifier: BSD-3-Clause */
#include "relay.h"

#include <errno.h>
#include <stdio.h>

#define RELAY_SLOTS 1024

int relay_rings_create(struct rte_ring **rings, const struct net_port *port, unsigned n_workers)
{
	if (port->n_txq >= n_workers)
		return 0;
	for (unsigned q = 0; q < port->n_txq; q++) {
		char name[RTE_RING_NAMESIZE];
		snprintf(name, sizeof(name), "lg_relay_%u_%u", port->port_id, q);
		rings[q] = rte_ring_create(name, RELAY_SLOTS, port->socket_id, RING_F_SC_DEQ);
		if (rings[q] == NULL)
			return -ENOMEM;
	}
	return 0;
}

void relay_rings_free(struct rte_ring **rings, unsigned n)
{
	for (unsigned q = 0; q < n; q++) {
		void *m;
		while (rings[q] != NULL && rte_ring_dequeue(rings[q], &m) == 0)
			rte_pktmbuf_free(m);
		rte_ring_free(rings[q]);
		rings[q] = NULL;
	}
}

void relay_init(struct relay *r, const struct net_port *port, unsigned worker,
	struct rte_ring *const *rings, struct ctl_worker_stats *stats)
{
	uint16_t queue = (uint16_t)(worker % port->n_txq);
	*r = (struct relay){
		.txq = {.port_id = port->port_id, .queue_id = queue},
		.owner = worker < port->n_txq,
		.ring = rings[queue],
		.stats = stats,
	};
}

uint16_t relay_tx(void *ctx, struct rte_mbuf **frames, uint16_t n)
{
	struct relay *r = ctx;
	if (r->owner)
		return net_port_tx(&r->txq, frames, n);
	unsigned taken = rte_ring_enqueue_burst(r->ring, (void *const *)frames, n, NULL);
	ctl_add(r->stats, CTL_WCTR_RELAY_SENT, taken);
	return (uint16_t)taken;
}

unsigned relay_run(struct relay *r)
{
	struct rte_mbuf *frames[NET_BURST];
	if (!r->owner || r->ring == NULL)
		return 0;
	unsigned n = rte_ring_dequeue_burst(r->ring, (void **)frames, NET_BURST, NULL);
	if (n == 0)
		return 0;
	unsigned sent = net_port_tx(&r->txq, frames, (uint16_t)n);
	ctl_add(r->stats, CTL_WCTR_DROP_RELAY_TX_FULL, n - sent);
	rte_pktmbuf_free_bulk(frames + sent, n - sent);
	return n;
}
