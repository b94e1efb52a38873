/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads and bodies of both directions. Byte 0 chooses direction and limits, byte 1 seeds the cuts,
 * the rest is a connection's stream: messages one after the other. Whatever the bytes are: cut
 * anywhere the result is the same, and what would be forwarded reads the same at the next hop.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct message {
	struct http_head head;
	struct http_body body;
	enum http_status head_status, body_status;
	size_t head_used, body_used;
};

/* Pieces of 0 to 15 bytes; seed 0: one piece. */
static size_t cut(uint32_t *seed, size_t left)
{
	size_t n;

	if (*seed == 0)
		return left;
	*seed = *seed * 1664525u + 1013904223u;
	*seed |= 1;
	n = *seed >> 28;
	return n < left ? n : left;
}

static uint8_t *exact(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));

	CHECK(copy != NULL);
	memcpy(copy, p, n);
	return copy;
}

static enum http_status feed_head(
	struct http_head *h, const uint8_t *p, size_t n, uint32_t seed, size_t *total)
{
	enum http_status s = HTTP_MORE;

	*total = 0;
	while (s == HTTP_MORE && *total < n) {
		size_t len = cut(&seed, n - *total), used;
		uint8_t *piece = exact(p + *total, len);

		s = http_head_parse(h, piece, len, &used);
		free(piece);
		CHECK(used <= len && (s != HTTP_MORE || used == len));
		*total += used;
	}
	return s;
}

static enum http_status feed_body(
	struct http_body *b, const uint8_t *p, size_t n, uint32_t seed, size_t *total)
{
	enum http_status s = HTTP_MORE;

	*total = 0;
	do {
		size_t len = cut(&seed, n - *total), used;
		uint8_t *piece = exact(p + *total, len);

		s = http_body_parse(b, piece, len, &used);
		free(piece);
		CHECK(used <= len && (s != HTTP_MORE || used == len));
		*total += used;
	} while (s == HTTP_MORE && *total < n);
	return s;
}

static void init_head(struct http_head *h, uint8_t mode)
{
	struct http_limits l;

	http_limits_default(&l);
	if (mode & 2)
		l = (struct http_limits){200, 60, 50, 5};
	if (mode & 1)
		http_response_init(h, &l);
	else
		http_request_init(h, &l);
}

static void parse_message(
	struct message *m, const uint8_t *p, size_t n, uint8_t mode, uint32_t seed)
{
	memset(m, 0, sizeof(*m));
	init_head(&m->head, mode);
	m->head_status = feed_head(&m->head, p, n, seed, &m->head_used);
	if (m->head_status == HTTP_DONE && (mode & 1))
		m->head_status = http_response_framing(&m->head, mode & 4 ? HTTP_HEAD : HTTP_GET);
	if (m->head_status != HTTP_DONE)
		return;
	http_body_init(&m->body, m->head.framing, m->head.content_length);
	m->body_status = feed_body(
		&m->body, p + m->head_used, n - m->head_used, seed, &m->body_used);
}

static void compare(const struct message *a, const struct message *b)
{
	CHECK(a->head_status == b->head_status && a->head_used == b->head_used);
	CHECK(a->body_status == b->body_status && a->body_used == b->body_used);
	CHECK(a->head.error == b->head.error && a->body.error == b->body.error);
	CHECK(a->body.payload == b->body.payload && a->body.seen == b->body.seen);
	CHECK((a->head_status == HTTP_ERROR) == (a->head.error != HTTP_ERR_NONE));
	/* all of the result and the parser's state is a function of the bytes; m was zeroed */
	CHECK(memcmp(&a->head, &b->head, sizeof(a->head)) == 0);
}

static size_t forward(const struct http_head *h, const uint8_t *p, uint8_t *out)
{
	size_t len = 0, pos = 0;

	for (unsigned i = 0; i < h->n_strip; i++) {
		const struct http_range *r = &h->strip[i];

		CHECK(r->len > 0 && r->off >= pos && r->off + r->len <= h->head_len - 2);
		CHECK(p[r->off + r->len - 1] == '\n');
		memcpy(out + len, p + pos, r->off - pos);
		len += r->off - pos;
		pos = r->off + r->len;
	}
	memcpy(out + len, p + pos, h->head_len - pos);
	return len + h->head_len - pos;
}

/* What we forward must mean the same to a proxy like us, and hold nothing more to strip. */
static void check_next_hop(const struct http_head *h, const uint8_t *p, uint8_t mode)
{
	static struct http_head next;
	uint8_t *out = malloc(h->head_len);
	size_t len, used;

	CHECK(out != NULL);
	len = forward(h, p, out);
	init_head(&next, mode);
	CHECK(http_head_parse(&next, out, len, &used) == HTTP_DONE && used == len);
	CHECK(next.n_strip == 0 && !next.close && !next.upgrade);
	CHECK(next.chunked == h->chunked && next.has_content_length == h->has_content_length);
	CHECK(next.content_length == h->content_length && next.status == h->status);
	CHECK(strcmp(next.host, h->host) == 0 && next.host_port == h->host_port);
	CHECK(strcmp(next.path, h->path) == 0 && strcmp(next.method_name, h->method_name) == 0);
	CHECK(next.has_auth_scheme == h->has_auth_scheme);
	free(out);
}

static void check_request(const struct http_head *h)
{
	static char answer[4096];
	uint8_t *path = exact((const uint8_t *)h->path, h->path_len);

	CHECK(http_path_prefix((char *)path, h->path_len, "/"));
	http_path_prefix((char *)path, h->path_len, "/meet/x");
	CHECK((h->host[0] != '\0') ==
		(http_redirect(answer, sizeof(answer), 301, h->host, h->host_port, (char *)path,
			 h->path_len, false, true) > 0));
	free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message whole, pieces;
	uint8_t mode;
	uint32_t seed;

	if (size < 2)
		return 0;
	mode = data[0];
	seed = data[1] + 1u;
	for (size_t pos = 2; pos < size;) {
		parse_message(&whole, data + pos, size - pos, mode, 0);
		parse_message(&pieces, data + pos, size - pos, mode, seed);
		compare(&whole, &pieces);
		if (whole.head_status != HTTP_DONE)
			break;
		check_next_hop(&whole.head, data + pos, mode);
		if ((mode & 1) == 0)
			check_request(&whole.head);
		if (whole.body_status != HTTP_DONE)
			break;
		pos += whole.head_used + whole.body_used;
	}
	return 0;
}
