/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection of a session: the same calls whether TLS lies on it or not. */
#include <errno.h>

#include "proxy/internal.h"

struct lg_chain *peer_rx(struct peer *pe)
{
	return pe->use_tls ? &pe->plain : tcp_rx(pe->tcp);
}

void peer_consumed(struct peer *pe)
{
	if (!pe->use_tls && !pe->gone)
		tcp_rx_consumed(pe->tcp);
}

static void note_tcp_end(struct peer *pe)
{
	/* The event may still be on its way, behind one of another connection of the session. */
	if (tcp_conn_state(pe->tcp) == TCP_CLOSED)
		pe->gone = true;
	if (pe->gone || tcp_rx_eof(pe->tcp)) {
		pe->eof = true;
		if (!pe->use_tls)
			pe->clean_eof = tcp_rx_eof(pe->tcp);
	}
}

/* Hands TLS output that came up while reading (alerts, key updates) to TCP. */
static void send_raw(struct peer *pe, struct lg_chain *out)
{
	if (lg_chain_empty(out))
		return;
	if (pe->gone)
		lg_chain_free(out);
	else
		(void)tcp_send(
			pe->tcp, out); /* after our FIN it is freed: nothing to tell anybody */
}

int peer_fill(struct peer *pe, uint32_t want)
{
	if (!pe->use_tls) {
		note_tcp_end(pe);
		return 0;
	}
	if (pe->eof || pe->plain.len >= want)
		return 0;

	struct lg_chain out;
	lg_chain_init(&out);
	enum tls_result r = tls_read(
		pe->tls, tcp_rx(pe->tcp), &pe->plain, want - pe->plain.len, &out);
	if (!pe->gone)
		tcp_rx_consumed(pe->tcp);
	send_raw(pe, &out);
	switch (r) {
	case TLS_CLOSED:
		pe->eof = pe->clean_eof = true;
		return 0;
	case TLS_FAILED:
		pe->failed = pe->eof = true;
		return -EPROTO;
	case TLS_WANT_INPUT:
		note_tcp_end(pe);
		return 0;
	case TLS_OK:
		return 0;
	}
	return 0;
}

uint32_t peer_room(struct peer *pe)
{
	if (pe->gone)
		return 0;
	uint32_t room = tcp_tx_space(pe->tcp);
	return room < MIN_ROOM ? 0 : room;
}

int peer_send(struct peer *pe, struct lg_chain *data, lg_us now)
{
	if (pe->gone) {
		lg_chain_free(data);
		return -EPIPE;
	}
	if (!pe->use_tls)
		return tcp_send(pe->tcp, data);

	struct lg_chain out;
	lg_chain_init(&out);
	enum tls_result r = tls_write(pe->tls, data, data->len, &out, tcp_conn_mss(pe->tcp), now);
	lg_chain_free(data);
	int rc = lg_chain_empty(&out) ? 0 : tcp_send(pe->tcp, &out);
	return r == TLS_OK ? rc : -ENOMEM;
}

void peer_shutdown(struct peer *pe)
{
	if (pe->tcp == NULL || pe->gone)
		return;
	if (pe->tls != NULL && pe->up && !pe->failed) {
		struct lg_chain out;
		lg_chain_init(&out);
		tls_close(pe->tls, &out);
		send_raw(pe, &out);
	}
	tcp_shutdown(pe->tcp);
}

void peer_release(struct peer *pe, bool abort, lg_us now)
{
	if (lg_node_linked(&pe->hs_node)) {
		lg_node_unlink(&pe->hs_node);
		pe->s->p->n_handshakes--;
	}
	if (pe->tcp != NULL) {
		if (!pe->gone) {
			if (abort)
				tcp_abort(pe->tcp, now);
			else
				peer_shutdown(pe);
		}
		tcp_release(pe->tcp, now);
		pe->tcp = NULL;
	}
	if (pe->tls != NULL) {
		tls_conn_free(pe->tls);
		pe->tls = NULL;
	}
	lg_chain_free(&pe->plain);
}

enum tls_result peer_handshake(struct peer *pe, lg_us now)
{
	struct lg_chain out;

	(void)now;
	lg_chain_init(&out);
	enum tls_result r = tls_handshake(pe->tls, tcp_rx(pe->tcp), &out);
	if (!pe->gone)
		tcp_rx_consumed(pe->tcp);
	send_raw(pe, &out);
	if (r == TLS_OK)
		pe->up = true;
	else if (r != TLS_WANT_INPUT)
		pe->failed = true;
	else
		note_tcp_end(pe);
	return r;
}

void peer_want_handshake(struct peer *pe)
{
	struct proxy *p = pe->s->p;

	if (lg_node_linked(&pe->hs_node))
		return;
	lg_list_push_back(&p->handshakes, &pe->hs_node);
	p->n_handshakes++;
}
