/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's cookies (RFC 6265): domain or host only, path, Secure, Max-Age and
 * Expires are heeded; HttpOnly and SameSite mean nothing to a load.  There is
 * no list of public suffixes: a server sets cookies for its own name and for
 * those above it that have a dot in them.
 */
#ifndef GD_LOAD_COOKIE_H
#define GD_LOAD_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"

enum { COOKIES_MAX = 50, COOKIE_MAX = 4096 };	/* of a user; bytes of one */

struct cookie {
	char *name, *value, *domain, *path;
	bool host_only, secure;
	nsec_t until;		/* drill ns; NSEC_NEVER: a session's */
};

struct cookies {
	struct cookie *v;	/* the oldest first */
	size_t n;
};

/* From or to where. */
struct cookie_site {
	const char *host;	/* without a port */
	const char *path;	/* "/a/b?q" of the request */
	bool secure;
	nsec_t now;		/* drill ns */
	time_t real;		/* for Expires */
};

/* A Set-Cookie header's value; what breaks the rules is ignored. */
void cookies_set(struct cookies *c, const char *text, size_t len,
		 const struct cookie_site *from);
/* "Cookie: a=1; b=2\r\n", or nothing. */
void cookies_add(const struct cookies *c, const struct cookie_site *to,
		 struct buf *out);
void cookies_forget(struct cookies *c);

#endif
