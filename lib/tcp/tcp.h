/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/tcp: RFC 9293, both ends of it, for one worker. Never reads a clock, never touches a port
 * (law 2): segments and `now` come in, segments go out through a callback, and what happened to
 * connections is collected as events that the user picks up once per loop. So there is no
 * re-entrance: no call into this library ever calls the user back except `output`.
 *
 * A connection's receive side is a chain of in-order mbufs which the user consumes; its send side
 * takes chains and keeps them until acknowledged.
 */
#ifndef LG_TCP_H
#define LG_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "flow/flow.h"
#include "net/net.h"

/* X(id, "name", "what it means"); names follow RFC 4898 where one fits. */
#define TCP_COUNTERS(X)                                                                            \
	X(SEGS_IN, "segs-in", "segments received")                                                 \
	X(SEGS_OUT, "segs-out", "segments sent")                                                   \
	X(SEGS_RETRANS, "segs-retrans", "segments retransmitted")                                  \
	X(OCTETS_IN, "octets-in", "payload bytes delivered in order")                              \
	X(OCTETS_OUT, "octets-out", "payload bytes sent, without retransmissions")                 \
	X(PASSIVE_OPENS, "passive-opens", "connections accepted")                                  \
	X(ACTIVE_OPENS, "active-opens", "connections attempted")                                   \
	X(ATTEMPT_FAILS, "attempt-fails", "connections that never became established")             \
	X(RTO_TIMEOUTS, "rto-timeouts", "retransmission timer expiries")                           \
	X(FAST_RETRANS, "fast-retrans", "entries into fast recovery")                              \
	X(DUP_ACKS_IN, "dup-acks-in", "duplicate ACKs received")                                   \
	X(SACK_BLOCKS_IN, "sack-blocks-in", "SACK blocks received")                                \
	X(DSACKS_IN, "dsacks-in", "D-SACKs received: something was sent twice (RFC 2883)")         \
	X(REORDERING_SEEN, "reordering-seen", "connections on whose path packets overtake")        \
	X(LOSS_PROBES, "loss-probes", "tail loss probes sent (RFC 8985 section 7)")                \
	X(LOSS_PROBE_RECOVERIES, "loss-probe-recoveries", "losses that a tail loss probe mended")  \
	X(UNDOS, "undos", "reductions of cwnd undone: nothing had been lost")                      \
	X(SPURIOUS_RTOS, "spurious-rto-detected", "retransmission timeouts that were needless")    \
	X(OOO_SEGS_IN, "ooo-segs-in", "segments stored out of order")                              \
	X(ZERO_WINDOW_PROBES, "zero-window-probes", "probes sent into a closed window")            \
	X(KEEPALIVES, "keepalives", "keepalive probes sent")                                       \
	X(CHALLENGE_ACKS, "challenge-acks", "RFC 5961 challenge ACKs sent")                        \
	X(CHALLENGE_ACKS_LIMITED, "challenge-acks-limited",                                        \
		"challenge ACKs not sent, over the limit of the connection or of all")             \
	X(RSTS_OUT, "rsts-out", "resets sent")                                                     \
	X(RSTS_LIMITED, "rsts-limited",                                                            \
		"resets to segments of no connection not sent, over the limit")                    \
	X(RSTS_IN, "rsts-in", "acceptable resets received")                                        \
	X(DROP_NO_LISTENER, "drop-no-listener", "SYN to an address and port where nobody listens") \
	X(DROP_NO_CONN, "drop-no-conn", "segment of no connection")                                \
	X(DROP_BAD_FLAGS, "drop-bad-flags", "flag combination that RFC 9293 doesn't allow")        \
	X(DROP_OUT_OF_WINDOW, "drop-out-of-window", "segment outside the receive window")          \
	X(DROP_PAWS, "drop-paws", "timestamp older than the last (RFC 7323 section 5)")            \
	X(DROP_BAD_ACK, "drop-bad-ack", "ACK of something never sent, or too old (RFC 5961)")      \
	X(DROP_BAD_OPTION, "drop-bad-option", "malformed TCP options")                             \
	X(DROP_OOO_LIMIT, "drop-ooo-limit", "out-of-order store of the connection is full")        \
	X(DROP_RX_LIMIT, "drop-rx-limit", "receive memory of the connection is full")              \
	X(DROP_AFTER_CLOSE, "drop-after-close", "data after the user closed (answered by RST)")    \
	X(DROP_CONN_LIMIT, "drop-conn-limit", "SYN refused: connection table full")                \
	X(DROP_DRAINING, "drop-draining", "SYN refused: listener is draining")                     \
	X(DROP_PRESSURE, "drop-pressure", "SYN refused: packet buffers are short")                 \
	X(DROP_PRESSURE_DATA, "drop-pressure-data",                                                \
		"data not taken: packet buffers are short (the peer sends it again)")              \
	X(DROP_PRESSURE_OOO, "drop-pressure-ooo",                                                  \
		"out-of-order data not kept: packet buffers are short")                            \
	X(PRESSURE_RISES, "pressure-rises", "times that packet buffers became shorter by a level") \
	X(TX_COPIED, "tx-copied", "segments copied because indirect mbufs were short")             \
	X(DROP_NOMBUF, "drop-nombuf", "no mbuf for a segment to send (it is retried)")             \
	X(RCV_BUF_GROWN, "rcv-buf-grown",                                                          \
		"times that a connection's receive memory was raised for its path")                \
	X(DROP_ICMP, "drop-icmp",                                                                  \
		"ICMP error about no connection, or about what it never sent (RFC 5927)")          \
	X(TIME_WAIT_RECYCLED, "time-wait-recycled", "TIME-WAIT ended early to make room")          \
	X(HALF_OPEN_EVICTED, "half-open-evicted", "oldest half-open dropped to make room")         \
	X(SYNCOOKIES_SENT, "syncookies-sent", "SYNs answered by a SYN cookie (RFC 4987)")          \
	X(SYNCOOKIES_RECV, "syncookies-recv", "valid SYN cookies that came back")                  \
	X(SYNCOOKIES_FAILED, "syncookies-failed",                                                  \
		"segments of no connection whose ACK is no SYN cookie of ours, while some are "    \
		"out")                                                                             \
	X(CE_RCVD, "ce-rcvd", "data segments that a router marked by CE (RFC 3168)")               \
	X(ECN_SIGNALS, "ecn-signals", "windows reduced, or already reduced, when ECE came")        \
	X(PMTU_LOWERED, "pmtu-lowered", "path MTU lowered by ICMP")                                \
	X(PMTU_BLACK_HOLE, "pmtu-black-hole",                                                      \
		"path MTU lowered because large segments got lost again and again")                \
	X(PMTU_RAISED, "pmtu-raised", "path MTU raised again, or found to be larger")              \
	X(PMTU_PROBES, "pmtu-probes", "larger segments sent to find the path MTU")                 \
	X(PMTU_PROBES_LOST, "pmtu-probes-lost", "of these, lost")

enum tcp_counter {
#define X(id, name, help) TCP_CTR_##id,
	TCP_COUNTERS(X)
#undef X
		TCP_CTR_MAX
};
const char *tcp_counter_name(enum tcp_counter c);
const char *tcp_counter_help(enum tcp_counter c);

/* Why a connection ended; each counted. X(id, "name") */
#define TCP_REASONS(X)                                                                             \
	X(NONE, "none")                                                                            \
	X(FIN, "fin") /* both sides closed in order */                                             \
	X(RESET, "reset-by-peer")                                                                  \
	X(REFUSED, "refused") /* RST in answer to our SYN */                                       \
	X(CONNECT_TIMEOUT, "connect-timeout")                                                      \
	X(RETRANS_TIMEOUT, "retransmission-timeout") /* R2 passed: peer gone */                    \
	X(KEEPALIVE_TIMEOUT, "keepalive-timeout")                                                  \
	X(ZERO_WINDOW_TIMEOUT, "zero-window-timeout")                                              \
	X(FIN_WAIT_TIMEOUT, "fin-wait-timeout")                                                    \
	X(UNREACHABLE, "unreachable") /* hard ICMP error while connecting */                       \
	X(HALF_OPEN_TIMEOUT, "half-open-timeout")                                                  \
	X(ABORTED, "aborted") /* we sent the RST */                                                \
	X(EVICTED, "evicted") /* made room */
enum tcp_reason {
#define X(id, name) TCP_REASON_##id,
	TCP_REASONS(X)
#undef X
		TCP_REASON_MAX
};
const char *tcp_reason_name(enum tcp_reason r);

/* RFC 9293 section 3.3.2 */
enum tcp_state {
	TCP_CLOSED,
	TCP_LISTEN,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_STATES
};
const char *tcp_state_name(enum tcp_state s);

struct tcp_stack;
struct tcp_conn;

/* When segments are made smaller or larger than the interface allows, beside what ICMP says. */
enum tcp_mtu_probing {
	TCP_MTU_OFF,
	TCP_MTU_BLACK_HOLE, /* smaller ones when large ones get lost silently; then larger again */
	TCP_MTU_ON,         /* begins small and probes upwards (RFC 4821) */
};

/* Per-connection settings, given by the listener or the connect call; copied. All times in us. */
struct tcp_opts {
	uint32_t rcv_buf;     /* most receive memory (truesize); bounds the advertised window */
	uint32_t rcv_start;   /* what it begins with, see tcp_rx_consumed() */
	uint32_t snd_buf;     /* most send memory (truesize), see tcp_tx_space() */
	lg_us keepalive_idle; /* 0: off */
	lg_us keepalive_interval;
	uint32_t keepalive_probes;
	lg_us connect_timeout; /* active open */
	lg_us user_timeout;    /* unacknowledged data or zero window longer than this ends the
				  connection */
	lg_us fin_timeout; /* after tcp_release(): FIN-WAIT-2, and queued data without progress */
	bool ecn;          /* RFC 3168: passive: when the client asks; active: ask for it */
	uint8_t dscp;      /* RFC 2474: code point of every segment, 0 to 63 */
	const char *cc;    /* congestion control: "cubic" (NULL), "reno", "bbr" */
	enum tcp_mtu_probing mtu_probing;
};
/* Defaults: 256 KiB to 8 MiB to receive, 4 MiB to send, keepalive 120 s/15 s/4, connect 5 s, user
 * timeout 120 s, fin 30 s. */
void tcp_opts_default(struct tcp_opts *o);

struct tcp_stack_params {
	const char *name;       /* unique, < 16 chars */
	uint32_t max_conns;     /* connection blocks, allocated at start */
	uint32_t max_half_open; /* SYN-RECEIVED at once; 0: a quarter of max_conns */
	/*
	 * With so many half-open, SYNs are answered by SYN cookies; 0: half of max_half_open. From
	 * max_half_open on: never, and the oldest half-open gives way.
	 */
	uint32_t syn_cookies_above;
	bool syn_cookies_always;      /* whatever is half-open */
	uint32_t max_time_wait;       /* the oldest is recycled; 0: a quarter of max_conns */
	lg_us time_wait;              /* 2 MSL; default 60 s */
	lg_us half_open_timeout;      /* SYN-RECEIVED; default 10 s */
	uint32_t max_ooo_ranges;      /* out-of-order ranges of one connection; default 64 */
	uint32_t rst_rate;            /* RSTs to segments of no connection, per s; default 100 */
	uint32_t challenge_rate;      /* challenge ACKs per s (RFC 5961 section 7); default 1000 */
	uint16_t mtu[NET_SIDES];      /* IP MTU of each side */
	struct rte_mempool *pool;     /* header and copied-payload mbufs (worker's own) */
	struct rte_mempool *indirect; /* data-room-less mbufs for zero-copy TX; NULL: always copy */
	struct flow_ports *ports;     /* for tcp_connect; given back when a connection dies */
	struct lg_siphash_key secret; /* ISNs (RFC 6528), timestamps offsets */
	int socket_id;
	/*
	 * Called with each segment to send: m as net_output() wants it (data at the TCP header,
	 * headroom kept). Takes m.
	 */
	void (*output)(void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx,
		lg_us now);
	void *output_ctx;
};

struct tcp_stack *tcp_stack_create(const struct tcp_stack_params *p, lg_us now);
void tcp_stack_free(struct tcp_stack *s); /* silently drops every connection (no segments sent) */
const uint64_t *tcp_stack_counters(const struct tcp_stack *s);      /* TCP_CTR_MAX */
const uint64_t *tcp_stack_close_reasons(const struct tcp_stack *s); /* TCP_REASON_MAX */

struct tcp_gauges {
	uint32_t connections; /* blocks in use, all states */
	uint32_t half_open, established, time_wait;
	uint64_t rx_truesize, tx_truesize, ooo_truesize; /* memory held by chains */
	uint32_t pressure;                               /* enum tcp_pressure */
};
void tcp_stack_gauges(const struct tcp_stack *s, struct tcp_gauges *g);

/* What short packet buffers do to connections; each level includes those before it. */
enum tcp_pressure {
	TCP_PRESSURE_NONE,
	TCP_PRESSURE_SHRINK,  /* less than 1/2 free: receive and send memory are cut to a quarter */
	TCP_PRESSURE_MINIMAL, /* 1/4: windows of two segments, no out-of-order data, 16 KiB to send
			       */
	TCP_PRESSURE_REFUSE,  /* 1/8: no SYNs; data only for those who hold less than their share */
	TCP_PRESSURE_SCARCE,  /* 1/16: data only for those who hold none, either way */
	TCP_PRESSURE_RESERVE, /* 1/32: no data is taken any more */
};
/*
 * Tells the stack how many mbufs of its pool are free, out of `total` that connections may hold
 * (the pool without what rings occupy; a larger free_mbufs is all right). Call every few
 * milliseconds, and after a few hundred packets: the reserve must outlast what comes in between.
 * What was promised in windows is never taken back. Below 3/4 free buffers grow less, below 1/2 no
 * more. When a level changes, connections hear of it
 * (WRITABLE, window updates, out-of-order data dropped) in slices of bounded work per call.
 */
void tcp_stack_pressure(struct tcp_stack *s, uint32_t free_mbufs, uint32_t total);

/*
 * Listens on ip (lg_ip zero: every local address of that side, both families) and port. `user`
 * comes back in tcp_conn_listener_user(). Returns a listener id >= 0, or -EADDRINUSE,
 * -ENOSPC, -EINVAL (o->cc is unknown).
 */
int tcp_listen(struct tcp_stack *s, enum net_side side, const struct lg_ip *ip, uint16_t port,
	const struct tcp_opts *o, void *user);
/* draining: new SYNs are refused (dropped and counted); connections live on. */
void tcp_listener_drain(struct tcp_stack *s, int listener, bool draining);

/*
 * Active open towards remote from the internal side; picks source address and port. NULL with
 * *err = -EADDRNOTAVAIL (ports), -ENOBUFS (connection table full), -EINVAL (no host can have the
 * remote address, or o->cc is unknown). The SYN leaves at the next flush.
 */
struct tcp_conn *tcp_connect(struct tcp_stack *s, enum net_side side, const struct lg_ip *remote,
	uint16_t rport, const struct tcp_opts *o, void *user, lg_us now, int *err);

/*
 * A burst of checked segments; n <= NET_BURST. Takes every pkt.m. ACKs are collected and leave at
 * tcp_flush(), one per connection and burst at most (plus what RFC 5681 demands at once).
 */
void tcp_input(struct tcp_stack *s, struct net_pkt *pkts, unsigned n, lg_us now);
void tcp_icmp_error(struct tcp_stack *s, const struct net_icmp_error *err, lg_us now);
/* Runs due timers (at most max). Returns how many ran. */
unsigned tcp_timers(struct tcp_stack *s, lg_us now, unsigned max);
/* Sends what is pending: data, ACKs, window updates. Call at the end of each loop iteration. */
void tcp_flush(struct tcp_stack *s, lg_us now);
lg_us tcp_next_timer(const struct tcp_stack *s); /* for idling; UINT64_MAX when none */
/* The wheel, for the proxy's own per-session timers (tcp_timers() runs them too). */
struct lg_wheel *tcp_wheel(struct tcp_stack *s);

/* ---- events ---------------------------------------------------------------------------------- */

enum {
	TCP_EV_ACCEPTED = 1 << 0,  /* passive open done: set the user with tcp_conn_set_user() */
	TCP_EV_CONNECTED = 1 << 1, /* active open done */
	TCP_EV_READABLE = 1 << 2,  /* new in-order bytes in tcp_rx() */
	TCP_EV_EOF = 1 << 3,       /* peer's FIN: no bytes after those in tcp_rx() */
	TCP_EV_WRITABLE = 1 << 4,  /* tcp_tx_space() grew after it had been found too small */
	/*
	 * The connection is gone (tcp_conn_reason), or both directions are closed and only
	 * TIME-WAIT is left, which the stack sits out alone. The last event. The user must call
	 * tcp_release() (at once or later); until then only tcp_rx, tcp_conn_* getters and
	 * tcp_release make sense (anything else does nothing).
	 */
	TCP_EV_CLOSED = 1 << 5,
};

/*
 * Next connection with news: fills *events, returns the connection or NULL when there is no more.
 * A connection on which tcp_release() was called never shows up again.
 */
struct tcp_conn *tcp_next_event(struct tcp_stack *s, unsigned *events);

/* ---- one connection, from the user's side -----------------------------------------------------
 */

void tcp_conn_set_user(struct tcp_conn *c, void *user);
void *tcp_conn_user(const struct tcp_conn *c);
void *tcp_conn_listener_user(const struct tcp_conn *c);
enum tcp_state tcp_conn_state(const struct tcp_conn *c);
enum tcp_reason tcp_conn_reason(const struct tcp_conn *c);
const struct flow_key *tcp_conn_key(const struct tcp_conn *c);
/* Payload bytes a full-sized segment carries now (options deducted). */
uint32_t tcp_conn_mss(const struct tcp_conn *c);
lg_us tcp_conn_srtt(const struct tcp_conn *c); /* 0: no sample yet */

/*
 * In-order received bytes. The user takes from its head with lg_chain_move/trim_head/splice and
 * then calls tcp_rx_consumed() once so that the window may open (SWS avoidance on our side). What
 * it takes within a round trip also tells how large the window should be: receive memory grows from
 * rcv_start up to rcv_buf while the user keeps up with what arrives, never under pressure.
 */
struct lg_chain *tcp_rx(struct tcp_conn *c);
void tcp_rx_consumed(struct tcp_conn *c);
bool tcp_rx_eof(const struct tcp_conn *c); /* FIN received (bytes may still wait in tcp_rx) */

/*
 * Bytes that tcp_send() takes now: room in the send buffer; 0 also after tcp_shutdown(). Send
 * memory follows the congestion window: 128 KiB at first, twice of what may be in flight on a path
 * that carries more, snd_buf at most. When the result is less than 32 KiB (or a quarter of a
 * smaller snd_buf), WRITABLE follows once half of the memory, or 128 KiB, are free (or half of what
 * tcp_stack_pressure() left).
 */
uint32_t tcp_tx_space(struct tcp_conn *c);
/*
 * Queues all of `data` (emptied). Never refuses: callers keep to tcp_tx_space() (one record more is
 * tolerated; the limit is on memory, not a wall). -EPIPE after shutdown or close (data freed).
 */
int tcp_send(struct tcp_conn *c, struct lg_chain *data);
uint32_t tcp_tx_unacked(const struct tcp_conn *c); /* queued or sent, not acknowledged */
/* FIN after everything queued (half-close: receiving goes on). */
void tcp_shutdown(struct tcp_conn *c);
/* RST now, everything queued is dropped. CLOSED(ABORTED) is not reported: call tcp_release() next.
 */
void tcp_abort(struct tcp_conn *c, lg_us now);
/*
 * The user lets go of c and may not touch it again. When open: FIN after what is queued, data that
 * arrives from now on is answered with RST (RFC 9293 3.6.1, half-duplex close), and the stack
 * finishes alone (LAST-ACK, FIN-WAIT with fin_timeout, TIME-WAIT).
 */
void tcp_release(struct tcp_conn *c, lg_us now);

/*
 * One connection as `ss -i` shows it; names after RFC 4898 where one fits. Bytes, us, bytes per
 * second; of the data but where segments are said.
 */
struct tcp_info {
	struct flow_key key;
	enum tcp_state state;
	const char *cc;       /* congestion control */
	const char *recovery; /* "open", "cwr", "fast" or "loss" */
	const char *limited;  /* what new data waits for: "cwnd", "rwnd", "pace"; "none" */
	const char *timer;    /* that fires next: "rto", "keepalive" ...; "none" */
	lg_us timer_in;
	bool active; /* we connected */
	bool timestamps, sack, window_scaling, ecn;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t backoff; /* of the retransmission timer */
	bool reordering_seen;
	uint32_t cwnd, ssthresh, mss, rcv_mss, pmtu;
	uint32_t snd_wnd, rcv_wnd;
	uint32_t unacked, sacked, lost, retrans; /* in flight; of it SACKed, lost, sent again */
	uint32_t snd_queued, snd_truesize, snd_buf;
	uint32_t rcv_queued, rcv_truesize, rcv_buf;
	uint32_t ooo_ranges, ooo_truesize;
	lg_us srtt, rttvar, rto, min_rtt; /* 0: no sample */
	lg_us since_send, since_receive;  /* data out, anything in */
	uint64_t segs_in, segs_out, data_segs_in, data_segs_out, segs_retrans;
	uint64_t octets_in, octets_out; /* in order; the first time */
	uint64_t octets_acked, octets_retrans;
	uint64_t delivery_rate, pacing_rate; /* 0: unknown; not paced */
};
void tcp_conn_info(const struct tcp_conn *c, lg_us now, struct tcp_info *out);

/*
 * Calls fn for the connections among n blocks from index `from` on, until it returns false. Returns
 * where to go on, or 0 at the end: a walk over all in slices, during which connections may come and
 * go.
 */
uint32_t tcp_each_from(struct tcp_stack *s, uint32_t from, uint32_t n,
	bool (*fn)(void *ctx, struct tcp_conn *c), void *ctx);

/* Calls fn for each connection (telemetry, drain). fn may call tcp_abort, not tcp_release. */
void tcp_each(struct tcp_stack *s, void (*fn)(void *ctx, struct tcp_conn *c), void *ctx);
/* RST to every connection (SIGINT). */
void tcp_abort_all(struct tcp_stack *s, lg_us now);

#endif
