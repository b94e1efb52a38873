/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths as http.sys and IIS see them, to choose a route by; what is forwarded stays as sent.
 * Decoded once: Office Web Apps sends doubly encoded URLs, and IIS refuses or takes them, not we.
 */
#include <string.h>

#include "http/internal.h"

static bool hex_at(const char *p, size_t n, size_t i, size_t digits, unsigned *value)
{
	*value = 0;
	if (n - i < digits)
		return false;
	for (size_t k = i; k < i + digits; k++) {
		if (!http_is((uint8_t)p[k], HTTP_C_HEX))
			return false;
		*value = *value << 4 | http_hex((uint8_t)p[k]);
	}
	return true;
}

/*
 * Next decoded byte of p at *i, lower case, backslash turned to slash. %uXXXX above ASCII can't be
 * in a prefix that we compare; it stands as '?', which no decoded path can be taken for.
 */
static char next_byte(const char *p, size_t n, size_t *i)
{
	unsigned v = (uint8_t)p[(*i)++];

	if (v == '%') {
		unsigned decoded;

		if (hex_at(p, n, *i, 2, &decoded)) {
			v = decoded;
			*i += 2;
		} else if (*i < n && (p[*i] | 0x20) == 'u' && hex_at(p, n, *i + 1, 4, &decoded)) {
			v = decoded < 0x80 ? decoded : '?';
			*i += 5;
		}
	}
	return v == '\\' ? '/' : (char)http_lower((uint8_t)v);
}

/*
 * out[0..len) ends with a complete segment: drops a "." or a ".." with its parent (RFC 3986 5.2.4).
 * Returns the new length; what remains ends with the slash before the dropped segment.
 */
static size_t resolve_dots(const char *out, size_t len)
{
	size_t start = len;

	while (start > 0 && out[start - 1] != '/')
		start--;
	if (len - start == 1 && out[start] == '.')
		return start;
	if (len - start != 2 || out[start] != '.' || out[start + 1] != '.')
		return len;
	if (start > 1)
		start--;
	while (start > 0 && out[start - 1] != '/')
		start--;
	return start;
}

/* Writes the resolved path; n bytes of p without query. out has room for n bytes. */
static size_t normalise(const char *p, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n;) {
		char c = next_byte(p, n, &i);

		if (c == '/')
			len = resolve_dots(out, len);
		if (c != '/' || len == 0 || out[len - 1] != '/')
			out[len++] = c;
	}
	return resolve_dots(out, len);
}

bool http_path_prefix(const char *path, size_t path_len, const char *prefix)
{
	char copy[HTTP_MAX_TARGET_COPY];
	const char *query = memchr(path, '?', path_len);
	size_t n = query != NULL ? (size_t)(query - path) : path_len;
	size_t want = strlen(prefix);

	while (want > 0 && prefix[want - 1] == '/')
		want--;
	if (want == 0)
		return true;
	if (n >= HTTP_MAX_TARGET_COPY - 1)
		return false;
	n = normalise(path, n, copy); /* writes copy[0..n), which the analyser does not see */
	if (n < want)
		return false;
	for (size_t i = 0; i < want; i++) {
		if (copy[i] != (char)http_lower((uint8_t)prefix[i])) /* NOLINT(clang-analyzer-*) */
			return false;
	}
	return n == want || copy[want] == '/'; /* NOLINT(clang-analyzer-*) */
}
