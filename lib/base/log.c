/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

#define LINE_MAX_LEN 1024
#define CUT_MARK     " [cut]"

static lg_log_sink default_sink;

static lg_log_sink *log_sink = default_sink;
static enum lg_log_level log_max = LG_INFO;

static const struct {
	const char *option; /* as in the configuration */
	const char *tag;    /* as in a line */
} levels[] = {
	[LG_ERROR] = {"error", "ERROR"},
	[LG_WARN] = {"warning", "WARN"},
	[LG_NOTICE] = {"notice", "NOTICE"},
	[LG_INFO] = {"info", "INFO"},
	[LG_DEBUG] = {"debug", "DEBUG"},
};

static void default_sink(enum lg_log_level level, const char *line, unsigned len)
{
	char out[LINE_MAX_LEN + 1];
	(void)level;
	len = LG_MIN(len, (unsigned)LINE_MAX_LEN);
	memcpy(out, line, len);
	out[len] = '\n';
	/* There is nobody left to tell when stderr fails. */
	ssize_t done = write(STDERR_FILENO, out, len + 1);
	(void)done;
}

void lg_log_set_sink(lg_log_sink *sink)
{
	log_sink = sink != NULL ? sink : default_sink;
}

void lg_log_set_level(enum lg_log_level max)
{
	__atomic_store_n(&log_max, max, __ATOMIC_RELAXED);
}

enum lg_log_level lg_log_get_level(void)
{
	return __atomic_load_n(&log_max, __ATOMIC_RELAXED);
}

int lg_log_level_parse(const char *name, enum lg_log_level *out)
{
	for (unsigned i = 0; i < LG_ARRAY_SIZE(levels); i++) {
		if (strcmp(name, levels[i].option) == 0) {
			*out = (enum lg_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A line may quote bytes from outside: they must not forge a second line or drive a terminal. */
static void neutralise_controls(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		if (c < 0x20 || c == 0x7f)
			line[i] = '?';
	}
}

void lg_log(enum lg_log_level level, const char *component, const char *fmt, ...)
{
	if (level > lg_log_get_level())
		return;
	char line[LINE_MAX_LEN];
	int n = snprintf(line, sizeof(line), "%s %s: ", levels[level].tag, component);
	size_t len = n < 0 ? 0 : LG_MIN((size_t)n, sizeof(line) - 1);
	va_list ap;
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	len += n < 0 ? 0 : (size_t)n;
	if (len >= sizeof(line)) {
		len = sizeof(line) - 1;
		memcpy(line + len - strlen(CUT_MARK), CUT_MARK, strlen(CUT_MARK));
	}
	line[len] = '\0';
	neutralise_controls(line, len);
	log_sink(level, line, (unsigned)len);
}

int lg_ratelimit_pass(struct lg_ratelimit *rl, lg_us now, uint32_t burst, uint32_t *suppressed)
{
	if (rl->window_start == 0 || now - rl->window_start >= LG_SEC(1)) {
		rl->window_start = now;
		rl->in_window = 0;
	}
	*suppressed = 0;
	if (rl->in_window >= burst) {
		rl->suppressed++;
		return 0;
	}
	rl->in_window++;
	*suppressed = rl->suppressed;
	rl->suppressed = 0;
	return 1;
}
