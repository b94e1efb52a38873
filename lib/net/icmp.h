/* SPDX-License-Identifier: BSD-3-Clause */
/* What ICMP and ICMPv6 do alike. */
#ifndef LG_NET_ICMP_H
#define LG_NET_ICMP_H

#include "net/net_if.h"

/* Answers the echo request at rx->off with a reply of type `reply`, within the rate limit. */
enum net_verdict net_icmp_echo(struct net_rx *rx, uint8_t reply);

/*
 * Fills rx->err from a quoted packet (addresses already known) whose TCP header is at rx->off + at.
 * Only what we may have sent is believed: our address as source, and the error addressed to it.
 */
enum net_verdict net_icmp_quoted_tcp(struct net_rx *rx, uint32_t at, const struct lg_ip *local,
	const struct lg_ip *remote, int kind, uint32_t mtu);

#endif
