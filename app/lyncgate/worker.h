/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker is a whole gateway (law 1). Set up by the main thread, then touched by its lcore alone.
 */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include <rte_mempool.h>

#include "control/control.h"
#include "flow/flow.h"
#include "gateway.h"
#include "net/net.h"
#include "proxy/proxy.h"
#include "tcp/tcp.h"
#include "tls/tls.h"

/* What the loop remembers from turn to turn. */
struct worker_loop {
	lg_us now;
	lg_us next_tick;
	lg_us idle_since; /* 0: the last turn did something */
	uint32_t pause_us;
	uint32_t packets; /* since the pool was last looked at */
	uint32_t turns_to_control;
	uint32_t announces_seen;
	enum ctl_order order; /* last one followed */
	struct net_pkt batch[NET_BURST];
	unsigned n_batch;
};

struct worker {
	struct gateway *gateway;
	unsigned index, lcore;
	struct rte_mempool *pool, *indirect;
	struct net_if *nif[NET_SIDES];
	struct net_port_txq txq[NET_SIDES]; /* its own TX queue of each port */
	bool polls[NET_SIDES];              /* the port has an RX queue for this worker */
	struct flow_ports *ports;
	struct tcp_stack *tcp;
	struct tls_worker *tls;
	struct proxy *proxy;
	struct ctl_access_port access;
	struct worker_loop loop;
	struct ctl_mailbox mailbox;    /* written by main */
	struct ctl_query query;        /* asked by telemetry, answered by this worker */
	struct ctl_worker_stats stats; /* written by this worker */
} __rte_cache_aligned;

/* First step, before ports are opened: they need the pools. 0, or an enum app_exit with a sentence.
 */
int worker_create_pools(
	struct worker *w, struct gateway *g, unsigned index, char *err, size_t errlen);
/* Second step, with ports, steering and hand-over in place. 0, or an enum app_exit with a sentence.
 */
int worker_create(struct worker *w, char *err, size_t errlen);
/* First what uses the ports, then (after they are closed) the pools. Both may find half a worker.
 */
void worker_destroy(struct worker *w);
void worker_destroy_pools(struct worker *w);

/* The loop (loop.c), for rte_eal_remote_launch(); arg is the worker. Returns 0 after CTL_QUIT. */
int worker_main(void *arg);

#endif
