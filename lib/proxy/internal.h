/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/proxy: peers, sessions, exchanges. Everything here belongs to one worker. */
#ifndef LG_PROXY_INTERNAL_H
#define LG_PROXY_INTERNAL_H

#include "proxy/proxy.h"

/* After our FIN, what the client still sends is read and dropped this long, so that no RST of ours
 * destroys the answer on its way (RFC 9112 section 9.6). */
#define LINGER_TIME LG_SEC(5)
/* A client that half-closed gets this long for the answer to begin, or to go on (LY-407 wants the
 * pool's side ended within a second). */
#define HALF_CLOSE_GRACE LG_MS(500)
/* A member that failed to connect is tried last for this long. */
#define SERVER_DOWN_TIME LG_SEC(10)
/* Bytes that one session may move in one turn, each way, before others get theirs. */
#define TURN_BUDGET (64u * 1024)
/* What a request costs of that beside its body: a turn has an end for small ones too. */
#define REQUEST_COST 1024u
/* Less room than this in a send buffer is not worth a record; WRITABLE comes later. */
#define MIN_ROOM    1024u
#define MAX_BACKS   8 /* pool connections of one session: pools used by one client connection */
#define MAX_INTERIM 8 /* 1xx answers before a final one */

struct session;

enum peer_kind { PEER_FRONT, PEER_BACK };

/* One TCP connection of a session, with TLS on it or not. */
struct peer {
	struct session *s;
	struct tcp_conn *tcp;   /* NULL: none */
	struct tls_conn *tls;   /* NULL: plain, or not begun yet */
	struct lg_chain plain;  /* TLS: decrypted, not consumed yet */
	struct lg_node hs_node; /* on the worker's handshake queue */
	enum peer_kind kind;
	bool use_tls;
	bool up;        /* application data may flow */
	bool eof;       /* nothing more will be read after what is there */
	bool clean_eof; /* and the end is a real end: FIN on plain, close_notify on TLS */
	bool gone;      /* TCP reported CLOSED */
	bool failed;    /* TLS failed */
};

/* A private connection to a pool. */
struct back {
	struct lg_node node; /* in the session's list, or the free list */
	struct peer peer;
	uint16_t pool, server;
	uint64_t tried;      /* members tried for the present attempt */
	lg_us begun, tcp_up; /* of the present attempt */
	bool connecting;
	bool auth; /* NTLM or Negotiate went over it: the connection is an identity (LY-403) */
	enum proxy_end fail; /* how the last attempt failed */
};

enum request_phase { REQ_HEAD, REQ_CONNECT, REQ_BODY, REQ_DONE };
enum response_phase { RESP_HEAD, RESP_BODY, RESP_DONE };

/* A request and its response; exists from the first byte of the head to the end of both. */
struct exchange {
	struct lg_node node; /* free list */
	enum request_phase req_phase;
	enum response_phase resp_phase;
	uint32_t parsed; /* bytes of the request head that the parser has seen */
	uint32_t resp_parsed;
	const struct conf_host *host; /* NULL until routed */
	struct back *back;
	lg_us start, head_at, connect_begun, up_at, sent_at, first_byte_at, progress_at,
		client_eof_at;
	uint64_t bytes_in, bytes_out;
	uint16_t status;
	uint16_t lost; /* 1 + pool whose authenticated connection ended before it was asked for */
	unsigned interim;
	bool continued;   /* the pool has said 100 */
	bool committed;   /* final response head is on its way to the client */
	bool close_front; /* after this response */
	bool close_back;
	struct http_head req, resp;
	struct http_body req_body, resp_body;
};

enum session_state { SESSION_HANDSHAKE, SESSION_OPEN, SESSION_LINGER };

struct session {
	struct lg_node node;       /* all sessions, or free list */
	struct lg_node ready_node; /* wants another turn */
	struct proxy *p;
	struct peer front;
	struct lg_timer timer;
	struct lg_list backs;
	unsigned n_backs;
	struct exchange *ex; /* NULL between requests */
	enum session_state state;
	uint16_t listener;
	lg_us since;    /* when the present state, or idleness, began */
	lg_us tls_time; /* client's handshake; logged with the first request */
	uint32_t requests;
	uint32_t budget;
	uint32_t unacked; /* of what we sent to the client, at the last look */
	bool dead;        /* ended inside this turn: the caller must not touch it */
};

/*
 * Blocks of one size, each beginning with its struct lg_node. Memory is reserved at start and first
 * touched when used, so a large limit costs address space, not memory.
 */
struct blocks {
	char *mem;
	size_t size;
	uint32_t count, touched;
	struct lg_list free;
};

struct proxy {
	const struct conf *conf;
	unsigned worker;
	struct tcp_stack *tcp;
	struct lg_wheel *wheel;
	struct tls_worker *tls;
	struct rte_mempool *pool;
	void (*access)(void *ctx, const struct proxy_access *rec);
	void *access_ctx;
	struct proxy_routes *routes;
	struct tls_server **tls_servers; /* per listener, NULL on plain ones */
	struct tls_client **tls_clients; /* per pool, NULL on plain ones */
	int *listener_ids;
	struct tcp_opts *back_opts; /* per pool */
	struct http_limits limits;
	unsigned *next_server; /* per pool: round robin */

	struct blocks session_blocks, back_blocks, exchange_blocks;
	struct lg_list sessions;
	struct lg_list ready;
	struct lg_list handshakes;
	unsigned n_sessions, n_handshakes;
	bool draining;
	uint64_t next_id;

	uint64_t counters[PROXY_CTR_MAX];
	uint64_t ends[PROXY_END_MAX];
	struct proxy_listener_stats *listener_stats;
	struct proxy_pool_stats *pool_stats;
	struct proxy_server_stats **server_stats; /* [pool][server] */
};

/* ---- blocks.c ---- */
int blocks_init(struct blocks *b, size_t size, uint32_t count); /* 0 or -ENOMEM */
struct lg_node *blocks_get(struct blocks *b); /* NULL when all are in use; contents undefined */
void blocks_put(struct blocks *b, struct lg_node *n);
void blocks_free(struct blocks *b);

/* ---- peer.c ---- */
/* The bytes read and not consumed. After consuming call peer_consumed(). */
struct lg_chain *peer_rx(struct peer *pe);
void peer_consumed(struct peer *pe);
/*
 * Makes up to `want` bytes readable in peer_rx() if they have arrived, and notes ends of stream. 0,
 * or -EPROTO when TLS failed (pe->failed).
 */
int peer_fill(struct peer *pe, uint32_t want);
/* Bytes worth sending now; 0 means: wait for WRITABLE. */
uint32_t peer_room(struct peer *pe);
/* Sends all of data (taken). 0, or a negative errno when the connection can't take it (or no mbuf).
 */
int peer_send(struct peer *pe, struct lg_chain *data, lg_us now);
/* close_notify where TLS, then FIN. */
void peer_shutdown(struct peer *pe);
/* Lets go of the connection: RST when abort, otherwise FIN after what is queued. */
void peer_release(struct peer *pe, bool abort, lg_us now);
/* One step of the handshake. TLS_OK: up. */
enum tls_result peer_handshake(struct peer *pe, lg_us now);
/* Queues the peer for a handshake step when it can make one. */
void peer_want_handshake(struct peer *pe);

/* ---- session.c ---- */
void session_accept(struct proxy *p, struct tcp_conn *c, lg_us now);
/* Does what can be done now. The session may be gone when it returns. */
void session_run(struct session *s, lg_us now);
void session_ready(struct session *s);
/* Answer sent, we close: FIN, then drop input until the client closes too. */
void session_linger(struct session *s, enum proxy_end end, lg_us now);
/* Ends everything at once; abort: RST to the client. */
void session_end(struct session *s, enum proxy_end end, bool abort, lg_us now);
void session_front_closed(struct session *s, lg_us now);
/* Between requests: at most the empty line was read that may stand before one (RFC 9112 2.2). */
bool session_idle(const struct session *s);
/* Counts how an exchange, or a session between exchanges, ended. */
void session_count_end(struct proxy *p, enum proxy_end end);

/* ---- exchange.c ---- */
/* One step; true when something moved and another step may do more. */
bool exchange_step(struct session *s, lg_us now);
/* Ends the exchange: log line, pool connection kept or closed, s->ex = NULL. */
void exchange_finish(struct session *s, enum proxy_end end, lg_us now);
/* Forgets an exchange that never began (session_idle()); does nothing to others. */
void exchange_drop_idle(struct session *s);
/*
 * The exchange can't go on: answers `status` when nothing was sent yet, closes when the answer was
 * given whole, breaks off otherwise.
 */
void exchange_fail(struct session *s, int status, enum proxy_end end, lg_us now);

/* ---- relay.c ---- */
/*
 * Moves a head of head_len bytes from the front of src to dst without the ranges in h->strip, with
 * `extra` (complete field lines, may be "") before the final empty line. 0, or a negative errno.
 */
int relay_head(struct peer *src, struct peer *dst, const struct http_head *h, const char *extra,
	lg_us now);
/*
 * Moves body bytes as room and budget allow; *done: the body is complete. Returns the bytes moved,
 * or a negative errno: -EBADMSG malformed chunks, -EPROTO source TLS failed, -EPIPE destination
 * gone, -ENOMEM.
 */
int64_t relay_body(struct peer *src, struct peer *dst, struct http_body *b, uint32_t *budget,
	bool *done, lg_us now);
/* Begins a body. True when it is complete already (no body, or length 0). */
bool relay_body_begin(struct http_body *b, enum http_framing framing, uint64_t length);
/* Feeds the parser with what it has not seen yet of rx. */
enum http_status relay_parse_head(struct http_head *h, const struct lg_chain *rx, uint32_t *parsed);

/* ---- backend.c ---- */
/* The session's connection to the pool, opened when there is none. NULL: exchange_fail was called.
 */
struct back *backend_get(struct session *s, unsigned pool, lg_us now);
void backend_connected(struct back *b, lg_us now);
/* The attempt under way failed: next member, or the exchange fails. */
void backend_attempt_failed(struct back *b, enum proxy_end why, lg_us now);
void backend_free(struct back *b, bool abort, lg_us now);
/* An idle back said something: an end, or bytes nobody asked for. */
void backend_idle_event(struct back *b, lg_us now);

/* ---- answer.c ---- */
/* Sends a local answer; the connection stays open when keep. False when it could not be sent. */
bool answer_local(struct session *s, int status, const char *reason, bool keep, lg_us now);
bool answer_redirect(struct session *s, bool keep, lg_us now);
void answer_count(struct proxy *p, int status);

/* ---- access.c ---- */
void access_log(struct session *s, enum proxy_end end, lg_us now);

/* ---- timeout.c ---- */
/* (Re)arms the session's timer for what it waits for now. */
void timeout_update(struct session *s, lg_us now);
void timeout_fired(struct lg_timer *t, lg_us now);

#endif
