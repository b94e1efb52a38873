/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "flow/flow.h"

#define POOL_SIZE    1023
#define PRODUCERS    3
#define PER_PRODUCER 3000

static struct rte_mempool *pool;

static int no_leak(void **state)
{
	(void)state;
	return rte_mempool_avail_count(pool) == POOL_SIZE ? 0 : -1;
}

/* A received segment: n payload bytes, the frame's `stripped` header bytes taken off in front. */
static struct rte_mbuf *segment(uint16_t stripped, const void *data, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	assert_non_null(m);
	memset(rte_pktmbuf_append(m, stripped), 0xee, stripped);
	memcpy(rte_pktmbuf_append(m, n), data, n);
	assert_non_null(rte_pktmbuf_adj(m, stripped));
	return m;
}

static struct net_pkt packet(struct rte_mbuf *m)
{
	struct net_pkt pkt = {.m = m, .side = NET_INTERNAL, .ecn = 3};
	assert_int_equal(lg_ip_parse("2001:db8::1", &pkt.src), 0);
	assert_int_equal(lg_ip_parse("2001:db8::2", &pkt.dst), 0);
	return pkt;
}

static void a_tcp_segment_arrives_as_it_left(void **state)
{
	struct flow_handoff *h = flow_handoff_create(2, 8);
	struct rte_mbuf before;
	struct flow_handoff_msg msg[NET_BURST];
	(void)state;
	struct rte_mbuf *m = segment(54, "first", 5);
	assert_int_equal(rte_pktmbuf_chain(m, segment(0, "second", 6)), 0);
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	before = *m;
	struct net_pkt pkt = packet(m);
	assert_true(flow_handoff_tcp(h, 1, &pkt));
	assert_int_equal(flow_handoff_receive(h, 0, msg, NET_BURST), 0);
	assert_int_equal(flow_handoff_receive(h, 1, msg, NET_BURST), 1);
	assert_int_equal(msg[0].kind, FLOW_HANDOFF_TCP);
	assert_ptr_equal(msg[0].pkt.m, m);
	assert_memory_equal(m, &before, sizeof(before));
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), "first", 5);
	assert_memory_equal(rte_pktmbuf_mtod(m->next, char *), "second", 6);
	assert_true(lg_ip_eq(&msg[0].pkt.src, &pkt.src));
	assert_true(lg_ip_eq(&msg[0].pkt.dst, &pkt.dst));
	assert_int_equal(msg[0].pkt.side, NET_INTERNAL);
	assert_int_equal(msg[0].side, NET_INTERNAL);
	assert_int_equal(msg[0].pkt.ecn, 3);
	assert_int_equal(flow_handoff_receive(h, 1, msg, NET_BURST), 0);
	rte_pktmbuf_free(m);
	flow_handoff_free(h);
}

static void a_neighbour_frame_arrives_whole(void **state)
{
	struct flow_handoff *h = flow_handoff_create(1, 8);
	struct flow_handoff_msg msg;
	char frame[60];
	(void)state;
	memset(frame, 0x42, sizeof(frame));
	struct rte_mbuf *m = segment(0, frame, sizeof(frame));
	assert_true(flow_handoff_neighbour(h, 0, NET_INTERNAL, m));
	assert_int_equal(flow_handoff_receive(h, 0, &msg, 1), 1);
	assert_int_equal(msg.kind, FLOW_HANDOFF_NEIGHBOUR);
	assert_int_equal(msg.side, NET_INTERNAL);
	assert_ptr_equal(msg.pkt.m, m);
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), frame, sizeof(frame));
	rte_pktmbuf_free(m);
	flow_handoff_free(h);
}

static void an_icmp_error_arrives_and_its_mbuf_is_free(void **state)
{
	struct flow_handoff *h = flow_handoff_create(1, 8);
	struct flow_handoff_msg msg;
	struct net_icmp_error err = {.lport = 443,
		.rport = 50000,
		.seq = 0xfeedbeef,
		.kind = NET_ICMP_TOO_BIG,
		.mtu = 1280,
		.side = NET_EXTERNAL};
	(void)state;
	err.local = lg_ip_from_v4(1);
	err.remote = lg_ip_from_v4(2);
	assert_true(flow_handoff_icmp(h, 0, &err, pool));
	assert_int_equal(flow_handoff_receive(h, 0, &msg, 1), 1);
	assert_int_equal(msg.kind, FLOW_HANDOFF_ICMP);
	assert_int_equal(msg.side, NET_EXTERNAL);
	assert_memory_equal(&msg.err, &err, sizeof(err));
	assert_int_equal(rte_mempool_avail_count(pool), POOL_SIZE);
	flow_handoff_free(h);
}

/* Law 4: the ring's size is the limit, and what is refused is freed. */
static void a_full_ring_refuses_and_frees(void **state)
{
	struct flow_handoff *h = flow_handoff_create(2, 10);
	struct net_icmp_error err = {.lport = 1};
	struct flow_handoff_msg msg[NET_BURST];
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct net_pkt pkt = packet(segment(54, &i, sizeof(i)));
		assert_true(flow_handoff_tcp(h, 0, &pkt));
	}
	struct net_pkt pkt = packet(segment(54, "x", 1));
	assert_false(flow_handoff_tcp(h, 0, &pkt));
	assert_false(flow_handoff_neighbour(h, 0, NET_EXTERNAL, segment(0, "x", 1)));
	assert_false(flow_handoff_icmp(h, 0, &err, pool));
	assert_int_equal(rte_mempool_in_use_count(pool), 10);
	assert_true(flow_handoff_icmp(h, 1, &err, pool)); /* the other worker's ring has room */
	assert_int_equal(flow_handoff_receive(h, 0, msg, 4), 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_memory_equal(rte_pktmbuf_mtod(msg[i].pkt.m, char *), &i, sizeof(i));
		rte_pktmbuf_free(msg[i].pkt.m);
	}
	flow_handoff_free(h); /* frees the seven that nobody received */
}

static void without_room_in_front_the_packet_is_dropped(void **state)
{
	struct flow_handoff *h = flow_handoff_create(1, 8);
	(void)state;
	struct rte_mbuf *m = segment(0, "x", 1);
	assert_non_null(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM - 8));
	struct net_pkt pkt = packet(m);
	assert_false(flow_handoff_tcp(h, 0, &pkt));
	flow_handoff_free(h);
}

/* The room in front of a shared buffer's data belongs to others too. */
static void a_shared_buffer_is_dropped_and_not_written(void **state)
{
	struct flow_handoff *h = flow_handoff_create(1, 8);
	(void)state;
	struct rte_mbuf *owner = segment(54, "data", 4), *clone = rte_pktmbuf_alloc(pool);
	rte_pktmbuf_attach(clone, owner);
	struct net_pkt pkt = packet(clone);
	assert_false(flow_handoff_tcp(h, 0, &pkt));
	for (int i = 1; i <= 54; i++)
		assert_int_equal(rte_pktmbuf_mtod(owner, uint8_t *)[-i], 0xee);
	rte_pktmbuf_free(owner);
	flow_handoff_free(h);
}

static void without_mbufs_an_icmp_error_is_refused(void **state)
{
	static struct rte_mbuf *held[POOL_SIZE];
	struct flow_handoff *h = flow_handoff_create(1, 8);
	struct net_icmp_error err = {.lport = 1};
	(void)state;
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, held, POOL_SIZE), 0);
	assert_false(flow_handoff_icmp(h, 0, &err, pool));
	rte_pktmbuf_free_bulk(held, POOL_SIZE);
	flow_handoff_free(h);
}

static void impossible_sizes_are_refused(void **state)
{
	(void)state;
	assert_null(flow_handoff_create(0, 8));
	assert_null(flow_handoff_create(1, 0));
	assert_null(flow_handoff_create(1, UINT32_MAX));
	flow_handoff_free(NULL);
}

struct producer {
	struct flow_handoff *h;
	uint32_t id, refused;
};

static void *produce(void *arg)
{
	struct producer *p = arg;
	for (uint32_t i = 0; i < PER_PRODUCER;) {
		struct net_icmp_error err = {.lport = (uint16_t)p->id, .seq = i};
		if (flow_handoff_icmp(p->h, 0, &err, pool)) {
			i++;
		} else {
			p->refused++;
			sched_yield();
		}
	}
	return NULL;
}

static void several_workers_post_to_one_in_order(void **state)
{
	struct flow_handoff *h = flow_handoff_create(1, 64);
	struct producer p[PRODUCERS];
	pthread_t threads[PRODUCERS];
	uint32_t next[PRODUCERS] = {0}, got = 0;
	struct flow_handoff_msg msg[NET_BURST];
	(void)state;
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		p[i] = (struct producer){.h = h, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &p[i]), 0);
	}
	while (got < PRODUCERS * PER_PRODUCER) {
		unsigned n = flow_handoff_receive(h, 0, msg, NET_BURST);
		for (unsigned i = 0; i < n; i++) {
			assert_true(msg[i].err.lport < PRODUCERS);
			assert_int_equal(msg[i].err.seq, next[msg[i].err.lport]++);
		}
		got += n;
		if (n == 0)
			sched_yield();
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(flow_handoff_receive(h, 0, msg, NET_BURST), 0);
	flow_handoff_free(h);
}

#define T(f) cmocka_unit_test_teardown(f, no_leak)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_tcp_segment_arrives_as_it_left),
		T(a_neighbour_frame_arrives_whole),
		T(an_icmp_error_arrives_and_its_mbuf_is_free),
		T(a_full_ring_refuses_and_frees),
		T(without_room_in_front_the_packet_is_dropped),
		T(a_shared_buffer_is_dropped_and_not_written),
		T(without_mbufs_an_icmp_error_is_refused),
		T(impossible_sizes_are_refused),
		T(several_workers_post_to_one_in_order),
	};
	test_eal_init();
	pool = test_mbuf_pool("handoff", POOL_SIZE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
