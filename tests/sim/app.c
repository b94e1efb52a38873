/* SPDX-License-Identifier: BSD-3-Clause */
/* Applications on both ends: random writers, readers, sleepers, leavers. They check every byte. */
#include "sim.h"

uint8_t sim_byte(const struct sim *w, int pair, int sender, uint64_t offset)
{
	return sim_byte_at(w->seed, (uint64_t)pair << 8 | (uint64_t)sender, offset);
}

static void wake(struct sim *w, struct sim_app *a, lg_us at)
{
	struct sim_event e = {.at = at, .kind = SIM_APP, .host = a->host, .pair = a->pair};
	if (a->wake_armed)
		return;
	a->wake_armed = true;
	sim_push(&w->queue, &e);
}

static void app_random(struct sim *w, struct sim_app *a, int host, int pair)
{
	struct sim_rng *r = &w->rng;
	unsigned magnitude = sim_below(r, 19);

	*a = (struct sim_app){.host = host, .pair = pair};
	a->to_send = sim_below(r, 1u << magnitude);
	a->max_write = sim_range(r, 1, sim_chance(r, 300) ? 50 : 20000);
	a->max_read = sim_range(r, 1, sim_chance(r, 200) ? 500 : 100000);
	if (sim_chance(r, 300)) {
		a->think = sim_range(r, 100, 300000);
		a->max_read += 2000;
	}
	uint32_t x = sim_below(r, 100);
	a->end = x < 75 ? END_GRACEFUL : x < 88 ? END_RELEASE : END_ABORT;
	a->abort_at = sim_below(r, (uint32_t)a->to_send + 1);
}

void sim_pair_random(struct sim *w, int pair)
{
	struct sim_event e = {.kind = SIM_CONNECT, .pair = pair};

	app_random(w, &w->pair[pair].app[0], 0, pair);
	app_random(w, &w->pair[pair].app[1], 1, pair);
	e.at = w->start + sim_below(&w->rng, 2000000);
	sim_push(&w->queue, &e);
}

static void connect_at(struct sim *w, int pair, lg_us at)
{
	struct sim_event e = {.at = at, .kind = SIM_CONNECT, .pair = pair};
	sim_push(&w->queue, &e);
}

/* Both send as much as the other's buffers take, and nobody reads. */
void sim_pair_holds(struct sim *w, int pair)
{
	for (int host = 0; host < 2; host++) {
		struct sim_app *a = &w->pair[pair].app[host];
		*a = (struct sim_app){.host = host, .pair = pair, .holds = true};
		a->to_send = sim_range(&w->rng, 200000, 600000);
		a->max_write = sim_range(&w->rng, 200, 8000);
		a->max_read = 100000;
	}
	connect_at(w, pair, w->start + sim_below(&w->rng, 1000));
}

void sim_pair_eager(struct sim *w, int pair)
{
	for (int host = 0; host < 2; host++) {
		struct sim_app *a = &w->pair[pair].app[host];
		*a = (struct sim_app){.host = host, .pair = pair};
		a->to_send = sim_range(&w->rng, 10000, 60000);
		a->max_write = sim_range(&w->rng, 200, 8000);
		a->max_read = 100000;
	}
	connect_at(w, pair, w->start + sim_below(&w->rng, 1000));
}

/* Some connections cross 2^32 early on. */
static void wrap_soon(struct sim *w, struct tcp_conn *c)
{
	if (!sim_chance(&w->rng, 300))
		return;
	c->iss = UINT32_MAX - sim_below(&w->rng, 30000);
	c->snd_una = c->snd_nxt = c->recover = c->iss;
	c->tx_seq = c->cur.seq = c->iss + 1;
}

void sim_connect(struct sim *w, int pair)
{
	struct sim_pair *p = &w->pair[pair];
	int err = 0;
	struct tcp_conn *c = tcp_connect(w->stack[0], NET_INTERNAL, &w->ip[1], SIM_PORT,
		&w->opts[0], &p->app[0], w->now, &err);

	SIM_CHECK(w, c != NULL);
	wrap_soon(w, c);
	p->app[0].c = c;
	p->port = tcp_conn_key(c)->lport;
}

static void app_finish(struct sim *w, struct sim_app *a)
{
	if (a->released)
		return;
	a->released = true;
	a->done_at = w->now;
	tcp_release(a->c, w->now);
	a->c = NULL;
}

static void app_read(struct sim *w, struct sim_app *a)
{
	uint8_t buf[4096];
	struct lg_chain *rx = tcp_rx(a->c);
	uint32_t left = a->max_read;

	if (a->holds && w->now < w->hold_until) {
		wake(w, a, w->hold_until);
		return;
	}
	if (a->think != 0) {
		if (w->now < a->next_read) {
			wake(w, a, a->next_read);
			return;
		}
		a->next_read = w->now + a->think;
	}
	lg_chain_check(rx);
	while (left > 0 && rx->len > 0) {
		uint32_t n = lg_chain_peek(rx, 0, buf, LG_MIN(left, (uint32_t)sizeof(buf)));
		for (uint32_t i = 0; i < n; i++)
			if (buf[i] != sim_byte(w, a->pair, 1 - a->host, a->received + i))
				sim_fail(w, "pair %d host %d: byte %llu differs", a->pair, a->host,
					(unsigned long long)(a->received + i));
		lg_chain_trim_head(rx, n);
		a->received += n;
		left -= n;
	}
	tcp_rx_consumed(a->c);
	if (rx->len > 0)
		wake(w, a, w->now + LG_MAX(a->think, 1000u));
}

static void app_write(struct sim *w, struct sim_app *a)
{
	uint8_t buf[20000];

	while (a->queued < a->to_send) {
		uint32_t n = (uint32_t)LG_MIN(
			a->to_send - a->queued, (uint64_t)LG_MIN(a->max_write, tcp_tx_space(a->c)));
		if (n == 0)
			return;
		for (uint32_t i = 0; i < n; i++)
			buf[i] = sim_byte(w, a->pair, a->host, a->queued + i);
		struct lg_chain ch;
		lg_chain_init(&ch);
		if (lg_chain_write(&ch, w->app[a->host], buf, n) != 0) {
			wake(w, a, w->now + 1000);
			return;
		}
		SIM_CHECK(w, tcp_send(a->c, &ch) == 0);
		a->queued += n;
		sim_pool_used(w, a->host, n / 1024 + 1);
		if (w->path == NULL && sim_chance(&w->rng, 100)) {
			wake(w, a, w->now + sim_below(&w->rng, 50000));
			return;
		}
	}
}

static bool app_alive(const struct sim_app *a)
{
	return a->c != NULL && !a->released && !a->closed;
}

/* Lets the application do what it would do in one turn of its loop. */
void sim_app_run(struct sim *w, struct sim_app *a)
{
	struct sim_app *peer = &w->pair[a->pair].app[1 - a->host];

	if (!app_alive(a) || tcp_conn_state(a->c) < TCP_ESTABLISHED)
		return;
	app_read(w, a);
	app_write(w, a);
	if (a->end == END_ABORT && a->queued >= a->abort_at) {
		tcp_abort(a->c, w->now);
		app_finish(w, a);
		return;
	}
	if (a->queued < a->to_send)
		return;
	if (a->end == END_RELEASE) {
		app_finish(w, a);
		return;
	}
	if (!a->shut) {
		a->shut = true;
		tcp_shutdown(a->c);
	}
	if (tcp_rx_eof(a->c) && tcp_rx(a->c)->len == 0) {
		if (peer->end == END_GRACEFUL && a->received != peer->to_send)
			sim_fail(w, "pair %d host %d: EOF after %llu of %llu bytes", a->pair,
				a->host, (unsigned long long)a->received,
				(unsigned long long)peer->to_send);
		a->eof = true;
		app_finish(w, a);
	}
}

static void app_closed(struct sim *w, struct sim_app *a)
{
	a->reason = tcp_conn_reason(a->c);
	if (a->reason == TCP_REASON_FIN) {
		/* Everything is there; a slow reader still takes its time. */
		a->holds = false;
		while (tcp_rx(a->c)->len > 0) {
			a->next_read = 0;
			a->think = 0;
			app_read(w, a);
		}
		a->eof = tcp_rx_eof(a->c);
	}
	a->closed = true;
	app_finish(w, a);
}

/*
 * With SYN cookies, a late copy of a client's first segment opens a connection again that has ended
 * meanwhile. Nobody is at its other end.
 */
static bool is_ghost(struct sim *w, int host, struct tcp_conn *c, unsigned events)
{
	if (host == 0 || !w->cookies || !(events & TCP_EV_ACCEPTED))
		return false;
	int pair = sim_pair_of_port(w, tcp_conn_key(c)->rport);
	return pair >= 0 && w->pair[pair].accepted;
}

static struct sim_app *app_of(struct sim *w, int host, struct tcp_conn *c, unsigned events)
{
	if (host == 0 || !(events & TCP_EV_ACCEPTED))
		return tcp_conn_user(c);
	int pair = sim_pair_of_port(w, tcp_conn_key(c)->rport);
	SIM_CHECK(w, pair >= 0);
	struct sim_app *a = &w->pair[pair].app[1];
	SIM_CHECK(w, !w->pair[pair].accepted);
	w->pair[pair].accepted = true;
	a->c = c;
	tcp_conn_set_user(c, a);
	return a;
}

void sim_app_events(struct sim *w, int host)
{
	struct tcp_conn *c;
	unsigned ev;

	while ((c = tcp_next_event(w->stack[host], &ev)) != NULL) {
		if (is_ghost(w, host, c, ev)) {
			w->n_ghosts++;
			tcp_abort(c, w->now);
			tcp_release(c, w->now);
			continue;
		}
		struct sim_app *a = app_of(w, host, c, ev);
		SIM_CHECK(w, a->c == c && !a->released && ev != 0);
		if (ev & TCP_EV_CONNECTED) {
			w->pair[a->pair].connected = true;
			w->pair[a->pair].connected_at = w->now;
		}
		if (ev & TCP_EV_CLOSED)
			app_closed(w, a);
		else
			sim_app_run(w, a);
	}
}
