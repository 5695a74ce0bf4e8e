/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carries requests: a table of engines.  A target's URL and its `http`
 * choose one; users ask by engine_request(), engine_close(), engine_abort() and
 * know of no engine.  Calls to the plain one are direct: it is the hot path.
 *
 * An engine takes the bytes of a request as HTTP/1.1 has them, does one
 * exchange at a time for each conn, sets conn.sent and conn.has_sent when the
 * request's first byte goes out, and calls conn_host.done once for each
 * exchange that it began and nobody aborted.
 */
#ifndef GD_LOAD_ENGINE_H
#define GD_LOAD_ENGINE_H

#include "chaos/load/conn.h"

struct engine {
	const char *name, *summary;
	unsigned fds;		/* a user's, at most */
	/* What it is made of on this host; or why it cannot run here. */
	int (*probe)(char *ret, size_t size, struct err *err);
	/*
	 * Before a run, may block: what a target needs (NULL: nothing), and
	 * whether it is there.  The URL has passed target_check_url().
	 */
	int (*prepare)(struct endpoint *ep, const struct load_target *t,
		       const struct http1_url *url, struct err *err);
	void (*release)(struct endpoint *ep);
	int (*reach)(const struct endpoint *ep, const struct load_target *t,
		     struct err *err);
	/* As conn_request(), conn_close(), conn_abort(). */
	bool (*request)(struct conn *c, const struct request *r,
			const char *bytes, size_t len,
			enum load_cause *ret_cause);
	void (*close)(struct conn *c);
	void (*abort)(struct conn *c);
	void (*free)(struct conn *c);	/* closes; NULL: nothing to free */
	void (*host_done)(struct conn_host *h);	/* or NULL */
};

/* By enum engine_id; ends with NULL. */
extern const struct engine *const engine_table[];

/* On the conn's load thread, as all below. */
static inline bool engine_request(struct conn *c, const struct request *r,
				  const char *bytes, size_t len,
				  enum load_cause *ret_cause)
{
	if (r->engine == ENGINE_EPOLL)
		return conn_request(c, r, bytes, len, ret_cause);
	return engine_table[r->engine]->request(c, r, bytes, len, ret_cause);
}

/* In order, from any state. */
static inline void engine_close(struct conn *c)
{
	conn_close(c);
	if (c->curl)
		engine_table[ENGINE_CURL]->close(c);
}

/* With RST; from any state. */
static inline void engine_abort(struct conn *c)
{
	conn_abort(c);
	if (c->curl)
		engine_table[ENGINE_CURL]->abort(c);
}

/* Closes it and frees what engines keep for it; c may be used again. */
void engine_free(struct conn *c);
/* After every conn of the thread: what engines keep for the thread. */
void engine_host_done(struct conn_host *h);
/* What endpoint_resolve() made. */
void engine_release(struct endpoint *endpoints, size_t n);

#endif
