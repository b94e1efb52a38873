/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole frames from and to one network interface. */
#ifndef IMPAIR_PORT_H
#define IMPAIR_PORT_H

#include <stdint.h>

#include "heap.h"

#define PORT_BURST 64u

struct port {
	const char *name;
	int fd;
	uint64_t send_failed;
	uint64_t too_long; /* received, dropped: no Ethernet frame of ours; offloads are on
			      somewhere */
};

/* Returns 0 or a negative errno, having said why on standard error. */
int port_open(struct port *port, const char *name);
void port_close(struct port *port);

struct burst {
	unsigned int count;
	uint32_t len[PORT_BURST];
	uint64_t when[PORT_BURST]; /* ns of CLOCK_MONOTONIC: when the kernel got each */
	unsigned char data[PORT_BURST][FRAME_MAX];
};

/* What is there, without waiting. */
void port_receive(struct port *port, struct burst *burst);

void port_send(struct port *port, const struct frame *const frames[], unsigned int count);

/* Frames that the kernel dropped because we took them too late. */
uint64_t port_overruns(const struct port *port);

uint64_t monotonic_ns(void);

#endif
