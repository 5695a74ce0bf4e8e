/* SPDX-License-Identifier: Apache-2.0 */
/* Between guardian.c (the controller's end) and guardian_child.c only. */
#ifndef GD_FAULT_GUARDIAN_IMPL_H
#define GD_FAULT_GUARDIAN_IMPL_H

#include <sys/un.h>

#include "chaos/fault/guardian.h"
#include "chaos/fault/rundir.h"

#define GUARDIAN_HEARTBEAT (10 * NSEC_SEC)
#define GUARDIAN_BEAT	   (2 * NSEC_SEC)
#define GUARDIAN_SOCKET	   "guardian"
#define GUARDIAN_COMM	   "gameday-guardia"	/* 15 bytes are kept */

enum guardian_kind {
	GUARDIAN_READY,		/* from the guardian */
	GUARDIAN_REVERTED,
	GUARDIAN_ALIVE,		/* from the controller */
	GUARDIAN_INJECTING,
	GUARDIAN_REVERT,
	GUARDIAN_RELEASE,
};

/* One SEQPACKET each. */
struct guardian_msg {
	uint32_t kind;			/* enum guardian_kind */
	uint32_t index;
	uint32_t state;			/* enum undo_state */
	nsec_t real;
	struct drill_clock clock;	/* GUARDIAN_ALIVE: for undo.jsonl */
	char why[160];
};

/* What the child is born with. Descriptors: -1 where there is none. */
struct guardian_ward {
	const struct undo_record *records;
	size_t n;
	struct undo_journal *journal;
	nsec_t heartbeat;
	int sock, controller_pidfd, lease_fd, listen_fd, log_fd;
	char run_dir[RUNDIR_PATH];	/* of the sockets */
	char host[64];
};

/* The child's life. Never returns. */
_Noreturn void guardian_child(const struct guardian_ward *ward);

#endif
