/* SPDX-License-Identifier: BSD-3-Clause */
/* Towards the pool: who is believed, what is said when not, resumption (LY-221..225, A22). */
#include <string.h>

#include "fixture.h"

/* A listener with one certificate, in the role of the pool. */
static struct tls_server *pool_with(const char *name)
{
	char err[256];
	struct tls_cert_files f;
	test_files(&f, name);
	const struct tls_server_params p = {.name = "pool",
		.certs = &f,
		.n_certs = 1,
		.min_version = TLS_V1_2,
		.max_version = TLS_V1_3};
	struct tls_server *s = tls_server_create(world.worker, &p, err, sizeof(err));
	if (!s)
		fail_msg("%s", err);
	return s;
}

static void write_pair(const char *name, const struct test_cert *c, const struct test_cert *issuer)
{
	char file[64];
	const struct test_cert *certs[] = {c, issuer};
	snprintf(file, sizeof(file), "%s.pem", name);
	test_write_certs(file, certs, issuer ? 2 : 1);
	snprintf(file, sizeof(file), "%s.key", name);
	test_write_key(file, c->key, NULL);
}

/* NULL sentence: the handshake must succeed. */
static void meets(const char *cert, struct tls_client *c, const char *sentence)
{
	struct tls_server *s = pool_with(cert);
	struct pair p = {0};
	uint64_t before = counter(TLS_CTR_FAIL_VERIFY);
	pair_open(&p, c, s);
	enum tls_result r = pair_handshake(&p);
	if (sentence) {
		assert_int_equal(r, TLS_FAILED);
		assert_string_equal(tls_conn_error(p.client), sentence);
		assert_int_equal(counter(TLS_CTR_FAIL_VERIFY), before + 1);
		/* The pool hears of it. */
		struct lg_chain out, plain;
		lg_chain_init(&out);
		lg_chain_init(&plain);
		if (tls_handshake(p.server, &p.to_server, &out) == TLS_OK)
			tls_read(p.server, &p.to_server, &plain, 1, &out);
		assert_non_null(strstr(tls_conn_error(p.server), "peer sent alert: "));
		lg_chain_free(&out);
	} else {
		assert_int_equal(r, TLS_OK);
		assert_string_equal(tls_conn_error(p.client), "no error");
	}
	assert_int_equal(tls_conn_verify_failed(p.client), sentence != NULL);
	pair_close(&p);
	tls_server_free(s);
}

static void check(const char *cert, const char *name, const char *sentence)
{
	static const enum tls_version versions[] = {TLS_V1_2, TLS_V1_3};
	for (unsigned i = 0; i < 2; i++) {
		struct tls_client *c = client_make(name, versions[i], versions[i]);
		meets(cert, c, sentence);
		tls_client_free(c);
	}
}

static void right_name_and_address_are_believed(void **state)
{
	(void)state;
	check("www", "www.example.test", NULL);
	check("wild", "anything.example.test", NULL);
	check("www", "192.0.2.10", NULL);
}

static void wrong_name_is_refused_in_words(void **state)
{
	(void)state;
	check("www", "other.example.test",
		"hostname mismatch: the certificate is not for other.example.test");
	check("wild", "a.b.example.test",
		"hostname mismatch: the certificate is not for a.b.example.test");
	check("www", "192.0.2.11", "IP address mismatch: the certificate is not for 192.0.2.11");
}

static void expired_and_future_certificates_are_refused(void **state)
{
	(void)state;
	struct test_cert old = test_cert_make(&(struct test_cert_spec){.cn = "old",
		.san = "DNS:www.example.test",
		.from = -20 * DAY,
		.to = -DAY,
		.issuer = &world.inter});
	struct test_cert future = test_cert_make(&(struct test_cert_spec){.cn = "future",
		.san = "DNS:www.example.test",
		.from = DAY,
		.to = 9 * DAY,
		.issuer = &world.inter});
	write_pair("old", &old, &world.inter);
	write_pair("future", &future, &world.inter);
	check("old", "www.example.test", "certificate has expired (certificate 1 of the chain)");
	check("future", "www.example.test",
		"certificate is not yet valid (certificate 1 of the chain)");
	test_cert_free(&old);
	test_cert_free(&future);
}

static void wrong_ca_self_signed_and_missing_intermediate_are_refused(void **state)
{
	(void)state;
	struct test_cert ca = test_cert_make(
		&(struct test_cert_spec){.cn = "Other CA", .ca = true});
	struct test_cert foreign = test_cert_make(&(struct test_cert_spec){
		.cn = "foreign", .san = "DNS:www.example.test", .issuer = &ca});
	struct test_cert self = test_cert_make(
		&(struct test_cert_spec){.cn = "self", .san = "DNS:www.example.test"});
	write_pair("foreign", &foreign, &ca);
	write_pair("self", &self, NULL);
	write_pair("short", &world.www, NULL);
	check("foreign", "www.example.test",
		"self-signed certificate in certificate chain (certificate 2 of the chain)");
	check("self", "www.example.test", "self-signed certificate (certificate 1 of the chain)");
	check("short", "www.example.test",
		"unable to get local issuer certificate (certificate 1 of the chain)");
	test_cert_free(&ca);
	test_cert_free(&foreign);
	test_cert_free(&self);
}

static struct tls_client *client_with(const struct tls_client_params *p, char *err, size_t errlen)
{
	struct tls_client_params full = *p;
	full.name = "fe-pool";
	full.n_servers = 2;
	full.min_version = TLS_V1_2;
	full.max_version = TLS_V1_3;
	return tls_client_create(world.worker, &full, err, errlen);
}

static void without_verification_anybody_is_believed(void **state)
{
	char err[256];
	(void)state;
	struct test_cert self = test_cert_make(
		&(struct test_cert_spec){.cn = "x", .from = -20 * DAY, .to = -DAY});
	write_pair("nobody", &self, NULL);
	struct tls_client *c = client_with(&(struct tls_client_params){0}, err, sizeof(err));
	assert_non_null(c);
	meets("nobody", c, NULL);
	tls_client_free(c);
	test_cert_free(&self);
}

static void client_says_what_its_settings_lack(void **state)
{
	char err[256];
	(void)state;
	assert_null(client_with(
		&(struct tls_client_params){.verify = true, .verify_name = "a"}, err, sizeof(err)));
	assert_string_equal(err, "pool fe-pool: verification needs a CA file and a name");
	assert_null(client_with(
		&(struct tls_client_params){
			.verify = true, .verify_name = "a", .ca_file = "/nonexistent"},
		err, sizeof(err)));
	assert_non_null(strstr(err, "pool fe-pool: CA file /nonexistent"));
	test_write_text("empty.pem", "no certificate here\n");
	assert_null(client_with(
		&(struct tls_client_params){
			.verify = true, .verify_name = "a", .ca_file = test_path("empty.pem")},
		err, sizeof(err)));
	assert_non_null(strstr(err, "pool fe-pool: CA file "));
	assert_null(
		client_with(&(struct tls_client_params){.ciphers = "NONSENSE"}, err, sizeof(err)));
	assert_string_equal(err, "pool fe-pool: cipher list: no cipher match");
}

static bool connect_once(struct tls_client *c, struct tls_server *s, unsigned member, bool clean)
{
	struct lg_chain plain;
	struct pair p = {0};
	pair_open(&p, c, s);
	tls_conn_free(p.client);
	p.client = tls_connect(c, member);
	assert_int_equal(pair_handshake(&p), TLS_OK);
	bool resumed = tls_conn_resumed(p.client);
	assert_int_equal(resumed, tls_conn_resumed(p.server));
	/* TLS 1.3 tickets come with the first data. */
	lg_chain_init(&plain);
	assert_int_equal(pair_send(&p, false, "x", 1, &plain), TLS_WANT_INPUT);
	lg_chain_free(&plain);
	if (clean)
		tls_close(p.client, &p.to_server);
	pair_close(&p);
	return resumed;
}

/* LY-225 */
static void sessions_resume_per_pool_member(void **state)
{
	static const enum tls_version versions[] = {TLS_V1_2, TLS_V1_3};
	(void)state;
	struct tls_server *s = pool_with("www");
	for (unsigned i = 0; i < 2; i++) {
		struct tls_client *c = client_make("www.example.test", versions[i], versions[i]);
		uint64_t before = counter(TLS_CTR_CLIENT_RESUMED);
		assert_false(connect_once(c, s, 0, true));
		assert_true(connect_once(c, s, 0, true));
		assert_false(connect_once(c, s, 1, true));
		/* A connection that was cut keeps its session good, too. */
		assert_true(connect_once(c, s, 1, false));
		assert_true(connect_once(c, s, 1, true));
		assert_true(connect_once(c, s, 0, true));
		assert_int_equal(counter(TLS_CTR_CLIENT_RESUMED), before + 4);
		tls_client_free(c);
	}
	tls_server_free(s);
}

static void a_session_that_the_server_forgot_is_replaced(void **state)
{
	static const enum tls_version versions[] = {TLS_V1_2, TLS_V1_3};
	char err[256];
	(void)state;
	struct tls_shared *shared = tls_shared_create();
	const struct tls_worker_params wp = {.shared = shared, .pool = world.pool};
	struct tls_worker *restarted = tls_worker_create(&wp, err, sizeof(err));
	struct tls_server *before = server_make(TLS_V1_2, TLS_V1_3);
	struct tls_server *after = server_make_on(restarted, TLS_V1_2, TLS_V1_3);
	for (unsigned i = 0; i < 2; i++) {
		struct tls_client *c = client_make("www.example.test", versions[i], versions[i]);
		assert_false(connect_once(c, before, 0, true));
		assert_false(connect_once(c, after, 0, true));
		assert_true(connect_once(c, after, 0, true));
		tls_client_free(c);
	}
	tls_server_free(before);
	tls_server_free(after);
	tls_worker_free(restarted);
	tls_shared_free(shared);
}

static void a_session_is_not_offered_again_after_a_failed_handshake(void **state)
{
	(void)state;
	struct tls_server *s = pool_with("www");
	struct tls_client *c = client_make("www.example.test", TLS_V1_3, TLS_V1_3);
	struct lg_chain junk, out;
	assert_false(connect_once(c, s, 0, true));
	struct tls_conn *t = tls_connect(c, 0);
	lg_chain_init(&junk);
	lg_chain_init(&out);
	assert_int_equal(tls_handshake(t, &junk, &out), TLS_WANT_INPUT);
	/* handshake_failure */
	chain_of(&junk, "\x15\x03\x03\x00\x02\x02\x28", 7, 0);
	assert_int_equal(tls_handshake(t, &junk, &out), TLS_FAILED);
	assert_string_equal(tls_conn_error(t), "peer sent alert: handshake failure");
	tls_conn_free(t);
	lg_chain_free(&out);
	assert_false(connect_once(c, s, 0, true));
	tls_client_free(c);
	tls_server_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_name_and_address_are_believed),
		cmocka_unit_test(wrong_name_is_refused_in_words),
		cmocka_unit_test(expired_and_future_certificates_are_refused),
		cmocka_unit_test(wrong_ca_self_signed_and_missing_intermediate_are_refused),
		cmocka_unit_test(without_verification_anybody_is_believed),
		cmocka_unit_test(client_says_what_its_settings_lack),
		cmocka_unit_test(sessions_resume_per_pool_member),
		cmocka_unit_test(a_session_that_the_server_forgot_is_replaced),
		cmocka_unit_test(a_session_is_not_offered_again_after_a_failed_handshake),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
