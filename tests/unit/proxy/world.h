/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world in one process under a virtual clock: a client's TCP stack, the gateway's stack with the
 * real proxy on it, and a pool's stack, joined by links that copy each segment and deliver it 100
 * us later. The tests play clients and pool members in text.
 */
#ifndef LG_TEST_WORLD_H
#define LG_TEST_WORLD_H

#include "eal.h"

#include "proxy/proxy.h"

#define WORLD_CONNS 64
#define WORLD_TEXT  (1u << 20)

/* One end of a connection, played by the test. */
struct end {
	struct tcp_conn *tcp;
	char *text; /* everything received, NUL-terminated */
	size_t len;
	bool paused; /* don't read */
	bool connected, eof, closed;
	enum tcp_reason reason;
	uint16_t port; /* pool: the port that was connected to */
};

struct world {
	lg_us now;
	struct conf *conf;
	struct tcp_stack *client, *gateway, *pool;
	struct flow_ports *client_ports, *gateway_ports;
	struct tls_shared *tls_shared;
	struct tls_worker *tls;
	struct proxy *proxy;
	struct end clients[WORLD_CONNS], members[WORLD_CONNS];
	unsigned n_clients, n_members;
	struct proxy_access last; /* last access record */
	unsigned n_access;
	unsigned mbufs_idle; /* before anything happened */
	bool cut;            /* nothing is delivered to or from the pool */
};

/* The configuration's text may use 203.0.113.10 (gateway outside), 10.0.0.10 (inside), 10.0.0.11
 * and .12. */
struct world *world_new(const char *yaml);
/* Ends everything and checks that nothing leaked. */
void world_free(struct world *w);
/* Lets `us` of virtual time pass. */
void world_run(struct world *w, lg_us us);
/* The pool listens on ip:port ("10.0.0.11"). */
void world_listen(struct world *w, const char *ip, uint16_t port);
/* A new client connection to the gateway's port (handshake done when it returns). */
struct end *world_connect(struct world *w, uint16_t port);
void end_send(struct world *w, struct end *e, const char *text);
void end_send_bytes(struct world *w, struct end *e, const void *data, size_t n);
void end_shutdown(struct world *w, struct end *e);
void end_reset(struct world *w, struct end *e);
/* Forgets what was received so far. */
void end_clear(struct end *e);

#define assert_received(e, what)                                                                   \
	do {                                                                                       \
		if (strstr((e)->text, (what)) == NULL) {                                           \
			print_error("expected >>%s<< in >>%s<<\n", (what), (e)->text);             \
			assert_non_null(strstr((e)->text, (what)));                                \
		}                                                                                  \
	} while (0)

#endif
