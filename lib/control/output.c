/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

int ctl_output_init(struct ctl_output *o, int fd, size_t room)
{
	*o = (struct ctl_output){.room = room, .buf = malloc(room)};
	if (o->buf == NULL)
		return -ENOMEM;
	ctl_output_set_fd(o, fd);
	return 0;
}

void ctl_output_set_fd(struct ctl_output *o, int fd)
{
	struct stat st;
	o->fd = fd;
	o->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void ctl_output_free(struct ctl_output *o)
{
	free(o->buf);
	o->buf = NULL;
}

char *ctl_output_reserve(struct ctl_output *o, size_t n)
{
	if (o->room - o->used < n)
		return NULL;
	if (o->room - o->head - o->used < n) {
		memmove(o->buf, o->buf + o->head, o->used);
		o->head = 0;
	}
	return o->buf + o->head + o->used;
}

void ctl_output_commit(struct ctl_output *o, size_t n)
{
	o->used += n;
	LG_ASSERT(o->head + o->used <= o->room);
}

static bool ready(const struct ctl_output *o)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};
	return o->regular || poll(&p, 1, 0) == 1;
}

static void took(struct ctl_output *o, size_t n)
{
	o->used -= n;
	o->head = o->used == 0 ? 0 : o->head + n;
}

/* pipe(7): a pipe that polls writable takes PIPE_BUF bytes without blocking, and no more for sure.
 */
bool ctl_output_flush(struct ctl_output *o)
{
	while (o->used > 0 && ready(o)) {
		size_t n = o->regular ? o->used : LG_MIN(o->used, (size_t)PIPE_BUF);
		ssize_t done = write(o->fd, o->buf + o->head, n);
		if (done >= 0) {
			took(o, (size_t)done);
		} else if (errno == EAGAIN || errno == EINTR) {
			return false;
		} else {
			o->error = errno;
			o->lost += o->used;
			took(o, o->used);
		}
	}
	return o->used == 0;
}
