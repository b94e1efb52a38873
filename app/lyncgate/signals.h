/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_SIGNALS_H
#define APP_SIGNALS_H

/*
 * Signals are taken by the main thread when it asks for them, never in a handler. Call first thing
 * in main: all later threads inherit the mask. SIGPIPE is ignored.
 */
void signals_block(void);
/* Waits at most ms. SIGTERM, SIGINT, SIGHUP or SIGUSR1; 0 when none came. */
int signals_wait(int ms);

#endif
