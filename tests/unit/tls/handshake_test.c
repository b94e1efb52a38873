/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshakes on the listener's side: versions, names, ALPN, resumption (LY-206..214, A19..A21). */
#include <string.h>

#include "fixture.h"

static void both_versions_shake_hands_whatever_the_segments(void **state)
{
	static const enum tls_version versions[] = {TLS_V1_2, TLS_V1_3};
	static const uint32_t segs[] = {0, 1, 7, 600};
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_3);
	for (unsigned i = 0; i < 8; i++) {
		struct tls_client *c = client_make(
			"www.example.test", versions[i / 4], versions[i / 4]);
		struct pair p = {.seg = segs[i % 4]};
		pair_open(&p, c, s);
		assert_int_equal(pair_handshake(&p), TLS_OK);
		assert_string_equal(tls_conn_version(p.client), i / 4 ? "1.3" : "1.2");
		assert_string_equal(tls_conn_version(p.server), i / 4 ? "1.3" : "1.2");
		assert_string_equal(tls_conn_sni(p.server), "www.example.test");
		assert_non_null(strstr(tls_conn_cipher(p.server), "GCM"));
		assert_string_equal(tls_conn_cipher(p.server), tls_conn_cipher(p.client));
		assert_false(tls_conn_resumed(p.server));
		pair_close(&p);
		tls_client_free(c);
	}
	tls_server_free(s);
	world_check_mbufs();
}

/* Which certificate an OpenSSL client sees; checks the chain's length too (LY-209). */
static EVP_PKEY *served_to(struct tls_server *s, const char *sni, int version)
{
	struct peer c;
	struct lg_chain in;
	lg_chain_init(&in);
	peer_open(&c, false, version, version);
	if (sni)
		SSL_set_tlsext_host_name(c.ssl, sni);
	struct tls_conn *t = tls_accept(s);
	assert_int_equal(peer_handshake(&c, t, &in), TLS_OK);
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(c.ssl)), 2);
	if (sni)
		assert_string_equal(tls_conn_sni(t), sni);
	else
		assert_null(tls_conn_sni(t));
	EVP_PKEY *k = X509_get0_pubkey(SSL_get0_peer_certificate(c.ssl));
	EVP_PKEY *same = NULL;
	EVP_PKEY *all[] = {world.www.key, world.meet.key, world.wild.key};
	for (unsigned i = 0; i < 3; i++)
		if (EVP_PKEY_eq(k, all[i]) == 1)
			same = all[i];
	tls_conn_free(t);
	peer_close(&c);
	lg_chain_free(&in);
	return same;
}

/* LY-206, A19 */
static void certificate_follows_the_server_name(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_3);
	uint64_t matched = counter(TLS_CTR_SNI_MATCHED), def = counter(TLS_CTR_SNI_DEFAULT);
	for (unsigned i = 0; i < 2; i++) {
		int v = versions[i];
		assert_ptr_equal(served_to(s, "www.example.test", v), world.www.key);
		assert_ptr_equal(served_to(s, "meet.example.test", v), world.meet.key);
		assert_ptr_equal(served_to(s, "MeeT.Example.TEST", v), world.meet.key);
		assert_ptr_equal(served_to(s, "dialin.example.test", v), world.wild.key);
		assert_ptr_equal(served_to(s, "a.b.example.test", v), world.www.key);
		assert_ptr_equal(served_to(s, "example.test", v), world.www.key);
		assert_ptr_equal(served_to(s, "elsewhere.test", v), world.www.key);
		assert_ptr_equal(served_to(s, NULL, v), world.www.key);
	}
	assert_int_equal(counter(TLS_CTR_SNI_MATCHED) - matched, 8);
	assert_int_equal(counter(TLS_CTR_SNI_DEFAULT) - def, 8);
	tls_server_free(s);
}

static void second_hello_after_retry_keeps_the_certificate(void **state)
{
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_3);
	uint64_t matched = counter(TLS_CTR_SNI_MATCHED);
	struct peer c;
	struct lg_chain in;
	lg_chain_init(&in);
	peer_open(&c, false, TLS1_3_VERSION, TLS1_3_VERSION);
	/* The key share is for the first group, which the server lacks. */
	assert_int_equal(SSL_set1_groups_list(c.ssl, "P-521:P-384"), 1);
	SSL_set_tlsext_host_name(c.ssl, "meet.example.test");
	struct tls_conn *t = tls_accept(s);
	assert_int_equal(peer_handshake(&c, t, &in), TLS_OK);
	X509 *x = SSL_get0_peer_certificate(c.ssl);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), world.meet.key), 1);
	assert_int_equal(counter(TLS_CTR_SNI_MATCHED) - matched, 1);
	tls_conn_free(t);
	peer_close(&c);
	lg_chain_free(&in);
	tls_server_free(s);
}

static void alpn_answer(struct tls_server *s, const char *offer, unsigned n, const char *want)
{
	struct peer c;
	struct lg_chain in;
	const unsigned char *got;
	unsigned got_len;
	lg_chain_init(&in);
	peer_open(&c, false, TLS1_2_VERSION, TLS1_3_VERSION);
	if (n)
		assert_int_equal(SSL_set_alpn_protos(c.ssl, (const unsigned char *)offer, n), 0);
	struct tls_conn *t = tls_accept(s);
	assert_int_equal(peer_handshake(&c, t, &in), TLS_OK);
	SSL_get0_alpn_selected(c.ssl, &got, &got_len);
	assert_int_equal(got_len, strlen(want));
	assert_memory_equal(got, want, got_len);
	tls_conn_free(t);
	peer_close(&c);
	lg_chain_free(&in);
}

/* LY-212, A21 */
static void alpn_answers_http11_or_nothing(void **state)
{
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_3);
	alpn_answer(s, "\x02h2\x08http/1.1", 12, "http/1.1");
	alpn_answer(s, "\x08http/1.1", 9, "http/1.1");
	alpn_answer(s, "\x02h2", 3, "");
	alpn_answer(s, "", 0, "");
	tls_server_free(s);
}

static void version_case(
	struct tls_server *s, int version, enum tls_result want, enum tls_counter why)
{
	struct peer c;
	struct lg_chain in;
	lg_chain_init(&in);
	peer_open(&c, false, version, version);
	struct tls_conn *t = tls_accept(s);
	uint64_t before = counter(why);
	assert_int_equal(peer_handshake(&c, t, &in), want);
	if (want == TLS_FAILED) {
		assert_string_equal(tls_conn_error(t), "unsupported protocol");
		assert_int_equal(counter(why), before + 1);
	}
	tls_conn_free(t);
	peer_close(&c);
	lg_chain_free(&in);
}

/* LY-210, A20 */
static void versions_are_the_listeners(void **state)
{
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_2);
	version_case(s, TLS1_VERSION, TLS_FAILED, TLS_CTR_FAIL_VERSION);
	version_case(s, TLS1_1_VERSION, TLS_FAILED, TLS_CTR_FAIL_VERSION);
	version_case(s, TLS1_2_VERSION, TLS_OK, TLS_CTR_FAIL_VERSION);
	version_case(s, TLS1_3_VERSION, TLS_FAILED, TLS_CTR_FAIL_VERSION);
	tls_server_free(s);
	s = server_make(TLS_V1_0, TLS_V1_3);
	version_case(s, TLS1_VERSION, TLS_OK, TLS_CTR_FAIL_VERSION);
	version_case(s, TLS1_1_VERSION, TLS_OK, TLS_CTR_FAIL_VERSION);
	version_case(s, TLS1_3_VERSION, TLS_OK, TLS_CTR_FAIL_VERSION);
	tls_server_free(s);
}

static void no_common_cipher_is_counted(void **state)
{
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_2);
	struct peer c;
	struct lg_chain in;
	lg_chain_init(&in);
	peer_open(&c, false, TLS1_2_VERSION, TLS1_2_VERSION);
	SSL_set_cipher_list(c.ssl, "AES128-SHA:@SECLEVEL=0");
	struct tls_conn *t = tls_accept(s);
	uint64_t before = counter(TLS_CTR_FAIL_CIPHER);
	assert_int_equal(peer_handshake(&c, t, &in), TLS_FAILED);
	assert_string_equal(tls_conn_error(t), "no shared cipher");
	assert_int_equal(counter(TLS_CTR_FAIL_CIPHER), before + 1);
	/* The alert reached the client. */
	assert_int_equal(SSL_do_handshake(c.ssl), -1);
	tls_conn_free(t);
	peer_close(&c);
	lg_chain_free(&in);
	tls_server_free(s);
}

static void chacha20_goes_to_those_who_prefer_it(void **state)
{
	static const char *const want[] = {
		"ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256"};
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_2);
	for (unsigned i = 0; i < 2; i++) {
		struct peer c;
		struct lg_chain in;
		lg_chain_init(&in);
		peer_open(&c, false, TLS1_2_VERSION, TLS1_2_VERSION);
		SSL_set_cipher_list(
			c.ssl, i == 0 ? "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256"
				      : "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:"
					"ECDHE-RSA-AES128-GCM-SHA256");
		struct tls_conn *t = tls_accept(s);
		assert_int_equal(peer_handshake(&c, t, &in), TLS_OK);
		assert_string_equal(tls_conn_cipher(t), want[i]);
		tls_conn_free(t);
		peer_close(&c);
		lg_chain_free(&in);
	}
	tls_server_free(s);
}

/* The client's session, for tickets: TLS 1.3 sends them after the handshake. */
static SSL_SESSION *session_of(struct peer *c, struct lg_chain *none)
{
	char b;
	assert_int_equal(SSL_read(c->ssl, &b, 1), -1);
	lg_chain_free(none);
	SSL_SESSION *sess = SSL_get1_session(c->ssl);
	assert_true(SSL_SESSION_has_ticket(sess));
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	return sess;
}

static SSL_SESSION *visit(struct tls_server *s, SSL_SESSION *sess, int version, bool *resumed)
{
	struct peer c;
	struct lg_chain in;
	lg_chain_init(&in);
	peer_open(&c, false, version, version);
	/* The certificate is not the default one: SSL_set_SSL_CTX must not spoil resumption. */
	SSL_set_tlsext_host_name(c.ssl, "meet.example.test");
	if (sess)
		SSL_set_session(c.ssl, sess);
	struct tls_conn *t = tls_accept(s);
	assert_int_equal(peer_handshake(&c, t, &in), TLS_OK);
	*resumed = tls_conn_resumed(t);
	assert_int_equal(*resumed, SSL_session_reused(c.ssl));
	SSL_SESSION *next = session_of(&c, &in);
	tls_conn_free(t);
	peer_close(&c);
	return next;
}

/* LY-214 */
static void session_resumes_on_another_worker(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	char err[256];
	bool resumed;
	(void)state;
	const struct tls_worker_params p = {.shared = world.shared, .pool = world.pool};
	struct tls_worker *other = tls_worker_create(&p, err, sizeof(err));
	struct tls_server *a = server_make(TLS_V1_2, TLS_V1_3);
	struct tls_server *b = server_make_on(other, TLS_V1_2, TLS_V1_3);
	for (unsigned i = 0; i < 2; i++) {
		SSL_SESSION *first = visit(a, NULL, versions[i], &resumed);
		assert_false(resumed);
		SSL_SESSION *second = visit(b, first, versions[i], &resumed);
		assert_true(resumed);
		SSL_SESSION_free(first);
		SSL_SESSION_free(second);
	}
	assert_int_equal(tls_worker_counters(other)[TLS_CTR_RESUMED], 2);
	tls_server_free(a);
	tls_server_free(b);
	tls_worker_free(other);
}

static void ticket_of_another_process_means_a_full_handshake(void **state)
{
	char err[256];
	bool resumed;
	(void)state;
	struct tls_shared *shared = tls_shared_create();
	const struct tls_worker_params p = {.shared = shared, .pool = world.pool};
	struct tls_worker *other = tls_worker_create(&p, err, sizeof(err));
	struct tls_server *a = server_make(TLS_V1_2, TLS_V1_3);
	struct tls_server *b = server_make_on(other, TLS_V1_2, TLS_V1_3);
	SSL_SESSION *first = visit(a, NULL, TLS1_2_VERSION, &resumed);
	SSL_SESSION *second = visit(b, first, TLS1_2_VERSION, &resumed);
	assert_false(resumed);
	SSL_SESSION_free(first);
	SSL_SESSION_free(second);
	tls_server_free(a);
	tls_server_free(b);
	tls_worker_free(other);
	tls_shared_free(shared);
}

/* Hot replacement needs it: a connection outlives the listener's configuration. */
static void server_lives_until_its_last_connection(void **state)
{
	(void)state;
	struct tls_server *s = server_make(TLS_V1_2, TLS_V1_3);
	struct tls_client *c = client_make("meet.example.test", TLS_V1_2, TLS_V1_3);
	struct lg_chain plain;
	struct pair p = {0};
	lg_chain_init(&plain);
	pair_open(&p, c, s);
	tls_server_free(s);
	tls_client_free(c);
	assert_int_equal(pair_handshake(&p), TLS_OK);
	assert_int_equal(pair_send(&p, true, "hello", 5, &plain), TLS_WANT_INPUT);
	assert_int_equal(plain.len, 5);
	lg_chain_free(&plain);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_shake_hands_whatever_the_segments),
		cmocka_unit_test(certificate_follows_the_server_name),
		cmocka_unit_test(second_hello_after_retry_keeps_the_certificate),
		cmocka_unit_test(alpn_answers_http11_or_nothing),
		cmocka_unit_test(versions_are_the_listeners),
		cmocka_unit_test(no_common_cipher_is_counted),
		cmocka_unit_test(chacha20_goes_to_those_who_prefer_it),
		cmocka_unit_test(session_resumes_on_another_worker),
		cmocka_unit_test(ticket_of_another_process_means_a_full_handshake),
		cmocka_unit_test(server_lives_until_its_last_connection),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
