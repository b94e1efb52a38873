/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/proxy: sessions. A session is one client connection (front) and its private connections to
 * pools (back), never shared with another client (LY-403). One struct proxy per worker; it owns the
 * worker's listeners, TLS contexts and sessions, reads the configuration snapshot and nothing else.
 */
#ifndef LG_PROXY_H
#define LG_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"
#include "http/http.h"
#include "tcp/tcp.h"
#include "tls/tls.h"

/* X(id, "name", "what it means") */
#define PROXY_COUNTERS(X)                                                                          \
	X(SESSIONS, "sessions", "client connections accepted")                                     \
	X(REQUESTS, "requests", "requests whose head was read completely")                         \
	X(RESPONSES, "responses", "responses of the pool passed on completely")                    \
	X(LOCAL_REDIRECT, "local-redirect", "redirects to https answered here")                    \
	X(LOCAL_400, "local-400", "requests refused as malformed or ambiguous")                    \
	X(LOCAL_404, "local-404", "host or path that is not published")                            \
	X(LOCAL_408, "local-408", "request head or body that came too slowly")                     \
	X(LOCAL_413, "local-413", "request body over the limit")                                   \
	X(LOCAL_414, "local-414", "request target over the limit")                                 \
	X(LOCAL_431, "local-431", "request head over the limit")                                   \
	X(LOCAL_503, "local-503", "no answer from the pool to be had")                             \
	X(LOCAL_504, "local-504", "the pool did not answer in time")                               \
	X(LOCAL_OTHER, "local-other", "other local answers (405, 505)")                            \
	X(BACK_CONNECTS, "back-connects", "connections to pool members attempted")                 \
	X(BACK_CONNECT_FAILS, "back-connect-fails", "of these, failed")                            \
	X(BACK_REUSED, "back-reused", "requests sent on the session's open pool connection")       \
	X(BACK_UNSOLICITED, "back-unsolicited",                                                    \
		"pool connections closed: bytes that nobody asked for")                            \
	X(PORTS_EXHAUSTED, "ports-exhausted", "no source port left towards a pool member")         \
	X(REFUSED_HANDSHAKE_QUEUE, "refused-handshake-queue",                                      \
		"clients refused: TLS handshake queue full")                                       \
	X(REFUSED_SESSIONS, "refused-sessions", "clients refused: session table full")             \
	X(REFUSED_NOMEM, "refused-nomem", "sessions ended: no mbuf or TLS memory")                 \
	X(RX_BYTES, "rx-bytes", "request bytes passed to pools")                                   \
	X(TX_BYTES, "tx-bytes", "response bytes passed to clients")

enum proxy_counter {
#define X(id, name, help) PROXY_CTR_##id,
	PROXY_COUNTERS(X)
#undef X
		PROXY_CTR_MAX
};
const char *proxy_counter_name(enum proxy_counter c);
const char *proxy_counter_help(enum proxy_counter c);

/* How an exchange, or a session between exchanges, ended. X(id, "name in the access log") */
#define PROXY_ENDS(X)                                                                              \
	X(OK, "ok")                                                                                \
	X(REDIRECT, "redirect")                                                                    \
	X(UNKNOWN_HOST, "unknown-host")                                                            \
	X(BAD_REQUEST, "bad-request")                                                              \
	X(BODY_LIMIT, "limit:request-body")                                                        \
	X(CLIENT_ABORT, "client-abort")                                                            \
	X(CLIENT_CLOSE, "client-close") /* between requests */                                     \
	X(CLIENT_TLS, "client-tls-failed")                                                         \
	X(CLIENT_TIMEOUT_TLS, "client-timeout:tls-handshake")                                      \
	X(CLIENT_TIMEOUT_HEADER, "client-timeout:header")                                          \
	X(CLIENT_TIMEOUT_BODY, "client-timeout:body")                                              \
	X(CLIENT_TIMEOUT_IDLE, "client-timeout:idle")                                              \
	X(NO_SERVER, "no-server")                                                                  \
	X(SERVER_TLS, "server-tls-failed")                                                         \
	X(SERVER_TIMEOUT_CONNECT, "server-timeout:connect")                                        \
	X(SERVER_TIMEOUT_TLS, "server-timeout:tls-handshake")                                      \
	X(SERVER_TIMEOUT_HEADER, "server-timeout:first-byte")                                      \
	X(SERVER_TIMEOUT_BODY, "server-timeout:body")                                              \
	X(SERVER_RESET, "server-reset")                                                            \
	X(SERVER_CLOSED, "server-closed")       /* before or amid the response */                  \
	X(SERVER_TRUNCATED, "server-truncated") /* FIN without close_notify */                     \
	X(SERVER_BAD_RESPONSE, "server-bad-response")                                              \
	X(NO_PORTS, "limit:source-ports")                                                          \
	X(LIMIT, "limit:sessions")                                                                 \
	X(NO_MEMORY, "no-memory")                                                                  \
	X(DRAIN, "drain")                                                                          \
	X(SHUTDOWN, "shutdown")

enum proxy_end {
#define X(id, name) PROXY_END_##id,
	PROXY_ENDS(X)
#undef X
		PROXY_END_MAX
};
const char *proxy_end_name(enum proxy_end e);

/* One line of the access log; a value copied into a ring, so of fixed size. Times in us of `now`.
 */
struct proxy_access {
	lg_us start;                  /* first byte of the request head */
	lg_us total;                  /* to the end of the exchange */
	lg_us wait;                   /* until a pool connection was sought (head complete) */
	lg_us connect;                /* TCP and TLS to the pool; 0 when reused */
	lg_us first_byte;             /* request head sent to response head complete */
	lg_us tls;                    /* client's handshake, on the first request of a connection */
	uint64_t bytes_in, bytes_out; /* bytes of request and response as sent, heads included */
	struct lg_ip client;
	uint16_t client_port;
	int16_t listener, pool, server, route; /* indexes into the snapshot; -1: none */
	uint16_t status;                       /* 0: none was sent */
	uint8_t end;                           /* enum proxy_end */
	uint8_t http_error;                    /* enum http_error with BAD_REQUEST */
	bool tls_resumed, path_cut;
	char tls_version[8]; /* "" on plain listeners */
	char method[16];
	char host[128];
	char path[384]; /* cut when longer */
	uint64_t id;    /* unique in this process */
};

struct proxy_listener_stats {
	uint64_t accepted, active, requests, rx_bytes, tx_bytes;
};

struct proxy_pool_stats {
	uint64_t connects, connect_fails, tls_fails, active, requests, responses, local_503,
		local_504, rx_bytes, tx_bytes;
	uint64_t status_class[6]; /* [1]..[5]: responses by class */
};

struct proxy_server_stats {
	uint64_t connects, connect_fails, active, requests;
	lg_us down_until; /* tried last until then, after a failed connect */
};

struct proxy_params {
	const struct conf *conf;
	unsigned worker;
	struct tcp_stack *tcp;
	struct tls_worker *tls;
	struct rte_mempool *pool; /* mbufs for what we write ourselves */
	/* Gets each finished exchange; must not block. NULL: none wanted. */
	void (*access)(void *ctx, const struct proxy_access *rec);
	void *access_ctx;
};

struct proxy;

/* Builds contexts and starts to listen. NULL with a sentence in err. */
struct proxy *proxy_create(const struct proxy_params *p, char *err, size_t errlen);
void proxy_free(struct proxy *p);
/*
 * Works on everything that tcp_next_event() reports, due session work, and at most one TLS
 * handshake step. Returns true when work is left for the next iteration (so the worker must not
 * sleep).
 */
bool proxy_run(struct proxy *p, lg_us now);
/* Graceful end: no new clients, idle sessions are closed, running exchanges finish and then close.
 */
void proxy_drain(struct proxy *p, lg_us now);
/*
 * Ends every session now, in order where that is possible: idle ones by close_notify and FIN,
 * requests that have no answer yet by a 503. A response under way is cut by RST.
 */
void proxy_close_all(struct proxy *p, lg_us now);
/* Ends every session at once: RST to clients and pools. */
void proxy_abort_all(struct proxy *p, lg_us now);
unsigned proxy_session_count(const struct proxy *p);

const uint64_t *proxy_counters(const struct proxy *p); /* PROXY_CTR_MAX */
const uint64_t *proxy_ends(const struct proxy *p);     /* PROXY_END_MAX */
const struct proxy_listener_stats *proxy_listener_stats(const struct proxy *p, unsigned listener);
const struct proxy_pool_stats *proxy_pool_stats(const struct proxy *p, unsigned pool);
const struct proxy_server_stats *proxy_server_stats(
	const struct proxy *p, unsigned pool, unsigned server);

/* A TCP connection of a session; a client's has a listener, a pool's a pool and a server. */
struct proxy_conn {
	struct tcp_conn *tcp;
	int16_t listener, pool, server; /* indexes into the snapshot; -1: none */
	bool tls;
};
/*
 * All connections of the session that c belongs to, the client's first; at most max of them. 0: c
 * is no session's (any more).
 */
unsigned proxy_session_conns(const struct tcp_conn *c, struct proxy_conn *out, unsigned max);

/*
 * The routing table of a snapshot, indexed. The route for a host (lower case, no port, no trailing
 * dot) and path (as sent, with query): exact hosts before wildcards (one label), then the longest
 * path prefix, then file order. NULL: not published. The snapshot must outlive the index.
 */
struct proxy_routes;
struct proxy_routes *proxy_routes_create(const struct conf *c);
void proxy_routes_free(struct proxy_routes *r);
const struct conf_host *proxy_routes_find(
	const struct proxy_routes *r, const char *host, const char *path, size_t path_len);

#endif
