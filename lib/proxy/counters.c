/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and meanings of what is counted here. */
#include "proxy/internal.h"

static const struct {
	const char *name, *help;
} counters[] = {
#define X(id, name, help) [PROXY_CTR_##id] = {name, help},
	PROXY_COUNTERS(X)
#undef X
};

static const char *const ends[] = {
#define X(id, name) [PROXY_END_##id] = name,
	PROXY_ENDS(X)
#undef X
};

const char *proxy_counter_name(enum proxy_counter c)
{
	return counters[c].name;
}

const char *proxy_counter_help(enum proxy_counter c)
{
	return counters[c].help;
}

const char *proxy_end_name(enum proxy_end e)
{
	return ends[e];
}
