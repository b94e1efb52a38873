/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "certs.h"
#include "world.h"

#define LINK_DELAY 100
#define QUEUE_SIZE 8192
#define POOL_MBUFS 8191
#define CLIENT_BUF (256 * 1024)

/* %1$s: the folder of the certificates, %2$s: TLS version, %3$s: TLS of the pools,
 * %4$s: more limits. */
static const char yaml[] =
	"version: 1\n"
	"workers: { lcores: [0], main_lcore: 0 }\n"
	"ports:\n"
	"  external: { device: net_null0, addresses: [203.0.113.10/24], gateway: 203.0.113.1 }\n"
	"  internal: { device: net_null1, addresses: [10.0.0.10/24] }\n"
	"certificates:\n"
	"  gw: { cert: %1$s/gateway.pem, key: %1$s/gateway.key }\n"
	"listeners:\n"
	"  http: { bind: '*:80' }\n"
	"  https: { bind: '*:443', tls: { certificates: [gw], min: '%2$s', max: '%2$s' } }\n"
	"routes:\n"
	"  - { hosts: [lyncdiscover.example.com, fwd.example.com], pool: fe, http: forward }\n"
	"  - { hosts: [other.example.com], pool: other, http: forward }\n"
	"  - { hosts: [meet.example.com], pool: fe, http: redirect }\n"
	"  - { hosts: [off.example.com], pool: fe, http: 'off' }\n"
	"pools:\n"
	"  fe: { servers: [10.0.0.11], http_port: 8080, tls: %3$s }\n"
	"  other: { servers: [10.0.0.12, 10.0.0.13], http_port: 8080, tls: %3$s }\n"
	"limits: { connections: 32, request_body: 1000000%4$s }\n";

enum world_mode world_mode;
const char *world_limits = "";

const char *world_mode_name(enum world_mode m)
{
	static const char *const names[] = {
		"plain", "TLS 1.3 both sides", "TLS 1.2 both sides", "TLS in front only"};
	return names[m];
}

struct packet {
	lg_us at;
	struct tcp_stack *to;
	struct net_pkt pkt;
};

/* The links hold packets in order of delivery: the delay is one constant. */
static struct packet queue[QUEUE_SIZE];
static unsigned q_head, q_tail;
static struct rte_mempool *mbufs, *gateway_mbufs, *indirects;
static struct world *the_world;

static struct lg_ip ip(const char *text)
{
	struct lg_ip a;
	assert_int_equal(lg_ip_parse(text, &a), 0);
	return a;
}

static void carry(
	struct tcp_stack *to, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx)
{
	struct rte_mempool *pool = to == the_world->gateway ? gateway_mbufs : mbufs;
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);

	rte_pktmbuf_free(m);
	if (copy == NULL) { /* as a NIC without descriptors: the packet is lost */
		assert_ptr_equal(pool, gateway_mbufs);
		return;
	}
	assert_int_equal(copy->nb_segs, 1);
	queue[q_tail] = (struct packet){the_world->now + LINK_DELAY, to,
		{.m = copy, .src = tx->src, .dst = tx->dst, .side = side}};
	q_tail = (q_tail + 1) % QUEUE_SIZE;
	assert_int_not_equal(q_tail, q_head);
}

static void client_output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct world *w = ctx;
	(void)side;
	(void)now;
	carry(w->gateway, NET_EXTERNAL, m, tx);
}

static void gateway_output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct world *w = ctx;
	(void)now;
	if (side == NET_EXTERNAL)
		carry(w->client, NET_INTERNAL, m, tx);
	else if (w->cut)
		rte_pktmbuf_free(m);
	else
		carry(w->pool, NET_EXTERNAL, m, tx);
}

static void pool_output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct world *w = ctx;
	(void)side;
	(void)now;
	if (w->cut)
		rte_pktmbuf_free(m);
	else
		carry(w->gateway, NET_INTERNAL, m, tx);
}

static struct flow_ports *make_ports(const char *local)
{
	static const struct lg_siphash_key key = {1, 2};
	struct lg_ip a = ip(local);
	struct flow_ports_params p = {.locals = &a,
		.n_locals = 1,
		.lo = 1024,
		.hi = 65535,
		.n_workers = 1,
		.max_destinations = 16,
		.key = &key,
		.socket_id = SOCKET_ID_ANY};
	struct flow_ports *fp = flow_ports_create(&p);
	assert_non_null(fp);
	return fp;
}

static struct tcp_stack *make_stack(struct world *w, const char *name, struct flow_ports *ports,
	struct rte_mempool *pool,
	void (*output)(void *, enum net_side, struct rte_mbuf *, const struct net_tx *, lg_us))
{
	struct tcp_stack_params p = {.name = name,
		.max_conns = 256,
		.max_half_open = 64,
		.max_time_wait = 128,
		.time_wait = LG_SEC(1),
		.half_open_timeout = LG_SEC(10),
		.mtu = {1500, 1500},
		.pool = pool,
		.indirect = indirects,
		.ports = ports,
		.secret = {3, 4},
		.socket_id = SOCKET_ID_ANY,
		.output = output,
		.output_ctx = w};
	struct tcp_stack *s = tcp_stack_create(&p, w->now);
	assert_non_null(s);
	return s;
}

static void keep_access(void *ctx, const struct proxy_access *rec)
{
	struct world *w = ctx;
	w->last = *rec;
	w->n_access++;
}

static bool tls_in_front(void)
{
	return world_mode != WORLD_PLAIN;
}

static bool tls_to_pool(void)
{
	return world_mode == WORLD_TLS_1_3 || world_mode == WORLD_TLS_1_2;
}

static enum tls_version tls_version(void)
{
	return world_mode == WORLD_TLS_1_2 ? TLS_V1_2 : TLS_V1_3;
}

static void make_pools(void)
{
	if (mbufs != NULL)
		return;
	mbufs = test_mbuf_pool("world", POOL_MBUFS);
	gateway_mbufs = test_mbuf_pool("gateway", POOL_MBUFS / 2);
	indirects = rte_pktmbuf_pool_create("world-ind", 4095, 0, 0, 0, SOCKET_ID_ANY);
	assert_non_null(indirects);
}

struct rte_mempool *world_mbufs(void)
{
	return mbufs;
}

struct rte_mempool *world_gateway_mbufs(void)
{
	return gateway_mbufs;
}

static void load_conf(struct world *w)
{
	char text[4096], pool_tls[256];
	unsigned errors = 0;
	FILE *quiet = fopen("/dev/null", "w");
	const char *version = world_mode == WORLD_TLS_1_2 ? "1.2" : "1.3";

	snprintf(pool_tls, sizeof(pool_tls),
		"{ ca: %s/pool.pem, verify_name: pool.internal, min: '%s', max: '%s' }",
		certs_dir(), version, version);
	int n = snprintf(text, sizeof(text), yaml, certs_dir(), version,
		world_mode == WORLD_TLS_FRONT ? "off" : pool_tls, world_limits);
	w->conf = conf_load_buffer("world.yaml", text, (size_t)n, false, quiet, &errors, NULL);
	fclose(quiet);
	assert_non_null(w->conf);
}

/* TLS of the played clients and members: a worker of their own. */
static void make_peers_tls(struct world *w)
{
	char err[256], cert[128], key[128], ca[128];
	struct tls_worker_params wp = {.shared = w->tls_shared, .pool = mbufs};

	snprintf(cert, sizeof(cert), "%s/pool.pem", certs_dir());
	snprintf(key, sizeof(key), "%s/pool.key", certs_dir());
	snprintf(ca, sizeof(ca), "%s/gateway.pem", certs_dir());
	w->peers_tls = tls_worker_create(&wp, err, sizeof(err));
	struct tls_cert_files files = {.name = "pool", .cert = cert, .key = key};
	struct tls_server_params sp = {.name = "pool",
		.certs = &files,
		.n_certs = 1,
		.min_version = tls_version(),
		.max_version = tls_version()};
	struct tls_client_params cp = {.name = "client",
		.verify = true,
		.ca_file = ca,
		.verify_name = "fwd.example.com",
		.sni = "fwd.example.com",
		.min_version = tls_version(),
		.max_version = tls_version(),
		.n_servers = 1};
	w->tls_member = tls_server_create(w->peers_tls, &sp, err, sizeof(err));
	w->tls_client = tls_client_create(w->peers_tls, &cp, err, sizeof(err));
	assert_non_null(w->tls_member);
	assert_non_null(w->tls_client);
}

static void make_proxy(struct world *w)
{
	char err[256];
	struct tls_worker_params tp = {.shared = w->tls_shared, .pool = gateway_mbufs};

	w->tls = tls_worker_create(&tp, err, sizeof(err));
	assert_non_null(w->tls);
	struct proxy_params pp = {.conf = w->conf,
		.tcp = w->gateway,
		.tls = w->tls,
		.pool = gateway_mbufs,
		.access = keep_access,
		.access_ctx = w};
	w->proxy = proxy_create(&pp, err, sizeof(err));
	if (w->proxy == NULL)
		print_error("%s\n", err);
	assert_non_null(w->proxy);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	make_pools();
	the_world = w;
	w->now = LG_SEC(1);
	q_head = q_tail = 0;
	w->mbufs_idle[0] = rte_mempool_avail_count(mbufs);
	w->mbufs_idle[1] = rte_mempool_avail_count(gateway_mbufs);
	load_conf(w);
	w->client_ports = make_ports("198.51.100.7");
	w->gateway_ports = make_ports("10.0.0.10");
	w->client = make_stack(w, "client", w->client_ports, mbufs, client_output);
	w->gateway = make_stack(w, "gateway", w->gateway_ports, gateway_mbufs, gateway_output);
	w->pool = make_stack(w, "pool", NULL, mbufs, pool_output);
	w->tls_shared = tls_shared_create();
	make_peers_tls(w);
	make_proxy(w);
	return w;
}

struct world *world_start(void)
{
	struct world *w = world_new();

	world_listen(w, "10.0.0.11");
	world_listen(w, "10.0.0.12");
	return w;
}

static struct end *new_end(struct end *ends, unsigned *n, struct tcp_conn *c)
{
	assert_true(*n < WORLD_CONNS);
	struct end *e = &ends[(*n)++];
	e->tcp = c;
	e->take = end_keep_text;
	e->text = calloc(1, WORLD_TEXT + 1);
	assert_non_null(e->text);
	tcp_conn_set_user(c, e);
	return e;
}

static struct end *new_member(struct world *w, struct tcp_conn *c)
{
	struct end *e = new_end(w->members, &w->n_members, c);

	e->port = tcp_conn_key(c)->lport;
	if (w->mute_members)
		e->paused = true;
	else if (e->port == 4443 && tls_to_pool())
		e->tls = tls_accept(w->tls_member);
	return e;
}

static void play(struct world *w, struct tcp_stack *s)
{
	struct tcp_conn *c;
	unsigned ev;

	while ((c = tcp_next_event(s, &ev)) != NULL)
		end_event(ev & TCP_EV_ACCEPTED ? new_member(w, c) : tcp_conn_user(c), ev, w->now);
}

static void deliver(struct world *w)
{
	while (q_head != q_tail && queue[q_head].at <= w->now) {
		struct packet *p = &queue[q_head];
		q_head = (q_head + 1) % QUEUE_SIZE;
		tcp_input(p->to, &p->pkt, 1, w->now);
	}
}

static void iterate(struct world *w)
{
	struct tcp_stack *stacks[] = {w->client, w->gateway, w->pool};

	deliver(w);
	play(w, w->client);
	play(w, w->pool);
	for (int i = 0; i < 8 && proxy_run(w->proxy, w->now); i++)
		continue;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(stacks); i++)
		tcp_timers(stacks[i], w->now, 1000);
	proxy_run(w->proxy, w->now);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(stacks); i++)
		tcp_flush(stacks[i], w->now);
}

void world_run(struct world *w, lg_us us)
{
	lg_us end = w->now + us;

	iterate(w);
	while (w->now < end) {
		lg_us next = q_head != q_tail ? queue[q_head].at : UINT64_MAX;
		next = LG_MIN(next, tcp_next_timer(w->client));
		next = LG_MIN(next, tcp_next_timer(w->gateway));
		next = LG_MIN(next, tcp_next_timer(w->pool));
		w->now = LG_MIN(LG_MAX(next, w->now + 1), end);
		iterate(w);
	}
}

void world_listen(struct world *w, const char *addr)
{
	struct tcp_opts o;
	struct lg_ip a = ip(addr);

	tcp_opts_default(&o);
	o.keepalive_idle = 0;
	o.user_timeout = LG_SEC(3600);
	assert_true(tcp_listen(w->pool, NET_EXTERNAL, &a, 8080, &o, NULL) >= 0);
	assert_true(tcp_listen(w->pool, NET_EXTERNAL, &a, 4443, &o, NULL) >= 0);
}

static struct end *connect_to(struct world *w, uint16_t port, bool tls, uint32_t rcv_buf)
{
	struct tcp_opts o;
	struct lg_ip a = ip("203.0.113.10");
	int err;

	tcp_opts_default(&o);
	o.keepalive_idle = 0;
	o.user_timeout = LG_SEC(3600);
	o.rcv_buf = rcv_buf;
	struct tcp_conn *c = tcp_connect(w->client, NET_INTERNAL, &a, port, &o, NULL, w->now, &err);
	assert_non_null(c);
	struct end *e = new_end(w->clients, &w->n_clients, c);
	if (tls)
		e->tls = tls_connect(w->tls_client, 0);
	world_run(w, LG_MS(5));
	return e;
}

struct end *world_connect_raw(struct world *w, uint16_t port)
{
	return connect_to(w, port, false, CLIENT_BUF);
}

struct end *world_connect_small(struct world *w, uint32_t rcv_buf)
{
	bool tls = tls_in_front();

	return connect_to(w, tls ? 443 : 80, tls, rcv_buf);
}

struct end *world_connect(struct world *w)
{
	return world_connect_small(w, CLIENT_BUF);
}

void world_hold_mbufs(struct world *w, unsigned leave)
{
	struct rte_mbuf *m;

	while ((m = w->held) != NULL) {
		w->held = m->next;
		m->next = NULL;
		rte_pktmbuf_free(m);
	}
	while (rte_mempool_avail_count(gateway_mbufs) > leave) {
		m = rte_pktmbuf_alloc(gateway_mbufs);
		assert_non_null(m);
		m->next = w->held;
		w->held = m;
	}
}

static void check_no_leak(const struct world *w)
{
	assert_int_equal(rte_mempool_avail_count(mbufs), w->mbufs_idle[0]);
	assert_int_equal(rte_mempool_avail_count(gateway_mbufs), w->mbufs_idle[1]);
}

static void end_all(struct world *w)
{
	struct tcp_gauges g;

	world_hold_mbufs(w, ~0u);
	proxy_abort_all(w->proxy, w->now);
	world_run(w, LG_SEC(1));
	assert_int_equal(proxy_session_count(w->proxy), 0);
	tcp_abort_all(w->client, w->now);
	tcp_abort_all(w->pool, w->now);
	w->cut = false;
	world_run(w, LG_SEC(200));
	tcp_stack_gauges(w->gateway, &g);
	assert_int_equal(g.connections, 0);
	assert_int_equal(flow_ports_in_use(w->gateway_ports), 0);
}

int world_abandon(void **state)
{
	struct world *w = the_world;

	(void)state;
	if (w == NULL)
		return 0;
	the_world = NULL;
	world_hold_mbufs(w, ~0u);
	tcp_stack_free(w->client);
	tcp_stack_free(w->gateway);
	tcp_stack_free(w->pool);
	flow_ports_free(w->client_ports);
	flow_ports_free(w->gateway_ports);
	for (; q_head != q_tail; q_head = (q_head + 1) % QUEUE_SIZE)
		rte_pktmbuf_free(queue[q_head].pkt.m);
	return 0;
}

void world_free(struct world *w)
{
	end_all(w);
	proxy_free(w->proxy);
	for (unsigned i = 0; i < w->n_clients; i++)
		end_free(&w->clients[i]);
	for (unsigned i = 0; i < w->n_members; i++)
		end_free(&w->members[i]);
	tls_client_free(w->tls_client);
	tls_server_free(w->tls_member);
	tls_worker_free(w->peers_tls);
	tls_worker_free(w->tls);
	tls_shared_free(w->tls_shared);
	tcp_stack_free(w->client);
	tcp_stack_free(w->gateway);
	tcp_stack_free(w->pool);
	flow_ports_free(w->client_ports);
	flow_ports_free(w->gateway_ports);
	conf_free(w->conf);
	check_no_leak(w);
	the_world = NULL;
	free(w);
}
