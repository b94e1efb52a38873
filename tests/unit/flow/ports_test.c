/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC 6056: port randomisation; LY-106: never 4443. */
#include "eal.h"

#include <errno.h>
#include <string.h>

#include "flow/flow.h"

static const struct lg_siphash_key secret = {0x1122334455667788, 0x99aabbccddeeff00};

static struct lg_ip ip(const char *text)
{
	struct lg_ip a;
	assert_int_equal(lg_ip_parse(text, &a), 0);
	return a;
}

/* Worker w of n with one IPv4 source address and the range lo..hi. */
static struct flow_ports *ports(unsigned w, unsigned n, uint16_t lo, uint16_t hi)
{
	struct lg_ip local = ip("10.0.0.1");
	struct flow_ports_params p = {
		.locals = &local,
		.n_locals = 1,
		.lo = lo,
		.hi = hi,
		.worker = w,
		.n_workers = n,
		.max_destinations = 4,
		.key = &secret,
		.socket_id = SOCKET_ID_ANY,
	};
	struct flow_ports *fp = flow_ports_create(&p);
	assert_non_null(fp);
	return fp;
}

/* Takes every port towards remote:rport and counts how often each came. */
static unsigned take_all(
	struct flow_ports *fp, const struct lg_ip *remote, uint16_t rport, uint8_t seen[65536])
{
	struct lg_ip local;
	uint16_t lport;
	unsigned n = 0;
	while (flow_ports_get(fp, remote, rport, &local, &lport) == 0) {
		seen[lport]++;
		assert_true(++n <= 65536);
	}
	return n;
}

static void every_port_of_the_slice_comes_exactly_once(void **state)
{
	static const struct {
		unsigned w, n;
		uint16_t lo, hi;
	} v[] = {
		{0, 1, 0, 0},
		{3, 8, 0, 0},
		{4443 % 7, 7, 1024, 65535},
		{1, 2, 4443, 4445},
		{0, 1, 4442, 4443},
		{0, 3, 65533, 65535},
		{5, 6, 2000, 2063},
		{0, 1, 2000, 2063},
	};
	static uint8_t seen[65536];
	struct lg_ip remote = ip("10.0.1.1"), local;
	uint16_t lport;
	(void)state;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(v); i++) {
		struct flow_ports *fp = ports(v[i].w, v[i].n, v[i].lo, v[i].hi);
		unsigned lo = v[i].lo ? v[i].lo : 1024, hi = v[i].hi ? v[i].hi : 65535, want = 0;
		memset(seen, 0, sizeof(seen));
		unsigned n = take_all(fp, &remote, 4443, seen);
		for (unsigned port = 0; port < 65536; port++) {
			bool ours = port >= lo && port <= hi && port != 4443 &&
				    port % v[i].n == v[i].w;
			assert_int_equal(seen[port], ours);
			want += ours;
		}
		assert_int_equal(n, want);
		assert_int_equal(flow_ports_in_use(fp), want);
		assert_int_equal(flow_ports_exhausted(fp), 1);
		assert_int_equal(flow_ports_get(fp, &remote, 4443, &local, &lport), -EADDRNOTAVAIL);
		assert_int_equal(flow_ports_exhausted(fp), 2);
		flow_ports_free(fp);
	}
}

static void a_port_given_back_is_the_one_that_comes_next_when_full(void **state)
{
	static uint8_t seen[65536];
	struct lg_ip remote = ip("10.0.1.1"), local = ip("10.0.0.1"), got;
	struct flow_ports *fp = ports(1, 4, 0, 0);
	uint16_t lport;
	(void)state;
	unsigned n = take_all(fp, &remote, 443, seen);
	for (uint16_t back = 1025; back < 65000; back = (uint16_t)(back + 4 * 997)) {
		flow_ports_put(fp, &local, back, &remote, 443);
		assert_int_equal(flow_ports_in_use(fp), n - 1);
		assert_int_equal(flow_ports_get(fp, &remote, 443, &got, &lport), 0);
		assert_int_equal(lport, back);
		assert_true(lg_ip_eq(&got, &local));
		assert_int_equal(flow_ports_get(fp, &remote, 443, &got, &lport), -EADDRNOTAVAIL);
	}
	flow_ports_free(fp);
}

/* Law 1: one owner. What two workers hand out never meets, and together it is all. */
static void two_workers_share_the_range_without_overlap(void **state)
{
	static uint8_t seen[65536];
	struct lg_ip remote = ip("10.0.1.1");
	struct flow_ports *a = ports(0, 2, 0, 0), *b = ports(1, 2, 0, 0);
	(void)state;
	memset(seen, 0, sizeof(seen));
	unsigned n = take_all(a, &remote, 443, seen) + take_all(b, &remote, 443, seen);
	assert_int_equal(n, 65536 - 1024 - 1);
	for (unsigned port = 1024; port < 65536; port++)
		assert_int_equal(seen[port], port != 4443);
	flow_ports_free(a);
	flow_ports_free(b);
}

static void destinations_have_port_spaces_of_their_own(void **state)
{
	static uint8_t seen[65536];
	struct lg_ip r1 = ip("10.0.1.1"), r2 = ip("10.0.1.2");
	struct flow_ports *fp = ports(0, 1, 3000, 3099);
	(void)state;
	assert_int_equal(take_all(fp, &r1, 443, seen), 100);
	assert_int_equal(take_all(fp, &r1, 8080, seen), 100);
	assert_int_equal(take_all(fp, &r2, 443, seen), 100);
	assert_int_equal(flow_ports_in_use(fp), 300);
	flow_ports_free(fp);
}

static void too_many_destinations_are_refused_until_one_falls_free(void **state)
{
	struct lg_ip remote = ip("10.0.1.1"), local[4], l;
	uint16_t lport[4], p;
	struct flow_ports *fp = ports(0, 1, 0, 0);
	(void)state;
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(flow_ports_get(fp, &remote, i, &local[i], &lport[i]), 0);
	assert_int_equal(flow_ports_get(fp, &remote, 4, &l, &p), -ENOSPC);
	assert_int_equal(flow_ports_exhausted(fp), 0);
	assert_int_equal(flow_ports_get(fp, &remote, 3, &l, &p), 0);
	flow_ports_put(fp, &l, p, &remote, 3);
	flow_ports_put(fp, &local[1], lport[1], &remote, 1);
	assert_int_equal(flow_ports_get(fp, &remote, 4, &local[1], &lport[1]), 0);
	assert_int_equal(flow_ports_get(fp, &remote, 1, &l, &p), -ENOSPC);
	flow_ports_put(fp, &local[0], lport[0], &remote, 0);
	flow_ports_put(fp, &local[1], lport[1], &remote, 4);
	flow_ports_put(fp, &local[2], lport[2], &remote, 2);
	flow_ports_put(fp, &local[3], lport[3], &remote, 3);
	assert_int_equal(flow_ports_in_use(fp), 0);
	flow_ports_free(fp);
}

static void the_local_address_is_of_the_remotes_family(void **state)
{
	static uint8_t seen[65536];
	struct lg_ip locals[] = {ip("10.0.0.1"), ip("fd00::1"), ip("10.0.0.2"), ip("fd00::2"),
		ip("fd00::3"), ip("10.0.0.1")};
	struct lg_ip v4 = ip("10.0.1.1"), v6 = ip("fd00:1::1"), local;
	uint16_t lport;
	struct flow_ports_params p = {.locals = locals,
		.n_locals = 6,
		.lo = 2000,
		.hi = 2099,
		.n_workers = 1,
		.max_destinations = 8,
		.key = &secret,
		.socket_id = SOCKET_ID_ANY};
	struct flow_ports *fp = flow_ports_create(&p);
	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(flow_ports_get(fp, &v4, 443, &local, &lport), 0);
		assert_true(lg_ip_is_v4(&local));
		flow_ports_put(fp, &local, lport, &v4, 443);
		assert_int_equal(flow_ports_get(fp, &v6, 443, &local, &lport), 0);
		assert_false(lg_ip_is_v4(&local));
		flow_ports_put(fp, &local, lport, &v6, 443);
	}
	/* Every address is used to the full; one listed twice counts once. */
	assert_int_equal(take_all(fp, &v4, 443, seen), 200);
	assert_int_equal(take_all(fp, &v6, 443, seen), 300);
	flow_ports_free(fp);
}

static void without_an_address_of_the_family_nothing_is_available(void **state)
{
	struct lg_ip v6 = ip("fd00::1"), local;
	struct flow_ports *fp = ports(0, 1, 0, 0);
	uint16_t lport;
	(void)state;
	assert_int_equal(flow_ports_get(fp, &v6, 443, &local, &lport), -EADDRNOTAVAIL);
	assert_int_equal(flow_ports_exhausted(fp), 1);
	flow_ports_free(fp);
}

/* RFC 6056 section 3.3.3: the secret decides where a destination starts; reuse is put off. */
static void choice_depends_on_the_secret_and_a_freed_port_rests(void **state)
{
	struct lg_ip local = ip("10.0.0.1"), remote = ip("10.0.1.1"), l;
	unsigned same = 0;
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct lg_siphash_key other = {secret.k0 + i + 1, secret.k1};
		struct flow_ports_params p = {.locals = &local,
			.n_locals = 1,
			.n_workers = 1,
			.max_destinations = 1,
			.key = &other,
			.socket_id = SOCKET_ID_ANY};
		struct flow_ports *a = ports(0, 1, 0, 0), *b = flow_ports_create(&p);
		uint16_t pa, pb, first;
		assert_int_equal(flow_ports_get(a, &remote, 443, &l, &pa), 0);
		assert_int_equal(flow_ports_get(b, &remote, 443, &l, &pb), 0);
		same += pa == pb;
		first = pb;
		for (unsigned k = 0; k < 1000; k++) {
			flow_ports_put(b, &l, pb, &remote, 443);
			assert_int_equal(flow_ports_get(b, &remote, 443, &l, &pb), 0);
			assert_int_not_equal(pb, first);
		}
		flow_ports_free(a);
		flow_ports_free(b);
	}
	assert_true(same <= 2);
}

/* Takes a port and gives it back, n times; counts how far on (in ports of the slice) each was. */
static void count_steps(struct flow_ports *fp, unsigned n_workers, unsigned slice, unsigned n,
	unsigned steps[65536])
{
	struct lg_ip remote = ip("10.0.1.1"), local;
	uint16_t before = 0, lport;
	for (unsigned i = 0; i <= n; i++) {
		assert_int_equal(flow_ports_get(fp, &remote, 443, &local, &lport), 0);
		flow_ports_put(fp, &local, lport, &remote, 443);
		assert_int_equal(
			lport % n_workers, before == 0 ? lport % n_workers : before % n_workers);
		if (i > 0)
			steps[((uint32_t)(lport - before) / n_workers + slice) % slice]++;
		before = lport;
	}
}

/* RFC 6056 section 3.3.5: one port seen doesn't tell the next. */
static void the_step_to_the_next_port_is_random(void **state)
{
	static unsigned steps[65536];
	struct flow_ports *fp = ports(0, 1, 20000, 51999);
	(void)state;
	memset(steps, 0, sizeof(steps));
	count_steps(fp, 1, 32000, 6400, steps);
	for (unsigned i = 1; i <= 32; i++) /* 200 each, were they all alike */
		assert_in_range(steps[i], 120, 280);
	for (unsigned i = 33; i < 32000; i++)
		assert_int_equal(steps[i], 0);
	assert_int_equal(steps[0], 0);
	flow_ports_free(fp);
}

/* However few ports a worker has, the next is one of several, and never the same again. */
static void a_small_slice_has_random_steps_too(void **state)
{
	static unsigned steps[65536];
	struct flow_ports *fp = ports(1, 4, 2001, 2400);
	(void)state;
	memset(steps, 0, sizeof(steps));
	count_steps(fp, 4, 100, 1600, steps);
	for (unsigned i = 1; i <= 8; i++)
		assert_in_range(steps[i], 120, 280);
	assert_int_equal(steps[0] + steps[9], 0);
	flow_ports_free(fp);
}

static void steps_depend_on_the_secret(void **state)
{
	struct lg_ip local = ip("10.0.0.1"), remote = ip("10.0.1.1"), l;
	struct lg_siphash_key other = {secret.k0, secret.k1 + 1};
	struct flow_ports_params p = {.locals = &local,
		.n_locals = 1,
		.n_workers = 1,
		.max_destinations = 1,
		.key = &other,
		.socket_id = SOCKET_ID_ANY};
	struct flow_ports *a = ports(0, 1, 0, 0), *b = flow_ports_create(&p);
	uint16_t pa[2], pb[2];
	unsigned same = 0;
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(flow_ports_get(a, &remote, 443, &l, &pa[i % 2]), 0);
		assert_int_equal(flow_ports_get(b, &remote, 443, &l, &pb[i % 2]), 0);
		same += i > 0 && pa[i % 2] - pa[1 - i % 2] == pb[i % 2] - pb[1 - i % 2];
	}
	assert_true(same < 60); /* of 64 steps, each now and then */
	flow_ports_free(a);
	flow_ports_free(b);
}

static bool fits_every_eighth(void *ctx, const struct lg_ip *local, uint16_t lport,
	const struct lg_ip *remote, uint16_t rport)
{
	*(unsigned *)ctx += 1;
	assert_true(lg_ip_is_v4(local) && lg_ip_is_v4(remote));
	assert_int_equal(rport, 443);
	return lport % 8 == 5;
}

static void fitting_ports_are_preferred_and_others_still_come(void **state)
{
	static uint8_t seen[65536];
	unsigned asked = 0, most = 0;
	struct lg_ip local = ip("10.0.0.1"), remote = ip("10.0.1.1");
	struct flow_ports_params p = {.locals = &local,
		.n_locals = 1,
		.lo = 8000,
		.hi = 15999,
		.n_workers = 1,
		.max_destinations = 1,
		.key = &secret,
		.fits = fits_every_eighth,
		.fits_ctx = &asked,
		.socket_id = SOCKET_ID_ANY};
	struct flow_ports *fp = flow_ports_create(&p);
	uint16_t lport;
	(void)state;
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 900; i++) {
		assert_int_equal(flow_ports_get(fp, &remote, 443, &local, &lport), 0);
		assert_int_equal(lport % 8, 5);
		assert_int_equal(seen[lport]++, 0);
	}
	for (unsigned i = 900; i < 8000; i++) {
		unsigned before = asked;
		assert_int_equal(flow_ports_get(fp, &remote, 443, &local, &lport), 0);
		assert_int_equal(seen[lport]++, 0);
		most = LG_MAX(most, asked - before);
	}
	assert_int_equal(most, 64); /* bounded work, however few fit */
	assert_int_equal(flow_ports_get(fp, &remote, 443, &local, &lport), -EADDRNOTAVAIL);
	flow_ports_free(fp);
}

static void the_range_excludes_4443(void **state)
{
	struct flow_ports *fp = ports(0, 2, 4000, 5000);
	(void)state;
	assert_true(flow_port_in_range(fp, 4000));
	assert_true(flow_port_in_range(fp, 5000));
	assert_false(flow_port_in_range(fp, 3999));
	assert_false(flow_port_in_range(fp, 5001));
	assert_false(flow_port_in_range(fp, 4443));
	flow_ports_free(fp);
}

static void a_slice_without_ports_is_refused(void **state)
{
	struct lg_ip local = ip("10.0.0.1");
	struct flow_ports_params p = {.locals = &local,
		.n_locals = 1,
		.lo = 4443,
		.hi = 4443,
		.n_workers = 1,
		.max_destinations = 1,
		.key = &secret,
		.socket_id = SOCKET_ID_ANY};
	(void)state;
	assert_null(flow_ports_create(&p)); /* only 4443 */
	p.lo = p.hi = 5000;
	p.n_workers = 2;
	p.worker = 1;
	assert_null(flow_ports_create(&p));
	p.worker = 2;
	assert_null(flow_ports_create(&p));
	p.worker = 0;
	p.n_locals = 0;
	assert_null(flow_ports_create(&p));
	flow_ports_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_of_the_slice_comes_exactly_once),
		cmocka_unit_test(a_port_given_back_is_the_one_that_comes_next_when_full),
		cmocka_unit_test(two_workers_share_the_range_without_overlap),
		cmocka_unit_test(destinations_have_port_spaces_of_their_own),
		cmocka_unit_test(too_many_destinations_are_refused_until_one_falls_free),
		cmocka_unit_test(the_local_address_is_of_the_remotes_family),
		cmocka_unit_test(without_an_address_of_the_family_nothing_is_available),
		cmocka_unit_test(choice_depends_on_the_secret_and_a_freed_port_rests),
		cmocka_unit_test(the_step_to_the_next_port_is_random),
		cmocka_unit_test(a_small_slice_has_random_steps_too),
		cmocka_unit_test(steps_depend_on_the_secret),
		cmocka_unit_test(fitting_ports_are_preferred_and_others_still_come),
		cmocka_unit_test(the_range_excludes_4443),
		cmocka_unit_test(a_slice_without_ports_is_refused),
	};
	test_eal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
