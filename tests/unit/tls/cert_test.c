/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificate files: what is refused, what is warned about, which names count (LY-206..209). */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"

static char err[512], warning[512], names[512];

static void take(void *ctx, const char *name)
{
	(void)ctx;
	strcat(names, name);
	strcat(names, " ");
}

static int check(const char *name)
{
	struct tls_cert_files f;
	test_files(&f, name);
	names[0] = '\0';
	return tls_cert_check(&f, err, warning, sizeof(err), take, NULL);
}

static void check_fails(const char *name, int rc, const char *sentence)
{
	assert_int_equal(check(name), rc);
	if (!strstr(err, sentence))
		fail_msg("%s", err);
	assert_string_equal(names, "");
}

/* The listener refuses it, too, and in the same words. */
static void both_fail(const char *name, int rc, const char *sentence)
{
	check_fails(name, rc, sentence);
	char other[512];
	struct tls_cert_files f;
	test_files(&f, name);
	const struct tls_server_params p = {.name = "https",
		.certs = &f,
		.n_certs = 1,
		.min_version = TLS_V1_2,
		.max_version = TLS_V1_3};
	assert_null(tls_server_create(world.worker, &p, other, sizeof(other)));
	assert_string_equal(other, err);
}

static void write_files(
	const char *name, const struct test_cert *const *certs, unsigned n, EVP_PKEY *key)
{
	char file[64];
	snprintf(file, sizeof(file), "%s.pem", name);
	test_write_certs(file, certs, n);
	snprintf(file, sizeof(file), "%s.key", name);
	test_write_key(file, key, NULL);
}

static void names_match_as_rfc_6125_says(void **state)
{
	(void)state;
	assert_true(tls_name_match("www.example.test", "www.example.test"));
	assert_true(tls_name_match("www.example.test", "WWW.Example.Test"));
	assert_true(tls_name_match("www.example.test", "www.example.test."));
	assert_false(tls_name_match("www.example.test", "ww.example.test"));
	assert_false(tls_name_match("www.example.test", "www.example.test.evil"));
	assert_true(tls_name_match("*.example.test", "a.example.test"));
	assert_true(tls_name_match("*.EXAMPLE.test", "A.example.TEST"));
	assert_false(tls_name_match("*.example.test", "a.b.example.test"));
	assert_false(tls_name_match("*.example.test", "example.test"));
	assert_false(tls_name_match("*.example.test", ".example.test"));
	assert_false(tls_name_match("w*.example.test", "www.example.test"));
	assert_false(tls_name_match("*", "localhost"));
	assert_false(tls_name_match("", ""));
	assert_false(tls_name_match("", "a"));
	assert_false(tls_name_match("*.", "a."));
}

static void a_good_pair_is_silent_and_names_its_names(void **state)
{
	(void)state;
	assert_int_equal(check("wild"), 0);
	assert_string_equal(err, "");
	assert_string_equal(warning, "");
	assert_string_equal(names, "*.example.test MEET.example.test ");
}

static void missing_and_damaged_files_are_told_apart(void **state)
{
	(void)state;
	both_fail("nosuch", -ENOENT, "No such file or directory");
	test_write_text("text.pem", "hello\n");
	test_write_text("text.key", "hello\n");
	both_fail("text", -EINVAL, "no PEM certificate in");
	test_write_text("damaged.pem",
		"-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n");
	test_write_text("damaged.key", "hello\n");
	both_fail("damaged", -EINVAL, "certificate 1 in");
	const struct test_cert *certs[] = {&world.www, &world.inter};
	write_files("nokey", certs, 2, world.www.key);
	test_write_text("nokey.key", "hello\n");
	both_fail("nokey", -EINVAL, "no PEM private key in");
}

/* A prompt would hang a gateway's start. */
static void an_encrypted_key_is_refused_without_a_prompt(void **state)
{
	(void)state;
	const struct test_cert *certs[] = {&world.www, &world.inter};
	write_files("locked", certs, 2, world.www.key);
	test_write_key("locked.key", world.www.key, "secret");
	both_fail("locked", -EINVAL, "is encrypted: store it without a password");
}

static void a_foreign_key_and_a_leaf_that_is_not_first_are_refused(void **state)
{
	(void)state;
	const struct test_cert *certs[] = {&world.inter, &world.www};
	write_files("foreignkey", certs, 1, world.meet.key);
	both_fail("foreignkey", -EINVAL, "does not belong to the certificate");
	write_files("reversed", certs, 2, world.www.key);
	both_fail("reversed", -EINVAL, "as number 2: it must come first");
}

static void chain_order_and_dates_are_checked(void **state)
{
	(void)state;
	const struct test_cert *order[] = {&world.www, &world.root, &world.inter};
	write_files("order", order, 3, world.www.key);
	check_fails("order", -EINVAL, "certificate 2 in ");
	assert_non_null(strstr(err, "did not issue the one before it"));
	struct test_cert old = test_cert_make(&(struct test_cert_spec){.cn = "old",
		.san = "DNS:old.test",
		.from = -100 * DAY,
		.to = -3 * DAY - 60,
		.issuer = &world.inter});
	struct test_cert future = test_cert_make(&(struct test_cert_spec){.cn = "future",
		.san = "DNS:future.test",
		.from = 2 * DAY,
		.to = 300 * DAY,
		.issuer = &world.inter});
	const struct test_cert *certs[] = {&old, &world.inter, &future};
	write_files("old", certs, 2, old.key);
	check_fails("old", -EINVAL, "expired 3 days ago");
	write_files("future", certs + 2, 1, future.key);
	check_fails("future", -EINVAL, "is not valid yet");
	test_cert_free(&old);
	test_cert_free(&future);
}

static void what_is_allowed_but_unwise_is_warned_about(void **state)
{
	(void)state;
	struct test_cert c = test_cert_make(
		&(struct test_cert_spec){.cn = "lone.test", .to = 10 * DAY + 60, .rsa_bits = 1024});
	const struct test_cert *certs[] = {&c};
	write_files("unwise", certs, 1, c.key);
	chmod(test_path("unwise.key"), 0644);
	assert_int_equal(check("unwise"), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(warning, "expires in 10 days"));
	assert_non_null(strstr(warning, "RSA key of only 1024 bits"));
	assert_non_null(strstr(warning, "no DNS name in the SAN"));
	assert_non_null(strstr(warning, "self-signed"));
	assert_non_null(strstr(warning, "is open to others"));
	/* Without a SAN the CN counts. */
	assert_string_equal(names, "lone.test ");
	/* A short buffer gets a short text. */
	char small[24], small_err[24];
	struct tls_cert_files f;
	test_files(&f, "unwise");
	assert_int_equal(tls_cert_check(&f, small_err, small, sizeof(small), NULL, NULL), 0);
	assert_true(strlen(small) < sizeof(small));
	test_cert_free(&c);
}

static void a_listener_with_a_1024_bit_certificate_starts(void **state)
{
	(void)state;
	struct test_cert c = test_cert_make(
		&(struct test_cert_spec){.cn = "s.test", .san = "DNS:s.test", .rsa_bits = 1024});
	const struct test_cert *certs[] = {&c};
	struct tls_cert_files f;
	write_files("small", certs, 1, c.key);
	test_files(&f, "small");
	const struct tls_server_params p = {.name = "https",
		.certs = &f,
		.n_certs = 1,
		.min_version = TLS_V1_2,
		.max_version = TLS_V1_3};
	struct tls_server *s = tls_server_create(world.worker, &p, err, sizeof(err));
	assert_non_null(s);
	tls_server_free(s);
	test_cert_free(&c);
}

static void bad_listener_settings_are_refused_in_words(void **state)
{
	(void)state;
	struct tls_cert_files f;
	test_files(&f, "www");
	struct tls_server_params p = {.name = "https",
		.certs = &f,
		.n_certs = 1,
		.min_version = TLS_V1_2,
		.max_version = TLS_V1_3};
	p.ciphers = "NONSENSE";
	assert_null(tls_server_create(world.worker, &p, err, sizeof(err)));
	assert_string_equal(err, "listener https: cipher list: no cipher match");
	p.ciphers = NULL;
	p.min_version = 0x0300;
	assert_null(tls_server_create(world.worker, &p, err, sizeof(err)));
	assert_string_equal(err, "listener https: TLS versions 300 to 304 are not possible");
	p.min_version = TLS_V1_2;
	p.n_certs = 0;
	assert_null(tls_server_create(world.worker, &p, err, sizeof(err)));
	assert_string_equal(err, "listener https: no certificate");
}

static void counters_have_names(void **state)
{
	(void)state;
	assert_string_equal(tls_counter_name(TLS_CTR_ACCEPTS), "accepts");
	assert_string_equal(tls_counter_name(TLS_CTR_NOMBUF), "nombuf");
	assert_non_null(strstr(tls_counter_help(TLS_CTR_FAIL_VERIFY), "did not verify"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_as_rfc_6125_says),
		cmocka_unit_test(a_good_pair_is_silent_and_names_its_names),
		cmocka_unit_test(missing_and_damaged_files_are_told_apart),
		cmocka_unit_test(an_encrypted_key_is_refused_without_a_prompt),
		cmocka_unit_test(a_foreign_key_and_a_leaf_that_is_not_first_are_refused),
		cmocka_unit_test(chain_order_and_dates_are_checked),
		cmocka_unit_test(what_is_allowed_but_unwise_is_warned_about),
		cmocka_unit_test(a_listener_with_a_1024_bit_certificate_starts),
		cmocka_unit_test(bad_listener_settings_are_refused_in_words),
		cmocka_unit_test(counters_have_names),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
