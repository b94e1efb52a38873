/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold while a world turns, and when everybody has gone home. */
#include <inttypes.h>

#include "gateway.h"
#include "net/net_if.h"

static void check_conn(void *ctx, struct tcp_conn *c)
{
	const char *what = sim_conn_broken(c);

	if (what != NULL)
		gw_fail(ctx, "%s: %s", c->s->name, what);
}

void gw_check_conns(struct gw *w)
{
	for (int h = 0; h < GW_HOSTS; h++)
		tcp_each(w->stack[h], check_conn, w);
}

/* ---- the end ---- */

static void check_client(const struct gw *w, const struct gw_client *c)
{
	unsigned answered = 0;

	GW_CHECK(w, c->started && (c->e.tcp == NULL || c->e.closed));
	for (unsigned i = 0; i < c->n_requests; i++)
		answered += c->req[i].answered;
	if (c->faithful && answered < c->n_requests)
		gw_fail(w, "client %u: %u of %u answers, connection ended: %s%s", c->number,
			answered, c->n_requests, tcp_reason_name(c->e.reason),
			c->e.tls_failed ? ", TLS failed" : "");
	/* Nobody answers what was not asked. */
	for (unsigned i = 0; i < c->n_requests; i++)
		GW_CHECK(w, !c->req[i].answered || c->req[i].seen == 1);
}

static void check_stack(const struct gw *w, enum gw_host h)
{
	const struct tcp_stack *s = w->stack[h];
	const uint64_t *n = tcp_stack_counters(s), *why = tcp_stack_close_reasons(s);
	uint64_t ended = 0;

	GW_CHECK(w, s->n_used == 0 && s->n_recs_free == s->n_recs);
	GW_CHECK(w, s->n_ranges_free == s->n_ranges && s->wheel.armed == 0);
	GW_CHECK(w, s->n_half_open == 0 && flow_count(s->flows) == 0);
	for (unsigned i = 0; i < TCP_STATES; i++)
		GW_CHECK(w, s->n_state[i] == 0 || i == TCP_CLOSED);
	GW_CHECK(w, n[TCP_CTR_SEGS_IN] == w->segs_in[h]);
	GW_CHECK(w, n[TCP_CTR_SEGS_OUT] == w->segs_out[h]);
	for (unsigned i = 0; i < TCP_REASON_MAX; i++)
		ended += why[i];
	/* Each that was opened has ended once; beside them, what never became a connection. */
	uint64_t opened = n[TCP_CTR_ACTIVE_OPENS] + n[TCP_CTR_PASSIVE_OPENS];
	GW_CHECK(w, ended >= opened && ended <= opened + n[TCP_CTR_ATTEMPT_FAILS]);
	if (w->ports[h] != NULL)
		GW_CHECK(w, flow_ports_in_use(w->ports[h]) == 0);
}

static void check_port(const struct gw *w, const struct gw_port *p)
{
	const uint64_t *n = net_if_counters(p->nif);

	GW_CHECK(w, n[NET_CTR_TX_PACKETS] == p->sent && n[NET_CTR_DROP_TX_FULL] == 0);
	GW_CHECK(w, n[NET_CTR_RX_PACKETS] == p->received);
	GW_CHECK(w, n[NET_CTR_DROP_TX_TOO_BIG] == 0 && n[NET_CTR_DROP_TX_NO_ROUTE] == 0);
	GW_CHECK(w, p->nif->n_tx == 0);
}

static void check_proxy(const struct gw *w)
{
	const uint64_t *ends = proxy_ends(w->proxy), *n = proxy_counters(w->proxy);
	uint64_t sum = 0, accepted = 0;

	for (unsigned i = 0; i < PROXY_END_MAX; i++)
		sum += ends[i];
	GW_CHECK(w, proxy_session_count(w->proxy) == 0);
	GW_CHECK(w, n[PROXY_CTR_REQUESTS] <= w->n_access && w->n_access <= sum);
	GW_CHECK(w, n[PROXY_CTR_RESPONSES] <= n[PROXY_CTR_REQUESTS]);
	for (unsigned i = 0; i < w->conf->n_pools; i++) {
		GW_CHECK(w, proxy_pool_stats(w->proxy, i)->active == 0);
		for (unsigned k = 0; k < w->conf->pools[i].n_servers; k++)
			GW_CHECK(w, proxy_server_stats(w->proxy, i, k)->active == 0);
	}
	for (unsigned i = 0; i < w->conf->n_listeners; i++) {
		GW_CHECK(w, proxy_listener_stats(w->proxy, i)->active == 0);
		accepted += proxy_listener_stats(w->proxy, i)->accepted;
	}
	GW_CHECK(w, accepted == n[PROXY_CTR_SESSIONS]);
}

/* Without pressure nobody is short of anything, and the gateway's memory is all there again. */
static void check_memory(const struct gw *w)
{
	struct tcp_gauges g;

	GW_CHECK(w, w->n_taken == 0);
	for (int h = 0; h < GW_HOSTS; h++) {
		tcp_stack_gauges(w->stack[h], &g);
		GW_CHECK(w, g.connections == 0 && g.half_open == 0 && g.established == 0);
		GW_CHECK(w, g.rx_truesize == 0 && g.tx_truesize == 0 && g.ooo_truesize == 0);
		GW_CHECK(w, g.pressure == TCP_PRESSURE_NONE);
	}
}

void gw_check_end(struct gw *w)
{
	for (unsigned i = 0; i < w->n_clients; i++)
		check_client(w, &w->client[i]);
	for (int h = 0; h < GW_HOSTS; h++)
		check_stack(w, (enum gw_host)h);
	for (int id = 0; id < GW_PORTS; id++)
		check_port(w, &w->port[id]);
	check_proxy(w);
	check_memory(w);
}
