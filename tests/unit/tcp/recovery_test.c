/* SPDX-License-Identifier: BSD-3-Clause */
/* Loss recovery, congestion control, timers, path MTU: RFC 5681, 6298, 6582, 6675, 3042, 1191,
 * 5927. */
#include "peer.h"

/* Sends n full segments and forgets them. */
static void flight(struct peer *p, uint32_t seq, uint32_t n)
{
	user_send(p, seq, n * 1460);
	for (uint32_t i = 0; i < n; i++)
		expect(p, F_ACK, seq + i * 1460, 1, 1460);
	expect_none(p);
}

/* RFC 6928 */
static void initial_window_is_ten_segments(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 20 * 1460);
	for (uint32_t i = 0; i < 10; i++)
		expect(&p, F_ACK, 1 + i * 1460, 1, 1460);
	expect_none(&p);
	/* Slow start: two for each one. */
	peer_send(&p, F_ACK, 1, 1461);
	expect(&p, F_ACK, 14601, 1, 1460);
	expect(&p, F_ACK, 16061, 1, 1460);
	expect_none(&p);
	peer_stop(&p);
}

/* RFC 3465: an attacker who acknowledges byte by byte gains nothing. */
static void ack_division_does_not_open_the_window_faster(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 40 * 1460);
	expect_skip(&p);
	uint32_t before = p.c->cwnd;
	for (uint32_t i = 1; i <= 100; i++)
		peer_send(&p, F_ACK, 1, 1 + i);
	assert_true(p.c->cwnd <= before + 100);
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 7661's aim: what was never used is not believed. */
static void cwnd_does_not_grow_while_the_application_is_the_limit(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	uint32_t before = p.c->cwnd;
	for (uint32_t i = 0; i < 50; i++) {
		user_send(&p, 1 + i * 100, 100);
		expect_skip(&p);
		peer_send(&p, F_ACK, 1, 101 + i * 100);
	}
	assert_int_equal(p.c->cwnd, before);
	peer_stop(&p);
}

/* RFC 6582 */
static void third_duplicate_ack_retransmits_without_sack(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	flight(&p, 1, 8);
	peer_send(&p, F_ACK, 1, 1);
	peer_send(&p, F_ACK, 1, 1);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 1, 1, 1460);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 1);
	assert_int_equal(p.c->ssthresh, 4 * 1460);
	/* A partial ACK: the next hole goes at once. */
	peer_send(&p, F_ACK, 1, 2921);
	expect(&p, F_ACK, 2921, 1, 1460);
	peer_send(&p, F_ACK, 1, 8 * 1460 + 1);
	expect_none(&p);
	assert_int_equal(p.c->recovery, REC_OPEN);
	/* RFC 6582 section 3.2 step 3: min(ssthresh, max(FlightSize, SMSS) + SMSS). */
	assert_int_equal(p.c->cwnd, 2 * 1460);
	peer_stop(&p);
}

/* RFC 3042 */
static void first_two_duplicate_acks_send_new_data(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 13 * 1460);
	for (uint32_t i = 0; i < 10; i++)
		expect(&p, F_ACK, 1 + i * 1460, 1, 1460);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 14601, 1, 1460);
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 16061, 1, 1460);
	expect_none(&p);
	peer_stop(&p);
}

/* RFC 6582: `recover` must not seem to lie ahead once the numbers have gone half way round. */
static void recover_keeps_up_with_the_acknowledgments(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	flight(&p, 1, 4);
	peer_send(&p, F_ACK, 1, 4 * 1460 + 1);
	assert_int_equal(p.c->recover, p.c->snd_una - 1);
	peer_stop(&p);
}

/* As if the handshake had taken that long: without it every wait of RACK is zero. */
static void a_path_of(struct peer *p, lg_us rtt)
{
	p->c->srtt = rtt;
	p->c->min_rtt = (uint32_t)rtt;
}

/* RFC 8985, RFC 6937 */
static void sack_retransmits_exactly_the_holes(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	a_path_of(&p, LG_MS(20));
	flight(&p, 1, 10);
	peer_advance(&p, LG_MS(20));
	/* Segments 0 and 2 are lost. */
	peer_sack(&p, 1461, 2921);
	peer_send(&p, F_ACK, 1, 1);
	peer_sack(&p, 4381, 5841);
	peer_sack(&p, 1461, 2921);
	peer_send(&p, F_ACK, 1, 1);
	expect_none(&p);
	peer_sack(&p, 4381, 7301);
	peer_sack(&p, 1461, 2921);
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 1, 1, 1460);
	expect_none(&p); /* pipe is above half of the flight still */
	peer_sack(&p, 4381, 14601);
	peer_sack(&p, 1461, 2921);
	peer_send(&p, F_ACK, 1, 1);
	expect(&p, F_ACK, 2921, 1, 1460);
	expect_none(&p);
	peer_send(&p, F_ACK, 1, 14601);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_SEGS_RETRANS), 2);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 1);
	peer_stop(&p);
}

static void forged_sack_blocks_are_ignored(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	flight(&p, 1, 4);
	peer_sack(&p, 1000000, 1001000);
	peer_sack(&p, 2921, 1461);
	peer_sack(&p, 1461, 5842);
	peer_sack(&p, 0, 1461);
	peer_send(&p, F_ACK, 1, 1);
	assert_int_equal(p.c->sacked_bytes, 0);
	expect_none(&p);
	peer_stop(&p);
}

/* RFC 2018 section 8 */
static void a_receiver_that_reneges_gets_everything_again(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open_sack(&p);
	a_path_of(&p, LG_MS(20));
	flight(&p, 1, 3);
	peer_advance(&p, LG_MS(20));
	peer_sack(&p, 1461, 4381);
	peer_send(&p, F_ACK, 1, 1);
	expect_none(&p); /* not three duplicates: the reordering window runs */
	peer_advance(&p, LG_MS(100));
	expect(&p, F_ACK, 1, 1, 1460);
	peer_send(&p, F_ACK, 1, 1461); /* without the rest: it was thrown away */
	expect_none(&p);
	for (int i = 0; i < 3 && p.n_out == 0; i++)
		peer_advance(&p, LG_MS(400));
	expect(&p, F_ACK, 1461, 1, 1460);
	peer_send(&p, F_ACK, 1, 2921);
	expect(&p, F_ACK, 2921, 1, 1460);
	peer_stop(&p);
}

/* RFC 6298 (5.5) */
static void rto_doubles_and_collapses_the_window(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.c->opts.mtu_probing = TCP_MTU_OFF; /* else smaller pieces would be tried */
	flight(&p, 1, 4);
	lg_us rto = p.c->rto;
	assert_true(rto >= TCP_RTO_MIN);
	for (int i = 0; i < 4; i++) {
		peer_advance(&p, (rto << i) - LG_MS(5));
		expect_none(&p);
		peer_advance(&p, LG_MS(10));
		expect(&p, F_ACK, 1, 1, 1460);
		expect_none(&p);
		p.now -= LG_MS(5);
	}
	assert_int_equal(p.c->cwnd, 1460);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 4);
	/* Go-back: the ACK of the first sends the next two (slow start). */
	peer_send(&p, F_ACK, 1, 1461);
	expect(&p, F_ACK, 1461, 1, 1460);
	expect(&p, F_ACK, 2921, 1, 1460);
	expect_none(&p);
	peer_stop(&p);
}

/* RFC 9293 3.8.3 (R2) */
static void user_timeout_gives_the_peer_up(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 100);
	peer_advance(&p, LG_SEC(119));
	assert_int_equal(peer_events(&p), 0);
	peer_advance(&p, LG_SEC(2));
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_RETRANS_TIMEOUT);
	user_release(&p);
	expect_skip(&p);
	peer_stop(&p);
}

/* RFC 6298 (5.3): an ACK of new data starts the timer over. */
static void progress_postpones_the_rto(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	flight(&p, 1, 2);
	for (uint32_t i = 0; i < 5; i++) {
		peer_advance(&p, LG_MS(150));
		peer_send(&p, F_ACK, 1, 1461 + i * 1460);
		flight(&p, 2921 + i * 1460, 1);
	}
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 0);
	peer_stop(&p);
}

/* A peer may acknowledge half of a segment: what is sent again begins where it stopped. */
static void a_retransmission_begins_at_snd_una(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	flight(&p, 1, 2);
	peer_send(&p, F_ACK, 1, 701);
	peer_advance(&p, LG_MS(300));
	expect(&p, F_ACK, 701, 1, 760);
	peer_stop(&p);
}

/* Karn */
static void rtt_is_not_sampled_from_ambiguous_acks(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	lg_us srtt = tcp_conn_srtt(p.c);
	user_send(&p, 1, 100);
	peer_advance(&p, p.c->rto + LG_MS(5));
	assert_int_equal(p.n_out, 2);
	peer_send(&p, F_ACK, 1, 101);
	assert_int_equal(tcp_conn_srtt(p.c), srtt);
	expect_skip(&p);
	user_send(&p, 101, 100);
	peer_advance(&p, LG_MS(100));
	peer_send(&p, F_ACK, 1, 201);
	assert_true(tcp_conn_srtt(p.c) > srtt);
	peer_stop(&p);
}

/* RFC 6298 (2.2), (2.3) */
static void rto_follows_rfc_6298(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	struct tcp_conn *c = p.c;
	c->srtt = c->rttvar = 0;
	rtt_sample(c, LG_MS(400), 1000);
	assert_int_equal(c->srtt, LG_MS(400));
	assert_int_equal(c->rttvar, LG_MS(200));
	assert_int_equal(c->rto, LG_MS(1200));
	rtt_sample(c, LG_MS(800), 1000);
	assert_int_equal(c->srtt, LG_MS(450));
	assert_int_equal(c->rttvar, LG_MS(250));
	assert_int_equal(c->rto, LG_MS(1450));
	for (int i = 0; i < 100; i++)
		rtt_sample(c, 100, 1000);
	assert_int_equal(c->rto, c->srtt + TCP_RTO_MIN);
	c->rto_shift = 40;
	assert_int_equal(rtt_rto(c), TCP_RTO_MAX);
	peer_stop(&p);
}

static void idle_connection_starts_again_from_the_initial_window(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	uint32_t seq = 1;
	for (int i = 0; i < 4; i++) {
		user_send(&p, seq, 30 * 1460);
		while (tcp_tx_unacked(p.c) > 0)
			peer_send(&p, F_ACK, 1, p.c->snd_nxt - p.stack_isn);
		seq += 30 * 1460;
		expect_skip(&p);
	}
	assert_true(p.c->cwnd > 14600);
	peer_advance(&p, LG_SEC(10));
	user_send(&p, seq, 30 * 1460);
	assert_int_equal(p.n_out, 10);
	expect_skip(&p);
	peer_stop(&p);
}

/* ---- mbufs ---- */

static void without_mbufs_nothing_is_lost_only_late(void **state)
{
	struct peer p;
	static struct rte_mbuf *taken[4096];
	unsigned n = 0;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	struct lg_chain ch;
	lg_chain_init(&ch);
	uint8_t b[600];
	for (uint32_t i = 0; i < sizeof(b); i++)
		b[i] = peer_byte(1 + i);
	assert_int_equal(lg_chain_write(&ch, p.pool, b, sizeof(b)), 0);
	while ((taken[n] = rte_pktmbuf_alloc(p.pool)) != NULL)
		n++;
	assert_int_equal(tcp_send(p.c, &ch), 0);
	peer_flush(&p);
	peer_advance(&p, LG_MS(30));
	expect_none(&p);
	assert_true(counter(&p, TCP_CTR_DROP_NOMBUF) > 0);
	while (n > 0)
		rte_pktmbuf_free(taken[--n]);
	peer_advance(&p, LG_MS(15));
	expect(&p, F_ACK, 1, 1, 600);
	expect_none(&p);
	peer_stop(&p);
}

/* The ACK that leaves meanwhile must not cancel the second try. */
static void data_that_found_no_record_is_retried_although_an_ack_got_out(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	struct tcp_rec *taken = p.s->rec_free;
	p.s->rec_free = NULL;
	peer_input(&p, peer_build(&p, F_ACK, 1, 1, NULL, "x", 1));
	user_send(&p, 1, 600);
	expect(&p, F_ACK, 1, 2, 0);
	expect_none(&p);
	p.s->rec_free = taken;
	peer_advance(&p, LG_MS(15));
	expect(&p, F_ACK, 1, 2, 600);
	peer_stop(&p);
}

/* The last indirect goes to a segment of two pieces that would need two: it is given back. */
static void payload_is_copied_when_indirect_mbufs_run_out(void **state)
{
	struct peer p;
	static struct rte_mbuf *taken[4096];
	unsigned n = 0;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	while ((taken[n] = rte_pktmbuf_alloc(p.indirect)) != NULL)
		n++;
	rte_pktmbuf_free(taken[--n]);
	user_send(&p, 1, 4000);
	expect(&p, F_ACK, 1, 1, 1460);
	expect(&p, F_ACK, 1461, 1, 1460);
	expect(&p, F_ACK, 2921, 1, 1080);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_TX_COPIED), 1);
	assert_int_equal(rte_mempool_avail_count(p.indirect), 1);
	while (n > 0)
		rte_pktmbuf_free(taken[--n]);
	peer_stop(&p);
}

static void copy_indirect_none(struct tcp_stack_params *params)
{
	params->indirect = NULL;
}

static void payload_is_copied_when_there_is_no_indirect_pool(void **state)
{
	struct peer p;
	(void)state;
	peer_start_at(&p, LG_SEC(5), copy_indirect_none);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 2000);
	expect(&p, F_ACK, 1, 1, 1460);
	expect(&p, F_ACK, 1461, 1, 540);
	peer_stop(&p);
}

/* ---- keepalive ---- */

/* Section 3.8.4 */
static void keepalive_probes_and_then_gives_up(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_advance(&p, LG_SEC(119));
	expect_none(&p);
	peer_advance(&p, LG_SEC(2));
	expect(&p, F_ACK, 0, 1, 0);
	peer_send(&p, F_ACK, 1, 1);
	peer_advance(&p, LG_SEC(118));
	expect_none(&p);
	peer_advance(&p, LG_SEC(5));
	expect(&p, F_ACK, 0, 1, 0);
	for (int i = 0; i < 3; i++) {
		peer_advance(&p, LG_SEC(15));
		expect(&p, F_ACK, 0, 1, 0);
	}
	peer_advance(&p, LG_SEC(15));
	expect(&p, F_ACK | F_RST, 1, 1, 0);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_KEEPALIVE_TIMEOUT);
	user_release(&p);
	peer_stop(&p);
}

/* With an idle time below the interval, an answered probe is followed by the next idle time. */
static void answered_keepalives_never_end_a_connection(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.c->opts.keepalive_idle = LG_SEC(2);
	keepalive_start(p.c, p.now);
	for (int i = 0; i < 100; i++) {
		peer_advance(&p, LG_MS(2010));
		expect(&p, F_ACK, 0, 1, 0);
		peer_send(&p, F_ACK, 1, 1);
	}
	expect_none(&p);
	peer_stop(&p);
}

static void a_peers_keepalive_is_answered(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send(&p, F_ACK, 0, 1);
	expect(&p, F_ACK, 1, 1, 0);
	expect_none(&p);
	peer_stop(&p);
}

/* ---- ICMP ---- */

static void icmp(struct peer *p, int kind, uint32_t seq, uint32_t mtu)
{
	struct net_icmp_error e = {.local = p->stack_ip,
		.remote = p->peer_ip,
		.lport = p->stack_port,
		.rport = p->peer_port,
		.seq = seq + p->stack_isn,
		.mtu = mtu,
		.side = p->side};
	e.kind = kind;
	tcp_icmp_error(p->s, &e, p->now);
	peer_flush(p);
}

/* RFC 1191, RFC 5927 section 7 */
static void too_big_lowers_the_path_mtu_and_resends(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	flight(&p, 1, 2);
	icmp(&p, NET_ICMP_TOO_BIG, 5000000, 1000);
	expect_none(&p);
	assert_int_equal(counter(&p, TCP_CTR_DROP_ICMP), 1);
	uint32_t cwnd = p.c->cwnd;
	icmp(&p, NET_ICMP_TOO_BIG, 1, 1000);
	expect(&p, F_ACK, 1, 1, 960);
	expect(&p, F_ACK, 961, 1, 500);
	expect(&p, F_ACK, 1461, 1, 960);
	expect(&p, F_ACK, 2421, 1, 500);
	expect_none(&p);
	assert_int_equal(p.c->cwnd, cwnd);
	assert_int_equal(tcp_conn_mss(p.c), 960);
	/* Never up, never below the floor, a plateau when the router doesn't say. */
	icmp(&p, NET_ICMP_TOO_BIG, 1, 1400);
	assert_int_equal(tcp_conn_mss(p.c), 960);
	icmp(&p, NET_ICMP_TOO_BIG, 1, 68);
	assert_int_equal(tcp_conn_mss(p.c), TCP_MIN_PMTU_V4 - 40);
	expect_skip(&p);
	p.peer_port++;
	peer_open(&p);
	flight(&p, 1, 1);
	icmp(&p, NET_ICMP_TOO_BIG, 1, 0);
	assert_int_equal(tcp_conn_mss(p.c), 1492 - 40);
	expect_skip(&p);
	peer_stop(&p);
}

static void hard_errors_end_only_a_connection_attempt(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	flight(&p, 1, 1);
	icmp(&p, NET_ICMP_UNREACH_HARD, 1, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
	peer_connect(&p);
	icmp(&p, NET_ICMP_UNREACH_SOFT, 0, 0);
	assert_int_equal(tcp_conn_state(p.c), TCP_SYN_SENT);
	icmp(&p, NET_ICMP_UNREACH_HARD, 0, 0);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_UNREACHABLE);
	user_release(&p);
	peer_stop(&p);
}

/* MUST-26: the retransmission timer watches over a peer that owes an ACK. */
static void no_keepalive_while_data_is_outstanding(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	p.c->opts.keepalive_idle = LG_SEC(2);
	keepalive_start(p.c, p.now);
	user_send(&p, 1, 100);
	peer_advance(&p, LG_SEC(30));
	while (p.n_read < p.n_out)
		assert_int_equal(expect_next(&p)->seq, 1);
	assert_int_equal(counter(&p, TCP_CTR_KEEPALIVES), 0);
	peer_send(&p, F_ACK, 1, 101);
	expect_skip(&p);
	peer_advance(&p, LG_MS(3000));
	assert_int_equal(counter(&p, TCP_CTR_KEEPALIVES), 1);
	peer_stop(&p);
}

/* MUST-47, SHLD-25: the router that spoke of the server's network is remembered. */
static void a_soft_error_is_the_reason_when_the_attempt_times_out(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_connect(&p);
	icmp(&p, NET_ICMP_UNREACH_SOFT, 0, 0);
	peer_advance(&p, LG_MS(4900));
	assert_int_equal(peer_events(&p), 0);
	peer_advance(&p, LG_MS(200));
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_UNREACHABLE);
	user_release(&p);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_window_is_ten_segments),
		cmocka_unit_test(ack_division_does_not_open_the_window_faster),
		cmocka_unit_test(cwnd_does_not_grow_while_the_application_is_the_limit),
		cmocka_unit_test(third_duplicate_ack_retransmits_without_sack),
		cmocka_unit_test(first_two_duplicate_acks_send_new_data),
		cmocka_unit_test(recover_keeps_up_with_the_acknowledgments),
		cmocka_unit_test(sack_retransmits_exactly_the_holes),
		cmocka_unit_test(forged_sack_blocks_are_ignored),
		cmocka_unit_test(a_receiver_that_reneges_gets_everything_again),
		cmocka_unit_test(rto_doubles_and_collapses_the_window),
		cmocka_unit_test(user_timeout_gives_the_peer_up),
		cmocka_unit_test(progress_postpones_the_rto),
		cmocka_unit_test(a_retransmission_begins_at_snd_una),
		cmocka_unit_test(rtt_is_not_sampled_from_ambiguous_acks),
		cmocka_unit_test(rto_follows_rfc_6298),
		cmocka_unit_test(idle_connection_starts_again_from_the_initial_window),
		cmocka_unit_test(without_mbufs_nothing_is_lost_only_late),
		cmocka_unit_test(data_that_found_no_record_is_retried_although_an_ack_got_out),
		cmocka_unit_test(payload_is_copied_when_indirect_mbufs_run_out),
		cmocka_unit_test(payload_is_copied_when_there_is_no_indirect_pool),
		cmocka_unit_test(keepalive_probes_and_then_gives_up),
		cmocka_unit_test(answered_keepalives_never_end_a_connection),
		cmocka_unit_test(a_peers_keepalive_is_answered),
		cmocka_unit_test(too_big_lowers_the_path_mtu_and_resends),
		cmocka_unit_test(hard_errors_end_only_a_connection_attempt),
		cmocka_unit_test(no_keepalive_while_data_is_outstanding),
		cmocka_unit_test(a_soft_error_is_the_reason_when_the_attempt_times_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
