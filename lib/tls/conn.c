/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection's life: made, shaken hands, described, freed. Data is in io.c. */
#include <openssl/err.h>

#include "tls/tls_impl.h"

static struct tls_conn *conn_new(struct tls_worker *w, SSL_CTX *ctx)
{
	struct tls_conn *t = OPENSSL_zalloc(sizeof(*t));
	if (!t)
		return NULL;
	t->worker = w;
	t->ssl = SSL_new(ctx);
	BIO *b = t->ssl ? BIO_new_ex(w->libctx, w->bio_method) : NULL;
	if (!b) {
		SSL_free(t->ssl);
		OPENSSL_free(t);
		return NULL;
	}
	BIO_set_data(b, t);
	SSL_set_bio(t->ssl, b, b);
	return t;
}

struct tls_conn *tls_accept(struct tls_server *s)
{
	struct tls_conn *t = conn_new(s->worker, s->ctx[s->default_ctx]);
	if (!t)
		return NULL;
	t->server = s;
	s->refs++;
	SSL_set_accept_state(t->ssl);
	tls_count(t->worker, TLS_CTR_ACCEPTS);
	return t;
}

struct tls_conn *tls_connect(struct tls_client *c, unsigned server)
{
	LG_ASSERT(server < c->n_sessions);
	struct tls_conn *t = conn_new(c->worker, c->ctx);
	if (!t)
		return NULL;
	t->client = c;
	c->refs++;
	t->slot = server;
	SSL_set_connect_state(t->ssl);
	tls_session_offer(t);
	if (c->sni && !SSL_set_tlsext_host_name(t->ssl, c->sni)) {
		tls_conn_free(t);
		return NULL;
	}
	tls_count(t->worker, TLS_CTR_CLIENT_CONNECTS);
	return t;
}

void tls_conn_free(struct tls_conn *t)
{
	if (!t)
		return;
	/* OpenSSL spoils the session of a connection that it believes was cut. */
	if (t->state == TLS_ST_OPEN)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	if (t->server)
		tls_server_unref(t->server);
	if (t->client)
		tls_client_unref(t->client);
	OPENSSL_free(t->error);
	OPENSSL_free(t);
}

void tls_enter(struct tls_conn *t, struct lg_chain *in, struct lg_chain *out)
{
	t->in = in;
	t->out = out;
	ERR_clear_error();
}

void tls_leave(struct tls_conn *t)
{
	t->in = NULL;
	t->out = NULL;
}

/* What a record adds, for sizing records to segments. */
static uint8_t record_overhead(const SSL *ssl)
{
	if (SSL_version(ssl) == TLS1_3_VERSION)
		return TLS_RECORD_HEADER + 1 + 16;
	if (SSL_CIPHER_is_aead(SSL_get_current_cipher(ssl)))
		return TLS_RECORD_HEADER + 8 + 16;
	return TLS_RECORD_OVERHEAD_MAX;
}

static void opened(struct tls_conn *t)
{
	bool resumed = SSL_session_reused(t->ssl);
	t->state = TLS_ST_OPEN;
	t->overhead = record_overhead(t->ssl);
	if (t->server) {
		tls_count(t->worker, TLS_CTR_HANDSHAKES);
		if (resumed)
			tls_count(t->worker, TLS_CTR_RESUMED);
		return;
	}
	tls_count(t->worker, TLS_CTR_CLIENT_HANDSHAKES);
	if (resumed)
		tls_count(t->worker, TLS_CTR_CLIENT_RESUMED);
	else
		tls_session_drop(t);
}

enum tls_result tls_handshake(struct tls_conn *t, struct lg_chain *in, struct lg_chain *out)
{
	enum tls_result result = TLS_WANT_INPUT;
	if (t->state == TLS_ST_OPEN)
		return TLS_OK;
	if (t->state == TLS_ST_FAILED)
		return TLS_FAILED;
	tls_enter(t, in, out);
	int rc = SSL_do_handshake(t->ssl);
	if (rc == 1 && !t->nombuf) {
		opened(t);
		result = TLS_OK;
	} else if (t->nombuf || SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ) {
		result = tls_fail(t);
	}
	tls_leave(t);
	return result;
}

bool tls_conn_resumed(const struct tls_conn *t)
{
	return t->state == TLS_ST_OPEN && SSL_session_reused(t->ssl);
}

const char *tls_conn_version(const struct tls_conn *t)
{
	switch (SSL_version(t->ssl)) {
	case TLS1_VERSION:
		return "1.0";
	case TLS1_1_VERSION:
		return "1.1";
	case TLS1_2_VERSION:
		return "1.2";
	case TLS1_3_VERSION:
		return "1.3";
	default:
		return "none";
	}
}

const char *tls_conn_cipher(const struct tls_conn *t)
{
	return SSL_get_cipher_name(t->ssl);
}

const char *tls_conn_sni(const struct tls_conn *t)
{
	return SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
}
