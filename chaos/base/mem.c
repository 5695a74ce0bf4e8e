/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is there, or the program's handler ends the process. */
#include "chaos/base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*oom_handler)(size_t size);
static atomic_long fail_in;	/* tests: allocations until one fails; 0: off */

static _Noreturn void oom(size_t size)
{
	static const char text[] = "out of memory\n";

	if (oom_handler)
		oom_handler(size);
	/* Nothing else may allocate now, stdio included. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

static int fails_now(void)
{
	if (atomic_load_explicit(&fail_in, memory_order_relaxed) <= 0)
		return 0;
	return atomic_fetch_sub(&fail_in, 1) == 1;
}

static void *there(void *p, size_t size)
{
	if (!p)
		oom(size);
	return p;
}

void *mem_alloc(size_t size)
{
	return mem_realloc(NULL, size);
}

void *mem_zalloc(size_t size)
{
	return mem_calloc(1, size);
}

void *mem_calloc(size_t n, size_t size)
{
	size_t all;

	if (fails_now() || __builtin_mul_overflow(n, size, &all))
		oom(size);
	/* 0 bytes may give NULL, which is no error */
	return there(calloc(1, all ? all : 1), all);
}

void *mem_realloc(void *p, size_t size)
{
	if (fails_now())
		oom(size);
	return there(realloc(p, size ? size : 1), size);
}

char *mem_strdup(const char *s)
{
	return s ? mem_strndup(s, SIZE_MAX) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
	size_t len = n == SIZE_MAX ? strlen(s) : strnlen(s, n);
	char *copy = mem_alloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		len = 0;
	text = mem_zalloc((size_t)len + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}

void mem_free(void *p)
{
	free(p);
}

void mem_set_oom(void (*handler)(size_t size))
{
	oom_handler = handler;
}

void mem_fail_at(long n)
{
	atomic_store(&fail_in, n);
}

void mem_free_ptr(void *p)
{
	void *what;

	memcpy(&what, p, sizeof(what));
	free(what);
}

void mem_close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}
