/* SPDX-License-Identifier: BSD-3-Clause */
/* certificates: and listeners: names resolved, binds checked against the external addresses. */
#include <string.h>

#include "config/internal.h"

void conf_build_certificates(struct conf_load *l)
{
	struct conf *c = l->conf;
	struct raw_certificate *r = l->top.certificates.v;
	c->n_certificates = l->top.certificates.n;
	c->certificates = conf_alloc(l->arena, c->n_certificates * sizeof(c->certificates[0]));
	for (unsigned i = 0; i < c->n_certificates; i++) {
		c->certificates[i] = (struct conf_certificate){
			r[i].head.name, r[i].cert, r[i].key, conf_line(r[i].head.at)};
		if (l->check_files && r[i].cert != NULL && r[i].key != NULL)
			conf_check_certificate(l, &r[i]);
	}
}

/* Index of a certificate by name, or -1 with an error. */
static int find_certificate(struct conf_load *l, const yaml_node_t *at, const char *name)
{
	const struct raw_certificate *r = l->top.certificates.v;
	struct conf_suggest hint = {.word = name};
	for (unsigned i = 0; i < l->top.certificates.n; i++) {
		if (strcmp(r[i].head.name, name) == 0)
			return (int)i;
		if (!conf_enough(l))
			conf_suggest_try(&hint, r[i].head.name, r[i].head.at);
	}
	conf_error(l, at, "certificate '%s' is not defined%s", conf_show(l, name, strlen(name)),
		conf_suggest_text(l, &hint));
	return -1;
}

void conf_check_versions(struct conf_load *l, const struct conf_head *h, enum conf_section s,
	const struct conf_tls_versions *v)
{
	if (v->min > v->max)
		conf_error(l, conf_at(h, s, "min"), "min is newer than max");
	else if (v->min < 0x0303)
		conf_warn(l, conf_at(h, s, "min"),
			"TLS 1.%u is allowed: SHA-1 signatures, CBC ciphers and OpenSSL's security "
			"level 0 apply "
			"to every connection here; only for old phones and servers that cannot do "
			"1.2 (LY-210)",
			v->min - 0x0301u);
	conf_check_ciphers(l, v, conf_at(h, s, "ciphers"), conf_at(h, s, "ciphersuites"));
}

static void build_tls(
	struct conf_load *l, const struct raw_listener_tls *r, struct conf_listener *out)
{
	const yaml_node_t *at = conf_at(&r->head, CS_LISTENER_TLS, "default");
	out->tls = true;
	out->versions = r->versions;
	out->certificates = conf_alloc(l->arena, r->certificates.n * sizeof(out->certificates[0]));
	for (unsigned i = 0; i < r->certificates.n; i++) {
		const struct raw_name *n = &r->certificates.v[i];
		int cert = find_certificate(l, n->at, n->s);
		for (unsigned j = 0; j < out->n_certificates; j++)
			if (out->certificates[j] == (unsigned)cert)
				conf_error(l, n->at, "certificate '%s' is there twice", n->s);
		if (cert >= 0)
			out->certificates[out->n_certificates++] = (unsigned)cert;
	}
	conf_check_versions(l, &r->head, CS_LISTENER_TLS, &r->versions);
	if (out->n_certificates > 0)
		out->default_certificate = out->certificates[0];
	if (r->default_certificate == NULL || out->n_certificates == 0)
		return;
	int cert = find_certificate(l, at, r->default_certificate);
	bool listed = cert < 0;
	for (unsigned j = 0; j < out->n_certificates; j++)
		listed |= out->certificates[j] == (unsigned)cert;
	if (!listed)
		conf_error(l, at, "default: '%s' is not among this listener's certificates",
			r->default_certificate);
	if (cert >= 0)
		out->default_certificate = (unsigned)cert;
}

static bool read_bind(struct conf_load *l, const struct raw_name *n, struct conf_listener *out)
{
	if (!conf_parse_endpoint(l, n->at, n->s, false, &out->ip, &out->port))
		return false;
	if (lg_ip_is_zero(&out->ip) && n->s[0] != '*')
		conf_error(l, n->at, "'%s': write \"*:%u\" for all external addresses", n->s,
			out->port);
	else if (!lg_ip_is_zero(&out->ip) && !l->addresses_bad[0] &&
		 !conf_own_address(&l->conf->external, &out->ip))
		conf_error(l, n->at, "'%s' is none of ports.external.addresses", n->s);
	for (unsigned i = 0; i < l->conf->n_listeners; i++) {
		const struct conf_listener *o = &l->conf->listeners[i];
		if (o->port == out->port && lg_ip_eq(&o->ip, &out->ip))
			conf_error(
				l, n->at, "'%s' is already taken by listener '%s'", n->s, o->name);
	}
	return true;
}

struct conf_tcp conf_read_tcp(const struct raw_tcp *r)
{
	static const char *const algorithms[] = {"cubic", "reno", "bbr"};

	return (struct conf_tcp){.congestion_control = algorithms[r->congestion_control],
		.mtu_probing = (enum conf_mtu_probing)r->mtu_probing,
		.ecn = r->ecn,
		.dscp = (uint8_t)r->dscp};
}

static void build_listener(struct conf_load *l, const struct raw_listener *r)
{
	struct conf_listener common = {.name = r->head.name, .tcp = conf_read_tcp(&r->tcp)};
	if (r->tls.head.at != NULL)
		build_tls(l, &r->tls, &common);
	for (unsigned i = 0; i < r->bind.n; i++) {
		struct conf_listener one = common;
		if (i > 0)
			one.name = conf_sprintf(l->arena, "%s#%u", r->head.name, i + 1);
		if (read_bind(l, &r->bind.v[i], &one))
			l->conf->listeners[l->conf->n_listeners++] = one;
	}
}

/* An address of its own goes before "*" on the same port, whoever looks through the list. */
static void specific_first(struct conf_load *l)
{
	struct conf *c = l->conf;
	struct conf_listener *sorted = conf_alloc(l->arena, c->n_listeners * sizeof(sorted[0]));
	unsigned n = 0;
	for (unsigned any = 0; any < 2; any++)
		for (unsigned i = 0; i < c->n_listeners; i++)
			if (lg_ip_is_zero(&c->listeners[i].ip) == (any != 0))
				sorted[n++] = c->listeners[i];
	c->listeners = sorted;
}

void conf_build_listeners(struct conf_load *l)
{
	const struct raw_listener *r = l->top.listeners.v;
	size_t n = 0;
	for (unsigned i = 0; i < l->top.listeners.n; i++)
		n += r[i].bind.n;
	l->conf->listeners = conf_alloc(l->scratch, n * sizeof(l->conf->listeners[0]));
	for (unsigned i = 0; i < l->top.listeners.n; i++)
		build_listener(l, &r[i]);
	specific_first(l);
}
