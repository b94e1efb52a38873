/* SPDX-License-Identifier: BSD-3-Clause */
/* One octet too many or too few: the edges of windows, gaps, streams and options. */
#include "peer.h"

/* ---- the peer's options ---- */

/* RFC 7323 section 2.3 */
static void a_shift_above_fourteen_counts_as_fourteen(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	o.has_wscale = true;
	o.wscale = 15;
	peer_start(&p);
	peer_listen(&p);
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	p.wnd = 1;
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	p.c->cwnd = 65536;
	user_send(&p, 1, 20000);
	uint32_t sent = 0;
	for (unsigned i = 0; i < p.n_out; i++)
		sent += p.out[i].len;
	assert_true(sent <= 1u << 14);
	expect_skip(&p);
	peer_stop(&p);
}

/* ---- what we accept ---- */

/* RFC 9293 section 3.10.7.4, table 6: SEG.SEQ < RCV.NXT + RCV.WND */
static void data_that_begins_at_the_right_edge_is_not_acceptable(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 100);
	expect_skip(&p);
	uint32_t edge = p.c->rcv_adv - p.c->irs;
	peer_send_data(&p, edge, 101, 1);
	expect(&p, F_ACK, 101, 1, 0);
	assert_int_equal(tcp_tx_unacked(p.c), 100);
	/* The last octet inside is acceptable, and its ACK counts. */
	peer_send_data(&p, edge - 1, 101, 1);
	expect(&p, F_ACK, 101, 1, 0);
	assert_int_equal(tcp_tx_unacked(p.c), 0);
	peer_stop(&p);
}

/* RFC 9293 section 3.10.7.4: of a segment only what lies in the window is kept. */
static void what_lies_beyond_the_window_is_cut_off(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.c->rcv_adv = p.c->rcv_nxt + 100;
	p.c->rcv_buf = 8192; /* no room for more */
	peer_send_data(&p, 1, 1, 101);
	assert_int_equal(tcp_rx(p.c)->len, 100);
	assert_int_equal(expect(&p, F_ACK, 1, 101, 0)->wnd, 0);
	user_read(&p, 1, 100);
	expect_skip(&p);
	peer_stop(&p);
}

/* Out-of-order data counts against the same memory, also where every octet takes a buffer. */
static void out_of_order_data_stays_inside_the_receive_memory(void **state)
{
	struct peer p;
	struct tcp_opts o;
	(void)state;
	tcp_opts_default(&o);
	o.rcv_buf = TCP_MIN_BUF;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	peer_open(&p);
	for (uint32_t i = 0; i < 32; i++) {
		peer_send_data(&p, 11 + i * 20, 1, 1);
		assert_true(p.c->ooo_truesize <= p.c->rcv_buf);
	}
	assert_true(p.c->n_ooo > 0);
	assert_true(counter(&p, TCP_CTR_DROP_OOO_LIMIT) > 0);
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 5681 section 4.2: also when the segment alone would not be worth an ACK. */
static void a_gap_that_is_filled_in_part_is_acknowledged_at_once(void **state)
{
	struct peer p;
	uint32_t seq = 1;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (int i = 0; i < TCP_QUICKACKS; i++, seq += 10)
		peer_send_data(&p, seq, 1, 10);
	peer_send_data(&p, seq + 200, 1, 100);
	expect_skip(&p);
	peer_send_data(&p, seq, 1, 100);
	expect(&p, F_ACK, 1, seq + 100, 0);
	peer_send_data(&p, seq + 100, 1, 100);
	expect(&p, F_ACK, 1, seq + 300, 0);
	expect_none(&p);
	peer_stop(&p);
}

/* What arrived first stays: RFC 9293 section 3.10.7.4 step 8 has the FIN behind all data. */
static void a_fin_below_data_that_is_held_already_is_not_believed(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 201, 1, 100);
	peer_send(&p, F_FIN | F_ACK, 101, 1);
	peer_send_data(&p, 1, 1, 200);
	expect_skip(&p);
	assert_int_equal(peer_events(&p), TCP_EV_READABLE);
	user_read(&p, 1, 300);
	assert_false(tcp_rx_eof(p.c));
	/* At the end of what is held it is. */
	peer_send(&p, F_FIN | F_ACK, 301, 1);
	assert_true(tcp_rx_eof(p.c));
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 2883 section 4.2: the duplicate comes first, the block that it lies in behind it. */
static void a_duplicate_of_data_behind_a_gap_is_reported(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_data(&p, 101, 1, 100);
	expect_skip(&p);
	peer_send_data(&p, 101, 1, 50);
	struct out_seg *o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.n_sack, 2);
	assert_int_equal(o->opt.sack[0].start - p.isn, 101);
	assert_int_equal(o->opt.sack[0].end - p.isn, 151);
	assert_int_equal(o->opt.sack[1].start - p.isn, 101);
	assert_int_equal(o->opt.sack[1].end - p.isn, 201);
	peer_stop(&p);
}

/* ---- what we advertise ---- */

/* RFC 9293 section 3.8.6.2.2: by a segment, or by a quarter of the memory, or not at all. */
static void the_right_edge_moves_by_useful_steps_only(void **state)
{
	struct peer p;
	struct tcp_opts o;
	uint32_t seq = 1;
	(void)state;
	tcp_opts_default(&o);
	o.rcv_buf = 32768;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	peer_open(&p);
	for (uint32_t room; (room = p.c->rcv_adv - p.c->rcv_nxt) > 0; seq += LG_MIN(room, 1000u)) {
		peer_send_data(&p, seq, 1, LG_MIN(room, 1000u));
		peer_advance(&p, LG_MS(50));
		expect_skip(&p);
	}
	uint32_t edge = seq, updates = 0;
	for (uint32_t at = 1; at < seq; at += LG_MIN(seq - at, 100u)) {
		user_read(&p, at, LG_MIN(seq - at, 100u));
		for (; p.n_read < p.n_out; updates++) {
			struct out_seg *s = expect_next(&p);
			assert_true(s->ack + s->wnd - edge >= 1460);
			edge = s->ack + s->wnd;
		}
	}
	assert_true(updates > 0);
	expect_skip(&p);
	peer_stop(&p);
}

/* ---- what we send ---- */

/* RFC 9293 section 3.10.7.4 step 5: SND.WL1 keeps the windows of overtaken segments out. */
static void an_overtaken_segment_does_not_set_the_window(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 2000;
	peer_send_data(&p, 101, 1, 100);
	p.wnd = 60000;
	peer_send_data(&p, 1, 1, 100);
	expect_skip(&p);
	user_send(&p, 1, 5000);
	expect(&p, F_ACK, 1, 201, 1460);
	expect_none(&p);
	user_read(&p, 1, 200);
	peer_stop(&p);
}

/* RFC 9293 section 3.9.1.2, MUST-60 */
static void the_last_segment_of_what_is_queued_is_pushed(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 3000);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 1460)->flags, F_ACK);
	assert_int_equal(expect(&p, F_ACK, 1461, 1, 1460)->flags, F_ACK);
	assert_int_equal(expect(&p, F_ACK, 2921, 1, 80)->flags, F_ACK | F_PSH);
	peer_stop(&p);
}

/* RFC 9293 section 3.8.6: SND.UNA + SND.WND is the first octet that may not be sent. */
static void exactly_the_peers_window_is_sent(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 1000;
	peer_send(&p, F_ACK, 1, 1);
	p.c->max_snd_wnd = 1000; /* half of it is worth sending */
	user_send(&p, 1, 3000);
	expect(&p, F_ACK, 1, 1, 1000);
	expect_none(&p);
	peer_stop(&p);
}

/* RFC 9293 section 3.4: the FIN occupies a sequence number of the window. */
static void the_fin_waits_for_room_in_the_window(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 100;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 100);
	expect(&p, F_ACK, 1, 1, 100);
	user_shutdown(&p);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, 101);
	expect(&p, F_FIN | F_ACK, 101, 1, 0);
	expect_none(&p);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shift_above_fourteen_counts_as_fourteen),
		cmocka_unit_test(data_that_begins_at_the_right_edge_is_not_acceptable),
		cmocka_unit_test(what_lies_beyond_the_window_is_cut_off),
		cmocka_unit_test(out_of_order_data_stays_inside_the_receive_memory),
		cmocka_unit_test(a_gap_that_is_filled_in_part_is_acknowledged_at_once),
		cmocka_unit_test(a_fin_below_data_that_is_held_already_is_not_believed),
		cmocka_unit_test(a_duplicate_of_data_behind_a_gap_is_reported),
		cmocka_unit_test(the_right_edge_moves_by_useful_steps_only),
		cmocka_unit_test(an_overtaken_segment_does_not_set_the_window),
		cmocka_unit_test(the_last_segment_of_what_is_queued_is_pushed),
		cmocka_unit_test(exactly_the_peers_window_is_sent),
		cmocka_unit_test(the_fin_waits_for_room_in_the_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
