/* SPDX-License-Identifier: BSD-3-Clause */
/* Our addresses and where packets go. Written once at creation, only read afterwards. */
#include "net/net_if.h"

static uint32_t ipset_slot(const struct lg_ip *ip)
{
	uint64_t h = (ip->q[0] ^ ip->q[1] * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
	return (uint32_t)(h >> 56) & (NET_IPSET_SLOTS - 1);
}

static void ipset_add(struct net_ipset *set, const struct lg_ip *ip)
{
	if (net_ipset_has(set, ip))
		return;
	uint32_t i = ipset_slot(ip);
	while (!lg_ip_is_zero(&set->slot[i]))
		i = (i + 1) % NET_IPSET_SLOTS;
	set->slot[i] = *ip;
}

bool net_ipset_has(const struct net_ipset *set, const struct lg_ip *ip)
{
	/* At most NET_MAX_ADDRS of the slots are taken, so a free one ends every search. */
	for (uint32_t i = ipset_slot(ip); !lg_ip_is_zero(&set->slot[i]);
		i = (i + 1) % NET_IPSET_SLOTS)
		if (lg_ip_eq(&set->slot[i], ip))
			return true;
	return false;
}

static void prefix_mask(unsigned len, uint64_t mask[2])
{
	uint64_t hi = len == 0 ? 0 : len >= 64 ? UINT64_MAX : UINT64_MAX << (64 - len);
	uint64_t lo = len <= 64 ? 0 : UINT64_MAX << (128 - len);
	mask[0] = rte_cpu_to_be_64(hi);
	mask[1] = rte_cpu_to_be_64(lo);
}

/* Keeps the table sorted by length, longest first; of equals the first one added wins. */
static void fib_add(
	struct net_fib *fib, const struct lg_ip *net, uint8_t len, const struct lg_ip *via)
{
	struct net_fib_entry e = {.via = *via, .len = len};
	prefix_mask(len, e.mask);
	for (int i = 0; i < 2; i++)
		e.net[i] = net->q[i] & e.mask[i];
	unsigned at = 0;
	for (; at < fib->n && fib->entry[at].len >= len; at++)
		if (fib->entry[at].len == len && memcmp(fib->entry[at].net, e.net, 16) == 0)
			return;
	memmove(&fib->entry[at + 1], &fib->entry[at], (fib->n - at) * sizeof(e));
	fib->entry[at] = e;
	fib->n++;
}

/* All host bits set, in a prefix that has a broadcast address (shorter than /31, RFC 3021). */
static void broadcast_add(struct net_fib *fib, const struct net_addr *a)
{
	if (!lg_ip_is_v4(&a->ip) || a->prefix_len < 96 || a->prefix_len > 126)
		return;
	uint32_t host_bits = (uint32_t)(UINT64_C(0xffffffff) >> (a->prefix_len - 96));
	struct lg_ip ip = lg_ip_from_v4(lg_ip_v4(&a->ip) | net_be32(host_bits));
	ipset_add(&fib->broadcast, &ip);
}

void net_fib_init(struct net_fib *fib, const struct net_if_params *p)
{
	static const struct lg_ip on_link, linklocal = {.b = {0xfe, 0x80}};
	bool v6 = false;
	for (unsigned i = 0; i < p->n_addrs; i++) {
		ipset_add(&fib->local, &p->addrs[i].ip);
		broadcast_add(fib, &p->addrs[i]);
		fib_add(fib, &p->addrs[i].ip, p->addrs[i].prefix_len, &on_link);
		v6 |= !lg_ip_is_v4(&p->addrs[i].ip);
	}
	if (v6)
		fib_add(fib, &linklocal, 10, &on_link);
	for (unsigned i = 0; i < p->n_routes; i++)
		fib_add(fib, &p->routes[i].dst, p->routes[i].prefix_len, &p->routes[i].via);
}

bool net_fib_next_hop(const struct net_fib *fib, const struct lg_ip *dst, struct lg_ip *hop)
{
	for (unsigned i = 0; i < fib->n; i++) {
		const struct net_fib_entry *e = &fib->entry[i];
		if ((dst->q[0] & e->mask[0]) != e->net[0] || (dst->q[1] & e->mask[1]) != e->net[1])
			continue;
		/* ::/0 covers the mapped form of IPv4 too, but an IPv6 router can't take it. */
		if (e->len < 96 && lg_ip_is_v4(dst))
			return false;
		*hop = lg_ip_is_zero(&e->via) ? *dst : e->via;
		return true;
	}
	return false;
}

bool net_is_linklocal(const struct lg_ip *ip)
{
	return ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

const struct lg_ip *net_source_for(const struct net_if *nif, const struct lg_ip *ip)
{
	for (unsigned i = 0; i < nif->p.n_addrs; i++) {
		const struct net_addr *a = &nif->p.addrs[i];
		if (lg_ip_is_v4(&a->ip) == lg_ip_is_v4(ip) &&
			lg_ip_in_prefix(ip, &a->ip, a->prefix_len))
			return &a->ip;
	}
	return nif->has_v6 && net_is_linklocal(ip) ? &nif->linklocal : NULL;
}

bool net_on_link(const struct net_if *nif, const struct lg_ip *ip)
{
	return net_source_for(nif, ip) != NULL;
}

bool net_is_broadcast(const struct net_if *nif, const struct lg_ip *ip)
{
	if (!lg_ip_is_v4(ip))
		return ip->b[0] == 0xff;
	/* Class D, class E and 255.255.255.255. */
	return ip->b[12] >= 224 || net_ipset_has(&nif->fib.broadcast, ip);
}
