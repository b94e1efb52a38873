/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates and keys from PEM files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls/tls_impl.h"

#define CERTS_PER_FILE_MAX 32

static BIO *open_file(const char *path, const char *what, const struct tls_cert_files *f, int *rc,
	char *err, size_t errlen)
{
	errno = 0;
	BIO *b = BIO_new_file(path, "r");
	if (!b) {
		*rc = errno ? -errno : -EIO;
		snprintf(err, errlen, "certificate %s: %s file %s: %s", f->name, what, path,
			strerror(-*rc));
		ERR_clear_error();
	}
	return b;
}

/* Never prompts on a terminal; *asked tells that the file wanted a password. */
static int no_password(char *buf, int size, int writing, void *asked)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

/* 1: a certificate; 0: end of the file; -1: not PEM, or damaged. */
static int read_cert(BIO *b, OSSL_LIB_CTX *libctx, X509 **out)
{
	bool asked;
	X509 *x = X509_new_ex(libctx, NULL);
	if (x && PEM_read_bio_X509(b, &x, no_password, &asked)) {
		*out = x;
		return 1;
	}
	/* PEM_read_bio_X509 has freed x when it failed to decode into it, and only then. */
	unsigned long e = ERR_peek_last_error();
	bool end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
	X509_free(x);
	return end ? 0 : -1;
}

static int load_certs(struct tls_pair *p, OSSL_LIB_CTX *libctx, const struct tls_cert_files *f,
	BIO *b, char *err, size_t errlen)
{
	int rc, n = 0;
	X509 *x = NULL;
	while ((rc = read_cert(b, libctx, &x)) > 0) {
		if (!p->leaf) {
			p->leaf = x;
		} else if (!sk_X509_push(p->chain, x)) {
			X509_free(x);
			return -ENOMEM;
		}
		if (++n > CERTS_PER_FILE_MAX) {
			snprintf(err, errlen, "certificate %s: more than %d certificates in %s",
				f->name, CERTS_PER_FILE_MAX, f->cert);
			return -EINVAL;
		}
	}
	if (rc < 0) {
		tls_setup_error(err, errlen, "certificate %s: certificate %d in %s is damaged",
			f->name, n + 1, f->cert);
		return -EINVAL;
	}
	ERR_clear_error();
	if (n == 0) {
		snprintf(err, errlen, "certificate %s: no PEM certificate in %s", f->name, f->cert);
		return -EINVAL;
	}
	return 0;
}

static int load_key(struct tls_pair *p, OSSL_LIB_CTX *libctx, const struct tls_cert_files *f,
	BIO *b, char *err, size_t errlen)
{
	bool asked = false;
	p->key = PEM_read_bio_PrivateKey_ex(b, NULL, no_password, &asked, libctx, NULL);
	if (p->key)
		return 0;
	if (asked) {
		snprintf(err, errlen,
			"certificate %s: the key in %s is encrypted: store it without a password",
			f->name, f->key);
		ERR_clear_error();
	} else {
		tls_setup_error(
			err, errlen, "certificate %s: no PEM private key in %s", f->name, f->key);
	}
	return -EINVAL;
}

static int check_match(
	const struct tls_pair *p, const struct tls_cert_files *f, char *err, size_t errlen)
{
	if (X509_check_private_key(p->leaf, p->key) == 1)
		return 0;
	snprintf(err, errlen,
		"certificate %s: the key in %s does not belong to the certificate in %s", f->name,
		f->key, f->cert);
	for (int i = 0; i < sk_X509_num(p->chain); i++) {
		if (X509_check_private_key(sk_X509_value(p->chain, i), p->key) == 1)
			snprintf(err, errlen,
				"certificate %s: %s has the server's certificate as number %d: it "
				"must come first, then the intermediates",
				f->name, f->cert, i + 2);
	}
	ERR_clear_error();
	return -EINVAL;
}

int tls_pair_load(struct tls_pair *p, OSSL_LIB_CTX *libctx, const struct tls_cert_files *f,
	char *err, size_t errlen)
{
	int rc = 0;
	*p = (struct tls_pair){.chain = sk_X509_new_null()};
	if (!p->chain) {
		snprintf(err, errlen, "certificate %s: no memory", f->name);
		return -ENOMEM;
	}
	BIO *cert = open_file(f->cert, "certificate", f, &rc, err, errlen);
	if (!cert)
		return rc;
	rc = load_certs(p, libctx, f, cert, err, errlen);
	BIO_free(cert);
	if (rc < 0)
		return rc;
	BIO *key = open_file(f->key, "key", f, &rc, err, errlen);
	if (!key)
		return rc;
	rc = load_key(p, libctx, f, key, err, errlen);
	BIO_free(key);
	return rc < 0 ? rc : check_match(p, f, err, errlen);
}

void tls_pair_free(struct tls_pair *p)
{
	X509_free(p->leaf);
	sk_X509_pop_free(p->chain, X509_free);
	EVP_PKEY_free(p->key);
	*p = (struct tls_pair){0};
}

/* False when the text has a NUL inside: a name that reads differently to C and to the CA. */
static bool take_name(const ASN1_STRING *s, void (*name)(void *, const char *), void *ctx)
{
	char text[TLS_DNS_NAME_MAX + 1];
	size_t n = (size_t)ASN1_STRING_length(s);
	const unsigned char *data = ASN1_STRING_get0_data(s);
	if (n == 0 || n > TLS_DNS_NAME_MAX || memchr(data, 0, n))
		return false;
	memcpy(text, data, n);
	text[n] = '\0';
	name(ctx, text);
	return true;
}

static unsigned san_names(X509 *leaf, void (*name)(void *, const char *), void *ctx)
{
	unsigned n = 0;
	GENERAL_NAMES *san = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(san, i);
		if (g->type == GEN_DNS)
			n += take_name(g->d.dNSName, name, ctx);
	}
	GENERAL_NAMES_free(san);
	return n;
}

unsigned tls_cert_names(X509 *leaf, void (*name)(void *ctx, const char *dns_name), void *ctx)
{
	unsigned n = san_names(leaf, name, ctx);
	if (n)
		return n;
	X509_NAME *subject = X509_get_subject_name(leaf);
	int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (i >= 0)
		take_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)), name, ctx);
	return 0;
}
