/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <errno.h>

#include "flow/flow.h"

#define MANY 10000

static const struct lg_siphash_key secret = {0x1122334455667788, 0x99aabbccddeeff00};
static int conns[MANY + 1];

static uint64_t rng = 88172645463325252u;

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static struct flow_key random_key(void)
{
	struct flow_key k = {
		.local = lg_ip_from_v4(0x01020304),
		.remote = lg_ip_from_v4((uint32_t)rnd()),
		.rport = (uint16_t)rnd(),
		.lport = 443,
		.side = NET_EXTERNAL,
	};
	if (rnd() % 2)
		k.remote.q[0] = rnd();
	return k;
}

static void what_is_added_is_found_until_deleted(void **state)
{
	struct flow_key k = random_key(), other = k;
	struct flow_table *t = flow_table_create("t1", 100, SOCKET_ID_ANY, &secret);
	(void)state;
	assert_non_null(t);
	assert_null(flow_lookup(t, &k));
	assert_int_equal(flow_add(t, &k, &conns[0]), 0);
	assert_ptr_equal(flow_lookup(t, &k), &conns[0]);
	assert_int_equal(flow_count(t), 1);
	other.side = NET_INTERNAL;
	assert_null(flow_lookup(t, &other));
	assert_int_equal(flow_del(t, &other), -ENOENT);
	assert_int_equal(flow_del(t, &k), 0);
	assert_null(flow_lookup(t, &k));
	assert_int_equal(flow_del(t, &k), -ENOENT);
	assert_int_equal(flow_count(t), 0);
	flow_table_free(t);
}

static void each_part_of_the_tuple_tells_flows_apart(void **state)
{
	struct flow_table *t = flow_table_create("t2", 16, SOCKET_ID_ANY, &secret);
	struct flow_key k[6];
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		k[i] = (struct flow_key){.remote = lg_ip_from_v4(1),
			.local = lg_ip_from_v4(2),
			.rport = 3,
			.lport = 4};
	k[1].remote.b[15] ^= 1;
	k[2].local.b[0] ^= 1;
	k[3].rport = 4;
	k[4].lport = 3;
	k[5].side = NET_INTERNAL;
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(flow_add(t, &k[i], &conns[i]), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_ptr_equal(flow_lookup(t, &k[i]), &conns[i]);
	flow_table_free(t);
}

static void a_second_connection_of_a_tuple_is_refused(void **state)
{
	struct flow_key k = random_key();
	struct flow_table *t = flow_table_create("t3", 1, SOCKET_ID_ANY, &secret);
	(void)state;
	assert_int_equal(flow_add(t, &k, &conns[0]), 0);
	assert_int_equal(flow_add(t, &k, &conns[1]), -EEXIST);
	assert_ptr_equal(flow_lookup(t, &k), &conns[0]);
	assert_int_equal(flow_count(t), 1);
	flow_table_free(t);
}

/* Law 4: the limit is the configured one, and bucket collisions don't lower it. */
static void room_is_for_max_flows_exactly(void **state)
{
	static const uint32_t sizes[] = {1, 3, 8, 1000, 1024, MANY};
	static struct flow_key keys[MANY + 1];
	(void)state;
	for (unsigned s = 0; s < LG_ARRAY_SIZE(sizes); s++) {
		struct flow_table *t = flow_table_create("t4", sizes[s], SOCKET_ID_ANY, &secret);
		assert_non_null(t);
		for (unsigned round = 0; round < 2; round++) {
			for (uint32_t i = 0; i <= sizes[s]; i++)
				keys[i] = random_key();
			for (uint32_t i = 0; i < sizes[s]; i++)
				assert_int_equal(flow_add(t, &keys[i], &conns[i]), 0);
			assert_int_equal(flow_add(t, &keys[sizes[s]], &conns[0]), -ENOSPC);
			assert_int_equal(flow_count(t), sizes[s]);
			for (uint32_t i = 0; i < sizes[s]; i++)
				assert_ptr_equal(flow_lookup(t, &keys[i]), &conns[i]);
			for (uint32_t i = 0; i < sizes[s]; i++)
				assert_int_equal(flow_del(t, &keys[i]), 0);
			assert_int_equal(flow_count(t), 0);
		}
		flow_table_free(t);
	}
}

static void bulk_lookup_answers_in_the_order_of_its_keys(void **state)
{
	struct flow_table *t = flow_table_create("t5", 100, SOCKET_ID_ANY, &secret);
	struct flow_key keys[NET_BURST];
	const struct flow_key *ptrs[NET_BURST];
	(void)state;
	for (unsigned i = 0; i < NET_BURST; i++) {
		keys[i] = random_key();
		ptrs[i] = &keys[i];
		if (i % 3)
			assert_int_equal(flow_add(t, &keys[i], &conns[i]), 0);
	}
	for (unsigned n = 0; n <= NET_BURST; n++) {
		void *out[NET_BURST + 1];
		for (unsigned i = 0; i <= NET_BURST; i++)
			out[i] = &rng;
		flow_lookup_bulk(t, ptrs, n, out);
		for (unsigned i = 0; i < n; i++)
			assert_ptr_equal(out[i], i % 3 ? &conns[i] : NULL);
		assert_ptr_equal(out[n], &rng);
	}
	flow_table_free(t);
}

static void mark(void *ctx, const struct flow_key *k, void *conn)
{
	unsigned *seen = ctx;
	assert_int_equal(k->rport, (int *)conn - conns);
	seen[k->rport]++;
}

static void each_flow_is_visited_once(void **state)
{
	struct flow_table *t = flow_table_create("t6", 500, SOCKET_ID_ANY, &secret);
	unsigned seen[500] = {0};
	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct flow_key k = random_key();
		k.rport = (uint16_t)i;
		assert_int_equal(flow_add(t, &k, &conns[i]), 0);
	}
	flow_each(t, mark, seen);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(seen[i], 1);
	flow_table_free(t);
}

static void names_are_unique_and_bounded(void **state)
{
	(void)state;
	struct flow_table *a = flow_table_create(
		"worker-0123456789-123", 8, SOCKET_ID_ANY, &secret);
	struct flow_table *b = flow_table_create(
		"worker-0123456789-124", 8, SOCKET_ID_ANY, &secret);
	assert_non_null(a);
	assert_non_null(b);
	assert_null(flow_table_create("worker-0123456789-123", 8, SOCKET_ID_ANY, &secret));
	assert_null(flow_table_create("worker-0123456789-1234", 8, SOCKET_ID_ANY, &secret));
	assert_null(flow_table_create("none", 0, SOCKET_ID_ANY, &secret));
	flow_table_free(a);
	flow_table_free(b);
	flow_table_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_found_until_deleted),
		cmocka_unit_test(each_part_of_the_tuple_tells_flows_apart),
		cmocka_unit_test(a_second_connection_of_a_tuple_is_refused),
		cmocka_unit_test(room_is_for_max_flows_exactly),
		cmocka_unit_test(bulk_lookup_answers_in_the_order_of_its_keys),
		cmocka_unit_test(each_flow_is_visited_once),
		cmocka_unit_test(names_are_unique_and_bounded),
	};
	test_eal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
