/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers that we give ourselves (LY-412): 503, 504, 404 and client faults, never 502 or 403. */
#include <string.h>

#include "proxy/internal.h"

/* Room for a Location as long as the longest path that is kept, and the fixed parts. */
#define ANSWER_SIZE (HTTP_MAX_TARGET_COPY + HTTP_MAX_HOST + 1024)

void answer_count(struct proxy *p, int status)
{
	enum proxy_counter c = status == 400   ? PROXY_CTR_LOCAL_400
			       : status == 404 ? PROXY_CTR_LOCAL_404
			       : status == 408 ? PROXY_CTR_LOCAL_408
			       : status == 413 ? PROXY_CTR_LOCAL_413
			       : status == 414 ? PROXY_CTR_LOCAL_414
			       : status == 431 ? PROXY_CTR_LOCAL_431
			       : status == 503 ? PROXY_CTR_LOCAL_503
			       : status == 504 ? PROXY_CTR_LOCAL_504
			       : status < 400  ? PROXY_CTR_LOCAL_REDIRECT
					       : PROXY_CTR_LOCAL_OTHER;
	p->counters[c]++;
}

static bool send_answer(struct session *s, const char *text, size_t len, int status, lg_us now)
{
	struct lg_chain out;
	struct exchange *ex = s->ex;

	if (len == 0)
		return false;
	lg_chain_init(&out);
	if (lg_chain_write(&out, s->p->pool, text, (uint32_t)len) != 0)
		return false;
	answer_count(s->p, status);
	ex->status = (uint16_t)status;
	ex->committed = true;
	ex->bytes_out += len;
	return peer_send(&s->front, &out, now) == 0;
}

bool answer_local(struct session *s, int status, const char *reason, bool keep, lg_us now)
{
	char buf[1024];
	bool head_only = s->ex->req.method == HTTP_HEAD;
	unsigned retry = s->p->conf->retry_after;

	size_t n = http_local_answer(buf, sizeof(buf), status, reason, retry, head_only, !keep);
	return send_answer(s, buf, n, status, now);
}

bool answer_redirect(struct session *s, bool keep, lg_us now)
{
	char buf[ANSWER_SIZE];
	const struct conf *c = s->p->conf;
	const struct http_head *h = &s->ex->req;

	if (h->path_cut)
		return answer_local(s, 414, "target-too-long-to-redirect", keep, now);
	size_t n = http_redirect(buf, sizeof(buf), c->redirect_status, h->host, c->redirect_port,
		h->path, h->path_len, h->method == HTTP_HEAD, !keep);
	return send_answer(s, buf, n, c->redirect_status, now);
}
