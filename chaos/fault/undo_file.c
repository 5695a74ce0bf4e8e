/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by a file: a value written back where it was (cgroups), or a file of
 * ours removed (a disk that was filled).  What has vanished needs neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

/* --- a value ----------------------------------------------------------- */

int undo_write_render(struct undo_record *r, const char *key,
		      const char *value, const char *want)
{
	size_t n = strlen(value), m = strlen(want);

	if (n > UNDO_BYTES || m > UNDO_BYTES ||
	    strlen(key) >= sizeof(r->instance))
		return -E2BIG;
	r->via = UNDO_WRITE;
	strcpy(r->instance, key);
	memcpy(r->bytes, value, n);
	memcpy(r->verify, want, m);
	r->len = (uint32_t)n;
	r->verify_len = (uint32_t)m;
	return 0;
}

/* A cgroup that is gone takes its limits with it. */
static bool is_gone(int rc)
{
	return rc == -ENOENT || rc == -ENODEV || rc == -ENOTDIR;
}

/* The line of a key without the key; the whole file for "". */
static const char *line_of(char *text, const char *key)
{
	size_t n = strlen(key);
	char *line, *rest = text;

	if (!n) {
		for (n = strlen(text); n && text[n - 1] == '\n'; n--)
			text[n - 1] = '\0';
		return text;
	}
	while ((line = strsep(&rest, "\n")))
		if (!strncmp(line, key, n) && line[n] == ' ')
			return line + n + 1;
	return "";
}

static int matches(const struct undo_record *r, bool *same)
{
	AUTO_CLOSE int fd = open(r->where, O_RDONLY | O_CLOEXEC);
	char text[UNDO_BYTES + 1];
	const char *got;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	got = line_of(text, r->instance);
	*same = strlen(got) == r->verify_len &&
		!memcmp(got, r->verify, r->verify_len);
	return 0;
}

static int write_revert(const struct undo_record *r, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	bool same = false;
	int rc = matches(r, &same);

	if (is_gone(rc) || (!rc && same))
		return 0;
	fd = open(r->where, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && is_gone(-errno))
		return 0;
	if (fd < 0 || write(fd, r->bytes, r->len) < 0)
		return is_gone(-errno) ? 0 : err_errno(err, "write '%s'",
						       r->where);
	return 0;
}

static enum undo_state write_verify(const struct undo_record *r,
				    struct err *err)
{
	bool same = false;
	int rc = matches(r, &same);

	if (is_gone(rc))
		return UNDO_GONE;
	if (rc) {
		err_set(err, rc, "read '%s': %s", r->where, strerror(-rc));
		return UNDO_CANNOT_TELL;
	}
	if (same)
		return UNDO_GONE;
	err_set(err, -EBUSY, "'%s' is not as it was", r->where);
	return UNDO_PRESENT;
}

const struct undo_medium undo_write = {
	.name = "write",
	.revert = write_revert,
	.verify = write_verify,
};

/* --- a file of ours ---------------------------------------------------- */

static int unlink_revert(const struct undo_record *r, struct err *err)
{
	if (!unlink(r->where) || is_gone(-errno))
		return 0;
	return err_errno(err, "remove '%s'", r->where);
}

static enum undo_state unlink_verify(const struct undo_record *r,
				     struct err *err)
{
	if (!access(r->where, F_OK))
		return UNDO_PRESENT;
	if (is_gone(-errno))
		return UNDO_GONE;
	err_errno(err, "look at '%s'", r->where);
	return UNDO_CANNOT_TELL;
}

const struct undo_medium undo_unlink = {
	.name = "unlink",
	.revert = unlink_revert,
	.verify = unlink_verify,
};
