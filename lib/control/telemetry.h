/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/control: what the telemetry files share. Runs on EAL's telemetry threads. */
#ifndef LG_CONTROL_TELEMETRY_H
#define LG_CONTROL_TELEMETRY_H

#include <rte_telemetry.h>

#include "control/control.h"

/* Fills d for one command; arg is NULL or what followed the comma. 0, or a negative errno. */
typedef int tel_fn(const struct ctl_view *v, const char *arg, struct rte_tel_data *d);

tel_fn tel_ports, tel_drops;
tel_fn tel_listeners, tel_pools, tel_servers;
tel_fn tel_connection, tel_connections;

/*
 * Dictionary keys may hold letters, digits and '_' only: everything else becomes '_'. Text is made
 * safe to stand in JSON, which DPDK 22.11 does not do itself.
 */
void tel_uint(struct rte_tel_data *d, const char *key, uint64_t v);
void tel_text(struct rte_tel_data *d, const char *key, const char *text);
/* A dictionary to be filled and then hung into another with tel_attach(). NULL: no memory. */
struct rte_tel_data *tel_dict(void);
void tel_attach(struct rte_tel_data *d, const char *key, struct rte_tel_data *inner);
/* Sum of one counter over all workers; get returns the worker's array. */
typedef const uint64_t *tel_array(const struct ctl_worker_view *w);
uint64_t tel_sum(const struct ctl_view *v, tel_array *get, unsigned index);

/* Things that have names: workers, ports, listeners, pools, servers. */
#define TEL_SCRATCH 16
struct tel_items {
	unsigned n;
	/* scratch: for names that have to be made (TEL_SCRATCH bytes). */
	const char *(*name)(
		const struct ctl_view *v, unsigned index, const void *ctx, char *scratch);
	void (*fill)(
		const struct ctl_view *v, unsigned index, const void *ctx, struct rte_tel_data *d);
	const void *ctx;
};
/* All of them (their names only when they are many), or with arg the one called so. */
int tel_items(const struct ctl_view *v, const struct tel_items *items, const char *arg,
	struct rte_tel_data *d);

#endif
