/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire of scripts/bench flood: puts what real kernel clients send (port 1, af_packet) and
 * forged packets made here onto one memif (port 0), mixed in bursts, so that both stand in the same
 * queue of the gateway's. What finds the ring full is lost, forged or real, as on a NIC. Answers to
 * forged sources end here; with `connect` they are answered, without any state: open connections
 * that say one byte.
 *
 *   flood EAL-OPTIONS -- ATTACK PACKETS-PER-SECOND GATEWAY-MAC GATEWAY-IP PORT
 * NETWORK-OF-CLIENTS/24
 *
 * Packets per second 0: as fast as it goes. One line of counts on standard output each second.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#define GATEWAY   0
#define CLIENTS   1
#define BURST     32
#define RING      2048
#define MBUFS     16383
#define SYN_BYTES 20 /* of options: what an ordinary client offers */

enum attack { NONE, SYN, ACK, RST, UDP, CONNECT, N_ATTACKS };
static const char *const attack_names[N_ATTACKS] = {"none", "syn", "ack", "rst", "udp", "connect"};

#define COUNTS(X) X(forged) X(forged_lost) X(real_in) X(real_lost) X(real_out) X(synacks) X(resets)
struct counts {
#define X(name) uint64_t name;
	COUNTS(X)
#undef X
};

static struct {
	enum attack attack;
	uint64_t pps;
	struct rte_ether_addr gateway_mac, our_mac;
	uint32_t gateway_ip, clients_net; /* host order */
	uint16_t port;
	struct rte_mempool *pool;
	struct counts n;
	uint64_t random;
} f;

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t next_random(void)
{
	f.random ^= f.random << 13;
	f.random ^= f.random >> 7;
	f.random ^= f.random << 17;
	return f.random;
}

/* ---- forged packets ---------------------------------------------------------------------------
 */

/* Anywhere from 16.0.0.0 to 79.255.255.255: routed, and nobody's here. */
static uint32_t forged_source(void)
{
	return 0x10000000 + (uint32_t)next_random() % 0x40000000;
}

static struct rte_mbuf *frame_new(uint32_t src, uint8_t proto, uint16_t l4_len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f.pool);
	if (m == NULL)
		return NULL;
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_append(
		m, (uint16_t)(sizeof(*eth) + sizeof(struct rte_ipv4_hdr) + l4_len));
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
	*eth = (struct rte_ether_hdr){.dst_addr = f.gateway_mac,
		.src_addr = f.our_mac,
		.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)};
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + l4_len)),
		.time_to_live = 64,
		.next_proto_id = proto,
		.src_addr = rte_cpu_to_be_32(src),
		.dst_addr = rte_cpu_to_be_32(f.gateway_ip),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return m;
}

static struct rte_ipv4_hdr *ip_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
}

static struct rte_mbuf *forge_tcp(uint32_t src, uint16_t sport, uint32_t seq, uint32_t ack,
	uint8_t flags, const void *rest, uint16_t rest_len, bool options)
{
	struct rte_mbuf *m = frame_new(
		src, IPPROTO_TCP, (uint16_t)(sizeof(struct rte_tcp_hdr) + rest_len));
	if (m == NULL)
		return NULL;
	struct rte_tcp_hdr *th = (struct rte_tcp_hdr *)(ip_of(m) + 1);
	*th = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(sport),
		.dst_port = rte_cpu_to_be_16(f.port),
		.sent_seq = rte_cpu_to_be_32(seq),
		.recv_ack = rte_cpu_to_be_32(ack),
		.data_off = (uint8_t)((sizeof(*th) + (options ? rest_len : 0)) / 4 << 4),
		.tcp_flags = flags,
		.rx_win = RTE_BE16(65535),
	};
	if (rest_len > 0)
		memcpy(th + 1, rest, rest_len);
	th->cksum = rte_ipv4_udptcp_cksum(ip_of(m), th);
	return m;
}

static struct rte_mbuf *forge_udp(void)
{
	struct rte_mbuf *m = frame_new(
		forged_source(), IPPROTO_UDP, sizeof(struct rte_udp_hdr) + 18);
	if (m == NULL)
		return NULL;
	struct rte_udp_hdr *uh = (struct rte_udp_hdr *)(ip_of(m) + 1);
	*uh = (struct rte_udp_hdr){.src_port = (uint16_t)next_random(),
		.dst_port = rte_cpu_to_be_16(f.port),
		.dgram_len = RTE_BE16(sizeof(*uh) + 18)};
	memset(uh + 1, 0, 18);
	return m;
}

/* MSS 1460, SACK, timestamps, window scale 7. */
static const uint8_t syn_options[SYN_BYTES] = {
	2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};

static struct rte_mbuf *forge(void)
{
	uint64_t r = next_random();
	uint16_t sport = (uint16_t)(1024 + (r & 0x7fff));
	uint32_t seq = (uint32_t)(r >> 32), ack = (uint32_t)next_random();
	switch (f.attack) {
	case SYN:
	case CONNECT:
		return forge_tcp(forged_source(), sport, seq, 0, RTE_TCP_SYN_FLAG, syn_options,
			SYN_BYTES, true);
	case ACK:
		return forge_tcp(
			forged_source(), sport, seq, ack, RTE_TCP_ACK_FLAG, NULL, 0, false);
	case RST:
		return forge_tcp(forged_source(), sport, seq, ack,
			RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG, NULL, 0, false);
	case UDP:
		return forge_udp();
	case NONE:
	case N_ATTACKS:
		break;
	}
	return NULL;
}

/* The third step of a handshake, with a byte that never becomes a request. */
static struct rte_mbuf *complete(const struct rte_ipv4_hdr *ip, const struct rte_tcp_hdr *th)
{
	return forge_tcp(rte_be_to_cpu_32(ip->dst_addr), rte_be_to_cpu_16(th->dst_port),
		rte_be_to_cpu_32(th->recv_ack), rte_be_to_cpu_32(th->sent_seq) + 1,
		RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, "G", 1, false);
}

/* ---- moving -----------------------------------------------------------------------------------
 */

/* Sends what fits; the rest is lost. Returns how much that was. */
static uint64_t put(uint16_t port, struct rte_mbuf **frames, unsigned n)
{
	uint16_t sent = n > 0 ? rte_eth_tx_burst(port, 0, frames, (uint16_t)n) : 0;
	rte_pktmbuf_free_bulk(frames + sent, n - sent);
	return n - sent;
}

/* True for an answer to one of our inventions. *reply: what to send for it, or NULL. */
static bool takes_answer(struct rte_mbuf *m, struct rte_mbuf **reply)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = ip_of(m);
	const struct rte_tcp_hdr *th = (const struct rte_tcp_hdr *)(ip + 1);

	*reply = NULL;
	if (eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
		(rte_be_to_cpu_32(ip->dst_addr) & 0xffffff00) == f.clients_net)
		return false;
	if (ip->next_proto_id != IPPROTO_TCP)
		return true;
	f.n.resets += !!(th->tcp_flags & RTE_TCP_RST_FLAG);
	if (th->tcp_flags != (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG))
		return true;
	f.n.synacks++;
	if (f.attack == CONNECT)
		*reply = complete(ip, th);
	return true;
}

static void from_gateway(void)
{
	struct rte_mbuf *in[BURST], *out[BURST], *replies[BURST];
	unsigned n = rte_eth_rx_burst(GATEWAY, 0, in, BURST), n_out = 0, n_replies = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!takes_answer(in[i], &replies[n_replies])) {
			out[n_out++] = in[i];
			continue;
		}
		n_replies += replies[n_replies] != NULL;
		rte_pktmbuf_free(in[i]);
	}
	f.n.real_out += n_out;
	put(CLIENTS, out, n_out);
	f.n.forged += n_replies;
	f.n.forged_lost += put(GATEWAY, replies, n_replies);
}

/* How many are due by now; at most a burst, and what couldn't keep up is not made up for. */
static unsigned due(uint64_t now)
{
	static uint64_t last, credit;
	uint64_t hz = rte_get_tsc_hz();
	if (f.attack == NONE)
		return 0;
	if (f.pps == 0)
		return BURST;
	if (last == 0 || now - last > hz / 100)
		last = now;
	credit += (now - last) * f.pps;
	last = now;
	unsigned n = RTE_MIN((unsigned)(credit / hz), BURST);
	credit = RTE_MIN(credit - n * hz, BURST * hz);
	return n;
}

static void put_forged(unsigned n)
{
	struct rte_mbuf *frames[BURST];
	unsigned made = 0;

	while (made < n && (frames[made] = forge()) != NULL)
		made++;
	f.n.forged += made;
	f.n.forged_lost += put(GATEWAY, frames, made);
}

/* The clients' frames stand in the middle of a forged burst. */
static void to_gateway(unsigned forged)
{
	struct rte_mbuf *real[BURST];
	unsigned n = rte_eth_rx_burst(CLIENTS, 0, real, BURST);

	put_forged(forged / 2);
	f.n.real_in += n;
	f.n.real_lost += put(GATEWAY, real, n);
	put_forged(forged - forged / 2);
}

static void report(void)
{
	printf("{");
#define X(name) printf("\"" #name "\": %" PRIu64 ", ", f.n.name);
	COUNTS(X)
#undef X
	printf("\"t\": %.3f}\n", (double)rte_get_tsc_cycles() / (double)rte_get_tsc_hz());
	fflush(stdout);
}

static void move(void)
{
	uint64_t next = rte_get_tsc_cycles();
	while (!stop) {
		uint64_t now = rte_get_tsc_cycles();
		if (now >= next) {
			report();
			next += rte_get_tsc_hz();
		}
		from_gateway();
		to_gateway(due(now));
	}
	report();
}

/* ---- start ------------------------------------------------------------------------------------
 */

static void port_start(uint16_t port)
{
	struct rte_eth_conf conf = {0};
	if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL, f.pool) != 0 ||
		rte_eth_tx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_dev_start(port) != 0)
		rte_exit(2, "port %u can't be started\n", port);
	rte_eth_promiscuous_enable(port);
}

static enum attack attack_of(const char *name)
{
	for (unsigned a = 0; a < N_ATTACKS; a++)
		if (strcmp(name, attack_names[a]) == 0)
			return (enum attack)a;
	rte_exit(2, "unknown attack %s\n", name);
}

static uint32_t address_of(const char *text)
{
	struct in_addr a;
	if (inet_pton(AF_INET, text, &a) != 1)
		rte_exit(2, "%s is no IPv4 address\n", text);
	return rte_be_to_cpu_32(a.s_addr);
}

static void arguments(int argc, char **argv)
{
	if (argc != 7 || rte_ether_unformat_addr(argv[3], &f.gateway_mac) != 0)
		rte_exit(2, "arguments: see the head of flood.c\n");
	f.attack = attack_of(argv[1]);
	f.pps = strtoull(argv[2], NULL, 10);
	f.gateway_ip = address_of(argv[4]);
	f.port = (uint16_t)strtoul(argv[5], NULL, 10);
	f.clients_net = address_of(argv[6]) & 0xffffff00;
	f.random = 0x9e3779b97f4a7c15 ^ (uint64_t)time(NULL);
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	if (used < 0 || rte_eth_dev_count_avail() != 2)
		rte_exit(2, "two ports are needed: the memif first, then the clients' af_packet\n");
	arguments(argc - used, argv + used);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	f.pool = rte_pktmbuf_pool_create(
		"flood", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (f.pool == NULL)
		rte_exit(2, "no memory\n");
	port_start(GATEWAY);
	port_start(CLIENTS);
	rte_eth_macaddr_get(CLIENTS, &f.our_mac);
	move();
	rte_eth_dev_stop(GATEWAY);
	rte_eth_dev_stop(CLIENTS);
	rte_eal_cleanup();
	return 0;
}
