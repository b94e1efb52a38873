/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening connections: RFC 9293 sections 3.5 and 3.10.7.1 to 3.10.7.3. */
#include "peer.h"

static void handshake_gives_established_on_both_roles(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	assert_ptr_equal(tcp_conn_listener_user(p.c), &p);
	tcp_abort(p.c, p.now);
	user_release(&p);
	expect(&p, F_RST | F_ACK, 1, 1, 0);
	expect_none(&p);
	peer_connect_established(&p);
	assert_int_equal(counter(&p, TCP_CTR_PASSIVE_OPENS), 1);
	assert_int_equal(counter(&p, TCP_CTR_ACTIVE_OPENS), 1);
	peer_stop(&p);
}

static void data_flows_both_ways_and_closes(void **state)
{
	struct peer p;
	(void)state;
	peer_start(&p);
	peer_listen(&p);
	peer_open(&p);
	peer_send_data(&p, 1, 1, 100);
	expect(&p, F_ACK, 1, 101, 0);
	assert_int_equal(peer_events(&p), TCP_EV_READABLE);
	user_read(&p, 1, 100);
	user_send(&p, 1, 3000);
	expect(&p, F_ACK, 1, 101, 1460);
	expect(&p, F_ACK, 1461, 101, 1460);
	expect(&p, F_ACK, 2921, 101, 80);
	expect_none(&p);
	peer_send(&p, F_ACK, 101, 3001);
	user_shutdown(&p);
	expect(&p, F_FIN | F_ACK, 3001, 101, 0);
	expect_none(&p);
	peer_send(&p, F_ACK | F_FIN, 101, 3002);
	expect(&p, F_ACK, 3002, 102, 0);
	expect_none(&p);
	assert_int_equal(peer_events(&p), TCP_EV_EOF | TCP_EV_CLOSED);
	assert_int_equal(tcp_conn_state(p.c), TCP_TIME_WAIT);
	user_release(&p);
	peer_advance(&p, LG_SEC(61));
	expect_none(&p);
	peer_stop(&p);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_gives_established_on_both_roles),
		cmocka_unit_test(data_flows_both_ways_and_closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
