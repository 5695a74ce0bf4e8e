/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed list of what a drill may touch, and the one check that every
 * connect passes after resolution: load, redirects, probes, steps, proxy
 * upstreams, webhooks.
 *
 * Refused whatever is allowed: pid 1, sshd, this process, those above it and
 * gameday's programs; every cgroup above this process; the sockets control and
 * guardian of any run; what was denied.
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

/* The key of [allow]: "hosts", "interfaces", ... */
const char *allow_type_name(enum allow_type type);

struct allow;

struct allow *allow_new(void);			/* allows nothing */
void allow_free(struct allow *a);
/* "hosts" also take localhost, which is 127.0.0.0/8 and ::1. */
int allow_add(struct allow *a, enum allow_type type, const char *item,
	      struct err *err) MUST_CHECK;
/* The same, for what wins over all that is allowed. */
int allow_deny(struct allow *a, enum allow_type type, const char *item,
	       struct err *err) MUST_CHECK;
/*
 * /etc/gameday/deny: "hosts 10.0.0.1 10.1.0.0/16" a line, with the words of
 * [allow]; # begins a comment; wins over all.  Absent: fine.
 */
int allow_load_deny(struct allow *a, const char *path, struct err *err)
	MUST_CHECK;
/*
 * 0, or -EPERM with a message that says what to add to [allow].  A process is a
 * pid or a comm; a pid is allowed by its comm too.  Paths are compared after
 * symbolic links are resolved.
 */
int allow_check(const struct allow *a, enum allow_type type, const char *item,
		struct err *err) MUST_CHECK;
/*
 * For a connect.  Unix sockets count as paths; 0.0.0.0 and :: reach this host
 * and are allowed only as written.  Never blocks.
 */
int allow_connect(const struct allow *a, const struct addr *to,
		  struct err *err) MUST_CHECK;

#endif
