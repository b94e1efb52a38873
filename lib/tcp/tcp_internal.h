/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/tcp's private structures. Variables carry the names of RFC 9293 section 3.3.1; sections
 * quoted in this room are RFC 9293's unless another RFC is named.
 */
#ifndef LG_TCP_INTERNAL_H
#define LG_TCP_INTERNAL_H

#include <stddef.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "tcp/cc.h"
#include "tcp/options.h"
#include "tcp/tcp.h"

/* ---- limits that are nobody's setting ---------------------------------------------------------
 */

#define TCP_MAX_LISTENERS    256
#define TCP_LISTENER_BUCKETS 256 /* by port */
#define TCP_MAX_WSCALE       14  /* RFC 7323 section 2.3 */
#define TCP_MIN_PEER_MSS                                                                           \
	48 /* all options and eight bytes; below, a peer only multiplies our work */
#define TCP_DEFAULT_MSS_V4    536  /* MUST-15 */
#define TCP_DEFAULT_MSS_V6    1220 /* MUST-15 */
#define TCP_MIN_PMTU_V4       552 /* RFC 1191 would allow 68: a forged ICMP must not get that far */
#define TCP_MIN_PMTU_V6       1280  /* RFC 8201 section 4 */
#define TCP_COPY_MAX          256   /* payloads up to here are copied instead of attached */
#define TCP_MAX_ATTACH        8     /* more pieces than this are copied: NICs limit segments */
#define TCP_MIN_BUF           16384 /* smallest rcv_buf and snd_buf that keep the windows useful */
#define TCP_RX_SLACK          4608  /* two buffers: what packing may need on top */
#define TCP_RCV_START         (256 * 1024) /* receive memory at first, by default */
#define TCP_SND_START         (128 * 1024) /* send memory of a short or slow path */
#define TCP_SPARE             256          /* nobody needs to hold back */
#define TCP_WRITABLE_ROOM     (128 * 1024) /* worth waking a waiting sender for */
#define TCP_DUPTHRESH         3            /* RFC 5681 section 3.2 */
#define TCP_QUICKACKS         16 /* first segments are acknowledged at once: feeds slow start */
#define TCP_RTO_INIT          LG_SEC(1)
#define TCP_RTO_INIT_SYN_LOST LG_SEC(3) /* RFC 6298 (5.7) */
#define TCP_RTO_MIN           LG_MS(250)
#define TCP_RTO_MAX           LG_SEC(60)
#define TCP_DELACK            LG_MS(40)
#define TCP_NOMBUF_RETRY      LG_MS(10)
#define TCP_PAWS_IDLE         ((lg_us)24 * 86400 * 1000000) /* RFC 7323 section 5.5 */
#define TCP_COOKIE_EPOCH      LG_SEC(64) /* a SYN cookie is good in its epoch and the next */
#define TCP_COOKIE_WINDOW     14600      /* no client's first flight is larger (RFC 6928) */
#define TCP_CHALLENGES_PER_5S 10         /* per connection, RFC 5961 section 7 */

/* Defaults of struct tcp_stack_params. */
#define TCP_MAX_OOO_RANGES   64
#define TCP_RSTS_PER_SECOND  100
#define TCP_CHALLENGES_PER_S 1000

/* ---- one received segment ---------------------------------------------------------------------
 */

struct tcp_seg {
	struct rte_mbuf *m; /* payload; whoever takes it sets this to NULL */
	uint32_t seq, ack;
	uint32_t len; /* payload bytes */
	uint16_t wnd; /* as in the header, not scaled */
	uint8_t flags;
	uint8_t ecn; /* enum net_ecn, of the IP header */
	struct tcp_options opt;
};

/* SEG.LEN: data, SYN and FIN count (section 3.4). */
static inline uint32_t seg_len(const struct tcp_seg *g)
{
	return g->len + !!(g->flags & RTE_TCP_SYN_FLAG) + !!(g->flags & RTE_TCP_FIN_FLAG);
}

/* ---- transmit records: one per segment in flight ----------------------------------------------
 */

enum {
	REC_SACKED = 1 << 0,   /* the receiver holds it */
	REC_LOST = 1 << 1,     /* taken for lost */
	REC_RETRANS = 1 << 2,  /* retransmitted and in flight again; only together with REC_LOST */
	REC_EVER_RTX = 1 << 3, /* sent more than once: no RTT sample (Karn) */
	REC_FIN = 1 << 4,      /* the last sequence number is our FIN */
	REC_APP_LIMITED = 1 << 5, /* when it was sent, there was not enough to send */
};

/*
 * Owned by the connection on whose list it is, or by the stack's free list. Times are the low 32
 * bits of lg_us: a record is sent again at least once a minute, the difference never wraps.
 */
struct tcp_rec {
	struct tcp_rec *next, *prev;   /* by sequence number */
	struct tcp_rec *tnext, *tprev; /* by tx_time: those in flight (rec_in_flight) */
	uint32_t tx_time;              /* of the last transmission */
	uint32_t seq, end;
	/* For the rate sample: the connection's values when it was sent (rate.c). */
	uint32_t delivered, delivered_time, first_tx_time;
	uint16_t segs; /* SACKed neighbours become one record: of how many segments */
	uint8_t flags;
};
_Static_assert(sizeof(struct tcp_rec) <= 64, "a transmit record fits a cache line");

/* In the network, as far as we know: on the list by time. */
static inline bool rec_in_flight(const struct tcp_rec *r)
{
	return !(r->flags & REC_SACKED) && (r->flags & (REC_LOST | REC_RETRANS)) != REC_LOST;
}

/* Microseconds from a 32-bit time to now. */
static inline uint32_t us_since(lg_us now, uint32_t t)
{
	return (uint32_t)now - t;
}

/* ---- out-of-order store -----------------------------------------------------------------------
 */

struct tcp_range {
	struct tcp_range *next;
	uint32_t seq, end;
	uint32_t
		stamp; /* order of the last arrival, for "most recent first" (RFC 2018 section 4) */
	struct lg_chain data;
};
_Static_assert(sizeof(struct tcp_range) <= 64, "a range fits a cache line");

/* ---- the connection ---------------------------------------------------------------------------
 */

/* REC_CWR: cwnd goes down though nothing has to be sent again (ECN, a loss that TLP mended). */
enum tcp_recovery { REC_OPEN, REC_CWR, REC_FAST, REC_LOSS };

/* What the retransmission timer is armed for. */
enum tcp_rexmt { REXMT_RTO, REXMT_TLP, REXMT_REO };

enum {
	CF_ACTIVE = 1 << 0,   /* we sent the first SYN */
	CF_USER = 1 << 1,     /* the user knows of it and has not released it */
	CF_RELEASED = 1 << 2, /* orphan: finishes alone */
	CF_IN_FLOW = 1 << 3,  /* in the flow table */
	CF_FIN_QUEUED = 1 << 4,
	CF_FIN_SENT = 1 << 5,  /* at fin_seq; never moves */
	CF_FIN_KNOWN = 1 << 6, /* peer's FIN is at rcv_fin_seq, maybe behind a gap */
	CF_FIN_RCVD = 1 << 7,  /* ... and was reached */
	CF_TS = 1 << 8,
	CF_SACK = 1 << 9,
	CF_WSCALE = 1 << 10,
	CF_SYN_DUE = 1 << 11, /* SYN or SYN-ACK leaves at the next flush */
	CF_ACK_NOW = 1 << 12,
	CF_ACK_DELAYED = 1 << 13,
	CF_DSACK = 1 << 14,
	CF_WANT_WRITABLE = 1 << 15,
	CF_CWND_LIMITED = 1 << 16,
	CF_RTX_FORCE = 1 << 17, /* one retransmission may leave whatever cwnd says */
	CF_SYN_RTX = 1 << 18,   /* our SYN was sent more than once */
	CF_RETRY = 1 << 19,     /* an mbuf was missing: the delayed-ACK timer tries again */
	CF_PROBE = 1 << 20,     /* the persist timer wants a probe out */
	CF_ECN = 1 << 21,       /* ECN was negotiated (RFC 3168) */
	CF_ECT = 1 << 22,       /* no SYN of ours went without it: our data may be ECN-capable */
	CF_ECE = 1 << 23,       /* a CE mark came and no CWR since: our segments carry ECE */
	CF_CWR = 1 << 24,       /* the next new data says that the window was reduced */
	CF_PACED = 1 << 25,     /* data waits, or waited until now, for its pace */
	CF_PMTU = 1 << 26,      /* the path MTU is not settled: pmtu.c wants to hear of ACKs */
};

/* Path MTU discovery of a connection, see pmtu.c. Sizes are of IP packets. */
struct tcp_pmtud {
	lg_us raise_at;                /* a larger size is tried then; 0: there is none */
	uint32_t probe_seq, probe_end; /* the probe in flight; equal: none */
	uint32_t hold;                 /* the next probe waits until SND.UNA gets here */
	uint16_t high;                 /* sizes up to here are worth a probe; 0: search over */
	uint16_t before;               /* a black hole is suspected: the size before that. 0: no */
	uint16_t acked_len; /* largest payload of one segment acknowledged at this size */
	uint8_t timeouts;   /* of a large segment, in a row */
	bool bisect;        /* the largest size has failed */
};

/* For tcp_conn_info() only. */
struct tcp_conn_stats {
	uint64_t segs_in, segs_out, data_segs_in, data_segs_out, segs_retrans;
	uint64_t octets_in, octets_sent, octets_retrans;
};

/* A place in the send queue: m is the chain segment whose first byte is seq. */
struct tcp_cursor {
	struct rte_mbuf *m;
	uint32_t seq;
};

/*
 * One connection block. Owned by its stack (one worker); lives in the stack's array for ever and is
 * "free" while on free_list. Dies in conn_free(), after conn_close() and tcp_release().
 */
struct tcp_conn {
	/* -- line 0: what every segment in touches -- */
	struct tcp_stack *s;
	uint32_t flags;
	uint8_t state;    /* enum tcp_state */
	uint8_t recovery; /* enum tcp_recovery */
	uint8_t snd_wscale, rcv_wscale;
	uint32_t rcv_nxt;
	uint32_t rcv_adv; /* right edge of the window that we promised: never moves left */
	uint32_t snd_una, snd_nxt;
	uint32_t snd_wnd, snd_wl1, snd_wl2;
	uint32_t ts_recent, last_ack_sent;
	lg_us last_rx;

	/* -- line 1: sending -- */
	struct lg_chain tx; /* first byte is tx_seq */
	uint32_t tx_seq;
	uint32_t cwnd, ssthresh;
	uint32_t sacked_bytes, lost_bytes, retrans_bytes; /* of the records */
	uint32_t dup_bytes; /* without SACK: what the duplicate ACKs say has left the network */
	uint16_t mss;       /* payload + options that a segment may carry */
	uint8_t dupacks, rto_shift;

	/* -- line 2 -- */
	struct tcp_rec *rec_head, *rec_tail;
	struct tcp_cursor cur;     /* where the next new data is */
	lg_us rexmt_at, delack_at; /* true deadlines; 0 = off. The wheel's may be earlier (lazy) */
	lg_us srtt, rto;           /* srtt 0: no sample yet */

	/* -- line 3: delivery rate and pacing -- */
	struct tcp_rec *time_head, *time_tail;
	uint64_t delivered; /* bytes that have arrived, ever */
	lg_us delivered_time, first_tx_time;
	uint64_t app_limited; /* rate samples count as limited until this much is delivered; 0: no
			       */
	uint64_t pacing_rate; /* bytes per second; 0: no pacing */
	lg_us pace_at;        /* the next data may leave */

	/* -- line 4: loss detection (rack.c, tlp.c) and recovery (prr.c) -- */
	struct {
		lg_us xmit_ts; /* of the most recently sent segment that has arrived; 0: none */
		uint32_t end_seq, rtt;
		uint32_t fack;        /* highest sequence number known to have arrived */
		uint32_t dsack_round; /* no second step within one round */
		uint8_t reo_wnd_mult, reo_wnd_persist;
		bool reordering_seen, dsack_round_set;
	} rack;
	lg_us reo_at;      /* the reordering window of a segment ends; 0: off */
	uint32_t n_sacked; /* segments */
	uint32_t n_recs;
	uint32_t tlp_end_seq;
	bool tlp_out, tlp_is_retrans;
	uint8_t rexmt_kind;        /* enum tcp_rexmt */
	struct tcp_cursor rtx_cur; /* where the last retransmission was; m NULL: nowhere */
	uint32_t prior_cwnd, prior_ssthresh; /* before the last reduction */

	/* -- receive store -- */
	struct lg_chain rx;
	struct tcp_range *ooo;
	uint32_t ooo_truesize;
	uint32_t counted_rx, counted_tx, counted_ooo; /* of our chains in the stack's sums */
	uint16_t n_ooo;
	uint16_t rcv_mss; /* estimate of what the peer calls full-sized */
	uint32_t ooo_stamp;
	uint32_t ack_pending_bytes; /* in-order bytes not acknowledged yet */
	uint32_t dsack_seq, dsack_end;
	uint32_t rcv_fin_seq;
	uint32_t rcv_buf; /* receive memory now: grows up to opts.rcv_buf, see tune.c */
	uint32_t round_read, round_edge; /* when the round began: what was read; our window */
	lg_us round_at, round_rtt;       /* 0: not begun; least sample in it, or 0 */
	lg_us rcv_rtt;                   /* round trip as the receiver sees it, or 0 */
	uint8_t quickacks;
	uint8_t ka_probes;
	uint8_t persist_shift;

	/* -- colder -- */
	lg_us ka_sent; /* last keepalive probe */
	uint32_t iss, irs;
	uint32_t fin_seq;
	uint32_t max_snd_wnd;
	uint32_t recover;     /* RFC 6582: highest sequence sent when recovery began */
	uint32_t ecn_recover; /* SND.NXT at the last reduction: one per window of data */
	uint32_t ts_offset;
	struct {
		uint32_t delivered, out, recover_fs; /* RFC 6937 */
	} prr;
	struct {
		bool on;          /* a reduction may yet turn out needless */
		uint32_t marker;  /* SND.UNA when it happened */
		uint32_t retrans; /* bytes sent again since and not reported as duplicates */
		uint32_t first_retrans_ts; /* timestamp of the first retransmission since */
		bool retransmitted;
		bool closing; /* over once SND.UNA reaches until */
		uint32_t until;
	} undo;
	lg_us tlp_base, rto_base; /* what those timers count from */
	uint32_t lost_between;    /* found by the reordering timer, for the next ACK to tell */
	uint32_t rate_delivered, rate_interval; /* the last delivery rate: bytes, us; for show */
	uint32_t min_rtt,
		min_rtt_old; /* of this window of time and the one before; UINT32_MAX: none */
	lg_us min_rtt_window;
	struct tcp_conn_stats stats;
	struct tcp_pmtud pmtud;
	uint16_t pmtu;
	uint16_t peer_mss;
	uint32_t challenge_window; /* in 5 s units */
	uint32_t n_challenges;
	lg_us rttvar;
	lg_us ts_recent_at;
	lg_us last_send;
	lg_us progress_at; /* when SND.UNA last moved, or something to send appeared */
	lg_us syn_tx;

	struct lg_node out_node;  /* stack's output list */
	struct lg_node ev_node;   /* stack's event list */
	struct lg_node list_node; /* half-open, TIME-WAIT, orphan, dead or free list */
	struct lg_timer t_rexmt, t_delack, t_life, t_pace;

	const struct tcp_cc_ops *cc;
	union tcp_cc_state ccs;

	struct flow_key key;
	struct tcp_opts opts;
	void *user, *listener_user;
	uint32_t events;
	uint8_t reason;     /* enum tcp_reason */
	uint8_t soft_error; /* an ICMP error was seen while nothing got through */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct tcp_conn, tx) == 64, "line 0: the fast path's fields");
_Static_assert(offsetof(struct tcp_conn, rec_head) == 128, "line 1: sending");
_Static_assert(offsetof(struct tcp_conn, time_head) == 192, "line 2: records, deadlines, RTT");
_Static_assert(offsetof(struct tcp_conn, rack) == 256, "line 3: delivery rate and pacing");

/* ---- listeners --------------------------------------------------------------------------------
 */

struct tcp_listener {
	struct lg_ip ip; /* zero: any */
	uint16_t port;
	uint8_t side;
	bool draining;
	uint16_t next; /* 1 + index of the next in the same bucket; 0: none */
	struct tcp_opts opts;
	const struct tcp_cc_ops *cc;
	void *user;
};

/* ---- the stack --------------------------------------------------------------------------------
 */

/* At most `burst` per second; windowed, so that no timer is needed. */
struct tcp_rate {
	uint64_t second;
	uint32_t used;
};

struct tcp_stack {
	struct tcp_stack_params p;
	struct flow_table *flows;
	uint32_t epoch; /* grows with each change of the flow table: bulk look-ups know they are
			   stale */
	struct tcp_conn *conns;
	struct tcp_rec *recs, *rec_free;
	struct tcp_range *ranges, *range_free;
	uint32_t n_recs, n_recs_free, n_ranges, n_ranges_free;

	struct lg_list free_list, dead_list, half_open, time_wait, orphans;
	struct lg_list out_list, ev_list;
	uint32_t n_used; /* blocks not free */
	uint32_t n_half_open;
	uint32_t n_state[TCP_STATES];
	uint64_t rx_truesize, tx_truesize, ooo_truesize; /* sums, see conn_count_memory() */

	struct tcp_listener listeners[TCP_MAX_LISTENERS];
	unsigned n_listeners;
	uint16_t listener_at[TCP_LISTENER_BUCKETS]; /* 1 + index of the first; 0: none */

	uint8_t pressure;                  /* enum tcp_pressure */
	uint16_t spare;                    /* of TCP_SPARE: how far buffers may grow */
	uint32_t relief_next, relief_left; /* walk over conns after a change of it */

	struct tcp_rate rst_rate, challenge_rate;
	lg_us cookies_until; /* the last SYN cookie that was sent may come back until then */
	uint64_t counters[TCP_CTR_MAX];
	uint64_t reasons[TCP_REASON_MAX];
	char name[16];
	struct lg_wheel wheel;
};

#define TCP_COUNT(s, id)        ((s)->counters[TCP_CTR_##id]++)
#define TCP_COUNT_ADD(s, id, n) ((s)->counters[TCP_CTR_##id] += (n))

/* ---- conn.c: blocks, lists, events -------------------------------------------------------------
 */

/* A fresh block (TIME-WAIT and orphans are recycled when none is free), or NULL. */
struct tcp_conn *conn_new(struct tcp_stack *s, const struct flow_key *key,
	const struct tcp_opts *opts, const struct tcp_cc_ops *cc, lg_us now);
/* Where our sequence numbers begin. */
void conn_set_iss(struct tcp_conn *c, uint32_t iss);
/* True when conn_new() would find room in the table. */
bool conn_available(const struct tcp_stack *s);
void conn_set_state(struct tcp_conn *c, enum tcp_state st);
/* Ends the connection: out of the table, timers off, send side freed. The block stays until
 * released. */
void conn_close(struct tcp_conn *c, enum tcp_reason why);
/* The same with an RST to the peer where the state asks for one. */
void conn_reset(struct tcp_conn *c, enum tcp_reason why, lg_us now);
void conn_set_reason(struct tcp_conn *c, enum tcp_reason why);
void conn_free(struct tcp_conn *c);
void conn_post(struct tcp_conn *c, unsigned events);
void conn_mark_output(struct tcp_conn *c);
/*
 * Brings the stack's sums of memory up to date with c's chains: whoever changes a chain calls it
 * before he returns, so that the gauges cost nothing however many connections there are.
 */
void conn_count_memory(struct tcp_conn *c);
/* WRITABLE when somebody waits for it and enough of the send memory is free. */
void conn_post_writable(struct tcp_conn *c);
/* Frees the blocks of connections that died with nobody holding them. */
void conn_reap(struct tcp_stack *s);
void conn_established(struct tcp_conn *c, lg_us now);
void conn_enter_time_wait(struct tcp_conn *c, lg_us now);
void conn_set_orphan_deadline(struct tcp_conn *c, lg_us now);
void conn_update_mss(struct tcp_conn *c);
static inline bool conn_is_v4(const struct tcp_conn *c)
{
	return lg_ip_is_v4(&c->key.remote);
}

/* ---- listen.c ----------------------------------------------------------------------------------
 */

struct tcp_listener *listener_find(
	struct tcp_stack *s, uint32_t side, const struct lg_ip *ip, uint16_t port);
/* LISTEN state of SEGMENT ARRIVES (3.10.7.2) for a SYN. isn_floor: 0, or what the ISN must exceed.
 */
void listen_syn(struct tcp_stack *s, const struct flow_key *key, struct tcp_seg *g,
	const uint32_t *isn_floor, lg_us now);
/* False (counted) while nobody new is let in. */
bool listen_allows(struct tcp_stack *s, const struct tcp_listener *l);
/*
 * A block in SYN-RECEIVED for what the SYN said, on no list and without a timer. NULL (counted)
 * when none is left; a half-open one makes way before that.
 */
struct tcp_conn *listen_new(struct tcp_stack *s, const struct flow_key *key,
	const struct tcp_listener *l, const struct tcp_seg *syn, lg_us now);

/* ---- cookie.c: SYN cookies (RFC 4987) ----------------------------------------------------------
 */

/* True when a SYN is to be answered by a cookie now. */
bool cookie_wanted(const struct tcp_stack *s);
/* The SYN-ACK for a SYN, in its own mbuf where it fits. Takes g->m then. */
void cookie_send(struct tcp_stack *s, const struct tcp_listener *l, const struct flow_key *key,
	struct tcp_seg *g, lg_us now);
/*
 * A segment of no connection that may bring a cookie back: opens the connection and goes on with
 * the segment. False: an RST is due.
 */
bool cookie_ack(struct tcp_stack *s, const struct tcp_listener *l, const struct flow_key *key,
	struct tcp_seg *g, lg_us now);
/* The same for a connection that became half-open after all, by another SYN of the same client. */
bool cookie_adopt(struct tcp_conn *c, const struct tcp_seg *g, lg_us now);

/* ---- syn.c: initial sequence numbers and SYN options -------------------------------------------
 */

/* RFC 6528: ISN = M + F(4-tuple, secret). *ts_offset gets the connection's timestamp offset. */
uint32_t tcp_isn(
	const struct tcp_stack *s, const struct flow_key *key, lg_us now, uint32_t *ts_offset);
/* Takes over what the peer's SYN offers; ours were offered before or will be in the SYN-ACK. */
void syn_negotiate(struct tcp_conn *c, const struct tcp_seg *g, lg_us now);
uint8_t syn_wscale(const struct tcp_opts *o);
uint16_t syn_mss_of(const struct tcp_stack *s, const struct flow_key *key);
static inline uint16_t syn_mss(const struct tcp_conn *c)
{
	return syn_mss_of(c->s, &c->key);
}
/* What a connection's timestamps show now. */
static inline uint32_t tcp_ts_clock(uint32_t ts_offset, lg_us now)
{
	return (uint32_t)(now / 1000) + ts_offset;
}
static inline uint32_t conn_ts_now(const struct tcp_conn *c, lg_us now)
{
	return tcp_ts_clock(c->ts_offset, now);
}

/* ---- ecn.c: RFC 3168 ----------------------------------------------------------------------------
 */

/* Of an ECN-setup SYN; of its SYN-ACK only ECE. */
#define ECN_SETUP (RTE_TCP_ECE_FLAG | RTE_TCP_CWR_FLAG)
/* ECE and CWR for the SYN or SYN-ACK that is sent now. */
uint8_t ecn_syn_flags(struct tcp_conn *c);
/* With the peer's SYN or SYN-ACK; and with its SYN sent again. */
void ecn_negotiate(struct tcp_conn *c, const struct tcp_seg *g);
void ecn_syn_again(struct tcp_conn *c, const struct tcp_seg *g);
/* Data that lies in the window, all or in part. */
void ecn_data_received(struct tcp_conn *c, const struct tcp_seg *g);
/* An ACK in range, before it is processed. */
void ecn_on_ack(struct tcp_conn *c, const struct tcp_seg *g, lg_us now);
/* The congestion window was reduced, for whatever reason: the peer is told by CWR. */
void ecn_reduced(struct tcp_conn *c);
/* For a segment that is sent now: adds to its flags, returns its enum net_ecn. */
uint8_t ecn_mark(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t *flags);

/* ---- state_table.c: which flags make sense in which state --------------------------------------
 */

enum tcp_legal { LEGAL_DROP, LEGAL_STEPS, LEGAL_SYN_SENT, LEGAL_OPEN, LEGAL_RESET, LEGAL_IGNORE };
enum tcp_legal tcp_legal(enum tcp_state st, uint8_t flags);

/* ---- input_steps.c: SEGMENT ARRIVES ------------------------------------------------------------
 */

void segment_syn_sent(struct tcp_conn *c, struct tcp_seg *g, lg_us now);
void segment_arrives(struct tcp_conn *c, struct tcp_seg *g, lg_us now);
/* Challenge ACK (RFC 5961), within the limits per connection and overall. */
void challenge_ack(struct tcp_conn *c, lg_us now);

/* ---- receive.c: text and FIN -------------------------------------------------------------------
 */

/* Step 7 and 8: takes g->m. False when the connection ended. */
bool receive_text(struct tcp_conn *c, struct tcp_seg *g, lg_us now);
void receive_fin(struct tcp_conn *c, const struct tcp_seg *g, lg_us now);
/* Memory that a packet's mbufs occupy. */
uint32_t pkt_truesize(const struct rte_mbuf *m);
/* Cuts n bytes off the front (back) of a packet, across segments. Empty segments may stay. */
void pkt_trim_head(struct rte_mbuf *m, uint32_t n);
void pkt_trim_tail(struct rte_mbuf *m, uint32_t n);

/* ---- reass.c ------------------------------------------------------------------------------------
 */

/* Stores [seq, seq + pkt_len); what is held already stays (first wins). Takes m. False: not stored.
 */
bool reass_insert(struct tcp_conn *c, uint32_t seq, struct rte_mbuf *m);
/* Moves what has become in-order to rx and advances RCV.NXT. Returns the bytes. */
uint32_t reass_deliver(struct tcp_conn *c);
/* Drops the ranges furthest away until `need` bytes of truesize fit into rcv_buf. True when they
 * do. */
bool reass_make_room(struct tcp_conn *c, uint32_t need);
/* RFC 2883: the next ACK tells the sender that it sent [seq, end) twice. */
void note_duplicate(struct tcp_conn *c, uint32_t seq, uint32_t end);
/* Up to max blocks, most recent first. */
unsigned reass_sack_blocks(const struct tcp_conn *c, struct tcp_sack_block *out, unsigned max);
void reass_free(struct tcp_conn *c);

/* ---- window.c -----------------------------------------------------------------------------------
 */

/* Bytes that may be promised now. */
uint32_t window_space(const struct tcp_conn *c);
/* The value for the header's window field; moves rcv_adv. */
uint16_t window_select(struct tcp_conn *c);
uint16_t window_select_syn(struct tcp_conn *c);
/* True when the window could open by enough to tell (section 3.8.6.2.2). */
bool window_update_due(const struct tcp_conn *c);
static inline uint32_t rcv_wnd(const struct tcp_conn *c)
{
	return c->rcv_adv - c->rcv_nxt;
}

/* ---- tune.c -------------------------------------------------------------------------------------
 */

uint32_t tune_rcv_start(const struct tcp_opts *o);
/* Before the in-order data of g is taken: rcv_buf grows when the user reads as fast as it comes. */
void tune_rcv(struct tcp_conn *c, const struct tcp_seg *g, lg_us now);
/* Send memory that is of use on this path. */
uint32_t tune_snd_limit(const struct tcp_conn *c);

/* ---- pressure.c ---------------------------------------------------------------------------------
 */

/* Receive and send memory that c may fill now; rcv_buf and tune_snd_limit() without pressure. */
uint32_t pressure_rcv_limit(const struct tcp_conn *c);
uint32_t pressure_snd_limit(const struct tcp_conn *c);
/* Largest window to promise now. */
uint32_t pressure_max_window(const struct tcp_conn *c);
/* True when payload for c is dropped on arrival. */
bool pressure_refuses_data(const struct tcp_conn *c);
/* Forgets out-of-order data although it was SACKed (RFC 2018 section 8 allows it). */
void pressure_drop_ooo(struct tcp_conn *c);

/* ---- ack.c
 * --------------------------------------------------------------------------------------- */

/* Step 5 for an ACK in range: window, scoreboard, recovery, congestion control, send queue. */
void ack_process(struct tcp_conn *c, const struct tcp_seg *g, lg_us now);
/* SND.UNA = ack; frees records and send queue. Fills *a. */
void ack_advance(struct tcp_conn *c, uint32_t ack, const struct tcp_options *opt,
	struct tcp_ack_info *a, lg_us now);

/* ---- pmtu.c ------------------------------------------------------------------------------------
 */

void pmtu_established(struct tcp_conn *c, lg_us now);
/* ICMP says that packets larger than mtu don't pass; 0: it doesn't say how large. */
void pmtu_too_big(struct tcp_conn *c, uint32_t mtu, lg_us now);
/* The retransmission timer fired, nothing was done about it yet. */
void pmtu_on_rto(struct tcp_conn *c);
/* Payload of the next new segment with avail bytes to send: segment_room(), or a probe's. */
uint32_t pmtu_room(const struct tcp_conn *c, uint32_t avail);
void pmtu_sent(struct tcp_conn *c, uint32_t seq, uint32_t len);
/* SACKs were marked. */
void pmtu_on_sack(struct tcp_conn *c, lg_us now);
/* Of so many bytes that were just taken for lost: those that mean congestion. */
uint32_t pmtu_excuse(struct tcp_conn *c, uint32_t lost, lg_us now);
void pmtu_on_progress(struct tcp_conn *c, uint32_t ack, lg_us now);
/* SND.UNA is about to become ack; the records are still there. */
static inline void pmtu_on_advance(struct tcp_conn *c, uint32_t ack, lg_us now)
{
	const struct tcp_rec *r = c->rec_head;

	if (r != NULL && seq_leq(r->end, ack) && r->end - r->seq > c->pmtud.acked_len)
		c->pmtud.acked_len = (uint16_t)LG_MIN(r->end - r->seq, (uint32_t)UINT16_MAX);
	if (c->flags & CF_PMTU)
		pmtu_on_progress(c, ack, now);
}

/* ---- record.c, sack.c: transmit records and scoreboard ------------------------------------------
 */

struct tcp_rec *rec_push(struct tcp_conn *c, uint32_t seq, uint32_t end, uint8_t flags, lg_us now);
void rec_pop(struct tcp_conn *c, struct tcp_rec *r);
/* Cuts r so that it ends at `at`; the rest becomes a record of its own with the same state. */
struct tcp_rec *rec_split(struct tcp_conn *c, struct tcp_rec *r, uint32_t at);
/* False: no further segment may be in flight (memory for records, or the peer's tiny segments). */
bool rec_available(const struct tcp_conn *c);
/* Takes everything below ack off the list; what it tells goes to *a, rtt included. */
void rec_ack(struct tcp_conn *c, uint32_t ack, const struct tcp_options *opt,
	struct tcp_ack_info *a, lg_us now);
void rec_free_all(struct tcp_conn *c);
/* Joins r with SACKed neighbours; returns the record that it is now part of. */
struct tcp_rec *rec_mark_sacked(struct tcp_conn *c, struct tcp_rec *r);
void rec_mark_lost(struct tcp_conn *c, struct tcp_rec *r);
/* The same, the retransmission in flight included. */
void rec_mark_lost_again(struct tcp_conn *c, struct tcp_rec *r);
void rec_mark_retrans(struct tcp_conn *c, struct tcp_rec *r, lg_us now);
/* Sent once more although it is not taken for lost (TLP). */
void rec_mark_resent(struct tcp_conn *c, struct tcp_rec *r, lg_us now);
/* Nothing is taken for lost any more: what was not sent again is in flight as before. */
void rec_unmark_lost(struct tcp_conn *c);
void rec_unmark_sacked(struct tcp_conn *c, struct tcp_rec *r);
/* Takes the blocks of one ACK into *a: sacked, delivered, dsack, and rtt where none is there. */
void sack_update(struct tcp_conn *c, const struct tcp_seg *g, struct tcp_ack_info *a, lg_us now);
/* Forgets every SACK: the receiver reneged (RFC 2018 section 8). */
void sack_forget(struct tcp_conn *c);
/* RFC 6675 pipe: bytes believed in the network. */
static inline uint32_t conn_pipe(const struct tcp_conn *c)
{
	uint32_t out = c->snd_nxt - c->snd_una + c->retrans_bytes;
	uint32_t gone = c->sacked_bytes + c->lost_bytes + c->dup_bytes;
	return out > gone ? out - gone : 0;
}

/* ---- rate.c: delivery rate (draft-cheng-iccrg-delivery-rate-estimation) -------------------------
 */

/* r was (re)transmitted. idle: nothing was in flight before. */
void rate_on_send(struct tcp_conn *c, struct tcp_rec *r, bool idle, lg_us now);
/* n bytes of r are known to have arrived. Before r changes. */
void rate_on_delivered(
	struct tcp_conn *c, const struct tcp_rec *r, uint32_t n, struct tcp_ack_info *a, lg_us now);
/* Everything of this ACK was told: makes the sample. */
void rate_finish(struct tcp_conn *c, struct tcp_ack_info *a);
/* Everything there is was sent and the window has room. */
void rate_app_limited(struct tcp_conn *c);

/* ---- pace.c -------------------------------------------------------------------------------------
 */

/* True when pacing lets data go now; arms the timer otherwise. */
bool pace_allows(struct tcp_conn *c, lg_us now);
void pace_sent(struct tcp_conn *c, uint32_t bytes, lg_us now);
/* All that may leave now has left: without a wait for the pace there is nothing to make up for. */
void pace_settle(struct tcp_conn *c);

/* ---- rack.c: loss detection by time (RFC 8985) --------------------------------------------------
 */

void rack_init(struct tcp_conn *c);
/* r is newly acknowledged or SACKed: steps 1 to 3 of section 6.2. Before r changes. */
void rack_on_delivered(
	struct tcp_conn *c, const struct tcp_rec *r, const struct tcp_options *opt, lg_us now);
/* Step 4: a D-SACK widens the reordering window. */
void rack_on_dsack(struct tcp_conn *c);
void rack_on_recovered(struct tcp_conn *c);
/* Step 5. Returns the bytes newly taken for lost; sets reo_at while others may yet be. */
uint32_t rack_detect_loss(struct tcp_conn *c, lg_us now);
/* Section 6.3: at an RTO, all whose time has come, and the first in any case. */
void rack_mark_lost_on_rto(struct tcp_conn *c, lg_us now);

/* ---- tlp.c: tail loss probe (RFC 8985 section 7) ------------------------------------------------
 */

/* When the probe is due, or 0 when none should be sent. */
lg_us tlp_deadline(const struct tcp_conn *c);
/* The timer fired: new data or the last segment again. */
void tlp_send(struct tcp_conn *c, lg_us now);
/* True when the probe repaired a loss, which asks for a smaller cwnd (section 7.4.2). */
bool tlp_on_ack(struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_ack_info *a);

/* ---- recovery.c: from suspicion to recovery and back; prr.c: cwnd meanwhile; undo.c ------------
 */

void recovery_on_ack(
	struct tcp_conn *c, const struct tcp_seg *g, struct tcp_ack_info *a, bool duplicate);
void recovery_on_rto(struct tcp_conn *c, lg_us now);
/* The reordering timer fired. */
void recovery_on_reo(struct tcp_conn *c, lg_us now);
/* The peer says that a packet of ours met congestion (RFC 3168 section 6.1.2). */
void recovery_on_ecn(struct tcp_conn *c, lg_us now);

void prr_start(struct tcp_conn *c);
/* Moves cwnd for one ACK during recovery. safe: SND.UNA advanced and no further loss was found. */
void prr_on_ack(struct tcp_conn *c, uint32_t delivered, bool safe);
void prr_sent(struct tcp_conn *c, uint32_t bytes);

/* A reduction begins: remembers what it would take to undo it. */
void undo_start(struct tcp_conn *c);
/* Recovery is over; D-SACKs may still come for one round trip. */
void undo_closes(struct tcp_conn *c);
void undo_sent(struct tcp_conn *c, const struct tcp_rec *r, lg_us now);
/* After the scoreboard, before the exit from recovery. True when the reduction was undone. */
bool undo_on_ack(struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_ack_info *a);

/* ---- retransmit.c
 * -------------------------------------------------------------------------------- */

/* Sends lost records as far as cwnd allows. False when an mbuf was missing. */
bool retransmit_lost(struct tcp_conn *c, lg_us now);
/* r once more, byte for byte; what no longer fits (path MTU, more options) is split. */
bool retransmit_one(struct tcp_conn *c, struct tcp_rec *r, lg_us now);

/* ---- rtt.c
 * ---------------------------------------------------------------------------------------- */

void rtt_sample(struct tcp_conn *c, lg_us rtt, lg_us now);
lg_us rtt_rto(const struct tcp_conn *c); /* with backoff */
/* Smallest RTT of the last minutes; UINT32_MAX: none yet. */
uint32_t rtt_min(const struct tcp_conn *c);

/* ---- output.c, segment.c
 * -------------------------------------------------------------------------- */

void conn_output(struct tcp_conn *c, lg_us now);
/* One segment of new data whatever cwnd says (TLP). False: nothing there, no window, no mbuf. */
bool output_one_new(struct tcp_conn *c, lg_us now);
/* Unsent bytes in the send queue. */
static inline uint32_t conn_unsent(const struct tcp_conn *c)
{
	uint32_t end = c->tx_seq + c->tx.len;
	return seq_gt(end, c->snd_nxt) ? end - c->snd_nxt : 0;
}
static inline bool conn_fin_due(const struct tcp_conn *c)
{
	return (c->flags & (CF_FIN_QUEUED | CF_FIN_SENT)) == CF_FIN_QUEUED;
}

/* Payload that fits into a segment sent now. */
uint32_t segment_room(const struct tcp_conn *c);
/* Sends [seq, seq + len) of the send queue, or no data. False: no mbuf (counted, nothing sent). */
bool segment_send(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t flags, lg_us now);
bool segment_send_syn(struct tcp_conn *c, lg_us now);
/*
 * A SYN-ACK of no connection in answer to g, which came to l, with further flags. Takes g->m where
 * the answer fits into it.
 */
void segment_answer_syn(struct tcp_stack *s, const struct tcp_listener *l,
	const struct flow_key *key, struct tcp_seg *g, const struct tcp_options *opt, uint8_t flags,
	uint32_t iss, uint16_t wnd, lg_us now);
bool segment_send_ack(struct tcp_conn *c, lg_us now);
void segment_send_rst(struct tcp_conn *c, lg_us now);
/* RST in answer to a segment of no connection, or to an unacceptable ACK (3.10.7.1); rate-limited.
 */
void segment_answer_rst(
	struct tcp_stack *s, const struct flow_key *key, const struct tcp_seg *g, lg_us now);
bool rate_allow(struct tcp_rate *r, uint32_t per_second, lg_us now);

/* ---- timers.c
 * -------------------------------------------------------------------------------------- */

void timers_init(struct tcp_conn *c);
void timers_cancel(struct tcp_conn *c);
/* Makes sure that the retransmission or persist timer runs when it must, and only then. */
void rexmt_update(struct tcp_conn *c, lg_us now, bool restart);
void delack_arm(struct tcp_conn *c, lg_us deadline);
void retry_later(struct tcp_conn *c, lg_us now);
void life_arm(struct tcp_conn *c, lg_us deadline);
void keepalive_start(struct tcp_conn *c, lg_us now);

#endif
