/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends, limits and timers of sessions where two things happen at once, in every mode. */
#include <string.h>

#include "certs.h"
#include "world.h"

#define HOST "Host: fwd.example.com\r\n"
#define GET  "GET /a HTTP/1.1\r\n" HOST "\r\n"
#define OK   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define NTLM "GET /a HTTP/1.1\r\n" HOST "Authorization: NTLM TlRMTVNTUAAB\r\n\r\n"
#define C401                                                                                       \
	"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRMTVNTUAAC\r\n"                     \
	"Content-Length: 0\r\n\r\n"

static char *filler(size_t n)
{
	char *p = malloc(n);
	assert_non_null(p);
	memset(p, 'z', n);
	return p;
}

static bool over(const struct end *e)
{
	return e->closed || e->eof;
}

static uint64_t count(const struct world *w, enum proxy_counter c)
{
	return proxy_counters(w->proxy)[c];
}

static void send_filler(struct world *w, struct end *e, size_t n)
{
	char *p = filler(n);
	end_send_bytes(w, e, p, n);
	free(p);
}

/* ---- responses ------------------------------------------------------------------------------- */

/* RFC 9112 9.6: what we sent before our FIN reaches a slow reader, however long that takes. */
static void slow_reader_gets_all_of_a_response_that_ends_the_connection(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	c->paused = true;
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 240000\r\n\r\n");
	send_filler(w, &w->members[0], 240000);
	world_run(w, LG_SEC(1));
	assert_int_equal(w->last.end, PROXY_END_OK);
	world_run(w, LG_SEC(20));
	end_resume(w, c);
	world_run(w, LG_SEC(5));
	assert_true(c->len > 240000);
	assert_true(c->clean);
	world_free(w);
}

/* timeouts.body_progress counts what the client acknowledges, not how far our buffer is drained. */
static void slow_but_steady_reader_is_not_cut(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect_small(w, 65536);
	end_send(w, c, GET);
	c->paused = true;
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n");
	send_filler(w, &w->members[0], 900000);
	for (int i = 0; i < 10; i++) {
		world_run(w, LG_SEC(40));
		end_resume(w, c);
		world_run(w, LG_MS(1));
		c->paused = true;
	}
	assert_false(over(c));
	end_resume(w, c);
	world_run(w, LG_SEC(100)); /* until TCP is out of its back-off */
	assert_true(c->len > 900000);
	assert_false(over(c));
	world_free(w);
}

/* A pool that ends its stream with the response's last byte leaves nothing open behind. */
static void pool_connection_that_ended_with_the_response_is_let_go(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_queue(w, &w->members[0], OK, strlen(OK));
	end_queue_shutdown(w, &w->members[0]);
	world_run(w, LG_MS(100));
	assert_string_equal(c->text, OK);
	assert_false(over(c));
	assert_int_equal(proxy_pool_stats(w->proxy, 0)->active, 0);
	world_free(w);
}

/* LY-403: the same with an identity: the client has to begin again. */
static void authenticated_connection_that_ended_with_the_response_ends_the_client(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, NTLM);
	end_queue(w, &w->members[0], C401, strlen(C401));
	end_queue_shutdown(w, &w->members[0]);
	world_run(w, LG_MS(100));
	assert_received(c, "HTTP/1.1 401 ");
	assert_true(over(c));
	world_free(w);
}

/* RFC 9112 9.3: a client takes a 1.0 answer for the last one unless it is told otherwise. */
static void http_1_0_response_on_a_kept_connection_says_keep_alive(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0],
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
	assert_string_equal(c->text,
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
	assert_false(over(c));
	end_clear(c);
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	assert_string_equal(c->text, OK);
	assert_int_equal(w->n_members, 1);
	world_free(w);
}

/* RFC 9112 6.3: HEAD, 204 and 304 have no body whatever their fields say; the next answer follows.
 */
static void bodiless_responses_keep_the_connection(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"};
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	for (int i = 0; i < 3; i++) {
		end_send(w, c, i == 0 ? "HEAD /a HTTP/1.1\r\n" HOST "\r\n" : GET);
		end_send(w, &w->members[0], answers[i]);
		assert_string_equal(c->text, answers[i]);
		end_clear(c);
	}
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	assert_string_equal(c->text, OK);
	assert_int_equal(w->n_members, 1);
	world_free(w);
}

/* Without a length the end of the stream must be a real one: FIN, or close_notify under TLS. */
static void response_without_length_needs_a_real_end(void **state)
{
	(void)state;
	bool tls = world_mode == WORLD_TLS_1_3 || world_mode == WORLD_TLS_1_2;
	for (int cut = 0; cut < 2; cut++) {
		struct world *w = world_start();
		struct end *c = world_connect(w);
		end_send(w, c, GET);
		end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\n\r\nto the end");
		if (cut)
			end_fin(w, &w->members[0]);
		else
			end_shutdown(w, &w->members[0]);
		assert_received(c, "to the end");
		assert_true(over(c));
		if (cut && tls) {
			assert_false(c->clean);
			assert_int_equal(c->reason, TCP_REASON_RESET);
			assert_int_equal(w->last.end, PROXY_END_SERVER_TRUNCATED);
		} else {
			assert_true(c->clean);
			assert_int_equal(w->last.end, PROXY_END_OK);
		}
		world_free(w);
	}
}

/* RFC 9112 section 8: where only the end says that it is complete, a reset is no end. */
static void response_without_length_is_not_ended_by_a_reset(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\n\r\nto the end");
	end_reset(w, &w->members[0]);
	assert_true(over(c));
	assert_false(c->clean);
	assert_int_equal(c->reason, TCP_REASON_RESET);
	world_free(w);
}

/* A reset amid the response reaches the client as one; what passed is counted all the same. */
static void reset_amid_the_response_is_passed_on_and_counted(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	send_filler(w, &w->members[0], 5000);
	end_reset(w, &w->members[0]);
	assert_int_equal(c->reason, TCP_REASON_RESET);
	assert_int_equal(w->last.end, PROXY_END_SERVER_RESET);
	assert_true(count(w, PROXY_CTR_TX_BYTES) > 5000);
	assert_int_equal(count(w, PROXY_CTR_TX_BYTES), w->last.bytes_out);
	assert_int_equal(count(w, PROXY_CTR_RX_BYTES), strlen(GET));
	assert_int_equal(count(w, PROXY_CTR_RESPONSES), 0);
	world_free(w);
}

/* The pool's reset and the next request arrive together: a new connection serves it. */
static void request_that_crosses_the_pool_s_reset_is_served_anew(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	end_clear(c);
	end_queue(w, c, GET, strlen(GET));
	world_run(w, 0);
	end_reset(w, &w->members[0]);
	assert_int_equal(w->n_members, 2);
	end_send(w, &w->members[1], OK);
	assert_string_equal(c->text, OK);
	world_free(w);
}

/* What came before the request was sent on is no answer to it, also when both arrive together. */
static void unsolicited_bytes_that_cross_a_request_answer_nothing(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	const char *evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	end_clear(c);
	end_queue(w, c, GET, strlen(GET));
	world_run(w, 0);
	end_queue(w, &w->members[0], evil, strlen(evil));
	world_run(w, LG_MS(1));
	assert_string_equal(c->text, "");
	assert_int_equal(w->n_members, 2);
	end_send(w, &w->members[1], OK);
	assert_string_equal(c->text, OK);
	world_free(w);
}

/* LY-403: the identity is lost while the next head arrives: 503 and the end, no silent new try. */
static void identity_lost_amid_a_request_head_is_a_503(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, NTLM);
	end_send(w, &w->members[0], C401);
	end_clear(c);
	end_send(w, c, "GET /a HTTP/1.1\r\n" HOST);
	end_shutdown(w, &w->members[0]);
	end_send(w, c, "\r\n");
	assert_received(c, "HTTP/1.1 503 ");
	assert_true(over(c));
	assert_int_equal(w->n_members, 1);
	world_free(w);
}

/* ---- uploads --------------------------------------------------------------------------------- */

/* RFC 9112 9.6: the answer to an upload that still runs arrives; it is no reset. */
static void answer_amid_an_upload_reaches_the_client(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffff\r\n");
	for (int i = 0; i < 30 && !c->closed; i++)
		send_filler(w, c, 50000);
	assert_received(c, "HTTP/1.1 413 ");
	assert_received(c, "Connection: close\r\n");
	assert_true(c->eof && c->clean);
	assert_int_not_equal(c->reason, TCP_REASON_RESET);
	assert_true(over(&w->members[0]));
	assert_int_equal(w->last.end, PROXY_END_BODY_LIMIT);
	world_free(w);
}

/* The pool dies amid the upload: the client gets its 503. */
static void pool_that_dies_amid_an_upload_is_a_503(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct world *w = world_start();
		struct end *c = world_connect(w);
		end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 900000\r\n\r\n");
		send_filler(w, c, 50000);
		if (reset)
			end_reset(w, &w->members[0]);
		else
			end_shutdown(w, &w->members[0]);
		for (int i = 0; i < 10; i++)
			send_filler(w, c, 50000);
		assert_received(c, "HTTP/1.1 503 ");
		assert_true(c->clean);
		assert_int_equal(
			w->last.end, reset ? PROXY_END_SERVER_RESET : PROXY_END_SERVER_CLOSED);
		world_free(w);
	}
}

/* The whole answer was given; a body that never comes ends the connection in order. */
static void upload_that_stalls_after_its_answer_ends_in_order(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
	end_send(w, &w->members[0], OK);
	assert_string_equal(c->text, OK);
	world_run(w, LG_SEC(62));
	assert_true(c->eof && c->clean && !c->closed);
	assert_int_equal(w->last.end, PROXY_END_CLIENT_TIMEOUT_BODY);
	world_free(w);
}

/* LY-411: once the pool has said 100, it is the client that must move. */
static void client_that_stalls_after_100_is_a_408(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"POST /u HTTP/1.1\r\n" HOST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	world_run(w, LG_SEC(100));
	assert_int_equal(c->len, 0);
	end_send(w, &w->members[0], "HTTP/1.1 100 Continue\r\n\r\n");
	world_run(w, LG_SEC(62));
	assert_received(c, "HTTP/1.1 408 ");
	world_free(w);
}

/* A client may end its stream behind its body; a pool that takes it slowly still gets all of it. */
static void half_closed_upload_is_passed_on_whole(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n");
	w->members[0].paused = true;
	send_filler(w, c, 600000);
	end_shutdown(w, c);
	world_run(w, LG_SEC(5));
	end_resume(w, &w->members[0]);
	for (int i = 0; i < 100 && w->members[0].len < 600000; i++)
		world_run(w, LG_MS(100));
	assert_true(w->members[0].len > 600000);
	world_run(w, LG_MS(300));
	end_send(w, &w->members[0], OK);
	assert_received(c, "ok");
	world_free(w);
}

/* A body that ends too early is an abort, at once; the pool must not take it for whole. */
static void body_cut_short_by_the_client_s_end_aborts(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n");
	w->members[0].paused = true;
	send_filler(w, c, 500000);
	end_shutdown(w, c);
	end_resume(w, &w->members[0]);
	world_run(w, LG_MS(400));
	assert_true(over(&w->members[0]));
	assert_false(w->members[0].clean);
	assert_int_equal(w->last.end, PROXY_END_CLIENT_ABORT);
	world_free(w);
}

/* A running upload survives the drain; its answer closes the connection. */
static void drain_lets_a_running_upload_finish(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 90000\r\n\r\n");
	send_filler(w, c, 40000);
	proxy_drain(w->proxy, w->now);
	send_filler(w, c, 50000);
	assert_true(w->members[0].len > 90000);
	end_send(w, &w->members[0], OK);
	assert_received(c, "Connection: close\r\n\r\nok");
	assert_true(c->clean);
	world_free(w);
}

/* ---- clients' ends and timers ---------------------------------------------------------------- */

/* LY-407: a client that leaves while the pool pauses amid its response. */
static void client_that_leaves_a_pausing_response_frees_the_pool(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	world_run(w, LG_SEC(30));
	end_shutdown(w, c);
	world_run(w, LG_MS(900));
	assert_true(over(&w->members[0]));
	assert_int_equal(w->last.end, PROXY_END_CLIENT_ABORT);
	world_free(w);
}

/* The same client, half-closed, of a response that moves: it is let finish. */
static void half_closed_client_gets_a_response_that_moves(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_shutdown(w, c);
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		world_run(w, LG_MS(300));
		end_send(w, &w->members[0], "x");
	}
	assert_received(c, "xxxxxxxxxx");
	assert_true(c->clean);
	world_free(w);
}

/* RFC 9112 2.2: an empty line behind a body begins no request: no 408, no line in the log. */
static void empty_line_between_requests_leaves_the_connection_idle(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	end_clear(c);
	end_send(w, c, "\r\n");
	world_run(w, LG_SEC(100));
	assert_int_equal(c->len, 0);
	assert_false(over(c));
	assert_int_equal(w->n_access, 1);
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	assert_string_equal(c->text, OK);
	end_send(w, c, "\r\n");
	world_run(w, LG_SEC(1790));
	assert_false(over(c));
	world_run(w, LG_SEC(20));
	assert_true(c->clean);
	assert_int_equal(w->n_access, 2);
	assert_int_equal(proxy_ends(w->proxy)[PROXY_END_CLIENT_TIMEOUT_IDLE], 1);
	world_free(w);
}

/* The same line must not hold up the drain. */
static void empty_line_does_not_hold_up_the_drain(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "\r\n");
	proxy_drain(w->proxy, w->now);
	world_run(w, LG_MS(10));
	assert_true(c->eof);
	assert_int_equal(w->n_access, 0);
	world_free(w);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Law 5: answers of our own wait for a client that doesn't read, as the pool's do. */
static void local_answers_do_not_pile_up(void **state)
{
	static const char ask[] = "GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n";
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	struct tcp_gauges g;
	unsigned asked = 0, got = 0;

	c->paused = true;
	for (int i = 0; i < 400; i++) {
		for (int k = 0; k < 20 && asked < 3500 && tcp_tx_space(c->tcp) > 2000; k++, asked++)
			end_queue(w, c, ask, strlen(ask));
		world_run(w, LG_MS(2));
		tcp_stack_gauges(w->gateway, &g);
		assert_true(g.rx_truesize + g.tx_truesize < 700 * 1024);
	}
	end_resume(w, c);
	world_run(w, LG_SEC(10));
	for (const char *p = c->text; (p = strstr(p, "HTTP/1.1 404 ")) != NULL; p++)
		got++;
	assert_int_equal(got, asked);
	world_free(w);
}

/* A turn ends, the work doesn't: what is left of a burst is done without another event. */
static void burst_of_requests_is_served_over_several_turns(void **state)
{
	static const char ask[] = "GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n";
	char burst[200 * sizeof(ask)] = "";
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	for (int i = 0; i < 200; i++)
		memcpy(burst + (size_t)i * (sizeof(ask) - 1), ask, sizeof(ask));
	end_send(w, c, burst);
	assert_int_equal(count(w, PROXY_CTR_LOCAL_404), 200);
	world_free(w);
}

/* LY-413: a head of 60 KiB in segments (and records) of one byte: bounded memory, and it passes. */
static void large_head_in_single_bytes_costs_bounded_memory(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	struct tcp_gauges g;
	char *head = filler(60000);

	memcpy(head, "GET /a HTTP/1.1\r\n" HOST "X: ", strlen("GET /a HTTP/1.1\r\n" HOST "X: "));
	memcpy(head + 60000 - 4, "\r\n\r\n", 4);
	for (unsigned i = 0; i < 60000; i++) {
		end_queue(w, c, head + i, 1);
		tcp_flush(w->client, w->now);
		if (i % 8 == 7)
			world_run(w, 220);
		if (i % 8000 == 7999) {
			tcp_stack_gauges(w->gateway, &g);
			assert_true(g.rx_truesize + g.ooo_truesize < 200 * 1024);
			assert_true(rte_mempool_avail_count(world_gateway_mbufs()) > 3500);
		}
	}
	world_run(w, LG_SEC(1));
	assert_int_equal(w->n_members, 1);
	assert_int_equal(w->members[0].len, 60000);
	assert_memory_equal(w->members[0].text, head, 60000);
	free(head);
	world_free(w);
}

/* Who leaves while the handshake waits for its turn doesn't count against limits.handshakes_queued.
 */
static void clients_that_leave_the_handshake_queue_make_room_in_it(void **state)
{
	static const uint8_t record[] = {22, 3, 1, 0, 1, 0};
	struct end *c[24];
	(void)state;
	if (world_mode == WORLD_PLAIN)
		return;
	world_limits = ", handshakes_queued: 8";
	struct world *w = world_start();
	world_limits = "";
	for (unsigned i = 0; i < LG_ARRAY_SIZE(c); i++)
		c[i] = world_connect_raw(w, 443);
	/* In one turn of the world about ten get their step; the others are gone before theirs. */
	for (unsigned i = 0; i < LG_ARRAY_SIZE(c); i++)
		end_queue(w, c[i], record, sizeof(record));
	world_run(w, 1);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(c); i++)
		end_abort(c[i], w->now);
	world_run(w, LG_MS(5));
	assert_int_equal(proxy_session_count(w->proxy), 0);
	end_send(w, world_connect(w), GET);
	assert_int_equal(count(w, PROXY_CTR_REFUSED_HANDSHAKE_QUEUE), 0);
	assert_int_equal(w->n_members, 1);
	world_free(w);
}

/* The smallest limits.receive_buffer still holds a whole TLS record (RFC 8446 5.1: 16 KiB). */
static void smallest_receive_buffer_takes_the_largest_record(void **state)
{
	(void)state;
	world_limits = ", receive_buffer: 64KiB, request_head: 8KiB, request_field: 8KiB, "
		       "request_target: 4KiB";
	struct world *w = world_start();
	world_limits = "";
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\n" HOST "Content-Length: 300000\r\n\r\n");
	send_filler(w, c, 300000); /* behind the first 64 KiB lib/tls writes records of 16 KiB */
	world_run(w, LG_SEC(1));
	assert_true(w->members[0].len > 300000);
	world_free(w);
}

/* The pool is silent and no mbuf is left for the 504: the session ends, nothing else does. */
static void connect_timeout_without_mbufs_ends_the_session(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	w->cut = true;
	end_send(w, c, GET);
	world_hold_mbufs(w, 0);
	world_run(w, LG_SEC(30));
	assert_int_equal(proxy_session_count(w->proxy), 0);
	world_hold_mbufs(w, ~0u);
	w->cut = false;
	c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[w->n_members - 1], OK);
	assert_string_equal(c->text, OK);
	world_free(w);
}

/* TLS to a silent pool: its own timer fires while no mbuf is left. */
static void handshake_timeout_without_mbufs_ends_the_session(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	w->mute_members = true;
	end_send(w, c, GET);
	world_hold_mbufs(w, 0);
	world_run(w, LG_SEC(2000));
	assert_int_equal(proxy_session_count(w->proxy), 0);
	assert_true(proxy_ends(w->proxy)[PROXY_END_NO_MEMORY] == 1);
	assert_int_equal(count(w, PROXY_CTR_REFUSED_NOMEM), 1);
	world_free(w);
}

/* ---- start-up -------------------------------------------------------------------------------- */

/* Makes a second proxy on the gateway's stack, which can't be, and checks that the text says why.
 */
static void assert_not_made(struct world *w, const char *why)
{
	char err[256] = "";
	struct proxy_params pp = {
		.conf = w->conf, .tcp = w->gateway, .tls = w->tls, .pool = world_gateway_mbufs()};

	assert_null(proxy_create(&pp, err, sizeof(err)));
	if (strstr(err, why) == NULL)
		print_error("expected >>%s<< in >>%s<<\n", why, err);
	assert_non_null(strstr(err, why));
}

static void a_listener_that_cannot_be_opened_is_explained(void **state)
{
	struct world *w = world_new();
	struct tcp_opts o;
	struct conf_listener *first = &w->conf->listeners[0];
	const char *cc = first->tcp.congestion_control;
	(void)state;

	assert_not_made(w, "another listener has the same address and port");
	first->tcp.congestion_control = "vegas";
	assert_not_made(w, "no such congestion control");
	first->tcp.congestion_control = cc;
	tcp_opts_default(&o);
	for (uint16_t port = 10000;
		tcp_listen(w->gateway, NET_EXTERNAL, &first->ip, port, &o, NULL) >= 0; port++)
		assert_true(port < 20000);
	first->port = 9;
	assert_not_made(w, "too many listeners");
	world_free(w);
}

int main(void)
{
	int failed = 0;
	const struct CMUnitTest tests[] = {
		WORLD_TEST(slow_reader_gets_all_of_a_response_that_ends_the_connection),
		WORLD_TEST(slow_but_steady_reader_is_not_cut),
		WORLD_TEST(pool_connection_that_ended_with_the_response_is_let_go),
		WORLD_TEST(authenticated_connection_that_ended_with_the_response_ends_the_client),
		WORLD_TEST(http_1_0_response_on_a_kept_connection_says_keep_alive),
		WORLD_TEST(bodiless_responses_keep_the_connection),
		WORLD_TEST(response_without_length_needs_a_real_end),
		WORLD_TEST(response_without_length_is_not_ended_by_a_reset),
		WORLD_TEST(reset_amid_the_response_is_passed_on_and_counted),
		WORLD_TEST(request_that_crosses_the_pool_s_reset_is_served_anew),
		WORLD_TEST(unsolicited_bytes_that_cross_a_request_answer_nothing),
		WORLD_TEST(identity_lost_amid_a_request_head_is_a_503),
		WORLD_TEST(answer_amid_an_upload_reaches_the_client),
		WORLD_TEST(pool_that_dies_amid_an_upload_is_a_503),
		WORLD_TEST(upload_that_stalls_after_its_answer_ends_in_order),
		WORLD_TEST(client_that_stalls_after_100_is_a_408),
		WORLD_TEST(half_closed_upload_is_passed_on_whole),
		WORLD_TEST(body_cut_short_by_the_client_s_end_aborts),
		WORLD_TEST(drain_lets_a_running_upload_finish),
		WORLD_TEST(client_that_leaves_a_pausing_response_frees_the_pool),
		WORLD_TEST(half_closed_client_gets_a_response_that_moves),
		WORLD_TEST(empty_line_between_requests_leaves_the_connection_idle),
		WORLD_TEST(empty_line_does_not_hold_up_the_drain),
		WORLD_TEST(local_answers_do_not_pile_up),
		WORLD_TEST(burst_of_requests_is_served_over_several_turns),
		WORLD_TEST(large_head_in_single_bytes_costs_bounded_memory),
		WORLD_TEST(clients_that_leave_the_handshake_queue_make_room_in_it),
		WORLD_TEST(smallest_receive_buffer_takes_the_largest_record),
		WORLD_TEST(connect_timeout_without_mbufs_ends_the_session),
		WORLD_TEST(handshake_timeout_without_mbufs_ends_the_session),
		WORLD_TEST(a_listener_that_cannot_be_opened_is_explained),
	};

	test_eal_init();
	certs_make();
	for (unsigned m = 0; m < WORLD_MODES; m++) {
		world_mode = (enum world_mode)m;
		print_message("-- %s\n", world_mode_name(world_mode));
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	certs_remove();
	return failed;
}
