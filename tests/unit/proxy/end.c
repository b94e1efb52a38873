/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "end.h"

static void send_tls(struct end *e, struct lg_chain *out)
{
	if (e->tcp != NULL && !e->closed)
		(void)tcp_send(e->tcp, out);
	else
		lg_chain_free(out);
}

static void shake_hands(struct end *e)
{
	struct lg_chain out;

	lg_chain_init(&out);
	switch (tls_handshake(e->tls, tcp_rx(e->tcp), &out)) {
	case TLS_OK:
		e->connected = true;
		break;
	case TLS_WANT_INPUT:
		break;
	default:
		e->tls_failed = true;
		break;
	}
	send_tls(e, &out);
}

static void read_tls(struct end *e)
{
	struct lg_chain plain, out;

	if (!e->connected && !e->tls_failed)
		shake_hands(e);
	if (!e->connected || e->tls_failed)
		return;
	lg_chain_init(&plain);
	lg_chain_init(&out);
	enum tls_result r = tls_read(e->tls, tcp_rx(e->tcp), &plain, UINT32_MAX, &out);
	e->take(e, &plain);
	send_tls(e, &out);
	if (r == TLS_CLOSED)
		e->eof = e->clean = true;
	else if (r == TLS_FAILED)
		e->tls_failed = true;
}

void end_read(struct end *e)
{
	if (e->paused || e->tcp == NULL)
		return;
	if (e->tls != NULL)
		read_tls(e);
	else
		e->take(e, tcp_rx(e->tcp));
	if (!e->closed)
		tcp_rx_consumed(e->tcp);
}

void end_event(struct end *e, unsigned events, lg_us now)
{
	if (events & (TCP_EV_CONNECTED | TCP_EV_ACCEPTED) && e->tls == NULL)
		e->connected = true;
	if (events & TCP_EV_CLOSED) {
		e->closed = true;
		e->paused = false; /* the last chance to read */
		e->reason = tcp_conn_reason(e->tcp);
	}
	end_read(e);
	if (events & TCP_EV_EOF) {
		e->eof = true;
		e->clean |= e->tls == NULL;
	}
	if (events & TCP_EV_CLOSED) {
		tcp_release(e->tcp, now);
		e->tcp = NULL;
	}
}

void end_write(struct end *e, struct rte_mempool *pool, const void *data, size_t n, lg_us now)
{
	struct lg_chain c, out;

	lg_chain_init(&c);
	lg_chain_init(&out);
	LG_ASSERT(e->tcp != NULL);
	int rc = lg_chain_write(&c, pool, data, (uint32_t)n);
	LG_ASSERT(rc == 0);
	if (e->tls != NULL) {
		enum tls_result r = tls_write(e->tls, &c, c.len, &out, 1448, now);
		LG_ASSERT(r == TLS_OK);
		lg_chain_splice(&c, &out);
	}
	(void)tcp_send(e->tcp, &c); /* the other end may be gone already */
}

void end_finish(struct end *e)
{
	struct lg_chain out;

	lg_chain_init(&out);
	if (e->tls != NULL && e->connected)
		tls_close(e->tls, &out);
	send_tls(e, &out);
	tcp_shutdown(e->tcp);
}

void end_abort(struct end *e, lg_us now)
{
	tcp_abort(e->tcp, now);
	tcp_release(e->tcp, now);
	e->tcp = NULL;
}

void end_free(struct end *e)
{
	free(e->text);
	tls_conn_free(e->tls);
}
