/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define NS_PER_S 1000000000ull

enum mishap { LOSS = 1, REORDER, DUPLICATE, CORRUPT, CORRUPT_AT, JITTER };

/* splitmix64's finalizer: every bit of the input moves every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static uint64_t chance(const struct link *link, enum mishap kind)
{
	uint64_t x = mix(link->config.seed);

	x = mix(x ^ (link->direction << 8) ^ kind);
	return mix(x ^ link->stats.packets);
}

static bool happens(const struct link *link, enum mishap kind, double probability)
{
	if (link->stats.packets <= link->config.spare)
		return false;
	return (double)(chance(link, kind) >> 11) * 0x1.0p-53 < probability;
}

int link_init(struct link *link, const struct link_config *config, uint64_t direction)
{
	memset(link, 0, sizeof(*link));
	link->config = *config;
	link->direction = direction;
	if (config->queue == 0 || config->queue > LINK_QUEUE_MAX)
		link->config.queue = LINK_QUEUE_MAX;
	link->leaves = calloc(link->config.queue, sizeof(*link->leaves));
	return link->leaves ? 0 : -ENOMEM;
}

void link_free(struct link *link)
{
	free(link->leaves);
	link->leaves = NULL;
}

static void forget_sent(struct link *link, uint64_t now)
{
	while (link->waiting > 0 && link->leaves[link->first] <= now) {
		link->first = (link->first + 1) % link->config.queue;
		link->waiting--;
	}
}

/* Through the queue and over the line: when its last bit has left, or false when there is no room.
 */
static bool send_on_line(struct link *link, uint64_t now, uint32_t len, uint64_t *left)
{
	const struct link_config *config = &link->config;

	if (config->rate == 0) {
		*left = now;
		return true;
	}
	forget_sent(link, now);
	if (link->waiting == config->queue) {
		link->stats.queue_full++;
		return false;
	}
	if (link->line_free < now)
		link->line_free = now;
	link->line_free += (uint64_t)len * 8 * NS_PER_S / config->rate;
	*left = link->line_free;
	link->leaves[(link->first + link->waiting) % config->queue] = *left;
	link->waiting++;
	if (link->waiting > link->stats.queue_max)
		link->stats.queue_max = link->waiting;
	return true;
}

/* When it arrives. Jitter alone changes no order, as on radio links that deliver in order. */
static uint64_t travel(struct link *link, uint64_t left)
{
	const struct link_config *config = &link->config;
	uint64_t arrival = left + config->delay_ns;

	if (config->jitter_ns)
		arrival += chance(link, JITTER) % (config->jitter_ns + 1);
	if (arrival < link->last_arrival)
		arrival = link->last_arrival;
	link->last_arrival = arrival;
	return arrival;
}

static void send_copy(
	struct link *link, uint64_t now, uint32_t len, uint64_t held, struct link_fate *fate)
{
	uint64_t left;

	if (send_on_line(link, now, len, &left))
		fate->arrival[fate->copies++] = travel(link, left) + held;
}

void link_enter(struct link *link, uint64_t now, uint32_t len, struct link_fate *fate)
{
	const struct link_config *config = &link->config;
	uint64_t held = 0;

	memset(fate, 0, sizeof(*fate));
	link->stats.packets++;
	link->stats.bytes += len;
	if (happens(link, LOSS, config->loss)) {
		link->stats.lost++;
		fate->lost = true;
		return;
	}
	if (happens(link, CORRUPT, config->corrupt)) {
		link->stats.corrupted++;
		fate->corrupt = true;
		fate->corrupt_at = chance(link, CORRUPT_AT);
	}
	if (happens(link, REORDER, config->reorder)) {
		link->stats.reordered++;
		held = config->reorder_ns;
	}
	send_copy(link, now, len, held, fate);
	if (happens(link, DUPLICATE, config->duplicate)) {
		link->stats.duplicated++;
		send_copy(link, now, len, 0, fate);
	}
}

void link_enter_spared(struct link *link, uint64_t now, uint32_t len, struct link_fate *fate)
{
	memset(fate, 0, sizeof(*fate));
	link->stats.spared++;
	send_copy(link, now, len, 0, fate);
}
