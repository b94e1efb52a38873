/* SPDX-License-Identifier: BSD-3-Clause */
/* Which certificate serves which server name (RFC 6066 section 3, RFC 6125 section 6.4). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_impl.h"

/* Length without the root's dot. */
static size_t name_len(const char *name)
{
	size_t n = strlen(name);
	return n && name[n - 1] == '.' ? n - 1 : n;
}

/* ASCII only: the locale must not decide about host names. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equal_nocase(const char *a, size_t na, const char *b, size_t nb)
{
	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool tls_name_match(const char *pattern, const char *host)
{
	size_t np = name_len(pattern), nh = name_len(host);
	if (np < 2 || pattern[0] != '*' || pattern[1] != '.')
		return np > 0 && equal_nocase(pattern, np, host, nh);
	const char *dot = memchr(host, '.', nh);
	if (!dot || dot == host)
		return false;
	return equal_nocase(pattern + 1, np - 1, dot, nh - (size_t)(dot - host));
}

int tls_names_add(struct tls_names *names, const char *dns_name, unsigned cert)
{
	size_t n = name_len(dns_name);
	if (n == 0 || n > TLS_DNS_NAME_MAX)
		return 0;
	if (names->n == names->cap) {
		unsigned cap = names->cap ? names->cap * 2 : 16;
		struct tls_name *v = realloc(names->v, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		names->v = v;
		names->cap = cap;
	}
	char *copy = strndup(dns_name, n);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		copy[i] = lower(copy[i]);
	names->v[names->n++] = (struct tls_name){.name = copy, .cert = cert};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct tls_name *x = a, *y = b;
	int c = strcmp(x->name, y->name);
	return c ? c : (x->cert > y->cert) - (x->cert < y->cert);
}

void tls_names_finish(struct tls_names *names)
{
	unsigned kept = 0;
	if (names->n == 0)
		return;
	qsort(names->v, names->n, sizeof(*names->v), compare);
	for (unsigned i = 1; i < names->n; i++) {
		if (strcmp(names->v[i].name, names->v[kept].name) == 0)
			free(names->v[i].name);
		else
			names->v[++kept] = names->v[i];
	}
	names->n = kept + 1;
}

static int find(const struct tls_names *names, const char *key)
{
	unsigned lo = 0, hi = names->n;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		int c = strcmp(key, names->v[mid].name);
		if (c == 0)
			return (int)names->v[mid].cert;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -1;
}

int tls_names_find(const struct tls_names *names, const char *host)
{
	char key[TLS_DNS_NAME_MAX + 1];
	size_t n = name_len(host);
	/* A name sent as "*.x" is no host name; it must not hit the wildcard's own entry. */
	if (n == 0 || n > TLS_DNS_NAME_MAX || host[0] == '*')
		return -1;
	for (size_t i = 0; i < n; i++)
		key[i] = lower(host[i]);
	key[n] = '\0';
	int cert = find(names, key);
	char *dot = strchr(key, '.');
	if (cert >= 0 || !dot || dot == key)
		return cert;
	*--dot = '*';
	return find(names, dot);
}

void tls_names_free(struct tls_names *names)
{
	for (unsigned i = 0; i < names->n; i++)
		free(names->v[i].name);
	free(names->v);
	*names = (struct tls_names){0};
}
