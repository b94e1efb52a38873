/* SPDX-License-Identifier: BSD-3-Clause */
/* Closing and resetting: RFC 9293 sections 3.6 and 3.10.7.4, RFC 5961, RFC 6191, RFC 2525. */
#include <errno.h>

#include "peer.h"

static void passive_close_goes_through_last_ack(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send(&p, F_ACK | F_FIN, 1, 1);
	expect(&p, F_ACK, 1, 2, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_CLOSE_WAIT);
	assert_int_equal(peer_events(&p), TCP_EV_EOF);
	/* Half-close: our direction goes on. */
	user_send(&p, 1, 100);
	expect(&p, F_ACK, 1, 2, 100);
	user_shutdown(&p);
	expect(&p, F_ACK | F_FIN, 101, 2, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_LAST_ACK);
	peer_send(&p, F_ACK, 2, 102);
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_FIN);
	user_release(&p);
	peer_stop(&p);
}

static void half_closed_side_still_receives_in_fin_wait_2(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_shutdown(&p);
	expect(&p, F_ACK | F_FIN, 1, 1, 0);
	peer_send(&p, F_ACK, 1, 2);
	assert_int_equal(tcp_conn_state(p.c), TCP_FIN_WAIT_2);
	peer_advance(&p, LG_SEC(60)); /* fin_timeout is for orphans */
	peer_send_data(&p, 1, 2, 500);
	expect(&p, F_ACK, 2, 501, 0);
	user_read(&p, 1, 500);
	assert_int_equal(tcp_tx_space(p.c), 0);
	peer_stop(&p);
}

static void simultaneous_close_passes_closing(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_shutdown(&p);
	expect(&p, F_ACK | F_FIN, 1, 1, 0);
	peer_send(&p, F_ACK | F_FIN, 1, 1);
	expect(&p, F_ACK, 2, 2, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_CLOSING);
	peer_send(&p, F_ACK, 2, 2);
	assert_int_equal(tcp_conn_state(p.c), TCP_TIME_WAIT);
	assert_int_equal(peer_events(&p), TCP_EV_EOF | TCP_EV_CLOSED);
	user_release(&p);
	expect_none(&p);
	peer_stop(&p);
}

static void fin_and_its_ack_in_one_segment_go_straight_to_time_wait(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_shutdown(&p);
	expect(&p, F_ACK | F_FIN, 1, 1, 0);
	peer_send(&p, F_ACK | F_FIN, 1, 2);
	expect(&p, F_ACK, 2, 2, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_TIME_WAIT);
	peer_stop(&p);
}

static void fin_with_data_delivers_both(void **state)
{
	struct peer p;
	uint8_t b[10];
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (uint32_t i = 0; i < sizeof(b); i++)
		b[i] = peer_byte(1 + i);
	peer_send_opt(&p, F_ACK | F_FIN, 1, 1, NULL, b, sizeof(b));
	expect(&p, F_ACK, 1, 12, 0);
	assert_int_equal(peer_events(&p), TCP_EV_READABLE | TCP_EV_EOF);
	user_read(&p, 1, 10);
	assert_true(tcp_rx_eof(p.c));
	peer_stop(&p);
}

static void data_behind_the_fin_is_ignored(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send(&p, F_ACK | F_FIN, 1, 1);
	expect(&p, F_ACK, 1, 2, 0);
	peer_send_data(&p, 2, 1, 100);
	expect(&p, F_ACK, 1, 2, 0);
	assert_int_equal(tcp_rx(p.c)->len, 0);
	assert_int_equal(counter(&p, TCP_CTR_DROP_OUT_OF_WINDOW), 1);
	/* The same when the FIN is known but not reached yet. */
	assert_int_equal(peer_events(&p), TCP_EV_EOF);
	p.peer_port++;
	peer_open(&p);
	peer_send(&p, F_ACK | F_FIN, 101, 1);
	expect(&p, F_ACK, 1, 1, 0);
	peer_send_data(&p, 1, 1, 200);
	expect(&p, F_ACK, 1, 102, 0);
	assert_int_equal(tcp_rx(p.c)->len, 100);
	assert_int_equal(tcp_conn_state(p.c), TCP_CLOSE_WAIT);
	peer_stop(&p);
}

static void fin_is_retransmitted_at_its_place(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 30);
	user_shutdown(&p);
	expect(&p, F_ACK, 1, 1, 30);
	expect(&p, F_ACK | F_FIN, 31, 1, 0);
	peer_send(&p, F_ACK, 1, 31);
	peer_advance(&p, LG_MS(300));
	expect(&p, F_ACK | F_FIN, 31, 1, 0);
	peer_advance(&p, 2 * p.c->rto);
	expect(&p, F_ACK | F_FIN, 31, 1, 0);
	expect_none(&p);
	peer_stop(&p);
}

/* Brings p to TIME-WAIT with the user gone. */
static void to_time_wait(struct peer *p)
{
	user_shutdown(p);
	expect(p, F_ACK | F_FIN, 1, 1, 0);
	peer_send(p, F_ACK | F_FIN, 1, 2);
	expect(p, F_ACK, 2, 2, 0);
	peer_events(p);
	user_release(p);
}

static void time_wait_answers_the_fin_again_and_starts_over(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	to_time_wait(&p);
	peer_advance(&p, LG_SEC(50));
	peer_send(&p, F_ACK | F_FIN, 1, 2);
	expect(&p, F_ACK, 2, 2, 0);
	peer_advance(&p, LG_SEC(50));
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.time_wait, 1);
	peer_advance(&p, LG_SEC(11));
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.connections, 0);
	expect_none(&p);
	peer_stop(&p);
}

/* RFC 1122 4.2.2.13, RFC 6191 */
static void time_wait_yields_to_a_newer_syn_only(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	to_time_wait(&p);
	uint32_t old_isn = p.stack_isn;
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_ACK, 2, 2, 0);
	p.isn += 1000;
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	assert_true(seq_gt(p.stack_isn, old_isn + 1));
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	peer_stop(&p);
}

/* RFC 6191 section 2, case by case; numbers relative to the last segment of the old incarnation. */
static void a_new_incarnation_is_judged_by_timestamp_then_by_number(void **state)
{
	enum { NO_TS = 99 };
	static const struct {
		bool old_ts;
		int ts, seq; /* of the new SYN */
		bool taken;
	} rows[] = {
		{true, 1, 1, true},
		{true, 1, -1000, true},
		{true, 0, 1, true},
		{true, 0, 0, false},
		{true, 0, -1000, false},
		{true, -1, 1, false},
		{true, NO_TS, 1, true},
		{true, NO_TS, 0, false},
		{true, NO_TS, -1000, false},
		{false, -1, -1000, true},
		{false, 1, 0, true},
		{false, NO_TS, 1, true},
		{false, NO_TS, 0, false},
	};
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++) {
		struct tcp_options o = peer_syn_options();
		struct peer p;
		peer_start(&p);
		peer_listen(&p);
		p.ts = rows[i].old_ts;
		p.tsval = 5000;
		peer_open_opt(&p, &o);
		to_time_wait(&p);
		uint32_t last = p.stack_isn + 2;
		p.ts = rows[i].ts != NO_TS;
		p.tsval = (uint32_t)(5000 + rows[i].ts);
		p.isn += (uint32_t)(2 + rows[i].seq); /* RCV.NXT is 2 */
		peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
		struct out_seg *s = expect_next(&p);
		assert_int_equal(s->flags, rows[i].taken ? F_SYN | F_ACK : F_ACK);
		if (rows[i].taken) {
			assert_true(seq_gt(p.stack_isn, last));
			assert_int_equal(s->opt.has_ts, p.ts);
			peer_send(&p, F_ACK, 1, 1);
			assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
		}
		peer_stop(&p);
	}
}

/* 3.10.7.4: only a SYN begins anew, and nobody but the other side's client does. */
static void time_wait_yields_to_nothing_else(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	to_time_wait(&p);
	peer_send(&p, F_SYN | F_ACK, 5000, 2);
	expect(&p, F_ACK, 2, 2, 0);
	peer_send(&p, F_RST, 10000000, 0);
	peer_send(&p, F_SYN | F_RST, 5000, 0);
	peer_send(&p, F_SYN | F_FIN, 5000, 0);
	expect_none(&p);
	struct tcp_gauges g;
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.time_wait, 1);
	peer_stop(&p);
	/* What we opened ourselves is not reopened from the other end. */
	peer_start(&p);
	peer_connect_established(&p);
	to_time_wait(&p);
	peer_send(&p, F_SYN, 5000, 0);
	expect(&p, F_ACK, 2, 2, 0);
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.time_wait, 1);
	peer_stop(&p);
}

static void time_wait_is_bounded_and_the_oldest_goes(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	for (int i = 0; i < 6; i++) {
		p.peer_port++;
		peer_open(&p);
		to_time_wait(&p);
	}
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.time_wait, 4);
	assert_int_equal(g.connections, 4);
	assert_int_equal(counter(&p, TCP_CTR_TIME_WAIT_RECYCLED), 2);
	peer_stop(&p);
}

static void a_port_stays_taken_until_time_wait_ends(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_connect_established(&p);
	to_time_wait(&p);
	assert_int_equal(flow_ports_in_use(p.ports), 1);
	peer_advance(&p, LG_SEC(61));
	assert_int_equal(flow_ports_in_use(p.ports), 0);
	peer_stop(&p);
}

/* ---- release ---- */

/* RFC 9293 3.6.1 */
static void data_after_release_is_reset(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_release(&p);
	expect(&p, F_ACK | F_FIN, 1, 1, 0);
	peer_send_data(&p, 1, 2, 10);
	expect(&p, F_ACK | F_RST, 2, 1, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_AFTER_CLOSE), 1);
	peer_stop(&p);
}

/* RFC 2525 section 2.17 */
static void release_with_unread_data_resets(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_ACK, 1, 11, 0);
	user_release(&p);
	expect(&p, F_ACK | F_RST, 1, 11, 0);
	expect_none(&p);
	peer_stop(&p);
}

static void queued_data_is_sent_after_release(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 20000);
	user_release(&p);
	for (uint32_t seq = 1; seq < 14601; seq += 1460)
		expect(&p, F_ACK, seq, 1, 1460);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, 14601);
	expect(&p, F_ACK, 14601, 1, 1460);
	expect(&p, F_ACK, 16061, 1, 1460);
	expect(&p, F_ACK, 17521, 1, 1460);
	expect(&p, F_ACK | F_FIN, 18981, 1, 1020);
	peer_send(&p, F_ACK | F_FIN, 1, 20002);
	expect(&p, F_ACK, 20002, 2, 0);
	peer_stop(&p);
}

static void an_orphan_in_fin_wait_2_ends_after_fin_timeout(void **state)
{
	struct peer p;
	struct tcp_gauges g;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_release(&p);
	expect(&p, F_ACK | F_FIN, 1, 1, 0);
	peer_send(&p, F_ACK, 1, 2);
	peer_advance(&p, LG_SEC(31));
	tcp_stack_gauges(p.s, &g);
	assert_int_equal(g.connections, 0);
	assert_int_equal(reason(&p, TCP_REASON_FIN_WAIT_TIMEOUT), 1);
	peer_stop(&p);
}

static void abort_sends_rst_and_reports_nothing(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 100);
	expect(&p, F_ACK, 1, 1, 100);
	tcp_abort(p.c, p.now);
	expect(&p, F_RST | F_ACK, 101, 1, 0);
	assert_int_equal(peer_events(&p), 0);
	user_release(&p);
	assert_int_equal(reason(&p, TCP_REASON_ABORTED), 1);
	peer_stop(&p);
}

static void send_after_shutdown_is_refused(void **state)
{
	struct peer p;
	struct lg_chain ch;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_shutdown(&p);
	lg_chain_init(&ch);
	assert_int_equal(lg_chain_write(&ch, p.pool, "x", 1), 0);
	assert_int_equal(tcp_send(p.c, &ch), -EPIPE);
	assert_true(lg_chain_empty(&ch));
	peer_stop(&p);
}

/* ---- RST and SYN on synchronized connections: RFC 5961 ---- */

static void exact_rst_closes(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send(&p, F_RST, 1, 0);
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_RESET);
	user_release(&p);
	peer_stop(&p);
}

static void rst_in_window_but_not_exact_gets_challenge_ack(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send(&p, F_RST, 2, 0);
	expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(counter(&p, TCP_CTR_CHALLENGE_ACKS), 1);
	peer_send(&p, F_RST, 0, 0);
	peer_send(&p, F_RST, 5000000, 0);
	expect_none(&p);
	assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
	peer_stop(&p);
}

static void syn_on_an_open_connection_gets_challenge_ack(void **state)
{
	static const uint32_t seqs[] = {0, 1, 100, 10000000};
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (unsigned i = 0; i < 4; i++) {
		peer_send(&p, F_SYN, seqs[i], 0);
		expect(&p, F_ACK, 1, 1, 0);
	}
	peer_send(&p, F_SYN | F_ACK, 1, 1);
	expect(&p, F_ACK, 1, 1, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_CHALLENGE_ACKS), 5);
	peer_stop(&p);
}

static void challenge_acks_are_limited_per_connection(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (int i = 0; i < 50; i++)
		peer_send(&p, F_RST, 2, 0);
	assert_int_equal(p.n_out, TCP_CHALLENGES_PER_5S);
	assert_int_equal(counter(&p, TCP_CTR_CHALLENGE_ACKS_LIMITED), 50 - TCP_CHALLENGES_PER_5S);
	expect_skip(&p);
	peer_advance(&p, LG_SEC(5));
	peer_send(&p, F_RST, 2, 0);
	expect(&p, F_ACK, 1, 1, 0);
	peer_stop(&p);
}

static void ack_of_the_future_or_the_far_past_is_challenged_and_ignored(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 1, 2, 10);
	expect(&p, F_ACK, 1, 1, 0);
	peer_send_data(&p, 1, 1u - 70000u, 10);
	expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(counter(&p, TCP_CTR_DROP_BAD_ACK), 2);
	assert_int_equal(tcp_rx(p.c)->len, 0);
	/* An old ACK inside the window is no reason to drop the data. */
	peer_send_data(&p, 1, 0, 10);
	expect(&p, F_ACK, 1, 11, 0);
	assert_int_equal(tcp_rx(p.c)->len, 10);
	peer_stop(&p);
}

static void segment_outside_the_window_is_answered_by_an_ack(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 1000000, 1, 10);
	expect(&p, F_ACK, 1, 1, 0);
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_ACK, 1, 11, 0);
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_ACK, 1, 11, 0);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_OUT_OF_WINDOW), 2);
	user_read(&p, 1, 10);
	peer_stop(&p);
}

static void abort_all_resets_everything_and_tells(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	tcp_abort_all(p.s, p.now);
	expect(&p, F_RST | F_ACK, 1, 1, 0);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	user_release(&p);
	peer_stop(&p);
}

/* MUST-66: a reader that has stopped must not keep the connection from ending. */
static void rst_counts_when_our_window_is_closed(void **state)
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
	while (rcv_wnd(p.c) > 0) {
		peer_send_data(&p, seq, 1, LG_MIN(rcv_wnd(p.c), 1000u));
		seq = p.c->rcv_nxt - p.c->irs;
		expect_skip(&p);
	}
	peer_send(&p, F_RST, seq + 1, 0); /* not exact, and not in the window */
	expect_none(&p);
	assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
	peer_send(&p, F_RST, seq, 0);
	expect_none(&p);
	assert_true(peer_events(&p) & TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_RESET);
	user_release(&p);
	peer_stop(&p);
}

/* SHLD-2: some stacks say why in the RST's text; it is no data. */
static void rst_may_carry_data(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_opt(&p, F_RST | F_ACK, 1, 1, NULL, "No TCP/No listener", 18);
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_RESET);
	assert_int_equal(tcp_rx(p.c)->len, 0);
	user_release(&p);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passive_close_goes_through_last_ack),
		cmocka_unit_test(half_closed_side_still_receives_in_fin_wait_2),
		cmocka_unit_test(simultaneous_close_passes_closing),
		cmocka_unit_test(fin_and_its_ack_in_one_segment_go_straight_to_time_wait),
		cmocka_unit_test(fin_with_data_delivers_both),
		cmocka_unit_test(data_behind_the_fin_is_ignored),
		cmocka_unit_test(fin_is_retransmitted_at_its_place),
		cmocka_unit_test(time_wait_answers_the_fin_again_and_starts_over),
		cmocka_unit_test(time_wait_yields_to_a_newer_syn_only),
		cmocka_unit_test(a_new_incarnation_is_judged_by_timestamp_then_by_number),
		cmocka_unit_test(time_wait_yields_to_nothing_else),
		cmocka_unit_test(time_wait_is_bounded_and_the_oldest_goes),
		cmocka_unit_test(a_port_stays_taken_until_time_wait_ends),
		cmocka_unit_test(data_after_release_is_reset),
		cmocka_unit_test(release_with_unread_data_resets),
		cmocka_unit_test(queued_data_is_sent_after_release),
		cmocka_unit_test(an_orphan_in_fin_wait_2_ends_after_fin_timeout),
		cmocka_unit_test(abort_sends_rst_and_reports_nothing),
		cmocka_unit_test(send_after_shutdown_is_refused),
		cmocka_unit_test(exact_rst_closes),
		cmocka_unit_test(rst_in_window_but_not_exact_gets_challenge_ack),
		cmocka_unit_test(syn_on_an_open_connection_gets_challenge_ack),
		cmocka_unit_test(challenge_acks_are_limited_per_connection),
		cmocka_unit_test(ack_of_the_future_or_the_far_past_is_challenged_and_ignored),
		cmocka_unit_test(segment_outside_the_window_is_answered_by_an_ack),
		cmocka_unit_test(abort_all_resets_everything_and_tells),
		cmocka_unit_test(rst_counts_when_our_window_is_closed),
		cmocka_unit_test(rst_may_carry_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
