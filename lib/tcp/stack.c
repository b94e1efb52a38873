/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack as a whole: creation, end, gauges, walks over all connections. */
#include <stdio.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "tcp/tcp_internal.h"

void tcp_opts_default(struct tcp_opts *o)
{
	*o = (struct tcp_opts){
		.rcv_buf = 8 * 1024 * 1024,
		.rcv_start = TCP_RCV_START,
		.snd_buf = 4 * 1024 * 1024,
		.keepalive_idle = LG_SEC(120),
		.keepalive_interval = LG_SEC(15),
		.keepalive_probes = 4,
		.connect_timeout = LG_SEC(5),
		.user_timeout = LG_SEC(120),
		.fin_timeout = LG_SEC(30),
		.cc = "cubic",
		.mtu_probing = TCP_MTU_BLACK_HOLE,
	};
}

static void *zalloc(const struct tcp_stack_params *p, size_t n, size_t size)
{
	return rte_zmalloc_socket("tcp", n * size, RTE_CACHE_LINE_SIZE, p->socket_id);
}

static void init_lists(struct tcp_stack *s)
{
	lg_list_init(&s->free_list);
	lg_list_init(&s->dead_list);
	lg_list_init(&s->half_open);
	lg_list_init(&s->time_wait);
	lg_list_init(&s->orphans);
	lg_list_init(&s->out_list);
	lg_list_init(&s->ev_list);
}

/* Records and ranges: enough for every connection to move, and for many to move fast. */
static bool alloc_pools(struct tcp_stack *s)
{
	s->n_recs = s->n_recs_free = s->p.max_conns * 4 + 16384;
	s->n_ranges = s->n_ranges_free = s->p.max_conns * 2 + 4096;
	s->conns = zalloc(&s->p, s->p.max_conns, sizeof(*s->conns));
	s->recs = zalloc(&s->p, s->n_recs, sizeof(*s->recs));
	s->ranges = zalloc(&s->p, s->n_ranges, sizeof(*s->ranges));
	if (s->conns == NULL || s->recs == NULL || s->ranges == NULL)
		return false;
	for (uint32_t i = 0; i < s->n_recs; i++) {
		s->recs[i].next = s->rec_free;
		s->rec_free = &s->recs[i];
	}
	for (uint32_t i = 0; i < s->n_ranges; i++) {
		s->ranges[i].next = s->range_free;
		s->range_free = &s->ranges[i];
	}
	for (uint32_t i = 0; i < s->p.max_conns; i++) {
		s->conns[i].s = s;
		lg_list_push_back(&s->free_list, &s->conns[i].list_node);
	}
	return true;
}

static void apply_defaults(struct tcp_stack_params *p)
{
	if (p->time_wait == 0)
		p->time_wait = LG_SEC(60);
	if (p->half_open_timeout == 0)
		p->half_open_timeout = LG_SEC(10);
	if (p->max_half_open == 0)
		p->max_half_open = LG_MAX(p->max_conns / 4, 1u);
	if (p->syn_cookies_always)
		p->syn_cookies_above = 0;
	else if (p->syn_cookies_above == 0)
		p->syn_cookies_above = LG_MAX(p->max_half_open / 2, 1u);
	else if (p->syn_cookies_above >= p->max_half_open)
		p->syn_cookies_above = UINT32_MAX; /* never */
	if (p->max_time_wait == 0)
		p->max_time_wait = LG_MAX(p->max_conns / 4, 1u);
	if (p->max_ooo_ranges == 0)
		p->max_ooo_ranges = TCP_MAX_OOO_RANGES;
	if (p->rst_rate == 0)
		p->rst_rate = TCP_RSTS_PER_SECOND;
	if (p->challenge_rate == 0)
		p->challenge_rate = TCP_CHALLENGES_PER_S;
}

static void free_pools(struct tcp_stack *s)
{
	rte_free(s->conns);
	rte_free(s->recs);
	rte_free(s->ranges);
	flow_table_free(s->flows);
	rte_free(s);
}

struct tcp_stack *tcp_stack_create(const struct tcp_stack_params *p, lg_us now)
{
	char table_name[24];
	struct tcp_stack *s = zalloc(p, 1, sizeof(*s));

	if (s == NULL)
		return NULL;
	_Static_assert(RTE_PKTMBUF_HEADROOM >= NET_HEADROOM, "headers fit in front of a segment");
	s->p = *p;
	snprintf(s->name, sizeof(s->name), "%s", p->name);
	s->p.name = s->name;
	apply_defaults(&s->p);
	init_lists(s);
	s->spare = TCP_SPARE;
	lg_wheel_init(&s->wheel, now);
	snprintf(table_name, sizeof(table_name), "tcp_%s", s->name);
	s->flows = flow_table_create(table_name, p->max_conns, p->socket_id, &s->p.secret);
	if (s->flows == NULL || !alloc_pools(s)) {
		free_pools(s);
		return NULL;
	}
	return s;
}

static bool conn_in_use(const struct tcp_conn *c)
{
	return c->flags & (CF_IN_FLOW | CF_USER);
}

void tcp_stack_free(struct tcp_stack *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->p.max_conns; i++) {
		struct tcp_conn *c = &s->conns[i];
		if (!conn_in_use(c))
			continue;
		c->flags &= ~CF_USER;
		if (c->state == TCP_CLOSED)
			conn_free(c);
		else
			conn_close(c, TCP_REASON_ABORTED);
	}
	conn_reap(s);
	LG_ASSERT(s->n_used == 0 && s->n_recs_free == s->n_recs);
	LG_ASSERT(s->n_ranges_free == s->n_ranges && flow_count(s->flows) == 0);
	LG_ASSERT(s->rx_truesize == 0 && s->tx_truesize == 0 && s->ooo_truesize == 0);
	free_pools(s);
}

void tcp_stack_gauges(const struct tcp_stack *s, struct tcp_gauges *g)
{
	*g = (struct tcp_gauges){
		.connections = s->n_used,
		.half_open = s->n_half_open,
		.established = s->n_state[TCP_ESTABLISHED],
		.time_wait = s->n_state[TCP_TIME_WAIT],
		.rx_truesize = s->rx_truesize,
		.tx_truesize = s->tx_truesize,
		.ooo_truesize = s->ooo_truesize,
		.pressure = s->pressure,
	};
}

void tcp_each(struct tcp_stack *s, void (*fn)(void *ctx, struct tcp_conn *c), void *ctx)
{
	for (uint32_t i = 0; i < s->p.max_conns; i++)
		if (conn_in_use(&s->conns[i]) && s->conns[i].state != TCP_CLOSED)
			fn(ctx, &s->conns[i]);
	conn_reap(s);
}

uint32_t tcp_each_from(struct tcp_stack *s, uint32_t from, uint32_t n,
	bool (*fn)(void *ctx, struct tcp_conn *c), void *ctx)
{
	for (uint32_t i = from; i < s->p.max_conns; i++) {
		if (i - from == n)
			return i;
		if (conn_in_use(&s->conns[i]) && s->conns[i].state != TCP_CLOSED &&
			!fn(ctx, &s->conns[i]))
			return i + 1 < s->p.max_conns ? i + 1 : 0;
	}
	return 0;
}

/* Unlike tcp_abort(), the users did not ask: they are told by CLOSED. */
void tcp_abort_all(struct tcp_stack *s, lg_us now)
{
	for (uint32_t i = 0; i < s->p.max_conns; i++)
		if (conn_in_use(&s->conns[i]))
			conn_reset(&s->conns[i], TCP_REASON_ABORTED, now);
	conn_reap(s);
}

lg_us tcp_next_timer(const struct tcp_stack *s)
{
	return lg_wheel_next(&s->wheel);
}

struct lg_wheel *tcp_wheel(struct tcp_stack *s)
{
	return &s->wheel;
}

unsigned tcp_timers(struct tcp_stack *s, lg_us now, unsigned max)
{
	unsigned n = lg_wheel_advance(&s->wheel, now, max);
	conn_reap(s);
	return n;
}

void tcp_flush(struct tcp_stack *s, lg_us now)
{
	struct lg_node *n;
	while ((n = lg_list_pop_front(&s->out_list)) != NULL)
		conn_output(LG_CONTAINER_OF(n, struct tcp_conn, out_node), now);
	conn_reap(s);
}
