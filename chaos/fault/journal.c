/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo journal of one run: JSON lines, written whole and synced before a
 * fault may be injected.  The first line is the header, then a line a record
 * with its bytes in hex, then facts, which are only hints: a record without
 * any may have been injected all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/buf.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/fault/undo.h"

#define JOURNAL_FORMAT "gameday.undo/1"

struct undo_journal {
	int fd;
	char path[PATH_MAX];
	struct undo_header header;
	struct undo_record *v;
	size_t n;
	uint32_t order[UNDO_RECORDS];	/* of the last "injected"; 0: none */
};

/* One row per text field of a record; the numbers are written by hand. */
static const struct {
	const char *key;
	size_t off, size;
} texts[] = {
#define TEXT(f) { #f, offsetof(struct undo_record, f), \
		  sizeof(((struct undo_record *)0)->f) }
	TEXT(fault), TEXT(kind), TEXT(target), TEXT(owner), TEXT(command),
	TEXT(where), TEXT(netns), TEXT(instance),
#undef TEXT
};

enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

const char *undo_dir(void)
{
	static char dir[PATH_MAX];
	const char *env = getenv("GAMEDAY_UNDO_DIR");
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (env && *env)
		snprintf(dir, sizeof(dir), "%s", env);
	else if (geteuid() == 0)
		snprintf(dir, sizeof(dir), "/var/lib/gameday/undo");
	else if (state && *state)
		snprintf(dir, sizeof(dir), "%s/gameday/undo", state);
	else
		snprintf(dir, sizeof(dir), "%s/.local/state/gameday/undo",
			 home && *home ? home : "/tmp");
	return dir;
}

/* --- writing ----------------------------------------------------------- */

static void line_hex(struct buf *b, const char *key, const uint8_t *p,
		     uint32_t len)
{
	static const char digit[] = "0123456789abcdef";
	char hex[2 * UNDO_BYTES + 1];

	for (uint32_t i = 0; i < len; i++) {
		hex[2 * i] = digit[p[i] >> 4];
		hex[2 * i + 1] = digit[p[i] & 15];
	}
	hex[2 * len] = '\0';
	json_line_str(b, key, hex);
}

static void line_proc(struct buf *b, const char *key, const struct proc_id *id)
{
	json_line_open(b, key);
	json_line_int(b, "pid", id->pid);
	json_line_int(b, "start", (int64_t)id->start);
	json_line_close(b);
}

static void header_line(struct buf *b, const struct undo_header *h)
{
	json_line_begin(b);
	json_line_str(b, "journal", JOURNAL_FORMAT);
	json_line_str(b, "run", h->run);
	json_line_str(b, "boot_id", h->boot_id);
	json_line_str(b, "host", h->host);
	json_line_str(b, "run_dir", h->run_dir);
	json_line_int(b, "uid", h->uid);
	line_proc(b, "controller", &h->controller);
	json_line_end(b);
}

static void record_line(struct buf *b, const struct undo_record *r)
{
	json_line_begin(b);
	json_line_int(b, "record", r->index);
	json_line_int(b, "via", r->via);
	for (size_t i = 0; i < N_TEXTS; i++)
		json_line_str(b, texts[i].key,
			      (const char *)r + texts[i].off);
	line_proc(b, "proc", &r->proc);
	json_line_int(b, "signal", r->signal);
	line_hex(b, "bytes", r->bytes, r->len);
	line_hex(b, "verify", r->verify, r->verify_len);
	json_line_end(b);
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int sync_dir(const char *path)
{
	char dir[PATH_MAX];
	AUTO_CLOSE int fd = -1;

	snprintf(dir, sizeof(dir), "%s", path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return -errno;
	return 0;
}

/* Written beside and renamed, so that a journal is whole or not there. */
static int write_synced(struct undo_journal *j, const struct buf *b,
			struct err *err)
{
	char temp[PATH_MAX + 8];
	int rc;

	snprintf(temp, sizeof(temp), "%s.tmp", j->path);
	j->fd = open(temp, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC,
		     0600);
	if (j->fd < 0)
		return err_errno(err, "create the undo journal '%s'", temp);
	rc = flock(j->fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	if (!rc)
		rc = write_all(j->fd, b->data, b->len);
	if (!rc && fsync(j->fd))
		rc = -errno;
	if (!rc && rename(temp, j->path))
		rc = -errno;
	if (rc) {
		unlink(temp);
		return err_set(err, rc, "write the undo journal '%s': %s",
			       temp, strerror(-rc));
	}
	rc = sync_dir(j->path);
	if (rc) {
		unlink(j->path);
		return err_set(err, rc, "sync the directory of '%s': %s",
			       j->path, strerror(-rc));
	}
	return 0;
}

static struct undo_journal *journal_new(void)
{
	struct undo_journal *j = mem_zalloc(sizeof(*j));

	j->fd = -1;
	return j;
}

int undo_journal_create(const struct undo_header *header,
			const struct undo_record *v, size_t n,
			struct undo_journal **ret, struct err *err)
{
	struct undo_journal *j;
	struct buf b;
	int rc;

	if (n > UNDO_RECORDS)
		return err_set(err, -E2BIG, "%zu faults, at most %d", n,
			       UNDO_RECORDS);
	rc = proc_mkdirs(undo_dir(), 0700, err);
	if (rc)
		return rc;
	j = journal_new();
	j->header = *header;
	snprintf(j->path, sizeof(j->path), "%s/%s.undo", undo_dir(),
		 header->run);
	if (!access(j->path, F_OK)) {
		undo_journal_close(j);
		return err_set(err, -EEXIST,
			       "run '%s' has an undo journal already: "
			       "gameday recover", header->run);
	}
	j->v = mem_calloc(n ? n : 1, sizeof(*v));
	if (n)
		memcpy(j->v, v, n * sizeof(*v));
	j->n = n;
	buf_init(&b, 0);
	header_line(&b, header);
	for (size_t i = 0; i < n; i++)
		record_line(&b, &v[i]);
	rc = write_synced(j, &b, err);
	buf_done(&b);
	if (rc) {
		undo_journal_close(j);
		return rc;
	}
	*ret = j;
	return 0;
}

int undo_journal_note(struct undo_journal *j, uint32_t index, const char *what)
{
	char line[128];
	int n = snprintf(line, sizeof(line),
			 "{\"fact\":\"%s\",\"of\":%u,\"mono_ns\":%lld}\n",
			 what, index, (long long)clock_mono());

	return write_all(j->fd, line, (size_t)n);
}

int undo_journal_note_guardian(struct undo_journal *j,
			       const struct proc_id *guardian)
{
	char line[128];
	int n = snprintf(line, sizeof(line),
			 "{\"fact\":\"guardian\",\"pid\":%d,\"start\":%llu}\n",
			 (int)guardian->pid,
			 (unsigned long long)guardian->start);

	j->header.guardian = *guardian;
	return write_all(j->fd, line, (size_t)n);
}

/* --- reading ----------------------------------------------------------- */

static void copy_text(const json_t *o, const char *key, char *dst, size_t size)
{
	snprintf(dst, size, "%s", json_str(o, key, ""));
}

static void read_proc(const json_t *o, struct proc_id *ret)
{
	ret->pid = (pid_t)json_int64(o, "pid", 0);
	ret->start = (uint64_t)json_int64(o, "start", 0);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hex(const char *hex, uint8_t dst[UNDO_BYTES], uint32_t *ret_len)
{
	size_t len = strlen(hex);

	if (len % 2 || len > 2 * UNDO_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < len / 2; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		dst[i] = (uint8_t)(high << 4 | low);
	}
	*ret_len = (uint32_t)(len / 2);
	return 0;
}

static int read_header(struct undo_journal *j, const json_t *o)
{
	struct undo_header *h = &j->header;

	if (strcmp(json_str(o, "journal", ""), JOURNAL_FORMAT) != 0)
		return -EPROTO;
	copy_text(o, "run", h->run, sizeof(h->run));
	copy_text(o, "boot_id", h->boot_id, sizeof(h->boot_id));
	copy_text(o, "host", h->host, sizeof(h->host));
	copy_text(o, "run_dir", h->run_dir, sizeof(h->run_dir));
	h->uid = (uint32_t)json_int64(o, "uid", 0);
	read_proc(json_object_get(o, "controller"), &h->controller);
	return 0;
}

static int read_record(struct undo_journal *j, const json_t *o)
{
	struct undo_record *r;

	if (j->n == UNDO_RECORDS)
		return -E2BIG;
	r = &j->v[j->n];
	r->index = (uint32_t)json_int64(o, "record", 0);
	r->via = (uint32_t)json_int64(o, "via", UNDO_VIAS);
	for (size_t i = 0; i < N_TEXTS; i++)
		copy_text(o, texts[i].key, (char *)r + texts[i].off,
			  texts[i].size);
	read_proc(json_object_get(o, "proc"), &r->proc);
	r->signal = (int32_t)json_int64(o, "signal", 0);
	if (r->via >= UNDO_VIAS ||
	    read_hex(json_str(o, "bytes", "x"), r->bytes, &r->len) ||
	    read_hex(json_str(o, "verify", "x"), r->verify, &r->verify_len))
		return -EPROTO;
	j->n++;
	return 0;
}

static void read_fact(struct undo_journal *j, const json_t *o, uint32_t *order)
{
	const char *what = json_str(o, "fact", "");
	int64_t of = json_int64(o, "of", -1);

	if (!strcmp(what, "guardian")) {
		read_proc(o, &j->header.guardian);
		return;
	}
	if (strcmp(what, "injected") != 0)
		return;
	for (size_t i = 0; i < j->n; i++)
		if (j->v[i].index == of)
			j->order[i] = ++*order;
}

/* A fact may be cut by a full disk; header and records may not. */
static int read_lines(struct undo_journal *j, struct buf *b)
{
	char *line, *rest = b->data;
	uint32_t order = 0;
	int rc, n = 0;

	while ((line = strsep(&rest, "\n"))) {
		json_t *o = *line ? json_loads(line, 0, NULL) : NULL;

		if (!o && (!*line || n > 0))
			continue;
		if (n++ == 0)
			rc = read_header(j, o);
		else if (json_object_get(o, "record"))
			rc = read_record(j, o);
		else
			rc = 0, read_fact(j, o, &order);
		json_decref(o);
		if (rc)
			return rc;
	}
	return n > 0 ? 0 : -EPROTO;
}

static int journal_lock(struct undo_journal *j, struct err *err)
{
	struct stat st;

	j->fd = open(j->path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (j->fd < 0)
		return err_errno(err, "undo journal '%s'", j->path);
	if (flock(j->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ?
			err_set(err, -EBUSY, "undo journal '%s' is live",
				j->path) :
			err_errno(err, "lock '%s'", j->path);
	/* Its guardian may have deleted it between open and lock. */
	if (fstat(j->fd, &st) || st.st_nlink == 0)
		return err_set(err, -ENOENT, "undo journal '%s' is gone",
			       j->path);
	/* Whoever wrote it says what is sent and signalled in our name. */
	if (st.st_uid != geteuid())
		return err_set(err, -EPERM, "undo journal '%s' is of user %u, "
			       "not ours", j->path, (unsigned)st.st_uid);
	return 0;
}

int undo_journal_open(const char *path, struct undo_journal **ret,
		      struct err *err)
{
	struct undo_journal *j = journal_new();
	struct buf b;
	int rc;

	snprintf(j->path, sizeof(j->path), "%s", path);
	buf_init(&b, 0);
	rc = journal_lock(j, err);
	if (!rc)
		rc = buf_read_file(&b, path, err);
	if (!rc) {
		j->v = mem_calloc(UNDO_RECORDS, sizeof(*j->v));
		rc = b.len ? read_lines(j, &b) : -EPROTO;
		if (rc)
			err_set(err, rc, "undo journal '%s' is broken", path);
	}
	buf_done(&b);
	if (rc) {
		undo_journal_close(j);
		return rc;
	}
	*ret = j;
	return 0;
}

/* --- the rest ---------------------------------------------------------- */

const struct undo_header *undo_journal_header(const struct undo_journal *j)
{
	return &j->header;
}

int undo_journal_fd(const struct undo_journal *j)
{
	return j->fd;
}

const char *undo_journal_path(const struct undo_journal *j)
{
	return j->path;
}

size_t undo_journal_records(const struct undo_journal *j,
			    const struct undo_record **ret)
{
	*ret = j->v;
	return j->n;
}

uint32_t undo_journal_order(const struct undo_journal *j, size_t i)
{
	return i < j->n ? j->order[i] : 0;
}

void undo_journal_unlink(const struct undo_journal *j)
{
	unlink(j->path);
	sync_dir(j->path);
}

void undo_journal_delete(struct undo_journal *j)
{
	if (!j)
		return;
	undo_journal_unlink(j);
	undo_journal_close(j);
}

void undo_journal_close(struct undo_journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	mem_free(j->v);
	mem_free(j);
}
