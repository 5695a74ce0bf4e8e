/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed list of what a drill may touch, and the one check that every
 * connect passes after resolution: load, redirects, probes, steps, proxy
 * upstreams, webhooks.  Refused always: what DESIGN calls so (see allow_check).
 */
#ifndef GD_BASE_ALLOW_H
#define GD_BASE_ALLOW_H

#include "chaos/base/addr.h"
#include "chaos/base/opt.h"

enum allow_type {
	ALLOW_HOST,		/* address or prefix: 127.0.0.0/8, ::1 */
	ALLOW_INTERFACE,
	ALLOW_PROCESS,		/* pid or comm */
	ALLOW_UNIT,
	ALLOW_CONTAINER,
	ALLOW_CGROUP,
	ALLOW_PATH,		/* and all below it */
	ALLOW_TYPES
};

struct allow;

struct allow *allow_new(void);			/* allows nothing */
void allow_free(struct allow *a);
int allow_add(struct allow *a, enum allow_type type, const char *item,
	      struct err *err) MUST_CHECK;
/* /etc/gameday/deny: "hosts 10.0.0.1" a line; wins over all. Absent: fine. */
int allow_load_deny(struct allow *a, const char *path, struct err *err)
	MUST_CHECK;
/* 0, or -EPERM with a message that says what to add to [allow]. */
int allow_check(const struct allow *a, enum allow_type type, const char *item,
		struct err *err) MUST_CHECK;
/* For a connect. Unix sockets count as paths. Never blocks. */
int allow_connect(const struct allow *a, const struct addr *to,
		  struct err *err) MUST_CHECK;

#endif
