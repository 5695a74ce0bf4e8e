/* SPDX-License-Identifier: Apache-2.0 */
/* Where a live run's sockets are, and that nobody else put them there. */
#include "chaos/fault/rundir.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/proc.h"

void fault_run_base(char dst[RUNDIR_PATH])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0 && !access("/run", W_OK))
		snprintf(dst, RUNDIR_PATH, "/run/gameday");
	else if (runtime && *runtime && !access(runtime, W_OK))
		snprintf(dst, RUNDIR_PATH, "%s/gameday", runtime);
	else
		snprintf(dst, RUNDIR_PATH, "/tmp/gameday-%u", geteuid());
}

int fault_run_path(const char *run, char dst[RUNDIR_PATH], struct err *err)
{
	char base[RUNDIR_PATH];

	fault_run_base(base);
	if (snprintf(dst, RUNDIR_PATH, "%s/%s", base, run) >= RUNDIR_PATH)
		return err_set(err, -ENAMETOOLONG,
			       "the run's id '%s' is too long for a socket "
			       "below '%s'", run, base);
	return 0;
}

static bool is_ours(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 022);
}

int fault_run_dir(const char *run, char dst[RUNDIR_PATH], struct err *err)
{
	char base[RUNDIR_PATH];
	int rc = fault_run_path(run, dst, err);

	if (rc)
		return rc;
	fault_run_base(base);
	/* Root's base holds the stacks too, which other users look into. */
	rc = proc_mkdirs(base, geteuid() == 0 ? 0755 : 0700, err);
	if (rc)
		return rc;
	if (!is_ours(base))
		return err_set(err, -EPERM, "'%s' is not ours alone", base);
	if (mkdir(dst, 0700) && errno != EEXIST)
		return err_errno(err, "make '%s'", dst);
	if (!is_ours(dst))
		return err_set(err, -EPERM, "'%s' is not ours alone", dst);
	return 0;
}

void fault_run_remove(const char *run)
{
	static const char *const names[] = { "control", "guardian" };
	char dir[RUNDIR_PATH], path[RUNDIR_PATH + 16];
	struct err err;

	if (fault_run_path(run, dir, &err))
		return;
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}
