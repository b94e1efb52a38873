/* SPDX-License-Identifier: BSD-3-Clause */
/* Which TCP connections make a session, for those who look at them from outside. */
#include "proxy/internal.h"

unsigned proxy_session_conns(const struct tcp_conn *c, struct proxy_conn *out, unsigned max)
{
	const struct peer *pe = tcp_conn_user(c);
	unsigned n = 0;
	struct lg_node *node;

	if (pe == NULL)
		return 0;
	const struct session *s = pe->s;
	if (s->front.tcp != NULL && n < max)
		out[n++] = (struct proxy_conn){
			s->front.tcp, (int16_t)s->listener, -1, -1, s->front.use_tls};
	LG_LIST_FOREACH (node, &s->backs) {
		const struct back *b = LG_CONTAINER_OF(node, struct back, node);
		if (b->peer.tcp != NULL && n < max)
			out[n++] = (struct proxy_conn){b->peer.tcp, -1, (int16_t)b->pool,
				(int16_t)b->server, b->peer.use_tls};
	}
	return n;
}
