/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LG_LOG_H
#define LG_LOG_H

#include <stdint.h>

#include "base/clock.h"

/*
 * One way for logs: `LEVEL component: what happened: why: what to do`. Lines go to the sink; the
 * default sink writes to stderr with one write(2). lib/control replaces it so that a worker never
 * blocks. Anything a packet can trigger uses LG_LOG_RATELIMITED.
 */
enum lg_log_level { LG_ERROR, LG_WARN, LG_NOTICE, LG_INFO, LG_DEBUG };

/* line: NUL-terminated, no newline; len without the NUL. Called from any thread. */
typedef void lg_log_sink(enum lg_log_level level, const char *line, unsigned len);

/* NULL restores the default sink. Not thread-safe: call before threads start. */
void lg_log_set_sink(lg_log_sink *sink);
/* Lines above max are not formatted. Default LG_INFO. */
void lg_log_set_level(enum lg_log_level max);
enum lg_log_level lg_log_get_level(void);
/* "error", "warning", "notice", "info", "debug" -> level; -EINVAL otherwise. */
int lg_log_level_parse(const char *name, enum lg_log_level *out);
void lg_log(enum lg_log_level level, const char *component, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* State of one rate-limited call site; zero-initialised, one per thread that uses it. */
struct lg_ratelimit {
	lg_us window_start;
	uint32_t in_window;
	uint32_t suppressed; /* since the last line that passed */
};

/*
 * True when a line may pass (at most `burst` per second). *suppressed gets how many lines were
 * swallowed since the last one that passed; the caller prints it when it isn't 0.
 */
int lg_ratelimit_pass(struct lg_ratelimit *rl, lg_us now, uint32_t burst, uint32_t *suppressed);

/* At most five lines a second from this place in the code, per thread; says what it swallowed. */
#define LG_LOG_RATELIMITED(now, level, component, fmt, ...)                                        \
	do {                                                                                       \
		static __thread struct lg_ratelimit rl_;                                           \
		uint32_t missed_;                                                                  \
		if (lg_ratelimit_pass(&rl_, (now), 5, &missed_)) {                                 \
			if (missed_)                                                               \
				lg_log((level), (component), fmt " (%u like it not shown)",        \
					##__VA_ARGS__, missed_);                                   \
			else                                                                       \
				lg_log((level), (component), fmt, ##__VA_ARGS__);                  \
		}                                                                                  \
	} while (0)

#endif
