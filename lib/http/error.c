/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/internal.h"

static const struct {
	int status;
	const char *name, *help;
} errors[HTTP_ERR_MAX] = {
#define X(id, status, name, help) [HTTP_ERR_##id] = {status, name, help},
	HTTP_ERRORS(X)
#undef X
};

int http_error_status(enum http_error e)
{
	return e < HTTP_ERR_MAX ? errors[e].status : 400;
}

const char *http_error_name(enum http_error e)
{
	return e < HTTP_ERR_MAX ? errors[e].name : "unknown";
}

const char *http_error_help(enum http_error e)
{
	return e < HTTP_ERR_MAX ? errors[e].help : "";
}
