/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of one value -> number, duration, size, ... with its unit and range. */
#include <ctype.h>
#include <string.h>

#include "config/internal.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {{"ms", LG_MS(1)}, {"s", LG_SEC(1)}, {"m", LG_SEC(60)},
	{"h", LG_SEC(3600)}, {"d", LG_SEC(86400)}, {NULL, 0}};
static const struct unit size_units[] = {{"", 1}, {"k", 1000}, {"KiB", 1024}, {"MiB", 1024 * 1024},
	{"GiB", 1024 * 1024 * 1024}, {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {"k", 1000}, {"M", 1000 * 1000}, {NULL, 0}};

/* Digits at the start of text; false: none, or more than 64 bits. */
static bool digits(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;
	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	*text = p;
	*out = v;
	return true;
}

bool conf_uint(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v;
	if (!digits(&text, &v) || *text != '\0' || v > max)
		return false;
	*out = v;
	return true;
}

bool conf_range(const char *text, uint64_t max, uint64_t *low, uint64_t *high)
{
	uint64_t a, b;
	if (!digits(&text, &a) || *text != '-')
		return false;
	text++;
	if (!digits(&text, &b) || *text != '\0' || a > b || b > max)
		return false;
	*low = a;
	*high = b;
	return true;
}

static bool with_unit(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t v;
	if (!digits(&text, &v))
		return false;
	while (*text == ' ')
		text++;
	for (const struct unit *u = units; u->name != NULL; u++)
		if (strcmp(text, u->name) == 0)
			return !__builtin_mul_overflow(v, u->factor, out);
	return false;
}

/* A value in the largest unit that divides it, as a file would say it. */
static const char *say(struct conf_load *l, uint64_t v, const struct unit *units)
{
	const struct unit *best = &units[0];
	for (const struct unit *u = units; u->name != NULL; u++)
		if (v != 0 && v % u->factor == 0 && u->factor >= best->factor &&
			strcmp(u->name, "k") != 0)
			best = u;
	return conf_sprintf(
		l->scratch, "%llu%s", (unsigned long long)(v / best->factor), best->name);
}

static void store(const struct conf_key *k, uint64_t v, void *dst)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;
	const void *src = k->size == 1   ? (void *)&v8
			  : k->size == 2 ? (void *)&v16
			  : k->size == 4 ? (void *)&v32
					 : (void *)&v;
	memcpy(dst, src, k->size);
}

static const char *set_number(struct conf_load *l, const struct conf_key *k, const char *text,
	void *dst, const struct unit *units, const char *form)
{
	uint64_t v;
	if (!with_unit(text, units, &v))
		return form;
	if (v < k->min || v > k->max)
		return conf_sprintf(l->scratch, "must be %s to %s", say(l, k->min, units),
			say(l, k->max, units));
	store(k, v, dst);
	return NULL;
}

static const char *set_duration(
	struct conf_load *l, const struct conf_key *k, const char *text, void *dst)
{
	uint64_t bare;
	if (k->min == 0 && (strcmp(text, "0") == 0 || strcmp(text, "off") == 0)) {
		store(k, 0, dst);
		return NULL;
	}
	if (conf_uint(text, UINT64_MAX, &bare))
		return conf_sprintf(
			l->scratch, "is a duration and needs a unit; say %ss or %sms", text, text);
	return set_number(l, k, text, dst, duration_units,
		"must be a duration: a whole number and ms, s, m, h or d, like 30s");
}

static const char *set_bool(const char *text, void *dst)
{
	bool v = strcmp(text, "true") == 0;
	if (!v && strcmp(text, "false") != 0)
		return "must be true or false";
	memcpy(dst, &v, sizeof(v));
	return NULL;
}

static const char *set_enum(
	struct conf_load *l, const struct conf_key *k, const char *text, void *dst)
{
	struct conf_suggest s = {.word = text};
	const char *p = k->values;
	for (uint64_t i = 0;; i++) {
		size_t n = strcspn(p, "|");
		if (strlen(text) == n && memcmp(text, p, n) == 0) {
			store(k, i, dst);
			return NULL;
		}
		if (!isdigit((unsigned char)*p)) /* numbers are not misspelt words */
			conf_suggest_try(&s, conf_strndup(l->scratch, p, n), NULL);
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	char *all = conf_strndup(l->scratch, k->values, strlen(k->values));
	for (char *c = all; *c != '\0'; c++)
		*c = *c == '|' ? ' ' : *c;
	return conf_sprintf(l->scratch, "must be one of: %s%s", all, conf_suggest_text(l, &s));
}

static const char *set_version(const struct conf_key *k, const char *text, void *dst)
{
	if (strlen(text) == 3 && text[0] == '1' && text[1] == '.' && text[2] >= '0' &&
		text[2] <= '3') {
		store(k, 0x0301u + (unsigned)(text[2] - '0'), dst);
		return NULL;
	}
	if (strncasecmp(text, "ssl", 3) == 0 || strcmp(text, "3.0") == 0 ||
		strcmp(text, "2.0") == 0)
		return "is refused: SSL 2 and 3 are broken and never offered (LY-211); say \"1.0\" "
		       "to \"1.3\"";
	return "must be a TLS version: \"1.0\", \"1.1\", \"1.2\" or \"1.3\"";
}

/* Relative files are looked up beside the configuration file. */
static const char *resolve(struct conf_load *l, const char *file)
{
	const char *slash = strrchr(l->path, '/');
	if (file[0] == '/' || slash == NULL)
		return conf_strndup(l->arena, file, strlen(file));
	return conf_sprintf(l->arena, "%.*s/%s", (int)(slash - l->path), l->path, file);
}

static const char *set_text(
	struct conf_load *l, const struct conf_key *k, const char *text, void *dst)
{
	if (text[0] == '\0')
		return "must not be empty";
	const char *s = k->type == CT_FILE ? resolve(l, text)
					   : conf_strndup(l->arena, text, strlen(text));
	memcpy(dst, &s, sizeof(s));
	return NULL;
}

const char *conf_scalar_set(
	struct conf_load *l, const struct conf_key *k, const char *text, void *dst)
{
	static const struct unit plain[] = {{"", 1}, {NULL, 0}};
	switch (k->type) {
	case CT_UINT:
		return set_number(l, k, text, dst, plain, "must be a whole number");
	case CT_COUNT:
		return set_number(
			l, k, text, dst, count_units, "must be a number, like 500, 200k or 1M");
	case CT_SIZE:
		return set_number(l, k, text, dst, size_units,
			"must be a size in bytes: a whole number, with KiB, MiB or GiB if you like "
			"(64KiB)");
	case CT_DURATION:
		return set_duration(l, k, text, dst);
	case CT_BOOL:
		return set_bool(text, dst);
	case CT_ENUM:
		return set_enum(l, k, text, dst);
	case CT_VERSION:
		return set_version(k, text, dst);
	default:
		return set_text(l, k, text, dst);
	}
}
