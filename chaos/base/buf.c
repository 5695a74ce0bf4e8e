/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer with a maximum. */
#include "chaos/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"

enum { BUF_DEFAULT_MAX = 64 << 20, BUF_MIN_CAP = 256 };

static size_t buf_max(const struct buf *b)
{
	return b->max ? b->max : BUF_DEFAULT_MAX;
}

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
	mem_free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t max = buf_max(b), cap;

	if (b->len > max || n > max - b->len) {
		b->overflow = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		cap = b->cap ? b->cap * 2 : BUF_MIN_CAP;
		if (cap > max + 1)
			cap = max + 1;
		if (cap < b->len + n + 1)
			cap = b->len + n + 1;
		b->data = mem_realloc(b->data, cap);
		b->cap = cap;
	}
	b->data[b->len] = '\0';
	b->data[b->len + n] = '\0';
	return b->data + b->len;
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, len);

	if (!to)
		return false;
	if (len)
		memcpy(to, data, len);
	b->len += len;
	return true;
}

bool buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return ok;
}

bool buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->cap > b->len ? b->cap - b->len : 0;
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(b->data ? b->data + b->len : NULL, room, fmt, ap);
	if (len >= 0 && (size_t)len < room) {
		va_end(again);
		b->len += (size_t)len;
		return true;
	}
	/* It was cut: put the end back, make room, print it whole. */
	if (b->data)
		b->data[b->len] = '\0';
	if (len < 0 || !buf_reserve(b, (size_t)len)) {
		va_end(again);
		b->overflow = true;
		return false;
	}
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
	va_end(again);
	b->len += (size_t)len;
	return true;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
	b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
	char *data = b->data ? b->data : mem_strdup("");

	buf_init(b, b->max);
	return data;
}

/* Reads to the end: /proc says size 0 of files that have content. */
static int read_all(struct buf *b, int fd, const char *path, struct err *err)
{
	char chunk[8192];
	ssize_t n;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "cannot read '%s'", path);
		if (!buf_add(b, chunk, (size_t)n))
			return err_set(err, -EFBIG,
				       "cannot read '%s': over %zu bytes",
				       path, buf_max(b));
	}
	buf_reserve(b, 0);	/* an empty file is "" */
	return 0;
}

int buf_read_file(struct buf *b, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "cannot open '%s'", path);
	return read_all(b, fd, path, err);
}
