/* SPDX-License-Identifier: BSD-3-Clause */
/* Path MTU: black holes and probes (RFC 4821, RFC 8899), ICMP (RFC 1191, 8201, 5927), ageing. */
#include "peer.h"

#define BYTES (1u << 20)

/* A path that swallows larger packets, and a receiver with SACK behind it. */
struct path {
	uint32_t mtu;
	uint32_t largest; /* packet that got through */
	unsigned swallowed;
	uint32_t edge; /* all below has arrived; relative, 1 is the first byte */
	uint8_t have[BYTES];
};

static struct path path_;

static struct path *path_start(uint32_t mtu)
{
	memset(&path_, 0, sizeof(path_));
	path_.mtu = mtu;
	path_.edge = 1;
	return &path_;
}

static uint32_t packet(const struct peer *p, const struct out_seg *o)
{
	uint32_t ip = lg_ip_is_v4(&p->stack_ip) ? 20 : 40;
	return ip + 20 + tcp_options_len(&o->opt) + o->len;
}

static void acknowledge(struct peer *p, struct path *w, uint32_t last)
{
	while (w->have[w->edge])
		w->edge++;
	if (last >= w->edge) {
		uint32_t from = last, to = last;
		while (w->have[from - 1])
			from--;
		while (w->have[to])
			to++;
		peer_sack(p, from, to);
	}
	peer_send(p, F_ACK, 1, w->edge);
}

static void carry(struct peer *p, struct path *w, const struct out_seg *o)
{
	if (packet(p, o) > w->mtu) {
		w->swallowed++;
		return;
	}
	w->largest = LG_MAX(w->largest, packet(p, o));
	for (uint32_t i = 0; i < o->len; i++) {
		assert_int_equal(o->data[i], peer_byte(o->seq + i));
		w->have[o->seq + i] = 1;
	}
	if (o->len > 0)
		acknowledge(p, w, o->seq);
}

/* For so long, with a round trip of 10 ms. */
static void path_run(struct peer *p, struct path *w, lg_us us)
{
	static struct out_seg segs[PEER_OUT];
	for (lg_us end = p->now + us; p->now < end;) {
		unsigned n = p->n_out;
		memcpy(segs, p->out, n * sizeof(segs[0]));
		expect_skip(p);
		peer_advance(p, LG_MS(10));
		for (unsigned i = 0; i < n; i++) {
			p->now += 20; /* segments arrive one after the other */
			carry(p, w, &segs[i]);
		}
	}
}

static void start(struct peer *p, enum tcp_mtu_probing mode, bool sack)
{
	struct tcp_opts o;
	struct tcp_options syn = peer_syn_options();

	tcp_opts_default(&o);
	o.mtu_probing = mode;
	o.keepalive_idle = 0; /* hours pass here */
	syn.sack_permitted = sack;
	peer_start(p);
	peer_listen_opts(p, &o);
	peer_open_opt(p, &syn);
}

static void stop(struct peer *p)
{
	expect_skip(p);
	peer_stop(p);
}

/* n full segments that nobody acknowledges. */
static void flight(struct peer *p, uint32_t seq, uint32_t n)
{
	user_send(p, seq, n * 1460);
	for (uint32_t i = 0; i < n; i++)
		expect(p, F_ACK, seq + i * 1460, 1, 1460);
	expect_none(p);
}

/* The next retransmission timeout, and what leaves then. */
static void timeout(struct peer *p, uint32_t seq, uint32_t len)
{
	uint64_t before = counter(p, TCP_CTR_RTO_TIMEOUTS);
	while (counter(p, TCP_CTR_RTO_TIMEOUTS) == before) {
		expect_skip(p);
		peer_advance(p, LG_MS(10));
	}
	expect(p, F_ACK, seq, 1, len);
}

static void too_big(struct peer *p, uint32_t seq, uint32_t mtu)
{
	struct net_icmp_error e = {.local = p->stack_ip,
		.remote = p->peer_ip,
		.lport = p->stack_port,
		.rport = p->peer_port,
		.seq = seq + p->stack_isn,
		.kind = NET_ICMP_TOO_BIG,
		.mtu = mtu,
		.side = p->side};
	tcp_icmp_error(p->s, &e, p->now);
	peer_flush(p);
}

/* ---- black holes ---- */

static void the_third_timeout_of_a_full_segment_makes_it_smaller(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	flight(&p, 1, 3);
	timeout(&p, 1, 1460);
	timeout(&p, 1, 1460);
	timeout(&p, 1, 1024);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 1);
	/* That got through: all of it goes again in pieces. */
	peer_send(&p, F_ACK, 1, 1025);
	expect(&p, F_ACK, 1025, 1, 436);
	expect(&p, F_ACK, 1461, 1, 1024);
	assert_int_equal(tcp_conn_mss(p.c), 1024);
	stop(&p);
}

static void a_hole_for_smaller_segments_too_is_found_by_two_more(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	flight(&p, 1, 3);
	timeout(&p, 1, 1460);
	timeout(&p, 1, 1460);
	timeout(&p, 1, 1024);
	timeout(&p, 1, 1024);
	timeout(&p, 1, 512);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 2);
	stop(&p);
}

static void progress_between_timeouts_is_no_black_hole(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	flight(&p, 1, 4);
	for (uint32_t i = 0; i < 3; i++) {
		timeout(&p, 1 + i * 1460, 1460);
		expect_skip(&p);
		peer_send(&p, F_ACK, 1, 1461 + i * 1460);
	}
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 0);
	stop(&p);
}

static void when_small_segments_are_lost_too_the_size_is_restored(void **state)
{
	static const uint32_t lens[] = {1460, 1460, 1024, 1024, 512, 512, 512, 512};
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, false);
	flight(&p, 1, 3);
	for (unsigned i = 0; i < 8; i++)
		timeout(&p, 1, lens[i]);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 2); /* and no second round */
	/* The peer is back: full segments. */
	peer_send(&p, F_ACK, 1, 1 + 3 * 1460);
	expect_skip(&p);
	assert_int_equal(p.c->pmtu, 1500);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_RAISED), 1);
	user_send(&p, 1 + 3 * 1460, 1460);
	expect(&p, F_ACK, 1 + 3 * 1460, 1, 1460);
	stop(&p);
}

static void small_segments_that_get_lost_say_nothing(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	user_send(&p, 1, 1000);
	expect(&p, F_ACK, 1, 1, 1000);
	for (int i = 0; i < 5; i++)
		timeout(&p, 1, 1000);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 0);
	stop(&p);
}

static void nothing_is_suspected_when_it_is_off(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_OFF, true);
	flight(&p, 1, 3);
	for (int i = 0; i < 5; i++)
		timeout(&p, 1, 1460);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 0);
	stop(&p);
}

/* RFC 8200 section 5: 1280 always works, below it there is nothing to try. */
static void ipv6_stops_at_1280(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	assert_int_equal(lg_ip_parse("2001:db8::1", &p.stack_ip), 0);
	assert_int_equal(lg_ip_parse("2001:db8:1::7", &p.peer_ip), 0);
	peer_listen(&p);
	peer_open_sack(&p);
	user_send(&p, 1, 3 * 1440);
	timeout(&p, 1, 1440);
	timeout(&p, 1, 1440);
	for (int i = 0; i < 4; i++)
		timeout(&p, 1, 1220);
	assert_int_equal(p.c->pmtu, 1280);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 1);
	stop(&p);
}

/* ---- the way back up ---- */

static void the_size_of_a_hole_is_found_without_a_congestion_signal(void **state)
{
	struct peer p;
	struct path *w = path_start(1400);
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	user_send(&p, 1, 400000);
	path_run(&p, w, LG_SEC(6));
	assert_int_equal(w->edge, 400001);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_BLACK_HOLE), 1);
	assert_true(p.c->pmtu > 1400 - 32 && p.c->pmtu <= 1400);
	assert_int_equal(w->largest, p.c->pmtu);
	assert_true(counter(&p, TCP_CTR_PMTU_PROBES_LOST) >= 2);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 0);
	/* The search is over; ten minutes later the path may be another. */
	uint64_t probes = counter(&p, TCP_CTR_PMTU_PROBES);
	user_send(&p, 400001, 100000);
	path_run(&p, w, LG_SEC(2));
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), probes);
	w->mtu = 1500;
	peer_advance(&p, LG_SEC(600));
	user_send(&p, 500001, 100000);
	path_run(&p, w, LG_SEC(2));
	assert_int_equal(p.c->pmtu, 1500);
	stop(&p);
}

/* An outage looks like a black hole; the first probe is of the full size and clears it up. */
static void after_an_outage_one_probe_restores_the_size(void **state)
{
	struct peer p;
	struct path *w = path_start(0);
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	user_send(&p, 1, 200000);
	path_run(&p, w, LG_MS(2500));
	assert_int_equal(p.c->pmtu, 1064);
	w->mtu = 1500;
	path_run(&p, w, LG_SEC(6));
	assert_int_equal(w->edge, 200001);
	assert_int_equal(p.c->pmtu, 1500);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), 1);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES_LOST), 0);
	stop(&p);
}

/* Without SACK a probe's loss couldn't be told from congestion: none is sent. */
static void without_sack_the_size_stays_until_it_is_old(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, false);
	flight(&p, 1, 3);
	timeout(&p, 1, 1460);
	timeout(&p, 1, 1460);
	timeout(&p, 1, 1024);
	peer_send(&p, F_ACK, 1, 1 + 3 * 1460);
	expect_skip(&p);
	peer_advance(&p, LG_SEC(590));
	user_send(&p, 4381, 1460);
	expect(&p, F_ACK, 4381, 1, 1024);
	expect(&p, F_ACK, 5405, 1, 436);
	peer_send(&p, F_ACK, 1, 5841);
	peer_advance(&p, LG_SEC(11));
	user_send(&p, 5841, 100);
	expect(&p, F_ACK, 5841, 1, 100);
	peer_send(&p, F_ACK, 1, 5941);
	user_send(&p, 5941, 1460);
	expect(&p, F_ACK, 5941, 1, 1460);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_RAISED), 1);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), 0);
	stop(&p);
}

/* RFC 4821 section 7.2 */
static void probing_from_the_start_begins_small_and_tries_the_rest_at_once(void **state)
{
	struct peer p;
	struct path *w = path_start(1500);
	(void)state;
	start(&p, TCP_MTU_ON, true);
	assert_int_equal(tcp_conn_mss(p.c), 1024);
	user_send(&p, 1, 50000);
	assert_int_equal(p.out[0].len, 1460);
	assert_int_equal(p.out[1].len, 1024);
	path_run(&p, w, LG_MS(500));
	assert_int_equal(p.c->pmtu, 1500);
	assert_int_equal(w->edge, 50001);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), 1);
	stop(&p);
}

static void probing_from_the_start_never_stalls_in_a_black_hole(void **state)
{
	struct peer p;
	struct path *w = path_start(1280);
	(void)state;
	start(&p, TCP_MTU_ON, true);
	user_send(&p, 1, 700000);
	path_run(&p, w, LG_SEC(2));
	assert_int_equal(w->edge, 700001);
	assert_true(p.c->pmtu > 1280 - 32 && p.c->pmtu <= 1280);
	assert_int_equal(counter(&p, TCP_CTR_RTO_TIMEOUTS), 0);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 0);
	stop(&p);
}

/* Too little data behind a probe, and only a timer would see its loss. */
static void no_probe_is_sent_without_enough_to_send(void **state)
{
	struct peer p;
	struct path *w = path_start(1500);
	(void)state;
	start(&p, TCP_MTU_ON, true);
	user_send(&p, 1, 4000);
	path_run(&p, w, LG_MS(200));
	assert_int_equal(w->edge, 4001);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), 0);
	assert_int_equal(p.c->pmtu, 1064);
	stop(&p);
}

/* ---- ICMP ---- */

/* RFC 1191 section 6.3 */
static void what_icmp_said_is_forgotten_after_ten_minutes(void **state)
{
	struct peer p;
	struct path *w = path_start(1500);
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	flight(&p, 1, 3);
	too_big(&p, 1, 1300);
	path_run(&p, w, LG_SEC(500));
	assert_int_equal(w->edge, 4381);
	user_send(&p, 4381, 50000);
	path_run(&p, w, LG_SEC(1));
	assert_int_equal(p.c->pmtu, 1300);
	peer_advance(&p, LG_SEC(100));
	user_send(&p, 54381, 50000);
	path_run(&p, w, LG_SEC(1));
	assert_int_equal(p.c->pmtu, 1500);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), 1);
	stop(&p);
}

/* RFC 5927 section 7.2: full segments are acknowledged, and an error claims that they don't pass.
 */
static void an_error_against_what_was_acknowledged_is_checked_soon(void **state)
{
	struct peer p;
	struct path *w = path_start(1500);
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	user_send(&p, 1, 20000);
	path_run(&p, w, LG_SEC(1));
	assert_int_equal(w->edge, 20001);
	expect_skip(&p);
	flight(&p, 20001, 3);
	too_big(&p, 20001, 600);
	assert_int_equal(p.c->pmtu, 600);
	path_run(&p, w, LG_SEC(31));
	user_send(&p, 24381, 50000);
	path_run(&p, w, LG_SEC(1));
	assert_int_equal(p.c->pmtu, 1500);
	stop(&p);
}

/* RFC 5927 section 7.2, the other half: about a size that is not in flight. */
static void an_error_about_a_size_never_sent_is_dropped(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	user_send(&p, 1, 700);
	expect(&p, F_ACK, 1, 1, 700);
	too_big(&p, 1, 1300);
	too_big(&p, 1, 740);
	assert_int_equal(counter(&p, TCP_CTR_DROP_ICMP), 2);
	assert_int_equal(p.c->pmtu, 1500);
	expect_none(&p);
	too_big(&p, 1, 739);
	expect(&p, F_ACK, 1, 1, 699);
	expect(&p, F_ACK, 700, 1, 1);
	stop(&p);
}

static void an_error_about_a_probe_tells_its_size_exactly(void **state)
{
	struct peer p;
	struct path *w = path_start(1380);
	(void)state;
	start(&p, TCP_MTU_ON, true);
	user_send(&p, 1, 100000);
	assert_int_equal(p.out[0].len, 1460);
	p.now += LG_MS(3);
	too_big(&p, 1, 1380);
	assert_int_equal(p.c->pmtu, 1064);
	path_run(&p, w, LG_SEC(1));
	assert_int_equal(w->edge, 100001);
	assert_int_equal(p.c->pmtu, 1380);
	assert_int_equal(counter(&p, TCP_CTR_PMTU_PROBES), 2);
	assert_int_equal(counter(&p, TCP_CTR_FAST_RETRANS), 0);
	stop(&p);
}

/* Its record was joined with a SACKed neighbour: there is none that begins where it began. */
static void probe_whose_record_is_gone_is_over(void **state)
{
	struct peer p;
	(void)state;
	start(&p, TCP_MTU_BLACK_HOLE, true);
	user_send(&p, 1, 4000);
	expect_skip(&p);
	p.c->flags |= CF_PMTU;
	p.c->pmtud.probe_seq = p.c->snd_una + 100;
	p.c->pmtud.probe_end = p.c->snd_una + 1000;
	peer_send(&p, F_ACK, 1, 4001);
	assert_int_equal(p.c->pmtud.probe_end, p.c->pmtud.probe_seq);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_whose_record_is_gone_is_over),
		cmocka_unit_test(the_third_timeout_of_a_full_segment_makes_it_smaller),
		cmocka_unit_test(a_hole_for_smaller_segments_too_is_found_by_two_more),
		cmocka_unit_test(progress_between_timeouts_is_no_black_hole),
		cmocka_unit_test(when_small_segments_are_lost_too_the_size_is_restored),
		cmocka_unit_test(small_segments_that_get_lost_say_nothing),
		cmocka_unit_test(nothing_is_suspected_when_it_is_off),
		cmocka_unit_test(ipv6_stops_at_1280),
		cmocka_unit_test(the_size_of_a_hole_is_found_without_a_congestion_signal),
		cmocka_unit_test(after_an_outage_one_probe_restores_the_size),
		cmocka_unit_test(without_sack_the_size_stays_until_it_is_old),
		cmocka_unit_test(probing_from_the_start_begins_small_and_tries_the_rest_at_once),
		cmocka_unit_test(probing_from_the_start_never_stalls_in_a_black_hole),
		cmocka_unit_test(no_probe_is_sent_without_enough_to_send),
		cmocka_unit_test(what_icmp_said_is_forgotten_after_ten_minutes),
		cmocka_unit_test(an_error_against_what_was_acknowledged_is_checked_soon),
		cmocka_unit_test(an_error_about_a_size_never_sent_is_dropped),
		cmocka_unit_test(an_error_about_a_probe_tells_its_size_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
