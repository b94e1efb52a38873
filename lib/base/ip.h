/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_IP_H
#define LG_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * One address type for both IP versions: 16 bytes in network order; IPv4 is held v4-mapped
 * (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2). Prefix lengths are 0..128 on this form, so an IPv4
 * /24 is 120. Such mapped addresses never appear on a wire (net drops IPv6 packets that carry
 * them).
 */
struct lg_ip {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t q[2];
	};
};

static inline bool lg_ip_is_v4(const struct lg_ip *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(ip->b, mapped, sizeof(mapped)) == 0;
}

static inline bool lg_ip_eq(const struct lg_ip *a, const struct lg_ip *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

/* be: IPv4 address in network byte order. */
static inline struct lg_ip lg_ip_from_v4(uint32_t be)
{
	struct lg_ip ip = {.w = {0, 0, 0, be}};
	ip.b[10] = ip.b[11] = 0xff;
	return ip;
}

static inline uint32_t lg_ip_v4(const struct lg_ip *ip)
{
	return ip->w[3];
}

static inline bool lg_ip_is_zero(const struct lg_ip *ip)
{
	return (ip->q[0] | ip->q[1]) == 0;
}

/* True when ip lies in net/len (len on the 128-bit form). */
bool lg_ip_in_prefix(const struct lg_ip *ip, const struct lg_ip *net, unsigned len);

#define LG_IP_STRLEN 48
/* Writes "203.0.113.1" or "2001:db8::1" into buf (LG_IP_STRLEN bytes) and returns buf. */
const char *lg_ip_str(const struct lg_ip *ip, char buf[LG_IP_STRLEN]);
/* Parses dotted IPv4 or IPv6 text. 0, or -EINVAL. v4-mapped text ("::ffff:1.2.3.4") is refused. */
int lg_ip_parse(const char *text, struct lg_ip *out);

#endif
