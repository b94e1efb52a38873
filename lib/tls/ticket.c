/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stateless session tickets (RFC 5077; RFC 8446 section 4.6.1) under the process's key, so that a
 * session resumes on whichever worker its next connection lands.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include "tls/tls_impl.h"

static int set_mac_key(EVP_MAC_CTX *mac, const struct tls_ticket_key *k)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(
			OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->hmac, sizeof(k->hmac)),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (void *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_END,
	};
	return EVP_MAC_CTX_set_params(mac, params);
}

/* OpenSSL's contract: 1 done, 2 done and renew, 0 no such key (full handshake), -1 error. */
static int on_ticket_key(SSL *ssl, unsigned char name[16], unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	struct tls_worker *w = tls_conn_of(ssl)->worker;
	const struct tls_ticket_key *k = &w->shared->ticket;
	if (encrypt) {
		if (RAND_bytes_ex(w->libctx, iv, EVP_CIPHER_get_iv_length(w->ticket_cipher), 0) <=
			0)
			return -1;
		memcpy(name, k->name, sizeof(k->name));
	} else if (memcmp(name, k->name, sizeof(k->name)) != 0) {
		return 0;
	}
	if (!EVP_CipherInit_ex(cipher, w->ticket_cipher, NULL, k->aes, iv, encrypt))
		return -1;
	if (!set_mac_key(mac, k))
		return -1;
	/* TLS 1.3 tickets are for one use (RFC 8446 appendix C.4): each resumption gets the next.
	 */
	return SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

int tls_ticket_setup(SSL_CTX *ctx, OSSL_LIB_CTX *libctx, const char *listener)
{
	/*
	 * The session id context is the listener's, not the certificate's: a ticket must resume
	 * after the choice by server name, and must not carry over to a listener with other rules.
	 */
	unsigned char sid[EVP_MAX_MD_SIZE];
	size_t len;
	if (!EVP_Q_digest(libctx, "SHA256", NULL, listener, strlen(listener), sid, &len) ||
		!SSL_CTX_set_session_id_context(ctx, sid, (unsigned)len))
		return 0;
	return SSL_CTX_set_num_tickets(ctx, 1) &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
}
