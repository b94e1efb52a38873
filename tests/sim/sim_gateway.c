/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_gateway [--seeds N] [--first S]: N worlds, one after the other; the first that breaks an
 * invariant ends the program with its seed. sim_gateway --seed S [--trace]: one world, with every
 * packet printed. sim_gateway --hours H: until the time is over.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "gateway.h"
#include "net/net_if.h"

#define TICK             LG_MS(10)
#define PACKETS_PER_LOOK 16 /* then the gateway hears of its pool, tick or not */
#define PROXY_TURNS      8

void gw_fail(const struct gw *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fflush(stdout);
	fprintf(stderr, "seed %" PRIu64 " at %.6f: ", w->seed, (double)(w->now - w->start) / 1e6);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\nreplay: sim_gateway --seed %" PRIu64 " --trace\n", w->seed);
	va_end(ap);
	exit(1);
}

/* ---- mbufs vanish for a while ---- */

static void exhaust(struct gw *w)
{
	struct rte_mempool *pool = w->pool[GW_GATEWAY];
	unsigned leave = sim_below(&w->rng, 60);
	struct sim_event e = {.at = w->now + sim_below(&w->rng, 2000000), .kind = SIM_REFILL};

	while (w->n_taken < LG_ARRAY_SIZE(w->taken) && rte_mempool_avail_count(pool) > leave)
		w->taken[w->n_taken++] = rte_pktmbuf_alloc(pool);
	sim_push(&w->queue, &e);
}

static void refill(struct gw *w)
{
	while (w->n_taken > 0)
		rte_pktmbuf_free(w->taken[--w->n_taken]);
}

static void watch_pool(struct gw *w)
{
	struct tcp_stack *s = w->stack[GW_GATEWAY];
	struct rte_mempool *pool = w->pool[GW_GATEWAY];

	w->unmeasured = 0;
	tcp_stack_pressure(s, rte_mempool_avail_count(pool), pool->size);
	w->highest = LG_MAX(w->highest, (uint32_t)s->pressure);
}

/* ---- frames in ---- */

/* The frame as the host's NIC would give it: fresh mbufs, sometimes several. NULL: none left. */
static struct rte_mbuf *to_host(struct gw *w, enum gw_host host, struct rte_mbuf *frame)
{
	const uint8_t *p = rte_pktmbuf_mtod(frame, const uint8_t *);
	struct rte_mbuf *head = NULL, *last = NULL;

	for (uint32_t off = 0, len = frame->data_len; off < len;) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool[host]);
		if (m == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		uint32_t n = LG_MIN(len - off, (uint32_t)rte_pktmbuf_tailroom(m));
		if (sim_chance(&w->rng, 30))
			n = sim_range(&w->rng, 1, n);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), p + off, n);
		off += n;
		if (head == NULL) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += n;
		}
		last = m;
	}
	return head;
}

static void give(struct gw *w, enum gw_host host)
{
	unsigned n = w->n_batch[host];

	w->n_batch[host] = 0;
	w->segs_in[host] += n;
	if (n > 0)
		tcp_input(w->stack[host], w->batch[host], n, w->now);
}

static void frame_in(struct gw *w, struct gw_port *p, struct rte_mbuf *frame)
{
	struct rte_mbuf *m = to_host(w, p->host, frame);
	struct net_icmp_error err;

	rte_pktmbuf_free(frame);
	if (m == NULL) {
		/* What pressure is there to prevent (law 4): the NIC can't be served. */
		GW_CHECK(w, p->host == GW_GATEWAY && w->exhausts);
		return;
	}
	p->received++;
	switch (net_input(p->nif, m, w->now, &w->batch[p->host][w->n_batch[p->host]], &err)) {
	case NET_DONE:
		break;
	case NET_TCP:
		gw_arrived(p, &w->batch[p->host][w->n_batch[p->host]]);
		if (++w->n_batch[p->host] == NET_BURST)
			give(w, p->host);
		break;
	case NET_ICMP_ERROR:
		tcp_icmp_error(w->stack[p->host], &err, w->now);
		break;
	case NET_NEIGHBOUR:
		rte_pktmbuf_free(m);
		break;
	}
	if (p->host == GW_GATEWAY && ++w->unmeasured >= PACKETS_PER_LOOK)
		watch_pool(w);
}

static void one_event(struct gw *w, const struct sim_event *e)
{
	switch (e->kind) {
	case SIM_PACKET:
		frame_in(w, &w->port[e->host], e->pkt.m);
		return;
	case SIM_CONNECT:
		gw_client_connect(w, &w->client[e->pair]);
		return;
	case SIM_APP:
		if (e->host == GW_CLIENT) {
			w->client[e->pair].wake_armed = false;
			gw_client_run(&w->client[e->pair]);
		} else {
			w->member[e->pair].wake_armed = false;
			gw_member_run(&w->member[e->pair]);
		}
		return;
	case SIM_EXHAUST:
		exhaust(w);
		return;
	case SIM_REFILL:
		refill(w);
		return;
	case SIM_DRAIN:
		proxy_drain(w->proxy, w->now);
		return;
	case SIM_ICMP: /* are frames here */
		break;
	}
	LG_ASSERT(false);
}

/* ---- one turn of everybody's loop ---- */

static void play(struct gw *w, enum gw_host host)
{
	struct tcp_conn *c;
	unsigned ev;

	while ((c = tcp_next_event(w->stack[host], &ev)) != NULL) {
		struct end *e = tcp_conn_user(c);
		if (host == GW_CLIENT)
			gw_client_event(e->user, ev);
		else if (ev & TCP_EV_ACCEPTED)
			gw_member_accept(w, c, ev);
		else
			gw_member_event(e->user, ev);
	}
}

static void tick(struct gw *w)
{
	if (w->now < w->next_tick)
		return;
	w->next_tick = w->now + TICK;
	watch_pool(w);
	for (int id = 0; id < GW_PORTS; id++)
		net_tick(w->port[id].nif, w->now);
}

static void turn(struct gw *w)
{
	struct sim_event e;

	gw_clock_set(w->now - w->start);
	while (sim_pop(&w->queue, w->now, &e))
		one_event(w, &e);
	for (int h = 0; h < GW_HOSTS; h++)
		give(w, (enum gw_host)h);
	play(w, GW_CLIENT);
	play(w, GW_SERVER);
	w->busy = true;
	for (int i = 0; i < PROXY_TURNS && w->busy; i++)
		w->busy = proxy_run(w->proxy, w->now);
	for (int h = 0; h < GW_HOSTS; h++)
		tcp_timers(w->stack[h], w->now, 1000);
	play(w, GW_CLIENT);
	play(w, GW_SERVER);
	w->busy |= proxy_run(w->proxy, w->now);
	for (int h = 0; h < GW_HOSTS; h++)
		tcp_flush(w->stack[h], w->now);
	tick(w);
	for (int id = 0; id < GW_PORTS; id++)
		net_flush(w->port[id].nif);
}

static bool all_quiet(const struct gw *w)
{
	for (int h = 0; h < GW_HOSTS; h++)
		if (w->stack[h]->n_used > 0 || w->stack[h]->pressure != 0)
			return false;
	return w->queue.n == 0 && !w->busy && proxy_session_count(w->proxy) == 0;
}

static lg_us next_time(const struct gw *w)
{
	lg_us t = w->busy ? w->now : sim_next_event(&w->queue);

	for (int h = 0; h < GW_HOSTS; h++)
		t = LG_MIN(t, tcp_next_timer(w->stack[h]));
	for (int id = 0; id < GW_PORTS; id++) {
		lg_us neighbours = lg_wheel_next(&w->port[id].nif->neigh.wheel);
		if (neighbours != UINT64_MAX)
			t = LG_MIN(t, LG_MAX(neighbours, w->next_tick));
	}
	if (w->stack[GW_GATEWAY]->pressure != 0)
		t = LG_MIN(t, w->next_tick);
	return t;
}

static void run(struct gw *w)
{
	for (unsigned turns = 0;; turns++) {
		turn(w);
		if (turns % 16 == 0)
			gw_check_conns(w);
		if (all_quiet(w))
			return;
		lg_us next = next_time(w);
		if (next == UINT64_MAX)
			gw_fail(w, "stuck: somebody waits for what will never come");
		/* A poller comes round every few microseconds; several packets may have come by
		 * then. */
		w->now = LG_MAX(next, w->now + 1) + sim_below(&w->rng, 100);
		if (w->now > w->deadline)
			gw_fail(w, "stuck: something is still going on");
	}
}

/* ---- seeds ---- */

struct totals {
	uint64_t seeds, frames, requests, answered, faithful, small, refused;
	uint64_t ends[PROXY_END_MAX];
	uint64_t hash;
};

static void add_totals(struct totals *t, const struct gw *w)
{
	const uint64_t *ends = proxy_ends(w->proxy);

	t->seeds++;
	t->frames += w->frames;
	t->small += w->small_pool;
	t->refused += w->highest >= TCP_PRESSURE_REFUSE;
	t->hash = (t->hash ^ w->hash) * 0x100000001b3u;
	for (unsigned i = 0; i < PROXY_END_MAX; i++)
		t->ends[i] += ends[i];
	for (unsigned i = 0; i < w->n_clients; i++) {
		t->faithful += w->client[i].faithful;
		t->requests += w->client[i].n_requests;
		for (unsigned k = 0; k < w->client[i].n_requests; k++)
			t->answered += w->client[i].req[k].answered;
	}
}

static uint64_t run_seed(struct gw_lab *lab, uint64_t seed, bool trace, struct totals *t)
{
	static struct gw w;
	const char *which;

	gw_world_create(&w, lab, seed, trace);
	run(&w);
	gw_check_end(&w);
	add_totals(t, &w);
	gw_world_free(&w);
	if (!gw_lab_idle(lab, &which))
		gw_fail(&w, "mbufs of the pool \"%s\" leaked", which);
	return w.hash;
}

/* EAL leaves its runtime folder behind, empty without shared configuration. */
static void remove_folder(void)
{
	rmdir(rte_eal_get_runtime_dir());
}

static void eal_init(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "--file-prefix=lgsim%d", (int)getpid());
	char *argv[] = {(char *)"sim", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
		(char *)"256", (char *)"--no-telemetry", (char *)"--no-shconf",
		(char *)"--log-level=lib.eal:error", (char *)"--lcores=0@0", prefix, NULL};
	if (rte_eal_init(10, argv) < 0) {
		fprintf(stderr, "EAL did not start\n");
		exit(1);
	}
	atexit(remove_folder);
}

struct args {
	uint64_t first, seeds;
	double seconds; /* 0: no limit but the seeds */
	bool trace, twice;
};

static const char usage[] =
	"usage: sim_gateway [--first S] [--seeds N]     N worlds from seed S on (1, 100)\n"
	"       sim_gateway [--first S] --seconds T     as many as T seconds take; or --hours H\n"
	"       sim_gateway --seed S [--trace]          one world, with every packet\n"
	"       --twice runs each world two times and compares what was on the wires\n"
	"exit status: 0 every invariant held, 1 one was broken (its seed is printed), 2 usage\n";

static void parse_args(struct args *a, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(argv[i], "--trace") == 0) {
			a->trace = true;
			continue;
		}
		if (strcmp(argv[i], "--twice") == 0) {
			a->twice = true;
			continue;
		}
		if (strcmp(argv[i], "--seeds") == 0 && value != NULL) {
			a->seeds = strtoull(value, NULL, 0);
		} else if (strcmp(argv[i], "--first") == 0 && value != NULL) {
			a->first = strtoull(value, NULL, 0);
		} else if (strcmp(argv[i], "--seed") == 0 && value != NULL) {
			a->first = strtoull(value, NULL, 0);
			a->seeds = 1;
		} else if (strcmp(argv[i], "--seconds") == 0 && value != NULL) {
			a->seconds = strtod(value, NULL);
		} else if (strcmp(argv[i], "--hours") == 0 && value != NULL) {
			a->seconds = strtod(value, NULL) * 3600;
		} else {
			fputs(usage, stderr);
			exit(2);
		}
		i++;
	}
}

static double elapsed(uint64_t since)
{
	return (double)(rte_get_timer_cycles() - since) / (double)rte_get_timer_hz();
}

static void report(const struct totals *t)
{
	printf("%" PRIu64 " seeds, %" PRIu64 " frames, %" PRIu64 " requests, %" PRIu64
	       " of them answered by a server, %" PRIu64
	       " clients that had to get everything: every invariant held\n",
		t->seeds, t->frames, t->requests, t->answered, t->faithful);
	printf("%" PRIu64 " worlds with a small pool; in %" PRIu64
	       " worlds buffers were so short that SYNs were refused\n",
		t->small, t->refused);
	for (unsigned i = 0; i < PROXY_END_MAX; i++)
		printf("%s=%" PRIu64 "%s", proxy_end_name((enum proxy_end)i), t->ends[i],
			i + 1 < PROXY_END_MAX ? " " : "\n");
	printf("wires: %016" PRIx64 "\n", t->hash);
}

static void run_all(struct gw_lab *lab, const struct args *a, struct totals *t)
{
	uint64_t begin = rte_get_timer_cycles(), said = begin;

	for (uint64_t i = 0; a->seconds > 0 ? elapsed(begin) < a->seconds : i < a->seeds; i++) {
		uint64_t hash = run_seed(lab, a->first + i, a->trace, t);
		if (a->twice && run_seed(lab, a->first + i, false, t) != hash) {
			fprintf(stderr, "seed %" PRIu64 ": the second run was another one\n",
				a->first + i);
			exit(1);
		}
		if (a->seconds > 0 && elapsed(said) > 60) {
			said = rte_get_timer_cycles();
			printf("%.0f s: %" PRIu64 " seeds, %" PRIu64 " frames\n", elapsed(begin),
				t->seeds, t->frames);
			fflush(stdout);
		}
	}
}

int main(int argc, char **argv)
{
	struct args a = {.first = 1, .seeds = 100};
	struct totals t = {0};

	parse_args(&a, argc, argv);
	gw_random_init();
	eal_init();
	lg_log_set_level(LG_ERROR);
	struct gw_lab *lab = gw_lab_create();
	run_all(lab, &a, &t);
	report(&t);
	gw_lab_free(lab);
	return 0;
}
