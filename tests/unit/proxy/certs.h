/* SPDX-License-Identifier: BSD-3-Clause */
/* Throw-away certificates in a folder of their own, made when the test program starts. */
#ifndef LG_TEST_PROXY_CERTS_H
#define LG_TEST_PROXY_CERTS_H

/* Makes gateway.pem/.key (*.example.com) and pool.pem/.key (pool.internal), each its own issuer. */
void certs_make(void);
void certs_remove(void);
const char *certs_dir(void);

#endif
