/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 on the wire (RFC 9112): one incremental parser for requests and
 * responses, and a small non-blocking client for single calls (steps, probes,
 * API calls).  The load engine uses the parser alone.
 */
#ifndef GD_BASE_HTTP1_H
#define GD_BASE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/addr.h"
#include "chaos/base/allow.h"
#include "chaos/base/buf.h"
#include "chaos/base/loop.h"

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };
enum http1_state {
	HTTP1_HEAD,		/* in the start line or the headers */
	HTTP1_BODY,
	HTTP1_DONE,		/* one message is complete */
	HTTP1_ERROR,		/* sticky; error says why; no headers */
};

enum {
	HTTP1_HEAD_MAX = 16384,
	HTTP1_HEADERS_MAX = 64,
	HTTP1_INTERIM_MAX = 32,		/* 1xx answers before the final one */
};

struct http1_slice {		/* into the parser's own head buffer */
	uint32_t off, len;
};

struct http1_field {		/* a header line */
	struct http1_slice name, value;
};

struct http1_parser {
	enum http1_kind kind;
	enum http1_state state;
	const char *error;	/* static text, when HTTP1_ERROR */
	int status;		/* response; 1xx are skipped */
	bool head_request;	/* set by the caller: no body follows */
	bool keep_alive;	/* valid from HTTP1_BODY on */
	bool chunked;
	bool to_close;		/* body ends with the connection */
	int64_t content_length;	/* -1: none */
	uint64_t body_seen;	/* bytes of body so far, without framing */
	struct http1_slice method, target;	/* request */
	struct http1_field headers[HTTP1_HEADERS_MAX];
	uint32_t n_headers;
	struct buf head;	/* the head as read */
	struct buf *body;	/* where the body goes; NULL: only counted */
	/* private */
	uint64_t chunk_left;
	int sub;
	uint32_t line_start;	/* of the line being read, in head */
	uint32_t line_len;	/* of a chunk's or trailer's line */
	uint32_t trailer_len;	/* bytes of all trailers */
	uint32_t n_interim;	/* 1xx heads before this one */
	uint8_t n_magic;	/* bytes of "HTTP/1." seen */
	int minor;		/* HTTP/1.minor */
	bool has_te, te_chunked;	/* seen; chunked is the last coding */
	bool conn_close, conn_keep;	/* options of Connection */
};

void http1_init(struct http1_parser *p, enum http1_kind kind);
void http1_done(struct http1_parser *p);	/* not p->body */
/* For the next message; p->body is kept, and its bytes. */
void http1_next(struct http1_parser *p);
/* Takes at most len bytes; returns how many it used (stops at HTTP1_DONE). */
size_t http1_feed(struct http1_parser *p, const char *data, size_t len);
/*
 * Strict where a lenient reader could be fooled: folded lines, spaces before
 * the colon, lengths that differ, a request with both a length and chunks.
 * What is not HTTP/1 at all is an error at the first byte that shows it.  A
 * body's part that p->body has no room for is counted and dropped, and
 * p->body->overflow says so.  Status 101 is DONE: what follows is not HTTP.
 */
/* The peer closed: completes a read-to-close body, else HTTP1_ERROR. */
void http1_eof(struct http1_parser *p);
/* Case-insensitive name; points into p->head, *ret_len bytes; NULL: none. */
const char *http1_header(const struct http1_parser *p, const char *name,
			 size_t *ret_len);

/*
 * A URL: http://host:port/path, or unix:/socket:/path.  A fragment is dropped;
 * "user:password@" is refused.
 */
struct http1_url {
	char host[256];		/* name, address, or socket path */
	int port;		/* 0: Unix socket */
	bool tls;		/* https: libcurl's engine only */
	char path[1024];	/* "/…" with query */
};
int http1_url_parse(const char *text, struct http1_url *ret, struct err *err)
	MUST_CHECK;

/* One call. The struct outlives it; cancel it or wait for done. */
struct http1_call;
struct http1_reply {
	int error;		/* 0 or negative errno (-ETIMEDOUT, …) */
	const char *why;	/* with error */
	int status;
	const char *body;	/* '\0'-terminated, until done returns */
	size_t body_len;
	nsec_t took;		/* real ns, from the call to the last byte */
};
typedef void http1_done_fn(void *arg, const struct http1_reply *reply);

struct http1_args {
	struct addr to;		/* resolved already */
	const struct allow *allow;	/* NULL: not checked (own sockets) */
	const char *method, *path, *host;
	const char *headers;	/* "K: V\r\n…" or NULL */
	const char *body;	/* or NULL */
	size_t body_len;
	nsec_t timeout_real;	/* real ns for the whole call */
	http1_done_fn *done;	/* exactly once, unless cancelled */
	void *arg;
};
/*
 * Copies what it needs; done is never called from within.  On failure it is not
 * called at all.  ret may be NULL.  "Connection: close" and Content-Length are
 * added; an answer's body is at most 16 MiB.
 */
int http1_call_start(struct loop *loop, const struct http1_args *args,
		     struct http1_call **ret, struct err *err) MUST_CHECK;
void http1_call_cancel(struct http1_call *call);	/* NULL is fine */
/*
 * The same, blocking, for command-line tools, guardian and tests.  Writes the
 * body into body[cap], cut and terminated; returns the status or an errno.
 */
int http1_call_wait(const struct addr *to, const char *request, size_t len,
		    nsec_t timeout_real, char *body, size_t cap,
		    struct err *err);

#endif
