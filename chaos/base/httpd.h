/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server for control APIs and metrics, over libmicrohttpd, on a loop
 * of ours or on a thread of its own.  Not a data plane.
 */
#ifndef GD_BASE_HTTPD_H
#define GD_BASE_HTTPD_H

#include <stddef.h>

#include "chaos/base/buf.h"
#include "chaos/base/loop.h"

struct httpd;

struct httpd_request {
	const char *method, *path;	/* path without query */
	const char *body;		/* '\0'-terminated */
	size_t body_len;
	void *impl;
};
/* Both: valid while the request is handled; NULL: none. */
const char *httpd_header(const struct httpd_request *req, const char *name);
const char *httpd_query(const struct httpd_request *req, const char *name);

struct httpd_response {
	int status;			/* 200 */
	const char *content_type;	/* "application/json" */
	const char *header, *header_value;	/* one more; NULL: none */
	struct buf body;		/* empty; the server frees it */
	/*
	 * Status 101 only: called on the same thread, once the 101 is sent,
	 * with the bare socket (non-blocking, close-on-exec).  It is the
	 * callee's alone, to read, write and close: the server has let go of
	 * the connection, keeps nothing for it, and may be freed before it.
	 * The peer going away is an EOF.  Never called when the peer leaves
	 * before the 101, or sends before it has read the 101: so what the
	 * connection stands for begins here, not in the request's handler.
	 */
	void (*upgraded)(void *arg, int fd);
	void *upgraded_arg;
	const char *upgrade;		/* the Upgrade header's value */
};

/* Runs on the loop's thread, or on the server's own. Must not block long. */
typedef void httpd_fn(void *arg, const struct httpd_request *req,
		      struct httpd_response *resp);

/*
 * Takes listen_fd over: httpd_free() closes it, and a failure does.  loop NULL:
 * a thread of its own.  A body over max_body is answered 413.
 */
int httpd_new(struct loop *loop, int listen_fd, size_t max_body, httpd_fn *fn,
	      void *arg, struct httpd **ret, struct err *err) MUST_CHECK;
void httpd_free(struct httpd *h);	/* NULL is fine; not from a callback */

#endif
