/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path MTU: down by what ICMP says (RFC 1191, RFC 8201) or, where it is silent, by what keeps
 * getting lost (black holes: RFC 4821 section 7.7, RFC 8899 section 4.3); up again by probes
 * (RFC 4821 section 7), each a segment of real data that is larger than the others. c->pmtu is the
 * size in use; sizes up to pmtud.high may be tried. All sizes are those of IP packets.
 */
#include "tcp/tcp_internal.h"

#define PMTU_AGE        LG_SEC(600) /* RFC 1191 section 6.3, RFC 8201 section 4 */
#define PMTU_DOUBT      LG_SEC(30)  /* for what ICMP says against what was acknowledged */
#define PMTU_FIRST_RTOS 3  /* in a row, before sizes are suspected: a lost tail is no black hole */
#define PMTU_NEXT_RTOS  2  /* and once they are */
#define PMTU_GAIN       32 /* less is not worth a probe */
#define PMTU_BEHIND     TCP_DUPTHRESH /* full segments to follow a probe: they tell that it is lost */

/* No black hole: until something is acknowledged, losses say nothing about sizes. */
#define PLAIN_LOSS UINT8_MAX

static unsigned headers(const struct tcp_conn *c)
{
	return (conn_is_v4(c) ? 20 : 40) + (unsigned)sizeof(struct rte_tcp_hdr);
}

/* The packet that carries so many bytes, with the options that data segments have. */
static uint32_t packet_size(const struct tcp_conn *c, uint32_t len)
{
	return headers(c) + (c->mss - tcp_conn_mss(c)) + len;
}

/* What our interface and the peer's MSS allow. */
static uint16_t largest(const struct tcp_conn *c)
{
	return (uint16_t)LG_MIN((uint32_t)c->s->p.mtu[c->key.side], c->peer_mss + headers(c));
}

static void set_pmtu(struct tcp_conn *c, uint16_t mtu)
{
	c->pmtu = mtu;
	conn_update_mss(c);
}

static void raise_pmtu(struct tcp_conn *c, uint16_t mtu)
{
	TCP_COUNT(c->s, PMTU_RAISED);
	set_pmtu(c, mtu);
}

/* ---- probes ------------------------------------------------------------------------------------
 */

/* Without SACK the loss of a probe can't be told from congestion. */
static bool may_probe(const struct tcp_conn *c)
{
	return c->opts.mtu_probing != TCP_MTU_OFF && c->flags & CF_SACK;
}

static bool probe_out(const struct tcp_conn *c)
{
	return c->pmtud.probe_seq != c->pmtud.probe_end;
}

static void probe_over(struct tcp_conn *c)
{
	c->pmtud.probe_end = c->pmtud.probe_seq;
	c->pmtud.hold = c->snd_nxt;
}

/* Over when what is left is not worth a probe. */
static void search_check(struct tcp_conn *c, lg_us now)
{
	struct tcp_pmtud *d = &c->pmtud;

	if (d->high >= c->pmtu + PMTU_GAIN)
		return;
	d->high = 0;
	d->raise_at = largest(c) > c->pmtu ? now + PMTU_AGE : 0;
}

static void search_begin(struct tcp_conn *c, uint16_t high, lg_us now)
{
	c->pmtud.high = high;
	c->pmtud.bisect = false;
	c->pmtud.hold = c->snd_nxt;
	c->pmtud.raise_at = 0;
	c->flags |= CF_PMTU;
	search_check(c, now);
}

/* First the largest: mostly nothing was wrong with it. Then halfway between good and bad. */
static uint16_t probe_size(const struct tcp_conn *c)
{
	const struct tcp_pmtud *d = &c->pmtud;
	return d->bisect ? (uint16_t)((c->pmtu + d->high + 1) / 2) : d->high;
}

static bool probe_due(const struct tcp_conn *c)
{
	const struct tcp_pmtud *d = &c->pmtud;
	return d->high >= c->pmtu + PMTU_GAIN && !probe_out(c) && d->before == 0 &&
	       c->recovery == REC_OPEN && c->sacked_bytes == 0 && c->lost_bytes == 0 &&
	       seq_geq(c->snd_una, d->hold) && may_probe(c);
}

uint32_t pmtu_room(const struct tcp_conn *c, uint32_t avail)
{
	uint32_t room = segment_room(c);

	if (!(c->flags & CF_PMTU) || !probe_due(c))
		return room;
	uint32_t len = room + probe_size(c) - c->pmtu;
	uint32_t need = len + PMTU_BEHIND * room;
	/* Where only a part of a window is free it waits, for an ACK or two. */
	return avail >= need && c->snd_wnd >= need && c->cwnd >= need ? len : room;
}

void pmtu_sent(struct tcp_conn *c, uint32_t seq, uint32_t len)
{
	if (len <= segment_room(c) || probe_out(c))
		return;
	TCP_COUNT(c->s, PMTU_PROBES);
	c->pmtud.probe_seq = seq;
	c->pmtud.probe_end = seq + len;
}

static struct tcp_rec *probe_record(const struct tcp_conn *c)
{
	struct tcp_rec *r = c->rec_head;

	while (r != NULL && seq_lt(r->seq, c->pmtud.probe_seq))
		r = r->next;
	return r != NULL && r->seq == c->pmtud.probe_seq ? r : NULL;
}

/* The probe itself got through, not what was sent in its place. */
static void probe_good(struct tcp_conn *c, lg_us now)
{
	uint16_t size = probe_size(c);

	probe_over(c);
	raise_pmtu(c, size);
	search_check(c, now);
}

static void probe_bad(struct tcp_conn *c, lg_us now)
{
	uint16_t size = probe_size(c);

	TCP_COUNT(c->s, PMTU_PROBES_LOST);
	probe_over(c);
	c->pmtud.high = (uint16_t)(size - 1);
	c->pmtud.bisect = true;
	search_check(c, now);
}

/*
 * RFC 4821 section 7.6.2: the loss of a probe alone is no congestion. With others it is, and tells
 * nothing of sizes (section 7.6.4).
 */
uint32_t pmtu_excuse(struct tcp_conn *c, uint32_t lost, lg_us now)
{
	const struct tcp_rec *r = probe_out(c) ? probe_record(c) : NULL;

	if (r == NULL || !(r->flags & REC_LOST))
		return lost;
	if (c->recovery != REC_OPEN || lost != r->end - r->seq) {
		probe_over(c);
		return lost;
	}
	probe_bad(c, now);
	c->flags |= CF_RTX_FORCE;
	return 0;
}

void pmtu_on_sack(struct tcp_conn *c, lg_us now)
{
	const struct tcp_rec *r = probe_out(c) ? probe_record(c) : NULL;

	if (r == NULL || !(r->flags & REC_SACKED))
		return;
	if (r->flags & REC_EVER_RTX)
		probe_over(c);
	else
		probe_good(c, now);
}

/* ---- progress and age --------------------------------------------------------------------------
 */

/* RFC 1191 section 6.3: the path may have changed since. */
static void try_larger(struct tcp_conn *c, lg_us now)
{
	c->pmtud.raise_at = 0;
	if (may_probe(c))
		search_begin(c, largest(c), now);
	else if (largest(c) > c->pmtu)
		raise_pmtu(c, largest(c));
}

/*
 * Something got through. Was it the size, or is the path back? A probe will tell; where none can be
 * sent, whether small segments were lost as well.
 */
static void suspicion_ends(struct tcp_conn *c, lg_us now)
{
	uint16_t before = LG_MIN(c->pmtud.before, largest(c));

	c->pmtud.before = 0;
	if (may_probe(c))
		search_begin(c, before, now);
	else if (c->pmtud.timeouts == PLAIN_LOSS)
		raise_pmtu(c, before);
	else
		c->pmtud.raise_at = now + PMTU_AGE;
}

void pmtu_on_progress(struct tcp_conn *c, uint32_t ack, lg_us now)
{
	struct tcp_pmtud *d = &c->pmtud;
	struct tcp_rec *r = probe_out(c) && seq_geq(ack, d->probe_end) ? probe_record(c) : NULL;

	if (d->before != 0)
		suspicion_ends(c, now);
	d->timeouts = 0;
	if (r != NULL && r->flags & (REC_LOST | REC_EVER_RTX))
		probe_bad(c, now);
	else if (r != NULL)
		probe_good(c, now);
	else if (probe_out(c) && seq_geq(ack, d->probe_end))
		probe_over(c); /* its record was joined with the SACKed one before it */
	if (d->raise_at != 0 && now >= d->raise_at)
		try_larger(c, now);
	if (d->raise_at == 0 && d->high == 0)
		c->flags &= ~CF_PMTU;
}

/* ---- black holes -------------------------------------------------------------------------------
 */

/* The next smaller size that mostly works; 0: there is none. */
static uint16_t next_step(const struct tcp_conn *c)
{
	static const uint16_t v4[] = {1500, 1064, TCP_MIN_PMTU_V4},
			      v6[] = {1500, TCP_MIN_PMTU_V6, 0};
	const uint16_t *steps = conn_is_v4(c) ? v4 : v6;

	for (unsigned i = 0; i < LG_ARRAY_SIZE(v4); i++)
		if (steps[i] < LG_MIN(c->pmtu, largest(c)))
			return steps[i];
	return 0;
}

static void suspect(struct tcp_conn *c, uint16_t step)
{
	TCP_COUNT(c->s, PMTU_BLACK_HOLE);
	if (c->pmtud.before == 0)
		c->pmtud.before = c->pmtu;
	set_pmtu(c, step);
}

/* A probe's timer runs as any other's, and its loss is no sign of a hole at the size in use. */
static bool was_probe(struct tcp_conn *c)
{
	if (!probe_out(c))
		return false;
	bool head = c->rec_head->seq == c->pmtud.probe_seq;
	if (head)
		probe_bad(c, c->rexmt_at);
	else
		probe_over(c);
	return head;
}

void pmtu_on_rto(struct tcp_conn *c)
{
	const struct tcp_rec *r = c->rec_head;
	struct tcp_pmtud *d = &c->pmtud;
	uint16_t step = next_step(c);

	if (c->opts.mtu_probing == TCP_MTU_OFF || r == NULL || was_probe(c) ||
		d->timeouts == PLAIN_LOSS)
		return;
	uint32_t len = LG_MIN(r->end - r->seq, tcp_conn_mss(c)); /* SACKed ones may be joined */
	bool large = step != 0 && packet_size(c, len) > step;
	if (!large && d->before == 0)
		return;
	c->flags |= CF_PMTU;
	if (++d->timeouts < (d->before == 0 ? PMTU_FIRST_RTOS : PMTU_NEXT_RTOS))
		return;
	d->timeouts = large ? 0 : PLAIN_LOSS; /* small segments are lost like large ones */
	if (large)
		suspect(c, step);
}

/* ---- ICMP --------------------------------------------------------------------------------------
 */

/* RFC 1191 section 7.1: for routers that don't say. */
static uint16_t next_plateau(uint16_t mtu)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1280, 1006, 552};

	for (unsigned i = 0; i < LG_ARRAY_SIZE(plateaus); i++)
		if (plateaus[i] < mtu)
			return plateaus[i];
	return 0;
}

/* Of the packets in flight; those that the peer holds can't be meant. */
static uint32_t largest_in_flight(const struct tcp_conn *c)
{
	uint32_t most = 0;

	for (const struct tcp_rec *r = c->rec_head; r != NULL; r = r->next)
		if (!(r->flags & REC_SACKED))
			most = LG_MAX(most, packet_size(c, r->end - r->seq));
	return most;
}

/* What is too big for the path is lost, but not to congestion. */
static void resend_larger(struct tcp_conn *c, uint32_t mtu)
{
	for (struct tcp_rec *r = c->rec_head; r != NULL; r = r->next) {
		if (r->flags & REC_SACKED || packet_size(c, r->end - r->seq) <= mtu)
			continue;
		rec_mark_lost_again(c, r);
		c->flags |= CF_RTX_FORCE;
	}
	conn_mark_output(c);
}

/*
 * RFC 5927 section 7.2 would wait for a timeout before it believes an error that says less than
 * what was acknowledged already. Paths do change, and such a wait stalls everybody on them: we
 * believe at once and look again soon, so that a forger's success is short.
 */
static void lowered(struct tcp_conn *c, uint16_t mtu, lg_us now)
{
	struct tcp_pmtud *d = &c->pmtud;
	bool doubtful = d->acked_len > 0 && packet_size(c, d->acked_len) > mtu;

	TCP_COUNT(c->s, PMTU_LOWERED);
	d->high = d->before = d->acked_len = 0;
	d->timeouts = 0;
	d->raise_at = now + (doubtful ? PMTU_DOUBT : PMTU_AGE);
	c->flags |= CF_PMTU;
	set_pmtu(c, mtu);
}

void pmtu_too_big(struct tcp_conn *c, uint32_t mtu, lg_us now)
{
	uint32_t least = conn_is_v4(c) ? TCP_MIN_PMTU_V4 : TCP_MIN_PMTU_V6;
	uint32_t sent = largest_in_flight(c);

	/* A router that doesn't say how large: less than what it refused, section 5 of RFC 1191. */
	if (conn_is_v4(c) && mtu == 0)
		mtu = next_plateau((uint16_t)LG_MIN(sent, (uint32_t)c->pmtu));
	if (conn_is_v4(c))
		mtu = LG_MAX(mtu, least);
	if (mtu == c->pmtu)
		return; /* said before, about a packet of the same burst */
	/*
	 * RFC 5927 section 7.2: an error about a packet of a size that isn't in flight is forged or
	 * old. RFC 8201 section 4: below 1280 discard.
	 */
	if (mtu < least || sent <= mtu) {
		TCP_COUNT(c->s, DROP_ICMP);
		return;
	}
	if (probe_out(c)) { /* the probe's size, most likely: now it is known exactly */
		probe_over(c);
		search_begin(c, (uint16_t)mtu, now);
	}
	if (mtu < c->pmtu)
		lowered(c, (uint16_t)mtu, now);
	resend_larger(c, mtu);
}

/* ---- the beginning -----------------------------------------------------------------------------
 */

/* `mtu_probing: on` begins with what every path carries; the first full flight tries the rest. */
void pmtu_established(struct tcp_conn *c, lg_us now)
{
	uint16_t base = conn_is_v4(c) ? 1064 : TCP_MIN_PMTU_V6, high = largest(c);

	if (c->opts.mtu_probing != TCP_MTU_ON || !may_probe(c) || high < base + PMTU_GAIN)
		return;
	set_pmtu(c, base);
	search_begin(c, high, now);
}
