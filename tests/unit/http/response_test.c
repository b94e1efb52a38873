/* SPDX-License-Identifier: BSD-3-Clause */
/* Response heads, as strict in framing as requests, as tolerant of IIS as is safe. */
#include "rows.h"

#define OK HTTP_ERR_NONE
#define SL "HTTP/1.1 200 OK\r\n"
#define L0 "Content-Length: 0\r\n"

/* want: as answer to GET. */
static const struct row responses[] = {
	{"RFC 9112 4: status line", B(SL L0 "\r\n"), OK, "200 1.1 length=0 keep", NULL},
	{"RFC 9112 4: HTTP/1.0", B("HTTP/1.0 200 OK\r\n" L0 "\r\n"), OK, "200 1.0 length=0", NULL},
	{"RFC 9112 4: empty reason phrase", B("HTTP/1.1 200 \r\n" L0 "\r\n"), OK,
		"200 1.1 length=0 keep", NULL},
	{"RFC 9112 4: no space before an empty reason", B("HTTP/1.1 404\r\n" L0 "\r\n"), OK,
		"404 1.1 length=0 keep", NULL},
	{"RFC 9112 4: obs-text in the reason", B("HTTP/1.1 500 \xe4\t!\r\n" L0 "\r\n"), OK,
		"500 1.1 length=0 keep", NULL},
	{"RFC 9112 4: NUL in the reason", B("HTTP/1.1 200 O\0K\r\n" L0 "\r\n"),
		HTTP_ERR_BAD_STATUS_LINE, NULL, NULL},
	{"RFC 9112 4: two digits", B("HTTP/1.1 20 OK\r\n" L0 "\r\n"), HTTP_ERR_BAD_STATUS_LINE,
		NULL, NULL},
	{"RFC 9112 4: four digits", B("HTTP/1.1 2000 OK\r\n" L0 "\r\n"), HTTP_ERR_BAD_STATUS_LINE,
		NULL, NULL},
	{"RFC 9112 4: letters", B("HTTP/1.1 2OO OK\r\n" L0 "\r\n"), HTTP_ERR_BAD_STATUS_LINE, NULL,
		NULL},
	{"RFC 9110 15: status 099", B("HTTP/1.1 099 x\r\n" L0 "\r\n"), HTTP_ERR_BAD_STATUS_LINE,
		NULL, NULL},
	{"RFC 9110 15: status 600", B("HTTP/1.1 600 x\r\n" L0 "\r\n"), HTTP_ERR_BAD_STATUS_LINE,
		NULL, NULL},
	{"RFC 9112 4: two spaces", B("HTTP/1.1  200 OK\r\n" L0 "\r\n"), HTTP_ERR_BAD_STATUS_LINE,
		NULL, NULL},
	{"RFC 9112 4: cut short", B("HTTP/1.1\r\n\r\n"), HTTP_ERR_BAD_STATUS_LINE, NULL, NULL},
	{"RFC 9112 4: no status line at all", B("<html></html>\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.2: empty line before", B("\r\nHTTP/1.1 200 OK\r\n" L0 "\r\n"),
		HTTP_ERR_BAD_STATUS_LINE, NULL, NULL},
	{"RFC 9112 2.3: HTTP/2", B("HTTP/2.0 200 OK\r\n" L0 "\r\n"), HTTP_ERR_VERSION_UNSUPPORTED,
		NULL, NULL},
	{"RFC 9112 2.3: HTTP/1.2", B("HTTP/1.2 200 OK\r\n" L0 "\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.3: lower case", B("http/1.1 200 OK\r\n" L0 "\r\n"), HTTP_ERR_BAD_VERSION, NULL,
		NULL},
	{"RFC 9112 2.2: status line ends with LF", B("HTTP/1.1 200 OK\n" L0 "\r\n"),
		HTTP_ERR_BARE_LF, NULL, NULL},
	{"RFC 9112 2.2: CR in the reason", B("HTTP/1.1 200 O\rK\r\n" L0 "\r\n"), HTTP_ERR_BARE_LF,
		NULL, NULL},
	{"RFC 9112 5.2: folded field", B(SL "X: a\r\n b\r\n" L0 "\r\n"), HTTP_ERR_OBS_FOLD, NULL,
		NULL},
	{"RFC 9112 5.1: space before the colon", B(SL "Content-Length : 0\r\n\r\n"),
		HTTP_ERR_BAD_FIELD_NAME, NULL, NULL},
	{"RFC 9112 6.3: chunked", B(SL "Transfer-Encoding: chunked\r\n\r\n"), OK,
		"200 1.1 chunked keep", NULL},
	{"RFC 9112 6.3: until close", B(SL "\r\n"), OK, "200 1.1 until-close", NULL},
	{"RFC 9112 6.1: both", B(SL L0 "Transfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_LENGTH_AND_CHUNKED, NULL, NULL},
	{"RFC 9112 6.3: two equal lengths", B(SL L0 L0 "\r\n"), HTTP_ERR_DUP_LENGTH, NULL, NULL},
	{"RFC 9110 8.6: bad length", B(SL "Content-Length: 5x\r\n\r\n"), HTTP_ERR_BAD_LENGTH, NULL,
		NULL},
	{"RFC 9112 6.1: identity", B(SL "Transfer-Encoding: identity\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9112 6.1: chunked from HTTP/1.0",
		B("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9110 15.2: 1xx has no body", B("HTTP/1.1 100 Continue\r\n\r\n"), OK,
		"100 1.1 none keep", NULL},
	{"RFC 9110 15.2.2: 101",
		B("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), OK,
		"101 1.1 none keep upgrade", "HTTP/1.1 101 x\r\n\r\n"},
	{"RFC 9112 6.1: 100 with chunked",
		B("HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9110 15.3.5: 204", B("HTTP/1.1 204 No Content\r\n\r\n"), OK, "204 1.1 none keep",
		NULL},
	{"RFC 9110 8.6: 204 with length 0, as IIS sends it", B("HTTP/1.1 204 x\r\n" L0 "\r\n"), OK,
		"204 1.1 none keep", NULL},
	{"RFC 9110 8.6: 204 with a length", B("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n"),
		HTTP_ERR_BAD_LENGTH, NULL, NULL},
	{"RFC 9112 6.1: 204 with chunked",
		B("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
		HTTP_ERR_BAD_TRANSFER_ENCODING, NULL, NULL},
	{"RFC 9110 15.4.5: 304 with a length has no body",
		B("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"), OK, "304 1.1 none keep", NULL},
	{"RFC 9110 7.6.1: hop-by-hop fields go",
		B(SL L0 "Keep-Alive: 5\r\nX: 1\r\nConnection: keep-alive, X\r\nY: 2\r\n\r\n"), OK,
		"200 1.1 length=0 keep", SL L0 "Y: 2\r\n\r\n"},
	{"RFC 9110 7.6.1: nominates Set-Cookie", B(SL L0 "Connection: Set-Cookie\r\n\r\n"),
		HTTP_ERR_BAD_CONNECTION, NULL, NULL},
	{"RFC 9112 9.6: close", B(SL L0 "Connection: close\r\n\r\n"), OK, "200 1.1 length=0 close",
		SL L0 "\r\n"},
	{"LY-402: challenges pass in order",
		B(SL L0 "WWW-Authenticate: MsRtcOAuth x=\"1\"\r\nWWW-Authenticate: Negotiate\r\n"
			"WWW-Authenticate: NTLM\r\n\r\n"),
		OK, "200 1.1 length=0 keep auth", NULL},
	{"LY-403: NTLM second in a list",
		B(SL L0 "WWW-Authenticate: Basic realm=\"a\", ntlm\r\n\r\n"), OK,
		"200 1.1 length=0 keep auth", NULL},
	{"LY-403: other schemes", B(SL L0 "WWW-Authenticate: Basic realm=NTLM\r\n\r\n"), OK,
		"200 1.1 length=0 keep", NULL},
	{"LY-403: Authorization means nothing in a response",
		B(SL L0 "Authorization: NTLM\r\n\r\n"), OK, "200 1.1 length=0 keep", NULL},
	{"RFC 9110 7.2: Host means nothing in a response", B(SL L0 "Host: a b\r\nHost:\r\n\r\n"),
		OK, "200 1.1 length=0 keep", NULL},
};

static void summarise(const struct http_head *h, char *out, size_t size)
{
	static const char *const bodies[] = {"none", "length=", "chunked", "until-close"};
	char number[24] = "";
	int n;

	if (h->framing == HTTP_BODY_LENGTH)
		snprintf(number, sizeof(number), "%llu", (unsigned long long)h->content_length);
	n = snprintf(out, size, "%u 1.%u %s%s%s%s%s%s", h->status, h->minor, bodies[h->framing],
		number, h->keep_alive ? " keep" : "", h->close ? " close" : "",
		h->upgrade ? " upgrade" : "", h->has_auth_scheme ? " auth" : "");
	assert_true(n > 0 && (size_t)n < size);
}

static void check_accepted(const struct row *row, const struct http_head *h)
{
	char text[128], out[1024];
	size_t len;

	summarise(h, text, sizeof(text));
	assert_string_equal(text, row->want);
	assert_int_equal(h->head_len, row->len);
	len = forwarded(h, row->bytes, out);
	assert_int_equal(len, row->forwarded != NULL ? strlen(row->forwarded) : row->len);
	assert_memory_equal(out, row->forwarded != NULL ? row->forwarded : row->bytes, len);
}

static void response_row(void **state)
{
	const struct row *row = *state;
	struct http_limits limits;
	struct http_head h;
	size_t first_total = 0;

	http_limits_default(&limits);
	for (int cut = 0; cut < CUTS; cut++) {
		size_t total;
		enum http_status s;

		memset(&h, 0xa5, sizeof(h));
		http_response_init(&h, &limits);
		s = feed(parse_head, &h, row->bytes, row->len, cut, &total);
		if (cut == 0)
			first_total = total;
		assert_int_equal(total, first_total);
		if (s == HTTP_DONE)
			s = http_response_framing(&h, HTTP_GET);
		assert_string_equal(http_error_name(h.error), http_error_name(row->error));
		assert_int_equal(s, row->error == HTTP_ERR_NONE ? HTTP_DONE : HTTP_ERROR);
		if (row->error == HTTP_ERR_NONE)
			check_accepted(row, &h);
	}
}

/* RFC 9112 6.3: nothing follows the head of a response to HEAD, whatever it says. */
static void response_to_head_has_no_body(void **state)
{
	static const char *const heads[] = {
		SL "Content-Length: 5\r\n\r\n", SL "Transfer-Encoding: chunked\r\n\r\n", SL "\r\n"};
	struct http_limits limits;
	struct http_head h;
	size_t used;

	(void)state;
	http_limits_default(&limits);
	for (size_t i = 0; i < 3; i++) {
		http_response_init(&h, &limits);
		assert_int_equal(
			http_head_parse(&h, (const uint8_t *)heads[i], strlen(heads[i]), &used),
			HTTP_DONE);
		assert_int_equal(http_response_framing(&h, HTTP_HEAD), HTTP_DONE);
		assert_int_equal(h.framing, HTTP_BODY_NONE);
		assert_true(h.keep_alive);
	}
}

/* A list that is longer than what we keep counts as connection authentication (LY-403). */
static void overlong_challenge_counts_as_auth(void **state)
{
	char head[1024];
	struct http_limits limits;
	struct http_head h;
	size_t used;

	(void)state;
	http_limits_default(&limits);
	snprintf(
		head, sizeof(head), SL "WWW-Authenticate: Basic realm=\"%0600d\", NTLM\r\n\r\n", 0);
	http_response_init(&h, &limits);
	assert_int_equal(
		http_head_parse(&h, (const uint8_t *)head, strlen(head), &used), HTTP_DONE);
	assert_true(h.has_auth_scheme);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(response_to_head_has_no_body),
		cmocka_unit_test(overlong_challenge_counts_as_auth),
	};
	int failed = run_rows(
		"responses", responses, sizeof(responses) / sizeof(responses[0]), response_row);

	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
