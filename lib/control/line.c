/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/control.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void ctl_time_format(uint64_t unix_us, char out[CTL_TIME_LEN])
{
	time_t seconds = (time_t)(unix_us / 1000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	char date[20];
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CTL_TIME_LEN, "%s.%03uZ", date, (unsigned)(unix_us / 1000 % 1000));
}

/* Length of the valid UTF-8 sequence at p (RFC 3629 section 4), or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t len;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		len = 3;
		lo = p[0] == 0xe0 ? 0xa0 : 0x80; /* overlong */
		hi = p[0] == 0xed ? 0x9f : 0xbf; /* surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		lo = p[0] == 0xf0 ? 0x90 : 0x80; /* overlong */
		hi = p[0] == 0xf4 ? 0x8f : 0xbf; /* beyond U+10FFFF */
	} else {
		return 0;
	}
	if (n < len || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

/* One character as it stands in a JSON string. Returns how many bytes of p it took. */
static size_t json_character(const unsigned char *p, size_t n, char out[8], size_t *out_len)
{
	size_t len = utf8_sequence(p, n);
	if (*p == '"' || *p == '\\') {
		out[0] = '\\';
		out[1] = (char)*p;
		*out_len = 2;
		return 1;
	}
	if (len == 0 || *p < 0x20 || *p == 0x7f) {
		*out_len = (size_t)snprintf(out, 8, "\\u00%02x", *p);
		return 1;
	}
	memcpy(out, p, len);
	*out_len = len;
	return len;
}

size_t ctl_json_string(char *out, size_t room, const char *text, size_t len)
{
	size_t used = 0;
	if (room < 2)
		return 0;
	out[used++] = '"';
	for (size_t i = 0; i < len;) {
		char c[8];
		size_t c_len;
		i += json_character((const unsigned char *)text + i, len - i, c, &c_len);
		if (used + c_len + 1 > room)
			return 0;
		memcpy(out + used, c, c_len);
		used += c_len;
	}
	out[used++] = '"';
	return used;
}

/* A line under construction; `full` once something didn't fit. */
struct line {
	char *out;
	size_t room, used;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void line_printf(struct line *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(l->out + l->used, l->room - l->used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= l->room - l->used)
		l->full = true;
	else
		l->used += (size_t)n;
}

static void line_string(struct line *l, const char *key, const char *text, size_t len)
{
	line_printf(l, ",\"%s\":", key);
	size_t n = ctl_json_string(l->out + l->used, l->room - l->used, text, len);
	l->used += n;
	l->full |= n == 0;
}

/* Microseconds as milliseconds with one digit, as the field's tools print times. */
static void line_ms(struct line *l, const char *key, lg_us us)
{
	uint64_t tenths = (us + 50) / 100;
	line_printf(l, "\"%s\":%" PRIu64 ".%u", key, tenths / 10, (unsigned)(tenths % 10));
}

static void line_client(struct line *l, const struct proxy_access *rec)
{
	char ip[LG_IP_STRLEN];
	lg_ip_str(&rec->client, ip);
	const char *fmt = lg_ip_is_v4(&rec->client) ? ",\"client\":\"%s:%u\""
						    : ",\"client\":\"[%s]:%u\"";
	line_printf(l, fmt, ip, rec->client_port);
}

static const char *pool_name(const struct conf *conf, const struct proxy_access *rec)
{
	bool known = rec->pool >= 0 && (unsigned)rec->pool < conf->n_pools;
	return known ? conf->pools[rec->pool].name : "";
}

static const char *server_name(const struct conf *conf, const struct proxy_access *rec)
{
	if (rec->pool < 0 || (unsigned)rec->pool >= conf->n_pools)
		return "";
	const struct conf_pool *pool = &conf->pools[rec->pool];
	bool known = rec->server >= 0 && (unsigned)rec->server < pool->n_servers;
	return known ? pool->servers[rec->server].name : "";
}

static const char *route_name(const struct conf *conf, const struct proxy_access *rec)
{
	bool known = rec->route >= 0 && (unsigned)rec->route < conf->n_routes;
	return known ? conf->routes[rec->route].name : "";
}

static const char *listener_name(const struct conf *conf, const struct proxy_access *rec)
{
	bool known = rec->listener >= 0 && (unsigned)rec->listener < conf->n_listeners;
	return known ? conf->listeners[rec->listener].name : "";
}

static void line_times(struct line *l, const struct proxy_access *rec)
{
	line_printf(l, ",\"ms\":{");
	line_ms(l, "tls", rec->tls);
	line_printf(l, ",");
	line_ms(l, "wait", rec->wait);
	line_printf(l, ",");
	line_ms(l, "connect", rec->connect);
	line_printf(l, ",");
	line_ms(l, "first_byte", rec->first_byte);
	line_printf(l, ",");
	line_ms(l, "total", rec->total);
	line_printf(l, "}");
}

static void line_end(struct line *l, const struct proxy_access *rec)
{
	if (rec->tls_version[0] != '\0')
		line_printf(l, ",\"tls\":\"%.*s%s\"", (int)sizeof(rec->tls_version),
			rec->tls_version, rec->tls_resumed ? " resumed" : "");
	const char *end = proxy_end_name((enum proxy_end)rec->end);
	line_string(l, "end", end, strlen(end));
	if (rec->end == PROXY_END_BAD_REQUEST) {
		const char *error = http_error_name((enum http_error)rec->http_error);
		line_string(l, "error", error, strlen(error));
	}
	line_printf(l, "}\n");
}

static void line_name(struct line *l, const char *key, const char *name)
{
	line_string(l, key, name, strlen(name));
}

size_t ctl_access_format(const struct conf *conf, const struct proxy_access *rec, uint64_t unix_us,
	char *out, size_t room)
{
	struct line l = {.out = out, .room = room};
	char ts[CTL_TIME_LEN];
	ctl_time_format(unix_us, ts);
	line_printf(&l, "{\"ts\":\"%s\",\"id\":\"%016" PRIx64 "\"", ts, rec->id);
	line_client(&l, rec);
	line_name(&l, "listener", listener_name(conf, rec));
	line_string(&l, "host", rec->host, strnlen(rec->host, sizeof(rec->host)));
	line_string(&l, "method", rec->method, strnlen(rec->method, sizeof(rec->method)));
	line_string(&l, "path", rec->path, strnlen(rec->path, sizeof(rec->path)));
	if (rec->path_cut)
		line_printf(&l, ",\"path_cut\":true");
	line_name(&l, "route", route_name(conf, rec));
	line_name(&l, "pool", pool_name(conf, rec));
	line_name(&l, "server", server_name(conf, rec));
	line_printf(&l, ",\"status\":%u,\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64,
		rec->status, rec->bytes_in, rec->bytes_out);
	line_times(&l, rec);
	line_end(&l, rec);
	return l.full ? 0 : l.used;
}
