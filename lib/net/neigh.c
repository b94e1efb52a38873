/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The neighbour cache of one interface, ARP's and ND's alike. Fixed size; entries hang in a keyed
 * hash, each with one timer for what comes next (retry, ageing, end). An entry that nobody uses
 * goes after NET_NEIGH_GC. When the cache is full, unanswered and then stale entries make room, so
 * that a scan over a /64 costs the scanner's entries and not the gateway's neighbours.
 */
#include <stdlib.h>

#include <rte_malloc.h>

#include "net/net_if.h"

#define EVICT_LOOKS 64

void net_bucket_init(struct net_bucket *b, uint32_t rate)
{
	*b = (struct net_bucket){.rate = rate, .tokens = (uint64_t)rate * 1000000};
}

bool net_bucket_take(struct net_bucket *b, lg_us now)
{
	uint64_t full = (uint64_t)b->rate * 1000000;
	lg_us passed = now > b->last ? now - b->last : 0;
	b->last = now;
	/* A second fills an empty bucket, so a longer pause counts as one; nothing overflows. */
	b->tokens = LG_MIN(full, b->tokens + LG_MIN(passed, LG_SEC(1)) * b->rate);
	if (b->tokens < 1000000)
		return false;
	b->tokens -= 1000000;
	return true;
}

static struct net_neigh **bucket_of(const struct net_neigh_cache *c, const struct lg_ip *ip)
{
	/* Keyed, so that nobody can choose addresses that share a bucket. */
	return &c->bucket[lg_siphash24(&c->key, ip->b, sizeof(ip->b)) & c->mask];
}

struct net_neigh *net_neigh_find(const struct net_if *nif, const struct lg_ip *ip)
{
	struct net_neigh *n = *bucket_of(&nif->neigh, ip);
	while (n != NULL && !lg_ip_eq(&n->ip, ip))
		n = n->hash_next;
	return n;
}

static void arm(struct net_neigh *n, lg_us deadline)
{
	lg_timer_arm(&n->nif->neigh.wheel, &n->timer, deadline);
}

static void drop_queued(struct net_neigh *n, enum net_counter why)
{
	if (n->queued == NULL)
		return;
	n->nif->ctr[why]++;
	rte_pktmbuf_free(n->queued);
	n->queued = NULL;
}

static void neigh_release(struct net_neigh *n)
{
	struct net_neigh_cache *c = &n->nif->neigh;
	struct net_neigh **at = bucket_of(c, &n->ip);
	while (*at != n)
		at = &(*at)->hash_next;
	*at = n->hash_next;
	if (lg_timer_armed(&n->timer))
		lg_timer_cancel(&c->wheel, &n->timer);
	drop_queued(n, NET_CTR_DROP_NEIGH_FAILED);
	n->state = NEIGH_FREE;
	n->hash_next = c->free;
	c->free = n;
}

/* How dispensable an entry is; 0: must stay. */
static int evict_rank(const struct net_neigh *n)
{
	switch (n->state) {
	case NEIGH_FAILED:
		return 3;
	case NEIGH_INCOMPLETE:
		return 2;
	case NEIGH_STALE:
		return 1;
	default:
		return 0;
	}
}

static bool better_victim(const struct net_neigh *n, const struct net_neigh *best)
{
	int rank = evict_rank(n);
	if (rank == 0)
		return false;
	if (best == NULL || rank > evict_rank(best))
		return true;
	return rank == evict_rank(best) && n->used < best->used;
}

/* Looks at a bounded number of entries, on from where the last search ended. */
static bool evict_one(struct net_neigh_cache *c)
{
	struct net_neigh *best = NULL;
	uint32_t looks = LG_MIN(c->n_entries, EVICT_LOOKS);
	for (uint32_t i = 0; i < looks; i++) {
		struct net_neigh *n = &c->entry[c->hand];
		c->hand = (c->hand + 1) % c->n_entries;
		if (better_victim(n, best))
			best = n;
	}
	if (best == NULL)
		return false;
	neigh_release(best);
	return true;
}

static void neigh_timer(struct lg_timer *t, lg_us now);

static struct net_neigh *neigh_create(struct net_if *nif, const struct lg_ip *ip, lg_us now)
{
	struct net_neigh_cache *c = &nif->neigh;
	if (c->free == NULL && !evict_one(c))
		return NULL;
	struct net_neigh *n = c->free;
	LG_ASSERT(n != NULL); /* what was evicted is free now */
	struct net_neigh **bucket = bucket_of(c, ip);
	c->free = n->hash_next;
	*n = (struct net_neigh){.ip = *ip, .used = now, .nif = nif, .hash_next = *bucket};
	n->timer.fn = neigh_timer;
	*bucket = n;
	return n;
}

/*
 * One request on its way; over the rate limit it is left to the next retry. To a neighbour that is
 * known it goes in any case: a flood of addresses that don't exist must not make it expire.
 */
static void ask(struct net_neigh *n, const struct rte_ether_addr *unicast, lg_us now)
{
	arm(n, now + NET_NEIGH_RETRANS);
	n->tries++;
	if (unicast == NULL && !net_bucket_take(&n->nif->request_rate, now))
		return;
	if (lg_ip_is_v4(&n->ip))
		net_arp_request(n->nif, &n->ip, unicast);
	else
		net_nd_solicit(n->nif, &n->ip, unicast);
}

static void neigh_timer(struct lg_timer *t, lg_us now)
{
	struct net_neigh *n = LG_CONTAINER_OF(t, struct net_neigh, timer);
	switch (n->state) {
	case NEIGH_REACHABLE:
		n->state = NEIGH_STALE;
		arm(n, now + NET_NEIGH_GC);
		break;
	case NEIGH_STALE:
		if (n->used + NET_NEIGH_GC > now)
			arm(n, n->used + NET_NEIGH_GC);
		else
			neigh_release(n);
		break;
	case NEIGH_INCOMPLETE:
		if (n->tries < NET_NEIGH_TRIES) {
			ask(n, NULL, now);
			break;
		}
		drop_queued(n, NET_CTR_DROP_NEIGH_FAILED);
		n->state = NEIGH_FAILED;
		arm(n, now + NET_NEIGH_HOLD);
		break;
	case NEIGH_PROBE:
		if (n->tries < NET_NEIGH_TRIES)
			ask(n, &n->mac, now);
		else
			neigh_release(n); /* RFC 4861 7.3.3: the next packet asks everybody again */
		break;
	default:
		neigh_release(n);
	}
}

static void send_to(struct net_neigh *n, struct rte_mbuf *m)
{
	uint16_t type = lg_ip_is_v4(&n->ip) ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6;
	net_eth_output(n->nif, m, &n->mac, type);
}

/* RFC 1122 2.3.2.2: the latest packet waits. */
static void queue_on(struct net_neigh *n, struct rte_mbuf *m)
{
	drop_queued(n, NET_CTR_DROP_NEIGH_QUEUE);
	n->queued = m;
}

static void resolve_first(
	struct net_if *nif, struct rte_mbuf *m, const struct lg_ip *hop, lg_us now)
{
	struct net_neigh *n = neigh_create(nif, hop, now);
	if (n == NULL) {
		nif->ctr[NET_CTR_DROP_NEIGH_FULL]++;
		rte_pktmbuf_free(m);
		return;
	}
	n->state = NEIGH_INCOMPLETE;
	n->queued = m;
	ask(n, NULL, now);
}

void net_neigh_send(struct net_if *nif, struct rte_mbuf *m, const struct lg_ip *hop, lg_us now)
{
	struct net_neigh *n = net_neigh_find(nif, hop);
	if (n == NULL) {
		resolve_first(nif, m, hop, now);
		return;
	}
	n->used = now;
	switch (n->state) {
	case NEIGH_STALE:
		n->state = NEIGH_PROBE;
		n->tries = 0;
		ask(n, &n->mac, now);
		send_to(n, m);
		break;
	case NEIGH_INCOMPLETE:
		queue_on(n, m);
		break;
	case NEIGH_FAILED:
		nif->ctr[NET_CTR_DROP_NEIGH_FAILED]++;
		rte_pktmbuf_free(m);
		break;
	default:
		send_to(n, m);
	}
}

static void set_state(struct net_neigh *n, enum net_neigh_state state, lg_us now)
{
	n->state = state;
	n->tries = 0;
	arm(n, now + (state == NEIGH_REACHABLE ? NET_NEIGH_REACHABLE : NET_NEIGH_GC));
	n->nif->ctr[NET_CTR_NEIGH_LEARNED]++;
}

/* The first MAC for an entry: what waited for it goes out. */
static bool learn_first(struct net_neigh *n, const struct net_neigh_news *news, lg_us now)
{
	if (!news->has_mac)
		return false; /* RFC 4861 7.2.5: an advertisement without address says nothing */
	n->mac = news->mac;
	set_state(n, news->solicited ? NEIGH_REACHABLE : NEIGH_STALE, now);
	struct rte_mbuf *m = n->queued;
	n->queued = NULL;
	if (m != NULL)
		send_to(n, m);
	return true;
}

bool net_neigh_learn(struct net_if *nif, const struct net_neigh_news *news, lg_us now)
{
	struct net_neigh *n = net_neigh_find(nif, &news->ip);
	if (n == NULL) {
		if (!news->create)
			return false;
		n = neigh_create(nif, &news->ip, now);
		if (n == NULL) {
			nif->ctr[NET_CTR_DROP_NEIGH_FULL]++;
			return false;
		}
		return learn_first(n, news, now);
	}
	if (n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED)
		return learn_first(n, news, now);
	bool differs = news->has_mac && !rte_is_same_ether_addr(&n->mac, &news->mac);
	if (differs && !news->override) {
		/* RFC 4861 7.2.5 I: keep what we have, but doubt it. */
		if (n->state != NEIGH_REACHABLE)
			return false;
		set_state(n, NEIGH_STALE, now);
		return true;
	}
	if (differs)
		n->mac = news->mac;
	if (!news->solicited && !differs)
		return false;
	set_state(n, news->solicited ? NEIGH_REACHABLE : NEIGH_STALE, now);
	return true;
}

int net_neigh_init(struct net_if *nif)
{
	struct net_neigh_cache *c = &nif->neigh;
	c->n_entries = nif->p.max_neighbours;
	uint32_t buckets = rte_align32pow2(c->n_entries * 2);
	c->mask = buckets - 1;
	c->entry = rte_zmalloc_socket(
		"net_neigh", (size_t)c->n_entries * sizeof(*c->entry), 0, nif->p.socket_id);
	c->bucket = rte_zmalloc_socket(
		"net_neigh_hash", (size_t)buckets * sizeof(c->bucket[0]), 0, nif->p.socket_id);
	if (c->entry == NULL || c->bucket == NULL)
		return -ENOMEM;
	for (uint32_t i = c->n_entries; i-- > 0;) {
		c->entry[i].hash_next = c->free;
		c->entry[i].nif = nif;
		c->free = &c->entry[i];
	}
	lg_siphash_key_random(&c->key);
	lg_wheel_init(&c->wheel, 0);
	return 0;
}

void net_neigh_fini(struct net_if *nif)
{
	struct net_neigh_cache *c = &nif->neigh;
	for (uint32_t i = 0; c->entry != NULL && i < c->n_entries; i++)
		rte_pktmbuf_free(c->entry[i].queued);
	rte_free(c->entry);
	rte_free(c->bucket);
}

bool net_neighbour(const struct net_if *nif, const struct lg_ip *ip, struct rte_ether_addr *mac)
{
	const struct net_neigh *n = net_neigh_find(nif, ip);
	if (n == NULL || n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED)
		return false;
	*mac = n->mac;
	return true;
}

void net_neighbours_each(const struct net_if *nif,
	void (*fn)(void *ctx, const struct lg_ip *ip, const struct rte_ether_addr *mac,
		const char *state),
	void *ctx)
{
	static const char *const name[] = {
		[NEIGH_INCOMPLETE] = "incomplete",
		[NEIGH_REACHABLE] = "reachable",
		[NEIGH_STALE] = "stale",
		[NEIGH_PROBE] = "probing",
		[NEIGH_FAILED] = "incomplete",
	};
	for (uint32_t i = 0; i < nif->neigh.n_entries; i++) {
		const struct net_neigh *n = &nif->neigh.entry[i];
		if (n->state != NEIGH_FREE)
			fn(ctx, &n->ip, &n->mac, name[n->state]);
	}
}
