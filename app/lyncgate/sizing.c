/* SPDX-License-Identifier: BSD-3-Clause */
#include "sizing.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "net/net.h"

#define MBUFS_PER_CONNECTION                                                                       \
	4 /* on average; limits.receive_buffer and send_buffer bound each one */
#define MBUFS_MAX_AUTO     (256u * 1024)
#define MBUFS_AT_WORK      2048 /* in bursts, rings between workers, neighbour queues */
#define POOL_SHARE_PERCENT 65   /* of what the tables leave; the rest is reserve and DPDK's own */
#define INDIRECT_MIN       8192
/* A connection block, its records and ranges, its place in the flow table; what a worker has once.
 */
#define CONNECTION_BYTES   1650
#define WORKER_FIXED_BYTES (6u << 20)

/* A mempool never lays an object across a page boundary, which wastes much of small pages. */
static uint64_t object_bytes(uint32_t room, uint32_t page)
{
	struct rte_mempool_objsz size;
	uint32_t bytes = rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + room, 0, &size);
	return page < bytes ? bytes : page / (page / bytes);
}

static uint16_t data_room(const struct conf *conf)
{
	uint32_t mtu = LG_MAX(conf->external.mtu, conf->internal.mtu);
	uint32_t frame = mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN +
			 2 * sizeof(struct rte_vlan_hdr);
	uint32_t room = RTE_ALIGN_CEIL(frame + RTE_PKTMBUF_HEADROOM, RTE_CACHE_LINE_SIZE);
	return (uint16_t)LG_MAX(room, (uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE);
}

/* What the ports and the loop hold without a single connection. */
static uint32_t least_mbufs(const struct conf *conf)
{
	return conf->external.rx_descriptors + conf->external.tx_descriptors +
	       conf->internal.rx_descriptors + conf->internal.tx_descriptors + 2 * SIZING_CACHE +
	       MBUFS_AT_WORK;
}

/* A client and its connection to a pool; what is being opened; what waits out its end. */
static uint32_t connections(const struct conf_limits *l)
{
	return 2 * l->connections + l->half_open + l->time_wait;
}

static uint64_t table_bytes(const struct sizing *s)
{
	return (uint64_t)s->connections * CONNECTION_BYTES + WORKER_FIXED_BYTES;
}

/* An mbuf and the half indirect one that goes with it. */
static uint64_t buffer_bytes(const struct sizing *s, uint32_t page)
{
	return object_bytes(s->data_room, page) + object_bytes(0, page) / 2;
}

static uint32_t automatic_mbufs(
	const struct conf *conf, const struct sizing *s, const struct sizing_memory *memory)
{
	uint32_t least = least_mbufs(conf);
	uint64_t traffic = (uint64_t)conf->limits.connections * MBUFS_PER_CONNECTION;
	uint64_t want = least + LG_MIN(traffic, (uint64_t)MBUFS_MAX_AUTO);
	uint64_t part = memory->bytes / conf->n_workers, tables = table_bytes(s);
	uint64_t left = part > tables ? part - tables : 0;
	uint64_t room = left / 100 * POOL_SHARE_PERCENT / buffer_bytes(s, memory->page);
	return (uint32_t)LG_MAX(LG_MIN(want, room), (uint64_t)least);
}

struct sizing sizing_compute(const struct conf *conf, const struct sizing_memory *memory)
{
	struct sizing s = {.data_room = data_room(conf), .connections = connections(&conf->limits)};
	s.mbufs = conf->external.mbufs + conf->internal.mbufs;
	if (s.mbufs == 0)
		s.mbufs = automatic_mbufs(conf, &s, memory);
	s.indirect = LG_MAX(s.mbufs / 2, (uint32_t)INDIRECT_MIN);
	s.bytes = s.mbufs * object_bytes(s.data_room, memory->page) +
		  s.indirect * object_bytes(0, memory->page) + table_bytes(&s);
	return s;
}
