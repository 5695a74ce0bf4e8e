/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run directory as it is written: a line an event, a line a series point,
 * a histogram an interval.  Each line is one write(2), so that what happened
 * before a kill is there after it.
 */
#ifndef GD_DRILL_EVENTLOG_H
#define GD_DRILL_EVENTLOG_H

#include <stdio.h>

#include "chaos/base/buf.h"
#include "chaos/base/hist.h"
#include "chaos/base/loop.h"

typedef void eventlog_line_fn(void *arg, const char *file, const char *line);

struct eventlog {
	int events_fd, series_fd;
	FILE *hlog;
	struct loop *loop;
	const char *host;
	uint64_t seq;
	struct buf line;
	int error;		/* first errno of a write; 0: none */
	eventlog_line_fn *fn;
	void *arg;
};

/* Makes dir (absent or empty; else -ENOTEMPTY) and its files. */
int eventlog_open(struct eventlog *log, const char *dir, struct loop *loop,
		  const char *host, struct err *err) MUST_CHECK;
void eventlog_close(struct eventlog *log);

/* begin, members with json_line_*, end. Not nested. */
struct buf *eventlog_event(struct eventlog *log, const char *ev);
struct buf *eventlog_point(struct eventlog *log, const char *kind,
			   int64_t second);
void eventlog_end(struct eventlog *log);

void eventlog_hist(struct eventlog *log, const char *tag, int64_t second,
		   const struct hist *h);
/* A whole file of the run directory. */
int eventlog_file(const char *dir, const char *name, const char *data,
		  size_t len, struct err *err) MUST_CHECK;

#endif
