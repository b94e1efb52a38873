/* SPDX-License-Identifier: BSD-3-Clause */
/* Path prefixes as IIS sees paths (LY-201, LY-301, A24). */
#include "rows.h"

struct path_row {
	const char *what, *path, *prefix;
	bool match;
};

static const struct path_row rows[] = {
	{"the prefix itself", "/meet", "/meet", true},
	{"below the prefix", "/meet/u/ABC", "/meet", true},
	{"with a query", "/meet?x", "/meet", true},
	{"ends inside a segment", "/meeting", "/meet", false},
	{"path in other case", "/MEET/x", "/meet", true},
	{"prefix in other case", "/meet/x", "/Meet", true},
	{"prefix with a slash at its end", "/meet/x", "/meet/", true},
	{"prefix with a slash matches without", "/meet", "/meet/", true},
	{"empty prefix", "/any", "", true},
	{"root prefix", "/any", "/", true},
	{"root prefix and asterisk", "*", "/", true},
	{"asterisk has no path", "*", "/meet", false},
	{"shorter than the prefix", "/mee", "/meet", false},
	{"prefix in the query only", "/x?/meet", "/meet", false},
	{"two segments", "/contoso.com/Meet/x", "/contoso.com/meet", true},
	{"encoded letter", "/%63scp", "/cscp", true},
	{"encoded letter in upper case", "/%4Deet", "/meet", true},
	{"encoded slash", "/meet%2fx", "/meet", true},
	{"encoded question mark is part of the path", "/meet%3fx", "/meet", false},
	{"decoded once only", "/%2563scp", "/cscp", false},
	{"unicode escape", "/%u0063scp", "/cscp", true},
	{"unicode escape above ASCII", "/%u0163scp", "/cscp", false},
	{"malformed escape stands for itself", "/a%zz/b", "/a%zz", true},
	{"escape cut at the end", "/a%4", "/a%4", true},
	{"percent at the end", "/a%", "/a%", true},
	{"unicode escape cut at the end", "/a%u006", "/a%u006", true},
	{"dot segments lead out", "/meet/../cscp", "/meet", false},
	{"dot segments lead in", "/meet/../cscp", "/cscp", true},
	{"encoded dots", "/meet/%2e%2E/cscp/x", "/cscp", true},
	{"dots at the end", "/cscp/x/..", "/cscp", true},
	{"dots out at the end", "/cscp/..", "/cscp", false},
	{"dots above the root", "/../../cscp", "/cscp", true},
	{"single dot", "/./cscp/.", "/cscp", true},
	{"three dots are a name", "/meet/.../x", "/meet", true},
	{"dots inside a name", "/meet..", "/meet", false},
	{"backslash", "/meet\\x", "/meet", true},
	{"backslash and dots", "/meet\\..\\cscp", "/cscp", true},
	{"encoded backslash", "/meet%5c..%5ccscp", "/cscp", true},
	{"repeated slashes", "//cscp", "/cscp", true},
	{"repeated slashes inside", "/a///b/x", "/a/b", true},
	{"encoded NUL doesn't end the path", "/meet%00x", "/meet", false},
};

static void path_row(void **state)
{
	const struct path_row *row = *state;
	size_t n = strlen(row->path);
	char *exact = malloc(n);

	assert_non_null(exact);
	memcpy(exact, row->path, n);
	assert_int_equal(http_path_prefix(exact, n, row->prefix), row->match);
	free(exact);
}

/*
 * A path that may have been cut matches only "any": dot segments beyond the cut could lead
 * elsewhere. A long query is no reason.
 */
static void paths_that_may_be_cut_match_only_any(void **state)
{
	char path[3 * HTTP_MAX_TARGET_COPY];

	(void)state;
	memset(path, 'a', sizeof(path));
	memcpy(path, "/meet/", 6);
	assert_true(http_path_prefix(path, HTTP_MAX_TARGET_COPY - 2, "/meet"));
	assert_false(http_path_prefix(path, HTTP_MAX_TARGET_COPY - 1, "/meet"));
	assert_false(http_path_prefix(path, sizeof(path), "/meet"));
	assert_true(http_path_prefix(path, sizeof(path), "/"));
	path[10] = '?';
	assert_true(http_path_prefix(path, sizeof(path), "/meet"));
}

static void head_with_a_cut_path_matches_only_any(void **state)
{
	char text[4096] = "GET /meet/";
	struct http_limits l;
	struct http_head h;
	size_t used;

	(void)state;
	memset(text + 10, 'a', 2500);
	strcpy(text + 2510, "/../../cscp HTTP/1.1\r\nHost: a\r\n\r\n");
	http_limits_default(&l);
	http_request_init(&h, &l);
	assert_int_equal(
		http_head_parse(&h, (const uint8_t *)text, strlen(text), &used), HTTP_DONE);
	assert_true(h.path_cut);
	assert_false(http_path_prefix(h.path, h.path_len, "/meet"));
	assert_true(http_path_prefix(h.path, h.path_len, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_that_may_be_cut_match_only_any),
		cmocka_unit_test(head_with_a_cut_path_matches_only_any),
	};
	const size_t n = sizeof(rows) / sizeof(rows[0]);
	struct CMUnitTest *table = calloc(n, sizeof(*table));
	int failed;

	if (table == NULL)
		return 1;
	for (size_t i = 0; i < n; i++) {
		table[i].name = rows[i].what;
		table[i].test_func = path_row;
		table[i].initial_state = (void *)(uintptr_t)&rows[i];
	}
	failed = _cmocka_run_group_tests("paths", table, n, NULL, NULL);
	free(table);
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
