/* SPDX-License-Identifier: BSD-3-Clause */
/* What the gateway says itself: errors (LY-412) and redirects (LY-415). No clock, so no Date. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "http/internal.h"

static const struct {
	int status;
	bool ours; /* http_local_answer may send it */
	const char *phrase;
} phrases[] = {
	{100, false, "Continue"},
	{101, false, "Switching Protocols"},
	{200, false, "OK"},
	{201, false, "Created"},
	{202, false, "Accepted"},
	{204, false, "No Content"},
	{206, false, "Partial Content"},
	{301, false, "Moved Permanently"},
	{302, false, "Found"},
	{303, false, "See Other"},
	{304, false, "Not Modified"},
	{307, false, "Temporary Redirect"},
	{308, false, "Permanent Redirect"},
	{400, true, "Bad Request"},
	{401, false, "Unauthorized"},
	{403, false, "Forbidden"},
	{404, true, "Not Found"},
	{405, true, "Method Not Allowed"},
	{408, true, "Request Timeout"},
	{409, false, "Conflict"},
	{411, false, "Length Required"},
	{412, false, "Precondition Failed"},
	{413, true, "Content Too Large"},
	{414, true, "URI Too Long"},
	{417, false, "Expectation Failed"},
	{421, false, "Misdirected Request"},
	{426, false, "Upgrade Required"},
	{429, false, "Too Many Requests"},
	{431, true, "Request Header Fields Too Large"},
	{500, true, "Internal Server Error"},
	{501, false, "Not Implemented"},
	{502, false, "Bad Gateway"},
	{503, true, "Service Unavailable"},
	{504, true, "Gateway Timeout"},
	{505, true, "HTTP Version Not Supported"},
};
#define N_PHRASES (sizeof(phrases) / sizeof(phrases[0]))

const char *http_reason_phrase(int status)
{
	for (size_t i = 0; i < N_PHRASES; i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "";
}

static bool is_ours(int status)
{
	for (size_t i = 0; i < N_PHRASES; i++) {
		if (phrases[i].status == status)
			return phrases[i].ours;
	}
	return false;
}

/* Text that stays within its buffer; `over` remembers that something did not fit. */
struct text {
	char *buf;
	size_t size, len;
	bool over;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->over)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->len)
		t->over = true;
	else
		t->len += (size_t)n;
}

static void put_tail(struct text *t, const char *body, bool head_only, bool close)
{
	put(t, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n%s\r\n%s",
		strlen(body), close ? "Connection: close\r\n" : "", head_only ? "" : body);
}

/* The body's one line: "503 Service Unavailable: pool-down". */
static void compose_body(char *body, size_t size, int status, const char *reason)
{
	struct text t = {body, size, 0, false};

	put(&t, "%d %s", status, http_reason_phrase(status));
	if (reason != NULL && reason[0] != '\0')
		put(&t, ": ");
	for (; reason != NULL && *reason != '\0' && t.len + 2 < size; reason++)
		body[t.len++] = http_is((uint8_t)*reason, HTTP_C_TOKEN) ? *reason : '-';
	put(&t, "\n");
}

size_t http_local_answer(char *buf, size_t size, int status, const char *reason,
	unsigned retry_after, bool head_only, bool close)
{
	struct text t = {buf, size, 0, size == 0};
	char body[160];

	if (!is_ours(status))
		status = 500;
	compose_body(body, sizeof(body), status, reason);
	put(&t, "HTTP/1.1 %d %s\r\nCache-Control: no-store\r\n", status,
		http_reason_phrase(status));
	if (status == 405) /* RFC 9110 15.5.6 wants Allow; CONNECT and TRACE are what we refuse */
		put(&t, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n");
	if (status == 503 && retry_after > 0)
		put(&t, "Retry-After: %u\r\n", retry_after);
	put_tail(&t, body, head_only, close);
	return t.over ? 0 : t.len;
}

static bool is_target(const char *path, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!http_is((uint8_t)path[i], HTTP_C_TARGET))
			return false;
	}
	return true;
}

size_t http_redirect(char *buf, size_t size, int status, const char *host, uint16_t port,
	const char *path, size_t path_len, bool head_only, bool close)
{
	struct text t = {buf, size, 0, size == 0};
	char body[64];

	if (host[0] == '\0' || !is_target(path, path_len) || path_len >= size)
		return 0;
	if (path_len == 0 || path[0] != '/') {
		path = "/";
		path_len = 1;
	}
	snprintf(body, sizeof(body), "%d %s\n", status, http_reason_phrase(status));
	put(&t, "HTTP/1.1 %d %s\r\nLocation: https://%s", status, http_reason_phrase(status), host);
	if (port != 0 && port != 443)
		put(&t, ":%u", port);
	put(&t, "%.*s\r\n", (int)path_len, path);
	put_tail(&t, body, head_only, close);
	return t.over ? 0 : t.len;
}
