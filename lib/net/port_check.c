/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/headers.h"
#include "net/port_check.h"

/* What the kernel puts in front of a frame in a TPACKET_V2 ring slot. */
#define TPACKET_OVERHEAD 66
#define FRAMESZ_DEFAULT  2048

bool net_port_is_pci(const char *name)
{
	unsigned dom, bus, dev, fn;
	int n = 0;
	if (sscanf(name, "%4x:%2x:%2x.%1u%n", &dom, &bus, &dev, &fn, &n) == 4 && name[n] == '\0')
		return true;
	n = 0;
	return sscanf(name, "%2x:%2x.%1u%n", &bus, &dev, &fn, &n) == 3 && name[n] == '\0';
}

/* Value of "key=" in a device string; false when it isn't there. */
static bool argument(const char *device, const char *key, char *value, size_t len)
{
	size_t klen = strlen(key);
	for (const char *at = strchr(device, ','); at != NULL; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, klen) != 0 || at[klen] != '=')
			continue;
		at += klen + 1;
		snprintf(value, len, "%.*s", (int)strcspn(at, ","), at);
		return true;
	}
	return false;
}

static int check_pci_driver(const char *address, const char *driver, char *why, size_t len)
{
	/* Mellanox keeps its kernel driver beside DPDK (bifurcated), the rest needs these. */
	static const char *const usable[] = {
		"vfio-pci", "igb_uio", "uio_pci_generic", "mlx4_core", "mlx5_core"};
	for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++)
		if (strcmp(driver, usable[i]) == 0)
			return 0;
	snprintf(why, len,
		"is bound to the kernel driver %s: DPDK can't use it: run: driverctl set-override "
		"%s "
		"vfio-pci",
		driver, address);
	return -EBUSY;
}

static int check_pci(const char *name, const char *sys, char *why, size_t len)
{
	char address[32], path[PATH_MAX], driver[PATH_MAX];
	/* The short form means domain 0, and that is how sysfs and driverctl call it. */
	snprintf(address, sizeof(address), "%s%s", strchr(name, ':') - name == 2 ? "0000:" : "",
		name);
	for (char *c = address; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", sys, address);
	if (access(path, F_OK) != 0) {
		snprintf(why, len,
			"does not exist: no PCI device has this address: lspci -D lists them");
		return -ENODEV;
	}
	strncat(path, "/driver", sizeof(path) - strlen(path) - 1);
	ssize_t n = readlink(path, driver, sizeof(driver) - 1);
	if (n < 0) {
		snprintf(why, len,
			"is bound to no driver: DPDK needs vfio-pci: run: driverctl set-override "
			"%s "
			"vfio-pci",
			address);
		return -ENODEV;
	}
	driver[n] = '\0';
	const char *base = strrchr(driver, '/');
	return check_pci_driver(address, base != NULL ? base + 1 : driver, why, len);
}

static int check_af_packet(const char *device, uint16_t mtu, const char *sys, char *why, size_t len)
{
	char value[64], path[PATH_MAX];
	if (!argument(device, "iface", value, sizeof(value))) {
		snprintf(why, len, "names no network interface: append iface=NAME");
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%s/class/net/%s", sys, value);
	if (value[0] == '\0' || strchr(value, '/') != NULL || access(path, F_OK) != 0) {
		snprintf(why, len,
			"wants the network interface %s, which does not exist: create it or "
			"correct "
			"iface= (ip link lists them)",
			value);
		return -ENODEV;
	}
	long framesz = FRAMESZ_DEFAULT, needed = mtu + NET_ETH_LEN + TPACKET_OVERHEAD;
	if (argument(device, "framesz", value, sizeof(value)))
		framesz = strtol(value, NULL, 10);
	if (framesz < needed) {
		snprintf(why, len,
			"has ring slots of framesz=%ld bytes, which would cut frames at mtu %u: "
			"set "
			"framesz to at least %ld (a power of two, and blocksz a multiple of it)",
			framesz, mtu, needed);
		return -EINVAL;
	}
	return 0;
}

int net_port_check_device(const char *device, uint16_t mtu, const char *sys, char *why, size_t len)
{
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	if (net_port_is_pci(name))
		return check_pci(name, sys, why, len);
	if (strncmp(name, "net_af_packet", strlen("net_af_packet")) == 0 ||
		strncmp(name, "eth_af_packet", strlen("eth_af_packet")) == 0)
		return check_af_packet(device, mtu, sys, why, len);
	return 0;
}
