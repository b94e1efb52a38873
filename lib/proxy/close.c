/* SPDX-License-Identifier: BSD-3-Clause */
/* Ending every session at once, and still in order where that is possible. */
#include "proxy/internal.h"

static void close_session(struct session *s, lg_us now)
{
	switch (s->state) {
	case SESSION_HANDSHAKE:
		session_end(s, PROXY_END_SHUTDOWN, true, now);
		return;
	case SESSION_LINGER:
		return;
	case SESSION_OPEN:
		break;
	}
	if (s->ex == NULL)
		session_linger(s, PROXY_END_SHUTDOWN, now);
	else /* 503 where no answer was begun; a cut one must not look complete: reset */
		exchange_fail(s, 503, PROXY_END_SHUTDOWN, now);
	if (!s->dead)
		session_run(s, now);
}

void proxy_close_all(struct proxy *p, lg_us now)
{
	struct lg_node *n, *tmp;

	p->draining = true;
	LG_LIST_FOREACH_SAFE (n, tmp, &p->sessions) {
		close_session(LG_CONTAINER_OF(n, struct session, node), now);
	}
}
