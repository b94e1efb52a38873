/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/tcp_internal.h"

static const char *const counter_names[TCP_CTR_MAX] = {
#define X(id, name, help) name,
	TCP_COUNTERS(X)
#undef X
};

static const char *const counter_helps[TCP_CTR_MAX] = {
#define X(id, name, help) help,
	TCP_COUNTERS(X)
#undef X
};

static const char *const reason_names[TCP_REASON_MAX] = {
#define X(id, name) name,
	TCP_REASONS(X)
#undef X
};

static const char *const state_names[TCP_STATES] = {
	[TCP_CLOSED] = "CLOSED",
	[TCP_LISTEN] = "LISTEN",
	[TCP_SYN_SENT] = "SYN-SENT",
	[TCP_SYN_RECEIVED] = "SYN-RECEIVED",
	[TCP_ESTABLISHED] = "ESTABLISHED",
	[TCP_FIN_WAIT_1] = "FIN-WAIT-1",
	[TCP_FIN_WAIT_2] = "FIN-WAIT-2",
	[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[TCP_CLOSING] = "CLOSING",
	[TCP_LAST_ACK] = "LAST-ACK",
	[TCP_TIME_WAIT] = "TIME-WAIT",
};

const char *tcp_counter_name(enum tcp_counter c)
{
	LG_ASSERT(c < TCP_CTR_MAX);
	return counter_names[c];
}

const char *tcp_counter_help(enum tcp_counter c)
{
	LG_ASSERT(c < TCP_CTR_MAX);
	return counter_helps[c];
}

const char *tcp_reason_name(enum tcp_reason r)
{
	LG_ASSERT(r < TCP_REASON_MAX);
	return reason_names[r];
}

const char *tcp_state_name(enum tcp_state s)
{
	LG_ASSERT(s < TCP_STATES);
	return state_names[s];
}

const uint64_t *tcp_stack_counters(const struct tcp_stack *s)
{
	return s->counters;
}

const uint64_t *tcp_stack_close_reasons(const struct tcp_stack *s)
{
	return s->reasons;
}
