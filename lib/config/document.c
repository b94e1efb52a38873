/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From bytes to a YAML document. A first pass over the events, which allocates nothing that grows
 * with the nesting, refuses what the document API would expand or silently accept; only then the
 * document is loaded.
 */
#include <string.h>

#include "config/internal.h"

struct scan {
	struct conf_load *l;
	unsigned nodes, depth, documents;
	bool fatal;   /* nothing after this can be read */
	bool aliases; /* the document must not be loaded */
};

static bool parser_open(struct conf_load *l)
{
	if (!yaml_parser_initialize(&l->parser)) {
		conf_error(l, NULL, "not enough memory");
		return false;
	}
	yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l->parser, (const unsigned char *)l->text, l->len);
	return true;
}

static void parser_close(struct conf_load *l)
{
	yaml_parser_delete(&l->parser);
	memset(&l->parser, 0, sizeof(l->parser));
}

/* Line and column (characters) of a byte offset, for errors of libyaml's reader. */
static void place_of(const struct conf_load *l, size_t offset, size_t *line, size_t *column)
{
	*line = *column = 0;
	for (size_t i = 0; i < offset && i < l->len; i++) {
		if (l->text[i] == '\n') {
			(*line)++;
			*column = 0;
		} else if (((unsigned char)l->text[i] & 0xc0) != 0x80) {
			(*column)++;
		}
	}
}

static void syntax_error(struct conf_load *l)
{
	const yaml_parser_t *p = &l->parser;
	size_t line = p->problem_mark.line, column = p->problem_mark.column;
	const char *problem = p->problem != NULL ? p->problem : "not enough memory";

	if (p->error == YAML_READER_ERROR) {
		place_of(l, p->problem_offset, &line, &column);
		conf_error_mark(l, line, column, 1, "%s: the file must be UTF-8 text", problem);
		return;
	}
	const char *hint = "";
	if (p->context != NULL && strstr(p->context, "alias") != NULL)
		hint = "; a value that begins with '*' needs quotes, like \"*:443\"";
	else if (strstr(problem, "tab character") != NULL ||
		 strstr(problem, "cannot start") != NULL)
		hint = "; indent with spaces, no tabs, and quote values that begin with a special "
		       "character";
	const char *context = p->context != NULL ? p->context : "";
	const char *since = "";
	if (p->context != NULL && p->context_mark.line != line)
		since = conf_sprintf(l->scratch, " (begun on line %zu)", p->context_mark.line + 1);
	conf_error_mark(l, line, column, 1, "%s%s%s%s%s", problem, context[0] != '\0' ? ", " : "",
		context, since, hint);
}

static void refuse(struct scan *s, const yaml_event_t *e, const char *what)
{
	unsigned width = 1;
	if (e->end_mark.line == e->start_mark.line && e->end_mark.column > e->start_mark.column)
		width = (unsigned)(e->end_mark.column - e->start_mark.column);
	conf_error_mark(s->l, e->start_mark.line, e->start_mark.column, width, "%s", what);
}

static void check_properties(
	struct scan *s, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		refuse(s, e,
			"anchors ('&name') are not supported: write the value where it is used");
	if (tag != NULL)
		refuse(s, e, "tags ('!type') are not supported");
}

static void enter(struct scan *s, const yaml_event_t *e)
{
	if (++s->depth > CONF_MAX_DEPTH) {
		refuse(s, e, "nested more than 16 levels deep");
		s->fatal = true;
	}
}

static void count(struct scan *s, const yaml_event_t *e)
{
	if (++s->nodes > CONF_MAX_NODES) {
		refuse(s, e, "more than 100,000 values in the file");
		s->fatal = true;
	}
}

static void check_event(struct scan *s, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++s->documents > 1) {
			refuse(s, e, "a second document begins here; the file must hold one");
			s->fatal = true;
		}
		break;
	case YAML_ALIAS_EVENT:
		refuse(s, e,
			"aliases ('*name') are not supported: write the value out (and \"*:443\" "
			"in quotes)");
		s->aliases = true;
		count(s, e);
		break;
	case YAML_SCALAR_EVENT:
		check_properties(s, e, e->data.scalar.anchor, e->data.scalar.tag);
		count(s, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		check_properties(s, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		count(s, e);
		enter(s, e);
		break;
	case YAML_MAPPING_START_EVENT:
		check_properties(s, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		count(s, e);
		enter(s, e);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		s->depth--;
		break;
	default:
		break;
	}
}

/* True when the document can be loaded; errors of content may have been reported all the same. */
static bool scan_events(struct conf_load *l)
{
	struct scan s = {.l = l};
	bool end = false;

	if (!parser_open(l))
		return false;
	while (!end && !s.fatal) {
		if (!yaml_parser_parse(&l->parser, &l->event)) {
			syntax_error(l);
			s.fatal = true;
			break;
		}
		check_event(&s, &l->event);
		end = l->event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&l->event);
	}
	parser_close(l);
	return !s.fatal && !s.aliases;
}

static bool check_bytes(struct conf_load *l)
{
	if (l->len > CONF_MAX_FILE) {
		conf_error(l, NULL, "the file is larger than 1 MiB");
		return false;
	}
	const char *nul = l->len > 0 ? memchr(l->text, 0, l->len) : NULL;
	if (nul != NULL) {
		size_t line, column;
		place_of(l, (size_t)(nul - l->text), &line, &column);
		conf_error_mark(l, line, column, 1, "a NUL byte: this is not a text file");
		return false;
	}
	return true;
}

static bool is_empty(const yaml_node_t *root)
{
	return root == NULL || conf_is_plain(root, "");
}

bool conf_document_load(struct conf_load *l)
{
	if (!check_bytes(l) || !scan_events(l) || !parser_open(l))
		return false;
	l->doc_loaded = yaml_parser_load(&l->parser, &l->doc);
	if (!l->doc_loaded)
		syntax_error(l);
	parser_close(l);
	if (l->doc_loaded && is_empty(yaml_document_get_root_node(&l->doc))) {
		conf_error(l, NULL,
			"the file is empty; config/lyncgate.yaml is an example to start from");
		return false;
	}
	return l->doc_loaded;
}
