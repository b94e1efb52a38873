/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The level of a timer is the highest byte in which its tick differs from the wheel's tick, and its
 * slot is that byte. So every timer of level L is due before every timer of level L + 1, and
 * the next event is the first occupied slot behind the current one on the lowest level that has
 * any. The top level goes round; the others never wrap. A deadline beyond the range is met in its
 * top slot once a round, and placed again until it is near enough.
 */
#include "base/wheel.h"

#include <string.h>

#define SLOT_MASK (LG_WHEEL_SLOTS - 1)
#define TOP       (LG_WHEEL_LEVELS - 1)
#define NO_TICK   UINT64_MAX

static inline unsigned level_shift(unsigned level)
{
	return level * LG_WHEEL_BITS;
}

static inline unsigned slot_index(uint64_t tick, unsigned level)
{
	return (unsigned)(tick >> level_shift(level)) & SLOT_MASK;
}

static inline uint64_t ticks_up(lg_us deadline)
{
	return (deadline >> LG_WHEEL_SHIFT) + ((deadline & ((1u << LG_WHEEL_SHIFT) - 1)) != 0);
}

void lg_wheel_init(struct lg_wheel *w, lg_us now)
{
	w->tick = now >> LG_WHEEL_SHIFT;
	w->armed = 0;
	lg_list_init(&w->due);
	lg_list_init(&w->firing);
	for (unsigned l = 0; l < LG_WHEEL_LEVELS; l++)
		for (unsigned i = 0; i < LG_WHEEL_SLOTS; i++)
			lg_list_init(&w->slot[l][i]);
	memset(w->occupied, 0, sizeof(w->occupied));
}

static unsigned level_of(const struct lg_wheel *w, uint64_t tick)
{
	uint64_t diff = tick ^ w->tick;
	for (unsigned l = 0; l < TOP; l++)
		if (diff >> level_shift(l + 1) == 0)
			return l;
	return TOP;
}

/* Links t into the slot of its deadline, as seen from w->tick. */
static void place(struct lg_wheel *w, struct lg_timer *t)
{
	uint64_t tick = ticks_up(t->deadline);
	if (tick <= w->tick) {
		lg_list_push_back(&w->due, &t->node);
		return;
	}
	unsigned level = level_of(w, tick);
	unsigned i = slot_index(tick, level);
	lg_list_push_back(&w->slot[level][i], &t->node);
	w->occupied[level][i / 64] |= UINT64_C(1) << (i % 64);
}

void lg_timer_arm(struct lg_wheel *w, struct lg_timer *t, lg_us deadline)
{
	if (lg_timer_armed(t))
		lg_node_unlink(&t->node);
	else
		w->armed++;
	t->deadline = deadline;
	place(w, t);
}

void lg_timer_cancel(struct lg_wheel *w, struct lg_timer *t)
{
	if (!lg_timer_armed(t))
		return;
	lg_node_unlink(&t->node);
	w->armed--;
}

/* First marked slot in [from, LG_WHEEL_SLOTS) of a level, or -1. */
static int first_occupied(const uint64_t *bits, unsigned from)
{
	if (from >= LG_WHEEL_SLOTS)
		return -1;
	unsigned word = from / 64;
	uint64_t b = bits[word] & (~UINT64_C(0) << (from % 64));
	while (b == 0) {
		if (++word == LG_WHEEL_SLOTS / 64)
			return -1;
		b = bits[word];
	}
	return (int)(word * 64) + __builtin_ctzll(b);
}

/* The next tick at which a slot has to be emptied; its timers are due then or later. */
static uint64_t next_event(const struct lg_wheel *w)
{
	for (unsigned l = 0; l < LG_WHEEL_LEVELS; l++) {
		int i = first_occupied(w->occupied[l], slot_index(w->tick, l) + 1);
		uint64_t round = w->tick >> level_shift(l + 1);
		if (i < 0 && l == TOP) {
			i = first_occupied(w->occupied[l], 0);
			round++;
		}
		if (i >= 0)
			return (round << level_shift(l + 1)) + ((uint64_t)i << level_shift(l));
	}
	return NO_TICK;
}

/* Moves all of src to the end of dst. */
static void list_join(struct lg_list *dst, struct lg_list *src)
{
	if (lg_list_empty(src))
		return;
	src->head.next->prev = dst->head.prev;
	dst->head.prev->next = src->head.next;
	src->head.prev->next = &dst->head;
	dst->head.prev = src->head.prev;
	lg_list_init(src);
}

/* Empties the slot of w->tick on one level, to lower levels or to the due list. */
static void cascade(struct lg_wheel *w, unsigned level)
{
	unsigned i = slot_index(w->tick, level);
	struct lg_list timers;
	struct lg_node *n;
	w->occupied[level][i / 64] &= ~(UINT64_C(1) << (i % 64));
	if (level == 0) {
		list_join(&w->due, &w->slot[0][i]);
		return;
	}
	lg_list_init(&timers);
	list_join(&timers, &w->slot[level][i]);
	while ((n = lg_list_pop_front(&timers)) != NULL)
		place(w, LG_CONTAINER_OF(n, struct lg_timer, node));
}

/* Brings w->tick to `target`; what fell due on the way is on w->due, in the order of its ticks. */
static void turn(struct lg_wheel *w, uint64_t target)
{
	for (uint64_t e; (e = next_event(w)) <= target;) {
		w->tick = e;
		for (unsigned l = TOP; l > 0; l--)
			if ((e & ((UINT64_C(1) << level_shift(l)) - 1)) == 0)
				cascade(w, l);
		cascade(w, 0);
	}
	w->tick = target;
}

unsigned lg_wheel_advance(struct lg_wheel *w, lg_us now, unsigned max)
{
	uint64_t target = now >> LG_WHEEL_SHIFT;
	struct lg_node *n;
	unsigned fired = 0;
	if (target > w->tick)
		turn(w, target);
	/*
	 * What callbacks arm for the past goes to w->due and waits for the next call: a timer that
	 * re-arms itself without delay can't keep us here.
	 */
	list_join(&w->firing, &w->due);
	while (fired < max && (n = lg_list_pop_front(&w->firing)) != NULL) {
		struct lg_timer *t = LG_CONTAINER_OF(n, struct lg_timer, node);
		w->armed--;
		fired++;
		t->fn(t, now);
	}
	list_join(&w->firing, &w->due);
	list_join(&w->due, &w->firing);
	return fired;
}

lg_us lg_wheel_next(const struct lg_wheel *w)
{
	if (w->armed == 0)
		return UINT64_MAX;
	if (!lg_list_empty(&w->due) || !lg_list_empty(&w->firing))
		return w->tick << LG_WHEEL_SHIFT;
	return next_event(w) << LG_WHEEL_SHIFT;
}
