/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions about connections: they are their worker's alone (law 1), so it is asked, and answers
 * between two turns of its loop, a slice of its table at a time.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "control/control.h"

#define BLOCKS_PER_SLICE 256
#define POLL_US          100

/* ---- the worker --------------------------------------------------------------------------------
 */

struct walk {
	struct ctl_query *q;
	lg_us now;
};

static bool wanted(const struct ctl_query_ask *ask, const struct tcp_conn *c)
{
	const struct flow_key *key = tcp_conn_key(c);
	bool remote = lg_ip_eq(&key->remote, &ask->ip) &&
		      (ask->port == 0 || key->rport == ask->port);
	bool local = ask->one && lg_ip_eq(&key->local, &ask->ip) && key->lport == ask->port;

	if (ask->state >= 0 && (int)tcp_conn_state(c) != ask->state)
		return false;
	return lg_ip_is_zero(&ask->ip) || remote || local;
}

static void add_row(struct walk *w, const struct proxy_conn *pc)
{
	struct ctl_conn *row = &w->q->rows[w->q->n++];

	tcp_conn_info(pc->tcp, w->now, &row->tcp);
	row->listener = pc->listener;
	row->pool = pc->pool;
	row->server = pc->server;
	row->tls = pc->tls;
}

/* The connection as the proxy sees it; without a session only what TCP knows. */
static unsigned session_of(struct tcp_conn *c, struct proxy_conn *out, unsigned max)
{
	unsigned n = proxy_session_conns(c, out, max);

	if (n > 0)
		return n;
	out[0] = (struct proxy_conn){.tcp = c, .listener = -1, .pool = -1, .server = -1};
	return 1;
}

static bool look(void *ctx, struct tcp_conn *c)
{
	struct walk *w = ctx;
	struct ctl_query *q = w->q;
	struct proxy_conn all[CTL_QUERY_ROWS];

	if (!wanted(&q->ask, c))
		return true;
	unsigned n = session_of(c, all, CTL_QUERY_ROWS);
	for (unsigned i = 0; i < n; i++)
		if (q->ask.one || all[i].tcp == c)
			add_row(w, &all[i]);
	return !q->ask.one && q->n < LG_MIN(q->ask.max, CTL_QUERY_ROWS);
}

bool ctl_query_serve(struct ctl_query *q, struct tcp_stack *tcp, lg_us now)
{
	uint32_t asked = __atomic_load_n(&q->asked, __ATOMIC_ACQUIRE);
	struct walk w = {.q = q, .now = now};

	if (asked == q->answered)
		return false;
	if (!q->begun) {
		q->begun = true;
		q->n = 0;
		q->next = q->ask.from;
	}
	q->next = tcp_each_from(tcp, q->next, BLOCKS_PER_SLICE, look, &w);
	bool full = q->ask.one ? q->n > 0 : q->n >= LG_MIN(q->ask.max, CTL_QUERY_ROWS);
	if (q->next != 0 && !full)
		return true;
	q->begun = false;
	__atomic_store_n(&q->answered, asked, __ATOMIC_RELEASE);
	return false;
}

/* ---- who asks ----------------------------------------------------------------------------------
 */

static bool answered(const struct ctl_query *q)
{
	return __atomic_load_n(&q->answered, __ATOMIC_ACQUIRE) == q->asked;
}

int ctl_query_ask(struct ctl_query *q, const struct ctl_query_ask *ask, lg_us timeout)
{
	const struct timespec pause = {.tv_nsec = POLL_US * 1000L};

	if (!answered(q))
		return -EBUSY; /* an earlier question was given up; its answer isn't written yet */
	q->ask = *ask;
	__atomic_store_n(&q->asked, q->asked + 1, __ATOMIC_RELEASE);
	for (lg_us waited = 0; !answered(q); waited += POLL_US) {
		if (waited >= timeout)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}
