/* SPDX-License-Identifier: BSD-3-Clause */
/* What an operator should hear about a certificate before it serves anybody (LY-208, LY-209). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls/tls_impl.h"

#define EXPIRES_SOON_DAYS 30
#define RSA_BITS_MIN      2048

struct text {
	char *buf;
	size_t size;
};

static void warn(struct text *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct text *w, const char *fmt, ...)
{
	size_t used = strnlen(w->buf, w->size);
	va_list ap;
	if (used + 1 >= w->size)
		return;
	if (used)
		used += (size_t)snprintf(w->buf + used, w->size - used, "; ");
	if (used >= w->size)
		return;
	va_start(ap, fmt);
	vsnprintf(w->buf + used, w->size - used, fmt, ap);
	va_end(ap);
}

/* Days and hours until t; false when t can't be read. */
static bool time_left(const ASN1_TIME *t, int *days, int *seconds)
{
	return ASN1_TIME_diff(days, seconds, NULL, t) == 1;
}

static int check_dates(X509 *x, int number, const struct tls_cert_files *f, char *err,
	size_t errlen, struct text *w)
{
	int days, seconds;
	if (!time_left(X509_get0_notAfter(x), &days, &seconds)) {
		snprintf(err, errlen, "certificate %s: unreadable date in %s", f->name, f->cert);
		return -EINVAL;
	}
	if (days < 0 || seconds < 0) {
		snprintf(err, errlen, "certificate %s: certificate %d in %s expired %d days ago",
			f->name, number, f->cert, -days);
		return -EINVAL;
	}
	if (days < EXPIRES_SOON_DAYS)
		warn(w, "certificate %d expires in %d days", number, days);
	if (time_left(X509_get0_notBefore(x), &days, &seconds) && (days > 0 || seconds > 0)) {
		snprintf(err, errlen, "certificate %s: certificate %d in %s is not valid yet",
			f->name, number, f->cert);
		return -EINVAL;
	}
	return 0;
}

static bool issued_by(X509 *x, X509 *issuer)
{
	bool ok = X509_check_issued(issuer, x) == X509_V_OK &&
		  X509_verify(x, X509_get0_pubkey(issuer)) == 1;
	ERR_clear_error();
	return ok;
}

static int check_chain(const struct tls_pair *p, const struct tls_cert_files *f, char *err,
	size_t errlen, struct text *w)
{
	X509 *x = p->leaf;
	int rc = check_dates(x, 1, f, err, errlen, w);
	for (int i = 0; rc == 0 && i < sk_X509_num(p->chain); i++) {
		X509 *issuer = sk_X509_value(p->chain, i);
		rc = check_dates(issuer, i + 2, f, err, errlen, w);
		if (rc == 0 && !issued_by(x, issuer)) {
			snprintf(err, errlen,
				"certificate %s: certificate %d in %s did not issue the one before "
				"it: put the server's first, then each one's issuer",
				f->name, i + 2, f->cert);
			rc = -EINVAL;
		}
		x = issuer;
	}
	return rc;
}

static void ignore_name(void *ctx, const char *dns_name)
{
	(void)ctx;
	(void)dns_name;
}

static void warn_about(const struct tls_pair *p, const struct tls_cert_files *f, struct text *w)
{
	struct stat st;
	if (EVP_PKEY_is_a(p->key, "RSA") && EVP_PKEY_get_bits(p->key) < RSA_BITS_MIN)
		warn(w, "RSA key of only %d bits", EVP_PKEY_get_bits(p->key));
	if (tls_cert_names(p->leaf, ignore_name, NULL) == 0)
		warn(w, "no DNS name in the SAN: most clients ignore the CN");
	if (sk_X509_num(p->chain) == 0 && issued_by(p->leaf, p->leaf))
		warn(w, "self-signed");
	if (stat(f->key, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)))
		warn(w, "key file %s is open to others: chmod o-rwx", f->key);
}

int tls_cert_check(const struct tls_cert_files *files, char *err, char *warning, size_t errlen,
	void (*names)(void *ctx, const char *dns_name), void *ctx)
{
	struct tls_pair p = {0};
	struct text w = {.buf = warning, .size = errlen};
	LG_ASSERT(errlen > 0);
	err[0] = '\0';
	warning[0] = '\0';
	if (!tls_library_init()) {
		tls_setup_error(err, errlen, "the TLS library did not start");
		return -ENOMEM;
	}
	int rc = tls_pair_load(&p, NULL, files, err, errlen);
	if (rc == 0)
		rc = check_chain(&p, files, err, errlen, &w);
	if (rc == 0) {
		warn_about(&p, files, &w);
		if (names)
			tls_cert_names(p.leaf, names, ctx);
	}
	tls_pair_free(&p);
	return rc;
}
