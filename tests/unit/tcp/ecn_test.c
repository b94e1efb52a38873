/* SPDX-License-Identifier: BSD-3-Clause */
/* Explicit Congestion Notification: RFC 3168 section 6.1. */
#include "peer.h"

#define F_ASK (F_SYN | F_ECE | F_CWR)

static void listen_ecn(struct peer *p, bool allowed)
{
	struct tcp_opts o;
	tcp_opts_default(&o);
	o.ecn = allowed;
	o.cc = "reno";
	peer_listen_opts(p, &o);
}

/* An open connection with ECN and an initial window of ten segments of 1000 bytes. */
static void open_ecn(struct peer *p)
{
	struct tcp_options o = {.has_mss = true, .mss = 1000, .sack_permitted = true};

	peer_start(p);
	listen_ecn(p, true);
	peer_send_opt(p, F_ASK, 0, 0, &o, NULL, 0);
	assert_int_equal(expect(p, F_SYN | F_ACK | F_ECE, 0, 1, 0)->tos, NET_ECN_NOT_ECT);
	peer_send(p, F_ACK, 1, 1);
	expect_none(p);
	assert_int_equal(peer_events(p), TCP_EV_ACCEPTED);
	p->c->quickacks = 0;
}

/* The stack sends n segments of 1000 bytes, the first with these flags. */
static void sends(struct peer *p, uint32_t seq, unsigned n, uint8_t flags)
{
	user_send(p, seq, n * 1000);
	for (unsigned i = 0; i < n; i++, flags = F_ACK, seq += 1000)
		assert_int_equal(expect(p, flags, seq, 1, 1000)->tos, NET_ECN_ECT0);
	expect_none(p);
}

/* ---- the handshake ---- */

static void ecn_is_granted_to_those_who_ask_for_it_rightly(void **state)
{
	static const struct {
		uint8_t asked;
		bool allowed, granted;
	} rows[] = {{F_ASK, true, true}, {F_ASK, false, false}, {F_SYN, true, false},
		{F_SYN | F_ECE, true, false}, {F_SYN | F_CWR, true, false}};
	struct peer p;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++) {
		uint8_t ece = rows[i].granted ? F_ECE : 0;
		peer_start(&p);
		listen_ecn(&p, rows[i].allowed);
		peer_send(&p, rows[i].asked, 0, 0);
		expect(&p, F_SYN | F_ACK | ece, 0, 1, 0);
		peer_send(&p, F_ACK, 1, 1);
		peer_events(&p);
		user_send(&p, 1, 100);
		assert_int_equal(expect(&p, F_ACK, 1, 1, 100)->tos,
			rows[i].granted ? NET_ECN_ECT0 : NET_ECN_NOT_ECT);
		peer_stop(&p);
	}
}

/* Section 6.1.1.1: the client thinks that its flags are what gets lost. */
static void a_syn_again_without_ecn_turns_it_off(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	listen_ecn(&p, true);
	peer_send(&p, F_ASK, 0, 0);
	expect(&p, F_SYN | F_ACK | F_ECE, 0, 1, 0);
	peer_send(&p, F_ASK, 0, 0);
	expect(&p, F_SYN | F_ACK | F_ECE, 0, 1, 0);
	peer_send(&p, F_SYN, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_send(&p, F_ACK, 1, 1);
	peer_events(&p);
	user_send(&p, 1, 100);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 100)->tos, NET_ECN_NOT_ECT);
	peer_stop(&p);
}

/* Like peer_connect(), asking for ECN. */
static void connect_ecn(struct peer *p)
{
	struct tcp_opts o;
	int err = 0;

	peer_start(p);
	tcp_opts_default(&o);
	o.ecn = true;
	p->side = NET_INTERNAL;
	p->peer_port = 8080;
	p->c = tcp_connect(p->s, NET_INTERNAL, &p->peer_ip, 8080, &o, p, p->now, &err);
	p->stack_port = tcp_conn_key(p->c)->lport;
	peer_flush(p);
	assert_int_equal(expect(p, F_ASK, 0, 0, 0)->tos, NET_ECN_NOT_ECT);
}

static void our_data_is_capable_only_after_the_right_answer(void **state)
{
	static const struct {
		uint8_t answer, ecn;
	} rows[] = {{F_ECE, NET_ECN_ECT0}, {0, NET_ECN_NOT_ECT}, {F_CWR, NET_ECN_NOT_ECT},
		{F_ECE | F_CWR, NET_ECN_NOT_ECT}};
	struct peer p;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++) {
		connect_ecn(&p);
		peer_send(&p, F_SYN | F_ACK | rows[i].answer, 0, 1);
		assert_int_equal(expect(&p, F_ACK, 1, 1, 0)->tos, NET_ECN_NOT_ECT);
		user_send(&p, 1, 100);
		assert_int_equal(expect(&p, F_ACK, 1, 1, 100)->tos, rows[i].ecn);
		peer_stop(&p);
	}
}

/* Section 6.1.1.1; having sent a SYN without ECN, only marks of the other's data count (6.1.1). */
static void a_lost_syn_goes_again_without_ecn(void **state)
{
	struct peer p;
	(void)state;
	connect_ecn(&p);
	peer_advance(&p, LG_MS(1100));
	expect(&p, F_SYN, 0, 0, 0);
	peer_send(&p, F_SYN | F_ACK | F_ECE, 0, 1);
	expect(&p, F_ACK, 1, 1, 0);
	user_send(&p, 1, 100);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 100)->tos, NET_ECN_NOT_ECT);
	p.ecn = NET_ECN_CE;
	peer_send_data(&p, 1, 1, 100);
	expect(&p, F_ACK | F_ECE, 101, 101, 0);
	peer_stop(&p);
}

static void a_simultaneous_open_goes_without(void **state)
{
	struct peer p;
	(void)state;
	connect_ecn(&p);
	peer_send(&p, F_ASK, 0, 0);
	expect(&p, F_SYN | F_ACK, 0, 1, 0);
	peer_send(&p, F_SYN | F_ACK | F_ECE, 0, 1);
	expect(&p, F_ACK, 1, 1, 0);
	user_send(&p, 1, 100);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 100)->tos, NET_ECN_NOT_ECT);
	peer_stop(&p);
}

/* The cookie's bit is in the timestamp. */
static void a_syn_cookie_keeps_ecn_with_timestamps(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	listen_ecn(&p, true);
	p.s->p.syn_cookies_above = 0;
	for (unsigned ts = 0; ts < 2; ts++, p.peer_port++) {
		p.ts = ts;
		peer_send(&p, F_ASK, 0, 0);
		expect(&p, F_SYN | F_ACK | (ts ? F_ECE : 0), 0, 1, 0);
		peer_send(&p, F_ACK, 1, 1);
		assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
		user_send(&p, 1, 100);
		assert_int_equal(
			expect(&p, F_ACK, 1, 1, 100)->tos, ts ? NET_ECN_ECT0 : NET_ECN_NOT_ECT);
	}
	assert_int_equal(counter(&p, TCP_CTR_SYNCOOKIES_RECV), 2);
	peer_stop(&p);
}

/* ---- what is marked ---- */

/* Sections 6.1.4, 6.1.5 */
static void acks_retransmissions_and_lone_fins_are_not_capable(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	sends(&p, 1, 2, F_ACK);
	peer_send_data(&p, 1, 1, 1000);
	peer_send_data(&p, 1001, 1, 1000);
	assert_int_equal(expect(&p, F_ACK, 2001, 2001, 0)->tos, NET_ECN_NOT_ECT);
	peer_advance(&p, LG_MS(1100));
	/* The tail loss probe, then the timeout. */
	assert_int_equal(expect(&p, F_ACK, 1001, 2001, 1000)->tos, NET_ECN_NOT_ECT);
	assert_int_equal(expect(&p, F_ACK, 1, 2001, 1000)->tos, NET_ECN_NOT_ECT);
	peer_send(&p, F_ACK, 2001, 2001);
	expect_skip(&p);
	user_shutdown(&p);
	assert_int_equal(expect(&p, F_ACK | F_FIN, 2001, 2001, 0)->tos, NET_ECN_NOT_ECT);
	tcp_abort(p.c, p.now);
	assert_int_equal(expect(&p, F_RST | F_ACK, 2002, 2001, 0)->tos, NET_ECN_NOT_ECT);
	peer_stop(&p);
}

/* Section 6.1.6 */
static void window_probes_are_not_capable(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	p.wnd = 0;
	peer_send(&p, F_ACK, 1, 1);
	p.c->flags |= CF_CWR;
	user_send(&p, 1, 100);
	expect_none(&p);
	peer_advance(&p, LG_SEC(2));
	assert_int_equal(expect(&p, F_ACK, 1, 1, 1)->tos, NET_ECN_NOT_ECT);
	peer_stop(&p);
}

/* ---- receiving (section 6.1.3) ---- */

static void receives(struct peer *p, uint8_t flags, uint32_t seq, uint8_t ecn)
{
	uint8_t text[100];
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = peer_byte(seq + i);
	p->ecn = ecn;
	peer_send_opt(p, F_ACK | flags, seq, 1, NULL, text, sizeof(text));
	p->ecn = NET_ECN_NOT_ECT;
}

static void a_mark_is_echoed_at_once_and_until_cwr(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	receives(&p, 0, 1, NET_ECN_ECT0);
	expect_none(&p);
	receives(&p, 0, 101, NET_ECN_CE);
	expect(&p, F_ACK | F_ECE, 1, 201, 0);
	receives(&p, 0, 201, NET_ECN_ECT0);
	peer_advance(&p, LG_MS(50));
	expect(&p, F_ACK | F_ECE, 1, 301, 0);
	user_send(&p, 1, 100);
	assert_int_equal(expect(&p, F_ACK | F_ECE, 1, 301, 100)->tos, NET_ECN_ECT0);
	receives(&p, F_CWR, 301, NET_ECN_ECT0);
	peer_advance(&p, LG_MS(50));
	expect(&p, F_ACK, 101, 401, 0);
	assert_int_equal(counter(&p, TCP_CTR_CE_RCVD), 1);
	user_read(&p, 1, 400);
	peer_stop(&p);
}

static void a_mark_on_the_segment_with_cwr_is_a_new_one(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	receives(&p, 0, 1, NET_ECN_CE);
	expect(&p, F_ACK | F_ECE, 1, 101, 0);
	receives(&p, F_CWR, 101, NET_ECN_CE);
	expect(&p, F_ACK | F_ECE, 1, 201, 0);
	peer_stop(&p);
}

/* Section 6.1.5: it may be forged; and no mark means anything without ECN. */
static void marks_outside_the_window_or_without_ecn_are_ignored(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	receives(&p, 0, 1000000, NET_ECN_CE);
	expect(&p, F_ACK, 1, 1, 0);
	peer_stop(&p);
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	receives(&p, 0, 1, NET_ECN_CE);
	expect(&p, F_ACK, 1, 101, 0);
	assert_int_equal(counter(&p, TCP_CTR_CE_RCVD), 0);
	peer_stop(&p);
}

/* ---- sending (section 6.1.2) ---- */

static void an_echo_reduces_once_per_window_and_is_answered_by_cwr(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	sends(&p, 1, 10, F_ACK);
	peer_send(&p, F_ACK | F_ECE, 1, 1001);
	assert_int_equal(p.c->ssthresh, 5000);
	assert_int_equal(p.c->cwnd, 9500); /* RFC 6937: one out for two delivered */
	/* Echoes of the same window. */
	for (uint32_t ack = 2001; ack <= 10001; ack += 1000)
		peer_send(&p, F_ACK | F_ECE, 1, ack);
	assert_int_equal(p.c->cwnd, 5000);
	assert_int_equal(p.c->ssthresh, 5000);
	assert_int_equal(counter(&p, TCP_CTR_ECN_SIGNALS), 1);
	sends(&p, 10001, 4, F_ACK | F_CWR);
	/* What was sent after the reduction is marked again. */
	peer_send(&p, F_ACK | F_ECE, 1, 11001);
	assert_int_equal(counter(&p, TCP_CTR_ECN_SIGNALS), 2);
	assert_int_equal(p.c->ssthresh, 2000);
	assert_int_equal(counter(&p, TCP_CTR_SEGS_RETRANS), 0);
	peer_stop(&p);
}

static void an_echo_counts_only_with_ecn_and_with_data_in_flight(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	peer_send(&p, F_ACK | F_ECE, 1, 1);
	assert_int_equal(p.c->cwnd, 10000);
	peer_stop(&p);
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 100);
	peer_send(&p, F_ACK | F_ECE, 1, 101);
	assert_int_equal(counter(&p, TCP_CTR_ECN_SIGNALS), 0);
	assert_int_equal(p.c->cwnd, 14600);
	peer_stop(&p);
}

/* A connection may go without a mark for more than half of the sequence space. */
static void an_echo_after_gigabytes_without_one_is_heard(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	p.c->ecn_recover -= 0x7fffffff;
	sends(&p, 1, 2, F_ACK);
	peer_send(&p, F_ACK, 1, 2001);
	sends(&p, 2001, 2, F_ACK);
	peer_send(&p, F_ACK | F_ECE, 1, 3001);
	assert_int_equal(counter(&p, TCP_CTR_ECN_SIGNALS), 1);
	peer_stop(&p);
}

/* "For any reason": the receiver may echo a mark of the window that was reduced for a loss. */
static void a_loss_is_told_by_cwr_and_an_echo_reduces_no_further(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	sends(&p, 1, 10, F_ACK);
	for (uint32_t end = 2001; end <= 5001; end += 1000) {
		peer_sack(&p, 1001, end);
		peer_send(&p, F_ACK | F_ECE, 1, 1);
	}
	uint32_t ssthresh = p.c->ssthresh;
	assert_true(ssthresh >= 5000 && ssthresh < 10000);
	assert_int_equal(expect(&p, F_ACK, 1, 1, 1000)->tos, NET_ECN_NOT_ECT);
	expect_skip(&p);
	peer_send(&p, F_ACK | F_ECE, 1, 10001);
	assert_int_equal(p.c->ssthresh, ssthresh);
	user_send(&p, 10001, 1000);
	expect(&p, F_ACK | F_CWR, 10001, 1, 1000);
	peer_stop(&p);
}

/* Section 6.1.2, the other way round: once per window of data, whatever tells first. */
static void a_loss_after_an_echo_reduces_no_further(void **state)
{
	struct peer p;
	(void)state;
	open_ecn(&p);
	sends(&p, 1, 10, F_ACK);
	peer_send(&p, F_ACK | F_ECE, 1, 1001);
	uint32_t ssthresh = p.c->ssthresh;
	assert_true(ssthresh >= 4000 && ssthresh < 10000);
	expect_skip(&p);
	for (uint32_t end = 3001; end <= 6001; end += 1000) {
		peer_sack(&p, 2001, end);
		peer_send(&p, F_ACK | F_ECE, 1, 1001);
	}
	assert_int_equal(p.c->recovery, REC_FAST);
	assert_int_equal(p.c->ssthresh, ssthresh);
	expect_skip(&p);
	peer_stop(&p);
}

static void cwr_is_not_lost_to_a_missing_mbuf(void **state)
{
	static struct rte_mbuf *taken[2048];
	unsigned n = 0;
	struct peer p;
	(void)state;
	open_ecn(&p);
	sends(&p, 1, 2, F_ACK);
	peer_send(&p, F_ACK | F_ECE, 1, 2001);
	expect_none(&p);
	struct lg_chain ch;
	uint8_t byte = peer_byte(2001);
	lg_chain_init(&ch);
	assert_int_equal(lg_chain_write(&ch, p.pool, &byte, 1), 0);
	while ((taken[n] = rte_pktmbuf_alloc(p.pool)) != NULL)
		n++;
	assert_int_equal(tcp_send(p.c, &ch), 0);
	peer_flush(&p);
	expect_none(&p);
	while (n > 0)
		rte_pktmbuf_free(taken[--n]);
	peer_advance(&p, LG_MS(20));
	expect(&p, F_ACK | F_CWR, 2001, 1, 1);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecn_is_granted_to_those_who_ask_for_it_rightly),
		cmocka_unit_test(a_syn_again_without_ecn_turns_it_off),
		cmocka_unit_test(our_data_is_capable_only_after_the_right_answer),
		cmocka_unit_test(a_lost_syn_goes_again_without_ecn),
		cmocka_unit_test(a_simultaneous_open_goes_without),
		cmocka_unit_test(a_syn_cookie_keeps_ecn_with_timestamps),
		cmocka_unit_test(acks_retransmissions_and_lone_fins_are_not_capable),
		cmocka_unit_test(window_probes_are_not_capable),
		cmocka_unit_test(a_mark_is_echoed_at_once_and_until_cwr),
		cmocka_unit_test(a_mark_on_the_segment_with_cwr_is_a_new_one),
		cmocka_unit_test(marks_outside_the_window_or_without_ecn_are_ignored),
		cmocka_unit_test(an_echo_reduces_once_per_window_and_is_answered_by_cwr),
		cmocka_unit_test(an_echo_counts_only_with_ecn_and_with_data_in_flight),
		cmocka_unit_test(an_echo_after_gigabytes_without_one_is_heard),
		cmocka_unit_test(a_loss_is_told_by_cwr_and_an_echo_reduces_no_further),
		cmocka_unit_test(a_loss_after_an_echo_reduces_no_further),
		cmocka_unit_test(cwr_is_not_lost_to_a_missing_mbuf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
