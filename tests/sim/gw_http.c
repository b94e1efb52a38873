/* SPDX-License-Identifier: BSD-3-Clause */
/* A reader of HTTP messages that checks every byte of the bodies: independent of lib/http. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway.h"

uint64_t gw_stream(unsigned client, unsigned request, bool answer)
{
	return (uint64_t)client << 12 | (uint64_t)request << 4 | answer;
}

/* Takes bytes up to `end`. True when it is there. */
static bool take_line(
	struct gw_msg *m, const uint8_t **p, size_t *n, const char *end, bool *too_long)
{
	size_t len = strlen(end);

	while (*n > 0) {
		if (m->n_line + 1 >= sizeof(m->line)) {
			*too_long = true;
			return false;
		}
		m->line[m->n_line++] = (char)**p;
		m->line[m->n_line] = '\0';
		++*p;
		--*n;
		if (m->n_line >= len && memcmp(m->line + m->n_line - len, end, len) == 0)
			return true;
	}
	return false;
}

static bool take_body(struct gw_msg *m, const uint8_t **p, size_t *n)
{
	size_t k = m->until_end ? *n : LG_MIN((uint64_t)*n, m->left);

	for (size_t i = 0; m->checked && i < k; i++)
		if ((*p)[i] != sim_byte_at(m->seed, m->stream, m->offset + i))
			return false;
	*p += k;
	*n -= k;
	m->offset += k;
	m->left -= m->until_end ? 0 : k;
	return true;
}

static enum gw_news next_state(struct gw_msg *m, int state)
{
	m->state = state;
	m->n_line = 0;
	return GW_MORE;
}

static enum gw_news chunk_line(struct gw_msg *m)
{
	char *end;

	m->left = strtoull(m->line, &end, 16);
	if (end == m->line || *end != '\r')
		return GW_BROKEN;
	return next_state(m, m->left > 0 ? MSG_CHUNK : MSG_LAST);
}

static enum gw_news one_line(struct gw_msg *m)
{
	switch (m->state) {
	case MSG_HEAD:
		return GW_HEAD;
	case MSG_CHUNK_LINE:
		return chunk_line(m);
	case MSG_CHUNK_END:
		return m->n_line == 2 ? next_state(m, MSG_CHUNK_LINE) : GW_BROKEN;
	default: /* MSG_LAST: no trailers are sent here */
		if (m->n_line != 2)
			return GW_BROKEN;
		next_state(m, MSG_HEAD);
		return GW_DONE;
	}
}

enum gw_news gw_msg_feed(struct gw_msg *m, const uint8_t **p, size_t *n)
{
	while (*n > 0) {
		bool too_long = false;
		enum gw_news news = GW_MORE;
		if (m->state == MSG_BODY || m->state == MSG_CHUNK) {
			if (!take_body(m, p, n))
				return GW_WRONG_BYTE;
			if (m->left > 0 || m->until_end)
				continue;
			if (m->state == MSG_BODY)
				news = GW_DONE;
			next_state(m, m->state == MSG_BODY ? MSG_HEAD : MSG_CHUNK_END);
		} else if (take_line(m, p, n, m->state == MSG_HEAD ? "\r\n\r\n" : "\r\n",
				   &too_long)) {
			news = one_line(m);
		}
		if (too_long)
			return GW_BROKEN;
		if (news != GW_MORE)
			return news;
	}
	return GW_MORE;
}

void gw_msg_body(
	struct gw_msg *m, enum gw_framing framing, uint64_t length, bool checked, uint64_t stream)
{
	m->until_end = framing == GW_UNTIL_END;
	m->checked = checked;
	m->stream = stream;
	m->left = length;
	m->offset = 0;
	next_state(m, framing == GW_CHUNKED ? MSG_CHUNK_LINE
		      : framing == GW_UNTIL_END || (framing == GW_LENGTH && length > 0) ? MSG_BODY
											: MSG_HEAD);
}

const char *gw_msg_field(const struct gw_msg *m, const char *name)
{
	const char *p = m->line;
	size_t len = strlen(name);

	while ((p = strstr(p, "\r\n")) != NULL) {
		p += 2;
		if (strncasecmp(p, name, len) == 0 && p[len] == ':')
			return p + len + 1 + (p[len + 1] == ' ');
	}
	return NULL;
}

enum gw_framing gw_msg_framing(const struct gw_msg *m, uint64_t *length)
{
	const char *cl = gw_msg_field(m, "Content-Length");

	*length = 0;
	if (gw_msg_field(m, "Transfer-Encoding") != NULL)
		return GW_CHUNKED;
	if (cl == NULL)
		return GW_UNTIL_END;
	*length = strtoull(cl, NULL, 10);
	return GW_LENGTH;
}
