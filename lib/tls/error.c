/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a connection failed: one counter and one sentence. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "tls/tls_impl.h"

static enum tls_counter counter_of_reason(int reason)
{
	switch (reason) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_VERSION_TOO_HIGH:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_INAPPROPRIATE_FALLBACK:
		return TLS_CTR_FAIL_VERSION;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_CIPHERS_SPECIFIED:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_GROUPS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
		return TLS_CTR_FAIL_CIPHER;
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
	case SSL_R_BAD_RECORD_TYPE:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
	case SSL_R_DATA_LENGTH_TOO_LONG:
	case SSL_R_LENGTH_TOO_SHORT:
	case SSL_R_LENGTH_MISMATCH:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_RECORD_TOO_SMALL:
		return TLS_CTR_FAIL_RECORD;
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		return TLS_CTR_FAIL_VERIFY;
	case ERR_R_MALLOC_FAILURE:
	case ERR_R_INTERNAL_ERROR:
		return TLS_CTR_FAIL_OTHER;
	default:
		return TLS_CTR_FAIL_PROTOCOL;
	}
}

static enum tls_counter verify_sentence(struct tls_conn *t, long verdict, char *text, size_t size)
{
	const char *why = X509_verify_cert_error_string(verdict);
	t->verify_failed = true;
	if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
		snprintf(text, size, "%s: the certificate is not for %s", why,
			t->client->verify_name);
	else
		snprintf(text, size, "%s (certificate %d of the chain)", why, t->verify_depth + 1);
	return TLS_CTR_FAIL_VERIFY;
}

static enum tls_counter library_sentence(char *text, size_t size)
{
	/* The library's last word is the protocol's view; earlier ones are details of a primitive.
	 */
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;
	if (!e) {
		snprintf(text, size, "peer ended TLS during the handshake");
		return TLS_CTR_FAIL_PROTOCOL;
	}
	snprintf(text, size, "%s", reason ? reason : "unknown error of the TLS library");
	return ERR_GET_LIB(e) == ERR_LIB_SSL ? counter_of_reason(ERR_GET_REASON(e))
					     : TLS_CTR_FAIL_OTHER;
}

/* The most telling of what is known comes first. */
static enum tls_counter explain(struct tls_conn *t, char *text, size_t size)
{
	long verdict = SSL_get_verify_result(t->ssl);
	if (t->nombuf) {
		snprintf(text, size, "no packet buffer for TLS output");
		return TLS_CTR_NOMBUF;
	}
	if (t->not_tls) {
		snprintf(text, size, "peer does not speak TLS");
		return TLS_CTR_FAIL_PROTOCOL;
	}
	if (t->flood) {
		snprintf(text, size, "too many records without data");
		return TLS_CTR_FAIL_PROTOCOL;
	}
	if (t->alert_in) {
		snprintf(text, size, "peer sent alert: %s",
			SSL_alert_desc_string_long(t->alert_in - 1));
		return TLS_CTR_FAIL_ALERT;
	}
	if (t->client && t->client->verify_name && verdict != X509_V_OK)
		return verify_sentence(t, verdict, text, size);
	if (t->bad_header && !ERR_peek_last_error()) {
		snprintf(text, size, "record is too long");
		return TLS_CTR_FAIL_RECORD;
	}
	return library_sentence(text, size);
}

enum tls_result tls_fail(struct tls_conn *t)
{
	char text[256];
	if (t->state == TLS_ST_FAILED)
		return TLS_FAILED;
	tls_count(t->worker, explain(t, text, sizeof(text)));
	t->error = OPENSSL_strdup(text);
	if (t->client && t->state == TLS_ST_HANDSHAKE)
		tls_session_drop(t);
	t->state = TLS_ST_FAILED;
	ERR_clear_error();
	return TLS_FAILED;
}

const char *tls_conn_error(const struct tls_conn *t)
{
	if (t->error)
		return t->error;
	return t->state == TLS_ST_FAILED ? "out of memory" : "no error";
}

bool tls_conn_verify_failed(const struct tls_conn *t)
{
	return t->verify_failed;
}
