/* SPDX-License-Identifier: BSD-3-Clause */
/* What kind of world a seed makes: the three hosts, their networks, and what will befall them. */
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

#define LIMIT LG_SEC(20000) /* virtual: nothing may take longer */

const struct gw_site gw_site = {
	.gateway4 = "203.0.113.10",
	.gateway6 = "2001:db8::10",
	.inside4 = "10.0.0.10",
	.inside6 = "2001:db8:1::10",
	.router4 = "203.0.113.1",
	.router6 = "2001:db8::1",
	.clients = {"203.0.113.21", "203.0.113.22", "2001:db8::21", "2001:db8::22"},
	.servers = {"10.0.0.11", "10.0.0.12", "2001:db8:1::13"},
};

struct lg_ip gw_ip(const char *text)
{
	struct lg_ip ip;
	int rc = lg_ip_parse(text, &ip);
	LG_ASSERT(rc == 0);
	return ip;
}

/* ---- hosts ---- */

static void add_address(struct net_if_params *p, const char *text)
{
	struct lg_ip ip = gw_ip(text);
	p->addrs[p->n_addrs++] = (struct net_addr){
		.ip = ip, .prefix_len = lg_ip_is_v4(&ip) ? 120 : 64};
}

static void make_port(struct gw *w, enum gw_port_id id)
{
	static const enum gw_host hosts[] = {GW_CLIENT, GW_GATEWAY, GW_GATEWAY, GW_SERVER};
	struct gw_port *port = &w->port[id];

	*port = (struct gw_port){.w = w, .id = id, .host = hosts[id]};
	struct net_if_params p = {
		.side = id == GW_P_CLIENT || id == GW_P_INTERNAL ? NET_INTERNAL : NET_EXTERNAL,
		.name = "sim",
		.mac = {{2, 0, 0, 0, 0, (uint8_t)id}},
		.mtu = 1500,
		.tx_multi_seg = sim_chance(&w->rng, 800),
		.pool = w->pool[hosts[id]],
		.socket_id = SOCKET_ID_ANY,
		.max_neighbours = 16,
		.max_fragments = 8,
		.tx = gw_transmit,
		.tx_ctx = port,
	};
	if (id == GW_P_CLIENT)
		for (unsigned i = 0; i < GW_ADDRESSES; i++)
			add_address(&p, gw_site.clients[i]);
	if (id == GW_P_EXTERNAL || id == GW_P_INTERNAL) {
		add_address(&p, id == GW_P_EXTERNAL ? gw_site.gateway4 : gw_site.inside4);
		add_address(&p, id == GW_P_EXTERNAL ? gw_site.gateway6 : gw_site.inside6);
	}
	if (id == GW_P_SERVER)
		for (unsigned i = 0; i < LG_ARRAY_SIZE(gw_site.servers); i++)
			add_address(&p, gw_site.servers[i]);
	port->nif = net_if_create(&p);
	GW_CHECK(w, port->nif != NULL);
}

static void output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct gw_port *first = ctx;
	struct gw *w = first->w;
	struct gw_port *p = first->host == GW_GATEWAY && side == NET_INTERNAL ? first + 1 : first;

	GW_CHECK(w, now == w->now);
	w->segs_out[p->host]++;
	net_output(p->nif, m, tx, now);
}

static struct flow_ports *make_ports(struct gw *w, const struct lg_ip *locals, unsigned n)
{
	struct lg_siphash_key key = {sim_rand(&w->rng), sim_rand(&w->rng)};
	struct flow_ports_params p = {.locals = locals,
		.n_locals = n,
		.lo = 10240,
		.hi = 65535,
		.n_workers = 1,
		.max_destinations = 8,
		.key = &key,
		.socket_id = SOCKET_ID_ANY};
	struct flow_ports *fp = flow_ports_create(&p);
	GW_CHECK(w, fp != NULL);
	return fp;
}

static void make_stack(struct gw *w, enum gw_host host, enum gw_port_id port)
{
	static const char *const names[] = {"client", "gateway", "server"};
	const struct conf *c = w->conf;
	bool gateway = host == GW_GATEWAY;
	struct tcp_stack_params p = {.name = names[host],
		.max_conns = gateway ? 2 * c->limits.connections + c->limits.half_open +
					       c->limits.time_wait
				     : GW_MEMBERS,
		.max_half_open = gateway ? c->limits.half_open : 64,
		.max_time_wait = gateway ? c->limits.time_wait : 64,
		.time_wait = gateway ? c->timeouts.time_wait : LG_SEC(60),
		.half_open_timeout = gateway ? c->timeouts.half_open : LG_SEC(300),
		.mtu = {1500, 1500},
		.pool = w->pool[host],
		.indirect = sim_chance(&w->rng, 800) ? w->indirect[host] : NULL,
		.ports = w->ports[host],
		.secret = {sim_rand(&w->rng), sim_rand(&w->rng)},
		.socket_id = SOCKET_ID_ANY,
		.output = output,
		.output_ctx = &w->port[port]};
	w->stack[host] = tcp_stack_create(&p, w->now);
	GW_CHECK(w, w->stack[host] != NULL);
}

static void keep_access(void *ctx, const struct proxy_access *rec)
{
	struct gw *w = ctx;

	GW_CHECK(w, rec->status != 502 && rec->status != 403);
	w->n_access++;
}

static void make_proxy(struct gw *w)
{
	char err[256];
	struct proxy_params p = {.conf = w->conf,
		.tcp = w->stack[GW_GATEWAY],
		.tls = w->tls,
		.pool = w->pool[GW_GATEWAY],
		.access = keep_access,
		.access_ctx = w};
	w->proxy = proxy_create(&p, err, sizeof(err));
	if (w->proxy == NULL)
		gw_fail(w, "proxy: %s", err);
}

uint32_t gw_buffer(struct gw *w, bool tls)
{
	uint32_t least = tls ? 64 : 16;
	return sim_range(&w->rng, least, sim_chance(&w->rng, 500) ? 2 * least : 256) * 1024;
}

/* The second server of the first pool is down in some worlds: connections are refused there. */
static void make_servers(struct gw *w)
{
	struct tcp_opts o;

	tcp_opts_default(&o);
	o.rcv_buf = gw_buffer(w, w->tls_back);
	o.snd_buf = gw_buffer(w, w->tls_back);
	o.keepalive_idle = LG_SEC(30);
	o.keepalive_probes = 20;
	o.user_timeout = LG_SEC(900);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(gw_site.servers); i++) {
		struct lg_ip ip = gw_ip(gw_site.servers[i]);
		if (i == 1 && sim_chance(&w->rng, 150))
			continue;
		o.cc = sim_cc_names[sim_cc_random(&w->rng)];
		o.ecn = sim_chance(&w->rng, 700);
		GW_CHECK(
			w, tcp_listen(w->stack[GW_SERVER], NET_EXTERNAL, &ip, 8080, &o, NULL) >= 0);
		GW_CHECK(
			w, tcp_listen(w->stack[GW_SERVER], NET_EXTERNAL, &ip, 4443, &o, NULL) >= 0);
	}
}

static void make_hosts(struct gw *w)
{
	struct lg_ip inside[2] = {gw_ip(gw_site.inside4), gw_ip(gw_site.inside6)};

	for (int i = 0; i < GW_ADDRESSES; i++)
		w->address[i] = gw_ip(gw_site.clients[i]);
	for (int id = 0; id < GW_PORTS; id++)
		make_port(w, (enum gw_port_id)id);
	w->ports[GW_CLIENT] = make_ports(w, w->address, GW_ADDRESSES);
	w->ports[GW_GATEWAY] = make_ports(w, inside, 2);
	make_stack(w, GW_CLIENT, GW_P_CLIENT);
	make_stack(w, GW_GATEWAY, GW_P_EXTERNAL);
	make_stack(w, GW_SERVER, GW_P_SERVER);
	make_proxy(w);
	make_servers(w);
}

/* ---- links and events ---- */

static void make_links(struct gw *w)
{
	for (int i = 0; i < GW_ADDRESSES; i++)
		for (int d = 0; d < 2; d++)
			sim_link_random(&w->client_link[i][d], &w->rng, w->start,
				lg_ip_is_v4(&w->address[i]) ? 576 : 1280);
	bool good = sim_chance(&w->rng, 700);
	for (int d = 0; d < 2; d++) {
		if (good)
			sim_link_good(&w->server_link[d], &w->rng);
		else
			sim_link_random(&w->server_link[d], &w->rng, w->start, 1280);
		w->server_link[d].delay %= 5000;
	}
}

static void later(struct gw *w, enum sim_kind kind)
{
	struct sim_event e = {.at = w->start + sim_below(&w->rng, 5000000), .kind = kind};
	sim_push(&w->queue, &e);
}

static void make_events(struct gw *w)
{
	if (w->exhausts)
		later(w, SIM_EXHAUST);
	if (w->drains)
		later(w, SIM_DRAIN);
	w->n_clients = sim_chance(&w->rng, w->small_pool ? 700 : 60)
			       ? sim_range(&w->rng, 5, GW_CLIENTS)
			       : sim_range(&w->rng, 1, 4);
	for (unsigned i = 0; i < w->n_clients; i++)
		gw_client_random(w, i);
}

void gw_world_create(struct gw *w, struct gw_lab *lab, uint64_t seed, bool trace)
{
	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->rng.x = seed * 0x2545f4914f6cdd1du + 7;
	w->trace = trace;
	w->start = w->now = 1 + (sim_rand(&w->rng) & ((UINT64_C(1) << 36) - 1));
	w->deadline = w->start + LIMIT;
	gw_random_seed(sim_rand(&w->rng));
	gw_clock_set(0);
	w->tls_front = sim_chance(&w->rng, 600);
	w->tls_back = sim_chance(&w->rng, 700);
	w->tls_version = sim_chance(&w->rng, 700) ? TLS_V1_3 : TLS_V1_2;
	w->cc = sim_cc_random(&w->rng);
	w->generous = sim_chance(&w->rng, 700);
	w->small_pool = sim_chance(&w->rng, 100);
	w->exhausts = sim_chance(&w->rng, 100);
	w->drains = sim_chance(&w->rng, 50);
	w->conf = gw_lab_conf(lab, w);
	gw_random_seed(sim_rand(&w->rng)); /* whether or not that has used some */
	gw_lab_equip(lab, w);
	make_hosts(w);
	make_links(w);
	make_events(w);
}

void gw_world_free(struct gw *w)
{
	proxy_free(w->proxy);
	tls_client_free(w->tls_client);
	tls_server_free(w->tls_member);
	for (unsigned i = 0; i < w->n_clients; i++)
		end_free(&w->client[i].e);
	for (unsigned i = 0; i < w->n_members; i++)
		end_free(&w->member[i].e);
	for (int h = 0; h < GW_HOSTS; h++) {
		tcp_stack_free(w->stack[h]);
		flow_ports_free(w->ports[h]);
	}
	for (int id = 0; id < GW_PORTS; id++)
		net_if_free(w->port[id].nif);
	gw_flows_free(w);
	free(w->queue.heap);
}
