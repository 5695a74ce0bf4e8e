/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a live run's sockets: /run/gameday/RUN (root), else
 * $XDG_RUNTIME_DIR/gameday/RUN, else /tmp/gameday-UID/RUN; mode 0700.
 */
#ifndef GD_FAULT_RUNDIR_H
#define GD_FAULT_RUNDIR_H

#include "chaos/base/err.h"

enum { RUNDIR_PATH = 96 };	/* leaves room for a name in sun_path */

/* The directory above all runs. Makes nothing. */
void fault_run_base(char dst[RUNDIR_PATH]);
/* Where it is or would be. -ENAMETOOLONG. Makes nothing. */
int fault_run_path(const char *run, char dst[RUNDIR_PATH], struct err *err)
	MUST_CHECK;
/* Makes it (and those above it) if it is not there; ours alone or an error. */
int fault_run_dir(const char *run, char dst[RUNDIR_PATH], struct err *err)
	MUST_CHECK;

/* Removes the sockets that a dead run left there, and the directory. */
void fault_run_remove(const char *run);

#endif
