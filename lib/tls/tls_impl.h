/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of lib/tls share; nobody outside includes it. */
#ifndef LG_TLS_IMPL_H
#define LG_TLS_IMPL_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls.h"

#define TLS_RECORD_HEADER    5
#define TLS_RECORD_PLAIN_MAX 16384
#define TLS12_RECORD_MAX     (TLS_RECORD_PLAIN_MAX + 2048) /* RFC 5246 6.2.3 */
#define TLS13_RECORD_MAX     (TLS_RECORD_PLAIN_MAX + 256)  /* RFC 8446 5.2 */
/* Header, explicit IV, SHA-384 MAC and padding of the worst CBC suite. */
#define TLS_RECORD_OVERHEAD_MAX (TLS_RECORD_HEADER + 16 + 48 + 16)
#define TLS_RECORD_PAYLOAD_MIN  128
/* Records in a row without application data (empty, KeyUpdate, tickets) after the handshake. */
#define TLS_QUIET_RECORDS_MAX 32
#define TLS_DNS_NAME_MAX      253

/* RFC 5077 section 4's recommended construction, with the names that OpenSSL's callback uses. */
struct tls_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t hmac[32];
};

/* Owner: the main thread. Workers read it only. */
struct tls_shared {
	struct tls_ticket_key ticket;
};

/* Owner: one worker lcore; nobody else touches it after it was made. */
struct tls_worker {
	const struct tls_shared *shared;
	struct rte_mempool *pool;
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *provider;
	BIO_METHOD *bio_method;
	EVP_CIPHER *ticket_cipher; /* fetched once: a fetch takes a lock */
	uint64_t counters[TLS_CTR_MAX];
	uint8_t scratch[TLS_RECORD_PLAIN_MAX]; /* one record's plaintext, gathered */
};

/* Sorted table of certificate names; each entry says which certificate serves it. */
struct tls_name {
	char *name; /* lower case, no trailing dot; "*.x" for a wildcard */
	unsigned cert;
};
struct tls_names {
	struct tls_name *v;
	unsigned n, cap;
};

/* Lives as long as its last connection: tls_server_free gives up only the maker's reference. */
struct tls_server {
	struct tls_worker *worker;
	unsigned refs;
	SSL_CTX **ctx; /* one per certificate */
	unsigned n_ctx, default_ctx;
	struct tls_names names;
};

/* Lives as long as its last connection, like tls_server. */
struct tls_client {
	struct tls_worker *worker;
	unsigned refs;
	SSL_CTX *ctx;
	char *sni;         /* NULL: none is sent */
	char *verify_name; /* NULL: verification is off */
	SSL_SESSION **sessions;
	unsigned n_sessions;
};

enum tls_state { TLS_ST_HANDSHAKE, TLS_ST_OPEN, TLS_ST_FAILED };

/* Owner: the worker whose server or client made it. `in` and `out` are set only within a call. */
struct tls_conn {
	SSL *ssl;
	struct tls_worker *worker;
	struct tls_server *server; /* one of these two is NULL */
	struct tls_client *client;
	struct lg_chain *in, *out;
	SSL_SESSION *offered; /* only compared, never read: what the slot held when we connected */
	char *error;
	lg_us last_write;
	uint32_t burst;       /* bytes written since the last idle second */
	uint32_t record_left; /* bytes of the current record that OpenSSL may still take */
	uint32_t slot;
	uint8_t state; /* enum tls_state */
	uint8_t overhead;
	uint8_t quiet_records;
	uint16_t alert_in; /* alert with which the peer ended the connection, plus one; 0: none */
	bool seen_record : 1, bad_header : 1, not_tls : 1, flood : 1, nombuf : 1;
	bool sni_counted : 1, closed_in : 1, closed_out : 1, verify_failed : 1;
	int16_t verify_depth;
};

static inline void tls_count(struct tls_worker *w, enum tls_counter c)
{
	w->counters[c]++;
}

/* Writes a sentence to err and, when OpenSSL's queue holds a reason, ": reason"; empties the queue.
 */
void tls_setup_error(char *err, size_t errlen, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- worker.c: the library is started without its configuration file and atexit handlers. -----
 */
bool tls_library_init(void);

/* ---- bio.c ---- */
BIO_METHOD *tls_bio_method(void);
struct tls_conn *tls_conn_of(const SSL *ssl);

/* ---- ticket.c ---- */
int tls_ticket_setup(SSL_CTX *ctx, OSSL_LIB_CTX *libctx, const char *listener);

/* ---- names.c ---- */
int tls_names_add(struct tls_names *names, const char *dns_name, unsigned cert);
/* Sorts; of equal names the one of the first certificate stays. */
void tls_names_finish(struct tls_names *names);
/* Certificate for host: exact before wildcard; -1: none. */
int tls_names_find(const struct tls_names *names, const char *host);
void tls_names_free(struct tls_names *names);

/* ---- cert.c ---- */
struct tls_pair {
	X509 *leaf;
	STACK_OF(X509) * chain; /* the file's other certificates, in its order */
	EVP_PKEY *key;
};
/* 0, or a negative errno with err. The caller frees the pair in both cases. */
int tls_pair_load(struct tls_pair *p, OSSL_LIB_CTX *libctx, const struct tls_cert_files *files,
	char *err, size_t errlen);
void tls_pair_free(struct tls_pair *p);
/* DNS names of the SAN, or the CN when there is none. Returns how many came from the SAN. */
unsigned tls_cert_names(X509 *leaf, void (*name)(void *ctx, const char *dns_name), void *ctx);

/* ---- context.c ---- */
struct tls_ctx_params {
	const char *what; /* "listener https", for messages */
	enum tls_version min_version, max_version;
	const char *ciphers, *ciphersuites; /* NULL: defaults */
	bool server;
};
SSL_CTX *tls_ctx_new(
	struct tls_worker *w, const struct tls_ctx_params *p, char *err, size_t errlen);

/* ---- client.c, server.c ---- */
void tls_server_unref(struct tls_server *s);
void tls_client_unref(struct tls_client *c);
/* Offers the cached session of slot, if there is a usable one. */
void tls_session_offer(struct tls_conn *t);
/* Forgets the session that was offered: it failed, or the server did not take it. */
void tls_session_drop(struct tls_conn *t);

/* ---- conn.c ---- */
/* Around each call into OpenSSL: lends it the chains, with an empty error queue. */
void tls_enter(struct tls_conn *t, struct lg_chain *in, struct lg_chain *out);
void tls_leave(struct tls_conn *t);

/* ---- record.c ---- */
enum tls_head {
	TLS_HEAD_PARTIAL, /* needs more bytes */
	TLS_HEAD_WHOLE,   /* *len bytes, header included, are there */
	TLS_HEAD_BAD,     /* TLS, but OpenSSL will refuse it by its header and say so in an alert */
	TLS_HEAD_NOT_TLS, /* the stream's first bytes are no TLS record */
};
enum tls_head tls_record_head(const struct tls_conn *t, const struct lg_chain *in, uint32_t *len);

/* ---- error.c ---- */
/* Enters TLS_ST_FAILED: counts, makes the sentence. Returns TLS_FAILED. */
enum tls_result tls_fail(struct tls_conn *t);

#endif
