/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a user's requests hang together beyond its connection: cookies and
 * redirects, for journeys that ask for them.
 */
#ifndef GD_LOAD_SESSION_H
#define GD_LOAD_SESSION_H

#include "chaos/load/answer.h"
#include "chaos/load/request.h"

struct user;

/* Is there anything to do for it here? */
static inline bool session_has(const struct request *r)
{
	return r->cookies || r->redirects;
}

/* The bytes with the user's cookies; they hold until the next call. */
const char *session_cookies(struct user *u, const struct request *r,
			    const char *bytes, size_t *len);
/* The same, for a request whose answer goes to session_answered(). */
const char *session_begin(struct user *u, const struct request *r,
			  const char *bytes, size_t *len);

enum session_next {
	SESSION_DONE,		/* the answer is the user's */
	SESSION_NEXT,		/* *ret_r is to be sent, *ret_bytes */
	SESSION_LOST,		/* too many redirects, or to nowhere */
};
/* An answer with a status has come to u->request. */
enum session_next session_answered(struct user *u, const struct answer *a,
				   const struct request **ret_r,
				   const char **ret_bytes, size_t *ret_len);
void session_done(struct user *u);

#endif
