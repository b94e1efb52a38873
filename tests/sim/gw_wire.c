/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on the wires: each is checked, recorded, printed, and given to its link. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "gateway.h"

#define UNSEEN (-1)

/* A frame, as far as it is a TCP segment. */
struct frame {
	struct lg_ip src, dst;
	const uint8_t *tcp;
	uint32_t ip_len, tcp_len;
	uint8_t tos;
	bool is_ip, is_tcp;
};

static void parse4(const uint8_t *p, uint32_t n, struct frame *f)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)p;
	uint32_t hlen = (ip->version_ihl & 15) * 4u;

	f->src = lg_ip_from_v4(ip->src_addr);
	f->dst = lg_ip_from_v4(ip->dst_addr);
	f->is_tcp = ip->next_proto_id == IPPROTO_TCP;
	f->tos = ip->type_of_service;
	f->tcp = p + hlen;
	f->tcp_len = n - hlen;
}

static void parse6(const uint8_t *p, uint32_t n, struct frame *f)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)p;

	memcpy(&f->src, ip->src_addr, 16);
	memcpy(&f->dst, ip->dst_addr, 16);
	f->is_tcp = ip->proto == IPPROTO_TCP;
	f->tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> 20);
	f->tcp = p + sizeof(*ip);
	f->tcp_len = n - (uint32_t)sizeof(*ip);
}

/* Our own stacks' frames: their headers are as they must be. */
static void parse(const struct rte_mbuf *m, struct frame *f)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint8_t *ip = (const uint8_t *)(eth + 1);

	*f = (struct frame){.ip_len = m->data_len - (uint32_t)sizeof(*eth), .is_ip = true};
	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		parse4(ip, f->ip_len, f);
	else if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		parse6(ip, f->ip_len, f);
	else
		f->is_ip = false;
}

/* ---- connections on the wire ---- */

static bool is_opener(const struct gw_port *p)
{
	return p->id == GW_P_CLIENT || p->id == GW_P_INTERNAL;
}

static bool flow_content(void *ctx, int sender, uint32_t offset, const uint8_t *data, uint32_t n)
{
	struct gw_flow *f = ctx;
	uint32_t end = offset + n;

	if (end > f->dir[sender].room) {
		uint32_t room = LG_MAX(end, 2 * f->dir[sender].room);
		f->dir[sender].bytes = realloc(f->dir[sender].bytes, room * sizeof(int16_t));
		LG_ASSERT(f->dir[sender].bytes != NULL);
		f->dir[sender].room = room;
	}
	int16_t *bytes = f->dir[sender].bytes;
	for (; f->dir[sender].n < end; f->dir[sender].n++)
		bytes[f->dir[sender].n] = UNSEEN;
	for (uint32_t i = 0; i < n; i++) {
		if (bytes[offset + i] == UNSEEN)
			bytes[offset + i] = data[i];
		else if (bytes[offset + i] != data[i])
			return false;
	}
	return true;
}

static struct gw_flow *flow_new(struct gw *w)
{
	if (w->n_flows == w->flow_room) {
		w->flow_room = LG_MAX(64u, 2 * w->flow_room);
		w->flows = realloc(w->flows, w->flow_room * sizeof(*w->flows));
		LG_ASSERT(w->flows != NULL);
	}
	struct gw_flow *f = &w->flows[w->n_flows++];
	memset(f, 0, sizeof(*f));
	f->wire.content = flow_content;
	return f;
}

static struct gw_flow *flow_of(
	struct gw *w, const struct gw_port *p, const struct frame *fr, const struct sim_view *v)
{
	bool out = is_opener(p);
	const struct lg_ip *opener = out ? &fr->src : &fr->dst,
			   *listener = out ? &fr->dst : &fr->src;
	uint16_t sport = rte_be_to_cpu_16(v->th->src_port);
	uint16_t dport = rte_be_to_cpu_16(v->th->dst_port);
	uint16_t oport = out ? sport : dport, lport = out ? dport : sport;
	int network = p->id / 2;

	for (unsigned i = w->n_flows; i > 0; i--) {
		struct gw_flow *f = &w->flows[i - 1];
		if (f->oport == oport && f->lport == lport && f->network == network &&
			lg_ip_eq(&f->opener, opener) && lg_ip_eq(&f->listener, listener))
			return f;
	}
	struct gw_flow *f = flow_new(w);
	f->opener = *opener;
	f->listener = *listener;
	f->oport = oport;
	f->lport = lport;
	f->network = network;
	return f;
}

void gw_flows_free(struct gw *w)
{
	for (unsigned i = 0; i < w->n_flows; i++) {
		free(w->flows[i].dir[0].bytes);
		free(w->flows[i].dir[1].bytes);
	}
	free(w->flows);
}

static const char *port_arrow(const struct gw_port *p)
{
	static const char *const arrows[GW_PORTS] = {
		"client > gw", "client < gw", "gw > server", "gw < server"};
	return arrows[p->id];
}

/* Checks the segment, and says it in words when they are wanted. */
static void check_segment(struct gw_port *p, const struct frame *fr, char *text, size_t size)
{
	static struct sim_view v;
	struct gw *w = p->w;
	int sender = is_opener(p) ? 0 : 1;

	GW_CHECK(w, sim_view(&v, fr->tcp, fr->tcp_len));
	struct gw_flow *f = flow_of(w, p, fr, &v);
	struct sim_wire_dir *d = &f->wire.dir[sender];
	if (v.flags & RTE_TCP_SYN_FLAG && d->syn && d->isn != v.seq)
		f->dir[0].n = f->dir[1].n = 0; /* the ports are used again */
	f->wire.ctx = f;
	const char *what = sim_wire_segment(&f->wire, sender, &v, fr->tos);
	if (w->trace || what != NULL) {
		int n = snprintf(text, size, "#%d %s port %u ", (int)(f - w->flows), port_arrow(p),
			f->lport);
		sim_wire_describe(&f->wire, sender, &v, text + n, size - (size_t)n);
	}
	if (what != NULL)
		gw_fail(w, "%s: %s", text, what);
}

void gw_arrived(struct gw_port *p, const struct net_pkt *pkt)
{
	static struct sim_view v;
	const struct gw_port *from = &p->w->port[p->id ^ 1];
	const struct frame fr = {.src = pkt->src, .dst = pkt->dst};

	GW_CHECK(p->w, sim_view_mbuf(&v, pkt->m));
	struct gw_flow *f = flow_of(p->w, from, &fr, &v);
	sim_wire_arrived(&f->wire, is_opener(from) ? 0 : 1, &v);
}

/* ---- links ---- */

static int client_address(const struct gw *w, const struct lg_ip *ip)
{
	for (int i = 0; i < GW_ADDRESSES; i++)
		if (lg_ip_eq(&w->address[i], ip))
			return i;
	return 0; /* neighbours' talk */
}

static struct sim_link *link_of(struct gw_port *p, const struct frame *f)
{
	struct gw *w = p->w;

	switch (p->id) {
	case GW_P_CLIENT:
		return &w->client_link[client_address(w, &f->src)][0];
	case GW_P_EXTERNAL:
		return &w->client_link[client_address(w, &f->dst)][1];
	case GW_P_INTERNAL:
		return &w->server_link[0];
	default:
		return &w->server_link[1];
	}
}

static void arrive(struct gw *w, enum gw_port_id at_port, lg_us at, struct rte_mbuf *m)
{
	struct sim_event e = {.at = at, .kind = SIM_PACKET, .host = (int)at_port, .pkt = {.m = m}};
	sim_push(&w->queue, &e);
}

static void mark(struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
		ip->type_of_service |= NET_ECN_CE;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	} else {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(eth + 1);
		ip->vtc_flow |= rte_cpu_to_be_32(NET_ECN_CE << 20);
	}
}

/*
 * A burst of up to 15 wrong bits somewhere behind the Ethernet header. The Internet checksum finds
 * every such burst (RFC 1071), so nothing but lib/net's checks stands between it and the stream.
 */
static void corrupt(struct gw *w, struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, sizeof(struct rte_ether_hdr));
	uint32_t bits = (m->data_len - (uint32_t)sizeof(struct rte_ether_hdr)) * 8;
	uint32_t n = sim_range(&w->rng, 1, 15), first = sim_below(&w->rng, bits - n);

	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || i == n - 1 || sim_chance(&w->rng, 500))
			p[(first + i) / 8] ^= (uint8_t)(0x80 >> (first + i) % 8);
}

static void note(struct gw *w, const struct gw_port *p, const struct rte_mbuf *m,
	const struct sim_transit *t)
{
	uint64_t h = w->hash ^ w->now ^ (uint64_t)p->id << 60 ^ (uint64_t)t->fate << 56 ^ t->at;
	const uint8_t *b = rte_pktmbuf_mtod(m, const uint8_t *);

	for (uint32_t i = 0; i < m->data_len; i += 8) {
		uint64_t x = 0;
		memcpy(&x, b + i, LG_MIN(8u, m->data_len - i));
		h = (h ^ x) * 0x100000001b3u;
		h ^= h >> 29;
	}
	w->hash = h;
}

static void print(const struct gw *w, const struct gw_port *p, const struct frame *f,
	const char *text, const struct sim_transit *t)
{
	const char *fate = sim_fate_name(t->fate);

	printf("%10.6f %s%s%s", (double)(w->now - w->start) / 1e6, f->is_tcp ? text : port_arrow(p),
		f->is_tcp ? "" : " (no TCP)", *fate != '\0' ? "  -- " : "");
	printf("%s%s\n", fate, t->copy_at != 0 ? "  -- twice" : "");
}

static void too_big(struct gw_port *p, const struct sim_link *l, struct rte_mbuf *m)
{
	/* IPv6 routers always say (RFC 8201 section 4). */
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	bool v4 = eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);

	p->w->lost++;
	m = gw_icmp_too_big(m, l->icmp_says_mtu || !v4 ? l->path_mtu : 0);
	arrive(p->w, p->id, p->w->now + 2 * l->delay + 1, m);
}

static void onto_link(struct gw_port *p, struct sim_link *l, const struct frame *f,
	struct rte_mbuf *m, const struct sim_transit *t)
{
	struct gw *w = p->w;
	enum gw_port_id peer = p->id ^ 1;

	if (t->fate == SIM_TOO_BIG) {
		too_big(p, l, m);
		return;
	}
	/* Who speaks of neighbours has no checksum; Ethernet's would have found it. */
	if (t->fate != SIM_PASSES && (t->fate != SIM_CORRUPTED || !f->is_ip)) {
		w->lost++;
		rte_pktmbuf_free(m);
		return;
	}
	if (sim_link_marks(l, &w->rng, f->tos))
		mark(m);
	if (t->copy_at != 0) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->wire, 0, UINT32_MAX);
		GW_CHECK(w, copy != NULL);
		arrive(w, peer, t->copy_at, copy);
	}
	if (t->fate == SIM_CORRUPTED)
		corrupt(w, m);
	arrive(w, peer, t->at, m);
}

uint16_t gw_transmit(void *ctx, struct rte_mbuf **frames, uint16_t n)
{
	struct gw_port *p = ctx;
	struct gw *w = p->w;
	char text[320];
	struct frame f;

	for (uint16_t i = 0; i < n; i++) {
		/* The NIC is done with it at once: what is on the way is no memory of the host's.
		 */
		rte_mbuf_sanity_check(frames[i], 1);
		struct rte_mbuf *m = rte_pktmbuf_copy(frames[i], w->wire, 0, UINT32_MAX);
		rte_pktmbuf_free(frames[i]);
		GW_CHECK(w, m != NULL && m->nb_segs == 1);
		p->sent++;
		w->frames++;
		parse(m, &f);
		if (f.is_tcp)
			check_segment(p, &f, text, sizeof(text));
		struct sim_link *l = link_of(p, &f);
		struct sim_transit t = sim_link_pass(l, &w->rng, w->now, f.ip_len);
		note(w, p, m, &t);
		if (w->trace)
			print(w, p, &f, text, &t);
		onto_link(p, l, &f, m, &t);
	}
	return n;
}
