/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "fixture.h"

struct world world;
static char dir[64];

/* ---- certificates ---------------------------------------------------------------------------- */

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

struct test_cert test_cert_make(const struct test_cert_spec *s)
{
	static long serial = 1000;
	struct test_cert c = {.x = X509_new()};
	c.key = s->rsa_bits ? EVP_RSA_gen(s->rsa_bits) : EVP_EC_gen("P-256");
	assert_non_null(c.key);
	const struct test_cert *issuer = s->issuer ? s->issuer : &c;
	X509_NAME *name = X509_get_subject_name(c.x);
	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), serial++);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)s->cn, -1, -1, 0);
	X509_set_issuer_name(c.x, X509_get_subject_name(issuer->x));
	bool usual = s->from == 0 && s->to == 0;
	X509_gmtime_adj(X509_getm_notBefore(c.x), usual ? -DAY : s->from);
	X509_gmtime_adj(X509_getm_notAfter(c.x), usual ? 365 * DAY : s->to);
	X509_set_pubkey(c.x, c.key);
	add_ext(c.x, issuer->x, NID_basic_constraints, s->ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (s->san)
		add_ext(c.x, issuer->x, NID_subject_alt_name, s->san);
	assert_true(X509_sign(c.x, issuer->key, EVP_sha256()) > 0);
	return c;
}

void test_cert_free(struct test_cert *c)
{
	X509_free(c->x);
	EVP_PKEY_free(c->key);
}

/* ---- files ----------------------------------------------------------------------------------- */

void test_dir_make(void)
{
	strcpy(dir, "/tmp/lgtlsXXXXXX");
	assert_non_null(mkdtemp(dir));
}

void test_dir_remove(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlink(test_path(e->d_name));
	closedir(d);
	rmdir(dir);
}

/* Valid until the eighth call from now. */
const char *test_path(const char *name)
{
	static char paths[8][512];
	static unsigned turn;
	char *p = paths[turn++ % 8];
	snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static FILE *create(const char *name)
{
	int fd = open(test_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	return fdopen(fd, "w");
}

void test_write_certs(const char *name, const struct test_cert *const *certs, unsigned n)
{
	FILE *f = create(name);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(PEM_write_X509(f, certs[i]->x), 1);
	fclose(f);
}

void test_write_key(const char *name, EVP_PKEY *key, const char *password)
{
	FILE *f = create(name);
	assert_int_equal(PEM_write_PrivateKey(f, key, password ? EVP_aes_128_cbc() : NULL,
				 (const unsigned char *)password,
				 password ? (int)strlen(password) : 0, NULL, NULL),
		1);
	fclose(f);
}

void test_write_text(const char *name, const char *text)
{
	FILE *f = create(name);
	fputs(text, f);
	fclose(f);
}

void test_files(struct tls_cert_files *f, const char *name)
{
	static char paths[16][2][128];
	static unsigned turn;
	char(*p)[128] = paths[turn++ % 16];
	snprintf(p[0], sizeof(p[0]), "%s/%s.pem", dir, name);
	snprintf(p[1], sizeof(p[1]), "%s/%s.key", dir, name);
	*f = (struct tls_cert_files){.name = name, .cert = p[0], .key = p[1]};
}

/* ---- world ----------------------------------------------------------------------------------- */

static struct test_cert served(const char *name, const char *cn, const char *san, unsigned bits)
{
	char file[64];
	struct test_cert c = test_cert_make(&(struct test_cert_spec){
		.cn = cn, .san = san, .rsa_bits = bits, .issuer = &world.inter});
	const struct test_cert *chain[] = {&c, &world.inter};
	snprintf(file, sizeof(file), "%s.pem", name);
	test_write_certs(file, chain, 2);
	snprintf(file, sizeof(file), "%s.key", name);
	test_write_key(file, c.key, NULL);
	return c;
}

int world_setup(void **state)
{
	char err[256];
	(void)state;
	test_eal_init();
	test_dir_make();
	world.pool_size = 8191;
	world.pool = test_mbuf_pool("tls", world.pool_size);
	world.shared = tls_shared_create();
	assert_non_null(world.shared);
	const struct tls_worker_params p = {.shared = world.shared, .pool = world.pool};
	world.worker = tls_worker_create(&p, err, sizeof(err));
	assert_non_null(world.worker);
	world.root = test_cert_make(&(struct test_cert_spec){.cn = "Test Root", .ca = true});
	world.inter = test_cert_make(
		&(struct test_cert_spec){.cn = "Test Issuing", .ca = true, .issuer = &world.root});
	const struct test_cert *root[] = {&world.root};
	test_write_certs("root.pem", root, 1);
	world.www = served("www", "www.example.test", "DNS:www.example.test,IP:192.0.2.10", 2048);
	world.meet = served("meet", "meet.example.test", "DNS:meet.example.test", 0);
	world.wild = served("wild", "example.test", "DNS:*.example.test,DNS:MEET.example.test", 0);
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_check_mbufs();
	tls_worker_free(world.worker);
	tls_shared_free(world.shared);
	test_cert_free(&world.root);
	test_cert_free(&world.inter);
	test_cert_free(&world.www);
	test_cert_free(&world.meet);
	test_cert_free(&world.wild);
	rte_mempool_free(world.pool);
	test_dir_remove();
	return 0;
}

void world_check_mbufs(void)
{
	assert_int_equal(rte_mempool_avail_count(world.pool), world.pool_size);
}

uint64_t counter(enum tls_counter c)
{
	return tls_worker_counters(world.worker)[c];
}

struct tls_server *server_make_on(struct tls_worker *w, enum tls_version min, enum tls_version max)
{
	char err[256];
	struct tls_cert_files f[3];
	test_files(&f[0], "www");
	test_files(&f[1], "meet");
	test_files(&f[2], "wild");
	const struct tls_server_params p = {.name = "https",
		.certs = f,
		.n_certs = 3,
		.default_cert = 0,
		.min_version = min,
		.max_version = max};
	struct tls_server *s = tls_server_create(w, &p, err, sizeof(err));
	if (!s)
		fail_msg("%s", err);
	return s;
}

struct tls_server *server_make(enum tls_version min, enum tls_version max)
{
	return server_make_on(world.worker, min, max);
}

struct tls_client *client_make(const char *name, enum tls_version min, enum tls_version max)
{
	char err[256];
	const struct tls_client_params p = {.name = "fe-pool",
		.verify = true,
		.ca_file = test_path("root.pem"),
		.verify_name = name,
		.sni = name,
		.min_version = min,
		.max_version = max,
		.n_servers = 2};
	struct tls_client *c = tls_client_create(world.worker, &p, err, sizeof(err));
	if (!c)
		fail_msg("%s", err);
	return c;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void add_segment(struct lg_chain *c, const void *data, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(world.pool);
	assert_non_null(m);
	/* At the buffer's end: without tailroom the next segment can't be merged into this one. */
	m->data_off = (uint16_t)(m->buf_len - n);
	m->data_len = n;
	m->pkt_len = n;
	memcpy(rte_pktmbuf_mtod(m, void *), data, n);
	lg_chain_append(c, m);
}

void chain_of(struct lg_chain *c, const void *data, uint32_t n, uint32_t seg)
{
	const char *p = data;
	while (n) {
		uint32_t cut = seg > 1 ? 1 + (uint32_t)random() % seg : seg;
		cut = cut ? LG_MIN(cut, n) : LG_MIN(n, 2000);
		add_segment(c, p, (uint16_t)cut);
		p += cut;
		n -= cut;
	}
}

void wire(struct lg_chain *dst, struct lg_chain *src, uint32_t seg)
{
	uint8_t buf[1400];
	if (seg == 0) {
		lg_chain_splice(dst, src);
		return;
	}
	while (src->len) {
		uint32_t n = lg_chain_peek(src, 0, buf, sizeof(buf));
		lg_chain_trim_head(src, n);
		chain_of(dst, buf, n, seg);
	}
}

/* ---- pair ------------------------------------------------------------------------------------ */

void pair_open(struct pair *p, struct tls_client *c, struct tls_server *s)
{
	p->client = tls_connect(c, 0);
	p->server = tls_accept(s);
	assert_non_null(p->client);
	assert_non_null(p->server);
	lg_chain_init(&p->to_client);
	lg_chain_init(&p->to_server);
}

enum tls_result pair_handshake(struct pair *p)
{
	enum tls_result rc = TLS_WANT_INPUT, rs = TLS_WANT_INPUT;
	struct lg_chain out;
	lg_chain_init(&out);
	for (unsigned i = 0; i < 10 && (rc != TLS_OK || rs != TLS_OK); i++) {
		rc = tls_handshake(p->client, &p->to_client, &out);
		wire(&p->to_server, &out, p->seg);
		rs = tls_handshake(p->server, &p->to_server, &out);
		wire(&p->to_client, &out, p->seg);
	}
	return rc == TLS_OK && rs == TLS_OK ? TLS_OK : TLS_FAILED;
}

enum tls_result pair_send(
	struct pair *p, bool from_client, const void *data, uint32_t n, struct lg_chain *plain)
{
	struct tls_conn *from = from_client ? p->client : p->server;
	struct tls_conn *to = from_client ? p->server : p->client;
	struct lg_chain *arrived = from_client ? &p->to_server : &p->to_client;
	struct lg_chain *back = from_client ? &p->to_client : &p->to_server;
	struct lg_chain in, out;
	lg_chain_init(&in);
	lg_chain_init(&out);
	chain_of(&in, data, n, p->seg);
	assert_int_equal(tls_write(from, &in, UINT32_MAX, &out, 1448, 0), TLS_OK);
	assert_int_equal(in.len, 0);
	wire(arrived, &out, p->seg);
	enum tls_result r = tls_read(to, arrived, plain, UINT32_MAX, &out);
	wire(back, &out, p->seg);
	return r;
}

void pair_close(struct pair *p)
{
	tls_conn_free(p->client);
	tls_conn_free(p->server);
	lg_chain_free(&p->to_client);
	lg_chain_free(&p->to_server);
}

/* ---- independent peer ------------------------------------------------------------------------ */

void peer_open(struct peer *p, bool server, int min, int max)
{
	p->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	assert_non_null(p->ctx);
	SSL_CTX_set_security_level(p->ctx, 0);
	SSL_CTX_set_cipher_list(p->ctx, "ALL:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(p->ctx, min);
	SSL_CTX_set_max_proto_version(p->ctx, max);
	p->ssl = SSL_new(p->ctx);
	SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (server)
		SSL_set_accept_state(p->ssl);
	else
		SSL_set_connect_state(p->ssl);
}

void peer_close(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
}

void peer_exchange(struct peer *p, struct lg_chain *in, struct lg_chain *out, uint32_t seg)
{
	uint8_t buf[4096];
	int n;
	while ((n = BIO_read(SSL_get_wbio(p->ssl), buf, sizeof(buf))) > 0)
		chain_of(in, buf, (uint32_t)n, seg);
	while ((n = (int)lg_chain_peek(out, 0, buf, sizeof(buf))) > 0) {
		lg_chain_trim_head(out, (uint32_t)n);
		assert_int_equal(BIO_write(SSL_get_rbio(p->ssl), buf, n), n);
	}
}

enum tls_result peer_handshake(struct peer *p, struct tls_conn *t, struct lg_chain *in)
{
	enum tls_result r = TLS_WANT_INPUT;
	struct lg_chain out;
	int done = 0;
	lg_chain_init(&out);
	for (unsigned i = 0; i < 10 && (r == TLS_WANT_INPUT || done != 1); i++) {
		done = SSL_do_handshake(p->ssl);
		peer_exchange(p, in, &out, 0);
		r = tls_handshake(t, in, &out);
		peer_exchange(p, in, &out, 0);
	}
	return r;
}
