/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS needs from files, read once: trusted authorities, the client's
 * certificate and key.  Immutable once loaded; load threads share it.
 */
#ifndef GD_LOAD_TLS_H
#define GD_LOAD_TLS_H

#include <stdbool.h>

#include "chaos/base/err.h"

struct tls;

/*
 * ca NULL: the system's; cert NULL: none; key NULL: in cert's file.  Blocks.
 * On failure *ret_at is which of "ca", "cert", "key" was wrong.
 */
int tls_load(const char *ca, const char *cert, const char *key,
	     struct tls **ret, const char **ret_at, struct err *err) MUST_CHECK;
void tls_free(struct tls *t);	/* NULL is fine */
/*
 * ssl_ctx: an OpenSSL SSL_CTX.  verify false: whoever answers is trusted, and
 * nobody looks.  False: it would not take them.
 */
bool tls_apply(const struct tls *t, void *ssl_ctx, bool http2, bool verify);
/* *ret will say whether a handshake of ssl_ctx chose HTTP/2; it outlives it. */
void tls_watch_http2(void *ssl_ctx, bool *ret);

#endif
