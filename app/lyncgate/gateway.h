/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole program: what all workers share (read-only once they run) and the workers. */
#ifndef APP_GATEWAY_H
#define APP_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "control/control.h"
#include "flow/flow.h"
#include "net/net.h"
#include "sizing.h"
#include "tls/tls.h"

struct worker;

struct gateway {
	const struct conf *conf;
	struct sizing sizing;
	unsigned n_workers;
	struct worker *workers; /* n_workers of them */
	struct net_port port[NET_SIDES];
	bool port_open[NET_SIDES];
	struct flow_steer steer;
	struct flow_handoff *handoff;
	struct tls_shared *tls_shared;
	struct ctl_writer *writer;
	struct ctl_worker_stats **stats; /* &workers[i].stats */
	struct ctl_worker_view *views;
	struct ctl_view view;
	bool link_up[NET_SIDES]; /* as last told to the operator */
};

static inline const struct conf_port *gateway_conf_port(const struct gateway *g, enum net_side side)
{
	return side == NET_EXTERNAL ? &g->conf->external : &g->conf->internal;
}

static inline const char *gateway_side_name(enum net_side side)
{
	return side == NET_EXTERNAL ? "external" : "internal";
}

/*
 * Builds everything on the calling (main) thread, EAL included being up already; no worker runs
 * yet. 0, or an enum app_exit with a sentence in err; then gateway_close() frees what there is.
 */
int gateway_open(struct gateway *g, const struct conf *conf, const struct sizing *sizing, char *err,
	size_t errlen);
/* Starts the workers' loops. 0 or a negative errno with a sentence. */
int gateway_launch(struct gateway *g, char *err, size_t errlen);
/* Says "serving", then acts on signals until the end; all workers have left their loops after it.
 */
void gateway_run(struct gateway *g);
/* Takes everything down in reverse order. Workers must not run any more. */
void gateway_close(struct gateway *g);

#endif
