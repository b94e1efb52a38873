/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fields of a head mean to a proxy: framing, host, connection options, what to strip. */
#include <string.h>

#include "http/internal.h"

enum field {
	FIELD_OTHER,
	FIELD_HOST,
	FIELD_LENGTH,
	FIELD_ENCODING,
	FIELD_CONNECTION,
	FIELD_UPGRADE,
	FIELD_EXPECT,
	FIELD_AUTHORIZATION,
	FIELD_CHALLENGE
};

#define READ       0x01 /* its value matters */
#define STRIP      0x02 /* hop-by-hop, RFC 9110 7.6.1 */
#define STAY       0x04 /* Connection must not nominate it: it frames, routes, authenticates or types */
#define NO_TRAILER 0x08 /* RFC 9110 6.5.1, and we could not strip it there */

/*
 * Proxy-Authorization and Proxy-Authenticate are hop-by-hop in RFC 9110, but all that authenticates
 * passes untouched (LY-402).
 */
static const struct known_field {
	const char *name;
	uint8_t len, id, flags;
} known_fields[] = {
#define F(name, id, flags)                                                                         \
	{                                                                                          \
		name, sizeof(name) - 1, id, flags                                                  \
	}
	F("host", FIELD_HOST, READ | STAY | NO_TRAILER),
	F("content-length", FIELD_LENGTH, READ | STAY | NO_TRAILER),
	F("transfer-encoding", FIELD_ENCODING, READ | STAY | NO_TRAILER),
	F("connection", FIELD_CONNECTION, READ | STRIP | NO_TRAILER),
	F("upgrade", FIELD_UPGRADE, STRIP | NO_TRAILER),
	F("keep-alive", FIELD_OTHER, STRIP | NO_TRAILER),
	F("proxy-connection", FIELD_OTHER, STRIP | NO_TRAILER),
	F("te", FIELD_OTHER, STRIP | NO_TRAILER),
	F("expect", FIELD_EXPECT, READ | STAY | NO_TRAILER),
	F("authorization", FIELD_AUTHORIZATION, READ | STAY | NO_TRAILER),
	F("www-authenticate", FIELD_CHALLENGE, READ | STAY | NO_TRAILER),
	F("proxy-authorization", FIELD_OTHER, STAY | NO_TRAILER),
	F("proxy-authenticate", FIELD_OTHER, STAY | NO_TRAILER),
	F("cookie", FIELD_OTHER, STAY | NO_TRAILER),
	F("set-cookie", FIELD_OTHER, STAY | NO_TRAILER),
	F("content-type", FIELD_OTHER, STAY | NO_TRAILER),
	F("content-encoding", FIELD_OTHER, STAY | NO_TRAILER),
	F("content-range", FIELD_OTHER, STAY | NO_TRAILER),
	F("cache-control", FIELD_OTHER, STAY),
	F("location", FIELD_OTHER, STAY | NO_TRAILER),
	F("trailer", FIELD_OTHER, NO_TRAILER),
#undef F
};
#define N_KNOWN (sizeof(known_fields) / sizeof(known_fields[0]))

static const struct known_field *find_known(const char *name, size_t len)
{
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (known_fields[i].len == len && memcmp(known_fields[i].name, name, len) == 0)
			return &known_fields[i];
	}
	return NULL;
}

static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t hash = HTTP_HASH_INIT;

	for (size_t i = 0; i < len; i++)
		hash = http_hash(hash, http_lower((uint8_t)name[i]));
	return hash;
}

bool http_trailer_forbidden(const char *name, size_t len)
{
	const struct known_field *k = find_known(name, len);

	return k != NULL && (k->flags & NO_TRAILER) != 0;
}

void http_field_named(struct http_head *h)
{
	struct http_head_state *st = &h->st;
	const struct known_field *k = find_known(st->name, st->name_len);
	uint8_t flags = k != NULL ? k->flags : 0;

	st->field = k != NULL ? k->id : FIELD_OTHER;
	st->collect = (flags & READ) != 0;
	st->value_cut = false;
	st->value_len = 0;
	st->seen_upgrade |= st->field == FIELD_UPGRADE;
	st->lines[st->n_fields++] = (struct http_field_line){
		.off = st->line_start,
		.strip = (flags & STRIP) != 0,
		.stay = (flags & STAY) != 0,
		.name_hash = st->name_hash,
	};
}

/* RFC 9110 7.2, RFC 9112 3.2.2: one Host; beside an absolute-form target it must say the same. */
static enum http_error read_host(struct http_head *h, const char *v, size_t n, bool cut)
{
	char host[HTTP_MAX_HOST + 1];
	uint16_t port;

	if (h->is_response)
		return HTTP_ERR_NONE;
	if (h->st.seen_host)
		return HTTP_ERR_DUP_HOST;
	h->st.seen_host = true;
	if (cut || !http_parse_authority(v, n, host, &port))
		return HTTP_ERR_BAD_HOST;
	if (h->absolute_form)
		return port == h->host_port && strcmp(host, h->host) == 0 ? HTTP_ERR_NONE
									  : HTTP_ERR_BAD_HOST;
	memcpy(h->host, host, strlen(host) + 1);
	h->host_port = port;
	return HTTP_ERR_NONE;
}

/*
 * RFC 9110 8.6: 1*DIGIT, no list even of equal values, once. Twenty digits hold any number that we
 * take; up to INT64_MAX, so that no sum over it and no signed reader behind us can overflow.
 */
static enum http_error read_length(struct http_head *h, const char *v, size_t n)
{
	uint64_t length = 0;

	if (h->has_content_length)
		return HTTP_ERR_DUP_LENGTH;
	if (n == 0 || n > 20)
		return HTTP_ERR_BAD_LENGTH;
	for (size_t i = 0; i < n; i++) {
		uint64_t digit = (uint64_t)(v[i] - '0');

		if (!http_is((uint8_t)v[i], HTTP_C_DIGIT) || length > (INT64_MAX - digit) / 10)
			return HTTP_ERR_BAD_LENGTH;
		length = length * 10 + digit;
	}
	h->content_length = length;
	h->has_content_length = true;
	return HTTP_ERR_NONE;
}

/* RFC 9112 6.1 knows more codings; a proxy that forwards them unread could not tell the end. */
static enum http_error read_encoding(struct http_head *h, const char *v, size_t n)
{
	if (h->chunked || !http_equals(v, n, "chunked"))
		return HTTP_ERR_BAD_TRANSFER_ENCODING;
	h->chunked = true;
	return HTTP_ERR_NONE;
}

static enum http_error connection_option(struct http_head *h, const char *v, size_t n)
{
	struct http_head_state *st = &h->st;
	const struct known_field *k;
	char name[sizeof(st->name)];

	if (http_equals(v, n, "close")) {
		h->close = true;
		return HTTP_ERR_NONE;
	}
	if (http_equals(v, n, "keep-alive")) {
		st->keep_alive_option = true;
		return HTTP_ERR_NONE;
	}
	st->upgrade_nominated |= http_equals(v, n, "upgrade");
	for (size_t i = 0; i < n && i < sizeof(name); i++)
		name[i] = (char)http_lower((uint8_t)v[i]);
	k = n <= sizeof(name) ? find_known(name, n) : NULL;
	if (k != NULL && (k->flags & STAY) != 0)
		return HTTP_ERR_BAD_CONNECTION;
	if (k != NULL && (k->flags & STRIP) != 0)
		return HTTP_ERR_NONE;
	if (st->n_nominated == HTTP_MAX_NOMINATED)
		return HTTP_ERR_BAD_CONNECTION;
	st->nominated[st->n_nominated++] = hash_name(v, n);
	return HTTP_ERR_NONE;
}

static size_t skip_ows(const char *v, size_t i, size_t n)
{
	while (i < n && (v[i] == ' ' || v[i] == '\t'))
		i++;
	return i;
}

/* Connection = #connection-option, RFC 9110 7.6.1; empty elements are legal in a received list. */
static enum http_error read_connection(struct http_head *h, const char *v, size_t n, bool cut)
{
	size_t i = 0;

	if (cut)
		return HTTP_ERR_BAD_CONNECTION;
	for (;;) {
		enum http_error e = HTTP_ERR_NONE;
		size_t start = i = skip_ows(v, i, n);

		while (i < n && http_is((uint8_t)v[i], HTTP_C_TOKEN))
			i++;
		if (i > start)
			e = connection_option(h, v + start, i - start);
		i = skip_ows(v, i, n);
		if (e != HTTP_ERR_NONE || i == n)
			return e;
		if (v[i++] != ',')
			return HTTP_ERR_BAD_CONNECTION;
	}
}

/*
 * Does any element of the list begin with a scheme that authenticates the connection? Quotes are
 * not looked at, and a list beyond our copy counts as yes: wrongly sticky costs nothing, wrongly
 * shared is somebody else's session (LY-403).
 */
static bool names_auth_scheme(const char *v, size_t n, bool cut)
{
	static const char *const schemes[] = {"ntlm", "negotiate"};
	size_t i = 0;

	while (i < n) {
		size_t start;

		while (i < n && (v[i] == ' ' || v[i] == '\t' || v[i] == ','))
			i++;
		start = i;
		while (i < n && http_is((uint8_t)v[i], HTTP_C_TOKEN))
			i++;
		for (size_t s = 0; s < 2; s++) {
			if (http_equals(v + start, i - start, schemes[s]))
				return true;
		}
		while (i < n && v[i] != ',')
			i++;
	}
	return cut;
}

enum http_error http_field_valued(struct http_head *h)
{
	struct http_head_state *st = &h->st;
	const char *v = st->value;
	size_t n = st->value_len;

	if (!st->collect)
		return HTTP_ERR_NONE;
	while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\t'))
		n--;
	switch (st->field) {
	case FIELD_HOST:
		return read_host(h, v, n, st->value_cut);
	case FIELD_LENGTH:
		return read_length(h, v, st->value_cut ? sizeof(st->value) : n);
	case FIELD_ENCODING:
		return read_encoding(h, v, st->value_cut ? sizeof(st->value) : n);
	case FIELD_CONNECTION:
		return read_connection(h, v, n, st->value_cut);
	case FIELD_EXPECT:
		h->expect_continue |= http_equals(v, n, "100-continue");
		break;
	case FIELD_AUTHORIZATION:
		h->has_auth_scheme |= !h->is_response && names_auth_scheme(v, n, false);
		break;
	case FIELD_CHALLENGE:
		h->has_auth_scheme |= h->is_response && names_auth_scheme(v, n, st->value_cut);
		break;
	}
	return HTTP_ERR_NONE;
}

static bool is_nominated(const struct http_head_state *st, const struct http_field_line *line)
{
	for (unsigned i = 0; i < st->n_nominated; i++) {
		if (st->nominated[i] == line->name_hash)
			return !line->stay;
	}
	return false;
}

/* Appends a range, or makes the last one longer when they touch. */
static enum http_error add_strip(struct http_head *h, uint32_t off, uint32_t end)
{
	struct http_range *last = h->n_strip > 0 ? &h->strip[h->n_strip - 1] : NULL;

	if (last != NULL && last->off + last->len == off) {
		last->len = end - last->off;
		return HTTP_ERR_NONE;
	}
	if (h->n_strip == HTTP_MAX_STRIP)
		return HTTP_ERR_BAD_CONNECTION;
	h->strip[h->n_strip++] = (struct http_range){off, end - off};
	return HTTP_ERR_NONE;
}

static enum http_error collect_strip(struct http_head *h, uint32_t fields_end)
{
	const struct http_head_state *st = &h->st;
	enum http_error e = st->lead_skipped ? add_strip(h, 0, 2) : HTTP_ERR_NONE;

	for (unsigned i = 0; i < st->n_fields && e == HTTP_ERR_NONE; i++) {
		const struct http_field_line *line = &st->lines[i];
		uint32_t end = i + 1 < st->n_fields ? st->lines[i + 1].off : fields_end;

		if (line->strip || is_nominated(st, line))
			e = add_strip(h, line->off, end);
	}
	return e;
}

enum http_error http_fields_end(struct http_head *h, uint32_t end)
{
	const struct http_head_state *st = &h->st;

	if (!h->is_response && h->minor == 1 && !st->seen_host)
		return HTTP_ERR_NO_HOST;
	if (h->chunked && h->minor == 0)
		return HTTP_ERR_BAD_TRANSFER_ENCODING;
	if (h->chunked && h->has_content_length)
		return HTTP_ERR_LENGTH_AND_CHUNKED;
	if (!h->is_response)
		h->framing = h->chunked              ? HTTP_BODY_CHUNKED
			     : h->has_content_length ? HTTP_BODY_LENGTH
						     : HTTP_BODY_NONE;
	h->keep_alive = !h->close && (h->minor == 1 || st->keep_alive_option);
	/* RFC 9110 7.8 and 10.1.1: both wishes are ignored in HTTP/1.0. */
	h->upgrade = h->minor == 1 && st->seen_upgrade && st->upgrade_nominated;
	h->expect_continue = h->expect_continue && h->minor == 1;
	return collect_strip(h, end);
}
