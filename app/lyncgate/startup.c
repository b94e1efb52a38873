/* SPDX-License-Identifier: BSD-3-Clause */
/* Building the gateway and taking it down again: pools, ports, workers, in this order and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_malloc.h>

#include "clock.h"
#include "exits.h"
#include "gateway.h"
#include "worker.h"

#define HANDOFF_SLOTS 2048
#define LOG_SLOTS     256  /* lines per worker until the writer comes round */
#define ACCESS_SLOTS  1024 /* records per worker */

static int out_of_memory(const char *what, char *err, size_t errlen)
{
	snprintf(err, errlen, "no memory for %s: raise eal.m or the hugepages", what);
	return APP_ENVIRONMENT;
}

static int allocate(struct gateway *g, char *err, size_t errlen)
{
	unsigned n = g->n_workers;
	g->workers = rte_zmalloc("lg_workers", n * sizeof(*g->workers), RTE_CACHE_LINE_SIZE);
	g->stats = calloc(n, sizeof(struct ctl_worker_stats *));
	g->views = calloc(n, sizeof(*g->views));
	if (g->workers == NULL || g->stats == NULL || g->views == NULL)
		return out_of_memory("the workers", err, errlen);
	for (unsigned i = 0; i < n; i++)
		g->stats[i] = &g->workers[i].stats;
	return APP_OK;
}

static int start_writer(struct gateway *g, char *err, size_t errlen)
{
	const struct ctl_writer_params p = {
		.conf = g->conf,
		.n_workers = g->n_workers,
		.stats = g->stats,
		.now = app_clock_now,
		.log_slots = LOG_SLOTS,
		.access_slots = ACCESS_SLOTS,
		.cpu = (int)g->conf->main_lcore,
	};
	g->writer = ctl_writer_start(&p, err, errlen);
	return g->writer == NULL ? APP_ENVIRONMENT : APP_OK;
}

static int open_port(struct gateway *g, enum net_side side, char *err, size_t errlen)
{
	const struct conf_port *conf = gateway_conf_port(g, side);
	struct rte_mempool **pools = calloc(g->n_workers, sizeof(struct rte_mempool *));
	if (pools == NULL)
		return out_of_memory("the ports", err, errlen);
	for (unsigned i = 0; i < g->n_workers; i++)
		pools[i] = g->workers[i].pool;
	const struct net_port_params p = {
		.name = gateway_side_name(side),
		.device = conf->device,
		.mtu = conf->mtu,
		.n_queues = (uint16_t)g->n_workers,
		.rx_desc = (uint16_t)conf->rx_descriptors,
		.tx_desc = (uint16_t)conf->tx_descriptors,
		.pools = pools,
	};
	int rc = net_port_open(&p, &g->port[side], err, errlen);
	free(pools);
	g->port_open[side] = rc == 0;
	return rc == 0 ? APP_OK : APP_ENVIRONMENT;
}

static int open_ports(struct gateway *g, char *err, size_t errlen)
{
	for (unsigned side = 0; side < NET_SIDES; side++) {
		int rc = open_port(g, (enum net_side)side, err, errlen);
		if (rc != APP_OK)
			return rc;
		const struct net_port *port = &g->port[side];
		if (port->n_rxq < g->n_workers)
			lg_log(LG_INFO, "port",
				"%s: %u RX and %u TX queues for %u workers: packets are handed "
				"over "
				"between workers",
				gateway_side_name((enum net_side)side), port->n_rxq, port->n_txq,
				g->n_workers);
	}
	return APP_OK;
}

static int create_shared(struct gateway *g, char *err, size_t errlen)
{
	flow_steer_init(&g->steer, g->n_workers, &g->port[NET_EXTERNAL], &g->port[NET_INTERNAL]);
	g->handoff = flow_handoff_create(g->n_workers, HANDOFF_SLOTS);
	if (g->handoff == NULL)
		return out_of_memory("the rings between workers", err, errlen);
	g->tls_shared = tls_shared_create();
	if (g->tls_shared == NULL)
		return out_of_memory("the session ticket keys", err, errlen);
	return APP_OK;
}

static void fill_view(struct gateway *g)
{
	for (unsigned i = 0; i < g->n_workers; i++) {
		const struct worker *w = &g->workers[i];
		g->views[i] = (struct ctl_worker_view){
			.lcore = w->lcore,
			.cpu = g->conf->lcores[i],
			.net = {net_if_counters(w->nif[NET_EXTERNAL]),
				net_if_counters(w->nif[NET_INTERNAL])},
			.tcp = tcp_stack_counters(w->tcp),
			.tcp_reasons = tcp_stack_close_reasons(w->tcp),
			.tls = tls_worker_counters(w->tls),
			.proxy = w->proxy,
			.stats = &w->stats,
			.pool = w->pool,
			.indirect = w->indirect,
			.query = &g->workers[i].query,
		};
	}
	g->view = (struct ctl_view){
		.conf = g->conf,
		.version = LG_VERSION,
		.now = app_clock_now,
		.port = {&g->port[NET_EXTERNAL], &g->port[NET_INTERNAL]},
		.workers = g->views,
		.n_workers = g->n_workers,
	};
}

static int create_workers(struct gateway *g, char *err, size_t errlen)
{
	for (unsigned i = 0; i < g->n_workers; i++) {
		int rc = worker_create(&g->workers[i], err, errlen);
		if (rc != APP_OK)
			return rc;
	}
	fill_view(g);
	if (ctl_telemetry_start(&g->view) != 0)
		lg_log(LG_WARN, "main",
			"telemetry commands could not be registered: there are no "
			"statistics: see eal.no-telemetry");
	return APP_OK;
}

static int create_pools(struct gateway *g, char *err, size_t errlen)
{
	for (unsigned i = 0; i < g->n_workers; i++) {
		int rc = worker_create_pools(&g->workers[i], g, i, err, errlen);
		if (rc != APP_OK)
			return rc;
	}
	return APP_OK;
}

int gateway_open(struct gateway *g, const struct conf *conf, const struct sizing *sizing, char *err,
	size_t errlen)
{
	static int (*const steps[])(struct gateway *, char *, size_t) = {
		allocate, start_writer, create_pools, open_ports, create_shared, create_workers};
	*g = (struct gateway){.conf = conf, .sizing = *sizing, .n_workers = conf->n_workers};
	for (unsigned i = 0; i < LG_ARRAY_SIZE(steps); i++) {
		int rc = steps[i](g, err, errlen);
		if (rc != APP_OK)
			return rc;
	}
	return APP_OK;
}

int gateway_launch(struct gateway *g, char *err, size_t errlen)
{
	for (unsigned i = 0; i < g->n_workers; i++) {
		struct worker *w = &g->workers[i];
		int rc = rte_eal_remote_launch(worker_main, w, w->lcore);
		if (rc == 0)
			continue;
		snprintf(err, errlen, "worker %u does not start on lcore %u: %s", i, w->lcore,
			strerror(-rc));
		for (unsigned k = 0; k < i; k++)
			ctl_mailbox_order(&g->workers[k].mailbox, CTL_QUIT);
		rte_eal_mp_wait_lcore();
		return rc;
	}
	return 0;
}

void gateway_close(struct gateway *g)
{
	ctl_telemetry_stop();
	for (unsigned i = 0; g->workers != NULL && i < g->n_workers; i++)
		worker_destroy(&g->workers[i]);
	if (g->tls_shared != NULL)
		tls_shared_free(g->tls_shared);
	flow_handoff_free(g->handoff);
	for (unsigned side = 0; side < NET_SIDES; side++) {
		if (g->port_open[side])
			net_port_close(&g->port[side]);
	}
	for (unsigned i = 0; g->workers != NULL && i < g->n_workers; i++)
		worker_destroy_pools(&g->workers[i]);
	ctl_writer_stop(g->writer);
	free(g->views);
	free(g->stats);
	rte_free(g->workers);
	*g = (struct gateway){0};
}
