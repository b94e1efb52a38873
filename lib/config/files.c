/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration points to on disk: certificates, keys, CA bundles, folders. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "config/internal.h"
#include "tls/tls.h"

#define MAX_NAMES 1000 /* of one certificate */

static bool readable(struct conf_load *l, const yaml_node_t *at, const char *file)
{
	struct stat st;
	if (stat(file, &st) != 0)
		conf_error(l, at, "cannot read '%s': %s", file, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		conf_error(l, at, "'%s' is a directory, not a file", file);
	else if (access(file, R_OK) != 0)
		conf_error(l, at, "cannot read '%s': %s", file, strerror(errno));
	else
		return true;
	return false;
}

struct collect {
	struct conf_load *l;
	struct raw_names *names;
};

static void collect_name(void *ctx, const char *dns_name)
{
	struct collect *c = ctx;
	if (c->names->n < MAX_NAMES)
		c->names->v[c->names->n++].s = conf_strndup(
			c->l->scratch, dns_name, strlen(dns_name));
}

void conf_check_certificate(struct conf_load *l, struct raw_certificate *r)
{
	struct tls_cert_files files = {r->head.name, r->cert, r->key};
	struct collect c = {l, &r->covered};
	char err[512] = "", warning[512] = "";
	const yaml_node_t *at = conf_at(&r->head, CS_CERTIFICATE, "cert");
	bool both = readable(l, at, r->cert);

	both = readable(l, conf_at(&r->head, CS_CERTIFICATE, "key"), r->key) && both;
	if (!both)
		return;
	r->covered.v = conf_alloc(l->scratch, MAX_NAMES * sizeof(r->covered.v[0]));
	if (tls_cert_check(&files, err, warning, sizeof(err), collect_name, &c) != 0) {
		conf_error(l, at, "certificate '%s': %s", r->head.name, err);
		return;
	}
	r->checked = true;
	if (warning[0] != '\0')
		conf_warn(l, at, "certificate '%s': %s", r->head.name, warning);
}

/* Number of certificates in a PEM bundle; *expired counts those whose time is over. */
static unsigned count_pem(BIO *in, unsigned *expired)
{
	unsigned n = 0;
	X509 *x;
	while ((x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		n++;
		*expired += X509_cmp_current_time(X509_get0_notAfter(x)) < 0;
		X509_free(x);
	}
	ERR_clear_error();
	return n;
}

void conf_check_ca(struct conf_load *l, const yaml_node_t *at, const char *file)
{
	unsigned expired = 0;
	if (!readable(l, at, file))
		return;
	BIO *in = BIO_new_file(file, "r");
	if (in == NULL) {
		conf_error(l, at, "cannot read '%s'", file);
		ERR_clear_error();
		return;
	}
	unsigned n = count_pem(in, &expired);
	BIO_free(in);
	if (n == 0)
		conf_error(l, at,
			"'%s' holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)",
			file);
	else if (expired == n)
		conf_error(l, at, "every certificate in '%s' has expired", file);
	else if (expired > 0)
		conf_warn(l, at, "%u of %u certificates in '%s' have expired", expired, n, file);
}

void conf_check_folder_of(struct conf_load *l, const yaml_node_t *at, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *folder = slash == NULL ? "."
			     : slash == file
				     ? "/"
				     : conf_strndup(l->scratch, file, (size_t)(slash - file));
	struct stat st;
	if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
		conf_error(l, at, "the folder '%s' does not exist", folder);
	else if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		conf_error(l, at, "'%s' is a directory, not a file", file);
	else if (access(folder, W_OK) != 0 && access(file, W_OK) != 0)
		conf_error(l, at, "cannot write '%s': %s", file, strerror(errno));
}
