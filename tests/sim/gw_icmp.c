/* SPDX-License-Identifier: BSD-3-Clause */
/* A router's report that a packet didn't fit (RFC 792 and 1191, RFC 4443 section 3.2). */
#include <string.h>

#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "gateway.h"

#define QUOTE4 (20u + 8u)
#define QUOTE6 (1280u - 40u - 8u)

struct icmp6 {
	uint8_t type, code;
	uint16_t checksum;
	uint32_t mtu;
};

static void fill4(uint8_t *out, const uint8_t *quoted, uint32_t mtu)
{
	const struct rte_ipv4_hdr *old = (const struct rte_ipv4_hdr *)quoted;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)out;
	struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
	struct lg_ip router = gw_ip(gw_site.router4);

	memset(out, 0, sizeof(*ip) + sizeof(*icmp));
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + sizeof(*icmp) + QUOTE4));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_ICMP;
	memcpy(&ip->src_addr, router.b + 12, 4);
	ip->dst_addr = old->src_addr;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	icmp->icmp_type = 3;
	icmp->icmp_code = 4;
	icmp->icmp_seq_nb = rte_cpu_to_be_16((uint16_t)mtu);
	memcpy(icmp + 1, quoted, QUOTE4);
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, sizeof(*icmp) + QUOTE4);
}

static void fill6(uint8_t *out, const uint8_t *quoted, uint32_t mtu)
{
	const struct rte_ipv6_hdr *old = (const struct rte_ipv6_hdr *)quoted;
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)out;
	struct icmp6 *icmp = (struct icmp6 *)(ip + 1);
	struct lg_ip router = gw_ip(gw_site.router6);

	memset(out, 0, sizeof(*ip) + sizeof(*icmp));
	ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)(sizeof(*icmp) + QUOTE6));
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = 64;
	memcpy(ip->src_addr, router.b, 16);
	memcpy(ip->dst_addr, old->src_addr, 16);
	icmp->type = 2;
	icmp->mtu = rte_cpu_to_be_32(mtu);
	memcpy(icmp + 1, quoted, QUOTE6);
	icmp->checksum = rte_ipv6_udptcp_cksum(ip, icmp);
}

struct rte_mbuf *gw_icmp_too_big(struct rte_mbuf *frame, uint32_t mtu)
{
	uint8_t packet[1280];
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
	const uint8_t *ip = (const uint8_t *)(eth + 1);
	bool v4 = eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	uint32_t len = v4 ? 20 + 8 + QUOTE4 : 1280;

	LG_ASSERT(frame->data_len >= sizeof(*eth) + (v4 ? QUOTE4 : QUOTE6));
	if (v4)
		fill4(packet, ip, mtu);
	else
		fill6(packet, ip, mtu);
	eth->dst_addr = eth->src_addr;
	eth->src_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, 0xff}};
	memcpy(eth + 1, packet, len);
	rte_pktmbuf_trim(frame, (uint16_t)(frame->data_len - sizeof(*eth) - len));
	return frame;
}
