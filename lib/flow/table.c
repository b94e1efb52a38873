/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow/flow.h"

#include <errno.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_malloc.h>

/* rte_hash does not build smaller tables than one bucket. */
#define MIN_ENTRIES 8

struct flow_table {
	struct rte_hash *hash;
	struct lg_siphash_key key;
	uint32_t max_flows;
};

/*
 * rte_hash's own hash function gets no secret, so every call below brings its signature along. The
 * low bits pick the bucket, the high ones the tag in it: 32 bits of SipHash serve both.
 */
static hash_sig_t signature(const struct flow_table *t, const struct flow_key *k)
{
	return (hash_sig_t)lg_siphash24(&t->key, k, sizeof(*k));
}

struct flow_table *flow_table_create(
	const char *name, uint32_t max_flows, int socket_id, const struct lg_siphash_key *key)
{
	if (max_flows == 0 || strlen(name) > FLOW_NAME_MAX)
		return NULL;
	struct flow_table *t = rte_zmalloc_socket(
		"flow_table", sizeof(*t), RTE_CACHE_LINE_SIZE, socket_id);
	if (t == NULL)
		return NULL;
	/* Without the overflow buckets an unlucky key would be refused long before the table is
	 * full. */
	struct rte_hash_parameters p = {
		.name = name,
		.entries = LG_MAX(max_flows, (uint32_t)MIN_ENTRIES),
		.key_len = sizeof(struct flow_key),
		.socket_id = socket_id,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	t->hash = rte_hash_create(&p);
	t->key = *key;
	t->max_flows = max_flows;
	if (t->hash == NULL) {
		rte_free(t);
		return NULL;
	}
	return t;
}

void flow_table_free(struct flow_table *t)
{
	if (t == NULL)
		return;
	rte_hash_free(t->hash);
	rte_free(t);
}

int flow_add(struct flow_table *t, const struct flow_key *k, void *conn)
{
	hash_sig_t sig = signature(t, k);
	/* rte_hash would replace the connection of a key that is already there. */
	if (rte_hash_lookup_with_hash(t->hash, k, sig) >= 0)
		return -EEXIST;
	if (flow_count(t) >= t->max_flows)
		return -ENOSPC;
	return rte_hash_add_key_with_hash_data(t->hash, k, sig, conn);
}

void *flow_lookup(const struct flow_table *t, const struct flow_key *k)
{
	void *conn;
	if (rte_hash_lookup_with_hash_data(t->hash, k, signature(t, k), &conn) < 0)
		return NULL;
	return conn;
}

void flow_lookup_bulk(
	const struct flow_table *t, const struct flow_key *const *keys, unsigned n, void **out)
{
	hash_sig_t sigs[NET_BURST];
	const void *ptrs[NET_BURST];
	uint64_t hits = 0;
	LG_ASSERT(n <= NET_BURST);
	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		sigs[i] = signature(t, keys[i]);
		ptrs[i] = keys[i];
	}
	int rc = rte_hash_lookup_with_hash_bulk_data(t->hash, ptrs, sigs, n, &hits, out);
	LG_ASSERT(rc >= 0);
	for (unsigned i = 0; i < n; i++)
		if ((hits >> i & 1) == 0)
			out[i] = NULL;
}

int flow_del(struct flow_table *t, const struct flow_key *k)
{
	return rte_hash_del_key_with_hash(t->hash, k, signature(t, k)) >= 0 ? 0 : -ENOENT;
}

uint32_t flow_count(const struct flow_table *t)
{
	return (uint32_t)rte_hash_count(t->hash);
}

void flow_each(const struct flow_table *t,
	void (*fn)(void *ctx, const struct flow_key *k, void *conn), void *ctx)
{
	const void *k;
	void *conn;
	uint32_t next = 0;
	while (rte_hash_iterate(t->hash, &k, &conn, &next) >= 0)
		fn(ctx, k, conn);
}
