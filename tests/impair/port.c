/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "port.h"

#define RECEIVE_BUFFER (8 << 20)

static uint64_t ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000ull + (uint64_t)time->tv_nsec;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return ns_of(&time);
}

uint64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Our own frames don't come back to us, receive times come with each frame, promiscuous. */
static int set_options(int fd, int index)
{
	struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};

	if (option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) ||
		option(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1) ||
		option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) ||
		setsockopt(
			fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)))
		return -1;
	if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) ||
		option(fd, SOL_SOCKET, SO_SNDBUFFORCE, RECEIVE_BUFFER))
		return -1;
	return 0;
}

int port_open(struct port *port, const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int rc;

	memset(port, 0, sizeof(*port));
	port->name = name;
	address.sll_ifindex = (int)if_nametoindex(name);
	/* Protocol 0 until it is bound: nothing of other interfaces gets in. */
	port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->fd < 0 || address.sll_ifindex == 0 ||
		set_options(port->fd, address.sll_ifindex) ||
		bind(port->fd, (struct sockaddr *)&address, sizeof(address))) {
		rc = errno ? -errno : -ENODEV;
		fprintf(stderr, "impair: %s: %s\n", name, strerror(-rc));
		port_close(port);
		return rc;
	}
	return 0;
}

void port_close(struct port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

struct control {
	_Alignas(struct cmsghdr) char octets[CMSG_SPACE(sizeof(struct timespec))];
};

/* The kernel's receive time; `lag` is what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC. */
static uint64_t received_at(struct msghdr *message, uint64_t now, uint64_t lag)
{
	struct timespec time;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&time, CMSG_DATA(c), sizeof(time));
		/* A clock that was set meanwhile must not send frames into the future. */
		return ns_of(&time) - lag < now ? ns_of(&time) - lag : now;
	}
	return now;
}

void port_receive(struct port *port, struct burst *burst)
{
	struct mmsghdr messages[PORT_BURST];
	struct iovec vectors[PORT_BURST];
	struct control controls[PORT_BURST];
	uint64_t now, lag;
	int count;

	memset(messages, 0, sizeof(messages));
	for (unsigned int i = 0; i < PORT_BURST; i++) {
		vectors[i] = (struct iovec){burst->data[i], FRAME_MAX};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_control = &controls[i];
		messages[i].msg_hdr.msg_controllen = sizeof(controls[i]);
	}
	burst->count = 0;
	count = recvmmsg(port->fd, messages, PORT_BURST, 0, NULL);
	now = monotonic_ns();
	lag = clock_ns(CLOCK_REALTIME) - now;
	for (int i = 0; i < count; i++) {
		burst->len[i] = messages[i].msg_len;
		burst->when[i] = received_at(&messages[i].msg_hdr, now, lag);
		if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
			port->too_long++;
			burst->len[i] = 0;
		}
		burst->count++;
	}
}

void port_send(struct port *port, const struct frame *const frames[], unsigned int count)
{
	struct mmsghdr messages[PORT_BURST];
	struct iovec vectors[PORT_BURST];
	unsigned int done = 0;
	int sent;

	memset(messages, 0, sizeof(messages));
	for (unsigned int i = 0; i < count; i++) {
		vectors[i] = (struct iovec){(void *)frames[i]->data, frames[i]->len};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < count) {
		sent = sendmmsg(port->fd, messages + done, count - done, 0);
		if (sent <= 0) {
			port->send_failed++;
			sent = 1;
		}
		done += (unsigned int)sent;
	}
}

uint64_t port_overruns(const struct port *port)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		return 0;
	return stats.tp_drops;
}
