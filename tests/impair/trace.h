/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What went into the wire and what became of it, one line of text per TCP segment over IPv4, as the
 * sender's end of the wire sees it:
 *
 *     0.031204 down 80>40312 1449:2897 ack 187 win 65535 +0.010240
 *     0.031443 down 80>40312 2897:4345 ack 187 win 65535 lost
 *     0.051702 up   40312>80 . ack 2897 win 1002 sack 4345-5793 +0.010010
 *
 * Seconds since the first; sequence numbers count from the SYN's, windows are not scaled; then how
 * long it is under way, or why it doesn't arrive.
 */
#ifndef IMPAIR_TRACE_H
#define IMPAIR_TRACE_H

#include <stdio.h>

#include "link.h"

#define TRACE_FLOWS 64u

struct trace_flow {
	uint32_t ports;  /* the client's, the server's */
	uint32_t isn[2]; /* down, up */
};

struct trace {
	FILE *out; /* NULL: nothing is written */
	uint64_t begin;
	uint32_t flow_count;
	struct trace_flow flows[TRACE_FLOWS];
};

void trace_frame(struct trace *trace, uint64_t now, bool up, const unsigned char *data,
	uint32_t len, const struct link_fate *fate);

#endif
