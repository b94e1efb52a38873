/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>

#include "wire.h"

static char sentence[256];

static const char *broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static const char *broken(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	return sentence;
}

bool sim_view(struct sim_view *v, const uint8_t *segment, uint32_t len)
{
	if (len < sizeof(*v->th))
		return false;
	v->th = (const struct rte_tcp_hdr *)segment;
	unsigned hlen = (v->th->data_off >> 4) * 4u;
	if (hlen < 20 || hlen > len || tcp_options_parse(segment + 20, hlen - 20, &v->opt) != 0)
		return false;
	v->data = segment + hlen;
	v->len = len - hlen;
	v->seq = rte_be_to_cpu_32(v->th->sent_seq);
	v->ack = rte_be_to_cpu_32(v->th->recv_ack);
	v->flags = v->th->tcp_flags;
	return true;
}

bool sim_view_mbuf(struct sim_view *v, const struct rte_mbuf *m)
{
	if (m->pkt_len > sizeof(v->buf))
		return false;
	return sim_view(v, rte_pktmbuf_read(m, 0, m->pkt_len, v->buf), m->pkt_len);
}

/* ---- what has arrived ---- */

static uint32_t right_edge(const struct sim_wire *w, int sender, const struct sim_view *v)
{
	bool scaled = !(v->flags & RTE_TCP_SYN_FLAG) && w->dir[0].has_wscale &&
		      w->dir[1].has_wscale;
	uint32_t wnd = rte_be_to_cpu_16(v->th->rx_win);

	return v->ack + (scaled ? wnd << w->dir[sender].wscale : wnd);
}

/* Of all sequence numbers that the segment occupies. */
static uint32_t seq_end(const struct sim_view *v)
{
	return v->seq + v->len + !!(v->flags & RTE_TCP_SYN_FLAG) + !!(v->flags & RTE_TCP_FIN_FLAG);
}

/* Adds it to what has arrived; what it meets is joined. */
static void got_add(struct sim_wire_dir *d, uint32_t start, uint32_t end)
{
	unsigned first = 0, behind;

	while (first < d->n_got && seq_lt(d->got[first].end, start))
		first++;
	for (behind = first; behind < d->n_got && seq_leq(d->got[behind].start, end); behind++) {
		start = seq_min(start, d->got[behind].start);
		end = seq_max(end, d->got[behind].end);
	}
	if (behind == first && d->n_got == SIM_GOT) {
		d->vague = true;
		return;
	}
	memmove(&d->got[first + 1], &d->got[behind], (d->n_got - behind) * sizeof(d->got[0]));
	d->got[first] = (struct tcp_sack_block){start, end};
	d->n_got = d->n_got - (behind - first) + 1;
}

static bool got_all(const struct sim_wire_dir *d, uint32_t start, uint32_t end)
{
	for (unsigned i = 0; i < d->n_got; i++)
		if (seq_geq(start, d->got[i].start) && seq_leq(end, d->got[i].end))
			return true;
	return d->vague;
}

void sim_wire_arrived(struct sim_wire *w, int sender, const struct sim_view *v)
{
	struct sim_wire_dir *d = &w->dir[sender];

	if (v->flags & RTE_TCP_RST_FLAG)
		return;
	if (v->flags & RTE_TCP_ACK_FLAG) {
		uint32_t edge = right_edge(w, sender, v);
		d->told = d->told_known ? seq_max(d->told, edge) : edge;
		d->told_known = true;
	}
	if (seq_end(v) != v->seq)
		got_add(d, v->seq, seq_end(v));
}

/* ---- segments ---- */

/* RFC 9293 3.8.6: the right edge never moves left. */
static const char *check_window(struct sim_wire *w, int sender, const struct sim_view *v)
{
	struct sim_wire_dir *d = &w->dir[sender];

	if (!(v->flags & RTE_TCP_ACK_FLAG))
		return NULL;
	uint32_t wnd = rte_be_to_cpu_16(v->th->rx_win);
	uint32_t edge = right_edge(w, sender, v);
	if (d->edge_known && seq_lt(edge, d->edge) && seq_leq(v->ack, d->edge))
		return broken("window edge went back by %" PRIu32 " to ack %" PRIu32
			      " wnd %" PRIu32,
			d->edge - edge, v->ack - w->dir[1 - sender].isn, wnd);
	d->edge = edge;
	d->edge_known = true;
	return NULL;
}

/* RFC 9293 3.8.6: nothing beyond what the peer has said, and has been heard to say. */
static const char *check_room(const struct sim_wire *w, int sender, const struct sim_view *v)
{
	const struct sim_wire_dir *peer = &w->dir[1 - sender];
	uint32_t end = seq_end(v);

	/* One octet, or the FIN, may go as a window probe. */
	if (!peer->told_known || end - v->seq <= 1 || seq_leq(end, peer->told))
		return NULL;
	return broken("sent %" PRIu32 " past the window", end - peer->told);
}

/* RFC 9293 3.8.1, RFC 2018, RFC 2883: only what has arrived is acknowledged or reported. */
static const char *check_acks(const struct sim_wire *w, int sender, const struct sim_view *v)
{
	const struct sim_wire_dir *peer = &w->dir[1 - sender];

	if (v->flags & RTE_TCP_ACK_FLAG && !got_all(peer, v->ack - 1, v->ack))
		return broken(
			"acknowledges %" PRIu32 ", which has not arrived", v->ack - 1 - peer->isn);
	for (unsigned i = 0; i < v->opt.n_sack; i++)
		if (!got_all(peer, v->opt.sack[i].start, v->opt.sack[i].end))
			return broken("SACK of %" PRIu32 "-%" PRIu32 ", which has not arrived",
				v->opt.sack[i].start - peer->isn, v->opt.sack[i].end - peer->isn);
	return NULL;
}

static const char *check_data(struct sim_wire *w, int sender, const struct sim_view *v)
{
	const struct sim_wire_dir *d = &w->dir[sender], *peer = &w->dir[1 - sender];
	uint32_t offset = v->seq - (d->isn + 1);
	uint32_t options = (v->th->data_off >> 4) * 4u - 20;
	uint32_t mss = peer->has_mss ? peer->mss : TCP_DEFAULT_MSS_V4;

	if (v->len == 0)
		return NULL;
	if (!d->syn || seq_lt(v->seq, d->isn + 1))
		return broken("data before the connection");
	if (!w->content(w->ctx, sender, offset, v->data, v->len))
		return broken("bytes at %" PRIu32 " differ from what was sent", offset);
	if (v->len + options > mss)
		return broken("segment of %" PRIu32 " + %" PRIu32
			      " bytes, the peer's MSS is %" PRIu32,
			v->len, options, mss);
	if (d->fin && seq_gt(v->seq + v->len, d->fin_seq))
		return broken("data behind the FIN");
	return NULL;
}

/* RFC 3168: by agreement, and only new data is ECN-capable or tells of a reduction. */
static const char *check_ecn(struct sim_wire *w, int sender, const struct sim_view *v, uint8_t tos)
{
	struct sim_wire_dir *d = &w->dir[sender];
	bool agreed = w->dir[0].ecn_asked && w->dir[1].ecn_asked;
	bool syn = v->flags & RTE_TCP_SYN_FLAG;
	bool fresh = !syn && v->len > 0 && seq_geq(v->seq, d->nxt);
	uint8_t ecn = tos & NET_ECN_MASK;

	if (ecn != NET_ECN_NOT_ECT && ecn != NET_ECN_ECT0)
		return broken("sent with ECN codepoint %u", ecn);
	if (ecn == NET_ECN_ECT0 && !fresh)
		return broken("ECN-capable, and no new data");
	if (ecn == NET_ECN_ECT0 && (!agreed || d->ecn_denied))
		return broken("ECN-capable without agreement");
	if (!syn && v->flags & ECN_SETUP && !agreed)
		return broken("ECE or CWR without agreement");
	if (!syn && v->flags & RTE_TCP_CWR_FLAG && !fresh)
		return broken("CWR, and no new data");
	if (syn || seq_gt(v->seq + v->len, d->nxt))
		d->nxt = v->seq + v->len;
	return NULL;
}

static void note_syn(struct sim_wire *w, int sender, const struct sim_view *v)
{
	struct sim_wire_dir *d = &w->dir[sender];

	/* A half-open connection that begins anew after an old one was reset. */
	if (d->syn && (w->cookies || d->isn != v->seq)) {
		d->edge_known = d->fin = d->ecn_denied = false;
		d->told_known = false;
		d->vague = true;
	}
	d->syn = true;
	d->isn = v->seq;
	d->has_mss = v->opt.has_mss;
	d->mss = v->opt.mss;
	d->has_wscale = v->opt.has_wscale && !d->strip_wscale;
	d->wscale = v->opt.wscale;
	d->has_ts = v->opt.has_ts && !d->strip_ts;
	if ((v->flags & ECN_SETUP) == (sender == 0 ? ECN_SETUP : RTE_TCP_ECE_FLAG))
		d->ecn_asked = true;
	else
		d->ecn_denied = true;
}

/* A FIN never moves. */
static const char *check_fin(struct sim_wire *w, int sender, const struct sim_view *v)
{
	struct sim_wire_dir *d = &w->dir[sender];
	uint32_t at = v->seq + v->len;

	if (!(v->flags & RTE_TCP_FIN_FLAG))
		return NULL;
	if (d->fin && d->fin_seq != at)
		return broken(
			"FIN moved from %" PRIu32 " to %" PRIu32, d->fin_seq - d->isn, at - d->isn);
	d->fin = true;
	d->fin_seq = at;
	return NULL;
}

const char *sim_wire_segment(struct sim_wire *w, int sender, const struct sim_view *v, uint8_t tos)
{
	const char *what = NULL;

	if (v->flags & RTE_TCP_RST_FLAG)
		return NULL;
	if (v->flags & RTE_TCP_SYN_FLAG) {
		note_syn(w, sender, v);
	} else {
		/* RFC 7323 section 3.2: in every segment or in none */
		if (v->opt.has_ts != (w->dir[0].has_ts && w->dir[1].has_ts))
			return broken("timestamps: %s", v->opt.has_ts ? "not agreed" : "missing");
		what = check_data(w, sender, v);
	}
	if (what == NULL)
		what = check_room(w, sender, v);
	if (what == NULL)
		what = check_acks(w, sender, v);
	if (what == NULL)
		what = check_ecn(w, sender, v, tos);
	if (what == NULL)
		what = check_fin(w, sender, v);
	return what != NULL ? what : check_window(w, sender, v);
}

/* ---- in words ---- */

struct text {
	char *at;
	size_t left;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	size_t used = n < 0 ? 0 : LG_MIN((size_t)n, t->left - 1);
	t->at += used;
	t->left -= used;
}

static void say_options(struct text *t, const struct sim_view *v, uint32_t peer_base)
{
	if (v->flags & RTE_TCP_SYN_FLAG) {
		if (v->opt.has_mss)
			say(t, " mss %u", v->opt.mss);
		if (v->opt.has_wscale)
			say(t, " wscale %u", v->opt.wscale);
		if (v->opt.sack_permitted)
			say(t, " sackOK");
	}
	if (v->opt.has_ts)
		say(t, " ts %" PRIu32 "/%" PRIu32, v->opt.tsval, v->opt.tsecr);
	for (unsigned i = 0; i < v->opt.n_sack; i++)
		say(t, "%s%" PRIu32 "-%" PRIu32, i == 0 ? " sack " : ",",
			v->opt.sack[i].start - peer_base, v->opt.sack[i].end - peer_base);
}

void sim_wire_describe(
	const struct sim_wire *w, int sender, const struct sim_view *v, char *out, size_t size)
{
	static const struct {
		uint8_t flag;
		char letter;
	} letters[] = {{RTE_TCP_SYN_FLAG, 'S'}, {RTE_TCP_FIN_FLAG, 'F'}, {RTE_TCP_RST_FLAG, 'R'},
		{RTE_TCP_PSH_FLAG, 'P'}, {RTE_TCP_ACK_FLAG, '.'}, {RTE_TCP_ECE_FLAG, 'E'},
		{RTE_TCP_CWR_FLAG, 'C'}};
	struct text t = {out, size};
	char flags[LG_ARRAY_SIZE(letters) + 1] = "", *f = flags;
	uint32_t base = w->dir[sender].isn, peer_base = w->dir[1 - sender].isn;

	for (unsigned i = 0; i < LG_ARRAY_SIZE(letters); i++)
		if (v->flags & letters[i].flag)
			*f++ = letters[i].letter;
	say(&t, "%-4s seq %" PRIu32 " len %" PRIu32, flags, v->seq - base, v->len);
	if (v->flags & RTE_TCP_ACK_FLAG)
		say(&t, " ack %" PRIu32, v->ack - peer_base);
	say(&t, " wnd %u", rte_be_to_cpu_16(v->th->rx_win));
	say_options(&t, v, peer_base);
}
