/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners, and the LISTEN state of SEGMENT ARRIVES (3.10.7.2). */
#include <errno.h>

#include "tcp/tcp_internal.h"

/* SYNs and strays to any port must cost the same, however many ports are listened on. */
static uint16_t *bucket_of(struct tcp_stack *s, uint16_t port)
{
	return &s->listener_at[port % TCP_LISTENER_BUCKETS];
}

int tcp_listen(struct tcp_stack *s, enum net_side side, const struct lg_ip *ip, uint16_t port,
	const struct tcp_opts *o, void *user)
{
	const struct tcp_cc_ops *cc = tcp_cc_find(o->cc);
	uint16_t *bucket = bucket_of(s, port);

	if (cc == NULL)
		return -EINVAL;
	for (unsigned i = 0; i < s->n_listeners; i++) {
		const struct tcp_listener *l = &s->listeners[i];
		if (l->side == side && l->port == port && lg_ip_eq(&l->ip, ip))
			return -EADDRINUSE;
	}
	if (s->n_listeners == TCP_MAX_LISTENERS)
		return -ENOSPC;
	s->listeners[s->n_listeners] = (struct tcp_listener){.ip = *ip,
		.port = port,
		.side = (uint8_t)side,
		.next = *bucket,
		.opts = *o,
		.cc = cc,
		.user = user};
	*bucket = (uint16_t)++s->n_listeners;
	return (int)*bucket - 1;
}

void tcp_listener_drain(struct tcp_stack *s, int listener, bool draining)
{
	LG_ASSERT(listener >= 0 && (unsigned)listener < s->n_listeners);
	s->listeners[listener].draining = draining;
}

struct tcp_listener *listener_find(
	struct tcp_stack *s, uint32_t side, const struct lg_ip *ip, uint16_t port)
{
	struct tcp_listener *l, *wildcard = NULL;

	for (unsigned at = *bucket_of(s, port); at != 0; at = l->next) {
		l = &s->listeners[at - 1];
		if (l->port != port || l->side != side)
			continue;
		if (lg_ip_eq(&l->ip, ip))
			return l;
		if (lg_ip_is_zero(&l->ip))
			wildcard = l;
	}
	return wildcard;
}

/*
 * Without SYN cookies the newest SYN has the best chance to be a live client: the oldest goes. With
 * them, only a SYN that takes a TIME-WAIT over gets here when all are taken.
 */
static void make_half_open_room(struct tcp_stack *s)
{
	if (s->n_half_open < s->p.max_half_open)
		return;
	struct lg_node *n = lg_list_first(&s->half_open);
	LG_ASSERT(n != NULL);
	TCP_COUNT(s, HALF_OPEN_EVICTED);
	conn_close(LG_CONTAINER_OF(n, struct tcp_conn, list_node), TCP_REASON_EVICTED);
	conn_reap(s);
}

/* With every block taken, a half-open one makes way before a SYN is refused. */
static struct tcp_conn *syn_block(
	struct tcp_stack *s, const struct flow_key *key, const struct tcp_listener *l, lg_us now)
{
	struct tcp_conn *c = conn_new(s, key, &l->opts, l->cc, now);
	struct lg_node *oldest = lg_list_first(&s->half_open);

	if (c != NULL || oldest == NULL)
		return c;
	TCP_COUNT(s, HALF_OPEN_EVICTED);
	conn_close(LG_CONTAINER_OF(oldest, struct tcp_conn, list_node), TCP_REASON_EVICTED);
	conn_reap(s);
	return conn_new(s, key, &l->opts, l->cc, now);
}

struct tcp_conn *listen_new(struct tcp_stack *s, const struct flow_key *key,
	const struct tcp_listener *l, const struct tcp_seg *syn, lg_us now)
{
	struct tcp_conn *c = syn_block(s, key, l, now);

	if (c == NULL) {
		TCP_COUNT(s, DROP_CONN_LIMIT);
		return NULL;
	}
	c->listener_user = l->user;
	c->rcv_wscale = syn_wscale(&c->opts);
	c->irs = syn->seq;
	c->rcv_nxt = c->rcv_adv = c->last_ack_sent = syn->seq + 1;
	syn_negotiate(c, syn, now);
	conn_set_state(c, TCP_SYN_RECEIVED);
	return c;
}

static void half_open(struct tcp_conn *c, lg_us now)
{
	struct tcp_stack *s = c->s;

	lg_list_push_back(&s->half_open, &c->list_node);
	s->n_half_open++;
	c->flags |= CF_SYN_DUE;
	life_arm(c, now + s->p.half_open_timeout);
	conn_mark_output(c);
}

bool listen_allows(struct tcp_stack *s, const struct tcp_listener *l)
{
	if (l->draining)
		TCP_COUNT(s, DROP_DRAINING);
	else if (s->pressure >= TCP_PRESSURE_REFUSE)
		TCP_COUNT(s, DROP_PRESSURE);
	else
		return true;
	return false;
}

/*
 * Data or FIN on the SYN is not taken and not acknowledged: the client sends it again after the
 * handshake (3.10.7.2 allows to queue it; this way a spoofed SYN never holds a buffer).
 */
void listen_syn(struct tcp_stack *s, const struct flow_key *key, struct tcp_seg *g,
	const uint32_t *isn_floor, lg_us now)
{
	struct tcp_listener *l = listener_find(s, key->side, &key->local, key->lport);

	if (l == NULL) {
		TCP_COUNT(s, DROP_NO_LISTENER);
		return;
	}
	if (!listen_allows(s, l))
		return;
	/* No cookie can be above the old incarnation's numbers. */
	if (isn_floor == NULL && cookie_wanted(s)) {
		cookie_send(s, l, key, g, now);
		return;
	}
	make_half_open_room(s);
	struct tcp_conn *c = listen_new(s, key, l, g, now);
	if (c == NULL)
		return;
	/* A new incarnation starts above the old one's numbers (RFC 1122 4.2.2.13). */
	if (isn_floor != NULL && seq_leq(c->iss, *isn_floor))
		conn_set_iss(c, *isn_floor + 1);
	half_open(c, now);
}
