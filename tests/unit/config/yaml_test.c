/* SPDX-License-Identifier: BSD-3-Clause */
/* The file as YAML: what is refused before any key is looked at, and how reports look. */
#include "config_test.h"

static void refused(const char *text, size_t len, const char *says)
{
	struct loaded r = load_text(text, len);
	assert_says(&r, says);
	assert_true(r.errors > 0);
	loaded_free(&r);
}

static void refused_text(const char *text, const char *says)
{
	refused(text, strlen(text), says);
}

static void three_errors_give_three_reports_in_file_order(void **state)
{
	(void)state;
	char *text = changed("pool: fe-pool", "pool: fe-pol");
	char *at = strstr(text, "limits"), *all = NULL;
	assert_true(asprintf(&all, "verson: 1\n%.*slimts%s", (int)(at - text), text, at + 6) > 0);
	struct loaded r = load_text(all, strlen(all));
	assert_int_equal(r.errors, 3);
	const char *one = strstr(
		r.out, "1:1: error: unknown key 'verson' in the file; did you mean 'version'?");
	const char *two = strstr(r.out, "19:82: error: pool 'fe-pol' is not defined");
	const char *three = strstr(r.out, "24:1: error: unknown key 'limts'");
	assert_true(one != NULL && one < two && two < three);
	loaded_free(&r);
	free(all);
	free(text);
}

static void report_shows_the_line_with_a_caret(void **state)
{
	(void)state;
	struct loaded r = load_changed("log:", "lgo:");
	assert_string_equal(r.out,
		"etc/t.yaml:26:1: error: unknown key 'lgo' in the file; did you mean 'log'?\n"
		"   26 | lgo: { level: info }\n"
		"      | ^~~\n");
	loaded_free(&r);
}

static void caret_counts_characters_and_keeps_tabs(void **state)
{
	(void)state;
	struct loaded r = load_changed(
		"log: { level: info }", "log: {\t\"\xc3\xa4\xe2\x82\xac\": 1,\tlevle: info }");
	assert_says(&r, "etc/t.yaml:26:8: error: unknown key '\xc3\xa4\xe2\x82\xac' in log\n"
			"   26 | log: {\t\"\xc3\xa4\xe2\x82\xac\": 1,\tlevle: info }\n"
			"      |       \t^~~~\n");
	assert_says(&r,
		"etc/t.yaml:26:17: error: unknown key 'levle' in log; did you mean 'level'?\n"
		"   26 | log: {\t\"\xc3\xa4\xe2\x82\xac\": 1,\tlevle: info }\n"
		"      |       \t        \t^~~~~\n");
	loaded_free(&r);
}

static void long_lines_are_shown_around_the_place(void **state)
{
	char text[4096];
	(void)state;
	int n = snprintf(text, sizeof(text), "log: { %*s oops: 1 }\n", 3000, "");
	struct loaded r = load_text(text, (size_t)n);
	assert_says(&r, "1:3009: error: unknown key 'oops' in log");
	assert_true(strlen(r.out) < 1500);
	assert_says(&r, " oops: 1 }\n");
	loaded_free(&r);
}

static void more_than_fifty_errors_are_counted_not_shown(void **state)
{
	char text[4096] = "";
	size_t n = 0;
	(void)state;
	for (unsigned i = 0; i < 80; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "key%u: 1\n", i);
	struct loaded r = load_text(text, n);
	assert_true(r.errors >= 80);
	assert_says(&r, " more errors are not shown\n");
	unsigned shown = 0;
	for (const char *p = r.out; (p = strstr(p, ": error: ")) != NULL; p++)
		shown++;
	assert_int_equal(shown, 50);
	loaded_free(&r);
}

static void empty_files_are_refused(void **state)
{
	(void)state;
	refused_text("", "etc/t.yaml: error: the file is empty");
	refused_text("# only a comment\n", "etc/t.yaml: error: the file is empty");
	refused_text("---\n", "etc/t.yaml: error: the file is empty");
	refused_text("just text\n", "1:1: error: 'the file' must be a map");
	refused_text("- 1\n", "1:1: error: 'the file' must be a map");
}

static void second_document_is_refused(void **state)
{
	(void)state;
	refused_text("version: 1\n---\nversion: 1\n", "2:1: error: a second document begins here");
}

static void aliases_anchors_and_tags_are_refused_together(void **state)
{
	(void)state;
	struct loaded r = load_text("a: &x 1\nb: *x\nc: !!str 2\n", 25);
	assert_int_equal(r.errors, 3);
	assert_says(&r, "1:4: error: anchors ('&name') are not supported");
	assert_says(&r, "2:4: error: aliases ('*name') are not supported");
	assert_says(&r, "3:4: error: tags ('!type') are not supported");
	loaded_free(&r);
	refused_text("a: &x [*x, *x]\n", "1:8: error: aliases");
	refused_text("a: *:443\n", "1:5: error: did not find expected alphabetic or numeric "
				   "character, while scanning an "
				   "alias; a value that begins with '*' needs quotes");
}

/* Nine levels of nine aliases each: a document of 387 million nodes for who expands it. */
static void billion_laughs_cost_nothing(void **state)
{
	char text[2048];
	(void)state;
	size_t n = (size_t)snprintf(text, sizeof(text), "a0: &a0 [x]\n");
	for (int i = 1; i < 10; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "a%d: &a%d [", i, i);
		for (int j = 0; j < 9; j++)
			n += (size_t)snprintf(
				text + n, sizeof(text) - n, "*a%d%s", i - 1, j < 8 ? ", " : "]\n");
	}
	refused(text, n, "error: aliases ('*name') are not supported");
}

static void depth_size_and_node_bombs_are_refused(void **state)
{
	(void)state;
	char deep[64] = "a: ";
	memset(deep + 3, '[', 16);
	memset(deep + 19, ']', 16);
	refused(deep, 35, "1:19: error: nested more than 16 levels deep");

	size_t n = 1024 * 1024 + 1;
	char *big = malloc(n);
	assert_non_null(big);
	memset(big, '#', n);
	refused(big, n, "etc/t.yaml: error: the file is larger than 1 MiB");
	memset(big, '[', n - 1);
	refused(big, n - 1, "error: ");
	for (size_t i = 0; i < n; i++)
		big[i] = i % 5 == 0 ? '-' : i % 5 == 4 ? '\n' : i % 5 == 1 ? ' ' : 'x';
	refused(big, n - 1, "error: more than 100,000 values in the file");
	free(big);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	(void)state;
	refused("version: 1\nab\0c: 2\n", 19, "2:3: error: a NUL byte: this is not a text file");
	refused_text("a: \xc3\x28\n",
		"1:5: error: invalid trailing UTF-8 octet: the file must be UTF-8 text");
	refused_text("a: b\nc: \xff\n",
		"2:4: error: invalid leading UTF-8 octet: the file must be UTF-8 text");
	refused_text("a: \x1b[31m\n", "1:4: error: control characters are not allowed");
	refused("\xff\xfe"
		"a\0:\0",
		6, "error: ");
}

static void tabs_and_broken_syntax_have_a_place(void **state)
{
	(void)state;
	refused_text("log:\n\tlevel: info\n",
		"2:1: error: found character that cannot start any token, while scanning for "
		"the next token; indent with spaces, no tabs");
	refused_text("a: [1,\nb: c\nd:",
		"3:2: error: did not find expected ',' or ']', while parsing a flow sequence "
		"(begun on line 1)");
	refused_text("a: \"x\n",
		"error: found unexpected end of stream, while scanning a quoted scalar");
}

static void a_byte_order_mark_is_accepted(void **state)
{
	char text[sizeof(base_yaml) + 3] = "\xef\xbb\xbf";
	(void)state;
	strcat(text, base_yaml);
	struct loaded r = load_text(text, strlen(text));
	assert_int_equal(r.errors, 0);
	loaded_free(&r);
}

static void line_ends_of_windows_are_accepted(void **state)
{
	char text[2 * sizeof(base_yaml)];
	size_t n = 0;
	(void)state;
	for (const char *p = base_yaml; *p != '\0'; p++) {
		if (*p == '\n')
			text[n++] = '\r';
		text[n++] = *p;
	}
	struct loaded r = load_text(text, n);
	assert_int_equal(r.errors, 0);
	loaded_free(&r);
}

/* Whatever the place of the cut: no crash, no leak, and an error (ASan watches). */
static void every_truncation_is_survived(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(base_yaml) - 60; n++) {
		struct loaded r = load_text(base_yaml, n);
		loaded_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_errors_give_three_reports_in_file_order),
		cmocka_unit_test(report_shows_the_line_with_a_caret),
		cmocka_unit_test(caret_counts_characters_and_keeps_tabs),
		cmocka_unit_test(long_lines_are_shown_around_the_place),
		cmocka_unit_test(more_than_fifty_errors_are_counted_not_shown),
		cmocka_unit_test(empty_files_are_refused),
		cmocka_unit_test(second_document_is_refused),
		cmocka_unit_test(aliases_anchors_and_tags_are_refused_together),
		cmocka_unit_test(billion_laughs_cost_nothing),
		cmocka_unit_test(depth_size_and_node_bombs_are_refused),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(tabs_and_broken_syntax_have_a_place),
		cmocka_unit_test(a_byte_order_mark_is_accepted),
		cmocka_unit_test(line_ends_of_windows_are_accepted),
		cmocka_unit_test(every_truncation_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
