/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/wheel.h"

#define TICK   (1u << LG_WHEEL_SHIFT)
#define ALL    1000000u
#define RANGE  ((lg_us)1 << (LG_WHEEL_SHIFT + LG_WHEEL_LEVELS * LG_WHEEL_BITS))
#define N_FUZZ 300

struct probe {
	struct lg_timer t; /* first: the callback gets it back by a cast */
	unsigned fired;
	lg_us at;
	unsigned order;
	struct lg_timer *other;
	lg_us again;
};

static struct lg_wheel wheel;
static unsigned sequence;

static void note(struct lg_timer *t, lg_us now)
{
	struct probe *p = (struct probe *)t;
	assert_true(now >= t->deadline); /* never early */
	assert_false(lg_timer_armed(t));
	p->fired++;
	p->at = now;
	p->order = ++sequence;
}

static struct probe *probe(void)
{
	static struct probe pool[64];
	static unsigned used;
	struct probe *p = &pool[used++ % 64];
	*p = (struct probe){.t.fn = note};
	return p;
}

static int setup(void **state)
{
	(void)state;
	lg_wheel_init(&wheel, 1);
	sequence = 0;
	return 0;
}

static void a_timer_fires_at_its_tick_and_not_before(void **state)
{
	struct probe *p = probe();
	lg_us due = 1001 * TICK;
	(void)state;
	lg_timer_arm(&wheel, &p->t, 1000 * TICK + 1);
	assert_true(lg_timer_armed(&p->t));
	assert_int_equal(lg_wheel_advance(&wheel, due - 1, ALL), 0);
	assert_int_equal(lg_wheel_advance(&wheel, due, ALL), 1);
	assert_int_equal(p->fired, 1);
	assert_false(lg_timer_armed(&p->t));
	assert_int_equal(wheel.armed, 0);
}

static void a_deadline_on_a_tick_is_not_rounded_up(void **state)
{
	struct probe *p = probe();
	(void)state;
	lg_timer_arm(&wheel, &p->t, 5 * TICK);
	assert_int_equal(lg_wheel_advance(&wheel, 5 * TICK - 1, ALL), 0);
	assert_int_equal(lg_wheel_advance(&wheel, 5 * TICK, ALL), 1);
}

static void a_deadline_in_the_past_fires_at_the_next_advance(void **state)
{
	struct probe *p = probe();
	(void)state;
	lg_wheel_advance(&wheel, LG_SEC(5), ALL);
	lg_timer_arm(&wheel, &p->t, LG_SEC(1));
	assert_true(lg_wheel_next(&wheel) <= LG_SEC(5));
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(5), ALL), 1);
	assert_int_equal(p->fired, 1);
}

/* One deadline in and at both ends of each level, walked tick by tick around the deadline. */
static void cascades_keep_deadlines_exact_on_every_level(void **state)
{
	static const uint64_t ticks[] = {1, 2, 255, 256, 257, 511, 512, 65535, 65536, 65537,
		0x12345, 0xffffff, 0x1000000, 0x1000001, 0x2ffffff, 0x3000000, 0xff000000};
	(void)state;
	for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		for (uint64_t start = 0; start < 0x20000; start += 0xff01) {
			struct probe *p = probe();
			lg_us due = (start + ticks[i]) * TICK;
			lg_wheel_init(&wheel, start * TICK);
			lg_timer_arm(&wheel, &p->t, due);
			assert_int_equal(
				lg_wheel_advance(&wheel, due / 2 > start * TICK ? due / 2 : 0, ALL),
				0);
			assert_int_equal(lg_wheel_advance(&wheel, due - TICK, ALL), 0);
			assert_int_equal(lg_wheel_advance(&wheel, due - 1, ALL), 0);
			assert_int_equal(lg_wheel_advance(&wheel, due, ALL), 1);
			assert_int_equal(p->at, due);
		}
	}
}

static void timers_fire_in_the_order_of_their_ticks(void **state)
{
	static const unsigned ticks[] = {70000, 3, 300, 65536, 4, 256, 299, 20000000, 255};
	enum { N = sizeof(ticks) / sizeof(ticks[0]) };
	struct probe *p[N];
	(void)state;
	for (unsigned i = 0; i < N; i++) {
		p[i] = probe();
		lg_timer_arm(&wheel, &p[i]->t, (lg_us)ticks[i] * TICK);
	}
	assert_int_equal(lg_wheel_advance(&wheel, (lg_us)20000000 * TICK, ALL), N);
	for (unsigned i = 0; i < N; i++)
		for (unsigned j = 0; j < N; j++)
			if (ticks[i] < ticks[j])
				assert_true(p[i]->order < p[j]->order);
}

static void re_arming_moves_a_timer(void **state)
{
	struct probe *p = probe();
	(void)state;
	lg_timer_arm(&wheel, &p->t, LG_MS(10));
	lg_timer_arm(&wheel, &p->t, LG_MS(500));
	assert_int_equal(wheel.armed, 1);
	assert_int_equal(lg_wheel_advance(&wheel, LG_MS(499), ALL), 0);
	lg_timer_arm(&wheel, &p->t, LG_MS(499));
	assert_int_equal(lg_wheel_advance(&wheel, LG_MS(501), ALL), 1);
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(10), ALL), 0);
}

static void a_cancelled_timer_never_fires(void **state)
{
	struct probe *p = probe();
	(void)state;
	lg_timer_arm(&wheel, &p->t, LG_MS(10));
	lg_timer_cancel(&wheel, &p->t);
	lg_timer_cancel(&wheel, &p->t); /* not armed: nothing happens */
	assert_false(lg_timer_armed(&p->t));
	assert_int_equal(wheel.armed, 0);
	assert_int_equal(lg_wheel_next(&wheel), UINT64_MAX);
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(10), ALL), 0);
}

static void cancel_other(struct lg_timer *t, lg_us now)
{
	note(t, now);
	lg_timer_cancel(&wheel, ((struct probe *)t)->other);
}

static void a_callback_may_cancel_a_timer_due_in_the_same_call(void **state)
{
	struct probe *a = probe(), *b = probe(), *c = probe();
	(void)state;
	a->t.fn = cancel_other;
	a->other = &b->t;
	lg_timer_arm(&wheel, &a->t, 7 * TICK);
	lg_timer_arm(&wheel, &b->t, 7 * TICK);
	lg_timer_arm(&wheel, &c->t, 9 * TICK);
	assert_int_equal(lg_wheel_advance(&wheel, 10 * TICK, ALL), 2);
	assert_int_equal(b->fired, 0);
	assert_int_equal(c->fired, 1);
	assert_int_equal(wheel.armed, 0);
}

static void re_arm_self(struct lg_timer *t, lg_us now)
{
	note(t, now);
	lg_timer_arm(&wheel, t, now + ((struct probe *)t)->again);
	assert_true(lg_wheel_next(&wheel) <= now + ((struct probe *)t)->again + TICK);
}

static void a_callback_may_re_arm_its_own_timer(void **state)
{
	struct probe *p = probe();
	(void)state;
	p->t.fn = re_arm_self;
	p->again = LG_MS(100);
	lg_timer_arm(&wheel, &p->t, LG_MS(100));
	for (lg_us now = 0; now <= LG_SEC(2); now += LG_MS(1))
		lg_wheel_advance(&wheel, now, ALL);
	assert_true(p->fired == 19 || p->fired == 20);
	assert_true(lg_timer_armed(&p->t));
}

static void a_timer_re_armed_without_delay_fires_once_per_call(void **state)
{
	struct probe *p = probe();
	(void)state;
	p->t.fn = re_arm_self;
	p->again = 0;
	lg_timer_arm(&wheel, &p->t, 0);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(lg_wheel_advance(&wheel, 8 * TICK, ALL), 1);
		assert_int_equal(p->fired, i);
	}
}

static void re_arm_other(struct lg_timer *t, lg_us now)
{
	note(t, now);
	lg_timer_arm(&wheel, ((struct probe *)t)->other, now + LG_SEC(1));
}

static void a_callback_may_postpone_a_timer_due_in_the_same_call(void **state)
{
	struct probe *a = probe(), *b = probe();
	(void)state;
	a->t.fn = re_arm_other;
	a->other = &b->t;
	lg_timer_arm(&wheel, &a->t, 7 * TICK);
	lg_timer_arm(&wheel, &b->t, 8 * TICK);
	assert_int_equal(lg_wheel_advance(&wheel, 10 * TICK, ALL), 1);
	assert_int_equal(b->fired, 0);
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(1) + 11 * TICK, ALL), 1);
	assert_int_equal(b->fired, 1);
}

static void max_leaves_the_rest_for_the_next_call_in_order(void **state)
{
	struct probe *p[10];
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		p[i] = probe();
		lg_timer_arm(&wheel, &p[i]->t, (10 + i / 3) * TICK);
	}
	assert_int_equal(lg_wheel_advance(&wheel, 100 * TICK, 4), 4);
	assert_int_equal(wheel.armed, 6);
	assert_true(lg_wheel_next(&wheel) <= 100 * TICK);
	lg_timer_cancel(&wheel, &p[5]->t);
	assert_int_equal(lg_wheel_advance(&wheel, 100 * TICK, 4), 4);
	assert_int_equal(lg_wheel_advance(&wheel, 101 * TICK, 4), 1);
	for (unsigned i = 1; i < 10; i++)
		if (i != 5 && i != 6)
			assert_int_equal(p[i]->order, p[i - 1]->order + 1);
	assert_int_equal(p[6]->order, p[4]->order + 1);
	assert_int_equal(p[5]->fired, 0);
}

static void deadlines_beyond_the_range_come_round_and_still_fire_in_time(void **state)
{
	struct probe *p = probe(), *never = probe();
	lg_us due = 3 * RANGE + 12345 * TICK;
	unsigned steps = 0;
	(void)state;
	lg_timer_arm(&wheel, &p->t, due);
	lg_timer_arm(&wheel, &never->t, UINT64_MAX);
	/* The wheel's own advice is enough to get there. */
	while (p->fired == 0) {
		lg_us next = lg_wheel_next(&wheel);
		assert_true(next <= due);
		lg_wheel_advance(&wheel, next, ALL);
		assert_true(++steps < 40);
	}
	assert_int_equal(p->at, due);
	assert_int_equal(never->fired, 0);
	assert_int_equal(wheel.armed, 1);
}

/* A jump over ten years takes slots that hold timers, not the 2.5e12 ticks between. */
static void a_big_jump_of_now_is_cheap(void **state)
{
	struct probe *p = probe(), *q = probe();
	(void)state;
	lg_timer_arm(&wheel, &p->t, 50 * TICK);
	lg_timer_arm(&wheel, &q->t, RANGE - LG_SEC(1));
	clock_t before = clock();
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(315360000), ALL), 2);
	assert_true(clock() - before < CLOCKS_PER_SEC / 10);
	assert_true(p->order < q->order);
}

static void time_going_backwards_fires_nothing(void **state)
{
	struct probe *p = probe();
	(void)state;
	lg_wheel_advance(&wheel, LG_SEC(10), ALL);
	lg_timer_arm(&wheel, &p->t, LG_SEC(11));
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(9), ALL), 0);
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(11), ALL), 0);
	assert_int_equal(lg_wheel_advance(&wheel, LG_SEC(11) + TICK, ALL), 1);
}

static uint64_t rng = 88172645463325252u;

static uint64_t rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static lg_us due_tick(lg_us deadline)
{
	return (deadline + TICK - 1) / TICK * TICK;
}

/* Against the obvious model: after advance(now) exactly the timers whose tick now has reached
 * fired. */
static void random_use_agrees_with_a_list(void **state)
{
	static struct probe p[N_FUZZ];
	static bool armed[N_FUZZ];
	static const lg_us spans[] = {
		10 * TICK, 300 * TICK, LG_SEC(1), LG_SEC(60), LG_SEC(7200), RANGE * 2};
	lg_us now = 1;
	(void)state;
	for (unsigned i = 0; i < N_FUZZ; i++)
		p[i] = (struct probe){.t.fn = note};
	for (unsigned round = 0; round < 60000; round++) {
		unsigned i = (unsigned)rnd(N_FUZZ);
		lg_us span = spans[rnd(sizeof(spans) / sizeof(spans[0]))];
		unsigned what = (unsigned)rnd(10);
		if (what < 6) {
			lg_timer_arm(&wheel, &p[i].t, now + rnd(span));
			armed[i] = true;
			p[i].fired = 0;
		} else if (what < 8) {
			lg_timer_cancel(&wheel, &p[i].t);
			armed[i] = false;
		} else {
			lg_us next = lg_wheel_next(&wheel), first = UINT64_MAX;
			for (unsigned k = 0; k < N_FUZZ; k++)
				if (armed[k] && due_tick(p[k].t.deadline) < first)
					first = due_tick(p[k].t.deadline);
			assert_true(next <= first || next <= now);
			now += rnd(round % 50 ? LG_SEC(1) : span);
			lg_wheel_advance(&wheel, now, ALL);
			for (unsigned k = 0; k < N_FUZZ; k++) {
				bool due = armed[k] &&
					   due_tick(p[k].t.deadline) <= now / TICK * TICK;
				assert_int_equal(p[k].fired, due);
				assert_int_equal(lg_timer_armed(&p[k].t), armed[k] && !due);
				armed[k] = armed[k] && !due;
				p[k].fired = 0;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_timer_fires_at_its_tick_and_not_before, setup),
		cmocka_unit_test_setup(a_deadline_on_a_tick_is_not_rounded_up, setup),
		cmocka_unit_test_setup(a_deadline_in_the_past_fires_at_the_next_advance, setup),
		cmocka_unit_test_setup(cascades_keep_deadlines_exact_on_every_level, setup),
		cmocka_unit_test_setup(timers_fire_in_the_order_of_their_ticks, setup),
		cmocka_unit_test_setup(re_arming_moves_a_timer, setup),
		cmocka_unit_test_setup(a_cancelled_timer_never_fires, setup),
		cmocka_unit_test_setup(a_callback_may_cancel_a_timer_due_in_the_same_call, setup),
		cmocka_unit_test_setup(a_callback_may_re_arm_its_own_timer, setup),
		cmocka_unit_test_setup(a_timer_re_armed_without_delay_fires_once_per_call, setup),
		cmocka_unit_test_setup(a_callback_may_postpone_a_timer_due_in_the_same_call, setup),
		cmocka_unit_test_setup(max_leaves_the_rest_for_the_next_call_in_order, setup),
		cmocka_unit_test_setup(
			deadlines_beyond_the_range_come_round_and_still_fire_in_time, setup),
		cmocka_unit_test_setup(a_big_jump_of_now_is_cheap, setup),
		cmocka_unit_test_setup(time_going_backwards_fires_nothing, setup),
		cmocka_unit_test_setup(random_use_agrees_with_a_list, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
