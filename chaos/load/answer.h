/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine hands to a request's owner when the exchange is over.  All
 * that it points to is the engine's, and valid only during that call.
 *
 * Headers and body are there only if the request's keep asked for them, so that
 * a step which looks at neither costs nothing.
 */
#ifndef GD_LOAD_ANSWER_H
#define GD_LOAD_ANSWER_H

#include "chaos/base/http1.h"
#include "chaos/scenario/sample.h"

struct answer {
	int status;		/* 0: failed, for the cause */
	enum load_cause cause;
	const char *why;	/* which rule it broke; or NULL */
	/* KEEP_HEADERS: slices into head */
	const char *head;
	const struct http1_field *fields;
	size_t n_fields;
	/*
	 * KEEP_BODY: without framing, gzip and deflate decoded, and
	 * '\0'-terminated; NULL: not kept.
	 */
	const char *body;
	size_t body_len;
	bool body_cut;		/* there was more than request.keep_body */
	uint64_t body_seen;	/* bytes of body on the wire, kept or not */
};

/*
 * Case-insensitive name, its nth value from 0; ret_len bytes, not terminated.
 * NULL: there is no such header, or headers were not kept.
 */
const char *answer_header(const struct answer *a, const char *name, size_t nth,
			  size_t *ret_len);

#endif
