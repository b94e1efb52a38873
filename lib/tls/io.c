/* SPDX-License-Identifier: BSD-3-Clause */
/* Application data: chains of ciphertext to chains of plaintext and back. */
#include "tls/tls_impl.h"

#define BURST_SMALL_RECORDS (64 * 1024)
#define BURST_IDLE          1000000 /* us */

/* ---- reading --------------------------------------------------------------------------------- */

/* What one SSL_read brought; TLS_OK with *got 0: records that carried no data. */
static enum tls_result read_some(struct tls_conn *t, void *buf, size_t room, size_t *got)
{
	*got = 0;
	int rc = SSL_read_ex(t->ssl, buf, room, got);
	if (t->nombuf)
		return tls_fail(t);
	if (rc == 1) {
		t->quiet_records = 0;
		return TLS_OK;
	}
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_INPUT;
	case SSL_ERROR_ZERO_RETURN:
		t->closed_in = true;
		tls_count(t->worker, TLS_CTR_CLOSE_NOTIFY_IN);
		return TLS_CLOSED;
	default:
		return tls_fail(t);
	}
}

/* The mbuf to read into next: *m while it has room, else a fresh one (a full one goes to plain). */
static struct rte_mbuf *read_room(struct tls_conn *t, struct lg_chain *plain, struct rte_mbuf **m)
{
	if (*m && rte_pktmbuf_tailroom(*m) > 0)
		return *m;
	if (*m)
		lg_chain_append(plain, *m);
	*m = rte_pktmbuf_alloc(t->worker->pool);
	if (!*m) {
		t->nombuf = true;
		tls_fail(t);
	}
	return *m;
}

static enum tls_result read_records(
	struct tls_conn *t, struct lg_chain *plain, uint32_t max, struct rte_mbuf **m)
{
	enum tls_result result = TLS_OK;
	uint32_t added = 0;
	/* A record that was begun is emptied: OpenSSL keeps 17 KiB for it otherwise. */
	while (result == TLS_OK && (added < max || SSL_pending(t->ssl) > 0)) {
		size_t got;
		if (SSL_pending(t->ssl) == 0 && !tls_has_record(t, t->in))
			return TLS_WANT_INPUT;
		if (!read_room(t, plain, m))
			return TLS_FAILED;
		uint16_t room = rte_pktmbuf_tailroom(*m);
		result = read_some(
			t, rte_pktmbuf_mtod_offset(*m, void *, (*m)->data_len), room, &got);
		(*m)->data_len += (uint16_t)got;
		(*m)->pkt_len = (*m)->data_len;
		added += (uint32_t)got;
	}
	return result;
}

enum tls_result tls_read(struct tls_conn *t, struct lg_chain *in, struct lg_chain *plain,
	uint32_t max, struct lg_chain *out)
{
	struct rte_mbuf *m = NULL;
	if (t->state == TLS_ST_FAILED)
		return TLS_FAILED;
	if (t->closed_in)
		return TLS_CLOSED;
	LG_ASSERT(t->state == TLS_ST_OPEN);
	tls_enter(t, in, out);
	enum tls_result result = read_records(t, plain, max, &m);
	tls_leave(t);
	if (m)
		lg_chain_append(plain, m);
	return result;
}

/* ---- writing --------------------------------------------------------------------------------- */

static uint32_t small_payload(uint32_t mss, uint32_t overhead)
{
	uint32_t n = mss > overhead ? mss - overhead : 0;
	return LG_MIN(LG_MAX(n, TLS_RECORD_PAYLOAD_MIN), TLS_RECORD_PLAIN_MAX);
}

uint32_t tls_overhead(uint32_t n, uint32_t mss)
{
	/* One record more for the step to large ones, one for the end, one for a KeyUpdate's
	 * answer. */
	uint32_t records = n / small_payload(mss, TLS_RECORD_OVERHEAD_MAX) + 3;
	return n + records * TLS_RECORD_OVERHEAD_MAX;
}

/*
 * Segment-sized records at the start of a burst let the peer decrypt each segment as it comes;
 * later ones save work on both sides.
 */
static uint32_t record_payload(const struct tls_conn *t, uint32_t mss)
{
	return t->burst < BURST_SMALL_RECORDS ? small_payload(mss, t->overhead)
					      : TLS_RECORD_PLAIN_MAX;
}

static bool write_record(struct tls_conn *t, struct lg_chain *plain, uint32_t n)
{
	const void *data = rte_pktmbuf_mtod(plain->head, const void *);
	size_t put = 0;
	if (plain->head->data_len < n) {
		lg_chain_peek(plain, 0, t->worker->scratch, n);
		data = t->worker->scratch;
	}
	if (SSL_write_ex(t->ssl, data, n, &put) != 1 || t->nombuf) {
		tls_fail(t);
		return false;
	}
	LG_ASSERT(put == n);
	lg_chain_trim_head(plain, n);
	return true;
}

enum tls_result tls_write(struct tls_conn *t, struct lg_chain *plain, uint32_t max,
	struct lg_chain *out, uint32_t mss, lg_us now)
{
	uint32_t left = LG_MIN(max, plain->len);
	if (t->state == TLS_ST_FAILED || t->closed_out)
		return TLS_FAILED;
	LG_ASSERT(t->state == TLS_ST_OPEN);
	if (now - t->last_write >= BURST_IDLE)
		t->burst = 0;
	t->last_write = now;
	tls_enter(t, NULL, out);
	while (left > 0) {
		uint32_t n = LG_MIN(left, record_payload(t, mss));
		if (!write_record(t, plain, n))
			break;
		left -= n;
		/* Saturates: only "below 64 KiB" is ever asked. */
		t->burst = LG_MIN(t->burst + n, (uint32_t)BURST_SMALL_RECORDS);
	}
	tls_leave(t);
	return t->state == TLS_ST_FAILED ? TLS_FAILED : TLS_OK;
}

void tls_close(struct tls_conn *t, struct lg_chain *out)
{
	if (t->state != TLS_ST_OPEN || t->closed_out)
		return;
	t->closed_out = true;
	tls_enter(t, NULL, out);
	SSL_shutdown(t->ssl);
	if (t->nombuf)
		tls_fail(t);
	tls_leave(t);
}
