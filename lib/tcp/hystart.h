/* SPDX-License-Identifier: BSD-3-Clause */
/* HyStart++ (RFC 9406): leaving slow start when the round-trip time grows, before losses do it. */
#ifndef LG_TCP_HYSTART_H
#define LG_TCP_HYSTART_H

#include "tcp/cc.h"

void hystart_init(struct tcp_hystart *h, uint32_t snd_nxt);
/* Slow start ended by a loss: it is not watched any more. */
void hystart_stop(struct tcp_hystart *h);
/*
 * An ACK in slow start. Returns the bytes by which cwnd may grow; 0 and h->done when congestion
 * avoidance begins (the caller sets ssthresh).
 */
uint32_t hystart_on_ack(struct tcp_conn *c, struct tcp_hystart *h, const struct tcp_ack_info *a);

#endif
