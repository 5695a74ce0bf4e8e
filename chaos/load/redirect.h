/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects followed: the next request of an answer's Location, to a known
 * target only, so that nothing is asked that no [allow] was checked for.  Pure
 * but for the buffers that it fills.
 */
#ifndef GD_LOAD_REDIRECT_H
#define GD_LOAD_REDIRECT_H

#include "chaos/load/answer.h"
#include "chaos/load/request.h"

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
 * and 303; credentials do not go to another target.  False: Location is broken
 * or names no target of the run.
 */
bool redirect_next(struct redirect *r, const struct answer *a,
		   const struct endpoint *endpoints, size_t n);

#endif
