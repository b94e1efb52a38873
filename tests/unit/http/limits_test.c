/* SPDX-License-Identifier: BSD-3-Clause */
/* Every limit of a head: a message at its limit passes, one byte (or field) more is refused. */
#include "rows.h"

#define HOST "Host: a\r\n"

/* Builds before + fill times c + after and parses it, whole and in pieces. */
static enum http_error parse_filled(const struct http_limits *l, bool response, const char *before,
	char c, size_t fill, const char *after)
{
	size_t nb = strlen(before), len = nb + fill + strlen(after), total, first_total = 0;
	enum http_error first = HTTP_ERR_NONE;
	static struct http_head h;
	char *bytes = malloc(len);

	assert_non_null(bytes);
	memcpy(bytes, before, nb);
	memset(bytes + nb, c, fill);
	memcpy(bytes + nb + fill, after, strlen(after));
	for (int cut = 0; cut < CUT_RANDOM + 2; cut++) {
		enum http_status s;

		response ? http_response_init(&h, l) : http_request_init(&h, l);
		s = feed(parse_head, &h, bytes, len, cut, &total);
		if (cut == 0) {
			first = h.error;
			first_total = total;
		}
		assert_int_equal(h.error, first);
		assert_int_equal(total, first_total);
		/* HTTP_MORE: an unfinished head within its limits */
		assert_true((s == HTTP_ERROR) == (h.error != HTTP_ERR_NONE));
	}
	free(bytes);
	return first;
}

static struct http_limits defaults(void)
{
	struct http_limits l;

	http_limits_default(&l);
	return l;
}

/* A18, LY-413: Kerberos tokens. */
static void one_field_of_60_kb_passes_by_default(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	assert_int_equal(
		parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST "Authorization: Negotiate ", 'A',
			60 * 1024, "\r\n\r\n"),
		HTTP_ERR_NONE);
	assert_true(l.max_head >= 65536 && l.max_field >= 65536);
}

static void head_at_its_limit(void **state)
{
	const char *before = "GET / HTTP/1.1\r\n" HOST "X: ", *after = "\r\n\r\n";
	size_t fixed = strlen(before) + strlen(after);
	struct http_limits l = defaults();

	(void)state;
	assert_int_equal(
		parse_filled(&l, false, before, 'a', l.max_head - fixed, after), HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, false, before, 'a', l.max_head - fixed + 1, after),
		HTTP_ERR_HEAD_TOO_LARGE);
}

/* The head ends exactly at its limit and the body follows in the same piece. */
static void bytes_after_a_head_at_its_limit_are_not_the_heads(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\nmore";
	struct http_limits l = defaults();
	struct http_head h;
	size_t total;

	(void)state;
	l.max_head = sizeof(text) - 1 - 4;
	http_request_init(&h, &l);
	assert_int_equal(feed(parse_head, &h, text, sizeof(text) - 1, CUT_NONE, &total), HTTP_DONE);
	assert_int_equal(total, l.max_head);
}

static void response_head_at_its_limit(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	l.max_head = 100;
	assert_int_equal(
		parse_filled(&l, true, "HTTP/1.1 200 ", 'a', 100 - 17, "\r\n\r\n"), HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, true, "HTTP/1.1 200 ", 'a', 100 - 16, "\r\n\r\n"),
		HTTP_ERR_HEAD_TOO_LARGE);
}

static void field_at_its_limit(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	l.max_field = 100;
	assert_int_equal(
		parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST "X: ", 'a', 97, "\r\n\r\n"),
		HTTP_ERR_NONE);
	assert_int_equal(
		parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST "X: ", 'a', 98, "\r\n\r\n"),
		HTTP_ERR_HEAD_TOO_LARGE);
	assert_int_equal(
		parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST "X:", ' ', 98, "\r\n\r\n"),
		HTTP_ERR_NONE);
	assert_int_equal(
		parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST "X:", ' ', 99, "\r\n\r\n"),
		HTTP_ERR_HEAD_TOO_LARGE);
}

static void field_name_at_its_limit(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	l.max_field = 100;
	assert_int_equal(parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST, 'n', 99, ":\r\n\r\n"),
		HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, false, "GET / HTTP/1.1\r\n" HOST, 'n', 100, ":\r\n\r\n"),
		HTTP_ERR_HEAD_TOO_LARGE);
}

/* A name whose length wraps in 16 bits is not the field that it begins like. */
static void name_of_64_kib_is_not_mistaken(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	l.max_head = l.max_field = 200000;
	assert_int_equal(
		parse_filled(&l, false, "GET / HTTP/1.1\r\nHost", 'x', 65536, ": a\r\n\r\n"),
		HTTP_ERR_NO_HOST);
}

static enum http_error parse_fields(const struct http_limits *l, unsigned n)
{
	char text[8192] = "GET / HTTP/1.1\r\n" HOST;

	for (unsigned i = 1; i < n; i++)
		strcat(text, "X: a\r\n");
	return parse_filled(l, false, text, 0, 0, "\r\n");
}

static void number_of_fields_at_its_limit(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	assert_int_equal(parse_fields(&l, 200), HTTP_ERR_NONE);
	assert_int_equal(parse_fields(&l, 201), HTTP_ERR_HEAD_TOO_LARGE);
	l.max_fields = 100000;
	assert_int_equal(parse_fields(&l, HTTP_MAX_FIELDS), HTTP_ERR_NONE);
	assert_int_equal(parse_fields(&l, HTTP_MAX_FIELDS + 1), HTTP_ERR_HEAD_TOO_LARGE);
}

/* LY-305: 414, even when the line never ends. */
static void target_at_its_limit(void **state)
{
	const char *after = " HTTP/1.1\r\n" HOST "\r\n";
	struct http_limits l = defaults();

	(void)state;
	assert_int_equal(parse_filled(&l, false, "GET /", 'a', 16383, after), HTTP_ERR_NONE);
	assert_int_equal(
		parse_filled(&l, false, "GET /", 'a', 16384, after), HTTP_ERR_TARGET_TOO_LONG);
	assert_int_equal(
		parse_filled(&l, false, "GET /", 'a', 16384, ""), HTTP_ERR_TARGET_TOO_LONG);
	assert_int_equal(parse_filled(&l, false, "GET /", 'a', 16383, ""), HTTP_ERR_NONE);
	assert_int_equal(
		parse_filled(&l, false, "GET http://a/", 'a', 16384 - 9, after), HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, false, "GET http://a/", 'a', 16384 - 8, after),
		HTTP_ERR_TARGET_TOO_LONG);
}

static void target_beyond_a_smaller_head_limit_is_414_too(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	l.max_head = 100;
	assert_int_equal(parse_filled(&l, false, "GET /", 'a', 95, ""), HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, false, "GET /", 'a', 96, ""), HTTP_ERR_TARGET_TOO_LONG);
}

static void scheme_without_end_is_bounded(void **state)
{
	struct http_limits l = defaults();

	(void)state;
	assert_int_equal(parse_filled(&l, false, "GET http://", 'a', 505, ""), HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, false, "GET http://", 'a', 506, ""), HTTP_ERR_BAD_TARGET);
}

static void host_at_its_limit(void **state)
{
	const char *before = "GET / HTTP/1.1\r\nHost: ";
	struct http_limits l = defaults();

	(void)state;
	assert_int_equal(parse_filled(&l, false, before, 'a', HTTP_MAX_HOST, ".:443\r\n\r\n"),
		HTTP_ERR_NONE);
	assert_int_equal(parse_filled(&l, false, before, 'a', HTTP_MAX_HOST + 1, "\r\n\r\n"),
		HTTP_ERR_BAD_HOST);
	assert_int_equal(parse_filled(&l, false, before, 'a', 5000, "\r\n\r\n"), HTTP_ERR_BAD_HOST);
}

/* What we read of a value is bounded; a value beyond that is refused, never read in part. */
static void overlong_framing_values_are_refused(void **state)
{
	const char *before = "POST / HTTP/1.1\r\n" HOST;
	struct http_limits l = defaults();
	char text[128];

	(void)state;
	snprintf(text, sizeof(text), "%sContent-Length: 1", before);
	assert_int_equal(parse_filled(&l, false, text, ' ', 600, "2\r\n\r\n"), HTTP_ERR_BAD_LENGTH);
	snprintf(text, sizeof(text), "%sTransfer-Encoding: chunked", before);
	assert_int_equal(parse_filled(&l, false, text, ' ', 600, ", gzip\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING);
	snprintf(text, sizeof(text), "%sConnection: close", before);
	assert_int_equal(
		parse_filled(&l, false, text, ',', 600, "\r\n\r\n"), HTTP_ERR_BAD_CONNECTION);
}

/* Each second field is hop-by-hop, so that nothing can be merged. */
static enum http_error parse_strips(unsigned n)
{
	char text[4096] = "GET / HTTP/1.1\r\n" HOST;
	struct http_limits l = defaults();

	for (unsigned i = 0; i < n; i++)
		strcat(text, "TE: a\r\nX: b\r\n");
	return parse_filled(&l, false, text, 0, 0, "\r\n");
}

static void stripped_ranges_at_their_limit(void **state)
{
	(void)state;
	assert_int_equal(parse_strips(HTTP_MAX_STRIP), HTTP_ERR_NONE);
	assert_int_equal(parse_strips(HTTP_MAX_STRIP + 1), HTTP_ERR_BAD_CONNECTION);
}

static void path_is_cut_and_says_so(void **state)
{
	struct http_limits l = defaults();
	char text[4096] = "GET /";
	struct http_head h;
	size_t total;

	(void)state;
	for (size_t fill = HTTP_MAX_TARGET_COPY - 2; fill <= HTTP_MAX_TARGET_COPY - 1; fill++) {
		memset(text + 5, 'a', fill);
		strcpy(text + 5 + fill, " HTTP/1.1\r\n" HOST "\r\n");
		http_request_init(&h, &l);
		assert_int_equal(
			feed(parse_head, &h, text, strlen(text), CUT_NONE, &total), HTTP_DONE);
		assert_int_equal(h.path_len, HTTP_MAX_TARGET_COPY - 1);
		assert_int_equal(strlen(h.path), h.path_len);
		assert_int_equal(h.path_cut, fill > HTTP_MAX_TARGET_COPY - 2);
		assert_int_equal(h.target.len, fill + 1);
	}
}

/* An idle connection that only sent an empty line is not a slow client. */
static void started_with_the_first_byte_of_the_start_line(void **state)
{
	struct http_limits l = defaults();
	struct http_head h;
	size_t used;

	(void)state;
	http_request_init(&h, &l);
	assert_false(http_head_started(&h));
	http_head_parse(&h, (const uint8_t *)"\r", 1, &used);
	assert_false(http_head_started(&h));
	http_head_parse(&h, (const uint8_t *)"\n", 1, &used);
	assert_false(http_head_started(&h));
	http_head_parse(&h, (const uint8_t *)"G", 1, &used);
	assert_true(http_head_started(&h));
	http_response_init(&h, &l);
	assert_false(http_head_started(&h));
	http_head_parse(&h, (const uint8_t *)"H", 1, &used);
	assert_true(http_head_started(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_field_of_60_kb_passes_by_default),
		cmocka_unit_test(head_at_its_limit),
		cmocka_unit_test(bytes_after_a_head_at_its_limit_are_not_the_heads),
		cmocka_unit_test(response_head_at_its_limit),
		cmocka_unit_test(field_at_its_limit),
		cmocka_unit_test(field_name_at_its_limit),
		cmocka_unit_test(name_of_64_kib_is_not_mistaken),
		cmocka_unit_test(number_of_fields_at_its_limit),
		cmocka_unit_test(target_at_its_limit),
		cmocka_unit_test(target_beyond_a_smaller_head_limit_is_414_too),
		cmocka_unit_test(scheme_without_end_is_bounded),
		cmocka_unit_test(host_at_its_limit),
		cmocka_unit_test(overlong_framing_values_are_refused),
		cmocka_unit_test(stripped_ranges_at_their_limit),
		cmocka_unit_test(path_is_cut_and_says_so),
		cmocka_unit_test(started_with_the_first_byte_of_the_start_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
