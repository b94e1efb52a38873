/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing the route by host and path (LY-105, LY-201, LY-203). */
#include "eal.h"

#include <string.h>

#include "proxy/proxy.h"

static struct conf_route routes[] = {{.name = "r0"}, {.name = "r1", .path = "/meet"},
	{.name = "r2", .path = "/meet/deep"}, {.name = "r3"}, {.name = "r4"}};
static struct conf_host hosts[] = {
	{.name = "lync.example.com", .route = 0},
	{.name = "lync.example.com", .route = 1},
	{.name = "lync.example.com", .route = 2},
	{.name = "example.com", .wildcard = true, .route = 3},
	{.name = "a.example.com", .route = 4},
	{.name = "only.example.org", .route = 1},
};
static struct conf conf = {.hosts = hosts,
	.n_hosts = LG_ARRAY_SIZE(hosts),
	.routes = routes,
	.n_routes = LG_ARRAY_SIZE(routes)};

static int find(const char *host, const char *path)
{
	struct proxy_routes *r = proxy_routes_create(&conf);
	const struct conf_host *h = proxy_routes_find(r, host, path, strlen(path));
	int route = h ? (int)h->route : -1;
	proxy_routes_free(r);
	return route;
}

static void exact_host_before_wildcard(void **state)
{
	(void)state;
	assert_int_equal(find("a.example.com", "/"), 4);
	assert_int_equal(find("b.example.com", "/"), 3);
}

static void wildcard_covers_one_label(void **state)
{
	(void)state;
	assert_int_equal(find("x.y.example.com", "/"), -1);
	assert_int_equal(find("example.com", "/"), -1);
	assert_int_equal(find(".example.com", "/"), -1);
}

/* LY-201: simple URL options 2 and 3 route by host and path, case-insensitively. */
static void longest_path_prefix_wins(void **state)
{
	(void)state;
	assert_int_equal(find("lync.example.com", "/dialin"), 0);
	assert_int_equal(find("lync.example.com", "/Meet?x"), 1);
	assert_int_equal(find("lync.example.com", "/meet/deep/er"), 2);
	assert_int_equal(find("lync.example.com", "/meeting"), 0);
}

/* LY-204 */
static void unknown_host_and_uncovered_path_are_not_published(void **state)
{
	(void)state;
	assert_int_equal(find("unknown.example.net", "/"), -1);
	assert_int_equal(find("only.example.org", "/other"), -1);
	assert_int_equal(find("", "/"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_host_before_wildcard),
		cmocka_unit_test(wildcard_covers_one_label),
		cmocka_unit_test(longest_path_prefix_wins),
		cmocka_unit_test(unknown_host_and_uncovered_path_are_not_published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
