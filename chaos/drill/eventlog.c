/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the run directory; decides nothing. */
#include "chaos/drill/eventlog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/report/events.h"

static int dir_is_empty(const char *dir, struct err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return err_errno(err, "cannot read run directory '%s'", dir);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = err_set(err, -ENOTEMPTY,
				     "run directory '%s' is not empty; name "
				     "another with --out",
				     dir);
	closedir(d);
	return rc;
}

static int open_file(const char *dir, const char *name, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	return fd < 0 ? err_errno(err, "cannot write '%s'", path) : fd;
}

static int open_hlog(struct eventlog *log, const char *dir, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, HLOG_FILE);

	log->hlog = fopen(path, "we");
	if (!log->hlog)
		return err_errno(err, "cannot write '%s'", path);
	setvbuf(log->hlog, NULL, _IOLBF, 1 << 16);
	hist_log_header(log->hlog, 0);
	return 0;
}

/* A full disk shows before anything is injected: allocate, then give back. */
static int check_room(int fd, const char *dir, struct err *err)
{
	int rc = posix_fallocate(fd, 0, 32 << 20);

	if (rc == 0 && ftruncate(fd, 0) < 0)
		rc = errno;
	if (rc != 0 && rc != EOPNOTSUPP && rc != EINVAL) {
		errno = rc;
		return err_errno(err,
				 "no room for a run (32 MiB) in '%s'; free "
				 "some or name another place with --out",
				 dir);
	}
	return 0;
}

int eventlog_open(struct eventlog *log, const char *dir, struct loop *loop,
		  const char *host, struct err *err)
{
	int rc;

	*log = (struct eventlog){
		.events_fd = -1, .series_fd = -1, .loop = loop, .host = host
	};
	buf_init(&log->line, 1 << 20);
	rc = proc_mkdirs(dir, 0755, err);
	if (rc == 0)
		rc = dir_is_empty(dir, err);
	if (rc == 0)
		rc = log->events_fd = open_file(dir, EVENTS_FILE, err);
	if (rc >= 0)
		rc = check_room(log->events_fd, dir, err);
	if (rc == 0)
		rc = log->series_fd = open_file(dir, SERIES_FILE, err);
	if (rc >= 0)
		rc = open_hlog(log, dir, err);
	if (rc < 0)
		eventlog_close(log);
	return rc;
}

void eventlog_close(struct eventlog *log)
{
	mem_close_fd(&log->events_fd);
	mem_close_fd(&log->series_fd);
	if (log->hlog && fclose(log->hlog) != 0 && log->error == 0)
		log->error = errno;
	log->hlog = NULL;
	buf_done(&log->line);
}

static struct buf *line_begin(struct eventlog *log)
{
	buf_reset(&log->line);
	json_line_begin(&log->line);
	return &log->line;
}

static void line_stamp(struct eventlog *log)
{
	json_line_str(&log->line, "host", log->host);
	json_line_int(&log->line, "seq", (int64_t)log->seq++);
}

struct buf *eventlog_event(struct eventlog *log, const char *ev)
{
	struct buf *b = line_begin(log);

	json_line_time(b, "t", loop_now(log->loop));
	line_stamp(log);
	json_line_str(b, "ev", ev);
	return b;
}

struct buf *eventlog_point(struct eventlog *log, const char *kind,
			   int64_t second)
{
	struct buf *b = line_begin(log);

	json_line_str(b, "kind", kind);
	json_line_int(b, "t", second);
	line_stamp(log);
	return b;
}

void eventlog_end(struct eventlog *log)
{
	bool event = strncmp(log->line.data, "{\"kind\"", 7) != 0;
	int fd = event ? log->events_fd : log->series_fd;
	ssize_t n;

	json_line_end(&log->line);
	n = write(fd, log->line.data, log->line.len);
	if (n != (ssize_t)log->line.len && log->error == 0) {
		log->error = n < 0 ? errno : ENOSPC;
		log_error("cannot write the run directory: %s",
			  strerror(log->error));
	}
	if (log->fn)
		log->fn(log->arg, event ? EVENTS_FILE : SERIES_FILE,
			log->line.data);
}

void eventlog_hist(struct eventlog *log, const char *tag, int64_t second,
		   const struct hist *h)
{
	if (h && hist_count(h) > 0)
		hist_log_write(log->hlog, tag, (double)second, 1.0, h);
}

int eventlog_file(const char *dir, const char *name, const char *data,
		  size_t len, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				 0644);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		return err_errno(err, "cannot write '%s'", path);
	return 0;
}
