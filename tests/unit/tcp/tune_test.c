/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers that follow the path: who gets more memory, who doesn't, and what it never costs. */
#include "peer.h"

#define SEG 1400u

/* A peer that sends as much per round trip as the window and `rate` allow. */
struct path {
	struct peer p;
	lg_us rtt;
	uint32_t seq;  /* next byte of the peer */
	uint32_t edge; /* of the window, as the peer was told */
	uint32_t seg;
	uint32_t echo; /* newest timestamp of the stack */
};

static uint32_t memory(const struct path *t)
{
	return t->p.c->rcv_buf;
}

static void pressure(struct path *t, uint32_t free_mbufs)
{
	tcp_stack_pressure(t->p.s, free_mbufs, 1600);
	peer_flush(&t->p);
}

/* RFC 9293 section 3.8.6: whatever happens, the right edge doesn't go back. */
static void take_acks(struct path *t)
{
	struct peer *p = &t->p;

	for (; p->n_read < p->n_out; p->n_read++) {
		const struct out_seg *o = &p->out[p->n_read];
		uint32_t edge = o->ack + ((uint32_t)o->wnd << p->c->rcv_wscale);
		assert_true(seq_geq(edge, t->edge));
		t->edge = edge;
		t->echo = o->opt.tsval;
	}
	expect_none(p);
}

static void read_some(struct path *t, uint32_t max)
{
	struct lg_chain *rx = tcp_rx(t->p.c);

	lg_chain_trim_head(rx, LG_MIN(rx->len, max));
	tcp_rx_consumed(t->p.c);
	peer_flush(&t->p);
	take_acks(t);
}

static void send_one(struct path *t)
{
	peer_send_data(&t->p, t->seq, 1, t->seg);
	t->seq += t->seg;
}

/* A round trip: `rate` bytes leave at its start; the user reads up to `reads` at once. */
static void round_trip(struct path *t, uint32_t rate, uint32_t reads)
{
	uint32_t edge = t->edge, left = reads;

	for (uint32_t sent = 0; sent + t->seg <= rate; sent += t->seg) {
		if (seq_gt(t->seq + t->seg, edge))
			break;
		send_one(t);
		take_acks(t);
		uint32_t n = LG_MIN(tcp_rx(t->p.c)->len, left);
		if (n > 0)
			read_some(t, n);
		left -= n;
	}
	t->p.tsecr = t->echo; /* a delayed ACK will be too late for the next flight */
	peer_advance(&t->p, t->rtt);
	t->p.tsval += (uint32_t)(t->rtt / 1000);
	take_acks(t);
}

/* Returns how many round trips it took until memory is `want`. */
static unsigned rounds_until(struct path *t, uint32_t want)
{
	unsigned n = 0;

	for (uint32_t flight = 10 * SEG; memory(t) < want; n++, flight *= 2) {
		assert_true(n < 20);
		round_trip(t, flight, UINT32_MAX);
	}
	return n;
}

enum { NO_TS = 1, NO_RTT = 2 };

static void path_open(struct path *t, lg_us rtt, uint32_t rcv_buf, unsigned how)
{
	struct tcp_options syn = peer_syn_options();
	struct tcp_opts o;
	struct peer *p = &t->p;

	tcp_opts_default(&o);
	o.rcv_buf = rcv_buf;
	o.keepalive_idle = 0;
	peer_start(p);
	peer_listen_opts(p, &o);
	t->rtt = rtt;
	t->seq = 1;
	t->seg = SEG;
	p->ts = !(how & NO_TS);
	p->tsval = 1000;
	syn.has_wscale = true;
	syn.wscale = 7;
	peer_send_opt(p, F_SYN, 0, 0, &syn, NULL, 0);
	/* Karn: an answer that was sent twice measures nothing. */
	peer_advance(p, how & NO_RTT ? LG_MS(1500) : rtt);
	p->tsecr = t->echo = p->out[p->n_out - 1].opt.tsval;
	t->edge = 1 + p->out[0].wnd;
	expect_skip(p);
	peer_send(p, F_ACK, 1, 1);
	assert_int_equal(peer_events(p), TCP_EV_ACCEPTED);
	assert_true(how & NO_RTT ? p->c->srtt == 0 : p->c->srtt == rtt);
	assert_int_equal(memory(t), TCP_RCV_START);
}

/* ---- receive: growth ---- */

static void long_fat_path(unsigned how)
{
	static struct path t;

	path_open(&t, LG_MS(100), 2 << 20, how);
	assert_true(rounds_until(&t, 2 << 20) <= 9); /* slow start from ten segments */
	assert_in_range(counter(&t.p, TCP_CTR_RCV_BUF_GROWN), 2, 8);
	/* All of it is promised but for what packing needs and the window's unit. */
	round_trip(&t, SEG, SEG);
	uint32_t most = (2 << 20) / 2 - TCP_RX_SLACK / 2;
	assert_in_range(rcv_wnd(t.p.c), most - 2 * 1460, most);
	peer_stop(&t.p);
}

static void memory_grows_on_a_long_fat_path_up_to_its_limit(void **state)
{
	(void)state;
	long_fat_path(0);
}

static void it_grows_by_the_handshakes_round_trip_without_timestamps(void **state)
{
	(void)state;
	long_fat_path(NO_TS);
}

/* The first echo is half a second old, as the handshake was; the next ones tell the path. */
static void it_grows_by_echoed_timestamps_without_the_handshakes_round_trip(void **state)
{
	(void)state;
	long_fat_path(NO_RTT);
}

/* A radio that had to wake up answers the SYN late. */
static void a_slow_handshake_does_not_delay_the_growth(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(900), 2 << 20, 0);
	t.rtt = LG_MS(50);
	assert_true(rounds_until(&t, 2 << 20) <= 9);
	peer_stop(&t.p);
}

/* Or the path became longer later on. */
static void the_estimate_follows_a_path_that_becomes_longer(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(20), 2 << 20, 0);
	for (unsigned i = 0; i < 10; i++)
		round_trip(&t, 10 * SEG, UINT32_MAX);
	t.rtt = LG_MS(70);
	for (unsigned i = 0; i < 10; i++)
		round_trip(&t, 10 * SEG, UINT32_MAX);
	assert_true(rounds_until(&t, 2 << 20) <= 9);
	peer_stop(&t.p);
}

/* Never slower than slow start: each flight finds room for one of twice its size. */
static void the_window_is_never_what_slow_start_waits_for(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, 0);
	for (uint32_t flight = 10 * SEG; flight < (1 << 20); flight *= 2) {
		uint32_t before = t.seq;
		round_trip(&t, flight, UINT32_MAX);
		assert_int_equal(t.seq - before, flight);
	}
	peer_stop(&t.p);
}

/* Without any sample of a round trip, the time that a window takes must do. */
static void it_grows_by_the_time_a_window_takes_when_nothing_else_is_known(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(100), 2 << 20, NO_TS | NO_RTT);
	for (unsigned i = 0; i < 20; i++)
		round_trip(&t, 200 * SEG, UINT32_MAX);
	assert_int_equal(memory(&t), 2 << 20);
	peer_stop(&t.p);
}

/* ---- receive: no growth ---- */

static void a_short_path_needs_no_more(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, 200, 8 << 20, 0);
	for (unsigned i = 0; i < 200; i++) /* 560 Mbit/s */
		round_trip(&t, 10 * SEG, UINT32_MAX);
	assert_int_equal(memory(&t), TCP_RCV_START);
	peer_stop(&t.p);
}

/* Law 5: the window is full, but the reader is what is slow. */
static void a_slow_reader_gets_no_more(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, 0);
	for (unsigned i = 0; i < 100; i++)
		round_trip(&t, 4 << 20, 20000);
	assert_int_equal(memory(&t), TCP_RCV_START);
	assert_true(tcp_rx(t.p.c)->len > 90000);
	peer_stop(&t.p);
}

/* What it reads in a round trip, four times, and the same again for the buffers' waste. */
static void a_reader_slower_than_the_path_gets_what_its_own_speed_needs(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, 0);
	for (unsigned i = 0; i < 100; i++)
		round_trip(&t, 4 << 20, 200000);
	assert_in_range(memory(&t), 1400000, 8 * 200000 + TCP_RX_SLACK);
	assert_true(tcp_rx(t.p.c)->len > 200000);
	peer_stop(&t.p);
}

/* Beyond TCP: who is woken for 64 KiB at once, now and then, isn't fast. */
static void a_reader_in_rare_bursts_gets_no_more(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(1), 8 << 20, 0);
	for (unsigned i = 0; i < 30; i++) {
		round_trip(&t, 4 << 20, 0);
		round_trip(&t, 4 << 20, 0);
		peer_advance(&t.p, LG_MS(100));
		t.p.tsval += 100;
		read_some(&t, 65536);
	}
	assert_int_equal(memory(&t), TCP_RCV_START);
	peer_stop(&t.p);
}

/* An echo may be as old as the peer's last pause is long. */
static void a_pause_of_the_peer_is_no_longer_path(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(10), 2 << 20, 0);
	for (unsigned i = 0; i < 100; i++) {
		round_trip(&t, 40 * SEG, UINT32_MAX);
		peer_advance(&t.p, LG_SEC(20));
		t.p.tsval += 20000;
		take_acks(&t);
	}
	assert_int_equal(memory(&t), TCP_RCV_START);
	assert_true(rounds_until(&t, 2 << 20) <= 9);
	peer_stop(&t.p);
}

static void nobody_gets_more_under_pressure(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, 0);
	pressure(&t, 700);
	pressure(&t, 890); /* more than half are free again, but the level stays */
	for (unsigned i = 0; i < 20; i++)
		round_trip(&t, 100 * SEG, UINT32_MAX);
	assert_int_equal(memory(&t), TCP_RCV_START);
	pressure(&t, 1600);
	for (unsigned i = 0; i < 20; i++)
		round_trip(&t, 100 * SEG, UINT32_MAX);
	assert_true(memory(&t) > 2 * TCP_RCV_START);
	peer_stop(&t.p);
}

/* A few long fat paths must not be what all others feel pressure from. */
static void the_limit_falls_with_the_free_buffers_before_there_is_pressure(void **state)
{
	static struct path t;
	struct peer *p = &t.p;
	(void)state;
	path_open(&t, LG_MS(100), 2 << 20, 0);
	p->c->cwnd = p->c->snd_wnd = 10 << 20;
	pressure(&t, 1200); /* of 1600 */
	assert_int_equal(tcp_tx_space(p->c), (4 << 20) / 2);
	pressure(&t, 1000);
	uint32_t half = (TCP_SND_START + (4 << 20)) / 2;
	assert_int_equal(tcp_tx_space(p->c), half / 2);
	for (unsigned i = 0; i < 20; i++)
		round_trip(&t, 400 * SEG, UINT32_MAX);
	assert_int_equal(memory(&t), (TCP_RCV_START + (2 << 20)) / 2);
	pressure(&t, 800);
	assert_int_equal(tcp_tx_space(p->c), TCP_SND_START / 2);
	/* What was given stays. */
	round_trip(&t, 400 * SEG, UINT32_MAX);
	assert_int_equal(memory(&t), (TCP_RCV_START + (2 << 20)) / 2);
	peer_stop(p);
}

/* ---- receive: promises ---- */

/* take_acks() looks at every ACK; here memory is taken away from a window that has grown. */
static void pressure_takes_no_grown_window_back(void **state)
{
	static struct path t;
	(void)state;
	path_open(&t, LG_MS(100), 2 << 20, 0);
	rounds_until(&t, 2 << 20);
	round_trip(&t, SEG, SEG);
	uint32_t edge = t.p.c->rcv_adv;
	pressure(&t, 390);
	take_acks(&t);
	while (seq_leq(t.seq + SEG + 1, edge - t.p.isn)) {
		send_one(&t);
		take_acks(&t);
		read_some(&t, SEG);
	}
	assert_int_equal(counter(&t.p, TCP_CTR_DROP_RX_LIMIT), 0);
	assert_true(rcv_wnd(t.p.c) < 8 * 1460);
	peer_stop(&t.p);
}

/* RFC 7323 section 2.3 */
static void the_window_scale_covers_what_the_window_may_grow_to(void **state)
{
	struct tcp_opts o = {0};
	(void)state;
	for (o.rcv_buf = 16384; o.rcv_buf < UINT32_MAX / 2; o.rcv_buf += o.rcv_buf / 3) {
		uint8_t shift = syn_wscale(&o);
		assert_true((uint64_t)UINT16_MAX << shift >= LG_MIN(o.rcv_buf / 2, 65535u << 14));
		assert_true(shift == 0 || (uint64_t)65536 << (shift - 1) <= o.rcv_buf / 2);
	}
}

/* Promised by what full segments made of it, then filled with what wastes most. */
static void a_grown_window_holds_segments_of_any_size(void **state)
{
	static const uint32_t sizes[] = {60, 513, 600, 1087, 1088, 1152};
	static struct path t;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
		path_open(&t, LG_MS(100), 1 << 20, NO_TS);
		rounds_until(&t, 1 << 20);
		round_trip(&t, SEG, SEG);
		read_some(&t, UINT32_MAX);
		uint32_t first = t.seq;
		t.seg = sizes[i];
		while (seq_leq(t.seq + t.seg, t.edge)) {
			send_one(&t);
			take_acks(&t);
		}
		assert_int_equal(tcp_rx(t.p.c)->len, t.seq - first);
		assert_true(t.seq - first > 500000);
		assert_true(tcp_rx(t.p.c)->truesize <= 1 << 20);
		assert_int_equal(counter(&t.p, TCP_CTR_DROP_RX_LIMIT), 0);
		peer_stop(&t.p);
	}
}

/* ---- send ---- */

static void queue(struct peer *p, uint32_t n)
{
	static const uint8_t zeros[65536];
	struct lg_chain ch;

	lg_chain_init(&ch);
	for (uint32_t k; n > 0; n -= k) {
		k = LG_MIN(n, (uint32_t)sizeof(zeros));
		assert_int_equal(lg_chain_write(&ch, p->pool, zeros, k), 0);
	}
	assert_int_equal(tcp_send(p->c, &ch), 0);
}

/* The peer's window in bytes, by an ACK of everything up to ack. */
static void ack(struct peer *p, uint32_t up_to, uint32_t wnd)
{
	p->wnd = wnd >> 7;
	peer_send(p, F_ACK, 1, up_to);
	expect_skip(p);
}

static void send_space_follows_the_congestion_window(void **state)
{
	static struct path t;
	struct peer *p = &t.p;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, NO_TS);
	ack(p, 1, 4 << 20);
	assert_int_equal(tcp_tx_space(p->c), TCP_SND_START / 2);
	p->c->cwnd = 100000;
	assert_int_equal(tcp_tx_space(p->c), 200000);
	p->c->cwnd = 1000000;
	assert_int_equal(tcp_tx_space(p->c), 2000000);
	p->c->cwnd = 10000000;
	assert_int_equal(tcp_tx_space(p->c), (4 << 20) / 2);
	/* Repair needs more than cwnd: what is in flight beside the holes. */
	p->c->cwnd = 400000;
	queue(p, 400000);
	peer_flush(p);
	expect_skip(p);
	uint32_t flight = p->c->snd_nxt - p->c->snd_una;
	p->c->cwnd = 14600;
	assert_true(flight > 300000);
	assert_int_equal(tcp_tx_space(p->c), (4 * flight - p->c->tx.truesize) / 2);
	ack(p, 1 + flight, 4 << 20);
	ack(p, 400001, 4 << 20);
	p->c->cwnd = 10000000;
	/* More than the peer takes is of no use. */
	ack(p, 400001, 128000);
	assert_int_equal(tcp_tx_space(p->c), 256000);
	peer_stop(p);
}

/* Law 5: whoever stops reading gets nothing queued on top. */
static void a_peer_that_closes_its_window_is_sent_no_more(void **state)
{
	static struct path t;
	struct peer *p = &t.p;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, NO_TS);
	ack(p, 1, 4 << 20);
	p->c->cwnd = 300000;
	queue(p, 500000);
	peer_flush(p);
	expect_skip(p);
	assert_true(tcp_tx_space(p->c) > 0);
	uint32_t sent = p->c->snd_nxt - p->c->snd_una;
	ack(p, 1 + sent, 0);
	assert_in_range(p->c->tx.len, 200000, 250000);
	assert_int_equal(tcp_tx_space(p->c), 0);
	/* It opens again, wide: that alone is news, nothing needs to be acknowledged. */
	assert_int_equal(peer_events(p), 0);
	ack(p, 1 + sent, 4 << 20);
	assert_int_equal(peer_events(p), TCP_EV_WRITABLE);
	assert_true(tcp_tx_space(p->c) > 100000);
	peer_stop(p);
}

/* Half of a large buffer would be what is in flight: the path would run dry before the wake-up. */
static void writable_comes_in_portions_of_a_large_buffer(void **state)
{
	static struct path t;
	struct peer *p = &t.p;
	(void)state;
	path_open(&t, LG_MS(100), 8 << 20, NO_TS);
	ack(p, 1, 4 << 20);
	p->c->cwnd = 400000;
	while (tcp_tx_space(p->c) > 2048)
		queue(p, LG_MIN(tcp_tx_space(p->c), 100000u));
	peer_flush(p);
	expect_skip(p);
	uint32_t at = 1, held = p->c->tx.truesize;
	while (peer_events(p) == 0) {
		at += 1460;
		p->c->cwnd = 400000;
		ack(p, at, 4 << 20);
	}
	assert_in_range(
		held - p->c->tx.truesize, TCP_WRITABLE_ROOM - 16384, TCP_WRITABLE_ROOM + 16384);
	peer_stop(p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_grows_on_a_long_fat_path_up_to_its_limit),
		cmocka_unit_test(it_grows_by_the_handshakes_round_trip_without_timestamps),
		cmocka_unit_test(it_grows_by_echoed_timestamps_without_the_handshakes_round_trip),
		cmocka_unit_test(a_slow_handshake_does_not_delay_the_growth),
		cmocka_unit_test(the_estimate_follows_a_path_that_becomes_longer),
		cmocka_unit_test(the_window_is_never_what_slow_start_waits_for),
		cmocka_unit_test(it_grows_by_the_time_a_window_takes_when_nothing_else_is_known),
		cmocka_unit_test(a_short_path_needs_no_more),
		cmocka_unit_test(a_slow_reader_gets_no_more),
		cmocka_unit_test(a_reader_slower_than_the_path_gets_what_its_own_speed_needs),
		cmocka_unit_test(a_reader_in_rare_bursts_gets_no_more),
		cmocka_unit_test(a_pause_of_the_peer_is_no_longer_path),
		cmocka_unit_test(nobody_gets_more_under_pressure),
		cmocka_unit_test(the_limit_falls_with_the_free_buffers_before_there_is_pressure),
		cmocka_unit_test(pressure_takes_no_grown_window_back),
		cmocka_unit_test(the_window_scale_covers_what_the_window_may_grow_to),
		cmocka_unit_test(a_grown_window_holds_segments_of_any_size),
		cmocka_unit_test(send_space_follows_the_congestion_window),
		cmocka_unit_test(a_peer_that_closes_its_window_is_sent_no_more),
		cmocka_unit_test(writable_comes_in_portions_of_a_large_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
