/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is there or the process ends: an allocation that fails runs the
 * handler that the program set (default: a line to stderr, abort).  The undo
 * path allocates nothing and lives in another process, so a drill that ends
 * here is reverted by its guardian; that is why no caller checks for NULL.
 */
#ifndef GD_BASE_MEM_H
#define GD_BASE_MEM_H

#include <stddef.h>

#include "chaos/base/err.h"

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_calloc(size_t n, size_t size);	/* zeroed, overflow checked */
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);		/* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) PRINTF(1, 2);
void mem_free(void *p);				/* NULL is fine */
void mem_set_oom(void (*handler)(size_t size));	/* must not return */
/* Tests only: the n-th allocation from now fails; 0 switches it off. */
void mem_fail_at(long n);

/* Room for one more in the array v of n elements, doubling. */
#define mem_grow(v, n, cap)                                               \
	((n) < (cap) ? (v)                                                \
		     : ((cap) = (cap) ? (cap) * 2 : 8,                    \
			(v) = mem_realloc((v), (cap) * sizeof(*(v)))))

void mem_free_ptr(void *p);	/* frees *(void **)p */
void mem_close_fd(int *fd);	/* closes *fd if >= 0 */
#define AUTO_FREE __attribute__((cleanup(mem_free_ptr)))
#define AUTO_CLOSE __attribute__((cleanup(mem_close_fd)))

#endif
