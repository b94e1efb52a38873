/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to lib/config. The way of a file: document.c (YAML, bombs refused) -> walk.c (schema
 * table to raw structs) -> ports.c, services.c, pools.c ... (cross checks, the snapshot) -> diag.c
 * (prints). Everything raw lives in the scratch arena and dies with the load; the snapshot has its
 * own.
 */
#ifndef LG_CONFIG_INTERNAL_H
#define LG_CONFIG_INTERNAL_H

#include <yaml.h>

#include "config/arena.h"
#include "config/config.h"

#define CONF_MAX_FILE   (1024 * 1024)
#define CONF_MAX_NODES  100000
#define CONF_MAX_DEPTH  16
#define CONF_MAX_SCALAR 4096
#define CONF_MAX_KEYS   32 /* rows of one section of the schema */
#define CONF_MAX_SHOWN  50 /* errors, and as many warnings, that are printed; all are counted */

/* ---- schema ---------------------------------------------------------------------------------- */

enum conf_section {
	CS_TOP,
	CS_WORKERS,
	CS_PORTS,
	CS_PORT,
	CS_PORT_ROUTE,
	CS_CERTIFICATE,
	CS_LISTENER,
	CS_LISTENER_TLS,
	CS_ROUTE,
	CS_POOL,
	CS_POOL_TLS,
	CS_SERVER,
	CS_REDIRECT,
	CS_TIMEOUTS,
	CS_LIMITS,
	CS_LOG,
	CS_MAX
};

enum conf_type {
	CT_UINT,
	CT_COUNT,    /* 200k */
	CT_SIZE,     /* 64KiB */
	CT_DURATION, /* 30s */
	CT_BOOL,
	CT_ENUM,
	CT_VERSION, /* of TLS: 1.0 to 1.3 */
	CT_STRING,
	CT_FILE,    /* relative paths: from the configuration file's folder */
	CT_NAMES,   /* one string or a list of strings */
	CT_SECTION, /* map of fixed keys, nested struct */
	CT_NAMED,   /* map of names to sections */
	CT_ITEMS,   /* list of sections */
	CT_NODE,    /* read by code of its own */
};

enum conf_flag { CF_REQUIRED = 1, CF_OFF = 2 /* a section that may be `off` */ };

struct conf_key {
	enum conf_section in;
	const char *key;
	enum conf_type type;
	size_t offset, size; /* of the member in the section's raw struct */
	uint64_t min, max;   /* of the value, or of the number of entries */
	const char *def;     /* as it would be written in the file; NULL: none */
	const char *values;  /* CT_ENUM: "a|b"; CT_NODE and CT_STRING: what the reference says */
	enum conf_section sub;
	unsigned flags;
	const char *doc;
};

struct conf_section_info {
	const char *title; /* path of keys, for the reference */
	size_t size;       /* of the raw struct */
	const char *doc;
};

extern const struct conf_key conf_schema[];
extern const unsigned conf_schema_rows;
extern const struct conf_section_info conf_sections[CS_MAX];

/* ---- raw structs: what the file says, before names are resolved -------------------------------
 */

/* First member of each section's struct. */
struct conf_head {
	const char *name;      /* key in a CT_NAMED map; else NULL */
	const yaml_node_t *at; /* the section's node, or the name's; NULL: section absent */
	bool off;              /* CF_OFF and written so */
	const yaml_node_t *value[CONF_MAX_KEYS]; /* by row within the section; NULL: absent */
};

struct raw_name {
	const char *s;
	const yaml_node_t *at;
};

struct raw_names {
	struct raw_name *v;
	unsigned n;
};

struct raw_list {
	void *v; /* structs of the section that the schema row names */
	unsigned n;
};

struct raw_workers {
	struct conf_head head;
	const yaml_node_t *lcores;
	uint32_t main_lcore, idle;
};

struct raw_port_route {
	struct conf_head head;
	const char *to, *via;
};

struct raw_port {
	struct conf_head head;
	const char *device;
	uint16_t mtu, vlan, ttl;
	struct raw_names addresses, gateway;
	struct raw_list routes;
	uint32_t rx_descriptors, tx_descriptors, mbufs;
};

struct raw_ports {
	struct conf_head head;
	struct raw_port external, internal;
};

struct raw_certificate {
	struct conf_head head;
	const char *cert, *key;
	struct raw_names covered; /* filled by the file check */
	bool checked;
};

struct raw_listener_tls {
	struct conf_head head;
	struct raw_names certificates;
	const char *default_certificate;
	struct conf_tls_versions versions;
};

/* Indexes into the values of the schema. */
struct raw_tcp {
	uint32_t congestion_control, mtu_probing;
	bool ecn;
	uint16_t dscp;
};

struct raw_listener {
	struct conf_head head;
	struct raw_names bind;
	struct raw_tcp tcp;
	struct raw_listener_tls tls;
};

struct raw_route {
	struct conf_head head;
	struct raw_names hosts;
	const char *path, *pool;
	uint32_t http;
	lg_us response_header_timeout;
};

struct raw_pool_tls {
	struct conf_head head;
	const char *ca, *verify_name;
	bool verify;
	const yaml_node_t *sni;
	struct conf_tls_versions versions;
};

struct raw_server {
	struct conf_head head;
	const char *address;
	uint16_t https_port, http_port;
};

struct raw_pool {
	struct conf_head head;
	const yaml_node_t *servers;
	uint16_t https_port, http_port;
	struct raw_pool_tls tls;
	struct raw_tcp tcp;
	lg_us response_header_timeout;
	bool used; /* by a route */
};

struct raw_redirect {
	struct conf_head head;
	uint32_t status; /* index into the schema's values */
	uint16_t port;
};

struct raw_timeouts {
	struct conf_head head;
	struct conf_timeouts t;
};

struct raw_limits {
	struct conf_head head;
	struct conf_limits l;
	const char *source_ports;
};

struct raw_log {
	struct conf_head head;
	uint32_t level;
	bool access;
	const char *access_file;
};

struct raw_top {
	struct conf_head head;
	uint32_t version;
	const yaml_node_t *eal;
	struct raw_workers workers;
	struct raw_ports ports;
	struct raw_list certificates, listeners, routes, pools;
	struct raw_redirect redirect;
	lg_us retry_after;
	struct raw_timeouts timeouts;
	struct raw_limits limits;
	struct raw_log log;
};

/* ---- one load -------------------------------------------------------------------------------- */

struct conf_diag {
	unsigned line, column, width; /* line 0: the file as a whole; columns count characters */
	unsigned order;
	const char *message;
};

struct conf_diags {
	struct conf_diag shown[CONF_MAX_SHOWN];
	unsigned n; /* all, also those not kept */
};

struct conf_load {
	const char *path, *text;
	size_t len;
	bool check_files;
	struct conf_arena *scratch; /* raw structs and messages */
	struct conf *conf;          /* being built */
	struct conf_arena *arena;   /* the conf's */
	/* libyaml's memory: freed at the end, however the load ends. All zero: nothing to free. */
	yaml_parser_t parser;
	yaml_event_t event;
	yaml_document_t doc;
	bool doc_loaded;
	struct conf_diags errors, warnings;
	struct raw_top top;
	const yaml_node_t **host_at; /* by index in conf.hosts */
	bool addresses_bad[2];       /* external, internal: don't blame others for it */
};

/* diag.c: `at` NULL means the file as a whole. Positions are those of the node. */
void conf_error(struct conf_load *l, const yaml_node_t *at, const char *fmt, ...)
	__attribute__((nonnull(3), format(printf, 3, 4)));
void conf_warn(struct conf_load *l, const yaml_node_t *at, const char *fmt, ...)
	__attribute__((nonnull(3), format(printf, 3, 4)));
/* line and column from 0, as in yaml_mark_t. */
void conf_error_mark(struct conf_load *l, size_t line, size_t column, unsigned width,
	const char *fmt, ...) __attribute__((nonnull(5), format(printf, 5, 6)));
void conf_diag_print(const struct conf_load *l, FILE *out);
/* `text` made safe to print: control characters replaced, cut when long. In the scratch arena. */
const char *conf_show(struct conf_load *l, const char *text, size_t len);
static inline unsigned conf_line(const yaml_node_t *n)
{
	return n != NULL ? (unsigned)n->start_mark.line + 1 : 0;
}

/* suggest.c: feed candidates, then ask. */
struct conf_suggest {
	const char *word, *best;
	unsigned distance;
	const yaml_node_t *at; /* of the best candidate; may be NULL */
};
void conf_suggest_try(struct conf_suggest *s, const char *candidate, const yaml_node_t *at);
/* "; did you mean 'x' (line 3)?" or "". */
const char *conf_suggest_text(struct conf_load *l, const struct conf_suggest *s);
/* True when enough was reported that hints are no longer worth their time. */
bool conf_enough(const struct conf_load *l);

/* document.c: true when l->doc holds a document that is safe to walk. */
bool conf_document_load(struct conf_load *l);

/* scalar.c: NULL, or why the text is no such value (a sentence's end: "must be ..."). */
const char *conf_scalar_set(
	struct conf_load *l, const struct conf_key *k, const char *text, void *dst);
/* Whole text a decimal number of at most max? */
bool conf_uint(const char *text, uint64_t max, uint64_t *out);
/* "10-20,30" style ranges are the caller's; this is one "low-high". */
bool conf_range(const char *text, uint64_t max, uint64_t *low, uint64_t *high);

/* walk.c */
void conf_read_top(struct conf_load *l);
void conf_read_section(
	struct conf_load *l, enum conf_section s, const yaml_node_t *node, struct conf_head *h);
/* Text of a scalar without control characters; NULL after an error was reported. */
const char *conf_text(struct conf_load *l, const yaml_node_t *node, const char *what);
/* One scalar or a list of scalars. */
void conf_read_names(struct conf_load *l, const yaml_node_t *node, const struct conf_key *k,
	struct raw_names *out);
/* Key of a map: refuses merge keys and collections. */
const char *conf_key_text(struct conf_load *l, const yaml_node_t *key);
yaml_node_t *conf_node(struct conf_load *l, yaml_node_item_t id);
bool conf_is_plain(const yaml_node_t *node, const char *text);
/* Node of a key of a section, or of the section when the key is absent. */
const yaml_node_t *conf_at(const struct conf_head *h, enum conf_section s, const char *key);
bool conf_given(const struct conf_head *h, enum conf_section s, const char *key);
/* A name of a listener, pool, ...: letters, digits, '.', '_', '-'. */
bool conf_check_name(struct conf_load *l, const yaml_node_t *at, const char *name);

/* address.c: each reports its error at `at` and returns false. */
bool conf_parse_ip(struct conf_load *l, const yaml_node_t *at, const char *text, struct lg_ip *ip);
bool conf_parse_prefix(
	struct conf_load *l, const yaml_node_t *at, const char *text, struct conf_addr *out);
/* "1.2.3.4:80", "[::1]:80", "*:80" (zero address). Without a port: *port is left alone if allowed.
 */
bool conf_parse_endpoint(struct conf_load *l, const yaml_node_t *at, const char *text,
	bool port_optional, struct lg_ip *ip, uint16_t *port);
struct lg_ip conf_network(const struct conf_addr *a);
bool conf_usable_host(
	struct conf_load *l, const yaml_node_t *at, const char *text, const struct lg_ip *ip);
bool conf_on_link(const struct conf_port *p, const struct lg_ip *ip);
bool conf_own_address(const struct conf_port *p, const struct lg_ip *ip);

/* The cross checks and the snapshot, in this order. */
void conf_build_eal(struct conf_load *l);
void conf_build_workers(struct conf_load *l);
void conf_build_ports(struct conf_load *l);
void conf_build_certificates(struct conf_load *l);
void conf_build_listeners(struct conf_load *l);
void conf_build_pools(struct conf_load *l);
void conf_build_routes(struct conf_load *l);
void conf_finish_pools(struct conf_load *l); /* defaults that need the routes */
void conf_build_settings(struct conf_load *l);
void conf_check_coverage(struct conf_load *l);
/* listeners.c: a range of TLS versions with its cipher lists, of a listener or a pool. */
void conf_check_versions(struct conf_load *l, const struct conf_head *h, enum conf_section s,
	const struct conf_tls_versions *v);
/* The TCP keys that listeners and pools share. */
struct conf_tcp conf_read_tcp(const struct raw_tcp *r);
/* routes.c: a DNS name, lower case and without trailing dot; NULL after an error. */
const char *conf_host_name(struct conf_load *l, const yaml_node_t *at, const char *text);
void conf_check_usage(struct conf_load *l);
void conf_check_machine(struct conf_load *l);

/* files.c: only when check_files. */
void conf_check_certificate(struct conf_load *l, struct raw_certificate *c);
void conf_check_ca(struct conf_load *l, const yaml_node_t *at, const char *file);
void conf_check_folder_of(struct conf_load *l, const yaml_node_t *at, const char *file);
/* ciphers.c: whether OpenSSL knows the lists. */
void conf_check_ciphers(struct conf_load *l, const struct conf_tls_versions *v,
	const yaml_node_t *ciphers, const yaml_node_t *suites);

#endif
