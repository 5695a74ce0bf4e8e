/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by pid, name, port or unit; see find.h. */
#include "faults/process/find.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"

/* --- each process ------------------------------------------------------ */

struct inodes {
	unsigned long *v;
	size_t n, cap;
};

struct search {
	const struct find_by *by;
	struct inodes inodes;	/* of sockets that listen on the port */
};

const char *find_name(pid_t pid, char dst[64])
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(dst, 64, f))
		strcpy(dst, "?");
	if (f)
		fclose(f);
	dst[strcspn(dst, "\n")] = '\0';
	return dst;
}

static bool in_unit(pid_t pid, const char *unit)
{
	size_t n = strlen(unit);
	char path[64], line[4096];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		for (const char *at = line; (at = strstr(at, unit)); at += n)
			found |= at > line && at[-1] == '/' &&
				 (at[n] == '\n' || at[n] == '/');
	if (f)
		fclose(f);
	return found;
}

static bool has_inode(pid_t pid, const struct inodes *inodes)
{
	char path[64], link[64];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link,
				       sizeof(link) - 1);
		unsigned long inode;

		link[n > 0 ? n : 0] = '\0';
		if (sscanf(link, "socket:[%lu]", &inode) != 1)
			continue;
		for (size_t i = 0; i < inodes->n; i++)
			found |= inodes->v[i] == inode;
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_meant(pid_t pid, const struct search *s)
{
	const struct find_by *by = s->by;
	char comm[64];

	if (by->pid)
		return pid == by->pid;
	if (by->name)
		return !strncmp(find_name(pid, comm), by->name, 15) &&
		       strlen(by->name) >= strlen(comm);
	if (by->unit)
		return in_unit(pid, by->unit);
	return has_inode(pid, &s->inodes);
}

/* --- who listens ------------------------------------------------------- */

/* proc_net_tcp(5). */
static void read_listeners(const char *path, int port, struct inodes *ret)
{
	FILE *f = fopen(path, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		unsigned local, state;
		unsigned long inode;

		if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s "
			   "%*s %*s %*u %*u %lu", &local, &state,
			   &inode) != 3 ||
		    (int)local != port || state != 0x0a)
			continue;
		(void)mem_grow(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = inode;
	}
	if (f)
		fclose(f);
}

/* --- all --------------------------------------------------------------- */

static int none(const struct find_by *by, struct err *err)
{
	if (by->pid)
		return err_set(err, -ESRCH, "there is no process %lld",
			       (long long)by->pid);
	if (by->name)
		return err_set(err, -ESRCH, "no process is called '%s'",
			       by->name);
	if (by->unit)
		return err_set(err, -ESRCH, "no process of unit '%s' (with "
			       "its suffix, as in shop.service)", by->unit);
	return err_set(err, -ESRCH, "nobody that can be seen listens on port "
		       "%d", by->port);
}

int find_processes(const struct find_by *by, struct found *ret,
		   struct err *err)
{
	struct search s = { .by = by };
	DIR *dir = opendir("/proc");
	struct dirent *e;

	*ret = (struct found){ 0 };
	if (!dir)
		return err_errno(err, "/proc");
	if (by->port) {
		read_listeners("/proc/net/tcp", by->port, &s.inodes);
		read_listeners("/proc/net/tcp6", by->port, &s.inodes);
	}
	while ((e = readdir(dir))) {
		pid_t pid = isdigit((unsigned char)*e->d_name) ?
			(pid_t)strtol(e->d_name, NULL, 10) : 0;
		struct proc_id id;

		if (!pid || !is_meant(pid, &s) || proc_identify(pid, &id) ||
		    !proc_alive(&id))
			continue;
		(void)mem_grow(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = id;
	}
	closedir(dir);
	mem_free(s.inodes.v);
	return ret->n ? 0 : none(by, err);
}

void found_done(struct found *f)
{
	mem_free(f->v);
	*f = (struct found){ 0 };
}
