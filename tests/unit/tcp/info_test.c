/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_conn_info(): what is shown is what happened. */
#include "peer.h"

static struct tcp_info info(struct peer *p)
{
	struct tcp_info i;
	tcp_conn_info(p->c, p->now, &i);
	return i;
}

static void open_all_options(struct peer *p)
{
	struct tcp_options o = peer_syn_options();
	o.has_wscale = true;
	o.wscale = 5;
	o.sack_permitted = true;
	o.has_ts = true;
	o.tsval = p->tsval = 77;
	p->ts = true;
	peer_start(p);
	p->ts = true;
	p->tsval = 77;
	peer_listen(p);
	peer_open_opt(p, &o);
}

static void options_and_sizes_are_those_of_the_handshake(void **state)
{
	struct peer p;
	(void)state;
	open_all_options(&p);
	struct tcp_info i = info(&p);
	assert_int_equal(i.state, TCP_ESTABLISHED);
	assert_true(i.timestamps && i.sack && i.window_scaling && !i.active);
	assert_int_equal(i.snd_wscale, 5);
	assert_int_equal(i.mss, 1448);
	assert_int_equal(i.pmtu, 1500);
	assert_string_equal(i.recovery, "open");
	assert_string_equal(i.timer, "keepalive");
	assert_int_equal(i.timer_in, LG_SEC(120));
	assert_int_equal(i.snd_wnd, 65535u << 5);
	assert_int_equal(i.key.rport, p.peer_port);
	peer_stop(&p);
}

static void every_octet_and_segment_is_counted_once(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 3000);
	struct tcp_info i = info(&p);
	assert_int_equal(i.octets_out, 3000);
	assert_int_equal(i.octets_acked, 0);
	assert_int_equal(i.unacked, 3000);
	assert_int_equal(i.data_segs_out, 3);
	assert_int_equal(i.segs_out, 4); /* with the SYN-ACK */
	assert_string_equal(i.timer, "rto");
	peer_send(&p, F_ACK, 1, 1461);
	peer_send_data(&p, 1, 1461, 500);
	peer_send_data(&p, 701, 1461, 100);
	i = info(&p);
	assert_int_equal(i.octets_acked, 1460);
	assert_int_equal(i.octets_in, 500);
	assert_int_equal(i.rcv_queued, 500);
	assert_int_equal(i.ooo_ranges, 1);
	assert_int_equal(i.data_segs_in, 2);
	assert_int_equal(i.segs_in, 4); /* the handshake's last ACK, an ACK, two with data */
	assert_int_equal(i.octets_retrans, 0);
	expect_skip(&p);
	peer_advance(&p, LG_MS(400));
	i = info(&p);
	assert_int_equal(i.segs_retrans, 1);
	assert_int_equal(i.octets_retrans, 1460);
	assert_int_equal(i.octets_out, 3000);
	assert_string_equal(i.recovery, "loss");
	assert_int_equal(i.backoff, 1);
	assert_int_equal(i.since_receive, LG_MS(400));
	expect_skip(&p);
	peer_stop(&p);
}

static void it_says_what_data_waits_for(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	user_send(&p, 1, 20 * 1460);
	assert_string_equal(info(&p).limited, "cwnd");
	p.wnd = 1000;
	expect_skip(&p);
	peer_send(&p, F_ACK, 1, 14601);
	assert_string_equal(info(&p).limited, "rwnd");
	p.wnd = 65535;
	peer_send(&p, F_ACK, 1, 14601);
	peer_send(&p, F_ACK, 1, 20 * 1460 + 1);
	assert_string_equal(info(&p).limited, "none");
	expect_skip(&p);
	peer_stop(&p);
}

struct seen {
	unsigned n, stop_at;
};

static bool see(void *ctx, struct tcp_conn *c)
{
	struct seen *s = ctx;
	(void)c;
	return ++s->n != s->stop_at;
}

static void a_walk_in_slices_sees_each_connection_once(void **state)
{
	struct peer p;
	struct seen s = {0};
	uint32_t at = 0;
	unsigned slices = 0;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	for (unsigned i = 0; i < 5; i++) {
		p.peer_port = (uint16_t)(40000 + i);
		peer_open(&p);
	}
	do {
		at = tcp_each_from(p.s, at, 3, see, &s);
		slices++;
	} while (at != 0);
	assert_int_equal(s.n, 5);
	assert_int_equal(slices, 11); /* 32 blocks */
	s = (struct seen){.stop_at = 2};
	at = tcp_each_from(p.s, 0, 32, see, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(tcp_each_from(p.s, at, 32, see, &s), 0);
	assert_int_equal(s.n, 5);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_sizes_are_those_of_the_handshake),
		cmocka_unit_test(every_octet_and_segment_is_counted_once),
		cmocka_unit_test(it_says_what_data_waits_for),
		cmocka_unit_test(a_walk_in_slices_sees_each_connection_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
