/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#define US      "203.0.113.10"
#define US6     "2001:db8::10"
#define CLIENT  "198.51.100.7"
#define CLIENT6 "2001:db8:7::7"

static void tcp_over_ipv4_comes_up(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "hello");
	struct lg_ip src = ip_of(CLIENT), dst = ip_of(US);
	(void)state;
	comes_up(w, &f, "hello");
	assert_true(lg_ip_eq(&w->pkt.src, &src));
	assert_true(lg_ip_eq(&w->pkt.dst, &dst));
	assert_int_equal(w->pkt.side, NET_EXTERNAL);
	assert_int_equal(counter(w, NET_CTR_RX_PACKETS), 1);
	assert_int_equal(counter(w, NET_CTR_RX_BYTES), f.n);
	world_free(w);
}

static void tcp_over_ipv6_comes_up(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp6_frame(CLIENT6, US6, "hello");
	(void)state;
	comes_up(w, &f, "hello");
	world_free(w);
}

/* RFC 3168: the two low bits of TOS and traffic class. */
static void ecn_bits_are_handed_up(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "");
	(void)state;
	f.b[15] = 0xb8 | 3;
	set16(&f, 24, 0);
	set16(&f, 24, (uint16_t)~ref_sum(0, f.b + 14, 20));
	comes_up(w, &f, "");
	assert_int_equal(w->pkt.ecn, 3);
	f = tcp6_frame(CLIENT6, US6, "");
	f.b[15] |= 0x20;
	comes_up(w, &f, "");
	assert_int_equal(w->pkt.ecn, 2);
	world_free(w);
}

static void ethernet_padding_is_trimmed(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "x");
	(void)state;
	put(&f, "paddingpadding", 14);
	comes_up(w, &f, "x");
	f = tcp6_frame(CLIENT6, US6, "x");
	put(&f, "paddingpadding", 14);
	comes_up(w, &f, "x");
	world_free(w);
}

/* A frame may lie in segments of any size; the TCP header must come out contiguous. */
static void frames_in_segments_of_every_size_come_up(void **state)
{
	struct world *w = world_new();
	struct bytes f4 = tcp4_frame(CLIENT, US, "scattered data"),
		     f6 = tcp6_frame(CLIENT6, US6, "scattered data");
	(void)state;
	put(&f4, "padding", 7);
	for (uint32_t seg = 1; seg < f6.n; seg++) {
		comes_up_mbuf(w, to_mbuf(w, f4.b, f4.n, seg), "scattered data");
		comes_up_mbuf(w, to_mbuf(w, f6.b, f6.n, seg), "scattered data");
	}
	world_free(w);
}

static void every_truncation_of_a_frame_is_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f4 = tcp4_frame(CLIENT, US, "data"), f6 = tcp6_frame(CLIENT6, US6, "data");
	(void)state;
	for (uint32_t n = 1; n < f4.n; n++) {
		struct bytes cut = f4;
		cut.n = n;
		gets_dropped(w, &cut, n < 34 ? NET_CTR_DROP_SHORT : NET_CTR_DROP_TRUNCATED);
	}
	for (uint32_t n = 1; n < f6.n; n++) {
		struct bytes cut = f6;
		cut.n = n;
		gets_dropped(w, &cut, n < 54 ? NET_CTR_DROP_SHORT : NET_CTR_DROP_TRUNCATED);
	}
	world_free(w);
}

static void frames_for_other_stations_are_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "");
	(void)state;
	f.b[5] ^= 1;
	gets_dropped(w, &f, NET_CTR_DROP_NOT_OUR_MAC);
	world_free(w);
}

static void group_address_as_ethernet_source_is_a_martian(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "");
	(void)state;
	f.b[6] |= 1;
	gets_dropped(w, &f, NET_CTR_DROP_MARTIAN);
	world_free(w);
}

static void unknown_ethertypes_are_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "");
	(void)state;
	set16(&f, 12, 0x88cc);
	gets_dropped(w, &f, NET_CTR_DROP_ETHERTYPE);
	world_free(w);
}

static struct bytes tagged(const struct bytes *in, uint16_t tci)
{
	struct bytes f = {.n = 0};
	put(&f, in->b, 12);
	put16(&f, ETH_VLAN);
	put16(&f, tci);
	put(&f, in->b + 12, in->n - 12);
	return f;
}

static struct rte_mbuf *stripped(struct world *w, const struct bytes *f, uint16_t tci)
{
	struct rte_mbuf *m = to_mbuf(w, f->b, f->n, 1900);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = tci;
	return m;
}

static void untagged_port_takes_untagged_and_priority_tagged_frames(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "data"), prio = tagged(&f, 0xe000),
		     vlan5 = tagged(&f, 5), twice = tagged(&prio, 0);
	(void)state;
	comes_up(w, &prio, "data");
	gets_dropped(w, &vlan5, NET_CTR_DROP_WRONG_VLAN);
	gets_dropped(w, &twice, NET_CTR_DROP_ETHERTYPE);
	comes_up_mbuf(w, stripped(w, &f, 0x2000), "data");
	gets_dropped_mbuf(w, stripped(w, &f, 5), NET_CTR_DROP_WRONG_VLAN);
	world_free(w);
}

static void tagged_port_takes_only_its_vlan(void **state)
{
	struct world *w = world_prepare();
	struct bytes f = tcp4_frame(CLIENT, US, "data"), mine = tagged(&f, 0x6000 | 77),
		     other = tagged(&f, 78), prio = tagged(&f, 0), cut = mine;
	(void)state;
	w->p.vlan = 77;
	world_start(w);
	comes_up(w, &mine, "data");
	comes_up_mbuf(w, stripped(w, &f, 77), "data");
	gets_dropped(w, &other, NET_CTR_DROP_WRONG_VLAN);
	gets_dropped(w, &prio, NET_CTR_DROP_WRONG_VLAN);
	gets_dropped(w, &f, NET_CTR_DROP_WRONG_VLAN);
	gets_dropped_mbuf(w, stripped(w, &f, 78), NET_CTR_DROP_WRONG_VLAN);
	cut.n = 17;
	gets_dropped(w, &cut, NET_CTR_DROP_SHORT);
	world_free(w);
}

static void wrong_ipv4_headers_are_dropped(void **state)
{
	struct world *w = world_new();
	const struct bytes good = tcp4_frame(CLIENT, US, "data");
	struct bytes f = good;
	(void)state;
	f.b[14] = 0x55; /* version 5 */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_HEADER);
	f.b[14] = 0x44; /* header of 16 bytes */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_HEADER);
	f = good;
	set16(&f, 16, 19); /* total length below the header */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_HEADER);
	f = good;
	set16(&f, 16, (uint16_t)(good.n - 14 + 1));
	gets_dropped(w, &f, NET_CTR_DROP_TRUNCATED);
	f = good;
	f.b[22]--; /* TTL, without a new checksum */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_CHECKSUM);
	world_free(w);
}

static struct bytes with_options(const char *opts, uint32_t len)
{
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4_opts(&f, CLIENT, US, PROTO_TCP, 24, 0, 0, opts, len);
	put_tcp(&f, CLIENT, US, "data", 4);
	return f;
}

static void ipv4_options_are_skipped(void **state)
{
	struct world *w = world_new();
	/* NOP, record route of 7, and the end; then router alert. */
	struct bytes f = with_options("\1\7\7\4\0\0\0\0\0\0\0\0", 12);
	(void)state;
	comes_up(w, &f, "data");
	f = with_options("\x94\4\0\0", 4);
	comes_up(w, &f, "data");
	world_free(w);
}

/* RFC 7126: source routes; and lengths that lie. */
static void bad_ipv4_options_are_refused(void **state)
{
	static const char *const bad[] = {"\x83\7\4\1\2\3\4\0", "\x89\7\4\1\2\3\4\0",
		"\7\0\0\0\0\0\0\0", "\7\1\0\0\0\0\0\0", "\7\x9\0\0\0\0\0\0", "\1\1\1\1\1\1\1\7"};
	struct world *w = world_new();
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(bad); i++) {
		struct bytes f = with_options(bad[i], 8);
		gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_OPTION);
	}
	world_free(w);
}

/* RFC 1122 3.2.1.3; our own address as source is a LAND attack. */
static void martian_sources_are_dropped(void **state)
{
	static const char *const martians[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1",
		"240.0.0.1", "255.255.255.255", "203.0.113.255", US};
	static const char *const martians6[] = {
		"::", "::1", "::192.0.2.1", "ff02::1", US6, "fe80::ff:fe00:1"};
	struct world *w = world_new();
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(martians); i++) {
		struct bytes f = tcp4_frame(martians[i], US, "");
		gets_dropped(w, &f, NET_CTR_DROP_MARTIAN);
	}
	for (unsigned i = 0; i < LG_ARRAY_SIZE(martians6); i++) {
		struct bytes f = tcp6_frame(martians6[i], US6, "");
		gets_dropped(w, &f, NET_CTR_DROP_MARTIAN);
	}
	world_free(w);
}

/* RFC 4291 2.5.5.2: v4-mapped addresses never appear on a wire; here they'd pass for IPv4. */
static void mapped_addresses_in_ipv6_are_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp6_frame(CLIENT6, US6, "");
	(void)state;
	memcpy(f.b + 22, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\7", 16);
	gets_dropped(w, &f, NET_CTR_DROP_MARTIAN);
	f = tcp6_frame(CLIENT6, US6, "");
	memcpy(f.b + 38, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\n", 16);
	gets_dropped(w, &f, NET_CTR_DROP_MARTIAN);
	world_free(w);
}

/* LY-602: not a router. */
static void packets_for_other_hosts_are_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, "203.0.113.11", "");
	(void)state;
	gets_dropped(w, &f, NET_CTR_DROP_NOT_OURS);
	f = tcp4_frame(CLIENT, "10.1.1.1", "");
	gets_dropped(w, &f, NET_CTR_DROP_NOT_OURS);
	f = tcp6_frame(CLIENT6, "2001:db8::11", "");
	gets_dropped(w, &f, NET_CTR_DROP_NOT_OURS);
	/* Our link-local address exists for neighbour discovery only. */
	f = tcp6_frame(CLIENT6, "fe80::ff:fe00:1", "");
	gets_dropped(w, &f, NET_CTR_DROP_NOT_OURS);
	world_free(w);
}

static void broadcast_and_multicast_are_dropped(void **state)
{
	static const char *const groups[] = {"203.0.113.255", "255.255.255.255", "224.0.0.251"};
	struct world *w = world_new();
	struct bytes f;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(groups); i++) {
		f = tcp4_frame(CLIENT, groups[i], "");
		gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	}
	f = tcp6_frame(CLIENT6, "ff02::1", "");
	gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	f = tcp6_frame(CLIENT6, "ff02::fb", "");
	gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	/* RFC 1122 3.3.6: a unicast packet in a broadcast frame. */
	f = tcp4_frame(CLIENT, US, "");
	memcpy(f.b, BCAST_MAC, 6);
	gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	f = tcp6_frame(CLIENT6, US6, "");
	memcpy(f.b, "\x33\x33\0\0\0\1", 6);
	gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	world_free(w);
}

/* No ICMP answers it: nothing listens here but TCP. */
static void udp_is_dropped_in_silence(void **state)
{
	struct world *w = world_new();
	struct bytes f = {.n = 0};
	(void)state;
	meet_gateway(w);
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4(&f, CLIENT, US, 17, 8);
	put(&f, "\1\2\0\x35\0\x8\0\0", 8);
	gets_dropped(w, &f, NET_CTR_DROP_PROTOCOL);
	f.n = 0;
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, CLIENT6, US6, 17, 8, 64);
	put(&f, "\1\2\0\x35\0\x8\0\0", 8);
	gets_dropped(w, &f, NET_CTR_DROP_PROTOCOL);
	nothing_sent(w);
	world_free(w);
}

static void wrong_tcp_checksum_is_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "data");
	(void)state;
	f.b[f.n - 1] ^= 1;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_L4_CHECKSUM);
	f = tcp6_frame(CLIENT6, US6, "odd");
	f.b[f.n - 1] ^= 1;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_L4_CHECKSUM);
	world_free(w);
}

static void wrong_tcp_data_offset_is_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp4_frame(CLIENT, US, "data");
	(void)state;
	f.b[34 + 12] = 0x40; /* 16 bytes */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_TCP_HEADER);
	f.b[34 + 12] = 0x70; /* 28 of 24 bytes */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_TCP_HEADER);
	f.n = 0;
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4(&f, CLIENT, US, PROTO_TCP, 19);
	put(&f, "1234567890123456789", 19);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_TCP_HEADER);
	world_free(w);
}

static struct rte_mbuf *flagged(struct world *w, const struct bytes *f, uint64_t flags)
{
	struct rte_mbuf *m = to_mbuf(w, f->b, f->n, 1900);
	m->ol_flags |= flags;
	return m;
}

static void port_checksum_verdicts_count_only_when_trusted(void **state)
{
	struct world *w = world_new(), *trusting = world_prepare();
	struct bytes bad = tcp4_frame(CLIENT, US, "data"), good = bad;
	(void)state;
	trusting->p.rx_checksum = true;
	world_start(trusting);
	bad.b[bad.n - 1] = 'A';
	gets_dropped_mbuf(
		w, flagged(w, &bad, RTE_MBUF_F_RX_L4_CKSUM_GOOD), NET_CTR_DROP_BAD_L4_CHECKSUM);
	comes_up_mbuf(trusting, flagged(trusting, &bad, RTE_MBUF_F_RX_L4_CKSUM_GOOD), "datA");
	comes_up_mbuf(trusting, flagged(trusting, &bad, RTE_MBUF_F_RX_L4_CKSUM_NONE), "datA");
	gets_dropped_mbuf(trusting, flagged(trusting, &bad, 0), NET_CTR_DROP_BAD_L4_CHECKSUM);
	gets_dropped_mbuf(trusting, flagged(trusting, &good, RTE_MBUF_F_RX_L4_CKSUM_BAD),
		NET_CTR_DROP_BAD_L4_CHECKSUM);
	bad.b[24] ^= 1;
	comes_up_mbuf(trusting,
		flagged(trusting, &bad, RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD),
		"datA");
	world_free(w);
	world_free(trusting);
}

static struct bytes with_ext(uint8_t first, const char *ext, uint32_t len)
{
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, CLIENT6, US6, first, 24 + len, 64);
	put(&f, ext, len);
	put_tcp(&f, CLIENT6, US6, "data", 4);
	return f;
}

/* RFC 8200 section 4: hop-by-hop, destination options, a used-up routing header. */
static void ipv6_extension_headers_are_skipped(void **state)
{
	struct world *w = world_new();
	struct bytes f = with_ext(0, "\6\0\1\4\0\0\0\0", 8);
	(void)state;
	comes_up(w, &f, "data");
	/* Router alert, Pad1 twice; then destination options; then routing with nothing left. */
	f = with_ext(0, "\x3c\0\5\2\0\0\0\0\x2b\0\1\4\0\0\0\0\6\0\2\0\0\0\0\0", 24);
	comes_up(w, &f, "data");
	/* An unknown option that may be skipped (high bits 00). */
	f = with_ext(60, "\6\0\x3e\4\1\2\3\4", 8);
	comes_up(w, &f, "data");
	/* RFC 6946: a fragment header on a whole packet. */
	f = with_ext(44, "\6\0\0\0\1\2\3\4", 8);
	comes_up(w, &f, "data");
	world_free(w);
}

static void bad_ipv6_extension_headers_are_refused(void **state)
{
	static const struct {
		uint8_t first;
		const char *ext;
		uint32_t len;
	} bad[] = {
		{60, "\6\0\x7e\4\1\2\3\4", 8},                  /* unknown, must discard */
		{60, "\6\0\1\5\0\0\0\0", 8},                    /* option past its header */
		{60, "\6\0\1\3\0\0\0\x3e", 8},                  /* option without length */
		{60, "\6\x9\1\4\0\0\0\0", 8},                   /* header past the packet */
		{60, "\6\xff\1\4\0\0\0\0", 8},                  /* header over our bound */
		{43, "\6\0\0\1\0\0\0\0", 8},                    /* segments left: forward it */
		{60, "\0\0\1\4\0\0\0\0\6\0\1\4\0\0\0\0", 16},   /* hop-by-hop not first */
		{44, "\x2c\0\0\0\0\0\0\1\6\0\0\0\0\0\0\2", 16}, /* fragment in fragment */
	};
	struct world *w = world_new();
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(bad); i++) {
		struct bytes f = with_ext(bad[i].first, bad[i].ext, bad[i].len);
		gets_dropped(w, &f,
			bad[i].first == 44 ? NET_CTR_DROP_PROTOCOL : NET_CTR_DROP_BAD_IP_OPTION);
	}
	world_free(w);
}

static void chains_of_extension_headers_are_bounded(void **state)
{
	struct world *w = world_new();
	char ext[9 * 8];
	(void)state;
	for (unsigned i = 0; i < sizeof(ext); i += 8)
		memcpy(ext + i, "\x3c\0\1\4\0\0\0\0", 8);
	ext[7 * 8] = 6;
	struct bytes f = with_ext(60, ext, 8 * 8);
	comes_up(w, &f, "data");
	ext[7 * 8] = 60;
	ext[8 * 8] = 6;
	f = with_ext(60, ext, 9 * 8);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_OPTION);
	world_free(w);
}

static void wrong_ipv6_headers_are_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = tcp6_frame(CLIENT6, US6, "data");
	(void)state;
	f.b[14] = 0x40;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_HEADER);
	f.b[14] = 0x60;
	set16(&f, 18, 0); /* jumbogram or nothing */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_IP_HEADER);
	set16(&f, 18, 25);
	gets_dropped(w, &f, NET_CTR_DROP_TRUNCATED);
	world_free(w);
}

static void a_family_without_address_is_not_spoken(void **state)
{
	struct world *w = world_prepare();
	struct bytes f6 = tcp6_frame(CLIENT6, US6, "");
	(void)state;
	w->p.n_addrs = 1;
	world_start(w);
	gets_dropped(w, &f6, NET_CTR_DROP_ETHERTYPE);
	world_free(w);
}

/* Law 4: without memory the packet goes, by name. */
static void no_mbuf_for_a_scattered_header_is_counted(void **state)
{
	struct world *w = world_prepare();
	struct rte_mempool *frames = w->pool, *tiny = test_mbuf_pool("tiny", 1);
	struct bytes f = tcp4_frame(CLIENT, US, "data");
	(void)state;
	w->p.pool = tiny;
	world_start(w);
	struct rte_mbuf *hog = rte_pktmbuf_alloc(tiny);
	gets_dropped_mbuf(w, to_mbuf(w, f.b, f.n, 40), NET_CTR_DROP_RX_NOMBUF);
	assert_int_equal(rte_mempool_in_use_count(frames), 0);
	rte_pktmbuf_free(hog);
	world_free(w);
	rte_mempool_free(tiny);
}

static void every_counter_has_a_name_and_help(void **state)
{
	(void)state;
	for (int c = 0; c < NET_CTR_MAX; c++) {
		assert_true(strlen(net_counter_name(c)) > 3);
		assert_true(strlen(net_counter_help(c)) > 10);
	}
	assert_string_equal(net_counter_name(NET_CTR_DROP_NOT_OURS), "drop-not-ours");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ipv4_comes_up),
		cmocka_unit_test(tcp_over_ipv6_comes_up),
		cmocka_unit_test(ecn_bits_are_handed_up),
		cmocka_unit_test(ethernet_padding_is_trimmed),
		cmocka_unit_test(frames_in_segments_of_every_size_come_up),
		cmocka_unit_test(every_truncation_of_a_frame_is_dropped),
		cmocka_unit_test(frames_for_other_stations_are_dropped),
		cmocka_unit_test(group_address_as_ethernet_source_is_a_martian),
		cmocka_unit_test(unknown_ethertypes_are_dropped),
		cmocka_unit_test(untagged_port_takes_untagged_and_priority_tagged_frames),
		cmocka_unit_test(tagged_port_takes_only_its_vlan),
		cmocka_unit_test(wrong_ipv4_headers_are_dropped),
		cmocka_unit_test(ipv4_options_are_skipped),
		cmocka_unit_test(bad_ipv4_options_are_refused),
		cmocka_unit_test(martian_sources_are_dropped),
		cmocka_unit_test(mapped_addresses_in_ipv6_are_dropped),
		cmocka_unit_test(packets_for_other_hosts_are_dropped),
		cmocka_unit_test(broadcast_and_multicast_are_dropped),
		cmocka_unit_test(udp_is_dropped_in_silence),
		cmocka_unit_test(wrong_tcp_checksum_is_dropped),
		cmocka_unit_test(wrong_tcp_data_offset_is_dropped),
		cmocka_unit_test(port_checksum_verdicts_count_only_when_trusted),
		cmocka_unit_test(ipv6_extension_headers_are_skipped),
		cmocka_unit_test(bad_ipv6_extension_headers_are_refused),
		cmocka_unit_test(chains_of_extension_headers_are_bounded),
		cmocka_unit_test(wrong_ipv6_headers_are_dropped),
		cmocka_unit_test(a_family_without_address_is_not_spoken),
		cmocka_unit_test(no_mbuf_for_a_scattered_header_is_counted),
		cmocka_unit_test(every_counter_has_a_name_and_help),
	};
	return cmocka_run_group_tests(tests, world_group_setup, NULL);
}
