/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates made on the spot, a worker, and two ends joined by chains. */
#ifndef LG_TEST_TLS_FIXTURE_H
#define LG_TEST_TLS_FIXTURE_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "eal.h"
#include "tls/tls.h"

#define DAY (24 * 3600L)

struct test_cert {
	X509 *x;
	EVP_PKEY *key;
};
struct test_cert_spec {
	const char *cn;
	const char *san; /* OpenSSL's syntax, "DNS:a,DNS:b"; NULL: none */
	bool ca;
	long from, to;                  /* seconds from now; both 0: since a day, for a year */
	unsigned rsa_bits;              /* 0: P-256 */
	const struct test_cert *issuer; /* NULL: self-signed */
};
struct test_cert test_cert_make(const struct test_cert_spec *spec);
void test_cert_free(struct test_cert *c);

/* A fresh folder; test_path's results and the folder go with test_dir_remove. */
void test_dir_make(void);
void test_dir_remove(void);
const char *test_path(const char *name);
void test_write_certs(const char *name, const struct test_cert *const *certs, unsigned n);
/* password: NULL for a key in the clear. */
void test_write_key(const char *name, EVP_PKEY *key, const char *password);
void test_write_text(const char *name, const char *text);

/*
 * The usual world: root CA, an intermediate, "default" (www.example.test, RSA), "meet"
 * (meet.example.test), "wild" (*.example.test), all served with the intermediate.
 */
struct world {
	struct rte_mempool *pool;
	unsigned pool_size;
	struct tls_shared *shared;
	struct tls_worker *worker;
	struct test_cert root, inter, www, meet, wild;
};
extern struct world world;
int world_setup(void **state);
int world_teardown(void **state);
/* Every mbuf is back in the pool. */
void world_check_mbufs(void);
uint64_t counter(enum tls_counter c);

struct tls_server *server_make(enum tls_version min, enum tls_version max);
struct tls_server *server_make_on(struct tls_worker *w, enum tls_version min, enum tls_version max);
/* Client that trusts root and wants name; min, max as given. */
struct tls_client *client_make(const char *name, enum tls_version min, enum tls_version max);
void test_files(struct tls_cert_files *f, const char *name);

/* Cuts the bytes of src into segments of 1 to `seg` bytes (seg 0: as they are) and appends them. */
void wire(struct lg_chain *dst, struct lg_chain *src, uint32_t seg);
void chain_of(struct lg_chain *c, const void *data, uint32_t n, uint32_t seg);

struct pair {
	struct tls_conn *client, *server;
	struct lg_chain to_client, to_server; /* what has arrived */
	uint32_t seg;
};
void pair_open(struct pair *p, struct tls_client *c, struct tls_server *s);
/* TLS_OK: both are done; TLS_FAILED: either failed. */
enum tls_result pair_handshake(struct pair *p);
void pair_close(struct pair *p);
/* Sends from one to the other and reads what comes. Returns the last tls_read's result. */
enum tls_result pair_send(
	struct pair *p, bool from_client, const void *data, uint32_t n, struct lg_chain *plain);

/* A client or server by plain OpenSSL on memory BIOs, as an independent peer. */
struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
};
void peer_open(struct peer *p, bool server, int min, int max);
void peer_close(struct peer *p);
/* One exchange: the peer's bytes to `in` (cut at seg), `out` to the peer. */
void peer_exchange(struct peer *p, struct lg_chain *in, struct lg_chain *out, uint32_t seg);
enum tls_result peer_handshake(struct peer *p, struct tls_conn *t, struct lg_chain *in);

#endif
