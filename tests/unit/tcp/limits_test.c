/* SPDX-License-Identifier: BSD-3-Clause */
/* Law 4: limits that come from the file hold as they are set. */
#include "peer.h"

static void tight(struct tcp_stack_params *params)
{
	params->max_ooo_ranges = 5;
	params->rst_rate = 7;
	params->challenge_rate = 10;
}

static void as_many_out_of_order_ranges_as_allowed_are_kept(void **state)
{
	struct peer p;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), tight);
	peer_listen(&p);
	peer_open_sack(&p);
	for (uint32_t i = 0; i < 20; i++)
		peer_send_data(&p, 11 + i * 20, 1, 10);
	assert_int_equal(p.c->n_ooo, 5);
	assert_int_equal(counter(&p, TCP_CTR_DROP_OOO_LIMIT), 15);
	/* What fills a gap is welcome at the limit. */
	peer_send_data(&p, 21, 1, 10);
	assert_int_equal(p.c->n_ooo, 4);
	peer_stop(&p);
}

static void as_many_resets_as_allowed_leave_in_a_second(void **state)
{
	struct peer p;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), tight);
	peer_listen(&p);
	for (int i = 0; i < 30; i++)
		peer_send(&p, F_ACK, 5, 77);
	assert_int_equal(p.n_out, 7);
	peer_advance(&p, LG_SEC(1));
	peer_send(&p, F_ACK, 5, 77);
	assert_int_equal(p.n_out, 8);
	peer_stop(&p);
}

/* RFC 5961 section 7; the exact number is nobody's business (CVE-2016-5696). */
static void challenge_acks_of_all_connections_stay_near_the_limit(void **state)
{
	struct peer p;
	(void)state;
	peer_start_at(&p, LG_SEC(1000), tight);
	peer_listen(&p);
	for (uint16_t i = 0; i < 4; i++) {
		p.peer_port = (uint16_t)(40000 + i);
		expect_skip(&p);
		peer_open(&p);
		for (int k = 0; k < 8; k++)
			peer_send(&p, F_RST, 5, 0);
	}
	uint64_t n = counter(&p, TCP_CTR_CHALLENGE_ACKS);
	assert_true(n >= 5 && n < 15);
	peer_stop(&p);
}

/* RFC 9293 section 3.8.4: idle time, interval and number are the operator's (MUST-27). */
static void keepalive_goes_by_its_settings(void **state)
{
	struct peer p;
	struct tcp_opts o;
	(void)state;
	tcp_opts_default(&o);
	o.keepalive_idle = LG_SEC(600);
	o.keepalive_interval = LG_SEC(3);
	o.keepalive_probes = 2;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	peer_open(&p);
	peer_advance(&p, LG_SEC(599));
	expect_none(&p);
	peer_advance(&p, LG_SEC(2));
	expect(&p, F_ACK, 0, 1, 0);
	peer_advance(&p, LG_SEC(3));
	expect(&p, F_ACK, 0, 1, 0);
	expect_none(&p);
	peer_advance(&p, LG_SEC(3));
	expect(&p, F_ACK | F_RST, 1, 1, 0);
	assert_int_equal(peer_events(&p), TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_reason(p.c), TCP_REASON_KEEPALIVE_TIMEOUT);
	user_release(&p);
	peer_stop(&p);
}

/* MUST-24 */
static void keepalive_can_be_off(void **state)
{
	struct peer p;
	struct tcp_opts o;
	(void)state;
	tcp_opts_default(&o);
	o.keepalive_idle = 0;
	peer_start(&p);
	peer_listen_opts(&p, &o);
	peer_open(&p);
	peer_advance(&p, LG_SEC(3 * 3600));
	expect_none(&p);
	assert_int_equal(tcp_conn_state(p.c), TCP_ESTABLISHED);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_out_of_order_ranges_as_allowed_are_kept),
		cmocka_unit_test(as_many_resets_as_allowed_leave_in_a_second),
		cmocka_unit_test(challenge_acks_of_all_connections_stay_near_the_limit),
		cmocka_unit_test(keepalive_goes_by_its_settings),
		cmocka_unit_test(keepalive_can_be_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
