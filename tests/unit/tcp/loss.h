/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A path on which segments get lost. They have 1460 bytes; segment i is the one whose first byte is
 * 1 + i * 1460.
 */
#ifndef LG_TEST_TCP_LOSS_H
#define LG_TEST_TCP_LOSS_H

#include "peer.h"

#define MSS   1460u
#define AT(i) (1 + (i)*MSS)
#define RTT   LG_MS(40)
/* The same with timestamps in every segment. */
#define TS_MSS   1448u
#define TS_AT(i) (1 + (i)*TS_MSS)
#define SLACK    LG_MS(5) /* RACK_SLACK */

/* A connection with SACK over a path of RTT: the handshake has measured it. */
static inline void open_path(struct peer *p, bool ts)
{
	struct tcp_options o = peer_syn_options();

	peer_start(p);
	peer_listen(p);
	o.sack_permitted = true;
	p->ts = ts;
	p->tsval = 1;
	peer_send_opt(p, F_SYN, 0, 0, &o, NULL, 0);
	p->tsecr = expect(p, F_SYN | F_ACK, 0, 1, 0)->opt.tsval;
	peer_advance(p, RTT);
	peer_send(p, F_ACK, 1, 1);
	expect_none(p);
	assert_int_equal(peer_events(p), TCP_EV_ACCEPTED);
	assert_int_equal(p->c->srtt, RTT);
}

/* Queues n segments; those that leave at once are forgotten. */
static inline void queue(struct peer *p, unsigned first, unsigned n)
{
	user_send(p, AT(first), n * MSS);
	expect_skip(p);
}

/* The peer holds segments a to b - 1 above `ack` segments. */
static inline void sack(struct peer *p, unsigned ack, unsigned a, unsigned b)
{
	peer_sack(p, AT(a), AT(b));
	peer_send(p, F_ACK, 1, AT(ack));
}

static inline void expect_seg(struct peer *p, unsigned i)
{
	expect(p, F_ACK, AT(i), 1, MSS);
}

#endif
