/* SPDX-License-Identifier: Apache-2.0 */
/* What this host has left: memory, CPU time, space on a file system. */
#ifndef GD_FAULTS_HOST_ROOM_H
#define GD_FAULTS_HOST_ROOM_H

#include <stdint.h>

#include "chaos/base/err.h"

struct room {
	uint64_t available;	/* bytes of memory */
	double busy_s;		/* CPU seconds since boot, of all CPUs */
};
void room_look(struct room *ret);
/* Bytes that an ordinary user may still write in that directory. */
int room_on_disk(const char *dir, uint64_t *ret, struct err *err) MUST_CHECK;

#endif
