/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rte_thash.h>

#include "flow/flow.h"

/* The key of Microsoft's "Verifying the RSS Hash Calculation". */
static const uint8_t ms_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25,
	0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb,
	0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static struct flow_steer steer;

static struct lg_ip ip(const char *text)
{
	struct lg_ip a;
	assert_int_equal(lg_ip_parse(text, &a), 0);
	return a;
}

static uint64_t rng = 88172645463325252u;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* A port with the key above and a table whose entry i is queue i * 7 % n_rxq. */
static struct net_port rss_port(uint8_t key_len, uint16_t reta_size, uint16_t n_rxq)
{
	struct net_port p = {.n_rxq = n_rxq, .rss_key_len = key_len, .reta_size = reta_size};
	memcpy(p.rss_key, ms_key, sizeof(ms_key));
	for (unsigned i = 0; i < reta_size; i++)
		p.reta[i] = (uint16_t)(i * 7 % n_rxq);
	return p;
}

static void the_hash_is_microsofts(void **state)
{
	static const struct {
		const char *src;
		uint16_t sport;
		const char *dst;
		uint16_t dport;
		uint32_t hash;
	} v[] = {
		{"66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178},
		{"199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea},
		{"24.19.198.95", 12898, "12.22.207.184", 38024, 0x5c2b394a},
		{"38.27.205.30", 48228, "209.142.163.6", 2217, 0xafc7327f},
		{"153.39.163.191", 44251, "202.188.127.2", 1303, 0x10e828a2},
		{"3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3d},
		{"3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0xdde51bbf},
		{"3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, "fe80::200:f8ff:fe21:67cf", 38024,
			0x02d1feef},
	};
	struct net_port port = rss_port(40, 128, 4);
	(void)state;
	flow_steer_init(&steer, 4, &port, &port);
	for (size_t i = 0; i < LG_ARRAY_SIZE(v); i++) {
		struct lg_ip src = ip(v[i].src), dst = ip(v[i].dst);
		assert_int_equal(
			flow_hash_front(&steer, &src, v[i].sport, &dst, v[i].dport), v[i].hash);
		unsigned queue = v[i].hash % 128 * 7 % 4;
		assert_int_equal(
			flow_owner_front(&steer, &src, v[i].sport, &dst, v[i].dport), queue);
		assert_int_equal(
			flow_back_queue(&steer, &src, v[i].sport, &dst, v[i].dport), (int)queue);
	}
}

/* With any key, 52 bytes long too, our prediction is DPDK's. */
static void the_hash_is_that_of_dpdk(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct net_port port = rss_port(round % 2 ? 52 : 40, 512, 2);
		for (unsigned i = 0; i < port.rss_key_len; i++)
			port.rss_key[i] = (uint8_t)rnd();
		flow_steer_init(&steer, 2, &port, NULL);
		struct lg_ip src = lg_ip_from_v4((uint32_t)rnd()),
			     dst = lg_ip_from_v4((uint32_t)rnd());
		bool v6 = rnd() % 2;
		if (v6)
			src = (struct lg_ip){.q = {rnd(), rnd()}};
		if (v6)
			dst = (struct lg_ip){.q = {rnd(), rnd()}};
		uint16_t sport = (uint16_t)rnd(), dport = (uint16_t)rnd();
		uint32_t tuple[9], n = 0;
		for (unsigned i = v6 ? 0 : 3; i < 4; i++)
			tuple[n++] = rte_be_to_cpu_32(src.w[i]);
		for (unsigned i = v6 ? 0 : 3; i < 4; i++)
			tuple[n++] = rte_be_to_cpu_32(dst.w[i]);
		tuple[n++] = (uint32_t)sport << 16 | dport;
		assert_int_equal(flow_hash_front(&steer, &src, sport, &dst, dport),
			rte_softrss(tuple, n, port.rss_key));
	}
}

static void queues_beyond_the_workers_fold(void **state)
{
	struct net_port port = rss_port(40, 64, 8);
	struct lg_ip dst = ip("192.0.2.1");
	(void)state;
	flow_steer_init(&steer, 3, &port, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		struct lg_ip src = lg_ip_from_v4((uint32_t)rnd());
		uint32_t hash = flow_hash_front(&steer, &src, 1000, &dst, 443);
		assert_int_equal(
			flow_owner_front(&steer, &src, 1000, &dst, 443), port.reta[hash % 64] % 3);
	}
}

/* Each worker must get connections, whatever the port can do. */
static void assert_spread(unsigned n_workers)
{
	unsigned count[16] = {0};
	struct lg_ip dst = ip("192.0.2.1");
	for (unsigned i = 0; i < 16000; i++) {
		struct lg_ip src = lg_ip_from_v4((uint32_t)rnd());
		unsigned w = flow_owner_front(&steer, &src, (uint16_t)rnd(), &dst, 443);
		assert_true(w < n_workers);
		count[w]++;
	}
	for (unsigned w = 0; w < n_workers; w++)
		assert_in_range(count[w], 16000 / n_workers * 8 / 10, 16000 / n_workers * 12 / 10);
}

static void without_rss_all_workers_share(void **state)
{
	struct net_port none = {.n_rxq = 4};
	(void)state;
	for (unsigned n = 1; n <= 16; n++) {
		flow_steer_init(&steer, n, NULL, NULL);
		assert_spread(n);
		flow_steer_init(&steer, n, &none, &none);
		assert_spread(n);
	}
}

static void with_fewer_queues_than_workers_all_workers_share(void **state)
{
	struct net_port port = rss_port(40, 128, 2);
	(void)state;
	flow_steer_init(&steer, 4, &port, NULL);
	assert_spread(4);
}

static void the_default_key_is_symmetric(void **state)
{
	(void)state;
	flow_steer_init(&steer, 8, NULL, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		struct lg_ip a = {.q = {rnd(), rnd()}}, b = {.q = {rnd(), rnd()}};
		struct lg_ip c = lg_ip_from_v4((uint32_t)rnd()), d = lg_ip_from_v4((uint32_t)rnd());
		uint16_t p = (uint16_t)rnd(), q = (uint16_t)rnd();
		assert_int_equal(flow_hash_front(&steer, &a, p, &b, q),
			flow_hash_front(&steer, &b, q, &a, p));
		assert_int_equal(flow_hash_front(&steer, &c, p, &d, q),
			flow_hash_front(&steer, &d, q, &c, p));
	}
}

static void the_way_back_is_predicted_only_where_the_port_has_rss(void **state)
{
	struct net_port rss = rss_port(40, 128, 4), none = {.n_rxq = 4};
	struct lg_ip a = ip("10.0.1.1"), b = ip("10.0.0.1");
	(void)state;
	flow_steer_init(&steer, 4, &rss, NULL);
	assert_int_equal(flow_back_queue(&steer, &a, 443, &b, 2000), -1);
	flow_steer_init(&steer, 4, NULL, &none);
	assert_int_equal(flow_back_queue(&steer, &a, 443, &b, 2000), -1);
	flow_steer_init(&steer, 4, NULL, &rss);
	assert_in_range(flow_back_queue(&steer, &a, 443, &b, 2000), 0, 3);
}

static void the_local_port_tells_the_owner_of_an_answer(void **state)
{
	(void)state;
	flow_steer_init(&steer, 3, NULL, NULL);
	assert_int_equal(flow_owner_back(&steer, 3000), 0);
	assert_int_equal(flow_owner_back(&steer, 3001), 1);
	assert_int_equal(flow_owner_back(&steer, 65535), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_microsofts),
		cmocka_unit_test(the_hash_is_that_of_dpdk),
		cmocka_unit_test(queues_beyond_the_workers_fold),
		cmocka_unit_test(without_rss_all_workers_share),
		cmocka_unit_test(with_fewer_queues_than_workers_all_workers_share),
		cmocka_unit_test(the_default_key_is_symmetric),
		cmocka_unit_test(the_way_back_is_predicted_only_where_the_port_has_rss),
		cmocka_unit_test(the_local_port_tells_the_owner_of_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
