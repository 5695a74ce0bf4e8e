/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a crash left behind: every journal that nobody holds is undone, last in
 * first out, and deleted when all of it is verified gone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/fault/fault.h"
#include "chaos/fault/rundir.h"

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n > m && !strcmp(s + n - m, tail);
}

/* A process, a cgroup or a namespace does not outlive its boot. */
static bool is_void(const struct undo_record *r, bool other_boot)
{
	return other_boot && (r->via == UNDO_SIGNAL || r->via == UNDO_LOCAL ||
			      r->via == UNDO_COMMAND ||
			      r->via == UNDO_WRITE || r->netns[0]);
}

static void add_left(struct fault_recovered *ret, const char *run,
		     const struct undo_record *r, enum undo_state state,
		     const char *why)
{
	ret->left++;
	json_array_append_new(
		ret->list,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "run", run,
			  "fault", r->fault, "kind", r->kind, "target",
			  r->target, "state",
			  state == UNDO_PRESENT ? "present" : "unknown",
			  "command", r->command, "why", why));
}

/* One record; true when it is gone. */
static bool resolve(const struct undo_journal *j, const struct undo_record *r,
		    bool only_list, bool other_boot,
		    struct fault_recovered *ret)
{
	const char *run = undo_journal_header(j)->run;
	struct err err = { 0 };
	enum undo_state state;
	bool was;

	if (is_void(r, other_boot))
		return true;
	state = undo_verify(r, &err);
	was = state != UNDO_GONE;
	if (was && !only_list) {
		undo_revert(r, &err);
		state = undo_verify(r, &err);
	}
	if (state != UNDO_GONE) {
		add_left(ret, run, r, state, err.msg);
		return false;
	}
	if (was) {
		ret->undone++;
		log_info("undid '%s' of run %s (%s on %s)", r->fault, run,
			 r->kind, r->target);
	}
	return true;
}

/* The i-th to undo: the last injected first, then those with no such note. */
static void order_of(const struct undo_journal *j, size_t n,
		     size_t dst[UNDO_RECORDS])
{
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		for (; at > 0 && undo_journal_order(j, dst[at - 1]) <=
			       undo_journal_order(j, i); at--)
			dst[at] = dst[at - 1];
		dst[at] = i;
	}
}

static void resolve_journal(struct undo_journal *j, bool only_list,
			    struct fault_recovered *ret)
{
	const struct undo_record *v;
	size_t order[UNDO_RECORDS];
	size_t n = undo_journal_records(j, &v);
	bool other_boot, all_gone = true;
	char boot_id[40] = "";

	other_boot = !proc_boot_id(boot_id) &&
		     strcmp(boot_id, undo_journal_header(j)->boot_id) != 0;
	order_of(j, n, order);
	for (size_t i = 0; i < n; i++)
		if (!resolve(j, &v[order[i]], only_list, other_boot, ret))
			all_gone = false;
	if (all_gone && !only_list) {
		fault_run_remove(undo_journal_header(j)->run);
		undo_journal_delete(j);
	} else {
		undo_journal_close(j);
	}
}

/* Begun and never finished: no fault had been injected. */
static void drop_unfinished(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		unlink(path);
}

static int recover_file(const char *path, bool only_list,
			struct fault_recovered *ret, struct err *err)
{
	struct undo_journal *j;
	int rc = undo_journal_open(path, &j, err);

	if (rc == -EBUSY) {
		ret->live++;
		return 0;
	}
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return rc;
	resolve_journal(j, only_list, ret);
	return 0;
}

int fault_recover(bool only_list, struct fault_recovered *ret, struct err *err)
{
	DIR *dir = opendir(undo_dir());
	char path[PATH_MAX];
	struct dirent *e;
	int rc, first = 0;

	*ret = (struct fault_recovered){ .list = json_array() };
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir) {
		rc = err_errno(err, "undo journals in '%s'", undo_dir());
		json_decref(ret->list);
		return rc;
	}
	while ((e = readdir(dir))) {
		struct err one = { 0 };

		snprintf(path, sizeof(path), "%s/%s", undo_dir(), e->d_name);
		if (ends_with(e->d_name, ".undo.tmp") && !only_list)
			drop_unfinished(path);
		if (!ends_with(e->d_name, ".undo"))
			continue;
		/* A broken one must not keep the others from being undone. */
		rc = recover_file(path, only_list, ret, &one);
		if (rc && !first) {
			first = rc;
			*err = one;
		}
	}
	closedir(dir);
	if (first)
		json_decref(ret->list);
	return first;
}
