/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold of every connection block, whatever has happened to it. */
#include "wire.h"

#define HOLDS(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			return "connection block: " #x;                                            \
	} while (0)

/* The list by time: all that is in flight, and in order. */
static const char *check_times(const struct tcp_conn *c, uint32_t n_flying)
{
	const struct tcp_rec *prev = NULL;

	for (const struct tcp_rec *r = c->time_head; r != NULL;
		prev = r, r = r->tnext, n_flying--) {
		HOLDS(n_flying > 0 && r->tprev == prev && rec_in_flight(r));
		HOLDS(prev == NULL || (int32_t)(r->tx_time - prev->tx_time) >= 0);
	}
	HOLDS(c->time_tail == prev && n_flying == 0);
	return NULL;
}

static const char *check_records(const struct tcp_conn *c)
{
	uint32_t sacked = 0, lost = 0, retrans = 0, n = 0, n_sacked = 0, n_flying = 0;
	const struct tcp_rec *prev = NULL;

	for (const struct tcp_rec *r = c->rec_head; r != NULL; prev = r, r = r->next, n++) {
		uint32_t len = r->end - r->seq;
		HOLDS(r->prev == prev && len > 0);
		HOLDS(prev == NULL || prev->end == r->seq);
		HOLDS((r->flags & (REC_SACKED | REC_LOST)) != (REC_SACKED | REC_LOST));
		HOLDS(!(r->flags & REC_RETRANS) || r->flags & REC_LOST);
		sacked += r->flags & REC_SACKED ? len : 0;
		lost += r->flags & REC_LOST ? len : 0;
		retrans += r->flags & REC_RETRANS ? len : 0;
		n_sacked += r->flags & REC_SACKED ? r->segs : 0;
		HOLDS(prev == NULL || !(prev->flags & r->flags & REC_SACKED));
		n_flying += rec_in_flight(r);
	}
	HOLDS(c->rec_tail == prev && n == c->n_recs);
	HOLDS(sacked == c->sacked_bytes && lost == c->lost_bytes);
	HOLDS(retrans == c->retrans_bytes && n_sacked == c->n_sacked);
	if (n > 0) {
		HOLDS(c->rec_head->seq == c->snd_una && c->rec_tail->end == c->snd_nxt);
	}
	return check_times(c, n_flying);
}

static const char *check_ooo(const struct tcp_conn *c)
{
	uint32_t n = 0, truesize = 0;
	const struct tcp_range *prev = NULL;

	for (const struct tcp_range *r = c->ooo; r != NULL; prev = r, r = r->next, n++) {
		HOLDS(seq_gt(r->seq, prev != NULL ? prev->end : c->rcv_nxt));
		HOLDS(r->data.len == r->end - r->seq && r->data.len > 0);
		truesize += r->data.truesize;
		lg_chain_check(&r->data);
	}
	HOLDS(n == c->n_ooo && n <= TCP_MAX_OOO_RANGES && truesize == c->ooo_truesize);
	return NULL;
}

const char *sim_conn_broken(const struct tcp_conn *c)
{
	const char *what = check_records(c);

	if (what == NULL)
		what = check_ooo(c);
	if (what != NULL)
		return what;
	lg_chain_check(&c->tx);
	HOLDS(seq_leq(c->snd_una, c->snd_nxt));
	/* Memory stays bounded, whatever the segments look like (law 3). */
	HOLDS(c->rx.truesize + c->ooo_truesize <= c->rcv_buf + 3 * 2304);
	HOLDS(c->rcv_buf <= c->opts.rcv_buf);
	/* Something to do and no timer and no mark: that is how connections get stuck. */
	if (c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT &&
		(c->snd_una != c->snd_nxt || conn_unsent(c) > 0 || conn_fin_due(c)))
		HOLDS(lg_timer_armed(&c->t_rexmt) || lg_timer_armed(&c->t_delack) ||
			lg_node_linked(&c->out_node));
	return NULL;
}

const char *const sim_cc_names[SIM_CC] = {"reno", "cubic", "bbr"};

unsigned sim_cc_random(struct sim_rng *r)
{
	unsigned known[SIM_CC], n = 0;

	for (unsigned i = 0; i < SIM_CC; i++)
		if (tcp_cc_find(sim_cc_names[i]) != NULL)
			known[n++] = i;
	return known[sim_below(r, n)];
}
