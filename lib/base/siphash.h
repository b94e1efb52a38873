/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_SIPHASH_H
#define LG_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct lg_siphash_key {
	uint64_t k0, k1;
};

/* SipHash-2-4 (Aumasson, Bernstein 2012): keyed hash for flow tables, ISNs and source ports. */
uint64_t lg_siphash24(const struct lg_siphash_key *key, const void *data, size_t len);
/* Fresh key from getrandom(2). Aborts when the kernel can't give one. */
void lg_siphash_key_random(struct lg_siphash_key *key);

#endif
