/* SPDX-License-Identifier: BSD-3-Clause */
/* One end of a connection: text in and out, with TLS under it or not. */
#include <string.h>

#include "world.h"

static void keep_text(struct end *e, struct lg_chain *c)
{
	uint32_t n = c->len;

	assert_true(e->len + n <= WORLD_TEXT);
	lg_chain_peek(c, 0, e->text + e->len, n);
	lg_chain_trim_head(c, n);
	e->len += n;
}

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
	keep_text(e, &plain);
	send_tls(e, &out);
	if (r == TLS_CLOSED)
		e->eof = e->clean = true;
	else if (r == TLS_FAILED)
		e->tls_failed = true;
}

static void end_read(struct end *e)
{
	if (e->paused || e->tcp == NULL)
		return;
	if (e->tls != NULL)
		read_tls(e);
	else
		keep_text(e, tcp_rx(e->tcp));
	if (!e->closed)
		tcp_rx_consumed(e->tcp);
}

void end_event(struct world *w, struct end *e, unsigned events)
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
		tcp_release(e->tcp, w->now);
		e->tcp = NULL;
	}
}

void end_queue(struct world *w, struct end *e, const void *data, size_t n)
{
	struct lg_chain c, out;

	lg_chain_init(&c);
	lg_chain_init(&out);
	assert_non_null(e->tcp);
	assert_int_equal(lg_chain_write(&c, world_mbufs(), data, (uint32_t)n), 0);
	if (e->tls != NULL) {
		assert_int_equal(tls_write(e->tls, &c, c.len, &out, 1448, w->now), TLS_OK);
		lg_chain_splice(&c, &out);
	}
	(void)tcp_send(e->tcp, &c); /* the other end may be gone already */
}

void end_send_bytes(struct world *w, struct end *e, const void *data, size_t n)
{
	end_queue(w, e, data, n);
	world_run(w, LG_MS(5));
}

void end_send(struct world *w, struct end *e, const char *text)
{
	end_send_bytes(w, e, text, strlen(text));
}

void end_queue_shutdown(struct world *w, struct end *e)
{
	struct lg_chain out;

	(void)w;
	lg_chain_init(&out);
	if (e->tls != NULL && e->connected)
		tls_close(e->tls, &out);
	send_tls(e, &out);
	tcp_shutdown(e->tcp);
}

void end_shutdown(struct world *w, struct end *e)
{
	end_queue_shutdown(w, e);
	world_run(w, LG_MS(5));
}

void end_fin(struct world *w, struct end *e)
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

void end_resume(struct world *w, struct end *e)
{
	(void)w;
	e->paused = false;
	end_read(e);
}

void end_clear(struct end *e)
{
	memset(e->text, 0, e->len);
	e->len = 0;
}

void end_free(struct end *e)
{
	free(e->text);
	tls_conn_free(e->tls);
}
