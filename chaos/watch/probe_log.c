/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows a log from its end on, through rotation (another file of that name)
 * and truncation, and counts its lines and those that match.  A bounded part is
 * read at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

enum {
	LOG_LINE_MAX = 64 << 10,	/* what of a line is matched */
	LOG_READ_MAX = 4 << 20,		/* bytes a sample */
};

struct log_opts {
	char *file, *pattern;
};

struct log_state {
	int fd;			/* -1: none; valid when started */
	bool started;
	regex_t regex;
	off_t at;		/* read up to */
	struct buf line;	/* the last one, not ended yet */
	double lines, matches;
};

static const struct opt log_opts[] = {
	{ .name = "file", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct log_opts, file), .help = "the log",
	  .example = "/var/log/shop/error.log" },
	{ .name = "pattern", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct log_opts, pattern),
	  .help = "a POSIX extended regular expression; lines that match count",
	  .example = "ERROR|Exception" },
	OPT_END
};

static int compile(const char *pattern, regex_t *ret, struct err *err)
{
	char why[200];
	int rc = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);

	if (!rc)
		return 0;
	regerror(rc, ret, why, sizeof(why));
	return err_set(err, -EINVAL, "pattern '%s': %s", pattern, why);
}

static int log_check(const struct probe_conf *conf, struct err *err)
{
	const struct log_opts *opts = conf->opts;
	regex_t regex;
	int rc = compile(opts->pattern, &regex, err);

	if (!rc)
		regfree(&regex);
	return rc;
}

static int open_log(const struct log_opts *opts)
{
	return open(opts->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int log_start(struct probe *p, struct err *err)
{
	const struct log_opts *opts = probe_opts(p);
	struct log_state *st = probe_state(p);
	int rc = compile(opts->pattern, &st->regex, err);

	if (rc)
		return rc;
	st->started = true;
	buf_init(&st->line, LOG_LINE_MAX);
	st->fd = open_log(opts);
	if (st->fd >= 0)	/* what was there before is not of the drill */
		st->at = lseek(st->fd, 0, SEEK_END);
	return 0;
}

static void end_line(struct log_state *st)
{
	st->lines++;
	if (!regexec(&st->regex, st->line.data ? st->line.data : "", 0, NULL,
		     0))
		st->matches++;
	buf_done(&st->line);
	buf_init(&st->line, LOG_LINE_MAX);
}

/* The part of a line that does not fit is passed over. */
static void add_part(struct log_state *st, const char *s, size_t len)
{
	size_t room = LOG_LINE_MAX - 1 - st->line.len;

	buf_add(&st->line, s, len < room ? len : room);
}

static void take_bytes(struct log_state *st, const char *s, size_t len)
{
	const char *end;

	while (len && (end = memchr(s, '\n', len))) {
		add_part(st, s, (size_t)(end - s));
		end_line(st);
		len -= (size_t)(end - s) + 1;
		s = end + 1;
	}
	add_part(st, s, len);
}

/* True: it has come to the end. */
static bool read_on(struct log_state *st)
{
	static char chunk[64 << 10];	/* one loop, one thread */
	ssize_t n = 0;

	for (size_t got = 0; got < LOG_READ_MAX; got += (size_t)n) {
		n = pread(st->fd, chunk, sizeof(chunk), st->at);
		if (n <= 0)
			return true;
		st->at += n;
		take_bytes(st, chunk, (size_t)n);
	}
	return false;
}

/* Another file of that name, or the same one cut short. */
static bool is_other(const struct stat *now, int fd)
{
	struct stat open_one;

	return fstat(fd, &open_one) || now->st_ino != open_one.st_ino ||
	       now->st_dev != open_one.st_dev;
}

static void from_start(struct log_state *st)
{
	if (st->line.len)	/* what was read ended without a newline */
		end_line(st);
	st->at = 0;
}

static void next_file(struct log_state *st, const struct log_opts *opts)
{
	if (st->fd >= 0)
		close(st->fd);
	from_start(st);
	st->fd = open_log(opts);
}

static void log_sample(struct probe *p)
{
	const struct log_opts *opts = probe_opts(p);
	struct log_state *st = probe_state(p);
	struct stat now;
	bool there = !stat(opts->file, &now), at_end = true;

	if (st->fd >= 0)
		at_end = read_on(st);
	/* Between two files of a rotation the old one may still be written. */
	if (!there && st->fd < 0) {
		probe_failed(p, "'%s': %s", opts->file, strerror(errno));
		return;
	}
	if (there && at_end && (st->fd < 0 || is_other(&now, st->fd)))
		next_file(st, opts);
	else if (there && at_end && now.st_size < st->at)
		from_start(st);
	if (st->fd < 0) {
		probe_failed(p, "'%s': %s", opts->file, strerror(errno));
		return;
	}
	if (at_end)
		read_on(st);
	probe_ok(p);
	probe_set(p, "lines", st->lines);
	probe_set(p, "matches", st->matches);
}

static void log_stop(struct probe *p)
{
	struct log_state *st = probe_state(p);

	if (!st->started)
		return;
	if (st->fd >= 0)
		close(st->fd);
	regfree(&st->regex);
	buf_done(&st->line);
}

static int log_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
		      void *arg)
{
	static const char *const what[] = { "lines", "matches", NULL };

	return probe_own_gauges(conf, what, fn, arg);
}

const struct probe_ops probe_log = {
	.name = "log",
	.summary = "a log's lines and those that match: probe.NAME.lines, "
		   ".matches (rate() is their rate) and .ok",
	.example = "[probe errors]\nkind = log\n"
		   "file = /var/log/shop/error.log\n"
		   "pattern = ERROR|Exception\n",
	.every = "1s",
	.opts = log_opts,
	.opts_size = sizeof(struct log_opts),
	.state_size = sizeof(struct log_state),
	.check = log_check,
	.gauges = log_gauges,
	.start = log_start,
	.sample = log_sample,
	.stop = log_stop,
};
