/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of the access log: JSON whatever a client sends (RFC 8259), fields as operators know them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/control.h"

static const char *escaped(const char *text, size_t len)
{
	static char out[4096];
	size_t n = ctl_json_string(out, sizeof(out) - 1, text, len);
	out[n] = '\0';
	return out;
}

static void assert_escaped(const char *text, size_t len, const char *want)
{
	/* An exact-size copy, so that the sanitizer sees every over-read. */
	char *copy = malloc(len > 0 ? len : 1);
	memcpy(copy, text, len);
	assert_string_equal(escaped(copy, len), want);
	free(copy);
}

static void quotes_backslashes_and_controls_are_escaped(void **state)
{
	(void)state;
	assert_escaped("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	assert_escaped("\r\n\t\x1b\x7f", 5, "\"\\u000d\\u000a\\u0009\\u001b\\u007f\"");
	assert_escaped("a\0b", 3, "\"a\\u0000b\"");
	assert_escaped("", 0, "\"\"");
}

static void valid_utf8_passes_unchanged(void **state)
{
	(void)state;
	assert_escaped("gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\"");
	assert_escaped("\xe2\x82\xac\xf0\x9f\x98\x80", 7, "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

/* RFC 3629 section 3: overlong forms, surrogates, more than U+10FFFF, cut sequences. */
static void invalid_utf8_becomes_escapes_byte_by_byte(void **state)
{
	(void)state;
	assert_escaped("\xc0\xaf", 2, "\"\\u00c0\\u00af\"");
	assert_escaped("\xe0\x80\xaf", 3, "\"\\u00e0\\u0080\\u00af\"");
	assert_escaped("\xed\xa0\x80", 3, "\"\\u00ed\\u00a0\\u0080\"");
	assert_escaped("\xf4\x90\x80\x80", 4, "\"\\u00f4\\u0090\\u0080\\u0080\"");
	assert_escaped("\xf0\x9f\x98", 3, "\"\\u00f0\\u009f\\u0098\"");
	assert_escaped("\xff\x80", 2, "\"\\u00ff\\u0080\"");
	assert_escaped("\xc3", 1, "\"\\u00c3\"");
}

static void too_small_a_buffer_is_never_overrun(void **state)
{
	(void)state;
	char *want = malloc(16);
	size_t n = ctl_json_string(want, 16, "ab\n\"", 4);
	assert_int_equal(n, 12);
	for (size_t room = 0; room <= n; room++) {
		char *out = malloc(room > 0 ? room : 1);
		assert_int_equal(ctl_json_string(out, room, "ab\n\"", 4), room < n ? 0 : n);
		free(out);
	}
	free(want);
}

static void times_are_utc_with_milliseconds(void **state)
{
	(void)state;
	char out[CTL_TIME_LEN];
	ctl_time_format(0, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000Z");
	ctl_time_format(UINT64_C(1795392423123999), out);
	assert_string_equal(out, "2026-11-23T00:07:03.123Z");
}

/* ---- whole lines ------------------------------------------------------------------------------
 */

static struct conf_listener listeners[] = {{.name = "https", .port = 443, .tls = true}};
static struct conf_server servers[] = {{.name = "fe1"}, {.name = "10.0.1.12"}};
static struct conf_pool pools[] = {{.name = "fe-pool", .servers = servers, .n_servers = 2}};
static struct conf_route routes[] = {{.name = "meet.example.com"}};
static const struct conf conf = {
	.listeners = listeners,
	.n_listeners = 1,
	.pools = pools,
	.n_pools = 1,
	.routes = routes,
	.n_routes = 1,
};

static struct proxy_access example(void)
{
	struct proxy_access rec = {
		.total = 7040,
		.connect = 400,
		.first_byte = 6160,
		.tls = 2149,
		.bytes_in = 412,
		.bytes_out = 5120,
		.client_port = 51514,
		.status = 200,
		.end = PROXY_END_OK,
		.tls_resumed = true,
		.tls_version = "1.3",
		.method = "GET",
		.host = "meet.example.com",
		.path = "/a",
		.id = 0x6f,
	};
	assert_int_equal(lg_ip_parse("198.51.100.7", &rec.client), 0);
	return rec;
}

static const char *line_of(const struct proxy_access *rec)
{
	static char out[CTL_ACCESS_LINE_MAX + 1];
	size_t n = ctl_access_format(
		&conf, rec, UINT64_C(1795392423123000), out, CTL_ACCESS_LINE_MAX);
	assert_true(n > 0);
	out[n] = '\0';
	return out;
}

static void an_exchange_is_one_line_with_all_fields(void **state)
{
	(void)state;
	struct proxy_access rec = example();
	assert_string_equal(line_of(&rec),
		"{\"ts\":\"2026-11-23T00:07:03.123Z\",\"id\":\"000000000000006f\","
		"\"client\":\"198.51.100.7:51514\",\"listener\":\"https\","
		"\"host\":\"meet.example.com\",\"method\":\"GET\",\"path\":\"/a\","
		"\"route\":\"meet.example.com\",\"pool\":\"fe-pool\",\"server\":\"fe1\","
		"\"status\":200,\"bytes_in\":412,\"bytes_out\":5120,"
		"\"ms\":{\"tls\":2.1,\"wait\":0.0,\"connect\":0.4,\"first_byte\":6.2,\"total\":7.0}"
		","
		"\"tls\":\"1.3 resumed\",\"end\":\"ok\"}\n");
}

static void ipv6_clients_stand_in_brackets(void **state)
{
	(void)state;
	struct proxy_access rec = example();
	assert_int_equal(lg_ip_parse("2001:db8::7", &rec.client), 0);
	assert_non_null(strstr(line_of(&rec), "\"client\":\"[2001:db8::7]:51514\""));
}

static void what_is_not_known_is_empty_and_plain_has_no_tls(void **state)
{
	(void)state;
	struct proxy_access rec = example();
	rec.listener = rec.pool = rec.server = rec.route = -1;
	rec.tls_version[0] = '\0';
	const char *line = line_of(&rec);
	assert_non_null(strstr(line, "\"listener\":\"\",\"host\":\"meet.example.com\",\"method\":"
				     "\"GET\",\"path\":\"/a\","
				     "\"route\":\"\",\"pool\":\"\",\"server\":\"\""));
	assert_null(strstr(line, "\"tls\":\""));
}

static void a_refused_request_names_its_error(void **state)
{
	(void)state;
	struct proxy_access rec = example();
	rec.end = PROXY_END_BAD_REQUEST;
	rec.http_error = HTTP_ERR_BARE_LF;
	rec.path_cut = true;
	const char *line = line_of(&rec);
	assert_non_null(strstr(line, "\"end\":\"bad-request\",\"error\":\"bare-lf\"}\n"));
	assert_non_null(strstr(line, "\"path_cut\":true"));
}

/* Unterminated fields full of bytes that need six characters each: still one line that fits. */
static void the_worst_record_fits_the_largest_line(void **state)
{
	(void)state;
	struct proxy_access rec = example();
	memset(rec.method, '\n', sizeof(rec.method));
	memset(rec.host, '\xff', sizeof(rec.host));
	memset(rec.path, '\x01', sizeof(rec.path));
	memset(rec.tls_version, '1', sizeof(rec.tls_version));
	const char *line = line_of(&rec);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	char small[100];
	assert_int_equal(ctl_access_format(&conf, &rec, 0, small, sizeof(small)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_backslashes_and_controls_are_escaped),
		cmocka_unit_test(valid_utf8_passes_unchanged),
		cmocka_unit_test(invalid_utf8_becomes_escapes_byte_by_byte),
		cmocka_unit_test(too_small_a_buffer_is_never_overrun),
		cmocka_unit_test(times_are_utc_with_milliseconds),
		cmocka_unit_test(an_exchange_is_one_line_with_all_fields),
		cmocka_unit_test(ipv6_clients_stand_in_brackets),
		cmocka_unit_test(what_is_not_known_is_empty_and_plain_has_no_tls),
		cmocka_unit_test(a_refused_request_names_its_error),
		cmocka_unit_test(the_worst_record_fits_the_largest_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
