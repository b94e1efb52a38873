/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends in a world: what they receive is kept as text, and what they do takes time. */
#include <string.h>

#include "world.h"

void end_keep_text(struct end *e, struct lg_chain *c)
{
	uint32_t n = c->len;

	assert_true(e->len + n <= WORLD_TEXT);
	lg_chain_peek(c, 0, e->text + e->len, n);
	lg_chain_trim_head(c, n);
	e->len += n;
}

void end_queue(struct world *w, struct end *e, const void *data, size_t n)
{
	end_write(e, world_mbufs(), data, n, w->now);
}

void end_send_bytes(struct world *w, struct end *e, const void *data, size_t n)
{
	end_queue(w, e, data, n);
	world_run(w, LG_MS(5));
}

void end_send(struct world *w, struct end *e, const char *text)
{
	end_send_bytes(w, e, text, strlen(text));
}

void end_queue_shutdown(struct world *w, struct end *e)
{
	(void)w;
	end_finish(e);
}

void end_shutdown(struct world *w, struct end *e)
{
	end_queue_shutdown(w, e);
	world_run(w, LG_MS(5));
}

void end_fin(struct world *w, struct end *e)
{
	tcp_shutdown(e->tcp);
	world_run(w, LG_MS(5));
}

void end_reset(struct world *w, struct end *e)
{
	end_abort(e, w->now);
	world_run(w, LG_MS(5));
}

void end_resume(struct world *w, struct end *e)
{
	(void)w;
	e->paused = false;
	end_read(e);
}

void end_clear(struct end *e)
{
	memset(e->text, 0, e->len);
	e->len = 0;
}
