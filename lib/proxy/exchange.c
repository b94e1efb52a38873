/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One request and its response, step by step: read the head, route it, have a pool connection, send
 * the head, relay the body, and the same back. Pipelined requests wait in the receive buffer until
 * the exchange before them is over, so answers keep their order.
 */
#include <string.h>

#include "proxy/internal.h"

/* What is read ahead of the parser, so that a head arrives in few steps. */
#define HEAD_READ 4096u

/* Bytes count however the exchange ended: towards the pool only those that were sent there. */
static void count_bytes(struct session *s)
{
	struct proxy *p = s->p;
	const struct exchange *ex = s->ex;
	struct proxy_listener_stats *ls = &p->listener_stats[s->listener];

	ls->rx_bytes += ex->bytes_in;
	ls->tx_bytes += ex->bytes_out;
	if (ex->sent_at == 0)
		return;
	struct proxy_pool_stats *ps = &p->pool_stats[p->conf->routes[ex->host->route].pool];
	ps->rx_bytes += ex->bytes_in;
	p->counters[PROXY_CTR_RX_BYTES] += ex->bytes_in;
	if (ex->first_byte_at == 0)
		return;
	ps->tx_bytes += ex->bytes_out;
	p->counters[PROXY_CTR_TX_BYTES] += ex->bytes_out;
}

void exchange_drop_idle(struct session *s)
{
	if (s->ex == NULL || !session_idle(s))
		return;
	blocks_put(&s->p->exchange_blocks, &s->ex->node);
	s->ex = NULL;
}

void exchange_finish(struct session *s, enum proxy_end end, lg_us now)
{
	struct proxy *p = s->p;
	struct exchange *ex = s->ex;

	session_count_end(p, end);
	count_bytes(s);
	access_log(s, end, now);
	s->ex = NULL;
	s->since = now;
	if (ex->back != NULL && (end != PROXY_END_OK || ex->close_back))
		backend_free(ex->back, end != PROXY_END_OK, now);
	blocks_put(&p->exchange_blocks, &ex->node);
}

/* True when nothing of the present request is left unread on the front connection. */
static bool request_is_over(const struct exchange *ex)
{
	return ex->req_phase == REQ_DONE;
}

void exchange_fail(struct session *s, int status, enum proxy_end end, lg_us now)
{
	struct exchange *ex = s->ex;
	const char *reason = end == PROXY_END_BAD_REQUEST ? http_error_name(ex->req.error)
							  : proxy_end_name(end);

	if (ex->resp_phase == RESP_DONE && !s->front.gone) {
		session_linger(s, end, now);
		return;
	}
	if (ex->committed || s->front.gone || status == 0) {
		/* A cut response must not look complete: reset, no close_notify. */
		session_end(s, end, true, now);
		return;
	}
	if (ex->host != NULL) {
		struct proxy_pool_stats
			*ps = &s->p->pool_stats[s->p->conf->routes[ex->host->route].pool];
		ps->local_503 += status == 503;
		ps->local_504 += status == 504;
	}
	if (!answer_local(s, status, reason, false, now)) {
		session_end(s, PROXY_END_NO_MEMORY, true, now);
		return;
	}
	session_linger(s, end, now);
}

/* A local answer to a request that was read whole leaves the connection open. */
static void answer_and_go_on(struct session *s, int status, const char *reason, enum proxy_end end,
	bool redirect, lg_us now)
{
	struct exchange *ex = s->ex;
	bool keep = ex->req.framing == HTTP_BODY_NONE && ex->req.keep_alive && ex->req.minor == 1 &&
		    !s->p->draining;
	struct lg_chain *rx = peer_rx(&s->front);

	lg_chain_trim_head(rx, ex->req.head_len);
	peer_consumed(&s->front);
	bool sent = redirect ? answer_redirect(s, keep, now)
			     : answer_local(s, status, reason, keep, now);
	if (!sent)
		session_end(s, PROXY_END_NO_MEMORY, true, now);
	else if (keep)
		exchange_finish(s, end, now);
	else
		session_linger(s, end, now);
}

/* Finds route and pool. True when the request goes to a pool. */
static bool route_request(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct proxy *p = s->p;
	const struct conf_host *h = proxy_routes_find(
		p->routes, ex->req.host, ex->req.path, ex->req.path_len);

	if (h == NULL || (!s->front.use_tls && h->http == CONF_HTTP_OFF)) {
		answer_and_go_on(s, 404, "unknown-host", PROXY_END_UNKNOWN_HOST, false, now);
		return false;
	}
	if (!s->front.use_tls && h->http == CONF_HTTP_REDIRECT) {
		answer_and_go_on(s, 0, "", PROXY_END_REDIRECT, true, now);
		return false;
	}
	ex->host = h;
	uint64_t limit = p->conf->limits.request_body;
	if (limit != 0 && ex->req.framing == HTTP_BODY_LENGTH && ex->req.content_length > limit) {
		exchange_fail(s, 413, PROXY_END_BODY_LIMIT, now);
		return false;
	}
	return true;
}

static void head_complete(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct proxy *p = s->p;

	ex->head_at = now;
	s->budget -= LG_MIN(s->budget, REQUEST_COST);
	s->requests++;
	p->counters[PROXY_CTR_REQUESTS]++;
	p->listener_stats[s->listener].requests++;
	ex->bytes_in = ex->req.head_len;
	if (!route_request(s, now))
		return;
	unsigned pool = p->conf->routes[ex->host->route].pool;
	p->pool_stats[pool].requests++;
	ex->req_phase = REQ_CONNECT;
	struct back *b = backend_get(s, pool, now);
	if (b != NULL) {
		ex->back = b;
		b->auth |= ex->req.has_auth_scheme;
	}
}

/* Reads the head. True when it is complete (or refused): something happened. */
static bool step_head(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct peer *f = &s->front;

	if (peer_fill(f, ex->parsed + HEAD_READ) != 0) {
		session_linger(s, PROXY_END_CLIENT_TLS, now);
		return false;
	}
	uint32_t before = ex->parsed;
	if (!http_head_started(&ex->req))
		ex->start = now;
	enum http_status st = relay_parse_head(&ex->req, peer_rx(f), &ex->parsed);
	if (st == HTTP_DONE) {
		head_complete(s, now);
		return true;
	}
	if (st == HTTP_ERROR) {
		exchange_fail(s, http_error_status(ex->req.error), PROXY_END_BAD_REQUEST, now);
		return true;
	}
	if (f->eof && ex->parsed == peer_rx(f)->len && !session_idle(s)) {
		session_end(s, PROXY_END_CLIENT_ABORT, false, now);
		return false;
	}
	return ex->parsed != before;
}

/* The pool connection is up: the head goes out. */
static bool step_send_head(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct back *b = ex->back;
	/* HTTP/1.0 says persistence aloud; 1.1 needs no word. */
	const char *extra = ex->req.minor == 0 && ex->req.keep_alive ? "Connection: keep-alive\r\n"
								     : "";

	if (b == NULL || !b->peer.up)
		return false;
	ex->up_at = now;
	ex->sent_at = ex->progress_at = now;
	s->p->server_stats[b->pool][b->server].requests++;
	http_response_init(&ex->resp, &s->p->limits);
	bool no_body = relay_body_begin(&ex->req_body, ex->req.framing, ex->req.content_length);
	ex->req_phase = no_body ? REQ_DONE : REQ_BODY;
	int rc = relay_head(&s->front, &b->peer, &ex->req, extra, now);
	if (rc != 0)
		exchange_fail(
			s, 503, b->peer.gone ? PROXY_END_SERVER_RESET : PROXY_END_NO_MEMORY, now);
	return true;
}

static bool step_request_body(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct proxy *p = s->p;
	uint64_t limit = p->conf->limits.request_body;

	if (ex->back->peer.gone || ex->back->peer.eof)
		return false; /* the response side decides */
	bool done;
	int64_t n = relay_body(&s->front, &ex->back->peer, &ex->req_body, &s->budget, &done, now);
	if (n < 0) {
		if (s->front.failed)
			session_end(s, PROXY_END_CLIENT_TLS, true, now);
		else if (ex->req_body.error != HTTP_ERR_NONE) {
			ex->req.error = ex->req_body.error;
			exchange_fail(s, 400, PROXY_END_BAD_REQUEST, now);
		} else
			exchange_fail(s, 503, PROXY_END_NO_MEMORY, now);
		return true;
	}
	if (n > 0) {
		ex->bytes_in += (uint64_t)n;
		ex->progress_at = ex->sent_at = now;
	}
	if (done)
		ex->req_phase = REQ_DONE;
	if (limit != 0 && ex->req_body.payload > limit) {
		exchange_fail(s, 413, PROXY_END_BODY_LIMIT, now);
		return true;
	}
	return n > 0 || done;
}

/* The pool's side ended before the response did. */
static void back_ended(struct session *s, lg_us now)
{
	struct peer *pe = &s->ex->back->peer;
	bool reset = pe->gone && tcp_conn_reason(pe->tcp) != TCP_REASON_FIN;
	enum proxy_end end = pe->failed ? PROXY_END_SERVER_TLS
			     : reset    ? PROXY_END_SERVER_RESET
			     : pe->use_tls && !pe->clean_eof && s->ex->committed
				     ? PROXY_END_SERVER_TRUNCATED
				     : PROXY_END_SERVER_CLOSED;

	exchange_fail(s, 503, end, now);
}

/* What the client is told about its connection. */
static const char *connection_field(const struct exchange *ex)
{
	if (ex->close_front)
		return "Connection: close\r\n";
	return ex->req.minor == 0 || ex->resp.minor == 0 ? "Connection: keep-alive\r\n" : "";
}

static void interim_response(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;

	/* 101 was not asked for: Upgrade is not passed on. */
	if (ex->resp.status == 101 || ++ex->interim > MAX_INTERIM ||
		http_response_framing(&ex->resp, ex->req.method) != HTTP_DONE) {
		exchange_fail(s, 503, PROXY_END_SERVER_BAD_RESPONSE, now);
		return;
	}
	if (ex->req.minor == 0) { /* RFC 9110 section 15.2: not to a 1.0 client */
		lg_chain_trim_head(peer_rx(&ex->back->peer), ex->resp.head_len);
		peer_consumed(&ex->back->peer);
	} else if (relay_head(&ex->back->peer, &s->front, &ex->resp, "", now) != 0) {
		exchange_fail(s, 503, PROXY_END_NO_MEMORY, now);
		return;
	}
	ex->continued |= ex->resp.status == 100;
	ex->progress_at = now;
	ex->resp_parsed = 0;
	http_response_init(&ex->resp, &s->p->limits);
}

static void final_response(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct proxy_pool_stats *ps = &s->p->pool_stats[ex->back->pool];
	struct http_head *h = &ex->resp;

	if (http_response_framing(h, ex->req.method) != HTTP_DONE ||
		(h->framing == HTTP_BODY_CHUNKED && ex->req.minor == 0)) {
		exchange_fail(s, 503, PROXY_END_SERVER_BAD_RESPONSE, now);
		return;
	}
	bool until_close = h->framing == HTTP_BODY_UNTIL_CLOSE;
	ex->back->auth |= h->has_auth_scheme;
	ex->close_back = until_close || !h->keep_alive;
	/* The pool closes under an authenticated connection: so does ours (LY-403). */
	ex->close_front = ex->close_front || until_close || !ex->req.keep_alive || s->p->draining ||
			  (ex->close_back && (ex->back->auth || !request_is_over(ex)));
	ex->first_byte_at = ex->progress_at = now;
	ex->status = h->status;
	ex->bytes_out = h->head_len;
	ps->status_class[LG_MIN(h->status / 100, 5)]++;
	ex->committed = true;
	if (relay_head(&ex->back->peer, &s->front, h, connection_field(ex), now) != 0) {
		exchange_fail(s, 0, PROXY_END_NO_MEMORY, now);
		return;
	}
	bool no_body = relay_body_begin(&ex->resp_body, h->framing, h->content_length);
	ex->resp_phase = no_body ? RESP_DONE : RESP_BODY;
}

static bool step_response_head(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct peer *b = &ex->back->peer;

	if (peer_room(&s->front) == 0)
		return false;
	(void)peer_fill(b, ex->resp_parsed + HEAD_READ);
	uint32_t before = ex->resp_parsed;
	enum http_status st = relay_parse_head(&ex->resp, peer_rx(b), &ex->resp_parsed);
	if (st == HTTP_ERROR) {
		LG_LOG_RATELIMITED(now, LG_WARN, "pool", "%s: response refused: %s",
			s->p->conf->pools[ex->back->pool].name, http_error_help(ex->resp.error));
		exchange_fail(s, 503, PROXY_END_SERVER_BAD_RESPONSE, now);
		return true;
	}
	if (st == HTTP_DONE) {
		if (ex->resp.status < 200)
			interim_response(s, now);
		else
			final_response(s, now);
		return true;
	}
	if (b->eof && ex->resp_parsed == peer_rx(b)->len) {
		back_ended(s, now);
		return true;
	}
	return ex->resp_parsed != before;
}

static bool step_response_body(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct peer *b = &ex->back->peer;

	bool done;
	int64_t n = relay_body(b, &s->front, &ex->resp_body, &s->budget, &done, now);
	if (n < 0) {
		exchange_fail(s, 0,
			ex->resp_body.error ? PROXY_END_SERVER_BAD_RESPONSE
			: b->failed         ? PROXY_END_SERVER_TLS
					    : PROXY_END_NO_MEMORY,
			now);
		return true;
	}
	if (n > 0) {
		ex->bytes_out += (uint64_t)n;
		ex->progress_at = now;
	}
	if (done) {
		ex->resp_phase = RESP_DONE;
		return true;
	}
	if (b->eof && lg_chain_empty(peer_rx(b))) {
		if (ex->resp_body.framing == HTTP_BODY_UNTIL_CLOSE && b->clean_eof)
			ex->resp_phase = RESP_DONE;
		else
			back_ended(s, now);
		return true;
	}
	return n > 0;
}

/* Both directions are done, or the response is and the connection ends with it. */
static bool step_done(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct peer *b = &ex->back->peer;

	(void)peer_fill(b, 1); /* its end, or more bytes, may have come with the last ones */
	bool back_over = b->gone || b->eof;
	if (!request_is_over(ex) && !ex->close_front && !back_over)
		return false; /* the rest of the request body still has a reader */
	if (!request_is_over(ex))
		ex->close_front = ex->close_back = true;
	if (!lg_chain_empty(peer_rx(b))) { /* bytes after the response are nobody's */
		s->p->counters[PROXY_CTR_BACK_UNSOLICITED]++;
		ex->close_back = true;
	}
	s->p->counters[PROXY_CTR_RESPONSES]++;
	s->p->pool_stats[ex->back->pool].responses++;
	ex->close_back |= back_over;
	if (ex->close_front || (ex->back->auth && ex->close_back))
		session_linger(s, PROXY_END_OK, now);
	else
		exchange_finish(s, PROXY_END_OK, now);
	return true;
}

/* Notes the client's end during an exchange. True when the session ended by it. */
static bool client_ended(struct session *s, lg_us now)
{
	struct exchange *ex = s->ex;
	struct peer *f = &s->front;

	if (!f->use_tls || lg_chain_empty(&f->plain))
		(void)peer_fill(f, 1);
	if (f->failed && !ex->committed) {
		session_end(s, PROXY_END_CLIENT_TLS, true, now);
		return true;
	}
	if (!f->eof && !tcp_rx_eof(f->tcp))
		return false;
	if (ex->client_eof_at == 0)
		ex->client_eof_at = now;
	if (!f->eof || ex->req_phase != REQ_BODY || !lg_chain_empty(peer_rx(f)))
		return false;
	if (ex->resp_phase == RESP_DONE)
		session_linger(s, PROXY_END_CLIENT_ABORT, now);
	else
		session_end(s, PROXY_END_CLIENT_ABORT, true, now);
	return true;
}

static bool begin_exchange(struct session *s, lg_us now)
{
	struct peer *f = &s->front;

	if (peer_fill(f, HEAD_READ) != 0) {
		session_linger(s, PROXY_END_CLIENT_TLS, now);
		return false;
	}
	/* Who doesn't take answers gets no more of them: WRITABLE goes on with this. */
	if (lg_chain_empty(peer_rx(f)) || peer_room(f) == 0)
		return false;
	struct lg_node *n = blocks_get(&s->p->exchange_blocks);
	LG_ASSERT(n != NULL); /* there are as many exchanges as sessions */
	s->ex = LG_CONTAINER_OF(n, struct exchange, node);
	memset(s->ex, 0, offsetof(struct exchange, req));
	http_request_init(&s->ex->req, &s->p->limits);
	s->ex->start = now;
	return true;
}

bool exchange_step(struct session *s, lg_us now)
{
	if (s->budget == 0) {
		session_ready(s);
		return false;
	}
	if (s->ex == NULL)
		return begin_exchange(s, now);
	if (s->ex->req_phase == REQ_HEAD)
		return step_head(s, now);
	if (client_ended(s, now))
		return false;
	if (s->ex->req_phase == REQ_CONNECT)
		return step_send_head(s, now);

	bool moved = false;

	if (s->ex->req_phase == REQ_BODY) {
		moved = step_request_body(s, now);
		if (s->dead || s->ex == NULL)
			return false;
	}
	if (s->ex->resp_phase == RESP_HEAD)
		moved |= step_response_head(s, now);
	else if (s->ex->resp_phase == RESP_BODY)
		moved |= step_response_body(s, now);
	if (s->dead || s->ex == NULL)
		return false;
	if (s->ex->resp_phase == RESP_DONE)
		moved |= step_done(s, now);
	return moved;
}
