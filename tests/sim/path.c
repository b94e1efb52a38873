/* SPDX-License-Identifier: BSD-3-Clause */
/* One transfer over one path: what the stack makes of it, in virtual time and so exactly. */
#include "sim.h"

bool sim_path_parse(const char *text, struct sim_path *p)
{
	unsigned long long bytes;

	if (sscanf(text, "%u,%u,%u,%u,%llu,%u", &p->mbit, &p->rtt_ms, &p->loss, &p->queue, &bytes,
		    &p->least) != 6)
		return false;
	p->bytes = bytes;
	return p->mbit > 0 && p->bytes > 0;
}

static void app_plain(struct sim_app *a, int host, uint64_t bytes)
{
	*a = (struct sim_app){.host = host, .max_write = 20000, .max_read = UINT32_MAX};
	a->to_send = bytes;
}

void sim_world_path(struct sim *w)
{
	const struct sim_path *p = w->path;
	struct sim_event e = {.at = w->start, .kind = SIM_CONNECT};

	for (int i = 0; i < 2; i++) {
		w->link[i] = (struct sim_link){.queue = p->queue, .path_mtu = UINT32_MAX};
		w->link[i].delay = LG_MS(p->rtt_ms) / 2;
		w->link[i].bits_per_second = p->mbit * UINT64_C(1000000);
		app_plain(&w->pair[0].app[i], i, i == w->sender ? p->bytes : 0);
	}
	w->link[w->sender].loss = p->loss;
	w->n_pairs = 1;
	sim_push(&w->queue, &e);
}

bool sim_path_report(const struct sim *w)
{
	const struct sim_path *p = w->path;
	lg_us took = w->pair[0].app[1 - w->sender].done_at - w->start;
	double goodput = (double)p->bytes * 8 / (double)took;

	printf("%s of %llu bytes at %u Mbit/s, %u ms, %u per mille lost, seed %llu: %.2f s, "
	       "%.1f Mbit/s\n",
		w->sender == 0 ? "upload" : "download", (unsigned long long)p->bytes, p->mbit,
		p->rtt_ms, p->loss, (unsigned long long)w->seed, (double)took / 1e6, goodput);
	if (goodput >= p->least)
		return true;
	fprintf(stderr, "less than %u Mbit/s\n", p->least);
	return false;
}
