/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A deterministic world around the whole gateway: lib/net, flow, tcp, tls, http and proxy as a
 * worker composes them, between simulated clients and servers on stacks of their own. Three hosts,
 * two networks, a virtual clock that jumps from event to event. Everything follows from one seed.
 *
 *   clients ==== links, one pair per client address ==== gateway ==== one pair of links ====
 * servers
 */
#ifndef LG_SIM_GATEWAY_H
#define LG_SIM_GATEWAY_H

#include "core.h"
#include "end.h"
#include "proxy/proxy.h"
#include "wire.h"

#define GW_CLIENTS   16
#define GW_REQUESTS  6
#define GW_MEMBERS   (GW_CLIENTS * GW_REQUESTS * 2)
#define GW_ADDRESSES 4 /* of the clients: two of each family */
#define GW_PIECE     4096

enum gw_host { GW_CLIENT, GW_GATEWAY, GW_SERVER, GW_HOSTS };
enum gw_port_id { GW_P_CLIENT, GW_P_EXTERNAL, GW_P_INTERNAL, GW_P_SERVER, GW_PORTS };

struct gw;

/* A host's interface; the port at the other end of the wire is id ^ 1. */
struct gw_port {
	struct gw *w;
	enum gw_port_id id;
	enum gw_host host;
	struct net_if *nif;
	uint64_t sent, received; /* frames */
};

/* ---- what clients ask for ---- */

enum gw_answer {
	GW_A_LENGTH,
	GW_A_CHUNKED,
	GW_A_EMPTY,
	GW_A_CLOSE, /* Connection: close */
	GW_A_SLOW,  /* dripping */
	GW_A_INTERIM,
	GW_A_GOOD, /* those before do their duty */
	GW_A_UNTIL_CLOSE = GW_A_GOOD,
	GW_A_CUT,    /* ends before its length */
	GW_A_RESET,  /* RST amid the body */
	GW_A_SILENT, /* never */
	GW_A_BAD,    /* not HTTP */
	GW_ANSWERS
};

/* The request says in its path what it wants to be answered. */
struct gw_request {
	enum gw_answer answer;
	uint32_t up, down; /* bytes of the bodies */
	lg_us delay;       /* of the answer */
	bool post, chunked, other_pool;
	unsigned seen; /* times a server got its head */
	bool answered; /* completely, with the right bytes */
	bool refused;  /* by the gateway itself */
};

/* ---- messages, as they come in ---- */

enum gw_framing { GW_NO_BODY, GW_LENGTH, GW_CHUNKED, GW_UNTIL_END };
enum gw_news { GW_MORE, GW_HEAD, GW_DONE, GW_BROKEN, GW_WRONG_BYTE };

/* Reads heads and bodies of a stream, one message after the other. */
struct gw_msg {
	enum { MSG_HEAD, MSG_BODY, MSG_CHUNK_LINE, MSG_CHUNK, MSG_CHUNK_END, MSG_LAST } state;
	char line[2048]; /* the head, or a chunk's line; NUL-terminated */
	unsigned n_line;
	bool until_end;
	bool checked; /* the body's bytes are those of `stream` */
	uint64_t seed, stream;
	uint64_t left, offset; /* offset: bytes of the body so far */
};

/* Takes from *p; call again while it says other than GW_MORE. After GW_HEAD call gw_msg_body(). */
enum gw_news gw_msg_feed(struct gw_msg *m, const uint8_t **p, size_t *n);
/* What follows the head; checked: the bytes are gw_stream's. */
void gw_msg_body(
	struct gw_msg *m, enum gw_framing framing, uint64_t length, bool checked, uint64_t stream);
/* The value of a field of the head, up to its CR; NULL when it isn't there. */
const char *gw_msg_field(const struct gw_msg *m, const char *name);
enum gw_framing gw_msg_framing(const struct gw_msg *m, uint64_t *length);
/* The stream of bytes of a request's body (or its answer's). */
uint64_t gw_stream(unsigned client, unsigned request, bool answer);

/* ---- who plays ---- */

enum gw_leave {
	GW_L_FIN,     /* after the last answer */
	GW_L_IDLE,    /* waits until the gateway closes */
	GW_L_ABORT,   /* RST at leave_at */
	GW_L_HALF,    /* FIN at leave_at, and reads on */
	GW_L_RELEASE, /* goes away at leave_at without a word */
	GW_LEAVES
};

struct gw_client {
	struct end e;
	struct gw *w;
	unsigned number;
	lg_us start;
	bool started, faithful, tls, v6, sent_fin;
	uint32_t rcv_buf;
	struct gw_request req[GW_REQUESTS];
	unsigned n_requests, window; /* of requests under way */
	unsigned writing;            /* the request that is being written */
	bool head_written;
	uint32_t body_written;
	unsigned answering; /* the request whose answer is being read */
	struct gw_msg in;
	bool mine; /* the answer being read comes from a server */
	bool wake_armed;
	lg_us think, resume_at; /* slow readers */
	uint32_t max_write;
	enum gw_leave leave;
	lg_us leave_at;
	lg_us done_at;
};

/* A connection to a server, played by the server. */
struct gw_member {
	struct end e;
	struct gw *w;
	unsigned number;
	int client; /* whose requests it carries; -1: none yet */
	unsigned request;
	struct gw_msg in;
	bool wake_armed, answering, head_written, finished;
	lg_us answer_at, next_write;
	uint32_t body_written;
};

/* What the wire has shown of a connection: bytes as they were first sent, -1 where not seen yet. */
struct gw_flow {
	struct lg_ip opener, listener;
	uint16_t oport, lport;
	int network; /* 0: external */
	struct sim_wire wire;
	struct {
		int16_t *bytes;
		uint32_t n, room;
	} dir[2];
};

/* What is made once per process and is the same for all worlds. */
struct gw_lab;
struct gw_lab *gw_lab_create(void);
void gw_lab_free(struct gw_lab *lab);

struct gw {
	uint64_t seed;
	struct sim_rng rng;
	bool trace;
	lg_us now, start, deadline;
	uint64_t hash; /* of all that was on the wires */
	struct sim_queue queue;
	const struct gw_lab *lab;
	struct rte_mempool *pool[GW_HOSTS], *indirect[GW_HOSTS], *wire;
	struct tcp_stack *stack[GW_HOSTS];
	struct flow_ports *ports[GW_HOSTS]; /* the servers have none */
	struct gw_port port[GW_PORTS];
	struct lg_ip address[GW_ADDRESSES];                           /* of the clients */
	struct sim_link client_link[GW_ADDRESSES][2], server_link[2]; /* 0: from the opener */
	const struct conf *conf;
	bool tls_front, tls_back;
	enum tls_version tls_version;
	unsigned cc; /* of the gateway: index in sim_cc_names */
	struct tls_worker *tls, *peers_tls;
	struct tls_client *tls_client; /* played clients */
	struct tls_server *tls_member; /* played servers */
	struct proxy *proxy;
	bool busy;                         /* the proxy wants another turn */
	bool generous, small_pool, drains; /* timeouts; what kind of world */
	bool exhausts;
	struct net_pkt batch[GW_HOSTS][NET_BURST];
	unsigned n_batch[GW_HOSTS];
	lg_us next_tick;
	unsigned unmeasured; /* packets since the gateway heard of its pool */
	uint32_t highest;    /* pressure that was reached */
	struct rte_mbuf *taken[4096];
	unsigned n_taken;
	struct gw_client client[GW_CLIENTS];
	unsigned n_clients;
	struct gw_member member[GW_MEMBERS];
	unsigned n_members;
	struct gw_flow *flows;
	unsigned n_flows, flow_room;
	uint64_t frames, lost, segs_in[GW_HOSTS], segs_out[GW_HOSTS];
	unsigned n_access;
};

/* Says what is wrong, with the seed, and ends the program. */
void gw_fail(const struct gw *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
#define GW_CHECK(w, x)                                                                             \
	do {                                                                                       \
		if (!(x))                                                                          \
			gw_fail((w), "%s:%d: %s", __FILE__, __LINE__, #x);                         \
	} while (0)

/* gw_lab.c */
extern const char *const gw_hosts[]; /* names: [0] and [1] of the two pools */
const struct conf *gw_lab_conf(struct gw_lab *lab, const struct gw *w);
void gw_lab_equip(const struct gw_lab *lab, struct gw *w);

bool gw_lab_idle(const struct gw_lab *lab, const char **which);

/* gw_world.c: what kind of world a seed makes, and the gateway in it */
void gw_world_create(struct gw *w, struct gw_lab *lab, uint64_t seed, bool trace);
void gw_world_free(struct gw *w);
struct lg_ip gw_ip(const char *text);
/* Bytes of a player's buffer. With TLS a whole record has to fit (of 16 KiB, in small segments). */
uint32_t gw_buffer(struct gw *w, bool tls);
extern const struct gw_site {
	const char *gateway4, *gateway6, *inside4, *inside6, *router4, *router6;
	const char *clients[GW_ADDRESSES];
	const char *servers[3];
} gw_site;

/* gw_wire.c */
uint16_t gw_transmit(void *ctx, struct rte_mbuf **frames, uint16_t n);
/* A segment that has passed the host's checks at this port. */
void gw_arrived(struct gw_port *p, const struct net_pkt *pkt);
void gw_flows_free(struct gw *w);

/* gw_icmp.c: "packet too big" about a frame, from a router; takes frame. NULL: nothing to say. */
struct rte_mbuf *gw_icmp_too_big(struct rte_mbuf *frame, uint32_t mtu);

/* gw_client.c, gw_server.c */
void gw_client_random(struct gw *w, unsigned number);
void gw_client_connect(struct gw *w, struct gw_client *c);
void gw_client_event(struct gw_client *c, unsigned events);
void gw_client_run(struct gw_client *c);
void gw_member_accept(struct gw *w, struct tcp_conn *c, unsigned events);
void gw_member_event(struct gw_member *m, unsigned events);
void gw_member_run(struct gw_member *m);

/* gw_check.c */
void gw_check_conns(struct gw *w);
void gw_check_end(struct gw *w);

/* gw_random.c: time and randomness that OpenSSL and lib/ take from the system follow the seed. */
void gw_random_init(void);
void gw_random_seed(uint64_t seed);
void gw_clock_set(lg_us now);

#endif
