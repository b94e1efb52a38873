/* SPDX-License-Identifier: BSD-3-Clause */
/* The user calls of section 3.10: OPEN, SEND, RECEIVE, CLOSE, ABORT, and getters. */
#include <errno.h>

#include "tcp/tcp_internal.h"

/* MUST-46. Directed broadcasts, which need the interface to tell, don't pass net_output(). */
static bool host_can_have(const struct lg_ip *ip)
{
	static const struct lg_ip loopback6 = {.b = {[15] = 1}};

	if (lg_ip_is_v4(ip))
		return ip->b[12] != 0 && ip->b[12] != 127 && ip->b[12] < 224;
	return !lg_ip_is_zero(ip) && !lg_ip_eq(ip, &loopback6) && ip->b[0] != 0xff;
}

/* A port and a block for an active open. NULL with *err set. */
static struct tcp_conn *connect_block(struct tcp_stack *s, struct flow_key *key,
	const struct tcp_opts *o, const struct tcp_cc_ops *cc, lg_us now, int *err)
{
	if (s->p.ports == NULL || flow_ports_get(s->p.ports, &key->remote, key->rport, &key->local,
					  &key->lport) != 0) {
		*err = -EADDRNOTAVAIL;
		return NULL;
	}
	struct tcp_conn *c = conn_new(s, key, o, cc, now);
	if (c == NULL) {
		flow_ports_put(s->p.ports, &key->local, key->lport, &key->remote, key->rport);
		*err = -ENOBUFS;
	}
	return c;
}

struct tcp_conn *tcp_connect(struct tcp_stack *s, enum net_side side, const struct lg_ip *remote,
	uint16_t rport, const struct tcp_opts *o, void *user, lg_us now, int *err)
{
	struct flow_key key = {.remote = *remote, .rport = rport, .side = side};
	const struct tcp_cc_ops *cc = tcp_cc_find(o->cc);

	if (cc == NULL || !host_can_have(remote)) {
		*err = -EINVAL;
		return NULL;
	}
	struct tcp_conn *c = connect_block(s, &key, o, cc, now, err);
	if (c == NULL)
		return NULL;
	c->flags |= CF_ACTIVE | CF_USER | CF_SYN_DUE | (o->ecn ? CF_ECT : 0);
	c->user = user;
	c->rcv_wscale = syn_wscale(&c->opts);
	conn_set_state(c, TCP_SYN_SENT);
	TCP_COUNT(s, ACTIVE_OPENS);
	life_arm(c, now + c->opts.connect_timeout);
	conn_mark_output(c);
	return c;
}

struct tcp_conn *tcp_next_event(struct tcp_stack *s, unsigned *events)
{
	struct lg_node *n = lg_list_pop_front(&s->ev_list);
	if (n == NULL)
		return NULL;
	struct tcp_conn *c = LG_CONTAINER_OF(n, struct tcp_conn, ev_node);
	*events = c->events;
	c->events = 0;
	return c;
}

void tcp_conn_set_user(struct tcp_conn *c, void *user)
{
	c->user = user;
}

void *tcp_conn_user(const struct tcp_conn *c)
{
	return c->user;
}

void *tcp_conn_listener_user(const struct tcp_conn *c)
{
	return c->listener_user;
}

enum tcp_state tcp_conn_state(const struct tcp_conn *c)
{
	return (enum tcp_state)c->state;
}

enum tcp_reason tcp_conn_reason(const struct tcp_conn *c)
{
	return (enum tcp_reason)c->reason;
}

const struct flow_key *tcp_conn_key(const struct tcp_conn *c)
{
	return &c->key;
}

uint32_t tcp_conn_mss(const struct tcp_conn *c)
{
	struct tcp_options o = {.has_ts = c->flags & CF_TS};
	return c->mss - tcp_options_len(&o);
}

lg_us tcp_conn_srtt(const struct tcp_conn *c)
{
	return c->srtt;
}

struct lg_chain *tcp_rx(struct tcp_conn *c)
{
	return &c->rx;
}

void tcp_rx_consumed(struct tcp_conn *c)
{
	conn_count_memory(c);
	if (c->state == TCP_CLOSED || c->flags & CF_FIN_RCVD || !window_update_due(c))
		return;
	c->flags |= CF_ACK_NOW;
	conn_mark_output(c);
}

bool tcp_rx_eof(const struct tcp_conn *c)
{
	return c->flags & CF_FIN_RCVD;
}

static bool may_send(const struct tcp_conn *c)
{
	if (c->flags & (CF_FIN_QUEUED | CF_RELEASED))
		return false;
	return c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED ||
	       c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT;
}

uint32_t tcp_tx_space(struct tcp_conn *c)
{
	if (!may_send(c))
		return 0;
	uint32_t used = c->tx.truesize, limit = pressure_snd_limit(c);
	uint32_t free_bytes = used < limit ? limit - used : 0;
	/* Measured without pressure: who finds little under it hears when it is over. */
	if (free_bytes < LG_MIN(c->opts.snd_buf, (uint32_t)TCP_SND_START) / 2)
		c->flags |= CF_WANT_WRITABLE;
	/* Payload is about half of what its buffers occupy. */
	return free_bytes / 2;
}

int tcp_send(struct tcp_conn *c, struct lg_chain *data)
{
	if (!may_send(c)) {
		lg_chain_free(data);
		return -EPIPE;
	}
	if (lg_chain_empty(data))
		return 0;
	lg_chain_splice(&c->tx, data);
	conn_count_memory(c);
	if (c->cur.m == NULL)
		c->cur.m = c->tx.head;
	conn_mark_output(c);
	return 0;
}

uint32_t tcp_tx_unacked(const struct tcp_conn *c)
{
	return c->tx.len;
}

void tcp_shutdown(struct tcp_conn *c)
{
	if (!may_send(c))
		return;
	c->flags |= CF_FIN_QUEUED;
	if (c->state == TCP_ESTABLISHED)
		conn_set_state(c, TCP_FIN_WAIT_1);
	else if (c->state == TCP_CLOSE_WAIT)
		conn_set_state(c, TCP_LAST_ACK);
	conn_mark_output(c);
}

void tcp_abort(struct tcp_conn *c, lg_us now)
{
	conn_reset(c, TCP_REASON_ABORTED, now);
	c->events = 0;
	if (lg_node_linked(&c->ev_node))
		lg_node_unlink(&c->ev_node);
}

/* No user any more: no events, and a shorter patience. */
static void orphan(struct tcp_conn *c, lg_us now)
{
	c->flags |= CF_RELEASED;
	if (lg_node_linked(&c->ev_node))
		lg_node_unlink(&c->ev_node);
	c->opts.user_timeout = c->opts.user_timeout == 0
				       ? c->opts.fin_timeout
				       : LG_MIN(c->opts.user_timeout, c->opts.fin_timeout);
	conn_set_orphan_deadline(c, now);
}

void tcp_release(struct tcp_conn *c, lg_us now)
{
	LG_ASSERT(c->flags & CF_USER);
	/* RFC 2525 section 2.17: a close with data unread must tell the peer that it is lost. */
	bool unread = !lg_chain_empty(&c->rx) && c->state != TCP_TIME_WAIT;

	tcp_shutdown(c);
	c->flags &= ~CF_USER;
	c->user = NULL;
	lg_chain_free(&c->rx);
	conn_count_memory(c);
	if (c->state == TCP_CLOSED)
		conn_free(c);
	else if (c->state == TCP_SYN_SENT || unread)
		conn_reset(c, TCP_REASON_ABORTED, now);
	else
		orphan(c, now);
	conn_reap(c->s);
}
