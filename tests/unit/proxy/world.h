/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A world in one process under a virtual clock: a client's TCP stack, the gateway's stack with the
 * real proxy on it, and a pool's stack, joined by links that copy each segment and deliver it 100
 * us later. The tests play clients and pool members in text; TLS is put on and taken off here, so
 * the same test runs in every mode.
 */
#ifndef LG_TEST_WORLD_H
#define LG_TEST_WORLD_H

#include "eal.h"

#include "end.h"
#include "proxy/proxy.h"

#define WORLD_CONNS 64
#define WORLD_TEXT  (1u << 20)

/* What lies on the client's and on the pool's connections. */
enum world_mode { WORLD_PLAIN, WORLD_TLS_1_3, WORLD_TLS_1_2, WORLD_TLS_FRONT, WORLD_MODES };
extern enum world_mode world_mode;
/* More entries for limits:, ", key: value"; read by world_new(). */
extern const char *world_limits;
const char *world_mode_name(enum world_mode m);

struct world {
	lg_us now;
	struct conf *conf;
	struct tcp_stack *client, *gateway, *pool;
	struct flow_ports *client_ports, *gateway_ports;
	struct tls_shared *tls_shared;
	struct tls_worker *tls, *peers_tls;
	struct tls_client *tls_client; /* played clients */
	struct tls_server *tls_member; /* played members */
	struct proxy *proxy;
	struct end clients[WORLD_CONNS], members[WORLD_CONNS];
	unsigned n_clients, n_members;
	struct proxy_access last; /* last access record */
	unsigned n_access;
	unsigned mbufs_idle[2]; /* before anything happened: the peers', the gateway's */
	struct rte_mbuf *held;  /* taken away from the gateway */
	bool mute_members;      /* new members accept and then neither read nor write */
	bool cut;               /* nothing is delivered to or from the pool */
};

/* Pools, routes and listeners as in world.c; no member listens yet. */
struct world *world_new(void);
/* The same, and the first member of each pool listens. */
struct world *world_start(void);
/* Ends everything and checks that nothing leaked. */
void world_free(struct world *w);
/* Teardown: takes back what a test that failed in its middle has left, so that the next can run. */
int world_abandon(void **state);
/* Lets `us` of virtual time pass. */
void world_run(struct world *w, lg_us us);
/* The pool listens on ip ("10.0.0.11"), on its plain and its TLS port. */
void world_listen(struct world *w, const char *ip);
/* A new client connection to the mode's listener (handshakes done when it returns). */
struct end *world_connect(struct world *w);
/* The same, with a receive buffer of so many bytes. */
struct end *world_connect_small(struct world *w, uint32_t rcv_buf);
/* A new client connection without TLS to a port, whatever the mode. */
struct end *world_connect_raw(struct world *w, uint16_t port);
/* Leaves the gateway `leave` mbufs; ~0u gives all back. */
void world_hold_mbufs(struct world *w, unsigned leave);

void end_send(struct world *w, struct end *e, const char *text);
void end_send_bytes(struct world *w, struct end *e, const void *data, size_t n);
/* Queues only: the world stands still. */
void end_queue(struct world *w, struct end *e, const void *data, size_t n);
/* close_notify where there is TLS, then FIN. */
void end_shutdown(struct world *w, struct end *e);
void end_queue_shutdown(struct world *w, struct end *e);
/* FIN alone. */
void end_fin(struct world *w, struct end *e);
void end_reset(struct world *w, struct end *e);
/* Reads what has come, and goes on reading. */
void end_resume(struct world *w, struct end *e);
/* Forgets what was received so far. */
void end_clear(struct end *e);

/* ---- ends.c, for world.c ---- */
/* Keeps text, NUL-terminated. */
void end_keep_text(struct end *e, struct lg_chain *plain);
struct rte_mempool *world_mbufs(void);
struct rte_mempool *world_gateway_mbufs(void);

#define WORLD_TEST(f) cmocka_unit_test_teardown(f, world_abandon)

#define assert_received(e, what)                                                                   \
	do {                                                                                       \
		if (strstr((e)->text, (what)) == NULL) {                                           \
			print_error("expected >>%s<< in >>%s<<\n", (what), (e)->text);             \
			assert_non_null(strstr((e)->text, (what)));                                \
		}                                                                                  \
	} while (0)

#endif
