/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by what a person knows of them: pid, name, port, systemd unit. */
#ifndef GD_FAULTS_PROCESS_FIND_H
#define GD_FAULTS_PROCESS_FIND_H

#include <stdint.h>

#include "chaos/base/proc.h"

/* One of them is given. */
struct find_by {
	int64_t pid;		/* 0: not by it */
	const char *name;	/* comm, of which the kernel keeps 15 bytes */
	int port;		/* 0: not by it; whoever listens there (TCP) */
	const char *unit;	/* "shop.service" */
};

struct found {
	struct proc_id *v;
	size_t n, cap;
};

/* All that match. -ESRCH: none, with the reason. Caller: found_done(). */
int find_processes(const struct find_by *by, struct found *ret,
		   struct err *err) MUST_CHECK;
void found_done(struct found *f);
/* comm; "?" if it has ended. */
const char *find_name(pid_t pid, char dst[64]);

#endif
