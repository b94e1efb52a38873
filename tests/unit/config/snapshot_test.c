/* SPDX-License-Identifier: BSD-3-Clause */
/* What a good file becomes: names resolved, units converted, defaults filled in. */
#include "config_test.h"

static struct lg_ip ip(const char *text)
{
	struct lg_ip out;
	assert_int_equal(lg_ip_parse(text, &out), 0);
	return out;
}

static void assert_ip(const struct lg_ip *got, const char *text)
{
	char buf[LG_IP_STRLEN];
	assert_string_equal(lg_ip_str(got, buf), text);
}

static void ports_hold_addresses_gateways_and_routes(void **state)
{
	(void)state;
	struct loaded r = load_text(base_yaml, strlen(base_yaml));
	const struct conf_port *e = &r.conf->external, *i = &r.conf->internal;
	assert_string_equal(e->device, "net_af_packet0,iface=ext0");
	assert_int_equal(e->n_addresses, 2);
	assert_ip(&e->addresses[0].ip, "203.0.113.10");
	assert_int_equal(e->addresses[0].prefix_len, 96 + 24);
	assert_ip(&e->addresses[1].ip, "2001:db8::10");
	assert_int_equal(e->addresses[1].prefix_len, 64);
	assert_ip(&e->gateway4, "203.0.113.1");
	assert_ip(&e->gateway6, "2001:db8::1");
	assert_int_equal(e->mtu, 1500);
	assert_int_equal(e->vlan, 0);
	assert_int_equal(e->rx_descriptors, 1024);
	assert_true(lg_ip_is_zero(&i->gateway4) && lg_ip_is_zero(&i->gateway6));
	assert_int_equal(i->n_routes, 1);
	assert_ip(&i->routes[0].to, "10.0.1.0");
	assert_int_equal(i->routes[0].prefix_len, 96 + 24);
	assert_ip(&i->routes[0].via, "10.0.0.1");
	loaded_free(&r);
}

static void workers_and_eal_are_kept(void **state)
{
	(void)state;
	struct loaded r = load_changed("[1, 2]", "\"1-3,5\"");
	const struct conf *c = r.conf;
	assert_int_equal(c->n_workers, 4);
	assert_int_equal(c->lcores[2], 3);
	assert_int_equal(c->lcores[3], 5);
	assert_int_equal(c->idle, CONF_IDLE_BUSY);
	assert_int_equal(c->n_eal, 1);
	assert_string_equal(c->eal[0].key, "no-huge");
	assert_null(c->eal[0].value);
	loaded_free(&r);

	r = load_changed("no-huge: true", "m: 256, d: [a.so, b.so], file-prefix: x");
	assert_int_equal(r.conf->n_eal, 4);
	assert_string_equal(r.conf->eal[0].value, "256");
	assert_string_equal(r.conf->eal[2].key, "d");
	assert_string_equal(r.conf->eal[2].value, "b.so");
	loaded_free(&r);

	r = load_changed("workers: { lcores: [1, 2], main_lcore: 0, idle: busy }\n", "");
	assert_int_equal(r.conf->n_workers, 1);
	assert_int_equal(r.conf->lcores[0], 1);
	assert_int_equal(r.conf->idle, CONF_IDLE_ADAPTIVE);
	loaded_free(&r);
}

static void listeners_resolve_certificates_and_binds(void **state)
{
	(void)state;
	struct loaded r = load_changed(
		"\"*:443\"", "[\"*:443\", \"203.0.113.10:8443\", \"[2001:db8::10]:443\"]");
	const struct conf *c = r.conf;
	assert_int_equal(c->n_certificates, 1);
	assert_string_equal(c->certificates[0].name, "public");
	assert_string_equal(c->certificates[0].cert, "etc/web.pem"); /* beside the file */
	assert_int_equal(c->certificates[0].line, 13);
	assert_int_equal(c->n_listeners, 4);
	/* Addresses of their own come before "*". */
	assert_string_equal(c->listeners[0].name, "https#2");
	assert_ip(&c->listeners[0].ip, "203.0.113.10");
	assert_int_equal(c->listeners[0].port, 8443);
	assert_string_equal(c->listeners[1].name, "https#3");
	assert_ip(&c->listeners[1].ip, "2001:db8::10");
	assert_string_equal(c->listeners[2].name, "http");
	assert_true(lg_ip_is_zero(&c->listeners[2].ip));
	assert_false(c->listeners[2].tls);
	assert_string_equal(c->listeners[3].name, "https");
	assert_true(c->listeners[3].tls);
	assert_int_equal(c->listeners[3].n_certificates, 1);
	assert_int_equal(c->listeners[3].default_certificate, 0);
	assert_int_equal(c->listeners[3].versions.min, 0x0303);
	assert_int_equal(c->listeners[3].versions.max, 0x0304);
	assert_null(c->listeners[3].versions.ciphers);
	loaded_free(&r);
}

static void congestion_control_is_chosen_per_listener_and_pool(void **state)
{
	(void)state;
	struct loaded r = load_text(base_yaml, strlen(base_yaml));
	for (unsigned i = 0; i < r.conf->n_listeners; i++)
		assert_string_equal(r.conf->listeners[i].tcp.congestion_control, "cubic");
	assert_string_equal(r.conf->pools[0].tcp.congestion_control, "cubic");
	loaded_free(&r);

	r = load_changed("bind: \"*:443\"", "bind: \"*:443\", congestion_control: bbr");
	assert_string_equal(r.conf->listeners[0].name, "http");
	assert_string_equal(r.conf->listeners[0].tcp.congestion_control, "cubic");
	assert_string_equal(r.conf->listeners[1].tcp.congestion_control, "bbr");
	loaded_free(&r);

	r = load_changed(
		"servers: [10.0.1.11]\n", "servers: [10.0.1.11]\n    congestion_control: reno\n");
	assert_string_equal(r.conf->listeners[1].tcp.congestion_control, "cubic");
	assert_string_equal(r.conf->pools[0].tcp.congestion_control, "reno");
	loaded_free(&r);
}

static void mtu_probing_is_chosen_per_listener_and_pool(void **state)
{
	(void)state;
	struct loaded r = load_changed("bind: \"*:443\"", "bind: \"*:443\", mtu_probing: on");
	assert_int_equal(r.conf->listeners[0].tcp.mtu_probing, CONF_MTU_BLACK_HOLE);
	assert_int_equal(r.conf->listeners[1].tcp.mtu_probing, CONF_MTU_ON);
	assert_int_equal(r.conf->pools[0].tcp.mtu_probing, CONF_MTU_BLACK_HOLE);
	loaded_free(&r);

	r = load_changed("servers: [10.0.1.11]\n", "servers: [10.0.1.11]\n    mtu_probing: off\n");
	assert_int_equal(r.conf->listeners[1].tcp.mtu_probing, CONF_MTU_BLACK_HOLE);
	assert_int_equal(r.conf->pools[0].tcp.mtu_probing, CONF_MTU_OFF);
	loaded_free(&r);
}

static void default_certificate_can_be_chosen(void **state) /* LY-206 */
{
	(void)state;
	char *text = changed(
		"  public: {", "  old: { cert: /x/old.pem, key: old.key }\n  public: {");
	char *at = strstr(text, "[public]"), *both = NULL;
	assert_true(asprintf(&both, "%.*s[public, old], default: old, min: \"1.2\"%s",
			    (int)(at - text), text, at + 8) > 0);
	struct loaded r = load_text(both, strlen(both));
	assert_int_equal(r.errors, 0);
	assert_int_equal(r.conf->listeners[1].n_certificates, 2);
	assert_int_equal(r.conf->listeners[1].certificates[0], 1);
	assert_int_equal(r.conf->listeners[1].default_certificate, 0);
	assert_string_equal(r.conf->certificates[0].cert, "/x/old.pem");
	loaded_free(&r);
	free(both);
	free(text);
}

static void hosts_get_their_port_80_action(void **state) /* LY-415 */
{
	(void)state;
	struct loaded r = load_changed("web.example.com", "WEB.Example.com.");
	const struct conf *c = r.conf;
	assert_int_equal(c->n_hosts, 3);
	assert_string_equal(c->hosts[0].name, "web.example.com");
	assert_int_equal(c->hosts[0].http, CONF_HTTP_REDIRECT);
	assert_string_equal(c->hosts[1].name, "lyncdiscover.example.com");
	assert_int_equal(c->hosts[1].http, CONF_HTTP_FORWARD);
	assert_string_equal(c->hosts[2].name, "example.net");
	assert_true(c->hosts[2].wildcard);
	assert_int_equal(c->hosts[2].http, CONF_HTTP_REDIRECT);
	assert_int_equal(c->routes[0].pool, 0);
	assert_int_equal(c->routes[0].line, 18);
	assert_null(c->routes[0].path);
	loaded_free(&r);

	r = load_changed("pool: fe-pool }",
		"pool: fe-pool, http: off, path: /Meet/, response_header_timeout: 1h }");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(r.conf->hosts[i].http, CONF_HTTP_OFF);
	assert_string_equal(r.conf->routes[0].path, "/Meet");
	assert_string_equal(r.conf->routes[0].name, "web.example.com/Meet");
	assert_int_equal(r.conf->routes[0].response_header_timeout, LG_SEC(3600));
	loaded_free(&r);
}

static void one_host_may_have_several_paths(void **state) /* LY-201 */
{
	(void)state;
	struct loaded r = load_changed("pools:\n",
		"  - { hosts: web.example.com, path: /meet, pool: fe-pool }\n"
		"  - { hosts: web.example.com, path: /dialin, pool: fe-pool }\npools:\n");
	assert_int_equal(r.errors, 0);
	assert_int_equal(r.conf->n_routes, 3);
	assert_int_equal(r.conf->hosts[4].route, 2);
	loaded_free(&r);
	r = load_changed("pools:\n",
		"  - { hosts: web.example.com, path: /meet, pool: fe-pool }\n"
		"  - { hosts: web.example.com, path: /MEET/, pool: fe-pool }\npools:\n");
	assert_says(&r, "20:14: error: host 'web.example.com/MEET' is there twice: here on line 20 "
			"and before on line 19");
	loaded_free(&r);
}

static void pools_have_lync_ports_and_verification(void **state) /* LY-101, LY-102, LY-221..223 */
{
	(void)state;
	struct loaded r = load_text(base_yaml, strlen(base_yaml));
	const struct conf_pool *p = &r.conf->pools[0];
	assert_string_equal(p->name, "fe-pool");
	assert_int_equal(p->n_servers, 1);
	assert_string_equal(p->servers[0].name, "10.0.1.11");
	assert_int_equal(p->servers[0].https_port, 4443);
	assert_int_equal(p->servers[0].http_port, 8080);
	assert_true(p->https_tls && p->verify);
	assert_string_equal(p->ca_file, "etc/ca.pem");
	assert_string_equal(p->verify_name, "web.example.com");
	assert_string_equal(p->sni, "web.example.com");
	assert_int_equal(p->versions.min, 0x0303);
	assert_int_equal(p->versions.max, 0x0304);
	assert_int_equal(p->response_header_timeout, 0);
	loaded_free(&r);
}

static void servers_may_have_names_and_ports_of_their_own(void **state)
{
	(void)state;
	struct loaded r = load_changed("[10.0.1.11]",
		"{ fe1: 10.0.1.11, fe2: \"10.0.1.12:443\", fe3: { address: "
		"10.0.1.13, http_port: 80 } }");
	const struct conf_pool *p = &r.conf->pools[0];
	assert_int_equal(p->n_servers, 3);
	assert_string_equal(p->servers[0].name, "fe1");
	assert_string_equal(p->servers[1].name, "fe2");
	assert_int_equal(p->servers[1].https_port, 443);
	assert_int_equal(p->servers[1].http_port, 8080);
	assert_int_equal(p->servers[2].https_port, 4443);
	assert_int_equal(p->servers[2].http_port, 80);
	struct lg_ip want = ip("10.0.1.13");
	assert_true(lg_ip_eq(&p->servers[2].ip, &want));
	loaded_free(&r);
}

static void sni_follows_verify_name_unless_said_otherwise(void **state) /* LY-223 */
{
	static const struct {
		const char *tls, *verify_name, *sni;
	} t[] = {
		{"{ ca: a, verify_name: P.corp }", "p.corp", "p.corp"},
		{"{ ca: a, verify_name: p.corp, sni: false }", "p.corp", NULL},
		{"{ ca: a, verify_name: p.corp, sni: other.corp }", "p.corp", "other.corp"},
		{"{ ca: a, verify_name: p.corp, sni: \"true\" }", "p.corp", "true"},
		{"{ ca: a, verify_name: 10.0.1.11 }", "10.0.1.11", NULL},
		{"{ ca: a, sni: true }", "web.example.com", "web.example.com"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct loaded r = load_changed("{ ca: ca.pem }", t[i].tls);
		assert_int_equal(r.errors, 0);
		assert_string_equal(r.conf->pools[0].verify_name, t[i].verify_name);
		if (t[i].sni == NULL)
			assert_null(r.conf->pools[0].sni);
		else
			assert_string_equal(r.conf->pools[0].sni, t[i].sni);
		loaded_free(&r);
	}
}

static void tls_off_means_plain_to_the_https_port(void **state)
{
	(void)state;
	struct loaded r = load_changed("{ ca: ca.pem }", "off");
	assert_int_equal(r.errors, 0);
	assert_false(r.conf->pools[0].https_tls);
	assert_int_equal(r.conf->pools[0].servers[0].https_port, 4443);
	loaded_free(&r);
}

static void timeouts_have_the_defaults_of_ly_406(void **state)
{
	(void)state;
	struct loaded r = load_changed("timeouts: { idle: 30m }\n", "");
	const struct conf_timeouts *t = &r.conf->timeouts;
	assert_int_equal(t->tls_handshake, LG_SEC(10));
	assert_int_equal(t->request_header, LG_SEC(30));
	assert_int_equal(t->idle, LG_SEC(1800));
	assert_int_equal(t->body_progress, LG_SEC(60));
	assert_int_equal(t->connect, LG_SEC(5));
	assert_int_equal(t->pool_handshake, LG_SEC(10));
	assert_int_equal(t->response_header, LG_SEC(1860));
	assert_int_equal(t->drain, LG_SEC(30));
	assert_int_equal(t->keepalive_client, LG_SEC(120)); /* LY-408 */
	assert_int_equal(t->keepalive_pool, LG_SEC(60));
	assert_int_equal(t->keepalive_interval, LG_SEC(15));
	assert_int_equal(t->half_open, LG_SEC(10));
	assert_int_equal(t->time_wait, LG_SEC(60));
	assert_int_equal(t->fin_wait, LG_SEC(30));
	assert_int_equal(t->retransmit, LG_SEC(120));
	assert_int_equal(r.conf->retry_after, 5);
	loaded_free(&r);
}

/* RFC 3168: clients are free to ask, servers are not asked. */
static void ecn_is_on_outside_and_off_inside(void **state)
{
	(void)state;
	struct loaded r = load_changed("limits: {", "limits: {");
	assert_true(r.conf->listeners[0].tcp.ecn);
	assert_false(r.conf->pools[0].tcp.ecn);
	loaded_free(&r);
	r = load_changed("http: { bind: \"*:80\" }", "http: { bind: \"*:80\", ecn: false }");
	assert_false(r.conf->listeners[0].tcp.ecn);
	assert_true(r.conf->listeners[1].tcp.ecn);
	loaded_free(&r);
	r = load_changed("fe-pool:\n", "fe-pool:\n    ecn: true\n");
	assert_true(r.conf->pools[0].tcp.ecn);
	loaded_free(&r);
}

/* RFC 4987: half of what there may be, unless said; 0 is a value. */
static void syn_cookies_begin_at_half_of_half_open(void **state)
{
	(void)state;
	struct loaded r = load_changed("limits: {", "limits: { half_open: 100,");
	assert_int_equal(r.conf->limits.syn_cookies_above, 50);
	loaded_free(&r);
	r = load_changed("limits: {", "limits: { syn_cookies_above: 0,");
	assert_int_equal(r.conf->limits.half_open, 4096);
	assert_int_equal(r.conf->limits.syn_cookies_above, 0);
	loaded_free(&r);
}

static void durations_sizes_and_counts_have_units(void **state)
{
	(void)state;
	struct loaded r = load_changed("idle: 30m",
		"idle: 1d, connect: 1500ms, keepalive_client: 0, keepalive_pool: off, "
		"drain: 2m, retransmit: 1h");
	assert_int_equal(r.errors, 0);
	assert_int_equal(r.conf->timeouts.idle, LG_SEC(86400));
	assert_int_equal(r.conf->timeouts.connect, LG_MS(1500));
	assert_int_equal(r.conf->timeouts.keepalive_client, 0);
	assert_int_equal(r.conf->timeouts.keepalive_pool, 0);
	assert_int_equal(r.conf->timeouts.drain, LG_SEC(120));
	assert_int_equal(r.conf->timeouts.retransmit, LG_SEC(3600));
	loaded_free(&r);

	r = load_changed("connections: 1k", "connections: 20k, time_wait: 1M, receive_buffer: "
					    "1MiB, send_buffer: 65536, request_head: 16KiB, "
					    "request_body: 30MiB, source_ports: 20000-29999");
	assert_int_equal(r.errors, 0);
	const struct conf_limits *m = &r.conf->limits;
	assert_int_equal(m->connections, 20000);
	assert_int_equal(m->time_wait, 1000000);
	assert_int_equal(m->receive_buffer, 1024 * 1024);
	assert_int_equal(m->send_buffer, 65536);
	assert_int_equal(m->request_head, 16384);
	assert_int_equal(m->request_field, 16384); /* the default follows a smaller head */
	assert_int_equal(m->request_body, 30 * 1024 * 1024);
	assert_int_equal(m->source_port_low, 20000);
	assert_int_equal(m->source_port_high, 29999);
	loaded_free(&r);
}

static void limits_log_and_redirect_have_defaults(void **state)
{
	(void)state;
	struct loaded r = load_changed("limits: { connections: 1k }\n", "");
	const struct conf *c = r.conf;
	assert_int_equal(c->limits.connections, 10000);
	assert_int_equal(c->limits.request_head, 64 * 1024); /* LY-413 */
	assert_int_equal(c->limits.request_body, 0);         /* LY-410 */
	assert_int_equal(c->limits.keepalive_probes, 4);
	assert_int_equal(c->limits.out_of_order, 64);
	assert_int_equal(c->limits.resets, 100);
	assert_int_equal(c->limits.challenge_acks, 1000);
	assert_int_equal(c->limits.source_port_low, 10240);
	assert_int_equal(c->limits.source_port_high, 65535);
	assert_int_equal(c->redirect_status, 301);
	assert_int_equal(c->redirect_port, 443);
	assert_int_equal(c->log.level, LG_INFO);
	assert_true(c->log.access);
	assert_null(c->log.access_file);
	loaded_free(&r);

	r = load_changed("log: { level: info }",
		"redirect: { status: 308, port: 8443 }\nlog: { level: "
		"debug, access: true, access_file: a.log }");
	assert_int_equal(r.conf->redirect_status, 308);
	assert_int_equal(r.conf->redirect_port, 8443);
	assert_int_equal(r.conf->log.level, LG_DEBUG);
	assert_string_equal(r.conf->log.access_file, "etc/a.log");
	loaded_free(&r);
}

/* RFC 9293 MUST-48 and MUST-49. */
static void ttl_and_dscp_can_be_chosen(void **state)
{
	(void)state;
	struct loaded r = load_changed("limits: {", "limits: {");
	assert_int_equal(r.conf->external.ttl, 64);
	assert_int_equal(r.conf->internal.ttl, 64);
	assert_int_equal(r.conf->listeners[0].tcp.dscp, 0);
	assert_int_equal(r.conf->pools[0].tcp.dscp, 0);
	loaded_free(&r);
	r = load_changed("http: { bind: \"*:80\" }", "http: { bind: \"*:80\", dscp: 46 }");
	assert_int_equal(r.conf->listeners[0].tcp.dscp, 46);
	assert_int_equal(r.conf->listeners[1].tcp.dscp, 0);
	loaded_free(&r);
	r = load_changed("fe-pool:\n", "fe-pool:\n    dscp: 63\n");
	assert_int_equal(r.conf->pools[0].tcp.dscp, 63);
	loaded_free(&r);
	r = load_changed("  internal:\n", "  internal:\n    ttl: 255\n");
	assert_int_equal(r.conf->external.ttl, 64);
	assert_int_equal(r.conf->internal.ttl, 255);
	loaded_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_hold_addresses_gateways_and_routes),
		cmocka_unit_test(workers_and_eal_are_kept),
		cmocka_unit_test(listeners_resolve_certificates_and_binds),
		cmocka_unit_test(congestion_control_is_chosen_per_listener_and_pool),
		cmocka_unit_test(mtu_probing_is_chosen_per_listener_and_pool),
		cmocka_unit_test(default_certificate_can_be_chosen),
		cmocka_unit_test(hosts_get_their_port_80_action),
		cmocka_unit_test(one_host_may_have_several_paths),
		cmocka_unit_test(pools_have_lync_ports_and_verification),
		cmocka_unit_test(servers_may_have_names_and_ports_of_their_own),
		cmocka_unit_test(sni_follows_verify_name_unless_said_otherwise),
		cmocka_unit_test(tls_off_means_plain_to_the_https_port),
		cmocka_unit_test(timeouts_have_the_defaults_of_ly_406),
		cmocka_unit_test(ecn_is_on_outside_and_off_inside),
		cmocka_unit_test(syn_cookies_begin_at_half_of_half_open),
		cmocka_unit_test(durations_sizes_and_counts_have_units),
		cmocka_unit_test(limits_log_and_redirect_have_defaults),
		cmocka_unit_test(ttl_and_dscp_can_be_chosen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
