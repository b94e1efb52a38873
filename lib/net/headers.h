/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Header layouts as they are on the wire, all fields in network order. Our own, because DPDK's
 * IPv6 header changed between 22.11 and 25.11.
 */
#ifndef LG_NET_HEADERS_H
#define LG_NET_HEADERS_H

#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#define NET_PACKED __attribute__((packed))

#define NET_BE16(x)   RTE_BE16(x)
#define net_be16(x)   rte_cpu_to_be_16(x)
#define net_be32(x)   rte_cpu_to_be_32(x)
#define net_host16(x) rte_be_to_cpu_16(x)
#define net_host32(x) rte_be_to_cpu_32(x)

#define NET_ETH_LEN     14
#define NET_VLAN_LEN    4
#define NET_ARP_LEN     28
#define NET_IP4_LEN     20
#define NET_IP6_LEN     40
#define NET_TCP_LEN     20
#define NET_TCP_MAX_LEN 60
#define NET_ICMP_LEN    8

#define NET_IPPROTO_HOPOPTS  0
#define NET_IPPROTO_ICMP     1
#define NET_IPPROTO_TCP      6
#define NET_IPPROTO_ROUTING  43
#define NET_IPPROTO_FRAGMENT 44
#define NET_IPPROTO_ICMPV6   58
#define NET_IPPROTO_DSTOPTS  60

struct net_arp_hdr {
	uint16_t hrd, pro;
	uint8_t hln, pln;
	uint16_t op;
	uint8_t sha[6]; /* bytes, because struct rte_ether_addr wants even addresses */
	uint32_t spa;
	uint8_t tha[6];
	uint32_t tpa;
} NET_PACKED;

#define NET_ARP_REQUEST 1
#define NET_ARP_REPLY   2

struct net_ip4_hdr {
	uint8_t ver_ihl, tos;
	uint16_t total_len, id, frag;
	uint8_t ttl, proto;
	uint16_t cksum;
	uint32_t src, dst;
} NET_PACKED;

#define NET_IP4_DF     0x4000
#define NET_IP4_MF     0x2000
#define NET_IP4_OFFSET 0x1fff

struct net_ip6_hdr {
	uint32_t vtc_flow;
	uint16_t payload_len;
	uint8_t proto, hop_limit;
	uint8_t src[16], dst[16];
} NET_PACKED;

struct net_ip6_frag_hdr {
	uint8_t next, reserved;
	uint16_t frag; /* offset in bytes with the lower three bits free: M is bit 0 */
	uint32_t id;
} NET_PACKED;

#define NET_IP6_MF     0x0001
#define NET_IP6_OFFSET 0xfff8

struct net_tcp_hdr {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t off, flags;
	uint16_t win, cksum, urg;
} NET_PACKED;

/* ICMP and ICMPv6: the rest is a word whose meaning depends on the type. */
struct net_icmp_hdr {
	uint8_t type, code;
	uint16_t cksum;
	uint32_t rest;
} NET_PACKED;

#define NET_ICMP_ECHO_REPLY    0
#define NET_ICMP_UNREACHABLE   3
#define NET_ICMP_ECHO          8
#define NET_ICMP_TIME_EXCEEDED 11
#define NET_ICMP_PARAMETER     12

#define NET_ICMP6_UNREACHABLE   1
#define NET_ICMP6_TOO_BIG       2
#define NET_ICMP6_TIME_EXCEEDED 3
#define NET_ICMP6_PARAMETER     4
#define NET_ICMP6_ECHO          128
#define NET_ICMP6_ECHO_REPLY    129
#define NET_ICMP6_NS            135
#define NET_ICMP6_NA            136

/* Neighbour solicitation and advertisement up to their options (RFC 4861 sections 4.3, 4.4). */
struct net_nd_hdr {
	struct net_icmp_hdr icmp;
	uint8_t target[16];
} NET_PACKED;

/* Source or target link-layer address option for Ethernet (RFC 2464 section 6). */
struct net_nd_lladdr {
	uint8_t type, len8;
	uint8_t mac[6];
} NET_PACKED;

#define NET_ND_HDR_LEN   24
#define NET_ND_OPT_SLLA  1
#define NET_ND_OPT_TLLA  2
#define NET_NA_SOLICITED 0x40000000
#define NET_NA_OVERRIDE  0x20000000

_Static_assert(sizeof(struct net_arp_hdr) == NET_ARP_LEN, "RFC 826");
_Static_assert(sizeof(struct net_ip4_hdr) == NET_IP4_LEN, "RFC 791");
_Static_assert(sizeof(struct net_ip6_hdr) == NET_IP6_LEN, "RFC 8200");
_Static_assert(sizeof(struct net_tcp_hdr) == NET_TCP_LEN, "RFC 9293");
_Static_assert(sizeof(struct net_nd_hdr) == NET_ND_HDR_LEN, "RFC 4861");

#endif
