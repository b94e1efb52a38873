/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session does, on real TCP stacks under a virtual clock, with and without TLS. */
#include <string.h>

#include "certs.h"
#include "world.h"

#define GET "GET /a HTTP/1.1\r\nHost: fwd.example.com\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* LY-401, LY-404: bytes as they came, without hop-by-hop fields; the pool connection is kept. */
static void forwards_bytes_unchanged_but_hop_by_hop_fields(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"GET /A%2fb?x=%252F HTTP/1.1\r\nHost: FWD.example.com:80\r\nConnection: close, "
		"X-Hop\r\n"
		"X-Hop: 1\r\nX-Keep:  a  b \r\nKeep-Alive: 3\r\n\r\n");
	assert_int_equal(w->n_members, 1);
	assert_string_equal(w->members[0].text, "GET /A%2fb?x=%252F HTTP/1.1\r\nHost: "
						"FWD.example.com:80\r\nX-Keep:  a  b \r\n\r\n");
	end_send(w, &w->members[0],
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: 1\r\nETag: \"x\"\r\n\r\nok");
	assert_string_equal(c->text, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "
				     "\"x\"\r\nConnection: close\r\n\r\nok");
	assert_true(c->eof);
	assert_int_equal(w->last.end, PROXY_END_OK);
	assert_int_equal(w->last.status, 200);
	world_free(w);
}

/* LY-403: the pool connection stays with its client, over many requests, and is no one else's. */
static void pool_connection_belongs_to_one_client(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *a = world_connect(w);
	struct end *b = world_connect(w);
	for (int i = 0; i < 5; i++) {
		end_send(w, a, GET);
		assert_int_equal(w->n_members, i == 0 ? 1 : 2);
		end_send(w, &w->members[0], OK);
		assert_received(a, "ok");
		end_clear(a);
		end_send(w, b, GET);
		assert_int_equal(w->n_members, 2);
		end_send(w, &w->members[1], OK);
		assert_received(b, "ok");
		end_clear(b);
	}
	end_reset(w, a);
	assert_true(w->members[0].closed || w->members[0].eof);
	assert_false(w->members[1].closed || w->members[1].eof);
	world_free(w);
}

/* LY-418: pipelined requests are answered in order, one at a time. */
static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"GET /1 HTTP/1.1\r\nHost: fwd.example.com\r\n\r\n"
		"GET /2 HTTP/1.1\r\nHost: other.example.com\r\n\r\n"
		"GET /3 HTTP/1.1\r\nHost: fwd.example.com\r\n\r\n");
	assert_int_equal(w->n_members, 1);
	assert_null(strstr(w->members[0].text, "/3"));
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
	/* the second server of the pool refuses; the connect goes on to the one that listens */
	world_run(w, LG_SEC(1));
	assert_int_equal(w->n_members, 2);
	end_send(w, &w->members[1],
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n");
	assert_received(&w->members[0], "GET /3");
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
	assert_string_equal(c->text,
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
	world_free(w);
}

/* A14, LY-406: a pending GET of 1,800 s lives. */
static void pending_get_of_1800_s_is_answered(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	world_run(w, LG_SEC(1800));
	assert_false(c->eof);
	end_send(w, &w->members[0], OK);
	assert_received(c, "ok");
	world_free(w);
}

/* LY-406, LY-412: after response_header the answer is 504. */
static void silent_pool_is_a_504_after_1860_s(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	world_run(w, LG_SEC(1859));
	assert_int_equal(c->len, 0);
	world_run(w, LG_SEC(2));
	assert_received(c, "HTTP/1.1 504 ");
	assert_true(c->eof);
	assert_true(w->members[0].closed || w->members[0].eof);
	assert_int_equal(w->last.end, PROXY_END_SERVER_TIMEOUT_HEADER);
	world_free(w);
}

/* A15, LY-407: the client's end closes the pool's side within a second. */
static void client_end_closes_pool_side_within_a_second(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct world *w = world_start();
		struct end *c = world_connect(w);
		end_send(w, c, GET);
		world_run(w, LG_SEC(100));
		if (reset)
			end_reset(w, c);
		else
			end_shutdown(w, c);
		world_run(w, LG_MS(900));
		assert_true(w->members[0].closed || w->members[0].eof);
		assert_int_equal(w->last.end, PROXY_END_CLIENT_ABORT);
		world_free(w);
	}
}

/* A client that sends its request and FIN together still gets the answer of a pool that has one. */
static void half_closed_client_gets_a_prompt_answer(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_shutdown(w, c);
	world_run(w, LG_MS(200));
	end_send(w, &w->members[0], OK);
	assert_received(c, "ok");
	world_run(w, LG_SEC(1));
	assert_true(c->eof);
	world_free(w);
}

/* LY-412: no member answers: 503 with Retry-After, never 502; the pool back: served again (A26). */
static void pool_down_is_a_503_with_retry_after(void **state)
{
	(void)state;
	struct world *w = world_new();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	world_run(w, LG_SEC(12)); /* 10.0.0.11 doesn't listen: the SYN is dropped, timeouts.connect
				     passes */
	assert_received(c, "HTTP/1.1 50");
	assert_null(strstr(c->text, " 502 "));
	world_listen(w, "10.0.0.11");
	c = world_connect(w);
	end_send(w, c, GET);
	assert_int_equal(w->n_members, 1);
	end_send(w, &w->members[0], OK);
	assert_received(c, "ok");
	world_free(w);
}

/* LY-415, LY-204, LY-102 */
static void local_answers_redirect_404_off(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect_raw(w, 80);
	end_send(w, c, "GET /x?y=1 HTTP/1.1\r\nHost: meet.example.com\r\n\r\n");
	assert_received(c, "HTTP/1.1 301 ");
	assert_received(c, "\r\nLocation: https://meet.example.com/x?y=1\r\n");
	end_clear(c);
	end_send(w, c, "GET / HTTP/1.1\r\nHost: unknown.example.com\r\n\r\n");
	assert_received(c, "HTTP/1.1 404 ");
	end_clear(c);
	end_send(w, c, "GET / HTTP/1.1\r\nHost: off.example.com\r\n\r\n");
	assert_received(c, "HTTP/1.1 404 ");
	assert_false(c->eof);
	assert_int_equal(w->n_members, 0);
	world_free(w);
}

/* LY-418: ambiguous framing is refused and nothing of it reaches the pool. */
static void ambiguous_request_is_a_400_and_reaches_nobody(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"POST / HTTP/1.1\r\nHost: fwd.example.com\r\nContent-Length: 3\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n");
	assert_received(c, "HTTP/1.1 400 ");
	assert_true(c->eof);
	assert_int_equal(w->n_members, 0);
	assert_int_equal(w->last.end, PROXY_END_BAD_REQUEST);
	world_free(w);
}

/* LY-406: a head that isn't finished in 30 s is a 408, by its own timer. */
static void slow_header_is_a_408_after_30_s(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "GET / HT");
	for (int i = 0; i < 29; i++) {
		world_run(w, LG_SEC(1));
		assert_int_equal(c->len, 0);
	}
	world_run(w, LG_SEC(2));
	assert_received(c, "HTTP/1.1 408 ");
	assert_int_equal(w->last.end, PROXY_END_CLIENT_TIMEOUT_HEADER);
	world_free(w);
}

/* LY-406: an idle connection lives 1,800 s, then it is closed in order. */
static void idle_connection_is_closed_after_1800_s(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	world_run(w, LG_SEC(1790));
	assert_false(c->eof);
	world_run(w, LG_SEC(11));
	assert_true(c->eof);
	world_free(w);
}

/* LY-410: a body that stops moving is cut by progress, a slow one is not. */
static void stalled_upload_is_a_408_and_slow_one_passes(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "POST /u HTTP/1.1\r\nHost: fwd.example.com\r\nContent-Length: 10\r\n\r\n");
	for (int i = 0; i < 9; i++) {
		world_run(w, LG_SEC(50));
		end_send(w, c, "x");
	}
	assert_int_equal(c->len, 0);
	world_run(w, LG_SEC(61));
	assert_received(c, "HTTP/1.1 408 ");
	assert_true(w->members[0].closed || w->members[0].eof);
	assert_int_equal(w->last.end, PROXY_END_CLIENT_TIMEOUT_BODY);
	world_free(w);
}

/* limits.request_body, by Content-Length at once and by counting chunks. */
static void body_over_the_limit_is_a_413(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"POST /u HTTP/1.1\r\nHost: fwd.example.com\r\nContent-Length: 1000001\r\n\r\n");
	assert_received(c, "HTTP/1.1 413 ");
	assert_int_equal(w->n_members, 0);
	c = world_connect(w);
	end_send(w, c,
		"POST /u HTTP/1.1\r\nHost: fwd.example.com\r\nTransfer-Encoding: "
		"chunked\r\n\r\n10000000\r\n");
	char *block = calloc(1, 1100000);
	end_send_bytes(w, c, block, 1100000);
	world_run(w, LG_SEC(1));
	free(block);
	assert_received(c, "HTTP/1.1 413 ");
	world_free(w);
}

/* LY-411: 100 and the final answer come from the pool; a 401 instead of 100 arrives promptly. */
static void expect_100_continue_passes_through(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"POST /u HTTP/1.1\r\nHost: fwd.example.com\r\nContent-Length: 4\r\nExpect: "
		"100-continue\r\n\r\n");
	assert_int_equal(c->len, 0);
	assert_received(&w->members[0], "Expect: 100-continue");
	end_send(w, &w->members[0], "HTTP/1.1 100 Continue\r\n\r\n");
	assert_string_equal(c->text, "HTTP/1.1 100 Continue\r\n\r\n");
	end_clear(c);
	end_send(w, c, "body");
	assert_received(&w->members[0], "\r\n\r\nbody");
	end_send(w, &w->members[0], OK);
	assert_string_equal(c->text, OK);
	end_clear(c);
	end_send(w, c,
		"POST /u HTTP/1.1\r\nHost: fwd.example.com\r\nContent-Length: 4\r\nExpect: "
		"100-continue\r\n\r\n");
	end_send(w, &w->members[0],
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n");
	assert_received(c, "HTTP/1.1 401 ");
	assert_false(c->eof);
	end_send(w, c, "body" GET); /* the framing still holds: body, then the next request */
	assert_received(&w->members[0], "body" GET);
	assert_int_equal(w->n_members, 1);
	world_free(w);
}

/* LY-418: a 1.0 client gets no chunks and no 1xx, and its connection closes. */
static void http_1_0_client_is_served_and_closed(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, "GET /a HTTP/1.0\r\nHost: fwd.example.com\r\n\r\n");
	assert_string_equal(w->members[0].text, "GET /a HTTP/1.0\r\nHost: fwd.example.com\r\n\r\n");
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
	end_shutdown(w, &w->members[0]);
	assert_string_equal(c->text, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
	assert_true(c->eof);
	world_free(w);
}

/* A response cut short must not look complete: the client sees a reset, not an end. */
static void truncated_response_resets_the_client(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
	end_shutdown(w, &w->members[0]);
	assert_true(c->closed);
	assert_int_equal(c->reason, TCP_REASON_RESET);
	assert_int_equal(w->last.end, PROXY_END_SERVER_CLOSED);
	world_free(w);
}

/* LY-412: the pool's connection dies before the response: 503. */
static void pool_that_dies_before_the_response_is_a_503(void **state)
{
	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct world *w = world_start();
		struct end *c = world_connect(w);
		end_send(w, c, GET);
		if (reset)
			end_reset(w, &w->members[0]);
		else
			end_shutdown(w, &w->members[0]);
		assert_received(c, "HTTP/1.1 503 ");
		assert_received(c, "\r\nRetry-After: ");
		world_free(w);
	}
}

static void malformed_response_is_a_503(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0],
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_received(c, "HTTP/1.1 503 ");
	assert_int_equal(w->last.end, PROXY_END_SERVER_BAD_RESPONSE);
	world_free(w);
}

/* Bytes after a response are nobody's: they must never become the answer to the next request. */
static void unsolicited_bytes_close_the_pool_connection(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
	assert_string_equal(c->text, OK);
	end_clear(c);
	end_send(w, c, GET);
	assert_int_equal(w->n_members, 2);
	end_send(w, &w->members[1], OK);
	assert_string_equal(c->text, OK);
	end_send(w, &w->members[1], "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
	assert_true(w->members[1].closed || w->members[1].eof);
	assert_string_equal(c->text, OK);
	world_free(w);
}

/* LY-403, A13: with the identity gone, the client has to begin again. */
static void lost_ntlm_connection_closes_the_client(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c,
		"GET /a HTTP/1.1\r\nHost: fwd.example.com\r\nAuthorization: NTLM "
		"TlRMTVNTUAAB\r\n\r\n");
	end_send(w, &w->members[0],
		"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM "
		"TlRMTVNTUAAC\r\nContent-Length: 0\r\n\r\n");
	assert_received(c, "HTTP/1.1 401 ");
	end_shutdown(w, &w->members[0]);
	assert_true(c->eof);
	world_free(w);
}

/* Without an identity the next request simply opens a new connection. */
static void lost_anonymous_connection_is_replaced(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	end_send(w, &w->members[0], OK);
	end_shutdown(w, &w->members[0]);
	end_clear(c);
	end_send(w, c, GET);
	assert_int_equal(w->n_members, 2);
	end_send(w, &w->members[1], OK);
	assert_string_equal(c->text, OK);
	world_free(w);
}

/* How often s had to ask whether a closed window is open again. */
static uint64_t window_probes(const struct tcp_stack *s)
{
	return tcp_stack_counters(s)[TCP_CTR_ZERO_WINDOW_PROBES];
}

/* A17, law 5: a client that doesn't read stops the pool; memory stays bounded; then all arrives. */
static void slow_reader_stops_the_pool_and_loses_nothing(void **state)
{
	uint64_t probes = 0;
	(void)state;
	struct world *w = world_start();
	struct tcp_gauges g;
	size_t total = 900000, sent = 0;
	char *block = malloc(9000);

	memset(block, 'z', 9000);
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	struct end *m = &w->members[0];
	end_send(w, m, "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n");
	c->paused = true;
	for (int i = 0; i < 400 && sent < total; i++) {
		if (tcp_tx_space(m->tcp) > 20000) {
			end_send_bytes(w, m, block, 9000);
			sent += 9000;
		}
		if (i == 200) {
			assert_true(sent < total);
			tcp_stack_gauges(w->gateway, &g);
			assert_true(g.rx_truesize + g.tx_truesize < 800 * 1024);
			c->paused = false;
			probes = window_probes(w->pool);
			assert_true(probes > 0);
		}
		if (!c->paused)
			end_resume(w, c);
		world_run(w, LG_MS(50));
	}
	world_run(w, LG_SEC(2));
	/* What the client reads opens the pool's window at once: nobody has to ask. */
	assert_int_equal(window_probes(w->pool), probes);
	free(block);
	assert_int_equal(sent, total);
	assert_int_equal(
		c->len, total + strlen("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n"));
	world_free(w);
}

/* Drain: idle sessions end at once, a running exchange finishes and says close; no new client. */
static void drain_finishes_what_runs_and_closes_the_rest(void **state)
{
	(void)state;
	struct world *w = world_start();
	struct end *idle = world_connect(w);
	struct end *busy = world_connect(w);
	end_send(w, busy, GET);
	proxy_drain(w->proxy, w->now);
	world_run(w, LG_MS(10));
	assert_true(idle->eof);
	assert_false(busy->eof);
	end_send(w, &w->members[0], OK);
	assert_received(busy, "Connection: close\r\n");
	assert_received(busy, "\r\n\r\nok");
	assert_true(busy->eof);
	world_free(w);
}

/* More clients than limits.connections: refused, counted; others unharmed. */
static void session_limit_refuses_and_recovers(void **state)
{
	(void)state;
	struct world *w = world_start();
	for (int i = 0; i < 32; i++)
		world_connect(w);
	struct end *over = world_connect(w);
	world_run(w, LG_MS(10));
	assert_true(over->closed);
	assert_int_equal(proxy_counters(w->proxy)[PROXY_CTR_REFUSED_SESSIONS], 1);
	end_reset(w, &w->clients[0]);
	struct end *c = world_connect(w);
	end_send(w, c, GET);
	assert_int_equal(w->n_members, 1);
	world_free(w);
}

int main(void)
{
	int failed = 0;
	const struct CMUnitTest tests[] = {
		WORLD_TEST(forwards_bytes_unchanged_but_hop_by_hop_fields),
		WORLD_TEST(pool_connection_belongs_to_one_client),
		WORLD_TEST(pipelined_requests_are_answered_in_order),
		WORLD_TEST(pending_get_of_1800_s_is_answered),
		WORLD_TEST(silent_pool_is_a_504_after_1860_s),
		WORLD_TEST(client_end_closes_pool_side_within_a_second),
		WORLD_TEST(half_closed_client_gets_a_prompt_answer),
		WORLD_TEST(pool_down_is_a_503_with_retry_after),
		WORLD_TEST(local_answers_redirect_404_off),
		WORLD_TEST(ambiguous_request_is_a_400_and_reaches_nobody),
		WORLD_TEST(slow_header_is_a_408_after_30_s),
		WORLD_TEST(idle_connection_is_closed_after_1800_s),
		WORLD_TEST(stalled_upload_is_a_408_and_slow_one_passes),
		WORLD_TEST(body_over_the_limit_is_a_413),
		WORLD_TEST(expect_100_continue_passes_through),
		WORLD_TEST(http_1_0_client_is_served_and_closed),
		WORLD_TEST(truncated_response_resets_the_client),
		WORLD_TEST(pool_that_dies_before_the_response_is_a_503),
		WORLD_TEST(malformed_response_is_a_503),
		WORLD_TEST(unsolicited_bytes_close_the_pool_connection),
		WORLD_TEST(lost_ntlm_connection_closes_the_client),
		WORLD_TEST(lost_anonymous_connection_is_replaced),
		WORLD_TEST(slow_reader_stops_the_pool_and_loses_nothing),
		WORLD_TEST(drain_finishes_what_runs_and_closes_the_rest),
		WORLD_TEST(session_limit_refuses_and_recovers),
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
