/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "http/internal.h"

/* port = 1*5DIGIT, 1..65535. An empty port is legal in RFC 3986, but nobody sends it in good faith.
 */
static bool parse_port(const char *p, size_t n, uint16_t *port)
{
	uint32_t v = 0;

	if (n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!http_is((uint8_t)p[i], HTTP_C_DIGIT))
			return false;
		v = v * 10 + (uint32_t)(p[i] - '0');
	}
	*port = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

/* IP-literal, RFC 3986 3.2.2: IPv6 only, no zone. p stands at '['. Returns its length, 0 when bad.
 */
static size_t parse_ip_literal(const char *p, size_t n, char *host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	const char *end = memchr(p, ']', n);
	size_t len = end != NULL ? (size_t)(end - p) : 0;

	if (len < 2 || len - 1 >= sizeof(text))
		return 0;
	memcpy(text, p + 1, len - 1);
	text[len - 1] = '\0';
	if (strlen(text) != len - 1 || inet_pton(AF_INET6, text, &addr) != 1)
		return 0;
	for (size_t i = 0; i <= len; i++)
		host[i] = (char)http_lower((uint8_t)p[i]);
	host[len + 1] = '\0';
	return len + 1;
}

/* Labels between single dots; one trailing dot (the DNS root) is dropped. Returns the bytes read.
 */
static size_t parse_name(const char *p, size_t n, char *host)
{
	size_t i, label = 0;

	for (i = 0; i < n && p[i] != ':'; i++) {
		if (i > HTTP_MAX_HOST)
			return 0;
		if (p[i] == '.' && label == 0)
			return 0;
		if (p[i] != '.' && !http_is((uint8_t)p[i], HTTP_C_HOST))
			return 0;
		label = p[i] == '.' ? 0 : label + 1;
		if (i < HTTP_MAX_HOST)
			host[i] = (char)http_lower((uint8_t)p[i]);
	}
	size_t len = i > 0 && p[i - 1] == '.' ? i - 1 : i;

	if (len > HTTP_MAX_HOST)
		return 0;
	host[len] = '\0';
	return i;
}

bool http_parse_authority(const char *p, size_t n, char host[HTTP_MAX_HOST + 1], uint16_t *port)
{
	size_t used;

	*port = 0;
	if (n == 0)
		return false;
	used = p[0] == '[' ? parse_ip_literal(p, n, host) : parse_name(p, n, host);
	if (used == 0)
		return false;
	if (used == n)
		return true;
	return p[used] == ':' && parse_port(p + used + 1, n - used - 1, port);
}
