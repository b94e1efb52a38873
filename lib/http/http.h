/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/http: strict HTTP/1.1 heads and framing (RFC 9110, 9112), and the answers that we give
 * ourselves. Works on bytes; nothing of TCP or TLS. What is ambiguous is refused, never repaired
 * (LY-418): a proxy that guesses is a proxy that can be desynchronised.
 */
#ifndef LG_HTTP_H
#define LG_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_HOST        255  /* RFC 1035 name; longer is refused */
#define HTTP_MAX_TARGET_COPY 2048 /* bytes of the path kept for routes and the log, with NUL */
#define HTTP_MAX_STRIP       32   /* hop-by-hop field lines in one head */
#define HTTP_MAX_NOMINATED   16   /* field names that Connection may nominate */
#define HTTP_MAX_FIELDS      256  /* hard bound of http_limits.max_fields */
#define HTTP_MAX_HEAD        ((1u << 24) - 1) /* hard bound of http_limits.max_head */
#define HTTP_MAX_CHUNK_LINE  512              /* chunk size and extensions, without CRLF */
#define HTTP_MAX_TRAILERS    8192 /* trailer section, without the empty line that ends it */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER /* passes, TRACE and CONNECT excepted (LY-303) */
};

/* How the body of a message is framed (RFC 9112 section 6.3). */
enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

/*
 * Why a head was refused. X(id, status, "name", "sentence for the log"). Requests are answered with
 * the status and the connection is closed; bad responses of the pool become 503.
 */
#define HTTP_ERRORS(X)                                                                             \
	X(NONE, 0, "none", "")                                                                     \
	X(BAD_REQUEST_LINE, 400, "bad-request-line", "malformed request line")                     \
	X(BAD_METHOD, 400, "bad-method", "method is not a token or too long")                      \
	X(BAD_TARGET, 400, "bad-target", "malformed request target")                               \
	X(BAD_VERSION, 400, "bad-version", "not HTTP/1.0 or HTTP/1.1")                             \
	X(BAD_STATUS_LINE, 400, "bad-status-line", "malformed status line")                        \
	X(BARE_LF, 400, "bare-lf", "line ends with LF alone, or CR stands alone")                  \
	X(BAD_FIELD_NAME, 400, "bad-field-name",                                                   \
		"field name is not a token, or space before the colon")                            \
	X(BAD_FIELD_VALUE, 400, "bad-field-value", "control character in a field value")           \
	X(OBS_FOLD, 400, "obs-fold", "folded field line")                                          \
	X(NO_HOST, 400, "no-host", "HTTP/1.1 without Host")                                        \
	X(DUP_HOST, 400, "duplicate-host", "more than one Host")                                   \
	X(BAD_HOST, 400, "bad-host", "Host is not a valid authority, or contradicts the target")   \
	X(BAD_LENGTH, 400, "bad-content-length", "Content-Length is not one plain number")         \
	X(DUP_LENGTH, 400, "duplicate-content-length", "more than one Content-Length")             \
	X(LENGTH_AND_CHUNKED, 400, "length-and-chunked",                                           \
		"Content-Length beside Transfer-Encoding")                                         \
	X(BAD_TRANSFER_ENCODING, 400, "bad-transfer-encoding",                                     \
		"Transfer-Encoding other than one plain chunked, or in HTTP/1.0")                  \
	X(BAD_CHUNK, 400, "bad-chunk", "malformed chunked body")                                   \
	X(BAD_CONNECTION, 400, "bad-connection",                                                   \
		"Connection nominates too much or a field that must stay")                         \
	X(METHOD_REFUSED, 405, "method-refused", "CONNECT and TRACE are not served")               \
	X(TARGET_TOO_LONG, 414, "target-too-long", "request target over the limit")                \
	X(HEAD_TOO_LARGE, 431, "head-too-large", "header section or one field over the limit")     \
	X(VERSION_UNSUPPORTED, 505, "version-unsupported", "major version is not 1")

enum http_error {
#define X(id, status, name, help) HTTP_ERR_##id,
	HTTP_ERRORS(X)
#undef X
		HTTP_ERR_MAX
};
int http_error_status(enum http_error e);
const char *http_error_name(enum http_error e);
const char *http_error_help(enum http_error e);

/*
 * A head may use a limit up to its last byte. max_head and max_fields are cut to their hard bounds.
 * Over max_head: TARGET_TOO_LONG while still in a request's target, otherwise HEAD_TOO_LARGE.
 */
struct http_limits {
	uint32_t max_head;   /* whole head, LY-413; default 65536 */
	uint32_t max_field;  /* one field line without CRLF; default 65536 */
	uint32_t max_target; /* default 16384 */
	uint32_t max_fields; /* default 200 */
};
void http_limits_default(struct http_limits *l);

/* Byte range inside the head, offsets from its first byte. */
struct http_range {
	uint32_t off, len;
};

/*
 * A head being parsed or parsed. Offsets count from the head's first byte. Initialise with
 * http_request_init/http_response_init; feed fragments in order; no pointer into the input is kept.
 * The arrays stand last in either part, so that an init clears only what stands before them.
 */
struct http_head {
	/* result, valid when http_head_parse() returned HTTP_DONE (error: when HTTP_ERROR) */
	bool is_response;
	uint8_t minor; /* HTTP/1.minor, 0 or 1; no other minor is accepted */
	bool path_cut;
	bool absolute_form; /* target has scheme and authority (RFC 9112 3.2.2) */
	bool has_content_length, chunked;
	bool keep_alive; /* the sender's wish, defaults of its version applied */
	bool close;      /* "close" was in Connection */
	bool expect_continue;
	bool upgrade; /* Upgrade field present and nominated; its line is stripped all the same */
	bool has_auth_scheme; /* request: Authorization with NTLM/Negotiate; response:
				 WWW-Authenticate with them */
	uint16_t host_port;   /* 0: none given */
	uint16_t status;      /* responses */
	enum http_method method;
	enum http_framing framing; /* requests: NONE, LENGTH, CHUNKED. Responses: by
				      http_response_framing() */
	enum http_error error;
	uint32_t path_len;
	uint32_t head_len; /* bytes up to and including the empty line */
	uint32_t n_strip;
	uint64_t content_length;
	struct http_range target;  /* request target as sent */
	struct http_range version; /* "HTTP/1.x" of the start line */

	/* state of the parser: private to lib/http */
	struct http_head_state {
		uint32_t state, pos; /* pos: bytes of the head consumed so far */
		uint32_t line_start; /* offset of the current field line */
		uint32_t name_hash;  /* of the current field name, lower case */
		uint32_t name_len;
		uint16_t value_len, n_fields;
		uint8_t field, n_nominated, slashes;
		bool lead_skipped, collect, value_cut;
		bool seen_host, seen_upgrade, upgrade_nominated, keep_alive_option;
		struct http_limits limits;
		char name[20];   /* of the current field; only names shorter than this concern us */
		char value[512]; /* of the fields that we read; the others are only checked */
		uint32_t nominated[HTTP_MAX_NOMINATED]; /* name hashes */
		/*
		 * Where each field line begins, because Connection may come after a field that it
		 * nominates. A line ends where the next one begins. The hash decides only about
		 * lines that are free to go: what frames or authenticates is marked stay, so that a
		 * forged collision costs its sender nothing but an end-to-end field of its own.
		 */
		struct http_field_line {
			uint32_t off : 24, strip : 1, stay : 1;
			uint32_t name_hash;
		} lines[HTTP_MAX_FIELDS];
	} st;

	char method_name[16];
	char host[HTTP_MAX_HOST + 1]; /* lower case, without port and trailing dot; IPv6 in its
					 brackets; "" when none (HTTP/1.0) */
	/* whole field lines (with CRLF; neighbours are merged) that must not be forwarded,
	 * ascending, no overlap */
	struct http_range strip[HTTP_MAX_STRIP];
	/* path and query as sent, without scheme and authority ("/" put before when absolute-form
	 * has no path); "*" of OPTIONS *; NUL-terminated, cut when longer (path_cut) */
	char path[HTTP_MAX_TARGET_COPY];
};

enum http_status { HTTP_MORE, HTTP_DONE, HTTP_ERROR };

void http_request_init(struct http_head *h, const struct http_limits *l);
void http_response_init(struct http_head *h, const struct http_limits *l);
/*
 * Feeds the next n bytes. *used: how many belong to the head (all of them while HTTP_MORE). After
 * HTTP_DONE and HTTP_ERROR it says the same again and uses nothing, until the next init. One
 * empty line (CRLF) before a request line is skipped and counted into the head's stripped ranges
 * (RFC 9112 2.2).
 */
enum http_status http_head_parse(struct http_head *h, const uint8_t *p, size_t n, size_t *used);
/* True once a start line has begun. False before: then the connection is idle, not slow. */
bool http_head_started(const struct http_head *h);
/*
 * Sets h->framing of a complete response head to a request with `method` (RFC 9112 6.3). 1xx, 204,
 * 304, HEAD: NONE. UNTIL_CLOSE clears keep_alive. HTTP_ERROR (with h->error) when a 1xx or 204
 * claims a body (RFC 9112 6.1, RFC 9110 8.6), otherwise HTTP_DONE.
 */
enum http_status http_response_framing(struct http_head *h, enum http_method method);

/* A body being followed. */
struct http_body {
	enum http_framing framing;
	enum http_error error;
	uint64_t left;    /* LENGTH: bytes to come; CHUNKED: of this chunk */
	uint64_t seen;    /* bytes of the body as sent (framing included) */
	uint64_t payload; /* payload bytes without chunk framing */
	/* private to body.c */
	uint32_t state, aux;
	uint32_t line_len; /* bytes of the current chunk-size line or trailer section */
	uint32_t name_len; /* of the current trailer */
	char name[20];
};
void http_body_init(struct http_body *b, enum http_framing framing, uint64_t length);
/*
 * Feeds the next n bytes. *used: how many belong to this body. HTTP_DONE when the body is complete
 * (LENGTH 0 and NONE: at once, with *used 0). UNTIL_CLOSE never completes here. Chunk extensions
 * are allowed and bounded, but not whitespace around them (RFC 9112 7.1.1 calls it bad); trailers
 * are allowed, bounded and checked like fields, and must not frame, route, authenticate or be
 * hop-by-hop.
 */
enum http_status http_body_parse(struct http_body *b, const uint8_t *p, size_t n, size_t *used);

/* ---- local answers (LY-412) and redirects (LY-415) ------------------------------------------ */

/*
 * Writes a complete response (head and small body; no body when head_only) into buf. status: 400,
 * 404, 405, 408, 413, 414, 431, 500, 503 (with Retry-After: retry_after seconds when not 0), 504,
 * 505; never 502 or 403: any other becomes 500. close: adds Connection: close. reason: a short
 * token for X-less diagnosis inside the body ("unknown-host"), or NULL; other characters in
 * it becomes '-'. Returns the length, 0 when it doesn't fit.
 */
size_t http_local_answer(char *buf, size_t size, int status, const char *reason,
	unsigned retry_after, bool head_only, bool close);
/*
 * Redirect (301, 302, 307, 308) to https://<host>[:port]<path_and_query>, as the client sent them.
 * Port 0 and 443 are left out; a path that doesn't begin with '/' becomes "/". 0 when it doesn't
 * fit, host is empty, or a byte of path could not have been in a request target. Give the whole
 * path: not http_head.path when path_cut.
 */
size_t http_redirect(char *buf, size_t size, int status, const char *host, uint16_t port,
	const char *path, size_t path_len, bool head_only, bool close);
/* Standard reason phrase of a status; "" when unknown. */
const char *http_reason_phrase(int status);

/*
 * Path prefix match as IIS sees paths: ASCII case-insensitive, on a percent-decoded, dot-resolved
 * copy ("/meet" matches "/meet", "/Meet/x", "/meet?x", not "/meeting"). path: as sent, with query.
 * Backslashes are slashes, %uXXXX is decoded too (http.sys does), malformed escapes stand for
 * themselves. prefix: as the operator wrote it, not decoded; "" and "/" match all. A path that
 * fills http_head.path before its query may have been cut, and dot segments may follow: it matches
 * nothing else.
 */
bool http_path_prefix(const char *path, size_t path_len, const char *prefix);

#endif
