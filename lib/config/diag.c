/* SPDX-License-Identifier: BSD-3-Clause */
/* Errors and warnings: collected in one pass, printed in the order of the file. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/internal.h"

#define MAX_SOURCE 160 /* characters of a source line that are shown */
#define MAX_QUOTE  80  /* bytes of the file's text that go into a sentence */

__attribute__((nonnull(4))) static void add(struct conf_load *l, struct conf_diags *d,
	const struct conf_diag *where, const char *fmt, va_list ap)
{
	unsigned order = d->n++;
	if (order >= CONF_MAX_SHOWN)
		return;
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *message = conf_alloc(l->scratch, (size_t)LG_MAX(n, 0) + 1);
	vsnprintf(message, (size_t)LG_MAX(n, 0) + 1, fmt, ap);
	d->shown[order] = *where;
	d->shown[order].order = order;
	d->shown[order].message = message;
}

static struct conf_diag where_of(const yaml_node_t *at)
{
	struct conf_diag w = {.width = 1};
	if (at == NULL)
		return w;
	w.line = conf_line(at);
	w.column = (unsigned)at->start_mark.column + 1;
	/* A collection's end is somewhere below: one caret at its start says enough. */
	if (at->type == YAML_SCALAR_NODE && at->end_mark.line == at->start_mark.line &&
		at->end_mark.column > at->start_mark.column)
		w.width = (unsigned)(at->end_mark.column - at->start_mark.column);
	return w;
}

void conf_error(struct conf_load *l, const yaml_node_t *at, const char *fmt, ...)
{
	struct conf_diag w = where_of(at);
	va_list ap;
	va_start(ap, fmt);
	add(l, &l->errors, &w, fmt, ap);
	va_end(ap);
}

void conf_warn(struct conf_load *l, const yaml_node_t *at, const char *fmt, ...)
{
	struct conf_diag w = where_of(at);
	va_list ap;
	va_start(ap, fmt);
	add(l, &l->warnings, &w, fmt, ap);
	va_end(ap);
}

void conf_error_mark(
	struct conf_load *l, size_t line, size_t column, unsigned width, const char *fmt, ...)
{
	struct conf_diag w = {(unsigned)line + 1, (unsigned)column + 1, LG_MAX(width, 1u), 0, NULL};
	va_list ap;
	va_start(ap, fmt);
	add(l, &l->errors, &w, fmt, ap);
	va_end(ap);
}

const char *conf_show(struct conf_load *l, const char *text, size_t len)
{
	size_t n = LG_MIN(len, (size_t)MAX_QUOTE);
	while (n < len && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--; /* don't cut a UTF-8 character */
	char *s = conf_alloc(l->scratch, n + 4);
	memcpy(s, text, n);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			s[i] = '?';
	if (n < len)
		memcpy(s + n, "...", 4);
	return s;
}

bool conf_enough(const struct conf_load *l)
{
	return l->errors.n >= CONF_MAX_SHOWN;
}

/* Length of the line break at p as libyaml counts lines: CR LF, CR, LF, NEL, LS, PS. 0: none. */
static size_t break_len(const char *p, const char *end)
{
	const unsigned char *b = (const unsigned char *)p;
	size_t n = (size_t)(end - p);
	if (n >= 2 && b[0] == '\r' && b[1] == '\n')
		return 2;
	if (n >= 1 && (b[0] == '\r' || b[0] == '\n'))
		return 1;
	if (n >= 2 && b[0] == 0xc2 && b[1] == 0x85)
		return 2;
	if (n >= 3 && b[0] == 0xe2 && b[1] == 0x80 && (b[2] == 0xa8 || b[2] == 0xa9))
		return 3;
	return 0;
}

static const char *line_start(const struct conf_load *l, unsigned line)
{
	const char *p = l->text, *end = l->text + l->len;
	for (unsigned i = 1; i < line && p < end;) {
		size_t n = break_len(p, end);
		i += n != 0;
		p += n != 0 ? n : 1;
	}
	return p;
}

static bool continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The source line around the column, with its number, and carets below. */
static void print_source(const struct conf_load *l, const struct conf_diag *d, FILE *out)
{
	const char *end = l->text + l->len, *p = line_start(l, d->line);
	unsigned skip = d->column > MAX_SOURCE / 2 ? d->column - MAX_SOURCE / 2 : 0;
	unsigned column = 0, carets = 0;
	char below[MAX_SOURCE + 1] = "";
	unsigned n = 0;

	fprintf(out, "%5u | ", d->line);
	for (; p < end && break_len(p, end) == 0 && n < MAX_SOURCE; p++) {
		if (!continuation(*p))
			column++;
		if (column <= skip)
			continue;
		bool odd = ((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f;
		fputc(odd ? '?' : *p, out);
		if (continuation(*p))
			continue;
		bool marked = column >= d->column && column < d->column + d->width;
		carets += marked;
		below[n++] = marked ? (carets == 1 ? '^' : '~') : *p == '\t' ? '\t' : ' ';
	}
	while (n > 0 && below[n - 1] != '^' && below[n - 1] != '~')
		n--;
	fprintf(out, "\n      | %.*s", (int)n, below);
	if (carets == 0) { /* the place is just behind the line's last character */
		for (unsigned i = skip + 1; i < d->column && i < skip + MAX_SOURCE; i++)
			fputc(' ', out);
		fputc('^', out);
	}
	fputc('\n', out);
}

static void print_one(
	const struct conf_load *l, const struct conf_diag *d, const char *kind, FILE *out)
{
	if (d->line == 0) {
		fprintf(out, "%s: %s: %s\n", l->path, kind, d->message);
		return;
	}
	fprintf(out, "%s:%u:%u: %s: %s\n", l->path, d->line, d->column, kind, d->message);
	print_source(l, d, out);
}

static int by_place(const void *a, const void *b)
{
	const struct conf_diag *x = a, *y = b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void print_all(
	const struct conf_load *l, const struct conf_diags *d, const char *kind, FILE *out)
{
	struct conf_diag sorted[CONF_MAX_SHOWN];
	unsigned n = LG_MIN(d->n, (unsigned)CONF_MAX_SHOWN);
	memcpy(sorted, d->shown, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_place);
	for (unsigned i = 0; i < n; i++)
		print_one(l, &sorted[i], kind, out);
	if (d->n > n)
		fprintf(out, "%s: %u more %ss are not shown\n", l->path, d->n - n, kind);
}

void conf_diag_print(const struct conf_load *l, FILE *out)
{
	print_all(l, &l->errors, "error", out);
	print_all(l, &l->warnings, "warning", out);
}
