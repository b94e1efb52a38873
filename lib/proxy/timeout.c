/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One timer per session; what it stands for follows from what the session waits for (LY-406). It is
 * armed lazily: progress only moves the deadline, and a timer that fires early is armed again.
 */
#include "proxy/internal.h"

struct waiting {
	lg_us deadline;
	enum proxy_end end; /* what it is called when it passes */
	int status;         /* answer, when one is still possible; 0: none */
};

static lg_us response_timeout(const struct session *s)
{
	const struct conf *c = s->p->conf;
	const struct conf_route *r = &c->routes[s->ex->host->route];

	if (r->response_header_timeout)
		return r->response_header_timeout;
	if (c->pools[r->pool].response_header_timeout)
		return c->pools[r->pool].response_header_timeout;
	return c->timeouts.response_header;
}

static struct waiting waiting_for_back(const struct session *s)
{
	const struct conf_timeouts *t = &s->p->conf->timeouts;
	const struct back *b = s->ex->back;

	/* The TCP connect has its own timer in the stack; this one bounds TLS on top of it. */
	if (b->tcp_up == 0)
		return (struct waiting){
			b->begun + 2 * t->connect, PROXY_END_SERVER_TIMEOUT_CONNECT, 504};
	return (struct waiting){b->tcp_up + t->pool_handshake, PROXY_END_SERVER_TIMEOUT_TLS, 504};
}

/* A body that doesn't move: whose fault is it, and how long may it last? */
static struct waiting waiting_for_body(const struct session *s)
{
	const struct conf_timeouts *t = &s->p->conf->timeouts;
	struct exchange *ex = s->ex;

	if (ex->req_phase == REQ_BODY && peer_room(&ex->back->peer) == 0)
		return (struct waiting){
			ex->progress_at + t->body_progress, PROXY_END_SERVER_TIMEOUT_BODY, 504};
	return (struct waiting){
		ex->progress_at + t->body_progress, PROXY_END_CLIENT_TIMEOUT_BODY, 408};
}

static struct waiting waiting_for_response(struct session *s)
{
	struct exchange *ex = s->ex;

	if (ex->resp_phase == RESP_BODY) {
		if (peer_room(&s->front) == 0)
			return waiting_for_body(s);
		return (struct waiting){
			ex->progress_at + response_timeout(s), PROXY_END_SERVER_TIMEOUT_BODY, 504};
	}
	/* Before the first body byte of "Expect: 100-continue" the client rightly waits for the
	 * pool. */
	bool expects = ex->req.expect_continue && !ex->continued && ex->req_body.seen == 0;
	if (ex->req_phase == REQ_BODY && (!expects || ex->resp_phase == RESP_DONE))
		return waiting_for_body(s);
	return (struct waiting){
		ex->sent_at + response_timeout(s), PROXY_END_SERVER_TIMEOUT_HEADER, 504};
}

/*
 * LY-407: the client has ended its stream, perhaps for good, and nothing comes from the pool that
 * would tell. UINT64_MAX: it does not wait for the pool.
 */
static lg_us patience(struct session *s)
{
	const struct exchange *ex = s->ex;

	if (ex->client_eof_at == 0 || ex->req_phase == REQ_BODY)
		return UINT64_MAX;
	if (!ex->committed)
		return LG_MAX(ex->client_eof_at, ex->sent_at) + HALF_CLOSE_GRACE;
	if (ex->resp_phase != RESP_BODY || peer_room(&s->front) == 0)
		return UINT64_MAX;
	return LG_MAX(ex->client_eof_at, ex->progress_at) + HALF_CLOSE_GRACE;
}

static struct waiting waiting(struct session *s)
{
	const struct conf_timeouts *t = &s->p->conf->timeouts;
	struct exchange *ex = s->ex;

	switch (s->state) {
	case SESSION_HANDSHAKE:
		return (struct waiting){
			s->since + t->tls_handshake, PROXY_END_CLIENT_TIMEOUT_TLS, 0};
	case SESSION_LINGER:
		return (struct waiting){s->since + LINGER_TIME, PROXY_END_CLIENT_CLOSE, 0};
	case SESSION_OPEN:
		break;
	}
	if (session_idle(s))
		return (struct waiting){s->since + t->idle, PROXY_END_CLIENT_TIMEOUT_IDLE, 0};
	if (ex->req_phase == REQ_HEAD)
		return (struct waiting){
			ex->start + t->request_header, PROXY_END_CLIENT_TIMEOUT_HEADER, 408};

	struct waiting w = ex->req_phase == REQ_CONNECT ? waiting_for_back(s)
							: waiting_for_response(s);
	lg_us grace = patience(s);
	if (grace < w.deadline)
		w = (struct waiting){grace, PROXY_END_CLIENT_ABORT, 0};
	return w;
}

/* The request lies in our send buffer still: the pool can't answer what it has not got. */
static bool request_on_its_way(const struct exchange *ex)
{
	return ex->req_phase == REQ_DONE && ex->resp_phase == RESP_HEAD && !ex->back->peer.gone &&
	       tcp_tx_unacked(ex->back->peer.tcp) > 0;
}

/*
 * Who acknowledges moves, although a buffer of ours may not have drained enough to send it more: a
 * slow reader is no stalled one.
 */
static void note_acks(struct session *s, lg_us now)
{
	uint32_t unacked = s->front.gone ? 0 : tcp_tx_unacked(s->front.tcp);
	struct exchange *ex = s->ex;

	if (unacked < s->unacked && s->state == SESSION_LINGER)
		s->since = now;
	else if (unacked < s->unacked && ex != NULL && ex->resp_phase == RESP_BODY)
		ex->progress_at = now;
	s->unacked = unacked;
	if (ex != NULL && ex->client_eof_at != 0 && request_on_its_way(ex))
		ex->sent_at = now;
}

void timeout_update(struct session *s, lg_us now)
{
	note_acks(s, now);
	struct waiting w = waiting(s);
	if (!lg_timer_armed(&s->timer) || w.deadline < s->timer.deadline)
		lg_timer_arm(s->p->wheel, &s->timer, w.deadline);
}

void timeout_fired(struct lg_timer *t, lg_us now)
{
	struct session *s = LG_CONTAINER_OF(t, struct session, timer);

	note_acks(s, now);
	struct waiting w = waiting(s);
	if (now < w.deadline) {
		lg_timer_arm(s->p->wheel, t, w.deadline);
		return;
	}
	if (s->state == SESSION_OPEN && session_idle(s))
		session_linger(s, w.end, now);
	else if (s->state == SESSION_LINGER) /* the stack delivers what is left, or gives up */
		session_end(s, w.end, false, now);
	else if (s->state == SESSION_HANDSHAKE || w.status == 0)
		session_end(s, w.end, true, now);
	else if (s->ex->req_phase == REQ_CONNECT)
		backend_attempt_failed(s->ex->back, w.end, now);
	else
		exchange_fail(s, w.status, w.end, now);
	if (!s->dead)
		session_run(s, now);
}
