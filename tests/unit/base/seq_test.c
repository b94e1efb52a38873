/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 9293 section 3.4: sequence numbers on a circle of 2^32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/seq.h"

static void order_holds_across_the_wrap(void **state)
{
	(void)state;
	assert_true(seq_lt(0xffffffff, 0));
	assert_true(seq_lt(0xfffffff0, 0x10));
	assert_false(seq_lt(0x10, 0xfffffff0));
	assert_true(seq_gt(0, 0xffffffff));
	assert_false(seq_gt(0xffffffff, 0));
	assert_true(seq_leq(0xffffffff, 0));
	assert_true(seq_geq(0, 0xffffffff));
}

static void equal_is_neither_before_nor_after(void **state)
{
	(void)state;
	assert_false(seq_lt(7, 7));
	assert_false(seq_gt(7, 7));
	assert_true(seq_leq(7, 7));
	assert_true(seq_geq(7, 7));
}

static void almost_half_a_circle_ahead_is_still_after(void **state)
{
	(void)state;
	for (uint32_t base = 0xfffffff0; base != 0x10; base++) {
		assert_true(seq_gt(base + 0x7fffffff, base));
		assert_true(seq_lt(base, base + 0x7fffffff));
		assert_true(seq_lt(base + 0x80000001, base));
	}
}

static void max_and_min_choose_on_the_circle(void **state)
{
	(void)state;
	assert_int_equal(seq_max(0xffffffff, 1), 1);
	assert_int_equal(seq_min(0xffffffff, 1), 0xffffffff);
	assert_int_equal(seq_max(5, 4), 5);
	assert_int_equal(seq_min(5, 4), 4);
}

static void between_includes_low_end_and_excludes_high_end(void **state)
{
	(void)state;
	assert_true(seq_between(0xfffffffe, 0xfffffffe, 2));
	assert_true(seq_between(0xfffffffe, 0, 2));
	assert_true(seq_between(0xfffffffe, 1, 2));
	assert_false(seq_between(0xfffffffe, 2, 2));
	assert_false(seq_between(0xfffffffe, 0xfffffffd, 2));
	assert_false(seq_between(9, 9, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_holds_across_the_wrap),
		cmocka_unit_test(equal_is_neither_before_nor_after),
		cmocka_unit_test(almost_half_a_circle_ahead_is_still_after),
		cmocka_unit_test(max_and_min_choose_on_the_circle),
		cmocka_unit_test(between_includes_low_end_and_excludes_high_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
