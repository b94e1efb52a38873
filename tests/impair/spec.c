/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "spec.h"

#define WORD_MAX 64

static bool is_end(const char *text)
{
	return *text == '\0';
}

/* "10ms", "250us", "1s" */
static bool read_time(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value >= 0 && value < 1e6))
		return false;
	for (unsigned int i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ns = (uint64_t)(value * units[i].ns);
			return true;
		}
	}
	return false;
}

/* "50M", "800k", "9600": bit/s */
static bool read_rate(const char *text, uint64_t *rate)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value > 0 && value < 1e12))
		return false;
	if (*end == 'k' || *end == 'M' || *end == 'G')
		value *= *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : 1e9;
	else if (!is_end(end))
		return false;
	*rate = (uint64_t)value;
	return is_end(end) || is_end(end + 1);
}

/* "1%", "0.01" */
static bool read_probability(const char *text, double *probability)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value >= 0))
		return false;
	if (*end == '%') {
		value /= 100;
		end++;
	}
	*probability = value;
	return is_end(end) && value <= 1;
}

static bool read_count(const char *text, uint32_t *count)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*count = (uint32_t)value;
	return end != text && is_end(end) && value <= LINK_QUEUE_MAX;
}

/* "2%:10ms" */
static bool read_reorder(char *text, struct link_config *config)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return read_probability(text, &config->reorder) &&
	       read_time(colon + 1, &config->reorder_ns);
}

static bool read_word(char *word, struct link_config *config)
{
	char *value = strchr(word, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(word, "rate") == 0)
		return read_rate(value, &config->rate);
	if (strcmp(word, "delay") == 0)
		return read_time(value, &config->delay_ns);
	if (strcmp(word, "jitter") == 0)
		return read_time(value, &config->jitter_ns);
	if (strcmp(word, "queue") == 0)
		return read_count(value, &config->queue);
	if (strcmp(word, "spare") == 0)
		return read_count(value, &config->spare);
	if (strcmp(word, "loss") == 0)
		return read_probability(value, &config->loss);
	if (strcmp(word, "duplicate") == 0)
		return read_probability(value, &config->duplicate);
	if (strcmp(word, "corrupt") == 0)
		return read_probability(value, &config->corrupt);
	if (strcmp(word, "reorder") == 0)
		return read_reorder(value, config);
	return false;
}

bool spec_read(const char *text, struct link_config *config)
{
	char word[WORD_MAX];
	size_t len;

	while (!is_end(text)) {
		len = strcspn(text, ",");
		if (len >= sizeof(word))
			return false;
		memcpy(word, text, len);
		word[len] = '\0';
		if (!read_word(word, config))
			return false;
		text += len + (text[len] == ',');
	}
	return true;
}
