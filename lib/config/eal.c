/* SPDX-License-Identifier: BSD-3-Clause */
/* eal: and workers: what the gateway owns is refused here, before EAL answers with its help text.
 */
#include <string.h>

#include "config/internal.h"

struct owned {
	const char *key, *why;
};

static const struct owned owned_keys[] = {
	{"lcores", "set by workers.lcores and workers.main_lcore"},
	{"l", "set by workers.lcores and workers.main_lcore"},
	{"c", "set by workers.lcores and workers.main_lcore"},
	{"s", "set by workers.lcores"},
	{"S", "set by workers.lcores"},
	{"main-lcore", "set by workers.main_lcore"},
	{"proc-type", "the gateway is always the primary process"},
	{"vdev", "devices come from ports.external.device and ports.internal.device"},
	{"a", "devices come from ports.external.device and ports.internal.device"},
	{"allow", "devices come from ports.external.device and ports.internal.device"},
	{"b", "only the two devices under ports are used"},
	{"block", "only the two devices under ports are used"},
	{"h", "it would end the program"},
	{"help", "it would end the program"},
};

/* What EAL of DPDK 22.11 to 25.11 knows; others are passed on with a warning. */
static const char *const known_keys[] = {"base-virtaddr", "create-uio-dev", "d", "file-prefix",
	"force-max-simd-bitwidth", "huge-dir", "huge-unlink", "huge-worker-stack", "in-memory",
	"iova-mode", "legacy-mem", "log-color", "log-level", "log-timestamp", "m",
	"match-allocations", "mbuf-pool-ops-name", "n", "no-hpet", "no-huge", "no-pci", "no-shconf",
	"no-telemetry", "numa-mem", "numa-limit", "r", "single-file-segments", "socket-limit",
	"socket-mem", "syslog", "telemetry", "trace", "trace-bufsz", "trace-dir", "trace-mode", "v",
	"vfio-intr", "vfio-vf-token", "vmware-tsc-map"};

static bool key_allowed(struct conf_load *l, const yaml_node_t *at, const char *key)
{
	for (unsigned i = 0; i < LG_ARRAY_SIZE(owned_keys); i++)
		if (strcmp(key, owned_keys[i].key) == 0) {
			conf_error(
				l, at, "eal: '%s' cannot be set here: %s", key, owned_keys[i].why);
			return false;
		}
	if (key[0] == '-' || key[0] == '\0' ||
		strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
			strlen(key)) {
		conf_error(l, at, "eal: '%s' is no option name; write it without leading dashes",
			conf_show(l, key, strlen(key)));
		return false;
	}
	struct conf_suggest hint = {.word = key};
	for (unsigned i = 0; i < LG_ARRAY_SIZE(known_keys); i++) {
		if (strcmp(key, known_keys[i]) == 0)
			return true;
		if (!conf_enough(l))
			conf_suggest_try(&hint, known_keys[i], NULL);
	}
	conf_warn(l, at, "eal: '%s' is no EAL option that we know%s",
		conf_show(l, key, strlen(key)), conf_suggest_text(l, &hint));
	return true;
}

static void add_option(struct conf_load *l, const char *key, const char *value)
{
	struct conf_eal_option *o = &l->conf->eal[l->conf->n_eal++];
	o->key = conf_strndup(l->arena, key, strlen(key));
	o->value = value != NULL ? conf_strndup(l->arena, value, strlen(value)) : NULL;
}

static void read_option(struct conf_load *l, const char *key, const yaml_node_t *node)
{
	if (conf_is_plain(node, "true")) {
		add_option(l, key, NULL);
		return;
	}
	if (conf_is_plain(node, "false")) {
		conf_error(l, node, "eal: leave '%s' out instead of setting it to false", key);
		return;
	}
	static const struct conf_key many = {.key = "eal option", .min = 1, .max = 64};
	struct raw_names values = {NULL, 0};
	conf_read_names(l, node, &many, &values);
	for (unsigned i = 0; i < values.n; i++)
		add_option(l, key, values.v[i].s);
}

static const yaml_node_t *option_node(struct conf_load *l, const yaml_node_t *map, const char *key)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
		p++)
		if (conf_is_plain(conf_node(l, p->key), key))
			return conf_node(l, p->value);
	return NULL;
}

static bool pci_device(const char *device)
{
	return device != NULL && strncmp(device, "net_", 4) != 0 &&
	       strncmp(device, "virtio_user", 11) != 0;
}

/* Combinations that EAL refuses with a wall of text, or that leave the ports without a device. */
static void check_combinations(struct conf_load *l, const yaml_node_t *map)
{
	const yaml_node_t *no_huge = option_node(l, map, "no-huge"),
			  *in_memory = option_node(l, map, "in-memory");
	const yaml_node_t *no_pci = option_node(l, map, "no-pci");
	const struct raw_ports *ports = &l->top.ports;

	if (no_huge != NULL && in_memory != NULL)
		conf_error(l, in_memory,
			"eal: 'in-memory' and 'no-huge' exclude each other (no-huge implies "
			"legacy memory); keep 'no-huge' only without hugepages");
	if (no_pci != NULL &&
		(pci_device(ports->external.device) || pci_device(ports->internal.device)))
		conf_error(l, no_pci, "eal: 'no-pci' hides the PCI device that a port names");
}

void conf_build_eal(struct conf_load *l)
{
	const yaml_node_t *map = l->top.eal;
	if (map == NULL)
		return;
	if (map->type != YAML_MAPPING_NODE) {
		conf_error(
			l, map, "'eal' must be a map of options, like { no-huge: true, m: 256 }");
		return;
	}
	yaml_node_pair_t *start = map->data.mapping.pairs.start, *end = map->data.mapping.pairs.top;
	if (end - start > 64) {
		conf_error(l, map, "'eal' has more than 64 options");
		return;
	}
	/* Each option has at most 64 values. */
	l->conf->eal = conf_alloc(l->arena, (size_t)(end - start) * 64 * sizeof(l->conf->eal[0]));
	for (yaml_node_pair_t *p = start; p < end; p++) {
		const yaml_node_t *at = conf_node(l, p->key);
		const char *key = conf_key_text(l, at);
		if (key == NULL || !key_allowed(l, at, key))
			continue;
		const yaml_node_t *first = option_node(l, map, key);
		if (first != NULL && first != conf_node(l, p->value))
			conf_error(
				l, at, "eal: '%s' is there twice; several values are a list", key);
		else
			read_option(l, key, conf_node(l, p->value));
	}
	check_combinations(l, map);
}

/* ---- workers -----------------------------------------------------------------------------------
 */

#define MAX_WORKERS 64
#define MAX_CPU     1023

static void add_cpu(struct conf_load *l, const yaml_node_t *at, uint64_t cpu)
{
	struct conf *c = l->conf;
	for (unsigned i = 0; i < c->n_workers; i++)
		if (c->lcores[i] == cpu) {
			conf_error(l, at, "workers.lcores: CPU %llu is there twice",
				(unsigned long long)cpu);
			return;
		}
	if (c->n_workers == MAX_WORKERS) {
		conf_error(l, at, "workers.lcores: more than %d workers", MAX_WORKERS);
		return;
	}
	c->lcores[c->n_workers++] = (unsigned)cpu;
}

/* "1-3,5" */
static void read_cpus(struct conf_load *l, const yaml_node_t *at, const char *text)
{
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");
		const char *part = conf_strndup(l->scratch, p, n);
		uint64_t low, high;
		if (conf_uint(part, MAX_CPU, &low)) {
			high = low;
		} else if (!conf_range(part, MAX_CPU, &low, &high) || high - low >= MAX_WORKERS) {
			conf_error(l, at, "workers.lcores: '%s' is no CPU number or range like 1-3",
				conf_show(l, part, n));
			return;
		}
		for (uint64_t cpu = low; cpu <= high; cpu++)
			add_cpu(l, at, cpu);
		p += n;
		if (*p == '\0')
			return;
	}
}

void conf_build_workers(struct conf_load *l)
{
	static const struct conf_key lcores = {.key = "lcores", .min = 1, .max = MAX_WORKERS};
	const struct raw_workers *w = &l->top.workers;
	struct raw_names names = {NULL, 0};

	l->conf->lcores = conf_alloc(l->arena, MAX_WORKERS * sizeof(l->conf->lcores[0]));
	l->conf->main_lcore = w->main_lcore;
	l->conf->idle = (enum conf_idle)w->idle;
	if (w->lcores == NULL)
		l->conf->lcores[l->conf->n_workers++] = 1;
	else
		conf_read_names(l, w->lcores, &lcores, &names);
	for (unsigned i = 0; i < names.n; i++)
		read_cpus(l, names.v[i].at, names.v[i].s);
}
