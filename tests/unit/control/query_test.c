/* SPDX-License-Identifier: BSD-3-Clause */
/* A question about connections crosses from one thread to the worker's and back. */
#include "tcp/peer.h"

#include <errno.h>
#include <pthread.h>

#include "control/control.h"

#define CONNS 30

static struct peer peer_;
static struct ctl_query query_;
static bool stop_, hang_;

/* Waits for questions as a worker's loop does. */
static void *worker(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop_, __ATOMIC_ACQUIRE))
		if (!__atomic_load_n(&hang_, __ATOMIC_ACQUIRE))
			ctl_query_serve(&query_, peer_.s, peer_.now);
	return NULL;
}

static pthread_t start(void)
{
	pthread_t t;
	peer_start_at(&peer_, LG_SEC(1000), NULL);
	peer_listen(&peer_);
	for (unsigned i = 0; i < CONNS; i++) {
		peer_.peer_port = (uint16_t)(40000 + i);
		peer_open(&peer_);
	}
	memset(&query_, 0, sizeof(query_));
	stop_ = false;
	assert_int_equal(pthread_create(&t, NULL, worker, NULL), 0);
	return t;
}

static void finish(pthread_t t)
{
	__atomic_store_n(&stop_, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	peer_stop(&peer_);
}

static void one_connection_is_found_by_its_peer(void **state)
{
	struct ctl_query_ask ask = {.one = true, .state = -1, .max = 1, .port = 40017};
	(void)state;
	pthread_t t = start();
	ask.ip = peer_.peer_ip;
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_SEC(5)), 0);
	assert_int_equal(query_.n, 1);
	assert_int_equal(query_.rows[0].tcp.key.rport, 40017);
	assert_int_equal(query_.rows[0].listener, -1); /* no session here */
	ask.port = 39999;
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_SEC(5)), 0);
	assert_int_equal(query_.n, 0);
	finish(t);
}

static void pages_hold_every_connection_once(void **state)
{
	struct ctl_query_ask ask = {.state = -1, .max = CTL_QUERY_ROWS};
	bool seen[CONNS] = {false};
	unsigned pages = 0, n = 0;
	(void)state;
	pthread_t t = start();
	do {
		assert_int_equal(ctl_query_ask(&query_, &ask, LG_SEC(5)), 0);
		for (unsigned i = 0; i < query_.n; i++) {
			unsigned k = query_.rows[i].tcp.key.rport - 40000u;
			assert_true(k < CONNS && !seen[k]);
			seen[k] = true;
		}
		n += query_.n;
		ask.from = query_.next;
		pages++;
	} while (query_.next != 0);
	assert_int_equal(n, CONNS);
	assert_int_equal(pages, 2);
	finish(t);
}

static void filters_choose(void **state)
{
	struct ctl_query_ask ask = {.state = TCP_TIME_WAIT, .max = CTL_QUERY_ROWS};
	(void)state;
	pthread_t t = start();
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_SEC(5)), 0);
	assert_int_equal(query_.n, 0);
	ask.state = TCP_ESTABLISHED;
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_SEC(5)), 0);
	assert_int_equal(query_.n, CTL_QUERY_ROWS);
	assert_int_equal(lg_ip_parse("203.0.113.99", &ask.ip), 0);
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_SEC(5)), 0);
	assert_int_equal(query_.n, 0);
	finish(t);
}

/* A worker that hangs: nobody waits for ever, and its late answer can't be taken for another's. */
static void a_silent_worker_is_given_up_and_asked_again_later(void **state)
{
	struct ctl_query_ask ask = {.state = -1, .max = 3};
	(void)state;
	hang_ = true;
	pthread_t t = start();
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_MS(5)), -ETIMEDOUT);
	ask.max = 5;
	assert_int_equal(ctl_query_ask(&query_, &ask, LG_MS(5)), -EBUSY);
	__atomic_store_n(&hang_, false, __ATOMIC_RELEASE);
	int rc;
	while ((rc = ctl_query_ask(&query_, &ask, LG_SEC(5))) == -EBUSY)
		usleep(1000);
	assert_int_equal(rc, 0);
	assert_int_equal(query_.n, 5);
	finish(t);
}

int main(void)
{
	test_eal_init();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_is_found_by_its_peer),
		cmocka_unit_test(pages_hold_every_connection_once),
		cmocka_unit_test(filters_choose),
		cmocka_unit_test(a_silent_worker_is_given_up_and_asked_again_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
