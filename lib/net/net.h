/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/net: from Ethernet frames to checked TCP segments and back. One net_if per (port, worker):
 * a worker's own view of a port with its own neighbour cache, fragment table, counters and TX
 * buffer; nothing in it is shared (law 1). A net_if is a host's interface, never a router's: what
 * isn't addressed to us is dropped and counted (LY-602).
 */
#ifndef LG_NET_H
#define LG_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "base/base.h"

enum net_side { NET_EXTERNAL, NET_INTERNAL, NET_SIDES };

/* Room that a segment handed to net_output() must have in front of its L4 header. */
#define NET_HEADROOM   (14 + 4 + 40)
#define NET_MAX_ADDRS  64
#define NET_MAX_ROUTES 64
#define NET_BURST      32

/* Why packets are dropped, and what else is counted. X(id, "name", "what it means") */
#define NET_COUNTERS(X)                                                                            \
	X(RX_PACKETS, "rx-packets", "frames received from the port")                               \
	X(RX_BYTES, "rx-bytes", "bytes received from the port")                                    \
	X(TX_PACKETS, "tx-packets", "frames given to the port")                                    \
	X(TX_BYTES, "tx-bytes", "bytes given to the port")                                         \
	X(DROP_TX_FULL, "drop-tx-full", "the port's TX queue did not take the frame")              \
	X(DROP_TX_NOMBUF, "drop-tx-nombuf", "no mbuf for a frame to send")                         \
	X(DROP_TX_TOO_BIG, "drop-tx-too-big", "packet larger than the MTU")                        \
	X(DROP_TX_NO_ROUTE, "drop-tx-no-route", "no address or route for the destination")         \
	X(DROP_RX_NOMBUF, "drop-rx-nombuf", "no mbuf to bring a scattered header together")        \
	X(DROP_SHORT, "drop-short", "frame ends before the header it announces")                   \
	X(DROP_NOT_OUR_MAC, "drop-not-our-mac", "unicast frame for another station")               \
	X(DROP_WRONG_VLAN, "drop-wrong-vlan", "802.1Q tag differs from the port's vlan")           \
	X(DROP_ETHERTYPE, "drop-ethertype", "neither ARP, IPv4 nor IPv6")                          \
	X(DROP_BAD_IP_HEADER, "drop-bad-ip-header",                                                \
		"version, header length or total length is wrong")                                 \
	X(DROP_BAD_IP_CHECKSUM, "drop-bad-ip-checksum", "IPv4 header checksum is wrong")           \
	X(DROP_BAD_IP_OPTION, "drop-bad-ip-option",                                                \
		"malformed IPv4 options, source routing, or bad IPv6 extension header")            \
	X(DROP_TRUNCATED, "drop-truncated", "IP total length exceeds what arrived")                \
	X(DROP_MARTIAN, "drop-martian",                                                            \
		"impossible source address (multicast, loopback, our own)")                        \
	X(DROP_NOT_OURS, "drop-not-ours", "IP destination is not an address of this port")         \
	X(DROP_NOT_UNICAST, "drop-not-unicast", "broadcast or multicast that we don't take")       \
	X(DROP_PROTOCOL, "drop-protocol", "IP protocol that nobody here speaks")                   \
	X(DROP_BAD_L4_CHECKSUM, "drop-bad-l4-checksum", "TCP or ICMP checksum is wrong")           \
	X(DROP_BAD_TCP_HEADER, "drop-bad-tcp-header", "TCP data offset is wrong")                  \
	X(DROP_BAD_ARP, "drop-bad-arp", "malformed or spoofed ARP")                                \
	X(DROP_BAD_ND, "drop-bad-nd", "malformed neighbour discovery (RFC 4861 section 7.1)")      \
	X(DROP_BAD_ICMP, "drop-bad-icmp", "malformed or unwanted ICMP")                            \
	X(DROP_ICMP_RATE, "drop-icmp-rate", "echo request over the rate limit")                    \
	X(DROP_FRAG_LIMIT, "drop-frag-limit",                                                      \
		"fragment table full, or a datagram of too many pieces")                           \
	X(DROP_FRAG_TIMEOUT, "drop-frag-timeout", "fragments whose datagram never became whole")   \
	X(DROP_FRAG_BAD, "drop-frag-bad",                                                          \
		"fragment that is tiny, overlapping, oversized or of mixed ECN")                   \
	X(DROP_NEIGH_QUEUE, "drop-neigh-queue", "another packet already waits for this neighbour") \
	X(DROP_NEIGH_FAILED, "drop-neigh-failed", "neighbour does not answer ARP/ND")              \
	X(DROP_NEIGH_FULL, "drop-neigh-full", "neighbour cache full")                              \
	X(ARP_RX, "arp-rx", "ARP packets taken")                                                   \
	X(ARP_TX, "arp-tx", "ARP packets sent")                                                    \
	X(ND_RX, "nd-rx", "neighbour discovery packets taken")                                     \
	X(ND_TX, "nd-tx", "neighbour discovery packets sent")                                      \
	X(NEIGH_LEARNED, "neigh-learned", "neighbours learned or refreshed")                       \
	X(ICMP_ECHO, "icmp-echo", "echo requests answered")                                        \
	X(ICMP_ERROR, "icmp-error", "ICMP errors handed to TCP")                                   \
	X(FRAGMENTS, "fragments", "IP fragments received")                                         \
	X(REASSEMBLED, "reassembled", "datagrams made whole")

enum net_counter {
#define X(id, name, help) NET_CTR_##id,
	NET_COUNTERS(X)
#undef X
		NET_CTR_MAX
};

const char *net_counter_name(enum net_counter c);
const char *net_counter_help(enum net_counter c);

struct net_addr {
	struct lg_ip ip;
	uint8_t prefix_len; /* 0..128, on the v4-mapped form */
};

struct net_route {
	struct lg_ip dst;
	uint8_t prefix_len; /* 0..128; an IPv4 default route is ::ffff:0:0/96 */
	struct lg_ip via;   /* must be on-link */
};

/* What a net_if is told at creation; copied. */
struct net_if_params {
	enum net_side side;
	const char *name; /* for the log: "external" */
	struct rte_ether_addr mac;
	uint16_t mtu;  /* IP MTU, 576..9000 */
	uint16_t vlan; /* 0: untagged */
	uint8_t ttl;   /* hop limit of what we send beyond a link; default 64 */
	struct net_addr addrs[NET_MAX_ADDRS];
	unsigned n_addrs;
	struct net_route routes[NET_MAX_ROUTES];
	unsigned n_routes;
	/* Offloads that the port really has; the rest is done in software. */
	bool rx_checksum; /* trust RTE_MBUF_F_RX_*_CKSUM_GOOD/BAD flags where the mbuf carries them
			   */
	bool tx_ip_checksum, tx_l4_checksum;
	bool tx_multi_seg;        /* else frames are linearised before TX */
	struct rte_mempool *pool; /* for ARP, ND, ICMP, linearised frames */
	int socket_id;
	uint32_t max_neighbours;  /* default 1024 */
	uint32_t max_fragments;   /* datagrams under reassembly at once, default 256 */
	uint32_t echo_per_second; /* answered ICMP echoes, default 1000 */
	/*
	 * Gives frames to the wire; takes the first k it returns, the rest stays the caller's
	 * (dropped and counted by net_flush). Real ports: net_port_tx. Tests and simulators: their
	 * own.
	 */
	uint16_t (*tx)(void *ctx, struct rte_mbuf **frames, uint16_t n);
	void *tx_ctx;
};

struct net_if; /* private: net_if.h */

struct net_if *net_if_create(const struct net_if_params *p);
void net_if_free(struct net_if *nif);
const uint64_t *net_if_counters(const struct net_if *nif); /* NET_CTR_MAX of them */
uint16_t net_if_mtu(const struct net_if *nif);
bool net_if_has_addr(const struct net_if *nif, const struct lg_ip *ip);

/* The two ECN bits of the IP header (RFC 3168 section 5). */
enum net_ecn { NET_ECN_NOT_ECT, NET_ECN_ECT1, NET_ECN_ECT0, NET_ECN_CE, NET_ECN_MASK = 3 };

/* A checked L4 packet. */
struct net_pkt {
	struct rte_mbuf *m; /* data starts at the L4 header and ends with the L4 payload */
	struct lg_ip src, dst;
	enum net_side side;
	uint8_t ecn; /* enum net_ecn */
};

/* An ICMP error about a TCP segment that we sent (RFC 792, 4443, 1191, 8201). */
struct net_icmp_error {
	struct lg_ip local, remote; /* source and destination of the quoted packet */
	uint16_t lport, rport;      /* host order */
	uint32_t seq;               /* TCP sequence number quoted (RFC 5927 check) */
	enum { NET_ICMP_UNREACH_SOFT, NET_ICMP_UNREACH_HARD, NET_ICMP_TOO_BIG } kind;
	uint32_t mtu; /* TOO_BIG: next-hop MTU, 0 when the router didn't say */
	enum net_side side;
};

enum net_verdict {
	NET_DONE,       /* m was taken: answered, dropped and counted, or kept as a fragment */
	NET_TCP,        /* *pkt is a TCP segment for one of our addresses; pkt->m is the caller's */
	NET_ICMP_ERROR, /* *err is filled; m was freed */
	NET_NEIGHBOUR,  /* ARP or ND that taught us something: m is the caller's, for the other
			   workers */
};

/*
 * One frame from the port: parses and validates everything up to L4, answers ARP, ND and echo
 * itself. Takes m unless the verdict says otherwise. m may be a chain of segments.
 */
enum net_verdict net_input(struct net_if *nif, struct rte_mbuf *m, lg_us now, struct net_pkt *pkt,
	struct net_icmp_error *err);
/* The same ARP/ND frame on another worker: learns, answers nothing. Takes m. */
void net_input_neighbour(struct net_if *nif, struct rte_mbuf *m, lg_us now);

/* What net_output() needs to know of a TCP segment. */
struct net_tx {
	struct lg_ip src, dst;
	uint8_t proto; /* IPPROTO_TCP */
	uint8_t tos;   /* DSCP and ECN */
};

/*
 * Sends one L4 packet: m's data starts at the L4 header (its checksum field is filled in here),
 * with NET_HEADROOM in front; payload may hang on as further segments (indirect mbufs allowed; they
 * are not written). Adds L4 checksum, IP and Ethernet headers, resolves the neighbour (one packet
 * waits per neighbour), queues for the next flush. Takes m always.
 */
void net_output(struct net_if *nif, struct rte_mbuf *m, const struct net_tx *tx, lg_us now);
/* Gives queued frames to the port. Call once per loop iteration. */
void net_flush(struct net_if *nif);
/* Neighbour ageing, ARP/ND retries, fragment timeouts. Call about every 10 ms; cheap when idle. */
void net_tick(struct net_if *nif, lg_us now);
/* Announces our addresses: gratuitous ARP (RFC 5227) and unsolicited NA (RFC 4861 7.2.6). */
void net_announce(struct net_if *nif, lg_us now);

/* For tests and the "show neighbours" view: true when ip's MAC is known (and copied to *mac). */
bool net_neighbour(const struct net_if *nif, const struct lg_ip *ip, struct rte_ether_addr *mac);
/* Calls fn for each neighbour entry: state is "reachable", "stale", "probing" or "incomplete". */
void net_neighbours_each(const struct net_if *nif,
	void (*fn)(void *ctx, const struct lg_ip *ip, const struct rte_ether_addr *mac,
		const char *state),
	void *ctx);

/* ---- ports (port.c): the only place that configures ethdev ---------------------------------- */

struct net_port_params {
	const char *name; /* "external" */
	const char
		*device; /* PCI address "0000:3b:00.0" or vdev string "net_af_packet0,iface=ext0" */
	uint16_t mtu;
	uint16_t n_queues;          /* one RX and one TX queue per worker */
	uint16_t rx_desc, tx_desc;  /* wanted; adjusted to what the port allows */
	struct rte_mempool **pools; /* one per worker */
};

struct net_port {
	uint16_t port_id;
	uint16_t n_rxq; /* may be fewer than workers: then worker 0.. poll and hand over */
	uint16_t n_txq;
	struct rte_ether_addr mac;
	bool rx_checksum, tx_ip_checksum, tx_l4_checksum, tx_multi_seg;
	int socket_id;
	/* RSS as the NIC really has it, read back; key_len 0 when the port has none. */
	uint8_t rss_key[64];
	uint8_t rss_key_len;
	uint16_t reta_size;
	uint16_t reta[512];
	char driver[32];
};

/*
 * Probes, configures and starts one port. 0, or a negative errno with a sentence in err that says
 * what, why and what to do ("device 0000:3b:00.0 is bound to the kernel driver ixgbe: DPDK can't
 * use it: run: driverctl set-override 0000:3b:00.0 vfio-pci").
 */
int net_port_open(const struct net_port_params *p, struct net_port *port, char *err, size_t errlen);
/* Waits until the link is up, at most `ms`. True when it is. */
bool net_port_wait_link(const struct net_port *port, unsigned ms);
void net_port_close(struct net_port *port);

/* tx callback for net_if_params on a real port; ctx is a struct net_port_txq. */
struct net_port_txq {
	uint16_t port_id, queue_id;
};
uint16_t net_port_tx(void *ctx, struct rte_mbuf **frames, uint16_t n);

#endif
