/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of a connection that a test or the simulator plays: plaintext in and out, with TLS under
 * it or not, so that the same player runs in every mode.
 */
#ifndef LG_TEST_END_H
#define LG_TEST_END_H

#include "tcp/tcp.h"
#include "tls/tls.h"

struct end {
	struct tcp_conn *tcp; /* NULL: gone */
	struct tls_conn *tls; /* NULL on plain connections */
	/* Gets what was received, and empties it. */
	void (*take)(struct end *e, struct lg_chain *plain);
	char *text; /* of players that keep everything: NUL-terminated */
	size_t len;
	bool paused;    /* don't read */
	bool connected; /* the player may send */
	bool eof;       /* FIN, or close_notify */
	bool clean;     /* the end was a real one: close_notify where there is TLS */
	bool tls_failed;
	bool closed;
	enum tcp_reason reason;
	uint16_t port; /* pool: the port that was connected to */
	void *user;
};

/* What TCP reports. After TCP_EV_CLOSED the connection is gone. */
void end_event(struct end *e, unsigned events, lg_us now);
/* Reads what has come, unless paused. */
void end_read(struct end *e);
/* Queues n bytes; mbufs come from pool, which must have them. */
void end_write(struct end *e, struct rte_mempool *pool, const void *data, size_t n, lg_us now);
/* close_notify where there is TLS, then FIN. */
void end_finish(struct end *e);
/* RST. */
void end_abort(struct end *e, lg_us now);
void end_free(struct end *e);

#endif
