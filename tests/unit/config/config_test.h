/* SPDX-License-Identifier: BSD-3-Clause */
/* A small valid configuration, and loading a changed copy of it. */
#ifndef LG_CONFIG_TEST_H
#define LG_CONFIG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

/* Line numbers matter: the expected texts name them. */
static const char base_yaml[] =
	/*  1 */ "version: 1\n"
		 /*  2 */ "workers: { lcores: [1, 2], main_lcore: 0, idle: busy }\n"
		 /*  3 */ "ports:\n"
		 /*  4 */ "  external:\n"
		 /*  5 */ "    device: net_af_packet0,iface=ext0\n"
		 /*  6 */ "    addresses: [203.0.113.10/24, \"2001:db8::10/64\"]\n"
		 /*  7 */ "    gateway: [203.0.113.1, \"2001:db8::1\"]\n"
		 /*  8 */ "  internal:\n"
		 /*  9 */ "    device: net_af_packet1,iface=int0\n"
		 /* 10 */ "    addresses: [10.0.0.10/24]\n"
		 /* 11 */ "    routes: [{ to: 10.0.1.0/24, via: 10.0.0.1 }]\n"
		 /* 12 */ "certificates:\n"
		 /* 13 */ "  public: { cert: web.pem, key: web.key }\n"
		 /* 14 */ "listeners:\n"
		 /* 15 */ "  http: { bind: \"*:80\" }\n"
		 /* 16 */ "  https: { bind: \"*:443\", tls: { certificates: [public] } }\n"
		 /* 17 */ "routes:\n"
		 /* 18 */ "  - { hosts: [web.example.com, lyncdiscover.example.com, "
		 "\"*.example.net\"], pool: fe-pool }\n"
		 /* 19 */ "pools:\n"
		 /* 20 */ "  fe-pool:\n"
		 /* 21 */ "    servers: [10.0.1.11]\n"
		 /* 22 */ "    tls: { ca: ca.pem }\n"
		 /* 23 */ "limits: { connections: 1k }\n"
		 /* 24 */ "timeouts: { idle: 30m }\n"
		 /* 25 */ "eal: { no-huge: true }\n"
		 /* 26 */ "log: { level: info }\n";

struct loaded {
	struct conf *conf;
	char *out; /* what was printed */
	unsigned errors, warnings;
};

static inline struct loaded load_text(const char *text, size_t len)
{
	struct loaded r = {0};
	size_t size;
	FILE *out = open_memstream(&r.out, &size);
	assert_non_null(out);
	/* An exact copy on the heap: ASan sees a read past its end. */
	char *copy = malloc(len > 0 ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	r.conf = conf_load_buffer("etc/t.yaml", copy, len, false, out, &r.errors, &r.warnings);
	free(copy);
	fclose(out);
	assert_int_equal(r.conf == NULL, r.errors > 0);
	return r;
}

static inline void loaded_free(struct loaded *r)
{
	conf_free(r->conf);
	free(r->out);
}

/* base_yaml with the first `from` replaced; the caller frees. */
static inline char *changed(const char *from, const char *to)
{
	const char *at = strstr(base_yaml, from);
	if (at == NULL) {
		print_error("'%s' is not in the base configuration\n", from);
		abort();
	}
	size_t size = sizeof(base_yaml) + strlen(to);
	char *text = malloc(size);
	assert_non_null(text);
	snprintf(text, size, "%.*s%s%s", (int)(at - base_yaml), base_yaml, to, at + strlen(from));
	return text;
}

static inline struct loaded load_changed(const char *from, const char *to)
{
	char *text = changed(from, to);
	struct loaded r = load_text(text, strlen(text));
	free(text);
	return r;
}

static inline void assert_says(const struct loaded *r, const char *what)
{
	if (strstr(r->out, what) == NULL)
		fail_msg("expected '%s' in:\n%s", what, r->out);
}

/* One change of the base configuration and the one report that it must give. */
struct change {
	const char *from, *to;
	const char *says; /* "LINE:COLUMN: error: ..." or "... warning: ..." */
};

static inline bool change_holds(const struct change *c)
{
	struct loaded r = load_changed(c->from, c->to);
	bool error = strstr(c->says, " error: ") != NULL;
	bool holds = strstr(r.out, c->says) != NULL && r.errors == error &&
		     (error || r.warnings == 1);
	if (!holds)
		print_error("'%s' -> '%s'\nexpected %s\ngot %u errors, %u warnings:\n%s\n", c->from,
			c->to, c->says, r.errors, r.warnings, r.out);
	loaded_free(&r);
	return holds;
}

/* Goes through the whole table before it fails. */
static inline void check_changes(const struct change *c, size_t n)
{
	unsigned failed = 0;
	for (size_t i = 0; i < n; i++)
		failed += !change_holds(&c[i]);
	assert_int_equal(failed, 0);
}

#define CHECK_CHANGES(table) check_changes(table, sizeof(table) / sizeof((table)[0]))

#endif
