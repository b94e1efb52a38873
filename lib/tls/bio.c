/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The BIO between OpenSSL and the chains of the current call. Reading gives whole records only;
 * since read_ahead is off, OpenSSL asks for a header and then for exactly that record's body.
 */
#include "tls/tls_impl.h"

struct tls_conn *tls_conn_of(const SSL *ssl)
{
	/* The read side is never wrapped (the write side is, during a handshake). */
	return BIO_get_data(SSL_get_rbio(ssl));
}

/* Opens the next record of t->in. False: none that OpenSSL may have. */
static bool next_record(struct tls_conn *t, BIO *b)
{
	uint32_t len;
	if (!t->in || t->bad_header)
		return false;
	switch (tls_record_head(t, t->in, &len)) {
	case TLS_HEAD_PARTIAL:
		BIO_set_retry_read(b);
		return false;
	case TLS_HEAD_NOT_TLS:
		t->not_tls = true;
		return false;
	case TLS_HEAD_BAD:
		t->bad_header = true;
		len = TLS_RECORD_HEADER;
		break;
	case TLS_HEAD_WHOLE:
		break;
	}
	if (t->state == TLS_ST_OPEN && ++t->quiet_records > TLS_QUIET_RECORDS_MAX) {
		t->flood = true;
		return false;
	}
	t->seen_record = true;
	t->record_left = len;
	return true;
}

static int chain_bio_read(BIO *b, char *buf, size_t size, size_t *got)
{
	struct tls_conn *t = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	*got = 0;
	if (t->record_left == 0 && !next_record(t, b))
		return 0;
	uint32_t n = (uint32_t)LG_MIN(size, (size_t)t->record_left);
	*got = lg_chain_peek(t->in, 0, buf, n);
	LG_ASSERT(*got == n);
	lg_chain_trim_head(t->in, n);
	t->record_left -= n;
	return 1;
}

static int chain_bio_write(BIO *b, const char *buf, size_t size, size_t *put)
{
	struct tls_conn *t = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	*put = 0;
	/* What was lost once must stay lost: a later record would be out of sequence. */
	if (t->nombuf || !t->out)
		return 0;
	if (lg_chain_write(t->out, t->worker->pool, buf, (uint32_t)size) < 0) {
		t->nombuf = true;
		return 0;
	}
	*put = size;
	return 1;
}

static long chain_bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static int chain_bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "mbuf chain");
	if (!m)
		return NULL;
	if (!BIO_meth_set_read_ex(m, chain_bio_read) ||
		!BIO_meth_set_write_ex(m, chain_bio_write) ||
		!BIO_meth_set_ctrl(m, chain_bio_ctrl) ||
		!BIO_meth_set_create(m, chain_bio_create)) {
		BIO_meth_free(m);
		return NULL;
	}
	return m;
}
