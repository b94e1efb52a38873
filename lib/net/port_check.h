/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be said of a device string before DPDK is asked: private to lib/net. */
#ifndef LG_NET_PORT_CHECK_H
#define LG_NET_PORT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for "0000:3b:00.0" and "3b:00.0". */
bool net_port_is_pci(const char *name);
/*
 * Looks in sysfs (mounted at `sys`) whether the device is there and free for DPDK, and whether an
 * af_packet ring's frames hold the MTU. 0, or a negative errno with the rest of a sentence that
 * begins "device X ..." in why.
 */
int net_port_check_device(const char *device, uint16_t mtu, const char *sys, char *why, size_t len);

#endif
