/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/http: what its files share. */
#ifndef LG_HTTP_INTERNAL_H
#define LG_HTTP_INTERNAL_H

#include "http/http.h"

/* Classes of bytes in http_chars[]. */
#define HTTP_C_TOKEN  0x01 /* tchar, RFC 9110 5.6.2 */
#define HTTP_C_VALUE  0x02 /* HTAB, SP, VCHAR, obs-text: RFC 9110 5.5 */
#define HTTP_C_TARGET 0x04 /* VCHAR without '#': what we let through in a request target */
#define HTTP_C_HEX    0x08
#define HTTP_C_QDTEXT 0x10 /* qdtext, RFC 9110 5.6.4 */
#define HTTP_C_DIGIT  0x20
#define HTTP_C_HOST   0x40 /* letters, digits, '-', '_': a DNS label as Windows knows it */

extern const uint8_t http_chars[256];

static inline bool http_is(uint8_t c, uint8_t class)
{
	return (http_chars[c] & class) != 0;
}

/* ASCII only: HTTP names know no locale. */
static inline uint8_t http_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Value of a byte that is HTTP_C_HEX. */
static inline unsigned http_hex(uint8_t c)
{
	return c <= '9' ? c - 0u - '0' : (c | 0x20u) - 'a' + 10;
}

/* FNV-1a, 32 bit, over lower-case names; never trusted for what frames a message. */
#define HTTP_HASH_INIT 2166136261u
static inline uint32_t http_hash(uint32_t h, uint8_t c)
{
	return (h ^ c) * 16777619u;
}

/* n bytes of p equal the lower-case string s, whatever their case. */
bool http_equals(const char *p, size_t n, const char *s);

/* ---- host.c ------------------------------------------------------------------------------------
 */

/*
 * Splits host[:port] (RFC 3986 3.2 without userinfo) and writes the canonical form. port is 0 when
 * none was given. False when it isn't a valid authority; host and port are then undefined.
 */
bool http_parse_authority(const char *p, size_t n, char host[HTTP_MAX_HOST + 1], uint16_t *port);

/* ---- fields.c ----------------------------------------------------------------------------------
 */

/* A field name is complete (st.name, name_hash): records its line, decides if its value is kept. */
void http_field_named(struct http_head *h);
/* A field's value is complete (st.value, with trailing whitespace). */
enum http_error http_field_valued(struct http_head *h);
/* The empty line was read; it begins at `end`. What only the whole head can tell. */
enum http_error http_fields_end(struct http_head *h, uint32_t end);
/* True for names (lower case) that must not come as trailers. */
bool http_trailer_forbidden(const char *name, size_t len);

#endif
