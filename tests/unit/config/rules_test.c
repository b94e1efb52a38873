/* SPDX-License-Identifier: BSD-3-Clause */
/* Each rule of the configuration: one change, one report at the right place. */
#include "config_test.h"

static void base_is_accepted_without_a_word(void **state)
{
	(void)state;
	struct loaded r = load_text(base_yaml, strlen(base_yaml));
	assert_string_equal(r.out, "");
	assert_int_equal(r.errors + r.warnings, 0);
	loaded_free(&r);
}

static void keys_are_checked(void **state)
{
	static const struct change t[] = {
		{"log:", "lgo:", "26:1: error: unknown key 'lgo' in the file; did you mean 'log'?"},
		{"listeners:", "listner: 1\nlisteners:",
			"14:1: error: unknown key 'listner' in the file; did you mean "
			"'listeners'?"},
		{"{ level: info }", "{ zzzzz: 1 }", "26:8: error: unknown key 'zzzzz' in log\n"},
		{"idle: busy }", "idle: busy, idle: busy }",
			"2:55: error: 'idle' is there twice (first on line 2)"},
		{"limits: {", "version: 1\nlimits: {",
			"23:1: error: 'version' is there twice (first on line 1)"},
		{"version: 1\n", "", "1:1: error: 'version' is missing in the file"},
		{"version: 1", "version: 2", "1:10: error: version: '2' must be 1 to 1"},
		{"pool: fe-pool", "path: /x", "18:5: error: 'pool' is missing in routes[]"},
		{"  fe-pool:\n", "  fe pool: {}\n  fe-pool:\n",
			"20:3: error: name 'fe pool': use 1 to 63 letters"},
		{"  public:", "  public: { cert: a, key: b }\n  public:",
			"14:3: error: certificates: 'public' is there twice (first on line 13)"},
		{"{ level: info }", "[1]",
			"26:6: error: 'log' must be a map (lines of 'key: value'), but this is a "
			"list"},
		{"log: { level: info }", "log:",
			"26:5: error: 'log' must be a map (lines of 'key: value'), but this is "
			"nothing"},
		{"{ level: info }", "{ ? [a] : 1 }",
			"26:10: error: a key must be a plain word, but this is a list"},
		{"{ level: info }", "{ <<: { level: info } }",
			"26:8: error: merge keys ('<<') are not supported"},
		{"{ level: info }", "{ level: [info] }",
			"26:15: error: 'level' must be a single value, but this is a list"},
		{"[web.example.com", "[~, web.example.com",
			"18:15: error: 'hosts' must be a single value, but this is nothing"},
		{"device: net_af_packet0,iface=ext0", "device: \"net\\0x\"",
			"5:13: error: 'device' holds a line break or another control character"},
	};
	(void)state;
	CHECK_CHANGES(t);
}

static void values_are_checked(void **state)
{
	static const struct change t[] = {
		{"idle: 30m", "idle: 30",
			"24:19: error: idle: '30' is a duration and needs a unit; say 30s or 30ms"},
		{"idle: 30m", "idle: 30y", "24:19: error: idle: '30y' must be a duration"},
		{"idle: 30m", "idle: 2d", "24:19: error: idle: '2d' must be 1s to 1d"},
		{"idle: 30m", "connect: 99ms", "24:22: error: connect: '99ms' must be 100ms to 5m"},
		{"idle: 30m", "idle: 99999999999999999999s", "24:19: error: idle:"},
		{"connections: 1k", "request_head: 64kb",
			"23:25: error: request_head: '64kb' must be a size in bytes"},
		{"connections: 1k", "request_head: 1GiB",
			"23:25: error: request_head: '1GiB' must be 4KiB to 1MiB"},
		{"connections: 1k", "connections: many",
			"23:24: error: connections: 'many' must be a number"},
		{"connections: 1k", "connections: 1",
			"23:24: error: connections: '1' must be 16 to 4M"},
		{"connections: 1k", "source_ports: 80-90",
			"23:25: error: source_ports: '80-90' must be LOW-HIGH"},
		{"connections: 1k", "request_head: 8k, request_target: 9k",
			"23:45: error: request_target is larger than request_head (8000 bytes)"},
		{"connections: 1k", "request_head: 128KiB, receive_buffer: 64KiB",
			"23:49: error: receive_buffer is smaller than 3 times request_head"},
		{"level: info", "level: inof",
			"26:15: error: level: 'inof' must be one of: error warning notice info "
			"debug; did you mean 'info'?"},
		{"level: info", "access: yes", "26:16: error: access: 'yes' must be true or false"},
		{"level: info", "access: \"true\"",
			"26:16: error: 'access' must be true or false, without quotes"},
		{"idle: busy", "idle: bussy",
			"2:49: error: idle: 'bussy' must be one of: busy adaptive; did you mean "
			"'busy'?"},
		{"log:", "retry_after: 1500ms\nlog:",
			"26:14: error: retry_after must be whole seconds"},
		{"log:", "redirect: { status: 303 }\nlog:",
			"26:21: error: status: '303' must be one of: 301 302 307 308\n"},
		{"[1, 2]", "[1, 1]", "2:24: error: workers.lcores: CPU 1 is there twice"},
		{"[1, 2]", "1-x",
			"2:20: error: workers.lcores: '1-x' is no CPU number or range like 1-3"},
		{"[1, 2]", "9-3", "2:20: error: workers.lcores: '9-3' is no CPU number or range"},
		{"[1, 2]", "[]", "2:20: error: 'lcores' must have 1 to 64 entries, not 0"},
		{"level: info", "access: false, access_file: x",
			"26:36: warning: access_file is not used"},
	};
	(void)state;
	CHECK_CHANGES(t);
}

/* What the gateway owns must not be set behind its back. */
static void eal_options_are_checked(void **state)
{
	static const struct change t[] = {
		{"no-huge: true", "lcores: \"1\"",
			"25:8: error: eal: 'lcores' cannot be set here: set by workers.lcores"},
		{"no-huge: true", "l: 1", "25:8: error: eal: 'l' cannot be set here"},
		{"no-huge: true", "c: 1", "25:8: error: eal: 'c' cannot be set here"},
		{"no-huge: true", "main-lcore: 1",
			"25:8: error: eal: 'main-lcore' cannot be set here"},
		{"no-huge: true", "proc-type: auto",
			"25:8: error: eal: 'proc-type' cannot be set here"},
		{"no-huge: true", "vdev: net_null0",
			"25:8: error: eal: 'vdev' cannot be set here: devices come from ports"},
		{"no-huge: true", "a: \"0000:3b:00.0\"",
			"25:8: error: eal: 'a' cannot be set here"},
		{"no-huge: true", "allow: x", "25:8: error: eal: 'allow' cannot be set here"},
		{"no-huge: true", "no-huge: true, in-memory: true",
			"25:34: error: eal: 'in-memory' and 'no-huge' exclude each other"},
		{"no-huge: true", "no-huge: false",
			"25:17: error: eal: leave 'no-huge' out instead"},
		{"no-huge: true", "--no-huge: true",
			"25:8: error: eal: '--no-huge' is no option name"},
		{"no-huge: true", "m: 1, m: 2", "25:14: error: eal: 'm' is there twice"},
		{"no-huge: true", "no-hgue: true",
			"25:8: warning: eal: 'no-hgue' is no EAL option that we know; did you mean "
			"'no-huge'?"},
		{"{ no-huge: true }", "[a]", "25:6: error: 'eal' must be a map"},
	};
	(void)state;
	CHECK_CHANGES(t);
	struct loaded r = load_changed("eal: { no-huge: true }", "eal: { no-pci: true }");
	assert_int_equal(r.errors, 0);
	loaded_free(&r);
	char *text = changed("net_af_packet0,iface=ext0", "\"0000:3b:00.0\"");
	memcpy(strstr(text, "no-huge"), "no-pci ", 7);
	r = load_text(text, strlen(text));
	assert_says(&r, "25:17: error: eal: 'no-pci' hides the PCI device that a port names");
	loaded_free(&r);
	free(text);
}

/* LY-601, LY-605 and plain arithmetic of addresses. */
static void ports_are_checked(void **state)
{
	static const struct change t[] = {
		{"net_af_packet0,iface=ext0", "eth0",
			"5:13: error: device: 'eth0' is neither a PCI address"},
		{"net_af_packet1,", "net_af_packet0,",
			"9:13: error: device: 'net_af_packet0' is the external port's device (line "
			"5)"},
		{"    gateway: [", "    mtu: 100\n    gateway: [",
			"7:10: error: mtu: '100' must be 576 to 9000"},
		{"    gateway: [", "    mtu: 1279\n    gateway: [",
			"6:34: error: '2001:db8::10/64': IPv6 needs an mtu of at least 1280, not "
			"1279"},
		{"    gateway: [", "    vlan: 4095\n    gateway: [",
			"7:11: error: vlan: '4095' must be 0 to 4094"},
		{"203.0.113.10/24", "203.0.113.10",
			"6:17: error: '203.0.113.10' needs a prefix length, like 203.0.113.10/24"},
		{"203.0.113.10/24", "203.0.113.0/24",
			"6:17: error: '203.0.113.0/24' is the network itself"},
		{"203.0.113.10/24", "203.0.113.255/24",
			"6:17: error: '203.0.113.255/24' is the broadcast address"},
		{"203.0.113.10/24", "203.0.113.10/33",
			"6:17: error: '203.0.113.10/33': the prefix length must be 0 to 32"},
		{"203.0.113.10/24", "203.0.113/24",
			"6:17: error: '203.0.113' is not an IPv4 or IPv6 address"},
		{"203.0.113.10/24", "127.0.0.1/8",
			"6:17: error: '127.0.0.1/8' is a loopback address"},
		{"203.0.113.10/24", "224.0.0.5/24",
			"6:17: error: '224.0.0.5/24' is a multicast address"},
		{"2001:db8::10/64", "fe80::1/64",
			"6:34: error: 'fe80::1/64' is a link-local address"},
		{"203.0.113.10/24", "203.0.113.10/24, 203.0.113.10/24",
			"6:34: error: '203.0.113.10/24' is there twice"},
		{"gateway: [203.0.113.1,", "gateway: [203.0.114.1,",
			"7:15: error: '203.0.114.1' is in no network of this port's addresses"},
		{"gateway: [203.0.113.1,", "gateway: [203.0.113.10,",
			"7:15: error: '203.0.113.10' is the port's own address"},
		{"\"2001:db8::1\"]", "203.0.113.2]", "7:28: error: gateway: a second one for IPv4"},
		{"    gateway: [203.0.113.1, \"2001:db8::1\"]\n", "",
			"5:5: warning: ports.external has no 'gateway'"},
		{"    routes: [{ to: 10.0.1", "    gateway: 10.0.0.1\n    routes: [{ to: 10.0.1",
			"11:14: error: no default gateway inside (LY-601): list the internal "
			"subnets under routes"},
		{"to: 10.0.1.0/24", "to: 10.0.1.0/24, via: 10.0.0.1 }, { to: 0.0.0.0/0",
			"11:56: error: no default gateway inside (LY-601)"},
		{"to: 10.0.1.0/24", "to: 10.0.1.0/24, via: 10.0.0.1 }, { to: \"::/0\"",
			"11:56: error: no default gateway inside (LY-601)"},
		{"to: 10.0.1.0/24, via: 10.0.0.1 }",
			"to: 10.0.1.0/24, via: 10.0.0.1 }, { to: 10.0.2.1/24, via: 10.0.0.1 }",
			"11:56: error: '10.0.2.1/24' has bits set behind the prefix; did you mean "
			"'10.0.2.0/24'?"},
		{"to: 10.0.1.0/24, via: 10.0.0.1 }",
			"to: 10.0.1.0/24, via: 10.0.0.1 }, { to: 10.0.1.0/24, via: 10.0.0.2 }",
			"11:50: error: a second route to '10.0.1.0/24'"},
		{"to: 10.0.1.0/24, via: 10.0.0.1 }",
			"to: 10.0.1.0/24, via: 10.0.0.1 }, { to: \"2001:db8:1::/48\", via: "
			"10.0.0.1 }",
			"11:80: error: '10.0.0.1' is not of the same family"},
		{"10.0.0.10/24", "10.0.0.10/24, 203.0.113.20/24",
			"10:16: warning: the network of '203.0.113.20' is also an external one"},
		{"10.0.0.10/24", "10.0.0.10/24, 203.0.113.10/24",
			"10:16: error: '203.0.113.10' is also an external address"},
	};
	(void)state;
	CHECK_CHANGES(t);
}

static void short_pci_addresses_are_completed(void **state)
{
	(void)state;
	struct loaded r = load_changed("net_af_packet0,iface=ext0", "\"3b:00.0\"");
	assert_int_equal(r.errors, 0);
	assert_string_equal(r.conf->external.device, "0000:3b:00.0");
	loaded_free(&r);
	char *text = changed("net_af_packet0,iface=ext0", "\"0000:3b:00.0\"");
	char *at = strstr(text, "net_af_packet1,iface=int0");
	memcpy(at, "\"3b:00.0\"                ", 25);
	r = load_text(text, strlen(text));
	assert_says(
		&r, "9:13: error: device: '0000:3b:00.0' is the external port's device (line 5)");
	loaded_free(&r);
	free(text);
}

static void listeners_are_checked(void **state)
{
	static const struct change t[] = {
		{"[public]", "[pubic]",
			"16:49: error: certificate 'pubic' is not defined; did you mean 'public' "
			"(line 13)?"},
		{"[public]", "[public, public]",
			"16:57: error: certificate 'public' is there twice"},
		{"[public]", "[public], default: pubic",
			"16:67: error: certificate 'pubic' is not defined; did you mean 'public'"},
		{"\"*:80\"", "\"*:443\"",
			"16:18: error: '*:443' is already taken by listener 'http'"},
		{"\"*:80\"", "\"203.0.113.11:80\"",
			"15:17: error: '203.0.113.11:80' is none of ports.external.addresses"},
		{"\"*:80\"", "\"10.0.0.10:80\"",
			"15:17: error: '10.0.0.10:80' is none of ports.external.addresses"},
		{"\"*:80\"", "\"0.0.0.0:80\"", "15:17: error: '0.0.0.0:80' is none of"},
		{"\"*:80\"", "\"[::]:80\"", "15:17: error: '[::]:80': write \"*:80\""},
		{"\"*:80\"", "\"*\"", "15:17: error: '*' must be ADDRESS:PORT"},
		{"\"*:80\"", "80", "15:17: error: '80' must be ADDRESS:PORT"},
		{"\"*:80\"", "\"*:0\"", "15:17: error: '*:0': the port must be 1 to 65535"},
		{"\"*:80\"", "\"*:65536\"", "15:17: error: '*:65536': the port must be 1 to 65535"},
		{"[public]", "[public], min: ssl3",
			"16:63: error: min: 'ssl3' is refused: SSL 2 and 3 are broken"}, /* LY-211
											  */
		{"[public]", "[public], min: 1.4",
			"16:63: error: min: '1.4' must be a TLS version"},
		{"[public]", "[public], min: 1.3, max: 1.2", "16:63: error: min is newer than max"},
		{"[public]", "[public], min: \"1.0\"",
			"16:63: warning: TLS 1.0 is allowed: SHA-1 signatures"}, /* LY-210 */
		{"[public]", "[public], ciphers: NOPE",
			"16:67: error: ciphers: OpenSSL knows no cipher in 'NOPE'"},
		{"[public]", "[public], ciphersuites: NOPE",
			"16:72: error: ciphersuites: OpenSSL doesn't know all of 'NOPE'"},
		{"  public: {", "  other: { cert: a, key: b }\n  public: {",
			"13:3: warning: certificate 'other' is used by no listener"},
		{"  public: {", "  public: { cert: \"\", key: b }\n  other: {",
			"13:19: error: cert: '' must not be empty"},
	};
	(void)state;
	CHECK_CHANGES(t);
}

static void routes_are_checked(void **state)
{
	static const struct change t[] = {
		{"pool: fe-pool", "pool: fe-pol",
			"18:82: error: pool 'fe-pol' is not defined; did you mean "
			"'fe-pool' (line 20)?"},
		{"web.example.com", "https://web.example.com/",
			"18:15: error: 'https://web.example.com/' is no host name: write "
			"the host name only"},
		{"web.example.com", "\"web.example.com:443\"",
			"18:15: error: 'web.example.com:443' is no host name: write the "
			"host name without a port"},
		{"web.example.com", "\"w*.example.com\"",
			"18:15: error: 'w*.example.com' is no host name: a wildcard is"},
		{"web.example.com",
			"b\xc3\xbc"
			"cher.example",
			"18:15: error: 'b\xc3\xbc"
			"cher.example' is no host name: write international names"},
		{"web.example.com", "a..b", "18:15: error: 'a..b' is no host name"},
		{"web.example.com", "-a.b", "18:15: error: '-a.b' is no host name"},
		{"pool: fe-pool", "path: meet, pool: fe-pool",
			"18:82: error: path: 'meet' must begin with '/'"},
		{"pool: fe-pool", "path: /a?b, pool: fe-pool",
			"18:82: error: path: '/a?b' is a plain prefix"},
		{"pool: fe-pool", "path: /a/../b, pool: fe-pool",
			"18:82: error: path: '/a/../b' must not have empty, '.' or '..' "
			"parts"},
		{"pool: fe-pool", "http: redirct, pool: fe-pool",
			"18:82: error: http: 'redirct' must be one of: default forward "
			"redirect off; did you mean 'redirect'?"},
		/* The same host, however it is written, and both lines are named. */
		{"pools:\n", "  - { hosts: WEB.example.com., pool: fe-pool }\npools:\n",
			"19:14: error: host 'web.example.com' is there twice: here on line "
			"19 and before on line 18"},
		{"pools:\n", "  - { hosts: web.example.com, path: /, pool: fe-pool }\npools:\n",
			"19:14: error: host 'web.example.com' is there twice"},
		{"web.example.com", "web.example.com, lyncdiscoverinternal.example.com",
			"18:32: warning: 'lyncdiscoverinternal.example.com' is for clients "
			"inside"}, /* LY-204 */
		{"pool: fe-pool", "response_header_timeout: 900s, pool: fe-pool",
			"18:101: warning: response_header: 900s is below 960s"}, /* LY-406
										  */
		{"idle: 30m", "response_header: 5m",
			"24:30: warning: response_header: 300s is below 960s"},
	};
	(void)state;
	CHECK_CHANGES(t);
}

static void pools_are_checked(void **state)
{
	static const struct change t[] = {
		{"[10.0.1.11]", "[fe1.corp.example.com]",
			"21:15: error: 'fe1.corp.example.com' is not an address; names are not "
			"looked up"}, /* LY-604 */
		{"[10.0.1.11]", "[10.9.9.9]", "21:15: error: server '10.9.9.9' cannot be reached"},
		{"[10.0.1.11]", "[203.0.113.50]",
			"21:15: error: server '203.0.113.50' cannot be reached"},
		{"[10.0.1.11]", "[10.0.0.10]",
			"21:15: error: server '10.0.0.10' is the gateway's own address"},
		{"[10.0.1.11]", "[203.0.113.10]",
			"21:15: error: server '203.0.113.10' is the gateway's own address"},
		{"[10.0.1.11]", "[\"2001:db8:1::11\"]",
			"21:15: error: server '2001:db8:1::11': ports.internal has no IPv6 "
			"address"},
		{"[10.0.1.11]", "[10.0.1.11, \"10.0.1.11:4443\"]",
			"21:26: error: server '10.0.1.11:4443' is there twice in this pool"},
		{"[10.0.1.11]", "{ a: 10.0.1.11, a: 10.0.1.12 }",
			"21:30: error: server name 'a' is there twice"},
		{"[10.0.1.11]", "10.0.1.11",
			"21:14: error: 'servers' must be a list of addresses or a map"},
		{"[10.0.1.11]", "[]", "21:14: error: 'servers' must have 1 to 64 entries, not 0"},
		{"[10.0.1.11]", "[\"10.0.1.11:99999\"]",
			"21:15: error: '10.0.1.11:99999': the port must be 1 to 65535"},
		{"[10.0.1.11]", "[127.0.0.1]", "21:15: error: '127.0.0.1' is a loopback address"},
		{"[10.0.1.11]", "[{ addres: 10.0.1.11, address: 10.0.1.11 }]",
			"21:17: error: unknown key 'addres' in pools.NAME.servers[]; did you mean "
			"'address'?"},
		{"    tls: { ca: ca.pem }\n", "",
			"20:3: error: pool 'fe-pool' needs 'tls: { ca: FILE }'"}, /* LY-221 */
		{"{ ca: ca.pem }", "{ verify: true }",
			"22:10: error: pool 'fe-pool' needs 'tls: { ca: FILE }'"},
		{"{ ca: ca.pem }", "{ verify: false }",
			"22:20: warning: 'verify: false': the certificates of pool 'fe-pool' are "
			"NOT CHECKED"},
		{"{ ca: ca.pem }", "off",
			"22:10: warning: pool 'fe-pool': 'tls: off' sends what clients sent over "
			"TLS in the clear"},
		{"ca: ca.pem", "ca: ca.pem, min: \"1.1\"", "22:29: warning: TLS 1.1 is allowed"},
		{"ca: ca.pem", "ca: ca.pem, verify_name: a_b:c",
			"22:37: error: 'a_b:c' is no host name"},
		{"ca: ca.pem", "ca: ca.pem, verify_name: 10.0.1.11, sni: true",
			"22:53: error: sni: an address is no server name"},
		{"[web.example.com, lyncdiscover.example.com, ", "[",
			"22:10: error: pool 'fe-pool' needs 'verify_name': no route gives it a "
			"host without wildcard"}, /* LY-222 */
		{"limits:",
			"  other: { servers: [10.0.1.12], tls: { ca: ca.pem, verify_name: x.y } "
			"}\nlimits:",
			"23:3: warning: pool 'other' is used by no route"},
		{"pool: fe-pool }",
			"pool: fe-pool, http: forward }\n  - { hosts: [x.example.com], pool: p2, "
			"http: forward }",
			"19:37: error: pool 'p2' is not defined"},
		{"servers: [10.0.1.11]", "servers: [{ address: 10.0.1.11, https_port: 0 }]",
			"21:49: error: https_port: '0' must be 1 to 65535"},
		{"connections: 1k", "connections: 100k",
			"23:24: warning: limits allow 200000 connections in all, but pool "
			"'fe-pool' has source ports for 55296"},
	};
	(void)state;
	CHECK_CHANGES(t);
}

static void forward_needs_a_plain_port(void **state)
{
	(void)state;
	struct loaded r = load_changed(
		"    servers: [10.0.1.11]", "    servers: [{ address: 10.0.1.11, http_port: 0 }]");
	assert_int_equal(r.errors, 0); /* lyncdiscover falls back to the redirect */
	for (unsigned i = 0; i < r.conf->n_hosts; i++)
		assert_int_equal(r.conf->hosts[i].http, CONF_HTTP_REDIRECT);
	loaded_free(&r);

	char *text = changed("pool: fe-pool }", "pool: fe-pool, http: forward }");
	char *at = strstr(text, "servers: [10.0.1.11]"), *both = NULL;
	assert_true(asprintf(&both, "%.*shttp_port: 0\n    %s", (int)(at - text), text, at) > 0);
	r = load_text(both, strlen(both));
	assert_says(&r, "18:97: error: http: forward, but pool 'fe-pool' has 'http_port: 0'");
	loaded_free(&r);
	free(both);
	free(text);
}

static void redirect_needs_a_tls_listener(void **state)
{
	static const struct change t[] = {
		{"\"*:443\"", "\"*:8443\"",
			"15:3: warning: plain HTTP is redirected to port 443, but no listener with "
			"'tls' is on it"},
	};
	(void)state;
	CHECK_CHANGES(t);
	struct loaded r = load_changed(", tls: { certificates: [public] }", "");
	assert_says(
		&r, "15:3: warning: plain HTTP is redirected to https, but no listener has 'tls'");
	assert_int_equal(r.errors, 0);
	loaded_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_is_accepted_without_a_word),
		cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(eal_options_are_checked),
		cmocka_unit_test(ports_are_checked),
		cmocka_unit_test(short_pci_addresses_are_completed),
		cmocka_unit_test(listeners_are_checked),
		cmocka_unit_test(routes_are_checked),
		cmocka_unit_test(pools_are_checked),
		cmocka_unit_test(forward_needs_a_plain_port),
		cmocka_unit_test(redirect_needs_a_tls_listener),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
