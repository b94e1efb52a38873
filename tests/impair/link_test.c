/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "link.h"
#include "spec.h"

#define MS      1000000ull
#define PACKETS 20000u
#define LEN     1500u

static struct link link_of(const char *spec, uint64_t seed, uint64_t direction)
{
	struct link_config config = {.seed = seed};
	struct link link;

	assert_true(spec_read(spec, &config));
	assert_int_equal(link_init(&link, &config, direction), 0);
	return link;
}

/* Which of the first PACKETS packets are lost, when one enters every `gap` ns. */
static void losses(struct link *link, uint64_t gap, bool lost[PACKETS])
{
	struct link_fate fate;

	for (unsigned int i = 0; i < PACKETS; i++) {
		link_enter(link, i * gap, LEN, &fate);
		lost[i] = fate.copies == 0;
	}
	link_free(link);
}

static bool same_losses(struct link a, uint64_t gap_a, struct link b, uint64_t gap_b)
{
	static bool lost_a[PACKETS], lost_b[PACKETS];

	losses(&a, gap_a, lost_a);
	losses(&b, gap_b, lost_b);
	return memcmp(lost_a, lost_b, sizeof(lost_a)) == 0;
}

static void a_seed_loses_the_same_packets_at_any_speed(void **state)
{
	(void)state;
	assert_true(same_losses(link_of("loss=3%", 7, 0), MS, link_of("loss=3%", 7, 0), 17));
	assert_false(same_losses(link_of("loss=3%", 7, 0), MS, link_of("loss=3%", 8, 0), MS));
	assert_false(same_losses(link_of("loss=3%", 7, 0), MS, link_of("loss=3%", 7, 1), MS));
}

static void one_mishap_does_not_move_another(void **state)
{
	(void)state;
	assert_true(same_losses(link_of("loss=3%", 7, 0), MS,
		link_of("loss=3%,reorder=5%:2ms,duplicate=5%,corrupt=5%,jitter=1ms,delay=3ms", 7,
			0),
		MS));
}

static void arp_between_packets_moves_nothing(void **state)
{
	struct link plain = link_of("loss=50%", 7, 0), mixed = link_of("loss=50%", 7, 0);
	struct link_fate a, b;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		link_enter(&plain, i, LEN, &a);
		link_enter_spared(&mixed, i, 42, &b);
		assert_int_equal(b.copies, 1);
		link_enter(&mixed, i, LEN, &b);
		assert_int_equal(a.copies, b.copies);
	}
	link_free(&plain);
	link_free(&mixed);
}

static void assert_about(uint64_t count, double expected)
{
	assert_true((double)count > expected * 0.8 && (double)count < expected * 1.2);
}

static void mishaps_are_as_frequent_as_asked(void **state)
{
	struct link link = link_of("loss=5%,duplicate=0.04,corrupt=3%,reorder=2%:1ms", 3, 0);
	struct link_fate fate;

	(void)state;
	for (unsigned int i = 0; i < PACKETS; i++)
		link_enter(&link, i * MS, LEN, &fate);
	assert_about(link.stats.lost, PACKETS * 0.05);
	assert_about(link.stats.duplicated, PACKETS * 0.04 * 0.95);
	assert_about(link.stats.corrupted, PACKETS * 0.03 * 0.95);
	assert_about(link.stats.reordered, PACKETS * 0.02 * 0.95);
	link_free(&link);
}

static void spared_packets_meet_no_mishap(void **state)
{
	struct link link = link_of("loss=100%,spare=3", 1, 0);
	struct link_fate fate;

	(void)state;
	for (unsigned int i = 1; i <= 5; i++) {
		link_enter(&link, i, LEN, &fate);
		assert_int_equal(fate.copies, i <= 3 ? 1 : 0);
	}
	link_free(&link);
}

/* 1,500 octets at 12 Mbit/s take 1 ms. */
static void the_line_takes_its_time_and_the_queue_has_an_end(void **state)
{
	struct link link = link_of("rate=12M,delay=10ms,queue=4", 1, 0);
	struct link_fate fate;

	(void)state;
	for (unsigned int i = 1; i <= 4; i++) {
		link_enter(&link, 0, LEN, &fate);
		assert_int_equal(fate.copies, 1);
		assert_int_equal(fate.arrival[0], (10 + i) * MS);
	}
	link_enter(&link, MS - 1, LEN, &fate);
	assert_int_equal(fate.copies, 0);
	link_enter(&link, MS, LEN, &fate); /* the first has left */
	assert_int_equal(fate.arrival[0], 15 * MS);
	link_enter(&link, 50 * MS, LEN, &fate); /* an idle line saves nothing up */
	assert_int_equal(fate.arrival[0], 61 * MS);
	assert_int_equal(link.stats.queue_full, 1);
	assert_int_equal(link.stats.queue_max, 4);
	link_free(&link);
}

static void a_held_back_packet_is_overtaken(void **state)
{
	struct link link = link_of("delay=1ms,reorder=100%:5ms", 1, 0);
	struct link_fate first, second;

	(void)state;
	link_enter(&link, 0, LEN, &first);
	link.config.reorder = 0;
	link_enter(&link, MS, LEN, &second);
	assert_int_equal(first.arrival[0], 6 * MS);
	assert_int_equal(second.arrival[0], 2 * MS);
	link_free(&link);
}

static void jitter_keeps_the_order(void **state)
{
	struct link link = link_of("delay=1ms,jitter=10ms", 1, 0);
	struct link_fate fate;
	uint64_t before = 0, moved = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		link_enter(&link, i * MS, LEN, &fate);
		assert_true(fate.arrival[0] >= before);
		assert_true(fate.arrival[0] >= (i + 1) * MS && fate.arrival[0] <= (i + 11) * MS);
		moved += fate.arrival[0] > (i + 1) * MS;
		before = fate.arrival[0];
	}
	assert_true(moved > 900);
	link_free(&link);
}

static void a_doubled_packet_uses_the_line_twice(void **state)
{
	struct link link = link_of("rate=12M,queue=2,duplicate=100%", 1, 0);
	struct link_fate fate;

	(void)state;
	link_enter(&link, 0, LEN, &fate);
	assert_int_equal(fate.copies, 2);
	assert_int_equal(fate.arrival[0], MS);
	assert_int_equal(fate.arrival[1], 2 * MS);
	link_free(&link);
}

static void what_is_not_understood_is_refused(void **state)
{
	static const char *const bad[] = {"rate", "rate=", "rate=0", "rate=5X", "rate=50Mb",
		"delay=10", "delay=10m", "delay=-1ms", "loss=101%", "loss=-1", "loss=1%%",
		"reorder=2%", "reorder=2%:", "queue=70000", "queue=x", "speed=1", "loss=1% "};
	struct link_config config = {0};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(spec_read(bad[i], &config));
	assert_true(spec_read("", &config));
	assert_true(spec_read("rate=1.5M,delay=250us,loss=0.25%,reorder=2%:1s,queue=9", &config));
	assert_int_equal(config.rate, 1500000);
	assert_int_equal(config.delay_ns, 250000);
	assert_int_equal(config.reorder_ns, 1000 * MS);
	assert_int_equal(config.queue, 9);
	assert_true(config.loss > 0.00249 && config.loss < 0.00251);
}

static void frames_arrive_by_time_and_then_in_order(void **state)
{
	static struct heap heap;
	struct frame *frame;
	const struct frame *top;
	uint64_t before = 0, number = 0;

	(void)state;
	assert_int_equal(heap_init(&heap), 0);
	for (uint32_t i = 0; i < FRAMES; i++) {
		frame = heap_blank(&heap);
		frame->arrival = (uint64_t)i * 7919 % 1000;
		heap_push(&heap, frame);
	}
	assert_null(heap_blank(&heap));
	for (uint32_t i = 0; i < FRAMES; i++) {
		top = heap_pop(&heap);
		assert_true(top->arrival >= before);
		assert_true(i == 0 || top->arrival > before || top->number > number);
		before = top->arrival;
		number = top->number;
	}
	assert_null(heap_top(&heap));
	heap_free(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_loses_the_same_packets_at_any_speed),
		cmocka_unit_test(one_mishap_does_not_move_another),
		cmocka_unit_test(arp_between_packets_moves_nothing),
		cmocka_unit_test(mishaps_are_as_frequent_as_asked),
		cmocka_unit_test(spared_packets_meet_no_mishap),
		cmocka_unit_test(the_line_takes_its_time_and_the_queue_has_an_end),
		cmocka_unit_test(a_held_back_packet_is_overtaken),
		cmocka_unit_test(jitter_keeps_the_order),
		cmocka_unit_test(a_doubled_packet_uses_the_line_twice),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(frames_arrive_by_time_and_then_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
