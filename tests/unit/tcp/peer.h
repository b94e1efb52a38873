/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scripted peer: one real stack, and a test that plays everybody else by hand. Sequence numbers
 * are relative: in what the peer sends, seq counts from the peer's ISN and ack from the stack's; in
 * what is expected the other way round. So 0 is the SYN and 1 the first byte, on both sides.
 */
#ifndef LG_TEST_TCP_PEER_H
#define LG_TEST_TCP_PEER_H

#include "../eal.h"

#include <netinet/in.h>
#include <string.h>

#include "tcp/tcp_internal.h"

#define F_FIN RTE_TCP_FIN_FLAG
#define F_SYN RTE_TCP_SYN_FLAG
#define F_RST RTE_TCP_RST_FLAG
#define F_PSH RTE_TCP_PSH_FLAG
#define F_ACK RTE_TCP_ACK_FLAG
#define F_ECE RTE_TCP_ECE_FLAG
#define F_CWR RTE_TCP_CWR_FLAG

#define PEER_OUT 512
#define PEER_ISN 1000000u

/* A segment that the stack sent. */
struct out_seg {
	uint32_t seq, ack; /* relative */
	uint8_t flags;
	uint16_t wnd;
	uint32_t len;
	struct tcp_options opt;
	uint8_t data[2048];
	uint16_t lport, rport;
	uint8_t tos;
};

struct peer {
	struct tcp_stack *s;
	struct rte_mempool *pool, *indirect;
	struct flow_ports *ports;
	struct tcp_stack_params params;
	lg_us now;
	struct out_seg out[PEER_OUT];
	unsigned n_out, n_read;
	struct lg_ip stack_ip, peer_ip;
	uint16_t stack_port, peer_port;
	enum net_side side;
	uint32_t isn;       /* the peer's */
	uint32_t stack_isn; /* learned from its SYN */
	uint8_t ecn;        /* enum net_ecn of the peer's packets */
	bool ts;            /* the peer puts timestamps on its segments */
	uint32_t tsval, tsecr;
	uint32_t wnd;                  /* what its segments advertise (the raw field) */
	struct tcp_sack_block sack[4]; /* for the next segment only; relative to the stack's ISN */
	unsigned n_sack;
	struct tcp_conn *c;
};

static struct rte_mempool *peer_pool_, *peer_indirect_;
static struct tcp_stack *peer_left_; /* by a test that failed: its memory is needed by the next */

static inline void peer_output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us now)
{
	struct peer *p = ctx;
	uint8_t buf[4096];

	(void)side;
	(void)now;
	assert_true(p->n_out < PEER_OUT);
	rte_mbuf_sanity_check(m, 1);
	assert_true(rte_pktmbuf_headroom(m) >= NET_HEADROOM);
	assert_int_equal(tx->proto, IPPROTO_TCP);
	assert_true(m->pkt_len <= sizeof(buf));
	const uint8_t *b = rte_pktmbuf_read(m, 0, m->pkt_len, buf);
	const struct rte_tcp_hdr *th = (const struct rte_tcp_hdr *)b;
	unsigned hlen = (th->data_off >> 4) * 4u;
	struct out_seg *o = &p->out[p->n_out++];
	*o = (struct out_seg){
		.flags = th->tcp_flags,
		.wnd = rte_be_to_cpu_16(th->rx_win),
		.len = m->pkt_len - hlen,
		.lport = rte_be_to_cpu_16(th->src_port),
		.rport = rte_be_to_cpu_16(th->dst_port),
		.tos = tx->tos,
	};
	assert_int_equal(tcp_options_parse(b + 20, hlen - 20, &o->opt), 0);
	if (th->tcp_flags & F_SYN)
		p->stack_isn = rte_be_to_cpu_32(th->sent_seq);
	o->seq = rte_be_to_cpu_32(th->sent_seq) - p->stack_isn;
	o->ack = th->tcp_flags & F_ACK ? rte_be_to_cpu_32(th->recv_ack) - p->isn : 0;
	assert_true(o->len <= sizeof(o->data));
	memcpy(o->data, b + hlen, o->len);
	rte_pktmbuf_free(m);
}

static inline void peer_left_over(void)
{
	if (peer_left_ != NULL)
		tcp_stack_free(peer_left_);
	peer_left_ = NULL;
}

static inline void peer_start_at(struct peer *p, lg_us now, void (*tune)(struct tcp_stack_params *))
{
	if (peer_pool_ == NULL) {
		peer_pool_ = test_mbuf_pool("peer", 2047);
		peer_indirect_ = rte_pktmbuf_pool_create("peer_ind", 1023, 0, 0, 0, 0);
		assert_non_null(peer_indirect_);
	}
	memset(p, 0, sizeof(*p));
	p->pool = peer_pool_;
	p->indirect = peer_indirect_;
	p->now = now;
	p->isn = PEER_ISN;
	p->wnd = 65535;
	assert_int_equal(lg_ip_parse("192.0.2.1", &p->stack_ip), 0);
	assert_int_equal(lg_ip_parse("198.51.100.7", &p->peer_ip), 0);
	p->stack_port = 443;
	p->peer_port = 40000;
	p->side = NET_EXTERNAL;
	struct lg_siphash_key key = {1, 2};
	struct flow_ports_params pp = {.locals = &p->stack_ip,
		.n_locals = 1,
		.lo = 1024,
		.hi = 65535,
		.n_workers = 1,
		.max_destinations = 4,
		.key = &key,
		.socket_id = -1};
	p->ports = flow_ports_create(&pp);
	assert_non_null(p->ports);
	p->params = (struct tcp_stack_params){.name = "t",
		.max_conns = 32,
		.max_half_open = 4,
		.max_time_wait = 4,
		.time_wait = LG_SEC(60),
		.half_open_timeout = LG_SEC(10),
		.mtu = {1500, 1500},
		.pool = p->pool,
		.indirect = p->indirect,
		.ports = p->ports,
		.secret = {3, 4},
		.socket_id = -1,
		.output = peer_output,
		.output_ctx = p};
	if (tune != NULL)
		tune(&p->params);
	peer_left_over();
	p->s = tcp_stack_create(&p->params, now);
	assert_non_null(p->s);
	peer_left_ = p->s;
}

static inline void peer_start(struct peer *p)
{
	peer_start_at(p, LG_SEC(1000), NULL);
}

static inline void peer_stop(struct peer *p)
{
	tcp_stack_free(p->s);
	peer_left_ = NULL;
	assert_int_equal(flow_ports_in_use(p->ports), 0);
	flow_ports_free(p->ports);
	assert_int_equal(rte_mempool_in_use_count(p->pool), 0);
	assert_int_equal(rte_mempool_in_use_count(p->indirect), 0);
}

static inline void peer_listen_opts(struct peer *p, const struct tcp_opts *o)
{
	struct lg_ip any = {0};
	assert_true(tcp_listen(p->s, p->side, &any, p->stack_port, o, p) >= 0);
}

static inline void peer_listen(struct peer *p)
{
	struct tcp_opts o;
	tcp_opts_default(&o);
	o.cc = "reno"; /* whose numbers are easy to follow; the others have tests of their own */
	peer_listen_opts(p, &o);
}

/* ---- the peer's segments ---- */

static inline struct rte_mbuf *peer_build(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack,
	const struct tcp_options *opt, const void *data, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);
	struct tcp_options o = {0};

	assert_non_null(m);
	if (opt != NULL)
		o = *opt;
	if (p->ts && !(flags & F_RST)) {
		o.has_ts = true;
		o.tsval = p->tsval;
		o.tsecr = p->tsecr;
	}
	for (unsigned i = 0; i < p->n_sack; i++)
		o.sack[i] = (struct tcp_sack_block){
			p->sack[i].start + p->stack_isn, p->sack[i].end + p->stack_isn};
	o.n_sack = (uint8_t)p->n_sack;
	p->n_sack = 0;
	unsigned hlen = 20 + tcp_options_len(&o);
	struct rte_tcp_hdr *th = (void *)rte_pktmbuf_append(m, (uint16_t)(hlen + len));
	*th = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(p->peer_port),
		.dst_port = rte_cpu_to_be_16(p->stack_port),
		.sent_seq = rte_cpu_to_be_32(seq + p->isn),
		.recv_ack = rte_cpu_to_be_32(flags & F_ACK ? ack + p->stack_isn : 0),
		.data_off = (uint8_t)(hlen / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16((uint16_t)p->wnd),
	};
	tcp_options_write((uint8_t *)(th + 1), &o);
	if (len > 0)
		memcpy((uint8_t *)th + hlen, data, len);
	return m;
}

static inline void peer_input(struct peer *p, struct rte_mbuf *m)
{
	struct net_pkt pkt = {
		.m = m, .src = p->peer_ip, .dst = p->stack_ip, .side = p->side, .ecn = p->ecn};
	tcp_input(p->s, &pkt, 1, p->now);
}

static inline void peer_flush(struct peer *p)
{
	tcp_flush(p->s, p->now);
}

/* One segment in, and one loop iteration's end. */
static inline void peer_send_opt(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack,
	const struct tcp_options *opt, const void *data, uint32_t len)
{
	peer_input(p, peer_build(p, flags, seq, ack, opt, data, len));
	peer_flush(p);
}

static inline void peer_send(struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack)
{
	peer_send_opt(p, flags, seq, ack, NULL, NULL, 0);
}

/* The byte that belongs at a relative sequence number, in either direction. */
static inline uint8_t peer_byte(uint32_t seq)
{
	return (uint8_t)(seq * 7 + (seq >> 8));
}

static inline void peer_send_data(struct peer *p, uint32_t seq, uint32_t ack, uint32_t len)
{
	uint8_t buf[1500];
	assert_true(len <= sizeof(buf));
	for (uint32_t i = 0; i < len; i++)
		buf[i] = peer_byte(seq + i);
	peer_send_opt(p, F_ACK, seq, ack, NULL, buf, len);
}

static inline void peer_sack(struct peer *p, uint32_t start, uint32_t end)
{
	assert_true(p->n_sack < 4);
	p->sack[p->n_sack++] = (struct tcp_sack_block){start, end};
}

/* ---- the stack's segments ---- */

static inline struct out_seg *expect_next(struct peer *p)
{
	assert_true(p->n_read < p->n_out);
	return &p->out[p->n_read++];
}

/* The next segment; flags without PSH. */
static inline struct out_seg *expect(
	struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct out_seg *o = expect_next(p);
	assert_int_equal(o->flags & ~F_PSH, flags);
	assert_int_equal(o->seq, seq);
	assert_int_equal(o->ack, ack);
	assert_int_equal(o->len, len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(o->data[i], peer_byte(o->seq + i));
	if (p->ts && o->opt.has_ts)
		p->tsecr = o->opt.tsval;
	return o;
}

static inline void expect_none(struct peer *p)
{
	if (p->n_read != p->n_out) {
		struct out_seg *o = &p->out[p->n_read];
		fail_msg("unexpected segment flags %x seq %u ack %u len %u", o->flags, o->seq,
			o->ack, o->len);
	}
	p->n_out = p->n_read = 0;
}

/* Forgets what was sent. */
static inline void expect_skip(struct peer *p)
{
	p->n_out = p->n_read = 0;
}

/* ---- time ---- */

static inline void peer_advance(struct peer *p, lg_us us)
{
	lg_us end = p->now + us;
	for (;;) {
		lg_us next = tcp_next_timer(p->s);
		if (next > end)
			break;
		p->now = LG_MAX(next, p->now);
		tcp_timers(p->s, p->now, 1000);
		peer_flush(p);
		if (tcp_next_timer(p->s) <= p->now)
			p->now += 128;
	}
	p->now = LG_MAX(end, p->now);
	tcp_timers(p->s, p->now, 1000);
	peer_flush(p);
}

/* ---- the user ---- */

/* All events of the next connection, or 0. */
static inline unsigned peer_events(struct peer *p)
{
	unsigned ev = 0;
	struct tcp_conn *c = tcp_next_event(p->s, &ev);
	if (c != NULL)
		p->c = c;
	return ev;
}

/* Queues len bytes whose first belongs at relative sequence number seq, and flushes. */
static inline void user_send(struct peer *p, uint32_t seq, uint32_t len)
{
	struct lg_chain ch;
	lg_chain_init(&ch);
	for (uint32_t i = 0; i < len; i++) {
		uint8_t b = peer_byte(seq + i);
		assert_int_equal(lg_chain_write(&ch, p->pool, &b, 1), 0);
	}
	assert_int_equal(tcp_send(p->c, &ch), 0);
	peer_flush(p);
}

/* Reads n bytes and checks that they are the ones of relative sequence number seq. */
static inline void user_read(struct peer *p, uint32_t seq, uint32_t n)
{
	struct lg_chain *rx = tcp_rx(p->c);
	assert_true(rx->len >= n);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t b;
		assert_int_equal(lg_chain_peek(rx, i, &b, 1), 1);
		assert_int_equal(b, peer_byte(seq + i));
	}
	lg_chain_trim_head(rx, n);
	tcp_rx_consumed(p->c);
	peer_flush(p);
}

static inline void user_shutdown(struct peer *p)
{
	tcp_shutdown(p->c);
	peer_flush(p);
}

static inline void user_release(struct peer *p)
{
	tcp_release(p->c, p->now);
	p->c = NULL;
	peer_flush(p);
}

static inline uint64_t counter(const struct peer *p, enum tcp_counter c)
{
	return tcp_stack_counters(p->s)[c];
}

static inline uint64_t reason(const struct peer *p, enum tcp_reason r)
{
	return tcp_stack_close_reasons(p->s)[r];
}

/* ---- ready-made openings ---- */

static inline struct tcp_options peer_syn_options(void)
{
	return (struct tcp_options){.has_mss = true, .mss = 1460};
}

/* Passive open without window scale, timestamps, SACK unless opt says so. Leaves ESTABLISHED. */
static inline void peer_open_opt(struct peer *p, const struct tcp_options *opt)
{
	peer_send_opt(p, F_SYN, 0, 0, opt, NULL, 0);
	struct out_seg *o = expect(p, F_SYN | F_ACK, 0, 1, 0);
	if (p->ts)
		p->tsecr = o->opt.tsval;
	expect_none(p);
	peer_send(p, F_ACK, 1, 1);
	expect_none(p);
	assert_int_equal(peer_events(p), TCP_EV_ACCEPTED);
	assert_int_equal(tcp_conn_state(p->c), TCP_ESTABLISHED);
}

static inline void peer_open(struct peer *p)
{
	struct tcp_options o = peer_syn_options();
	peer_open_opt(p, &o);
}

static inline void peer_open_sack(struct peer *p)
{
	struct tcp_options o = peer_syn_options();
	o.sack_permitted = true;
	peer_open_opt(p, &o);
}

/* Active open up to the SYN. */
static inline void peer_connect_opts(struct peer *p, const struct tcp_opts *o)
{
	int err = 0;
	p->side = NET_INTERNAL;
	p->peer_port = 8080;
	p->c = tcp_connect(p->s, NET_INTERNAL, &p->peer_ip, p->peer_port, o, p, p->now, &err);
	assert_non_null(p->c);
	p->stack_port = tcp_conn_key(p->c)->lport;
	peer_flush(p);
	expect(p, F_SYN, 0, 0, 0);
	expect_none(p);
}

static inline void peer_connect(struct peer *p)
{
	struct tcp_opts o;
	tcp_opts_default(&o);
	o.cc = "reno";
	peer_connect_opts(p, &o);
}

static inline void peer_connect_established(struct peer *p)
{
	struct tcp_options o = peer_syn_options();
	peer_connect(p);
	peer_send_opt(p, F_SYN | F_ACK, 0, 1, &o, NULL, 0);
	expect(p, F_ACK, 1, 1, 0);
	expect_none(p);
	assert_int_equal(peer_events(p), TCP_EV_CONNECTED);
}

#endif
