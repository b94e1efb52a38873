/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "net/net_if.h"

/*
 * The sum is kept in 64 bits of 32-bit words: 2^32 words fit before it could overflow, far more
 * than any packet. A sum of bytes that start at an odd offset is the byte-swapped sum (RFC
 * 1071 2.B).
 */
uint64_t net_sum(uint64_t sum, const void *data, size_t len, bool odd)
{
	const uint8_t *p = data;
	uint64_t part = 0;
	uint32_t word;
	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		part += word;
	}
	word = 0;
	memcpy(&word, p, len);
	part += word;
	if (odd)
		part = rte_bswap16(net_sum_fold(part));
	return sum + part;
}

uint64_t net_sum_mbuf(uint64_t sum, const struct rte_mbuf *m, uint32_t off, uint32_t end)
{
	uint32_t left = end - off;
	bool odd = false;
	while (left > 0 && off >= m->data_len) {
		off -= m->data_len;
		m = m->next;
	}
	for (; left > 0; m = m->next) {
		uint32_t n = LG_MIN(left, m->data_len - off);
		sum = net_sum(sum, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n, odd);
		odd ^= n & 1;
		left -= n;
		off = 0;
	}
	return sum;
}

uint64_t net_sum_pseudo(
	const struct lg_ip *src, const struct lg_ip *dst, uint8_t proto, uint32_t len)
{
	uint64_t sum = (uint64_t)net_be32(proto) + net_be32(len);
	if (lg_ip_is_v4(src))
		return sum + lg_ip_v4(src) + lg_ip_v4(dst);
	return net_sum(net_sum(sum, src->b, 16, false), dst->b, 16, false);
}

uint16_t net_sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}
