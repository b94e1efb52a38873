/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference of all keys in Markdown, from the schema table. */
#include <inttypes.h>
#include <string.h>

#include "config/internal.h"

static const char *const type_words[] = {
	[CT_UINT] = "number",
	[CT_COUNT] = "number (`200k`, `1M`)",
	[CT_SIZE] = "size (`64KiB`, `1MiB`)",
	[CT_DURATION] = "duration (`500ms`, `30s`, `5m`)",
	[CT_BOOL] = "`true` or `false`",
	[CT_VERSION] = "`\"1.0\"` to `\"1.3\"`",
	[CT_STRING] = "text",
	[CT_FILE] = "file",
	[CT_NAMES] = "text or list",
	[CT_SECTION] = "map",
	[CT_NAMED] = "map of names",
	[CT_ITEMS] = "list",
};

/* "a|b" -> "`a`, `b`": a bar would end the table's cell. */
static void print_enum(FILE *out, const char *values)
{
	for (const char *p = values;; p++) {
		size_t n = strcspn(p, "|");
		fprintf(out, "%s`%.*s`", p == values ? "" : ", ", (int)n, p);
		p += n;
		if (*p == '\0')
			return;
	}
}

static void print_duration(FILE *out, uint64_t us)
{
	if (us % LG_SEC(1) == 0)
		fprintf(out, "%" PRIu64 "s", us / LG_SEC(1));
	else
		fprintf(out, "%" PRIu64 "ms", us / LG_MS(1));
}

static void print_range(FILE *out, const struct conf_key *k)
{
	if (k->type == CT_DURATION) {
		fprintf(out, ", ");
		print_duration(out, k->min);
		fprintf(out, " to ");
		print_duration(out, k->max);
	} else if (k->type == CT_UINT || k->type == CT_COUNT || k->type == CT_SIZE) {
		if (k->max < UINT32_MAX)
			fprintf(out, ", %" PRIu64 " to %" PRIu64, k->min, k->max);
	}
}

static void print_row(FILE *out, const struct conf_key *k)
{
	fprintf(out, "| `%s` | ", k->key);
	if (k->type == CT_ENUM)
		print_enum(out, k->values);
	else
		fprintf(out, "%s", k->values != NULL ? k->values : type_words[k->type]);
	print_range(out, k);
	if (k->flags & CF_OFF)
		fprintf(out, ", or `off`");
	if (k->flags & CF_REQUIRED)
		fprintf(out, " | required");
	else if (k->def != NULL)
		fprintf(out, " | `%s`", k->def);
	else
		fprintf(out, " |");
	fprintf(out, " | %s |\n", k->doc);
}

static void print_section(FILE *out, enum conf_section s)
{
	fprintf(out, "\n## %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
		conf_sections[s].title, conf_sections[s].doc);
	for (unsigned i = 0; i < conf_schema_rows; i++)
		if (conf_schema[i].in == s)
			print_row(out, &conf_schema[i]);
}

void conf_print_reference(FILE *out)
{
	fprintf(out, "# Configuration reference\n\n"
		     "Generated from the schema table (`lib/config/schema.c`) by `lyncgate "
		     "--print-reference`; don't edit "
		     "it by hand. An example with explanations is `lyncgate.yaml`.\n\n"
		     "The file is YAML with one document, at most 1 MiB and 16 levels deep. Keys "
		     "that are unknown or "
		     "there twice, anchors, aliases, tags and merge keys are refused. Durations "
		     "need a unit (`ms`, `s`, "
		     "`m`, `h`, `d`); sizes take `k`, `KiB`, `MiB`, `GiB`; counts take `k` and "
		     "`M`. Relative files are "
		     "looked up in the folder of the configuration file.\n");
	for (unsigned s = 0; s < CS_MAX; s++)
		print_section(out, (enum conf_section)s);
}
