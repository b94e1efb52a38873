/* SPDX-License-Identifier: BSD-3-Clause */
/* The main thread while the workers run: signals, links, the end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_launch.h>

#include "clock.h"
#include "gateway.h"
#include "signals.h"
#include "worker.h"

#define LINK_WAIT_MS    5000
#define POLL_MS         100
#define PROGRESS_EVERY  LG_SEC(5)
#define LINGER_MAX      LG_SEC(2) /* last FINs after the last session */
#define ORDER_WAIT_MAX  LG_SEC(5)
#define CLOSE_MAX       LG_MS(500) /* for the last FINs when there is no time to drain */
#define QUIET_AFTER_RST LG_MS(20)  /* frames still in the TX rings */

/* ---- all workers ------------------------------------------------------------------------------
 */

static void order_all(struct gateway *g, enum ctl_order order)
{
	for (unsigned i = 0; i < g->n_workers; i++)
		ctl_mailbox_order(&g->workers[i].mailbox, order);
}

static uint64_t sum(const struct gateway *g, enum ctl_worker_counter c)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < g->n_workers; i++)
		total += ctl_load(&g->workers[i].stats.c[c]);
	return total;
}

static bool all_follow(const struct gateway *g, enum ctl_order order)
{
	for (unsigned i = 0; i < g->n_workers; i++) {
		if (ctl_load(&g->workers[i].stats.c[CTL_WCTR_ORDER]) < (uint64_t)order)
			return false;
	}
	return true;
}

static void sleep_us(lg_us us)
{
	struct timespec t = {
		.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
	nanosleep(&t, NULL);
}

static void wait_for_order(const struct gateway *g, enum ctl_order order)
{
	lg_us limit = app_now() + ORDER_WAIT_MAX;
	while (!all_follow(g, order) && app_now() < limit)
		sleep_us(LG_MS(1));
}

/* ---- serving ----------------------------------------------------------------------------------
 */

static void describe_port(const struct gateway *g, enum net_side side, char *out, size_t room)
{
	const struct conf_port *conf = gateway_conf_port(g, side);
	char ip[LG_IP_STRLEN] = "no address";
	if (conf->n_addresses > 0)
		lg_ip_str(&conf->addresses[0].ip, ip);
	snprintf(out, room, "%s %s on %s, link %s", gateway_side_name(side), ip,
		g->port[side].driver, g->link_up[side] ? "up" : "DOWN");
}

static void say_serving(const struct gateway *g)
{
	char ext[160], in[160];
	describe_port(g, NET_EXTERNAL, ext, sizeof(ext));
	describe_port(g, NET_INTERNAL, in, sizeof(in));
	lg_log(LG_NOTICE, "main", "serving: %u listeners, %u routes, %u pools, %u workers; %s; %s",
		g->conf->n_listeners, g->conf->n_routes, g->conf->n_pools, g->n_workers, ext, in);
}

/* Neighbours learn at once where our addresses are; worker 0 speaks for all. */
static void announce(struct gateway *g)
{
	ctl_mailbox_announce(&g->workers[0].mailbox);
}

/* "Serving" is said when the neighbours have been told. */
static void wait_announced(const struct gateway *g)
{
	lg_us limit = app_now() + ORDER_WAIT_MAX;
	while (ctl_load(&g->workers[0].stats.c[CTL_WCTR_ANNOUNCES]) == 0 && app_now() < limit)
		sleep_us(LG_MS(1));
}

static void wait_links(struct gateway *g)
{
	for (unsigned side = 0; side < NET_SIDES; side++) {
		g->link_up[side] = net_port_wait_link(&g->port[side], LINK_WAIT_MS);
		if (!g->link_up[side])
			lg_log(LG_WARN, "port",
				"%s: no link after %u s: cable, switch port or peer: service "
				"begins when "
				"it comes up",
				gateway_side_name((enum net_side)side), LINK_WAIT_MS / 1000);
	}
	announce(g);
	wait_announced(g);
}

/* Says when a link changes; a link that comes back may lead to another switch. */
static void watch_links(struct gateway *g)
{
	for (unsigned side = 0; side < NET_SIDES; side++) {
		struct rte_eth_link link;
		if (rte_eth_link_get_nowait(g->port[side].port_id, &link) != 0)
			continue;
		bool up = link.link_status == RTE_ETH_LINK_UP;
		if (up == g->link_up[side])
			continue;
		g->link_up[side] = up;
		lg_log(up ? LG_NOTICE : LG_WARN, "port", "%s: link %s",
			gateway_side_name((enum net_side)side), up ? "up" : "DOWN");
		if (up)
			announce(g);
	}
}

/* Returns the signal that ends the service. */
static int serve(struct gateway *g)
{
	ctl_telemetry_state(CTL_SERVING);
	say_serving(g);
	for (lg_us next_look = 0;;) {
		switch (signals_wait(POLL_MS)) {
		case SIGTERM:
			return SIGTERM;
		case SIGINT:
			return SIGINT;
		case SIGHUP:
			lg_log(LG_WARN, "main",
				"SIGHUP: reloading the configuration is not supported: nothing was "
				"changed: restart to apply a new configuration");
			break;
		case SIGUSR1:
			ctl_writer_reopen(g->writer);
			break;
		default:
			break;
		}
		if (app_now() >= next_look) {
			watch_links(g);
			next_look = app_now() + LG_SEC(1);
		}
	}
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* Sessions gone, and TCP has said goodbye on all connections (TIME-WAIT needs nobody). */
static bool quiet(const struct gateway *g)
{
	return sum(g, CTL_WCTR_SESSIONS) == 0 &&
	       sum(g, CTL_WCTR_CONNECTIONS) <= sum(g, CTL_WCTR_TIME_WAIT);
}

static void say_progress(const struct gateway *g, lg_us limit, lg_us now)
{
	lg_log(LG_NOTICE, "main", "draining: %llu client connections left, %llu s at most",
		(unsigned long long)sum(g, CTL_WCTR_SESSIONS),
		(unsigned long long)((limit - now + 999999) / 1000000));
}

/* Lets exchanges finish. True when all did; false when time was up or a second signal came. */
static bool drain(struct gateway *g)
{
	lg_us now = app_now(), limit = now + g->conf->timeouts.drain, next = now + PROGRESS_EVERY;
	lg_us last_session = now;
	ctl_telemetry_state(CTL_DRAINING);
	order_all(g, CTL_DRAIN);
	wait_for_order(g, CTL_DRAIN);
	say_progress(g, limit, now);
	for (; now < limit; now = app_now()) {
		if (quiet(g))
			return true;
		if (sum(g, CTL_WCTR_SESSIONS) > 0)
			last_session = now;
		else if (now - last_session > LINGER_MAX)
			return true;
		int sig = signals_wait(POLL_MS / 4);
		if (sig == SIGTERM || sig == SIGINT)
			return false;
		if (now >= next) {
			say_progress(g, limit, now);
			next = now + PROGRESS_EVERY;
		}
	}
	return false;
}

/* Everybody goes now: in order where the peer answers in time, by RST where not. True: in order. */
static bool close_all(struct gateway *g)
{
	lg_us limit = app_now() + CLOSE_MAX;
	uint64_t left = sum(g, CTL_WCTR_SESSIONS);
	if (left > 0)
		lg_log(LG_NOTICE, "main", "ending %llu client connections at once",
			(unsigned long long)left);
	order_all(g, CTL_CLOSE);
	wait_for_order(g, CTL_CLOSE);
	while (!quiet(g) && app_now() < limit)
		sleep_us(LG_MS(5));
	bool all = quiet(g);
	order_all(g, CTL_ABORT);
	wait_for_order(g, CTL_ABORT);
	sleep_us(QUIET_AFTER_RST);
	return all;
}

void gateway_run(struct gateway *g)
{
	wait_links(g);
	int sig = serve(g);
	lg_log(LG_NOTICE, "main", "stopping: %s: %s", sig == SIGTERM ? "SIGTERM" : "SIGINT",
		sig == SIGTERM ? "running requests may finish" : "at once");
	bool finished = sig == SIGTERM && drain(g);
	ctl_telemetry_state(CTL_STOPPING);
	bool closed = finished || close_all(g);
	order_all(g, CTL_QUIT);
	rte_eal_mp_wait_lcore();
	lg_log(LG_NOTICE, "main", "stopped: %s",
		finished ? "all requests were finished"
		: closed ? "all connections were closed"
			 : "what was still open has been reset");
}
