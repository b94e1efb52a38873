/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "tls/tls_impl.h"

static const char *const counter_names[] = {
#define X(id, name, help) name,
	TLS_COUNTERS(X)
#undef X
};
static const char *const counter_helps[] = {
#define X(id, name, help) help,
	TLS_COUNTERS(X)
#undef X
};

const char *tls_counter_name(enum tls_counter c)
{
	LG_ASSERT(c < TLS_CTR_MAX);
	return counter_names[c];
}

const char *tls_counter_help(enum tls_counter c)
{
	LG_ASSERT(c < TLS_CTR_MAX);
	return counter_helps[c];
}

bool tls_library_init(void)
{
	/*
	 * The distribution's openssl.cnf must not change what a listener's configuration says, and
	 * atexit handlers must not pull the library from under workers that still run.
	 */
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) &&
	       OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}

void tls_setup_error(char *err, size_t errlen, const char *fmt, ...)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	if (reason && n >= 0 && (size_t)n < errlen)
		snprintf(err + n, errlen - (size_t)n, ": %s", reason);
	ERR_clear_error();
}

struct tls_shared *tls_shared_create(void)
{
	struct tls_shared *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	if (getrandom(&s->ticket, sizeof(s->ticket), 0) != (ssize_t)sizeof(s->ticket)) {
		free(s);
		return NULL;
	}
	return s;
}

void tls_shared_free(struct tls_shared *s)
{
	if (!s)
		return;
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

static bool worker_start(struct tls_worker *w)
{
	w->libctx = OSSL_LIB_CTX_new();
	if (!w->libctx)
		return false;
	w->provider = OSSL_PROVIDER_load(w->libctx, "default");
	w->ticket_cipher = EVP_CIPHER_fetch(w->libctx, "AES-256-CBC", NULL);
	w->bio_method = tls_bio_method();
	return w->provider && w->ticket_cipher && w->bio_method;
}

struct tls_worker *tls_worker_create(const struct tls_worker_params *p, char *err, size_t errlen)
{
	if (!tls_library_init()) {
		tls_setup_error(err, errlen, "the TLS library did not start");
		return NULL;
	}
	struct tls_worker *w = calloc(1, sizeof(*w));
	if (!w) {
		snprintf(err, errlen, "no memory for a worker's TLS state");
		return NULL;
	}
	w->shared = p->shared;
	w->pool = p->pool;
	if (!worker_start(w)) {
		tls_setup_error(err, errlen, "a worker's TLS library context did not start");
		tls_worker_free(w);
		return NULL;
	}
	return w;
}

void tls_worker_free(struct tls_worker *w)
{
	if (!w)
		return;
	BIO_meth_free(w->bio_method);
	EVP_CIPHER_free(w->ticket_cipher);
	if (w->provider)
		OSSL_PROVIDER_unload(w->provider);
	OSSL_LIB_CTX_free(w->libctx);
	OPENSSL_cleanse(w->scratch, sizeof(w->scratch));
	free(w);
}

const uint64_t *tls_worker_counters(const struct tls_worker *w)
{
	return w->counters;
}
