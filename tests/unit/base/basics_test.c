/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, keyed hash, log lines, assertions. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/siphash.h"

/* ---- addresses ---- */

static void addresses_survive_parse_and_print(void **state)
{
	static const char *const texts[] = {"203.0.113.1", "0.0.0.0", "255.255.255.255",
		"2001:db8::1", "::", "fe80::1:2:3:4", "2001:db8:1:2:3:4:5:6"};
	(void)state;
	for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++) {
		struct lg_ip ip;
		char buf[LG_IP_STRLEN];
		assert_int_equal(lg_ip_parse(texts[i], &ip), 0);
		assert_string_equal(lg_ip_str(&ip, buf), texts[i]);
		assert_int_equal(lg_ip_is_v4(&ip), strchr(texts[i], ':') == NULL);
	}
}

static void ipv4_is_held_mapped_in_network_order(void **state)
{
	static const uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff, 203, 0, 113, 9};
	struct lg_ip ip;
	(void)state;
	assert_int_equal(lg_ip_parse("203.0.113.9", &ip), 0);
	assert_memory_equal(ip.b, bytes, 16);
	struct lg_ip again = lg_ip_from_v4(lg_ip_v4(&ip));
	assert_true(lg_ip_eq(&ip, &again));
	assert_false(lg_ip_is_zero(&ip));
}

static void what_is_no_plain_address_is_refused(void **state)
{
	static const char *const texts[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/24",
		" 1.2.3.4", "01.2.3.4", "0x1.2.3.4", "::ffff:1.2.3.4", "::ffff:102:304",
		"fe80::1%eth0", "1::2::3", ":::", "12345::", "host.example"};
	(void)state;
	for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++) {
		struct lg_ip ip = {.b = {0xaa}};
		assert_int_equal(lg_ip_parse(texts[i], &ip), -EINVAL);
		assert_int_equal(ip.b[0], 0xaa);
	}
}

static bool in_prefix(const char *ip, const char *net, unsigned len)
{
	struct lg_ip a, b;
	assert_int_equal(lg_ip_parse(ip, &a), 0);
	assert_int_equal(lg_ip_parse(net, &b), 0);
	return lg_ip_in_prefix(&a, &b, len);
}

static void prefixes_match_to_the_bit(void **state)
{
	(void)state;
	assert_true(in_prefix("10.1.2.255", "10.1.2.0", 96 + 24));
	assert_false(in_prefix("10.1.3.0", "10.1.2.0", 96 + 24));
	assert_true(in_prefix("10.1.3.0", "10.1.2.0", 96 + 23));
	assert_false(in_prefix("10.1.4.0", "10.1.2.0", 96 + 23));
	assert_true(in_prefix("10.1.2.3", "10.1.2.3", 128));
	assert_false(in_prefix("10.1.2.2", "10.1.2.3", 128));
	assert_true(in_prefix("192.0.2.1", "0.0.0.0", 96)); /* IPv4 default route */
	assert_false(in_prefix("2001:db8::1", "0.0.0.0", 96));
	assert_true(in_prefix("2001:db8::1", "::", 0));
	assert_true(in_prefix("2001:db8:8000::", "2001:db8:ffff::", 33));
	assert_false(in_prefix("2001:db8:7fff::", "2001:db8:ffff::", 33));
	assert_false(in_prefix("::", "::", 129));
}

/* ---- SipHash-2-4 ---- */

/* Aumasson, Bernstein 2012, appendix A and the authors' test vectors: key 00..0f, message 00, 01,
 * ... */
static void siphash_gives_the_published_values(void **state)
{
	static const struct {
		unsigned len;
		uint64_t hash;
	} v[] = {
		{0, UINT64_C(0x726fdb47dd0e0e31)},
		{1, UINT64_C(0x74f839c593dc67fd)},
		{2, UINT64_C(0x0d6c8009d9a94f5a)},
		{3, UINT64_C(0x85676696d7fb7e2d)},
		{4, UINT64_C(0xcf2794e0277187b7)},
		{5, UINT64_C(0x18765564cd99a68d)},
		{6, UINT64_C(0xcbc9466e58fee3ce)},
		{7, UINT64_C(0xab0200f58b01d137)},
		{8, UINT64_C(0x93f5f5799a932462)},
		{9, UINT64_C(0x9e0082df0ba9e4b0)},
		{15, UINT64_C(0xa129ca6149be45e5)},
		{16, UINT64_C(0x3f2acc7f57c29bdb)},
		{40, UINT64_C(0x0e3ea96b5304a7d0)},
		{63, UINT64_C(0x958a324ceb064572)},
	};
	struct lg_siphash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	uint8_t data[64];
	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < LG_ARRAY_SIZE(v); i++)
		assert_true(lg_siphash24(&key, data, v[i].len) == v[i].hash);
}

static void siphash_takes_unaligned_data(void **state)
{
	struct lg_siphash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	uint8_t data[64];
	(void)state;
	for (unsigned shift = 1; shift < 8; shift++) {
		for (unsigned i = 0; i < 15; i++)
			data[shift + i] = (uint8_t)i;
		assert_true(lg_siphash24(&key, data + shift, 15) == UINT64_C(0xa129ca6149be45e5));
	}
}

static void random_keys_differ(void **state)
{
	struct lg_siphash_key a = {0}, b = {0};
	(void)state;
	lg_siphash_key_random(&a);
	lg_siphash_key_random(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

/* ---- log ---- */

static char last_line[2048];
static unsigned last_len, n_lines;
static enum lg_log_level last_level;

static void keep_line(enum lg_log_level level, const char *line, unsigned len)
{
	assert_true(len < sizeof(last_line));
	memcpy(last_line, line, len + 1);
	last_len = len;
	last_level = level;
	n_lines++;
}

static int log_setup(void **state)
{
	(void)state;
	lg_log_set_sink(keep_line);
	lg_log_set_level(LG_INFO);
	last_line[0] = '\0';
	n_lines = 0;
	return 0;
}

static int log_teardown(void **state)
{
	(void)state;
	lg_log_set_sink(NULL);
	lg_log_set_level(LG_INFO);
	return 0;
}

static void a_line_says_level_component_and_text(void **state)
{
	(void)state;
	lg_log(LG_WARN, "health", "fe-pool/fe%d DOWN", 2);
	assert_string_equal(last_line, "WARN health: fe-pool/fe2 DOWN");
	assert_int_equal(last_len, strlen(last_line));
	assert_int_equal(last_level, LG_WARN);
}

static void lines_above_the_level_are_not_written(void **state)
{
	(void)state;
	lg_log(LG_DEBUG, "x", "hidden");
	assert_int_equal(n_lines, 0);
	lg_log_set_level(LG_DEBUG);
	lg_log(LG_DEBUG, "x", "shown");
	assert_string_equal(last_line, "DEBUG x: shown");
	lg_log_set_level(LG_ERROR);
	lg_log(LG_WARN, "x", "hidden");
	assert_int_equal(n_lines, 1);
}

/* Host names from the network appear in lines: they can't forge another line. */
static void control_bytes_cannot_break_a_line(void **state)
{
	(void)state;
	lg_log(LG_NOTICE, "http", "host '%s'", "a\r\nERROR x: forged\x1b[2J\x7f.\t");
	assert_string_equal(last_line, "NOTICE http: host 'a??ERROR x: forged?[2J?.?'");
}

static void overlong_lines_are_cut_and_say_so(void **state)
{
	char big[4000];
	(void)state;
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	lg_log(LG_ERROR, "tls", "%s", big);
	assert_int_equal(last_len, 1023);
	assert_int_equal(strlen(last_line), 1023);
	assert_string_equal(last_line + 1023 - 7, "y [cut]");
	lg_log(LG_ERROR, big, "%s", big);
	assert_int_equal(last_len, 1023);
}

static void default_sink_writes_one_line_to_stderr(void **state)
{
	int fds[2], saved = dup(STDERR_FILENO);
	char buf[256] = "";
	(void)state;
	lg_log_set_sink(NULL);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	lg_log(LG_INFO, "main", "hello");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	assert_int_equal(read(fds[0], buf, sizeof(buf) - 1), strlen("INFO main: hello\n"));
	assert_string_equal(buf, "INFO main: hello\n");
	close(fds[0]);
}

static void level_names_parse(void **state)
{
	enum lg_log_level l = LG_DEBUG;
	(void)state;
	assert_int_equal(lg_log_level_parse("error", &l), 0);
	assert_int_equal(l, LG_ERROR);
	assert_int_equal(lg_log_level_parse("warning", &l), 0);
	assert_int_equal(l, LG_WARN);
	assert_int_equal(lg_log_level_parse("notice", &l), 0);
	assert_int_equal(l, LG_NOTICE);
	assert_int_equal(lg_log_level_parse("info", &l), 0);
	assert_int_equal(l, LG_INFO);
	assert_int_equal(lg_log_level_parse("debug", &l), 0);
	assert_int_equal(l, LG_DEBUG);
	assert_int_equal(lg_log_level_parse("loud", &l), -EINVAL);
	assert_int_equal(l, LG_DEBUG);
}

static void a_flood_of_lines_is_limited_and_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		lg_us now = i < 99 ? LG_SEC(10) + (lg_us)i : LG_SEC(11);
		LG_LOG_RATELIMITED(now, LG_WARN, "net", "bad frame %d", i);
		if (i == 98) {
			assert_int_equal(n_lines, 5);
			assert_string_equal(last_line, "WARN net: bad frame 4");
		}
	}
	assert_int_equal(n_lines, 6);
	assert_string_equal(last_line, "WARN net: bad frame 99 (94 like it not shown)");
}

/* ---- assertions ---- */

static void a_broken_invariant_aborts_and_names_the_place(void **state)
{
	int fds[2], status;
	char buf[512] = "";
	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		LG_ASSERT(fds[0] == -1);
		_exit(0);
	}
	close(fds[1]);
	assert_true(read(fds[0], buf, sizeof(buf) - 1) > 0);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(buf, "fds[0] == -1"));
	assert_non_null(strstr(buf, "basics_test.c"));
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, log_setup, log_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_parse_and_print),
		cmocka_unit_test(ipv4_is_held_mapped_in_network_order),
		cmocka_unit_test(what_is_no_plain_address_is_refused),
		cmocka_unit_test(prefixes_match_to_the_bit),
		cmocka_unit_test(siphash_gives_the_published_values),
		cmocka_unit_test(siphash_takes_unaligned_data),
		cmocka_unit_test(random_keys_differ),
		LOG_TEST(a_line_says_level_component_and_text),
		LOG_TEST(lines_above_the_level_are_not_written),
		LOG_TEST(control_bytes_cannot_break_a_line),
		LOG_TEST(overlong_lines_are_cut_and_say_so),
		LOG_TEST(default_sink_writes_one_line_to_stderr),
		LOG_TEST(level_names_parse),
		LOG_TEST(a_flood_of_lines_is_limited_and_counted),
		cmocka_unit_test(a_broken_invariant_aborts_and_names_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
