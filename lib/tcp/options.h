/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_TCP_OPTIONS_H
#define LG_TCP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_MAX_OPTION_BYTES 40
#define TCP_MAX_SACK_BLOCKS  4

enum {
	TCPOPT_EOL = 0,
	TCPOPT_NOP = 1,
	TCPOPT_MSS = 2,
	TCPOPT_WSCALE = 3,
	TCPOPT_SACK_PERMITTED = 4,
	TCPOPT_SACK = 5,
	TCPOPT_TIMESTAMP = 8,
};

struct tcp_sack_block {
	uint32_t start, end;
};

/* The options of one segment, those we know. */
struct tcp_options {
	bool has_mss, has_wscale, has_ts, sack_permitted;
	uint8_t wscale;
	uint8_t n_sack;
	uint16_t mss;
	uint32_t tsval, tsecr;
	struct tcp_sack_block sack[TCP_MAX_SACK_BLOCKS];
};

/*
 * Parses the option bytes behind a TCP header. Unknown options, and known ones of a wrong length,
 * are skipped (MUST-6). 0, or -EINVAL when a length is below 2 or runs past len (MUST-7); *o then
 * holds what came before.
 */
int tcp_options_parse(const uint8_t *p, unsigned len, struct tcp_options *o);

/* Bytes that tcp_options_write() needs for o, padded to a multiple of 4. */
unsigned tcp_options_len(const struct tcp_options *o);
/* Writes o to p (room for TCP_MAX_OPTION_BYTES). Returns the bytes, a multiple of 4. */
unsigned tcp_options_write(uint8_t *p, const struct tcp_options *o);

#endif
