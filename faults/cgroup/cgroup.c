/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.*: a value in a file of a control group, of version 2, and for freeze
 * of version 1 too.  What was there before is the undo.  Writing memory.max
 * reclaims and may take seconds, so that a helper thread writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/work.h"
#include "faults/cgroup/tree.h"
#include "faults/table.h"

enum { TEXT = 256 };

struct cgroup_conf {
	char *cgroup, *device;
	double cpus;
	nsec_t period;		/* real ns: the kernel's, not the drill's */
	uint64_t limit, rbps, wbps;
	int64_t riops, wiops;
};

struct cgroup_state {
	char path[PATH_MAX];		/* the file */
	char value[TEXT];
	struct work *work;
	struct work_job job;
	struct fault *fault;
	int rc;				/* of the write */
	struct cgroup_stat before;
	nsec_t since;
};

/* One file that a kind writes. */
struct cgroup_kind {
	const char *file, *controller;
	/* What is written; its key for a file that has lines, else "". */
	int (*value)(const struct cgroup_conf *c, char dst[TEXT], char key[64],
		     struct err *err);
};

#define AT(f) offsetof(struct cgroup_conf, f)
#define ROW_CGROUP                                                        \
	{ "cgroup", OPT_STR, AT(cgroup), OPT_REQUIRED, NULL, NULL, NULL,  \
	  NULL, "the control group, from the top of its tree",            \
	  "/system.slice/shop.service" }

static const struct opt cpu_opts[] = {
	ROW_CGROUP,
	{ "cpus", OPT_DOUBLE, AT(cpus), OPT_REQUIRED | OPT_POSITIVE, NULL,
	  NULL, NULL, NULL, "how many CPUs' time it may use", "0.5" },
	{ "period", OPT_DURATION, AT(period), OPT_POSITIVE, "100ms", NULL,
	  NULL, NULL, "within which it is counted (real time)", "20ms" },
	OPT_END
};
static const struct opt freeze_opts[] = { ROW_CGROUP, OPT_END };
static const struct opt io_opts[] = {
	ROW_CGROUP,
	{ "device", OPT_STR, AT(device), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "the block device: its file, or major:minor", "/dev/sda" },
	{ "rbps", OPT_SIZE, AT(rbps), OPT_NONNEG, "0", NULL, NULL, NULL,
	  "bytes read a second; 0: as before", "1MiB" },
	{ "riops", OPT_INT, AT(riops), OPT_NONNEG, "0", NULL, NULL, NULL,
	  "reads a second; 0: as before", "100" },
	{ "wbps", OPT_SIZE, AT(wbps), OPT_NONNEG, "0", NULL, NULL, NULL,
	  "bytes written a second; 0: as before", "1MiB" },
	{ "wiops", OPT_INT, AT(wiops), OPT_NONNEG, "0", NULL, NULL, NULL,
	  "writes a second; 0: as before", "100" },
	OPT_END
};
static const struct opt memory_opts[] = {
	ROW_CGROUP,
	{ "limit", OPT_SIZE, AT(limit), OPT_REQUIRED | OPT_POSITIVE, NULL, NULL,
	  NULL, NULL, "what it may use; more is reclaimed, or killed by the "
	  "kernel", "256MiB" },
	OPT_END
};
#undef AT

/* --- values ------------------------------------------------------------ */

static int cpu_value(const struct cgroup_conf *c, char dst[TEXT], char key[64],
		     struct err *err)
{
	long long period = c->period / 1000;
	long long quota = (long long)(c->cpus * (double)period);

	*key = '\0';
	if (period < 1000 || period > 1000000 || quota < 1000)
		return err_set(err, -ERANGE, "the kernel takes a period of "
			       "1 ms to 1 s, and 1 ms of it at least");
	snprintf(dst, TEXT, "%lld %lld", quota, period);
	return 0;
}

static int freeze_value(const struct cgroup_conf *c, char dst[TEXT],
			char key[64], struct err *err)
{
	(void)c;
	(void)err;
	*key = '\0';
	strcpy(dst, "1");
	return 0;
}

static int memory_value(const struct cgroup_conf *c, char dst[TEXT],
			char key[64], struct err *err)
{
	(void)err;
	*key = '\0';
	snprintf(dst, TEXT, "%llu", (unsigned long long)c->limit);
	return 0;
}

static int device_key(const char *device, char key[64], struct err *err)
{
	unsigned major, minor;
	struct stat st;
	char rest;

	if (sscanf(device, "%u:%u%c", &major, &minor, &rest) == 2) {
		snprintf(key, 64, "%u:%u", major, minor);
		return 0;
	}
	if (stat(device, &st))
		return err_errno(err, "device '%s'", device);
	if (!S_ISBLK(st.st_mode))
		return err_set(err, -ENOTBLK, "'%s' is no block device",
			       device);
	snprintf(key, 64, "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

static int io_value(const struct cgroup_conf *c, char dst[TEXT], char key[64],
		    struct err *err)
{
	const struct {
		const char *name;
		uint64_t value;
	} v[] = {
		{ "rbps", c->rbps }, { "wbps", c->wbps },
		{ "riops", (uint64_t)c->riops },
		{ "wiops", (uint64_t)c->wiops },
	};
	int rc = device_key(c->device, key, err);
	size_t len;

	if (rc)
		return rc;
	len = (size_t)snprintf(dst, TEXT, "%s", key);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (v[i].value)
			len += (size_t)snprintf(dst + len, TEXT - len,
						" %s=%llu", v[i].name,
						(unsigned long long)v[i].value);
	return strchr(dst, '=') ? 0 :
		err_set(err, -EINVAL, "one of rbps, wbps, riops, wiops says "
			"what is limited");
}

static const struct cgroup_kind kinds[] = {
	{ "cpu.max", "cpu", cpu_value },
	{ "cgroup.freeze", "", freeze_value },
	{ "io.max", "io", io_value },
	{ "memory.max", "memory", memory_value },
};

static const struct cgroup_kind *kind_of(const struct fault_ops *ops)
{
	if (ops->opts == cpu_opts)
		return &kinds[0];
	if (ops->opts == freeze_opts)
		return &kinds[1];
	return ops->opts == io_opts ? &kinds[2] : &kinds[3];
}

static bool is_freeze(const struct fault *f)
{
	return fault_driver(f)->opts == freeze_opts;
}

/* --- check ------------------------------------------------------------- */

static int valid(const struct fault_ops *ops, const void *opts,
		 struct err *err)
{
	const struct cgroup_conf *c = opts;

	(void)ops;
	if (c->cgroup[0] != '/' || strstr(c->cgroup, ".."))
		return err_set(err, -EINVAL, "'%s' is no cgroup: from the top "
			       "of its tree, as in /system.slice/shop.service",
			       c->cgroup);
	return 0;
}

static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	const struct cgroup_conf *c = fault_opts(f);

	return fn(arg, ALLOW_CGROUP, cgroup_below(c->cgroup));
}

static int claims(const struct fault *f, char *dst, size_t size)
{
	const struct cgroup_conf *c = fault_opts(f);

	snprintf(dst, size, "cgroup:%s/%s", cgroup_below(c->cgroup),
		 kind_of(fault_driver(f))->file);
	return 0;
}

/* The file, what will be written, and how it can be undone. */
static int find(const struct fault *f, struct cgroup_file *ret,
		char value[TEXT], struct err *err)
{
	const struct cgroup_kind *kind = kind_of(fault_driver(f));
	const struct cgroup_conf *c = fault_opts(f);
	char key[64];
	int rc = kind->value(c, value, key, err);

	if (!rc)
		rc = cgroup_find(c->cgroup, kind->file, kind->controller, key,
				 ret, err);
	if (!rc && ret->v1)
		strcpy(value, "FROZEN");
	if (!rc && is_freeze(f) && strcmp(ret->was, "0") != 0 &&
	    strcmp(ret->was, "THAWED") != 0)
		rc = err_set(err, -EBUSY, "'%s' is frozen already", c->cgroup);
	if (!rc && access(ret->path, W_OK))
		rc = err_errno(err, "'%s'", ret->path);
	return rc;
}

static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	struct cgroup_file file;
	char value[TEXT];

	(void)env;
	return find(f, &file, value, err);
}

/* --- prepare ----------------------------------------------------------- */

static int prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	const struct cgroup_conf *c = fault_opts(f);
	struct cgroup_state *s = fault_state(f);
	struct cgroup_file file;
	int rc = find(f, &file, s->value, err);

	if (rc)
		return rc;
	if (strlen(file.path) >= sizeof(undo->where))
		return err_set(err, -ENAMETOOLONG, "'%s' is too long a path",
			       file.path);
	s->fault = f;
	strcpy(s->path, file.path);
	strcpy(undo->where, file.path);
	snprintf(undo->target, sizeof(undo->target), "cgroup %.100s",
		 c->cgroup);
	snprintf(undo->command, sizeof(undo->command),
		 "echo '%.200s' > %.250s", file.undo, file.path);
	rc = undo_write_render(undo, file.key, file.undo, file.was);
	if (rc)
		return err_set(err, rc, "what is in '%s' is too long",
			       file.path);
	return work_new(fault_env(f)->loop, &s->work, err);
}

static void describe(const struct fault *f, struct buf *calls,
		     struct buf *undo)
{
	const struct cgroup_conf *c = fault_opts(f);
	struct cgroup_file file;
	char value[TEXT];
	struct err err = { 0 };

	if (find(f, &file, value, &err)) {
		buf_addf(calls, "%s\n", err.msg);
		return;
	}
	buf_addf(calls, "write '%s' to %s\n", value, file.path);
	if (c->limit)
		buf_adds(calls, "note: what does not fit is reclaimed, or "
				"killed by the kernel (OOM)\n");
	buf_addf(undo, "write '%s' to %s\n", file.undo, file.path);
}

/* --- while it is on ---------------------------------------------------- */

static void write_there(struct work_job *job)
{
	struct cgroup_state *s = LIST_ENTRY(job, struct cgroup_state, job);
	AUTO_CLOSE int fd = open(s->path, O_WRONLY | O_CLOEXEC);

	s->rc = 0;
	if (fd < 0 || write(fd, s->value, strlen(s->value)) < 0)
		s->rc = -errno;
}

static void written(struct work_job *job)
{
	struct cgroup_state *s = LIST_ENTRY(job, struct cgroup_state, job);
	char why[PATH_MAX + 64];

	snprintf(why, sizeof(why), "write '%s': %s", s->path,
		 strerror(-s->rc));
	fault_completed(s->fault, s->rc, s->rc ? why : NULL);
}

static int inject(struct fault *f, struct err *err)
{
	struct cgroup_state *s = fault_state(f);

	(void)err;
	s->since = clock_mono();
	cgroup_stat(s->path, &s->before);
	s->job = (struct work_job){ .run = write_there, .done = written };
	work_submit(s->work, &s->job);
	return -EINPROGRESS;
}

static json_t *achieved(const struct cgroup_state *s)
{
	double real_s = (double)(clock_mono() - s->since) / NSEC_SEC;
	const struct cgroup_stat *was = &s->before;
	struct cgroup_stat now;

	cgroup_stat(s->path, &now);
	return json_pack("{s:b, s:f, s:f, s:I, s:I, s:I, s:I}",
			 "frozen", now.frozen,
			 "cpus", real_s > 0 ? (double)(now.cpu_us - was->cpu_us)
					      / 1e6 / real_s : 0.0,
			 "throttled_s", (double)(now.throttled_us -
						 was->throttled_us) / 1e6,
			 "memory_bytes", (json_int_t)now.memory,
			 "memory_limited", (json_int_t)(now.limited -
							was->limited),
			 "oom_kills", (json_int_t)(now.oom_kills -
						   was->oom_kills),
			 "io_bytes", (json_int_t)(now.io_bytes -
						  was->io_bytes));
}

static int measure(struct fault *f, struct err *err)
{
	struct cgroup_state *s = fault_state(f);

	(void)err;
	fault_measured(f, json_pack("{s:s}", "value", s->value), achieved(s));
	return 0;
}

static void release(struct fault *f)
{
	struct cgroup_state *s = fault_state(f);

	if (s->work)
		work_free(s->work);
	s->work = NULL;
}

/* --- the kinds --------------------------------------------------------- */

#define KIND(what, summary_, keys)                                        \
	const struct fault_ops cgroup_##what = {                          \
		.name = "cgroup." #what,                                  \
		.summary = summary_,                                      \
		.example = "[fault squeezed]\nkind = cgroup." #what "\n"  \
			   "cgroup = /system.slice/shop.service\n" keys   \
			   "at = 90s\nfor = 60s\n",                       \
		.opts = what##_opts,                                      \
		.opts_size = sizeof(struct cgroup_conf),                  \
		.state_size = sizeof(struct cgroup_state),                \
		.valid = valid,                                           \
		.targets = targets,                                       \
		.claims = claims,                                         \
		.check = check,                                           \
		.prepare = prepare,                                       \
		.describe = describe,                                     \
		.inject = inject,                                         \
		.measure = measure,                                       \
		.release = release,                                       \
	}

KIND(cpu, "less CPU for a control group (cpu.max)", "cpus = 0.5\n");
KIND(freeze, "a control group stands still (cgroup.freeze)", "");
KIND(io, "slow disks for a control group (io.max)",
     "device = /dev/sda\nwbps = 1MiB\n");
KIND(memory, "less memory for a control group (memory.max)",
     "limit = 256MiB\n");
