/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The differences between DPDK 22.11 and 25.11 that we meet, in one place (keep below 80 lines).
 * Own IPv6 and ICMP headers, plain __atomic builtins and own logging avoid most others.
 */
#ifndef LG_COMPAT_H
#define LG_COMPAT_H

#include <rte_version.h>

#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define LG_TEL_DICT_UINT rte_tel_data_add_dict_uint
#else
#define LG_TEL_DICT_UINT rte_tel_data_add_dict_u64
#endif

#endif
