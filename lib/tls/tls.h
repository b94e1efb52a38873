/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/tls: the engine between mbuf chains and OpenSSL. Ciphertext chain in, plaintext chain out,
 * and back; knows nothing of TCP. One tls_worker per worker lcore with its own OSSL_LIB_CTX and
 * SSL_CTXs. OpenSSL only ever sees whole records (the 5-byte header is read first), so it never
 * buffers halves.
 */
#ifndef LG_TLS_H
#define LG_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/base.h"

/* X(id, "name", "what it means") */
#define TLS_COUNTERS(X)                                                                            \
	X(ACCEPTS, "accepts", "server handshakes begun")                                           \
	X(HANDSHAKES, "handshakes", "server handshakes completed")                                 \
	X(RESUMED, "resumed", "server handshakes that resumed a session")                          \
	X(CLIENT_CONNECTS, "client-connects", "handshakes towards the pool begun")                 \
	X(CLIENT_HANDSHAKES, "client-handshakes", "handshakes towards the pool completed")         \
	X(CLIENT_RESUMED, "client-resumed", "handshakes towards the pool that resumed a session")  \
	X(SNI_MATCHED, "sni-matched", "certificate chosen by server name")                         \
	X(SNI_DEFAULT, "sni-default",                                                              \
		"default certificate: no server name sent, or an unknown one")                     \
	X(FAIL_PROTOCOL, "fail-protocol", "client sent what isn't TLS, or breaks its rules")       \
	X(FAIL_VERSION, "fail-version", "no TLS version in common")                                \
	X(FAIL_CIPHER, "fail-cipher", "no cipher suite in common")                                 \
	X(FAIL_ALERT, "fail-alert", "peer ended the handshake with an alert")                      \
	X(FAIL_VERIFY, "fail-verify", "pool certificate did not verify")                           \
	X(FAIL_RECORD, "fail-record", "record that is too long or doesn't decrypt")                \
	X(FAIL_OTHER, "fail-other", "other failure of the library")                                \
	X(RENEGOTIATION_REFUSED, "renegotiation-refused", "renegotiation attempts refused")        \
	X(CLOSE_NOTIFY_IN, "close-notify-in", "clean ends of the peer's stream")                   \
	X(NOMBUF, "nombuf", "no mbuf for TLS output (the connection is closed)")

enum tls_counter {
#define X(id, name, help) TLS_CTR_##id,
	TLS_COUNTERS(X)
#undef X
		TLS_CTR_MAX
};
const char *tls_counter_name(enum tls_counter c);
const char *tls_counter_help(enum tls_counter c);

/*
 * What all workers share, read-only after start: ticket keys (so that a session resumes on any
 * worker). Made once per process.
 */
struct tls_shared;
struct tls_shared *tls_shared_create(void); /* NULL: no entropy or memory */
void tls_shared_free(struct tls_shared *s);

struct tls_worker;
struct tls_worker_params {
	const struct tls_shared *shared;
	struct rte_mempool *pool; /* mbufs for ciphertext and plaintext output */
};
struct tls_worker *tls_worker_create(const struct tls_worker_params *p, char *err, size_t errlen);
void tls_worker_free(struct tls_worker *w);
const uint64_t *tls_worker_counters(const struct tls_worker *w); /* TLS_CTR_MAX */

/* ---- contexts -------------------------------------------------------------------------------- */

enum tls_version { TLS_V1_0 = 0x0301, TLS_V1_1 = 0x0302, TLS_V1_2 = 0x0303, TLS_V1_3 = 0x0304 };

struct tls_cert_files {
	const char *name; /* of the certificate in the configuration, for messages */
	const char *cert; /* PEM: leaf first, then intermediates */
	const char *key;  /* PEM */
};

struct tls_server_params {
	const char *name; /* listener's, for messages */
	const struct tls_cert_files *certs;
	unsigned n_certs;
	unsigned default_cert; /* index: clients without SNI or with an unknown name (LY-206) */
	enum tls_version min_version, max_version;
	const char *ciphers;      /* OpenSSL list for TLS <= 1.2; NULL: ECDHE AEAD default */
	const char *ciphersuites; /* TLS 1.3; NULL: library default */
};

/*
 * Server names come from the certificates' SANs (CN only when there is no DNS SAN): exact before
 * wildcard (one label), first certificate wins. ALPN: http/1.1 when the client offers it (LY-212).
 * Renegotiation and compression off, early data off, tickets on. NULL with a sentence in err.
 */
struct tls_server;
struct tls_server *tls_server_create(
	struct tls_worker *w, const struct tls_server_params *p, char *err, size_t errlen);
void tls_server_free(struct tls_server *s);

/*
 * Checks one certificate/key pair without a worker: readable, match, chain order, expiry. 0, or a
 * negative errno with err; *warning (errlen bytes, may be empty) gets what is allowed but worth
 * saying (expires soon, key readable by others, self-signed, CN without SAN). `names` (when not
 * NULL) is called for each name that the certificate covers.
 */
int tls_cert_check(const struct tls_cert_files *files, char *err, char *warning, size_t errlen,
	void (*names)(void *ctx, const char *dns_name), void *ctx);
/* DNS name against a certificate's name: case-insensitive, "*.x" covers exactly one label. */
bool tls_name_match(const char *pattern, const char *host);

struct tls_client_params {
	const char *name;        /* pool's, for messages */
	bool verify;             /* off only by explicit configuration */
	const char *ca_file;     /* PEM bundle; required when verify */
	const char *verify_name; /* DNS name or IP text that the pool's certificate must carry */
	const char *sni;         /* NULL: none is sent */
	enum tls_version min_version, max_version;
	const char *ciphers, *ciphersuites; /* NULL: defaults */
	unsigned n_servers; /* session cache slots: one per pool member (and worker) */
};
struct tls_client;
struct tls_client *tls_client_create(
	struct tls_worker *w, const struct tls_client_params *p, char *err, size_t errlen);
void tls_client_free(struct tls_client *c);

/* ---- connections ----------------------------------------------------------------------------- */

struct tls_conn;

/* NULL: out of memory. */
struct tls_conn *tls_accept(struct tls_server *s);
/* server: index of the pool member, selects the cached session to resume. */
struct tls_conn *tls_connect(struct tls_client *c, unsigned server);
void tls_conn_free(struct tls_conn *t);

enum tls_result {
	TLS_OK,         /* handshake: done. read/write: progress made or nothing left to do */
	TLS_WANT_INPUT, /* needs more ciphertext */
	TLS_CLOSED,     /* read: the peer's close_notify; the stream ended cleanly */
	TLS_FAILED,     /* tls_conn_error() says why; alerts to send are in `out` */
};

/*
 * One step of the handshake with what is in `in` (whole records are taken from its head, partial
 * ones stay); output is appended to `out`. Returns TLS_OK when the handshake is complete
 * (application data may already wait in `in`). A call does at most one flight, so at most one
 * private-key operation.
 */
enum tls_result tls_handshake(struct tls_conn *t, struct lg_chain *in, struct lg_chain *out);
/* True when `in` holds a whole record, so that a call to tls_handshake/tls_read can make progress.
 */
bool tls_has_record(const struct tls_conn *t, const struct lg_chain *in);
/*
 * Decrypts whole records from the head of `in` to the end of `plain` until at least max bytes were
 * added or no whole record is left. May append to `out` (alerts, key updates). TLS_OK: stopped at
 * max, more may be there; TLS_WANT_INPUT: no whole record left.
 */
enum tls_result tls_read(struct tls_conn *t, struct lg_chain *in, struct lg_chain *plain,
	uint32_t max, struct lg_chain *out);
/*
 * Encrypts the first min(max, plain->len) bytes of `plain` (removed from it) to the end of `out`.
 * Records are sized so that the first 64 KiB after an idle second go in MSS-sized ones (mss:
 * payload bytes of a segment), later ones in 16 KiB.
 */
enum tls_result tls_write(struct tls_conn *t, struct lg_chain *plain, uint32_t max,
	struct lg_chain *out, uint32_t mss, lg_us now);
/* Bytes of ciphertext that n bytes of plaintext become, at most. */
uint32_t tls_overhead(uint32_t n, uint32_t mss);
/* Appends close_notify. After it tls_write is refused. Once; later calls do nothing. */
void tls_close(struct tls_conn *t, struct lg_chain *out);

/* "unable to get local issuer certificate", "peer sent alert: unknown ca", ... valid until freed.
 */
const char *tls_conn_error(const struct tls_conn *t);
bool tls_conn_verify_failed(const struct tls_conn *t); /* client side: the pool's certificate */
bool tls_conn_resumed(const struct tls_conn *t);
const char *tls_conn_version(const struct tls_conn *t); /* "1.3" */
const char *tls_conn_cipher(const struct tls_conn *t);
const char *tls_conn_sni(const struct tls_conn *t); /* NULL: none sent */

#endif
