/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of lib/net share among themselves; nobody else includes it. */
#ifndef LG_NET_IF_H
#define LG_NET_IF_H

#include <rte_ip_frag.h>

#include "base/base.h"
#include "net/headers.h"
#include "net/net.h"

#define NET_TX_QUEUE 64
#define NET_TTL      64
/* Sum of IPv6 extension headers that we walk through before giving up on a packet. */
#define NET_IP6_EXT_MAX_BYTES 512
#define NET_IP6_EXT_MAX_COUNT 8
#define NET_FRAG_TIMEOUT      LG_SEC(5)
#define NET_IPSET_SLOTS       256

/* ---- checksum.c: one's complement sums (RFC 1071), in memory order ------------------------- */

/* Adds len bytes at data to sum. `odd`: data starts at an odd offset of the summed area. */
uint64_t net_sum(uint64_t sum, const void *data, size_t len, bool odd);
/* Adds the bytes [off, end) of a packet. off <= end <= pkt_len. */
uint64_t net_sum_mbuf(uint64_t sum, const struct rte_mbuf *m, uint32_t off, uint32_t end);
/* Pseudo header of IPv4 (RFC 793) or IPv6 (RFC 8200 8.1), by the family of src. */
uint64_t net_sum_pseudo(
	const struct lg_ip *src, const struct lg_ip *dst, uint8_t proto, uint32_t len);
/* Folds to 16 bits, not complemented. */
uint16_t net_sum_fold(uint64_t sum);

/* ---- mbuf.c: packets of several segments ---------------------------------------------------- */

/* Drops the first n bytes (n <= pkt_len) over segments; returns the packet, maybe another mbuf. */
struct rte_mbuf *net_mbuf_trim_head(struct rte_mbuf *m, uint32_t n);
/* Cuts the packet to len bytes (len <= pkt_len); surplus segments are freed. */
void net_mbuf_trim_to(struct rte_mbuf *m, uint32_t len);
/*
 * Makes the first n bytes (n <= pkt_len) contiguous. Returns the packet, or NULL without an mbuf of
 * pool that holds them; then m is still the caller's.
 */
struct rte_mbuf *net_mbuf_pullup(struct rte_mbuf *m, uint32_t n, struct rte_mempool *pool);

/* ---- route.c: local addresses and next hops ------------------------------------------------- */

/* One line of the routing table: on-link when `via` is zero. Most specific prefixes come first. */
struct net_fib_entry {
	uint64_t net[2], mask[2];
	struct lg_ip via;
	uint8_t len;
};

/* Up to NET_MAX_ADDRS addresses; open addressing, zero: free. */
struct net_ipset {
	struct lg_ip slot[NET_IPSET_SLOTS];
};

bool net_ipset_has(const struct net_ipset *set, const struct lg_ip *ip);

struct net_fib {
	struct net_fib_entry entry[NET_MAX_ADDRS + NET_MAX_ROUTES + 1];
	unsigned n;
	struct net_ipset local;     /* our addresses, without the link-local one */
	struct net_ipset broadcast; /* directed broadcasts of our IPv4 prefixes */
};

void net_fib_init(struct net_fib *fib, const struct net_if_params *p);
/* Next hop towards dst; false without a route. */
bool net_fib_next_hop(const struct net_fib *fib, const struct lg_ip *dst, struct lg_ip *hop);
/* True when ip is in a prefix of one of our addresses (or link-local IPv6). */
bool net_on_link(const struct net_if *nif, const struct lg_ip *ip);
/* The address of ours to speak from with an on-link ip; NULL when there is none. */
const struct lg_ip *net_source_for(const struct net_if *nif, const struct lg_ip *ip);
/* Limited, multicast, or directed broadcast of one of our IPv4 prefixes. */
bool net_is_broadcast(const struct net_if *nif, const struct lg_ip *ip);
bool net_is_linklocal(const struct lg_ip *ip);

/* ---- neigh.c: the neighbour cache, for both families (states of RFC 4861 section 7.3.2) -------
 */

#define NET_NEIGH_TRIES            3
#define NET_NEIGH_RETRANS          LG_SEC(1)
#define NET_NEIGH_REACHABLE        LG_SEC(30)
#define NET_NEIGH_GC               LG_SEC(600)
#define NET_NEIGH_HOLD             LG_SEC(3)
#define NET_NEIGH_REQUESTS_PER_SEC 200

enum net_neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_PROBE,
	NEIGH_FAILED
};

/* Owned by its net_if's cache; `queued` is one IP packet that waits for the MAC. */
struct net_neigh {
	struct lg_ip ip;
	struct rte_ether_addr mac;
	uint8_t state, tries;
	struct lg_timer timer;
	lg_us used;
	struct rte_mbuf *queued;
	struct net_neigh *hash_next; /* or the next on the free list */
	struct net_if *nif;
};

struct net_neigh_cache {
	struct net_neigh *entry, *free;
	struct net_neigh **bucket;
	uint32_t n_entries, mask, hand;
	struct lg_siphash_key key;
	struct lg_wheel wheel;
};

/* Events per second; starts full. */
struct net_bucket {
	uint32_t rate;
	uint64_t tokens; /* in millionths */
	lg_us last;
};

void net_bucket_init(struct net_bucket *b, uint32_t rate);
bool net_bucket_take(struct net_bucket *b, lg_us now);

struct net_if {
	struct net_if_params p;
	uint64_t ctr[NET_CTR_MAX];
	struct lg_ip linklocal; /* fe80::EUI-64; zero when we have no IPv6 address */
	bool has_v4, has_v6;
	struct net_fib fib;
	struct net_neigh_cache neigh;
	struct net_bucket echo_rate, request_rate;
	struct rte_ip_frag_tbl *frags;
	struct rte_ip_frag_death_row frag_dead;
	unsigned n_tx;
	struct rte_mbuf *tx[NET_TX_QUEUE];
};

int net_neigh_init(struct net_if *nif);
void net_neigh_fini(struct net_if *nif);
struct net_neigh *net_neigh_find(const struct net_if *nif, const struct lg_ip *ip);
/* Sends an IP packet to an on-link address, now or when its MAC is known. Takes m. */
void net_neigh_send(struct net_if *nif, struct rte_mbuf *m, const struct lg_ip *hop, lg_us now);

/* What a neighbour said about itself. */
struct net_neigh_news {
	struct lg_ip ip;
	struct rte_ether_addr mac;
	bool create;    /* it spoke to us, so we'll have to answer: worth an entry */
	bool solicited; /* it answered us: reachable both ways */
	bool override;  /* a known, different MAC is replaced (RFC 4861 O flag; always for ARP) */
	bool has_mac;
};
/* True when the cache changed. */
bool net_neigh_learn(struct net_if *nif, const struct net_neigh_news *news, lg_us now);

/* ---- input ------------------------------------------------------------------------------------
 */

/*
 * A frame on its way up. The functions below take rx->m: when they return NET_DONE it is freed or
 * kept; with NET_NEIGHBOUR it is the caller's; with NET_TCP it went into *pkt.
 */
struct net_rx {
	struct net_if *nif;
	struct rte_mbuf *m;
	uint32_t off; /* of the header at hand */
	lg_us now;
	struct rte_ether_addr smac;
	bool l2_group;   /* came as Ethernet broadcast or multicast */
	bool learn_only; /* another worker got the frame: answer nothing */
	struct lg_ip src, dst;
	uint8_t ttl, tos, proto; /* of the IP header; hop limit in IPv6 */
	bool fragmented;         /* IPv6: carried a fragment header */
	struct net_pkt *pkt;
	struct net_icmp_error *err;
};

/* Frees the packet and counts it. */
enum net_verdict net_drop(struct net_rx *rx, enum net_counter why);
/* len bytes at rx->off + at, contiguous: in the mbuf or copied to buf. NULL past the end. */
const void *net_peek(const struct net_rx *rx, uint32_t at, uint32_t len, void *buf);

enum net_verdict net_arp_input(struct net_rx *rx);
enum net_verdict net_ip4_input(struct net_rx *rx);
enum net_verdict net_ip6_input(struct net_rx *rx);
enum net_verdict net_nd_input(struct net_rx *rx, const struct net_icmp_hdr *icmp);
enum net_verdict net_icmp4_input(struct net_rx *rx);
enum net_verdict net_icmp6_input(struct net_rx *rx);
/* rx->off is at the TCP header, the packet ends with the segment. */
enum net_verdict net_tcp_input(struct net_rx *rx);
/* True unless the L4 checksum of [rx->off, end) is wrong. */
bool net_l4_checksum_ok(const struct net_rx *rx, bool pseudo, bool may_trust);

/* ---- frag.c -----------------------------------------------------------------------------------
 */

/*
 * Takes rx->m, a fragment whose IP header is at rx->off. True when a datagram became whole: then
 * rx->m is it, with its IP header at offset 0 and rx->off at what follows (`ihl` bytes for IPv4).
 */
bool net_frag4(struct net_rx *rx, const struct net_ip4_hdr *ip, uint32_t ihl);
/* The same for IPv6; rx->off is at the fragment header, the IPv6 header is at ip_off. */
bool net_frag6(struct net_rx *rx, const struct net_ip6_frag_hdr *fh, uint32_t ip_off);

/* ---- output.c, arp.c, nd.c --------------------------------------------------------------------
 */

/* Adds the Ethernet header (and tag) and queues the frame. Takes m. */
void net_eth_output(struct net_if *nif, struct rte_mbuf *m, const struct rte_ether_addr *dst,
	uint16_t ethertype);
/* A fresh mbuf with len bytes of room at its data and NET_HEADROOM in front; NULL is counted. */
struct rte_mbuf *net_alloc(struct net_if *nif, uint32_t len);
/* Puts an IP header before m. */
void net_ip_push(struct rte_mbuf *m, const struct net_tx *tx, uint8_t ttl);
/* Asks who has ip: broadcast or solicited-node multicast, or unicast to *mac when it isn't NULL. */
void net_arp_request(struct net_if *nif, const struct lg_ip *ip, const struct rte_ether_addr *mac);
void net_nd_solicit(struct net_if *nif, const struct lg_ip *ip, const struct rte_ether_addr *mac);
void net_arp_announce(struct net_if *nif, const struct lg_ip *ip);
void net_nd_announce(struct net_if *nif, const struct lg_ip *ip);
/* ff02::1:ffXX:XXXX for ip (RFC 4291 section 2.7.1). */
struct lg_ip net_solicited_node(const struct lg_ip *ip);
extern const struct lg_ip net_all_nodes; /* ff02::1 */

#endif
