/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations with neighbours: ARP (RFC 826, 5227) and ND (RFC 4861). */
#include "world.h"

#define US        "203.0.113.10"
#define US6       "2001:db8::10"
#define OUR_LL    "fe80::ff:fe00:1"
#define GW        "203.0.113.1"
#define CLIENT    "198.51.100.7"
#define PEER6     "2001:db8::99"
#define OTHER_MAC "\x02\x00\x00\x00\x00\x55"
#define ZERO_MAC  "\0\0\0\0\0\0"

static void send_segment(struct world *w, const char *src, const char *dst)
{
	struct bytes t = {.n = 0};
	put_tcp(&t, src, dst, "data", 4);
	const struct net_tx tx = {.src = ip_of(src), .dst = ip_of(dst), .proto = PROTO_TCP};
	net_output(w->nif, to_mbuf(w, t.b, t.n, 1900), &tx, w->now);
}

static void advance(struct world *w, lg_us us)
{
	for (lg_us end = w->now + us; w->now < end;) {
		w->now = LG_MIN(end, w->now + LG_MS(50));
		net_tick(w->nif, w->now);
	}
}

static const char *found_state;
static unsigned found;

static void on_neighbour(
	void *ctx, const struct lg_ip *ip, const struct rte_ether_addr *mac, const char *state)
{
	(void)mac;
	found++;
	if (lg_ip_eq(ip, ctx))
		found_state = state;
}

static const char *state_of(struct world *w, const char *text)
{
	struct lg_ip ip = ip_of(text);
	found_state = "none";
	found = 0;
	net_neighbours_each(w->nif, on_neighbour, &ip);
	return found_state;
}

static bool knows(struct world *w, const char *ip, const char *mac)
{
	struct lg_ip a = ip_of(ip);
	struct rte_ether_addr got;
	return net_neighbour(w->nif, &a, &got) && memcmp(&got, mac, 6) == 0;
}

static void gets_reply(struct world *w, const char *ip, const char *mac)
{
	struct bytes f = arp_frame(OUR_MAC, 2, mac, ip, OUR_MAC, US);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
}

static void unknown_gateway_is_asked_and_one_packet_waits(void **state)
{
	struct world *w = world_new();
	(void)state;
	send_segment(w, US, CLIENT);
	struct bytes want = arp_frame(BCAST_MAC, 1, OUR_MAC, US, ZERO_MAC, GW);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(f->n, want.n);
	assert_memory_equal(f->b, want.b, want.n);
	assert_string_equal(state_of(w, GW), "incomplete");
	gets_reply(w, GW, PEER_MAC);
	f = only_sent(w);
	assert_memory_equal(f->b, PEER_MAC OUR_MAC "\x08\0", 14);
	assert_string_equal(state_of(w, GW), "reachable");
	assert_true(knows(w, GW, PEER_MAC));
	assert_int_equal(counter(w, NET_CTR_ARP_TX), 1);
	assert_int_equal(counter(w, NET_CTR_ARP_RX), 1);
	assert_int_equal(counter(w, NET_CTR_NEIGH_LEARNED), 1);
	world_free(w);
}

/* RFC 1122 2.3.2.2: the latest packet is kept. */
static void a_second_waiting_packet_replaces_the_first(void **state)
{
	struct world *w = world_new();
	(void)state;
	send_segment(w, US, CLIENT);
	only_sent(w);
	send_segment(w, US, "198.51.100.8");
	nothing_sent(w);
	assert_int_equal(counter(w, NET_CTR_DROP_NEIGH_QUEUE), 1);
	gets_reply(w, GW, PEER_MAC);
	assert_int_equal(only_sent(w)->b[33], 8);
	world_free(w);
}

static void silent_neighbour_is_asked_three_times_then_fails(void **state)
{
	struct world *w = world_new();
	(void)state;
	send_segment(w, US, CLIENT);
	advance(w, LG_MS(3200));
	assert_int_equal(counter(w, NET_CTR_ARP_TX), 3);
	assert_int_equal(counter(w, NET_CTR_DROP_NEIGH_FAILED), 1);
	/* Negative state: nothing is asked while it lasts. */
	send_segment(w, US, CLIENT);
	assert_int_equal(counter(w, NET_CTR_DROP_NEIGH_FAILED), 2);
	assert_int_equal(counter(w, NET_CTR_ARP_TX), 3);
	advance(w, LG_SEC(4));
	send_segment(w, US, CLIENT);
	assert_int_equal(counter(w, NET_CTR_ARP_TX), 4);
	world_free(w);
}

static void failed_neighbour_that_speaks_is_known_again(void **state)
{
	struct world *w = world_new();
	(void)state;
	send_segment(w, US, CLIENT);
	advance(w, LG_MS(3200));
	net_flush(w->nif);
	w->n_sent = 0;
	gets_reply(w, GW, PEER_MAC);
	assert_string_equal(state_of(w, GW), "reachable");
	send_segment(w, US, CLIENT);
	only_sent(w);
	world_free(w);
}

/* RFC 4861 7.3.2, for ARP too: reachable 30 s, then doubted, probed by unicast when used. */
static void reachable_neighbour_ages_and_is_probed(void **state)
{
	struct world *w = world_new();
	(void)state;
	meet_gateway(w);
	advance(w, LG_SEC(31));
	assert_string_equal(state_of(w, GW), "stale");
	nothing_sent(w);
	send_segment(w, US, CLIENT);
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 2);
	struct bytes probe = arp_frame(PEER_MAC, 1, OUR_MAC, US, PEER_MAC, GW);
	assert_memory_equal(w->sent[0].b, probe.b, probe.n);
	assert_string_equal(state_of(w, GW), "probing");
	w->n_sent = 0;
	gets_reply(w, GW, PEER_MAC);
	assert_string_equal(state_of(w, GW), "reachable");
	world_free(w);
}

static void probed_neighbour_that_is_gone_is_forgotten(void **state)
{
	struct world *w = world_new();
	(void)state;
	meet_gateway(w);
	advance(w, LG_SEC(31));
	send_segment(w, US, CLIENT);
	advance(w, LG_MS(3200));
	assert_string_equal(state_of(w, GW), "none");
	world_free(w);
}

static void unused_neighbour_is_forgotten(void **state)
{
	struct world *w = world_new();
	(void)state;
	meet_gateway(w);
	advance(w, LG_SEC(640));
	assert_string_equal(state_of(w, GW), "none");
	assert_int_equal(found, 0);
	world_free(w);
}

static void request_for_us_is_answered_and_teaches(void **state)
{
	struct world *w = world_new();
	struct bytes f = arp_frame(BCAST_MAC, 1, PEER_MAC, GW, ZERO_MAC, US),
		     want = arp_frame(PEER_MAC, 2, OUR_MAC, US, PEER_MAC, GW);
	(void)state;
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	const struct wire_frame *r = only_sent(w);
	assert_int_equal(r->n, want.n);
	assert_memory_equal(r->b, want.b, want.n);
	assert_true(knows(w, GW, PEER_MAC));
	assert_string_equal(state_of(w, GW), "stale");
	world_free(w);
}

/* RFC 5227 2.1.1: a probe has no sender address and teaches nothing. */
static void address_probe_is_answered(void **state)
{
	struct world *w = world_new();
	struct bytes f = arp_frame(BCAST_MAC, 1, PEER_MAC, "0.0.0.0", ZERO_MAC, US);
	(void)state;
	assert_int_equal(give(w, &f), NET_DONE);
	assert_memory_equal(only_sent(w)->b, PEER_MAC OUR_MAC, 12);
	state_of(w, GW);
	assert_int_equal(found, 0);
	world_free(w);
}

/* RFC 826: only who asks us, or whom we know, goes into the cache. */
static void arp_between_others_teaches_nothing(void **state)
{
	struct world *w = world_new();
	struct bytes ask = arp_frame(BCAST_MAC, 1, PEER_MAC, GW, ZERO_MAC, "203.0.113.77"),
		     announce = arp_frame(BCAST_MAC, 1, PEER_MAC, GW, ZERO_MAC, GW),
		     reply = arp_frame(OUR_MAC, 2, PEER_MAC, GW, OUR_MAC, US);
	(void)state;
	assert_int_equal(give(w, &ask), NET_DONE);
	assert_int_equal(give(w, &announce), NET_NEIGHBOUR); /* another worker may know it */
	assert_int_equal(give(w, &reply), NET_NEIGHBOUR);
	state_of(w, GW);
	assert_int_equal(found, 0);
	nothing_sent(w);
	world_free(w);
}

static void known_neighbour_that_moves_is_followed_and_doubted(void **state)
{
	struct world *w = world_new();
	struct bytes f = arp_frame(BCAST_MAC, 1, OTHER_MAC, GW, ZERO_MAC, GW);
	(void)state;
	meet_gateway(w);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	assert_true(knows(w, GW, OTHER_MAC));
	assert_string_equal(state_of(w, GW), "stale");
	world_free(w);
}

static void malformed_or_spoofed_arp_is_dropped(void **state)
{
	struct world *w = world_new();
	const struct bytes good = arp_frame(BCAST_MAC, 1, PEER_MAC, GW, ZERO_MAC, US);
	static const uint8_t spoil[] = {15, 17, 18, 19, 21}; /* hrd, pro, hln, pln, op */
	struct bytes f;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(spoil); i++) {
		f = good;
		f.b[spoil[i]] ^= 0x44;
		gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	}
	f = arp_frame(BCAST_MAC, 1, PEER_MAC, CLIENT, ZERO_MAC, US); /* not on-link */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	f = arp_frame(BCAST_MAC, 1, PEER_MAC, US, ZERO_MAC, GW); /* claims our address */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	f = arp_frame(BCAST_MAC, 1, PEER_MAC, "203.0.113.255", ZERO_MAC, US);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	f = good;
	memset(f.b + 22, 0xff, 6); /* a group address as its MAC */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	f = good;
	f.n--;
	gets_dropped(w, &f, NET_CTR_DROP_SHORT);
	nothing_sent(w);
	world_free(w);
}

static char last_line[512];

static void keep_line(enum lg_log_level level, const char *line, unsigned len)
{
	(void)level;
	(void)len;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static void address_conflict_is_logged(void **state)
{
	struct world *w = world_new();
	struct bytes f = arp_frame(BCAST_MAC, 1, PEER_MAC, US, ZERO_MAC, US);
	(void)state;
	lg_log_set_sink(keep_line);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	lg_log_set_sink(NULL);
	assert_non_null(strstr(last_line, "02:00:00:00:00:99"));
	assert_non_null(strstr(last_line, "external port"));
	assert_non_null(strstr(last_line, US));
	/* Our own announcement, come back to us, is none. */
	last_line[0] = '\0';
	f = arp_frame(BCAST_MAC, 1, OUR_MAC, US, ZERO_MAC, US);
	lg_log_set_sink(keep_line);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ARP);
	lg_log_set_sink(NULL);
	assert_string_equal(last_line, "");
	world_free(w);
}

static void frame_from_another_worker_teaches_and_is_not_answered(void **state)
{
	struct world *w = world_new(), *other = world_new();
	struct bytes f = arp_frame(BCAST_MAC, 1, PEER_MAC, GW, ZERO_MAC, US);
	(void)state;
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	net_input_neighbour(other->nif, w->neigh, w->now);
	w->neigh = NULL;
	nothing_sent(other);
	assert_true(knows(other, GW, PEER_MAC));
	assert_int_equal(counter(other, NET_CTR_RX_PACKETS), 0);
	assert_int_equal(counter(other, NET_CTR_ARP_RX), 0);
	/* The answer to the other worker's question arrives here. */
	send_segment(other, US, "203.0.113.50");
	only_sent(other);
	f = arp_frame(OUR_MAC, 2, OTHER_MAC, "203.0.113.50", OUR_MAC, US);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	net_input_neighbour(other->nif, w->neigh, w->now);
	w->neigh = NULL;
	assert_memory_equal(only_sent(other)->b, OTHER_MAC, 6);
	net_if_free(w->nif);
	free(w->sent);
	free(w);
	world_free(other);
}

static void full_cache_drops_only_what_is_new(void **state)
{
	struct world *w = world_prepare();
	char ip[32];
	(void)state;
	w->p.max_neighbours = 4;
	world_start(w);
	for (unsigned i = 1; i <= 4; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		struct bytes f = arp_frame(BCAST_MAC, 1, PEER_MAC, ip, ZERO_MAC, US);
		assert_int_equal(give(w, &f), NET_NEIGHBOUR);
		gets_reply(w, ip, PEER_MAC);
	}
	send_segment(w, US, "203.0.113.9");
	assert_int_equal(counter(w, NET_CTR_DROP_NEIGH_FULL), 1);
	assert_true(knows(w, "203.0.113.1", PEER_MAC));
	world_free(w);
}

/* Scanning our prefix costs the scanner's own entries. */
static void unanswered_entries_make_room_for_others(void **state)
{
	struct world *w = world_prepare();
	char ip[32];
	(void)state;
	w->p.max_neighbours = 4;
	world_start(w);
	meet_gateway(w);
	for (unsigned i = 100; i < 200; i++) {
		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		send_segment(w, US, ip);
		net_flush(w->nif);
		w->n_sent = 0;
		w->now += 10;
	}
	assert_string_equal(state_of(w, GW), "reachable");
	assert_int_equal(found, 4);
	assert_int_equal(counter(w, NET_CTR_DROP_NEIGH_FULL), 0);
	assert_string_equal(state_of(w, "203.0.113.199"), "incomplete");
	/* Packets that waited in evicted entries are counted. */
	assert_int_equal(counter(w, NET_CTR_DROP_NEIGH_FAILED), 97);
	world_free(w);
}

static void requests_are_rate_limited(void **state)
{
	struct world *w = world_new();
	char ip[32];
	(void)state;
	for (unsigned i = 1; i <= 300; i++) {
		snprintf(ip, sizeof(ip), "2001:db8::1:%x", i);
		send_segment(w, US6, ip);
	}
	net_flush(w->nif);
	assert_int_equal(counter(w, NET_CTR_ND_TX), 200);
	assert_int_equal(w->n_sent, 200);
	world_free(w);
}

/* A flood of addresses that don't exist uses the rate up; the router is asked all the same. */
static void known_neighbour_is_probed_in_a_flood(void **state)
{
	struct world *w = world_new();
	char ip[32];
	(void)state;
	meet_gateway(w);
	advance(w, LG_SEC(31));
	for (unsigned i = 1; i <= 300; i++) {
		snprintf(ip, sizeof(ip), "2001:db8::1:%x", i);
		send_segment(w, US6, ip);
	}
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 200);
	send_segment(w, US, CLIENT);
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 202); /* the probe and the segment */
	world_free(w);
}

/* ---- IPv6 --------------------------------------------------------------------------------------
 */

static struct bytes nd_frame(const char *eth_dst, const char *src, const char *dst, uint8_t type,
	uint32_t flags, const char *target, const char *opts, uint32_t optlen)
{
	struct bytes f = {.n = 0}, body = {.n = 0};
	struct lg_ip t = ip_of(target);
	put(&body, t.b, 16);
	put(&body, opts, optlen);
	put_eth(&f, eth_dst, PEER_MAC, ETH_IP6);
	put_ip6(&f, src, dst, PROTO_ICMP6, 8 + body.n, 255);
	put_icmp(&f, src, dst, type, 0, flags, body.b, body.n);
	return f;
}

#define SOLICITED_NODE "ff02::1:ff00:10"
#define SOLICITED_MAC  "\x33\x33\xff\x00\x00\x10"
#define ALL_NODES_MAC  "\x33\x33\x00\x00\x00\x01"
#define SLLA           "\1\1" PEER_MAC
#define TLLA           "\2\1" PEER_MAC
#define NA_S           0x40000000
#define NA_O           0x20000000

static struct bytes nd_peer_asks(void)
{
	return nd_frame(SOLICITED_MAC, PEER6, SOLICITED_NODE, 135, 0, US6, SLLA, 8);
}

/* The bytes of an ND message of ours. */
static void check_nd(const struct wire_frame *f, const char *eth_dst, const char *src,
	const char *dst, uint8_t type, uint32_t flags, const char *target)
{
	struct lg_ip s = ip_of(src), d = ip_of(dst), t = ip_of(target);
	assert_int_equal(f->n, 14 + 40 + 32);
	assert_memory_equal(f->b, eth_dst, 6);
	assert_memory_equal(f->b + 6, OUR_MAC "\x86\xdd\x60\0\0\0\0\x20\x3a\xff", 16);
	assert_memory_equal(f->b + 22, s.b, 16);
	assert_memory_equal(f->b + 38, d.b, 16);
	assert_int_equal(f->b[54], type);
	assert_int_equal(f->b[55], 0);
	assert_int_equal(get32(f->b + 58), flags);
	assert_memory_equal(f->b + 62, t.b, 16);
	assert_memory_equal(f->b + 78, type == 135 ? "\1\1" OUR_MAC : "\2\1" OUR_MAC, 8);
	assert_int_equal(ref_sum(ref_pseudo(src, dst, PROTO_ICMP6, 32), f->b + 54, 32), 0xffff);
}

static void unknown_ipv6_neighbour_is_solicited(void **state)
{
	struct world *w = world_new();
	(void)state;
	send_segment(w, US6, PEER6);
	check_nd(only_sent(w), "\x33\x33\xff\x00\x00\x99", US6, "ff02::1:ff00:99", 135, 0, PEER6);
	struct bytes f = nd_frame(OUR_MAC, PEER6, US6, 136, NA_S | NA_O, PEER6, TLLA, 8);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	assert_memory_equal(only_sent(w)->b, PEER_MAC OUR_MAC "\x86\xdd", 14);
	assert_string_equal(state_of(w, PEER6), "reachable");
	assert_int_equal(counter(w, NET_CTR_ND_TX), 1);
	assert_int_equal(counter(w, NET_CTR_ND_RX), 1);
	advance(w, LG_SEC(31));
	send_segment(w, US6, PEER6);
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 2);
	check_nd(&w->sent[0], PEER_MAC, US6, PEER6, 135, 0, PEER6);
	world_free(w);
}

/* RFC 4861 7.2.4 */
static void solicitation_is_answered_and_teaches(void **state)
{
	struct world *w = world_new();
	struct bytes f = nd_peer_asks();
	(void)state;
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	check_nd(only_sent(w), PEER_MAC, US6, PEER6, 136, NA_S | NA_O, US6);
	assert_true(knows(w, PEER6, PEER_MAC));
	assert_string_equal(state_of(w, PEER6), "stale");
	/* Our link-local address is asked for in the same way, from a link-local address. */
	f = nd_frame(OUR_MAC, "fe80::99", OUR_LL, 135, 0, OUR_LL, "", 0);
	assert_int_equal(give(w, &f), NET_DONE);
	check_nd(only_sent(w), PEER_MAC, OUR_LL, "fe80::99", 136, NA_S | NA_O, OUR_LL);
	world_free(w);
}

/* RFC 4862 5.4.3: somebody else wants our address. */
static void duplicate_address_probe_is_answered_to_all_nodes(void **state)
{
	struct world *w = world_new();
	struct bytes f = nd_frame(SOLICITED_MAC, "::", SOLICITED_NODE, 135, 0, US6, "", 0);
	(void)state;
	assert_int_equal(give(w, &f), NET_DONE);
	check_nd(only_sent(w), ALL_NODES_MAC, US6, "ff02::1", 136, NA_O, US6);
	world_free(w);
}

static void neighbour_frames_in_segments_are_understood(void **state)
{
	struct world *w = world_new();
	struct bytes plain = nd_frame(OUR_MAC, PEER6, US6, 135, 0, US6, "", 0),
		     full = nd_peer_asks(),
		     arp = arp_frame(BCAST_MAC, 1, PEER_MAC, GW, ZERO_MAC, US);
	(void)state;
	for (uint32_t seg = 1; seg <= full.n; seg++) {
		assert_int_equal(give_mbuf(w, to_mbuf(w, plain.b, plain.n, seg)), NET_DONE);
		check_nd(only_sent(w), PEER_MAC, US6, PEER6, 136, NA_S | NA_O, US6);
		assert_int_equal(give_mbuf(w, to_mbuf(w, full.b, full.n, seg)), NET_NEIGHBOUR);
		check_nd(only_sent(w), PEER_MAC, US6, PEER6, 136, NA_S | NA_O, US6);
		assert_int_equal(give_mbuf(w, to_mbuf(w, arp.b, arp.n, seg)), NET_NEIGHBOUR);
		assert_int_equal(only_sent(w)->n, 42);
	}
	world_free(w);
}

static void solicitation_for_others_is_ignored(void **state)
{
	struct world *w = world_new();
	struct bytes f = nd_frame(
		SOLICITED_MAC, PEER6, SOLICITED_NODE, 135, 0, "2001:db8:1::10", SLLA, 8);
	(void)state;
	assert_int_equal(give(w, &f), NET_DONE);
	nothing_sent(w);
	state_of(w, PEER6);
	assert_int_equal(found, 0);
	world_free(w);
}

/* RFC 4861 7.1.1, 7.1.2, RFC 6980 */
static void malformed_nd_is_dropped(void **state)
{
	struct world *w = world_new();
	struct bytes bad[] = {
		nd_frame(OUR_MAC, PEER6, US6, 135, 0, "ff02::1", SLLA, 8),
		nd_frame(OUR_MAC, PEER6, US6, 135, 0, US6, "\1\0" PEER_MAC, 8),
		nd_frame(OUR_MAC, PEER6, US6, 135, 0, US6, "\1\2" PEER_MAC, 8),
		nd_frame(OUR_MAC, PEER6, US6, 135, 0, US6, "\x0e\0\1\2\3\4\5\6", 8),
		nd_frame(OUR_MAC, PEER6, US6, 135, 0, US6, "\1\1\2", 3),
		nd_frame(OUR_MAC, PEER6, US6, 135, 0, US6, "\1\1" BCAST_MAC, 8),
		nd_frame(SOLICITED_MAC, "::", SOLICITED_NODE, 135, 0, US6, SLLA, 8),
		nd_frame(OUR_MAC, "::", US6, 135, 0, US6, "", 0),
		nd_frame(OUR_MAC, "2001:db8:9::1", US6, 135, 0, US6, SLLA, 8),
		nd_frame(ALL_NODES_MAC, PEER6, "ff02::1", 136, NA_S, PEER6, TLLA, 8),
		nd_frame(OUR_MAC, PEER6, US6, 136, NA_S, "2001:db8:9::1", TLLA, 8),
		nd_frame(OUR_MAC, PEER6, US6, 136, NA_S, US6, TLLA, 8),
		nd_frame(OUR_MAC, "::", US6, 136, 0, PEER6, TLLA, 8),
	};
	(void)state;
	lg_log_set_sink(keep_line); /* one of them is an address conflict */
	for (unsigned i = 0; i < LG_ARRAY_SIZE(bad); i++)
		gets_dropped(w, &bad[i], NET_CTR_DROP_BAD_ND);
	lg_log_set_sink(NULL);
	struct bytes f = nd_peer_asks();
	f.b[21] = 254; /* hop limit: it came through a router */
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ND);
	f.n = 0;
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, PEER6, US6, PROTO_ICMP6, 23, 255);
	put_icmp(&f, PEER6, US6, 135, 0, 0, "123456789012345", 15);
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ND);
	const struct bytes whole = nd_peer_asks();
	f.n = 0;
	put(&f, whole.b, 54);
	put(&f, "\x3a\0\0\0\0\0\0\1", 8); /* atomic fragment header */
	put(&f, whole.b + 54, whole.n - 54);
	set16(&f, 18, (uint16_t)(f.n - 54));
	f.b[20] = 44;
	gets_dropped(w, &f, NET_CTR_DROP_BAD_ND);
	nothing_sent(w);
	world_free(w);
}

/* RFC 4861 7.2.5 */
static void advertisement_rules_for_known_neighbours(void **state)
{
	struct world *w = world_new();
	const char *moved = "\2\1" OTHER_MAC;
	struct bytes f = nd_peer_asks();
	(void)state;
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	f = nd_frame(OUR_MAC, PEER6, US6, 136, NA_S, PEER6, "", 0);
	give(w, &f);
	assert_string_equal(state_of(w, PEER6), "reachable");
	/* Another MAC without override: doubted, not believed. */
	f = nd_frame(OUR_MAC, PEER6, US6, 136, 0, PEER6, moved, 8);
	give(w, &f);
	assert_string_equal(state_of(w, PEER6), "stale");
	assert_true(knows(w, PEER6, PEER_MAC));
	/* With override, but unasked: followed, and doubted. */
	f = nd_frame(ALL_NODES_MAC, PEER6, "ff02::1", 136, NA_O, PEER6, moved, 8);
	give(w, &f);
	assert_true(knows(w, PEER6, OTHER_MAC));
	assert_string_equal(state_of(w, PEER6), "stale");
	world_free(w);
}

static void unknown_advertisements_teach_nothing(void **state)
{
	struct world *w = world_new();
	struct bytes f = nd_frame(OUR_MAC, PEER6, US6, 136, NA_S | NA_O, PEER6, TLLA, 8);
	(void)state;
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	state_of(w, PEER6);
	assert_int_equal(found, 0);
	/* And one without an address doesn't resolve. */
	send_segment(w, US6, PEER6);
	only_sent(w);
	f = nd_frame(OUR_MAC, PEER6, US6, 136, NA_S, PEER6, "", 0);
	give(w, &f);
	assert_string_equal(state_of(w, PEER6), "incomplete");
	nothing_sent(w);
	world_free(w);
}

/* RFC 5227 2.3, RFC 4861 7.2.6 */
static void addresses_are_announced(void **state)
{
	struct world *w = world_new();
	struct bytes arp = arp_frame(BCAST_MAC, 1, OUR_MAC, US, ZERO_MAC, US);
	(void)state;
	net_announce(w->nif, w->now);
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 3);
	assert_memory_equal(w->sent[0].b, arp.b, arp.n);
	check_nd(&w->sent[1], ALL_NODES_MAC, US6, "ff02::1", 136, NA_O, US6);
	check_nd(&w->sent[2], ALL_NODES_MAC, OUR_LL, "ff02::1", 136, NA_O, OUR_LL);
	world_free(w);
}

static void requests_on_a_vlan_carry_its_tag(void **state)
{
	struct world *w = world_prepare();
	(void)state;
	w->p.vlan = 77;
	world_start(w);
	send_segment(w, US, GW);
	const struct wire_frame *f = only_sent(w);
	assert_int_equal(f->n, 14 + 4 + 28);
	assert_memory_equal(f->b, BCAST_MAC OUR_MAC "\x81\0\0\x4d\x08\6\0\1", 20);
	world_free(w);
}

static void no_mbuf_for_a_request_is_counted(void **state)
{
	struct world *w = world_prepare();
	struct rte_mempool *tiny = test_mbuf_pool("tiny", 1);
	(void)state;
	w->p.pool = tiny;
	world_start(w);
	struct rte_mbuf *hog = rte_pktmbuf_alloc(tiny);
	send_segment(w, US, GW);
	assert_int_equal(counter(w, NET_CTR_DROP_TX_NOMBUF), 1);
	/* The packet still waits, and the next try succeeds. */
	rte_pktmbuf_free(hog);
	advance(w, LG_MS(1100));
	only_sent(w);
	world_free(w);
	rte_mempool_free(tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_gateway_is_asked_and_one_packet_waits),
		cmocka_unit_test(a_second_waiting_packet_replaces_the_first),
		cmocka_unit_test(silent_neighbour_is_asked_three_times_then_fails),
		cmocka_unit_test(failed_neighbour_that_speaks_is_known_again),
		cmocka_unit_test(reachable_neighbour_ages_and_is_probed),
		cmocka_unit_test(probed_neighbour_that_is_gone_is_forgotten),
		cmocka_unit_test(unused_neighbour_is_forgotten),
		cmocka_unit_test(request_for_us_is_answered_and_teaches),
		cmocka_unit_test(address_probe_is_answered),
		cmocka_unit_test(arp_between_others_teaches_nothing),
		cmocka_unit_test(known_neighbour_that_moves_is_followed_and_doubted),
		cmocka_unit_test(malformed_or_spoofed_arp_is_dropped),
		cmocka_unit_test(address_conflict_is_logged),
		cmocka_unit_test(frame_from_another_worker_teaches_and_is_not_answered),
		cmocka_unit_test(full_cache_drops_only_what_is_new),
		cmocka_unit_test(unanswered_entries_make_room_for_others),
		cmocka_unit_test(requests_are_rate_limited),
		cmocka_unit_test(known_neighbour_is_probed_in_a_flood),
		cmocka_unit_test(unknown_ipv6_neighbour_is_solicited),
		cmocka_unit_test(solicitation_is_answered_and_teaches),
		cmocka_unit_test(duplicate_address_probe_is_answered_to_all_nodes),
		cmocka_unit_test(neighbour_frames_in_segments_are_understood),
		cmocka_unit_test(solicitation_for_others_is_ignored),
		cmocka_unit_test(malformed_nd_is_dropped),
		cmocka_unit_test(advertisement_rules_for_known_neighbours),
		cmocka_unit_test(unknown_advertisements_teach_nothing),
		cmocka_unit_test(addresses_are_announced),
		cmocka_unit_test(requests_on_a_vlan_carry_its_tag),
		cmocka_unit_test(no_mbuf_for_a_request_is_counted),
	};
	return cmocka_run_group_tests(tests, world_group_setup, NULL);
}
