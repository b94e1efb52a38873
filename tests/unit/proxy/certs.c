/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "certs.h"
#include "eal.h"

/* Fixed: the simulator's certificates must be the same in every run. */
#define NOT_BEFORE "20200101000000Z"
#define NOT_AFTER  "20991231235959Z"

static char dir[64];
static const char *const files[] = {"gateway.pem", "gateway.key", "pool.pem", "pool.key"};

static void add_ext(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static FILE *create(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	return fdopen(fd, "w");
}

static void make(const char *name, const char *san)
{
	char file[64];
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	static long serial = 1;

	assert_non_null(key);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(x), NOT_BEFORE), 1);
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(x), NOT_AFTER), 1);
	X509_set_pubkey(x, key);
	add_ext(x, NID_subject_alt_name, san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	snprintf(file, sizeof(file), "%s.pem", name);
	FILE *f = create(file);
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	snprintf(file, sizeof(file), "%s.key", name);
	f = create(file);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

void certs_make(void)
{
	strcpy(dir, "/tmp/lgproxyXXXXXX");
	assert_non_null(mkdtemp(dir));
	make("gateway", "DNS:*.example.com");
	make("pool", "DNS:pool.internal");
}

void certs_remove(void)
{
	char path[128];

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
}

const char *certs_dir(void)
{
	return dir;
}
