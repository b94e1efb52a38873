/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "tcp/options.h"

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

static void parse_sack(const uint8_t *v, unsigned vlen, struct tcp_options *o)
{
	if (vlen % 8 != 0 || vlen > 8 * TCP_MAX_SACK_BLOCKS)
		return;
	o->n_sack = (uint8_t)(vlen / 8);
	for (unsigned i = 0; i < o->n_sack; i++) {
		o->sack[i].start = get32(v + 8 * i);
		o->sack[i].end = get32(v + 8 * i + 4);
	}
}

/* v: the value of option `kind`, vlen bytes (without kind and length). */
static void parse_one(uint8_t kind, const uint8_t *v, unsigned vlen, struct tcp_options *o)
{
	switch (kind) {
	case TCPOPT_MSS:
		if (vlen != 2)
			return;
		o->has_mss = true;
		o->mss = get16(v);
		return;
	case TCPOPT_WSCALE:
		if (vlen != 1)
			return;
		o->has_wscale = true;
		o->wscale = v[0];
		return;
	case TCPOPT_SACK_PERMITTED:
		if (vlen == 0)
			o->sack_permitted = true;
		return;
	case TCPOPT_SACK:
		parse_sack(v, vlen, o);
		return;
	case TCPOPT_TIMESTAMP:
		if (vlen != 8)
			return;
		o->has_ts = true;
		o->tsval = get32(v);
		o->tsecr = get32(v + 4);
		return;
	}
}

int tcp_options_parse(const uint8_t *p, unsigned len, struct tcp_options *o)
{
	memset(o, 0, sizeof(*o));
	for (unsigned i = 0; i < len;) {
		uint8_t kind = p[i];
		if (kind == TCPOPT_EOL)
			return 0;
		if (kind == TCPOPT_NOP) {
			i++;
			continue;
		}
		if (len - i < 2 || p[i + 1] < 2 || p[i + 1] > len - i)
			return -EINVAL;
		parse_one(kind, p + i + 2, p[i + 1] - 2u, o);
		i += p[i + 1];
	}
	return 0;
}

unsigned tcp_options_len(const struct tcp_options *o)
{
	unsigned n = 0;
	if (o->has_mss)
		n += 4;
	if (o->has_wscale)
		n += 4;
	if (o->has_ts)
		n += 12;
	else if (o->sack_permitted)
		n += 4;
	if (o->n_sack > 0)
		n += 4 + 8u * o->n_sack;
	return n;
}

/* SACK-permitted takes the place of the two NOPs in front of the timestamps, as most stacks do. */
static uint8_t *write_ts(uint8_t *p, const struct tcp_options *o)
{
	if (o->sack_permitted) {
		*p++ = TCPOPT_SACK_PERMITTED;
		*p++ = 2;
	} else if (o->has_ts) {
		*p++ = TCPOPT_NOP;
		*p++ = TCPOPT_NOP;
	}
	if (!o->has_ts) {
		if (o->sack_permitted) {
			*p++ = TCPOPT_NOP;
			*p++ = TCPOPT_NOP;
		}
		return p;
	}
	*p++ = TCPOPT_TIMESTAMP;
	*p++ = 10;
	p = put32(p, o->tsval);
	return put32(p, o->tsecr);
}

static uint8_t *write_sack(uint8_t *p, const struct tcp_options *o)
{
	if (o->n_sack == 0)
		return p;
	*p++ = TCPOPT_NOP;
	*p++ = TCPOPT_NOP;
	*p++ = TCPOPT_SACK;
	*p++ = (uint8_t)(2 + 8 * o->n_sack);
	for (unsigned i = 0; i < o->n_sack; i++) {
		p = put32(p, o->sack[i].start);
		p = put32(p, o->sack[i].end);
	}
	return p;
}

unsigned tcp_options_write(uint8_t *p, const struct tcp_options *o)
{
	uint8_t *start = p;
	LG_ASSERT(tcp_options_len(o) <= TCP_MAX_OPTION_BYTES);
	if (o->has_mss) {
		*p++ = TCPOPT_MSS;
		*p++ = 4;
		*p++ = (uint8_t)(o->mss >> 8);
		*p++ = (uint8_t)o->mss;
	}
	p = write_ts(p, o);
	if (o->has_wscale) {
		*p++ = TCPOPT_NOP;
		*p++ = TCPOPT_WSCALE;
		*p++ = 3;
		*p++ = o->wscale;
	}
	p = write_sack(p, o);
	return (unsigned)(p - start);
}
