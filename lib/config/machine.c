/* SPDX-License-Identifier: BSD-3-Clause */
/* What the workers' CPUs are on this machine: existing, and on the NICs' NUMA node. */
#include <unistd.h>

#include "config/internal.h"

static bool cpu_exists(struct conf_load *l, unsigned cpu)
{
	const char *first = "/sys/devices/system/cpu/cpu0"; /* else sysfs tells nothing */
	return access(first, F_OK) != 0 ||
	       access(conf_sprintf(l->scratch, "/sys/devices/system/cpu/cpu%u", cpu), F_OK) == 0;
}

/* NUMA node of a PCI device; -1: unknown, or no PCI device. */
static int device_node(struct conf_load *l, const char *device)
{
	int node = -1;
	if (device == NULL || device[0] == 'n' || device[0] == 'v')
		return -1;
	FILE *f = fopen(
		conf_sprintf(l->scratch, "/sys/bus/pci/devices/%s/numa_node", device), "re");
	if (f == NULL)
		return -1;
	if (fscanf(f, "%d", &node) != 1)
		node = -1;
	fclose(f);
	return node;
}

static void check_node(
	struct conf_load *l, const yaml_node_t *at, const struct conf_port *p, const char *name)
{
	int node = device_node(l, p->device);
	for (unsigned i = 0; node >= 0 && i < l->conf->n_workers; i++) {
		const char *dir = conf_sprintf(l->scratch, "/sys/devices/system/cpu/cpu%u/node%d",
			l->conf->lcores[i], node);
		if (access(dir, F_OK) != 0)
			conf_warn(l, at,
				"CPU %u is not on NUMA node %d, where the %s port's NIC is: "
				"packets cross "
				"the machine",
				l->conf->lcores[i], node, name);
	}
}

void conf_check_machine(struct conf_load *l)
{
	const struct conf_head *h = &l->top.workers.head;
	const yaml_node_t *at = h->at != NULL ? conf_at(h, CS_WORKERS, "lcores") : NULL;
	const yaml_node_t *main_at = h->at != NULL ? conf_at(h, CS_WORKERS, "main_lcore") : NULL;

	if (!l->check_files)
		return;
	for (unsigned i = 0; i < l->conf->n_workers; i++)
		if (!cpu_exists(l, l->conf->lcores[i]))
			conf_error(l, at, "workers.lcores: this machine has no CPU %u",
				l->conf->lcores[i]);
	if (!cpu_exists(l, l->conf->main_lcore))
		conf_error(l, main_at, "workers.main_lcore: this machine has no CPU %u",
			l->conf->main_lcore);
	check_node(l, at, &l->conf->external, "external");
	check_node(l, at, &l->conf->internal, "internal");
}
