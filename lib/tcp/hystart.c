/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HyStart++ (RFC 9406). A round whose smallest RTT is clearly above that of the round before says
 * that a queue builds up: growth slows down (conservative slow start) and, unless the RTT falls
 * again because it was jitter, slow start ends after five such rounds.
 */
#include "tcp/hystart.h"

#include "tcp/tcp_internal.h"

/* Section 4.3 */
#define MIN_RTT_THRESH     LG_MS(4)
#define MAX_RTT_THRESH     LG_MS(16)
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5
#define L                  8 /* segments per ACK that count, without pacing */

void hystart_init(struct tcp_hystart *h, uint32_t snd_nxt)
{
	*h = (struct tcp_hystart){.window_end = snd_nxt,
		.last_min_rtt = UINT32_MAX,
		.cur_min_rtt = UINT32_MAX,
		.css_baseline_min_rtt = UINT32_MAX};
}

void hystart_stop(struct tcp_hystart *h)
{
	h->done = true;
}

static void next_round(struct tcp_hystart *h, uint32_t snd_nxt)
{
	h->window_end = snd_nxt;
	h->last_min_rtt = h->cur_min_rtt;
	h->cur_min_rtt = UINT32_MAX;
	h->n_samples = 0;
	if (h->css_rounds == 0)
		return;
	/* The round in which it began counts, too. */
	if (h->css_rounds == CSS_ROUNDS)
		h->done = true;
	else
		h->css_rounds++;
}

static void sample(struct tcp_hystart *h, lg_us rtt)
{
	h->cur_min_rtt = LG_MIN(h->cur_min_rtt, (uint32_t)LG_MIN(rtt, (lg_us)UINT32_MAX - 1));
	if (h->n_samples < UINT8_MAX)
		h->n_samples++;
}

static bool delay_grew(const struct tcp_hystart *h)
{
	if (h->n_samples < N_RTT_SAMPLE || h->cur_min_rtt == UINT32_MAX ||
		h->last_min_rtt == UINT32_MAX)
		return false;
	lg_us thresh = LG_MIN(
		LG_MAX(h->last_min_rtt / MIN_RTT_DIVISOR, MIN_RTT_THRESH), MAX_RTT_THRESH);
	return h->cur_min_rtt >= h->last_min_rtt + thresh;
}

static void judge(struct tcp_hystart *h)
{
	if (h->css_rounds == 0) {
		if (delay_grew(h)) {
			h->css_baseline_min_rtt = h->cur_min_rtt;
			h->css_rounds = 1;
			h->css_part = 0;
		}
	} else if (h->n_samples >= N_RTT_SAMPLE && h->cur_min_rtt < h->css_baseline_min_rtt) {
		/* It was jitter. */
		h->css_baseline_min_rtt = UINT32_MAX;
		h->css_rounds = 0;
	}
}

uint32_t hystart_on_ack(struct tcp_conn *c, struct tcp_hystart *h, const struct tcp_ack_info *a)
{
	uint32_t n = LG_MIN(a->acked, (uint32_t)L * c->mss);

	if (h->done)
		return n;
	if (a->rtt != 0)
		sample(h, a->rtt);
	judge(h);
	if (seq_geq(c->snd_una, h->window_end))
		next_round(h, c->snd_nxt);
	if (h->done)
		return 0;
	if (h->css_rounds == 0)
		return n;
	h->css_part += n;
	uint32_t grow = h->css_part / CSS_GROWTH_DIVISOR;
	h->css_part %= CSS_GROWTH_DIVISOR;
	return grow;
}
