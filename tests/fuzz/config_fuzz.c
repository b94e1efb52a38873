/* SPDX-License-Identifier: BSD-3-Clause */
/* lib/config: any bytes -> a snapshot or errors; nothing is read from disk. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	unsigned errors, warnings;

	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "we");
	if (nowhere == NULL)
		abort();
	/* An exact-size block, so that ASan sees each read past the end. */
	char *text = malloc(size > 0 ? size : 1);
	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	struct conf *c = conf_load_buffer(
		"fuzz/lyncgate.yaml", text, size, false, nowhere, &errors, &warnings);
	if ((c == NULL) != (errors > 0))
		abort();
	conf_free(c);
	free(text);
	return 0;
}
