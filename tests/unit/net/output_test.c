/* SPDX-License-Identifier: BSD-3-Clause */
/* The way down, and where packets go. */
#include "world.h"

#define US      "203.0.113.10"
#define US6     "2001:db8::10"
#define GW      "203.0.113.1"
#define CLIENT  "198.51.100.7"
#define CLIENT6 "2001:db8:7::7"

static struct rte_mbuf *tcp_segment(
	struct world *w, const char *src, const char *dst, const char *data, struct bytes *want)
{
	struct bytes t = {.n = 0};
	put_tcp(&t, src, dst, data, (uint32_t)strlen(data));
	if (want != NULL)
		*want = t;
	set16(&t, 16, 0xa5a5); /* net_output() must not use what is there */
	return to_mbuf(w, t.b, t.n, 1900);
}

static void output(struct world *w, struct rte_mbuf *m, const char *src, const char *dst)
{
	const struct net_tx tx = {
		.src = ip_of(src), .dst = ip_of(dst), .proto = PROTO_TCP, .tos = 0xb9};
	net_output(w->nif, m, &tx, w->now);
}

static void not_sent(
	struct world *w, struct rte_mbuf *m, const char *src, const char *dst, enum net_counter why)
{
	uint64_t before = counter(w, why);
	output(w, m, src, dst);
	assert_int_equal(counter(w, why), before + 1);
	nothing_sent(w);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
}

static void ipv4_segment_goes_out_byte_for_byte(void **state)
{
	struct world *w = world_new();
	struct bytes t;
	(void)state;
	meet_gateway(w);
	output(w, tcp_segment(w, US, CLIENT, "payload", &t), US, CLIENT);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(f->n, 14 + 20 + t.n);
	assert_memory_equal(f->b, PEER_MAC OUR_MAC "\x08\0", 14);
	assert_memory_equal(f->b + 14, "\x45\xb9\0\x2f\0\0\x40\0\x40\6", 10);
	assert_int_equal(ref_sum(0, f->b + 14, 20), 0xffff);
	assert_memory_equal(f->b + 26, "\xcb\0\x71\n\xc6\x33\x64\7", 8);
	assert_memory_equal(f->b + 34, t.b, t.n);
	assert_int_equal(f->ol_flags, 0);
	assert_int_equal(counter(w, NET_CTR_TX_PACKETS), 2); /* and the answer to the gateway */
	assert_int_equal(counter(w, NET_CTR_TX_BYTES), f->n + 42);
	world_free(w);
}

static void meet_gateway6(struct world *w)
{
	struct bytes f = {.n = 0};
	struct lg_ip gw = ip_of("2001:db8::1");
	uint8_t body[24] = {0};
	output(w, tcp_segment(w, US6, CLIENT6, "", NULL), US6, CLIENT6);
	memcpy(body, gw.b, 16);
	memcpy(body + 16, "\2\1" PEER_MAC, 8);
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, "2001:db8::1", US6, PROTO_ICMP6, 32, 255);
	put_icmp(&f, "2001:db8::1", US6, 136, 0, 0x60000000, body, 24);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	world_drop_neigh(w);
	net_flush(w->nif);
	w->n_sent = 0;
}

static void ipv6_segment_goes_out_byte_for_byte(void **state)
{
	struct world *w = world_new();
	struct bytes t;
	struct lg_ip src = ip_of(US6), dst = ip_of(CLIENT6);
	(void)state;
	meet_gateway6(w);
	output(w, tcp_segment(w, US6, CLIENT6, "payload", &t), US6, CLIENT6);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(f->n, 14 + 40 + t.n);
	assert_memory_equal(f->b, PEER_MAC OUR_MAC "\x86\xdd\x6b\x90\0\0\0\x1b\6\x40", 22);
	assert_memory_equal(f->b + 22, src.b, 16);
	assert_memory_equal(f->b + 38, dst.b, 16);
	assert_memory_equal(f->b + 54, t.b, t.n);
	world_free(w);
}

/* Payload in indirect segments is read, never written. */
static void segmented_payload_gets_the_right_checksum(void **state)
{
	struct world *w = world_new();
	struct bytes t;
	const char *data = "seven letters and more, cut at odd places";
	(void)state;
	meet_gateway(w);
	for (uint32_t seg = 1; seg < 12; seg++) {
		struct rte_mbuf *head = tcp_segment(w, US, CLIENT, data, &t);
		rte_pktmbuf_trim(head, (uint16_t)strlen(data));
		struct rte_mbuf *body = to_mbuf(w, data, (uint32_t)strlen(data), seg);
		struct rte_mbuf *clone = rte_pktmbuf_clone(body, w->pool);
		assert_non_null(clone);
		assert_int_equal(rte_pktmbuf_chain(head, clone), 0);
		output(w, head, US, CLIENT);
		const struct wire_frame *f = only_sent(w);
		assert_memory_equal(f->b + 34, t.b, t.n);
		assert_true(f->segs > 1);
		assert_memory_equal(rte_pktmbuf_mtod(body, char *), data, seg);
		rte_pktmbuf_free(body);
	}
	world_free(w);
}

static void ports_without_scatter_get_one_segment(void **state)
{
	struct world *w = world_prepare();
	struct bytes t;
	(void)state;
	w->p.tx_multi_seg = false;
	world_start(w);
	meet_gateway(w);
	struct rte_mbuf *m = tcp_segment(w, US, CLIENT, "data", &t);
	rte_pktmbuf_trim(m, 4);
	assert_int_equal(rte_pktmbuf_chain(m, to_mbuf(w, "data", 4, 2)), 0);
	output(w, m, US, CLIENT);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(f->segs, 1);
	assert_int_equal(f->n, 34 + t.n);
	assert_memory_equal(f->b + 34, t.b, t.n);
	world_free(w);
}

static void a_frame_that_fits_no_segment_is_counted(void **state)
{
	struct world *w = world_prepare();
	(void)state;
	w->p.tx_multi_seg = false;
	w->p.mtu = 9000;
	world_start(w);
	meet_gateway(w);
	struct bytes t = {.n = 0};
	char data[4000] = {0};
	put_tcp(&t, US, CLIENT, data, sizeof(data));
	not_sent(w, to_mbuf(w, t.b, t.n, 1500), US, CLIENT, NET_CTR_DROP_TX_NOMBUF);
	world_free(w);
}

/* What DPDK wants for offloads: lengths, flags, and the pseudo header's sum in the field. */
static void checksums_are_left_to_ports_that_can(void **state)
{
	struct world *w = world_prepare();
	(void)state;
	w->p.tx_ip_checksum = w->p.tx_l4_checksum = true;
	world_start(w);
	meet_gateway(w);
	meet_gateway6(w);
	output(w, tcp_segment(w, US, CLIENT, "payload", NULL), US, CLIENT);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(
		f->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(f->l2_len, 14);
	assert_int_equal(f->l3_len, 20);
	assert_int_equal(f->l4_len, 20);
	assert_int_equal(get16(f->b + 24), 0);
	assert_int_equal(get16(f->b + 50), ref_sum(ref_pseudo(US, CLIENT, 6, 27), NULL, 0));
	output(w, tcp_segment(w, US6, CLIENT6, "payload", NULL), US6, CLIENT6);
	f = only_sent(w);
	assert_int_equal(f->ol_flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM);
	assert_int_equal(f->l3_len, 40);
	assert_int_equal(get16(f->b + 70), ref_sum(ref_pseudo(US6, CLIENT6, 6, 27), NULL, 0));
	world_free(w);
}

static void ip_and_l4_offloads_are_independent(void **state)
{
	struct world *w = world_prepare();
	struct bytes t;
	(void)state;
	w->p.tx_ip_checksum = true;
	w->p.vlan = 5;
	world_start(w);
	struct bytes asks = arp_frame(OUR_MAC, 1, PEER_MAC, GW, "\0\0\0\0\0\0", US),
		     tagged = {.n = 0};
	put(&tagged, asks.b, 12);
	put32(&tagged, 0x81000005);
	put(&tagged, asks.b + 12, asks.n - 12);
	assert_int_equal(give(w, &tagged), NET_NEIGHBOUR);
	set16(&tagged, 24, 2);
	memcpy(tagged.b + 36, OUR_MAC, 6);
	assert_int_equal(give(w, &tagged), NET_NEIGHBOUR);
	net_flush(w->nif);
	w->n_sent = 0;
	output(w, tcp_segment(w, US, CLIENT, "payload", &t), US, CLIENT);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(f->ol_flags, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
	assert_int_equal(f->l2_len, 18);
	assert_memory_equal(f->b, PEER_MAC OUR_MAC "\x81\0\0\5\x08\0", 18);
	assert_memory_equal(f->b + 38, t.b, t.n);
	world_free(w);
}

static void packets_over_the_mtu_are_dropped(void **state)
{
	struct world *w = world_new();
	char data[1462];
	struct bytes t = {.n = 0};
	(void)state;
	meet_gateway(w);
	memset(data, 'x', sizeof(data));
	put_tcp(&t, US, CLIENT, data, 1460);
	output(w, to_mbuf(w, t.b, t.n, 1900), US, CLIENT);
	assert_int_equal(only_sent(w)->n, 1514);
	t.n = 0;
	put_tcp(&t, US, CLIENT, data, 1461);
	not_sent(w, to_mbuf(w, t.b, t.n, 1900), US, CLIENT, NET_CTR_DROP_TX_TOO_BIG);
	t.n = 0;
	put_tcp(&t, US6, CLIENT6, data, 1441);
	not_sent(w, to_mbuf(w, t.b, t.n, 1900), US6, CLIENT6, NET_CTR_DROP_TX_TOO_BIG);
	world_free(w);
}

/* LY-601, LY-602: no default gateway inside; never from an address that isn't ours. */
static void packets_without_source_or_route_are_dropped(void **state)
{
	struct world *w = world_prepare();
	(void)state;
	w->p.n_routes = 0;
	world_start(w);
	const enum net_counter why = NET_CTR_DROP_TX_NO_ROUTE;
	not_sent(w, tcp_segment(w, US, CLIENT, "", NULL), US, CLIENT, why);
	not_sent(w, tcp_segment(w, "203.0.113.11", GW, "", NULL), "203.0.113.11", GW, why);
	not_sent(w, tcp_segment(w, US, CLIENT, "", NULL), US, US6, why);
	not_sent(w, tcp_segment(w, US, CLIENT, "", NULL), US, "203.0.113.255", why);
	not_sent(w, tcp_segment(w, US, CLIENT, "", NULL), US, "224.0.0.1", why);
	not_sent(w, tcp_segment(w, US6, CLIENT6, "", NULL), US6, "ff02::1", why);
	world_free(w);
}

/* Who is asked by ARP or ND tells the next hop. */
static void asks_for(struct world *w, const char *src, const char *dst, const char *hop)
{
	struct lg_ip want = ip_of(hop);
	output(w, tcp_segment(w, src, dst, "", NULL), src, dst);
	const struct wire_frame *f = only_sent(w);
	if (lg_ip_is_v4(&want))
		assert_memory_equal(f->b + 38, want.b + 12, 4);
	else
		assert_memory_equal(f->b + 62, want.b, 16);
}

static void the_longest_prefix_wins(void **state)
{
	struct world *w = world_prepare();
	(void)state;
	world_route(w, ip_of("10.0.0.0"), 104, "203.0.113.2");
	world_route(w, ip_of("10.1.0.0"), 112, "203.0.113.3");
	world_route(w, ip_of("10.1.2.3"), 128, "203.0.113.4");
	world_route(w, ip_of("2001:db8:a::"), 48, "fe80::77");
	world_start(w);
	asks_for(w, US, "10.1.2.3", "203.0.113.4");
	asks_for(w, US, "10.1.2.4", "203.0.113.3");
	asks_for(w, US, "10.2.2.4", "203.0.113.2");
	asks_for(w, US, "11.2.2.4", GW);
	asks_for(w, US, "203.0.113.200", "203.0.113.200");
	asks_for(w, US6, "2001:db8:a::5", "fe80::77");
	asks_for(w, US6, "2001:db8:b::5", "2001:db8::1");
	asks_for(w, US6, "2001:db8::5", "2001:db8::5");
	world_free(w);
}

/* ::/0 covers ::ffff:0:0/96 in numbers only. */
static void ipv6_default_route_is_not_for_ipv4(void **state)
{
	struct world *w = world_prepare();
	(void)state;
	w->p.routes[0] = w->p.routes[1];
	w->p.n_routes = 1;
	world_start(w);
	not_sent(w, tcp_segment(w, US, CLIENT, "", NULL), US, CLIENT, NET_CTR_DROP_TX_NO_ROUTE);
	world_free(w);
}

static void sixty_four_addresses_of_one_prefix_are_ours(void **state)
{
	struct world *w = world_prepare();
	char ip[32];
	(void)state;
	w->p.n_addrs = 0;
	for (unsigned i = 0; i < NET_MAX_ADDRS; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", 10 + i);
		world_addr(w, ip, 120);
	}
	world_start(w);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		struct lg_ip a = ip_of(ip);
		assert_int_equal(net_if_has_addr(w->nif, &a), i >= 10 && i < 74);
	}
	assert_int_equal(net_if_mtu(w->nif), 1500);
	asks_for(w, "203.0.113.73", "203.0.113.201", "203.0.113.201");
	world_free(w);
}

static void frames_the_port_refuses_are_dropped_and_counted(void **state)
{
	struct world *w = world_new();
	(void)state;
	meet_gateway(w);
	uint64_t packets = counter(w, NET_CTR_TX_PACKETS), bytes = counter(w, NET_CTR_TX_BYTES);
	w->accept = 2;
	for (unsigned i = 0; i < 5; i++)
		output(w, tcp_segment(w, US, CLIENT, i < 2 ? "" : "refused", NULL), US, CLIENT);
	net_flush(w->nif);
	assert_int_equal(counter(w, NET_CTR_TX_PACKETS) - packets, 2);
	assert_int_equal(counter(w, NET_CTR_TX_BYTES) - bytes, 2 * 54);
	assert_int_equal(counter(w, NET_CTR_DROP_TX_FULL), 3);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	world_free(w);
}

static void a_full_tx_queue_is_flushed_early(void **state)
{
	struct world *w = world_new();
	(void)state;
	meet_gateway(w);
	for (unsigned i = 0; i < 200; i++)
		output(w, tcp_segment(w, US, CLIENT, "", NULL), US, CLIENT);
	assert_true(w->n_sent >= 100);
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 200);
	world_free(w);
}

static void what_waits_is_freed_with_the_interface(void **state)
{
	struct world *w = world_new();
	(void)state;
	output(w, tcp_segment(w, US, CLIENT, "", NULL), US, CLIENT); /* waits for ARP */
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4_opts(&f, CLIENT, US, PROTO_TCP, 24, 1, 0x2000, "", 0);
	put_tcp(&f, CLIENT, US, "data", 4);
	assert_int_equal(give(w, &f), NET_DONE); /* waits for its other fragments */
	assert_int_equal(rte_mempool_in_use_count(w->pool), 3);
	world_free(w); /* checks the pool */
}

/* MUST-49 */
static void the_ttl_is_that_of_the_port(void **state)
{
	static const struct {
		uint8_t set, sent;
	} v[] = {{0, 64}, {1, 1}, {64, 64}, {255, 255}};
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(v); i++) {
		struct world *w = world_prepare();
		w->p.ttl = v[i].set;
		world_start(w);
		meet_gateway(w);
		output(w, tcp_segment(w, US, CLIENT, "x", NULL), US, CLIENT);
		assert_int_equal(only_sent(w)->b[14 + 8], v[i].sent);
		w->n_sent = 0;
		meet_gateway6(w);
		output(w, tcp_segment(w, US6, CLIENT6, "x", NULL), US6, CLIENT6);
		assert_int_equal(only_sent(w)->b[14 + 7], v[i].sent);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_segment_goes_out_byte_for_byte),
		cmocka_unit_test(ipv6_segment_goes_out_byte_for_byte),
		cmocka_unit_test(segmented_payload_gets_the_right_checksum),
		cmocka_unit_test(ports_without_scatter_get_one_segment),
		cmocka_unit_test(a_frame_that_fits_no_segment_is_counted),
		cmocka_unit_test(checksums_are_left_to_ports_that_can),
		cmocka_unit_test(ip_and_l4_offloads_are_independent),
		cmocka_unit_test(packets_over_the_mtu_are_dropped),
		cmocka_unit_test(packets_without_source_or_route_are_dropped),
		cmocka_unit_test(the_longest_prefix_wins),
		cmocka_unit_test(ipv6_default_route_is_not_for_ipv4),
		cmocka_unit_test(sixty_four_addresses_of_one_prefix_are_ours),
		cmocka_unit_test(frames_the_port_refuses_are_dropped_and_counted),
		cmocka_unit_test(a_full_tx_queue_is_flushed_early),
		cmocka_unit_test(what_waits_is_freed_with_the_interface),
		cmocka_unit_test(the_ttl_is_that_of_the_port),
	};
	return cmocka_run_group_tests(tests, world_group_setup, NULL);
}
