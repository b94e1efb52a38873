/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL for unit tests: no hugepages, no devices, and the mempool drivers as plug-ins. */
#ifndef LG_TEST_EAL_H
#define LG_TEST_EAL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* EAL leaves its runtime folder behind, empty without shared configuration. */
static inline void test_eal_remove_folder(void)
{
	rmdir(rte_eal_get_runtime_dir());
}

/* Starts EAL once for the test program. That it does not start is a failure, not a skip. */
static inline void test_eal_init(void)
{
	char prefix[64];
	snprintf(prefix, sizeof(prefix), "--file-prefix=lgtest%d", (int)getpid());
	char *argv[] = {(char *)"test", (char *)"--no-huge", (char *)"--no-pci", (char *)"-m",
		(char *)"64", (char *)"--no-telemetry", (char *)"--no-shconf",
		(char *)"--log-level=lib.eal:error", (char *)"--lcores=0@0", prefix, NULL};
	if (rte_eal_init(10, argv) < 0) {
		fprintf(stderr, "EAL did not start\n");
		exit(1);
	}
	atexit(test_eal_remove_folder);
}

/* A pool of n mbufs with the usual 2048 + headroom data room. */
static inline struct rte_mempool *test_mbuf_pool(const char *name, unsigned n)
{
	struct rte_mempool *p = rte_pktmbuf_pool_create(
		name, n, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_non_null(p);
	return p;
}

#endif
