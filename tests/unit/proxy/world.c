/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "world.h"

#define LINK_DELAY 100
#define QUEUE_SIZE 8192
#define POOL_MBUFS 8191

struct packet {
	lg_us at;
	struct tcp_stack *to;
	struct net_pkt pkt;
};

/* The links hold packets in order of delivery: the delay is one constant. */
static struct packet queue[QUEUE_SIZE];
static unsigned q_head, q_tail;
static struct rte_mempool *mbufs, *indirects;
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
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, mbufs, 0, UINT32_MAX);

	rte_pktmbuf_free(m);
	assert_non_null(copy);
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
	void (*output)(void *, enum net_side, struct rte_mbuf *, const struct net_tx *, lg_us))
{
	struct tcp_stack_params p = {.name = name,
		.max_conns = 256,
		.max_half_open = 64,
		.max_time_wait = 128,
		.time_wait = LG_SEC(1),
		.half_open_timeout = LG_SEC(10),
		.mtu = {1500, 1500},
		.pool = mbufs,
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

struct world *world_new(const char *yaml)
{
	struct world *w = calloc(1, sizeof(*w));
	char err[256];
	unsigned errors = 0;

	if (mbufs == NULL) {
		mbufs = test_mbuf_pool("world", POOL_MBUFS);
		indirects = rte_pktmbuf_pool_create("world-ind", 4095, 0, 0, 0, SOCKET_ID_ANY);
		assert_non_null(indirects);
	}
	the_world = w;
	w->now = LG_SEC(1);
	q_head = q_tail = 0;
	w->mbufs_idle = rte_mempool_avail_count(mbufs);
	FILE *quiet = fopen("/dev/null", "w");
	w->conf = conf_load_buffer("world.yaml", yaml, strlen(yaml), false, quiet, &errors, NULL);
	fclose(quiet);
	assert_non_null(w->conf);
	w->client_ports = make_ports("198.51.100.7");
	w->gateway_ports = make_ports("10.0.0.10");
	w->client = make_stack(w, "client", w->client_ports, client_output);
	w->gateway = make_stack(w, "gateway", w->gateway_ports, gateway_output);
	w->pool = make_stack(w, "pool", NULL, pool_output);
	w->tls_shared = tls_shared_create();
	struct tls_worker_params tp = {.shared = w->tls_shared, .pool = mbufs};
	w->tls = tls_worker_create(&tp, err, sizeof(err));
	assert_non_null(w->tls);
	struct proxy_params pp = {.conf = w->conf,
		.tcp = w->gateway,
		.tls = w->tls,
		.pool = mbufs,
		.access = keep_access,
		.access_ctx = w};
	w->proxy = proxy_create(&pp, err, sizeof(err));
	if (w->proxy == NULL)
		print_error("%s\n", err);
	assert_non_null(w->proxy);
	return w;
}

static struct end *new_end(struct end *ends, unsigned *n, struct tcp_conn *c)
{
	assert_true(*n < WORLD_CONNS);
	struct end *e = &ends[(*n)++];
	e->tcp = c;
	e->text = calloc(1, WORLD_TEXT + 1);
	assert_non_null(e->text);
	tcp_conn_set_user(c, e);
	return e;
}

static void end_read(struct end *e)
{
	if (e->paused || e->tcp == NULL)
		return;
	struct lg_chain *rx = tcp_rx(e->tcp);
	uint32_t n = rx->len;
	assert_true(e->len + n <= WORLD_TEXT);
	lg_chain_peek(rx, 0, e->text + e->len, n);
	lg_chain_trim_head(rx, n);
	e->len += n;
	if (!e->closed)
		tcp_rx_consumed(e->tcp);
}

static void play(struct world *w, struct tcp_stack *s)
{
	struct tcp_conn *c;
	unsigned ev;

	while ((c = tcp_next_event(s, &ev)) != NULL) {
		struct end *e = tcp_conn_user(c);
		if (ev & TCP_EV_ACCEPTED) {
			e = new_end(w->members, &w->n_members, c);
			e->port = tcp_conn_key(c)->lport;
			e->connected = true;
		}
		if (ev & TCP_EV_CONNECTED)
			e->connected = true;
		if (ev & TCP_EV_CLOSED) {
			e->closed = true;
			e->reason = tcp_conn_reason(c);
		}
		end_read(e);
		if (ev & TCP_EV_EOF)
			e->eof = true;
		if (ev & TCP_EV_CLOSED) {
			tcp_release(c, w->now);
			e->tcp = NULL;
		}
	}
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

void world_listen(struct world *w, const char *addr, uint16_t port)
{
	struct tcp_opts o;
	struct lg_ip a = ip(addr);

	tcp_opts_default(&o);
	o.keepalive_idle = 0;
	assert_true(tcp_listen(w->pool, NET_EXTERNAL, &a, port, &o, NULL) >= 0);
}

struct end *world_connect(struct world *w, uint16_t port)
{
	struct tcp_opts o;
	struct lg_ip a = ip("203.0.113.10");
	int err;

	tcp_opts_default(&o);
	o.keepalive_idle = 0;
	struct tcp_conn *c = tcp_connect(w->client, NET_INTERNAL, &a, port, &o, NULL, w->now, &err);
	assert_non_null(c);
	struct end *e = new_end(w->clients, &w->n_clients, c);
	world_run(w, LG_MS(5));
	assert_true(e->connected);
	return e;
}

void end_send_bytes(struct world *w, struct end *e, const void *data, size_t n)
{
	struct lg_chain c;

	lg_chain_init(&c);
	assert_non_null(e->tcp);
	assert_int_equal(lg_chain_write(&c, mbufs, data, (uint32_t)n), 0);
	assert_int_equal(tcp_send(e->tcp, &c), 0);
	world_run(w, LG_MS(5));
}

void end_send(struct world *w, struct end *e, const char *text)
{
	end_send_bytes(w, e, text, strlen(text));
}

void end_shutdown(struct world *w, struct end *e)
{
	tcp_shutdown(e->tcp);
	world_run(w, LG_MS(5));
}

void end_reset(struct world *w, struct end *e)
{
	tcp_abort(e->tcp, w->now);
	tcp_release(e->tcp, w->now);
	e->tcp = NULL;
	world_run(w, LG_MS(5));
}

void end_clear(struct end *e)
{
	e->len = 0;
	memset(e->text, 0, WORLD_TEXT + 1);
}

static void free_ends(struct end *ends, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(ends[i].text);
}

void world_free(struct world *w)
{
	struct tcp_gauges g;

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
	proxy_free(w->proxy);
	tls_worker_free(w->tls);
	tls_shared_free(w->tls_shared);
	tcp_stack_free(w->client);
	tcp_stack_free(w->gateway);
	tcp_stack_free(w->pool);
	flow_ports_free(w->client_ports);
	flow_ports_free(w->gateway_ports);
	free_ends(w->clients, w->n_clients);
	free_ends(w->members, w->n_members);
	conf_free(w->conf);
	assert_int_equal(rte_mempool_avail_count(mbufs), w->mbufs_idle);
	free(w);
}
