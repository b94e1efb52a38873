/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/chain.h"

#define POOL_SIZE 1023
#define REF_MAX   (256 * 1024)

static struct rte_mempool *pool;  /* 2048 byte data rooms */
static struct rte_mempool *small; /* 64 byte data rooms: copies need several mbufs */

static uint64_t rng = 88172645463325252u;

static uint32_t rnd(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng % n);
}

static void fill_random(uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd(256);
}

static struct rte_mbuf *segment(const void *data, uint32_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	assert_non_null(m);
	if (n > 0)
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), data, n);
	return m;
}

/* An indirect mbuf on the same bytes; holds the only other reference to the buffer. */
static struct rte_mbuf *indirect(const void *data, uint32_t n)
{
	struct rte_mbuf *m = segment(data, n), *i = rte_pktmbuf_alloc(pool);
	assert_non_null(i);
	rte_pktmbuf_attach(i, m);
	rte_pktmbuf_free(m);
	return i;
}

static void assert_bytes(const struct lg_chain *c, const void *want, uint32_t n)
{
	static uint8_t got[REF_MAX];
	lg_chain_check(c);
	assert_int_equal(c->len, n);
	assert_int_equal(lg_chain_peek(c, 0, got, REF_MAX), n);
	assert_memory_equal(got, want, n);
}

static int no_leak(void **state)
{
	(void)state;
	if (rte_mempool_avail_count(pool) != POOL_SIZE ||
		rte_mempool_avail_count(small) != POOL_SIZE) {
		print_error("%u and %u of %u mbufs are back\n", rte_mempool_avail_count(pool),
			rte_mempool_avail_count(small), POOL_SIZE);
		return -1;
	}
	return 0;
}

static void append_takes_each_segment_of_a_packet(void **state)
{
	uint8_t data[3000];
	struct lg_chain c;
	(void)state;
	fill_random(data, sizeof(data));
	struct rte_mbuf *m = segment(data, 1000);
	assert_int_equal(rte_pktmbuf_chain(m, segment(NULL, 0)), 0);
	assert_int_equal(rte_pktmbuf_chain(m, segment(data + 1000, 1500)), 0);
	assert_int_equal(rte_pktmbuf_chain(m, segment(data + 2500, 500)), 0);
	lg_chain_init(&c);
	lg_chain_append(&c, m);
	assert_bytes(&c, data, sizeof(data));
	assert_int_equal(c.nsegs, 2); /* the empty one is freed, the small last one copied */
	assert_int_equal(c.truesize, 2 * lg_mbuf_truesize(c.head));
	lg_chain_free(&c);
	assert_true(lg_chain_empty(&c));
	assert_null(c.head);
}

/* Law 3: one byte never pins two kilobytes. */
static void a_thousand_one_byte_appends_hold_one_mbuf(void **state)
{
	uint8_t data[1000];
	struct lg_chain c;
	(void)state;
	fill_random(data, sizeof(data));
	lg_chain_init(&c);
	for (unsigned i = 0; i < sizeof(data); i++)
		lg_chain_append(&c, segment(data + i, 1));
	assert_bytes(&c, data, sizeof(data));
	assert_int_equal(c.nsegs, 1);
	assert_int_equal(rte_mempool_in_use_count(pool), 1);
	lg_chain_free(&c);
}

static void a_thousand_one_byte_writes_and_splices_hold_one_mbuf(void **state)
{
	uint8_t data[1000];
	struct lg_chain c, one;
	(void)state;
	fill_random(data, sizeof(data));
	lg_chain_init(&c);
	lg_chain_init(&one);
	for (unsigned i = 0; i < sizeof(data); i++) {
		if (i % 2) {
			assert_int_equal(lg_chain_write(&c, pool, data + i, 1), 0);
			continue;
		}
		assert_int_equal(lg_chain_write(&one, pool, data + i, 1), 0);
		lg_chain_splice(&c, &one);
		assert_true(lg_chain_empty(&one));
	}
	assert_bytes(&c, data, sizeof(data));
	assert_int_equal(rte_mempool_in_use_count(pool), 1);
	lg_chain_free(&c);
}

/* The tail's buffer is also read by somebody else (a segment in flight): its room is not ours. */
static void nothing_is_written_into_a_shared_buffer(void **state)
{
	static const char text[] = "shared";
	struct lg_chain c;
	(void)state;
	struct rte_mbuf *owner = segment(text, 6);
	memset(rte_pktmbuf_mtod_offset(owner, char *, 6), 0x5a, 64);
	struct rte_mbuf *flight = rte_pktmbuf_alloc(pool);
	rte_pktmbuf_attach(flight, owner); /* refcnt of owner is 2 now */
	lg_chain_init(&c);
	lg_chain_append(&c, owner);
	assert_int_equal(lg_chain_write(&c, pool, "abc", 3), 0);
	assert_int_equal(c.nsegs, 2);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(rte_pktmbuf_mtod_offset(flight, char *, 6)[i], 0x5a);
	lg_chain_trim_tail(&c, 3);
	lg_chain_append(&c, segment("def", 3));
	assert_int_equal(c.nsegs, 2);
	assert_int_equal(rte_pktmbuf_mtod_offset(flight, char *, 6)[0], 0x5a);
	assert_bytes(&c, "shareddef", 9);
	lg_chain_free(&c);
	assert_memory_equal(rte_pktmbuf_mtod(flight, char *), text, 6);
	rte_pktmbuf_free(flight);
}

static void nothing_is_written_behind_an_indirect_segment(void **state)
{
	struct lg_chain c;
	(void)state;
	lg_chain_init(&c);
	lg_chain_append(&c, indirect("front", 5));
	assert_int_equal(lg_chain_write(&c, pool, "a", 1), 0);
	lg_chain_append(&c, indirect("z", 1)); /* small: its byte is copied */
	assert_int_equal(c.nsegs, 2);
	assert_bytes(&c, "frontaz", 7);
	lg_chain_free(&c);
}

static void extbuf_free(void *addr, void *opaque)
{
	(void)addr;
	*(unsigned *)opaque += 1;
}

static void nothing_is_written_into_an_external_buffer(void **state)
{
	static char buf[256];
	static struct rte_mbuf_ext_shared_info info;
	unsigned freed = 0;
	struct lg_chain c;
	(void)state;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	info = (struct rte_mbuf_ext_shared_info){.free_cb = extbuf_free, .fcb_opaque = &freed};
	rte_mbuf_ext_refcnt_set(&info, 1);
	memset(buf, 0x5a, sizeof(buf));
	rte_pktmbuf_attach_extbuf(m, buf, RTE_BAD_IOVA, sizeof(buf), &info);
	m->data_len = m->pkt_len = 4;
	lg_chain_init(&c);
	lg_chain_append(&c, m);
	assert_int_equal(lg_chain_write(&c, pool, "tail", 4), 0);
	assert_int_equal(c.nsegs, 2);
	assert_int_equal(buf[4], 0x5a);
	assert_bytes(&c, "\x5a\x5a\x5a\x5atail", 8);
	lg_chain_free(&c);
	assert_int_equal(freed, 1);
}

static void a_segment_can_be_attached_to_and_outlives_the_chain(void **state)
{
	uint8_t data[1400];
	struct lg_chain c;
	(void)state;
	fill_random(data, sizeof(data));
	struct rte_mbuf *m = segment(data, sizeof(data));
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	lg_chain_init(&c);
	lg_chain_append(&c, m);
	assert_int_equal(lg_chain_write(&c, pool, data, 1400), 0);
	struct rte_mbuf *clone = rte_pktmbuf_alloc(pool);
	rte_pktmbuf_attach(clone, c.head);
	lg_chain_free(&c);
	assert_int_equal(clone->ol_flags, RTE_MBUF_F_INDIRECT); /* nothing of RX reaches TX */
	assert_int_equal(clone->nb_segs, 1);
	assert_null(clone->next);
	assert_memory_equal(rte_pktmbuf_mtod(clone, uint8_t *), data, 1400);
	rte_mbuf_sanity_check(clone, 1);
	rte_pktmbuf_free(clone);
}

static void a_cut_shares_the_larger_part_and_copies_the_smaller(void **state)
{
	uint8_t data[2000];
	struct lg_chain a, b;
	(void)state;
	fill_random(data, sizeof(data));
	lg_chain_init(&a);
	lg_chain_init(&b);
	lg_chain_append(&a, segment(data, 2000));
	struct rte_mbuf *whole = a.head;
	assert_int_equal(lg_chain_move(&b, &a, 1900, pool), 0);
	assert_ptr_equal(b.head, whole);
	assert_bytes(&b, data, 1900);
	assert_bytes(&a, data + 1900, 100);
	lg_chain_splice(&b, &a); /* back: the 100 bytes go into the room behind the cut */
	assert_int_equal(b.nsegs, 1);
	assert_int_equal(lg_chain_move(&a, &b, 100, pool), 0);
	assert_ptr_equal(b.head, whole);
	assert_bytes(&a, data, 100);
	assert_bytes(&b, data + 100, 1900);
	lg_chain_free(&a);
	lg_chain_free(&b);
}

static void a_cut_in_the_middle_of_a_chain_keeps_the_neighbours(void **state)
{
	uint8_t data[4500];
	(void)state;
	fill_random(data, sizeof(data));
	for (uint32_t n = 1400; n <= 3100; n += 100) {
		struct lg_chain a, b;
		lg_chain_init(&a);
		lg_chain_init(&b);
		for (uint32_t i = 0; i < 3; i++)
			lg_chain_append(&a, segment(data + 1500 * i, 1500));
		assert_int_equal(lg_chain_move(&b, &a, n, small), 0);
		assert_bytes(&b, data, n);
		assert_bytes(&a, data + n, 4500 - n);
		lg_chain_free(&a);
		lg_chain_free(&b);
	}
}

static void moving_all_or_nothing_needs_no_mbuf(void **state)
{
	uint8_t data[1500];
	struct lg_chain a, b;
	(void)state;
	fill_random(data, sizeof(data));
	lg_chain_init(&a);
	lg_chain_init(&b);
	assert_int_equal(lg_chain_move(&b, &a, 0, NULL), 0);
	lg_chain_append(&a, segment(data, 1500));
	assert_int_equal(lg_chain_move(&b, &a, 0, NULL), 0);
	assert_true(lg_chain_empty(&b));
	assert_int_equal(lg_chain_move(&b, &a, 1500, NULL), 0);
	assert_true(lg_chain_empty(&a));
	assert_bytes(&b, data, 1500);
	lg_chain_free(&b);
}

/* Takes all mbufs but `left` out of p. */
static unsigned drain(struct rte_mempool *p, struct rte_mbuf **held, unsigned left)
{
	unsigned n = rte_mempool_avail_count(p) - left;
	assert_int_equal(rte_pktmbuf_alloc_bulk(p, held, n), 0);
	return n;
}

static void without_mbufs_write_and_move_change_nothing(void **state)
{
	static struct rte_mbuf *held[2 * POOL_SIZE];
	uint8_t data[4000];
	struct lg_chain a, b;
	(void)state;
	fill_random(data, sizeof(data));
	lg_chain_init(&a);
	lg_chain_init(&b);
	lg_chain_append(&a, segment(data, 1000));
	assert_int_equal(lg_chain_write(&b, pool, "keep", 4), 0);
	unsigned n = drain(pool, held, 1), k = drain(small, held + n, 0);
	assert_true(k == POOL_SIZE && n < POOL_SIZE);
	assert_int_equal(lg_chain_write(&a, pool, data, 4000), -ENOMEM);
	assert_bytes(&a, data, 1000);
	assert_int_equal(rte_mempool_avail_count(pool), 1);
	assert_int_equal(lg_chain_move(&b, &a, 300, small), -ENOMEM);
	assert_int_equal(lg_chain_move(&b, &a, 700, small), -ENOMEM);
	assert_bytes(&a, data, 1000);
	assert_bytes(&b, "keep", 4);
	rte_pktmbuf_free_bulk(held, n + k);
	lg_chain_free(&a);
	lg_chain_free(&b);
}

static void trims_free_what_they_pass(void **state)
{
	uint8_t data[4000];
	struct lg_chain c;
	(void)state;
	fill_random(data, sizeof(data));
	lg_chain_init(&c);
	for (uint32_t i = 0; i < 4; i++)
		lg_chain_append(&c, segment(data + 1000 * i, 1000));
	lg_chain_trim_head(&c, 0);
	lg_chain_trim_tail(&c, 0);
	lg_chain_trim_head(&c, 1000);
	assert_int_equal(c.nsegs, 3);
	lg_chain_trim_head(&c, 1);
	assert_bytes(&c, data + 1001, 2999);
	lg_chain_trim_tail(&c, 1000);
	assert_int_equal(c.nsegs, 2);
	lg_chain_trim_tail(&c, 1);
	assert_bytes(&c, data + 1001, 1998);
	assert_int_equal(rte_mempool_in_use_count(pool), 2);
	lg_chain_trim_tail(&c, 1998);
	assert_bytes(&c, data, 0);
	assert_null(c.tail);
	assert_int_equal(lg_chain_write(&c, pool, data, 10), 0);
	lg_chain_trim_head(&c, 10);
	assert_bytes(&c, data, 0);
	assert_null(c.head);
	assert_null(c.tail);
}

static void peek_stops_at_the_end(void **state)
{
	char out[8] = "";
	struct lg_chain c;
	(void)state;
	lg_chain_init(&c);
	assert_int_equal(lg_chain_peek(&c, 0, out, 4), 0);
	lg_chain_append(&c, indirect("abc", 3));
	lg_chain_append(&c, indirect("def", 3));
	assert_int_equal(lg_chain_peek(&c, 2, out, 2), 2);
	assert_memory_equal(out, "cd", 2);
	assert_int_equal(lg_chain_peek(&c, 4, out, 8), 2);
	assert_memory_equal(out, "ef", 2);
	assert_int_equal(lg_chain_peek(&c, 6, out, 1), 0);
	assert_int_equal(lg_chain_peek(&c, UINT32_MAX, out, UINT32_MAX), 0);
	lg_chain_free(&c);
}

/* ---- random operations on two chains against two flat byte arrays ---- */

struct flat {
	uint8_t b[REF_MAX];
	uint32_t len;
};

static struct lg_chain chain[2];
static struct flat flat[2];
static struct rte_mbuf *flight[32]; /* indirect mbufs on chain segments, as TX has them */
static uint8_t flight_copy[32][2048];
static unsigned n_flight;

static void flat_add(struct flat *f, const void *data, uint32_t n)
{
	assert_true(n <= REF_MAX - f->len);
	memcpy(f->b + f->len, data, n);
	f->len += n;
}

static void flat_drop_head(struct flat *f, uint32_t n)
{
	memmove(f->b, f->b + n, f->len - n);
	f->len -= n;
}

static void random_append(unsigned i)
{
	uint8_t data[1500];
	struct rte_mbuf *head = NULL;
	for (unsigned k = rnd(3); k < 3; k++) {
		uint32_t n = rnd(3) ? rnd(20) : rnd(sizeof(data));
		fill_random(data, n);
		struct rte_mbuf *m = rnd(3) == 0 && n > 0 ? indirect(data, n) : segment(data, n);
		flat_add(&flat[i], data, n);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	if (head != NULL)
		lg_chain_append(&chain[i], head);
}

static void random_write(unsigned i)
{
	uint8_t data[5000];
	uint32_t n = rnd(2) ? rnd(50) : rnd(sizeof(data));
	fill_random(data, n);
	assert_int_equal(
		lg_chain_write(&chain[i], n < 1000 && rnd(4) == 0 ? small : pool, data, n), 0);
	flat_add(&flat[i], data, n);
}

static void random_move(unsigned from)
{
	uint32_t n = rnd(rnd(2) ? LG_MIN(flat[from].len, 40) + 1 : flat[from].len + 1);
	assert_int_equal(lg_chain_move(&chain[!from], &chain[from], n, rnd(4) ? pool : small), 0);
	flat_add(&flat[!from], flat[from].b, n);
	flat_drop_head(&flat[from], n);
}

static void random_flight(unsigned i)
{
	if (n_flight == LG_ARRAY_SIZE(flight) || (n_flight > 0 && rnd(2))) {
		n_flight--;
		assert_memory_equal(rte_pktmbuf_mtod(flight[n_flight], uint8_t *),
			flight_copy[n_flight], flight[n_flight]->data_len);
		rte_pktmbuf_free(flight[n_flight]);
		return;
	}
	struct rte_mbuf *m = rnd(2) ? chain[i].head : chain[i].tail;
	if (m == NULL)
		return;
	struct rte_mbuf *clone = rte_pktmbuf_alloc(pool);
	assert_non_null(clone);
	rte_pktmbuf_attach(clone, m);
	memcpy(flight_copy[n_flight], rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	flight[n_flight++] = clone;
}

static void random_step(unsigned i)
{
	uint32_t n = rnd(LG_MIN(flat[i].len, 4000) + 1);
	switch (rnd(8)) {
	case 0:
	case 1:
		random_append(i);
		break;
	case 2:
		random_write(i);
		break;
	case 3:
		random_move(i);
		break;
	case 4:
		lg_chain_trim_head(&chain[i], n);
		flat_drop_head(&flat[i], n);
		break;
	case 5:
		lg_chain_trim_tail(&chain[i], n);
		flat[i].len -= n;
		break;
	case 6:
		random_flight(i);
		break;
	case 7:
		if (rnd(8) == 0) {
			lg_chain_splice(&chain[!i], &chain[i]);
			flat_add(&flat[!i], flat[i].b, flat[i].len);
			flat[i].len = 0;
		}
		break;
	}
}

static void random_operations_agree_with_a_flat_array(void **state)
{
	uint8_t out[200];
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		lg_chain_init(&chain[i]);
	for (unsigned round = 0; round < 30000; round++) {
		unsigned i = rnd(2);
		if (flat[0].len + flat[1].len > 60000 || chain[0].nsegs + chain[1].nsegs > 300) {
			lg_chain_trim_head(&chain[i], flat[i].len);
			flat[i].len = 0;
		}
		random_step(i);
		lg_chain_check(&chain[0]);
		lg_chain_check(&chain[1]);
		uint32_t off = rnd(flat[i].len + 1);
		uint32_t n = lg_chain_peek(&chain[i], off, out, sizeof(out));
		assert_int_equal(n, LG_MIN(flat[i].len - off, sizeof(out)));
		assert_memory_equal(out, flat[i].b + off, n);
		if (round % 64 == 0) {
			assert_bytes(&chain[0], flat[0].b, flat[0].len);
			assert_bytes(&chain[1], flat[1].b, flat[1].len);
		}
	}
	while (n_flight > 0)
		rte_pktmbuf_free(flight[--n_flight]);
	lg_chain_free(&chain[0]);
	lg_chain_free(&chain[1]);
}

#define T(f) cmocka_unit_test_teardown(f, no_leak)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(append_takes_each_segment_of_a_packet),
		T(a_thousand_one_byte_appends_hold_one_mbuf),
		T(a_thousand_one_byte_writes_and_splices_hold_one_mbuf),
		T(nothing_is_written_into_a_shared_buffer),
		T(nothing_is_written_behind_an_indirect_segment),
		T(nothing_is_written_into_an_external_buffer),
		T(a_segment_can_be_attached_to_and_outlives_the_chain),
		T(a_cut_shares_the_larger_part_and_copies_the_smaller),
		T(a_cut_in_the_middle_of_a_chain_keeps_the_neighbours),
		T(moving_all_or_nothing_needs_no_mbuf),
		T(without_mbufs_write_and_move_change_nothing),
		T(trims_free_what_they_pass),
		T(peek_stops_at_the_end),
		T(random_operations_agree_with_a_flat_array),
	};
	test_eal_init();
	pool = test_mbuf_pool("chain", POOL_SIZE);
	small = rte_pktmbuf_pool_create("small", POOL_SIZE, 0, 0, RTE_PKTMBUF_HEADROOM + 64, 0);
	if (small == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
