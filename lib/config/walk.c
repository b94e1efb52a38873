/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks the document along the schema table: unknown, double and missing keys, types, defaults. */
#include <ctype.h>
#include <string.h>

#include "config/internal.h"

yaml_node_t *conf_node(struct conf_load *l, yaml_node_item_t id)
{
	return yaml_document_get_node(&l->doc, id);
}

bool conf_is_plain(const yaml_node_t *node, const char *text)
{
	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       strcmp((const char *)node->data.scalar.value, text) == 0;
}

static bool is_null(const yaml_node_t *node)
{
	return conf_is_plain(node, "") || conf_is_plain(node, "~") || conf_is_plain(node, "null");
}

static const char *kind_of(const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE)
		return "a map";
	if (node->type == YAML_SEQUENCE_NODE)
		return "a list";
	return is_null(node) ? "nothing (is the indentation right?)" : "a single value";
}

static void expected(
	struct conf_load *l, const yaml_node_t *node, const char *what, const char *form)
{
	conf_error(l, node, "'%s' must be %s, but this is %s", what, form, kind_of(node));
}

const char *conf_text(struct conf_load *l, const yaml_node_t *node, const char *what)
{
	if (node->type != YAML_SCALAR_NODE || is_null(node)) {
		expected(l, node, what, "a single value");
		return NULL;
	}
	const char *s = (const char *)node->data.scalar.value;
	size_t n = node->data.scalar.length;
	if (n > CONF_MAX_SCALAR) {
		conf_error(l, node, "'%s' is longer than %d characters", what, CONF_MAX_SCALAR);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
			conf_error(l, node, "'%s' holds a line break or another control character",
				what);
			return NULL;
		}
	return s;
}

const char *conf_key_text(struct conf_load *l, const yaml_node_t *key)
{
	if (key->type != YAML_SCALAR_NODE) {
		conf_error(l, key, "a key must be a plain word, but this is %s", kind_of(key));
		return NULL;
	}
	if (conf_is_plain(key, "<<")) {
		conf_error(l, key, "merge keys ('<<') are not supported: write the values out");
		return NULL;
	}
	return conf_text(l, key, "key");
}

bool conf_check_name(struct conf_load *l, const yaml_node_t *at, const char *name)
{
	size_t n = strlen(name);
	bool good = n >= 1 && n <= 63;
	for (size_t i = 0; i < n && good; i++)
		good = isalnum((unsigned char)name[i]) || strchr("._-", name[i]) != NULL;
	if (!good)
		conf_error(l, at, "name '%s': use 1 to 63 letters, digits, '.', '_' and '-'",
			conf_show(l, name, n));
	return good;
}

/* ---- schema look-ups ---------------------------------------------------------------------------
 */

static const struct conf_key *first_row(enum conf_section s)
{
	for (unsigned i = 0; i < conf_schema_rows; i++)
		if (conf_schema[i].in == s)
			return &conf_schema[i];
	LG_ASSERT(!"section without rows");
	return NULL;
}

static bool in_section(const struct conf_key *k, enum conf_section s)
{
	return k < conf_schema + conf_schema_rows && k->in == s;
}

static const struct conf_key *find_key(enum conf_section s, const char *name)
{
	for (const struct conf_key *k = first_row(s); in_section(k, s); k++)
		if (strcmp(k->key, name) == 0)
			return k;
	return NULL;
}

static const yaml_node_t *value_of(const struct conf_head *h, enum conf_section s, const char *key)
{
	const struct conf_key *k = find_key(s, key);
	LG_ASSERT(k != NULL);
	return h->value[k - first_row(s)];
}

const yaml_node_t *conf_at(const struct conf_head *h, enum conf_section s, const char *key)
{
	const yaml_node_t *v = value_of(h, s, key);
	return v != NULL ? v : h->at;
}

bool conf_given(const struct conf_head *h, enum conf_section s, const char *key)
{
	return value_of(h, s, key) != NULL;
}

static void *member(const struct conf_key *k, struct conf_head *h)
{
	return (char *)h + k->offset;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static void set_defaults(struct conf_load *l, enum conf_section s, struct conf_head *h)
{
	for (const struct conf_key *k = first_row(s); in_section(k, s); k++) {
		if (k->type == CT_SECTION) {
			set_defaults(l, k->sub, member(k, h));
		} else if (k->def != NULL && k->type != CT_NODE && k->type != CT_NAMES) {
			const char *wrong = conf_scalar_set(l, k, k->def, member(k, h));
			LG_ASSERT(wrong == NULL);
			(void)wrong;
		}
	}
}

static void read_scalar(
	struct conf_load *l, const yaml_node_t *node, const struct conf_key *k, struct conf_head *h)
{
	const char *text = conf_text(l, node, k->key);
	if (text == NULL)
		return;
	const char *shown = conf_show(l, text, strlen(text));
	if (k->type == CT_BOOL && node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		conf_error(l, node, "'%s' must be true or false, without quotes", k->key);
		return;
	}
	const char *wrong = conf_scalar_set(l, k, text, member(k, h));
	if (wrong != NULL)
		conf_error(l, node, "%s: '%s' %s", k->key, shown, wrong);
}

void conf_read_names(struct conf_load *l, const yaml_node_t *node, const struct conf_key *k,
	struct raw_names *out)
{
	yaml_node_item_t *item = NULL;
	unsigned n = 1;

	if (node->type == YAML_SEQUENCE_NODE) {
		item = node->data.sequence.items.start;
		n = (unsigned)(node->data.sequence.items.top - item);
	} else if (node->type == YAML_MAPPING_NODE || is_null(node)) {
		expected(l, node, k->key, "one value or a list");
		return;
	}
	if (n < k->min || n > k->max) {
		conf_error(l, node, "'%s' must have %llu to %llu entries, not %u", k->key,
			(unsigned long long)k->min, (unsigned long long)k->max, n);
		return;
	}
	out->v = conf_alloc(l->scratch, n * sizeof(out->v[0]));
	for (unsigned i = 0; i < n; i++) {
		const yaml_node_t *at = item != NULL ? conf_node(l, item[i]) : node;
		const char *s = conf_text(l, at, k->key);
		if (s != NULL)
			out->v[out->n++] = (struct raw_name){s, at};
	}
}

static bool count_ok(
	struct conf_load *l, const yaml_node_t *node, const struct conf_key *k, size_t n)
{
	if (n >= k->min && n <= k->max)
		return true;
	if (n < k->min)
		conf_error(l, node, "'%s' is empty; at least one entry is needed", k->key);
	else
		conf_error(l, node, "'%s' has %zu entries; at most %llu are supported", k->key, n,
			(unsigned long long)k->max);
	return false;
}

static void *list_alloc(
	struct conf_load *l, const struct conf_key *k, size_t n, struct raw_list *out)
{
	out->v = conf_alloc(l->scratch, n * conf_sections[k->sub].size);
	return out->v;
}

static void read_named(struct conf_load *l, const yaml_node_t *node, const struct conf_key *k,
	struct raw_list *out)
{
	if (node->type != YAML_MAPPING_NODE) {
		expected(l, node, k->key, "a map of names");
		return;
	}
	yaml_node_pair_t *pair = node->data.mapping.pairs.start,
			 *end = node->data.mapping.pairs.top;
	if (!count_ok(l, node, k, (size_t)(end - pair)))
		return;
	size_t size = conf_sections[k->sub].size;
	char *base = list_alloc(l, k, (size_t)(end - pair), out);
	for (; pair < end; pair++) {
		const yaml_node_t *key = conf_node(l, pair->key);
		const char *name = conf_key_text(l, key);
		if (name == NULL || !conf_check_name(l, key, name))
			continue;
		struct conf_head *h = (struct conf_head *)(base + out->n * size);
		for (unsigned i = 0; i < out->n; i++) {
			const struct conf_head *o = (const struct conf_head *)(base + i * size);
			if (strcmp(o->name, name) == 0)
				conf_error(l, key, "%s: '%s' is there twice (first on line %u)",
					k->key, name, conf_line(o->at));
		}
		out->n++;
		conf_read_section(l, k->sub, conf_node(l, pair->value), h);
		h->name = conf_strndup(l->arena, name, strlen(name));
		h->at = key;
	}
}

static void read_items(struct conf_load *l, const yaml_node_t *node, const struct conf_key *k,
	struct raw_list *out)
{
	if (node->type != YAML_SEQUENCE_NODE) {
		expected(l, node, k->key, "a list (lines that begin with '- ')");
		return;
	}
	yaml_node_item_t *item = node->data.sequence.items.start,
			 *end = node->data.sequence.items.top;
	if (!count_ok(l, node, k, (size_t)(end - item)))
		return;
	size_t size = conf_sections[k->sub].size;
	char *base = list_alloc(l, k, (size_t)(end - item), out);
	for (; item < end; item++)
		conf_read_section(l, k->sub, conf_node(l, *item),
			(struct conf_head *)(base + out->n++ * size));
}

static void read_value(
	struct conf_load *l, const yaml_node_t *node, const struct conf_key *k, struct conf_head *h)
{
	struct conf_head *sub;

	switch (k->type) {
	case CT_NAMES:
		conf_read_names(l, node, k, member(k, h));
		break;
	case CT_NAMED:
		read_named(l, node, k, member(k, h));
		break;
	case CT_ITEMS:
		read_items(l, node, k, member(k, h));
		break;
	case CT_NODE:
		memcpy(member(k, h), &node, sizeof(node));
		break;
	case CT_SECTION:
		sub = member(k, h);
		if ((k->flags & CF_OFF) &&
			(conf_is_plain(node, "off") || conf_is_plain(node, "false"))) {
			sub->at = node;
			sub->off = true;
		} else {
			conf_read_section(l, k->sub, node, sub);
		}
		break;
	default:
		read_scalar(l, node, k, h);
	}
}

static void unknown_key(
	struct conf_load *l, enum conf_section s, const yaml_node_t *key, const char *name)
{
	struct conf_suggest hint = {.word = name};
	if (!conf_enough(l))
		for (const struct conf_key *k = first_row(s); in_section(k, s); k++)
			conf_suggest_try(&hint, k->key, NULL);
	conf_error(l, key, "unknown key '%s' in %s%s", conf_show(l, name, strlen(name)),
		conf_sections[s].title, conf_suggest_text(l, &hint));
}

static void read_pair(struct conf_load *l, enum conf_section s, const yaml_node_pair_t *pair,
	struct conf_head *h, const yaml_node_t **keys)
{
	const yaml_node_t *key = conf_node(l, pair->key), *value = conf_node(l, pair->value);
	const char *name = conf_key_text(l, key);
	if (name == NULL)
		return;
	const struct conf_key *k = find_key(s, name);
	if (k == NULL) {
		unknown_key(l, s, key, name);
		return;
	}
	unsigned row = (unsigned)(k - first_row(s));
	LG_ASSERT(row < CONF_MAX_KEYS);
	if (keys[row] != NULL) {
		conf_error(l, key, "'%s' is there twice (first on line %u)", name,
			conf_line(keys[row]));
		return;
	}
	keys[row] = key;
	h->value[row] = value;
	read_value(l, value, k, h);
}

void conf_read_section(
	struct conf_load *l, enum conf_section s, const yaml_node_t *node, struct conf_head *h)
{
	const yaml_node_t *keys[CONF_MAX_KEYS] = {NULL};

	set_defaults(l, s, h);
	h->at = node;
	if (node->type != YAML_MAPPING_NODE) {
		expected(l, node, conf_sections[s].title, "a map (lines of 'key: value')");
		return;
	}
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
		p++)
		read_pair(l, s, p, h, keys);
	for (const struct conf_key *k = first_row(s); in_section(k, s); k++)
		if ((k->flags & CF_REQUIRED) && keys[k - first_row(s)] == NULL)
			conf_error(
				l, node, "'%s' is missing in %s", k->key, conf_sections[s].title);
}

void conf_read_top(struct conf_load *l)
{
	conf_read_section(l, CS_TOP, yaml_document_get_root_node(&l->doc), &l->top.head);
}
