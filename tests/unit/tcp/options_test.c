/* SPDX-License-Identifier: BSD-3-Clause */
/* Options: RFC 9293 section 3.2, RFC 7323, RFC 2018. */
#include "../eal.h"

#include <errno.h>
#include <string.h>

#include "tcp/options.h"

/* The bytes lie in an exact-size block, so that a sanitizer sees each over-read. */
static int parse(const void *bytes, unsigned len, struct tcp_options *o)
{
	uint8_t *p = malloc(len == 0 ? 1 : len);
	memcpy(p, bytes, len);
	int rc = tcp_options_parse(p, len, o);
	free(p);
	return rc;
}

static void all_known_options_are_read(void **state)
{
	static const uint8_t b[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(b, sizeof(b), &o), 0);
	assert_true(o.has_mss && o.has_ts && o.has_wscale && o.sack_permitted);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.tsval, 1);
	assert_int_equal(o.tsecr, 2);
	assert_int_equal(o.wscale, 7);
}

static void nothing_is_read_behind_end_of_list(void **state)
{
	static const uint8_t b[] = {1, 0, 2, 4, 5, 180};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(b, sizeof(b), &o), 0);
	assert_false(o.has_mss);
}

/* MUST-6 */
static void unknown_options_are_skipped_by_their_length(void **state)
{
	static const uint8_t b[] = {254, 6, 1, 2, 3, 4, 2, 4, 5, 180, 30, 2};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(b, sizeof(b), &o), 0);
	assert_int_equal(o.mss, 1460);
}

/* MUST-7 */
/* RFC 5482: an advice about the peer's patience. Ours is configured; whatever it says is skipped.
 */
static void the_user_timeout_option_is_skipped(void **state)
{
	static const uint8_t good[] = {28, 4, 0x80, 60, 2, 4, 5, 220},
			     odd[] = {28, 2, 2, 4, 5, 220}, cut[] = {2, 4, 5, 220, 28, 4, 0};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(good, sizeof(good), &o), 0);
	assert_true(o.has_mss && o.mss == 1500);
	assert_int_equal(parse(odd, sizeof(odd), &o), 0);
	assert_true(o.has_mss && o.mss == 1500);
	assert_int_equal(parse(cut, sizeof(cut), &o), -EINVAL);
}

static void lengths_of_zero_and_one_are_malformed(void **state)
{
	static const uint8_t zero[] = {2, 0, 5, 180}, one[] = {254, 1, 1, 1};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(zero, sizeof(zero), &o), -EINVAL);
	assert_int_equal(parse(one, sizeof(one), &o), -EINVAL);
}

static void a_length_past_the_end_is_malformed(void **state)
{
	static const uint8_t over[] = {1, 2, 4, 5}, missing[] = {1, 1, 1, 8};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(over, sizeof(over), &o), -EINVAL);
	assert_int_equal(parse(missing, sizeof(missing), &o), -EINVAL);
}

static void known_options_of_a_wrong_length_are_ignored(void **state)
{
	static const uint8_t b[] = {2, 3, 5, 3, 4, 1, 1, 8, 4, 0, 0, 5, 6, 0, 0, 0, 0, 4, 3, 0};
	struct tcp_options o;
	(void)state;
	assert_int_equal(parse(b, sizeof(b), &o), 0);
	assert_false(o.has_mss || o.has_wscale || o.has_ts || o.sack_permitted);
	assert_int_equal(o.n_sack, 0);
}

static void what_is_written_reads_back_the_same(void **state)
{
	uint8_t b[TCP_MAX_OPTION_BYTES];
	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		for (uint8_t n = 0; n <= 4; n++) {
			struct tcp_options o = {.has_mss = bits & 1,
						   .has_wscale = bits & 2,
						   .has_ts = bits & 4,
						   .sack_permitted = bits & 8,
						   .n_sack = n},
					   r;
			o.mss = o.has_mss ? 1234 : 0;
			o.wscale = o.has_wscale ? 9 : 0;
			o.tsval = o.has_ts ? 0xfffffff0 : 0;
			o.tsecr = o.has_ts ? 77 : 0;
			for (uint32_t i = 0; i < n; i++)
				o.sack[i] = (struct tcp_sack_block){i * 100, i * 100 + 50};
			if (tcp_options_len(&o) > TCP_MAX_OPTION_BYTES)
				continue;
			unsigned len = tcp_options_write(b, &o);
			assert_int_equal(len, tcp_options_len(&o));
			assert_int_equal(len % 4, 0);
			assert_int_equal(parse(b, len, &r), 0);
			assert_memory_equal(&o, &r, sizeof(o));
		}
	}
}

static void no_bytes_at_all_read_out_of_bounds(void **state)
{
	uint8_t b[6];
	struct tcp_options o;
	(void)state;
	for (uint32_t seed = 0; seed < 300000; seed++) {
		uint32_t x = seed * 2654435761u;
		for (unsigned i = 0; i < sizeof(b); i++, x = x * 1664525u + 1013904223u)
			b[i] = (uint8_t)(x >> 29 ? x >> 24 & 15 : x >> 24);
		int rc = parse(b, seed % 7, &o);
		assert_true(rc == 0 || rc == -EINVAL);
		assert_true(o.n_sack <= TCP_MAX_SACK_BLOCKS);
	}
}

/* MUST-64: no option begins on a word boundary here. */
static void options_need_no_alignment(void **state)
{
	static const uint8_t b[] = {1, 2, 4, 5, 180, 3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 4, 2};
	struct tcp_options o;
	(void)state;
	for (unsigned nops = 0; nops < 4; nops++) {
		uint8_t shifted[sizeof(b) + 4];
		memset(shifted, 1, sizeof(shifted));
		memcpy(shifted + nops, b, sizeof(b));
		assert_int_equal(parse(shifted, sizeof(shifted), &o), 0);
		assert_true(o.has_mss && o.has_ts && o.has_wscale && o.sack_permitted);
		assert_int_equal(o.mss, 1460);
		assert_int_equal(o.wscale, 7);
		assert_int_equal(o.tsval, 1);
		assert_int_equal(o.tsecr, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_known_options_are_read),
		cmocka_unit_test(nothing_is_read_behind_end_of_list),
		cmocka_unit_test(unknown_options_are_skipped_by_their_length),
		cmocka_unit_test(the_user_timeout_option_is_skipped),
		cmocka_unit_test(lengths_of_zero_and_one_are_malformed),
		cmocka_unit_test(a_length_past_the_end_is_malformed),
		cmocka_unit_test(known_options_of_a_wrong_length_are_ignored),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(no_bytes_at_all_read_out_of_bounds),
		cmocka_unit_test(options_need_no_alignment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
