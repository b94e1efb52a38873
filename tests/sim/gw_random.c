/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two things that a run takes from the system: random bytes (TLS's through OpenSSL's RAND, keys
 * through getrandom()) and the date, which OpenSSL reads for certificates and tickets. Here they
 * follow the seed and the virtual clock; the libraries find these functions before libc's.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <openssl/rand.h>

#include "gateway.h"

#define EPOCH ((time_t)1893456000) /* 2030-01-01 */

static struct sim_rng source;
static lg_us clock_now;

static int fill(unsigned char *out, int n)
{
	while (n > 0) {
		uint64_t x = sim_rand(&source);
		size_t k = LG_MIN((size_t)n, sizeof(x));
		memcpy(out, &x, k);
		out += k;
		n -= (int)k;
	}
	return 1;
}

static int always(void)
{
	return 1;
}

void gw_random_init(void)
{
	/* Of the old interface, because it overrides the generators of every library context. */
	static const RAND_METHOD method = {.bytes = fill, .pseudorand = fill, .status = always};
	int rc = RAND_set_rand_method(&method);
	LG_ASSERT(rc == 1);
}

void gw_random_seed(uint64_t seed)
{
	source.x = seed ^ 0x5851f42d4c957f2du;
}

void gw_clock_set(lg_us now)
{
	clock_now = now;
}

ssize_t getrandom(void *buf, size_t n, unsigned flags)
{
	(void)flags;
	fill(buf, (int)n);
	return (ssize_t)n;
}

time_t time(time_t *out)
{
	time_t t = EPOCH + (time_t)(clock_now / 1000000);
	if (out != NULL)
		*out = t;
	return t;
}
