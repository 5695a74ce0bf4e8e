/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects followed: the next request of an answer's Location, to where
 * endpoints.h knows, so that nothing is asked that [allow] does not allow.
 */
#ifndef GD_LOAD_REDIRECT_H
#define GD_LOAD_REDIRECT_H

#include "chaos/load/answer.h"
#include "chaos/load/endpoints.h"

/* Of one user; the chain that it is in. */
struct redirect {
	struct request request;	/* the one that is out, or was last */
	struct buf bytes;	/* of it, as sent, without cookies */
	struct buf next;
	unsigned hops;		/* followed so far */
};

void redirect_done(struct redirect *r);
/* A first request goes out: bytes are copied. */
void redirect_begin(struct redirect *r, const struct request *request,
		    const char *bytes, size_t len);
/*
 * Is the answer one that sends elsewhere?  301, 302, 303, 307, 308 with a
 * Location.
 */
bool redirect_is(const struct answer *a);
/*
 * Makes r->request and r->bytes the next ones.  POST becomes GET at 301, 302
 * and 303; credentials do not go elsewhere.  False: Location is broken, or
 * endpoints_find() finds nothing.
 */
bool redirect_next(struct redirect *r, const struct answer *a,
		   struct endpoints *where);

#endif
