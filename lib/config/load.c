/* SPDX-License-Identifier: BSD-3-Clause */
/* The public functions: from a file or a buffer to a snapshot or a list of errors. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/internal.h"

#define ARENA_LIMIT (256 * 1024 * 1024) /* 1 MiB of YAML needs far less */

static void build(struct conf_load *l)
{
	conf_build_eal(l);
	conf_build_workers(l);
	conf_build_ports(l);
	conf_build_certificates(l);
	conf_build_listeners(l);
	conf_build_pools(l);
	conf_build_routes(l);
	conf_finish_pools(l);
	conf_build_settings(l);
	conf_check_coverage(l);
	conf_check_usage(l);
	conf_check_machine(l);
}

/* Everything that may run out of memory. False: it did. */
static bool run(struct conf_load *l, FILE *out)
{
	jmp_buf oom;
	l->scratch->out = l->arena->out = &oom;
	if (setjmp(oom) != 0)
		return false;
	l->conf = conf_alloc(l->arena, sizeof(*l->conf));
	l->conf->arena = l->arena;
	l->conf->path = conf_strndup(l->arena, l->path, strlen(l->path));
	if (conf_document_load(l)) {
		conf_read_top(l);
		build(l);
	}
	conf_diag_print(l, out);
	return true;
}

static struct conf *out_of_memory(const char *path, FILE *out, unsigned *n_errors)
{
	fprintf(out, "%s: error: not enough memory\n", path);
	(*n_errors)++;
	return NULL;
}

struct conf *conf_load_buffer(const char *path, const char *text, size_t len, bool check_files,
	FILE *out, unsigned *n_errors, unsigned *n_warnings)
{
	unsigned ignored = 0;
	n_errors = n_errors != NULL ? n_errors : &ignored;
	n_warnings = n_warnings != NULL ? n_warnings : &ignored;
	*n_errors = *n_warnings = 0;

	struct conf_load *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return out_of_memory(path, out, n_errors);
	l->path = path;
	bool mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; /* UTF-8's byte order mark */
	l->text = mark ? text + 3 : text;
	l->len = mark ? len - 3 : len;
	l->check_files = check_files;
	l->scratch = conf_arena_create(ARENA_LIMIT, NULL);
	l->arena = conf_arena_create(ARENA_LIMIT, NULL);
	bool ran = l->scratch != NULL && l->arena != NULL && run(l, out);

	*n_errors = l->errors.n;
	*n_warnings = l->warnings.n;
	struct conf *c = l->conf;
	if (!ran || *n_errors > 0) {
		conf_arena_free(l->arena);
		c = NULL;
	}
	yaml_event_delete(&l->event);
	yaml_parser_delete(&l->parser);
	if (l->doc_loaded)
		yaml_document_delete(&l->doc);
	conf_arena_free(l->scratch);
	free(l);
	return ran ? c : out_of_memory(path, out, n_errors);
}

/* Reads at most one byte more than is allowed; the loader says so then. Negative errno. */
static ssize_t read_file(int fd, char *text, size_t size)
{
	size_t n = 0;
	while (n < size) {
		ssize_t r = read(fd, text + n, size - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static struct conf *cannot_read(const char *path, int error, FILE *out, unsigned *n_errors)
{
	if (error == EISDIR)
		fprintf(out, "%s: error: this is a directory; give the configuration file itself\n",
			path);
	else
		fprintf(out, "%s: error: cannot read the configuration: %s\n", path,
			strerror(error));
	if (n_errors != NULL)
		*n_errors = 1;
	return NULL;
}

struct conf *conf_load(const char *path, FILE *out, unsigned *n_errors, unsigned *n_warnings)
{
	if (n_warnings != NULL)
		*n_warnings = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cannot_read(path, errno, out, n_errors);
	char *text = malloc(CONF_MAX_FILE + 1);
	ssize_t n = text != NULL ? read_file(fd, text, CONF_MAX_FILE + 1) : -ENOMEM;
	close(fd);
	struct conf *c = n < 0 ? cannot_read(path, (int)-n, out, n_errors)
			       : conf_load_buffer(
					 path, text, (size_t)n, true, out, n_errors, n_warnings);
	free(text);
	return c;
}

void conf_free(struct conf *c)
{
	if (c != NULL)
		conf_arena_free(c->arena);
}
