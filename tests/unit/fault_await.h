/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for what other processes do. After cmocka.h. */
#ifndef GD_TESTS_FAULT_AWAIT_H
#define GD_TESTS_FAULT_AWAIT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/clock.h"

#define AWAIT(cond, seconds)                                               \
	do {                                                               \
		nsec_t end_ = clock_mono() + (seconds) * NSEC_SEC;         \
		while (!(cond) && clock_mono() < end_)                     \
			nanosleep(&(struct timespec){ 0, 2000000 }, NULL); \
		assert_true(cond);                                         \
	} while (0)

static inline bool exists(const char *path)
{
	return !access(path, F_OK);
}

/* The state letter of proc(5); '-': there is no such process. */
static inline char state_of(int pid)
{
	char path[64], text[256] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return '-';
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	end = strrchr(text, ')');
	return end ? end[2] : '-';
}

#endif
