/* SPDX-License-Identifier: BSD-3-Clause */
/* Cipher lists are OpenSSL's language, so OpenSSL is asked. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "config/internal.h"

void conf_check_ciphers(struct conf_load *l, const struct conf_tls_versions *v,
	const yaml_node_t *ciphers, const yaml_node_t *suites)
{
	if (v->ciphers == NULL && v->ciphersuites == NULL)
		return;
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	if (ctx == NULL) {
		conf_error(l, ciphers, "OpenSSL gave no context to check the cipher list with");
		return;
	}
	bool list = v->ciphers == NULL || SSL_CTX_set_cipher_list(ctx, v->ciphers);
	bool tls13 = v->ciphersuites == NULL || SSL_CTX_set_ciphersuites(ctx, v->ciphersuites);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	if (!list)
		conf_error(l, ciphers,
			"ciphers: OpenSSL knows no cipher in '%s'; 'openssl ciphers LIST' tells",
			conf_show(l, v->ciphers, strlen(v->ciphers)));
	if (!tls13)
		conf_error(l, suites,
			"ciphersuites: OpenSSL doesn't know all of '%s' (separate them by ':')",
			conf_show(l, v->ciphersuites, strlen(v->ciphersuites)));
}
