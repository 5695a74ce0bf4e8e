/* SPDX-License-Identifier: Apache-2.0 */
/* Files of control groups: where they lie, what is in them. */
#ifndef GD_FAULTS_CGROUP_TREE_H
#define GD_FAULTS_CGROUP_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/err.h"

enum { CGROUP_VALUE = 512 };

struct cgroup_file {
	char path[PATH_MAX];
	char key[64];		/* of its line; "" for the whole file */
	char was[CGROUP_VALUE];	/* read: the file, or the line behind the key */
	char undo[CGROUP_VALUE];/* written: that again */
	bool v1;		/* freezer.state */
};

/* Without the mount point, if it was given with it. */
const char *cgroup_below(const char *cgroup);
/*
 * A file of a cgroup.  cgroup.freeze is looked for in version 1's freezer if
 * version 2 has no such group.  Errors say which controller is not enabled.
 */
int cgroup_find(const char *cgroup, const char *file, const char *controller,
		const char *key, struct cgroup_file *ret, struct err *err)
	MUST_CHECK;

/* What the kernel has counted; 0 where it counts nothing. */
struct cgroup_stat {
	bool frozen;
	uint64_t cpu_us, throttled_us, memory, limited, oom_kills, io_bytes;
};
/* path: of any file in the group's directory. */
void cgroup_stat(const char *path, struct cgroup_stat *ret);

#endif
