/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What congestion control and loss recovery say to each other. An algorithm is a struct of
 * callbacks; its state lives in the connection (union tcp_cc_state). Two kinds fit: those that
 * answer a loss with a smaller window (reno, cubic), where recovery (prr.c) moves cwnd while it
 * lasts; and those that own cwnd and the pacing rate at all times (bbr), which set `control`.
 */
#ifndef LG_TCP_CC_H
#define LG_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct tcp_conn;

/*
 * What one ACK told: filled by ack_process() and those it calls. Bytes and microseconds. The rs_
 * part is the delivery rate sample of draft-cheng-iccrg-delivery-rate-estimation (rate.c).
 */
struct tcp_ack_info {
	uint32_t acked;      /* SND.UNA moved by */
	uint32_t sacked;     /* newly SACKed */
	uint32_t delivered;  /* newly known to have arrived: acked or SACKed for the first time */
	uint32_t lost;       /* newly taken for lost */
	uint32_t prior_pipe; /* in flight before this ACK */
	lg_us rtt;           /* 0: no sample */
	lg_us now;
	bool dsack; /* told of a duplicate (RFC 2883) */
	/* rate sample, valid when rs_interval != 0 */
	uint32_t rs_delivered;       /* bytes delivered during rs_interval */
	lg_us rs_interval;           /* the longer of the send and the ack phase */
	uint64_t rs_prior_delivered; /* tcp_conn.delivered when the newest acknowledged was sent */
	bool rs_app_limited;         /* the sender had not enough to send then */
	bool rs_any;                 /* some record was newly delivered: rs_prior_* are set */
	lg_us rs_first_tx, rs_prior_time, rs_tx_time; /* of that record (rate.c only) */
};

enum tcp_cc_event {
	TCP_CC_RESTART, /* first data after an idle time with nothing in flight */
	TCP_CC_RTO,     /* the retransmission timer fired: everything in flight is taken for lost */
	TCP_CC_FAST,    /* fast recovery begins; c->prior_cwnd is what it was */
	TCP_CC_RECOVERED, /* recovery (REC_FAST, REC_LOSS or REC_CWR) is over */
	TCP_CC_UNDO,      /* ... and was needless: cwnd and ssthresh are being restored */
};

/* One algorithm. All callbacks but `control` and `event` must be set. */
struct tcp_cc_ops {
	const char *name;
	/* Connection established: cwnd and ssthresh have their initial values. */
	void (*init)(struct tcp_conn *c, lg_us now);
	/*
	 * A congestion event (loss or ECN-Echo): returns the new ssthresh, in bytes. The caller
	 * sees that this happens once per window and moves cwnd there.
	 */
	uint32_t (*ssthresh)(struct tcp_conn *c, lg_us now);
	/*
	 * SND.UNA advanced (or bytes were SACKed) outside of fast recovery: may let cwnd grow.
	 * limited: cwnd was what held the sender back; without it cwnd must not grow (RFC 9438
	 * section 5.8), but round-trip samples still count.
	 */
	void (*on_ack)(struct tcp_conn *c, const struct tcp_ack_info *a, bool limited);
	/*
	 * When set, it is called for each ACK in every recovery state instead of all that would
	 * move cwnd, and must set c->cwnd (and c->pacing_rate). ssthresh is still called for.
	 */
	void (*control)(struct tcp_conn *c, const struct tcp_ack_info *a);
	void (*event)(struct tcp_conn *c, enum tcp_cc_event ev, lg_us now);
};

/* HyStart++ (hystart.c). Round-trip times in us, UINT32_MAX: none. */
struct tcp_hystart {
	uint32_t window_end; /* the round ends when SND.UNA passes it */
	uint32_t last_min_rtt, cur_min_rtt, css_baseline_min_rtt;
	uint32_t css_part; /* acknowledged bytes not yet turned into growth, in CSS */
	uint8_t n_samples;
	uint8_t css_rounds; /* 0: in slow start; else the round of conservative slow start */
	bool done;          /* slow start ended: only the first one is watched */
};

struct tcp_reno {
	uint32_t bytes_acked; /* RFC 3465 */
};

/* What a reduction changes, so that it can be undone (RFC 9438 section 4.9). Windows in bytes. */
struct tcp_cubic_epoch {
	lg_us start;         /* when congestion avoidance began; 0: it has not yet */
	uint32_t w_max;      /* window before the last reduction; 0: none is remembered */
	uint32_t k;          /* ms from start until the window is back at w_max */
	uint32_t w_est;      /* what Reno's window would be */
	uint32_t cwnd_prior; /* cwnd before the last reduction; from there on w_est grows faster */
	uint32_t part;       /* of one byte of cwnd, in 1 / cwnd */
	uint64_t w_est_part; /* of one byte of w_est, in 1 / (17 cwnd) */
};

/* CUBIC (cc_cubic.c). */
struct tcp_cubic {
	struct tcp_hystart hs;
	struct tcp_cubic_epoch e, before;
	lg_us last; /* the last ACK: while cwnd is not the limit, the epoch's clock stands still */
};

enum tcp_bbr_mode { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };

/* BBR (cc_bbr.c). Bytes, us, bytes per second. */
struct tcp_bbr {
	uint64_t bw[2];   /* largest rates of this part of the filter's window and the one before */
	uint64_t full_bw; /* rate that a further round must exceed by a quarter */
	uint64_t round_end; /* the round ends with data sent when this much was delivered */
	lg_us min_rtt_at;
	lg_us probe_rtt_end; /* 0: the queue has not drained yet */
	lg_us cycle_at;      /* when this phase of ProbeBW began */
	lg_us ack_epoch_at;
	uint64_t ack_epoch_bytes;
	uint32_t extra_acked[2];
	uint32_t min_rtt; /* UINT32_MAX: none yet */
	uint32_t rounds;
	uint32_t prior_cwnd;  /* to be restored after recovery or ProbeRTT */
	uint32_t inflight_hi; /* beyond it the path lost heavily; UINT32_MAX: nothing known */
	uint32_t round_delivered, round_lost;
	uint32_t round_pipe; /* in flight when the round began */
	uint8_t mode;        /* enum tcp_bbr_mode */
	uint8_t phase;       /* of ProbeBW */
	uint8_t full_rounds; /* without growth */
	uint8_t hi_raises;   /* probes of inflight_hi in a row that went well */
	uint8_t was;         /* recovery state at the last ACK */
	bool full_pipe, round_start, conservation, idle_restart, probe_rtt_round, rtt_known;
	bool heavy, heavy_before; /* losses of this round, and of the one before */
};

union tcp_cc_state {
	struct tcp_reno reno;
	struct tcp_cubic cubic;
	struct tcp_bbr bbr;
};
_Static_assert(sizeof(union tcp_cc_state) <= 192, "three cache lines of every connection");

extern const struct tcp_cc_ops tcp_cc_reno, tcp_cc_cubic, tcp_cc_bbr;

/* The algorithm of that name; NULL name: the default. NULL: there is none. */
const struct tcp_cc_ops *tcp_cc_find(const char *name);

/* ---- cc.c: what all of them share ---- */

void cc_established(struct tcp_conn *c, lg_us now);
void cc_on_ack(struct tcp_conn *c, const struct tcp_ack_info *a);
void cc_restart_after_idle(struct tcp_conn *c, lg_us now);
uint32_t cc_initial_window(const struct tcp_conn *c);
/*
 * FlightSize for a new ssthresh: RFC 5681 section 3.2 step 2 leaves out what limited transmit has
 * sent beyond cwnd.
 */
uint32_t cc_flight_size(const struct tcp_conn *c);

#endif
