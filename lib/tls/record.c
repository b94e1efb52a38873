/* SPDX-License-Identifier: BSD-3-Clause */
/* Record headers, before OpenSSL sees them (RFC 8446 section 5.1, RFC 5246 section 6.2). */
#include "tls/tls_impl.h"

static bool looks_like_tls(const uint8_t *h, uint32_t n)
{
	/* change_cipher_spec(20) to application_data(23); SSLv2 hellos and plain HTTP are neither.
	 */
	if (n >= 1 && (h[0] < SSL3_RT_CHANGE_CIPHER_SPEC || h[0] > SSL3_RT_APPLICATION_DATA))
		return false;
	return n < 2 || h[1] == SSL3_VERSION_MAJOR;
}

static uint32_t record_limit(const struct tls_conn *t)
{
	bool v13 = t->state == TLS_ST_OPEN && SSL_version(t->ssl) == TLS1_3_VERSION;
	return v13 ? TLS13_RECORD_MAX : TLS12_RECORD_MAX;
}

enum tls_head tls_record_head(const struct tls_conn *t, const struct lg_chain *in, uint32_t *len)
{
	uint8_t h[TLS_RECORD_HEADER];
	uint32_t n = lg_chain_peek(in, 0, h, sizeof(h));
	if (!t->seen_record && !looks_like_tls(h, n))
		return TLS_HEAD_NOT_TLS;
	if (n < sizeof(h))
		return TLS_HEAD_PARTIAL;
	uint32_t body = (uint32_t)h[3] << 8 | h[4];
	if (h[1] != SSL3_VERSION_MAJOR || body > record_limit(t))
		return TLS_HEAD_BAD;
	*len = TLS_RECORD_HEADER + body;
	return in->len >= *len ? TLS_HEAD_WHOLE : TLS_HEAD_PARTIAL;
}

bool tls_has_record(const struct tls_conn *t, const struct lg_chain *in)
{
	uint32_t len;
	return tls_record_head(t, in, &len) != TLS_HEAD_PARTIAL;
}
