/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's life: accepted, handshake, open, lingering, gone. */
#include "proxy/internal.h"

void session_count_end(struct proxy *p, enum proxy_end end)
{
	p->ends[end]++;
	if (end == PROXY_END_NO_MEMORY)
		p->counters[PROXY_CTR_REFUSED_NOMEM]++;
}

bool session_idle(const struct session *s)
{
	const struct exchange *ex = s->ex;

	return ex == NULL || (ex->req_phase == REQ_HEAD && ex->req.error == HTTP_ERR_NONE &&
				     !http_head_started(&ex->req));
}

static void open_session(struct session *s, lg_us now)
{
	s->state = SESSION_OPEN;
	s->since = now;
}

void session_accept(struct proxy *p, struct tcp_conn *c, lg_us now)
{
	const struct conf_listener *l = tcp_conn_listener_user(c);
	unsigned listener = (unsigned)(l - p->conf->listeners);
	bool handshakes_full = l->tls && p->n_handshakes >= p->conf->limits.handshakes_queued;
	struct lg_node *n = NULL;

	if (p->draining)
		session_count_end(p, PROXY_END_DRAIN);
	else if (handshakes_full)
		p->counters[PROXY_CTR_REFUSED_HANDSHAKE_QUEUE]++;
	else if ((n = blocks_get(&p->session_blocks)) == NULL)
		p->counters[PROXY_CTR_REFUSED_SESSIONS]++;
	if (n == NULL) {
		tcp_abort(c, now);
		tcp_release(c, now);
		return;
	}

	struct session *s = LG_CONTAINER_OF(n, struct session, node);
	*s = (struct session){.p = p, .listener = (uint16_t)listener, .since = now};
	s->front = (struct peer){.s = s, .tcp = c, .kind = PEER_FRONT, .use_tls = l->tls};
	s->timer.fn = timeout_fired;
	lg_list_init(&s->backs);
	lg_list_push_back(&p->sessions, &s->node);
	p->n_sessions++;
	p->counters[PROXY_CTR_SESSIONS]++;
	p->listener_stats[listener].accepted++;
	p->listener_stats[listener].active++;
	tcp_conn_set_user(c, &s->front);
	if (l->tls) {
		s->state = SESSION_HANDSHAKE;
	} else {
		s->front.up = true;
		open_session(s, now);
	}
	session_run(s, now);
}

void session_end(struct session *s, enum proxy_end end, bool abort, lg_us now)
{
	struct proxy *p = s->p;
	struct lg_node *n;

	exchange_drop_idle(s);
	if (s->ex != NULL)
		exchange_finish(s, end, now);
	else if (s->state != SESSION_LINGER)
		session_count_end(p, end);
	while ((n = lg_list_first(&s->backs)) != NULL)
		backend_free(LG_CONTAINER_OF(n, struct back, node), abort, now);
	peer_release(&s->front, abort, now);
	lg_timer_cancel(p->wheel, &s->timer);
	if (lg_node_linked(&s->ready_node))
		lg_node_unlink(&s->ready_node);
	p->listener_stats[s->listener].active--;
	p->n_sessions--;
	s->dead = true;
	lg_node_unlink(&s->node);
	blocks_put(&p->session_blocks, &s->node);
}

void session_linger(struct session *s, enum proxy_end end, lg_us now)
{
	struct lg_node *n;

	exchange_drop_idle(s);
	if (s->ex != NULL)
		exchange_finish(s, end, now);
	else
		session_count_end(s->p, end);
	while ((n = lg_list_first(&s->backs)) != NULL)
		backend_free(LG_CONTAINER_OF(n, struct back, node), false, now);
	peer_shutdown(&s->front);
	lg_chain_free(&s->front.plain);
	s->state = SESSION_LINGER;
	s->since = now;
}

/* Drops what the client still sends, until its end. True when the session is over. */
static bool drop_input(struct session *s, lg_us now)
{
	struct lg_chain *rx = tcp_rx(s->front.tcp);

	if (!lg_chain_empty(rx)) {
		lg_chain_trim_head(rx, rx->len);
		if (!s->front.gone)
			tcp_rx_consumed(s->front.tcp);
	}
	if (!s->front.gone && !tcp_rx_eof(s->front.tcp))
		return false;
	session_end(s, PROXY_END_CLIENT_CLOSE, false, now);
	return true;
}

/* The client's handshake waits for a record; queue it for a step when one is there. */
static void run_handshake(struct session *s, lg_us now)
{
	struct peer *f = &s->front;

	if (f->tls == NULL && !lg_chain_empty(tcp_rx(f->tcp))) {
		f->tls = tls_accept(s->p->tls_servers[s->listener]);
		if (f->tls == NULL) {
			session_end(s, PROXY_END_NO_MEMORY, true, now);
			return;
		}
	}
	if (f->tls != NULL && tls_has_record(f->tls, tcp_rx(f->tcp)))
		peer_want_handshake(f);
	else if (f->gone || tcp_rx_eof(f->tcp))
		session_end(s, PROXY_END_CLIENT_ABORT, false, now);
}

void session_front_closed(struct session *s, lg_us now)
{
	s->front.gone = true;
	s->front.eof = true;
	if (s->ex != NULL && s->ex->resp_phase == RESP_DONE && s->ex->req_phase == REQ_DONE)
		session_end(s, PROXY_END_OK, true, now);
	else
		session_end(s, s->ex ? PROXY_END_CLIENT_ABORT : PROXY_END_CLIENT_CLOSE, true, now);
}

/* Between requests: the client's end, or the drain, closes the session. True when it did. */
static bool idle_close(struct session *s, lg_us now)
{
	uint32_t seen = s->ex != NULL ? s->ex->parsed : 0;

	if (!session_idle(s) || peer_rx(&s->front)->len > seen || lg_node_linked(&s->ready_node))
		return false;
	if (s->front.eof) {
		session_end(s, s->front.failed ? PROXY_END_CLIENT_TLS : PROXY_END_CLIENT_CLOSE,
			false, now);
		return true;
	}
	if (s->p->draining) {
		session_linger(s, PROXY_END_DRAIN, now);
		return false;
	}
	return false;
}

void session_ready(struct session *s)
{
	if (!lg_node_linked(&s->ready_node))
		lg_list_push_back(&s->p->ready, &s->ready_node);
}

void session_run(struct session *s, lg_us now)
{
	s->budget = TURN_BUDGET;
	if (s->state == SESSION_HANDSHAKE) {
		run_handshake(s, now);
		if (!s->dead)
			timeout_update(s, now);
		return;
	}
	while (s->state == SESSION_OPEN && exchange_step(s, now)) {
		if (s->dead)
			return;
	}
	if (s->dead || (s->state == SESSION_OPEN && idle_close(s, now)))
		return;
	if (s->state == SESSION_LINGER && drop_input(s, now))
		return;
	timeout_update(s, now);
}
