/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies: chunk framing, extensions and trailers (RFC 9112 section 7.1), lengths, until close. */
#include "rows.h"

#define OK   HTTP_ERR_NONE
#define BAD  HTTP_ERR_BAD_CHUNK
#define LAST "0\r\n\r\n"

/* want: the payload's length in words; the next message's first byte follows each good body. */
static const struct row chunked[] = {
	{"RFC 9112 7.1: last chunk alone", B(LAST), OK, "0", NULL},
	{"RFC 9112 7.1: two chunks", B("5\r\nhello\r\n1\r\n!\r\n" LAST), OK, "6", NULL},
	{"RFC 9112 7.1: hex in either case", B("a\r\n0123456789\r\nB\r\n0123456789a\r\n" LAST), OK,
		"21", NULL},
	{"RFC 9112 7.1: leading zeros", B("0000000000000005\r\nhello\r\n" LAST), OK, "5", NULL},
	{"RFC 9112 7.1: last chunk of many zeros", B("0000\r\n\r\n"), OK, "0", NULL},
	{"RFC 9112 7.1: seventeen digits", B("00000000000000005\r\nhello\r\n" LAST), BAD, NULL,
		NULL},
	{"RFC 9112 7.1: payload of CR and LF", B("4\r\n\r\n\r\n\r\n" LAST), OK, "4", NULL},
	{"RFC 9112 7.1: 2^63", B("8000000000000000\r\n"), BAD, NULL, NULL},
	{"RFC 9112 7.1: 2^64-1", B("ffffffffffffffff\r\n"), BAD, NULL, NULL},
	{"RFC 9112 7.1: empty size", B("\r\nhello"), BAD, NULL, NULL},
	{"RFC 9112 7.1: empty size before an extension", B(";a\r\n"), BAD, NULL, NULL},
	{"RFC 9112 7.1: 0x prefix", B("0x5\r\nhello\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: plus sign", B("+5\r\nhello\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: minus sign", B("-5\r\nhello\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: no hex digit", B("g\r\n"), BAD, NULL, NULL},
	{"RFC 9112 7.1: space before the size", B(" 5\r\nhello\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: space after the size", B("5 \r\nhello\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: NUL after the size", B("5\0\r\nhello\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: size ends with LF", B("5\nhello\r\n" LAST), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 7.1: size ends with CR", B("5\rhello\r\n" LAST), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 7.1: data too long", B("5\r\nhello!\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: data too short", B("5\r\nhell\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: data ends with LF", B("5\r\nhello\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1: data ends with CR", B("5\r\nhello\r" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: extension", B("5;a\r\nhello\r\n0;b=c\r\n\r\n"), OK, "5", NULL},
	{"RFC 9112 7.1.1: several extensions", B("1;a;b=c;d=\"e; \\\" \t\xff\"\r\nx\r\n" LAST), OK,
		"1", NULL},
	{"RFC 9112 7.1.1: empty quoted value", B("1;a=\"\";b\r\nx\r\n" LAST), OK, "1", NULL},
	{"RFC 9112 7.1.1: no name", B("1;\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: no name before a value", B("1;=a\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: no name between", B("1;a;;b\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: no value", B("1;a=\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: bad whitespace", B("1 ;a\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: bad whitespace before the name", B("1; a\r\nx\r\n" LAST), BAD, NULL,
		NULL},
	{"RFC 9112 7.1.1: bytes after a quoted value", B("1;a=\"b\"c\r\nx\r\n" LAST), BAD, NULL,
		NULL},
	{"RFC 9112 7.1.1: value isn't a token", B("1;a=b@\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: LF in an extension", B("1;a\nx\r\n" LAST), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 7.1.1: LF in a quoted value", B("1;a=\"\n\"\r\nx\r\n" LAST), HTTP_ERR_BARE_LF,
		NULL, NULL},
	{"RFC 9112 7.1.1: CR in a quoted value", B("1;a=\"\r\n\"\r\nx\r\n" LAST), BAD, NULL, NULL},
	{"RFC 9112 7.1.1: escaped LF", B("1;a=\"\\\n\"\r\nx\r\n" LAST), HTTP_ERR_BARE_LF, NULL,
		NULL},
	{"RFC 9112 7.1.1: CR in an extension", B("1;a\rb\r\nx\r\n" LAST), HTTP_ERR_BARE_LF, NULL,
		NULL},
	{"RFC 9112 7.1.2: trailers", B("0\r\nX-Sum: 1\r\nY:\r\n\r\n"), OK, "0", NULL},
	{"RFC 9112 7.1.2: trailer name longer than we keep",
		B("0\r\nTransfer-Encodingxxxxx: 1\r\nContent-Lengt: 2\r\n\r\n"), OK, "0", NULL},
	{"RFC 9110 6.5.1: Content-Length as trailer", B("0\r\nContent-LENGTH: 5\r\n\r\n"), BAD,
		NULL, NULL},
	{"RFC 9110 6.5.1: Transfer-Encoding as trailer",
		B("0\r\nX: 1\r\ntransfer-encoding: chunked\r\n\r\n"), BAD, NULL, NULL},
	{"RFC 9110 6.5.1: Host as trailer", B("0\r\nHost: a\r\n\r\n"), BAD, NULL, NULL},
	{"RFC 9110 6.5.1: Authorization as trailer", B("0\r\nAuthorization: NTLM x\r\n\r\n"), BAD,
		NULL, NULL},
	{"RFC 9110 7.6.1: Connection as trailer", B("0\r\nConnection: close\r\n\r\n"), BAD, NULL,
		NULL},
	{"RFC 9112 5.1: trailer without colon", B("0\r\nX\r\n\r\n"), HTTP_ERR_BAD_FIELD_NAME, NULL,
		NULL},
	{"RFC 9112 5.1: trailer with an empty name", B("0\r\n: x\r\n\r\n"), HTTP_ERR_BAD_FIELD_NAME,
		NULL, NULL},
	{"RFC 9112 5.1: trailer with space before the colon", B("0\r\nX : 1\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 5.2: folded trailer", B("0\r\nX: 1\r\n 2\r\n\r\n"), HTTP_ERR_OBS_FOLD, NULL,
		NULL},
	{"RFC 9112 5.2: space before the first trailer", B("0\r\n X: 1\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9110 5.5: NUL in a trailer", B("0\r\nX: \0\r\n\r\n"), HTTP_ERR_BAD_FIELD_VALUE, NULL,
		NULL},
	{"RFC 9112 2.2: trailer ends with LF", B("0\r\nX: 1\n\r\n"), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: CR in a trailer", B("0\r\nX: 1\r2\r\n\r\n"), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: trailers end with LF", B("0\r\nX: 1\r\n\n"), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: trailers end with CR", B("0\r\n\rX"), HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 7.1: next request instead of the end", B("0\r\nGET / HTTP/1.1\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
};

static void chunked_row(void **state)
{
	const struct row *row = *state;
	size_t first_total = 0;
	char bytes[512];

	assert_true(row->len < sizeof(bytes));
	memcpy(bytes, row->bytes, row->len);
	bytes[row->len] = 'G'; /* of the next request, which must not be touched */
	for (int cut = 0; cut < CUTS; cut++) {
		struct http_body b;
		size_t total, used = 1;
		enum http_status s;

		http_body_init(&b, HTTP_BODY_CHUNKED, 0);
		s = feed(parse_body, &b, bytes, row->len + (row->error == OK), cut, &total);
		if (cut == 0)
			first_total = total;
		assert_int_equal(total, first_total);
		assert_int_equal(b.seen, total);
		assert_string_equal(http_error_name(b.error), http_error_name(row->error));
		assert_int_equal(s, row->error == OK ? HTTP_DONE : HTTP_ERROR);
		assert_int_equal(http_body_parse(&b, (const uint8_t *)"x", 1, &used), s);
		assert_int_equal(used, 0);
		if (row->error == OK) {
			assert_int_equal(total, row->len);
			assert_int_equal(b.payload, strtoul(row->want, NULL, 10));
		}
	}
}

/* Feeds a head of `head`, then `fill` times `c`, then `tail`; returns the error. */
static enum http_error feed_filled(const char *head, char c, size_t fill, const char *tail)
{
	struct http_body b;
	size_t total, n = strlen(head), len = n + fill + strlen(tail);
	char *bytes = malloc(len);
	enum http_status s;

	assert_non_null(bytes);
	memcpy(bytes, head, n);
	memset(bytes + n, c, fill);
	memcpy(bytes + n + fill, tail, strlen(tail));
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	s = feed(parse_body, &b, bytes, len, CUT_NONE, &total);
	free(bytes);
	assert_int_equal(s, b.error == OK ? HTTP_DONE : HTTP_ERROR);
	return b.error;
}

static void chunk_line_at_its_limit_passes_one_more_is_refused(void **state)
{
	(void)state;
	assert_int_equal(feed_filled("0;", 'a', HTTP_MAX_CHUNK_LINE - 2, "\r\n\r\n"), OK);
	assert_int_equal(feed_filled("0;", 'a', HTTP_MAX_CHUNK_LINE - 1, "\r\n\r\n"), BAD);
}

/* 8 KiB of trailers with their CRLF pass; the limit counts all lines together. */
static void trailers_at_their_limit_pass_one_more_is_refused(void **state)
{
	(void)state;
	assert_int_equal(feed_filled("0\r\nX: ", 'a', HTTP_MAX_TRAILERS - 5, "\r\n\r\n"), OK);
	assert_int_equal(feed_filled("0\r\nX: ", 'a', HTTP_MAX_TRAILERS - 4, "\r\n\r\n"),
		HTTP_ERR_HEAD_TOO_LARGE);
	assert_int_equal(
		feed_filled("0\r\nY: 1\r\nX: ", 'a', HTTP_MAX_TRAILERS - 11, "\r\n\r\n"), OK);
	assert_int_equal(feed_filled("0\r\nY: 1\r\nX: ", 'a', HTTP_MAX_TRAILERS - 10, "\r\n\r\n"),
		HTTP_ERR_HEAD_TOO_LARGE);
}

/* RFC 9112 6.2: the length counts, and the byte after belongs to the next message. */
static void length_body_ends_with_its_last_byte(void **state)
{
	(void)state;
	for (int cut = 0; cut < CUTS; cut++) {
		struct http_body b;
		size_t total;

		http_body_init(&b, HTTP_BODY_LENGTH, 5);
		assert_int_equal(feed(parse_body, &b, "helloGET", 8, cut, &total), HTTP_DONE);
		assert_int_equal(total, 5);
		assert_int_equal(b.payload, 5);
		assert_int_equal(b.seen, 5);
	}
}

static void empty_bodies_are_complete_at_once(void **state)
{
	static const enum http_framing framings[] = {HTTP_BODY_NONE, HTTP_BODY_LENGTH};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct http_body b;
		size_t used = 1;

		http_body_init(&b, framings[i], 0);
		assert_int_equal(http_body_parse(&b, (const uint8_t *)"G", 1, &used), HTTP_DONE);
		assert_int_equal(used, 0);
	}
}

/* RFC 9112 6.3 rule 8. */
static void until_close_takes_everything_and_never_completes(void **state)
{
	struct http_body b;
	size_t total;

	(void)state;
	http_body_init(&b, HTTP_BODY_UNTIL_CLOSE, 0);
	assert_int_equal(feed(parse_body, &b, "0\r\n\r\nmore", 9, CUT_BYTES, &total), HTTP_MORE);
	assert_int_equal(total, 9);
	assert_int_equal(b.payload, 9);
}

/* A chunk of 2^63-1 bytes is followed without overflow. */
static void largest_chunk_is_counted_down(void **state)
{
	struct http_body b;
	size_t total;

	(void)state;
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	assert_int_equal(
		feed(parse_body, &b, "7fffffffffffffff\r\nabc", 21, CUT_NONE, &total), HTTP_MORE);
	assert_int_equal(b.left, INT64_MAX - 3);
	assert_int_equal(b.payload, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunk_line_at_its_limit_passes_one_more_is_refused),
		cmocka_unit_test(trailers_at_their_limit_pass_one_more_is_refused),
		cmocka_unit_test(length_body_ends_with_its_last_byte),
		cmocka_unit_test(empty_bodies_are_complete_at_once),
		cmocka_unit_test(until_close_takes_everything_and_never_completes),
		cmocka_unit_test(largest_chunk_is_counted_down),
	};
	int failed = run_rows(
		"chunked", chunked, sizeof(chunked) / sizeof(chunked[0]), chunked_row);

	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
