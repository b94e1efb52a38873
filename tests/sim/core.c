/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "core.h"

uint64_t sim_rand(struct sim_rng *r)
{
	/* splitmix64 */
	uint64_t z = (r->x += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t sim_below(struct sim_rng *r, uint32_t n)
{
	return n == 0 ? 0 : (uint32_t)(sim_rand(r) % n);
}

uint32_t sim_range(struct sim_rng *r, uint32_t lo, uint32_t hi)
{
	return lo + sim_below(r, hi - lo + 1);
}

bool sim_chance(struct sim_rng *r, uint32_t per_mille)
{
	return sim_below(r, 1000) < per_mille;
}

uint8_t sim_byte_at(uint64_t seed, uint64_t stream, uint64_t offset)
{
	uint64_t x = (offset + 1) * 0x9e3779b97f4a7c15u ^ seed ^ (stream << 32);
	return (uint8_t)(x >> 29);
}

/* ---- a binary heap of events ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_push(struct sim_queue *q, const struct sim_event *e)
{
	if (q->n == q->room) {
		q->room = q->room == 0 ? 1024 : q->room * 2;
		q->heap = realloc(q->heap, q->room * sizeof(*q->heap));
		LG_ASSERT(q->heap != NULL);
	}
	unsigned i = q->n++;
	struct sim_event ev = *e;
	ev.order = q->order++;
	while (i > 0 && earlier(&ev, &q->heap[(i - 1) / 2])) {
		q->heap[i] = q->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	q->heap[i] = ev;
}

bool sim_pop(struct sim_queue *q, lg_us until, struct sim_event *e)
{
	if (q->n == 0 || q->heap[0].at > until)
		return false;
	*e = q->heap[0];
	struct sim_event last = q->heap[--q->n];
	unsigned i = 0;
	for (;;) {
		unsigned k = 2 * i + 1;
		if (k >= q->n)
			break;
		if (k + 1 < q->n && earlier(&q->heap[k + 1], &q->heap[k]))
			k++;
		if (!earlier(&q->heap[k], &last))
			break;
		q->heap[i] = q->heap[k];
		i = k;
	}
	if (q->n > 0)
		q->heap[i] = last;
	return true;
}

lg_us sim_next_event(const struct sim_queue *q)
{
	return q->n > 0 ? q->heap[0].at : UINT64_MAX;
}

/* ---- links ---- */

#define ETHERNET_HEADER 14u
#define FULL_BITS       (1514u * 8)

const char *sim_fate_name(enum sim_fate f)
{
	static const char *const names[] = {
		"", "lost", "link down", "queue full", "too big", "corrupted"};
	return names[f];
}

static bool is_down(const struct sim_link *l, lg_us now)
{
	for (unsigned i = 0; i < SIM_PARTITIONS; i++)
		if (now >= l->down[i].from && now < l->down[i].until)
			return true;
	return false;
}

/* Serialises onto the link: when the last bit is out. False: the queue is full. */
static bool depart(struct sim_link *l, lg_us now, uint32_t ip_len, lg_us *out)
{
	*out = now;
	if (l->bits_per_second == 0)
		return true;
	lg_us begin = LG_MAX(l->free_at, now);
	if ((begin - now) * l->bits_per_second / 1000000 >= (uint64_t)l->queue * FULL_BITS)
		return false;
	l->free_at = begin + (lg_us)(ip_len + ETHERNET_HEADER) * 8 * 1000000 / l->bits_per_second;
	*out = l->free_at;
	return true;
}

static lg_us arrival(const struct sim_link *l, struct sim_rng *r, lg_us out)
{
	lg_us at = out + l->delay;
	if (l->jitter > 0 && sim_chance(r, l->reorder))
		at += sim_below(r, (uint32_t)l->jitter);
	return at;
}

struct sim_transit sim_link_pass(struct sim_link *l, struct sim_rng *r, lg_us now, uint32_t ip_len)
{
	struct sim_transit t = {.fate = SIM_PASSES};
	lg_us out;

	if (ip_len > l->path_mtu)
		t.fate = SIM_TOO_BIG;
	else if (is_down(l, now))
		t.fate = SIM_DOWN;
	else if (sim_chance(r, l->loss))
		t.fate = SIM_LOST;
	else if (!depart(l, now, ip_len, &out))
		t.fate = SIM_QUEUE_FULL;
	if (t.fate != SIM_PASSES)
		return t;
	if (sim_chance(r, l->corrupt))
		t.fate = SIM_CORRUPTED;
	if (sim_chance(r, l->duplicate))
		t.copy_at = arrival(l, r, out + sim_below(r, 50000));
	t.at = arrival(l, r, out);
	return t;
}

bool sim_link_marks(const struct sim_link *l, struct sim_rng *r, uint8_t tos)
{
	return (tos & NET_ECN_MASK) != NET_ECN_NOT_ECT && sim_chance(r, l->mark);
}

static void partitions_random(struct sim_link *l, struct sim_rng *r, lg_us start)
{
	unsigned n = sim_chance(r, 700) ? 1 : sim_range(r, 2, SIM_PARTITIONS);

	for (unsigned i = 0; i < n; i++) {
		l->down[i].from = start + sim_below(r, 5000000 * (i + 1));
		l->down[i].until = l->down[i].from + sim_below(r, 20000000);
	}
}

void sim_link_random(struct sim_link *l, struct sim_rng *r, lg_us start, uint32_t min_mtu)
{
	static const uint32_t rates[] = {0, 0, 1, 5, 20, 100, 1000};

	*l = (struct sim_link){.queue = UINT32_MAX, .path_mtu = UINT32_MAX, .icmp_says_mtu = true};
	l->delay = sim_chance(r, 300) ? sim_range(r, 10, 500) : sim_range(r, 1000, 100000);
	if (sim_chance(r, 500)) {
		l->jitter = sim_range(r, 1, (uint32_t)l->delay * 2);
		l->reorder = sim_range(r, 1, 300);
	}
	if (sim_chance(r, 600))
		l->loss = sim_range(r, 1, sim_chance(r, 200) ? 150 : 40);
	if (sim_chance(r, 300))
		l->duplicate = sim_range(r, 1, 100);
	if (sim_chance(r, 200))
		l->corrupt = sim_range(r, 1, 30);
	l->bits_per_second = rates[sim_below(r, LG_ARRAY_SIZE(rates))] * UINT64_C(1000000);
	if (l->bits_per_second != 0)
		l->queue = sim_range(r, 4, 200);
	if (sim_chance(r, 150)) {
		l->path_mtu = sim_range(r, min_mtu, 1500);
		l->icmp_says_mtu = sim_chance(r, 700);
	}
	if (sim_chance(r, 500))
		l->mark = sim_range(r, 1, 200);
	if (sim_chance(r, 150))
		partitions_random(l, r, start);
}

void sim_link_good(struct sim_link *l, struct sim_rng *r)
{
	*l = (struct sim_link){.queue = UINT32_MAX, .path_mtu = UINT32_MAX};
	l->delay = sim_range(r, 10, 30000);
	l->loss = sim_chance(r, 300) ? sim_range(r, 1, 10) : 0;
	l->jitter = (lg_us)sim_range(r, 1, 20000);
	l->reorder = sim_chance(r, 500) ? sim_range(r, 1, 100) : 0;
}
