/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/config: YAML -> validated, immutable snapshot. Workers read it, nobody writes it (law 8).
 * One schema table drives the loader, the checks and the printed reference.
 */
#ifndef LG_CONFIG_H
#define LG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

struct conf_addr {
	struct lg_ip ip;
	uint8_t prefix_len; /* 0..128 on the v4-mapped form */
};

struct conf_route_net {
	struct lg_ip to;
	uint8_t prefix_len;
	struct lg_ip via;
};

struct conf_port {
	const char *device; /* PCI address with domain ("0000:3b:00.0") or vdev string */
	uint16_t mtu;
	uint16_t vlan;
	uint8_t ttl;                 /* hop limit */
	struct conf_addr *addresses; /* first of each family is the primary one */
	unsigned n_addresses;
	struct lg_ip gateway4, gateway6; /* external only; zero: none */
	struct conf_route_net *routes;
	unsigned n_routes;
	uint32_t rx_descriptors, tx_descriptors;
	uint32_t mbufs; /* per worker; 0: sized from the limits */
};

struct conf_eal_option {
	const char *key,
		*value; /* "--key" or "--key=value" ("-k value" for one letter); value NULL: flag */
};

enum conf_idle { CONF_IDLE_BUSY, CONF_IDLE_ADAPTIVE };

struct conf_certificate {
	const char *name, *cert, *key; /* files */
	unsigned line;
};

struct conf_tls_versions {
	uint16_t min, max;                  /* 0x0301..0x0304 */
	const char *ciphers, *ciphersuites; /* NULL: defaults */
};

enum conf_mtu_probing { CONF_MTU_BLACK_HOLE, CONF_MTU_OFF, CONF_MTU_ON };

/* What a listener's or a pool's TCP connections are tuned by. */
struct conf_tcp {
	const char *congestion_control; /* name of an algorithm in lib/tcp; NULL: its default */
	enum conf_mtu_probing mtu_probing;
	bool ecn;     /* RFC 3168: heeded (listener), asked for (pool) */
	uint8_t dscp; /* RFC 2474: code point of all packets sent */
};

struct conf_listener {
	const char *name;
	struct lg_ip ip; /* zero: any external address */
	uint16_t port;
	bool tls;
	unsigned *certificates; /* indexes into conf.certificates */
	unsigned n_certificates;
	unsigned default_certificate;
	struct conf_tls_versions versions;
	struct conf_tcp tcp;
};

enum conf_http_action { CONF_HTTP_DEFAULT, CONF_HTTP_FORWARD, CONF_HTTP_REDIRECT, CONF_HTTP_OFF };

struct conf_server {
	const char *name; /* "10.0.1.11" or the key given */
	struct lg_ip ip;
	uint16_t https_port, http_port; /* own or the pool's */
};

struct conf_pool {
	const char *name;
	struct conf_server *servers;
	unsigned n_servers;
	uint16_t https_port,
		http_port; /* 4443, 8080 by default; http_port 0: plain is not forwarded */
	bool https_tls;    /* false: TLS listeners forward plain to https_port (tests, labs) */
	bool verify;
	const char *ca_file, *verify_name, *sni; /* sni NULL: none sent */
	struct conf_tls_versions versions;
	struct conf_tcp tcp;
	lg_us response_header_timeout; /* 0: global */
};

/* One host pattern of a route: exact or "*.suffix" (exactly one label, as in certificates). */
struct conf_host {
	const char *name; /* lower case, without trailing dot; for wildcards the part after "*." */
	bool wildcard;
	unsigned route;             /* index */
	enum conf_http_action http; /* resolved: never DEFAULT */
};

struct conf_route {
	const char *name; /* for logs: first host + path */
	const char *path; /* prefix, NULL: any */
	unsigned pool;
	unsigned line;
	lg_us response_header_timeout; /* 0: pool's */
};

struct conf_timeouts {        /* LY-406; microseconds */
	lg_us tls_handshake;  /* 10 s */
	lg_us request_header; /* 30 s, first to last byte of a head */
	lg_us idle;           /* 1800 s between requests */
	lg_us body_progress;  /* 60 s: client (or a pool that reads nothing) moves no byte of a body
			       */
	lg_us connect;        /* 5 s, TCP to the pool */
	lg_us pool_handshake; /* 10 s, TLS to the pool */
	lg_us response_header;                  /* 1860 s */
	lg_us drain;                            /* 30 s at SIGTERM */
	lg_us keepalive_client, keepalive_pool; /* 120 s, 60 s; 0: off (LY-408) */
	lg_us keepalive_interval;               /* 15 s between probes that get no answer */
	lg_us half_open;                        /* 10 s */
	lg_us time_wait;                        /* 60 s */
	lg_us fin_wait;                         /* 30 s */
	lg_us retransmit;                       /* 120 s: peer gone */
};

/*
 * Receive memory that a head of one byte may take: segments fill half of their buffers at least,
 * and the window must not close before the end.
 */
#define CONF_HEAD_MEMORY 3u

struct conf_limits {
	uint32_t connections;       /* client connections per worker */
	uint32_t half_open;         /* per worker */
	uint32_t syn_cookies_above; /* half-open, per worker; 0: SYN cookies always */
	uint32_t time_wait;         /* per worker */
	uint32_t receive_buffer;    /* most bytes of memory per connection */
	uint32_t send_buffer;
	uint32_t request_head; /* LY-413: 64 KiB default */
	uint32_t request_field;
	uint32_t request_target;
	uint32_t request_fields;
	uint64_t request_body;      /* 0: no limit (LY-410); else 413 */
	uint32_t handshakes_queued; /* per worker */
	uint32_t neighbours;
	uint32_t fragments;
	uint32_t icmp_echo; /* per second and worker */
	uint32_t keepalive_probes;
	uint32_t out_of_order;           /* ranges per connection */
	uint32_t resets, challenge_acks; /* per second and worker */
	uint16_t source_port_low, source_port_high;
};

struct conf_log {
	int level;               /* enum lg_log_level */
	bool access;             /* one line per request */
	const char *access_file; /* NULL: standard output */
};

struct conf {
	const char *path; /* of the file, for messages */
	struct conf_eal_option *eal;
	unsigned n_eal;
	unsigned *lcores; /* CPU of each worker */
	unsigned n_workers;
	unsigned main_lcore; /* CPU of the control thread */
	enum conf_idle idle;
	struct conf_port external, internal;
	struct conf_certificate *certificates;
	unsigned n_certificates;
	struct conf_listener *listeners; /* those with an address of their own before "*" */
	unsigned n_listeners;
	struct conf_host *hosts; /* all patterns of all routes, in file order */
	unsigned n_hosts;
	struct conf_route *routes;
	unsigned n_routes;
	struct conf_pool *pools;
	unsigned n_pools;
	uint16_t redirect_status; /* 301, 302, 307, 308 */
	uint16_t redirect_port;   /* port of https in redirects; 443 is left out of the URL */
	unsigned retry_after;     /* seconds, in 503 */
	struct conf_timeouts timeouts;
	struct conf_limits limits;
	struct conf_log log;
	void *arena; /* private: everything above lives here */
};

/*
 * Loads and checks a file, certificates and CA files included. All errors and warnings go to `out`
 * (one pass, "file:line:column: error: sentence", source line, caret). Returns NULL when there was
 * an error. *n_warnings may be NULL.
 */
struct conf *conf_load(const char *path, FILE *out, unsigned *n_errors, unsigned *n_warnings);
/* The same on a buffer (tests, fuzzing); path is used in messages and to resolve relative files.
 * check_files: read certificates. */
struct conf *conf_load_buffer(const char *path, const char *text, size_t len, bool check_files,
	FILE *out, unsigned *n_errors, unsigned *n_warnings);
void conf_free(struct conf *c);
/* Prints the reference of all keys (Markdown), generated from the schema table. */
void conf_print_reference(FILE *out);

#endif
