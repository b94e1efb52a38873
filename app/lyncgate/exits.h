/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_EXITS_H
#define APP_EXITS_H

/* Exit codes, the same for all our commands. */
enum app_exit {
	APP_OK = 0,
	APP_CONFIG = 1,      /* the configuration is wrong */
	APP_USAGE = 2,       /* the command line is wrong */
	APP_ENVIRONMENT = 3, /* the machine isn't ready: memory, drivers, devices */
	APP_INTERNAL = 70,   /* our own fault */
};

#endif
