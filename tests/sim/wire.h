/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both simulators hold against every segment on the wire and every connection block, and a
 * segment in words. Checks return NULL, or a sentence that says what is broken (valid until the
 * next call).
 */
#ifndef LG_SIM_WIRE_H
#define LG_SIM_WIRE_H

#include "core.h"
#include "tcp/tcp_internal.h"

#define SIM_SEGMENT_MAX 16384

/* A segment, parsed. */
struct sim_view {
	const struct rte_tcp_hdr *th;
	const uint8_t *data;
	struct tcp_options opt;
	uint32_t seq, ack, len;
	uint8_t flags;
	uint8_t buf[SIM_SEGMENT_MAX]; /* for those that came in pieces */
};

/* False: not a TCP segment that anybody may send. */
bool sim_view(struct sim_view *v, const uint8_t *segment, uint32_t len);
bool sim_view_mbuf(struct sim_view *v, const struct rte_mbuf *m);

#define SIM_GOT 256

/* What the wire has shown of one connection, per direction (index: sender). */
struct sim_wire_dir {
	bool syn, fin, edge_known;
	uint32_t isn, fin_seq, edge, nxt;
	/* Of that what has arrived: the right edge, and sequence numbers, in order and apart. */
	bool told_known;
	uint32_t told;
	struct tcp_sack_block got[SIM_GOT];
	unsigned n_got;
	bool vague; /* too many of them, or the ports are used again: old ones may arrive, too */
	uint8_t wscale;
	uint16_t mss;
	bool has_wscale, has_ts, has_mss;
	bool ecn_asked, ecn_denied;  /* by a SYN with the flags, by one without */
	bool strip_wscale, strip_ts; /* the link does */
};

struct sim_wire {
	struct sim_wire_dir dir[2];
	bool cookies; /* a SYN-ACK with the same number may begin another connection */
	/* True when the n bytes at this offset of the sender's stream are as they must be. */
	bool (*content)(void *ctx, int sender, uint32_t offset, const uint8_t *data, uint32_t n);
	void *ctx;
};

/*
 * The sender sends v, with tos in its IP header: checks it against all it sent before, and against
 * what the peer has said.
 */
const char *sim_wire_segment(struct sim_wire *w, int sender, const struct sim_view *v, uint8_t tos);
/* It has arrived unharmed. */
void sim_wire_arrived(struct sim_wire *w, int sender, const struct sim_view *v);
/* "SA seq 0 len 0 ack 1 wnd 65535 <mss 1460>": sequence numbers are relative. */
void sim_wire_describe(
	const struct sim_wire *w, int sender, const struct sim_view *v, char *out, size_t size);

/* ---- conn_check.c ---- */

const char *sim_conn_broken(const struct tcp_conn *c);
#define SIM_CC 3
extern const char *const sim_cc_names[SIM_CC];
/* Index of one of the congestion controls that this lib/tcp has. */
unsigned sim_cc_random(struct sim_rng *r);

#endif
