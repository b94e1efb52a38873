/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly: every order, and what attackers do with fragments (RFC 1858, 3128, 5722, 6946). */
#include "world.h"

#define US      "203.0.113.10"
#define US6     "2001:db8::10"
#define CLIENT  "198.51.100.7"
#define CLIENT6 "2001:db8:7::7"
#define TEXT    "The quick brown fox jumps over the lazy dog and the gateway reads it all at once."

/* A whole TCP segment, to cut pieces from. */
static struct bytes segment(const char *src, const char *dst)
{
	struct bytes t = {.n = 0};
	put_tcp(&t, src, dst, TEXT, (uint32_t)strlen(TEXT));
	return t;
}

static struct bytes piece4_of(const char *src, uint16_t id, uint8_t proto, const void *data,
	uint32_t off, uint32_t len, bool more)
{
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4_opts(&f, src, US, proto, len, id, (uint16_t)(off / 8 | (more ? 0x2000 : 0)), "", 0);
	put(&f, data, len);
	return f;
}

static struct bytes piece4(const struct bytes *t, uint16_t id, uint32_t off, uint32_t len)
{
	return piece4_of(CLIENT, id, PROTO_TCP, t->b + off, off, len, off + len < t->n);
}

static struct bytes piece6_raw(uint32_t id, uint8_t next, const void *data, uint32_t off,
	uint32_t len, bool more, const char *ext, uint32_t extlen)
{
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, CLIENT6, US6, extlen > 0 ? 60 : 44, extlen + 8 + len, 64);
	put(&f, ext, extlen);
	put8(&f, next);
	put8(&f, 0);
	put16(&f, (uint16_t)(off | more));
	put32(&f, id);
	put(&f, data, len);
	return f;
}

static struct bytes piece6(const struct bytes *t, uint32_t id, uint32_t off, uint32_t len)
{
	return piece6_raw(id, PROTO_TCP, t->b + off, off, len, off + len < t->n, "", 0);
}

static const uint32_t cut[] = {0, 24, 48, 80, 101};

static struct bytes nth(const struct bytes *t, bool v6, uint16_t id, unsigned i)
{
	uint32_t len = cut[i + 1] - cut[i];
	return v6 ? piece6(t, id, cut[i], len) : piece4(t, id, cut[i], len);
}

static void every_order(struct world *w, bool v6)
{
	struct bytes t = v6 ? segment(CLIENT6, US6) : segment(CLIENT, US);
	assert_int_equal(t.n, cut[4]);
	uint16_t id = 0;
	for (unsigned code = 0; code < 256; code++) {
		unsigned order[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6}, seen = 0;
		for (unsigned i = 0; i < 4; i++)
			seen |= 1u << order[i];
		if (seen != 15)
			continue;
		id++;
		for (unsigned i = 0; i < 3; i++) {
			struct bytes f = nth(&t, v6, id, order[i]);
			assert_int_equal(give(w, &f), NET_DONE);
		}
		struct bytes f = nth(&t, v6, id, order[3]);
		comes_up(w, &f, TEXT);
	}
	assert_int_equal(id, 24);
	assert_int_equal(counter(w, NET_CTR_REASSEMBLED), 24);
	assert_int_equal(counter(w, NET_CTR_FRAGMENTS), 96);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), 0);
}

static void ipv4_fragments_come_whole_in_every_order(void **state)
{
	struct world *w = world_new();
	(void)state;
	every_order(w, false);
	world_free(w);
}

static void ipv6_fragments_come_whole_in_every_order(void **state)
{
	struct world *w = world_new();
	(void)state;
	every_order(w, true);
	world_free(w);
}

/* Headers in front of the fragment header belong to each piece and are cut out. */
static void ipv6_extension_headers_before_and_in_fragments(void **state)
{
	struct world *w = world_new();
	struct bytes t = {.n = 0};
	(void)state;
	put(&t, "\6\0\1\4\0\0\0\0", 8); /* destination options inside of the fragmented part */
	put_tcp(&t, CLIENT6, US6, TEXT, (uint32_t)strlen(TEXT));
	const char *ext = "\x2c\1\1\xc\0\0\0\0\0\0\0\0\0\0\0\0";
	struct bytes f = piece6_raw(1, 60, t.b, 0, 48, true, ext, 16);
	assert_int_equal(give(w, &f), NET_DONE);
	f = piece6_raw(1, 60, t.b + 48, 48, t.n - 48, false, ext, 16);
	comes_up(w, &f, TEXT);
	world_free(w);
}

static void scattered_fragments_come_whole(void **state)
{
	struct world *w = world_new();
	struct bytes t4 = segment(CLIENT, US), t6 = segment(CLIENT6, US6);
	(void)state;
	for (uint16_t seg = 7; seg < 70; seg += 3) {
		struct bytes f = nth(&t4, false, seg, 0), g = nth(&t6, true, seg, 0);
		assert_int_equal(give_mbuf(w, to_mbuf(w, f.b, f.n, seg)), NET_DONE);
		assert_int_equal(give_mbuf(w, to_mbuf(w, g.b, g.n, seg)), NET_DONE);
		f = piece4(&t4, seg, 24, t4.n - 24);
		g = piece6(&t6, seg, 24, t6.n - 24);
		comes_up_mbuf(w, to_mbuf(w, f.b, f.n, seg), TEXT);
		comes_up_mbuf(w, to_mbuf(w, g.b, g.n, seg), TEXT);
	}
	world_free(w);
}

/* What a port says of one fragment's checksum is not true of the whole. */
static void checksum_of_the_whole_is_verified(void **state)
{
	struct world *w = world_prepare();
	struct bytes t = segment(CLIENT, US);
	(void)state;
	w->p.rx_checksum = true;
	world_start(w);
	t.b[40] ^= 1;
	for (unsigned i = 0; i < 2; i++) {
		struct bytes f = piece4(&t, 9, i * 48, i == 0 ? 48 : t.n - 48);
		struct rte_mbuf *m = to_mbuf(w, f.b, f.n, 1900);
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		assert_int_equal(give_mbuf(w, m), NET_DONE);
	}
	assert_int_equal(counter(w, NET_CTR_DROP_BAD_L4_CHECKSUM), 1);
	world_free(w);
}

/* The three mbufs of a spoiled datagram all go, under that one name. */
static void overlapping_fragments_are_refused(void **state)
{
	struct world *w = world_new();
	struct bytes t4 = segment(CLIENT, US), t6 = segment(CLIENT6, US6);
	(void)state;
	/* 0-48, 40-72 over it, and the end: more bytes than the datagram holds. */
	struct bytes f[6] = {piece4(&t4, 1, 0, 48), piece4(&t4, 1, 40, 32),
		piece4(&t4, 1, 72, t4.n - 72), piece6(&t6, 1, 0, 48), piece6(&t6, 1, 40, 32),
		piece6(&t6, 1, 72, t6.n - 72)};
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(give(w, &f[i]), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), 6);
	assert_int_equal(counter(w, NET_CTR_REASSEMBLED), 0);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	/* The sum of lengths is right, but there is a hole beside the overlap. */
	f[0] = piece4(&t4, 2, 0, 32);
	f[1] = piece4(&t4, 2, 24, 32);
	f[2] = piece4(&t4, 2, 64, t4.n - 64);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(give(w, &f[i]), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), 9);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	world_free(w);
}

static void repeated_first_fragment_spoils_the_datagram(void **state)
{
	struct world *w = world_new();
	struct bytes t = segment(CLIENT, US), f = piece4(&t, 1, 0, 48);
	(void)state;
	assert_int_equal(give(w, &f), NET_DONE);
	assert_int_equal(give(w, &f), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), 2);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	world_free(w);
}

static void bad_piece(struct world *w, const struct bytes *f)
{
	uint64_t before = counter(w, NET_CTR_DROP_FRAG_BAD);
	assert_int_equal(give(w, f), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), before + 1);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
}

/* RFC 1858: the first piece must hold the TCP header, and none may lie over it. */
static void tiny_fragments_are_refused(void **state)
{
	struct world *w = world_new();
	struct bytes t = segment(CLIENT, US), t6 = segment(CLIENT6, US6);
	(void)state;
	struct bytes f = piece4(&t, 1, 0, 16);
	bad_piece(w, &f);
	f = piece4(&t, 1, 8, 16);
	bad_piece(w, &f);
	f = piece4(&t, 1, 24, 0);
	bad_piece(w, &f);
	f = piece4(&t, 1, 24, 20); /* more to come, but no multiple of 8 */
	bad_piece(w, &f);
	f = piece6(&t6, 1, 0, 16);
	bad_piece(w, &f);
	f = piece6(&t6, 1, 8, 16);
	bad_piece(w, &f);
	f = piece6(&t6, 1, 24, 0);
	bad_piece(w, &f);
	world_free(w);
}

/* "Ping of death". */
static void oversized_datagrams_are_refused(void **state)
{
	struct world *w = world_new();
	char data[64] = {0};
	(void)state;
	struct bytes f = piece4_of(CLIENT, 1, PROTO_ICMP, data, 65528, 8, false);
	bad_piece(w, &f);
	f = piece6_raw(1, PROTO_ICMP6, data, 65528, 16, false, "", 0);
	bad_piece(w, &f);
	world_free(w);
}

static void fragments_of_other_protocols_are_not_kept(void **state)
{
	struct world *w = world_new();
	char data[64] = {0};
	(void)state;
	struct bytes f = piece4_of(CLIENT, 1, 17, data, 0, 64, true);
	gets_dropped(w, &f, NET_CTR_DROP_PROTOCOL);
	f = piece6_raw(1, 17, data, 0, 64, true, "", 0);
	bad_piece(w, &f);
	world_free(w);
}

static void unfinished_datagrams_time_out(void **state)
{
	struct world *w = world_new();
	struct bytes t = segment(CLIENT, US), a = piece4(&t, 1, 0, 48), b = piece4(&t, 2, 48, 24);
	(void)state;
	assert_int_equal(give(w, &a), NET_DONE);
	w->now += LG_SEC(1);
	assert_int_equal(give(w, &b), NET_DONE);
	net_tick(w->nif, w->now);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_TIMEOUT), 0);
	w->now += LG_SEC(4) + LG_MS(500);
	net_tick(w->nif, w->now);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_TIMEOUT), 1);
	w->now += LG_SEC(1);
	net_tick(w->nif, w->now);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_TIMEOUT), 2);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	world_free(w);
}

/* A late piece finds its datagram gone: it starts over instead of completing it. */
static void late_piece_completes_nothing(void **state)
{
	struct world *w = world_new();
	struct bytes t = segment(CLIENT, US), a = piece4(&t, 1, 0, 48),
		     b = piece4(&t, 1, 48, t.n - 48);
	(void)state;
	assert_int_equal(give(w, &a), NET_DONE);
	w->now += LG_SEC(6);
	assert_int_equal(give(w, &b), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_TIMEOUT), 1);
	assert_int_equal(counter(w, NET_CTR_REASSEMBLED), 0);
	world_free(w);
}

static void datagrams_under_reassembly_are_bounded(void **state)
{
	struct world *w = world_prepare();
	struct bytes t = segment(CLIENT, US);
	(void)state;
	w->p.max_fragments = 8;
	world_start(w);
	for (uint16_t id = 0; id < 100; id++) {
		struct bytes f = piece4(&t, id, 0, 48);
		assert_int_equal(give(w, &f), NET_DONE);
		assert_true(rte_mempool_in_use_count(w->pool) <= 8);
	}
	unsigned kept = rte_mempool_in_use_count(w->pool);
	assert_true(kept > 0);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_LIMIT), 100 - kept);
	world_free(w);
}

static void datagrams_of_too_many_pieces_are_refused(void **state)
{
	struct world *w = world_new();
	struct bytes t = {.n = 0};
	char data[400] = {0};
	(void)state;
	put_tcp(&t, CLIENT, US, data, sizeof(data));
	struct bytes f = piece4(&t, 1, 0, 24);
	assert_int_equal(give(w, &f), NET_DONE);
	for (uint32_t off = 24; off < 24 + 16 * 7; off += 16) {
		f = piece4(&t, 1, off, 16);
		assert_int_equal(give(w, &f), NET_DONE);
	}
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_LIMIT), 8);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	world_free(w);
}

/* The library's key has no protocol in it: pieces of two protocols must not mix. */
static void pieces_of_two_protocols_do_not_mix(void **state)
{
	struct world *w = world_new();
	struct bytes t = segment(CLIENT, US);
	(void)state;
	struct bytes f = piece4_of(CLIENT, 1, PROTO_ICMP, t.b, 0, 48, true);
	assert_int_equal(give(w, &f), NET_DONE);
	f = piece4(&t, 1, 48, t.n - 48);
	assert_int_equal(give(w, &f), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), 1);
	world_free(w);
}

static void set_ecn(struct bytes *f, bool v6, uint8_t ecn)
{
	if (v6) {
		f->b[15] |= (uint8_t)(ecn << 4);
		return;
	}
	f->b[15] |= ecn;
	set16(f, 24, 0);
	set16(f, 24, (uint16_t)~ref_sum(0, f->b + 14, 20));
}

/* RFC 3168 section 5.3 */
static void a_mark_on_any_piece_is_one_on_the_whole(void **state)
{
	static const struct {
		uint8_t piece[3];
		int whole; /* -1: refused */
	} rows[] = {{{0, 0, 0}, 0}, {{2, 2, 2}, 2}, {{1, 1, 1}, 1}, {{3, 2, 2}, 3}, {{2, 3, 2}, 3},
		{{2, 2, 3}, 3}, {{1, 3, 1}, 3}, {{3, 3, 3}, 3}, {{0, 3, 3}, -1}, {{3, 0, 3}, -1},
		{{3, 3, 0}, -1}, {{2, 0, 2}, -1}};
	struct world *w = world_new();
	struct bytes t4 = segment(CLIENT, US), t6 = segment(CLIENT6, US6);
	unsigned bad = 0;
	(void)state;
	for (uint16_t i = 0; i < 2 * LG_ARRAY_SIZE(rows); i++) {
		bool v6 = i & 1;
		const struct bytes *t = v6 ? &t6 : &t4;
		enum net_verdict got = NET_DONE;
		for (unsigned k = 0; k < 3; k++) {
			uint32_t len = k == 2 ? t->n - 48 : 24;
			uint8_t ecn = rows[i / 2].piece[k];
			struct bytes f = v6 ? piece6(t, i, 24 * k, len) : piece4(t, i, 24 * k, len);
			set_ecn(&f, v6, ecn);
			got = give_mbuf(w, to_mbuf(w, f.b, f.n, k == 1 ? 40 : 1900));
		}
		assert_int_equal(got, rows[i / 2].whole < 0 ? NET_DONE : NET_TCP);
		bad += rows[i / 2].whole < 0 ? 1 : 0;
		if (got != NET_TCP)
			continue;
		assert_int_equal(w->pkt.ecn, rows[i / 2].whole);
		rte_pktmbuf_free(w->pkt.m);
	}
	assert_int_equal(counter(w, NET_CTR_DROP_FRAG_BAD), bad);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_fragments_come_whole_in_every_order),
		cmocka_unit_test(ipv6_fragments_come_whole_in_every_order),
		cmocka_unit_test(ipv6_extension_headers_before_and_in_fragments),
		cmocka_unit_test(scattered_fragments_come_whole),
		cmocka_unit_test(checksum_of_the_whole_is_verified),
		cmocka_unit_test(overlapping_fragments_are_refused),
		cmocka_unit_test(repeated_first_fragment_spoils_the_datagram),
		cmocka_unit_test(tiny_fragments_are_refused),
		cmocka_unit_test(oversized_datagrams_are_refused),
		cmocka_unit_test(fragments_of_other_protocols_are_not_kept),
		cmocka_unit_test(unfinished_datagrams_time_out),
		cmocka_unit_test(late_piece_completes_nothing),
		cmocka_unit_test(datagrams_under_reassembly_are_bounded),
		cmocka_unit_test(datagrams_of_too_many_pieces_are_refused),
		cmocka_unit_test(pieces_of_two_protocols_do_not_mix),
		cmocka_unit_test(a_mark_on_any_piece_is_one_on_the_whole),
	};
	return cmocka_run_group_tests(tests, world_group_setup, NULL);
}
