/* SPDX-License-Identifier: BSD-3-Clause */
/* Birth, death and upkeep of an interface. */
#define ALLOW_EXPERIMENTAL_API /* rte_ip_frag_table_del_expired_entries, see net_tick */
#include <errno.h>

#include <rte_log.h>
#include <rte_malloc.h>

#include "net/net_if.h"

#define FRAG_BUCKET_ENTRIES 4
#define TICK_TIMERS         256

static void apply_defaults(struct net_if_params *p)
{
	if (p->ttl == 0)
		p->ttl = NET_TTL;
	if (p->max_neighbours == 0)
		p->max_neighbours = 1024;
	if (p->max_fragments == 0)
		p->max_fragments = 256;
	if (p->echo_per_second == 0)
		p->echo_per_second = 1000;
}

/* Modified EUI-64 (RFC 4291 appendix A). */
static struct lg_ip linklocal_of(const struct rte_ether_addr *mac)
{
	const uint8_t *a = mac->addr_bytes;
	return (struct lg_ip){
		.b = {0xfe, 0x80, [8] = a[0] ^ 2, a[1], a[2], 0xff, 0xfe, a[3], a[4], a[5]}};
}

static int create_tables(struct net_if *nif)
{
	const struct net_if_params *p = &nif->p;
	if (net_neigh_init(nif) != 0)
		return -ENOMEM;
	/* It tells its size at INFO on each creation, which means nothing to an operator. */
	int level = rte_log_get_level(RTE_LOGTYPE_USER1);
	rte_log_set_level(RTE_LOGTYPE_USER1, RTE_LOG_WARNING);
	/* rte_ip_frag only compares times, so microseconds do for its cycles. */
	nif->frags = rte_ip_frag_table_create(LG_MAX(p->max_fragments / FRAG_BUCKET_ENTRIES, 1u),
		FRAG_BUCKET_ENTRIES, p->max_fragments, NET_FRAG_TIMEOUT, p->socket_id);
	rte_log_set_level(RTE_LOGTYPE_USER1, (uint32_t)level);
	return nif->frags == NULL ? -ENOMEM : 0;
}

struct net_if *net_if_create(const struct net_if_params *p)
{
	LG_ASSERT(p->n_addrs <= NET_MAX_ADDRS && p->n_routes <= NET_MAX_ROUTES);
	struct net_if *nif = rte_zmalloc_socket(
		"net_if", sizeof(*nif), RTE_CACHE_LINE_SIZE, p->socket_id);
	if (nif == NULL)
		return NULL;
	nif->p = *p;
	apply_defaults(&nif->p);
	for (unsigned i = 0; i < p->n_addrs; i++) {
		bool v4 = lg_ip_is_v4(&p->addrs[i].ip);
		nif->has_v4 |= v4;
		nif->has_v6 |= !v4;
	}
	if (nif->has_v6)
		nif->linklocal = linklocal_of(&p->mac);
	net_fib_init(&nif->fib, &nif->p);
	net_bucket_init(&nif->echo_rate, nif->p.echo_per_second);
	net_bucket_init(&nif->request_rate, NET_NEIGH_REQUESTS_PER_SEC);
	if (create_tables(nif) != 0) {
		net_if_free(nif);
		return NULL;
	}
	return nif;
}

void net_if_free(struct net_if *nif)
{
	if (nif == NULL)
		return;
	rte_pktmbuf_free_bulk(nif->tx, nif->n_tx);
	net_neigh_fini(nif);
	if (nif->frags != NULL)
		rte_ip_frag_table_destroy(nif->frags);
	rte_free(nif);
}

const uint64_t *net_if_counters(const struct net_if *nif)
{
	return nif->ctr;
}

uint16_t net_if_mtu(const struct net_if *nif)
{
	return nif->p.mtu;
}

bool net_if_has_addr(const struct net_if *nif, const struct lg_ip *ip)
{
	return net_ipset_has(&nif->fib.local, ip);
}

void net_tick(struct net_if *nif, lg_us now)
{
	lg_wheel_advance(&nif->neigh.wheel, now, TICK_TIMERS);
	/*
	 * Marked experimental in 22.11, but the only way to give up the mbufs of datagrams that
	 * never become whole while no other fragment comes in.
	 */
	rte_ip_frag_table_del_expired_entries(nif->frags, &nif->frag_dead, now);
	nif->ctr[NET_CTR_DROP_FRAG_TIMEOUT] += nif->frag_dead.cnt;
	rte_ip_frag_free_death_row(&nif->frag_dead, 0);
}

void net_announce(struct net_if *nif, lg_us now)
{
	(void)now;
	for (unsigned i = 0; i < nif->p.n_addrs; i++) {
		const struct lg_ip *ip = &nif->p.addrs[i].ip;
		if (lg_ip_is_v4(ip))
			net_arp_announce(nif, ip);
		else
			net_nd_announce(nif, ip);
	}
	if (nif->has_v6)
		net_nd_announce(nif, &nif->linklocal);
}
