/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_tcp [--seeds N] [--first S]: N worlds, one after the other; the first that breaks an
 * invariant ends the program with its seed. sim_tcp --seed S [--trace]: one world, with every
 * packet printed. sim_tcp --path ... [--seed S]: one download and one upload (path.c).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "sim.h"

#define SIM_LIMIT LG_SEC(4000) /* virtual: nothing may take longer */

/* A world with small pools: its holders begin to read after this. */
#define SIM_HOLD LG_SEC(60)

static struct rte_mempool *pools[8];
static unsigned n_small, n_pressed;  /* such worlds, and in how many SYNs were refused */
static unsigned n_grown;             /* worlds in which receive memory was raised */
static unsigned n_cookies, n_ghosts; /* worlds with SYN cookies; connections that they reopened */
static unsigned n_echoes;            /* CE marks that had to be echoed */

void sim_fail(const struct sim *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fflush(stdout);
	fprintf(stderr, "seed %" PRIu64 " at %.6f: ", w->seed, (double)(w->now - w->start) / 1e6);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\nreplay: sim_tcp --seed %" PRIu64 " --trace\n", w->seed);
	va_end(ap);
	exit(1);
}

static void make_pools(bool large)
{
	static const struct {
		const char *name;
		unsigned n, room;
	} what[] = {{"tx0", 2047, RTE_MBUF_DEFAULT_BUF_SIZE},
		{"tx1", 2047, RTE_MBUF_DEFAULT_BUF_SIZE}, {"ind0", 4095, 0}, {"ind1", 4095, 0},
		{"app", 16383, RTE_MBUF_DEFAULT_BUF_SIZE}, {"rx", 16383, RTE_MBUF_DEFAULT_BUF_SIZE},
		{"small0", 895, RTE_MBUF_DEFAULT_BUF_SIZE},
		{"small1", 895, RTE_MBUF_DEFAULT_BUF_SIZE}};

	for (unsigned i = 0; i < LG_ARRAY_SIZE(pools); i++) {
		pools[i] = rte_pktmbuf_pool_create(
			what[i].name, large ? 16383 : what[i].n, 0, 0, (uint16_t)what[i].room, 0);
		if (pools[i] == NULL) {
			fprintf(stderr, "no memory for mbufs\n");
			exit(1);
		}
	}
}

/* ---- setting up ---- */

static void random_opts(struct sim *w, struct tcp_opts *o)
{
	tcp_opts_default(o);
	o->rcv_buf = sim_range(&w->rng, 16, 512) * 1024;
	o->snd_buf = sim_range(&w->rng, 16, 512) * 1024;
	o->rcv_start = o->rcv_buf;
	/* Begins with little and grows. */
	if (sim_chance(&w->rng, 500)) {
		o->rcv_buf = sim_range(&w->rng, 256, 4096) * 1024;
		o->snd_buf = sim_range(&w->rng, 256, 4096) * 1024;
		o->rcv_start = sim_range(&w->rng, 16, 64) * 1024;
	}
	/* Always on: it is what finds out that the other side's RST got lost. */
	o->keepalive_idle = LG_SEC(sim_range(&w->rng, 5, 120));
	/* Long: a world's bad luck must not look like a peer that is gone. */
	o->user_timeout = o->fin_timeout = LG_SEC(600);
	o->connect_timeout = LG_SEC(600);
	o->cc = sim_cc_names[sim_cc_random(&w->rng)];
	o->ecn = sim_chance(&w->rng, 500);
	if (w->small_pools)
		o->rcv_buf = o->rcv_start = o->snd_buf = sim_range(&w->rng, 128, 256) * 1024;
}

static void make_stack(struct sim *w, int host)
{
	struct tcp_stack_params p = {.name = host == 0 ? "client" : "server",
		.max_conns = 64,
		.max_half_open = 64,
		.max_time_wait = 64,
		.time_wait = LG_SEC(60),
		.half_open_timeout = LG_SEC(300),
		.syn_cookies_always = host == 1 && w->cookies,
		.pool = w->tx[host],
		.indirect = sim_chance(&w->rng, 800) ? w->indirect[host] : NULL,
		.ports = host == 0 ? w->ports : NULL,
		.socket_id = -1,
		.output = sim_output,
		.output_ctx = w};

	p.secret.k0 = sim_rand(&w->rng);
	p.secret.k1 = sim_rand(&w->rng);
	p.mtu[0] = p.mtu[1] = (uint16_t)(sim_chance(&w->rng, 100)   ? 9000
					 : sim_chance(&w->rng, 200) ? sim_range(&w->rng, 1280, 1500)
								    : 1500);
	w->stack[host] = tcp_stack_create(&p, w->now);
	LG_ASSERT(w->stack[host] != NULL);
	if (w->path != NULL)
		tcp_opts_default(&w->opts[host]);
	else
		random_opts(w, &w->opts[host]);
}

static void large_world(struct sim *w)
{
	sim_world_random(w);
	w->n_pairs = sim_range(&w->rng, 1, sim_chance(&w->rng, 100) ? SIM_MAX_PAIRS : 6);
	for (unsigned i = 0; i < w->n_pairs; i++)
		sim_pair_random(w, (int)i);
}

/* Holders could fill each pool several times; what is left must do for the others. */
static void small_world(struct sim *w)
{
	unsigned holders = sim_range(&w->rng, 10, SIM_MAX_PAIRS - 4);

	w->hold_until = w->start + SIM_HOLD;
	sim_world_small_pools(w);
	w->n_pairs = SIM_MAX_PAIRS;
	for (unsigned i = 0; i < w->n_pairs; i++)
		if (i < holders)
			sim_pair_holds(w, (int)i);
		else
			sim_pair_eager(w, (int)i);
}

static void fill_world(struct sim *w)
{
	if (w->path != NULL)
		sim_world_path(w);
	else if (w->small_pools)
		small_world(w);
	else
		large_world(w);
}

static void world_init(struct sim *w, uint64_t seed, bool trace)
{
	w->seed = seed;
	w->rng.x = seed * 0x2545f4914f6cdd1du + 1;
	w->trace = trace;
	w->small_pools = sim_chance(&w->rng, 100) && w->path == NULL;
	w->cookies = sim_chance(&w->rng, 200) && w->path == NULL;
	bool v6 = sim_chance(&w->rng, 300);
	for (int i = 0; i < 2; i++) {
		const char *text = v6 ? (i == 0 ? "2001:db8::1" : "2001:db8::2")
				      : (i == 0 ? "192.0.2.1" : "192.0.2.2");
		LG_ASSERT(lg_ip_parse(text, &w->ip[i]) == 0);
		w->tx[i] = pools[w->small_pools ? 6 + i : i];
		w->indirect[i] = pools[2 + i];
		w->app[i] = w->small_pools ? w->tx[i] : pools[4];
		w->rx[i] = w->small_pools ? w->tx[i] : pools[5];
	}
	w->wire = pools[5];
	w->start = w->now = 1 + (sim_rand(&w->rng) & ((UINT64_C(1) << 36) - 1));
	w->deadline = w->start + SIM_LIMIT;
	struct lg_siphash_key key = {sim_rand(&w->rng), sim_rand(&w->rng)};
	struct flow_ports_params pp = {.locals = &w->ip[0],
		.n_locals = 1,
		.lo = 1024,
		.hi = 65535,
		.n_workers = 1,
		.max_destinations = 2,
		.key = &key,
		.socket_id = -1};
	w->ports = flow_ports_create(&pp);
	LG_ASSERT(w->ports != NULL);
	make_stack(w, 0);
	make_stack(w, 1);
	struct lg_ip any = {0};
	int l = tcp_listen(w->stack[1], NET_EXTERNAL, &any, SIM_PORT, &w->opts[1], NULL);
	SIM_CHECK(w, l >= 0);
	fill_world(w);
}

/* ---- mbufs vanish for a while ---- */

static void exhaust(struct sim *w, int host)
{
	unsigned leave = sim_below(&w->rng, 4);
	struct sim_event e = {.at = w->now + sim_below(&w->rng, 2000000), .kind = SIM_REFILL};

	while (w->n_taken < LG_ARRAY_SIZE(w->taken) && rte_mempool_avail_count(w->tx[host]) > leave)
		w->taken[w->n_taken++] = rte_pktmbuf_alloc(w->tx[host]);
	sim_push(&w->queue, &e);
}

static void refill(struct sim *w)
{
	while (w->n_taken > 0)
		rte_pktmbuf_free(w->taken[--w->n_taken]);
}

/* ---- the loop ---- */

/* As a worker does it: every 10 ms, and after as many packets as are a hundredth of its pool. */
#define SIM_LOOK 16

static void watch_pool(struct sim *w, int host)
{
	struct rte_mempool *pool = w->tx[host];

	w->unmeasured[host] = 0;
	tcp_stack_pressure(w->stack[host], rte_mempool_avail_count(pool), pool->size);
	w->highest = LG_MAX(w->highest, (uint32_t)w->stack[host]->pressure);
}

void sim_pool_used(struct sim *w, int host, unsigned n)
{
	w->unmeasured[host] += n;
	if (w->small_pools && w->unmeasured[host] >= SIM_LOOK)
		watch_pool(w, host);
}

static void watch_pools(struct sim *w)
{
	if (!w->small_pools || w->now < w->next_tick)
		return;
	w->next_tick = w->now + LG_MS(10);
	watch_pool(w, 0);
	watch_pool(w, 1);
}

struct burst {
	struct net_pkt pkts[NET_BURST];
	unsigned n;
};

static void give(struct sim *w, int host, struct burst *b)
{
	if (b->n == 0)
		return;
	tcp_input(w->stack[host], b->pkts, b->n, w->now);
	sim_pool_used(w, host, b->n);
	b->n = 0;
}

static void packet_in(struct sim *w, const struct sim_event *e, struct burst *b)
{
	struct rte_mbuf *m = sim_receive(w, e);

	if (m != NULL)
		sim_check_arrival(w, e->host, m, e->pkt.tx.tos);
	rte_pktmbuf_free(e->pkt.m);
	if (m == NULL)
		return;
	sim_arrived(w, e->host, m);
	b->pkts[b->n++] = (struct net_pkt){.m = m,
		.src = e->pkt.tx.src,
		.dst = e->pkt.tx.dst,
		.ecn = e->pkt.tx.tos & NET_ECN_MASK,
		.side = e->host == 0 ? NET_INTERNAL : NET_EXTERNAL};
	if (b->n == (w->small_pools ? SIM_LOOK : NET_BURST))
		give(w, e->host, b);
}

static void one_event(struct sim *w, const struct sim_event *e, struct burst bursts[2])
{
	switch (e->kind) {
	case SIM_PACKET:
		packet_in(w, e, &bursts[e->host]);
		return;
	case SIM_ICMP:
		sim_icmp(w, e);
		return;
	case SIM_APP:
		w->pair[e->pair].app[e->host].wake_armed = false;
		sim_app_run(w, &w->pair[e->pair].app[e->host]);
		return;
	case SIM_CONNECT:
		sim_connect(w, e->pair);
		return;
	case SIM_EXHAUST:
		exhaust(w, e->host);
		return;
	case SIM_REFILL:
		refill(w);
		return;
	case SIM_DRAIN:
		break;
	}
	LG_ASSERT(false);
}

/* One turn of both workers' loops at w->now. */
static void turn(struct sim *w)
{
	struct burst bursts[2] = {0};
	struct sim_event e;

	while (sim_pop(&w->queue, w->now, &e))
		one_event(w, &e, bursts);
	for (int host = 0; host < 2; host++) {
		give(w, host, &bursts[host]);
		sim_app_events(w, host);
		tcp_timers(w->stack[host], w->now, 1000);
		sim_app_events(w, host);
		tcp_flush(w->stack[host], w->now);
	}
	watch_pools(w);
}

static bool all_quiet(const struct sim *w)
{
	for (int host = 0; host < 2; host++) {
		struct tcp_gauges g;
		tcp_stack_gauges(w->stack[host], &g);
		if (g.connections > 0)
			return false;
	}
	return w->queue.n == 0;
}

static lg_us next_time(const struct sim *w)
{
	lg_us t = sim_next_event(&w->queue);
	for (int host = 0; host < 2; host++)
		t = LG_MIN(t, tcp_next_timer(w->stack[host]));
	/* Ticks alone must get a world going again in which everybody waits for memory. */
	if (w->small_pools && (w->stack[0]->pressure != 0 || w->stack[1]->pressure != 0))
		t = LG_MIN(t, w->next_tick);
	return t;
}

static void run(struct sim *w)
{
	for (unsigned turns = 0;; turns++) {
		turn(w);
		if (turns % 16 == 0)
			sim_check_conns(w);
		lg_us next = next_time(w);
		if (next == UINT64_MAX)
			break;
		/* A poller comes round every few microseconds; several packets may have come by
		 * then. */
		w->now = LG_MAX(next, w->now + 1) + sim_below(&w->rng, 100);
		if (w->now > w->deadline)
			sim_fail(w, "stuck: something is still going on after %d virtual seconds",
				(int)(SIM_LIMIT / 1000000));
	}
	SIM_CHECK(w, all_quiet(w));
}

/* ---- the end ---- */

static void check_pair(const struct sim *w, const struct sim_pair *p)
{
	const struct sim_app *c = &p->app[0], *s = &p->app[1];

	SIM_CHECK(w, c->released && (s->c == NULL || s->released));
	if (c->end != END_GRACEFUL || s->end != END_GRACEFUL)
		return;
	if (!(p->connected && p->accepted && c->eof && s->eof && c->received == s->to_send &&
		    s->received == c->to_send))
		sim_fail(w,
			"pair %d did not complete: connected %d accepted %d, client got %" PRIu64
			"/%" PRIu64 " eof %d (%s), server got %" PRIu64 "/%" PRIu64 " eof %d (%s)",
			(int)(p - w->pair), p->connected, p->accepted, c->received, s->to_send,
			c->eof, tcp_reason_name(c->reason), s->received, c->to_send, s->eof,
			tcp_reason_name(s->reason));
}

/* Those who read made it beside those who didn't, but for connections that came too late. */
static void check_progress(const struct sim *w)
{
	for (unsigned i = 0; i < w->n_pairs; i++) {
		const struct sim_pair *p = &w->pair[i];
		if (p->app[0].holds || p->app[1].holds || p->app[0].done_at == 0)
			continue;
		lg_us done = LG_MAX(p->app[0].done_at, p->app[1].done_at);
		if (p->connected_at < w->start + SIM_HOLD / 2 && done > w->hold_until)
			sim_fail(w, "pair %u waited for those who hold the memory", i);
	}
	for (int host = 0; host < 2; host++)
		SIM_CHECK(w, w->stack[host]->pressure == TCP_PRESSURE_NONE);
}

static void world_end(struct sim *w)
{
	uint64_t grown = 0;

	for (unsigned i = 0; i < w->n_pairs; i++)
		check_pair(w, &w->pair[i]);
	if (w->small_pools) {
		check_progress(w);
		n_small++;
		n_pressed += w->highest >= TCP_PRESSURE_REFUSE;
	}
	for (int host = 0; host < 2; host++) {
		struct tcp_stack *s = w->stack[host];
		grown += s->counters[TCP_CTR_RCV_BUF_GROWN];
		SIM_CHECK(w, s->n_used == 0 && s->n_recs_free == s->n_recs);
		SIM_CHECK(w, s->n_ranges_free == s->n_ranges && s->wheel.armed == 0);
		SIM_CHECK(w, s->n_half_open == 0 && flow_count(s->flows) == 0);
		tcp_stack_free(s);
	}
	n_grown += grown > 0;
	n_cookies += w->cookies;
	n_ghosts += w->n_ghosts;
	n_echoes += w->n_echoes;
	SIM_CHECK(w, flow_ports_in_use(w->ports) == 0);
	flow_ports_free(w->ports);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(pools); i++)
		SIM_CHECK(w, rte_mempool_in_use_count(pools[i]) == 0);
	free(w->queue.heap);
}

static uint64_t run_seed(uint64_t seed, bool trace)
{
	static struct sim w;

	memset(&w, 0, sizeof(w));
	world_init(&w, seed, trace);
	run(&w);
	uint64_t packets = w.packets;
	world_end(&w);
	return packets;
}

/* EAL leaves its runtime folder behind, empty without shared configuration. */
static void remove_folder(void)
{
	rmdir(rte_eal_get_runtime_dir());
}

/* Both ways. False when one was too slow. */
static bool run_path(const struct sim_path *path, uint64_t seed, bool trace)
{
	static struct sim w;
	bool ok = true;

	for (int sender = 1; sender >= 0; sender--) {
		w = (struct sim){.path = path, .sender = sender};
		world_init(&w, seed, trace);
		run(&w);
		ok &= sim_path_report(&w);
		world_end(&w);
	}
	return ok;
}

static void eal_init(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "--file-prefix=lgsim%d", (int)getpid());
	char *argv[] = {(char *)"sim", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
		(char *)"512", (char *)"--no-telemetry", (char *)"--no-shconf",
		(char *)"--log-level=lib.eal:error", (char *)"--lcores=0@0", prefix, NULL};
	if (rte_eal_init(10, argv) < 0) {
		fprintf(stderr, "EAL did not start\n");
		exit(1);
	}
	atexit(remove_folder);
}

int main(int argc, char **argv)
{
	uint64_t first = 1, n = 100, packets = 0;
	bool trace = false, on_path = false;
	struct sim_path path;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0) {
			trace = true;
		} else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
			n = strtoull(argv[++i], NULL, 0);
		} else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc) {
			first = strtoull(argv[++i], NULL, 0);
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			first = strtoull(argv[++i], NULL, 0);
			n = 1;
		} else if (strcmp(argv[i], "--path") == 0 && i + 1 < argc &&
			   sim_path_parse(argv[i + 1], &path)) {
			on_path = true;
			i++;
		} else {
			fprintf(stderr,
				"usage: sim_tcp [--seeds N] [--first S] [--seed S] [--trace]\n"
				"       sim_tcp --path "
				"MBIT,RTT_MS,LOSS_PER_MILLE,QUEUE_PACKETS,BYTES,"
				"LEAST_MBIT [--seed S] [--trace]\n");
			return 2;
		}
	}
	eal_init();
	make_pools(on_path);
	if (on_path)
		return run_path(&path, first, trace) ? 0 : 1;
	for (uint64_t i = 0; i < n; i++)
		packets += run_seed(first + i, trace);
	printf("%" PRIu64 " seeds, %" PRIu64 " packets: every invariant held\n", n, packets);
	printf("%u worlds with small pools, %u of them so short that SYNs were refused\n", n_small,
		n_pressed);
	printf("%u worlds in which receive memory grew\n", n_grown);
	printf("%u worlds with SYN cookies, %u connections opened twice by them; %u CE marks "
	       "echoed\n",
		n_cookies, n_ghosts, n_echoes);
	if (n >= 100 && (n_cookies == 0 || n_echoes == 0)) {
		fprintf(stderr, "no SYN cookies or no CE marks: they were not tested\n");
		return 1;
	}
	if (n >= 100 && n_grown == 0) {
		fprintf(stderr, "no receive memory grew: that it may was not tested\n");
		return 1;
	}
	if (n_small >= 10 && n_pressed == 0) {
		fprintf(stderr, "no world was short of buffers: pressure was not tested\n");
		return 1;
	}
	return 0;
}
