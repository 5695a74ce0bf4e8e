/* SPDX-License-Identifier: Apache-2.0 */
/* What this host lets a generator use: descriptors and local ports. */
#ifndef GD_LOAD_LIMITS_H
#define GD_LOAD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/err.h"

struct limits {
	uint64_t fds;		/* RLIMIT_NOFILE */
	uint64_t fds_used;	/* by this process when they were read */
	uint64_t ports;		/* ephemeral, for each target */
};

/*
 * Reads them, and raises the soft limit of descriptors towards the hard one as
 * far as so many users need, who open so many fds.  Fails if they would use
 * 80 % of either; ports: connections to one target by TCP.  May block (files of
 * /proc).
 */
int limits_read(struct limits *ret, uint64_t users, uint64_t fds,
		uint64_t ports, struct err *err) MUST_CHECK;
/*
 * Would so many descriptors beside those of now, and so many ports, fit into
 * what was read?
 */
bool limits_fit(const struct limits *l, uint64_t fds, uint64_t ports);

#endif
