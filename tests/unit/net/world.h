/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One interface and the wire it hangs on, for the tests of lib/net. Frames are written byte by byte
 * with a checksum of their own, so that the code under test is not measured with itself.
 */
#ifndef LG_TEST_NET_WORLD_H
#define LG_TEST_NET_WORLD_H

#include <string.h>

#include "eal.h"

#include "net/net.h"

#define WIRE_MAX    512
#define OUR_MAC     "\x02\x00\x00\x00\x00\x01"
#define PEER_MAC    "\x02\x00\x00\x00\x00\x99"
#define BCAST_MAC   "\xff\xff\xff\xff\xff\xff"
#define ETH_IP4     0x0800
#define ETH_ARP     0x0806
#define ETH_IP6     0x86dd
#define ETH_VLAN    0x8100
#define PROTO_ICMP  1
#define PROTO_TCP   6
#define PROTO_ICMP6 58

/* What the interface sent, copied out. */
struct wire_frame {
	uint8_t b[9300];
	uint32_t n;
	uint16_t segs;
	uint64_t ol_flags;
	uint16_t l2_len, l3_len, l4_len;
};

struct world {
	struct net_if_params p;
	struct net_if *nif;
	struct rte_mempool *pool;
	struct wire_frame *sent;
	unsigned n_sent;
	unsigned accept; /* frames that the wire takes per call */
	lg_us now;
	struct net_pkt pkt;
	struct net_icmp_error err;
	struct rte_mbuf *neigh; /* what the last NET_NEIGHBOUR left to us */
};

struct bytes {
	uint8_t b[9300];
	uint32_t n;
};

static struct rte_mempool *world_pool;

static inline uint16_t wire_tx(void *ctx, struct rte_mbuf **frames, uint16_t n)
{
	struct world *w = ctx;
	n = RTE_MIN(n, w->accept);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];
		assert_true(w->n_sent < WIRE_MAX);
		rte_mbuf_sanity_check(m, 1);
		struct wire_frame *f = &w->sent[w->n_sent++];
		f->n = m->pkt_len;
		f->segs = m->nb_segs;
		f->ol_flags = m->ol_flags;
		f->l2_len = m->l2_len;
		f->l3_len = m->l3_len;
		f->l4_len = m->l4_len;
		const void *at = rte_pktmbuf_read(m, 0, m->pkt_len, f->b);
		assert_non_null(at);
		if (at != f->b)
			memcpy(f->b, at, m->pkt_len);
		rte_pktmbuf_free(m);
	}
	return n;
}

static inline struct lg_ip ip_of(const char *text)
{
	struct lg_ip ip;
	assert_int_equal(lg_ip_parse(text, &ip), 0);
	return ip;
}

static inline void world_addr(struct world *w, const char *ip, uint8_t len)
{
	w->p.addrs[w->p.n_addrs++] = (struct net_addr){ip_of(ip), len};
}

static inline void world_route(struct world *w, struct lg_ip dst, uint8_t len, const char *via)
{
	w->p.routes[w->p.n_routes++] = (struct net_route){dst, len, ip_of(via)};
}

/* 203.0.113.10/24 and 2001:db8::10/64 on the external side, default routes by .1 and ::1. */
static inline struct world *world_prepare(void)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->sent = calloc(WIRE_MAX, sizeof(*w->sent));
	assert_non_null(w->sent);
	w->accept = UINT16_MAX;
	w->now = LG_SEC(1);
	w->pool = world_pool;
	w->p = (struct net_if_params){.side = NET_EXTERNAL,
		.name = "external",
		.mtu = 1500,
		.tx_multi_seg = true,
		.pool = world_pool,
		.socket_id = SOCKET_ID_ANY,
		.tx = wire_tx,
		.tx_ctx = w};
	memcpy(w->p.mac.addr_bytes, OUR_MAC, 6);
	world_addr(w, "203.0.113.10", 120);
	world_addr(w, "2001:db8::10", 64);
	world_route(w, lg_ip_from_v4(0), 96, "203.0.113.1");
	world_route(w, (struct lg_ip){.b = {0}}, 0, "2001:db8::1");
	return w;
}

static inline void world_start(struct world *w)
{
	w->nif = net_if_create(&w->p);
	assert_non_null(w->nif);
}

static inline struct world *world_new(void)
{
	struct world *w = world_prepare();
	world_start(w);
	return w;
}

static inline void world_drop_neigh(struct world *w)
{
	rte_pktmbuf_free(w->neigh);
	w->neigh = NULL;
}

/* Frees the world; every mbuf must be back in its pool. */
static inline void world_free(struct world *w)
{
	world_drop_neigh(w);
	net_if_free(w->nif);
	assert_int_equal(rte_mempool_in_use_count(w->pool), 0);
	free(w->sent);
	free(w);
}

static inline uint64_t counter(const struct world *w, enum net_counter c)
{
	return net_if_counters(w->nif)[c];
}

/* ---- building frames ---------------------------------------------------------------------------
 */

static inline void put(struct bytes *f, const void *data, uint32_t n)
{
	assert_true(f->n + n <= sizeof(f->b));
	memcpy(f->b + f->n, data, n);
	f->n += n;
}

static inline void put8(struct bytes *f, uint8_t v)
{
	put(f, &v, 1);
}

static inline void put16(struct bytes *f, uint16_t v)
{
	put8(f, (uint8_t)(v >> 8));
	put8(f, (uint8_t)v);
}

static inline void put32(struct bytes *f, uint32_t v)
{
	put16(f, (uint16_t)(v >> 16));
	put16(f, (uint16_t)v);
}

static inline void set16(struct bytes *f, uint32_t at, uint16_t v)
{
	f->b[at] = (uint8_t)(v >> 8);
	f->b[at + 1] = (uint8_t)v;
}

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* RFC 1071, the slow way: over big-endian words. */
static inline uint32_t ref_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline uint32_t ref_pseudo(const char *src, const char *dst, uint8_t proto, uint32_t len)
{
	struct lg_ip s = ip_of(src), d = ip_of(dst);
	unsigned skip = lg_ip_is_v4(&s) ? 12 : 0;
	uint32_t sum = ref_sum(0, s.b + skip, 16 - skip);
	return ref_sum(sum, d.b + skip, 16 - skip) + proto + (len & 0xffff) + (len >> 16);
}

static inline void put_eth(struct bytes *f, const char *dst, const char *src, uint16_t type)
{
	put(f, dst, 6);
	put(f, src, 6);
	put16(f, type);
}

/* An IPv4 header with `opts` for `payload` bytes that the caller appends. */
static inline void put_ip4_opts(struct bytes *f, const char *src, const char *dst, uint8_t proto,
	uint32_t payload, uint16_t id, uint16_t frag, const void *opts, uint32_t optlen)
{
	struct lg_ip s = ip_of(src), d = ip_of(dst);
	uint32_t at = f->n;
	put8(f, (uint8_t)(0x45 + optlen / 4));
	put8(f, 0);
	put16(f, (uint16_t)(20 + optlen + payload));
	put16(f, id);
	put16(f, frag);
	put8(f, 64);
	put8(f, proto);
	put16(f, 0);
	put(f, s.b + 12, 4);
	put(f, d.b + 12, 4);
	put(f, opts, optlen);
	set16(f, at + 10, (uint16_t)~ref_sum(0, f->b + at, 20 + optlen));
}

static inline void put_ip4(
	struct bytes *f, const char *src, const char *dst, uint8_t proto, uint32_t payload)
{
	put_ip4_opts(f, src, dst, proto, payload, 0, 0, "", 0);
}

static inline void put_ip6(struct bytes *f, const char *src, const char *dst, uint8_t proto,
	uint32_t payload, uint8_t hops)
{
	struct lg_ip s = ip_of(src), d = ip_of(dst);
	put32(f, 0x60000000);
	put16(f, (uint16_t)payload);
	put8(f, proto);
	put8(f, hops);
	put(f, s.b, 16);
	put(f, d.b, 16);
}

/* 20 bytes of TCP and data, with a right checksum. */
static inline void put_tcp(
	struct bytes *f, const char *src, const char *dst, const void *data, uint32_t n)
{
	uint32_t at = f->n;
	put16(f, 40000);
	put16(f, 443);
	put32(f, 0x11223344);
	put32(f, 0);
	put16(f, 0x5002);
	put16(f, 65535);
	put32(f, 0);
	put(f, data, n);
	set16(f, at + 16,
		(uint16_t)~ref_sum(ref_pseudo(src, dst, PROTO_TCP, 20 + n), f->b + at, 20 + n));
}

/* An ICMP or ICMPv6 message with a right checksum; src is NULL for IPv4 (no pseudo header). */
static inline void put_icmp(struct bytes *f, const char *src, const char *dst, uint8_t type,
	uint8_t code, uint32_t rest, const void *data, uint32_t n)
{
	uint32_t at = f->n;
	put8(f, type);
	put8(f, code);
	put16(f, 0);
	put32(f, rest);
	put(f, data, n);
	uint32_t sum = src != NULL ? ref_pseudo(src, dst, PROTO_ICMP6, 8 + n) : 0;
	set16(f, at + 2, (uint16_t)~ref_sum(sum, f->b + at, 8 + n));
}

static inline struct bytes tcp4_frame(const char *src, const char *dst, const char *data)
{
	struct bytes f = {.n = 0};
	uint32_t n = (uint32_t)strlen(data);
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP4);
	put_ip4(&f, src, dst, PROTO_TCP, 20 + n);
	put_tcp(&f, src, dst, data, n);
	return f;
}

static inline struct bytes tcp6_frame(const char *src, const char *dst, const char *data)
{
	struct bytes f = {.n = 0};
	uint32_t n = (uint32_t)strlen(data);
	put_eth(&f, OUR_MAC, PEER_MAC, ETH_IP6);
	put_ip6(&f, src, dst, PROTO_TCP, 20 + n, 64);
	put_tcp(&f, src, dst, data, n);
	return f;
}

static inline struct bytes arp_frame(const char *eth_dst, uint16_t op, const char *sha,
	const char *spa, const char *tha, const char *tpa)
{
	struct bytes f = {.n = 0};
	struct lg_ip s = ip_of(spa), t = ip_of(tpa);
	put_eth(&f, eth_dst, sha, ETH_ARP);
	put(&f, "\0\1\x08\0\6\4", 6);
	put16(&f, op);
	put(&f, sha, 6);
	put(&f, s.b + 12, 4);
	put(&f, tha, 6);
	put(&f, t.b + 12, 4);
	return f;
}

/* ---- giving frames to the interface ------------------------------------------------------------
 */

/* The bytes in mbufs of at most `seg` bytes each. */
static inline struct rte_mbuf *to_mbuf(struct world *w, const void *data, uint32_t n, uint32_t seg)
{
	struct rte_mbuf *head = NULL;
	const uint8_t *p = data;
	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
		assert_non_null(m);
		uint32_t k = RTE_MIN(n, seg);
		memcpy(rte_pktmbuf_append(m, (uint16_t)k), p, k);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		p += k;
		n -= k;
	} while (n > 0);
	return head;
}

static inline enum net_verdict give_mbuf(struct world *w, struct rte_mbuf *m)
{
	world_drop_neigh(w);
	enum net_verdict v = net_input(w->nif, m, w->now, &w->pkt, &w->err);
	if (v == NET_NEIGHBOUR)
		w->neigh = m;
	return v;
}

static inline enum net_verdict give(struct world *w, const struct bytes *f)
{
	return give_mbuf(w, to_mbuf(w, f->b, f->n, 1900));
}

/* The frame must be dropped, and counted as `why` and nothing else. */
static inline void gets_dropped_mbuf(struct world *w, struct rte_mbuf *m, enum net_counter why)
{
	uint64_t before[NET_CTR_MAX];
	memcpy(before, net_if_counters(w->nif), sizeof(before));
	assert_int_equal(give_mbuf(w, m), NET_DONE);
	for (int c = NET_CTR_RX_BYTES + 1; c < NET_CTR_MAX; c++) {
		uint64_t moved = counter(w, c) - before[c];
		if (moved != (c == (int)why))
			fail_msg("%s moved by %u", net_counter_name(c), (unsigned)moved);
	}
}

static inline void gets_dropped(struct world *w, const struct bytes *f, enum net_counter why)
{
	gets_dropped_mbuf(w, to_mbuf(w, f->b, f->n, 1900), why);
}

/* The frame must come up as TCP with this payload. */
static inline void comes_up_mbuf(struct world *w, struct rte_mbuf *m, const char *data)
{
	uint8_t buf[9300];
	uint32_t n = (uint32_t)strlen(data);
	assert_int_equal(give_mbuf(w, m), NET_TCP);
	rte_mbuf_sanity_check(w->pkt.m, 1);
	assert_int_equal(w->pkt.m->pkt_len, 20 + n);
	assert_true(w->pkt.m->data_len >= 20);
	assert_memory_equal(rte_pktmbuf_read(w->pkt.m, 20, n, buf), data, n);
	rte_pktmbuf_free(w->pkt.m);
}

static inline void comes_up(struct world *w, const struct bytes *f, const char *data)
{
	comes_up_mbuf(w, to_mbuf(w, f->b, f->n, 1900), data);
}

/* Flushes and returns the only frame sent since the last call. */
static inline const struct wire_frame *only_sent(struct world *w)
{
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 1);
	w->n_sent = 0;
	return &w->sent[0];
}

static inline void nothing_sent(struct world *w)
{
	net_flush(w->nif);
	assert_int_equal(w->n_sent, 0);
}

/* Makes 203.0.113.1 a reachable neighbour: it asks us, and answers us. */
static inline void meet_gateway(struct world *w)
{
	const char *us = "203.0.113.10", *gw = "203.0.113.1";
	struct bytes f = arp_frame(BCAST_MAC, 1, PEER_MAC, gw, "\0\0\0\0\0\0", us);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	f = arp_frame(OUR_MAC, 2, PEER_MAC, gw, OUR_MAC, us);
	assert_int_equal(give(w, &f), NET_NEIGHBOUR);
	world_drop_neigh(w);
	net_flush(w->nif);
	w->n_sent = 0;
}

static inline int world_group_setup(void **state)
{
	(void)state;
	test_eal_init();
	world_pool = test_mbuf_pool("world", 1023);
	return 0;
}

#endif
