/* SPDX-License-Identifier: BSD-3-Clause */
/* Law 4: what connections are left when packet buffers run short, and that they get it back. */
#include "peer.h"

#define TOTAL 1600u /* mbufs; levels begin below 800, 400, 200, 100, 50 */

static void pressure(struct peer *p, uint32_t free_mbufs)
{
	tcp_stack_pressure(p->s, free_mbufs, TOTAL);
	peer_flush(p);
}

static uint32_t level(const struct peer *p)
{
	struct tcp_gauges g;
	tcp_stack_gauges(p->s, &g);
	return g.pressure;
}

static uint32_t ooo_held(const struct peer *p)
{
	struct tcp_gauges g;
	tcp_stack_gauges(p->s, &g);
	return (uint32_t)g.ooo_truesize;
}

/* With a window scale of 7 on our side (8 MiB), none on the peer's. Returns the first window. */
static uint32_t open_scaled(struct peer *p)
{
	struct tcp_options o = peer_syn_options();
	o.has_wscale = true;
	o.sack_permitted = true;
	peer_open_opt(p, &o);
	return rcv_wnd(p->c);
}

/* Sends full segments while the window that was told allows; returns the next number. */
static uint32_t fill_window(struct peer *p, uint32_t seq)
{
	while (rcv_wnd(p->c) >= 1460) {
		peer_send_data(p, seq, 1, 1460);
		seq += 1460;
		expect_skip(p);
	}
	return seq;
}

static void levels_rise_at_once_and_fall_with_hysteresis(void **state)
{
	static const struct {
		uint32_t free_mbufs, level;
	} steps[] = {{1600, 0}, {800, 0}, {799, 1}, {899, 1}, {900, 0}, {399, 2}, {400, 2},
		{499, 2}, {500, 1}, {199, 3}, {299, 3}, {300, 2}, {99, 4}, {100, 4}, {149, 4},
		{49, 5}, {74, 5}, {75, 4}, {150, 3}, {0, 5}, {300, 2}, {5000, 0}, {0, 5},
		{5000, 0}};
	struct peer p;
	(void)state;
	peer_start(&p);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(steps); i++) {
		pressure(&p, steps[i].free_mbufs);
		assert_int_equal(level(&p), steps[i].level);
	}
	assert_int_equal(counter(&p, TCP_CTR_PRESSURE_RISES), 7);
	peer_stop(&p);
}

/* ---- level 1 ---- */

/* RFC 9293 section 3.8.6: the right edge stays, the window only isn't opened again. */
static void shrinking_takes_no_promise_back_and_a_fall_opens_the_window(void **state)
{
	struct peer p;
	uint32_t seq = 1;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	uint32_t promised = open_scaled(&p);
	assert_true(promised > 60000);
	pressure(&p, 700);
	expect_none(&p);
	assert_int_equal(rcv_wnd(p.c), promised);
	/* All of it may still come, and is kept. */
	seq = fill_window(&p, seq);
	assert_true(seq > promised - 1460);
	assert_int_equal(tcp_rx(p.c)->len, seq - 1);
	/* Half a buffer held is more than a quarter: no new window until it was read. */
	assert_true(rcv_wnd(p.c) < 1460);
	pressure(&p, 1600);
	struct out_seg *o = expect(&p, F_ACK, 1, seq, 0);
	assert_true(o->wnd > 0 && rcv_wnd(p.c) > 4 * 1460);
	peer_stop(&p);
}

static void the_window_is_a_part_of_a_quarter(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	pressure(&p, 700);
	uint32_t promised = open_scaled(&p);
	assert_in_range(promised, 20000, 32768);
	peer_stop(&p);
}

static void send_space_is_cut_to_a_quarter_and_writable_follows_the_fall(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	assert_int_equal(tcp_tx_space(p.c), 64 * 1024);
	pressure(&p, 700);
	assert_int_equal(tcp_tx_space(p.c), 16 * 1024);
	assert_int_equal(peer_events(&p), 0);
	pressure(&p, 1600);
	assert_int_equal(peer_events(&p), TCP_EV_WRITABLE);
	assert_int_equal(tcp_tx_space(p.c), 64 * 1024);
	pressure(&p, 1600);
	assert_int_equal(peer_events(&p), 0);
	peer_stop(&p);
}

/* ---- level 2 ---- */

static void the_smallest_window_is_two_segments(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	pressure(&p, 390);
	uint32_t promised = open_scaled(&p);
	assert_in_range(promised, 2 * 1460, 2 * 1460 + 2 * 128);
	/* Read, it moves on with the data. */
	peer_send_data(&p, 1, 1, 1460);
	user_read(&p, 1, 1460);
	assert_true(rcv_wnd(p.c) >= 1460);
	/* Unread, it closes; read again, it opens. */
	uint32_t seq = fill_window(&p, 1461);
	assert_true(rcv_wnd(p.c) < 1460 && seq < 16384);
	expect_skip(&p);
	user_read(&p, 1461, seq - 1461);
	expect(&p, F_ACK, 1, seq, 0);
	assert_true(rcv_wnd(p.c) >= 1460);
	peer_stop(&p);
}

static void jumbo(struct tcp_stack_params *params)
{
	params->mtu[NET_EXTERNAL] = params->mtu[NET_INTERNAL] = 9000;
}

/* Section 3.8.6.2.2 opens by a full segment at least; so the smallest window must hold one. */
static void the_smallest_window_opens_for_jumbo_frames_and_large_scales(void **state)
{
	struct peer p;
	struct tcp_opts o;
	(void)state;
	peer_start_at(&p, LG_SEC(5), jumbo);
	peer_listen(&p);
	pressure(&p, 390);
	assert_in_range(open_scaled(&p), 2 * 8960, 2 * 8960 + 2 * 128);
	peer_stop(&p);
	tcp_opts_default(&o);
	o.rcv_buf = 1 << 30;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	pressure(&p, 390);
	assert_in_range(open_scaled(&p), 2 * 16384, 2 * (16384 + 1460));
	peer_stop(&p);
}

/* RFC 2018 section 8 */
static void out_of_order_data_goes_and_its_sack_with_it(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_data(&p, 1001, 1, 1000);
	struct out_seg *o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.n_sack, 1);
	peer_send_data(&p, 3001, 1, 1000);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 0)->opt.n_sack, 2);
	pressure(&p, 700);
	assert_true(ooo_held(&p) > 0);
	pressure(&p, 390);
	assert_int_equal(ooo_held(&p), 0);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE_OOO), 2);
	/* Nothing is stored any more, but each is answered at once: the sender counts them. */
	peer_send_data(&p, 1001, 1, 1000);
	o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.n_sack, 0);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE_OOO), 3);
	assert_int_equal(ooo_held(&p), 0);
	/* The gap filled, only that much is acknowledged: all of it must be sent again. */
	peer_send_data(&p, 1, 1, 1000);
	expect(&p, F_ACK, 1, 1001, 0);
	pressure(&p, 1600);
	peer_send_data(&p, 2001, 1, 1000);
	assert_int_equal(expect(&p, F_ACK, 1, 1001, 0)->opt.n_sack, 1);
	peer_send_data(&p, 1001, 1, 1000);
	expect(&p, F_ACK, 1, 3001, 0);
	user_read(&p, 1, 3000);
	peer_stop(&p);
}

static void a_fin_behind_dropped_data_still_counts(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_opt(&p, F_ACK | F_FIN, 11, 1, NULL, "0123456789", 10);
	pressure(&p, 390);
	assert_int_equal(ooo_held(&p), 0);
	expect_skip(&p);
	peer_send_data(&p, 1, 1, 10);
	peer_send_data(&p, 11, 1, 10);
	expect_skip(&p);
	assert_true(tcp_rx_eof(p.c));
	assert_int_equal(tcp_rx(p.c)->len, 20);
	peer_stop(&p);
}

static void who_has_much_queued_gets_no_space_until_it_is_taken_or_pressure_falls(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 30000);
	pressure(&p, 390);
	assert_int_equal(tcp_tx_space(p.c), 0);
	/* Still 20000 bytes: more than the 16 KiB of this level. */
	peer_send(&p, F_ACK, 1, 1 + 2 * 1460);
	assert_int_equal(peer_events(&p), 0);
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, 1 + 6 * 1460);
	peer_send(&p, F_ACK, 1, 1 + 14 * 1460);
	peer_send(&p, F_ACK, 1, 30001);
	assert_int_equal(peer_events(&p), TCP_EV_WRITABLE);
	assert_int_equal(tcp_tx_space(p.c), 8192);
	expect_skip(&p);
	/* The same, but the pool recovers first. */
	user_send(&p, 30001, 30000);
	assert_int_equal(tcp_tx_space(p.c), 0);
	assert_int_equal(peer_events(&p), 0);
	pressure(&p, 1600);
	assert_int_equal(peer_events(&p), TCP_EV_WRITABLE);
	assert_true(tcp_tx_space(p.c) > 32 * 1024);
	peer_stop(&p);
}

/* ---- level 3 ---- */

static void syns_are_refused_and_established_connections_go_on(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	pressure(&p, 190);
	p.peer_port++;
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE), 1);
	p.peer_port--;
	peer_send_data(&p, 1, 1, 1000);
	expect(&p, F_ACK, 1, 1001, 0);
	assert_int_equal(peer_events(&p), TCP_EV_READABLE);
	user_read(&p, 1, 1000);
	user_send(&p, 1, 1000);
	expect(&p, F_ACK, 1, 1001, 1000);
	/* The client's next try finds the pool recovered. */
	pressure(&p, 1600);
	expect_none(&p);
	p.peer_port++;
	p.isn += 5000;
	peer_open_opt(&p, &o);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE), 1);
	peer_stop(&p);
}

static void data_beyond_the_minimal_share_is_dropped_and_taken_later(void **state)
{
	struct peer p;
	uint32_t seq = 1;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	open_scaled(&p);
	pressure(&p, 190);
	while (counter(&p, TCP_CTR_DROP_PRESSURE_DATA) == 0) {
		peer_send_data(&p, seq, 1, 1460);
		seq += 1460;
		assert_true(seq < 32768);
		expect_skip(&p);
	}
	seq -= 1460;
	assert_in_range(tcp_rx(p.c)->truesize, 16384, 16384 + 2304);
	assert_int_equal(tcp_rx(p.c)->len, seq - 1);
	/* With the last of it a FIN: not taken either, but answered. */
	peer_send_opt(&p, F_ACK | F_FIN, seq, 1, NULL, "x", 1);
	expect(&p, F_ACK, 1, seq, 0);
	assert_false(tcp_rx_eof(p.c));
	/* Room was made by reading: it goes on although the level stays. */
	user_read(&p, 1, seq - 1);
	expect_skip(&p);
	peer_send_data(&p, seq, 1, 1460);
	assert_int_equal(tcp_rx(p.c)->len, 1460);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE_DATA), 2);
	peer_stop(&p);
}

/* ---- level 4 ---- */

/* Whoever reads goes on, one segment at a time, beside those who hold everything. */
static void scarce_memory_goes_to_those_who_hold_none(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	pressure(&p, 90);
	for (uint32_t seq = 1; seq < 5000; seq += 1000) {
		peer_send_data(&p, seq, 1, 1000);
		expect(&p, F_ACK, 1, seq + 1000, 0);
		peer_send_data(&p, seq + 1000, 1, 1000);
		expect(&p, F_ACK, 1, seq + 1000, 0);
		user_read(&p, seq, 1000);
		expect_skip(&p);
	}
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE_DATA), 5);
	peer_stop(&p);
}

/* ---- level 5 ---- */

static void the_reserve_takes_no_data_but_acknowledges_and_sends(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 2000);
	expect_skip(&p);
	pressure(&p, 40);
	peer_send_data(&p, 1, 2001, 100);
	expect(&p, F_ACK, 2001, 1, 0);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PRESSURE_DATA), 1);
	/* The ACK in the dropped segment counted: the queue is empty, so a little may go. */
	assert_int_equal(tcp_tx_unacked(p.c), 0);
	assert_int_equal(tcp_tx_space(p.c), 4096);
	user_send(&p, 2001, 100);
	expect(&p, F_ACK, 2001, 1, 100);
	assert_int_equal(tcp_tx_space(p.c), 0);
	peer_send(&p, F_ACK, 1, 2101);
	assert_int_equal(peer_events(&p), TCP_EV_WRITABLE);
	pressure(&p, 1600);
	peer_send_data(&p, 1, 2101, 100);
	expect(&p, F_ACK, 2101, 101, 0);
	user_read(&p, 1, 100);
	peer_stop(&p);
}

/* ---- SYNs that were under way ---- */

/* What our SYN promised before the pressure is held when the answer comes. */
static void a_syn_keeps_its_promise_when_pressure_rises(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	pressure(&p, 390);
	uint32_t promised = p.out[0].wnd;
	uint32_t unit = 1u << p.out[0].opt.wscale;
	assert_int_equal(promised, 65535 & ~(unit - 1)); /* not scaled, but of whole units */
	peer_advance(&p, LG_MS(1100));
	assert_int_equal(expect(&p, F_SYN, 0, 0, 0)->wnd, promised);
	peer_send_opt(&p, F_SYN | F_ACK, 0, 1, &o, NULL, 0);
	expect(&p, F_ACK, 1, 1, 0);
	assert_true(rcv_wnd(p.c) >= promised);
	peer_stop(&p);
}

/* ---- the walk ---- */

static void many(struct tcp_stack_params *params)
{
	params->max_conns = 3000;
	params->max_half_open = 3000;
}

/* Bounded work per call, and yet nobody is forgotten. */
static void everybody_hears_of_a_fall_in_slices(void **state)
{
	static struct peer p;
	static struct tcp_conn *all[2000];
	unsigned heard = 0, calls = 0;
	(void)state;
	peer_start_at(&p, LG_SEC(5), many);
	peer_listen(&p);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(all); i++, p.peer_port++) {
		peer_open(&p);
		all[i] = p.c;
	}
	for (unsigned i = 0; i < 5; i++)
		pressure(&p, 700);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(all); i++)
		tcp_tx_space(all[i]);
	for (unsigned before = 0; heard < LG_ARRAY_SIZE(all); before = heard, calls++) {
		assert_true(calls < 5);
		pressure(&p, 1600);
		for (unsigned ev; (ev = peer_events(&p)) != 0; heard++)
			assert_int_equal(ev, TCP_EV_WRITABLE);
		assert_true(heard - before <= 1024);
	}
	assert_true(calls > 1);
	expect_none(&p);
	peer_stop(&p);
}

/* ---- all levels ---- */

static void gauges_follow_what_connections_hold(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_data(&p, 1, 1, 1000);
	peer_send_data(&p, 3001, 1, 1000);
	user_send(&p, 1, 500);
	tcp_stack_gauges(p.s, &g);
	assert_true(g.rx_truesize >= 1000 && g.rx_truesize == tcp_rx(p.c)->truesize);
	assert_true(g.ooo_truesize >= 1000 && g.ooo_truesize == p.c->ooo_truesize);
	assert_true(g.tx_truesize >= 500 && g.tx_truesize == p.c->tx.truesize);
	user_read(&p, 1, 1000);
	peer_send_data(&p, 1001, 501, 1000);
	peer_send_data(&p, 2001, 501, 1000);
	tcp_stack_gauges(p.s, &g);
	assert_true(g.rx_truesize >= 3000 && g.rx_truesize == tcp_rx(p.c)->truesize);
	assert_true(g.ooo_truesize == 0 && g.tx_truesize == 0);
	user_send(&p, 501, 500);
	peer_send(&p, F_RST, 4001, 501);
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.tx_truesize, 0);
	user_release(&p);
	tcp_stack_gauges(p.s, &g);
	assert_true(g.rx_truesize == 0 && g.connections == 0);
	expect_skip(&p);
	peer_stop(&p);
}

/* One out-of-order segment at seq. True when it was kept. */
static bool keeps_out_of_order(struct peer *p, uint32_t seq)
{
	peer_send_data(p, seq, 1, 1000);
	expect_skip(p);
	return ooo_held(p) > 0;
}

/* True when a SYN from a client of its own is answered; that client goes away again. */
static bool takes_a_syn(struct peer *p)
{
	uint64_t refused = counter(p, TCP_CTR_DROP_PRESSURE);
	uint16_t port = p->peer_port;
	uint32_t isn = p->stack_isn;
	p->peer_port = 61000;
	peer_send(p, F_SYN, 0, 0);
	bool taken = counter(p, TCP_CTR_DROP_PRESSURE) == refused;
	peer_send(p, F_RST, 1, 0);
	p->peer_port = port;
	p->stack_isn = isn;
	expect_skip(p);
	return taken;
}

/* Windows shrink first, then out-of-order data goes, then no SYN is taken; and back again. */
static void what_is_given_up_goes_in_order_and_comes_back(void **state)
{
	static const struct {
		uint32_t free_mbufs;
		bool large_window, out_of_order, syns;
	} steps[] = {
		{1600, true, true, true},
		{700, false, true, true},
		{300, false, false, true},
		{150, false, false, false},
		{0, false, false, false},
		{350, false, false, true},
		{700, false, true, true},
		{1600, true, true, true},
	};
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	uint32_t first = open_scaled(&p);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(steps); i++) {
		pressure(&p, steps[i].free_mbufs);
		expect_skip(&p);
		assert_int_equal(window_space(p.c) > first / 2, steps[i].large_window);
		assert_int_equal(keeps_out_of_order(&p, 5001), steps[i].out_of_order);
		assert_int_equal(takes_a_syn(&p), steps[i].syns);
		pressure_drop_ooo(p.c);
	}
	user_release(&p);
	peer_send(&p, F_RST, 1, 2);
	tcp_stack_gauges(p.s, &g);
	assert_true(g.connections == 0 && g.pressure == TCP_PRESSURE_NONE);
	expect_skip(&p);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_rise_at_once_and_fall_with_hysteresis),
		cmocka_unit_test(shrinking_takes_no_promise_back_and_a_fall_opens_the_window),
		cmocka_unit_test(the_window_is_a_part_of_a_quarter),
		cmocka_unit_test(send_space_is_cut_to_a_quarter_and_writable_follows_the_fall),
		cmocka_unit_test(the_smallest_window_is_two_segments),
		cmocka_unit_test(the_smallest_window_opens_for_jumbo_frames_and_large_scales),
		cmocka_unit_test(out_of_order_data_goes_and_its_sack_with_it),
		cmocka_unit_test(a_fin_behind_dropped_data_still_counts),
		cmocka_unit_test(
			who_has_much_queued_gets_no_space_until_it_is_taken_or_pressure_falls),
		cmocka_unit_test(syns_are_refused_and_established_connections_go_on),
		cmocka_unit_test(data_beyond_the_minimal_share_is_dropped_and_taken_later),
		cmocka_unit_test(scarce_memory_goes_to_those_who_hold_none),
		cmocka_unit_test(the_reserve_takes_no_data_but_acknowledges_and_sends),
		cmocka_unit_test(a_syn_keeps_its_promise_when_pressure_rises),
		cmocka_unit_test(everybody_hears_of_a_fall_in_slices),
		cmocka_unit_test(gauges_follow_what_connections_hold),
		cmocka_unit_test(what_is_given_up_goes_in_order_and_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
