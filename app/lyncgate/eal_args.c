/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "base/base.h"

__attribute__((format(printf, 2, 3))) static int add(struct eal_args *a, const char *fmt, ...)
{
	if (a->argc >= EAL_MAX_ARGS)
		return -E2BIG;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&a->argv[a->argc], fmt, ap);
	va_end(ap);
	if (n < 0) {
		a->argv[a->argc] = NULL;
		return -ENOMEM;
	}
	a->argc++;
	return 0;
}

/* "0000:3b:00.0" or "3b:00.0", maybe with ",arguments" behind. */
static bool is_pci(const char *device)
{
	unsigned domain, bus, slot, function;
	int end = -1;
	if (sscanf(device, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &end) < 4 &&
		sscanf(device, "%x:%x.%x%n", &bus, &slot, &function, &end) < 3)
		return false;
	return end > 0 && (device[end] == '\0' || device[end] == ',');
}

static int add_lcores(struct eal_args *a, const struct conf *conf)
{
	size_t room = 32 * ((size_t)conf->n_workers + 1), n;
	char *list = malloc(room);
	if (list == NULL)
		return -ENOMEM;
	n = (size_t)snprintf(list, room, "0@%u", conf->main_lcore);
	for (unsigned i = 0; i < conf->n_workers; i++)
		n += (size_t)snprintf(
			list + n, room - n, ",%u@%u", eal_worker_lcore(i), conf->lcores[i]);
	int rc = add(a, "--lcores=%s", list);
	free(list);
	return rc;
}

static int add_option(struct eal_args *a, const struct conf_eal_option *o)
{
	bool letter = strlen(o->key) == 1;
	if (o->value == NULL)
		return add(a, letter ? "-%s" : "--%s", o->key);
	if (!letter)
		return add(a, "--%s=%s", o->key, o->value);
	int rc = add(a, "-%s", o->key);
	return rc != 0 ? rc : add(a, "%s", o->value);
}

/*
 * Ports are probed one by one at run time (net_port_open). EAL itself must not take every NIC of
 * the machine that happens to be bound, so it is told the few PCI devices that are ours, or none.
 */
static int add_devices(struct eal_args *a, const struct conf *conf)
{
	const char *devices[] = {conf->external.device, conf->internal.device};
	int rc = 0;
	bool any = false;
	for (unsigned i = 0; i < LG_ARRAY_SIZE(devices) && rc == 0; i++) {
		if (is_pci(devices[i])) {
			any = true;
			rc = add(a, "-a%s", devices[i]);
		}
	}
	return any || rc != 0 || eal_args_value(a, "--no-pci") != NULL ? rc : add(a, "--no-pci");
}

/* What we add unless the operator said otherwise. */
static int add_defaults(struct eal_args *a, const struct conf *conf)
{
	int rc = 0;
	if (eal_args_value(a, "--file-prefix") == NULL)
		rc = add(a, "--file-prefix=lyncgate");
	if (rc == 0 && conf->log.level != LG_DEBUG && eal_args_value(a, "--log-level") == NULL)
		rc = add(a, "--log-level=warning");
	return rc;
}

static int build(struct eal_args *a, const struct conf *conf, char *const *extra, int n_extra)
{
	int rc = add(a, "lyncgate");
	if (rc == 0)
		rc = add_lcores(a, conf);
	if (rc == 0)
		rc = add(a, "--main-lcore=0");
	for (unsigned i = 0; i < conf->n_eal && rc == 0; i++)
		rc = add_option(a, &conf->eal[i]);
	for (int i = 0; i < n_extra && rc == 0; i++)
		rc = add(a, "%s", extra[i]);
	if (rc == 0)
		rc = add_devices(a, conf);
	return rc == 0 ? add_defaults(a, conf) : rc;
}

int eal_args_build(struct eal_args *a, const struct conf *conf, char *const *extra, int n_extra,
	char *err, size_t errlen)
{
	*a = (struct eal_args){0};
	int rc = build(a, conf, extra, n_extra);
	if (rc == -E2BIG)
		snprintf(err, errlen, "the EAL command line has more than %d words: shorten 'eal:'",
			EAL_MAX_ARGS);
	else if (rc != 0)
		snprintf(err, errlen, "no memory for the EAL command line");
	return rc;
}

void eal_args_free(struct eal_args *a)
{
	for (int i = 0; i < a->argc; i++)
		free(a->argv[i]);
	a->argc = 0;
}

/* Value of name in the word at i: "--name=value", "-mVALUE", or the next word. */
static const char *value_at(const struct eal_args *a, int i, const char *name)
{
	size_t n = strlen(name);
	const char *word = a->argv[i];
	if (strncmp(word, name, n) != 0)
		return NULL;
	if (word[n] == '\0') {
		bool next = i + 1 < a->argc && a->argv[i + 1][0] != '-';
		return next ? a->argv[i + 1] : "";
	}
	if (word[n] == '=')
		return word + n + 1;
	return n == 2 ? word + n : NULL;
}

const char *eal_args_value(const struct eal_args *a, const char *name)
{
	const char *found = NULL;
	for (int i = 1; i < a->argc; i++) {
		const char *value = value_at(a, i, name);
		if (value != NULL)
			found = value;
	}
	return found;
}

char *eal_args_text(const struct eal_args *a, char *out, size_t room)
{
	size_t n = 0;
	out[0] = '\0';
	for (int i = 0; i < a->argc && n < room; i++)
		n += (size_t)snprintf(out + n, room - n, "%s%s", i > 0 ? " " : "", a->argv[i]);
	return out;
}

static void explain_failure(const struct eal_args *a, int error, char *err, size_t errlen)
{
	const char *prefix = eal_args_value(a, "--file-prefix");
	switch (error) {
	case EACCES:
	case EPERM:
		snprintf(err, errlen,
			"DPDK did not start: permission denied: run as root, or with access "
			"to hugepages and /dev/vfio");
		break;
	case EBUSY:
	case EAGAIN:
		snprintf(err, errlen,
			"DPDK did not start: the file prefix %s is in use: stop the other program "
			"or "
			"set another eal.file-prefix",
			prefix);
		break;
	case ENOMEM:
		snprintf(err, errlen,
			"DPDK did not start: no memory: reserve hugepages "
			"(dpdk-hugepages.py --setup 1G) or set eal.no-huge and eal.m");
		break;
	default:
		snprintf(err, errlen,
			"DPDK did not start: %s: see EAL's lines above and check 'eal:' in the "
			"configuration",
			rte_strerror(error));
	}
}

int eal_start(const struct eal_args *a, char *err, size_t errlen)
{
	char *argv[EAL_MAX_ARGS + 1]; /* getopt(3) reorders it */
	memcpy(argv, a->argv, sizeof(argv));
	argv[a->argc] = NULL;
	if (rte_eal_init(a->argc, argv) >= 0)
		return 0;
	int error = rte_errno;
	explain_failure(a, error, err, errlen);
	return error != 0 ? -error : -EINVAL;
}
