/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which combinations of SYN, FIN, RST and ACK mean anything in which state. What RFC 9293 gives no
 * meaning (SYN+FIN, SYN+RST, no flag at all, FIN without ACK ...) is only ever sent by scanners and
 * attackers; it is dropped and counted before any state is looked at.
 */
#include "tcp/tcp_internal.h"

enum { F = 1, S = 2, R = 4, A = 8 };

#define SYNCHRONIZED                                                                               \
	{                                                                                          \
		[A] = LEGAL_STEPS, [F | A] = LEGAL_STEPS, [R] = LEGAL_STEPS,                       \
		[R | A] = LEGAL_STEPS, [S] = LEGAL_STEPS, [S | A] = LEGAL_STEPS,                   \
	}

/* Anything not named is LEGAL_DROP. CLOSED stands for "no such connection" (3.10.7.1). */
static const uint8_t table[TCP_STATES][16] = {
	[TCP_CLOSED] = {[S] = LEGAL_IGNORE,
		[A] = LEGAL_RESET,
		[F | A] = LEGAL_RESET,
		[S | A] = LEGAL_RESET,
		[R] = LEGAL_IGNORE,
		[R | A] = LEGAL_IGNORE},
	[TCP_LISTEN] = {[S] = LEGAL_OPEN,
		[A] = LEGAL_RESET,
		[F | A] = LEGAL_RESET,
		[S | A] = LEGAL_RESET,
		[R] = LEGAL_IGNORE,
		[R | A] = LEGAL_IGNORE},
	[TCP_SYN_SENT] = {[S] = LEGAL_SYN_SENT,
		[S | A] = LEGAL_SYN_SENT,
		[A] = LEGAL_SYN_SENT,
		[F | A] = LEGAL_SYN_SENT,
		[R] = LEGAL_SYN_SENT,
		[R | A] = LEGAL_SYN_SENT},
	[TCP_SYN_RECEIVED] = SYNCHRONIZED,
	[TCP_ESTABLISHED] = SYNCHRONIZED,
	[TCP_FIN_WAIT_1] = SYNCHRONIZED,
	[TCP_FIN_WAIT_2] = SYNCHRONIZED,
	[TCP_CLOSE_WAIT] = SYNCHRONIZED,
	[TCP_CLOSING] = SYNCHRONIZED,
	[TCP_LAST_ACK] = SYNCHRONIZED,
	[TCP_TIME_WAIT] = SYNCHRONIZED,
};

enum tcp_legal tcp_legal(enum tcp_state st, uint8_t flags)
{
	unsigned i = (flags & (RTE_TCP_FIN_FLAG | RTE_TCP_SYN_FLAG | RTE_TCP_RST_FLAG)) |
		     (flags & RTE_TCP_ACK_FLAG ? A : 0u);
	LG_ASSERT(st < TCP_STATES);
	return (enum tcp_legal)table[st][i];
}
