/* SPDX-License-Identifier: BSD-3-Clause */
/* Following a body to its end: RFC 9112 section 6.3 and 7.1. Bytes are judged, never changed. */
#include <string.h>

#include "http/internal.h"

#define MAX_SIZE_DIGITS 16

/* After S_DATA: chunked only, in the order of RFC 9112 7.1. */
enum state {
	S_DATA,
	S_SIZE,
	S_EXT_NAME,
	S_EXT_VALUE,
	S_EXT_TOKEN,
	S_EXT_QUOTED,
	S_EXT_ESCAPE,
	S_EXT_END,
	S_SIZE_LF,
	S_DATA_CR,
	S_DATA_LF,
	S_TRAILER,
	S_TRAILER_NAME,
	S_TRAILER_VALUE,
	S_TRAILER_LF,
	S_END_LF,
	S_DONE,
	S_ERROR
};

static void fail(struct http_body *b, enum http_error e)
{
	b->error = e;
	b->state = S_ERROR;
}

void http_body_init(struct http_body *b, enum http_framing framing, uint64_t length)
{
	memset(b, 0, sizeof(*b));
	b->framing = framing;
	b->left = framing == HTTP_BODY_LENGTH ? length : 0;
	if (framing == HTTP_BODY_CHUNKED)
		b->state = S_SIZE;
	else if (framing != HTTP_BODY_UNTIL_CLOSE && b->left == 0)
		b->state = S_DONE;
}

/* ---- chunk-size line: aux counts the digits, or the bytes of the extension's current part -------
 */

static void size_line_ends(struct http_body *b, uint8_t c)
{
	if (c == '\r')
		b->state = S_SIZE_LF;
	else
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_CHUNK);
}

static void extension_or_end(struct http_body *b, uint8_t c)
{
	b->aux = 0;
	if (c == ';')
		b->state = S_EXT_NAME;
	else
		size_line_ends(b, c);
}

/* Up to INT64_MAX, as with Content-Length. */
static void size_byte(struct http_body *b, uint8_t c)
{
	if (http_is(c, HTTP_C_HEX)) {
		if (b->aux++ == MAX_SIZE_DIGITS || b->left > (uint64_t)INT64_MAX >> 4)
			fail(b, HTTP_ERR_BAD_CHUNK);
		else
			b->left = b->left << 4 | http_hex(c);
	} else if (b->aux == 0) {
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_CHUNK);
	} else {
		extension_or_end(b, c);
	}
}

static void ext_name_byte(struct http_body *b, uint8_t c)
{
	if (http_is(c, HTTP_C_TOKEN))
		b->aux++;
	else if (b->aux == 0)
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_CHUNK);
	else if (c == '=')
		b->state = S_EXT_VALUE;
	else
		extension_or_end(b, c);
}

static void ext_value_byte(struct http_body *b, uint8_t c)
{
	if (c == '"')
		b->state = S_EXT_QUOTED;
	else if (http_is(c, HTTP_C_TOKEN))
		b->state = S_EXT_TOKEN;
	else
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_CHUNK);
}

static void ext_quoted_byte(struct http_body *b, uint8_t c)
{
	if (c == '"')
		b->state = S_EXT_END;
	else if (c == '\\')
		b->state = S_EXT_ESCAPE;
	else if (!http_is(c, HTTP_C_QDTEXT))
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_CHUNK);
}

static void size_line_byte(struct http_body *b, uint8_t c)
{
	if (c != '\r' && c != '\n' && b->line_len++ == HTTP_MAX_CHUNK_LINE) {
		fail(b, HTTP_ERR_BAD_CHUNK);
		return;
	}
	switch ((enum state)b->state) {
	case S_SIZE:
		return size_byte(b, c);
	case S_EXT_NAME:
		return ext_name_byte(b, c);
	case S_EXT_VALUE:
		return ext_value_byte(b, c);
	case S_EXT_TOKEN:
		if (!http_is(c, HTTP_C_TOKEN))
			extension_or_end(b, c);
		return;
	case S_EXT_QUOTED:
		return ext_quoted_byte(b, c);
	case S_EXT_ESCAPE:
		b->state = S_EXT_QUOTED;
		if (!http_is(c, HTTP_C_VALUE))
			fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_CHUNK);
		return;
	default: /* S_EXT_END */
		return extension_or_end(b, c);
	}
}

/* ---- trailer section, RFC 9112 7.1.2: field lines as in a head, line_len over all of them
 * -------- */

static void trailer_byte(struct http_body *b, uint8_t c)
{
	b->name_len = 0;
	if (c == '\r') {
		b->line_len--; /* the empty line isn't of the section */
		b->state = S_END_LF;
	} else if (c == ' ' || c == '\t') {
		fail(b, b->line_len == 1 ? HTTP_ERR_BAD_FIELD_NAME : HTTP_ERR_OBS_FOLD);
	} else if (http_is(c, HTTP_C_TOKEN)) {
		b->name[b->name_len++] = (char)http_lower(c);
		b->state = S_TRAILER_NAME;
	} else {
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_FIELD_NAME);
	}
}

static void trailer_name_byte(struct http_body *b, uint8_t c)
{
	if (http_is(c, HTTP_C_TOKEN)) {
		if (b->name_len < sizeof(b->name))
			b->name[b->name_len] = (char)http_lower(c);
		b->name_len++;
	} else if (c != ':') {
		fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_FIELD_NAME);
	} else if (http_trailer_forbidden(b->name, b->name_len)) {
		fail(b, HTTP_ERR_BAD_CHUNK);
	} else {
		b->state = S_TRAILER_VALUE;
	}
}

static void trailer_section_byte(struct http_body *b, uint8_t c)
{
	b->line_len++;
	switch ((enum state)b->state) {
	case S_TRAILER:
		trailer_byte(b, c);
		break;
	case S_TRAILER_NAME:
		trailer_name_byte(b, c);
		break;
	case S_TRAILER_VALUE:
		if (c == '\r')
			b->state = S_TRAILER_LF;
		else if (!http_is(c, HTTP_C_VALUE))
			fail(b, c == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_BAD_FIELD_VALUE);
		break;
	default: /* S_TRAILER_LF */
		b->state = S_TRAILER;
		if (c != '\n')
			fail(b, HTTP_ERR_BARE_LF);
		break;
	}
	if (b->state != S_ERROR && b->line_len > HTTP_MAX_TRAILERS)
		fail(b, HTTP_ERR_HEAD_TOO_LARGE);
}

/* ---- driver ------------------------------------------------------------------------------------
 */

/* The LF of a chunk-size line: data, or after the last chunk the trailers. */
static void size_line_done(struct http_body *b)
{
	b->state = b->left > 0 ? S_DATA : S_TRAILER;
	b->line_len = 0;
	b->aux = 0;
}

/* What stands between or after the chunks' data. Returns false, and eats nothing, on an error. */
static bool framing_byte(struct http_body *b, uint8_t c)
{
	switch ((enum state)b->state) {
	case S_SIZE_LF:
		c == '\n' ? size_line_done(b) : fail(b, HTTP_ERR_BARE_LF);
		break;
	case S_DATA_CR:
		b->state = S_DATA_LF;
		if (c != '\r')
			fail(b, HTTP_ERR_BAD_CHUNK);
		break;
	case S_DATA_LF:
		b->state = S_SIZE;
		if (c != '\n')
			fail(b, HTTP_ERR_BAD_CHUNK);
		break;
	case S_END_LF:
		b->state = S_DONE;
		if (c != '\n')
			fail(b, HTTP_ERR_BARE_LF);
		break;
	case S_TRAILER:
	case S_TRAILER_NAME:
	case S_TRAILER_VALUE:
	case S_TRAILER_LF:
		trailer_section_byte(b, c);
		break;
	default:
		size_line_byte(b, c);
		break;
	}
	return b->state != S_ERROR;
}

/* Payload bytes in one piece. Returns how many of n were taken. */
static size_t take_data(struct http_body *b, size_t n)
{
	if (b->framing != HTTP_BODY_UNTIL_CLOSE) {
		n = n < b->left ? n : (size_t)b->left;
		b->left -= n;
		if (b->left == 0)
			b->state = b->framing == HTTP_BODY_CHUNKED ? S_DATA_CR : S_DONE;
	}
	b->payload += n;
	return n;
}

enum http_status http_body_parse(struct http_body *b, const uint8_t *p, size_t n, size_t *used)
{
	size_t i = 0;

	while (i < n && b->state < S_DONE) {
		if (b->state == S_DATA)
			i += take_data(b, n - i);
		else if (framing_byte(b, p[i]))
			i++;
	}
	*used = i;
	b->seen += i;
	if (b->state == S_DONE)
		return HTTP_DONE;
	return b->state == S_ERROR ? HTTP_ERROR : HTTP_MORE;
}
