/* SPDX-License-Identifier: Apache-2.0 */
/* What probes that ask over HTTP share: one URL, one call at a time. */
#ifndef GD_WATCH_PROBE_GET_H
#define GD_WATCH_PROBE_GET_H

#include "chaos/base/http1.h"
#include "chaos/watch/probe.h"

struct probe_get {
	struct addr to;
	char *text;		/* the URL, for messages */
	struct http1_url url;
	struct http1_call *call;	/* the caller's done clears it */
};

int probe_get_init(struct probe_get *g, struct probe *p, const char *url,
		   struct err *err) MUST_CHECK;
/*
 * path NULL: the URL's own; else it follows the URL's, without its last slash.
 * Nothing while a call is open.
 */
void probe_get_start(struct probe_get *g, struct probe *p, const char *path,
		     nsec_t timeout, http1_done_fn *done, void *arg);
void probe_get_done(struct probe_get *g);
/* False: no answer, or not a 200; the probe has failed. */
bool probe_get_ok(struct probe_get *g, struct probe *p,
		  const struct http1_reply *reply);
/* Percent-encoded for a query; caller frees. */
char *probe_get_escape(const char *text);

#endif
