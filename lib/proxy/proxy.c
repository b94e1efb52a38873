/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's proxy: set-up, the event loop's share of work, drain and end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/internal.h"

/* Sessions that wait for another turn are served at most so many per loop iteration. */
#define READY_PER_RUN 64

/* What all connections have in common, and what their listener or pool says. */
static struct tcp_opts tcp_options_of(const struct conf *c, const struct conf_tcp *tcp)
{
	static const enum tcp_mtu_probing probing[] = {
		[CONF_MTU_BLACK_HOLE] = TCP_MTU_BLACK_HOLE,
		[CONF_MTU_OFF] = TCP_MTU_OFF,
		[CONF_MTU_ON] = TCP_MTU_ON,
	};
	struct tcp_opts o;

	tcp_opts_default(&o);
	o.rcv_buf = c->limits.receive_buffer;
	/* A head is taken as a whole; until then the connection can't show that it is read. */
	o.rcv_start = LG_MAX(o.rcv_start, CONF_HEAD_MEMORY * c->limits.request_head);
	o.snd_buf = c->limits.send_buffer;
	o.keepalive_interval = c->timeouts.keepalive_interval;
	o.keepalive_probes = c->limits.keepalive_probes;
	o.user_timeout = c->timeouts.retransmit;
	o.fin_timeout = c->timeouts.fin_wait;
	o.cc = tcp->congestion_control;
	o.mtu_probing = probing[tcp->mtu_probing];
	o.ecn = tcp->ecn;
	o.dscp = tcp->dscp;
	return o;
}

static void fill_back_opts(struct proxy *p)
{
	const struct conf *c = p->conf;

	for (unsigned i = 0; i < c->n_pools; i++) {
		struct tcp_opts *o = &p->back_opts[i];
		*o = tcp_options_of(c, &c->pools[i].tcp);
		o->keepalive_idle = c->timeouts.keepalive_pool;
		o->connect_timeout = c->timeouts.connect;
	}
}

static const char *listen_error(int rc)
{
	switch (rc) {
	case -EADDRINUSE:
		return "another listener has the same address and port";
	case -ENOSPC:
		return "too many listeners";
	case -EINVAL:
		return "there is no such congestion control";
	default:
		return strerror(-rc);
	}
}

static int listen_all(struct proxy *p, char *err, size_t errlen)
{
	const struct conf *c = p->conf;

	for (unsigned i = 0; i < c->n_listeners; i++) {
		const struct conf_listener *l = &c->listeners[i];
		struct tcp_opts o = tcp_options_of(c, &l->tcp);
		o.keepalive_idle = c->timeouts.keepalive_client;
		p->listener_ids[i] = tcp_listen(
			p->tcp, NET_EXTERNAL, &l->ip, l->port, &o, (void *)(uintptr_t)l);
		if (p->listener_ids[i] < 0) {
			snprintf(err, errlen, "listener %s: port %u can't be listened on: %s",
				l->name, l->port, listen_error(p->listener_ids[i]));
			return -1;
		}
	}
	return 0;
}

static int create_tls_server(struct proxy *p, unsigned i, char *err, size_t errlen)
{
	const struct conf_listener *l = &p->conf->listeners[i];
	struct tls_cert_files *files = calloc(l->n_certificates, sizeof(*files));
	struct tls_server_params tp = {.name = l->name,
		.certs = files,
		.n_certs = l->n_certificates,
		.min_version = l->versions.min,
		.max_version = l->versions.max,
		.ciphers = l->versions.ciphers,
		.ciphersuites = l->versions.ciphersuites};

	if (files == NULL)
		return -1;
	for (unsigned k = 0; k < l->n_certificates; k++) {
		const struct conf_certificate *cert = &p->conf->certificates[l->certificates[k]];
		files[k] = (struct tls_cert_files){cert->name, cert->cert, cert->key};
		if (l->certificates[k] == l->default_certificate)
			tp.default_cert = k;
	}
	p->tls_servers[i] = tls_server_create(p->tls, &tp, err, errlen);
	free(files);
	return p->tls_servers[i] ? 0 : -1;
}

static int create_tls_client(struct proxy *p, unsigned i, char *err, size_t errlen)
{
	const struct conf_pool *pool = &p->conf->pools[i];
	struct tls_client_params tp = {.name = pool->name,
		.verify = pool->verify,
		.ca_file = pool->ca_file,
		.verify_name = pool->verify_name,
		.sni = pool->sni,
		.min_version = pool->versions.min,
		.max_version = pool->versions.max,
		.ciphers = pool->versions.ciphers,
		.ciphersuites = pool->versions.ciphersuites,
		.n_servers = pool->n_servers};

	p->tls_clients[i] = tls_client_create(p->tls, &tp, err, errlen);
	return p->tls_clients[i] ? 0 : -1;
}

static int create_tls(struct proxy *p, char *err, size_t errlen)
{
	for (unsigned i = 0; i < p->conf->n_listeners; i++) {
		if (p->conf->listeners[i].tls && create_tls_server(p, i, err, errlen) != 0)
			return -1;
	}
	for (unsigned i = 0; i < p->conf->n_pools; i++) {
		if (p->conf->pools[i].https_tls && create_tls_client(p, i, err, errlen) != 0)
			return -1;
	}
	return 0;
}

static int create_blocks(struct proxy *p)
{
	uint32_t n = p->conf->limits.connections;

	lg_list_init(&p->sessions);
	lg_list_init(&p->ready);
	lg_list_init(&p->handshakes);
	if (blocks_init(&p->session_blocks, sizeof(struct session), n) != 0 ||
		blocks_init(&p->exchange_blocks, sizeof(struct exchange), n) != 0)
		return -1;
	return blocks_init(&p->back_blocks, sizeof(struct back), 2 * n);
}

static int create_stats(struct proxy *p)
{
	const struct conf *c = p->conf;

	p->tls_servers = calloc(c->n_listeners, sizeof(*p->tls_servers));
	p->listener_ids = calloc(c->n_listeners, sizeof(*p->listener_ids));
	p->listener_stats = calloc(c->n_listeners, sizeof(*p->listener_stats));
	p->tls_clients = calloc(c->n_pools, sizeof(*p->tls_clients));
	p->back_opts = calloc(c->n_pools, sizeof(*p->back_opts));
	p->pool_stats = calloc(c->n_pools, sizeof(*p->pool_stats));
	p->next_server = calloc(c->n_pools, sizeof(*p->next_server));
	p->server_stats = calloc(c->n_pools, sizeof(*p->server_stats));
	if (!p->tls_servers || !p->listener_ids || !p->listener_stats || !p->tls_clients ||
		!p->back_opts || !p->pool_stats || !p->next_server || !p->server_stats)
		return -1;
	fill_back_opts(p);
	for (unsigned i = 0; i < c->n_pools; i++) {
		p->next_server[i] = p->worker; /* so that workers begin at different members */
		p->server_stats[i] = calloc(c->pools[i].n_servers, sizeof(**p->server_stats));
		if (p->server_stats[i] == NULL)
			return -1;
	}
	return 0;
}

struct proxy *proxy_create(const struct proxy_params *pp, char *err, size_t errlen)
{
	struct proxy *p = calloc(1, sizeof(*p));

	snprintf(err, errlen, "out of memory for %u sessions: lower limits.connections",
		pp->conf->limits.connections);
	if (p == NULL)
		return NULL;
	p->conf = pp->conf;
	p->worker = pp->worker;
	p->tcp = pp->tcp;
	p->wheel = tcp_wheel(pp->tcp);
	p->tls = pp->tls;
	p->pool = pp->pool;
	p->access = pp->access;
	p->access_ctx = pp->access_ctx;
	http_limits_default(&p->limits);
	p->limits.max_head = p->conf->limits.request_head;
	p->limits.max_field = p->conf->limits.request_field;
	p->limits.max_target = p->conf->limits.request_target;
	p->limits.max_fields = p->conf->limits.request_fields;
	p->routes = proxy_routes_create(p->conf);
	if (p->routes == NULL || create_stats(p) != 0 || create_blocks(p) != 0 ||
		create_tls(p, err, errlen) != 0 || listen_all(p, err, errlen) != 0) {
		proxy_free(p);
		return NULL;
	}
	return p;
}

void proxy_free(struct proxy *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; p->tls_servers && i < p->conf->n_listeners; i++) {
		if (p->tls_servers[i])
			tls_server_free(p->tls_servers[i]);
	}
	for (unsigned i = 0; p->tls_clients && i < p->conf->n_pools; i++) {
		if (p->tls_clients[i])
			tls_client_free(p->tls_clients[i]);
	}
	for (unsigned i = 0; p->server_stats && i < p->conf->n_pools; i++)
		free(p->server_stats[i]);
	proxy_routes_free(p->routes);
	blocks_free(&p->session_blocks);
	blocks_free(&p->exchange_blocks);
	blocks_free(&p->back_blocks);
	free(p->tls_servers);
	free(p->tls_clients);
	free(p->listener_ids);
	free(p->listener_stats);
	free(p->back_opts);
	free(p->pool_stats);
	free(p->next_server);
	free(p->server_stats);
	free(p);
}

static void back_event(struct back *b, unsigned events, lg_us now)
{
	struct session *s = b->peer.s;

	if (events & TCP_EV_CLOSED)
		b->peer.gone = true;
	if (b->tcp_up == 0) {
		if (events & TCP_EV_CONNECTED) {
			backend_connected(b, now);
			return;
		}
		if (!(events & TCP_EV_CLOSED))
			return;
		enum tcp_reason why = tcp_conn_reason(b->peer.tcp);
		backend_attempt_failed(b,
			why == TCP_REASON_CONNECT_TIMEOUT ? PROXY_END_SERVER_TIMEOUT_CONNECT
							  : PROXY_END_NO_SERVER,
			now);
	} else if (b->connecting) {
		peer_want_handshake(&b->peer); /* a record, an end, or an alert to read */
		return;
	} else if (s->ex == NULL || s->ex->back != b) {
		backend_idle_event(b, now);
	}
	if (!s->dead)
		session_run(s, now);
}

static void dispatch(struct proxy *p, struct tcp_conn *c, unsigned events, lg_us now)
{
	if (events & TCP_EV_ACCEPTED) {
		if (events & TCP_EV_CLOSED)
			tcp_release(c, now);
		else
			session_accept(p, c, now);
		return;
	}
	struct peer *pe = tcp_conn_user(c);
	LG_ASSERT(pe != NULL && pe->tcp == c);
	if (pe->kind == PEER_BACK)
		back_event(LG_CONTAINER_OF(pe, struct back, peer), events, now);
	else if (events & TCP_EV_CLOSED)
		session_front_closed(pe->s, now);
	else
		session_run(pe->s, now);
}

/* A handshake step of the front connection. */
static void front_handshake(struct session *s, lg_us now)
{
	struct peer *f = &s->front;

	switch (peer_handshake(f, now)) {
	case TLS_OK:
		s->tls_time = now - s->since;
		s->state = SESSION_OPEN;
		s->since = now;
		session_run(s, now);
		break;
	case TLS_WANT_INPUT:
		session_run(s, now);
		break;
	default:
		lg_log(LG_DEBUG, "tls", "listener %s: handshake failed: %s",
			s->p->conf->listeners[s->listener].name, tls_conn_error(f->tls));
		session_linger(s, PROXY_END_CLIENT_TLS, now);
		session_run(s, now);
		break;
	}
}

static void back_handshake(struct back *b, lg_us now)
{
	struct session *s = b->peer.s;

	switch (peer_handshake(&b->peer, now)) {
	case TLS_OK:
		b->connecting = false;
		s->p->server_stats[b->pool][b->server].down_until = 0;
		break;
	case TLS_WANT_INPUT:
		if (tls_has_record(b->peer.tls, tcp_rx(b->peer.tcp)))
			peer_want_handshake(&b->peer);
		else if (b->peer.eof)
			backend_attempt_failed(b, PROXY_END_NO_SERVER, now);
		break;
	default:
		backend_attempt_failed(b, PROXY_END_SERVER_TLS, now);
		break;
	}
	if (!s->dead)
		session_run(s, now);
}

/* Handshakes are the only long work: one step between two RX bursts. */
static void one_handshake(struct proxy *p, lg_us now)
{
	struct lg_node *n = lg_list_pop_front(&p->handshakes);

	if (n == NULL)
		return;
	p->n_handshakes--;
	struct peer *pe = LG_CONTAINER_OF(n, struct peer, hs_node);
	if (pe->kind == PEER_FRONT)
		front_handshake(pe->s, now);
	else
		back_handshake(LG_CONTAINER_OF(pe, struct back, peer), now);
}

bool proxy_run(struct proxy *p, lg_us now)
{
	struct tcp_conn *c;
	unsigned events;

	while ((c = tcp_next_event(p->tcp, &events)) != NULL)
		dispatch(p, c, events, now);
	for (unsigned i = 0; i < READY_PER_RUN; i++) {
		struct lg_node *n = lg_list_pop_front(&p->ready);
		if (n == NULL)
			break;
		session_run(LG_CONTAINER_OF(n, struct session, ready_node), now);
	}
	one_handshake(p, now);
	return !lg_list_empty(&p->handshakes) || !lg_list_empty(&p->ready);
}

void proxy_drain(struct proxy *p, lg_us now)
{
	struct lg_node *n, *tmp;

	p->draining = true;
	for (unsigned i = 0; i < p->conf->n_listeners; i++)
		tcp_listener_drain(p->tcp, p->listener_ids[i], true);
	LG_LIST_FOREACH_SAFE (n, tmp, &p->sessions) {
		struct session *s = LG_CONTAINER_OF(n, struct session, node);
		if (s->state == SESSION_OPEN)
			session_run(s, now);
		else if (s->state == SESSION_HANDSHAKE && s->front.tls == NULL)
			session_end(s, PROXY_END_DRAIN, false, now);
	}
}

void proxy_abort_all(struct proxy *p, lg_us now)
{
	struct lg_node *n;

	p->draining = true;
	while ((n = lg_list_first(&p->sessions)) != NULL)
		session_end(
			LG_CONTAINER_OF(n, struct session, node), PROXY_END_SHUTDOWN, true, now);
}

unsigned proxy_session_count(const struct proxy *p)
{
	return p->n_sessions;
}

const uint64_t *proxy_counters(const struct proxy *p)
{
	return p->counters;
}

const uint64_t *proxy_ends(const struct proxy *p)
{
	return p->ends;
}

const struct proxy_listener_stats *proxy_listener_stats(const struct proxy *p, unsigned listener)
{
	return &p->listener_stats[listener];
}

const struct proxy_pool_stats *proxy_pool_stats(const struct proxy *p, unsigned pool)
{
	return &p->pool_stats[pool];
}

const struct proxy_server_stats *proxy_server_stats(
	const struct proxy *p, unsigned pool, unsigned server)
{
	return &p->server_stats[pool][server];
}
