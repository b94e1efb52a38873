/* SPDX-License-Identifier: BSD-3-Clause */
/* With files: certificates, CA bundles, folders, and the committed example and reference. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "config_test.h"

static char dir[] = "/tmp/lgconfXXXXXX";

static char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void write_text(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A self-signed certificate for the names ("DNS:a,DNS:b"), good for `days` from now. */
static void make_certificate(const char *cert, const char *key, const char *names, long days)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	assert_true(pkey != NULL && x != NULL);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -400L * 86400);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)"lgtest", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, pkey);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	assert_non_null(san);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);

	FILE *f = fopen(in_dir(cert), "w");
	assert_non_null(f);
	PEM_write_X509(f, x);
	fclose(f);
	int fd = open(in_dir(key), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

/* The only CPU that exists everywhere. */
static void use_cpu_0(char *text)
{
	size_t at = (size_t)(strstr(text, "lcores: [") - text) + strlen("lcores: [");
	if (strncmp(text + at, "1, 2]", 5) == 0)
		memcpy(text + at, "0]   ", 5);
}

/* Loads a changed base from the folder, with file checks. */
static struct loaded load_in_dir(const char *from, const char *to)
{
	struct loaded r = {0};
	size_t size;
	char *text = changed(from, to);
	use_cpu_0(text);
	write_text("t.yaml", text);
	free(text);
	FILE *out = open_memstream(&r.out, &size);
	assert_non_null(out);
	r.conf = conf_load(in_dir("t.yaml"), out, &r.errors, &r.warnings);
	fclose(out);
	return r;
}

static int make_files(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	make_certificate("web.pem", "web.key",
		"DNS:web.example.com,DNS:lyncdiscover.example.com,DNS:*.example.net", 365);
	make_certificate("other.pem", "other.key", "DNS:other.example.com", 365);
	make_certificate("ca.pem", "ca.key", "DNS:ca.example.com", 365);
	make_certificate("old.pem", "old.key", "DNS:ca.example.com", -10);
	write_text("empty.pem", "no certificate in here\n");
	return 0;
}

static int remove_files(void **state)
{
	static const char *const names[] = {"web.pem", "web.key", "other.pem", "other.key",
		"ca.pem", "ca.key", "old.pem", "old.key", "empty.pem", "t.yaml"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(names[i]));
	return rmdir(dir);
}

static void files_beside_the_configuration_are_found(void **state)
{
	(void)state;
	struct loaded r = load_in_dir("level: info", "level: info");
	if (r.errors > 0 || strstr(r.out, "covers") != NULL)
		fail_msg("%s", r.out);
	assert_string_equal(r.conf->certificates[0].cert, in_dir("web.pem"));
	loaded_free(&r);
}

static void missing_files_are_named_at_their_place(void **state)
{
	static const struct change t[] = {
		{"web.pem", "nix.pem", ":13:19: error: cannot read '"},
		{"web.pem", "nix.pem", "/nix.pem': No such file or directory"},
		{"web.key", ".", ":13:33: error: '"},
		{"web.key", ".", "/.' is a directory, not a file"},
		{"ca: ca.pem", "ca: nix.pem", ":22:16: error: cannot read '"},
		{"ca: ca.pem", "ca: empty.pem", "/empty.pem' holds no certificate in PEM form"},
		{"ca: ca.pem", "ca: old.pem", ":22:16: error: every certificate in '"},
		{"level: info", "access_file: nix/a.log", ":26:21: error: the folder '"},
		{"level: info", "access_file: .", "/.' is a directory, not a file"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct loaded r = load_in_dir(t[i].from, t[i].to);
		assert_int_equal(r.errors, 1);
		assert_says(&r, t[i].says);
		loaded_free(&r);
	}
}

static void certificate_errors_are_configuration_errors(void **state)
{
	(void)state;
	struct loaded r = load_in_dir("key: web.key", "key: other.key");
	assert_int_equal(r.errors, 1);
	assert_says(&r, ":13:19: error: certificate 'public': ");
	loaded_free(&r);
	r = load_in_dir("cert: web.pem", "cert: empty.pem");
	assert_int_equal(r.errors, 1);
	assert_says(&r, ":13:19: error: certificate 'public': ");
	loaded_free(&r);
}

static void hosts_without_certificate_are_named(void **state) /* LY-208 */
{
	(void)state;
	struct loaded r = load_in_dir("[web.example.com, ",
		"[web.example.com, meet.example.com, \"*.example.org\", x.example.net, ");
	assert_int_equal(r.errors, 0);
	assert_says(&r,
		":18:32: warning: no certificate of listener 'https' covers 'meet.example.com'");
	assert_says(&r, "covers '*.example.org'");
	assert_null(strstr(r.out, "covers 'x.example.net'"));
	assert_null(strstr(r.out, "covers 'web.example.com'"));
	assert_null(strstr(r.out, "covers '*.example.net'"));
	loaded_free(&r);
}

static void cpus_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	struct loaded r = load_in_dir("[1, 2], main_lcore: 0", "[1023], main_lcore: 1022");
	assert_says(&r, ":2:20: error: workers.lcores: this machine has no CPU 1023");
	assert_says(&r, ":2:40: error: workers.main_lcore: this machine has no CPU 1022");
	loaded_free(&r);
}

static void unreadable_configurations_get_a_clear_sentence(void **state)
{
	unsigned errors, warnings;
	char *text;
	size_t size;
	(void)state;
	FILE *out = open_memstream(&text, &size);
	assert_null(conf_load("/nonexistent/lyncgate.yaml", out, &errors, &warnings));
	assert_int_equal(errors, 1);
	assert_null(conf_load(dir, out, &errors, NULL));
	assert_int_equal(errors, 1);
	fclose(out);
	assert_non_null(strstr(text,
		"/nonexistent/lyncgate.yaml: error: cannot read the configuration: No such file"));
	assert_non_null(
		strstr(text, ": error: this is a directory; give the configuration file itself"));
	free(text);
}

static char *read_source(const char *name, size_t *len)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", LG_SOURCE_ROOT, name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char *text = calloc(1, 1 << 20);
	assert_non_null(text);
	*len = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	return text;
}

static void the_example_is_accepted_without_a_word(void **state)
{
	size_t len;
	(void)state;
	char *text = read_source("config/lyncgate.yaml", &len);
	struct loaded r = load_text(text, len);
	assert_string_equal(r.out, "");
	assert_int_equal(r.conf->n_pools, 3);
	assert_int_equal(r.conf->n_certificates, 2);
	loaded_free(&r);
	free(text);
}

static void the_committed_reference_is_the_generated_one(void **state)
{
	size_t len, size;
	char *generated;
	(void)state;
	char *text = read_source("config/reference.md", &len);
	FILE *out = open_memstream(&generated, &size);
	assert_non_null(out);
	conf_print_reference(out);
	fclose(out);
	assert_string_equal(text, generated);
	free(generated);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_beside_the_configuration_are_found),
		cmocka_unit_test(missing_files_are_named_at_their_place),
		cmocka_unit_test(certificate_errors_are_configuration_errors),
		cmocka_unit_test(hosts_without_certificate_are_named),
		cmocka_unit_test(cpus_that_do_not_exist_are_refused),
		cmocka_unit_test(unreadable_configurations_get_a_clear_sentence),
		cmocka_unit_test(the_example_is_accepted_without_a_word),
		cmocka_unit_test(the_committed_reference_is_the_generated_one),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
