/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IMPAIR_SPEC_H
#define IMPAIR_SPEC_H

#include "link.h"

/*
 * "rate=50M,delay=10ms,queue=100,loss=1%,reorder=2%:10ms,duplicate=1%,corrupt=0.1%,jitter=1ms,spare=3":
 * any of them, in any order. Changes only what is named. Returns false where something isn't
 * understood.
 */
bool spec_read(const char *text, struct link_config *config);

#endif
