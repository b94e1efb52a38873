/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#define US     "203.0.113.10"
#define US6    "2001:db8::10"
#define CLIENT "198.51.100.7"
#define GW     "203.0.113.1"
#define PEER6  "2001:db8::99"

static struct bytes echo4(const char *src, const char *dst, uint32_t payload)
{
	struct bytes f = {.n = 0};
	uint8_t data[1500];
	memset(data, 'p', sizeof(data));
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4(&f, src, dst, PROTO_ICMP, 8 + payload);
	put_icmp(&f, NULL, NULL, 8, 0, 0x12340001, data, payload);
	return f;
}

static struct bytes icmp6(const char *src, const char *dst, uint8_t type, uint8_t code,
	uint32_t rest, const void *data, uint32_t n)
{
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, src, dst, PROTO_ICMP6, 8 + n, 64);
	put_icmp(&f, src, dst, type, code, rest, data, n);
	return f;
}

/* RFC 1122 3.2.2.6 */
static void echo_request_is_answered(void **state)
{
	struct world *w = world_new();
	struct bytes f = echo4(CLIENT, US, 57);
	(void)state;
	meet_gateway(w);
	assert_int_equal(give(w, &f), NET_DONE);
	const struct wire_frame *r = only_sent(w);
	assert_int_equal(r->n, f.n);
	assert_memory_equal(r->b, PEER_MAC OUR_MAC, 12);
	assert_memory_equal(r->b + 26, f.b + 30, 4);
	assert_memory_equal(r->b + 30, f.b + 26, 4);
	assert_int_equal(ref_sum(0, r->b + 14, 20), 0xffff);
	assert_int_equal(r->b[34], 0);
	assert_int_equal(ref_sum(0, r->b + 34, r->n - 34), 0xffff);
	assert_memory_equal(r->b + 38, f.b + 38, f.n - 38);
	assert_int_equal(counter(w, NET_CTR_ICMP_ECHO), 1);
	world_free(w);
}

static void echo_request_over_ipv6_is_answered(void **state)
{
	struct world *w = world_new();
	struct bytes f = icmp6(PEER6, US6, 128, 0, 0x12340001, "payload", 7);
	(void)state;
	assert_int_equal(give(w, &f), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_ICMP_ECHO), 1);
	/* It waits for the peer's address; that comes with its advertisement. */
	const struct wire_frame *ns = only_sent(w);
	assert_int_equal(ns->b[54], 135);
	struct bytes na = {.n = 0};
	struct lg_ip target = ip_of(PEER6);
	uint8_t body[24] = {0};
	memcpy(body, target.b, 16);
	memcpy(body + 16, "\2\1" PEER_MAC, 8);
	put_eth(&na, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&na, PEER6, US6, PROTO_ICMP6, 32, 255);
	put_icmp(&na, PEER6, US6, 136, 0, 0x60000000, body, 24);
	assert_int_equal(give(w, &na), NET_NEIGHBOUR);
	const struct wire_frame *r = only_sent(w);
	assert_int_equal(r->n, f.n);
	assert_int_equal(r->b[54], 129);
	assert_int_equal(ref_sum(ref_pseudo(US6, PEER6, 58, 15), r->b + 54, 15), 0xffff);
	assert_memory_equal(r->b + 58, f.b + 58, 11);
	world_free(w);
}

static void echo_in_segments_is_answered(void **state)
{
	struct world *w = world_new();
	struct bytes f = echo4(CLIENT, US, 500);
	(void)state;
	meet_gateway(w);
	assert_int_equal(give_mbuf(w, to_mbuf(w, f.b, f.n, 33)), NET_DONE);
	const struct wire_frame *r = only_sent(w);
	assert_int_equal(ref_sum(0, r->b + 34, r->n - 34), 0xffff);
	assert_memory_equal(r->b + 38, f.b + 38, f.n - 38);
	world_free(w);
}

/* RFC 1122 3.2.2.6: never to broadcasts ("smurf"). */
static void echo_to_groups_is_not_answered(void **state)
{
	struct world *w = world_new();
	struct bytes f = echo4(CLIENT, "203.0.113.255", 8);
	(void)state;
	meet_gateway(w);
	gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	f = icmp6(PEER6, "ff02::1", 128, 0, 1, "", 0);
	gets_dropped(w, &f, NET_CTR_DROP_NOT_UNICAST);
	nothing_sent(w);
	world_free(w);
}

static void echo_is_rate_limited(void **state)
{
	struct world *w = world_prepare();
	struct bytes f = echo4(CLIENT, US, 8);
	(void)state;
	w->p.echo_per_second = 5;
	world_start(w);
	meet_gateway(w);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(give(w, &f), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_ICMP_ECHO), 5);
	gets_dropped(w, &f, NET_CTR_DROP_ICMP_RATE);
	w->now += LG_MS(200);
	assert_int_equal(give(w, &f), NET_DONE);
	assert_int_equal(counter(w, NET_CTR_ICMP_ECHO), 6);
	gets_dropped(w, &f, NET_CTR_DROP_ICMP_RATE);
	world_free(w);
}

static void echo_over_the_mtu_is_not_answered(void **state)
{
	struct world *w = world_prepare();
	struct bytes fits = echo4(CLIENT, US, 1472 - 100), f = echo4(CLIENT, US, 1473 - 100);
	(void)state;
	w->p.mtu = 1400;
	world_start(w);
	meet_gateway(w);
	gets_dropped(w, &f, NET_CTR_DROP_TX_TOO_BIG);
	assert_int_equal(give(w, &fits), NET_DONE);
	assert_int_equal(only_sent(w)->n, 1414);
	world_free(w);
}

static void wrong_icmp_checksum_is_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = echo4(CLIENT, US, 8);
	(void)state;
	f.b[f.n - 1] ^= 1;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_L4_CHECKSUM);
	f = icmp6(PEER6, US6, 128, 0, 1, "", 0);
	f.b[f.n - 1] ^= 1;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_L4_CHECKSUM);
	world_free(w);
}

/* An IPv4 header and n bytes of the TCP segment we would have sent. */
static struct bytes quoted4(const char *src, const char *dst, uint8_t proto, uint32_t n)
{
	struct bytes q = {.n = 0}, t = {.n = 0};
	put_ip4(&q, src, dst, proto, 1200);
	put16(&t, 443);
	put16(&t, 40000);
	put32(&t, 0xdeadbeef);
	put(&q, t.b, n);
	return q;
}

static struct bytes error4(uint8_t type, uint8_t code, uint32_t rest, const struct bytes *q)
{
	struct bytes f = {.n = 0};
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4(&f, GW, US, PROTO_ICMP, 8 + q->n);
	put_icmp(&f, NULL, NULL, type, code, rest, q->b, q->n);
	return f;
}

static struct bytes error6(uint8_t type, uint8_t code, uint32_t rest, uint8_t proto)
{
	struct bytes q = {.n = 0};
	put_ip6(&q, US6, "2001:db8:7::7", proto, 1200, 60);
	put16(&q, 443);
	put16(&q, 40000);
	put32(&q, 0xdeadbeef);
	return icmp6(PEER6, US6, type, code, rest, q.b, q.n);
}

static void expect_error(struct world *w, const struct bytes *f, int kind, uint32_t mtu,
	const char *local, const char *remote)
{
	struct lg_ip l = ip_of(local), r = ip_of(remote);
	memset(&w->err, 0xee, sizeof(w->err));
	assert_int_equal(give(w, f), NET_ICMP_ERROR);
	assert_int_equal(w->err.kind, kind);
	assert_int_equal(w->err.mtu, mtu);
	assert_true(lg_ip_eq(&w->err.local, &l));
	assert_true(lg_ip_eq(&w->err.remote, &r));
	assert_int_equal(w->err.lport, 443);
	assert_int_equal(w->err.rport, 40000);
	assert_int_equal(w->err.seq, 0xdeadbeef);
	assert_int_equal(w->err.side, NET_EXTERNAL);
}

/* RFC 1122 4.2.3.9 and RFC 1191 section 4 */
static void icmp_errors_about_our_segments_are_handed_up(void **state)
{
	static const struct {
		uint8_t type, code;
		uint32_t rest;
		int kind;
		uint32_t mtu;
	} table[] = {
		{3, 0, 0, NET_ICMP_UNREACH_SOFT, 0},
		{3, 1, 0, NET_ICMP_UNREACH_SOFT, 0},
		{3, 2, 0, NET_ICMP_UNREACH_HARD, 0},
		{3, 3, 0, NET_ICMP_UNREACH_HARD, 0},
		{3, 4, 1400, NET_ICMP_TOO_BIG, 1400},
		{3, 4, 0, NET_ICMP_TOO_BIG, 0},
		{3, 5, 0, NET_ICMP_UNREACH_SOFT, 0},
		{3, 13, 0, NET_ICMP_UNREACH_SOFT, 0},
		{11, 0, 0, NET_ICMP_UNREACH_SOFT, 0},
		{12, 0, 0, NET_ICMP_UNREACH_SOFT, 0},
	};
	struct world *w = world_new();
	struct bytes q = quoted4(US, CLIENT, PROTO_TCP, 8);
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(table); i++) {
		struct bytes f = error4(table[i].type, table[i].code, table[i].rest, &q);
		expect_error(w, &f, table[i].kind, table[i].mtu, US, CLIENT);
	}
	assert_int_equal(counter(w, NET_CTR_ICMP_ERROR), LG_ARRAY_SIZE(table));
	world_free(w);
}

/* RFC 4443 section 3, RFC 8201 */
static void icmpv6_errors_about_our_segments_are_handed_up(void **state)
{
	static const struct {
		uint8_t type, code;
		uint32_t rest;
		int kind;
		uint32_t mtu;
	} table[] = {
		{1, 0, 0, NET_ICMP_UNREACH_SOFT, 0},
		{1, 4, 0, NET_ICMP_UNREACH_HARD, 0},
		{2, 0, 1280, NET_ICMP_TOO_BIG, 1280},
		{3, 0, 0, NET_ICMP_UNREACH_SOFT, 0},
		{4, 1, 0, NET_ICMP_UNREACH_HARD, 0},
		{4, 0, 0, NET_ICMP_UNREACH_SOFT, 0},
	};
	struct world *w = world_new();
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(table); i++) {
		struct bytes f = error6(table[i].type, table[i].code, table[i].rest, PROTO_TCP);
		expect_error(w, &f, table[i].kind, table[i].mtu, US6, "2001:db8:7::7");
	}
	world_free(w);
}

static void icmp_errors_about_others_are_dropped(void **state)
{
	struct world *w = world_prepare();
	world_addr(w, "203.0.113.12", 120);
	world_start(w);
	struct bytes q = quoted4("203.0.113.11", CLIENT, PROTO_TCP, 8), f = error4(3, 3, 0, &q);
	(void)state;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	q = quoted4("203.0.113.12", CLIENT, PROTO_TCP, 8); /* ours, but not whom they told */
	f = error4(3, 3, 0, &q);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	q = quoted4(US, CLIENT, 17, 8);
	f = error4(3, 3, 0, &q);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	q = quoted4(US, CLIENT, PROTO_TCP, 7); /* the sequence number is cut */
	f = error4(3, 3, 0, &q);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	q = quoted4(US, CLIENT, PROTO_TCP, 8);
	q.b[7] = 1; /* not the first fragment: these are no ports */
	f = error4(3, 3, 0, &q);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	q.b[7] = 0;
	q.b[0] = 0x41; /* header of 4 bytes */
	f = error4(3, 3, 0, &q);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	f = error6(1, 4, 0, 17);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	world_free(w);
}

static void unwanted_icmp_is_dropped(void **state)
{
	/* Echo reply, source quench, redirect, router advertisement, timestamp, address mask. */
	static const uint8_t types4[] = {0, 4, 5, 9, 13, 17};
	/* Echo reply, MLD query, router solicitation and advertisement, redirect, node query. */
	static const uint8_t types6[] = {129, 130, 133, 134, 137, 139};
	struct world *w = world_new();
	struct bytes q = quoted4(US, CLIENT, PROTO_TCP, 8);
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(types4); i++) {
		struct bytes f = error4(types4[i], 0, 0, &q);
		gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
		f = icmp6(PEER6, US6, types6[i], 0, 0, q.b, q.n);
		gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	}
	nothing_sent(w);
	world_free(w);
}

static void short_icmp_is_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes f = {.n = 0};
	(void)state;
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4(&f, CLIENT, US, PROTO_ICMP, 7);
	put(&f, "\x8\0\0\0\0\0\0", 7);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ICMP);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_request_is_answered),
		cmocka_unit_test(echo_request_over_ipv6_is_answered),
		cmocka_unit_test(echo_in_segments_is_answered),
		cmocka_unit_test(echo_to_groups_is_not_answered),
		cmocka_unit_test(echo_is_rate_limited),
		cmocka_unit_test(echo_over_the_mtu_is_not_answered),
		cmocka_unit_test(wrong_icmp_checksum_is_dropped),
		cmocka_unit_test(icmp_errors_about_our_segments_are_handed_up),
		cmocka_unit_test(icmpv6_errors_about_our_segments_are_handed_up),
		cmocka_unit_test(icmp_errors_about_others_are_dropped),
		cmocka_unit_test(unwanted_icmp_is_dropped),
		cmocka_unit_test(short_icmp_is_dropped),
	};
	return cmocka_run_group_tests(tests, world_group_setup, NULL);
}
