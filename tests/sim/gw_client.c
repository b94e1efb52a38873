/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients: each asks for what it wants to be answered and checks that it gets just that: its own
 * answers, in the order of its requests, byte for byte, and nothing else.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"

static void take(struct end *e, struct lg_chain *plain);

/* ---- what a seed makes of a client ---- */

static uint32_t random_size(struct sim_rng *r)
{
	static const uint32_t sizes[] = {0, 100, 100, 3000, 3000, 20000, 20000, 150000};
	return sim_below(r, sizes[sim_below(r, LG_ARRAY_SIZE(sizes))] + 1);
}

static bool random_request(struct gw *w, struct gw_client *c, bool last)
{
	struct sim_rng *r = &w->rng;
	struct gw_request *q = &c->req[c->n_requests++];
	bool good = sim_chance(r, 850);

	q->answer = good ? (enum gw_answer)sim_below(r, GW_A_GOOD)
			 : (enum gw_answer)sim_range(r, GW_A_GOOD, GW_ANSWERS - 1);
	if (q->answer == GW_A_UNTIL_CLOSE && last)
		good = true;
	q->post = sim_chance(r, 400);
	q->chunked = q->post && sim_chance(r, 400);
	q->up = q->post ? random_size(r) : 0;
	q->down = q->answer == GW_A_EMPTY ? 0 : random_size(r);
	q->other_pool = sim_chance(r, 200);
	/* Long polls among them. */
	if (sim_chance(r, 300))
		q->delay = sim_below(r, sim_chance(r, 200) ? 120000000 : 300000);
	if (q->answer == GW_A_SLOW)
		q->down = q->down % 5000;
	return good;
}

void gw_client_random(struct gw *w, unsigned number)
{
	struct sim_rng *r = &w->rng;
	struct gw_client *c = &w->client[number];
	struct sim_event e = {.kind = SIM_CONNECT, .pair = (int)number};
	unsigned n = sim_range(r, 1, sim_chance(r, 200) ? GW_REQUESTS : 3);

	*c = (struct gw_client){.w = w, .number = number};
	c->faithful = w->generous && !w->small_pool && !w->exhausts && !w->drains;
	for (unsigned i = 0; i < n; i++)
		if (!random_request(w, c, i + 1 == n))
			c->faithful = false;
	c->in.seed = w->seed;
	c->tls = w->tls_front;
	c->v6 = sim_chance(r, 300);
	c->rcv_buf = gw_buffer(w, c->tls);
	c->window = sim_chance(r, 300) ? sim_range(r, 2, GW_REQUESTS) : 1;
	c->max_write = sim_range(r, 1, sim_chance(r, 200) ? 100 : GW_PIECE);
	if (sim_chance(r, 200))
		c->think = sim_range(r, 1000, 300000);
	c->leave = sim_chance(r, 600) ? GW_L_FIN : (enum gw_leave)sim_below(r, GW_LEAVES);
	c->start = w->start + sim_below(r, 2000000);
	if (c->leave >= GW_L_ABORT) {
		c->leave_at = c->start + sim_below(r, sim_chance(r, 500) ? 300000 : 10000000);
		c->faithful = false;
	}
	e.at = c->start;
	sim_push(&w->queue, &e);
}

static void wake(struct gw_client *c, lg_us at)
{
	struct sim_event e = {.at = at, .kind = SIM_APP, .host = GW_CLIENT, .pair = (int)c->number};
	if (c->wake_armed)
		return;
	c->wake_armed = true;
	sim_push(&c->w->queue, &e);
}

void gw_client_connect(struct gw *w, struct gw_client *c)
{
	struct tcp_opts o;
	struct lg_ip ip = gw_ip(c->v6 ? gw_site.gateway6 : gw_site.gateway4);
	int err;

	tcp_opts_default(&o);
	o.rcv_buf = c->rcv_buf;
	o.snd_buf = gw_buffer(w, c->tls);
	/* It is what finds out that the gateway's RST got lost. */
	o.keepalive_idle = LG_SEC(sim_range(&w->rng, 5, 60));
	o.keepalive_probes = 20; /* outlasts every partition */
	o.connect_timeout = LG_SEC(300);
	o.user_timeout = o.fin_timeout = LG_SEC(600);
	o.cc = sim_cc_names[sim_cc_random(&w->rng)];
	o.ecn = sim_chance(&w->rng, 500);
	c->e.tcp = tcp_connect(
		w->stack[GW_CLIENT], NET_INTERNAL, &ip, c->tls ? 443 : 80, &o, &c->e, w->now, &err);
	GW_CHECK(w, c->e.tcp != NULL);
	c->e.user = c;
	c->e.take = take;
	c->started = true;
	if (c->tls)
		c->e.tls = tls_connect(w->tls_client, 0);
	if (c->leave_at != 0)
		wake(c, LG_MAX(c->leave_at, w->now));
}

/* ---- asking ---- */

static void put(struct gw_client *c, const void *data, size_t n)
{
	end_write(&c->e, c->w->pool[GW_CLIENT], data, n, c->w->now);
}

static void write_head(struct gw_client *c, unsigned number)
{
	const struct gw_request *q = &c->req[number];
	char head[512];

	int n = snprintf(head, sizeof(head), "%s /c%u/r%u HTTP/1.1\r\nHost: %s\r\n",
		q->post ? "POST" : "GET", c->number, number, gw_hosts[q->other_pool]);
	if (q->chunked)
		n += snprintf(head + n, sizeof(head) - (size_t)n, "Transfer-Encoding: chunked\r\n");
	else if (q->post)
		n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: %" PRIu32 "\r\n",
			q->up);
	n += snprintf(head + n, sizeof(head) - (size_t)n, "\r\n");
	put(c, head, (size_t)n);
	c->head_written = true;
	c->body_written = 0;
}

/* One more piece of the body, as a chunk where it goes in chunks. */
static void write_piece(struct gw_client *c, const struct gw_request *q)
{
	char piece[GW_PIECE + 32];
	uint32_t k = LG_MIN(q->up - c->body_written, c->max_write);
	uint64_t stream = gw_stream(c->number, c->writing, false);
	size_t n = q->chunked ? (size_t)snprintf(piece, 16, "%x\r\n", k) : 0;

	for (uint32_t i = 0; i < k; i++)
		piece[n++] = (char)sim_byte_at(c->w->seed, stream, c->body_written + i);
	if (q->chunked) {
		memcpy(piece + n, "\r\n", 2);
		n += 2;
	}
	put(c, piece, n);
	c->body_written += k;
}

static void request_written(struct gw_client *c, const struct gw_request *q)
{
	if (q->chunked)
		put(c, "0\r\n\r\n", 5);
	c->writing++;
	c->head_written = false;
}

static void write_requests(struct gw_client *c)
{
	struct gw *w = c->w;

	while (c->writing < c->n_requests && c->writing < c->answering + c->window) {
		const struct gw_request *q = &c->req[c->writing];
		if (tcp_tx_space(c->e.tcp) < GW_PIECE)
			return;
		if (!c->head_written)
			write_head(c, c->writing);
		else if (c->body_written < q->up)
			write_piece(c, q);
		if (c->head_written && c->body_written == q->up)
			request_written(c, q);
		if (sim_chance(&w->rng, 50)) {
			wake(c, w->now + sim_below(&w->rng, 100000));
			return;
		}
	}
}

/* ---- reading ---- */

static void answer_done(struct gw_client *c)
{
	struct gw_request *q = &c->req[c->answering];

	if (c->mine && c->in.offset != q->down)
		gw_fail(c->w, "client %u request %u: %" PRIu64 " bytes instead of %" PRIu32,
			c->number, c->answering, c->in.offset, q->down);
	q->answered = c->mine;
	q->refused = !c->mine;
	c->answering++;
}

/* Whose answer it says to be. */
static void check_owner(struct gw_client *c, unsigned status)
{
	const struct gw_request *q = &c->req[c->answering];
	const char *owner = gw_msg_field(&c->in, "X-For");
	char want[32];

	c->mine = owner != NULL;
	snprintf(want, sizeof(want), "c%u/r%u;", c->number, c->answering);
	if (owner != NULL && strncmp(owner, want, strlen(want)) != 0)
		gw_fail(c->w, "client %u got %.12s instead of %s", c->number, owner, want);
	if (owner == NULL && status < 400)
		gw_fail(c->w, "client %u got %u from nobody", c->number, status);
	if (owner != NULL && status != (q->answer == GW_A_EMPTY ? 204 : 200))
		gw_fail(c->w, "client %u got %u", c->number, status);
	if (owner == NULL && c->faithful)
		gw_fail(c->w, "client %u request %u: the gateway says %u, and nothing was wrong",
			c->number, c->answering, status);
}

static void answer_head(struct gw_client *c)
{
	unsigned status = 0;
	uint64_t length;

	if (sscanf(c->in.line, "HTTP/1.1 %u", &status) != 1)
		gw_fail(c->w, "client %u got no HTTP: %.40s", c->number, c->in.line);
	if (status == 100) {
		gw_msg_body(&c->in, GW_NO_BODY, 0, false, 0);
		return;
	}
	GW_CHECK(c->w, status != 502 && status != 403 && status >= 200);
	if (c->answering >= c->n_requests ||
		(c->answering > c->writing || (c->answering == c->writing && !c->head_written))) {
		/* The gateway's word on a request that never came. */
		GW_CHECK(c->w, status == 408 && gw_msg_field(&c->in, "X-For") == NULL);
		c->answering = LG_MIN(c->answering, c->n_requests - 1);
	}
	check_owner(c, status);
	enum gw_framing framing = status == 204 ? GW_NO_BODY : gw_msg_framing(&c->in, &length);
	if (status == 204)
		length = 0;
	gw_msg_body(&c->in, framing, length, c->mine, gw_stream(c->number, c->answering, true));
	if (c->in.state == MSG_HEAD)
		answer_done(c);
}

static void take_bytes(struct gw_client *c, const uint8_t *p, size_t n)
{
	while (n > 0) {
		enum gw_news news = gw_msg_feed(&c->in, &p, &n);
		if (news == GW_HEAD)
			answer_head(c);
		else if (news == GW_DONE)
			answer_done(c);
		else if (news == GW_WRONG_BYTE)
			gw_fail(c->w, "client %u request %u: wrong byte at %" PRIu64 " or after",
				c->number, c->answering, c->in.offset);
		else if (news == GW_BROKEN)
			gw_fail(c->w, "client %u: no HTTP: %.40s", c->number, c->in.line);
	}
}

static void take(struct end *e, struct lg_chain *plain)
{
	struct gw_client *c = e->user;
	uint8_t buf[4096];

	while (plain->len > 0) {
		uint32_t n = lg_chain_peek(
			plain, 0, buf, LG_MIN(plain->len, (uint32_t)sizeof(buf)));
		lg_chain_trim_head(plain, n);
		take_bytes(c, buf, n);
		if (c->think != 0 && !e->closed) {
			e->paused = true;
			c->resume_at = c->w->now + c->think;
		}
	}
}

/* ---- living ---- */

/* An answer that lasts until the end is whole when the end is a real one. */
static void end_of_stream(struct gw_client *c)
{
	if (c->in.state == MSG_BODY && c->in.until_end && c->e.clean &&
		c->answering < c->n_requests) {
		c->in.state = MSG_HEAD;
		answer_done(c);
	}
}

static void leave(struct gw_client *c)
{
	struct gw *w = c->w;

	switch (c->leave) {
	case GW_L_ABORT:
		end_abort(&c->e, w->now);
		break;
	case GW_L_RELEASE:
		tcp_release(c->e.tcp, w->now);
		c->e.tcp = NULL;
		break;
	default:
		end_finish(&c->e);
		c->sent_fin = true;
		break;
	}
	c->done_at = w->now;
}

static void read_again(struct gw_client *c)
{
	if (!c->e.paused)
		return;
	if (c->w->now < c->resume_at) {
		wake(c, c->resume_at);
		return;
	}
	c->e.paused = false;
	end_read(&c->e);
	if (c->e.paused)
		wake(c, c->resume_at);
}

void gw_client_run(struct gw_client *c)
{
	struct end *e = &c->e;

	if (e->tcp == NULL || c->sent_fin) {
		if (e->tcp != NULL)
			read_again(c);
		return;
	}
	if (c->leave_at != 0 && c->w->now >= c->leave_at) {
		leave(c);
		return;
	}
	if (!e->connected && !e->eof && !e->tls_failed)
		return;
	read_again(c);
	if (e->eof && !e->paused)
		end_of_stream(c);
	bool over = (e->eof && !e->paused) || e->tls_failed;
	if (over || (c->answering == c->n_requests && c->leave != GW_L_IDLE)) {
		c->sent_fin = true;
		c->done_at = c->w->now;
		end_finish(e);
		return;
	}
	if (!e->eof)
		write_requests(c);
}

void gw_client_event(struct gw_client *c, unsigned events)
{
	end_event(&c->e, events, c->w->now);
	if (events & TCP_EV_CLOSED) {
		if (c->e.reason == TCP_REASON_FIN)
			end_of_stream(c);
		c->done_at = c->w->now;
	}
	gw_client_run(c);
}
