/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of messages: one row is one test, named after its rule. Each row is parsed in one piece,
 * byte by byte and in random pieces, always from blocks of the exact size; all must agree.
 */
#ifndef TEST_HTTP_ROWS_H
#define TEST_HTTP_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

struct row {
	const char *rule; /* RFC section and what is tested */
	const char *bytes;
	size_t len;
	enum http_error error;
	const char *want;      /* summary of what was understood; NULL on errors */
	const char *forwarded; /* head without the stripped ranges; NULL: unchanged */
};

#define B(s) s, sizeof(s) - 1

/* How the input is cut: everything at once, single bytes, or pieces drawn from a seed. */
enum { CUT_NONE, CUT_BYTES, CUT_RANDOM, CUTS = CUT_RANDOM + 8 };

static inline size_t next_cut(int cut, unsigned *seed, size_t left)
{
	if (cut == CUT_NONE)
		return left;
	if (cut == CUT_BYTES)
		return 1;
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % (left < 40 ? left + 1 : 40);
}

typedef enum http_status (*parse_fn)(void *obj, const uint8_t *p, size_t n, size_t *used);

/* Feeds a whole message; returns the last status, *total: bytes used in all. */
static inline enum http_status feed(
	parse_fn parse, void *obj, const char *bytes, size_t len, int cut, size_t *total)
{
	enum http_status s = HTTP_MORE;
	unsigned seed = (unsigned)cut * 7919u;

	*total = 0;
	while (s == HTTP_MORE && *total < len) {
		size_t n = next_cut(cut, &seed, len - *total), used = 0;
		uint8_t *piece = malloc(n + (n == 0));

		assert_non_null(piece);
		memcpy(piece, bytes + *total, n);
		s = parse(obj, piece, n, &used);
		free(piece);
		assert_true(used <= n);
		if (s == HTTP_MORE)
			assert_int_equal(used, n);
		*total += used;
	}
	return s;
}

static inline enum http_status parse_head(void *h, const uint8_t *p, size_t n, size_t *used)
{
	return http_head_parse(h, p, n, used);
}

static inline enum http_status parse_body(void *b, const uint8_t *p, size_t n, size_t *used)
{
	return http_body_parse(b, p, n, used);
}

/* The head as it would be forwarded. */
static inline size_t forwarded(const struct http_head *h, const char *bytes, char *out)
{
	size_t len = 0, pos = 0;

	for (unsigned i = 0; i < h->n_strip; i++) {
		assert_true(h->strip[i].off >= pos);
		assert_true(h->strip[i].off + h->strip[i].len <= h->head_len);
		memcpy(out + len, bytes + pos, h->strip[i].off - pos);
		len += h->strip[i].off - pos;
		pos = h->strip[i].off + h->strip[i].len;
	}
	memcpy(out + len, bytes + pos, h->head_len - pos);
	return len + h->head_len - pos;
}

/* Runs a table as a group of tests, a row each. */
static inline int run_rows(
	const char *group, const struct row *rows, size_t n, void (*test)(void **state))
{
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	int failed;

	if (tests == NULL)
		return 1;
	for (size_t i = 0; i < n; i++) {
		tests[i].name = rows[i].rule;
		tests[i].test_func = test;
		tests[i].initial_state = (void *)(uintptr_t)&rows[i];
	}
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed;
}

#endif
