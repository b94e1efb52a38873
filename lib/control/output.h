/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffered file descriptor that never makes its thread wait longer than it says. Private to the
 * writer thread, which owns it.
 */
#ifndef LG_CONTROL_OUTPUT_H
#define LG_CONTROL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_output {
	int fd;
	bool regular; /* a file: always ready, any size */
	char *buf;
	size_t room, head, used; /* bytes head..head+used wait */
	uint64_t lost;           /* bytes that the descriptor refused for good */
	int error;               /* errno of the last refusal */
};

/* fd stays the caller's. 0 or -ENOMEM. */
int ctl_output_init(struct ctl_output *o, int fd, size_t room);
void ctl_output_set_fd(struct ctl_output *o, int fd);
void ctl_output_free(struct ctl_output *o);
/* Where at least `n` bytes can be put, or NULL while the buffer is too full; then commit what was
 * put. */
char *ctl_output_reserve(struct ctl_output *o, size_t n);
void ctl_output_commit(struct ctl_output *o, size_t n);
/* Writes what the descriptor takes without blocking. True when nothing waits any more. */
bool ctl_output_flush(struct ctl_output *o);

#endif
