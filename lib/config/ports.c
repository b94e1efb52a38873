/* SPDX-License-Identifier: BSD-3-Clause */
/* ports: addresses, gateways and routes of both interfaces (LY-601). */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "config/internal.h"

static bool pci_address(const char *s)
{
	size_t n = strlen(s);
	if (n == 7) { /* 3b:00.0 */
		char full[16] = "0000:";
		memcpy(full + 5, s, 8);
		return pci_address(full);
	}
	if (n != 12 || s[4] != ':' || s[7] != ':' || s[10] != '.' || s[11] < '0' || s[11] > '7')
		return false;
	for (size_t i = 0; i < 10; i++)
		if (i != 4 && i != 7 && !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

static bool virtual_device(const char *s)
{
	if (strncmp(s, "net_", 4) != 0 && strncmp(s, "virtio_user", 11) != 0)
		return false;
	size_t name = strcspn(s, ",");
	for (size_t i = 0; i < name; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return false;
	return name > 4 && name < 64;
}

/* "3b:00.0" -> "0000:3b:00.0", the name that DPDK and sysfs know. */
static const char *full_device(struct conf_load *l, const char *s)
{
	if (s == NULL || strlen(s) != 7 || !pci_address(s))
		return s;
	return conf_sprintf(l->arena, "0000:%s", s);
}

static void check_device(struct conf_load *l, const struct raw_port *r)
{
	if (r->device == NULL || pci_address(r->device) || virtual_device(r->device))
		return;
	conf_error(l, conf_at(&r->head, CS_PORT, "device"),
		"device: '%s' is neither a PCI address (\"0000:3b:00.0\") nor a DPDK virtual "
		"device "
		"(\"net_af_packet0,iface=ext0\"); kernel interface names don't work, "
		"dpdk-devbind.py --status lists "
		"the addresses",
		conf_show(l, r->device, strlen(r->device)));
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static bool host_bits(struct conf_load *l, const struct raw_name *n, const struct conf_addr *a)
{
	bool v4 = lg_ip_is_v4(&a->ip);
	struct lg_ip net = conf_network(a);
	if (a->prefix_len >= 127)
		return true; /* RFC 3021, RFC 6164 */
	if (lg_ip_eq(&net, &a->ip)) {
		conf_error(l, n->at,
			"'%s' is the network itself; write the gateway's own address in it", n->s);
		return false;
	}
	uint32_t mask = v4 ? 0xffffffffu >> (a->prefix_len - 96) : 0;
	if (v4 && (ntohl(lg_ip_v4(&a->ip)) & mask) == mask) {
		conf_error(l, n->at, "'%s' is the broadcast address of its network", n->s);
		return false;
	}
	return true;
}

static bool read_address(struct conf_load *l, const struct conf_port *p, const struct raw_name *n,
	uint16_t mtu, struct conf_addr *a)
{
	if (!conf_parse_prefix(l, n->at, n->s, a) || !conf_usable_host(l, n->at, n->s, &a->ip))
		return false;
	if (a->ip.b[0] == 0xfe && (a->ip.b[1] & 0xc0) == 0x80) {
		conf_error(l, n->at, "'%s' is a link-local address, which the port makes itself",
			n->s);
		return false;
	}
	unsigned shortest = lg_ip_is_v4(&a->ip) ? 96 + 8 : 16;
	if (a->prefix_len < shortest) {
		conf_error(l, n->at, "'%s': a prefix this short cannot be the port's own network",
			n->s);
		return false;
	}
	if (!host_bits(l, n, a))
		return false;
	if (!lg_ip_is_v4(&a->ip) && mtu < 1280) {
		conf_error(l, n->at, "'%s': IPv6 needs an mtu of at least 1280, not %u", n->s, mtu);
		return false;
	}
	if (conf_own_address(p, &a->ip)) {
		conf_error(l, n->at, "'%s' is there twice", n->s);
		return false;
	}
	return true;
}

static bool read_addresses(struct conf_load *l, const struct raw_port *r, struct conf_port *p)
{
	p->addresses = conf_alloc(l->arena, r->addresses.n * sizeof(p->addresses[0]));
	for (unsigned i = 0; i < r->addresses.n; i++)
		if (read_address(l, p, &r->addresses.v[i], r->mtu, &p->addresses[p->n_addresses]))
			p->n_addresses++;
	return p->n_addresses > 0 && p->n_addresses == r->addresses.n;
}

/* ---- next hops --------------------------------------------------------------------------------
 */

static bool next_hop(struct conf_load *l, const yaml_node_t *at, const char *text,
	const struct conf_port *p, bool addresses_bad, struct lg_ip *ip)
{
	if (!conf_parse_ip(l, at, text, ip) || !conf_usable_host(l, at, text, ip))
		return false;
	if (addresses_bad)
		return true; /* that error was told; this one would only follow from it */
	if (conf_own_address(p, ip)) {
		conf_error(l, at, "'%s' is the port's own address; the router's is meant", text);
		return false;
	}
	if (!conf_on_link(p, ip)) {
		conf_error(l, at,
			"'%s' is in no network of this port's addresses, so it cannot be reached "
			"directly; is a prefix length wrong?",
			text);
		return false;
	}
	return true;
}

static void read_gateways(
	struct conf_load *l, const struct raw_port *r, struct conf_port *p, bool bad)
{
	for (unsigned i = 0; i < r->gateway.n; i++) {
		const struct raw_name *n = &r->gateway.v[i];
		struct lg_ip ip;
		if (!next_hop(l, n->at, n->s, p, bad, &ip))
			continue;
		struct lg_ip *slot = lg_ip_is_v4(&ip) ? &p->gateway4 : &p->gateway6;
		if (!lg_ip_is_zero(slot))
			conf_error(l, n->at,
				"gateway: a second one for %s; one per family is possible",
				lg_ip_is_v4(&ip) ? "IPv4" : "IPv6");
		*slot = ip;
	}
}

static bool read_route_to(
	struct conf_load *l, const struct raw_port_route *r, bool internal, struct conf_addr *to)
{
	const yaml_node_t *at = conf_at(&r->head, CS_PORT_ROUTE, "to");
	char text[LG_IP_STRLEN];
	if (!conf_parse_prefix(l, at, r->to, to))
		return false;
	bool v4 = lg_ip_is_v4(&to->ip);
	struct lg_ip net = conf_network(to);
	if (!lg_ip_eq(&net, &to->ip)) {
		conf_error(l, at, "'%s' has bits set behind the prefix; did you mean '%s/%u'?",
			r->to, lg_ip_str(&net, text), v4 ? to->prefix_len - 96u : to->prefix_len);
		return false;
	}
	if (to->prefix_len > (v4 ? 96 : 0))
		return true;
	conf_error(l, at,
		internal ? "no default gateway inside (LY-601): list the internal subnets under "
			   "routes"
			 : "'%s' is the default route; write it as 'gateway'",
		r->to);
	return false;
}

static void read_routes(
	struct conf_load *l, const struct raw_port *r, struct conf_port *p, bool internal, bool bad)
{
	const struct raw_port_route *routes = r->routes.v;
	p->routes = conf_alloc(l->arena, r->routes.n * sizeof(p->routes[0]));
	for (unsigned i = 0; i < r->routes.n; i++) {
		const struct raw_port_route *in = &routes[i];
		struct conf_addr to;
		struct lg_ip via;
		const yaml_node_t *via_at = conf_at(&in->head, CS_PORT_ROUTE, "via");
		bool good = in->to != NULL && read_route_to(l, in, internal, &to);
		bool hop = in->via != NULL && next_hop(l, via_at, in->via, p, bad, &via);
		if (!good || !hop)
			continue;
		if (lg_ip_is_v4(&to.ip) != lg_ip_is_v4(&via)) {
			conf_error(l, via_at, "'%s' is not of the same family as '%s'", in->via,
				in->to);
			continue;
		}
		for (unsigned j = 0; j < p->n_routes; j++)
			if (lg_ip_eq(&p->routes[j].to, &to.ip) &&
				p->routes[j].prefix_len == to.prefix_len)
				conf_error(l, in->head.at, "a second route to '%s'", in->to);
		p->routes[p->n_routes++] = (struct conf_route_net){to.ip, to.prefix_len, via};
	}
}

/* ---- both ports --------------------------------------------------------------------------------
 */

static void build_port(
	struct conf_load *l, const struct raw_port *r, struct conf_port *p, bool internal)
{
	bool bad = !read_addresses(l, r, p);
	l->addresses_bad[internal] = bad;
	p->device = full_device(l, r->device);
	p->mtu = r->mtu;
	p->vlan = r->vlan;
	p->ttl = (uint8_t)r->ttl;
	p->rx_descriptors = r->rx_descriptors;
	p->tx_descriptors = r->tx_descriptors;
	p->mbufs = r->mbufs;
	check_device(l, r);
	if (!internal)
		read_gateways(l, r, p, bad);
	else if (conf_given(&r->head, CS_PORT, "gateway"))
		conf_error(l, conf_at(&r->head, CS_PORT, "gateway"),
			"no default gateway inside (LY-601): list the internal subnets under "
			"routes");
	read_routes(l, r, p, internal, bad);
}

static void check_devices_differ(struct conf_load *l, const struct raw_ports *r)
{
	const char *e = l->conf->external.device, *i = l->conf->internal.device;
	if (e == NULL || i == NULL)
		return;
	size_t n = strcspn(e, ",");
	if (n == strcspn(i, ",") && strncasecmp(e, i, n) == 0)
		conf_error(l, conf_at(&r->internal.head, CS_PORT, "device"),
			"device: '%.*s' is the external port's device (line %u); two ports are "
			"needed",
			(int)n, i, conf_line(conf_at(&r->external.head, CS_PORT, "device")));
}

static void check_overlap(struct conf_load *l, const struct raw_ports *r)
{
	const struct conf_port *e = &l->conf->external, *p = &l->conf->internal;
	for (unsigned i = 0; i < p->n_addresses; i++) {
		const struct conf_addr *a = &p->addresses[i];
		const yaml_node_t *at = conf_at(&r->internal.head, CS_PORT, "addresses");
		for (unsigned j = 0; j < e->n_addresses; j++) {
			const struct conf_addr *b = &e->addresses[j];
			char text[LG_IP_STRLEN];
			unsigned len = LG_MIN(a->prefix_len, b->prefix_len);
			if (lg_ip_eq(&a->ip, &b->ip))
				conf_error(l, at, "'%s' is also an external address",
					lg_ip_str(&a->ip, text));
			else if (lg_ip_in_prefix(&a->ip, &b->ip, len))
				conf_warn(l, at,
					"the network of '%s' is also an external one; the two "
					"sides should "
					"be different networks",
					lg_ip_str(&a->ip, text));
		}
	}
}

void conf_build_ports(struct conf_load *l)
{
	const struct raw_ports *r = &l->top.ports;
	build_port(l, &r->external, &l->conf->external, false);
	build_port(l, &r->internal, &l->conf->internal, true);
	check_devices_differ(l, r);
	check_overlap(l, r);
	if (r->external.head.at != NULL && !conf_given(&r->external.head, CS_PORT, "gateway"))
		conf_warn(l, r->external.head.at,
			"ports.external has no 'gateway': only clients in its own networks%s can "
			"be answered",
			r->external.routes.n > 0 ? " and routes" : "");
}
