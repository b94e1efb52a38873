/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head as a machine over fragments: request or status line, field lines, empty line (RFC 9112
 * 2.1). Each step eats a run of bytes of its state in a tight loop, and decides about a byte only
 * when it sees it, so that the result doesn't depend on how the bytes were cut.
 */
#include <string.h>

#include "http/internal.h"

/* A session holds two of them. */
_Static_assert(sizeof(struct http_head) <= 6144, "a head has outgrown its share of a session");

enum state {
	S_LEAD,
	S_LEAD_LF,
	S_METHOD,
	S_TARGET_START,
	S_TARGET_ABS,
	S_TARGET_PATH,
	S_VERSION,
	S_STATUS,
	S_STATUS_SP,
	S_REASON,
	S_START_LF,
	S_FIELD,
	S_NAME,
	S_OWS,
	S_VALUE,
	S_VALUE_LF,
	S_END_LF,
	S_DONE,
	S_ERROR
};

/* The fragment that is being read. */
struct cursor {
	const uint8_t *p, *end, *base;
	uint32_t pos; /* of base in the head */
};

static uint32_t at(const struct cursor *c)
{
	return c->pos + (uint32_t)(c->p - c->base);
}

/* Where the fragment reaches the offset `limit` of the head, or its end when that comes first. */
static const uint8_t *stop_at(const struct cursor *c, uint64_t limit)
{
	uint64_t room = limit > at(c) ? limit - at(c) : 0;

	return room < (size_t)(c->end - c->p) ? c->p + room : c->end;
}

static void fail(struct http_head *h, enum http_error e)
{
	h->error = e;
	h->st.state = S_ERROR;
}

static void fail_byte(struct http_head *h, uint8_t byte, enum http_error e)
{
	fail(h, byte == '\n' ? HTTP_ERR_BARE_LF : e);
}

static void keep(struct http_head_state *st, const uint8_t *p, size_t n)
{
	size_t room = sizeof(st->value) - st->value_len;

	if (n > room) {
		st->value_cut = true;
		n = room;
	}
	memcpy(st->value + st->value_len, p, n);
	st->value_len = (uint16_t)(st->value_len + n);
}

/* ---- request line, RFC 9112 section 3 ----------------------------------------------------------
 */

/* RFC 9112 2.2: at least one empty line before the request line is ignored. We ignore just one. */
static void step_lead(struct http_head *h, struct cursor *c)
{
	if (*c->p == '\n') {
		fail(h, HTTP_ERR_BARE_LF);
	} else if (*c->p != '\r') {
		h->st.state = S_METHOD;
	} else if (h->st.lead_skipped) {
		fail(h, HTTP_ERR_BAD_REQUEST_LINE);
	} else {
		h->st.lead_skipped = true;
		h->st.state = S_LEAD_LF;
		c->p++;
	}
}

static void method_done(struct http_head *h)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};
	size_t n = strlen(h->method_name);
	unsigned m = 0;

	/* Methods are case-sensitive, but we don't know who behind us thinks otherwise. */
	if (http_equals(h->method_name, n, "connect") || http_equals(h->method_name, n, "trace")) {
		fail(h, HTTP_ERR_METHOD_REFUSED);
		return;
	}
	while (m < HTTP_OTHER && strcmp(names[m], h->method_name) != 0)
		m++;
	h->method = (enum http_method)m;
	h->st.state = S_TARGET_START;
}

static void step_method(struct http_head *h, struct cursor *c)
{
	struct http_head_state *st = &h->st;

	while (c->p < c->end && http_is(*c->p, HTTP_C_TOKEN)) {
		if (st->value_len == sizeof(h->method_name) - 1) {
			fail(h, HTTP_ERR_BAD_METHOD);
			return;
		}
		h->method_name[st->value_len++] = (char)*c->p++;
	}
	if (c->p == c->end)
		return;
	h->method_name[st->value_len] = '\0';
	if (*c->p == ' ' && st->value_len > 0) {
		c->p++;
		method_done(h);
	} else {
		fail_byte(h, *c->p,
			*c->p == '\r' || *c->p == ' ' ? HTTP_ERR_BAD_REQUEST_LINE
						      : HTTP_ERR_BAD_METHOD);
	}
}

static void step_target_start(struct http_head *h, struct cursor *c)
{
	h->target.off = at(c);
	h->st.value_len = 0;
	h->st.value_cut = false;
	h->st.state = *c->p == '/' ? S_TARGET_PATH : S_TARGET_ABS;
}

static void target_byte_refused(struct http_head *h, uint8_t byte)
{
	fail_byte(h, byte,
		byte == '\r' || byte == ' ' ? HTTP_ERR_BAD_REQUEST_LINE : HTTP_ERR_BAD_TARGET);
}

static void target_done(struct http_head *h, struct cursor *c)
{
	h->target.len = at(c) - h->target.off;
	h->path[h->path_len] = '\0';
	h->st.value_len = 0;
	h->st.state = S_VERSION;
	c->p++;
	h->version.off = at(c);
}

static void keep_path(struct http_head *h, const void *p, size_t n)
{
	size_t room = sizeof(h->path) - 1 - h->path_len;

	if (n > room) {
		h->path_cut = true;
		n = room;
	}
	memcpy(h->path + h->path_len, p, n);
	h->path_len += (uint32_t)n;
}

static void step_target_path(struct http_head *h, struct cursor *c)
{
	uint64_t limit = (uint64_t)h->target.off + h->st.limits.max_target;
	const uint8_t *stop = stop_at(c, limit), *start = c->p;

	while (c->p < stop && http_is(*c->p, HTTP_C_TARGET))
		c->p++;
	keep_path(h, start, (size_t)(c->p - start));
	if (c->p == c->end)
		return;
	if (*c->p == ' ')
		target_done(h, c);
	else if (at(c) >= limit)
		fail(h, HTTP_ERR_TARGET_TOO_LONG);
	else
		target_byte_refused(h, *c->p);
}

/* What came before path or query of a target that doesn't begin with '/': RFC 9112 3.2.2, 3.2.4. */
static bool authority_done(struct http_head *h, uint8_t next)
{
	const char *v = h->st.value;
	size_t n = h->st.value_len, scheme = 0;

	if (n == 1 && v[0] == '*' && next == ' ') {
		keep_path(h, "*", 1);
		return true;
	}
	if (n >= 7 && http_equals(v, 7, "http://"))
		scheme = 7;
	else if (n >= 8 && http_equals(v, 8, "https://"))
		scheme = 8;
	if (scheme == 0) {
		fail(h, HTTP_ERR_BAD_TARGET);
		return false;
	}
	if (!http_parse_authority(v + scheme, n - scheme, h->host, &h->host_port)) {
		fail(h, HTTP_ERR_BAD_HOST);
		return false;
	}
	h->absolute_form = true;
	if (next != '/')
		keep_path(h, "/", 1);
	return true;
}

/* Collects until the authority ends: at the third slash, a question mark or the target's end. */
static void step_target_abs(struct http_head *h, struct cursor *c)
{
	struct http_head_state *st = &h->st;

	for (; c->p < c->end; c->p++) {
		uint8_t b = *c->p;

		if (b == ' ' && st->value_len > 0) {
			if (authority_done(h, b))
				target_done(h, c);
			return;
		}
		if (at(c) - h->target.off >= st->limits.max_target) {
			fail(h, HTTP_ERR_TARGET_TOO_LONG);
			return;
		}
		if (!http_is(b, HTTP_C_TARGET)) {
			target_byte_refused(h, b);
			return;
		}
		if (b == '?' || (b == '/' && st->slashes++ == 2)) {
			if (authority_done(h, b))
				st->state = S_TARGET_PATH;
			return;
		}
		keep(st, c->p, 1);
		if (st->value_cut) {
			fail(h, HTTP_ERR_BAD_TARGET);
			return;
		}
	}
}

/* HTTP-version, RFC 9112 2.3, case-sensitive. */
static enum http_error read_version(struct http_head *h, const char *v, size_t n)
{
	if (n != 8 || memcmp(v, "HTTP/", 5) != 0 || !http_is((uint8_t)v[5], HTTP_C_DIGIT) ||
		v[6] != '.' || !http_is((uint8_t)v[7], HTTP_C_DIGIT))
		return HTTP_ERR_BAD_VERSION;
	if (v[5] != '1')
		return HTTP_ERR_VERSION_UNSUPPORTED;
	if (v[7] > '1')
		return HTTP_ERR_BAD_VERSION;
	h->minor = (uint8_t)(v[7] - '0');
	h->version.len = 8;
	return HTTP_ERR_NONE;
}

static void step_version(struct http_head *h, struct cursor *c)
{
	struct http_head_state *st = &h->st;
	enum http_error e;

	while (c->p < c->end && *c->p != '\r') {
		if (*c->p == '\n' || st->value_len == 8) {
			fail_byte(h, *c->p, HTTP_ERR_BAD_VERSION);
			return;
		}
		keep(st, c->p++, 1);
	}
	if (c->p == c->end)
		return;
	e = read_version(h, st->value, st->value_len);
	if (e == HTTP_ERR_NONE && h->path[0] == '*' && h->method != HTTP_OPTIONS)
		e = HTTP_ERR_BAD_TARGET;
	if (e != HTTP_ERR_NONE) {
		fail(h, e);
		return;
	}
	c->p++;
	st->state = S_START_LF;
}

/* ---- status line, RFC 9112 section 4 -----------------------------------------------------------
 */

#define STATUS_LEN 12 /* "HTTP/1.1 200" */

static enum http_error read_status(struct http_head *h, const char *v)
{
	enum http_error e = read_version(h, v, 8);

	if (e != HTTP_ERR_NONE)
		return e;
	if (v[8] != ' ' || v[9] < '1' || v[9] > '5' || !http_is((uint8_t)v[10], HTTP_C_DIGIT) ||
		!http_is((uint8_t)v[11], HTTP_C_DIGIT))
		return HTTP_ERR_BAD_STATUS_LINE;
	h->status = (uint16_t)((v[9] - '0') * 100 + (v[10] - '0') * 10 + (v[11] - '0'));
	return HTTP_ERR_NONE;
}

static void step_status(struct http_head *h, struct cursor *c)
{
	struct http_head_state *st = &h->st;
	enum http_error e;

	while (c->p < c->end && st->value_len < STATUS_LEN) {
		if (!http_is(*c->p, HTTP_C_VALUE)) {
			fail_byte(h, *c->p, HTTP_ERR_BAD_STATUS_LINE);
			return;
		}
		keep(st, c->p++, 1);
	}
	if (st->value_len < STATUS_LEN)
		return;
	e = read_status(h, st->value);
	if (e != HTTP_ERR_NONE)
		fail(h, e);
	else
		st->state = S_STATUS_SP;
}

/* The space before an empty reason phrase is wanted by the RFC and forgotten by servers. */
static void step_status_sp(struct http_head *h, struct cursor *c)
{
	if (*c->p != ' ' && *c->p != '\r')
		fail_byte(h, *c->p, HTTP_ERR_BAD_STATUS_LINE);
	else
		h->st.state = S_REASON;
}

static void step_reason(struct http_head *h, struct cursor *c)
{
	while (c->p < c->end && http_is(*c->p, HTTP_C_VALUE))
		c->p++;
	if (c->p == c->end)
		return;
	if (*c->p != '\r') {
		fail_byte(h, *c->p, HTTP_ERR_BAD_STATUS_LINE);
		return;
	}
	c->p++;
	h->st.state = S_START_LF;
}

/* ---- field lines, RFC 9112 section 5 -----------------------------------------------------------
 */

static void step_field(struct http_head *h, struct cursor *c)
{
	struct http_head_state *st = &h->st;

	if (*c->p == '\r') {
		st->line_start = at(c);
		st->state = S_END_LF;
		c->p++;
	} else if (*c->p == ' ' || *c->p == '\t') {
		fail(h, st->n_fields == 0 ? HTTP_ERR_BAD_FIELD_NAME : HTTP_ERR_OBS_FOLD);
	} else if (st->n_fields == st->limits.max_fields) {
		fail(h, HTTP_ERR_HEAD_TOO_LARGE);
	} else {
		st->line_start = at(c);
		st->name_len = 0;
		st->name_hash = HTTP_HASH_INIT;
		st->state = S_NAME;
	}
}

static const uint8_t *field_stop(const struct http_head *h, const struct cursor *c)
{
	return stop_at(c, (uint64_t)h->st.line_start + h->st.limits.max_field);
}

static void step_name(struct http_head *h, struct cursor *c)
{
	struct http_head_state *st = &h->st;
	const uint8_t *stop = field_stop(h, c);

	for (; c->p < stop && http_is(*c->p, HTTP_C_TOKEN); c->p++) {
		uint8_t b = http_lower(*c->p);

		if (st->name_len < sizeof(st->name))
			st->name[st->name_len] = (char)b;
		st->name_len++;
		st->name_hash = http_hash(st->name_hash, b);
	}
	if (c->p == c->end)
		return;
	if (c->p == stop) {
		fail(h, HTTP_ERR_HEAD_TOO_LARGE);
	} else if (*c->p != ':' || st->name_len == 0) {
		fail_byte(h, *c->p, HTTP_ERR_BAD_FIELD_NAME);
	} else {
		c->p++;
		http_field_named(h);
		st->state = S_OWS;
	}
}

static void step_ows(struct http_head *h, struct cursor *c)
{
	const uint8_t *stop = field_stop(h, c);

	while (c->p < stop && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
	if (c->p < c->end)
		h->st.state = S_VALUE;
}

static void step_value(struct http_head *h, struct cursor *c)
{
	const uint8_t *stop = field_stop(h, c), *start = c->p;
	enum http_error e;

	while (c->p < stop && http_is(*c->p, HTTP_C_VALUE))
		c->p++;
	if (h->st.collect)
		keep(&h->st, start, (size_t)(c->p - start));
	if (c->p == c->end)
		return;
	if (*c->p != '\r') {
		fail_byte(h, *c->p,
			c->p == stop ? HTTP_ERR_HEAD_TOO_LARGE : HTTP_ERR_BAD_FIELD_VALUE);
		return;
	}
	e = http_field_valued(h);
	if (e != HTTP_ERR_NONE) {
		fail(h, e);
		return;
	}
	c->p++;
	h->st.state = S_VALUE_LF;
}

static void step_end_lf(struct http_head *h, struct cursor *c)
{
	enum http_error e = HTTP_ERR_BARE_LF;

	if (*c->p == '\n')
		e = http_fields_end(h, h->st.line_start);
	if (e != HTTP_ERR_NONE) {
		fail(h, e);
		return;
	}
	c->p++;
	h->head_len = at(c);
	h->st.state = S_DONE;
}

/* The LF after a CR: nothing else may stand there. */
static void step_lf(struct http_head *h, struct cursor *c, enum state next)
{
	if (*c->p != '\n') {
		fail(h, HTTP_ERR_BARE_LF);
		return;
	}
	c->p++;
	h->st.state = next;
}

/* ---- driver ------------------------------------------------------------------------------------
 */

static void step(struct http_head *h, struct cursor *c)
{
	switch ((enum state)h->st.state) {
	case S_LEAD:
		return step_lead(h, c);
	case S_LEAD_LF:
		return step_lf(h, c, S_LEAD);
	case S_METHOD:
		return step_method(h, c);
	case S_TARGET_START:
		return step_target_start(h, c);
	case S_TARGET_ABS:
		return step_target_abs(h, c);
	case S_TARGET_PATH:
		return step_target_path(h, c);
	case S_VERSION:
		return step_version(h, c);
	case S_STATUS:
		return step_status(h, c);
	case S_STATUS_SP:
		return step_status_sp(h, c);
	case S_REASON:
		return step_reason(h, c);
	case S_START_LF:
	case S_VALUE_LF:
		return step_lf(h, c, S_FIELD);
	case S_FIELD:
		return step_field(h, c);
	case S_NAME:
		return step_name(h, c);
	case S_OWS:
		return step_ows(h, c);
	case S_VALUE:
		return step_value(h, c);
	case S_END_LF:
		return step_end_lf(h, c);
	case S_DONE:
	case S_ERROR:
		return;
	}
}

static enum http_status status_of(const struct http_head *h)
{
	if (h->st.state == S_DONE)
		return HTTP_DONE;
	return h->st.state == S_ERROR ? HTTP_ERROR : HTTP_MORE;
}

enum http_status http_head_parse(struct http_head *h, const uint8_t *p, size_t n, size_t *used)
{
	struct http_head_state *st = &h->st;
	uint32_t room = st->limits.max_head - st->pos;
	struct cursor c = {p, p + (n < room ? n : room), p, st->pos};

	while (c.p < c.end && st->state < S_DONE)
		step(h, &c);
	*used = (size_t)(c.p - p);
	st->pos += (uint32_t)*used;
	if (st->state < S_DONE && *used < n)
		fail(h, st->state == S_TARGET_PATH || st->state == S_TARGET_ABS
				? HTTP_ERR_TARGET_TOO_LONG
				: HTTP_ERR_HEAD_TOO_LARGE);
	return status_of(h);
}

bool http_head_started(const struct http_head *h)
{
	return h->st.state != S_LEAD && h->st.state != S_LEAD_LF && h->st.pos > 0;
}

void http_limits_default(struct http_limits *l)
{
	*l = (struct http_limits){
		.max_head = 65536,
		.max_field = 65536,
		.max_target = 16384,
		.max_fields = 200,
	};
}

static void init(struct http_head *h, const struct http_limits *l, bool is_response)
{
	struct http_limits *mine = &h->st.limits;

	memset(h, 0, offsetof(struct http_head, st.name));
	h->method_name[0] = h->host[0] = h->path[0] = '\0';
	h->is_response = is_response;
	h->st.state = is_response ? S_STATUS : S_LEAD;
	*mine = *l;
	if (mine->max_head > HTTP_MAX_HEAD)
		mine->max_head = HTTP_MAX_HEAD;
	if (mine->max_fields > HTTP_MAX_FIELDS)
		mine->max_fields = HTTP_MAX_FIELDS;
}

void http_request_init(struct http_head *h, const struct http_limits *l)
{
	init(h, l, false);
}

void http_response_init(struct http_head *h, const struct http_limits *l)
{
	init(h, l, true);
}

/* RFC 9112 6.3, for a response. */
enum http_status http_response_framing(struct http_head *h, enum http_method method)
{
	bool bodiless = h->status < 200 || h->status == 204;

	h->framing = HTTP_BODY_NONE;
	if (bodiless && h->chunked)
		h->error = HTTP_ERR_BAD_TRANSFER_ENCODING;
	else if (bodiless && h->content_length > 0)
		h->error = HTTP_ERR_BAD_LENGTH;
	if (h->error != HTTP_ERR_NONE)
		return HTTP_ERROR;
	if (bodiless || h->status == 304 || method == HTTP_HEAD)
		return HTTP_DONE;
	h->framing = h->chunked              ? HTTP_BODY_CHUNKED
		     : h->has_content_length ? HTTP_BODY_LENGTH
					     : HTTP_BODY_UNTIL_CLOSE;
	if (h->framing == HTTP_BODY_UNTIL_CLOSE)
		h->keep_alive = false;
	return HTTP_DONE;
}
