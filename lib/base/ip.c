/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>

bool lg_ip_in_prefix(const struct lg_ip *ip, const struct lg_ip *net, unsigned len)
{
	unsigned bytes = len / 8, bits = len % 8;
	if (len > 128 || memcmp(ip->b, net->b, bytes) != 0)
		return false;
	return bits == 0 || ((ip->b[bytes] ^ net->b[bytes]) >> (8 - bits)) == 0;
}

const char *lg_ip_str(const struct lg_ip *ip, char buf[LG_IP_STRLEN])
{
	if (lg_ip_is_v4(ip))
		inet_ntop(AF_INET, &ip->b[12], buf, LG_IP_STRLEN);
	else
		inet_ntop(AF_INET6, ip->b, buf, LG_IP_STRLEN);
	return buf;
}

int lg_ip_parse(const char *text, struct lg_ip *out)
{
	struct lg_ip ip;
	uint32_t v4;
	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = lg_ip_from_v4(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, ip.b) != 1 || lg_ip_is_v4(&ip))
		return -EINVAL;
	*out = ip;
	return 0;
}
