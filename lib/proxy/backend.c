/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private connections to pools. One client connection has at most one per pool, and it is never
 * given to anybody else: NTLM authenticates the connection, not the request (LY-403).
 */
#include <errno.h>

#include "proxy/internal.h"

static const struct conf_pool *pool_of(const struct back *b)
{
	return &b->peer.s->p->conf->pools[b->pool];
}

static struct proxy_server_stats *server_stats(const struct back *b)
{
	return &b->peer.s->p->server_stats[b->pool][b->server];
}

/* Lets go of the connection but keeps the block, for the next member. */
static void drop_connection(struct back *b, bool abort, lg_us now)
{
	struct proxy *p = b->peer.s->p;

	if (b->peer.tcp == NULL)
		return;
	p->pool_stats[b->pool].active--;
	server_stats(b)->active--;
	peer_release(&b->peer, abort, now);
	b->peer.up = b->peer.eof = b->peer.clean_eof = b->peer.gone = b->peer.failed = false;
}

void backend_free(struct back *b, bool abort, lg_us now)
{
	struct session *s = b->peer.s;

	drop_connection(b, abort, now);
	if (s->ex != NULL && s->ex->back == b)
		s->ex->back = NULL;
	lg_node_unlink(&b->node);
	s->n_backs--;
	blocks_put(&s->p->back_blocks, &b->node);
}

/* Next member: those that failed lately come last. -1: every one was tried. */
static int choose_server(struct back *b, lg_us now)
{
	struct proxy *p = b->peer.s->p;
	unsigned n = pool_of(b)->n_servers;
	unsigned first = p->next_server[b->pool]++ % n;
	int fallback = -1;

	for (unsigned i = 0; i < n; i++) {
		unsigned k = (first + i) % n;
		if (b->tried & (1ull << k))
			continue;
		if (p->server_stats[b->pool][k].down_until <= now)
			return (int)k;
		if (fallback < 0)
			fallback = (int)k;
	}
	return fallback;
}

static void log_failure(struct back *b, const char *why, lg_us now)
{
	const struct conf_server *srv = &pool_of(b)->servers[b->server];
	char ip[LG_IP_STRLEN];
	bool tls = b->peer.s->front.use_tls;

	LG_LOG_RATELIMITED(now, LG_WARN, "pool", "%s/%s: connecting to %s port %u failed: %s",
		pool_of(b)->name, srv->name, lg_ip_str(&srv->ip, ip),
		tls ? srv->https_port : srv->http_port, why);
}

/* Starts one attempt at the next member. 0, or why there is none left. */
static enum proxy_end try_next(struct back *b, lg_us now)
{
	struct session *s = b->peer.s;
	struct proxy *p = s->p;
	int k;

	while ((k = choose_server(b, now)) >= 0) {
		const struct conf_server *srv = &pool_of(b)->servers[k];
		int err = 0;

		b->server = (uint16_t)k;
		b->tried |= 1ull << k;
		b->begun = now;
		b->tcp_up = 0;
		p->counters[PROXY_CTR_BACK_CONNECTS]++;
		p->pool_stats[b->pool].connects++;
		server_stats(b)->connects++;
		b->peer.use_tls = s->front.use_tls && pool_of(b)->https_tls;
		b->peer.tcp = tcp_connect(p->tcp, NET_INTERNAL, &srv->ip,
			s->front.use_tls ? srv->https_port : srv->http_port, &p->back_opts[b->pool],
			&b->peer, now, &err);
		if (b->peer.tcp != NULL) {
			p->pool_stats[b->pool].active++;
			server_stats(b)->active++;
			b->connecting = true;
			return PROXY_END_OK;
		}
		b->fail = err == -EADDRNOTAVAIL ? PROXY_END_NO_PORTS : PROXY_END_LIMIT;
		if (err == -EADDRNOTAVAIL)
			p->counters[PROXY_CTR_PORTS_EXHAUSTED]++;
		p->counters[PROXY_CTR_BACK_CONNECT_FAILS]++;
		p->pool_stats[b->pool].connect_fails++;
		server_stats(b)->connect_fails++;
		log_failure(b,
			err == -EADDRNOTAVAIL
				? "no source port is left: give ports.internal more addresses"
				: "the connection table is full: raise limits.connections",
			now);
	}
	return b->fail;
}

static struct back *find_back(struct session *s, unsigned pool)
{
	struct lg_node *n;

	LG_LIST_FOREACH (n, &s->backs) {
		struct back *b = LG_CONTAINER_OF(n, struct back, node);
		if (b->pool == pool)
			return b;
	}
	return NULL;
}

/* The least recently opened one makes room. With an identity the client must begin again (LY-403).
 */
static void evict(struct session *s, lg_us now)
{
	struct back *b = LG_CONTAINER_OF(lg_list_first(&s->backs), struct back, node);

	s->ex->close_front |= b->auth;
	backend_free(b, false, now);
}

static struct back *new_back(struct session *s, unsigned pool, lg_us now)
{
	if (s->n_backs >= MAX_BACKS)
		evict(s, now);
	struct lg_node *n = blocks_get(&s->p->back_blocks);
	if (n == NULL)
		return NULL;
	struct back *b = LG_CONTAINER_OF(n, struct back, node);
	*b = (struct back){.pool = (uint16_t)pool, .fail = PROXY_END_NO_SERVER};
	b->peer.s = s;
	b->peer.kind = PEER_BACK;
	lg_list_push_back(&s->backs, &b->node);
	s->n_backs++;
	return b;
}

static int status_of(enum proxy_end why)
{
	return why == PROXY_END_SERVER_TIMEOUT_CONNECT || why == PROXY_END_SERVER_TIMEOUT_TLS ? 504
											      : 503;
}

/* Open, idle, and nothing unasked has come. */
static bool usable(struct back *b)
{
	return b->peer.up && peer_fill(&b->peer, 1) == 0 && !b->peer.eof && !b->peer.gone &&
	       lg_chain_empty(peer_rx(&b->peer));
}

struct back *backend_get(struct session *s, unsigned pool, lg_us now)
{
	struct back *b = find_back(s, pool);

	if (b != NULL && usable(b)) {
		s->p->counters[PROXY_CTR_BACK_REUSED]++;
		return b;
	}
	if (b != NULL) {
		if (b->auth)
			s->ex->lost = (uint16_t)(pool + 1);
		backend_free(b, true, now);
	}
	if (s->ex->lost == pool + 1) { /* never carry an identity on silently (LY-403) */
		exchange_fail(s, 503, PROXY_END_SERVER_CLOSED, now);
		return NULL;
	}
	b = new_back(s, pool, now);
	if (b == NULL) {
		s->p->counters[PROXY_CTR_REFUSED_SESSIONS]++;
		exchange_fail(s, 503, PROXY_END_LIMIT, now);
		return NULL;
	}
	s->ex->back = b;
	s->ex->connect_begun = now;
	enum proxy_end why = try_next(b, now);
	if (why != PROXY_END_OK) {
		exchange_fail(s, status_of(why), why, now);
		return NULL;
	}
	return b;
}

void backend_connected(struct back *b, lg_us now)
{
	struct session *s = b->peer.s;

	b->tcp_up = now;
	if (b->peer.gone) { /* accepted and reset at once */
		backend_attempt_failed(b, PROXY_END_NO_SERVER, now);
		if (!s->dead)
			session_run(s, now);
		return;
	}
	if (!b->peer.use_tls) {
		b->peer.up = true;
		b->connecting = false;
		server_stats(b)->down_until = 0;
		session_run(s, now);
		return;
	}
	b->peer.tls = tls_connect(s->p->tls_clients[b->pool], b->server);
	if (b->peer.tls == NULL) {
		backend_attempt_failed(b, PROXY_END_NO_MEMORY, now);
		if (!s->dead)
			session_run(s, now);
		return;
	}
	peer_want_handshake(&b->peer); /* our ClientHello */
	timeout_update(s, now);
}

static const char *failure_text(struct back *b, enum proxy_end why)
{
	switch (why) {
	case PROXY_END_SERVER_TLS:
		return tls_conn_error(b->peer.tls);
	case PROXY_END_SERVER_TIMEOUT_TLS:
		return "no end of the TLS handshake in time (timeouts.pool_handshake)";
	case PROXY_END_SERVER_TIMEOUT_CONNECT:
		return "no answer in time (timeouts.connect): is the pool's firewall open for this "
		       "port, from the gateway's internal address?";
	case PROXY_END_NO_MEMORY:
		return "no memory";
	default:
		return b->peer.gone ? tcp_reason_name(tcp_conn_reason(b->peer.tcp)) : "closed";
	}
}

void backend_attempt_failed(struct back *b, enum proxy_end why, lg_us now)
{
	struct session *s = b->peer.s;
	struct proxy *p = s->p;

	p->counters[PROXY_CTR_BACK_CONNECT_FAILS]++;
	p->pool_stats[b->pool].connect_fails++;
	if (why == PROXY_END_SERVER_TLS)
		p->pool_stats[b->pool].tls_fails++;
	server_stats(b)->connect_fails++;
	server_stats(b)->down_until = now + SERVER_DOWN_TIME;
	log_failure(b, failure_text(b, why), now);
	drop_connection(b, true, now);
	b->connecting = false;
	b->fail = why;

	/* Another member only while nothing of a request was sent, and no identity hangs on it. */
	enum proxy_end next = s->ex != NULL && s->ex->back == b ? try_next(b, now) : why;
	if (next == PROXY_END_OK)
		return;
	bool wanted = s->ex != NULL && s->ex->back == b;
	if (wanted)
		exchange_fail(s, status_of(why), why, now);
	else
		backend_free(b, true, now);
}

void backend_idle_event(struct back *b, lg_us now)
{
	struct session *s = b->peer.s;

	(void)peer_fill(&b->peer, 1);
	bool data = !lg_chain_empty(peer_rx(&b->peer));
	if (!data && !b->peer.eof)
		return; /* a session ticket, say */
	if (data)
		s->p->counters[PROXY_CTR_BACK_UNSOLICITED]++;
	bool auth = b->auth;
	uint16_t pool = b->pool;
	backend_free(b, data, now);
	if (!auth)
		return;
	/* The identity went with the connection: the client has to begin again on a new one. */
	if (session_idle(s)) {
		session_linger(s, PROXY_END_SERVER_CLOSED, now);
	} else {
		s->ex->close_front = true;
		s->ex->lost = (uint16_t)(pool + 1);
	}
}
