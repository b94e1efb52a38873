/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one segment costs lib/tcp, honest ones and the worst that an attacker can think of:
 * algorithms that are quadratic show here as a number that is out of line. Cycles of the TSC,
 * median of many.
 *
 *   scripts/bench cost
 */
#include "../unit/tcp/peer.h"

#include <rte_cycles.h>

#define ROUNDS    400
#define SMALL_MSS 88 /* the smallest that is honoured: the most records for the same bytes */

static void sink(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	(void)ctx;
	(void)side;
	(void)tx;
	(void)now;
	rte_pktmbuf_free(m);
}

/* Next segment of a scenario; round counts from 0. */
typedef struct rte_mbuf *next_fn(struct peer *p, unsigned round);

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void measure(struct peer *p, const char *what, next_fn *next)
{
	static uint64_t took[ROUNDS];

	p->s->p.output = sink;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rte_mbuf *m = next(p, i);
		uint64_t begin = rte_rdtsc_precise();
		peer_input(p, m);
		peer_flush(p);
		took[i] = rte_rdtsc_precise() - begin;
		p->now += 10;
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_value);
	print_message("%-66s %8lu %8lu\n", what, (unsigned long)took[ROUNDS / 2],
		(unsigned long)took[ROUNDS * 9 / 10]);
	p->s->p.output = peer_output;
}

static void finish(struct peer *p)
{
	tcp_abort(p->c, p->now);
	tcp_release(p->c, p->now);
	p->n_read = p->n_out;
	peer_stop(p);
}

static void open_with(struct peer *p, uint16_t mss)
{
	struct tcp_options o = {.has_mss = true,
		.mss = mss,
		.sack_permitted = true,
		.has_wscale = true,
		.wscale = 4};
	peer_start(p);
	peer_listen(p);
	peer_open_opt(p, &o);
}

/* ---- receiving ----------------------------------------------------------------------------- */

static uint8_t payload[1460];

static struct rte_mbuf *in_order(struct peer *p, unsigned round)
{
	user_read(p, 1, 0);
	lg_chain_free(tcp_rx(p->c));
	tcp_rx_consumed(p->c);
	return peer_build(p, F_ACK, 1 + round * 1000, 1, NULL, payload, 1000);
}

static struct rte_mbuf *in_the_last_hole(struct peer *p, unsigned round)
{
	return peer_build(p, F_ACK, 1001 + 200 * (63 + round % 2), 1, NULL, payload, 100);
}

static struct rte_mbuf *over_all_holes(struct peer *p, unsigned round)
{
	return peer_build(p, F_ACK, 101 + round % 2, 1, NULL, payload, 1400);
}

/* 64 ranges of `len` bytes, `step` apart: as many as a connection may have. */
static void make_holes(struct peer *p, uint32_t begin, uint32_t step, uint32_t len)
{
	for (uint32_t i = 0; i < TCP_MAX_OOO_RANGES; i++)
		peer_input(p, peer_build(p, F_ACK, begin + step * i, 1, NULL, payload, len));
	assert_int_equal(p->c->n_ooo, TCP_MAX_OOO_RANGES);
	peer_flush(p);
	p->n_read = p->n_out;
}

static void receiving(void **state)
{
	struct peer p;
	(void)state;
	open_with(&p, 1460);
	measure(&p, "in-order segment of 1000 bytes", in_order);
	finish(&p);
	open_with(&p, 1460);
	p.s->p.output = sink;
	make_holes(&p, 1001, 200, 100);
	measure(&p, "out of order, 64 ranges held, in the last one", in_the_last_hole);
	finish(&p);
	open_with(&p, 1460);
	p.s->p.output = sink;
	make_holes(&p, 102, 22, 11);
	measure(&p, "out of order, across 64 ranges and the holes between them", over_all_holes);
	finish(&p);
}

/* ---- acknowledging ------------------------------------------------------------------------- */

static unsigned in_flight;

/* Everything that fits is sent in segments of the connection's MSS, and nothing acknowledged. */
static void fly(struct peer *p, uint32_t bytes)
{
	p->s->p.output = sink;
	p->wnd = 65535;
	peer_send(p, F_ACK, 1, 1);
	p->c->cwnd = p->c->ssthresh = 1 << 30;
	for (uint32_t at = 0; at < bytes; at += 8192) {
		struct lg_chain ch;
		lg_chain_init(&ch);
		for (uint32_t i = 0; i < 8192; i += 1024)
			assert_int_equal(lg_chain_write(&ch, p->pool, payload, 1024), 0);
		assert_int_equal(tcp_send(p->c, &ch), 0);
		peer_flush(p);
	}
	in_flight = p->c->n_recs;
}

static struct rte_mbuf *duplicate_ack(struct peer *p, unsigned round)
{
	(void)round;
	return peer_build(p, F_ACK, 1, 1, NULL, NULL, 0);
}

/* Valid blocks of the lowest byte: each makes the scoreboard look at every record, for nothing. */
static struct rte_mbuf *useless_sack(struct peer *p, unsigned round)
{
	(void)round;
	for (unsigned i = 0; i < 4; i++)
		peer_sack(p, 1 + i, 2 + i);
	return peer_build(p, F_ACK, 1, 1, NULL, NULL, 0);
}

/* One record more each time, every second one: the most holes. */
static struct rte_mbuf *checkered_sack(struct peer *p, unsigned round)
{
	uint32_t size = segment_room(p->c);
	uint32_t at = 1 + (2 * round + 1) * size;
	peer_sack(p, at, at + size);
	for (unsigned i = 0; i < 3; i++)
		peer_sack(p, 1 + i, 2 + i);
	return peer_build(p, F_ACK, 1, 1, NULL, NULL, 0);
}

static struct rte_mbuf *divided_ack(struct peer *p, unsigned round)
{
	return peer_build(p, F_ACK, 1, 2 + round, NULL, NULL, 0);
}

static void acknowledging_with(uint16_t mss, next_fn *next, const char *what)
{
	char line[128];
	struct peer p;
	open_with(&p, mss);
	fly(&p, 128 * 1024);
	snprintf(line, sizeof(line), "%s, %u records in flight", what, in_flight);
	measure(&p, line, next);
	finish(&p);
}

static void acknowledging(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint16_t mss = i == 0 ? 1460 : SMALL_MSS;
		acknowledging_with(mss, duplicate_ack, "the same ACK again");
		acknowledging_with(mss, divided_ack, "ACK of one byte");
		acknowledging_with(mss, useless_sack, "four SACK blocks of one byte");
		acknowledging_with(mss, checkered_sack, "SACK of every second segment");
	}
}

/* All is lost and goes again, as the window allows: the whole of it in one flush. */
static void retransmitting(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct peer p;
		open_with(&p, i == 0 ? 1460 : SMALL_MSS);
		fly(&p, 128 * 1024);
		for (struct tcp_rec *r = p.c->rec_head; r != NULL; r = r->next)
			rec_mark_lost(p.c, r);
		conn_mark_output(p.c);
		uint64_t begin = rte_rdtsc_precise();
		peer_flush(&p);
		uint64_t took = rte_rdtsc_precise() - begin;
		char line[128];
		snprintf(line, sizeof(line), "retransmission, each of %u records", in_flight);
		print_message("%-66s %8lu\n", line, (unsigned long)(took / in_flight));
		finish(&p);
	}
}

/* ---- nobody's segments --------------------------------------------------------------------- */

static struct rte_mbuf *stray(struct peer *p, unsigned round)
{
	p->peer_port = (uint16_t)(1024 + round);
	return peer_build(p, F_ACK, round, round, NULL, NULL, 0);
}

static struct rte_mbuf *spoofed_syn(struct peer *p, unsigned round)
{
	struct tcp_options o = peer_syn_options();
	p->peer_port = (uint16_t)(1024 + round);
	return peer_build(p, F_SYN, round, 0, &o, NULL, 0);
}

static void nobodys(void **state)
{
	struct peer p;
	struct tcp_opts o;
	struct lg_ip any = {0};
	(void)state;
	tcp_opts_default(&o);
	peer_start(&p);
	peer_listen(&p);
	measure(&p, "stray ACK, one listener", stray);
	measure(&p, "SYN of nobody, half-open table full", spoofed_syn);
	for (uint16_t port = 1000; port < 1255; port++)
		assert_true(tcp_listen(p.s, p.side, &any, port, &o, NULL) > 0);
	measure(&p, "stray ACK, 256 listeners", stray);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receiving),
		cmocka_unit_test(acknowledging),
		cmocka_unit_test(retransmitting),
		cmocka_unit_test(nobodys),
	};
	print_message("%-66s %8s %8s\n", "cycles for each segment", "median", "90 %");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
