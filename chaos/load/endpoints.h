/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a load thread's requests may go: the [target]s, resolved before the
 * run, and behind them the addresses that redirects have led to and [allow]
 * allows.  Those are plain HTTP/1.1 and literal addresses, for a thread may
 * not wait for a name.  One thread's own; v stays where it is.
 */
#ifndef GD_LOAD_ENDPOINTS_H
#define GD_LOAD_ENDPOINTS_H

#include "chaos/load/request.h"

struct http1_url;

enum { ENDPOINTS_MORE_MAX = 64 };	/* beside the targets */

struct endpoints {
	struct endpoint *v;
	size_t n, cap;
	const struct allow *allow;	/* NULL: targets only */
	bool said;		/* why an address was refused */
};

/* Copies the targets; what their engines keep for them stays shared. */
void endpoints_init(struct endpoints *e, const struct endpoint *targets,
		    size_t n, const struct allow *allow);
void endpoints_done(struct endpoints *e);
/*
 * Where a URL leads.  SIZE_MAX: nowhere, for it is no target and a name, https,
 * not allowed (the first is logged), or one address too many.
 */
size_t endpoints_find(struct endpoints *e, const struct http1_url *url);

#endif
