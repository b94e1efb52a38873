/* SPDX-License-Identifier: BSD-3-Clause */
/* What all worlds of a process share: memory pools, certificates, configurations, TLS libraries. */
#include <stdio.h>
#include <stdlib.h>

#include "certs.h"
#include "gateway.h"

#define PEER_MBUFS  16383
#define LARGE_MBUFS 4095
#define SMALL_MBUFS 639
#define WIRE_MBUFS  12287
#define INDIRECT    4095

/*
 * %1$s: the certificates' folder, %2$s: TLS version, %3$s: TLS of the pools, %4$s: timeouts,
 * %5$s: congestion control.
 */
static const char yaml[] =
	"version: 1\n"
	"workers: { lcores: [0], main_lcore: 0 }\n"
	"ports:\n"
	"  external: { device: net_null0, addresses: [203.0.113.10/24, '2001:db8::10/64'] }\n"
	"  internal: { device: net_null1, addresses: [10.0.0.10/24, '2001:db8:1::10/64'] }\n"
	"certificates:\n"
	"  gw: { cert: %1$s/gateway.pem, key: %1$s/gateway.key }\n"
	"listeners:\n"
	"  http: { bind: '*:80', congestion_control: %5$s }\n"
	"  https: { bind: '*:443', congestion_control: %5$s,\n"
	"    tls: { certificates: [gw], min: '%2$s', max: '%2$s' } }\n"
	"routes:\n"
	"  - { hosts: [fwd.example.com], pool: fe, http: forward }\n"
	"  - { hosts: [other.example.com], pool: other, http: forward }\n"
	"pools:\n"
	"  fe: { servers: [10.0.0.11, 10.0.0.12], http_port: 8080, tls: %3$s, congestion_control: "
	"%5$s }\n"
	"  other: { servers: ['2001:db8:1::13'], http_port: 8080, tls: %3$s, ecn: true,\n"
	"    congestion_control: %5$s }\n"
	"limits: { connections: 32, half_open: 32, time_wait: 64, neighbours: 16, fragments: 8 }\n"
	"timeouts: { %4$s }\n";

/* Long: a world's bad luck must not look like somebody who is gone. Or as short as may be. */
static const char generous[] =
	"tls_handshake: 300s, request_header: 3600s, body_progress: 3600s, connect: 300s, "
	"pool_handshake: 300s, response_header: 3600s, half_open: 300s, retransmit: 600s, "
	"keepalive_client: 900s, keepalive_pool: 900s, fin_wait: 300s";
static const char tight[] =
	"tls_handshake: 2s, request_header: 2s, idle: 5s, body_progress: 3s, connect: 500ms, "
	"pool_handshake: 1s, response_header: 4s, half_open: 2s, retransmit: 8s, fin_wait: 2s, "
	"keepalive_client: 10s, keepalive_pool: 10s, time_wait: 5s";

const char *const gw_hosts[] = {"fwd.example.com", "other.example.com"};

enum { POOL_PEERS, POOL_LARGE, POOL_SMALL, POOL_WIRE, POOL_IND_PEERS, POOL_IND_GATEWAY, POOLS };

struct gw_lab {
	struct rte_mempool *pool[POOLS];
	struct tls_shared *tls_shared;
	struct tls_worker *tls[3]; /* with POOL_PEERS, POOL_LARGE, POOL_SMALL */
	struct conf *conf[2][2][2][SIM_CC];
};

static const struct {
	const char *name;
	unsigned n;
	uint16_t room;
} pool_sizes[POOLS] = {
	{"peers", PEER_MBUFS, RTE_MBUF_DEFAULT_BUF_SIZE},
	{"gateway-large", LARGE_MBUFS, RTE_MBUF_DEFAULT_BUF_SIZE},
	{"gateway-small", SMALL_MBUFS, RTE_MBUF_DEFAULT_BUF_SIZE},
	{"wire", WIRE_MBUFS, RTE_MBUF_DEFAULT_BUF_SIZE},
	{"indirect-peers", INDIRECT, 0},
	{"indirect-gateway", INDIRECT, 0},
};

static void stop(const char *what)
{
	fprintf(stderr, "sim_gateway: %s\n", what);
	exit(1);
}

struct gw_lab *gw_lab_create(void)
{
	struct gw_lab *lab = calloc(1, sizeof(*lab));
	char err[256];

	LG_ASSERT(lab != NULL);
	gw_random_seed(0);
	certs_make();
	atexit(certs_remove);
	for (unsigned i = 0; i < POOLS; i++) {
		lab->pool[i] = rte_pktmbuf_pool_create(
			pool_sizes[i].name, pool_sizes[i].n, 0, 0, pool_sizes[i].room, 0);
		if (lab->pool[i] == NULL)
			stop("no memory for mbufs");
	}
	lab->tls_shared = tls_shared_create();
	for (unsigned i = 0; i < LG_ARRAY_SIZE(lab->tls); i++) {
		struct tls_worker_params p = {.shared = lab->tls_shared, .pool = lab->pool[i]};
		lab->tls[i] = tls_worker_create(&p, err, sizeof(err));
		if (lab->tls[i] == NULL)
			stop(err);
	}
	return lab;
}

void gw_lab_free(struct gw_lab *lab)
{
	for (unsigned g = 0; g < 2; g++)
		for (unsigned v = 0; v < 2; v++)
			for (unsigned t = 0; t < 2; t++)
				for (unsigned cc = 0; cc < SIM_CC; cc++)
					conf_free(lab->conf[g][v][t][cc]);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(lab->tls); i++)
		tls_worker_free(lab->tls[i]);
	tls_shared_free(lab->tls_shared);
	free(lab);
}

static struct conf *load(const struct gw *w)
{
	char text[4096], pool_tls[256];
	unsigned errors = 0;
	const char *version = w->tls_version == TLS_V1_2 ? "1.2" : "1.3";

	snprintf(pool_tls, sizeof(pool_tls),
		"{ ca: %s/pool.pem, verify_name: pool.internal, min: '%s', max: '%s' }",
		certs_dir(), version, version);
	int n = snprintf(text, sizeof(text), yaml, certs_dir(), version,
		w->tls_back ? pool_tls : "off", w->generous ? generous : tight,
		sim_cc_names[w->cc]);
	FILE *quiet = fopen("/dev/null", "w");
	LG_ASSERT(quiet != NULL);
	struct conf *c = conf_load_buffer("sim.yaml", text, (size_t)n, false, quiet, &errors, NULL);
	fclose(quiet);
	if (c == NULL)
		stop("the configuration is not accepted");
	return c;
}

const struct conf *gw_lab_conf(struct gw_lab *lab, const struct gw *w)
{
	struct conf **c = &lab->conf[w->generous][w->tls_version == TLS_V1_3][w->tls_back][w->cc];

	if (*c == NULL)
		*c = load(w);
	return *c;
}

static void played_tls(struct gw *w)
{
	char err[256], cert[128], key[128], ca[128];

	snprintf(cert, sizeof(cert), "%s/pool.pem", certs_dir());
	snprintf(key, sizeof(key), "%s/pool.key", certs_dir());
	snprintf(ca, sizeof(ca), "%s/gateway.pem", certs_dir());
	struct tls_cert_files files = {.name = "pool", .cert = cert, .key = key};
	struct tls_server_params sp = {.name = "pool",
		.certs = &files,
		.n_certs = 1,
		.min_version = w->tls_version,
		.max_version = w->tls_version};
	struct tls_client_params cp = {.name = "client",
		.verify = true,
		.ca_file = ca,
		.verify_name = gw_hosts[0],
		.sni = gw_hosts[0],
		.min_version = w->tls_version,
		.max_version = w->tls_version,
		.n_servers = 1};
	w->tls_member = tls_server_create(w->peers_tls, &sp, err, sizeof(err));
	w->tls_client = tls_client_create(w->peers_tls, &cp, err, sizeof(err));
	GW_CHECK(w, w->tls_member != NULL && w->tls_client != NULL);
}

void gw_lab_equip(const struct gw_lab *lab, struct gw *w)
{
	unsigned gateway = w->small_pool ? POOL_SMALL : POOL_LARGE;

	w->lab = lab;
	for (int h = 0; h < GW_HOSTS; h++) {
		w->pool[h] = lab->pool[h == GW_GATEWAY ? gateway : POOL_PEERS];
		w->indirect[h] = lab->pool[h == GW_GATEWAY ? POOL_IND_GATEWAY : POOL_IND_PEERS];
	}
	w->wire = lab->pool[POOL_WIRE];
	w->tls = lab->tls[gateway];
	w->peers_tls = lab->tls[POOL_PEERS];
	played_tls(w);
}

bool gw_lab_idle(const struct gw_lab *lab, const char **which)
{
	for (unsigned i = 0; i < POOLS; i++) {
		*which = pool_sizes[i].name;
		if (rte_mempool_in_use_count(lab->pool[i]) != 0)
			return false;
	}
	return true;
}
