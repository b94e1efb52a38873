/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two targets in one, chosen by the first byte: the options parser on an exact-size block, and a
 * live stack that is fed a script of segments, user calls, ICMP errors, shortage and time. Segments
 * take their numbers relative to what the connection expects next, so that states behind the
 * handshake are reached; some name the records in flight, for what listens to ACKs. Each lies in an
 * exact-size block (external buffer), so that a sanitizer sees over-reads. The first byte chooses
 * congestion control and path MTU discovery, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "../sim/wire.h"
#include "tcp/tcp_internal.h"

static struct rte_mempool *pool, *indirect;
static struct flow_ports *ports;
static struct tcp_stack *stack;
static struct lg_ip stack_ip, peer_ip;
static lg_us now = LG_SEC(100);
static struct tcp_opts opts; /* of listeners and connects */

/* ---- the input as a script ---- */

struct script {
	const uint8_t *p;
	size_t left;
};

static uint8_t take8(struct script *s)
{
	if (s->left == 0)
		return 0;
	s->left--;
	return *s->p++;
}

static uint16_t take16(struct script *s)
{
	uint16_t hi = take8(s);
	return (uint16_t)(hi << 8 | take8(s));
}

/* ---- mbufs over exact-size blocks ---- */

static void free_block(void *addr, void *opaque)
{
	(void)opaque;
	free(addr);
}

/* shinfo lies in the mbuf's own data room, which is unused while an external buffer is attached. */
static struct rte_mbuf *exact_mbuf(const uint8_t *data, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	LG_ASSERT(m != NULL);
	struct rte_mbuf_ext_shared_info *info = rte_pktmbuf_mtod(m, void *);
	void *block = malloc(len > 0 ? len : 1);
	memcpy(block, data, len);
	info->free_cb = free_block;
	info->fcb_opaque = NULL;
	rte_mbuf_ext_refcnt_set(info, 1);
	rte_pktmbuf_attach_extbuf(m, block, 0, len, info);
	m->data_off = 0;
	m->data_len = len;
	m->pkt_len = len;
	return m;
}

/* ---- the world around the stack ---- */

/* The last SYN-ACK: whoever wants to bring a SYN cookie back must have seen it. */
static struct {
	uint32_t seq, ack, tsval;
	uint16_t port;
} synack;

static void note_synack(const uint8_t *b, const struct tcp_options *o)
{
	const struct rte_tcp_hdr *th = (const struct rte_tcp_hdr *)b;

	if (th->tcp_flags & RTE_TCP_SYN_FLAG && th->tcp_flags & RTE_TCP_ACK_FLAG) {
		synack.seq = rte_be_to_cpu_32(th->sent_seq);
		synack.ack = rte_be_to_cpu_32(th->recv_ack);
		synack.tsval = o->tsval;
		synack.port = rte_be_to_cpu_16(th->dst_port);
	}
}

static void output(
	void *ctx, enum net_side side, struct rte_mbuf *m, const struct net_tx *tx, lg_us at)
{
	uint8_t buf[4096];

	(void)ctx;
	(void)side;
	(void)tx;
	(void)at;
	rte_mbuf_sanity_check(m, 1);
	LG_ASSERT(m->pkt_len <= 1480 && rte_pktmbuf_headroom(m) >= NET_HEADROOM);
	const uint8_t *b = rte_pktmbuf_read(m, 0, m->pkt_len, buf);
	struct tcp_options o;
	LG_ASSERT(tcp_options_parse(b + 20, (b[12] >> 4) * 4u - 20, &o) == 0);
	note_synack(b, &o);
	rte_pktmbuf_free(m);
}

static void start(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "--file-prefix=lgfuzz%d", (int)getpid());
	char *argv[] = {(char *)"fuzz", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
		(char *)"64", (char *)"--no-telemetry", (char *)"--log-level=*:error",
		(char *)"--lcores=0@0", prefix, NULL};
	struct lg_siphash_key key = {5, 6};
	struct lg_ip any = {0};

	LG_ASSERT(rte_eal_init(9, argv) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	indirect = rte_pktmbuf_pool_create("fuzz_ind", 2047, 0, 0, 0, 0);
	LG_ASSERT(pool != NULL && indirect != NULL);
	LG_ASSERT(lg_ip_parse("192.0.2.1", &stack_ip) == 0);
	LG_ASSERT(lg_ip_parse("192.0.2.2", &peer_ip) == 0);
	struct flow_ports_params pp = {.locals = &stack_ip,
		.n_locals = 1,
		.lo = 1024,
		.hi = 65535,
		.n_workers = 1,
		.max_destinations = 4,
		.key = &key,
		.socket_id = -1};
	ports = flow_ports_create(&pp);
	struct tcp_stack_params p = {.name = "fuzz",
		.max_conns = 8,
		.max_half_open = 3,
		.max_time_wait = 2,
		.mtu = {1500, 1500},
		.pool = pool,
		.indirect = indirect,
		.ports = ports,
		.secret = {7, 8},
		.socket_id = -1,
		.output = output};
	stack = tcp_stack_create(&p, now);
	LG_ASSERT(ports != NULL && stack != NULL);
	tcp_opts_default(&opts);
	opts.rcv_buf = opts.snd_buf = 65536;
	opts.user_timeout = LG_SEC(20);
	opts.ecn = true;
	LG_ASSERT(tcp_listen(stack, NET_EXTERNAL, &any, 443, &opts, NULL) == 0);
	LG_ASSERT(tcp_listen(stack, NET_INTERNAL, &any, 444, &opts, NULL) == 1);
}

/* How this run's connections behave. */
static void choose(uint8_t how)
{
	opts.cc = sim_cc_names[(how >> 2) % SIM_CC];
	opts.mtu_probing = (how >> 4) % 3;
	for (unsigned i = 0; i < 2; i++) {
		stack->listeners[i].opts = opts;
		stack->listeners[i].cc = tcp_cc_find(opts.cc);
	}
}

/* ---- what must always hold ---- */

static void check_conn(void *ctx, struct tcp_conn *c)
{
	const char *what = sim_conn_broken(c);

	(void)ctx;
	if (what != NULL) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
	LG_ASSERT(seq_leq(c->rcv_nxt, c->rcv_adv));
	LG_ASSERT(c->rx.truesize + c->ooo_truesize <= c->rcv_buf + TCP_RX_SLACK);
	LG_ASSERT(c->state < TCP_ESTABLISHED || (c->cwnd > 0 && c->ssthresh > 0));
	LG_ASSERT(c->state < TCP_ESTABLISHED || (c->mss > 0 && c->rto <= TCP_RTO_MAX));
	lg_chain_check(&c->rx);
}

/* ---- the steps of a script ---- */

/* The connection that the script talks to: the user's, or whatever is in the table. */
struct run {
	struct tcp_conn *user[8];
	struct tcp_conn *live;
	uint16_t peer_port;
};

static void pick_live(void *ctx, struct tcp_conn *c)
{
	struct run *r = ctx;
	if (r->live == NULL || c->key.rport == r->peer_port)
		r->live = c;
}

static void collect_events(struct run *r)
{
	struct tcp_conn *c;
	unsigned ev;

	while ((c = tcp_next_event(stack, &ev)) != NULL) {
		LG_ASSERT(ev != 0 && !(c->flags & CF_RELEASED));
		if (ev & TCP_EV_ACCEPTED) {
			unsigned i = 0;
			while (r->user[i] != NULL)
				i++;
			r->user[i] = c;
		}
	}
}

static void forget(struct run *r, struct tcp_conn *c)
{
	for (unsigned i = 0; i < 8; i++)
		if (r->user[i] == c)
			r->user[i] = NULL;
	tcp_release(c, now);
}

static unsigned segment_options(struct script *s, struct tcp_conn *c, uint8_t *p)
{
	uint8_t kind = take8(s);
	struct tcp_options o = {0};

	if (kind & 0x80) { /* raw bytes */
		unsigned n = kind % 11 * 4;
		for (unsigned i = 0; i < n; i++)
			p[i] = take8(s);
		return n;
	}
	o.has_mss = kind & 1;
	o.mss = 1460;
	o.has_wscale = kind & 2;
	o.wscale = 3;
	o.sack_permitted = kind & 4;
	o.has_ts = kind & 8;
	if (o.has_ts) {
		o.tsval = (c != NULL ? c->ts_recent : 0) + (uint32_t)(int8_t)take8(s);
		o.tsecr = c != NULL ? conn_ts_now(c, now) - take8(s) : synack.tsval;
	}
	if (kind & 16 && c != NULL && !(kind & 7)) {
		o.n_sack = 1 + (kind >> 5 & 1);
		for (unsigned i = 0; i < o.n_sack; i++) {
			o.sack[i].start = c->snd_una + take16(s);
			o.sack[i].end = o.sack[i].start + take16(s);
		}
	}
	return tcp_options_write(p, &o);
}

static uint32_t pick_seq(struct script *s, const struct tcp_conn *c, uint8_t how)
{
	uint32_t delta = (uint32_t)(int16_t)take16(s);
	if (c == NULL)
		return 1000 + delta;
	switch (how & 3) {
	case 0:
		return c->rcv_nxt;
	case 1:
		return c->rcv_nxt + delta;
	case 2:
		return c->rcv_adv + (uint32_t)(int8_t)delta;
	default:
		return c->irs + (uint32_t)(int8_t)delta;
	}
}

static uint32_t pick_ack(struct script *s, const struct tcp_conn *c, uint8_t how)
{
	uint32_t delta = (uint32_t)(int16_t)take16(s);
	if (c == NULL)
		return delta;
	return (how & 1 ? c->snd_nxt : c->snd_una) + (how & 2 ? delta : 0);
}

static void deliver(const struct tcp_conn *c, struct rte_mbuf *m, uint8_t ecn)
{
	struct net_pkt pkt = {.m = m,
		.src = peer_ip,
		.dst = stack_ip,
		.ecn = ecn,
		.side = c != NULL ? (enum net_side)c->key.side : NET_EXTERNAL};
	tcp_input(stack, &pkt, 1, now);
}

static void do_segment(struct run *r, struct script *s, uint8_t ecn)
{
	uint8_t buf[20 + 40 + 1500] = {0}, opt[40];
	uint8_t how = take8(s), flags = take8(s);
	struct tcp_conn *c = how & 0x40 ? NULL : r->live;
	struct rte_tcp_hdr *th = (struct rte_tcp_hdr *)buf;
	unsigned olen = segment_options(s, c, opt);
	uint16_t len = take16(s) % 1460;

	th->src_port = rte_cpu_to_be_16(c != NULL ? c->key.rport : (uint16_t)(5000 + how % 4));
	th->dst_port = rte_cpu_to_be_16(c != NULL ? c->key.lport : 443);
	th->sent_seq = rte_cpu_to_be_32(pick_seq(s, c, how));
	th->recv_ack = rte_cpu_to_be_32(pick_ack(s, c, how >> 2));
	if (c == NULL && how & 8) {
		th->src_port = rte_cpu_to_be_16(synack.port);
		th->sent_seq = rte_cpu_to_be_32(synack.ack);
		th->recv_ack = rte_cpu_to_be_32(synack.seq + 1);
	}
	th->tcp_flags = how & 0x10 ? RTE_TCP_ACK_FLAG : flags;
	th->rx_win = rte_cpu_to_be_16(take16(s));
	th->data_off = (uint8_t)((20 + olen) / 4 << 4);
	memcpy(buf + 20, opt, olen);
	memset(buf + 20 + olen, how, len);
	uint16_t total = (uint16_t)(20 + olen + len);
	if (how & 0x80) { /* a header that lies */
		th->data_off = take8(s);
		total = (uint16_t)(take8(s) % total);
	}
	uint16_t cut = how & 0x20 ? (uint16_t)(take8(s) % (total + 1)) : total;
	struct rte_mbuf *m = exact_mbuf(buf, cut);
	if (cut < total) {
		m->next = exact_mbuf(buf + cut, (uint16_t)(total - cut));
		m->nb_segs = 2;
		m->pkt_len = total;
	}
	deliver(c, m, ecn);
}

/* ---- ACKs that name what is in flight ---- */

static const struct tcp_rec *pick_record(const struct tcp_conn *c, uint8_t i)
{
	const struct tcp_rec *r = c->rec_head;

	for (unsigned k = i % c->n_recs; k > 0; k--)
		r = r->next;
	return r;
}

/* A run of records (when `last` is before `first`, no block at all), or below SND.UNA: a DSACK. */
static struct tcp_sack_block pick_block(const struct tcp_conn *c, struct script *s)
{
	uint8_t first = take8(s), last = take8(s);
	struct tcp_sack_block b;

	if (first & 0x80 || c->n_recs == 0) {
		b.start = c->snd_una - (first & 0x7fu) * 1000;
		b.end = b.start + last * 100u;
	} else {
		b.start = pick_record(c, first)->seq;
		b.end = pick_record(c, last)->end;
	}
	return b;
}

static void do_ack(struct run *r, struct script *s, uint8_t ecn)
{
	struct tcp_conn *c = r->live;
	uint8_t buf[60] = {0}, upto = take8(s), flags = take8(s);
	struct tcp_options o = {.n_sack = (uint8_t)(take8(s) % 4)};
	struct rte_tcp_hdr *th = (struct rte_tcp_hdr *)buf;

	if (c == NULL)
		return;
	for (unsigned i = 0; i < o.n_sack; i++)
		o.sack[i] = pick_block(c, s);
	o.has_ts = c->flags & CF_TS;
	o.tsval = c->ts_recent;
	o.tsecr = conn_ts_now(c, now) - take8(s);
	unsigned olen = tcp_options_write(buf + 20, &o);
	uint32_t ack = upto == 0 || c->n_recs == 0 ? c->snd_una : pick_record(c, upto - 1)->end;
	th->src_port = rte_cpu_to_be_16(c->key.rport);
	th->dst_port = rte_cpu_to_be_16(c->key.lport);
	th->sent_seq = rte_cpu_to_be_32(c->rcv_nxt);
	th->recv_ack = rte_cpu_to_be_32(ack);
	th->tcp_flags = RTE_TCP_ACK_FLAG | (flags & (ECN_SETUP | RTE_TCP_PSH_FLAG));
	th->rx_win = rte_cpu_to_be_16((uint16_t)(take8(s) << 8 | 0xff));
	th->data_off = (uint8_t)((20 + olen) / 4 << 4);
	deliver(c, exact_mbuf(buf, (uint16_t)(20 + olen)), ecn);
}

static void do_icmp(struct run *r, struct script *s)
{
	struct tcp_conn *c = r->live;
	if (c == NULL)
		return;
	struct net_icmp_error e = {.local = c->key.local,
		.remote = c->key.remote,
		.lport = c->key.lport,
		.rport = c->key.rport,
		.seq = c->snd_una + take8(s),
		.mtu = take16(s),
		.side = (enum net_side)c->key.side};
	e.kind = take8(s) % 3;
	tcp_icmp_error(stack, &e, now);
}

static void do_user(struct run *r, struct script *s)
{
	struct tcp_conn *c = r->user[take8(s) % 8];
	struct lg_chain ch;
	uint8_t what = take8(s);

	if (c == NULL)
		return;
	uint32_t n = take16(s);
	switch (what % 5) {
	case 0:
		n = LG_MIN(n, tcp_rx(c)->len);
		lg_chain_trim_head(tcp_rx(c), n);
		tcp_rx_consumed(c);
		return;
	case 1:
		lg_chain_init(&ch);
		n = LG_MIN(n, tcp_tx_space(c));
		for (; n > 0; n -= LG_MIN(n, 512u)) {
			static const uint8_t zeros[512];
			LG_ASSERT(lg_chain_write(&ch, pool, zeros, LG_MIN(n, 512u)) == 0);
		}
		if (c->state != TCP_CLOSED)
			tcp_send(c, &ch);
		lg_chain_free(&ch);
		return;
	case 2:
		if (c->state != TCP_CLOSED)
			tcp_shutdown(c);
		return;
	case 3:
		if (c->state != TCP_CLOSED)
			tcp_abort(c, now);
		forget(r, c);
		return;
	default:
		forget(r, c);
		return;
	}
}

static void do_connect(struct run *r)
{
	int err;
	unsigned i = 0;

	while (i < 8 && r->user[i] != NULL)
		i++;
	if (i == 8)
		return;
	r->user[i] = tcp_connect(stack, NET_INTERNAL, &peer_ip, 8080, &opts, NULL, now, &err);
}

static void pass_time(uint32_t ms)
{
	now += LG_MS(ms);
	tcp_timers(stack, now, 10000);
}

/* To the next timer, whatever it is for. */
static void do_timer(void)
{
	lg_us next = tcp_next_timer(stack);

	if (next != UINT64_MAX)
		now = LG_MAX(now, next);
	tcp_timers(stack, now, 10000);
}

static void do_pressure(uint8_t free_of_32)
{
	tcp_stack_pressure(stack, LG_MIN(free_of_32, 32u), 32);
}

static void do_other(struct run *r, struct script *s, uint8_t ecn)
{
	uint8_t what = take8(s);

	if (what % 8 == 0)
		do_pressure(what >> 3);
	else if (what % 8 == 1)
		do_timer();
	else
		do_ack(r, s, ecn);
}

static void step(struct run *r, struct script *s)
{
	uint8_t op = take8(s), ecn = op >> 6;

	r->live = NULL;
	r->peer_port = (uint16_t)(5000 + (op >> 4) % 4);
	tcp_each(stack, pick_live, r);
	switch (op % 8) {
	case 0:
		pass_time(take16(s));
		break;
	case 1:
		do_user(r, s);
		break;
	case 2:
		do_connect(r);
		break;
	case 3:
		do_icmp(r, s);
		break;
	case 7:
		do_other(r, s, ecn);
		break;
	default:
		do_segment(r, s, ecn);
		break;
	}
	collect_events(r);
	if (op & 8)
		tcp_flush(stack, now);
	tcp_each(stack, check_conn, NULL);
}

/* Nothing may be left of a run: the next one starts with an empty stack. */
static void finish(struct run *r)
{
	for (unsigned i = 0; i < 8; i++)
		if (r->user[i] != NULL)
			forget(r, r->user[i]);
	do_pressure(32);
	tcp_abort_all(stack, now);
	tcp_flush(stack, now);
	pass_time(0);
	LG_ASSERT(stack->n_used == 0 && stack->n_half_open == 0 && flow_count(stack->flows) == 0);
	LG_ASSERT(stack->n_recs_free == stack->n_recs && stack->n_ranges_free == stack->n_ranges);
	LG_ASSERT(stack->wheel.armed == 0 && flow_ports_in_use(ports) == 0);
	LG_ASSERT(rte_mempool_in_use_count(pool) == 0 && rte_mempool_in_use_count(indirect) == 0);
}

static void fuzz_options(const uint8_t *data, size_t size)
{
	struct tcp_options o;
	unsigned len = (unsigned)LG_MIN(size, (size_t)TCP_MAX_OPTION_BYTES);
	uint8_t *p = malloc(len > 0 ? len : 1);
	memcpy(p, data, len);
	int rc = tcp_options_parse(p, len, &o);
	LG_ASSERT((rc == 0 || rc == -22) && o.n_sack <= TCP_MAX_SACK_BLOCKS);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = {0};
	struct script s = {data + 1, size - 1};

	memset(&synack, 0, sizeof(synack));
	if (size < 1)
		return 0;
	if (data[0] % 4 == 0) {
		fuzz_options(data + 1, size - 1);
		return 0;
	}
	if (stack == NULL)
		start();
	choose(data[0]);
	for (unsigned i = 0; i < 200 && s.left > 0; i++)
		step(&r, &s);
	finish(&r);
	return 0;
}
