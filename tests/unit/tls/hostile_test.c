/* SPDX-License-Identifier: BSD-3-Clause */
/* What the Internet sends to a TLS port: no TLS, broken TLS, too much of it. */
#include <string.h>

#include "fixture.h"

struct stranger {
	struct tls_conn *t;
	struct lg_chain in, out;
};

static struct tls_server *listener;

static void stranger_open(struct stranger *x)
{
	x->t = tls_accept(listener);
	assert_non_null(x->t);
	lg_chain_init(&x->in);
	lg_chain_init(&x->out);
}

static void stranger_close(struct stranger *x)
{
	tls_conn_free(x->t);
	lg_chain_free(&x->in);
	lg_chain_free(&x->out);
}

static void refused_at_once(const char *bytes, uint32_t n, const char *why, enum tls_counter c)
{
	struct stranger x;
	uint64_t before = counter(c);
	stranger_open(&x);
	chain_of(&x.in, bytes, n, 1);
	assert_true(tls_has_record(x.t, &x.in));
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_string_equal(tls_conn_error(x.t), why);
	assert_int_equal(counter(c), before + 1);
	/* Dead is dead. */
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_int_equal(tls_read(x.t, &x.in, &x.in, 1, &x.out), TLS_FAILED);
	stranger_close(&x);
}

static void what_is_not_tls_is_refused_by_its_first_bytes(void **state)
{
	static const char why[] = "peer does not speak TLS";
	(void)state;
	refused_at_once("G", 1, why, TLS_CTR_FAIL_PROTOCOL);
	refused_at_once("GET / HTTP/1.1\r\n\r\n", 18, why, TLS_CTR_FAIL_PROTOCOL);
	refused_at_once("\x80\x2e\x01\x03\x01", 5, why, TLS_CTR_FAIL_PROTOCOL); /* SSLv2 hello */
	refused_at_once("\x16\x02", 2, why, TLS_CTR_FAIL_PROTOCOL);
	refused_at_once("\x18\x03\x03\x00\x01", 5, why, TLS_CTR_FAIL_PROTOCOL); /* heartbeat */
	refused_at_once("\0\0\0\0\0", 5, why, TLS_CTR_FAIL_PROTOCOL);
}

static void an_overlong_record_is_refused_by_its_header(void **state)
{
	struct stranger x;
	uint8_t alert[7];
	(void)state;
	refused_at_once("\x16\x03\x01\x48\x01", 5, "packet length too long", TLS_CTR_FAIL_RECORD);
	refused_at_once("\x16\x03\x01\xff\xff", 5, "packet length too long", TLS_CTR_FAIL_RECORD);
	/* RFC 5246 section 6.2.3: record_overflow tells the peer. */
	stranger_open(&x);
	chain_of(&x.in, "\x16\x03\x01\xff\xff", 5, 0);
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_int_equal(lg_chain_peek(&x.out, 0, alert, 7), 7);
	assert_int_equal(alert[0], SSL3_RT_ALERT);
	assert_int_equal(alert[6], SSL_AD_RECORD_OVERFLOW);
	stranger_close(&x);
}

static void a_record_is_waited_for_until_it_is_whole(void **state)
{
	struct stranger x;
	(void)state;
	stranger_open(&x);
	chain_of(&x.in, "\x16\x03\x01\x00\x04\x01\x00", 7, 0);
	assert_false(tls_has_record(x.t, &x.in));
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_WANT_INPUT);
	assert_int_equal(x.in.len, 7);
	stranger_close(&x);
}

static void a_broken_hello_gets_an_alert(void **state)
{
	struct stranger x;
	uint8_t alert[7];
	(void)state;
	stranger_open(&x);
	chain_of(&x.in, "\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", 11, 0);
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_string_equal(tls_conn_error(x.t), "length mismatch");
	assert_int_equal(lg_chain_peek(&x.out, 0, alert, 7), 7);
	assert_int_equal(alert[0], SSL3_RT_ALERT);
	assert_int_equal(alert[6], SSL_AD_DECODE_ERROR);
	stranger_close(&x);
}

static void empty_records_end_the_handshake(void **state)
{
	struct stranger x;
	(void)state;
	stranger_open(&x);
	for (unsigned i = 0; i < 100; i++)
		chain_of(&x.in, "\x16\x03\x01\x00\x00", 5, 0);
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_true(x.in.len > 0);
	stranger_close(&x);
}

/* A TLS 1.2 handshake up to the server's first flight. */
static void meet_halfway(struct stranger *x)
{
	struct peer c;
	stranger_open(x);
	peer_open(&c, false, TLS1_2_VERSION, TLS1_2_VERSION);
	SSL_do_handshake(c.ssl);
	peer_exchange(&c, &x->in, &x->out, 0);
	assert_int_equal(tls_handshake(x->t, &x->in, &x->out), TLS_WANT_INPUT);
	assert_true(x->out.len > 1000);
	peer_close(&c);
}

static void an_alert_ends_the_handshake_with_its_name(void **state)
{
	struct stranger x;
	uint64_t before = counter(TLS_CTR_FAIL_ALERT);
	(void)state;
	meet_halfway(&x);
	chain_of(&x.in, "\x15\x03\x03\x00\x02\x02\x30", 7, 0);
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_string_equal(tls_conn_error(x.t), "peer sent alert: unknown CA");
	assert_int_equal(counter(TLS_CTR_FAIL_ALERT), before + 1);
	stranger_close(&x);
}

/* An established connection with OpenSSL's client. */
static void meet(struct stranger *x, struct peer *c, int version)
{
	stranger_open(x);
	peer_open(c, false, version, version);
	assert_int_equal(peer_handshake(c, x->t, &x->in), TLS_OK);
}

static enum tls_result hear(struct stranger *x, struct peer *c)
{
	struct lg_chain plain;
	lg_chain_init(&plain);
	peer_exchange(c, &x->in, &x->out, 0);
	enum tls_result r = tls_read(x->t, &x->in, &plain, UINT32_MAX, &x->out);
	peer_exchange(c, &x->in, &x->out, 0);
	lg_chain_free(&plain);
	return r;
}

static void a_flipped_bit_in_a_record_is_fatal(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct stranger x;
		struct peer c;
		uint64_t before = counter(TLS_CTR_FAIL_RECORD);
		meet(&x, &c, versions[i]);
		assert_int_equal(SSL_write(c.ssl, "hello", 5), 5);
		peer_exchange(&c, &x.in, &x.out, 0);
		rte_pktmbuf_mtod(x.in.tail, uint8_t *)[x.in.tail->data_len - 1] ^= 1;
		assert_int_equal(hear(&x, &c), TLS_FAILED);
		assert_string_equal(tls_conn_error(x.t), "decryption failed or bad record mac");
		assert_int_equal(counter(TLS_CTR_FAIL_RECORD), before + 1);
		/* bad_record_mac arrives over there. */
		char b;
		int rc = SSL_read(c.ssl, &b, 1);
		assert_true(rc <= 0);
		assert_int_equal(SSL_get_error(c.ssl, rc), SSL_ERROR_SSL);
		stranger_close(&x);
		peer_close(&c);
	}
}

static void a_longer_record_than_tls13_allows_is_refused_by_its_header(void **state)
{
	struct stranger x;
	struct peer c;
	(void)state;
	meet(&x, &c, TLS1_3_VERSION);
	chain_of(&x.in, "\x17\x03\x03\x41\x01", 5, 0);
	assert_true(tls_has_record(x.t, &x.in));
	assert_int_equal(hear(&x, &c), TLS_FAILED);
	assert_string_equal(tls_conn_error(x.t), "encrypted length too long");
	stranger_close(&x);
	peer_close(&c);
}

static void renegotiation_is_refused_and_the_connection_lives(void **state)
{
	struct stranger x;
	struct peer c;
	uint64_t before = counter(TLS_CTR_RENEGOTIATION_REFUSED);
	(void)state;
	meet(&x, &c, TLS1_2_VERSION);
	SSL_renegotiate(c.ssl);
	SSL_do_handshake(c.ssl);
	assert_int_equal(hear(&x, &c), TLS_WANT_INPUT);
	assert_int_equal(counter(TLS_CTR_RENEGOTIATION_REFUSED), before + 1);
	struct lg_chain data;
	lg_chain_init(&data);
	chain_of(&data, "still here", 10, 0);
	assert_int_equal(tls_write(x.t, &data, 10, &x.out, 1448, 0), TLS_OK);
	stranger_close(&x);
	peer_close(&c);
}

static void key_updates_are_answered_but_a_flood_is_not(void **state)
{
	struct stranger x;
	struct peer c;
	(void)state;
	meet(&x, &c, TLS1_3_VERSION);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(c.ssl), 1);
		assert_int_equal(SSL_write(c.ssl, "x", 1), 1);
		assert_int_equal(hear(&x, &c), TLS_WANT_INPUT);
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(c.ssl), 1);
	}
	assert_int_equal(hear(&x, &c), TLS_FAILED);
	assert_string_equal(tls_conn_error(x.t), "too many records without data");
	stranger_close(&x);
	peer_close(&c);
}

static void close_notify_in_the_handshake_fails_it(void **state)
{
	struct stranger x;
	(void)state;
	meet_halfway(&x);
	chain_of(&x.in, "\x15\x03\x03\x00\x02\x01\x00", 7, 0);
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_FAILED);
	assert_string_equal(tls_conn_error(x.t), "peer ended TLS during the handshake");
	/* Nothing to say to it. */
	lg_chain_free(&x.out);
	tls_close(x.t, &x.out);
	assert_int_equal(x.out.len, 0);
	stranger_close(&x);
}

/* A hello that is cut into one-byte records is legal (RFC 8446 section 5.1). */
static void a_hello_in_one_byte_records_is_understood(void **state)
{
	struct stranger x;
	struct peer c;
	uint8_t hello[2048];
	(void)state;
	stranger_open(&x);
	peer_open(&c, false, TLS1_3_VERSION, TLS1_3_VERSION);
	SSL_do_handshake(c.ssl);
	int n = BIO_read(SSL_get_wbio(c.ssl), hello, sizeof(hello));
	assert_true(n > 5);
	for (int i = 5; i < n; i++) {
		uint8_t record[6] = {0x16, 3, 1, 0, 1, hello[i]};
		chain_of(&x.in, record, sizeof(record), 1);
	}
	assert_int_equal(tls_handshake(x.t, &x.in, &x.out), TLS_WANT_INPUT);
	peer_exchange(&c, &x.in, &x.out, 1);
	assert_int_equal(peer_handshake(&c, x.t, &x.in), TLS_OK);
	stranger_close(&x);
	peer_close(&c);
}

static void random_bytes_never_open_a_connection(void **state)
{
	(void)state;
	srandom(4711);
	for (unsigned i = 0; i < 2000; i++) {
		struct stranger x;
		uint8_t bytes[300];
		for (unsigned k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)random();
		/* Half of them with a plausible head. */
		if (i % 2)
			memcpy(bytes, "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", 11);
		stranger_open(&x);
		chain_of(&x.in, bytes, sizeof(bytes), 50);
		assert_int_not_equal(tls_handshake(x.t, &x.in, &x.out), TLS_OK);
		stranger_close(&x);
	}
}

static int setup(void **state)
{
	world_setup(state);
	listener = server_make(TLS_V1_2, TLS_V1_3);
	return 0;
}

static int teardown(void **state)
{
	tls_server_free(listener);
	return world_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_tls_is_refused_by_its_first_bytes),
		cmocka_unit_test(an_overlong_record_is_refused_by_its_header),
		cmocka_unit_test(a_record_is_waited_for_until_it_is_whole),
		cmocka_unit_test(a_broken_hello_gets_an_alert),
		cmocka_unit_test(empty_records_end_the_handshake),
		cmocka_unit_test(an_alert_ends_the_handshake_with_its_name),
		cmocka_unit_test(a_flipped_bit_in_a_record_is_fatal),
		cmocka_unit_test(a_longer_record_than_tls13_allows_is_refused_by_its_header),
		cmocka_unit_test(renegotiation_is_refused_and_the_connection_lives),
		cmocka_unit_test(key_updates_are_answered_but_a_flood_is_not),
		cmocka_unit_test(close_notify_in_the_handshake_fails_it),
		cmocka_unit_test(a_hello_in_one_byte_records_is_understood),
		cmocka_unit_test(random_bytes_never_open_a_connection),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
