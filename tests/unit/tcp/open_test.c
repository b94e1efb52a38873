/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening connections: RFC 9293 sections 3.5 and 3.10.7.1 to 3.10.7.3. */
#include <errno.h>

#include "peer.h"

static void handshake_gives_established_on_both_roles(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	assert_ptr_equal(tcp_conn_listener_user(p.c), &p);
	tcp_abort(p.c, p.now);
	user_release(&p);
	expect(&p, F_RST | F_ACK, 1, 1, 0);
	expect_none(&p);
	peer_connect_established(&p);
	assert_int_equal(counter(&p, TCP_CTR_PASSIVE_OPENS), 1);
	assert_int_equal(counter(&p, TCP_CTR_ACTIVE_OPENS), 1);
	peer_stop(&p);
}

static void data_flows_both_ways_and_closes(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 1, 1, 100);
	expect(&p, F_ACK, 1, 101, 0);
	assert_int_equal(peer_events(&p), TCP_EV_READABLE);
	user_read(&p, 1, 100);
	user_send(&p, 1, 3000);
	expect(&p, F_ACK, 1, 101, 1460);
	expect(&p, F_ACK, 1461, 101, 1460);
	expect(&p, F_ACK, 2921, 101, 80);
	expect_none(&p);
	peer_send(&p, F_ACK, 101, 3001);
	user_shutdown(&p);
	expect(&p, F_FIN | F_ACK, 3001, 101, 0);
	expect_none(&p);
	peer_send(&p, F_ACK | F_FIN, 101, 3002);
	expect(&p, F_ACK, 3002, 102, 0);
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_EOF | TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_state(p.c), TCP_TIME_WAIT);
	user_release(&p);
	peer_advance(&p, LG_SEC(61));
	expect_none(&p);
	peer_stop(&p);
}

/* ---- LISTEN (3.10.7.2) ---- */

/* LY-602: what nobody listens for is not even refused. */
static void syn_to_a_port_without_listener_is_dropped_in_silence(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_send(&p, F_SYN, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_NO_LISTENER), 1);
	/* LY-106: nothing listens inside. */
	peer_listen(&p);
	p.side = NET_INTERNAL;
	peer_send(&p, F_SYN, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_NO_LISTENER), 2);
	peer_stop(&p);
}

static void stray_ack_to_a_listener_is_reset_and_elsewhere_dropped(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send(&p, F_ACK, 5, 77);
	expect(&p, F_RST, 77, 0, 0);
	peer_send(&p, F_SYN | F_ACK, 5, 78);
	expect(&p, F_RST, 78, 0, 0);
	peer_send(&p, F_RST, 5, 0);
	p.stack_port = 444;
	peer_send(&p, F_ACK, 5, 77);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_NO_CONN), 4);
	/* A port that we could have connected from: the pool must not hang on a dead connection. */
	p.side = NET_INTERNAL;
	p.stack_port = 2000;
	peer_send(&p, F_ACK, 5, 77);
	expect(&p, F_RST, 77, 0, 0);
	peer_send(&p, F_SYN | F_ACK, 5, 77);
	expect(&p, F_RST, 77, 0, 0);
	expect_none(&p);
	peer_stop(&p);
}

static void resets_to_strays_are_rate_limited(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	for (int i = 0; i < 300; i++)
		peer_send(&p, F_ACK, 5, 77);
	assert_int_equal(p.n_out, TCP_RSTS_PER_SECOND);
	assert_int_equal(counter(&p, TCP_CTR_RSTS_LIMITED), 300 - TCP_RSTS_PER_SECOND);
	peer_stop(&p);
}

static void senseless_flags_are_dropped_and_counted(void **state)
{
	static const uint8_t bad[] = {0, F_FIN, F_SYN | F_FIN, F_SYN | F_RST, F_SYN | F_FIN | F_ACK,
		F_SYN | F_FIN | F_RST | F_ACK, F_FIN | F_RST, F_PSH};
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	for (unsigned i = 0; i < sizeof(bad); i++)
		peer_send(&p, bad[i], 0, 0);
	assert_int_equal(counter(&p, TCP_CTR_DROP_BAD_FLAGS), sizeof(bad));
	peer_open(&p);
	for (unsigned i = 0; i < sizeof(bad); i++)
		peer_send(&p, bad[i], 1, 1);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_BAD_FLAGS), 2 * sizeof(bad));
	assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
	peer_stop(&p);
}

static void malformed_options_drop_the_segment(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	struct rte_mbuf *m = peer_build(&p, F_SYN, 0, 0, &o, NULL, 0);
	rte_pktmbuf_mtod(m, uint8_t *)[21] = 0;
	peer_input(&p, m);
	peer_flush(&p);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_BAD_OPTION), 1);
	peer_stop(&p);
}

static void options_are_answered_only_when_offered(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	struct out_seg *s = expect(&p, F_SYN | F_ACK, 0, 1, 0);
	assert_true(s->opt.has_mss && s->opt.mss == 1460);
	assert_false(s->opt.has_wscale || s->opt.has_ts || s->opt.sack_permitted);
	p.peer_port++;
	o.has_wscale = o.has_ts = o.sack_permitted = true;
	o.wscale = 2;
	o.tsval = 99;
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	s = expect(&p, F_SYN | F_ACK, 0, 1, 0);
	assert_true(s->opt.has_wscale && s->opt.has_ts && s->opt.sack_permitted);
	assert_int_equal(s->opt.tsecr, 99);
	peer_stop(&p);
}

static void data_on_the_syn_is_neither_taken_nor_acknowledged(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send_opt(&p, F_SYN, 0, 0, NULL, "hello", 5);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	assert_int_equal(tcp_rx(p.c)->len, 0);
	expect_none(&p);
	peer_stop(&p);
}

static void a_specific_listener_wins_over_the_wildcard(void **state)
{
	struct peer p;
	struct tcp_opts o;
	int specific;
	(void)state;
	tcp_opts_default(&o);
	peer_start(&p);
	peer_listen(&p);
	assert_int_equal(tcp_listen(p.s, p.side, &p.stack_ip, 443, &o, &specific), 1);
	assert_int_equal(tcp_listen(p.s, p.side, &p.stack_ip, 443, &o, &specific), -EADDRINUSE);
	peer_open(&p);
	assert_ptr_equal(tcp_conn_listener_user(p.c), &specific);
	peer_stop(&p);
}

/* Ports are looked up by a part of their bits. */
static void listeners_whose_ports_share_bits_are_told_apart(void **state)
{
	struct peer p;
	struct tcp_opts o;
	int users[3];
	(void)state;
	tcp_opts_default(&o);
	peer_start(&p);
	peer_listen(&p);
	for (unsigned i = 0; i < 3; i++) {
		uint16_t port = (uint16_t)(p.stack_port + 256 * (i + 1));
		assert_int_equal(
			tcp_listen(p.s, p.side, &p.stack_ip, port, &o, &users[i]), (int)i + 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		p.stack_port = (uint16_t)(p.stack_port + 256);
		peer_open(&p);
		assert_ptr_equal(tcp_conn_listener_user(p.c), &users[i]);
	}
	p.stack_port = (uint16_t)(p.stack_port + 256);
	peer_send(&p, F_SYN, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_NO_LISTENER), 1);
	peer_stop(&p);
}

static void a_draining_listener_refuses_new_connections_only(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	tcp_listener_drain(p.s, 0, true);
	p.peer_port++;
	peer_send(&p, F_SYN, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_DRAINING), 1);
	p.peer_port--;
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_ACK, 1, 11, 0);
	peer_stop(&p);
}

/* ---- SYN-RECEIVED ---- */

static void syn_again_gets_the_same_syn_ack_again(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	uint32_t isn = p.stack_isn;
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	assert_int_equal(p.stack_isn, isn);
	expect_none(&p);
	peer_stop(&p);
}

static void syn_ack_is_repeated_with_backoff_until_half_open_timeout(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_advance(&p, LG_MS(1100));
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_advance(&p, LG_MS(1800));
	expect_none(&p);
	peer_advance(&p, LG_MS(300));
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_advance(&p, LG_SEC(10));
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	expect_none(&p);
	assert_int_equal(reason(&p, TCP_REASON_HALF_OPEN_TIMEOUT), 1);
	assert_int_equal(peer_events(&p), 0);
	peer_stop(&p);
}

static void without_cookies(struct tcp_stack_params *params)
{
	params->syn_cookies_above = params->max_half_open;
}

static void oldest_half_open_makes_way_for_a_new_syn(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), without_cookies);
	peer_listen(&p);
	for (int i = 0; i < 6; i++) {
		p.peer_port = (uint16_t)(50000 + i);
		peer_send(&p, F_SYN, 0, 0);
	}
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.half_open, 4);
	assert_int_equal(counter(&p, TCP_CTR_HALF_OPEN_EVICTED), 2);
	expect_skip(&p);
	/* The last one is still there, the first is not. */
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	p.peer_port = 50000;
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(expect_next(&p)->flags, F_RST);
	peer_stop(&p);
}

static void connection_limit_refuses_syns_and_counts(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	for (int i = 0; i < 32; i++) {
		p.peer_port = (uint16_t)(50000 + i);
		peer_open(&p);
	}
	p.peer_port++;
	peer_send(&p, F_SYN, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_CONN_LIMIT), 1);
	int err = 0;
	struct tcp_opts o;
	tcp_opts_default(&o);
	assert_null(tcp_connect(p.s, NET_INTERNAL, &p.peer_ip, 80, &o, NULL, p.now, &err));
	assert_int_equal(err, -ENOBUFS);
	assert_int_equal(flow_ports_in_use(p.ports), 0);
	peer_stop(&p);
}

static void ack_of_nothing_in_syn_received_is_reset(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_send(&p, F_ACK, 1, 500);
	expect(&p, F_RST, 500, 0, 0);
	peer_send(&p, F_ACK, 1, 0);
	expect(&p, F_RST, 0, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_BAD_ACK), 2);
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	peer_stop(&p);
}

static void rst_in_syn_received_returns_to_listen(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_send(&p, F_RST, 1, 0);
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.connections, 0);
	assert_int_equal(g.half_open, 0);
	expect_none(&p);
	peer_open(&p);
	peer_stop(&p);
}

/* ---- SYN-SENT (3.10.7.3) ---- */

static void syn_is_repeated_until_connect_timeout(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	peer_advance(&p, LG_MS(1100));
	expect(&p, F_SYN, 0, 0, 0);
	peer_advance(&p, LG_MS(2000));
	expect(&p, F_SYN, 0, 0, 0);
	peer_advance(&p, LG_SEC(3));
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_CONNECT_TIMEOUT);
	assert_int_equal(flow_ports_in_use(p.ports), 0);
	user_release(&p);
	peer_stop(&p);
}

static void rst_with_our_ack_refuses_and_any_other_is_ignored(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	peer_send(&p, F_RST, 0, 0);
	peer_send(&p, F_RST | F_ACK, 0, 0);
	peer_send(&p, F_RST | F_ACK, 0, 2);
	assert_int_equal(peer_events(&p), 0);
	peer_send(&p, F_RST | F_ACK, 0, 1);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_REFUSED);
	expect_none(&p);
	user_release(&p);
	peer_stop(&p);
}

static void syn_ack_of_something_else_is_reset(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	peer_send(&p, F_SYN | F_ACK, 0, 77);
	expect(&p, F_RST, 77, 0, 0);
	peer_send(&p, F_SYN | F_ACK, 0, 0); /* not even of the SYN */
	expect(&p, F_RST, 0, 0, 0);
	peer_send(&p, F_ACK, 0, 77);
	expect(&p, F_RST, 77, 0, 0);
	peer_send(&p, F_ACK, 0, 1);
	expect_none(&p);
	assert_int_equal(tcp_conn_state(p.c), TCP_SYN_SENT);
	peer_stop(&p);
}

/* RFC 9293 section 3.8.6: a SYN-ACK that is sent again can't take back what an ACK has promised. */
static void challenge_ack_before_the_handshake_ends_promises_no_more_than_the_syn_ack(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	o.has_wscale = true;
	o.wscale = 7;
	peer_start(&p);
	peer_listen(&p);
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	struct out_seg *syn = expect(&p, F_SYN | F_ACK, 0, 1, 0);
	uint32_t promised = syn->wnd;
	uint8_t shift = syn->opt.wscale;
	assert_true(shift > 0);
	peer_send(&p, F_RST, 2, 0);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 0)->wnd << shift, promised);
	peer_advance(&p, LG_MS(1100));
	assert_int_equal(expect(&p, F_SYN | F_ACK, 0, 1, 0)->wnd, promised);
	peer_stop(&p);
}

/* Figure 7 */
static void simultaneous_open_meets_in_established(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_SYN_RECEIVED);
	peer_send_opt(&p, F_SYN | F_ACK, 0, 1, &o, NULL, 0);
	expect(&p, F_ACK, 1, 1, 0);
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_CONNECTED);
	peer_send_data(&p, 1, 1, 20);
	expect(&p, F_ACK, 1, 21, 0);
	user_read(&p, 1, 20);
	peer_stop(&p);
}

static void data_queued_before_established_leaves_with_the_handshake(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	user_send(&p, 1, 50);
	user_shutdown(&p);
	expect_none(&p);
	peer_send(&p, F_SYN | F_ACK, 0, 1);
	expect(&p, F_ACK | F_FIN, 1, 1, 50);
	expect_none(&p);
	assert_int_equal(tcp_conn_state(p.c), TCP_FIN_WAIT_1);
	peer_stop(&p);
}

/* RFC 9293 MUST-15: no MSS option means 536, and a tiny one is not believed without limit. */
static void peer_mss_bounds_our_segments(void **state)
{
	struct peer p;
	struct tcp_options o = {.has_mss = true, .mss = 10};
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_opt(&p, NULL);
	user_send(&p, 1, 1000);
	expect(&p, F_ACK, 1, 1, 536);
	expect(&p, F_ACK, 537, 1, 464);
	p.peer_port++;
	peer_open_opt(&p, &o);
	user_send(&p, 1, 100);
	expect(&p, F_ACK, 1, 1, TCP_MIN_PEER_MSS);
	expect(&p, F_ACK, 1 + TCP_MIN_PEER_MSS, 1, TCP_MIN_PEER_MSS);
	expect(&p, F_ACK, 1 + 2 * TCP_MIN_PEER_MSS, 1, 100 - 2 * TCP_MIN_PEER_MSS);
	peer_stop(&p);
}

/* RFC 6528 */
static void isns_differ_by_tuple_and_grow_with_time(void **state)
{
	struct peer p;
	struct flow_key a = {.rport = 1, .lport = 2}, b = {.rport = 3, .lport = 2};
	uint32_t ts_a, ts_b, ts_c;
	(void)state;
	peer_start(&p);
	uint32_t isn_a = tcp_isn(p.s, &a, p.now, &ts_a), isn_b = tcp_isn(p.s, &b, p.now, &ts_b);
	assert_int_not_equal(isn_a, isn_b);
	assert_int_not_equal(ts_a, ts_b);
	assert_int_equal(tcp_isn(p.s, &a, p.now + 4000, &ts_c) - isn_a, 1000);
	assert_int_equal(ts_a, ts_c);
	peer_stop(&p);
}

static void segments_in_one_burst_see_connections_come_and_go(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	struct net_pkt pkts[3];
	pkts[0].m = peer_build(&p, F_SYN, 0, 0, NULL, NULL, 0);
	pkts[1].m = peer_build(&p, F_RST, 1, 0, NULL, NULL, 0);
	pkts[2].m = peer_build(&p, F_SYN, 0, 0, NULL, NULL, 0);
	for (int i = 0; i < 3; i++) {
		pkts[i].src = p.peer_ip;
		pkts[i].dst = p.stack_ip;
		pkts[i].side = p.side;
	}
	tcp_input(p.s, pkts, 3, p.now);
	peer_flush(&p);
	assert_int_equal(counter(&p, TCP_CTR_RSTS_IN), 1);
	assert_int_equal(counter(&p, TCP_CTR_ATTEMPT_FAILS), 1);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	expect_none(&p);
	struct tcp_gauges g;
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.half_open, 1);
	peer_stop(&p);
}

/* MUST-15 */
static void without_an_mss_option_the_default_of_the_family_counts(void **state)
{
	static const struct {
		const char *stack, *peer;
		uint32_t mss;
	} v[] = {{"192.0.2.1", "198.51.100.7", 536}, {"2001:db8::1", "2001:db8:1::7", 1220}};
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(v); i++) {
		struct peer p;
		peer_start(&p);
		assert_int_equal(lg_ip_parse(v[i].stack, &p.stack_ip), 0);
		assert_int_equal(lg_ip_parse(v[i].peer, &p.peer_ip), 0);
		peer_listen(&p);
		peer_open_opt(&p, NULL);
		user_send(&p, 1, 2000);
		expect(&p, F_ACK, 1, 1, v[i].mss);
		peer_stop(&p);
	}
}

/* MUST-41, MUST-42: connections in SYN-SENT and SYN-RECEIVED stay what they are. */
static void a_port_can_be_listened_on_while_connections_to_it_open(void **state)
{
	struct peer p;
	struct tcp_opts o;
	struct tcp_options syn = peer_syn_options();
	int second;
	(void)state;
	tcp_opts_default(&o);
	peer_start(&p);
	peer_connect(&p);
	struct tcp_conn *out = p.c;
	uint16_t port = p.stack_port, pool_port = p.peer_port;
	uint32_t out_isn = p.stack_isn;
	assert_int_equal(tcp_listen(p.s, NET_INTERNAL, &p.stack_ip, port, &o, &second), 0);
	p.side = NET_EXTERNAL;
	p.peer_port = 40000;
	peer_listen(&p);
	peer_send_opt(&p, F_SYN, 0, 0, &syn, NULL, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	assert_int_equal(tcp_listen(p.s, NET_EXTERNAL, &p.stack_ip, port, &o, &second), 2);
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	assert_ptr_equal(tcp_conn_listener_user(p.c), &p); /* who listened when its SYN came */
	p.side = NET_INTERNAL;
	p.peer_port = pool_port;
	p.stack_isn = out_isn;
	peer_send_opt(&p, F_SYN | F_ACK, 0, 1, &syn, NULL, 0);
	expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(tcp_conn_state(out), TCP_ESTABLISHED);
	peer_stop(&p);
}

/* MUST-46 */
static void connecting_to_what_is_no_host_is_an_error(void **state)
{
	static const char *const no_host[] = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"};
	struct peer p;
	struct tcp_opts o;
	(void)state;
	tcp_opts_default(&o);
	peer_start(&p);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(no_host); i++) {
		struct lg_ip ip;
		int err = 0;
		assert_int_equal(lg_ip_parse(no_host[i], &ip), 0);
		assert_null(tcp_connect(p.s, NET_INTERNAL, &ip, 8080, &o, &p, p.now, &err));
		assert_int_equal(err, -EINVAL);
	}
	assert_int_equal(flow_ports_in_use(p.ports), 0);
	peer_flush(&p);
	expect_none(&p);
	peer_stop(&p);
}

static void cookies_always(struct tcp_stack_params *params)
{
	params->syn_cookies_always = true;
}

/* MUST-48, SHLD-22: SYN-ACK, cookie or not, data, ACK and RST; a stray's RST has none to go by. */
static void every_segment_carries_the_dscp_of_its_connection(void **state)
{
	(void)state;
	for (int cookies = 0; cookies < 2; cookies++) {
		struct peer p;
		struct tcp_opts o;
		tcp_opts_default(&o);
		o.dscp = 46;
		peer_start_at(&p, LG_SEC(1000), cookies ? cookies_always : NULL);
		peer_listen_opts(&p, &o);
		struct tcp_options syn = peer_syn_options();
		peer_send_opt(&p, F_SYN, 0, 0, &syn, NULL, 0);
		peer_send(&p, F_ACK, 1, 1);
		assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
		user_send(&p, 1, 100);
		peer_send_data(&p, 1, 101, 10);
		tcp_abort(p.c, p.now);
		user_release(&p);
		assert_int_equal(p.n_out, 4);
		for (unsigned i = 0; i < p.n_out; i++)
			assert_int_equal(p.out[i].tos, 46 << 2);
		expect_skip(&p);
		p.peer_port++;
		peer_send(&p, F_ACK, 1, 1);
		assert_int_equal(expect_next(&p)->tos, 0);
		peer_stop(&p);
	}
}

static void the_syn_carries_the_dscp_too(void **state)
{
	struct peer p;
	struct tcp_opts o;
	int err = 0;
	(void)state;
	tcp_opts_default(&o);
	o.dscp = 63;
	peer_start(&p);
	p.c = tcp_connect(p.s, NET_INTERNAL, &p.peer_ip, 8080, &o, &p, p.now, &err);
	assert_non_null(p.c);
	peer_flush(&p);
	assert_int_equal(expect(&p, F_SYN, 0, 0, 0)->tos, 63 << 2);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_gives_established_on_both_roles),
		cmocka_unit_test(data_flows_both_ways_and_closes),
		cmocka_unit_test(syn_to_a_port_without_listener_is_dropped_in_silence),
		cmocka_unit_test(stray_ack_to_a_listener_is_reset_and_elsewhere_dropped),
		cmocka_unit_test(resets_to_strays_are_rate_limited),
		cmocka_unit_test(senseless_flags_are_dropped_and_counted),
		cmocka_unit_test(malformed_options_drop_the_segment),
		cmocka_unit_test(options_are_answered_only_when_offered),
		cmocka_unit_test(data_on_the_syn_is_neither_taken_nor_acknowledged),
		cmocka_unit_test(a_specific_listener_wins_over_the_wildcard),
		cmocka_unit_test(listeners_whose_ports_share_bits_are_told_apart),
		cmocka_unit_test(a_draining_listener_refuses_new_connections_only),
		cmocka_unit_test(syn_again_gets_the_same_syn_ack_again),
		cmocka_unit_test(syn_ack_is_repeated_with_backoff_until_half_open_timeout),
		cmocka_unit_test(oldest_half_open_makes_way_for_a_new_syn),
		cmocka_unit_test(connection_limit_refuses_syns_and_counts),
		cmocka_unit_test(ack_of_nothing_in_syn_received_is_reset),
		cmocka_unit_test(rst_in_syn_received_returns_to_listen),
		cmocka_unit_test(syn_is_repeated_until_connect_timeout),
		cmocka_unit_test(rst_with_our_ack_refuses_and_any_other_is_ignored),
		cmocka_unit_test(syn_ack_of_something_else_is_reset),
		cmocka_unit_test(
			challenge_ack_before_the_handshake_ends_promises_no_more_than_the_syn_ack),
		cmocka_unit_test(simultaneous_open_meets_in_established),
		cmocka_unit_test(data_queued_before_established_leaves_with_the_handshake),
		cmocka_unit_test(peer_mss_bounds_our_segments),
		cmocka_unit_test(isns_differ_by_tuple_and_grow_with_time),
		cmocka_unit_test(segments_in_one_burst_see_connections_come_and_go),
		cmocka_unit_test(without_an_mss_option_the_default_of_the_family_counts),
		cmocka_unit_test(a_port_can_be_listened_on_while_connections_to_it_open),
		cmocka_unit_test(connecting_to_what_is_no_host_is_an_error),
		cmocka_unit_test(every_segment_carries_the_dscp_of_its_connection),
		cmocka_unit_test(the_syn_carries_the_dscp_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
