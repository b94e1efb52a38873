/* SPDX-License-Identifier: BSD-3-Clause */
/* Towards the pool: verification and one cached session per member (LY-221..225). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls_impl.h"

static int on_verify(int ok, X509_STORE_CTX *store)
{
	if (!ok) {
		SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
		tls_conn_of(ssl)->verify_depth = (int16_t)X509_STORE_CTX_get_error_depth(store);
	}
	return ok;
}

/* 1: we keep the reference. TLS 1.3 calls it for each ticket; the newest stays. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_conn *t = tls_conn_of(ssl);
	SSL_SESSION **slot = &t->client->sessions[t->slot];
	SSL_SESSION_free(*slot);
	*slot = session;
	return 1;
}

void tls_session_offer(struct tls_conn *t)
{
	SSL_SESSION **slot = &t->client->sessions[t->slot];
	if (*slot && !SSL_SESSION_is_resumable(*slot)) {
		SSL_SESSION_free(*slot);
		*slot = NULL;
	}
	if (*slot && SSL_set_session(t->ssl, *slot))
		t->offered = *slot;
}

void tls_session_drop(struct tls_conn *t)
{
	SSL_SESSION **slot = &t->client->sessions[t->slot];
	if (t->offered && *slot == t->offered) {
		SSL_SESSION_free(*slot);
		*slot = NULL;
	}
	t->offered = NULL;
}

static bool set_name(SSL_CTX *ctx, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, name))
		return true;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0);
}

static bool set_verify(
	struct tls_client *c, const struct tls_client_params *p, char *err, size_t errlen)
{
	if (!p->verify) {
		SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
		return true;
	}
	if (!p->ca_file || !p->verify_name || !p->verify_name[0]) {
		snprintf(err, errlen, "pool %s: verification needs a CA file and a name", p->name);
		return false;
	}
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, on_verify);
	if (!SSL_CTX_load_verify_file(c->ctx, p->ca_file)) {
		tls_setup_error(err, errlen, "pool %s: CA file %s", p->name, p->ca_file);
		return false;
	}
	ERR_clear_error();
	c->verify_name = strdup(p->verify_name);
	if (!c->verify_name || !set_name(c->ctx, p->verify_name)) {
		tls_setup_error(err, errlen, "pool %s: name to verify %s", p->name, p->verify_name);
		return false;
	}
	return true;
}

static bool client_setup(
	struct tls_client *c, const struct tls_client_params *p, char *err, size_t errlen)
{
	char what[128];
	snprintf(what, sizeof(what), "pool %s", p->name);
	const struct tls_ctx_params x = {
		.what = what,
		.min_version = p->min_version,
		.max_version = p->max_version,
		.ciphers = p->ciphers,
		.ciphersuites = p->ciphersuites,
	};
	c->ctx = tls_ctx_new(c->worker, &x, err, errlen);
	if (!c->ctx || !set_verify(c, p, err, errlen))
		return false;
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, on_new_session);
	c->n_sessions = p->n_servers;
	c->sessions = calloc(p->n_servers, sizeof(SSL_SESSION *));
	if (p->sni && p->sni[0])
		c->sni = strdup(p->sni);
	if (!c->sessions || (p->sni && p->sni[0] && !c->sni)) {
		snprintf(err, errlen, "%s: no memory", what);
		return false;
	}
	return true;
}

struct tls_client *tls_client_create(
	struct tls_worker *w, const struct tls_client_params *p, char *err, size_t errlen)
{
	LG_ASSERT(p->n_servers > 0);
	ERR_clear_error();
	struct tls_client *c = calloc(1, sizeof(*c));
	if (!c) {
		snprintf(err, errlen, "pool %s: no memory", p->name);
		return NULL;
	}
	c->worker = w;
	c->refs = 1;
	if (!client_setup(c, p, err, errlen)) {
		tls_client_free(c);
		return NULL;
	}
	return c;
}

void tls_client_unref(struct tls_client *c)
{
	if (--c->refs)
		return;
	for (unsigned i = 0; i < c->n_sessions && c->sessions; i++)
		SSL_SESSION_free(c->sessions[i]);
	free(c->sessions);
	free(c->sni);
	free(c->verify_name);
	SSL_CTX_free(c->ctx);
	free(c);
}

void tls_client_free(struct tls_client *c)
{
	if (c)
		tls_client_unref(c);
}
