/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/net_if.h"

static const char *const names[NET_CTR_MAX] = {
#define X(id, name, help) [NET_CTR_##id] = name,
	NET_COUNTERS(X)
#undef X
};

static const char *const helps[NET_CTR_MAX] = {
#define X(id, name, help) [NET_CTR_##id] = help,
	NET_COUNTERS(X)
#undef X
};

const char *net_counter_name(enum net_counter c)
{
	LG_ASSERT(c < NET_CTR_MAX);
	return names[c];
}

const char *net_counter_help(enum net_counter c)
{
	LG_ASSERT(c < NET_CTR_MAX);
	return helps[c];
}
