/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The impairing wire: carries Ethernet frames between interfaces with delay, a rate, a queue, loss,
 * reordering, duplication and corruption.
 *
 *     impair --left w0 --right w1,w2 --seed 7 --up SPEC --down SPEC      (SPEC: see spec.h)
 *     --trace FILE: a line per TCP segment, see trace.h
 *
 * `up` is from left to right. There may be several ports on the right: they share the line, and
 * frames go to the one where their destination was heard, as at a switch. Frames are scheduled by
 * the time the kernel received them, so that a late turn of ours delays nothing but what is due in
 * it. Says "ready" when it listens; SIGTERM or SIGINT ends it, and it prints what it did as one
 * line of JSON.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "link.h"
#include "port.h"
#include "spec.h"
#include "trace.h"

#define PORTS       8u
#define LEFT        0u
#define EVERY_RIGHT PORTS /* instead of a port: all on the right */
#define STATIONS    64u
#define ETHER_HEAD  14u

struct station {
	unsigned char mac[6];
	uint32_t port;
};

struct wire {
	struct port ports[PORTS];
	uint32_t port_count;
	struct link up, down;
	struct link_config up_config, down_config;
	struct heap heap;
	struct trace trace;
	struct station stations[STATIONS];
	uint32_t station_count;
	uint64_t entered; /* ns: the latest entry; the links' time never goes back */
	uint64_t no_frame, sent, late_max, late_sum;
};

static volatile sig_atomic_t ending, gentle;

static void take_signal(int number)
{
	if (number == SIGUSR1)
		gentle = 1;
	else
		ending = 1;
}

static void learn(struct wire *wire, const unsigned char *mac, uint32_t port)
{
	uint32_t i;

	for (i = 0; i < wire->station_count; i++) {
		if (memcmp(wire->stations[i].mac, mac, 6) == 0)
			break;
	}
	if (i == STATIONS)
		return;
	if (i == wire->station_count)
		wire->station_count++;
	memcpy(wire->stations[i].mac, mac, 6);
	wire->stations[i].port = port;
}

static uint32_t right_port_of(const struct wire *wire, const unsigned char *mac)
{
	for (uint32_t i = 0; i < wire->station_count; i++) {
		if (memcmp(wire->stations[i].mac, mac, 6) == 0)
			return wire->stations[i].port;
	}
	return EVERY_RIGHT;
}

/* ARP and ICMPv6 (ND, MLD) come when they like: numbering them would make a seed mean nothing. */
static bool is_spared(const unsigned char *data, uint32_t len)
{
	unsigned int type = data[12] << 8 | data[13];

	if (type == 0x0800)
		return false;
	return type != 0x86dd || len < ETHER_HEAD + 40 || data[ETHER_HEAD + 6] == 58 ||
	       data[ETHER_HEAD + 6] == 0;
}

/* One bit after the Ethernet head: a checksum always notices one. */
static void turn_bit(struct frame *frame, uint64_t chosen)
{
	uint32_t bit = (uint32_t)(chosen % ((frame->len - ETHER_HEAD) * 8));

	frame->data[ETHER_HEAD + bit / 8] ^= (unsigned char)(1u << bit % 8);
}

static void put_under_way(struct wire *wire, uint32_t to, const unsigned char *data, uint32_t len,
	const struct link_fate *fate)
{
	struct frame *frame;

	for (unsigned int i = 0; i < fate->copies; i++) {
		frame = heap_blank(&wire->heap);
		if (!frame) {
			wire->no_frame++;
			return;
		}
		frame->arrival = fate->arrival[i];
		frame->to = to;
		frame->len = len;
		memcpy(frame->data, data, len);
		if (fate->corrupt)
			turn_bit(frame, fate->corrupt_at);
		heap_push(&wire->heap, frame);
	}
}

static void enter(
	struct wire *wire, uint32_t from, uint64_t when, const unsigned char *data, uint32_t len)
{
	struct link *link = from == LEFT ? &wire->up : &wire->down;
	struct link_fate fate;
	uint32_t to = LEFT;

	if (len <= ETHER_HEAD)
		return;
	if (from == LEFT)
		to = right_port_of(wire, data);
	else
		learn(wire, data + 6, from);
	if (wire->entered < when)
		wire->entered = when;
	if (gentle || is_spared(data, len))
		link_enter_spared(link, wire->entered, len, &fate);
	else
		link_enter(link, wire->entered, len, &fate);
	trace_frame(&wire->trace, wire->entered, from == LEFT, data, len, &fate);
	put_under_way(wire, to, data, len, &fate);
}

static void receive(struct wire *wire, uint32_t from)
{
	static struct burst burst;

	port_receive(&wire->ports[from], &burst);
	for (unsigned int i = 0; i < burst.count; i++)
		enter(wire, from, burst.when[i], burst.data[i], burst.len[i]);
}

static void deliver(struct wire *wire, const struct frame *const frames[], unsigned int count)
{
	uint32_t to;

	if (count == 0)
		return;
	to = frames[0]->to;
	for (uint32_t i = 0; i < wire->port_count; i++) {
		if (to == i || (to == EVERY_RIGHT && i != LEFT))
			port_send(&wire->ports[i], frames, count);
	}
	wire->sent += count;
}

static void note_lateness(struct wire *wire, uint64_t late)
{
	wire->late_sum += late;
	if (wire->late_max < late)
		wire->late_max = late;
}

/* All that is due; frames for the same port go together. */
static void deliver_due(struct wire *wire)
{
	const struct frame *due[PORT_BURST], *top;
	uint64_t now = monotonic_ns();
	unsigned int count = 0;

	while ((top = heap_top(&wire->heap)) != NULL && top->arrival <= now) {
		if (count == PORT_BURST || (count > 0 && top->to != due[0]->to)) {
			deliver(wire, due, count);
			count = 0;
		}
		note_lateness(wire, now - top->arrival);
		due[count++] = heap_pop(&wire->heap);
	}
	deliver(wire, due, count);
}

static void wait_for_work(struct wire *wire, const sigset_t *signals)
{
	struct pollfd polls[PORTS];
	const struct frame *top = heap_top(&wire->heap);
	uint64_t now = monotonic_ns(), wait = 0;
	struct timespec timeout;

	for (uint32_t i = 0; i < wire->port_count; i++)
		polls[i] = (struct pollfd){.fd = wire->ports[i].fd, .events = POLLIN};
	if (top && top->arrival > now)
		wait = top->arrival - now;
	timeout.tv_sec = (time_t)(wait / 1000000000);
	timeout.tv_nsec = (long)(wait % 1000000000);
	if (ppoll(polls, wire->port_count, top ? &timeout : NULL, signals) <= 0)
		return;
	for (uint32_t i = 0; i < wire->port_count; i++) {
		if (polls[i].revents)
			receive(wire, i);
	}
}

static void print_link(const char *name, const struct link *link)
{
	printf("\"%s\": {", name);
#define X(counter) printf("\"%s\": %" PRIu64 ", ", #counter, link->stats.counter);
	LINK_COUNTERS(X)
#undef X
	printf("\"seed\": %" PRIu64 "}, ", link->config.seed);
}

static void print_stats(const struct wire *wire)
{
	uint64_t overruns = 0, failed = 0, too_long = 0;

	for (uint32_t i = 0; i < wire->port_count; i++) {
		overruns += port_overruns(&wire->ports[i]);
		failed += wire->ports[i].send_failed;
		too_long += wire->ports[i].too_long;
	}
	printf("{");
	print_link("up", &wire->up);
	print_link("down", &wire->down);
	printf("\"sent\": %" PRIu64 ", \"overruns\": %" PRIu64 ", \"send_failed\": %" PRIu64
	       ", \"too_long\": %" PRIu64 ", \"no_frame\": %" PRIu64,
		wire->sent, overruns, failed, too_long, wire->no_frame);
	printf(", \"late_mean_us\": %.1f, \"late_max_us\": %.1f}\n",
		wire->sent ? (double)wire->late_sum / (double)wire->sent / 1e3 : 0.0,
		(double)wire->late_max / 1e3);
}

static bool open_ports(struct wire *wire, char *names)
{
	for (char *rest, *name = strtok_r(names, ",", &rest); name;
		name = strtok_r(NULL, ",", &rest)) {
		if (wire->port_count == PORTS) {
			fprintf(stderr, "impair: more than %u ports\n", PORTS);
			return false;
		}
		if (port_open(&wire->ports[wire->port_count], name))
			return false;
		wire->port_count++;
	}
	return true;
}

static bool use_spec(const char *text, struct link_config *config)
{
	if (spec_read(text, config))
		return true;
	fprintf(stderr,
		"impair: %s: not understood; an example: rate=50M,delay=10ms,queue=100,"
		"loss=1%%,reorder=2%%:10ms,duplicate=1%%,corrupt=0.1%%,jitter=1ms,spare=3\n",
		text);
	return false;
}

static bool open_trace(struct wire *wire, const char *path)
{
	wire->trace.out = fopen(path, "w");
	if (!wire->trace.out)
		fprintf(stderr, "impair: %s: %s\n", path, strerror(errno));
	return wire->trace.out != NULL;
}

struct arguments {
	char *left, *right;
	uint64_t seed;
};

static bool take_option(struct wire *wire, struct arguments *arguments, int option, char *value)
{
	switch (option) {
	case 'l':
		arguments->left = value;
		return true;
	case 'r':
		arguments->right = value;
		return true;
	case 's':
		arguments->seed = strtoull(value, NULL, 0);
		return true;
	case 'u':
		return use_spec(value, &wire->up_config);
	case 'd':
		return use_spec(value, &wire->down_config);
	case 't':
		return open_trace(wire, value);
	default:
		return false;
	}
}

static bool read_arguments(struct wire *wire, struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = {{"left", required_argument, NULL, 'l'},
		{"right", required_argument, NULL, 'r'}, {"seed", required_argument, NULL, 's'},
		{"up", required_argument, NULL, 'u'}, {"down", required_argument, NULL, 'd'},
		{"trace", required_argument, NULL, 't'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!take_option(wire, arguments, option, optarg))
			return false;
	}
	if (arguments->left && arguments->right && !strchr(arguments->left, ','))
		return true;
	fprintf(stderr, "usage: impair --left IF --right IF[,IF...] [--seed N] [--up SPEC] "
			"[--down SPEC] [--trace FILE]\n");
	return false;
}

static bool set_up(struct wire *wire, int argc, char **argv)
{
	struct arguments arguments = {.seed = 1};

	if (!read_arguments(wire, &arguments, argc, argv))
		return false;
	wire->up_config.seed = wire->down_config.seed = arguments.seed;
	return open_ports(wire, arguments.left) && open_ports(wire, arguments.right) &&
	       heap_init(&wire->heap) == 0 && link_init(&wire->up, &wire->up_config, 0) == 0 &&
	       link_init(&wire->down, &wire->down_config, 1) == 0;
}

/* Woken to the microsecond, before those whose packets we carry, where we may be. */
static void become_punctual(void)
{
	struct sched_param first = {.sched_priority = 1};

	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO, &first);
}

static void run(struct wire *wire)
{
	struct sigaction action = {.sa_handler = take_signal};
	sigset_t blocked, before;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	become_punctual();
	puts("ready");
	fflush(stdout);
	while (!ending) {
		wait_for_work(wire, &before);
		deliver_due(wire);
	}
}

static void tear_down(struct wire *wire)
{
	for (uint32_t i = 0; i < wire->port_count; i++)
		port_close(&wire->ports[i]);
	if (wire->trace.out)
		fclose(wire->trace.out);
	heap_free(&wire->heap);
	link_free(&wire->up);
	link_free(&wire->down);
}

int main(int argc, char **argv)
{
	static struct wire wire;
	bool good = set_up(&wire, argc, argv);

	if (good) {
		run(&wire);
		print_stats(&wire);
	}
	tear_down(&wire);
	return good ? 0 : 1;
}
