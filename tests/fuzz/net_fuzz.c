/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arbitrary frames into net_input(). Input: one byte of modes, then frames, each with its length in
 * two bytes (big endian; the top bits say how it lies in mbufs). Each segment's data is a malloc
 * block of exactly its size, so that ASan sees every byte read past it. Checks that no mbuf is lost
 * and that what comes up is what net.h promises.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "net/net.h"

#define MODE_VLAN      0x01   /* the port is on VLAN 5 */
#define MODE_FIX       0x02   /* repair checksums, so that deep code is reached */
#define MODE_TRUST     0x04   /* believe the port's checksum flags */
#define MODE_ANSWER    0x08   /* send a segment to whoever comes up */
#define MODE_LINEAR    0x10   /* the port takes single segments only */
#define MODE_NEIGHBOUR 0x20   /* every frame also goes in as from another worker */
#define LEN_SPLIT      0x8000 /* the frame lies in pieces of 37 bytes */
#define LEN_STRIPPED   0x4000 /* the port took VLAN tag 5 off */
#define LEN_MASK       0x07ff
#define PIECE          37

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rte_mempool *pool;

static void start_eal(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "--file-prefix=lgfuzz%d", (int)getpid());
	char *argv[] = {(char *)"fuzz", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
		(char *)"64", (char *)"--no-telemetry", (char *)"--log-level=*:error",
		(char *)"--lcores=0@0", prefix, NULL};
	LG_ASSERT(rte_eal_init(9, argv) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	LG_ASSERT(pool != NULL);
}

static uint16_t tx(void *ctx, struct rte_mbuf **frames, uint16_t n)
{
	(void)ctx;
	for (unsigned i = 0; i < n; i++) {
		rte_mbuf_sanity_check(frames[i], 1);
		LG_ASSERT(frames[i]->pkt_len >= 42);
		rte_pktmbuf_free(frames[i]);
	}
	return n;
}

static struct net_if *interface(uint8_t mode)
{
	static const struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 1}};
	struct net_if_params p = {.side = NET_EXTERNAL,
		.name = "fuzz",
		.mac = mac,
		.mtu = 1500,
		.vlan = mode & MODE_VLAN ? 5 : 0,
		.n_addrs = 2,
		.n_routes = 2,
		.rx_checksum = mode & MODE_TRUST,
		.tx_multi_seg = !(mode & MODE_LINEAR),
		.pool = pool,
		.socket_id = SOCKET_ID_ANY,
		.max_neighbours = 8,
		.max_fragments = 8,
		.tx = tx};
	LG_ASSERT(lg_ip_parse("203.0.113.10", &p.addrs[0].ip) == 0);
	LG_ASSERT(lg_ip_parse("2001:db8::10", &p.addrs[1].ip) == 0);
	p.addrs[0].prefix_len = 120;
	p.addrs[1].prefix_len = 64;
	p.routes[0] = (struct net_route){.dst = lg_ip_from_v4(0), .prefix_len = 96};
	LG_ASSERT(lg_ip_parse("203.0.113.1", &p.routes[0].via) == 0);
	LG_ASSERT(lg_ip_parse("2001:db8::1", &p.routes[1].via) == 0);
	struct net_if *nif = net_if_create(&p);
	LG_ASSERT(nif != NULL);
	return nif;
}

/* The shared info lies in a block of its own, so that the data block ends with the data. */
struct block {
	struct rte_mbuf_ext_shared_info info;
	uint8_t *bytes;
};

static void free_block(void *addr, void *opaque)
{
	struct block *b = opaque;
	(void)addr;
	free(b->bytes);
	free(b);
}

static struct rte_mbuf *exact(const uint8_t *data, uint16_t n)
{
	struct block *b = malloc(sizeof(*b));
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	LG_ASSERT(b != NULL && m != NULL);
	b->bytes = malloc(n);
	LG_ASSERT(b->bytes != NULL);
	memcpy(b->bytes, data, n);
	b->info.free_cb = free_block;
	b->info.fcb_opaque = b;
	rte_mbuf_ext_refcnt_set(&b->info, 1);
	rte_pktmbuf_attach_extbuf(m, b->bytes, RTE_BAD_IOVA, n, &b->info);
	m->data_off = 0;
	m->data_len = n;
	m->pkt_len = n;
	return m;
}

static struct rte_mbuf *frame(const uint8_t *data, uint16_t n, bool split)
{
	uint16_t first = split && n > PIECE ? PIECE : n;
	struct rte_mbuf *m = exact(data, first);
	for (uint16_t at = first; at < n; at = (uint16_t)(at + PIECE)) {
		uint16_t k = n - at < PIECE ? (uint16_t)(n - at) : PIECE;
		LG_ASSERT(rte_pktmbuf_chain(m, exact(data + at, k)) == 0);
	}
	return m;
}

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void store(uint8_t *at, uint32_t sum)
{
	uint16_t v = (uint16_t)~sum;
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void fix_l4(uint8_t *l4, size_t n, uint8_t proto, uint32_t pseudo)
{
	size_t at = proto == 6 ? 16 : 2;
	if ((proto != 6 && proto != 1 && proto != 58) || n < at + 2)
		return;
	if (proto == 1)
		pseudo = 0;
	l4[at] = l4[at + 1] = 0;
	store(l4 + at, sum16(pseudo + (proto == 1 ? 0 : proto + (uint32_t)n), l4, n));
}

/* Repairs lengths and checksums of a packet without fragments; others stay as they are. */
static void fix(uint8_t *f, size_t n)
{
	if (n < 14)
		return;
	size_t at = 12;
	if (f[12] == 0x81 && f[13] == 0)
		at = 16;
	if (n >= at + 22 && f[at] == 8 && f[at + 1] == 0) {
		uint8_t *ip = f + at + 2;
		size_t ihl = (ip[0] & 15u) * 4, room = n - at - 2;
		if (ihl < 20 || ihl > room)
			return;
		ip[2] = (uint8_t)(room >> 8);
		ip[3] = (uint8_t)room;
		ip[10] = ip[11] = 0;
		store(ip + 10, sum16(0, ip, ihl));
		fix_l4(ip + ihl, room - ihl, ip[9], sum16(0, ip + 12, 8));
	} else if (n >= at + 42 && f[at] == 0x86 && f[at + 1] == 0xdd) {
		uint8_t *ip = f + at + 2;
		size_t room = n - at - 2 - 40;
		ip[4] = (uint8_t)(room >> 8);
		ip[5] = (uint8_t)room;
		fix_l4(ip + 40, room, ip[6], sum16(0, ip + 8, 32));
	}
}

static void answer(struct net_if *nif, const struct net_pkt *pkt, lg_us now)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	LG_ASSERT(m != NULL);
	char *tcp = rte_pktmbuf_append(m, 20);
	memset(tcp, 0, 20);
	const struct net_tx to = {.src = pkt->dst, .dst = pkt->src, .proto = 6};
	net_output(nif, m, &to, now);
}

static void check_pkt(const struct net_if *nif, const struct net_pkt *pkt)
{
	rte_mbuf_sanity_check(pkt->m, 1);
	LG_ASSERT(pkt->m->data_len >= 20 && net_if_has_addr(nif, &pkt->dst));
	LG_ASSERT(!net_if_has_addr(nif, &pkt->src) && !lg_ip_is_zero(&pkt->src));
	LG_ASSERT(lg_ip_is_v4(&pkt->src) == lg_ip_is_v4(&pkt->dst));
	const uint8_t *th = rte_pktmbuf_mtod(pkt->m, const uint8_t *);
	uint32_t hlen = (th[12] >> 4) * 4u;
	LG_ASSERT(hlen >= 20 && hlen <= pkt->m->data_len);
}

static void give(struct net_if *nif, struct rte_mbuf *m, uint8_t mode, lg_us now)
{
	struct net_pkt pkt;
	struct net_icmp_error err;
	if (mode & MODE_NEIGHBOUR) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
		LG_ASSERT(copy != NULL);
		net_input_neighbour(nif, copy, now);
	}
	switch (net_input(nif, m, now, &pkt, &err)) {
	case NET_TCP:
		check_pkt(nif, &pkt);
		if (mode & MODE_ANSWER)
			answer(nif, &pkt, now);
		rte_pktmbuf_free(pkt.m);
		break;
	case NET_ICMP_ERROR:
		LG_ASSERT(net_if_has_addr(nif, &err.local));
		break;
	case NET_NEIGHBOUR:
		net_input_neighbour(nif, m, now);
		break;
	case NET_DONE:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[LEN_MASK];
	lg_us now = LG_SEC(1);
	if (pool == NULL) {
		start_eal();
		lg_log_set_level(LG_ERROR);
	}
	if (size < 1)
		return 0;
	uint8_t mode = data[0];
	struct net_if *nif = interface(mode);
	for (size_t at = 1; at + 2 < size;) {
		unsigned word = (unsigned)data[at] << 8 | data[at + 1];
		size_t n = word & LEN_MASK;
		at += 2;
		if (n > size - at)
			n = size - at;
		if (n == 0)
			continue;
		memcpy(buf, data + at, n);
		at += n;
		if (mode & MODE_FIX)
			fix(buf, n);
		struct rte_mbuf *m = frame(buf, (uint16_t)n, word & LEN_SPLIT);
		if (word & LEN_STRIPPED) {
			m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
			m->vlan_tci = 5;
		}
		give(nif, m, mode, now);
		net_flush(nif);
		now += LG_MS(300);
		net_tick(nif, now);
	}
	net_if_free(nif);
	LG_ASSERT(rte_mempool_in_use_count(pool) == 0);
	return 0;
}
