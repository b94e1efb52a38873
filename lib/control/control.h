/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/control: what happens beside the packet path. Workers are told things through a mailbox, they
 * tell things through counters that only they write, and their lines (log and access log) travel
 * over rings of their own to one writer thread. Nothing here makes a worker wait.
 */
#ifndef LG_CONTROL_H
#define LG_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mempool.h>

#include "base/base.h"
#include "config/config.h"
#include "flow/flow.h"
#include "net/net.h"
#include "proxy/proxy.h"
#include "tcp/tcp.h"
#include "tls/tls.h"

/* ---- what the main thread tells a worker (mailbox.c) ------------------------------------------
 */

/* Orders only ever rise: what was begun is not taken back. */
enum ctl_order {
	CTL_RUN,
	CTL_DRAIN, /* no new clients, running exchanges finish */
	CTL_CLOSE, /* everybody goes now: close_notify and FIN, RST only into a response */
	CTL_ABORT, /* RST to everybody */
	CTL_QUIT,  /* leave the loop */
};

/* One per worker; written by the main thread only, read by the worker every few hundred iterations.
 */
struct ctl_mailbox {
	uint32_t order;     /* enum ctl_order */
	uint32_t announces; /* how often the addresses were to be announced so far */
} __rte_cache_aligned;

void ctl_mailbox_order(struct ctl_mailbox *box, enum ctl_order order);
enum ctl_order ctl_mailbox_read(const struct ctl_mailbox *box);
void ctl_mailbox_announce(struct ctl_mailbox *box);
/* True once for each ctl_mailbox_announce(); *seen is the worker's own, 0 at first. */
bool ctl_mailbox_announce_due(const struct ctl_mailbox *box, uint32_t *seen);

/* ---- what a worker is asked (query.c) ----------------------------------------------------------
 */

#define CTL_QUERY_ROWS    24u /* connections of one answer: it has to fit into 16 KiB */
#define CTL_QUERY_SESSION 10u /* of one session: the client's and those to pools */

struct ctl_query_ask {
	bool one;        /* the first that has ip and port at either end, with its session */
	struct lg_ip ip; /* of the peer; zero: any */
	uint16_t port;   /* 0: any */
	int state;       /* enum tcp_state; -1: any */
	unsigned max;    /* rows */
	uint32_t from;   /* `next` of the answer before; 0: from the beginning */
};

struct ctl_conn {
	struct tcp_info tcp;
	int16_t listener, pool, server; /* as in struct proxy_conn */
	bool tls;
};

/*
 * One per worker. Whoever asks writes `ask` and then `asked`; the worker writes the rest,
 * `answered` last, and touches nothing while both are equal. One asks at a time.
 */
struct ctl_query {
	uint32_t asked, answered;
	struct ctl_query_ask ask;
	bool begun;
	uint32_t next; /* where to go on; 0: that was all */
	unsigned n;
	struct ctl_conn rows[CTL_QUERY_ROWS];
} __rte_cache_aligned;

/* 0 when the answer is there; -ETIMEDOUT, or -EBUSY when one that timed out is still to come. */
int ctl_query_ask(struct ctl_query *q, const struct ctl_query_ask *ask, lg_us timeout);
/* The worker's part: a slice of the work. True when it wants another turn soon. */
bool ctl_query_serve(struct ctl_query *q, struct tcp_stack *tcp, lg_us now);

/* ---- what a worker tells ----------------------------------------------------------------------
 */

/* X(id, "name", "what it means") */
#define CTL_WORKER_COUNTERS(X)                                                                     \
	X(ITERATIONS, "iterations", "turns of the worker's loop")                                  \
	X(BUSY_CYCLES, "busy-cycles", "TSC cycles of turns that did something")                    \
	X(TOTAL_CYCLES, "total-cycles", "TSC cycles since the loop began")                         \
	X(SLEEPS, "sleeps", "times that the idle worker slept")                                    \
	X(HANDOFF_SENT, "handoff-sent", "packets handed to the worker that owns them")             \
	X(HANDOFF_RECEIVED, "handoff-received", "packets taken over from other workers")           \
	X(DROP_HANDOFF_FULL, "drop-handoff-full", "packets dropped: the owner's ring was full")    \
	X(DROP_HANDOFF_NOMBUF, "drop-handoff-nombuf",                                              \
		"no mbuf to copy a packet for another worker")                                     \
	X(DROP_ACCESS_FULL, "drop-access-full", "access lines dropped: the writer can't keep up")  \
	X(DROP_LOG_FULL, "drop-log-full", "log lines dropped: the writer can't keep up")           \
	X(SESSIONS, "sessions", "client connections open now")                                     \
	X(CONNECTIONS, "connections", "TCP connections in any state now")                          \
	X(HALF_OPEN, "half-open", "connections in SYN-RECEIVED now")                               \
	X(ESTABLISHED, "established", "connections in ESTABLISHED now")                            \
	X(TIME_WAIT, "time-wait", "connections in TIME-WAIT now")                                  \
	X(RX_TRUESIZE, "rx-truesize", "memory held by receive chains now, bytes")                  \
	X(TX_TRUESIZE, "tx-truesize", "memory held by send queues now, bytes")                     \
	X(OOO_TRUESIZE, "ooo-truesize", "memory held by out-of-order data now, bytes")             \
	X(PRESSURE, "pressure",                                                                    \
		"shortage of packet buffers now: 0 none, 1 short windows, 2 minimal windows, "     \
		"3 no new connections, 4 and 5 hardly any data")                                   \
	X(TIMERS, "timers", "timers armed now")                                                    \
	X(PORTS_IN_USE, "ports-in-use", "source ports towards the pools in use now")               \
	X(PORTS_EXHAUSTED, "ports-exhausted", "times that no source port was left")                \
	X(ANNOUNCES, "announces", "times that this worker announced our addresses")                \
	X(ORDER, "order", "last order followed: 0 run, 1 drain, 2 abort, 3 quit")

enum ctl_worker_counter {
#define X(id, name, help) CTL_WCTR_##id,
	CTL_WORKER_COUNTERS(X)
#undef X
		CTL_WCTR_MAX
};
const char *ctl_worker_counter_name(enum ctl_worker_counter c);
const char *ctl_worker_counter_help(enum ctl_worker_counter c);

/* Written by its worker only (the DROP_*_FULL lines included), read by anybody. */
struct ctl_worker_stats {
	uint64_t c[CTL_WCTR_MAX];
} __rte_cache_aligned;

/* One writer, relaxed readers: an aligned 64-bit load or store is whole on every machine we run on.
 */
static inline uint64_t ctl_load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void ctl_set(struct ctl_worker_stats *s, enum ctl_worker_counter c, uint64_t v)
{
	__atomic_store_n(&s->c[c], v, __ATOMIC_RELAXED);
}

static inline void ctl_add(struct ctl_worker_stats *s, enum ctl_worker_counter c, uint64_t n)
{
	ctl_set(s, c, s->c[c] + n);
}

/* ---- the writer thread (writer.c): log lines and access lines ---------------------------------
 */

#define CTL_LOG_LINE 1024 /* longest log line kept, with its time */

/*
 * Gives log lines their time; from any thread that isn't attached to a writer they go straight to
 * standard error. Call first, before threads start.
 */
void ctl_log_init(void);

struct ctl_writer_params {
	const struct conf *conf; /* names in access lines; outlives the writer */
	unsigned n_workers;
	struct ctl_worker_stats *const *stats; /* one per worker: drops are counted there */
	lg_us (*now)(void); /* the program's clock, to turn lg_us into calendar time */
	unsigned log_slots, access_slots; /* per worker, rounded up to a power of two */
	int cpu;                          /* CPU the thread is bound to; -1: wherever it is */
};

struct ctl_writer;

/*
 * Opens the access log and starts the thread. After EAL is up (rings). NULL with a sentence in err.
 */
struct ctl_writer *ctl_writer_start(const struct ctl_writer_params *p, char *err, size_t errlen);
/* Writes what is queued (at most a second long, whatever stdout does) and frees. */
void ctl_writer_stop(struct ctl_writer *w);
/* Opens the access file anew (after logrotate moved it); the thread does it soon. */
void ctl_writer_reopen(struct ctl_writer *w);
/* Called by each worker on its own lcore: its log lines go over its ring from now on. */
void ctl_writer_attach(struct ctl_writer *w, unsigned worker);
void ctl_writer_detach(void);

/* The `access` callback of proxy_params. ctx: a struct ctl_access_port of this worker. Never
 * blocks. */
struct ctl_access_port {
	struct ctl_writer *writer;
	unsigned worker;
};
void ctl_access_put(void *ctx, const struct proxy_access *rec);

/* ---- lines (line.c): formatting, for the writer and its tests ---------------------------------
 */

/* "2026-11-23T00:07:03.123Z" (24 characters and a NUL) of microseconds since 1970. */
#define CTL_TIME_LEN 25
void ctl_time_format(uint64_t unix_us, char out[CTL_TIME_LEN]);

/*
 * Appends text as a JSON string with its quotes (RFC 8259 section 7). Bytes that aren't valid UTF-8
 * come out as \u00XX, so the line is valid UTF-8 whatever a client sent. Returns the bytes written,
 * or 0 when room is too small.
 */
size_t ctl_json_string(char *out, size_t room, const char *text, size_t len);
/*
 * One access line with its newline. unix_us: time of rec->start. Returns its length, or 0 when room
 * is too small; CTL_ACCESS_LINE_MAX is always enough.
 */
#define CTL_ACCESS_LINE_MAX 8192
size_t ctl_access_format(const struct conf *conf, const struct proxy_access *rec, uint64_t unix_us,
	char *out, size_t room);

/* ---- telemetry (telemetry*.c): rte_telemetry commands under /lyncgate/ -------------------------
 */

enum ctl_state { CTL_STARTING, CTL_SERVING, CTL_DRAINING, CTL_STOPPING };
const char *ctl_state_name(enum ctl_state s);

/* What telemetry may look at of one worker; all of it is written by that worker alone. */
struct ctl_worker_view {
	unsigned lcore, cpu;
	const uint64_t *net[NET_SIDES]; /* NET_CTR_MAX each */
	const uint64_t *tcp, *tcp_reasons, *tls;
	const struct proxy *proxy;
	const struct ctl_worker_stats *stats;
	struct rte_mempool *pool, *indirect;
	struct ctl_query *query;
};

struct ctl_view {
	const struct conf *conf;
	const char *version;
	lg_us (*now)(void);
	const struct net_port *port[NET_SIDES];
	const struct ctl_worker_view *workers;
	unsigned n_workers;
};

/* Registers the commands; v stays the caller's and must live until ctl_telemetry_stop(). */
int ctl_telemetry_start(const struct ctl_view *v);
/* From here on the commands answer nothing; waits for one that is running. */
void ctl_telemetry_stop(void);
void ctl_telemetry_state(enum ctl_state s);

#endif
