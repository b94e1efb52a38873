/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All memory is taken at creation: max_destinations entries, each with one bitmap per local address
 * of a family. Bit i of a bitmap is the i-th port of this worker's slice; bits that no port stands
 * for, and the excluded port, are set for ever.
 */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#define DEFAULT_LO    1024
#define DEFAULT_HI    65535
#define PORT_EXCLUDED 4443 /* LY-106 */
#define FIT_TRIES     64   /* free candidates asked for one that lands on our queue */
#define MIN_REST      1000 /* connections, in a large slice, until a freed port may come again */
#define MIN_STEPS     8    /* as many steps are possible even in a small one */
#define WORD_BITS     64
#define NO_DEST       UINT32_MAX

struct space {          /* the ports of one local address towards one destination */
	uint32_t local; /* index in flow_ports.locals */
	uint32_t in_use;
	uint32_t offset; /* RFC 6056 section 3.3.3: F(local, remote, rport, secret) */
	uint64_t *bits;
};

struct dest {
	struct lg_ip remote;
	uint16_t rport;
	uint32_t in_use;
	uint32_t n_spaces;
	uint32_t turn; /* the local address that is asked first next time */
	uint32_t next; /* of the same hash chain */
	struct space *spaces;
};

struct flow_ports {
	struct flow_ports_params p;
	struct lg_siphash_key key;
	struct lg_ip *locals;
	uint32_t first; /* lowest port of the slice */
	uint32_t n_ports, n_words;
	uint32_t capacity;         /* n_ports without the excluded one */
	uint32_t max_spaces;       /* per destination */
	uint32_t counter;          /* RFC 6056 next_ephemeral */
	uint32_t n_steps;          /* it moves on by 1 to n_steps */
	uint64_t n_chosen;         /* what the steps are drawn from */
	uint32_t n_buckets, spare; /* spare: destinations never used so far start here */
	uint32_t *buckets;
	struct dest *dests;
	struct space *spaces;
	uint64_t *words;
	uint32_t in_use;
	uint64_t exhausted;
};

static uint32_t count_family(const struct flow_ports_params *p, bool v4)
{
	uint32_t n = 0;
	for (unsigned i = 0; i < p->n_locals; i++)
		n += lg_ip_is_v4(&p->locals[i]) == v4;
	return n;
}

/* Sets first, n_ports, capacity, n_steps. False when the slice holds no port. */
static bool slice_init(struct flow_ports *fp)
{
	const struct flow_ports_params *p = &fp->p;
	fp->first = p->lo + (p->worker + p->n_workers - p->lo % p->n_workers) % p->n_workers;
	if (fp->first > p->hi)
		return false;
	fp->n_ports = (p->hi - fp->first) / p->n_workers + 1;
	fp->n_words = (fp->n_ports + WORD_BITS - 1) / WORD_BITS;
	fp->capacity = fp->n_ports;
	if (p->lo <= PORT_EXCLUDED && PORT_EXCLUDED <= p->hi)
		fp->capacity -= PORT_EXCLUDED % p->n_workers == p->worker;
	fp->n_steps = LG_MIN(fp->n_ports, LG_MAX(fp->n_ports / MIN_REST, (uint32_t)MIN_STEPS));
	return fp->capacity > 0;
}

static void *zalloc(const struct flow_ports *fp, size_t n, size_t size)
{
	return rte_zmalloc_socket("flow_ports", n * size, RTE_CACHE_LINE_SIZE, fp->p.socket_id);
}

/* Each address once: a second space for it would hand out the same ports again. */
static void locals_copy(struct flow_ports *fp)
{
	const struct lg_ip *from = fp->p.locals;
	unsigned n = 0;
	for (unsigned i = 0; i < fp->p.n_locals; i++) {
		unsigned k = 0;
		while (k < n && !lg_ip_eq(&fp->locals[k], &from[i]))
			k++;
		if (k == n)
			fp->locals[n++] = from[i];
	}
	fp->p.locals = fp->locals;
	fp->p.n_locals = n;
}

static bool memory_init(struct flow_ports *fp)
{
	size_t n_dests = fp->p.max_destinations, n_spaces = n_dests * fp->max_spaces;
	fp->n_buckets = 1;
	while (fp->n_buckets < n_dests)
		fp->n_buckets *= 2;
	fp->locals = zalloc(fp, fp->p.n_locals, sizeof(*fp->locals));
	fp->buckets = zalloc(fp, fp->n_buckets, sizeof(*fp->buckets));
	fp->dests = zalloc(fp, n_dests, sizeof(*fp->dests));
	fp->spaces = zalloc(fp, n_spaces, sizeof(*fp->spaces));
	fp->words = zalloc(fp, n_spaces * fp->n_words, sizeof(*fp->words));
	if (!fp->locals || !fp->buckets || !fp->dests || !fp->spaces || !fp->words)
		return false;
	locals_copy(fp);
	memset(fp->buckets, 0xff, fp->n_buckets * sizeof(*fp->buckets)); /* NO_DEST */
	for (size_t i = 0; i < n_spaces; i++)
		fp->spaces[i].bits = &fp->words[i * fp->n_words];
	for (size_t i = 0; i < n_dests; i++)
		fp->dests[i].spaces = &fp->spaces[i * fp->max_spaces];
	return true;
}

struct flow_ports *flow_ports_create(const struct flow_ports_params *p)
{
	if (p->n_locals == 0 || p->worker >= p->n_workers || p->max_destinations == 0)
		return NULL;
	struct flow_ports *fp = rte_zmalloc_socket(
		"flow_ports", sizeof(*fp), RTE_CACHE_LINE_SIZE, p->socket_id);
	if (fp == NULL)
		return NULL;
	fp->p = *p;
	fp->key = *p->key;
	fp->p.key = &fp->key;
	if (fp->p.lo == 0)
		fp->p.lo = DEFAULT_LO;
	if (fp->p.hi == 0)
		fp->p.hi = DEFAULT_HI;
	fp->max_spaces = LG_MAX(count_family(p, true), count_family(p, false));
	if (!slice_init(fp) || !memory_init(fp)) {
		flow_ports_free(fp);
		return NULL;
	}
	return fp;
}

void flow_ports_free(struct flow_ports *fp)
{
	if (fp == NULL)
		return;
	rte_free(fp->locals);
	rte_free(fp->buckets);
	rte_free(fp->dests);
	rte_free(fp->spaces);
	rte_free(fp->words);
	rte_free(fp);
}

/* ---- destinations ---- */

static uint32_t *bucket_of(struct flow_ports *fp, const struct lg_ip *remote, uint16_t rport)
{
	uint8_t in[18];
	memcpy(in, remote->b, 16);
	memcpy(in + 16, &rport, 2);
	return &fp->buckets[lg_siphash24(&fp->key, in, sizeof(in)) & (fp->n_buckets - 1)];
}

static struct dest *dest_find(struct flow_ports *fp, const struct lg_ip *remote, uint16_t rport)
{
	for (uint32_t i = *bucket_of(fp, remote, rport); i != NO_DEST; i = fp->dests[i].next) {
		struct dest *d = &fp->dests[i];
		if (d->rport == rport && lg_ip_eq(&d->remote, remote))
			return d;
	}
	return NULL;
}

static void dest_forget(struct flow_ports *fp, struct dest *d)
{
	uint32_t self = (uint32_t)(d - fp->dests);
	uint32_t *link = bucket_of(fp, &d->remote, d->rport);
	while (*link != self)
		link = &fp->dests[*link].next;
	*link = d->next;
}

/* A destination that nobody has a port to any more gives way: a reload may have changed all pools.
 */
static struct dest *dest_unused(struct flow_ports *fp)
{
	if (fp->spare < fp->p.max_destinations)
		return &fp->dests[fp->spare++];
	for (uint32_t i = 0; i < fp->p.max_destinations; i++) {
		struct dest *d = &fp->dests[i];
		if (d->in_use == 0) {
			dest_forget(fp, d);
			return d;
		}
	}
	return NULL;
}

static uint32_t offset_of(
	const struct flow_ports *fp, const struct lg_ip *local, const struct dest *d)
{
	uint8_t in[34];
	memcpy(in, local->b, 16);
	memcpy(in + 16, d->remote.b, 16);
	memcpy(in + 32, &d->rport, 2);
	return (uint32_t)(lg_siphash24(&fp->key, in, sizeof(in)) % fp->n_ports);
}

static void set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / WORD_BITS] |= UINT64_C(1) << (i % WORD_BITS);
}

static bool test_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / WORD_BITS] >> (i % WORD_BITS) & 1;
}

static void space_init(struct flow_ports *fp, struct space *s, uint32_t local, const struct dest *d)
{
	s->local = local;
	s->in_use = 0;
	s->offset = offset_of(fp, &fp->locals[local], d);
	memset(s->bits, 0, fp->n_words * sizeof(*s->bits));
	for (uint32_t i = fp->n_ports; i < fp->n_words * WORD_BITS; i++)
		set_bit(s->bits, i);
	if (fp->capacity < fp->n_ports)
		set_bit(s->bits, (PORT_EXCLUDED - fp->first) / fp->p.n_workers);
}

static struct dest *dest_add(struct flow_ports *fp, const struct lg_ip *remote, uint16_t rport)
{
	struct dest *d = dest_unused(fp);
	if (d == NULL)
		return NULL;
	uint32_t *bucket = bucket_of(fp, remote, rport);
	d->remote = *remote;
	d->rport = rport;
	d->n_spaces = d->turn = 0;
	d->next = *bucket;
	*bucket = (uint32_t)(d - fp->dests);
	for (uint32_t i = 0; i < fp->p.n_locals; i++)
		if (lg_ip_is_v4(&fp->locals[i]) == lg_ip_is_v4(remote))
			space_init(fp, &d->spaces[d->n_spaces++], i, d);
	return d;
}

/* ---- ports ---- */

/* First clear bit in [from, to), or `to`. */
static uint32_t find_free(const uint64_t *bits, uint32_t from, uint32_t to)
{
	while (from < to) {
		uint64_t open = ~bits[from / WORD_BITS] >> (from % WORD_BITS);
		if (open != 0) {
			from += (uint32_t)__builtin_ctzll(open);
			return LG_MIN(from, to);
		}
		from = (from / WORD_BITS + 1) * WORD_BITS;
	}
	return to;
}

static uint16_t port_of(const struct flow_ports *fp, uint32_t i)
{
	return (uint16_t)(fp->first + i * fp->p.n_workers);
}

static bool fits(
	const struct flow_ports *fp, const struct dest *d, const struct space *s, uint32_t i)
{
	return fp->p.fits == NULL || fp->p.fits(fp->p.fits_ctx, &fp->locals[s->local],
					     port_of(fp, i), &d->remote, d->rport);
}

/*
 * RFC 6056 section 3.3.5: who has seen one port of ours doesn't know the next. The trade-off that
 * it names, how soon a port comes again, is MIN_REST here.
 */
static uint32_t random_step(struct flow_ports *fp)
{
	uint64_t n = fp->n_chosen++;
	return 1 + (uint32_t)(lg_siphash24(&fp->key, &n, sizeof(n)) % fp->n_steps);
}

/*
 * RFC 6056 algorithm 3 with the steps of algorithm 5: walks the free ports from offset + counter
 * on, once round. The first that fits is taken, or the first at all when FIT_TRIES of them don't. s
 * must not be full.
 */
static uint32_t choose(struct flow_ports *fp, const struct dest *d, const struct space *s)
{
	uint32_t start = (uint32_t)(((uint64_t)s->offset + fp->counter) % fp->n_ports);
	uint32_t from = start, to = fp->n_ports, best = fp->n_ports;
	for (unsigned tries = 0; tries < FIT_TRIES;) {
		uint32_t i = find_free(s->bits, from, to);
		if (i == to) {
			if (to == start)
				break;
			from = 0;
			to = start;
			continue;
		}
		if (best == fp->n_ports)
			best = i;
		if (fits(fp, d, s, i)) {
			best = i;
			break;
		}
		from = i + 1;
		tries++;
	}
	LG_ASSERT(best < fp->n_ports);
	/* Behind the port taken: a freed port rests until the walk has come round. */
	uint32_t passed = (best + fp->n_ports - start) % fp->n_ports;
	fp->counter = (fp->counter + passed + random_step(fp)) % fp->n_ports;
	return best;
}

/* The local addresses take turns. NULL when all are full. */
static struct space *space_with_room(const struct flow_ports *fp, struct dest *d)
{
	for (uint32_t k = 0; k < d->n_spaces; k++) {
		struct space *s = &d->spaces[(d->turn + k) % d->n_spaces];
		if (s->in_use < fp->capacity) {
			d->turn = (d->turn + k + 1) % d->n_spaces;
			return s;
		}
	}
	return NULL;
}

int flow_ports_get(struct flow_ports *fp, const struct lg_ip *remote, uint16_t rport,
	struct lg_ip *local, uint16_t *lport)
{
	struct dest *d = dest_find(fp, remote, rport);
	if (d == NULL)
		d = dest_add(fp, remote, rport);
	if (d == NULL)
		return -ENOSPC;
	struct space *s = space_with_room(fp, d);
	if (s == NULL) {
		fp->exhausted++;
		return -EADDRNOTAVAIL;
	}
	uint32_t i = choose(fp, d, s);
	set_bit(s->bits, i);
	s->in_use++;
	d->in_use++;
	fp->in_use++;
	*local = fp->locals[s->local];
	*lport = port_of(fp, i);
	return 0;
}

static struct space *space_find(
	const struct flow_ports *fp, struct dest *d, const struct lg_ip *local)
{
	for (uint32_t k = 0; k < d->n_spaces; k++)
		if (lg_ip_eq(&fp->locals[d->spaces[k].local], local))
			return &d->spaces[k];
	return NULL;
}

void flow_ports_put(struct flow_ports *fp, const struct lg_ip *local, uint16_t lport,
	const struct lg_ip *remote, uint16_t rport)
{
	struct dest *d = dest_find(fp, remote, rport);
	LG_ASSERT(d != NULL);
	struct space *s = space_find(fp, d, local);
	LG_ASSERT(s != NULL && flow_port_in_range(fp, lport));
	LG_ASSERT(lport % fp->p.n_workers == fp->p.worker);
	uint32_t i = (lport - fp->first) / fp->p.n_workers;
	LG_ASSERT(test_bit(s->bits, i));
	s->bits[i / WORD_BITS] &= ~(UINT64_C(1) << (i % WORD_BITS));
	s->in_use--;
	d->in_use--;
	fp->in_use--;
}

uint32_t flow_ports_in_use(const struct flow_ports *fp)
{
	return fp->in_use;
}

uint64_t flow_ports_exhausted(const struct flow_ports *fp)
{
	return fp->exhausted;
}

bool flow_port_in_range(const struct flow_ports *fp, uint16_t lport)
{
	return lport >= fp->p.lo && lport <= fp->p.hi && lport != PORT_EXCLUDED;
}
