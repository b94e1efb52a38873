/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/flow.h"

#include <string.h>

#define KEY_MIN         (FLOW_TOEPLITZ_NIBBLES / 2 + 4) /* bytes that the longest input reaches */
#define DEFAULT_KEY_LEN 40
#define RETA_MAX        LG_ARRAY_SIZE(((struct flow_steer *)0)->reta)

/* The 32 key bits from bit `at` on. */
static uint32_t key_window(const uint8_t *key, unsigned at)
{
	const uint8_t *p = key + at / 8;
	uint64_t bits = (uint64_t)p[0] << 32 | (uint64_t)p[1] << 24 | (uint64_t)p[2] << 16 |
			(uint64_t)p[3] << 8 | p[4];
	return (uint32_t)(bits >> (8 - at % 8));
}

static void toeplitz_prepare(uint32_t table[FLOW_TOEPLITZ_NIBBLES][16], const uint8_t key[64])
{
	for (unsigned pos = 0; pos < FLOW_TOEPLITZ_NIBBLES; pos++) {
		for (unsigned value = 0; value < 16; value++) {
			uint32_t sum = 0;
			for (unsigned bit = 0; bit < 4; bit++)
				if (value & (8u >> bit))
					sum ^= key_window(key, pos * 4 + bit);
			table[pos][value] = sum;
		}
	}
}

static unsigned put_bytes(uint8_t *in, unsigned at, const uint8_t *b, unsigned n)
{
	memcpy(in + at, b, n);
	return at + n;
}

/* The input is source, destination, source port, destination port, in network order. */
static uint32_t toeplitz(const uint32_t table[FLOW_TOEPLITZ_NIBBLES][16], const struct lg_ip *src,
	uint16_t sport, const struct lg_ip *dst, uint16_t dport)
{
	const uint8_t ports[4] = {
		(uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8), (uint8_t)dport};
	unsigned skip = lg_ip_is_v4(src) ? 12 : 0, n = 0;
	uint8_t in[FLOW_TOEPLITZ_NIBBLES / 2];
	n = put_bytes(in, n, src->b + skip, 16 - skip);
	n = put_bytes(in, n, dst->b + skip, 16 - skip);
	n = put_bytes(in, n, ports, sizeof(ports));
	uint32_t hash = 0;
	for (unsigned i = 0; i < n; i++)
		hash ^= table[2 * i][in[i] >> 4] ^ table[2 * i + 1][in[i] & 15];
	return hash;
}

static bool has_rss(const struct net_port *port)
{
	return port != NULL && port->rss_key_len >= KEY_MIN && port->reta_size > 0;
}

/*
 * Without RSS, or where the port has fewer queues than there are workers, we spread the connections
 * over all workers ourselves and hand the packets over. The key of repeated 0x6d5a makes the hash
 * symmetric.
 */
static void front_default(struct flow_steer *s)
{
	static const uint8_t word[2] = {0x6d, 0x5a};
	for (unsigned i = 0; i < DEFAULT_KEY_LEN; i++)
		s->key[i] = word[i % 2];
	s->key_len = DEFAULT_KEY_LEN;
	s->reta_size = RETA_MAX;
	for (unsigned i = 0; i < RETA_MAX; i++)
		s->reta[i] = (uint16_t)(i % s->n_workers);
}

static void front_from_port(struct flow_steer *s, const struct net_port *ext)
{
	s->key_len = (uint8_t)LG_MIN((size_t)ext->rss_key_len, sizeof(s->key));
	memcpy(s->key, ext->rss_key, s->key_len);
	s->reta_size = (uint16_t)LG_MIN((size_t)ext->reta_size, RETA_MAX);
	for (unsigned i = 0; i < s->reta_size; i++)
		s->reta[i] = (uint16_t)(ext->reta[i] % s->n_workers);
}

static void back_from_port(struct flow_steer *s, const struct net_port *in)
{
	s->back_key_len = (uint8_t)LG_MIN((size_t)in->rss_key_len, sizeof(s->back_key));
	memcpy(s->back_key, in->rss_key, s->back_key_len);
	s->back_reta_size = (uint16_t)LG_MIN((size_t)in->reta_size, RETA_MAX);
	memcpy(s->back_reta, in->reta, s->back_reta_size * sizeof(s->back_reta[0]));
	toeplitz_prepare(s->back_toeplitz, s->back_key);
}

void flow_steer_init(struct flow_steer *s, unsigned n_workers, const struct net_port *ext,
	const struct net_port *in)
{
	LG_ASSERT(n_workers > 0);
	memset(s, 0, sizeof(*s));
	s->n_workers = n_workers;
	if (has_rss(ext) && ext->n_rxq >= n_workers)
		front_from_port(s, ext);
	else
		front_default(s);
	toeplitz_prepare(s->toeplitz, s->key);
	if (has_rss(in))
		back_from_port(s, in);
}

uint32_t flow_hash_front(const struct flow_steer *s, const struct lg_ip *remote, uint16_t rport,
	const struct lg_ip *local, uint16_t lport)
{
	return toeplitz(s->toeplitz, remote, rport, local, lport);
}

unsigned flow_owner_front(const struct flow_steer *s, const struct lg_ip *remote, uint16_t rport,
	const struct lg_ip *local, uint16_t lport)
{
	return s->reta[flow_hash_front(s, remote, rport, local, lport) % s->reta_size];
}

int flow_back_queue(const struct flow_steer *s, const struct lg_ip *remote, uint16_t rport,
	const struct lg_ip *local, uint16_t lport)
{
	if (s->back_key_len == 0)
		return -1;
	return s->back_reta[toeplitz(s->back_toeplitz, remote, rport, local, lport) %
			    s->back_reta_size];
}
