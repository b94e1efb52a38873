/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ciphertext from outside. Input: a mode byte (low 2 bits: to a server's handshake, to a client's,
 * or to a TLS 1.2 or 1.3 pair that is open; upper 6: length of the segments), then bytes or, for a
 * pair, operations of two bytes each. Each segment is a malloc block of exactly its size, so that
 * ASan sees every byte read past it. A pair that nobody tampered with must carry its bytes
 * unchanged. (Keys and randoms differ from run to run; OpenSSL draws them itself.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "tls/tls.h"

#define POOL_SIZE      4095
#define SEGMENTS_SHORT 1000
#define SEGMENT_LONG   2000

enum mode { MODE_SERVER, MODE_CLIENT, MODE_PAIR_12, MODE_PAIR_13 };
enum op {
	OP_CLIENT_WRITES,
	OP_SERVER_WRITES,
	OP_TO_SERVER,
	OP_TO_CLIENT,
	OP_FLIP_TO_SERVER,
	OP_INJECT_TO_SERVER,
	OP_CLIENT_CLOSES,
	OP_SERVER_CLOSES,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rte_mempool *pool;
static struct tls_worker *worker;
static struct tls_server *server;
static struct tls_client *clients[2]; /* TLS 1.2, 1.3 */

/* One end of a pair. */
struct end {
	struct tls_conn *t;
	struct lg_chain sent;      /* ciphertext on its way to the other end */
	struct lg_chain arrived;   /* ciphertext from the other end */
	uint8_t next_out, next_in; /* the stream's bytes count up */
	bool closed;
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static void start_eal(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "--file-prefix=lgfuzz%d", (int)getpid());
	char *argv[] = {(char *)"fuzz", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
		(char *)"64", (char *)"--no-telemetry", (char *)"--log-level=*:error",
		(char *)"--lcores=0@0", prefix, NULL};
	LG_ASSERT(rte_eal_init(9, argv) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	LG_ASSERT(pool != NULL);
}

static void write_certificate(const char *cert, const char *key)
{
	X509 *x = X509_new();
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509_NAME *name = X509_get_subject_name(x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"fuzz.test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 365 * 24 * 3600L);
	X509_set_pubkey(x, k);
	LG_ASSERT(X509_sign(x, k, EVP_sha256()) > 0);
	FILE *f = fopen(cert, "w");
	LG_ASSERT(f && PEM_write_X509(f, x));
	fclose(f);
	f = fopen(key, "w");
	LG_ASSERT(f && PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL));
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(k);
}

static void make_ends(const char *cert, const char *key)
{
	char err[256];
	const struct tls_cert_files files = {.name = "fuzz", .cert = cert, .key = key};
	const struct tls_server_params sp = {.name = "fuzz",
		.certs = &files,
		.n_certs = 1,
		.min_version = TLS_V1_0,
		.max_version = TLS_V1_3};
	server = tls_server_create(worker, &sp, err, sizeof(err));
	LG_ASSERT(server != NULL);
	for (unsigned i = 0; i < 2; i++) {
		const struct tls_client_params cp = {.name = "fuzz",
			.verify = true,
			.ca_file = cert,
			.verify_name = "fuzz.test",
			.sni = "fuzz.test",
			.min_version = TLS_V1_0,
			.max_version = i ? TLS_V1_3 : TLS_V1_2,
			.n_servers = 1};
		clients[i] = tls_client_create(worker, &cp, err, sizeof(err));
		LG_ASSERT(clients[i] != NULL);
	}
}

static void start(void)
{
	char err[256], cert[64] = "/tmp/lgfuzzcXXXXXX", key[64] = "/tmp/lgfuzzkXXXXXX";
	start_eal();
	const struct tls_worker_params wp = {.shared = tls_shared_create(), .pool = pool};
	worker = tls_worker_create(&wp, err, sizeof(err));
	LG_ASSERT(worker != NULL);
	close(mkstemp(cert));
	close(mkstemp(key));
	write_certificate(cert, key);
	make_ends(cert, key);
	unlink(cert);
	unlink(key);
}

/* ---- segments -------------------------------------------------------------------------------- */

static void free_block(void *addr, void *info)
{
	free(addr);
	free(info);
}

static void add_segment(struct lg_chain *c, const uint8_t *data, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_mbuf_ext_shared_info *info = malloc(sizeof(*info));
	uint8_t *block = malloc(n);
	LG_ASSERT(m && info && block);
	memcpy(block, data, n);
	info->free_cb = free_block;
	info->fcb_opaque = info;
	rte_mbuf_ext_refcnt_set(info, 1);
	rte_pktmbuf_attach_extbuf(m, block, RTE_BAD_IOVA, n, info);
	m->data_len = n;
	m->pkt_len = n;
	lg_chain_append(c, m);
}

static void add_bytes(struct lg_chain *c, const uint8_t *data, size_t n, uint16_t seg)
{
	while (n) {
		/* A chain that is long already gets long segments: the pool is finite. */
		size_t len = c->nsegs < SEGMENTS_SHORT ? seg : SEGMENT_LONG;
		uint16_t cut = (uint16_t)LG_MIN(n, len);
		add_segment(c, data, cut);
		data += cut;
		n -= cut;
	}
}

/* ---- handshakes ------------------------------------------------------------------------------ */

static void run_handshake(struct tls_conn *t, const uint8_t *data, size_t size, uint16_t seg)
{
	struct lg_chain in, out, plain;
	enum tls_result r = TLS_WANT_INPUT;
	LG_ASSERT(t != NULL);
	lg_chain_init(&in);
	lg_chain_init(&out);
	lg_chain_init(&plain);
	/* In two halves, so that a cut record is met as well. */
	for (unsigned half = 0; half < 2; half++) {
		size_t n = half ? size - size / 2 : size / 2;
		add_bytes(&in, half ? data + size / 2 : data, n, seg);
		r = tls_handshake(t, &in, &out);
		if (r == TLS_WANT_INPUT)
			LG_ASSERT(!tls_has_record(t, &in));
		if (r == TLS_OK)
			tls_read(t, &in, &plain, 1000, &out);
		lg_chain_check(&in);
		lg_chain_check(&out);
	}
	LG_ASSERT(tls_conn_error(t) != NULL);
	tls_close(t, &out);
	tls_conn_free(t);
	lg_chain_free(&in);
	lg_chain_free(&out);
	lg_chain_free(&plain);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static void open_pair(struct end *c, struct end *s, struct tls_client *client)
{
	*c = (struct end){.t = tls_connect(client, 0)};
	*s = (struct end){.t = tls_accept(server)};
	LG_ASSERT(c->t && s->t);
	enum tls_result rc = TLS_WANT_INPUT, rs = TLS_WANT_INPUT;
	for (unsigned i = 0; i < 6 && (rc != TLS_OK || rs != TLS_OK); i++) {
		rc = tls_handshake(c->t, &c->arrived, &s->arrived);
		rs = tls_handshake(s->t, &s->arrived, &c->arrived);
	}
	LG_ASSERT(rc == TLS_OK && rs == TLS_OK);
}

static void write_some(struct end *e, uint32_t n)
{
	uint8_t buf[16384];
	struct lg_chain plain;
	if (e->closed || e->sent.len > 100000)
		return;
	lg_chain_init(&plain);
	for (uint32_t i = 0; i < n; i++)
		buf[i] = e->next_out++;
	LG_ASSERT(lg_chain_write(&plain, pool, buf, n) == 0);
	/* Fails only on an end that was tampered with; what was not sent is not expected. */
	if (tls_write(e->t, &plain, n, &e->sent, 1448, 0) == TLS_OK)
		LG_ASSERT(plain.len == 0);
	lg_chain_free(&plain);
}

static void check_plain(struct end *e, struct lg_chain *plain, bool tampered)
{
	uint8_t b;
	while (lg_chain_peek(plain, 0, &b, 1)) {
		LG_ASSERT(tampered || b == e->next_in);
		e->next_in++;
		lg_chain_trim_head(plain, 1);
	}
}

/* Carries n bytes from one end to the other, the last of them flipped when asked, and reads. */
static void deliver(
	struct end *from, struct end *to, uint32_t n, uint16_t seg, bool flip, bool tampered)
{
	uint8_t buf[8192];
	struct lg_chain plain;
	lg_chain_init(&plain);
	n = lg_chain_peek(&from->sent, 0, buf, LG_MIN(n, (uint32_t)sizeof(buf)));
	lg_chain_trim_head(&from->sent, n);
	if (n && flip)
		buf[n - 1] ^= 0x10;
	add_bytes(&to->arrived, buf, n, seg);
	enum tls_result r = tls_read(to->t, &to->arrived, &plain, 5000, &to->sent);
	LG_ASSERT(tampered || r != TLS_FAILED);
	if (r == TLS_WANT_INPUT)
		LG_ASSERT(!tls_has_record(to->t, &to->arrived));
	check_plain(to, &plain, tampered);
	lg_chain_check(&to->arrived);
}

static void end_close(struct end *e)
{
	tls_close(e->t, &e->sent);
	e->closed = true;
}

static void run_pair(struct tls_client *client, const uint8_t *ops, size_t size, uint16_t seg)
{
	struct end c, s;
	bool tampered = false;
	open_pair(&c, &s, client);
	for (size_t i = 0; i + 1 < size; i += 2) {
		uint32_t arg = ops[i + 1];
		enum op op = ops[i] & 7;
		tampered |= op == OP_FLIP_TO_SERVER || op == OP_INJECT_TO_SERVER;
		if (op == OP_CLIENT_WRITES) {
			write_some(&c, arg * 64 + 1);
		} else if (op == OP_SERVER_WRITES) {
			write_some(&s, arg * 64 + 1);
		} else if (op == OP_TO_SERVER || op == OP_FLIP_TO_SERVER) {
			deliver(&c, &s, arg * 32 + 1, seg, op == OP_FLIP_TO_SERVER, tampered);
		} else if (op == OP_TO_CLIENT) {
			deliver(&s, &c, arg * 32 + 1, seg, false, tampered);
		} else if (op == OP_INJECT_TO_SERVER) {
			size_t n = LG_MIN((size_t)arg, size - i - 2);
			add_bytes(&s.arrived, ops + i + 2, n, seg);
			i += n;
		} else {
			end_close(op == OP_CLIENT_CLOSES ? &c : &s);
		}
	}
	struct end *ends[] = {&c, &s};
	for (unsigned i = 0; i < 2; i++) {
		tls_conn_free(ends[i]->t);
		lg_chain_free(&ends[i]->sent);
		lg_chain_free(&ends[i]->arrived);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!pool)
		start();
	if (size < 1 || size > 60000)
		return 0;
	uint16_t seg = (uint16_t)(1 + (data[0] >> 2) * 24);
	switch ((enum mode)(data[0] & 3)) {
	case MODE_SERVER:
		run_handshake(tls_accept(server), data + 1, size - 1, seg);
		break;
	case MODE_CLIENT:
		run_handshake(tls_connect(clients[1], 0), data + 1, size - 1, seg);
		break;
	case MODE_PAIR_12:
		run_pair(clients[0], data + 1, size - 1, seg);
		break;
	case MODE_PAIR_13:
		run_pair(clients[1], data + 1, size - 1, seg);
		break;
	}
	LG_ASSERT(rte_mempool_avail_count(pool) == POOL_SIZE);
	return 0;
}
