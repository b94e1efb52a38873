/* SPDX-License-Identifier: BSD-3-Clause */
/* Every segment on the wire and every connection block of sim_tcp, and the trace. */
#include <rte_byteorder.h>

#include "sim.h"

int sim_pair_of_port(const struct sim *w, uint16_t port)
{
	for (unsigned i = 0; i < w->n_pairs; i++)
		if (w->pair[i].port == port && w->pair[i].app[0].host == 0)
			return (int)i;
	return -1;
}

static struct sim_pair *view_packet(
	struct sim *w, int sender, const struct rte_mbuf *m, struct sim_view *v)
{
	SIM_CHECK(w, sim_view_mbuf(v, m));
	int pair = sim_pair_of_port(
		w, rte_be_to_cpu_16(sender == 0 ? v->th->src_port : v->th->dst_port));
	SIM_CHECK(w, pair >= 0);
	return &w->pair[pair];
}

static bool is_content(void *ctx, int sender, uint32_t offset, const uint8_t *data, uint32_t n)
{
	const struct sim_pair *p = ctx;
	const struct sim *w = p->world;

	for (uint32_t i = 0; i < n; i++)
		if (data[i] != sim_byte(w, (int)(p - w->pair), sender, (uint64_t)offset + i))
			return false;
	return true;
}

/* ---- marks (RFC 3168 section 6.1.3) ---- */

void sim_check_arrival(struct sim *w, int receiver, const struct rte_mbuf *m, uint8_t tos)
{
	static struct sim_view v;
	struct sim_marks *k = &view_packet(w, 1 - receiver, m, &v)->marks[receiver];
	bool ce = (tos & NET_ECN_MASK) == NET_ECN_CE;
	uint32_t end = v.seq + v.len;

	if (v.flags & RTE_TCP_SYN_FLAG)
		return;
	k->any |= ce;
	if (v.flags & RTE_TCP_CWR_FLAG)
		k->armed = k->due = false;
	/* Which of two with the same bytes is taken is not for the wire to say. */
	if (v.len > 0 && seq_lt(v.seq, k->end) && seq_gt(end, k->seq))
		k->armed = false;
	if (v.len > 0 && ce && k->known && seq_geq(v.seq, k->highest)) {
		k->armed = true;
		k->seq = v.seq;
		k->end = end;
	}
	if (v.len > 0 && (!k->known || seq_gt(end, k->highest)))
		k->highest = end;
	k->known |= v.len > 0;
}

static void check_echo(struct sim *w, struct sim_pair *p, int sender, const struct sim_view *v)
{
	struct sim_marks *k = &p->marks[sender];

	if (v->flags & RTE_TCP_SYN_FLAG)
		*k = (struct sim_marks){.any = k->any};
	if (v->flags & (RTE_TCP_SYN_FLAG | RTE_TCP_RST_FLAG))
		return;
	if (k->armed && seq_geq(v->ack, k->end)) {
		k->due = true;
		w->n_echoes++;
		k->armed = false;
	}
	if (v->flags & RTE_TCP_ECE_FLAG && !k->any)
		sim_fail(w, "host %d echoes a mark that nobody made", sender);
	if (k->due && !(v->flags & RTE_TCP_ECE_FLAG))
		sim_fail(w, "host %d got a mark and no CWR, and says nothing", sender);
}

void sim_check_packet(struct sim *w, int sender, const struct rte_mbuf *m, uint8_t tos)
{
	static struct sim_view v;

	rte_mbuf_sanity_check(m, 1);
	SIM_CHECK(w, rte_pktmbuf_headroom(m) >= NET_HEADROOM);
	struct sim_pair *p = view_packet(w, sender, m, &v);
	p->world = w;
	p->wire.content = is_content;
	p->wire.ctx = p;
	for (int i = 0; i < 2; i++) {
		p->wire.dir[i].strip_ts = w->link[i].strip_ts;
		p->wire.dir[i].strip_wscale = w->link[i].strip_wscale;
	}
	p->wire.cookies = w->cookies;
	const char *what = sim_wire_segment(&p->wire, sender, &v, tos);
	if (what != NULL)
		sim_fail(w, "pair %d host %d: %s", (int)(p - w->pair), sender, what);
	check_echo(w, p, sender, &v);
}

void sim_arrived(struct sim *w, int host, const struct rte_mbuf *m)
{
	static struct sim_view v;

	struct sim_pair *p = view_packet(w, 1 - host, m, &v);
	sim_wire_arrived(&p->wire, 1 - host, &v);
}

static void check_conn(void *ctx, struct tcp_conn *c)
{
	const char *what = sim_conn_broken(c);

	if (what != NULL)
		sim_fail(ctx, "%s", what);
}

void sim_check_conns(struct sim *w)
{
	tcp_each(w->stack[0], check_conn, w);
	tcp_each(w->stack[1], check_conn, w);
}

void sim_trace(struct sim *w, int sender, const struct rte_mbuf *m, const char *fate)
{
	static struct sim_view v;
	char text[256];

	const struct sim_pair *p = view_packet(w, sender, m, &v);
	sim_wire_describe(&p->wire, sender, &v, text, sizeof(text));
	printf("%10.6f #%d %s %s%s%s\n", (double)(w->now - w->start) / 1e6, (int)(p - w->pair),
		sender == 0 ? "C>S" : "C<S", text, *fate != '\0' ? "  -- " : "", fate);
}
