/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.disk: a file system is filled by one file of ours, whose name is the
 * owner's mark; its removal is the undo, and outlives a reboot.  Never the file
 * system that the undo journal or the run directory lies on.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/work.h"
#include "faults/host/room.h"
#include "faults/table.h"

struct disk_conf {
	char *path;
	uint64_t size, leave;
};

struct disk_state {
	char file[256];
	uint64_t want, free_before;
	struct work *work;
	struct work_job job;
	struct fault *fault;
	int rc;
};

#define AT(f) offsetof(struct disk_conf, f)
static const struct opt disk_opts[] = {
	{ "leave", OPT_SIZE, AT(leave), OPT_NONNEG, "512MiB", NULL, NULL,
	  NULL, "what must stay free: less is taken than 'size' says", "0" },
	{ "path", OPT_STR, AT(path), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "a directory on it, where the file is made", "/srv/data" },
	{ "size", OPT_SIZE, AT(size), OPT_REQUIRED | OPT_POSITIVE, NULL, NULL,
	  NULL, NULL, "at most so much is taken", "10GiB" },
	OPT_END
};
#undef AT

static int valid(const struct fault_ops *ops, const void *opts,
		 struct err *err)
{
	const struct disk_conf *c = opts;

	(void)ops;
	return c->path[0] == '/' ? 0 :
		err_set(err, -EINVAL, "'%s' is not an absolute path", c->path);
}

static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	const struct disk_conf *c = fault_opts(f);

	return fn(arg, ALLOW_PATH, c->path);
}

static int claims(const struct fault *f, char *dst, size_t size)
{
	const struct disk_conf *c = fault_opts(f);
	struct stat st;

	if (stat(c->path, &st))
		st.st_dev = 0;
	snprintf(dst, size, "disk:%llu", (unsigned long long)st.st_dev);
	return 0;
}

/* The nearest directory above that is there. */
static bool on_same(const char *path, dev_t dev)
{
	char part[PATH_MAX];
	struct stat st;
	char *slash;

	snprintf(part, sizeof(part), "%s", path);
	while (stat(part, &st)) {
		slash = strrchr(part, '/');
		if (!slash)
			strcpy(part, ".");
		else if (slash == part)
			strcpy(part, "/");
		else
			*slash = '\0';
	}
	return st.st_dev == dev;
}

/* run_dir: NULL where there is none yet. */
static int look(const struct disk_conf *c, const char *run_dir, uint64_t *want,
		uint64_t *free_now, struct err *err)
{
	struct stat st;
	int rc;

	if (stat(c->path, &st))
		return err_errno(err, "'%s'", c->path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "'%s' is no directory", c->path);
	if (on_same(undo_dir(), st.st_dev) ||
	    on_same(run_dir ? run_dir : "runs", st.st_dev))
		return err_set(err, -EPERM, "'%s' is on the file system of the "
			       "undo journal or the run directory, which is "
			       "never filled", c->path);
	rc = room_on_disk(c->path, free_now, err);
	if (rc)
		return rc;
	if (*free_now <= c->leave)
		return err_set(err, -ENOSPC, "'%s' has %llu MiB free, which "
			       "'leave' keeps", c->path,
			       (unsigned long long)*free_now >> 20);
	*want = *free_now - c->leave < c->size ? *free_now - c->leave :
						 c->size;
	return 0;
}

static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	uint64_t want, now;

	(void)env;
	return look(fault_opts(f), NULL, &want, &now, err);
}

static int prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	const struct disk_conf *c = fault_opts(f);
	struct disk_state *s = fault_state(f);
	int rc = look(c, fault_out_dir(f), &s->want, &s->free_before, err);

	if (rc)
		return rc;
	if (snprintf(s->file, sizeof(s->file), "%s/%s.fill", c->path,
		     fault_mark(f)) >= (int)sizeof(s->file))
		return err_set(err, -ENAMETOOLONG, "'path' is too long");
	s->fault = f;
	undo->via = UNDO_UNLINK;
	strcpy(undo->where, s->file);
	snprintf(undo->target, sizeof(undo->target), "disk %.100s", c->path);
	snprintf(undo->command, sizeof(undo->command), "rm %s", s->file);
	return work_new(fault_env(f)->loop, &s->work, err);
}

static void describe(const struct fault *f, struct buf *calls,
		     struct buf *undo)
{
	const struct disk_conf *c = fault_opts(f);
	uint64_t want = 0, now = 0;
	struct err err;

	if (look(c, NULL, &want, &now, &err))
		buf_addf(calls, "%s\n", err.msg);
	else
		buf_addf(calls, "fallocate %s/%s.fill, %llu MiB of %llu MiB "
			 "that are free\n", c->path, fault_mark(f),
			 (unsigned long long)want >> 20,
			 (unsigned long long)now >> 20);
	buf_addf(undo, "unlink %s/%s.fill\n", c->path, fault_mark(f));
}

static void fill(struct work_job *job)
{
	struct disk_state *s = LIST_ENTRY(job, struct disk_state, job);
	AUTO_CLOSE int fd = open(s->file, O_WRONLY | O_CREAT | O_EXCL |
				 O_CLOEXEC | O_NOFOLLOW, 0600);

	s->rc = 0;
	if (fd < 0 || fallocate(fd, 0, 0, (off_t)s->want))
		s->rc = -errno;
}

static void filled(struct work_job *job)
{
	struct disk_state *s = LIST_ENTRY(job, struct disk_state, job);
	char why[320];

	snprintf(why, sizeof(why), "fallocate '%s': %s", s->file,
		 strerror(-s->rc));
	fault_completed(s->fault, s->rc, s->rc ? why : NULL);
}

static int inject(struct fault *f, struct err *err)
{
	struct disk_state *s = fault_state(f);

	(void)err;
	s->job = (struct work_job){ .run = fill, .done = filled };
	work_submit(s->work, &s->job);
	return -EINPROGRESS;
}

static int measure(struct fault *f, struct err *err)
{
	const struct disk_conf *c = fault_opts(f);
	struct disk_state *s = fault_state(f);
	uint64_t now = 0;
	struct stat st;
	int rc = room_on_disk(c->path, &now, err);

	if (rc)
		return rc;
	if (stat(s->file, &st))
		return err_errno(err, "'%s'", s->file);
	fault_measured(f, json_pack("{s:I}", "bytes", (json_int_t)s->want),
		       json_pack("{s:I, s:I}", "bytes",
				 (json_int_t)st.st_blocks * 512, "free_bytes",
				 (json_int_t)now));
	return 0;
}

static void release(struct fault *f)
{
	struct disk_state *s = fault_state(f);

	if (s->work)
		work_free(s->work);
	s->work = NULL;
}

const struct fault_ops host_disk = {
	.name = "host.disk",
	.summary = "a file system is full",
	.example = "[fault full]\nkind = host.disk\npath = /srv/data\n"
		   "size = 10GiB\nleave = 1MiB\nat = 90s\nfor = 60s\n",
	.opts = disk_opts,
	.opts_size = sizeof(struct disk_conf),
	.state_size = sizeof(struct disk_state),
	.valid = valid,
	.targets = targets,
	.claims = claims,
	.check = check,
	.prepare = prepare,
	.describe = describe,
	.inject = inject,
	.measure = measure,
	.release = release,
};
