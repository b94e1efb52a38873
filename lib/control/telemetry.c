/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One answer is at most 16 KiB in DPDK 22.11; beyond this many, ask for one by name. */
#define LIST_MAX 24

static pthread_mutex_t view_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct ctl_view *view; /* under view_lock; NULL: no gateway to look at */
static uint32_t state;

/* ---- building answers -------------------------------------------------------------------------
 */

static void clean_key(char out[RTE_TEL_MAX_STRING_LEN], const char *key)
{
	size_t n = strnlen(key, RTE_TEL_MAX_STRING_LEN - 8);
	for (size_t i = 0; i < n; i++)
		out[i] = isalnum((unsigned char)key[i]) ? key[i] : '_';
	out[n] = '\0';
}

void tel_uint(struct rte_tel_data *d, const char *key, uint64_t v)
{
	char name[RTE_TEL_MAX_STRING_LEN];
	clean_key(name, key);
	LG_TEL_DICT_UINT(d, name, v);
}

void tel_text(struct rte_tel_data *d, const char *key, const char *text)
{
	char name[RTE_TEL_MAX_STRING_LEN], value[RTE_TEL_MAX_STRING_LEN];
	clean_key(name, key);
	size_t n = strnlen(text, sizeof(value) - 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		value[i] = c < 0x20 || c >= 0x7f || c == '"' || c == '\\' ? '?' : (char)c;
	}
	value[n] = '\0';
	rte_tel_data_add_dict_string(d, name, value);
}

struct rte_tel_data *tel_dict(void)
{
	struct rte_tel_data *d = rte_tel_data_alloc();
	if (d != NULL)
		rte_tel_data_start_dict(d);
	return d;
}

void tel_attach(struct rte_tel_data *d, const char *key, struct rte_tel_data *inner)
{
	char name[RTE_TEL_MAX_STRING_LEN];
	clean_key(name, key);
	if (rte_tel_data_add_dict_container(d, name, inner, 0) != 0)
		rte_tel_data_free(inner);
}

uint64_t tel_sum(const struct ctl_view *v, tel_array *get, unsigned index)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < v->n_workers; i++)
		total += ctl_load(&get(&v->workers[i])[index]);
	return total;
}

static int list_names(
	const struct ctl_view *v, const struct tel_items *items, struct rte_tel_data *d)
{
	char scratch[TEL_SCRATCH];
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < items->n; i++)
		rte_tel_data_add_array_string(d, items->name(v, i, items->ctx, scratch));
	return 0;
}

static int one_item(const struct ctl_view *v, const struct tel_items *items, const char *arg,
	struct rte_tel_data *d)
{
	char scratch[TEL_SCRATCH];
	for (unsigned i = 0; i < items->n; i++) {
		if (strcmp(items->name(v, i, items->ctx, scratch), arg) == 0) {
			rte_tel_data_start_dict(d);
			items->fill(v, i, items->ctx, d);
			return 0;
		}
	}
	return -ENOENT;
}

/* Different names may become one key ("a.b", "a_b"): the later one gets its number. */
static void item_key(const struct ctl_view *v, const struct tel_items *items, unsigned index,
	char key[RTE_TEL_MAX_STRING_LEN])
{
	char other[RTE_TEL_MAX_STRING_LEN], scratch[TEL_SCRATCH];
	clean_key(key, items->name(v, index, items->ctx, scratch));
	for (unsigned i = 0; i < index; i++) {
		clean_key(other, items->name(v, i, items->ctx, scratch));
		if (strcmp(key, other) == 0) {
			size_t n = strlen(key);
			snprintf(key + n, RTE_TEL_MAX_STRING_LEN - n, "_%u", index);
			return;
		}
	}
}

int tel_items(const struct ctl_view *v, const struct tel_items *items, const char *arg,
	struct rte_tel_data *d)
{
	if (arg != NULL)
		return one_item(v, items, arg, d);
	if (items->n > LIST_MAX)
		return list_names(v, items, d);
	rte_tel_data_start_dict(d);
	for (unsigned i = 0; i < items->n; i++) {
		char key[RTE_TEL_MAX_STRING_LEN], scratch[TEL_SCRATCH];
		struct rte_tel_data *inner = tel_dict();
		if (inner == NULL)
			return -ENOMEM;
		item_key(v, items, i, key);
		tel_text(inner, "name", items->name(v, i, items->ctx, scratch));
		items->fill(v, i, items->ctx, inner);
		tel_attach(d, key, inner);
	}
	return 0;
}

/* ---- the simple commands ----------------------------------------------------------------------
 */

const char *ctl_state_name(enum ctl_state s)
{
	static const char *const names[] = {
		[CTL_STARTING] = "starting",
		[CTL_SERVING] = "serving",
		[CTL_DRAINING] = "draining",
		[CTL_STOPPING] = "stopping",
	};
	return names[s];
}

void ctl_telemetry_state(enum ctl_state s)
{
	__atomic_store_n(&state, s, __ATOMIC_RELAXED);
}

static int tel_info(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	(void)arg;
	enum ctl_state s = (enum ctl_state)__atomic_load_n(&state, __ATOMIC_RELAXED);
	rte_tel_data_start_dict(d);
	tel_text(d, "version", v->version);
	tel_text(d, "state", ctl_state_name(s));
	tel_text(d, "config", v->conf->path);
	tel_uint(d, "uptime_seconds", v->now() / 1000000);
	tel_uint(d, "workers", v->n_workers);
	tel_uint(d, "listeners", v->conf->n_listeners);
	tel_uint(d, "pools", v->conf->n_pools);
	return 0;
}

static const char *worker_name(
	const struct ctl_view *v, unsigned index, const void *ctx, char *scratch)
{
	(void)v;
	(void)ctx;
	snprintf(scratch, TEL_SCRATCH, "%u", index);
	return scratch;
}

static uint64_t per_mille(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (uint64_t)((double)part / (double)whole * 1000.0);
}

static void fill_worker(
	const struct ctl_view *v, unsigned index, const void *ctx, struct rte_tel_data *d)
{
	(void)ctx;
	const struct ctl_worker_view *w = &v->workers[index];
	uint64_t busy = ctl_load(&w->stats->c[CTL_WCTR_BUSY_CYCLES]);
	uint64_t total = ctl_load(&w->stats->c[CTL_WCTR_TOTAL_CYCLES]);
	tel_uint(d, "lcore", w->lcore);
	tel_uint(d, "cpu", w->cpu);
	tel_uint(d, "busy_per_mille", per_mille(busy, total));
	for (unsigned c = 0; c < CTL_WCTR_MAX; c++)
		tel_uint(d, ctl_worker_counter_name((enum ctl_worker_counter)c),
			ctl_load(&w->stats->c[c]));
}

static int tel_workers(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	const struct tel_items items = {
		.n = v->n_workers, .name = worker_name, .fill = fill_worker};
	return tel_items(v, &items, arg, d);
}

static const uint64_t *get_tcp(const struct ctl_worker_view *w)
{
	return w->tcp;
}

static const uint64_t *get_tcp_reasons(const struct ctl_worker_view *w)
{
	return w->tcp_reasons;
}

static const uint64_t *get_stats(const struct ctl_worker_view *w)
{
	return w->stats->c;
}

static int tel_tcp(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	static const enum ctl_worker_counter gauges[] = {CTL_WCTR_CONNECTIONS, CTL_WCTR_HALF_OPEN,
		CTL_WCTR_ESTABLISHED, CTL_WCTR_TIME_WAIT, CTL_WCTR_RX_TRUESIZE,
		CTL_WCTR_TX_TRUESIZE, CTL_WCTR_OOO_TRUESIZE, CTL_WCTR_PORTS_IN_USE,
		CTL_WCTR_PORTS_EXHAUSTED};
	(void)arg;
	rte_tel_data_start_dict(d);
	for (unsigned c = 0; c < TCP_CTR_MAX; c++)
		tel_uint(d, tcp_counter_name((enum tcp_counter)c), tel_sum(v, get_tcp, c));
	for (unsigned i = 0; i < LG_ARRAY_SIZE(gauges); i++)
		tel_uint(d, ctl_worker_counter_name(gauges[i]), tel_sum(v, get_stats, gauges[i]));
	struct rte_tel_data *reasons = tel_dict();
	if (reasons == NULL)
		return -ENOMEM;
	for (unsigned r = 0; r < TCP_REASON_MAX; r++)
		tel_uint(reasons, tcp_reason_name((enum tcp_reason)r),
			tel_sum(v, get_tcp_reasons, r));
	tel_attach(d, "closed", reasons);
	return 0;
}

static const uint64_t *get_tls(const struct ctl_worker_view *w)
{
	return w->tls;
}

static int tel_tls(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	(void)arg;
	rte_tel_data_start_dict(d);
	for (unsigned c = 0; c < TLS_CTR_MAX; c++)
		tel_uint(d, tls_counter_name((enum tls_counter)c), tel_sum(v, get_tls, c));
	return 0;
}

static const uint64_t *get_proxy(const struct ctl_worker_view *w)
{
	return proxy_counters(w->proxy);
}

static int tel_proxy(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	(void)arg;
	rte_tel_data_start_dict(d);
	for (unsigned c = 0; c < PROXY_CTR_MAX; c++)
		tel_uint(d, proxy_counter_name((enum proxy_counter)c), tel_sum(v, get_proxy, c));
	tel_uint(d, "open_sessions", tel_sum(v, get_stats, CTL_WCTR_SESSIONS));
	return 0;
}

static const uint64_t *get_ends(const struct ctl_worker_view *w)
{
	return proxy_ends(w->proxy);
}

static int tel_ends(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	(void)arg;
	rte_tel_data_start_dict(d);
	for (unsigned e = 0; e < PROXY_END_MAX; e++)
		tel_uint(d, proxy_end_name((enum proxy_end)e), tel_sum(v, get_ends, e));
	return 0;
}

static void mempool(
	struct rte_tel_data *d, unsigned worker, const char *what, const struct rte_mempool *pool)
{
	char key[32];
	snprintf(key, sizeof(key), "worker_%u_%s", worker, what);
	struct rte_tel_data *inner = tel_dict();
	if (inner == NULL)
		return;
	tel_uint(inner, "size", pool->size);
	tel_uint(inner, "available", rte_mempool_avail_count(pool));
	tel_uint(inner, "in_use", rte_mempool_in_use_count(pool));
	tel_attach(d, key, inner);
}

static int tel_mempools(const struct ctl_view *v, const char *arg, struct rte_tel_data *d)
{
	(void)arg;
	rte_tel_data_start_dict(d);
	for (unsigned i = 0; i < v->n_workers; i++) {
		mempool(d, i, "mbufs", v->workers[i].pool);
		mempool(d, i, "indirect", v->workers[i].indirect);
	}
	return 0;
}

/* ---- commands ----------------------------------------------------------------------------------
 */

static const struct command {
	const char *name;
	tel_fn *fn;
	const char *help;
} commands[] = {
	{"/lyncgate/info", tel_info, "Version, state, uptime, configuration. No parameters"},
	{"/lyncgate/ports", tel_ports,
		"Counters of the ports, NIC's and ours. Parameter: external or internal"},
	{"/lyncgate/drops", tel_drops,
		"Packets dropped, by reason and side; only what is not 0. No parameters"},
	{"/lyncgate/workers", tel_workers,
		"Cycles, gauges, hand-over of each worker. Parameter: worker"},
	{"/lyncgate/tcp", tel_tcp,
		"TCP counters of all workers and why connections closed. No parameters"},
	{"/lyncgate/tls", tel_tls, "TLS counters of all workers. No parameters"},
	{"/lyncgate/proxy", tel_proxy,
		"Request and session counters of all workers. No parameters"},
	{"/lyncgate/ends", tel_ends, "How exchanges and sessions ended. No parameters"},
	{"/lyncgate/listeners", tel_listeners, "Counters of the listeners. Parameter: name"},
	{"/lyncgate/pools", tel_pools, "Counters of the pools. Parameter: name"},
	{"/lyncgate/servers", tel_servers,
		"Counters of a pool's members. Parameter: pool or pool/server"},
	{"/lyncgate/connection", tel_connection,
		"One connection and its session, as ss -i shows it. Parameter: ADDRESS:PORT of a "
		"client"},
	{"/lyncgate/connections", tel_connections,
		"Connections, a page at a time. Parameters: client=ADDRESS, state=NAME, from=NEXT"},
	{"/lyncgate/mempools", tel_mempools, "Packet buffers free and in use. No parameters"},
};

/* All commands come in here; DPDK gives no context, so the name finds the function. */
static int run_command(const char *cmd, const char *params, struct rte_tel_data *d)
{
	int rc = -ENOENT;
	const char *arg = params != NULL && params[0] != '\0' ? params : NULL;
	pthread_mutex_lock(&view_lock);
	for (unsigned i = 0; view != NULL && i < LG_ARRAY_SIZE(commands); i++) {
		if (strcmp(cmd, commands[i].name) == 0)
			rc = commands[i].fn(view, arg, d);
	}
	pthread_mutex_unlock(&view_lock);
	return rc;
}

int ctl_telemetry_start(const struct ctl_view *v)
{
	pthread_mutex_lock(&view_lock);
	view = v;
	pthread_mutex_unlock(&view_lock);
	for (unsigned i = 0; i < LG_ARRAY_SIZE(commands); i++) {
		int rc = rte_telemetry_register_cmd(
			commands[i].name, run_command, commands[i].help);
		if (rc != 0)
			return rc;
	}
	return 0;
}

void ctl_telemetry_stop(void)
{
	pthread_mutex_lock(&view_lock);
	view = NULL;
	pthread_mutex_unlock(&view_lock);
}
