/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 section 3.6): a SYN leaves nothing behind. What its sender offered goes out
 * in the SYN-ACK's sequence number and comes back in the ACK:
 *
 *	 31            18 17         8 7     5 4     2  1    0
 *	+----------------+------------+-------+-------+----+-----+
 *	|     place      |    owner   |  MSS  | scale |SACK|epoch|   the low octet XOR the top one
 *	+----------------+------------+-------+-------+----+-----+
 *
 * With timestamps, the low five bits of our TSval, which the client echoes, say more: the scale as
 * it is, and ECN.
 *
 * `owner` is from a MAC of addresses, ports, the epoch and all those bits, so nobody gets more than
 * was offered. `place` is the client's ISN plus another part of that MAC, modulo more than it may
 * send before we answer: a segment that isn't the first is known for certain, and a stream never
 * begins in its middle. With a right owner it is from a client whose first segment, ACK or text,
 * was lost or is late: it waits for that one, where an RST would end it.
 *
 * A blind forger has to guess all 24 bits in 64 to 128 seconds, for one connection from an address
 * that isn't his, and only while cookies are out. Keeping scale and SACK for clients without
 * timestamps is worth the rest (as in FreeBSD).
 */
#include "tcp/tcp_internal.h"

#define TS_BITS  5
#define TS_SCALE 15
#define TS_ECN   16

#define PLACE_SHIFT 18
#define PLACE       (UINT32_MAX << PLACE_SHIFT)
#define OWNER       (~PLACE & ~0xffu)
_Static_assert(TCP_COOKIE_WINDOW < 1u << (32 - PLACE_SHIFT), "no two places look alike");

/* Ascending: never more than the client's is chosen. Below the first nothing is believed. */
static const uint16_t mss_v4[8] = {TCP_MIN_PEER_MSS, 536, 1220, 1360, 1400, 1440, 1452, 1460};
static const uint16_t mss_v6[8] = {TCP_MIN_PEER_MSS, 1220, 1280, 1360, 1400, 1420, 1432, 1440};
/* 0: the client doesn't scale. Of the others, what systems use is there; between, less is safe. */
static const uint8_t scales[8] = {0, 0, 2, 4, 6, 7, 8, 10};

/* What a SYN offered. */
struct cookie {
	uint8_t isn_bits; /* the low octet of the ISN, before it is scrambled */
	uint8_t ts_bits;
	bool has_ts;
};

/* The upper 24 bits: place and owner. */
static uint32_t cookie_mac(const struct tcp_stack *s, const struct flow_key *key, uint32_t irs,
	const struct cookie *k, uint64_t epoch)
{
	struct {
		struct flow_key key;
		uint64_t epoch;
		uint8_t isn_bits, ts_bits, has_ts, zero[5];
	} in = {*key, epoch, k->isn_bits, k->ts_bits, k->has_ts, {0}};

	_Static_assert(sizeof(in) == 56, "hashed as bytes: no padding");
	uint64_t mac = lg_siphash24(&s->p.secret, &in, sizeof(in));
	return (irs + (uint32_t)(mac >> 32)) << PLACE_SHIFT | ((uint32_t)mac & OWNER);
}

/* ---- the way out -------------------------------------------------------------------------------
 */

bool cookie_wanted(const struct tcp_stack *s)
{
	uint32_t above = s->p.syn_cookies_above;

	if (s->n_half_open >= above)
		return true;
	/* A block taken from another handshake is for somebody who has proved to be there. */
	return above != UINT32_MAX && s->n_half_open > 0 && !conn_available(s);
}

static unsigned mss_index(const struct flow_key *key, const struct tcp_options *o)
{
	bool v4 = lg_ip_is_v4(&key->remote);
	const uint16_t *table = v4 ? mss_v4 : mss_v6;
	uint16_t mss = o->has_mss ? o->mss : v4 ? TCP_DEFAULT_MSS_V4 : TCP_DEFAULT_MSS_V6;
	unsigned i = 7;

	while (i > 0 && table[i] > mss)
		i--;
	return i;
}

static unsigned scale_index(const struct tcp_options *o)
{
	unsigned i = 7;

	if (!o->has_wscale)
		return 0;
	while (i > 1 && scales[i] > o->wscale)
		i--;
	return i;
}

/* What is granted of the offer: ECN only where timestamps carry it. */
static struct cookie cookie_of(const struct tcp_listener *l, const struct flow_key *key,
	const struct tcp_seg *syn, uint64_t epoch)
{
	const struct tcp_options *o = &syn->opt;
	struct cookie k = {.has_ts = o->has_ts};

	k.isn_bits = (uint8_t)(mss_index(key, o) << 5 | scale_index(o) << 2 |
			       (unsigned)o->sack_permitted << 1 | (epoch & 1));
	if (o->has_ts && o->has_wscale)
		k.ts_bits = LG_MIN(o->wscale, TCP_MAX_WSCALE);
	if (o->has_ts && l->opts.ecn && (syn->flags & ECN_SETUP) == ECN_SETUP)
		k.ts_bits |= TS_ECN;
	return k;
}

/* The last value that the connection's clock has shown with these low bits: it never goes back. */
static uint32_t cookie_tsval(uint32_t clock, uint8_t bits)
{
	uint32_t value = (clock & ~((1u << TS_BITS) - 1)) | bits;
	return seq_gt(value, clock) ? value - (1u << TS_BITS) : value;
}

/*
 * The same for all clients of a listener, for nobody remembers what was promised to whom. More
 * follows with the first ACK.
 */
static uint16_t cookie_window(const struct tcp_opts *o)
{
	uint32_t space = (LG_MAX(tune_rcv_start(o), (uint32_t)TCP_MIN_BUF) - TCP_RX_SLACK) / 2;
	return (uint16_t)LG_MIN(space, (uint32_t)TCP_COOKIE_WINDOW);
}

void cookie_send(struct tcp_stack *s, const struct tcp_listener *l, const struct flow_key *key,
	struct tcp_seg *g, lg_us now)
{
	uint32_t ts_offset;
	uint64_t epoch = now / TCP_COOKIE_EPOCH;
	struct cookie k = cookie_of(l, key, g, epoch);
	uint32_t mac = cookie_mac(s, key, g->seq, &k, epoch);
	uint32_t iss = mac | ((mac >> 24) ^ k.isn_bits);
	struct tcp_options o = {
		.has_mss = true,
		.mss = syn_mss_of(s, key),
		.has_wscale = g->opt.has_wscale,
		.wscale = syn_wscale(&l->opts),
		.has_ts = g->opt.has_ts,
		.sack_permitted = g->opt.sack_permitted,
		.tsecr = g->opt.tsval,
	};

	if (o.has_ts) {
		tcp_isn(s, key, now, &ts_offset);
		o.tsval = cookie_tsval(tcp_ts_clock(ts_offset, now), k.ts_bits);
	}
	s->cookies_until = now + 2 * TCP_COOKIE_EPOCH;
	TCP_COUNT(s, SYNCOOKIES_SENT);
	segment_answer_syn(s, l, key, g, &o, k.ts_bits & TS_ECN ? RTE_TCP_ECE_FLAG : 0, iss,
		cookie_window(&l->opts), now);
}

/* ---- the way back ------------------------------------------------------------------------------
 */

/* The SYN as the cookie tells it; what came with the ACK says the rest. */
static struct tcp_seg cookie_syn(
	const struct flow_key *key, const struct cookie *k, const struct tcp_seg *g)
{
	const uint16_t *table = lg_ip_is_v4(&key->remote) ? mss_v4 : mss_v6;
	unsigned scale = k->isn_bits >> 2 & 7;
	struct tcp_seg syn = {.seq = g->seq - 1, .wnd = g->wnd, .flags = RTE_TCP_SYN_FLAG};

	syn.opt = (struct tcp_options){
		.has_mss = true,
		.mss = table[k->isn_bits >> 5],
		.has_wscale = scale != 0,
		.wscale = scales[scale],
		.sack_permitted = k->isn_bits >> 1 & 1,
		.has_ts = k->has_ts,
		.tsval = g->opt.tsval,
	};
	if (k->has_ts && scale != 0)
		syn.opt.wscale = k->ts_bits & TS_SCALE;
	if (k->ts_bits & TS_ECN)
		syn.flags |= ECN_SETUP;
	return syn;
}

enum cookie_verdict { COOKIE_NONE, COOKIE_ELSEWHERE, COOKIE_GOOD };

/*
 * Whether g->ack acknowledges a cookie that went to this client in this epoch or the one before,
 * for the SYN just before g.
 */
static enum cookie_verdict cookie_check(const struct tcp_stack *s, const struct flow_key *key,
	const struct tcp_seg *g, struct cookie *k, lg_us now)
{
	uint32_t iss = g->ack - 1;
	uint64_t epoch = now / TCP_COOKIE_EPOCH;

	if (now >= s->cookies_until)
		return COOKIE_NONE;
	*k = (struct cookie){.isn_bits = (uint8_t)(iss ^ iss >> 24), .has_ts = g->opt.has_ts};
	if (k->has_ts)
		k->ts_bits = g->opt.tsecr & ((1u << TS_BITS) - 1);
	if ((k->isn_bits & 1) != (epoch & 1))
		epoch--;
	uint32_t wrong = iss ^ cookie_mac(s, key, g->seq - 1, k, epoch);
	if (wrong & OWNER)
		return COOKIE_NONE;
	return wrong & PLACE ? COOKIE_ELSEWHERE : COOKIE_GOOD;
}

static void cookie_open(struct tcp_stack *s, const struct tcp_listener *l,
	const struct flow_key *key, const struct cookie *k, struct tcp_seg *g, lg_us now)
{
	struct tcp_seg syn = cookie_syn(key, k, g);
	struct tcp_conn *c = listen_new(s, key, l, &syn, now);

	if (c == NULL)
		return;
	conn_set_iss(c, g->ack - 1);
	c->snd_nxt = c->iss + 1;
	c->rcv_adv = c->rcv_nxt + cookie_window(&c->opts);
	/* From here on it is the ACK of any SYN-ACK, with data or FIN or without. */
	segment_arrives(c, g, now);
	LG_ASSERT(c->state != TCP_SYN_RECEIVED);
}

bool cookie_ack(struct tcp_stack *s, const struct tcp_listener *l, const struct flow_key *key,
	struct tcp_seg *g, lg_us now)
{
	struct cookie k;

	if (now >= s->cookies_until || g->flags & RTE_TCP_SYN_FLAG)
		return false;
	enum cookie_verdict v = cookie_check(s, key, g, &k, now);
	if (v != COOKIE_GOOD) {
		TCP_COUNT(s, SYNCOOKIES_FAILED);
		return v == COOKIE_ELSEWHERE;
	}
	TCP_COUNT(s, SYNCOOKIES_RECV);
	if (listen_allows(s, l))
		cookie_open(s, l, key, &k, g, now);
	return true;
}

bool cookie_adopt(struct tcp_conn *c, const struct tcp_seg *g, lg_us now)
{
	struct cookie k;

	if (c->flags & CF_ACTIVE || g->seq - 1 != c->irs ||
		cookie_check(c->s, &c->key, g, &k, now) != COOKIE_GOOD)
		return false;
	TCP_COUNT(c->s, SYNCOOKIES_RECV);
	conn_set_iss(c, g->ack - 1);
	c->snd_nxt = c->iss + 1;
	c->rcv_adv = seq_max(c->rcv_adv, c->rcv_nxt + cookie_window(&c->opts));
	c->syn_tx = 0;
	return true;
}
