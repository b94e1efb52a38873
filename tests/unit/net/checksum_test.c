/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include "net/net_if.h"

/* RFC 1071 section 3: the sum of 0001 f203 f4f5 f6f7 is ddf2. */
static void sums_the_example_of_rfc_1071(void **state)
{
	const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	(void)state;
	assert_int_equal(net_host16(net_sum_fold(net_sum(0, data, sizeof(data), false))), 0xddf2);
}

static void verifies_a_known_ipv4_header(void **state)
{
	const uint8_t header[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
	(void)state;
	assert_int_equal(net_sum_fold(net_sum(0, header, 20, false)), 0xffff);
}

/* RFC 1071 2.B: pieces may start anywhere. */
static void segments_of_any_length_give_the_same_sum(void **state)
{
	struct world *w = world_prepare();
	uint8_t data[97];
	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 151 + 200);
	for (uint32_t seg = 1; seg <= sizeof(data); seg++) {
		struct rte_mbuf *m = to_mbuf(w, data, sizeof(data), seg);
		for (uint32_t off = 0; off < 9; off++) {
			uint16_t got = net_sum_fold(net_sum_mbuf(0, m, off, sizeof(data) - 2));
			uint32_t want = ref_sum(0, data + off, (uint32_t)sizeof(data) - 2 - off);
			assert_int_equal(net_host16(got), want);
		}
		rte_pktmbuf_free(m);
	}
	free(w->sent);
	free(w);
}

static void carries_are_not_lost(void **state)
{
	uint8_t ones[65535];
	(void)state;
	memset(ones, 0xff, sizeof(ones));
	uint64_t sum = net_sum(net_sum(0, ones, sizeof(ones), false), ones, sizeof(ones), true);
	assert_int_equal(net_sum_fold(sum), 0xffff);
	assert_int_equal(net_sum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(net_sum_fold(0), 0);
}

static void pseudo_header_holds_addresses_protocol_and_length(void **state)
{
	struct lg_ip a = ip_of("192.0.2.1"), b = ip_of("198.51.100.7");
	(void)state;
	uint16_t v4 = net_sum_fold(net_sum_pseudo(&a, &b, 6, 1480));
	assert_int_equal(
		net_host16(v4), ref_sum(ref_pseudo("192.0.2.1", "198.51.100.7", 6, 1480), NULL, 0));
	a = ip_of("2001:db8::1");
	b = ip_of("2001:db8:ffff::2");
	uint16_t v6 = net_sum_fold(net_sum_pseudo(&a, &b, 58, 70000));
	assert_int_equal(net_host16(v6),
		ref_sum(ref_pseudo("2001:db8::1", "2001:db8:ffff::2", 58, 70000), NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_the_example_of_rfc_1071),
		cmocka_unit_test(verifies_a_known_ipv4_header),
		cmocka_unit_test(segments_of_any_length_give_the_same_sum),
		cmocka_unit_test(carries_are_not_lost),
		cmocka_unit_test(pseudo_header_holds_addresses_protocol_and_length),
	};
	return cmocka_run_group_tests(tests, world_group_setup, NULL);
}
