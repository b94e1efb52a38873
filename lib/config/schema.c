/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of all keys. The loader (walk.c), the checks' positions and the printed reference
 * (reference.c) are driven by it. Rows of a section stand together.
 */
#include "config/internal.h"

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
/* Longest time-out: nobody means more. */
#define DAY LG_SEC(86400)

const struct conf_section_info conf_sections[CS_MAX] = {
	[CS_TOP] = {"the file", sizeof(struct raw_top), "The top level."},
	[CS_WORKERS] = {"workers", sizeof(struct raw_workers),
		"One worker is one thread that polls its own queue of both ports, on a CPU of its "
		"own."},
	[CS_PORTS] = {"ports", sizeof(struct raw_ports),
		"The two network interfaces. Nothing is ever forwarded between them but proxied "
		"requests."},
	[CS_PORT] = {"ports.external, ports.internal", sizeof(struct raw_port),
		"One network interface with its addresses. The external one has the default "
		"gateway, the "
		"internal one has none (LY-601)."},
	[CS_PORT_ROUTE] = {"ports.*.routes[]", sizeof(struct raw_port_route),
		"A static route to a network behind a router."},
	[CS_CERTIFICATE] = {"certificates.NAME", sizeof(struct raw_certificate),
		"A certificate with its private key, both PEM files."},
	[CS_LISTENER] = {"listeners.NAME", sizeof(struct raw_listener),
		"Where clients connect to, on the external port: plain HTTP, or TLS when `tls` is "
		"given."},
	[CS_LISTENER_TLS] = {"listeners.NAME.tls", sizeof(struct raw_listener_tls),
		"TLS towards clients. The certificate is chosen by the server name that the client "
		"sends."},
	[CS_ROUTE] = {"routes[]", sizeof(struct raw_route),
		"Which pool serves which hosts. Exact hosts go before wildcards, longer paths "
		"before "
		"shorter ones. Hosts that no route names are answered 404."},
	[CS_POOL] = {"pools.NAME", sizeof(struct raw_pool), "Servers that do the same job."},
	[CS_POOL_TLS] = {"pools.NAME.tls", sizeof(struct raw_pool_tls),
		"TLS towards the servers. `tls: off` sends what came over TLS in the clear: for "
		"labs only."},
	[CS_SERVER] = {"pools.NAME.servers[]", sizeof(struct raw_server),
		"A server with ports of its own. Mostly the short form \"10.0.1.11\" will do."},
	[CS_REDIRECT] = {"redirect", sizeof(struct raw_redirect),
		"How plain HTTP is sent on to https (LY-415): same host, same path and query."},
	[CS_TIMEOUTS] = {"timeouts", sizeof(struct raw_timeouts),
		"Separate clocks (LY-406): a slow attacker is cut without cutting a pending "
		"request."},
	[CS_LIMITS] = {"limits", sizeof(struct raw_limits),
		"Everything is bounded; what is refused is counted by name."},
	[CS_LOG] = {"log", sizeof(struct raw_log), "What is written down."},
};

const struct conf_key conf_schema[] = {
	/* ---- top ---- */
	{CS_TOP, "version", CT_UINT, AT(raw_top, version), 1, 1, NULL, NULL, 0, CF_REQUIRED,
		"Version of this format."},
	{CS_TOP, "eal", CT_NODE, AT(raw_top, eal), 0, 64, NULL, "map", 0, 0,
		"Options for DPDK's EAL, without the dashes: `key: value`, `key: [several, "
		"values]`, or "
		"`key: true`. CPUs and ports are not set here: see `workers` and `ports`."},
	{CS_TOP, "workers", CT_SECTION, AT(raw_top, workers), 0, 0, NULL, NULL, CS_WORKERS, 0,
		"The threads that move packets."},
	{CS_TOP, "ports", CT_SECTION, AT(raw_top, ports), 0, 0, NULL, NULL, CS_PORTS, CF_REQUIRED,
		"The two network interfaces."},
	{CS_TOP, "certificates", CT_NAMED, AT(raw_top, certificates), 0, 256, NULL, NULL,
		CS_CERTIFICATE, 0, "Certificates shown to clients."},
	{CS_TOP, "listeners", CT_NAMED, AT(raw_top, listeners), 1, 64, NULL, NULL, CS_LISTENER,
		CF_REQUIRED, "Where clients connect to."},
	{CS_TOP, "routes", CT_ITEMS, AT(raw_top, routes), 1, 1024, NULL, NULL, CS_ROUTE,
		CF_REQUIRED, "Which hosts go to which pool."},
	{CS_TOP, "pools", CT_NAMED, AT(raw_top, pools), 1, 256, NULL, NULL, CS_POOL, CF_REQUIRED,
		"The servers behind the gateway."},
	{CS_TOP, "redirect", CT_SECTION, AT(raw_top, redirect), 0, 0, NULL, NULL, CS_REDIRECT, 0,
		"How plain HTTP is redirected."},
	{CS_TOP, "retry_after", CT_DURATION, AT(raw_top, retry_after), LG_SEC(1), LG_SEC(3600),
		"5s", NULL, 0, 0,
		"Retry-After of the 503 that is sent while a pool is not available (LY-412), whole "
		"seconds."},
	{CS_TOP, "timeouts", CT_SECTION, AT(raw_top, timeouts), 0, 0, NULL, NULL, CS_TIMEOUTS, 0,
		"How long things may take."},
	{CS_TOP, "limits", CT_SECTION, AT(raw_top, limits), 0, 0, NULL, NULL, CS_LIMITS, 0,
		"How much there may be of each thing."},
	{CS_TOP, "log", CT_SECTION, AT(raw_top, log), 0, 0, NULL, NULL, CS_LOG, 0,
		"What is logged."},

	/* ---- workers ---- */
	{CS_WORKERS, "lcores", CT_NODE, AT(raw_workers, lcores), 1, 64, "[1]", "CPU numbers", 0, 0,
		"CPUs of the workers, one worker each: a list, or text like \"1-3,5\"."},
	{CS_WORKERS, "main_lcore", CT_UINT, AT(raw_workers, main_lcore), 0, 1023, "0", NULL, 0, 0,
		"CPU of the control thread; a worker may be on the same one."},
	{CS_WORKERS, "idle", CT_ENUM, AT(raw_workers, idle), 0, 0, "adaptive", "busy|adaptive", 0,
		0,
		"`busy` polls all the time and has the shortest answer time; `adaptive` sleeps for "
		"microseconds when there is nothing to do."},

	/* ---- ports ---- */
	{CS_PORTS, "external", CT_SECTION, AT(raw_ports, external), 0, 0, NULL, NULL, CS_PORT,
		CF_REQUIRED, "Towards the Internet: clients connect here."},
	{CS_PORTS, "internal", CT_SECTION, AT(raw_ports, internal), 0, 0, NULL, NULL, CS_PORT,
		CF_REQUIRED,
		"Towards the pools: the gateway connects from here and listens to nothing."},
	{CS_PORT, "device", CT_STRING, AT(raw_port, device), 0, 0, NULL, "PCI address or vdev", 0,
		CF_REQUIRED,
		"PCI address (\"0000:3b:00.0\", quoted), bound to vfio-pci; or a DPDK virtual "
		"device with its "
		"arguments (\"net_af_packet0,iface=ext0\")."},
	{CS_PORT, "mtu", CT_UINT, AT(raw_port, mtu), 576, 9000, "1500", NULL, 0, 0,
		"Largest IP packet. IPv6 needs 1280."},
	{CS_PORT, "vlan", CT_UINT, AT(raw_port, vlan), 0, 4094, "0", NULL, 0, 0,
		"802.1Q VLAN; 0: untagged."},
	{CS_PORT, "ttl", CT_UINT, AT(raw_port, ttl), 1, 255, "64", NULL, 0, 0,
		"Time to live (hop limit in IPv6) of the packets that leave here."},
	{CS_PORT, "addresses", CT_NAMES, AT(raw_port, addresses), 1, 64, NULL,
		"list of ADDRESS/LENGTH", 0, CF_REQUIRED,
		"The gateway's addresses, IPv4 and IPv6. The first of each family is the primary "
		"one."},
	{CS_PORT, "gateway", CT_NAMES, AT(raw_port, gateway), 1, 2, NULL,
		"address, or a list of two", 0, 0,
		"External port only: the default router, one per family, in the network of an "
		"address."},
	{CS_PORT, "routes", CT_ITEMS, AT(raw_port, routes), 0, 62, NULL, NULL, CS_PORT_ROUTE, 0,
		"Networks behind other routers. Inside: every internal network that holds "
		"servers."},
	{CS_PORT, "rx_descriptors", CT_COUNT, AT(raw_port, rx_descriptors), 64, 32768, "1024", NULL,
		0, 0, "Receive ring of one queue; the driver may round it."},
	{CS_PORT, "tx_descriptors", CT_COUNT, AT(raw_port, tx_descriptors), 64, 32768, "1024", NULL,
		0, 0, "Transmit ring of one queue."},
	{CS_PORT, "mbufs", CT_COUNT, AT(raw_port, mbufs), 0, 64 * 1024 * 1024, "0", NULL, 0, 0,
		"Packet buffers per worker; 0: computed from the limits."},
	{CS_PORT_ROUTE, "to", CT_STRING, AT(raw_port_route, to), 0, 0, NULL, "NETWORK/LENGTH", 0,
		CF_REQUIRED, "The network."},
	{CS_PORT_ROUTE, "via", CT_STRING, AT(raw_port_route, via), 0, 0, NULL, "address", 0,
		CF_REQUIRED, "The router, in the network of one of the port's addresses."},

	/* ---- certificates, listeners ---- */
	{CS_CERTIFICATE, "cert", CT_FILE, AT(raw_certificate, cert), 0, 0, NULL, NULL, 0,
		CF_REQUIRED, "PEM: the certificate first, then the intermediates (LY-209)."},
	{CS_CERTIFICATE, "key", CT_FILE, AT(raw_certificate, key), 0, 0, NULL, NULL, 0, CF_REQUIRED,
		"PEM: its private key, not encrypted, readable by the gateway's user only."},
	{CS_LISTENER, "bind", CT_NAMES, AT(raw_listener, bind), 1, 64, NULL,
		"ADDRESS:PORT, or a list", 0, CF_REQUIRED,
		"\"*:443\", \"203.0.113.10:443\", \"[2001:db8::10]:443\"; the address is one of "
		"`ports.external.addresses`, `*` is all of them. Beside `*`, a listener on one "
		"address has that "
		"address to itself. A list makes listeners NAME, NAME#2, ..."},
	{CS_LISTENER, "congestion_control", CT_ENUM, AT(raw_listener, tcp.congestion_control), 0, 0,
		"cubic", "cubic|reno|bbr", 0, 0,
		"How fast data goes to clients: `cubic` is what most of the Internet uses, `reno` "
		"the older, more timid one; `bbr` goes by measured rate and delay instead of "
		"losses, for clients on radio links."},
	{CS_LISTENER, "mtu_probing", CT_ENUM, AT(raw_listener, tcp.mtu_probing), 0, 0, "black-hole",
		"black-hole|off|on", 0, 0,
		"For paths that drop large packets and don't say so by ICMP: `black-hole` sends "
		"smaller ones when large ones get lost again and again, and then looks for the "
		"largest that passes; `on` begins with small ones and looks from the start; `off` "
		"believes ICMP alone."},
	{CS_LISTENER, "ecn", CT_BOOL, AT(raw_listener, tcp.ecn), 0, 0, "true", NULL, 0, 0,
		"Explicit Congestion Notification (RFC 3168) with clients that ask for it."},
	{CS_LISTENER, "dscp", CT_UINT, AT(raw_listener, tcp.dscp), 0, 63, "0", NULL, 0, 0,
		"Differentiated Services code point (RFC 2474) of what is sent to clients, for "
		"networks that treat some traffic better."},
	{CS_LISTENER, "tls", CT_SECTION, AT(raw_listener, tls), 0, 0, NULL, NULL, CS_LISTENER_TLS,
		0, "Makes it an https listener."},
	{CS_LISTENER_TLS, "certificates", CT_NAMES, AT(raw_listener_tls, certificates), 1, 256,
		NULL, "name, or a list", 0, CF_REQUIRED, "Names from `certificates`."},
	{CS_LISTENER_TLS, "default", CT_STRING, AT(raw_listener_tls, default_certificate), 0, 0,
		NULL, "name", 0, 0,
		"Shown to clients that send no server name or an unknown one (LY-206); the first "
		"of "
		"`certificates` when left out."},
	{CS_LISTENER_TLS, "min", CT_VERSION, AT(raw_listener_tls, versions.min), 0, 0, "1.2", NULL,
		0, 0,
		"Oldest TLS version. \"1.0\" is for Lync 2010 clients and Lync Phone Edition and "
		"weakens "
		"everybody's security level."},
	{CS_LISTENER_TLS, "max", CT_VERSION, AT(raw_listener_tls, versions.max), 0, 0, "1.3", NULL,
		0, 0, "Newest TLS version."},
	{CS_LISTENER_TLS, "ciphers", CT_STRING, AT(raw_listener_tls, versions.ciphers), 0, 0, NULL,
		"OpenSSL list", 0, 0,
		"Ciphers for TLS 1.2 and older; ECDHE with AEAD when left out."},
	{CS_LISTENER_TLS, "ciphersuites", CT_STRING, AT(raw_listener_tls, versions.ciphersuites), 0,
		0, NULL, "OpenSSL list", 0, 0, "Suites for TLS 1.3."},

	/* ---- routes, pools ---- */
	{CS_ROUTE, "hosts", CT_NAMES, AT(raw_route, hosts), 1, 1024, NULL, "name, or a list", 0,
		CF_REQUIRED,
		"Host names as clients use them; \"*.example.com\" stands for exactly one label, "
		"as in "
		"certificates."},
	{CS_ROUTE, "path", CT_STRING, AT(raw_route, path), 0, 0, NULL, "/prefix", 0, 0,
		"Only requests under this path, whatever its case: `/meet` is /meet and /Meet/x, "
		"not /meeting."},
	{CS_ROUTE, "pool", CT_STRING, AT(raw_route, pool), 0, 0, NULL, "name", 0, CF_REQUIRED,
		"Name from `pools`."},
	{CS_ROUTE, "http", CT_ENUM, AT(raw_route, http), 0, 0, NULL, "default|forward|redirect|off",
		0, 0,
		"What plain HTTP (port 80) does for these hosts: `forward` to the pool's "
		"http_port, `redirect` to "
		"https, `off` answers 404. When left out, `lyncdiscover.*` is forwarded and "
		"everything else "
		"redirected (LY-415)."},
	{CS_ROUTE, "response_header_timeout", CT_DURATION, AT(raw_route, response_header_timeout),
		LG_SEC(1), DAY, NULL, NULL, 0, 0,
		"Instead of the pool's or `timeouts.response_header`."},
	{CS_POOL, "servers", CT_NODE, AT(raw_pool, servers), 1, 64, NULL, "list or map", 0,
		CF_REQUIRED,
		"List of addresses, or map of name to address: \"10.0.1.11\", \"10.0.1.11:4443\" "
		"with an https port of "
		"its own, \"[2001:db8::11]:4443\", or the long form below."},
	{CS_POOL, "https_port", CT_UINT, AT(raw_pool, https_port), 1, 65535, "4443", NULL, 0, 0,
		"Port for what came over https: 4443 is Lync's external web site (LY-101)."},
	{CS_POOL, "http_port", CT_UINT, AT(raw_pool, http_port), 0, 65535, "8080", NULL, 0, 0,
		"Port for what came over plain http (LY-102); 0: plain is never forwarded."},
	{CS_POOL, "ecn", CT_BOOL, AT(raw_pool, tcp.ecn), 0, 0, "false", NULL, 0, 0,
		"Asks the servers for Explicit Congestion Notification (RFC 3168): where the "
		"internal network marks packets instead of dropping them."},
	{CS_POOL, "dscp", CT_UINT, AT(raw_pool, tcp.dscp), 0, 63, "0", NULL, 0, 0,
		"Differentiated Services code point (RFC 2474) of what is sent to the servers."},
	{CS_POOL, "tls", CT_SECTION, AT(raw_pool, tls), 0, 0, NULL, NULL, CS_POOL_TLS, CF_OFF,
		"How the servers' certificates are checked."},
	{CS_POOL, "congestion_control", CT_ENUM, AT(raw_pool, tcp.congestion_control), 0, 0,
		"cubic", "cubic|reno|bbr", 0, 0, "The same towards the servers."},
	{CS_POOL, "mtu_probing", CT_ENUM, AT(raw_pool, tcp.mtu_probing), 0, 0, "black-hole",
		"black-hole|off|on", 0, 0, "The same towards the servers."},
	{CS_POOL, "response_header_timeout", CT_DURATION, AT(raw_pool, response_header_timeout),
		LG_SEC(1), DAY, NULL, NULL, 0, 0, "Instead of `timeouts.response_header`."},
	{CS_POOL_TLS, "ca", CT_FILE, AT(raw_pool_tls, ca), 0, 0, NULL, NULL, 0, 0,
		"PEM bundle: root of the CA that issued the servers' certificates (LY-221). Needed "
		"unless "
		"`verify: false`."},
	{CS_POOL_TLS, "verify", CT_BOOL, AT(raw_pool_tls, verify), 0, 0, "true", NULL, 0, 0,
		"Check the servers' certificates."},
	{CS_POOL_TLS, "verify_name", CT_STRING, AT(raw_pool_tls, verify_name), 0, 0, NULL,
		"name or address", 0, 0,
		"Name that the servers' certificates carry; when left out, the first exact host of "
		"the first "
		"route to the pool, its external web FQDN (LY-222)."},
	{CS_POOL_TLS, "sni", CT_NODE, AT(raw_pool_tls, sni), 0, 0, "true", "true, false or a name",
		0, 0, "Server name sent to the servers: `true` is verify_name (LY-223)."},
	{CS_POOL_TLS, "min", CT_VERSION, AT(raw_pool_tls, versions.min), 0, 0, "1.2", NULL, 0, 0,
		"Oldest TLS version; Lync 2013 on Windows Server 2008 R2 may need \"1.0\" "
		"(LY-224)."},
	{CS_POOL_TLS, "max", CT_VERSION, AT(raw_pool_tls, versions.max), 0, 0, "1.3", NULL, 0, 0,
		"Newest TLS version."},
	{CS_POOL_TLS, "ciphers", CT_STRING, AT(raw_pool_tls, versions.ciphers), 0, 0, NULL,
		"OpenSSL list", 0, 0, "Ciphers for TLS 1.2 and older."},
	{CS_POOL_TLS, "ciphersuites", CT_STRING, AT(raw_pool_tls, versions.ciphersuites), 0, 0,
		NULL, "OpenSSL list", 0, 0, "Suites for TLS 1.3."},
	{CS_SERVER, "address", CT_STRING, AT(raw_server, address), 0, 0, NULL, "address", 0,
		CF_REQUIRED, "IPv4 or IPv6 address."},
	{CS_SERVER, "https_port", CT_UINT, AT(raw_server, https_port), 1, 65535, NULL, NULL, 0, 0,
		"Instead of the pool's."},
	{CS_SERVER, "http_port", CT_UINT, AT(raw_server, http_port), 0, 65535, NULL, NULL, 0, 0,
		"Instead of the pool's."},

	/* ---- the rest ---- */
	{CS_REDIRECT, "status", CT_ENUM, AT(raw_redirect, status), 0, 0, "301", "301|302|307|308",
		0, 0, "Status code of the redirect."},
	{CS_REDIRECT, "port", CT_UINT, AT(raw_redirect, port), 1, 65535, "443", NULL, 0, 0,
		"Port that clients reach https on; 443 is left out of the URL."},
#define TIMEOUT(name, lo, hi, def, doc)                                                            \
	{                                                                                          \
		CS_TIMEOUTS, #name, CT_DURATION, AT(raw_timeouts, t.name), lo, hi, def, NULL, 0,   \
			0, doc                                                                     \
	}
	TIMEOUT(tls_handshake, LG_SEC(1), LG_SEC(300), "10s", "A client's TLS handshake."),
	TIMEOUT(request_header, LG_SEC(1), LG_SEC(3600), "30s",
		"First to last byte of a request's head."),
	TIMEOUT(idle, LG_SEC(1), DAY, "1800s", "A client connection between requests."),
	TIMEOUT(body_progress, LG_SEC(1), LG_SEC(3600), "60s",
		"A client that moves no byte of a body, its own or the one it is sent; or a server "
		"that takes none. There is no limit on a whole transfer (LY-410), and a server's "
		"response may pause as long as `response_header`."),
	TIMEOUT(connect, LG_MS(100), LG_SEC(300), "5s", "TCP connection to a server."),
	TIMEOUT(pool_handshake, LG_MS(100), LG_SEC(300), "10s", "TLS handshake with a server."),
	TIMEOUT(response_header, LG_SEC(1), DAY, "1860s",
		"A server's answer to begin. Mobile clients wait up to 1800 s on purpose: never "
		"below 960s."),
	TIMEOUT(drain, 0, LG_SEC(3600), "30s", "At SIGTERM, for requests in progress."),
	TIMEOUT(keepalive_client, 0, DAY, "120s",
		"TCP keepalive probes to silent clients; 0: off (LY-408)."),
	TIMEOUT(keepalive_pool, 0, DAY, "60s", "The same towards servers."),
	TIMEOUT(keepalive_interval, LG_SEC(1), LG_SEC(3600), "15s",
		"Between keepalive probes that nobody answers; `limits.keepalive_probes` of them "
		"end the connection."),
	TIMEOUT(half_open, LG_SEC(1), LG_SEC(300), "10s", "TCP handshake of a client."),
	TIMEOUT(time_wait, LG_SEC(1), LG_SEC(600), "60s", "TCP TIME-WAIT."),
	TIMEOUT(fin_wait, LG_SEC(1), LG_SEC(3600), "30s", "We closed and the peer doesn't."),
	TIMEOUT(retransmit, LG_SEC(5), LG_SEC(3600), "120s",
		"A peer that acknowledges nothing for so long is gone."),
#define LIMIT(name, type, lo, hi, def, doc)                                                        \
	{                                                                                          \
		CS_LIMITS, #name, type, AT(raw_limits, l.name), lo, hi, def, NULL, 0, 0, doc       \
	}
	LIMIT(connections, CT_COUNT, 16, 4 * 1000 * 1000, "10000",
		"Client connections per worker. Each may have a connection to a pool beside it."),
	LIMIT(half_open, CT_COUNT, 16, 1000 * 1000, "4096",
		"TCP handshakes in progress, per worker."),
	LIMIT(syn_cookies_above, CT_COUNT, 0, 1000 * 1000, NULL,
		"With so many handshakes in progress, SYNs are answered without remembering them "
		"(SYN cookies, RFC 4987); 0: always; from `half_open` on: never, and the oldest "
		"handshake gives way. Half of `half_open` when left out."),
	LIMIT(time_wait, CT_COUNT, 16, 4 * 1000 * 1000, "10000",
		"Connections in TIME-WAIT, per worker; the oldest gives way."),
	LIMIT(receive_buffer, CT_SIZE, 64 * 1024, 64 * 1024 * 1024, "8MiB",
		"Most memory of data received and not yet passed on, per connection. It begins "
		"with 256KiB and grows on a long fast path while the data is taken as fast as it "
		"comes; half of it is the TCP window."),
	LIMIT(send_buffer, CT_SIZE, 16 * 1024, 64 * 1024 * 1024, "4MiB",
		"Most memory of data to be sent or not yet acknowledged, per connection. It begins "
		"with 128KiB and follows the congestion window."),
	LIMIT(request_head, CT_SIZE, 4 * 1024, 1024 * 1024, "64KiB",
		"A request's whole head (LY-413); more is answered 431."),
	LIMIT(request_field, CT_SIZE, 1024, 1024 * 1024, "64KiB",
		"One header field; big Kerberos tickets need it; more is answered 431."),
	LIMIT(request_target, CT_SIZE, 1024, 64 * 1024, "16KiB",
		"Path and query; more is answered 414 (LY-305)."),
	LIMIT(request_fields, CT_COUNT, 16, 10000, "200",
		"Header fields of a request; more is answered 431."),
	LIMIT(request_body, CT_SIZE, 0, UINT64_MAX / 2, "0",
		"A request's body; more is answered 413. 0: no limit (LY-410)."),
	LIMIT(handshakes_queued, CT_COUNT, 1, 1000 * 1000, "256",
		"TLS handshakes that wait for CPU time, per worker."),
	LIMIT(neighbours, CT_COUNT, 16, 1000 * 1000, "1024",
		"ARP and ND entries, per worker and port."),
	LIMIT(fragments, CT_COUNT, 1, 65536, "256",
		"IP datagrams being put together, per worker and port."),
	LIMIT(icmp_echo, CT_COUNT, 1, 1000 * 1000, "1000", "Pings answered per second and worker."),
	LIMIT(keepalive_probes, CT_COUNT, 1, 100, "4",
		"TCP keepalive probes without an answer before a connection is given up."),
	LIMIT(out_of_order, CT_COUNT, 4, 1024, "64",
		"Separate pieces of data beyond a gap that a TCP connection keeps; more are "
		"dropped and have to be sent again."),
	LIMIT(resets, CT_COUNT, 1, 1000 * 1000, "100",
		"TCP resets sent to segments of no connection, per second and worker."),
	LIMIT(challenge_acks, CT_COUNT, 10, 1000 * 1000, "1000",
		"TCP challenge ACKs (RFC 5961) per second and worker; about, so that nobody can "
		"count on it."),
	{CS_LIMITS, "source_ports", CT_STRING, AT(raw_limits, source_ports), 0, 0, "10240-65535",
		"LOW-HIGH", 0, 0,
		"Local ports of connections to the servers, shared by the workers. Each server "
		"port can have "
		"that many connections from one internal address."},
	{CS_LOG, "level", CT_ENUM, AT(raw_log, level), 0, 0, "info",
		"error|warning|notice|info|debug", 0, 0,
		"Least important line that is still logged."},
	{CS_LOG, "access", CT_BOOL, AT(raw_log, access), 0, 0, "true", NULL, 0, 0,
		"One line per request."},
	{CS_LOG, "access_file", CT_FILE, AT(raw_log, access_file), 0, 0, NULL, NULL, 0, 0,
		"Where these lines go; standard output when left out."},
};

const unsigned conf_schema_rows = LG_ARRAY_SIZE(conf_schema);
