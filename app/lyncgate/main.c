/* SPDX-License-Identifier: BSD-3-Clause */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config/config.h"
#include "control/control.h"
#include "eal_args.h"
#include "exits.h"
#include "gateway.h"
#include "signals.h"
#include "sizing.h"

#define DEFAULT_CONFIG "/etc/lyncgate/lyncgate.yaml"
#define SENTENCE       1024

struct arguments {
	const char *config;
	bool check;
	char **extra; /* EAL arguments after "--" */
	int n_extra;
};

static void print_help(FILE *out)
{
	fprintf(out,
		"Usage: lyncgate [OPTIONS] [-- EAL ARGUMENTS]\n"
		"\n"
		"User-space reverse proxy gateway in front of Lync Server 2013 / Skype for "
		"Business.\n"
		"\n"
		"  -c, --config FILE      configuration (default %s)\n"
		"      --check            check the configuration and exit: 0 good, 1 not\n"
		"      --print-reference  print the reference of all configuration keys "
		"(Markdown)\n"
		"  -h, --help             print this\n"
		"  -V, --version          print the version\n"
		"\n"
		"What stands after -- is appended to the EAL command line.\n"
		"Signals: SIGTERM lets requests finish (timeouts.drain), then ends; a second one, "
		"or\n"
		"SIGINT, ends at once; SIGUSR1 opens the access log anew.\n"
		"Exit status: 0 ok, 1 configuration, 2 usage, 3 environment (memory, devices), 70 "
		"internal.\n",
		DEFAULT_CONFIG);
}

/* Returns an exit code to leave with, or -1 to go on. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	enum { OPT_CHECK = 256, OPT_REFERENCE };
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPT_CHECK},
		{"print-reference", no_argument, NULL, OPT_REFERENCE},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	*a = (struct arguments){.config = DEFAULT_CONFIG};
	for (int opt; (opt = getopt_long(argc, argv, "+c:hV", options, NULL)) != -1;) {
		switch (opt) {
		case 'c':
			a->config = optarg;
			break;
		case OPT_CHECK:
			a->check = true;
			break;
		case OPT_REFERENCE:
			conf_print_reference(stdout);
			return APP_OK;
		case 'h':
			print_help(stdout);
			return APP_OK;
		case 'V':
			printf("lyncgate %s\n", LG_VERSION);
			return APP_OK;
		default:
			fprintf(stderr, "Try 'lyncgate --help'.\n");
			return APP_USAGE;
		}
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		fprintf(stderr,
			"lyncgate: '%s' is no option: EAL arguments stand after --\n"
			"Try 'lyncgate --help'.\n",
			argv[optind]);
		return APP_USAGE;
	}
	a->extra = argv + optind;
	a->n_extra = argc - optind;
	return -1;
}

static int fail(int code, const char *sentence)
{
	lg_log(LG_ERROR, "main", "%s", sentence);
	return code;
}

/* From EAL being up to EAL being down. */
static int run_gateway(const struct conf *conf, const struct sizing *sizing)
{
	static struct gateway gateway; /* large, and one a process */
	char err[SENTENCE] = "";
	app_clock_init();
	int rc = gateway_open(&gateway, conf, sizing, err, sizeof(err));
	if (rc == APP_OK && gateway_launch(&gateway, err, sizeof(err)) != 0)
		rc = APP_INTERNAL;
	if (rc == APP_OK)
		gateway_run(&gateway);
	gateway_close(&gateway);
	return rc == APP_OK ? APP_OK : fail(rc, err);
}

static int start(const struct conf *conf, const struct arguments *a)
{
	static struct eal_args args;
	char err[SENTENCE] = "", line[4096];
	if (eal_args_build(&args, conf, a->extra, a->n_extra, err, sizeof(err)) != 0)
		return fail(APP_ENVIRONMENT, err);
	struct sizing_memory memory = eal_memory(&args);
	struct sizing sizing = sizing_compute(conf, &memory);
	uint64_t need = sizing.bytes * conf->n_workers;
	lg_log(LG_INFO, "main", "EAL: %s", eal_args_text(&args, line, sizeof(line)));
	int rc;
	if (eal_check(&args, conf, need, err, sizeof(err)) != 0 ||
		eal_start(&args, err, sizeof(err)) != 0) {
		rc = fail(APP_ENVIRONMENT, err);
	} else {
		rc = run_gateway(conf, &sizing);
		eal_stop(&args);
	}
	eal_args_free(&args);
	return rc;
}

static const char *plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

int main(int argc, char **argv)
{
	struct arguments a;
	unsigned errors = 0, warnings = 0;
	int rc = parse_arguments(argc, argv, &a);
	if (rc >= 0)
		return rc;
	signals_block();
	ctl_log_init();
	struct conf *conf = conf_load(a.config, stderr, &errors, &warnings);
	if (conf == NULL) {
		fprintf(stderr, "%u error%s, %u warning%s\n", errors, plural(errors), warnings,
			plural(warnings));
		return APP_CONFIG;
	}
	if (a.check) {
		printf("%s: ok, %u warning%s\n", a.config, warnings, plural(warnings));
	} else {
		lg_log_set_level((enum lg_log_level)conf->log.level);
		rc = start(conf, &a);
	}
	conf_free(conf);
	return a.check ? APP_OK : rc;
}
