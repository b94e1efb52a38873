/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_EAL_ARGS_H
#define APP_EAL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "sizing.h"

#define EAL_MAX_ARGS 256

/* The EAL command line. Worker i runs on lcore i + 1; lcore 0 is the control thread. */
struct eal_args {
	char *argv[EAL_MAX_ARGS + 1]; /* owned; what EAL is given is a copy of the pointers */
	int argc;
};

static inline unsigned eal_worker_lcore(unsigned worker)
{
	return worker + 1;
}

/* Builds the line from the configuration; extra (n_extra) comes last. 0, or -E2BIG, -ENOMEM with
 * err. */
int eal_args_build(struct eal_args *a, const struct conf *conf, char *const *extra, int n_extra,
	char *err, size_t errlen);
void eal_args_free(struct eal_args *a);
/*
 * Value of option `name` ("--file-prefix", "-m"): the last one counts. "" for a flag, NULL when it
 * isn't there.
 */
const char *eal_args_value(const struct eal_args *a, const char *name);
/* The whole line for the log. Returns out. */
char *eal_args_text(const struct eal_args *a, char *out, size_t room);

/* What EAL will be able to give out, as far as one can tell before it starts. */
struct sizing_memory eal_memory(const struct eal_args *a);
/*
 * What EAL would fail on with a page of help, found before: CPUs, options that exclude each other,
 * memory (need: bytes), a running gateway with the same prefix. 0, or a negative errno with a
 * sentence in err.
 */
int eal_check(
	const struct eal_args *a, const struct conf *conf, uint64_t need, char *err, size_t errlen);
/* Starts EAL. 0, or a negative errno with a sentence. */
int eal_start(const struct eal_args *a, char *err, size_t errlen);
/* Ends EAL and leaves no hugepage file behind. */
void eal_stop(const struct eal_args *a);

#endif
