/* SPDX-License-Identifier: BSD-3-Clause */
/* Receiving and flow control: RFC 9293 section 3.8.6, RFC 7323, RFC 2018, RFC 5681 section 4.2. */
#include "peer.h"

/* Uses up the quick ACKs with which every connection begins. */
static uint32_t past_quickacks(struct peer *p)
{
	uint32_t seq = 1;
	for (int i = 0; i < TCP_QUICKACKS; i++, seq += 10) {
		peer_send_data(p, seq, 1, 10);
		expect(p, F_ACK, 1, seq + 10, 0);
	}
	user_read(p, 1, 10 * TCP_QUICKACKS);
	expect_skip(p);
	return seq;
}

static void ack_waits_40_ms_for_a_second_segment(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	uint32_t seq = past_quickacks(&p);
	peer_send_data(&p, seq, 1, 100);
	peer_advance(&p, LG_MS(39));
	expect_none(&p);
	peer_advance(&p, LG_MS(2));
	expect(&p, F_ACK, 1, seq + 100, 0);
	expect_none(&p);
	peer_stop(&p);
}

/* MUST-58 */
static void every_second_full_segment_is_acknowledged_at_once(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	uint32_t seq = past_quickacks(&p);
	for (int i = 0; i < 3; i++) {
		peer_send_data(&p, seq, 1, 1460);
		expect_none(&p);
		peer_send_data(&p, seq + 1460, 1, 1460);
		expect(&p, F_ACK, 1, seq + 2920, 0);
		seq += 2920;
	}
	peer_stop(&p);
}

static void data_carries_the_ack(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	uint32_t seq = past_quickacks(&p);
	peer_send_data(&p, seq, 1, 100);
	user_send(&p, 1, 10);
	expect(&p, F_ACK, 1, seq + 100, 10);
	peer_send(&p, F_ACK, seq + 100, 11);
	peer_advance(&p, LG_MS(100));
	expect_none(&p);
	peer_stop(&p);
}

static void a_burst_is_acknowledged_once(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (uint32_t seq = 1; seq < 1000; seq += 100) {
		uint8_t b[100];
		for (uint32_t i = 0; i < 100; i++)
			b[i] = peer_byte(seq + i);
		peer_input(&p, peer_build(&p, F_ACK, seq, 1, NULL, b, 100));
	}
	peer_flush(&p);
	expect(&p, F_ACK, 1, 1001, 0);
	expect_none(&p);
	user_read(&p, 1, 1000);
	peer_stop(&p);
}

/* ---- reassembly ---- */

static void out_of_order_data_is_kept_and_each_segment_acknowledged(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_data(&p, 101, 1, 100);
	struct out_seg *o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.n_sack, 1);
	assert_int_equal(o->opt.sack[0].start - p.isn, 101);
	assert_int_equal(o->opt.sack[0].end - p.isn, 201);
	peer_send_data(&p, 301, 1, 100);
	/* RFC 2018 section 4: most recent first. */
	o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.n_sack, 2);
	assert_int_equal(o->opt.sack[0].start - p.isn, 301);
	assert_int_equal(o->opt.sack[1].start - p.isn, 101);
	peer_send_data(&p, 201, 1, 100);
	o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.n_sack, 1);
	assert_int_equal(o->opt.sack[0].start - p.isn, 101);
	assert_int_equal(o->opt.sack[0].end - p.isn, 401);
	assert_int_equal(peer_events(&p), 0);
	peer_send_data(&p, 1, 1, 100);
	o = expect(&p, F_ACK, 1, 401, 0);
	assert_int_equal(o->opt.n_sack, 0);
	user_read(&p, 1, 400);
	assert_int_equal(counter(&p, TCP_CTR_OOO_SEGS_IN), 3);
	peer_stop(&p);
}

static void without_sack_permitted_no_sack_is_sent(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 101, 1, 100);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 0)->opt.n_sack, 0);
	peer_stop(&p);
}

/* Sends bytes that are wrong at [seq, seq + len). */
static void send_wrong(struct peer *p, uint32_t seq, uint32_t len)
{
	uint8_t b[1500];
	for (uint32_t i = 0; i < len; i++)
		b[i] = (uint8_t)~peer_byte(seq + i);
	peer_send_opt(p, F_ACK, seq, 1, NULL, b, len);
}

static void overlaps_are_trimmed_and_the_first_copy_wins(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_data(&p, 101, 1, 100);
	peer_send_data(&p, 301, 1, 100);
	send_wrong(&p, 101, 100);
	send_wrong(&p, 120, 30);
	send_wrong(&p, 350, 50);
	/* Over both and all gaps: only what is missing is taken. */
	peer_send_data(&p, 51, 1, 450);
	peer_send_data(&p, 1, 1, 70);
	expect_skip(&p);
	user_read(&p, 1, 500);
	assert_int_equal(tcp_rx(p.c)->len, 0);
	/* Already delivered bytes are not taken again. */
	send_wrong(&p, 401, 100);
	peer_send_data(&p, 451, 1, 100);
	user_read(&p, 501, 50);
	peer_stop(&p);
}

/* RFC 2883 */
static void a_duplicate_is_reported_by_d_sack(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	peer_send_data(&p, 1, 1, 100);
	expect_skip(&p);
	peer_send_data(&p, 1, 1, 100);
	struct out_seg *o = expect(&p, F_ACK, 1, 101, 0);
	assert_int_equal(o->opt.n_sack, 1);
	assert_int_equal(o->opt.sack[0].start - p.isn, 1);
	assert_int_equal(o->opt.sack[0].end - p.isn, 101);
	peer_stop(&p);
}

static void out_of_order_ranges_are_bounded(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	for (uint32_t i = 0; i < 200; i++)
		peer_send_data(&p, 11 + i * 20, 1, 10);
	struct tcp_gauges g;
	tcp_stack_gauges(p.s, &g);
	assert_true(p.c->n_ooo <= TCP_MAX_OOO_RANGES);
	assert_true(g.ooo_truesize <= p.c->rcv_buf);
	assert_int_equal(counter(&p, TCP_CTR_DROP_OOO_LIMIT), 200 - TCP_MAX_OOO_RANGES);
	expect_skip(&p);
	peer_stop(&p);
}

static void one_byte_segments_do_not_pin_a_buffer_each(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (uint32_t seq = 1; seq <= 3000; seq++) {
		peer_send_data(&p, seq, 1, 1);
		expect_skip(&p);
	}
	assert_int_equal(tcp_rx(p.c)->len, 3000);
	assert_true(tcp_rx(p.c)->truesize <= 3 * 2304 + 1000);
	user_read(&p, 1, 3000);
	peer_stop(&p);
}

static void medium_segments_are_packed(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	for (uint32_t i = 0; i < 40; i++) {
		peer_send_data(&p, 1 + 600 * i, 1, 600);
		expect_skip(&p);
	}
	assert_true(tcp_rx(p.c)->truesize <= 40 * 600 * 4 / 3);
	user_read(&p, 1, 24000);
	peer_stop(&p);
}

/* ---- our window ---- */

static void window_closes_when_nobody_reads_and_reopens_by_a_useful_step(void **state)
{
	struct peer p;
	struct tcp_opts o;
	uint32_t seq = 1, edge = 0;
	(void)state;
	tcp_opts_default(&o);
	o.rcv_buf = 32768;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	peer_open(&p);
	for (;;) {
		peer_send_data(&p, seq, 1, 1000);
		if (p.n_out == 0)
			peer_advance(&p, LG_MS(50));
		struct out_seg *s = &p.out[p.n_out - 1];
		assert_true(seq_geq(s->ack + s->wnd, edge)); /* never shrinks */
		edge = s->ack + s->wnd;
		if (s->ack == seq)
			break;
		seq = s->ack;
		expect_skip(&p);
	}
	assert_true(tcp_rx(p.c)->truesize <= o.rcv_buf);
	assert_int_equal(seq, edge);
	/* A few bytes are not worth an update (SWS), a segment is. */
	expect_skip(&p);
	user_read(&p, 1, 100);
	expect_none(&p);
	user_read(&p, 101, seq - 101);
	struct out_seg *s = expect(&p, F_ACK, 1, seq, 0);
	assert_true(s->wnd >= 1460);
	expect_none(&p);
	peer_stop(&p);
}

static void a_probe_into_our_closed_window_is_answered(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.c->rcv_adv = p.c->rcv_nxt;
	p.c->rcv_buf = 0;
	peer_send_data(&p, 1, 1, 1);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 0)->wnd, 0);
	/* Its ACK field counts all the same. */
	user_send(&p, 1, 100);
	expect_skip(&p);
	peer_send_data(&p, 1, 101, 1);
	expect(&p, F_ACK, 101, 1, 0);
	assert_int_equal(tcp_tx_unacked(p.c), 0);
	peer_stop(&p);
}

/* ---- the peer's window ---- */

static void zero_window_is_probed_with_backoff(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	expect_none(&p);
	lg_us wait = p.c->rto;
	for (int i = 0; i < 4; i++, wait *= 2) {
		peer_advance(&p, wait - LG_MS(5));
		expect_none(&p);
		peer_advance(&p, LG_MS(10));
		expect(&p, F_ACK, 1, 1, 1);
		peer_send(&p, F_ACK, 1, 1);
		expect_none(&p);
		p.now -= LG_MS(5);
	}
	assert_int_equal(counter(&p, TCP_CTR_ZERO_WINDOW_PROBES), 4);
	/* The window opens: everything goes, the probe's byte first if it wasn't taken. */
	p.wnd = 65535;
	peer_send(&p, F_ACK, 1, 2);
	expect(&p, F_ACK, 2, 1, 1460);
	expect(&p, F_ACK, 1462, 1, 1460);
	expect(&p, F_ACK, 2922, 1, 79);
	expect_none(&p);
	peer_stop(&p);
}

/* A slow reader's stall must not end with a wait for a timer that doubled meanwhile. */
static void an_opened_window_gets_the_probes_byte_at_once(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	peer_advance(&p, LG_SEC(20));
	expect_skip(&p);
	p.wnd = 65535;
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 1, 1, 1);
	expect(&p, F_ACK, 2, 1, 1460);
	peer_stop(&p);
}

/* The probe's byte is beyond the window; an ACK behind it would not be acceptable to the peer. */
static void acks_stay_inside_the_peers_window_while_a_probe_is_out(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	peer_advance(&p, p.c->rto + LG_MS(5));
	expect(&p, F_ACK, 1, 1, 1);
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_ACK, 1, 11, 0);
	peer_stop(&p);
}

/* MUST-37: as long as the probes are answered it is the user's patience that counts. */
static void zero_window_lasts_as_long_as_probes_are_answered(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	for (int i = 0; i < 300; i++) {
		peer_advance(&p, LG_SEC(1));
		if (p.n_out > 0)
			peer_send(&p, F_ACK, 1, 1);
		expect_skip(&p);
	}
	assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
	peer_stop(&p);
}

static void zero_window_without_answers_ends_the_connection(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	peer_advance(&p, LG_SEC(130));
	expect_skip(&p);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_ZERO_WINDOW_TIMEOUT);
	user_release(&p);
	peer_stop(&p);
}

/* Nobody is left who could run out of patience. */
static void zero_window_of_an_orphan_ends_although_probes_are_answered(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	user_release(&p);
	for (int i = 0; i < 40; i++) {
		peer_advance(&p, LG_SEC(1));
		if (p.n_out > 0 && reason(&p, TCP_REASON_ZERO_WINDOW_TIMEOUT) == 0)
			peer_send(&p, F_ACK, 1, 1);
		expect_skip(&p);
	}
	assert_int_equal(reason(&p, TCP_REASON_ZERO_WINDOW_TIMEOUT), 1);
	peer_stop(&p);
}

/* Section 3.8.6.2.1 */
static void small_windows_are_not_filled_with_silly_segments(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 500;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 3000);
	expect_none(&p);
	/* ... but not for ever: the override timer. */
	peer_advance(&p, LG_MS(400));
	expect(&p, F_ACK, 1, 1, 500);
	expect_none(&p);
	peer_stop(&p);
}

static void send_stays_inside_the_window(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.wnd = 3000;
	peer_send(&p, F_ACK, 1, 1);
	user_send(&p, 1, 5000);
	expect(&p, F_ACK, 1, 1, 1460);
	expect(&p, F_ACK, 1461, 1, 1460);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, 2921);
	expect(&p, F_ACK, 2921, 1, 1460);
	expect(&p, F_ACK, 4381, 1, 620);
	peer_stop(&p);
}

/* A retransmission has an old number but may bring the newest ACK: its window goes with it. */
static void an_advancing_ack_brings_its_window_whatever_its_number(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 3000);
	peer_send_data(&p, 101, 1, 100);
	expect_skip(&p);
	p.wnd = 500;
	peer_send_data(&p, 1, 3001, 100);
	expect(&p, F_ACK, 3001, 201, 0);
	user_send(&p, 3001, 5000);
	expect_none(&p);
	peer_stop(&p);
}

static void scaled_windows_count(void **state)
{
	struct peer p;
	struct tcp_options o = peer_syn_options();
	(void)state;
	o.has_wscale = true;
	o.wscale = 10;
	peer_start(&p);
	peer_listen(&p);
	p.wnd = 2;
	peer_send_opt(&p, F_SYN, 0, 0, &o, NULL, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_send(&p, F_ACK, 1, 1);
	peer_events(&p);
	user_send(&p, 1, 2048);
	expect(&p, F_ACK, 1, 1, 1460);
	expect(&p, F_ACK, 1461, 1, 588);
	expect_none(&p);
	peer_stop(&p);
}

static void writable_follows_when_half_of_the_buffer_is_free(void **state)
{
	struct peer p;
	struct tcp_opts o;
	(void)state;
	tcp_opts_default(&o);
	o.snd_buf = 16384;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	peer_open(&p);
	assert_int_equal(tcp_tx_space(p.c), 8192);
	user_send(&p, 1, 10000);
	expect_skip(&p);
	assert_true(tcp_tx_space(p.c) < 4000);
	peer_send(&p, F_ACK, 1, 1461);
	assert_int_equal(peer_events(&p), 0);
	peer_send(&p, F_ACK, 1, 10001);
	assert_int_equal(peer_events(&p), TCP_EV_WRITABLE);
	assert_int_equal(tcp_tx_space(p.c), 8192);
	peer_stop(&p);
}

/* ---- timestamps ---- */

static void open_with_timestamps(struct peer *p)
{
	struct tcp_options o = peer_syn_options();
	p->ts = true;
	p->tsval = 1000;
	o.sack_permitted = true;
	peer_open_opt(p, &o);
}

/* RFC 7323 section 5.3 */
static void paws_drops_old_timestamps_and_acknowledges(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	open_with_timestamps(&p);
	p.tsval = 999;
	peer_send_data(&p, 1, 1, 10);
	struct out_seg *o = expect(&p, F_ACK, 1, 1, 0);
	assert_int_equal(o->opt.tsecr, 1000);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PAWS), 1);
	p.tsval = 1001;
	peer_send_data(&p, 1, 1, 10);
	o = expect(&p, F_ACK, 1, 11, 0);
	assert_int_equal(o->opt.tsecr, 1001);
	assert_int_equal(tcp_conn_mss(p.c), 1448);
	/* Section 3.2: the option is not optional any more. */
	p.ts = false;
	peer_send_data(&p, 11, 1, 10);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_PAWS), 2);
	peer_stop(&p);
}

static void paws_lets_go_after_24_days_of_silence(void **state)
{
	struct peer p;
	struct tcp_opts o;
	(void)state;
	tcp_opts_default(&o);
	o.keepalive_idle = 0;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	open_with_timestamps(&p);
	p.now += (lg_us)25 * 86400 * 1000000;
	p.tsval = 1000 + 0x90000000u;
	peer_send_data(&p, 1, 1, 10);
	expect(&p, F_ACK, 1, 11, 0);
	peer_stop(&p);
}

/* RFC 7323 section 4.3: only a segment at the left edge moves TS.Recent. */
static void timestamp_of_a_segment_behind_a_gap_is_not_echoed(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	open_with_timestamps(&p);
	p.tsval = 1005;
	peer_send_data(&p, 101, 1, 10);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 0)->opt.tsecr, 1000);
	peer_stop(&p);
}

/* ---- sequence numbers ---- */

static void both_sequence_spaces_wrap(void **state)
{
	struct peer p;
	struct flow_key key = {0};
	uint32_t offset;
	(void)state;
	/* Choose the time so that our ISN is just below 2^32 (RFC 6528: it counts 4 us). */
	peer_start(&p);
	key.remote = p.peer_ip;
	key.local = p.stack_ip;
	key.rport = p.peer_port;
	key.lport = p.stack_port;
	key.side = p.side;
	uint32_t isn = tcp_isn(p.s, &key, p.now, &offset);
	p.now += (lg_us)(UINT32_MAX - 2000 - isn) * 4;
	p.isn = UINT32_MAX - 3000;
	peer_listen(&p);
	peer_open_sack(&p);
	assert_true(p.stack_isn > UINT32_MAX - 3000);
	user_send(&p, 1, 5000);
	for (uint32_t seq = 1; seq < 4381; seq += 1460)
		expect(&p, F_ACK, seq, 1, 1460);
	expect(&p, F_ACK, 4381, 1, 620);
	peer_sack(&p, 1461, 5001);
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 1, 1, 1460);
	peer_send(&p, F_ACK, 1, 5001);
	peer_send_data(&p, 1401, 1, 1400);
	peer_send_data(&p, 2801, 1, 1400);
	peer_send_data(&p, 1, 5001, 1400);
	expect_skip(&p);
	user_read(&p, 1, 4200);
	assert_int_equal(tcp_tx_unacked(p.c), 0);
	peer_stop(&p);
}

static void header_and_options_may_lie_across_mbufs(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	open_with_timestamps(&p);
	uint8_t b[30];
	for (uint32_t i = 0; i < sizeof(b); i++)
		b[i] = peer_byte(1 + i);
	struct rte_mbuf *m = peer_build(&p, F_ACK, 1, 1, NULL, b, sizeof(b));
	struct rte_mbuf *head = NULL, *last = NULL;
	for (uint32_t i = 0; i < m->pkt_len; i += 3) {
		struct rte_mbuf *x = rte_pktmbuf_alloc(p.pool);
		uint16_t n = (uint16_t)LG_MIN(3u, m->pkt_len - i);
		memcpy(rte_pktmbuf_append(x, n), rte_pktmbuf_mtod_offset(m, char *, i), n);
		if (head == NULL) {
			head = x;
		} else {
			last->next = x;
			head->nb_segs++;
			head->pkt_len += n;
		}
		last = x;
	}
	rte_pktmbuf_free(m);
	peer_input(&p, head);
	peer_flush(&p);
	expect(&p, F_ACK, 1, 31, 0);
	user_read(&p, 1, 30);
	peer_stop(&p);
}

/* MUST-1: read as a signed number, such a window would be a negative one. */
static void a_window_above_32767_is_not_negative(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	p.wnd = 65535;
	peer_open(&p);
	p.c->cwnd = 1000000;
	user_send(&p, 1, 80000);
	uint32_t end = 1;
	while (p.n_read < p.n_out)
		end += expect_next(&p)->len;
	assert_in_range(end, 1 + 65535 - 1460, 1 + 65535);
	peer_stop(&p);
}

/*
 * MUST-60, MUST-61, SHLD-27, SHLD-28: full segments as far as the data goes; what remains leaves
 * at once, alone and in spite of data in flight (no Nagle), and is pushed.
 */
static void the_end_of_what_there_is_is_pushed(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 3000);
	assert_false(expect(&p, F_ACK, 1, 1, 1460)->flags & F_PSH);
	assert_false(expect(&p, F_ACK, 1461, 1, 1460)->flags & F_PSH);
	assert_true(expect(&p, F_ACK, 2921, 1, 80)->flags & F_PSH);
	expect_none(&p);
	user_send(&p, 3001, 10);
	assert_true(expect(&p, F_ACK, 3001, 1, 10)->flags & F_PSH);
	expect_none(&p);
	peer_stop(&p);
}

/* Section 3.8.6, SHLD-15 to SHLD-17: the peer takes back what it had promised, data in flight. */
static void a_shrunken_window_stops_new_data_only(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	p.wnd = 8760;
	peer_open(&p);
	user_send(&p, 1, 6 * 1460);
	for (uint32_t i = 0; i < 6; i++)
		expect(&p, F_ACK, 1 + i * 1460, 1, 1460);
	p.wnd = 1460; /* of the five in flight one is inside now */
	peer_send(&p, F_ACK, 1, 1461);
	user_send(&p, 8761, 1460);
	expect_none(&p);
	for (unsigned i = 0; i < 5; i++) { /* what is inside goes again, one by one */
		peer_advance(&p, LG_SEC(100));
		uint32_t una = 1461 + i * 1460;
		assert_true(p.n_read < p.n_out);
		while (p.n_read < p.n_out)
			assert_in_range(expect_next(&p)->seq, una, una + 1459);
		expect_none(&p);
		assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
		peer_send(&p, F_ACK, 1, una + 1460);
		while (p.n_read < p.n_out)
			assert_in_range(expect_next(&p)->seq, una + 1460, una + 2 * 1460 - 1);
		expect_none(&p);
	}
	assert_int_equal(tcp_tx_unacked(p.c), 1460);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ack_waits_40_ms_for_a_second_segment),
		cmocka_unit_test(every_second_full_segment_is_acknowledged_at_once),
		cmocka_unit_test(data_carries_the_ack),
		cmocka_unit_test(a_burst_is_acknowledged_once),
		cmocka_unit_test(out_of_order_data_is_kept_and_each_segment_acknowledged),
		cmocka_unit_test(without_sack_permitted_no_sack_is_sent),
		cmocka_unit_test(overlaps_are_trimmed_and_the_first_copy_wins),
		cmocka_unit_test(a_duplicate_is_reported_by_d_sack),
		cmocka_unit_test(out_of_order_ranges_are_bounded),
		cmocka_unit_test(one_byte_segments_do_not_pin_a_buffer_each),
		cmocka_unit_test(medium_segments_are_packed),
		cmocka_unit_test(window_closes_when_nobody_reads_and_reopens_by_a_useful_step),
		cmocka_unit_test(a_probe_into_our_closed_window_is_answered),
		cmocka_unit_test(zero_window_is_probed_with_backoff),
		cmocka_unit_test(an_opened_window_gets_the_probes_byte_at_once),
		cmocka_unit_test(acks_stay_inside_the_peers_window_while_a_probe_is_out),
		cmocka_unit_test(zero_window_lasts_as_long_as_probes_are_answered),
		cmocka_unit_test(zero_window_without_answers_ends_the_connection),
		cmocka_unit_test(zero_window_of_an_orphan_ends_although_probes_are_answered),
		cmocka_unit_test(small_windows_are_not_filled_with_silly_segments),
		cmocka_unit_test(send_stays_inside_the_window),
		cmocka_unit_test(an_advancing_ack_brings_its_window_whatever_its_number),
		cmocka_unit_test(scaled_windows_count),
		cmocka_unit_test(writable_follows_when_half_of_the_buffer_is_free),
		cmocka_unit_test(paws_drops_old_timestamps_and_acknowledges),
		cmocka_unit_test(paws_lets_go_after_24_days_of_silence),
		cmocka_unit_test(timestamp_of_a_segment_behind_a_gap_is_not_echoed),
		cmocka_unit_test(both_sequence_spaces_wrap),
		cmocka_unit_test(header_and_options_may_lie_across_mbufs),
		cmocka_unit_test(a_window_above_32767_is_not_negative),
		cmocka_unit_test(the_end_of_what_there_is_is_pushed),
		cmocka_unit_test(a_shrunken_window_stops_new_data_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
