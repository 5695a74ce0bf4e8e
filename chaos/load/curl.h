/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine for HTTPS and HTTP/2: libcurl's multi interface on the load
 * thread's own loop.  Inside of the engine only.
 *
 * A lane is one multi handle.  A user has a lane of its own, so that its
 * connection is its own as well; where HTTP/2 users share a connection's
 * streams, up to TARGET_STREAMS_MAX of them share a lane.  libcurl's cost grows
 * with the handles of a multi: this keeps it flat.
 */
#ifndef GD_LOAD_CURL_H
#define GD_LOAD_CURL_H

#include <curl/curl.h>

#include "chaos/load/engine.h"
#include "chaos/load/tls.h"

/* What its requests have in common; immutable, load threads share it. */
struct curl_target {
	const char *name;	/* the [target]'s */
	char *url;		/* "https://NAME:PORT/" */
	struct curl_slist *connect_to;	/* the address that was checked */
	struct tls *tls;	/* NULL: no TLS */
	long http_version;	/* CURL_HTTP_VERSION_… */
	bool verify;
	unsigned streams;	/* users of a lane */
};

int curl_target_prepare(struct endpoint *ep, const struct load_target *t,
			const struct http1_url *url, struct err *err);
void curl_target_release(struct endpoint *ep);
int curl_target_reach(const struct endpoint *ep, const struct load_target *t,
		      struct err *err);
/* Sets an easy handle up for it; false: libcurl would not. */
bool curl_target_apply(const struct curl_target *t, CURL *easy);

/*
 * The bytes of a request, and what of them an easy handle was given.  libcurl
 * points into headers and body until the next one is set.
 */
struct curl_request {
	const char *bytes;	/* the last that was set, if it was fixed */
	struct curl_slist *headers;
	struct buf body;
	size_t body_len;
};

void curl_request_done(struct curl_request *q);
/*
 * Sets bytes ("GET /x HTTP/1.1\r\n…") as the easy handle's next request.
 * fixed: they are the same whenever they are at this place.  False: they are
 * no request.
 */
bool curl_request_set(struct curl_request *q, CURL *easy, const char *bytes,
		      size_t len, bool fixed);

/* A failed exchange's cause. reused: on a connection that had worked. */
enum load_cause curl_cause(CURLcode code, const char *why, bool reused);

#endif
