/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners: one SSL_CTX per certificate, equal in all but the certificate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "tls/tls_impl.h"

static const unsigned char http11[] = "http/1.1";

/*
 * http/1.1 wherever it stands in the client's list (A21). A client that offers only others gets no
 * ALPN answer rather than RFC 7301's fatal alert: old middleboxes offer "http/1.0" or nonsense and
 * then speak HTTP/1.1, which is what silence means.
 */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
	const unsigned char *in, unsigned inlen, void *arg)
{
	const unsigned char n = sizeof(http11) - 1;
	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < inlen && inlen - i - 1 >= in[i]; i += 1u + in[i]) {
		if (in[i] == n && memcmp(in + i + 1, http11, n) == 0) {
			*out = in + i + 1;
			*outlen = n;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* Called once per ClientHello, with or without the extension. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_conn *t = tls_conn_of(ssl);
	struct tls_server *s = t->server;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	int cert = name ? tls_names_find(&s->names, name) : -1;
	(void)alert;
	(void)arg;
	/* A second ClientHello (after HelloRetryRequest) is the same client. */
	if (!t->sni_counted)
		tls_count(t->worker, cert >= 0 ? TLS_CTR_SNI_MATCHED : TLS_CTR_SNI_DEFAULT);
	t->sni_counted = true;
	SSL_CTX *ctx = s->ctx[cert >= 0 ? (unsigned)cert : s->default_ctx];
	if (ctx != SSL_get_SSL_CTX(ssl) && !SSL_set_SSL_CTX(ssl, ctx))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return cert >= 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

struct name_taker {
	struct tls_names *names;
	unsigned cert;
	int rc;
};

static void take_name(void *arg, const char *dns_name)
{
	struct name_taker *n = arg;
	if (n->rc == 0)
		n->rc = tls_names_add(n->names, dns_name, n->cert);
}

static bool use_pair(SSL_CTX *ctx, struct tls_pair *p)
{
	if (!SSL_CTX_use_certificate(ctx, p->leaf) || !SSL_CTX_use_PrivateKey(ctx, p->key) ||
		!SSL_CTX_check_private_key(ctx))
		return false;
	for (int i = 0; i < sk_X509_num(p->chain); i++)
		if (!SSL_CTX_add1_chain_cert(ctx, sk_X509_value(p->chain, i)))
			return false;
	/* The file is the whole chain: nothing is searched for in a store. */
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	return true;
}

static bool add_cert(struct tls_server *s, SSL_CTX *ctx, const struct tls_cert_files *files,
	char *err, size_t errlen)
{
	struct tls_pair p;
	struct name_taker n = {.names = &s->names, .cert = s->n_ctx - 1};
	bool ok = tls_pair_load(&p, s->worker->libctx, files, err, errlen) == 0;
	if (ok && !use_pair(ctx, &p)) {
		tls_setup_error(err, errlen, "certificate %s: not usable", files->name);
		ok = false;
	}
	if (ok)
		tls_cert_names(p.leaf, take_name, &n);
	if (ok && n.rc < 0) {
		snprintf(err, errlen, "certificate %s: no memory", files->name);
		ok = false;
	}
	tls_pair_free(&p);
	return ok;
}

static bool add_ctx(struct tls_server *s, const struct tls_server_params *p, unsigned i, char *err,
	size_t errlen)
{
	char what[128];
	snprintf(what, sizeof(what), "listener %s", p->name);
	const struct tls_ctx_params c = {
		.what = what,
		.min_version = p->min_version,
		.max_version = p->max_version,
		.ciphers = p->ciphers,
		.ciphersuites = p->ciphersuites,
		.server = true,
	};
	SSL_CTX *ctx = tls_ctx_new(s->worker, &c, err, errlen);
	if (!ctx)
		return false;
	s->ctx[s->n_ctx++] = ctx;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	if (!tls_ticket_setup(ctx, s->worker->libctx, p->name)) {
		tls_setup_error(err, errlen, "%s: session tickets", what);
		return false;
	}
	return add_cert(s, ctx, &p->certs[i], err, errlen);
}

struct tls_server *tls_server_create(
	struct tls_worker *w, const struct tls_server_params *p, char *err, size_t errlen)
{
	ERR_clear_error();
	if (p->n_certs == 0 || p->default_cert >= p->n_certs) {
		snprintf(err, errlen, "listener %s: no certificate", p->name);
		return NULL;
	}
	struct tls_server *s = calloc(1, sizeof(*s));
	if (!s || !(s->ctx = calloc(p->n_certs, sizeof(SSL_CTX *)))) {
		snprintf(err, errlen, "listener %s: no memory", p->name);
		free(s);
		return NULL;
	}
	s->worker = w;
	s->refs = 1;
	s->default_ctx = p->default_cert;
	for (unsigned i = 0; i < p->n_certs; i++) {
		if (!add_ctx(s, p, i, err, errlen)) {
			tls_server_free(s);
			return NULL;
		}
	}
	tls_names_finish(&s->names);
	return s;
}

void tls_server_unref(struct tls_server *s)
{
	if (--s->refs)
		return;
	for (unsigned i = 0; i < s->n_ctx; i++)
		SSL_CTX_free(s->ctx[i]);
	free(s->ctx);
	tls_names_free(&s->names);
	free(s);
}

void tls_server_free(struct tls_server *s)
{
	if (s)
		tls_server_unref(s);
}
