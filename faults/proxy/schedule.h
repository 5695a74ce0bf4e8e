/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens on links by the clock: ramps, toxics that begin later, toxics
 * that end by themselves.  Control thread.
 */
#ifndef GD_PROXY_SCHEDULE_H
#define GD_PROXY_SCHEDULE_H

#include <jansson.h>

#include "chaos/base/err.h"

struct proxy;

void schedule_init(struct proxy *proxy);
void schedule_done(struct proxy *proxy);
/* A toxic was put on or changed: it may have a ramp or an end. */
void schedule_look(struct proxy *proxy);
/*
 * The toxic is put on that link after its "after" (ms).  What is wrong with it
 * is said now; that it cannot be put on, later, is logged.
 */
int schedule_later(struct proxy *proxy, const char *link, const json_t *toxic,
		   struct err *err) MUST_CHECK;

#endif
