/* SPDX-License-Identifier: Apache-2.0 */
/* Files of control groups; see tree.h. */
#include "faults/cgroup/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"

#define MOUNT "/sys/fs/cgroup"

/* /sys/fs/cgroup/unified/a and /sys/fs/cgroup/a are /a. */
const char *cgroup_below(const char *cgroup)
{
	static const char *const tops[] = { MOUNT "/unified", MOUNT "/freezer",
					    MOUNT };

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		size_t n = strlen(tops[i]);

		if (!strncmp(cgroup, tops[i], n) && cgroup[n] == '/')
			return cgroup + n;
	}
	return cgroup;
}

/* Where version 2 is mounted, or version 1's freezer. */
static bool find_mount(bool v1, char dst[PATH_MAX])
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f))) {
		found = v1 ? !strcmp(m->mnt_type, "cgroup") &&
			     hasmntopt(m, "freezer") :
			     !strcmp(m->mnt_type, "cgroup2");
		if (found)
			snprintf(dst, PATH_MAX, "%s", m->mnt_dir);
	}
	if (f)
		endmntent(f);
	return found;
}

static int read_text(const char *path, char *dst, size_t size)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, dst, size - 1);
	if (n < 0)
		return -errno;
	dst[n] = '\0';
	return 0;
}

/* --- one file ---------------------------------------------------------- */

static void keep_whole(struct cgroup_file *f, char *text)
{
	text[strcspn(text, "\n")] = '\0';
	snprintf(f->was, sizeof(f->was), "%.500s", text);
	snprintf(f->undo, sizeof(f->undo), "%.500s", text);
}

/* No line: no limit. */
static void keep_line(struct cgroup_file *f, char *text)
{
	size_t n = strlen(f->key);
	char *line, *rest = text;

	snprintf(f->undo, sizeof(f->undo),
		 "%s rbps=max wbps=max riops=max wiops=max", f->key);
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, f->key, n) && line[n] == ' ') {
			snprintf(f->was, sizeof(f->was), "%.500s",
				 line + n + 1);
			snprintf(f->undo, sizeof(f->undo), "%.500s", line);
		}
}

static int read_file(struct cgroup_file *f, struct err *err)
{
	char text[4096];
	int rc = read_text(f->path, text, sizeof(text));

	if (rc)
		return err_set(err, rc, "read '%s': %s", f->path,
			       strerror(-rc));
	if (*f->key)
		keep_line(f, text);
	else
		keep_whole(f, text);
	return 0;
}

static bool set_path(struct cgroup_file *f, bool v1, const char *cgroup,
		     const char *file)
{
	char mount[PATH_MAX];

	if (!find_mount(v1, mount))
		return false;
	snprintf(f->path, sizeof(f->path), "%.1000s%.2000s/%.64s", mount,
		 cgroup_below(cgroup), file);
	return true;
}

static int missing(struct cgroup_file *f, const char *cgroup, const char *file,
		   const char *controller, struct err *err)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", f->path);
	*strrchr(dir, '/') = '\0';
	if (access(dir, F_OK))
		return err_set(err, -ENOENT, "there is no cgroup '%s' (%s)",
			       cgroup, dir);
	if (!*controller)
		return err_set(err, -ENOENT, "'%s' has no %s: a kernel of 5.2 "
			       "or later, and not the top of the tree", cgroup,
			       file);
	return err_set(err, -ENOENT, "'%s' has no %s: its controller is not "
		       "enabled there (echo +%s > %s/../cgroup.subtree_"
		       "control)", cgroup, file, controller, dir);
}

int cgroup_find(const char *cgroup, const char *file, const char *controller,
		const char *key, struct cgroup_file *ret, struct err *err)
{
	*ret = (struct cgroup_file){ .v1 = false };
	snprintf(ret->key, sizeof(ret->key), "%s", key);
	if (set_path(ret, false, cgroup, file) && !access(ret->path, F_OK))
		return read_file(ret, err);
	if (!*controller) {
		ret->v1 = set_path(ret, true, cgroup, "freezer.state") &&
			  !access(ret->path, F_OK);
		if (ret->v1)
			return read_file(ret, err);
	}
	if (!set_path(ret, false, cgroup, file))
		return err_set(err, -ENOENT, "no cgroup2 is mounted here");
	return missing(ret, cgroup, file, controller, err);
}

/* --- counters ---------------------------------------------------------- */

/* "name value" on a line of its own. */
static uint64_t number(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, n) && p[n] == ' ')
			return strtoull(p + n, NULL, 10);
	}
	return 0;
}

/* "8:0 rbytes=1 wbytes=2 …": of all devices. */
static uint64_t io_bytes(const char *text)
{
	uint64_t sum = 0;

	for (const char *p = text; (p = strstr(p, "bytes=")); p += 6)
		if (p > text && (p[-1] == 'r' || p[-1] == 'w'))
			sum += strtoull(p + 6, NULL, 10);
	return sum;
}

static const char *beside(const char *path, const char *file, char text[8192])
{
	char other[PATH_MAX];
	const char *slash = strrchr(path, '/');

	snprintf(other, sizeof(other), "%.*s/%s", (int)(slash - path), path,
		 file);
	if (read_text(other, text, 8192))
		text[0] = '\0';
	return text;
}

void cgroup_stat(const char *path, struct cgroup_stat *ret)
{
	char text[8192];

	*ret = (struct cgroup_stat){ .frozen = false };
	ret->frozen = number(beside(path, "cgroup.events", text), "frozen");
	if (!strncmp(beside(path, "freezer.state", text), "FROZEN", 6))
		ret->frozen = true;
	beside(path, "cpu.stat", text);
	ret->cpu_us = number(text, "usage_usec");
	ret->throttled_us = number(text, "throttled_usec");
	ret->memory = strtoull(beside(path, "memory.current", text), NULL, 10);
	beside(path, "memory.events", text);
	ret->limited = number(text, "max");
	ret->oom_kills = number(text, "oom_kill");
	ret->io_bytes = io_bytes(beside(path, "io.stat", text));
}
