/* SPDX-License-Identifier: BSD-3-Clause */
/* The answers that we give ourselves. */
#include "rows.h"

/* Our own parser must agree with what we send. Returns the body. */
static const char *parse_own(const char *text, size_t len, struct http_head *h)
{
	struct http_limits l;
	size_t used;

	http_limits_default(&l);
	http_response_init(h, &l);
	assert_int_equal(http_head_parse(h, (const uint8_t *)text, len, &used), HTTP_DONE);
	assert_int_equal(http_response_framing(h, HTTP_GET), HTTP_DONE);
	assert_int_equal(h->framing, HTTP_BODY_LENGTH);
	return text + used;
}

static void every_local_answer_is_complete(void **state)
{
	static const int statuses[] = {400, 404, 405, 408, 413, 414, 431, 500, 503, 504, 505};
	struct http_head h;
	char buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		size_t len = http_local_answer(
			buf, sizeof(buf), statuses[i], "why", 7, false, false);
		const char *body = parse_own(buf, len, &h);

		assert_int_equal(h.status, statuses[i]);
		assert_int_equal(h.content_length, buf + len - body);
		assert_true(h.keep_alive);
		assert_non_null(strstr(body, "why"));
		assert_true(strlen(http_reason_phrase(statuses[i])) > 0);
		assert_non_null(strstr(body, http_reason_phrase(statuses[i])));
	}
}

/* LY-412: they would make clients forget the pool. */
static void forbidden_statuses_become_500(void **state)
{
	static const int statuses[] = {502, 403, 200, 0, 999};
	struct http_head h;
	char buf[512];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		size_t len = http_local_answer(buf, sizeof(buf), statuses[i], "x", 0, false, true);

		parse_own(buf, len, &h);
		assert_int_equal(h.status, 500);
		assert_true(h.close);
	}
}

static void unavailable_says_when_to_retry(void **state)
{
	char buf[512];

	(void)state;
	http_local_answer(buf, sizeof(buf), 503, "pool-down", 5, false, true);
	assert_string_equal(buf, "HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\n"
				 "Retry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\n"
				 "Content-Length: 35\r\nConnection: close\r\n\r\n"
				 "503 Service Unavailable: pool-down\n");
	http_local_answer(buf, sizeof(buf), 404, NULL, 5, false, false);
	assert_null(strstr(buf, "Retry-After"));
	assert_non_null(strstr(buf, "\r\n\r\n404 Not Found\n"));
}

/* RFC 9110 15.5.6 */
static void method_not_allowed_lists_what_is(void **state)
{
	char buf[512];

	(void)state;
	http_local_answer(buf, sizeof(buf), 405, "x", 0, false, false);
	assert_non_null(strstr(buf, "\r\nAllow: GET, "));
}

/* RFC 9110 9.3.2: the same head, no body. */
static void answer_to_head_has_the_same_head_and_no_body(void **state)
{
	char full[512], head[512];
	size_t n_full = http_local_answer(full, sizeof(full), 404, "x", 0, false, true);
	size_t n_head = http_local_answer(head, sizeof(head), 404, "x", 0, true, true);

	(void)state;
	assert_true(n_head < n_full);
	assert_memory_equal(full, head, n_head);
	assert_memory_equal(head + n_head - 4, "\r\n\r\n", 4);
}

static void reason_is_reduced_to_token_characters(void **state)
{
	char buf[512];
	struct http_head h;
	size_t len = http_local_answer(buf, sizeof(buf), 400, "<a>\r\nb: c", 0, false, false);

	(void)state;
	assert_string_equal(parse_own(buf, len, &h), "400 Bad Request: -a---b--c\n");
}

static void overlong_reason_is_cut(void **state)
{
	char reason[1000], buf[2048];
	struct http_head h;
	size_t len;

	(void)state;
	memset(reason, 'a', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	len = http_local_answer(buf, sizeof(buf), 400, reason, 0, false, false);
	assert_true(len < 400);
	assert_int_equal(parse_own(buf, len, &h)[h.content_length - 1], '\n');
}

/* Exact-size blocks: ASan would see one byte too many. */
static void answers_that_do_not_fit_are_not_begun(void **state)
{
	char big[512];
	size_t a = http_local_answer(big, sizeof(big), 503, "x", 9, false, true);
	size_t r = http_redirect(big, sizeof(big), 301, "a", 8443, "/x", 2, false, true);

	(void)state;
	for (size_t size = 0; size <= a + 1; size++) {
		char *buf = malloc(size + (size == 0));

		assert_int_equal(
			http_local_answer(buf, size, 503, "x", 9, false, true), size > a ? a : 0);
		assert_int_equal(http_redirect(buf, size, 301, "a", 8443, "/x", 2, false, true),
			size > r ? r : 0);
		free(buf);
	}
}

static void assert_location(const char *host, uint16_t port, const char *path, const char *want)
{
	char buf[512], line[300];
	struct http_head h;
	size_t len = http_redirect(
		buf, sizeof(buf), 302, host, port, path, strlen(path), false, false);
	const char *body = parse_own(buf, len, &h);

	snprintf(line, sizeof(line), "\r\nLocation: %s\r\n", want);
	assert_non_null(strstr(buf, line));
	assert_int_equal(h.status, 302);
	assert_int_equal(h.content_length, buf + len - body);
	assert_string_equal(body, "302 Found\n");
}

/* LY-415, A8 */
static void redirect_keeps_host_path_and_query(void **state)
{
	(void)state;
	assert_location("meet.example", 0, "/x?y=1", "https://meet.example/x?y=1");
	assert_location("meet.example", 443, "/%252F", "https://meet.example/%252F");
	assert_location("meet.example", 8443, "/", "https://meet.example:8443/");
	assert_location("[::1]", 8443, "//evil", "https://[::1]:8443//evil");
	assert_location("meet.example", 0, "*", "https://meet.example/");
	assert_location("meet.example", 0, "", "https://meet.example/");
}

static void redirect_refuses_what_no_target_can_contain(void **state)
{
	static const char *const bad[] = {"/\r\nX: y", "/ ", "/\x7f", "/\xc3\xa4"};
	char buf[512];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(http_redirect(buf, sizeof(buf), 301, "a", 0, bad[i],
					 strlen(bad[i]), false, false),
			0);
	/* HTTP/1.0 without Host: there is nowhere to send it */
	assert_int_equal(http_redirect(buf, sizeof(buf), 301, "", 0, "/", 1, false, false), 0);
}

static void every_error_has_name_status_and_help(void **state)
{
	(void)state;
	for (int e = HTTP_ERR_NONE + 1; e < HTTP_ERR_MAX; e++) {
		assert_in_range(http_error_status((enum http_error)e), 400, 505);
		assert_true(strlen(http_error_name((enum http_error)e)) > 0);
		assert_true(strlen(http_error_help((enum http_error)e)) > 0);
	}
	assert_int_equal(http_error_status(HTTP_ERR_TARGET_TOO_LONG), 414);
	assert_int_equal(http_error_status(HTTP_ERR_HEAD_TOO_LARGE), 431);
	assert_int_equal(http_error_status(HTTP_ERR_METHOD_REFUSED), 405);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_local_answer_is_complete),
		cmocka_unit_test(forbidden_statuses_become_500),
		cmocka_unit_test(unavailable_says_when_to_retry),
		cmocka_unit_test(method_not_allowed_lists_what_is),
		cmocka_unit_test(answer_to_head_has_the_same_head_and_no_body),
		cmocka_unit_test(reason_is_reduced_to_token_characters),
		cmocka_unit_test(overlong_reason_is_cut),
		cmocka_unit_test(answers_that_do_not_fit_are_not_begun),
		cmocka_unit_test(redirect_keeps_host_path_and_query),
		cmocka_unit_test(redirect_refuses_what_no_target_can_contain),
		cmocka_unit_test(every_error_has_name_status_and_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
