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
#define POOL_SHARE_PERCENT 45   /* of the memory; the rest is tables, sessions, DPDK itself */
#define INDIRECT_MIN       8192

static uint64_t object_bytes(uint32_t data_room)
{
	struct rte_mempool_objsz size;
	return rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + data_room, 0, &size);
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

static uint32_t automatic_mbufs(const struct conf *conf, uint64_t memory, uint16_t room)
{
	uint32_t least = least_mbufs(conf);
	uint64_t traffic = (uint64_t)conf->limits.connections * MBUFS_PER_CONNECTION;
	uint64_t want = least + LG_MIN(traffic, (uint64_t)MBUFS_MAX_AUTO);
	uint64_t share = memory / 100 * POOL_SHARE_PERCENT / conf->n_workers / object_bytes(room);
	return (uint32_t)LG_MAX(LG_MIN(want, share), (uint64_t)least);
}

struct sizing sizing_compute(const struct conf *conf, uint64_t memory)
{
	struct sizing s = {.data_room = data_room(conf)};
	s.mbufs = conf->external.mbufs + conf->internal.mbufs;
	if (s.mbufs == 0)
		s.mbufs = automatic_mbufs(conf, memory, s.data_room);
	s.indirect = LG_MAX(s.mbufs / 2, (uint32_t)INDIRECT_MIN);
	s.bytes = s.mbufs * object_bytes(s.data_room) + s.indirect * object_bytes(0);
	return s;
}
