/* SPDX-License-Identifier: BSD-3-Clause */
/* The arena is bounded, and says so by a jump instead of a NULL that someone forgets to check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/arena.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	jmp_buf out;
	(void)state;
	struct conf_arena *a = conf_arena_create(1 << 20, &out);
	assert_non_null(a);
	unsigned char *before = NULL;
	for (size_t i = 1; i < 200; i++) {
		unsigned char *p = conf_alloc(a, i);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_ptr_not_equal(p, before);
		for (size_t j = 0; j < i; j++)
			assert_int_equal(p[j], 0);
		memset(p, 0xff, i);
		before = p;
	}
	assert_string_equal(conf_strndup(a, "abcdef", 3), "abc");
	assert_string_equal(conf_sprintf(a, "%d-%s", 7, "x"), "7-x");
	conf_arena_free(a);
}

static void the_limit_ends_in_a_jump(void **state)
{
	jmp_buf out;
	volatile unsigned got = 0;
	(void)state;
	struct conf_arena *volatile a = conf_arena_create(100000, &out);
	assert_non_null(a);
	if (setjmp(out) == 0) {
		for (;;) {
			memset(conf_alloc(a, 1000), 1, 1000);
			got++;
		}
	}
	assert_in_range(got, 90, 100);
	conf_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(the_limit_ends_in_a_jump),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
