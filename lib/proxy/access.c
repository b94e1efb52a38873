/* SPDX-License-Identifier: BSD-3-Clause */
/* The record of one exchange for the access log. */
#include <stdio.h>
#include <string.h>

#include "proxy/internal.h"

static lg_us span(lg_us from, lg_us to)
{
	return from != 0 && to > from ? to - from : 0;
}

static void copy_text(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

void access_log(struct session *s, enum proxy_end end, lg_us now)
{
	struct proxy *p = s->p;
	struct exchange *ex = s->ex;
	const struct http_head *h = &ex->req;
	struct proxy_access r;

	if (p->access == NULL)
		return;
	memset(&r, 0, sizeof(r));
	r.start = ex->start;
	r.total = span(ex->start, now);
	r.wait = span(ex->start, ex->head_at);
	r.connect = span(ex->connect_begun, ex->up_at);
	r.first_byte = span(ex->sent_at, ex->first_byte_at);
	r.tls = s->requests <= 1 ? s->tls_time : 0;
	r.bytes_in = ex->bytes_in;
	r.bytes_out = ex->bytes_out;
	if (s->front.tcp != NULL) {
		const struct flow_key *k = tcp_conn_key(s->front.tcp);
		r.client = k->remote;
		r.client_port = k->rport;
	}
	r.listener = (int16_t)s->listener;
	r.route = r.pool = r.server = -1;
	if (ex->host != NULL) {
		r.route = (int16_t)ex->host->route;
		r.pool = (int16_t)p->conf->routes[ex->host->route].pool;
	}
	if (ex->back != NULL)
		r.server = (int16_t)ex->back->server;
	else
		r.pool = -1;
	r.status = ex->status;
	r.end = (uint8_t)end;
	r.http_error = (uint8_t)h->error;
	if (s->front.tls != NULL) {
		r.tls_resumed = tls_conn_resumed(s->front.tls);
		snprintf(
			r.tls_version, sizeof(r.tls_version), "%s", tls_conn_version(s->front.tls));
	}
	if (ex->req_phase != REQ_HEAD || h->error == HTTP_ERR_NONE) {
		copy_text(r.method, sizeof(r.method), h->method_name, strlen(h->method_name));
		copy_text(r.host, sizeof(r.host), h->host, strlen(h->host));
		copy_text(
			r.path, sizeof(r.path), h->path, LG_MIN(h->path_len, sizeof(h->path) - 1));
		r.path_cut = h->path_cut || h->path_len >= sizeof(r.path);
	}
	r.id = (uint64_t)p->worker << 48 | ++p->next_id;
	p->access(p->access_ctx, &r);
}
