/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random sessions: clients and pool members do whatever comes to their minds, well-behaved or not,
 * and whatever they do,
 *   - each request gets exactly one response, in order, or its connection visibly ends;
 *   - a pool connection carries the requests of one client only, and each response that a client
 *     gets from the pool was made for that very request (LY-403);
 *   - nobody ever sees 502 or 403 from us (LY-412);
 *   - when all are silent, the timers end every session, and nothing leaks.
 * "test_proxy_random SEED" replays one seed; "test_proxy_random FIRST LAST" runs a range.
 */
#include <inttypes.h>
#include <string.h>

#include "certs.h"
#include "world.h"

#define MAX_REQUESTS 12
#define N_SEEDS      240

static unsigned seed;
static bool held_once; /* the gateway had no mbufs for a while */
static bool drained;
static bool verbose; /* one seed is replayed */
static uint64_t rng;

static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 20) % n;
}

#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			print_error("seed %u (mode %s): %s\n", seed, world_mode_name(world_mode),  \
				#cond);                                                            \
			assert_true(cond);                                                         \
		}                                                                                  \
	} while (0)

/* ---- clients --------------------------------------------------------------------------------- */

enum kind {
	K_GET,
	K_HEAD,
	K_POST,
	K_CHUNKED,
	K_EXPECT,
	K_OTHER,
	K_UNKNOWN,
	K_BAD,
	K_CLOSE,
	K_OLD,
	K_NTLM,
	K_KINDS
};

struct client {
	struct end *e;
	unsigned number;
	char *out; /* what it means to send */
	size_t out_len, sent;
	unsigned n_requests;
	enum kind kinds[MAX_REQUESTS + 1];
	size_t ends[MAX_REQUESTS + 1]; /* in out: behind each request */
	bool finished;                 /* sends no more */
};

static struct client clients[6];
static unsigned n_clients;

static void out_text(struct client *c, const char *text)
{
	size_t n = strlen(text);
	memcpy(c->out + c->out_len, text, n);
	c->out_len += n;
}

/* Body bytes say whose they are: any run of six has the client's letter and the request's. */
static char tag_byte(unsigned client, unsigned request, size_t i)
{
	return i % 2 ? (char)('A' + client) : (char)('a' + request);
}

static void out_body(struct client *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		c->out[c->out_len++] = tag_byte(c->number, c->n_requests, i);
}

static void out_chunks(struct client *c)
{
	char line[32];
	for (unsigned i = rnd(4); i > 0; i--) {
		uint32_t n = 1 + rnd(3000);
		snprintf(line, sizeof(line), "%x\r\n", n);
		out_text(c, line);
		out_body(c, n);
		out_text(c, "\r\n");
	}
	out_text(c, "0\r\n\r\n");
}

static void add_request(struct client *c)
{
	static const char *const methods[K_KINDS] = {
		"GET", "HEAD", "POST", "POST", "POST", "GET", "GET", "GET", "GET", "GET", "GET"};
	char head[512];
	enum kind k = (enum kind)rnd(K_KINDS);
	uint32_t body = rnd(2) ? rnd(100) : rnd(40000);

	if (k == K_BAD && rnd(3))
		k = K_GET;
	const char *host = k == K_OTHER     ? "other.example.com"
			   : k == K_UNKNOWN ? "nobody.example.com"
					    : "fwd.example.com";
	snprintf(head, sizeof(head), "%s /c%u/r%u/k%u HTTP/1.%d\r\nHost: %s\r\n", methods[k],
		c->number, c->n_requests, k, k != K_OLD, host);
	out_text(c, head);
	if (k == K_POST || k == K_EXPECT) {
		snprintf(head, sizeof(head), "Content-Length: %u\r\n", body);
		out_text(c, head);
	}
	out_text(c, k == K_CHUNKED  ? "Transfer-Encoding: chunked\r\n"
		    : k == K_EXPECT ? "Expect: 100-continue\r\n"
		    : k == K_BAD    ? "Bad Name: x\r\n"
		    : k == K_CLOSE  ? "Connection: close\r\n"
		    : k == K_NTLM   ? "Authorization: NTLM TlRMTVNTUAAB\r\n"
				    : "");
	out_text(c, "\r\n");
	if (k == K_POST || k == K_EXPECT)
		out_body(c, body);
	if (k == K_CHUNKED)
		out_chunks(c);
	c->kinds[c->n_requests] = k;
	c->ends[c->n_requests++] = c->out_len;
}

static void client_open(struct world *w)
{
	struct client *c = &clients[n_clients];

	*c = (struct client){.number = n_clients++, .out = calloc(1, MAX_REQUESTS * 50000)};
	assert_non_null(c->out);
	for (unsigned n = 1 + rnd(MAX_REQUESTS - 1); n > 0; n--)
		add_request(c);
	c->e = world_connect_small(w, rnd(2) ? 65536 : 256 * 1024);
}

static void client_send(struct world *w, struct client *c)
{
	size_t n = 1 + rnd(rnd(2) ? 60 : 20000);

	if (!c->e->connected || c->e->tls_failed)
		return;
	n = LG_MIN(n, c->out_len - c->sent);
	n = LG_MIN(n, (size_t)tcp_tx_space(c->e->tcp) / 2);
	if (n > 0)
		end_queue(w, c->e, c->out + c->sent, n);
	c->sent += n;
}

/* Past TLS where there is TLS. */
static void send_garbage(struct client *c)
{
	static const char text[] =
		"\x17\x03\x03\x01\x30 decrypts to nothing, parses as nothing\r\n";
	struct lg_chain out;

	lg_chain_init(&out);
	while (out.len < 1000)
		check(lg_chain_write(&out, world_mbufs(), text, sizeof(text) - 1) == 0);
	(void)tcp_send(c->e->tcp, &out);
	c->kinds[c->n_requests] = K_BAD;
	c->ends[c->n_requests++] = SIZE_MAX; /* who is sure that it was read? */
}

static void client_acts(struct world *w, struct client *c)
{
	if (c->finished || c->e->tcp == NULL)
		return;
	uint32_t what = rnd(100);
	if (what < 80)
		client_send(w, c);
	else if (what < 90)
		c->e->paused = true;
	else if (what < 96)
		end_resume(w, c->e);
	else if (c->sent == c->out_len || what < 98)
		c->finished = true;
	if (c->finished && c->e->connected && c->sent == c->out_len && rnd(8) == 0)
		send_garbage(c);
	else if (c->finished && rnd(2) == 0 && c->e->connected)
		end_queue_shutdown(w, c->e);
	else if (c->finished && rnd(4) == 0)
		end_reset(w, c->e);
}

/* ---- members --------------------------------------------------------------------------------- */

enum answer {
	A_LENGTH,
	A_CHUNKED,
	A_UNTIL_CLOSE,
	A_EMPTY,
	A_NOT_MODIFIED,
	A_401,
	A_CLOSE,
	A_OLD,
	A_INTERIM,
	A_EARLY,
	A_BAD,
	A_CUT,
	A_RESET,
	A_SILENT,
	A_EXTRA,
	A_ANSWERS
};

struct member {
	size_t at; /* in the end's text: behind the last request that was read whole */
	size_t answered;
	int client; /* -1: none yet */
	bool done;
};

static struct member members[WORLD_CONNS];

/* One request at text: its length when it is complete, 0 when it isn't. *head: its head's. */
static size_t request_length(const char *text, size_t *head)
{
	const char *end = strstr(text, "\r\n\r\n");
	unsigned length = 0;

	*head = 0;
	if (end == NULL)
		return 0;
	*head = (size_t)(end + 4 - text);
	const char *cl = strstr(text, "Content-Length: ");
	const char *te = strstr(text, "Transfer-Encoding: chunked");
	if (cl != NULL && cl < end)
		sscanf(cl, "Content-Length: %u", &length);
	if (te != NULL && te < end) {
		const char *last = strncmp(end + 4, "0\r\n\r\n", 5) == 0
					   ? end + 4
					   : strstr(end, "\r\n0\r\n\r\n");
		return last == NULL ? 0 : (size_t)(strstr(last, "0\r\n\r\n") + 5 - text);
	}
	return strlen(end + 4) < length ? 0 : *head + length;
}

static void send_body(struct world *w, struct end *e, unsigned c, unsigned r, size_t n)
{
	static char body[60000];
	for (size_t i = 0; i < n; i++)
		body[i] = tag_byte(c, r, i);
	if (n > 0)
		end_queue(w, e, body, n);
}

static void send_text(struct world *w, struct end *e, const char *text)
{
	end_queue(w, e, text, strlen(text));
}

static void send_chunks(struct world *w, struct end *e, unsigned c, unsigned r)
{
	char line[32];
	for (unsigned i = rnd(5); i > 0; i--) {
		uint32_t n = 1 + rnd(9000);
		snprintf(line, sizeof(line), "%x\r\n", n);
		send_text(w, e, line);
		send_body(w, e, c, r, n);
		send_text(w, e, "\r\n");
	}
	send_text(w, e, "0\r\n\r\n");
}

static const char *status_line(enum answer a)
{
	switch (a) {
	case A_EMPTY:
		return "HTTP/1.1 204 No Content\r\n";
	case A_NOT_MODIFIED:
		return "HTTP/1.1 304 Not Modified\r\n";
	case A_401:
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRM\r\n";
	case A_OLD:
		return "HTTP/1.0 200 OK\r\n";
	case A_INTERIM:
		return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n";
	case A_BAD:
		return "HTTP/1.1 200 OK\r\nBad Name: x\r\n";
	default:
		return "HTTP/1.1 200 OK\r\n";
	}
}

/* Answers request r of client c. False when this was the connection's last word. */
static bool member_answers(struct world *w, struct end *e, unsigned c, unsigned r, bool head,
	enum answer a, bool chunks_allowed)
{
	char line[128];
	uint32_t n = rnd(2) ? rnd(50) : rnd(50000);

	if (a == A_SILENT)
		return false;
	if (a == A_RESET) {
		end_reset(w, e);
		return false;
	}
	if (a == A_CHUNKED && !chunks_allowed)
		a = A_LENGTH;
	send_text(w, e, status_line(a));
	snprintf(line, sizeof(line), "X-For: c%u/r%u;\r\n", c, r);
	send_text(w, e, line);
	if (a == A_CLOSE)
		send_text(w, e, "Connection: close\r\n");
	if (a == A_CHUNKED) {
		send_text(w, e, "Transfer-Encoding: chunked\r\n\r\n");
		if (!head)
			send_chunks(w, e, c, r);
		return true;
	}
	if (a == A_EMPTY || a == A_NOT_MODIFIED) {
		send_text(w, e, "\r\n");
		return true;
	}
	if (a != A_UNTIL_CLOSE) {
		snprintf(line, sizeof(line), "Content-Length: %u\r\n", a == A_CUT ? n + 7 : n);
		send_text(w, e, line);
	}
	send_text(w, e, "\r\n");
	if (!head)
		send_body(w, e, c, r, n);
	if (a == A_EXTRA)
		send_text(w, e, "HTTP/1.1 200 OK\r\nX-For: nobody;\r\nContent-Length: 0\r\n\r\n");
	if (a == A_UNTIL_CLOSE || a == A_CUT || a == A_CLOSE || (a == A_OLD && rnd(2))) {
		end_queue_shutdown(w, e);
		return false;
	}
	return true;
}

/* Body bytes at text belong to (c, r). */
static void check_sender(const char *text, size_t n, unsigned c, unsigned r)
{
	for (size_t i = 0; i < n; i++)
		check(text[i] == tag_byte(c, r, i));
}

static void member_acts(struct world *w, unsigned i)
{
	struct end *e = &w->members[i];
	struct member *m = &members[i];
	unsigned c, r, k;
	size_t head;

	if (m->done || e->tcp == NULL || e->eof || !e->connected)
		return;
	if (rnd(30) == 0)
		e->paused = true;
	else if (e->paused && rnd(3) == 0)
		end_resume(w, e);
	if (tcp_tx_space(e->tcp) < 100000 / 2)
		return;
	const char *text = e->text + m->at;
	size_t n = request_length(text, &head);
	if (head == 0)
		return;
	check(strchr(text, '/') != NULL &&
		sscanf(strchr(text, '/'), "/c%u/r%u/k%u", &c, &r, &k) == 3);
	check(m->client < 0 || m->client == (int)c);
	m->client = (int)c;
	enum answer a = (enum answer)rnd(A_ANSWERS);
	if (a >= A_BAD && rnd(3))
		a = A_LENGTH;
	if (n == 0 && a != A_EARLY && a != A_RESET && (k != K_EXPECT || rnd(4)))
		return;
	if (n == 0) { /* before the body was there: the next request's place isn't known */
		m->done = true;
		(void)member_answers(w, e, c, r, k == K_HEAD, a, true);
		return;
	}
	if (k == K_POST || k == K_EXPECT)
		check_sender(text + head, n - head, c, r);
	m->at += n;
	m->done = !member_answers(w, e, c, r, k == K_HEAD, a, k != K_OLD);
}

/* ---- what the clients got -------------------------------------------------------------------- */

static bool visible_end(const struct end *e)
{
	return e->tcp == NULL || e->eof || e->closed || e->tls_failed;
}

/* Length of the chunked body at text, checked for its owner; 0 when incomplete. */
static size_t chunked_length(const char *text, unsigned c, unsigned r)
{
	const char *p = text;
	unsigned n;

	while (sscanf(p, "%x\r\n", &n) == 1 && strstr(p, "\r\n") != NULL) {
		p = strstr(p, "\r\n") + 2;
		if (strlen(p) < n + 2)
			return 0;
		check_sender(p, n, c, r);
		check(memcmp(p + n, "\r\n", 2) == 0);
		p += n + 2;
		if (n == 0)
			return (size_t)(p - text);
	}
	return 0;
}

struct seen {
	unsigned responses;
	bool open_end; /* the last is incomplete, or lasts until the end */
};

/* The field in the head that ends at `end`. */
static const char *field(const char *head, const char *end, const char *name)
{
	const char *p = strstr(head, name);
	return p != NULL && p < end ? p + strlen(name) : NULL;
}

/* The body behind a final head. Returns its end, NULL when it isn't all there. */
static const char *check_body(const struct client *c, unsigned r, const char *p, const char *end)
{
	unsigned status = 0, length = 0;
	const char *mine = field(p, end, "\r\nX-For: ");
	const char *cl = field(p, end, "\r\nContent-Length: ");
	const char *body = end + 4;

	sscanf(p, "HTTP/1.%*c %u", &status);
	check(status != 502 && status != 403 && status >= 200);
	if (mine != NULL) {
		char want[32];
		snprintf(want, sizeof(want), "c%u/r%u;", c->number, r);
		check(strncmp(mine, want, strlen(want)) == 0);
	} else {
		check(status >= 400);
	}
	if (c->kinds[r] == K_HEAD || status == 204 || status == 304)
		return body;
	if (field(p, end, "\r\nTransfer-Encoding: chunked") != NULL) {
		size_t n = chunked_length(body, c->number, r);
		return n > 0 ? body + n : NULL;
	}
	size_t there = strlen(body);
	if (cl == NULL) {
		check_sender(body, there, c->number, r);
		return NULL;
	}
	check(sscanf(cl, "%u", &length) == 1);
	if (mine != NULL)
		check_sender(body, LG_MIN(there, (size_t)length), c->number, r);
	return there >= length ? body + length : NULL;
}

/* Reads all that a client got as responses to its requests, in order. */
static struct seen read_responses(const struct client *c)
{
	struct seen s = {0};
	const char *p = c->e->text;

	while (*p != '\0') {
		const char *end = strstr(p, "\r\n\r\n");
		if (end == NULL) {
			s.open_end = true;
			return s;
		}
		check(strncmp(p, "HTTP/1.", 7) == 0);
		if (strncmp(p + 9, "100", 3) == 0) {
			p = end + 4;
			continue;
		}
		/* a 408 may answer the request that never came whole */
		check(s.responses < c->n_requests);
		p = check_body(c, s.responses++, p, end);
		if (p == NULL) {
			s.open_end = true;
			return s;
		}
	}
	return s;
}

static unsigned sent_whole(const struct client *c)
{
	unsigned n = 0;
	while (n < c->n_requests && c->ends[n] <= c->sent)
		n++;
	return n;
}

/* The heads that passed, for a seed that failed. */
static void print_heads(const struct client *c)
{
	print_error("client %u sent %zu of %zu bytes, %u requests:", c->number, c->sent, c->out_len,
		c->n_requests);
	for (unsigned i = 0; i < c->n_requests; i++)
		print_error(" %u(%zu)", c->kinds[i], c->ends[i]);
	print_error("\n");
	for (const char *p = c->e->text; (p = strstr(p, "HTTP/1.")) != NULL; p++)
		print_error("  %zu: %.60s\n", (size_t)(p - c->e->text), p);
	print_error("  held %d eof %d clean %d closed %d %s\n", held_once, c->e->eof, c->e->clean,
		c->e->closed, tcp_reason_name(c->e->reason));
}

/* Then the pool's end is reason enough to close (LY-403). */
static bool has_identity(const struct client *c)
{
	for (unsigned i = 0; i < c->n_requests; i++)
		if (c->kinds[i] == K_NTLM)
			return true;
	return strstr(c->e->text, "WWW-Authenticate: NTLM") != NULL;
}

/*
 * An orderly end that leaves requests unanswered is announced, or has a reason that the client
 * knows; otherwise they were forgotten.
 */
static bool was_told(const struct client *c)
{
	bool reset_it_itself = c->e->tcp == NULL && !c->e->closed;

	return drained || reset_it_itself || has_identity(c) ||
	       strstr(c->e->text, "Connection: close\r\n") != NULL;
}

static void check_client(const struct client *c)
{
	if (verbose)
		print_heads(c);
	struct seen s = read_responses(c);

	if (s.responses < sent_whole(c) || s.open_end)
		check(visible_end(c->e));
	if (s.responses < sent_whole(c) && !s.open_end && !was_told(c))
		check(!c->e->clean);
}

/* ---- one seed -------------------------------------------------------------------------------- */

static void act(struct world *w)
{
	if (n_clients < LG_ARRAY_SIZE(clients) && rnd(25) == 0)
		client_open(w);
	if (n_clients > 0)
		client_acts(w, &clients[rnd(n_clients)]);
	if (w->n_members > 0)
		member_acts(w, rnd(w->n_members));
	if (rnd(300) == 0)
		w->cut = !w->cut;
	if (rnd(100) == 0)
		w->mute_members = !w->mute_members;
	if (rnd(400) == 0) {
		world_hold_mbufs(w, rnd(60));
		held_once = true;
	}
	if (w->held != NULL && rnd(40) == 0)
		world_hold_mbufs(w, ~0u);
	world_run(w, rnd(200) == 0 ? LG_SEC(rnd(20)) : rnd(2) ? rnd(300) : rnd(3000));
}

/* Everybody reads and says no more: the timers alone must end it all. */
static void silence(struct world *w)
{
	world_hold_mbufs(w, ~0u);
	w->cut = w->mute_members = false;
	for (unsigned i = 0; i < n_clients; i++)
		end_resume(w, clients[i].e);
	for (unsigned i = 0; i < w->n_members; i++)
		end_resume(w, &w->members[i]);
	/* Twice: a SYN that was lost may come again when all others have ended. */
	for (unsigned i = 0, quiet = 0; i < 40 && quiet < 2; i++) {
		world_run(w, LG_SEC(300));
		quiet = proxy_session_count(w->proxy) == 0 ? quiet + 1 : 0;
	}
	check(proxy_session_count(w->proxy) == 0);
}

/*
 * A RST for which there was no mbuf is lost, and nobody repeats it: a client that waits for its
 * answer then learns of it when it sends. (Or by its own timers, if it can't send any more.)
 */
static void knock(struct world *w)
{
	for (unsigned i = 0; i < n_clients; i++) {
		struct end *e = clients[i].e;
		if (visible_end(e))
			continue;
		if (e->connected && tcp_conn_state(e->tcp) == TCP_ESTABLISHED)
			end_send(w, e, "\r\n");
		else
			end_reset(w, e);
	}
	world_run(w, LG_SEC(1));
}

static uint64_t all_ends[PROXY_END_MAX];

static void check_sums(const struct world *w)
{
	const uint64_t *ends = proxy_ends(w->proxy), *n = proxy_counters(w->proxy);
	uint64_t sum = 0;

	for (unsigned i = 0; i < PROXY_END_MAX; i++) {
		sum += ends[i];
		all_ends[i] += ends[i];
	}
	check(sum >= n[PROXY_CTR_REQUESTS]);
	check(n[PROXY_CTR_REQUESTS] >= n[PROXY_CTR_RESPONSES]);
	for (unsigned i = 0; i < w->conf->n_pools; i++) {
		check(proxy_pool_stats(w->proxy, i)->active == 0);
		for (unsigned k = 0; k < w->conf->pools[i].n_servers; k++)
			check(proxy_server_stats(w->proxy, i, k)->active == 0);
	}
	for (unsigned i = 0; i < w->conf->n_listeners; i++)
		check(proxy_listener_stats(w->proxy, i)->active == 0);
}

static void run_seed(unsigned s)
{
	seed = s;
	rng = (s + 1) * UINT64_C(0x9e3779b97f4a7c15);
	world_mode = (enum world_mode)(s % WORLD_MODES);
	n_clients = 0;
	held_once = false;
	for (unsigned i = 0; i < WORLD_CONNS; i++)
		members[i] = (struct member){.client = -1};
	struct world *w = world_start();
	client_open(w);
	for (unsigned i = 0; i < 400 && w->n_members < WORLD_CONNS - 8; i++)
		act(w);
	drained = rnd(4) == 0;
	if (drained)
		proxy_drain(w->proxy, w->now);
	silence(w);
	if (held_once)
		knock(w);
	for (unsigned i = 0; i < n_clients; i++) {
		check_client(&clients[i]);
		free(clients[i].out);
	}
	check_sums(w);
	world_free(w);
}

static unsigned first, last;

static void random_sessions_keep_the_rules(void **state)
{
	(void)state;
	for (unsigned s = first; s <= last; s++)
		run_seed(s);
	for (unsigned i = 0; i < PROXY_END_MAX; i++)
		print_message("%s=%" PRIu64 "%s", proxy_end_name((enum proxy_end)i), all_ends[i],
			i + 1 < PROXY_END_MAX ? " " : "\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {WORLD_TEST(random_sessions_keep_the_rules)};

	first = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	last = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : argc > 1 ? first : N_SEEDS - 1;
	verbose = argc == 2;
	test_eal_init();
	lg_log_set_level(LG_ERROR);
	certs_make();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (failed)
		print_error("replay: test_proxy_random %u\n", seed);
	certs_remove();
	return failed;
}
