/* SPDX-License-Identifier: BSD-3-Clause */
/* The legality table: every state against every combination of SYN, FIN, RST and ACK. */
#include "../eal.h"

#include "tcp/tcp_internal.h"

static const uint8_t flag_bits[] = {
	RTE_TCP_FIN_FLAG, RTE_TCP_SYN_FLAG, RTE_TCP_RST_FLAG, RTE_TCP_ACK_FLAG};

static uint8_t combination(unsigned bits)
{
	uint8_t flags = 0;
	for (unsigned i = 0; i < 4; i++)
		if (bits & 1u << i)
			flags |= flag_bits[i];
	return flags;
}

/* SYN excludes FIN and RST, RST excludes FIN, and nothing but SYN and RST goes without ACK. */
static bool means_something(uint8_t f)
{
	bool fin = f & RTE_TCP_FIN_FLAG, syn = f & RTE_TCP_SYN_FLAG, rst = f & RTE_TCP_RST_FLAG;
	if (fin + syn + rst > 1)
		return false;
	return syn || rst || f & RTE_TCP_ACK_FLAG;
}

static void senseless_combinations_are_dropped_in_every_state(void **state)
{
	(void)state;
	for (int st = TCP_CLOSED; st < TCP_STATES; st++)
		for (unsigned i = 0; i < 16; i++)
			assert_int_equal(
				tcp_legal((enum tcp_state)st, combination(i)) != LEGAL_DROP,
				means_something(combination(i)));
}

static void psh_urg_and_ecn_flags_change_nothing(void **state)
{
	(void)state;
	for (int st = TCP_CLOSED; st < TCP_STATES; st++)
		for (unsigned i = 0; i < 16; i++)
			assert_int_equal(tcp_legal((enum tcp_state)st, combination(i)),
				tcp_legal((enum tcp_state)st,
					combination(i) | RTE_TCP_PSH_FLAG | RTE_TCP_URG_FLAG |
						RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG));
}

static void only_a_bare_syn_opens_and_a_reset_is_never_answered(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		uint8_t f = combination(i);
		assert_int_equal(tcp_legal(TCP_LISTEN, f) == LEGAL_OPEN, f == RTE_TCP_SYN_FLAG);
		if (f & RTE_TCP_RST_FLAG) {
			assert_int_not_equal(tcp_legal(TCP_LISTEN, f), LEGAL_RESET);
			assert_int_not_equal(tcp_legal(TCP_CLOSED, f), LEGAL_RESET);
		}
	}
}

static void names_exist_for_all_that_is_counted(void **state)
{
	(void)state;
	for (int i = 0; i < TCP_CTR_MAX; i++) {
		assert_true(strlen(tcp_counter_name((enum tcp_counter)i)) > 0);
		assert_true(strlen(tcp_counter_help((enum tcp_counter)i)) > 0);
	}
	for (int i = 0; i < TCP_REASON_MAX; i++)
		assert_true(strlen(tcp_reason_name((enum tcp_reason)i)) > 0);
	for (int i = 0; i < TCP_STATES; i++)
		assert_true(strlen(tcp_state_name((enum tcp_state)i)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senseless_combinations_are_dropped_in_every_state),
		cmocka_unit_test(psh_urg_and_ecn_flags_change_nothing),
		cmocka_unit_test(only_a_bare_syn_opens_and_a_reset_is_never_answered),
		cmocka_unit_test(names_exist_for_all_that_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
