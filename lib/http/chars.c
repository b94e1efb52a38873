/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/internal.h"

#define BETWEEN(c, a, b) ((c) >= (a) && (c) <= (b))
#define IS_DIGIT(c)      BETWEEN(c, '0', '9')
#define IS_ALPHA(c)      (BETWEEN(c, 'a', 'z') || BETWEEN(c, 'A', 'Z'))
#define IS_HEX(c)        (IS_DIGIT(c) || BETWEEN(c, 'a', 'f') || BETWEEN(c, 'A', 'F'))
#define IS_VCHAR(c)      BETWEEN(c, 0x21, 0x7e)
#define IS_VALUE(c)      (IS_VCHAR(c) || (c) == ' ' || (c) == '\t' || (c) >= 0x80)
#define IS_TOKEN(c)                                                                                \
	(IS_DIGIT(c) || IS_ALPHA(c) || (c) == '!' || BETWEEN(c, '#', '\'') || (c) == '*' ||        \
		(c) == '+' || (c) == '-' || (c) == '.' || BETWEEN(c, '^', '`') || (c) == '|' ||    \
		(c) == '~')

#define CLASS(c)                                                                                   \
	((IS_TOKEN(c) ? HTTP_C_TOKEN : 0) | (IS_VALUE(c) ? HTTP_C_VALUE : 0) |                     \
		(IS_VCHAR(c) && (c) != '#' ? HTTP_C_TARGET : 0) | (IS_HEX(c) ? HTTP_C_HEX : 0) |   \
		(IS_VALUE(c) && (c) != '"' && (c) != '\\' ? HTTP_C_QDTEXT : 0) |                   \
		(IS_DIGIT(c) ? HTTP_C_DIGIT : 0) |                                                 \
		(IS_DIGIT(c) || IS_ALPHA(c) || (c) == '-' || (c) == '_' ? HTTP_C_HOST : 0))

#define C4(c)  CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define C16(c) C4(c), C4((c) + 4), C4((c) + 8), C4((c) + 12)
#define C64(c) C16(c), C16((c) + 16), C16((c) + 32), C16((c) + 48)

const uint8_t http_chars[256] = {C64(0), C64(64), C64(128), C64(192)};

bool http_equals(const char *p, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\0' || http_lower((uint8_t)p[i]) != (uint8_t)s[i])
			return false;
	}
	return s[n] == '\0';
}
