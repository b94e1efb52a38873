/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, networks and endpoints, with sentences for what people get wrong. */
#include <string.h>

#include "config/internal.h"

bool conf_parse_ip(struct conf_load *l, const yaml_node_t *at, const char *text, struct lg_ip *ip)
{
	if (lg_ip_parse(text, ip) == 0)
		return true;
	const char *shown = conf_show(l, text, strlen(text));
	if (strchr(text, '/') != NULL)
		conf_error(l, at, "'%s': an address without a prefix length is meant here", shown);
	else if (text[0] != '\0' && strspn(text, "0123456789abcdefABCDEF.:") == strlen(text))
		conf_error(l, at, "'%s' is not an IPv4 or IPv6 address", shown);
	else
		conf_error(l, at,
			"'%s' is not an address; names are not looked up, write the IPv4 or IPv6 "
			"address",
			shown);
	return false;
}

bool conf_parse_prefix(
	struct conf_load *l, const yaml_node_t *at, const char *text, struct conf_addr *out)
{
	const char *slash = strchr(text, '/');
	const char *shown = conf_show(l, text, strlen(text));
	if (slash == NULL) {
		conf_error(l, at, "'%s' needs a prefix length, like %s/24", shown, shown);
		return false;
	}
	if (!conf_parse_ip(l, at, conf_strndup(l->scratch, text, (size_t)(slash - text)), &out->ip))
		return false;
	bool v4 = lg_ip_is_v4(&out->ip);
	uint64_t len;
	if (!conf_uint(slash + 1, v4 ? 32 : 128, &len)) {
		conf_error(l, at, "'%s': the prefix length must be 0 to %d", shown, v4 ? 32 : 128);
		return false;
	}
	out->prefix_len = (uint8_t)(v4 ? len + 96 : len);
	return true;
}

static bool parse_port(struct conf_load *l, const yaml_node_t *at, const char *text,
	const char *port, uint16_t *out)
{
	uint64_t v;
	if (!conf_uint(port, 65535, &v) || v == 0) {
		conf_error(l, at, "'%s': the port must be 1 to 65535",
			conf_show(l, text, strlen(text)));
		return false;
	}
	*out = (uint16_t)v;
	return true;
}

/* Where the address ends and the port begins ("" when there is none); false: no such form. */
static bool split(const char *text, const char **host, size_t *host_len, const char **port)
{
	const char *colon = strchr(text, ':');
	*host = text;
	*host_len = strlen(text);
	*port = "";
	if (text[0] == '[') {
		const char *close = strchr(text, ']');
		if (close == NULL || (close[1] != '\0' && close[1] != ':'))
			return false;
		*host = text + 1;
		*host_len = (size_t)(close - text) - 1;
		*port = close[1] == ':' ? close + 2 : "";
		return close[1] == '\0' || **port != '\0';
	}
	if (colon == NULL || strchr(colon + 1, ':') != NULL)
		return true; /* no port, or a bare IPv6 address */
	*host_len = (size_t)(colon - text);
	*port = colon + 1;
	return **port != '\0';
}

bool conf_parse_endpoint(struct conf_load *l, const yaml_node_t *at, const char *text,
	bool port_optional, struct lg_ip *ip, uint16_t *port)
{
	const char *host, *digits;
	size_t n;
	const char *shown = conf_show(l, text, strlen(text));

	if (!split(text, &host, &n, &digits) || (digits[0] == '\0' && !port_optional)) {
		conf_error(l, at,
			port_optional ? "'%s' must be ADDRESS or ADDRESS:PORT, with IPv6 as "
					"[ADDRESS]:PORT"
				      : "'%s' must be ADDRESS:PORT, with IPv6 as [ADDRESS]:PORT, "
					"or \"*:PORT\"",
			shown);
		return false;
	}
	memset(ip, 0, sizeof(*ip));
	bool any = !port_optional && n == 1 && host[0] == '*';
	if (!any && !conf_parse_ip(l, at, conf_strndup(l->scratch, host, n), ip))
		return false;
	return digits[0] == '\0' || parse_port(l, at, text, digits, port);
}

struct lg_ip conf_network(const struct conf_addr *a)
{
	struct lg_ip net = a->ip;
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = a->prefix_len > i * 8 ? LG_MIN(a->prefix_len - i * 8u, 8u) : 0;
		net.b[i] &= (uint8_t)(0xff00u >> keep);
	}
	return net;
}

/* An address that one host can have: for ports, routers and servers. */
bool conf_usable_host(
	struct conf_load *l, const yaml_node_t *at, const char *text, const struct lg_ip *ip)
{
	const char *what = NULL;
	bool v4 = lg_ip_is_v4(ip);
	static const struct lg_ip loopback6 = {.b = {[15] = 1}};

	if (v4 ? ip->b[12] == 0 : lg_ip_is_zero(ip))
		what = "the unspecified address";
	else if (v4 ? ip->b[12] == 127 : lg_ip_eq(ip, &loopback6))
		what = "a loopback address";
	else if (v4 ? (ip->b[12] & 0xf0) == 0xe0 : ip->b[0] == 0xff)
		what = "a multicast address";
	else if (v4 && ip->b[12] >= 240)
		what = "a reserved address";
	if (what != NULL)
		conf_error(l, at, "'%s' is %s, which no host can have",
			conf_show(l, text, strlen(text)), what);
	return what == NULL;
}

static bool link_local(const struct lg_ip *ip)
{
	return ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

bool conf_on_link(const struct conf_port *p, const struct lg_ip *ip)
{
	bool v6 = false;
	for (unsigned i = 0; i < p->n_addresses; i++) {
		const struct conf_addr *a = &p->addresses[i];
		if (lg_ip_in_prefix(ip, &a->ip, a->prefix_len))
			return true;
		v6 |= !lg_ip_is_v4(&a->ip);
	}
	return v6 && link_local(ip); /* every IPv6 link has fe80::/10 */
}

bool conf_own_address(const struct conf_port *p, const struct lg_ip *ip)
{
	for (unsigned i = 0; i < p->n_addresses; i++)
		if (lg_ip_eq(&p->addresses[i].ip, ip))
			return true;
	return false;
}
