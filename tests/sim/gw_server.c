/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Servers: they check what the gateway passes on (each request once, whole, on a connection that
 * belongs to one client) and answer as the request wants it, well or badly.
 */
#include <inttypes.h>
#include <string.h>

#include "gateway.h"

static void wake(struct gw_member *m, lg_us at)
{
	struct sim_event e = {.at = at, .kind = SIM_APP, .host = GW_SERVER, .pair = (int)m->number};
	if (m->wake_armed)
		return;
	m->wake_armed = true;
	sim_push(&m->w->queue, &e);
}

static struct gw_request *request(const struct gw_member *m)
{
	return &m->w->client[m->client].req[m->request];
}

/* ---- reading ---- */

static void request_done(struct gw_member *m)
{
	const struct gw_request *q = request(m);

	if (m->in.offset != q->up)
		gw_fail(m->w, "server got %" PRIu64 " of %" PRIu32 " bytes of c%d/r%u",
			m->in.offset, q->up, m->client, m->request);
	m->answering = true;
	m->head_written = false;
	m->body_written = 0;
	m->answer_at = m->w->now + q->delay;
}

static void request_head(struct gw_member *m)
{
	struct gw *w = m->w;
	unsigned c, r;
	char method[8];
	uint64_t length;

	if (sscanf(m->in.line, "%7s /c%u/r%u ", method, &c, &r) != 3 || c >= w->n_clients ||
		r >= w->client[c].n_requests)
		gw_fail(w, "server got %.60s", m->in.line);
	if (m->answering)
		gw_fail(w, "server got c%u/r%u while it answers c%d/r%u", c, r, m->client,
			m->request);
	if (m->client >= 0 && (m->client != (int)c || m->request >= r))
		gw_fail(w, "server connection of c%d/r%u got c%u/r%u", m->client, m->request, c, r);
	m->client = (int)c;
	m->request = r;
	struct gw_request *q = request(m);
	GW_CHECK(w, strcmp(method, q->post ? "POST" : "GET") == 0);
	if (q->seen++ > 0)
		gw_fail(w, "c%u/r%u came to the servers twice", c, r);
	enum gw_framing framing = gw_msg_framing(&m->in, &length);
	GW_CHECK(w, framing == (q->chunked ? GW_CHUNKED : q->post ? GW_LENGTH : GW_UNTIL_END));
	if (framing == GW_UNTIL_END)
		framing = GW_NO_BODY;
	gw_msg_body(&m->in, framing, length, true, gw_stream(c, r, false));
	if (m->in.state == MSG_HEAD)
		request_done(m);
}

static void take(struct end *e, struct lg_chain *plain)
{
	struct gw_member *m = e->user;
	uint8_t buf[4096];

	while (plain->len > 0) {
		size_t n = lg_chain_peek(plain, 0, buf, LG_MIN(plain->len, (uint32_t)sizeof(buf)));
		const uint8_t *p = buf;
		lg_chain_trim_head(plain, (uint32_t)n);
		while (n > 0) {
			enum gw_news news = gw_msg_feed(&m->in, &p, &n);
			if (news == GW_HEAD)
				request_head(m);
			else if (news == GW_DONE)
				request_done(m);
			else if (news != GW_MORE)
				gw_fail(m->w,
					"server: wrong byte or no HTTP in c%d/r%u at %" PRIu64
					": %.40s",
					m->client, m->request, m->in.offset, m->in.line);
		}
	}
}

/* ---- answering ---- */

static void put(struct gw_member *m, const void *data, size_t n)
{
	end_write(&m->e, m->w->pool[GW_SERVER], data, n, m->w->now);
}

static void finish(struct gw_member *m)
{
	end_finish(&m->e);
	m->answering = false;
	m->finished = true;
}

static void write_head(struct gw_member *m, const struct gw_request *q)
{
	char head[512];
	size_t size = sizeof(head);
	bool chunked = q->answer == GW_A_CHUNKED;

	int n = snprintf(head, size, "%sHTTP/1.1 %s\r\nX-For: c%d/r%u;\r\n",
		q->answer == GW_A_INTERIM ? "HTTP/1.1 100 Continue\r\n\r\n" : "",
		q->answer == GW_A_EMPTY ? "204 No Content" : "200 OK", m->client, m->request);
	if (q->answer == GW_A_CLOSE || q->answer == GW_A_UNTIL_CLOSE)
		n += snprintf(head + n, size - (size_t)n, "Connection: close\r\n");
	if (chunked)
		n += snprintf(head + n, size - (size_t)n, "Transfer-Encoding: chunked\r\n");
	else if (q->answer != GW_A_UNTIL_CLOSE && q->answer != GW_A_EMPTY)
		n += snprintf(head + n, size - (size_t)n, "Content-Length: %" PRIu32 "\r\n",
			q->down + (q->answer == GW_A_CUT));
	if (q->answer == GW_A_BAD)
		n += snprintf(head + n, size - (size_t)n, "Bad Name: x\r\n");
	n += snprintf(head + n, size - (size_t)n, "\r\n");
	put(m, head, (size_t)n);
	m->head_written = true;
}

static void write_piece(struct gw_member *m, const struct gw_request *q)
{
	char piece[GW_PIECE + 32];
	struct sim_rng *r = &m->w->rng;
	bool chunked = q->answer == GW_A_CHUNKED;
	uint32_t most = q->answer == GW_A_SLOW ? 500 : GW_PIECE;
	uint32_t wish = sim_range(r, 1, most), k = LG_MIN(q->down - m->body_written, wish);
	uint64_t stream = gw_stream((unsigned)m->client, m->request, true);
	size_t n = chunked ? (size_t)snprintf(piece, 16, "%x\r\n", k) : 0;

	for (uint32_t i = 0; i < k; i++)
		piece[n++] = (char)sim_byte_at(m->w->seed, stream, m->body_written + i);
	if (chunked) {
		memcpy(piece + n, "\r\n", 2);
		n += 2;
	}
	put(m, piece, n);
	m->body_written += k;
	if (q->answer == GW_A_SLOW)
		m->next_write = m->w->now + sim_range(r, 1000, 400000);
}

static void answer_done(struct gw_member *m, const struct gw_request *q)
{
	if (q->answer == GW_A_CHUNKED)
		put(m, "0\r\n\r\n", 5);
	m->answering = false;
	if (q->answer == GW_A_CLOSE || q->answer == GW_A_UNTIL_CLOSE || q->answer == GW_A_CUT)
		finish(m);
}

/* True when there is more to write and room for it. */
static bool write_some(struct gw_member *m)
{
	const struct gw_request *q = request(m);
	lg_us next = LG_MAX(m->answer_at, m->next_write);

	if (q->answer == GW_A_SILENT)
		return false;
	if (m->w->now < next) {
		wake(m, next);
		return false;
	}
	if (tcp_tx_space(m->e.tcp) < GW_PIECE)
		return false;
	if (!m->head_written)
		write_head(m, q);
	else if (m->body_written < q->down)
		write_piece(m, q);
	if (q->answer == GW_A_RESET && m->body_written >= q->down / 2) {
		end_abort(&m->e, m->w->now);
		m->answering = false;
		return false;
	}
	if (m->body_written == q->down)
		answer_done(m, q);
	return m->answering;
}

void gw_member_run(struct gw_member *m)
{
	if (m->e.tcp == NULL || m->finished)
		return;
	while (m->answering && m->e.connected && write_some(m))
		continue;
	if (m->e.tcp != NULL && !m->finished && !m->answering && (m->e.eof || m->e.tls_failed))
		finish(m);
}

void gw_member_event(struct gw_member *m, unsigned events)
{
	end_event(&m->e, events, m->w->now);
	gw_member_run(m);
}

void gw_member_accept(struct gw *w, struct tcp_conn *c, unsigned events)
{
	GW_CHECK(w, w->n_members < GW_MEMBERS);
	struct gw_member *m = &w->member[w->n_members];

	*m = (struct gw_member){.w = w, .number = w->n_members++, .client = -1};
	m->e = (struct end){.tcp = c, .take = take, .user = m, .port = tcp_conn_key(c)->lport};
	m->in.seed = w->seed;
	tcp_conn_set_user(c, &m->e);
	if (m->e.port == 4443 && w->tls_back)
		m->e.tls = tls_accept(w->tls_member);
	gw_member_event(m, events);
}
