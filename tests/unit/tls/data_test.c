/* SPDX-License-Identifier: BSD-3-Clause */
/* Application data in both directions, record sizes, the stream's end. */
#include <string.h>

#include "fixture.h"

static uint8_t pattern[1024 * 1024];

static void fill_pattern(void)
{
	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + (i >> 8) * 7);
}

static void check_plain(struct lg_chain *plain, uint32_t n)
{
	static uint8_t got[sizeof(pattern)];
	assert_int_equal(plain->len, n);
	lg_chain_check(plain);
	assert_int_equal(lg_chain_peek(plain, 0, got, n), n);
	assert_memory_equal(got, pattern, n);
	lg_chain_free(plain);
}

static void open_pair(struct pair *p, enum tls_version v, uint32_t seg)
{
	struct tls_server *s = server_make(TLS_V1_0, TLS_V1_3);
	struct tls_client *c = client_make("www.example.test", v, v);
	*p = (struct pair){.seg = seg};
	pair_open(p, c, s);
	/* The connections keep them alive. */
	tls_server_free(s);
	tls_client_free(c);
	assert_int_equal(pair_handshake(p), TLS_OK);
}

static void bytes_arrive_unchanged_in_any_cut(void **state)
{
	static const enum tls_version versions[] = {TLS_V1_0, TLS_V1_1, TLS_V1_2, TLS_V1_3};
	static const uint32_t sizes[] = {1, 2, 127, 1448, 16383, 16384, 16385, 70001, 1024 * 1024};
	static const uint32_t segs[] = {0, 1, 13, 2000};
	struct lg_chain plain;
	(void)state;
	fill_pattern();
	lg_chain_init(&plain);
	for (unsigned v = 0; v < LG_ARRAY_SIZE(versions) * LG_ARRAY_SIZE(segs); v++) {
		struct pair p;
		uint32_t seg = segs[v % LG_ARRAY_SIZE(segs)];
		open_pair(&p, versions[v / LG_ARRAY_SIZE(segs)], seg);
		for (unsigned i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
			/* A pool of 8191 mbufs: small segments for small data. */
			if (sizes[i] > seg * 1000 && seg != 0)
				continue;
			pair_send(&p, true, pattern, sizes[i], &plain);
			check_plain(&plain, sizes[i]);
			pair_send(&p, false, pattern, sizes[i], &plain);
			check_plain(&plain, sizes[i]);
		}
		pair_close(&p);
		world_check_mbufs();
	}
}

/* Payload bytes of the records in a chain of ciphertext. */
static unsigned record_sizes(const struct lg_chain *c, uint32_t *sizes, unsigned max)
{
	unsigned n = 0;
	uint8_t h[5];
	for (uint32_t off = 0; off < c->len && n < max; n++) {
		assert_int_equal(lg_chain_peek(c, off, h, 5), 5);
		sizes[n] = 5u + ((uint32_t)h[3] << 8 | h[4]);
		off += sizes[n];
	}
	return n;
}

static void records_fit_a_segment_until_64_kib_and_after_an_idle_second(void **state)
{
	uint32_t sizes[256];
	struct lg_chain in, out;
	struct pair p;
	(void)state;
	fill_pattern();
	lg_chain_init(&in);
	lg_chain_init(&out);
	open_pair(&p, TLS_V1_3, 0);
	chain_of(&in, pattern, 200000, 0);
	assert_int_equal(tls_write(p.server, &in, UINT32_MAX, &out, 1448, 5000000), TLS_OK);
	assert_true(out.len <= tls_overhead(200000, 1448));
	unsigned n = record_sizes(&out, sizes, 256);
	for (unsigned i = 0; i < 45; i++)
		assert_int_equal(sizes[i], 1448);
	assert_int_equal(n, 46 + (200000 - 46 * 1426) / 16384 + 1);
	assert_int_equal(sizes[46], 16384 + 22);
	lg_chain_free(&out);

	chain_of(&in, pattern, 20000, 0);
	assert_int_equal(tls_write(p.server, &in, UINT32_MAX, &out, 1448, 5999999), TLS_OK);
	record_sizes(&out, sizes, 1);
	assert_int_equal(sizes[0], 16384 + 22);
	lg_chain_free(&out);

	chain_of(&in, pattern, 20000, 0);
	assert_int_equal(tls_write(p.server, &in, UINT32_MAX, &out, 1200, 6999999), TLS_OK);
	record_sizes(&out, sizes, 1);
	assert_int_equal(sizes[0], 1200);
	lg_chain_free(&out);
	pair_close(&p);
}

static void overhead_is_an_upper_bound(void **state)
{
	static const enum tls_version versions[] = {TLS_V1_0, TLS_V1_2, TLS_V1_3};
	static const uint32_t mss[] = {0, 88, 536, 1220, 1448, 8960};
	static const uint32_t sizes[] = {1, 100, 1448, 30000, 100000};
	struct lg_chain in, out;
	(void)state;
	lg_chain_init(&in);
	lg_chain_init(&out);
	for (unsigned i = 0; i < 3 * 6 * 5; i++) {
		struct pair p;
		uint32_t n = sizes[i / 18], m = mss[i % 6];
		open_pair(&p, versions[i / 6 % 3], 0);
		/* The client's side: TLS 1.0 there sends an empty record before each. */
		chain_of(&in, pattern, n, 0);
		assert_int_equal(tls_write(p.client, &in, UINT32_MAX, &out, m, 0), TLS_OK);
		assert_true(out.len > n && out.len <= tls_overhead(n, m));
		lg_chain_free(&out);
		pair_close(&p);
	}
}

static void write_takes_no_more_than_max(void **state)
{
	struct lg_chain in, out, plain;
	struct pair p;
	(void)state;
	fill_pattern();
	lg_chain_init(&in);
	lg_chain_init(&out);
	lg_chain_init(&plain);
	open_pair(&p, TLS_V1_3, 0);
	chain_of(&in, pattern, 5000, 100);
	assert_int_equal(tls_write(p.client, &in, 3001, &out, 1448, 0), TLS_OK);
	assert_int_equal(in.len, 1999);
	assert_int_equal(
		tls_read(p.server, &out, &plain, UINT32_MAX, &p.to_client), TLS_WANT_INPUT);
	check_plain(&plain, 3001);
	lg_chain_free(&in);
	pair_close(&p);
}

static void read_stops_at_the_record_that_passes_max(void **state)
{
	struct lg_chain in, out, plain;
	struct pair p;
	(void)state;
	fill_pattern();
	lg_chain_init(&in);
	lg_chain_init(&out);
	lg_chain_init(&plain);
	open_pair(&p, TLS_V1_2, 0);
	chain_of(&in, pattern, 10000, 0);
	assert_int_equal(tls_write(p.client, &in, UINT32_MAX, &out, 1029, 0), TLS_OK);
	assert_int_equal(tls_read(p.server, &out, &plain, 2500, &p.to_client), TLS_OK);
	assert_int_equal(plain.len, 3000);
	assert_true(tls_has_record(p.server, &out));
	assert_int_equal(tls_read(p.server, &out, &plain, 7000, &p.to_client), TLS_OK);
	check_plain(&plain, 10000);
	assert_false(tls_has_record(p.server, &out));
	assert_int_equal(tls_read(p.server, &out, &plain, 1, &p.to_client), TLS_WANT_INPUT);
	pair_close(&p);
}

static void half_a_record_stays_in_the_chain(void **state)
{
	struct lg_chain in, out, part, plain;
	struct pair p;
	uint8_t bytes[400];
	(void)state;
	fill_pattern();
	lg_chain_init(&in);
	lg_chain_init(&out);
	lg_chain_init(&part);
	lg_chain_init(&plain);
	open_pair(&p, TLS_V1_3, 0);
	chain_of(&in, pattern, 300, 0);
	assert_int_equal(tls_write(p.client, &in, UINT32_MAX, &out, 1448, 0), TLS_OK);
	uint32_t n = lg_chain_peek(&out, 0, bytes, sizeof(bytes));
	for (uint32_t i = 0; i + 1 < n; i++) {
		chain_of(&part, bytes + i, 1, 0);
		assert_false(tls_has_record(p.server, &part));
		assert_int_equal(
			tls_read(p.server, &part, &plain, 1, &p.to_client), TLS_WANT_INPUT);
		assert_int_equal(part.len, i + 1);
	}
	chain_of(&part, bytes + n - 1, 1, 0);
	assert_true(tls_has_record(p.server, &part));
	assert_int_equal(tls_read(p.server, &part, &plain, 1, &p.to_client), TLS_OK);
	check_plain(&plain, 300);
	lg_chain_free(&out);
	pair_close(&p);
}

/* RFC 8446 section 6.1; A15: only close_notify is a clean end. */
static void close_notify_ends_the_stream_and_only_that(void **state)
{
	static const enum tls_version versions[] = {TLS_V1_2, TLS_V1_3};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct lg_chain plain, out;
		struct pair p;
		uint64_t before = counter(TLS_CTR_CLOSE_NOTIFY_IN);
		lg_chain_init(&plain);
		lg_chain_init(&out);
		open_pair(&p, versions[i], 0);
		assert_int_equal(pair_send(&p, false, "bye", 3, &plain), TLS_WANT_INPUT);
		/* All that came is read and no close_notify: the caller sees FIN and knows. */
		assert_int_equal(
			tls_read(p.client, &p.to_client, &plain, 99, &out), TLS_WANT_INPUT);
		tls_close(p.server, &p.to_client);
		uint32_t once = p.to_client.len;
		assert_true(once > 0);
		tls_close(p.server, &p.to_client);
		assert_int_equal(p.to_client.len, once);
		assert_int_equal(tls_read(p.client, &p.to_client, &plain, 99, &out), TLS_CLOSED);
		assert_int_equal(tls_read(p.client, &p.to_client, &plain, 99, &out), TLS_CLOSED);
		assert_int_equal(counter(TLS_CTR_CLOSE_NOTIFY_IN), before + 1);
		assert_int_equal(plain.len, 3);
		/* Half-closed: the other direction still works, this one is shut. */
		assert_int_equal(pair_send(&p, true, "more", 4, &plain), TLS_WANT_INPUT);
		assert_int_equal(plain.len, 7);
		struct lg_chain late;
		lg_chain_init(&late);
		chain_of(&late, "x", 1, 0);
		assert_int_equal(tls_write(p.server, &late, 1, &out, 1448, 0), TLS_FAILED);
		assert_int_equal(late.len, 1);
		assert_int_equal(out.len, 0);
		lg_chain_free(&late);
		lg_chain_free(&plain);
		pair_close(&p);
	}
}

static struct rte_mbuf *hostages[8192];

static unsigned empty_pool(unsigned leave)
{
	unsigned n = rte_mempool_avail_count(world.pool) - leave;
	assert_int_equal(rte_pktmbuf_alloc_bulk(world.pool, hostages, n), 0);
	return n;
}

/* Takes a second reference, so that trimming the chain frees no buffer. */
static unsigned hold_segments(const struct lg_chain *c, struct rte_mbuf **held)
{
	unsigned n = 0;
	for (struct rte_mbuf *m = c->head; m; m = m->next) {
		rte_mbuf_refcnt_update(m, 1);
		held[n++] = m;
	}
	return n;
}

static void an_empty_pool_fails_the_connection_not_the_process(void **state)
{
	struct lg_chain in, out, plain;
	struct pair p;
	(void)state;
	fill_pattern();
	uint64_t before = counter(TLS_CTR_NOMBUF);
	lg_chain_init(&in);
	lg_chain_init(&out);
	lg_chain_init(&plain);
	open_pair(&p, TLS_V1_3, 0);
	chain_of(&in, pattern, 100000, 0);
	unsigned n = empty_pool(0);
	/* What is encrypted gives its mbuf back: ten of these will do for ten records, not for all.
	 */
	rte_pktmbuf_free_bulk(hostages, 10);
	struct rte_mbuf *held[64];
	unsigned n_held = hold_segments(&in, held);
	assert_int_equal(tls_write(p.client, &in, UINT32_MAX, &out, 1448, 0), TLS_FAILED);
	assert_string_equal(tls_conn_error(p.client), "no packet buffer for TLS output");
	assert_int_equal(tls_write(p.client, &in, UINT32_MAX, &out, 1448, 0), TLS_FAILED);
	rte_pktmbuf_free_bulk(hostages + 10, n - 10);
	for (unsigned i = 0; i < n_held; i++)
		rte_pktmbuf_free_seg(held[i]);
	/* What did go out is whole records: the peer reads a prefix of the stream. */
	assert_int_equal(tls_read(p.server, &out, &plain, UINT32_MAX, &in), TLS_WANT_INPUT);
	assert_int_equal(out.len, 0);
	assert_true(plain.len > 5000);
	check_plain(&plain, plain.len);
	lg_chain_free(&in);
	pair_close(&p);

	open_pair(&p, TLS_V1_3, 0);
	chain_of(&in, pattern, 5000, 0);
	assert_int_equal(tls_write(p.client, &in, UINT32_MAX, &out, 1448, 0), TLS_OK);
	n = empty_pool(0);
	assert_int_equal(tls_read(p.server, &out, &plain, UINT32_MAX, &in), TLS_FAILED);
	rte_pktmbuf_free_bulk(hostages, n);
	assert_int_equal(counter(TLS_CTR_NOMBUF), before + 2);
	lg_chain_free(&out);
	lg_chain_free(&plain);
	pair_close(&p);
}

static void an_empty_pool_fails_the_handshake(void **state)
{
	struct lg_chain out;
	(void)state;
	struct tls_client *c = client_make("www.example.test", TLS_V1_2, TLS_V1_3);
	struct tls_conn *t = tls_connect(c, 1);
	lg_chain_init(&out);
	unsigned n = empty_pool(0);
	assert_int_equal(tls_handshake(t, &out, &out), TLS_FAILED);
	assert_int_equal(tls_handshake(t, &out, &out), TLS_FAILED);
	rte_pktmbuf_free_bulk(hostages, n);
	assert_string_equal(tls_conn_error(t), "no packet buffer for TLS output");
	tls_conn_free(t);
	tls_client_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_unchanged_in_any_cut),
		cmocka_unit_test(records_fit_a_segment_until_64_kib_and_after_an_idle_second),
		cmocka_unit_test(overhead_is_an_upper_bound),
		cmocka_unit_test(write_takes_no_more_than_max),
		cmocka_unit_test(read_stops_at_the_record_that_passes_max),
		cmocka_unit_test(half_a_record_stays_in_the_chain),
		cmocka_unit_test(close_notify_ends_the_stream_and_only_that),
		cmocka_unit_test(an_empty_pool_fails_the_connection_not_the_process),
		cmocka_unit_test(an_empty_pool_fails_the_handshake),
	};
	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
