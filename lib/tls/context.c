/* SPDX-License-Identifier: BSD-3-Clause */
/* What server and client contexts have in common. */
#include <stdio.h>

#include "tls/tls_impl.h"

#define AEAD_CIPHERS                                                                               \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/*
 * What Windows up to 2012 R2 has for RSA certificates: TLS 1.2 without ECDHE-RSA-AES-GCM (LY-224),
 * and all that TLS 1.0 and 1.1 know (LY-210).
 */
#define CBC_CIPHERS                                                                                \
	":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:"               \
	"ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"                        \
	"AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA"
#define GROUPS "X25519:P-256:P-384"

static bool set_versions(SSL_CTX *ctx, const struct tls_ctx_params *p)
{
	if (p->min_version < TLS_V1_0 || p->max_version > TLS_V1_3 ||
		p->min_version > p->max_version)
		return false;
	/* Versions before 1.2 sign with SHA-1, which OpenSSL 3 has only at level 0 (LY-210). */
	SSL_CTX_set_security_level(ctx, p->min_version < TLS_V1_2 ? 0 : 1);
	return SSL_CTX_set_min_proto_version(ctx, p->min_version) &&
	       SSL_CTX_set_max_proto_version(ctx, p->max_version);
}

static bool set_ciphers(SSL_CTX *ctx, const struct tls_ctx_params *p)
{
	bool aead_only = p->server && p->min_version >= TLS_V1_2;
	const char *list = aead_only ? AEAD_CIPHERS : AEAD_CIPHERS CBC_CIPHERS;
	if (!SSL_CTX_set_cipher_list(ctx, p->ciphers ? p->ciphers : list))
		return false;
	return !p->ciphersuites || SSL_CTX_set_ciphersuites(ctx, p->ciphersuites);
}

static void set_options(SSL_CTX *ctx, bool server)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_SSLv3 | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	/* Empty fragments before each record confuse old clients; see BEAST: towards us it is
	 * theirs. */
	if (server)
		SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE |
						 SSL_OP_PRIORITIZE_CHACHA |
						 SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 0);
	SSL_CTX_set_max_early_data(ctx, 0);
}

/* TLS 1.3 has no levels: all but these two are fatal (RFC 8446 section 6). */
static bool ends_connection(const SSL *ssl, int level, int alert)
{
	if (SSL_version(ssl) != TLS1_3_VERSION)
		return level == SSL3_AL_FATAL;
	return alert != SSL_AD_CLOSE_NOTIFY && alert != SSL_AD_USER_CANCELLED;
}

/* Alerts are all that we want to know of the library's progress. */
static void on_info(const SSL *ssl, int where, int value)
{
	struct tls_conn *t = tls_conn_of(ssl);
	int alert = value & 0xff;
	if (where == SSL_CB_READ_ALERT && ends_connection(ssl, value >> 8, alert))
		t->alert_in = (uint16_t)(alert + 1);
	else if (where == SSL_CB_WRITE_ALERT && alert == SSL_AD_NO_RENEGOTIATION)
		tls_count(t->worker, TLS_CTR_RENEGOTIATION_REFUSED);
}

SSL_CTX *tls_ctx_new(struct tls_worker *w, const struct tls_ctx_params *p, char *err, size_t errlen)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(
		w->libctx, NULL, p->server ? TLS_server_method() : TLS_client_method());
	if (!ctx) {
		tls_setup_error(err, errlen, "%s: no TLS context", p->what);
		return NULL;
	}
	set_options(ctx, p->server);
	SSL_CTX_set_info_callback(ctx, on_info);
	if (!set_versions(ctx, p))
		tls_setup_error(err, errlen, "%s: TLS versions %x to %x are not possible", p->what,
			p->min_version, p->max_version);
	else if (!set_ciphers(ctx, p))
		tls_setup_error(err, errlen, "%s: cipher list", p->what);
	else if (!SSL_CTX_set1_groups_list(ctx, GROUPS))
		tls_setup_error(err, errlen, "%s: groups " GROUPS, p->what);
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}
