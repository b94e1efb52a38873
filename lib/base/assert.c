/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"

#include <stdio.h>

void lg_assert_failed(const char *expr, const char *file, int line, const char *func)
{
	fprintf(stderr, "ERROR assert: %s:%d: %s: '%s' does not hold: this is a bug: report it\n",
		file, line, func, expr);
	abort();
}
