/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN cookies: RFC 4987 section 3.6. */
#include "peer.h"

#define EPOCH TCP_COOKIE_EPOCH

static void always(struct tcp_stack_params *params)
{
	params->syn_cookies_always = true;
}

/* Two of the four half-open connections that there may be. */
static void above_two(struct tcp_stack_params *params)
{
	params->syn_cookies_above = 2;
}

static void start(struct peer *p)
{
	peer_start_at(p, LG_SEC(1000), always);
	peer_listen(p);
}

static struct tcp_options full_offer(void)
{
	return (struct tcp_options){.has_mss = true,
		.mss = 1460,
		.has_wscale = true,
		.wscale = 7,
		.sack_permitted = true};
}

static uint32_t connections(const struct peer *p)
{
	struct tcp_gauges g;
	tcp_stack_gauges(p->s, &g);
	return g.connections;
}

/* The SYN and its answer. */
static struct out_seg *ask(struct peer *p, const struct tcp_options *o)
{
	peer_send_opt(p, F_SYN, 0, 0, o, NULL, 0);
	struct out_seg *s = expect(p, F_SYN | F_ACK, 0, 1, 0);
	expect_none(p);
	return s;
}

static void comes_in(struct peer *p)
{
	peer_send(p, F_ACK, 1, 1);
	expect_none(p);
	assert_int_equal(peer_events(p), TCP_EV_ACCEPTED);
	assert_int_equal(tcp_conn_state(p->c), TCP_ESTABLISHED);
}

static void is_refused(struct peer *p, uint32_t seq, uint32_t ack)
{
	peer_send(p, F_ACK, seq, ack);
	expect(p, F_RST, ack, 0, 0);
	expect_none(p);
	assert_int_equal(connections(p), 0);
}

/* ---- no state ---- */

static void a_syn_leaves_nothing_behind_and_the_ack_opens(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	start(&p);
	ask(&p, &o);
	assert_int_equal(connections(&p), 0);
	assert_int_equal(flow_count(p.s->flows), 0);
	assert_int_equal(rte_mempool_in_use_count(p.pool), 0);
	assert_true(tcp_next_timer(p.s) == UINT64_MAX);
	comes_in(&p);
	assert_ptr_equal(tcp_conn_listener_user(p.c), &p);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_SENT), 1);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_RECV), 1);
	assert_int_equal(counter(&p, TCP_CTR_PASSIVE_OPENS), 1);
	peer_send_data(&p, 1, 1, 100);
	expect(&p, F_ACK, 1, 101, 0);
	user_read(&p, 1, 100);
	user_send(&p, 1, 100);
	expect(&p, F_ACK, 1, 101, 100);
	peer_stop(&p);
}

/* The round trip is not known, and yet nothing says that the path is a bad one. */
static void it_opens_with_the_initial_window_and_no_round_trip_time(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	start(&p);
	ask(&p, &o);
	p.now += LG_MS(1500);
	comes_in(&p);
	assert_int_equal(tcp_conn_srtt(p.c), 0);
	assert_int_equal(p.c->cwnd, 14600);
	assert_int_equal(p.c->rto, TCP_RTO_INIT);
	peer_stop(&p);
}

/* With every other mbuf taken: the answer leaves in the SYN's own. */
static void the_answer_needs_no_mbuf(void **state)
{
	static struct rte_mbuf *taken[2048];
	unsigned n = 0;
	struct peer p;
	struct tcp_options o = full_offer();
	(void)state;
	start(&p);
	struct rte_mbuf *m = peer_build(&p, F_SYN, 0, 0, &o, NULL, 0);
	while ((taken[n] = rte_pktmbuf_alloc(p.pool)) != NULL)
		n++;
	peer_input(&p, m);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	while (n > 0)
		rte_pktmbuf_free(taken[--n]);
	assert_int_equal(counter(&p, TCP_CTR_DROP_NOMBUF), 0);
	peer_stop(&p);
}

static void a_syn_in_several_mbufs_is_answered_from_a_new_one(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	start(&p);
	struct rte_mbuf *m = peer_build(&p, F_SYN, 0, 0, &o, "hello", 5);
	struct rte_mbuf *more = rte_pktmbuf_alloc(p.pool);
	memset(rte_pktmbuf_append(more, 3), 'x', 3);
	assert_int_equal(rte_pktmbuf_chain(m, more), 0);
	peer_input(&p, m);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	comes_in(&p);
	assert_int_equal(tcp_rx(p.c)->len, 0);
	peer_stop(&p);
}

static void a_syn_again_gets_the_same_answer(void **state)
{
	struct peer p;
	struct tcp_options o = full_offer();
	(void)state;
	start(&p);
	ask(&p, &o);
	uint32_t isn = p.stack_isn;
	p.now += LG_MS(999);
	ask(&p, &o);
	assert_int_equal(p.stack_isn, isn);
	p.isn++;
	ask(&p, &o);
	assert_int_not_equal(p.stack_isn, isn);
	peer_stop(&p);
}

/* ---- what is kept ---- */

static void use_v6(struct peer *p)
{
	assert_int_equal(lg_ip_parse("2001:db8::1", &p->stack_ip), 0);
	assert_int_equal(lg_ip_parse("2001:db8::7", &p->peer_ip), 0);
}

static void the_mss_is_kept_and_never_exceeded(void **state)
{
	static const struct {
		uint16_t offered, v4, v6;
	} rows[] = {{0, 88, 88}, {88, 88, 88}, {535, 88, 88}, {536, 536, 88}, {1219, 536, 88},
		{1220, 1220, 1220}, {1300, 1220, 1280}, {1360, 1360, 1360}, {1399, 1360, 1360},
		{1400, 1400, 1400}, {1420, 1400, 1420}, {1440, 1440, 1440}, {1459, 1452, 1440},
		{1460, 1460, 1440}, {8960, 1460, 1440}, {65535, 1460, 1440}};
	struct peer p;
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		start(&p);
		if (v6 == 1)
			use_v6(&p);
		for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++, p.peer_port++) {
			struct tcp_options o = {.has_mss = true, .mss = rows[i].offered};
			assert_int_equal(ask(&p, &o)->opt.mss, v6 == 1 ? 1440 : 1460);
			comes_in(&p);
			assert_int_equal(tcp_conn_mss(p.c), v6 == 1 ? rows[i].v6 : rows[i].v4);
		}
		peer_stop(&p);
	}
}

/* MUST-15 */
static void no_mss_means_the_default(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	comes_in(&p);
	assert_int_equal(tcp_conn_mss(p.c), 536);
	peer_stop(&p);
	start(&p);
	use_v6(&p);
	ask(&p, NULL);
	comes_in(&p);
	assert_int_equal(tcp_conn_mss(p.c), 1220);
	peer_stop(&p);
}

/* Every combination of what a client may offer beside the MSS. */
static void exactly_the_offered_options_are_on(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	for (unsigned i = 0; i < 8; i++, p.peer_port++) {
		struct tcp_options o = {.has_wscale = i & 1, .wscale = 7, .sack_permitted = i & 2};
		p.ts = i & 4;
		struct out_seg *s = ask(&p, &o);
		assert_int_equal(s->opt.has_wscale, i & 1);
		assert_int_equal(s->opt.sack_permitted, !!(i & 2));
		assert_int_equal(s->opt.has_ts, !!(i & 4));
		comes_in(&p);
		assert_int_equal(p.c->snd_wscale, i & 1 ? 7 : 0);
		assert_int_equal(p.c->rcv_wscale, i & 1 ? s->opt.wscale : 0);
		assert_int_equal(p.c->flags & (CF_WSCALE | CF_SACK | CF_TS),
			(i & 1 ? CF_WSCALE : 0) | (i & 2 ? CF_SACK : 0) | (i & 4 ? CF_TS : 0));
		assert_int_equal(p.c->snd_wnd, 65535u << p.c->snd_wscale);
	}
	peer_stop(&p);
}

/* RFC 7323 section 2.3: above 14 counts as 14. */
static void the_scale_is_exact_with_timestamps_and_never_more_without(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	for (unsigned shift = 0; shift < 16; shift++) {
		struct tcp_options o = {.has_wscale = true, .wscale = (uint8_t)shift};
		p.ts = true;
		p.peer_port++;
		ask(&p, &o);
		comes_in(&p);
		assert_int_equal(p.c->snd_wscale, LG_MIN(shift, 14u));
		p.ts = false;
		p.peer_port++;
		ask(&p, &o);
		comes_in(&p);
		assert_true(p.c->snd_wscale <= shift);
		assert_true(p.c->snd_wscale + 1u >= LG_MIN(shift, 11u));
		tcp_abort(p.c, p.now);
		user_release(&p);
		expect_skip(&p);
	}
	peer_stop(&p);
}

/* RFC 7323: TSval is a clock that never goes back; section 5 of the client would drop us. */
static void timestamps_go_on_from_the_cookie(void **state)
{
	struct peer p;
	struct tcp_options o = full_offer();
	(void)state;
	start(&p);
	p.ts = true;
	for (unsigned i = 0; i < 30; i++) {
		p.peer_port++;
		p.tsval = 7000 + i;
		p.now += 1700;
		struct out_seg *s = ask(&p, &o);
		uint32_t first = s->opt.tsval;
		assert_int_equal(s->opt.tsecr, p.tsval);
		comes_in(&p);
		user_send(&p, 1, 10);
		uint32_t then = expect(&p, F_ACK, 1, 1, 10)->opt.tsval;
		assert_true(seq_geq(then, first) && then - first < 64);
		assert_int_equal(then, conn_ts_now(p.c, p.now));
		assert_int_equal(p.c->ts_recent, p.tsval);
		tcp_abort(p.c, p.now);
		user_release(&p);
		expect_skip(&p);
	}
	peer_stop(&p);
}

static void the_promised_window_is_never_taken_back(void **state)
{
	struct peer p;
	struct tcp_options o = full_offer();
	(void)state;
	start(&p);
	struct out_seg *s = ask(&p, &o);
	uint32_t promised = s->wnd, shift = s->opt.wscale;
	assert_int_equal(promised, TCP_COOKIE_WINDOW);
	comes_in(&p);
	assert_int_equal(rcv_wnd(p.c), promised);
	peer_send_data(&p, 1, 1, 10);
	s = expect(&p, F_ACK, 1, 11, 0);
	assert_true(10 + ((uint32_t)s->wnd << shift) >= promised);
	peer_stop(&p);
}

/* ---- the first segment ---- */

static void data_and_fin_on_the_first_ack_are_taken(void **state)
{
	uint8_t text[50];
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = peer_byte(1 + i);
	peer_send_opt(&p, F_ACK | F_FIN, 1, 1, NULL, text, sizeof(text));
	expect(&p, F_ACK, 1, 52, 0);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED | TCP_EV_READABLE | TCP_EV_EOF);
	assert_int_equal(tcp_conn_state(p.c), TCP_CLOSE_WAIT);
	user_read(&p, 1, sizeof(text));
	user_release(&p);
	expect(&p, F_ACK | F_FIN, 1, 52, 0);
	peer_send(&p, F_ACK, 52, 2);
	assert_int_equal(connections(&p), 0);
	peer_stop(&p);
}

/* The ACK got lost, and the first segment, too: the second must not end the client. */
static void text_behind_the_first_segment_waits_for_it(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	peer_send_data(&p, 101, 1, 100);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_FAILED), 1);
	assert_int_equal(connections(&p), 0);
	peer_send_data(&p, 1, 1, 100);
	expect(&p, F_ACK, 1, 101, 0);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED | TCP_EV_READABLE);
	user_read(&p, 1, 100);
	peer_stop(&p);
}

static void rst_and_syn_ack_are_no_cookies(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	peer_send(&p, F_RST | F_ACK, 1, 1);
	peer_send(&p, F_RST, 1, 1);
	expect_none(&p);
	peer_send(&p, F_SYN | F_ACK, 1, 1);
	expect(&p, F_RST, 1, 0, 0);
	assert_int_equal(connections(&p), 0);
	comes_in(&p);
	peer_stop(&p);
}

/* ---- forgery ---- */

static void whatever_is_not_ours_is_refused(void **state)
{
	struct peer p, other;
	struct tcp_options o = full_offer();
	(void)state;
	start(&p);
	p.ts = true;
	p.tsval = 5;
	ask(&p, &o);
	for (unsigned bit = 0; bit < 32; bit++)
		is_refused(&p, 1, (1u << bit) + 1);
	is_refused(&p, 0, 1);
	is_refused(&p, 2, 1);
	other = p;
	p.peer_port++;
	is_refused(&p, 1, 1);
	p = other;
	p.peer_ip.b[15]++;
	is_refused(&p, 1, 1);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_FAILED), 36);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_RECV), 0);
	peer_stop(&other);
}

/* The scale in the echoed timestamp and timestamps themselves can't be changed afterwards. */
static void nobody_gets_more_than_was_offered(void **state)
{
	struct peer p;
	struct tcp_options o = full_offer();
	(void)state;
	start(&p);
	p.ts = true;
	ask(&p, &o);
	for (uint32_t bit = 1; bit < 16; bit <<= 1) {
		p.tsecr ^= bit;
		is_refused(&p, 1, 1);
		p.tsecr ^= bit;
	}
	p.ts = false;
	is_refused(&p, 1, 1);
	p.ts = true;
	comes_in(&p);
	peer_stop(&p);
}

static void guesses_are_hopeless(void **state)
{
	struct peer p;
	uint32_t guess = 12345;
	(void)state;
	start(&p);
	ask(&p, NULL);
	for (unsigned i = 0; i < 20000; i++, guess = guess * 1664525 + 1013904223) {
		peer_send(&p, F_ACK, 1, guess == 1 ? 2 : guess);
		expect_skip(&p);
	}
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_FAILED), 20000);
	assert_int_equal(connections(&p), 0);
	peer_stop(&p);
}

/* ---- time ---- */

static void a_cookie_is_good_for_one_to_two_epochs(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	p.now = 20 * EPOCH + EPOCH / 2;
	ask(&p, NULL);
	p.now = 22 * EPOCH - 1;
	comes_in(&p);
	tcp_abort(p.c, p.now);
	user_release(&p);
	expect_skip(&p);
	/* Too old, though others are still out. */
	p.now = 22 * EPOCH + 1;
	uint32_t old = p.stack_isn;
	p.peer_port++;
	ask(&p, NULL);
	p.peer_port--;
	p.stack_isn = old;
	is_refused(&p, 1, 1);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_FAILED), 1);
	peer_stop(&p);
}

static void without_cookies_out_no_ack_is_looked_at(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	is_refused(&p, 1, 1);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_FAILED), 0);
	p.now = 20 * EPOCH;
	ask(&p, NULL);
	p.now += 2 * EPOCH;
	is_refused(&p, 1, 1);
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_RST, 1, 0, 0);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_FAILED), 0);
	peer_stop(&p);
}

/* ---- when ---- */

static void flood(struct peer *p, unsigned n)
{
	uint16_t port = p->peer_port;
	for (unsigned i = 0; i < n; i++) {
		p->peer_port = (uint16_t)(50000 + i);
		peer_send(p, F_SYN, 0, 0);
		expect_skip(p);
	}
	p->peer_port = port;
}

static void a_flood_beyond_the_watermark_evicts_nobody(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), above_two);
	peer_listen(&p);
	ask(&p, NULL);
	uint32_t slow = p.stack_isn;
	flood(&p, 200);
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.half_open, 2);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_SENT), 199);
	assert_int_equal(counter(&p, TCP_CTR_HALF_OPEN_EVICTED), 0);
	/* Who was there before, and who comes in the middle of it. */
	p.stack_isn = slow;
	comes_in(&p);
	p.peer_port++;
	flood(&p, 10);
	ask(&p, NULL);
	comes_in(&p);
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_RECV), 1);
	peer_stop(&p);
}

static void a_full_table_gives_a_half_open_block_to_a_proven_client_only(void **state)
{
	struct peer p;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), above_two);
	peer_listen(&p);
	for (unsigned i = 0; i < 31; i++, p.peer_port++)
		peer_open(&p);
	flood(&p, 20);
	assert_int_equal(connections(&p), 32);
	assert_int_equal(counter(&p, TCP_CTR_HALF_OPEN_EVICTED), 0);
	ask(&p, NULL);
	comes_in(&p);
	assert_int_equal(counter(&p, TCP_CTR_HALF_OPEN_EVICTED), 1);
	/* Now there is no other's block to take. */
	p.peer_port++;
	peer_send(&p, F_SYN, 0, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_CONN_LIMIT), 1);
	peer_stop(&p);
}

static void a_cookie_that_finds_the_table_full_waits(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	uint32_t isn = p.stack_isn;
	for (unsigned i = 0; i < 32; i++) {
		p.peer_port++;
		peer_open(&p);
	}
	struct tcp_conn *last = p.c;
	p.peer_port -= 32;
	p.stack_isn = isn;
	peer_send(&p, F_ACK, 1, 1);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_CONN_LIMIT), 1);
	tcp_abort(last, p.now);
	tcp_release(last, p.now);
	expect_skip(&p);
	p.stack_isn = isn;
	comes_in(&p);
	peer_stop(&p);
}

static void draining_and_pressure_hold_for_the_ack_too(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	tcp_listener_drain(p.s, 0, true);
	peer_send(&p, F_ACK, 1, 1);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_DRAINING), 1);
	tcp_listener_drain(p.s, 0, false);
	tcp_stack_pressure(p.s, 100, 1000);
	peer_send(&p, F_ACK, 1, 1);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE), 1);
	tcp_stack_pressure(p.s, 1000, 1000);
	comes_in(&p);
	peer_stop(&p);
}

/* RFC 1122 4.2.2.13: the new ISN must be above the old one's numbers, which no cookie can promise.
 */
static void a_time_wait_is_taken_over_with_state(void **state)
{
	struct peer p;
	(void)state;
	start(&p);
	ask(&p, NULL);
	comes_in(&p);
	uint32_t old = p.stack_isn;
	user_shutdown(&p);
	expect(&p, F_ACK | F_FIN, 1, 1, 0);
	peer_send(&p, F_ACK | F_FIN, 1, 2);
	expect(&p, F_ACK, 2, 2, 0);
	peer_events(&p);
	user_release(&p);
	p.isn += 1000;
	ask(&p, NULL);
	assert_true(seq_gt(p.stack_isn, old + 1));
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_SENT), 1);
	comes_in(&p);
	peer_stop(&p);
}

/* The client's second SYN found room, but it has taken the answer to the first. */
static void a_cookie_is_good_for_a_connection_that_became_half_open(void **state)
{
	struct peer p;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), above_two);
	peer_listen(&p);
	flood(&p, 2);
	ask(&p, NULL);
	uint32_t cookie = p.stack_isn;
	peer_advance(&p, LG_SEC(11)); /* the flood's are forgotten */
	expect_skip(&p);
	ask(&p, NULL);
	assert_int_not_equal(p.stack_isn, cookie);
	assert_int_equal(connections(&p), 1);
	p.stack_isn = cookie;
	peer_send_data(&p, 1, 1, 100);
	expect(&p, F_ACK, 1, 101, 0);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED | TCP_EV_READABLE);
	assert_int_equal(tcp_conn_srtt(p.c), 0);
	user_read(&p, 1, 100);
	user_send(&p, 1, 100);
	expect(&p, F_ACK, 1, 101, 100);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_leaves_nothing_behind_and_the_ack_opens),
		cmocka_unit_test(it_opens_with_the_initial_window_and_no_round_trip_time),
		cmocka_unit_test(the_answer_needs_no_mbuf),
		cmocka_unit_test(a_syn_in_several_mbufs_is_answered_from_a_new_one),
		cmocka_unit_test(a_syn_again_gets_the_same_answer),
		cmocka_unit_test(the_mss_is_kept_and_never_exceeded),
		cmocka_unit_test(no_mss_means_the_default),
		cmocka_unit_test(exactly_the_offered_options_are_on),
		cmocka_unit_test(the_scale_is_exact_with_timestamps_and_never_more_without),
		cmocka_unit_test(timestamps_go_on_from_the_cookie),
		cmocka_unit_test(the_promised_window_is_never_taken_back),
		cmocka_unit_test(data_and_fin_on_the_first_ack_are_taken),
		cmocka_unit_test(text_behind_the_first_segment_waits_for_it),
		cmocka_unit_test(rst_and_syn_ack_are_no_cookies),
		cmocka_unit_test(whatever_is_not_ours_is_refused),
		cmocka_unit_test(nobody_gets_more_than_was_offered),
		cmocka_unit_test(guesses_are_hopeless),
		cmocka_unit_test(a_cookie_is_good_for_one_to_two_epochs),
		cmocka_unit_test(without_cookies_out_no_ack_is_looked_at),
		cmocka_unit_test(a_flood_beyond_the_watermark_evicts_nobody),
		cmocka_unit_test(a_full_table_gives_a_half_open_block_to_a_proven_client_only),
		cmocka_unit_test(a_cookie_that_finds_the_table_full_waits),
		cmocka_unit_test(draining_and_pressure_hold_for_the_ack_too),
		cmocka_unit_test(a_time_wait_is_taken_over_with_state),
		cmocka_unit_test(a_cookie_is_good_for_a_connection_that_became_half_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
